"""What an analysis hands back: frozen, readable, ready for JSON and pandas, and loaded only when it is asked for."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import neurodash.evidence as evidence
from neurodash.evidence import (
    Effects,
    bias,
    cumulative,
    effect_sizes,
    egger,
    heterogeneity_interval,
    influence,
    leave_one_out,
    mantel_haenszel,
    multilevel,
    permutation_test,
    pet_peese,
    peto,
    pool,
    pool_many,
    rank_test,
    regress,
    robust,
    subgroups,
    trim_fill,
)

Y, V = [0.1, 0.2, 0.5, -0.1, 0.8, 0.3], [0.04, 0.03, 0.1, 0.05, 0.2, 0.01]
BY = list("aabbcc")
TABLE = {"events1": [3, 4], "n1": [20, 30], "events2": [6, 9], "n2": [22, 28]}

# an analysis of each kind, the rows of its frame, what its print must show
KINDS: dict[str, tuple[Callable[[], Any], int | None, tuple[str, ...]]] = {
    "effect_sizes": (lambda: effect_sizes("OR", **TABLE), 2, ("log odds ratio", "k = 2", "yi", "vi")),
    "pool": (
        lambda: pool(Y, V),
        1,
        ("random effects", "REML", "Knapp–Hartung", "k = 6", "95 % interval", "prediction", "tau²", "t(5)"),
    ),
    "pool one": (lambda: pool([0.3], [0.1]), 1, ("k = 1", "0.3000", "z = ", "One trial")),
    "pool_many": (lambda: pool_many([Y, Y], [V, V]), 2, ("2 analyses", "REML")),
    "heterogeneity_interval": (lambda: heterogeneity_interval(Y, V), 1, ()),
    "mantel_haenszel": (lambda: mantel_haenszel("OR", **TABLE), 1, ("Mantel–Haenszel", "k = 2", "95 % interval")),
    "peto": (lambda: peto(**TABLE), 1, ("Peto", "95 % interval")),
    "regress": (
        lambda: regress(Y, V, {"dose": [1, 2, 3, 5, 8, 9]}),
        2,
        ("Meta-regression", "intercept", "dose", "R²", "QE"),
    ),
    "permutation_test": (
        lambda: permutation_test(regress(Y, V, {"dose": [1, 2, 3, 5, 8, 9]}), iterations=720, seed=1),
        2,
        ("all 720 orders", "dose"),
    ),
    "subgroups": (lambda: subgroups(Y, V, BY), 3, ("a", "b", "c", "test between groups", "2 df")),
    "multilevel": (lambda: multilevel(Y, V, BY), 1, ("6 effects in 3 clusters", "between clusters", "within clusters")),
    "robust": (lambda: robust(pool(Y, V), BY), 1, ("CR2", "3 clusters", "Fewer than 4 degrees of freedom")),
    "egger": (lambda: egger(Y, V), 1, ("Egger", "slope", "t(4)", "limit")),
    "rank_test": (lambda: rank_test(Y, V), 1, ("Kendall's tau", "exact")),
    "trim_fill": (lambda: trim_fill(Y, V), 1, ("Trim and fill (L0)", "missing on the")),
    "pet_peese": (lambda: pet_peese(Y, V), 1, ("PET-PEESE", "PET intercept p")),
    "bias": (lambda: bias(Y, V), 4, ("Egger", "Kendall", "Trim and fill", "PET-PEESE", "below 10")),
    "leave_one_out": (lambda: leave_one_out(Y, V, labels=list("ABCDEF")), 6, ("without", "F", "tau²")),
    "cumulative": (lambda: cumulative(Y, V, [6, 5, 4, 3, 2, 1]), 6, ("added", "tau²")),
    "influence": (lambda: influence(Y, V), 6, ("rstudent", "dfbetas", "beyond the usual limits")),
}
kinds = pytest.mark.parametrize("kind", KINDS)


@kinds
def test_a_result_cannot_be_changed(kind: str) -> None:
    found = KINDS[kind][0]()
    name = dataclasses.fields(found)[-1].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(found, name, 1)


@kinds
def test_a_result_is_ready_for_json(kind: str) -> None:
    found = KINDS[kind][0]()
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert set(told) == {field.name for field in dataclasses.fields(found)}
    assert told["notes"] == [{"code": note.code, "text": note.text} for note in found.notes]


@kinds
def test_a_result_makes_a_frame_with_its_rows(kind: str) -> None:
    make, rows, _ = KINDS[kind]
    frame = make().to_frame()
    assert len(frame) == rows
    assert "call" not in frame.columns
    assert "notes" not in frame.columns
    assert frame.shape[1] >= 2


def test_the_frame_of_all_tests_for_small_study_effects_has_a_row_a_test() -> None:
    assert len(bias(Y, V).to_frame()) == 4


def test_an_interval_of_the_heterogeneity_prints_as_a_sentence() -> None:
    assert "HeterogeneityInterval(" not in str(heterogeneity_interval(Y, V))


@kinds
def test_a_result_says_how_it_was_made(kind: str) -> None:
    call = KINDS[kind][0]().call
    assert call.startswith(kind.split()[0] + "(")
    assert call.count("(") == call.count(")")


@kinds
def test_a_printed_result_shows_the_essential_figures(kind: str) -> None:
    make, _, words = KINDS[kind]
    found = make()
    printed = str(found)
    for word in words:
        assert word in printed, f"“{word}” is not in:\n{printed}"
    assert "nan" not in printed
    assert "-" not in [cell[0] for cell in printed.split() if cell[1:2].isdigit()]  # a minus is a minus sign


def test_every_public_analysis_is_among_those_tried() -> None:
    numeric = {name for name in evidence.__all__ if name in evidence._NUMERIC} - {"Effects", "Pooled"}
    assert numeric == {kind.split()[0] for kind in KINDS}


def test_the_printed_figures_of_a_known_example() -> None:
    """Two trials by hand: weights 1/0.04 and 1/0.01, mean (0.1 x 25 + 0.3 x 100) / 125 = 0.26, error 1/sqrt(125) = 0.0894."""
    printed = str(pool([0.1, 0.3], [0.04, 0.01], method="CE", test="z"))
    assert "0.2600  (SE 0.0894)" in printed
    assert "0.0847 to 0.4353" in printed  # 0.26 -+ 1.96 x 0.0894
    assert "common effect" in printed
    assert "prediction" not in printed


def test_a_ratio_is_printed_as_a_ratio_too() -> None:
    made = effect_sizes("RR", events1=[10, 12], n1=[40, 50], events2=[5, 6], n2=[40, 50])
    printed = str(pool(made, method="CE", test="z"))
    assert "on the usual scale" in printed
    assert "2.0000" in printed  # both trials double the risk


def test_a_number_that_does_not_exist_is_none_in_json_and_said_in_print() -> None:
    alone = pool([0.3], [0.1])
    assert alone.to_dict()["pi_low"] is None
    assert alone.to_dict()["df"] is None
    assert "not known" in str(rank_test([1, 1, 1], [0.1, 0.2, 0.3]))


def test_a_frame_of_effects_has_a_row_a_trial() -> None:
    frame = effect_sizes("OR", labels=["Ali", "Bea"], **TABLE).to_frame()
    assert frame.columns.tolist() == ["label", "yi", "vi"]
    assert frame["label"].tolist() == ["Ali", "Bea"]


def test_names_travel_from_effects_to_results() -> None:
    made = effect_sizes("OR", labels=["Ali", "Bea"], **TABLE)
    assert pool(made).labels == ("Ali", "Bea")
    assert leave_one_out(made).to_frame()["without"].tolist() == ["Ali", "Bea"]
    assert "added" not in {note.code for note in pool(made).notes}
    zero = effect_sizes("OR", labels=["Ali", "Bea"], **{**TABLE, "events1": [0, 4]})
    assert "Ali" in str(zero.notes[0])
    assert zero.notes[0] in pool(zero).notes


def test_effects_go_in_wherever_yi_and_vi_do() -> None:
    made = effect_sizes("GEN", yi=Y, vi=V)
    assert isinstance(made, Effects)
    for analyse in (
        pool,
        regress,
        leave_one_out,
        influence,
        bias,
        cumulative,
        heterogeneity_interval,
        egger,
        trim_fill,
    ):
        with_effects, with_columns = analyse(made).to_dict(), analyse(Y, V).to_dict()
        for told in (with_effects, with_columns):
            drop_calls(told)
        assert with_effects == with_columns, analyse.__name__


def drop_calls(told: Any) -> None:
    if isinstance(told, dict):
        told.pop("call", None)
        for value in told.values():
            drop_calls(value)


# What a reader must know


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: pool([0.3], [0.1]), "one_trial"),
        (lambda: pool([0.3, 0.4], [0.1, 0.2]), "two_trials"),
        (lambda: pool([0.3, 0.4, 0.9], [0.1, 0.2, 1e-6], method="CE", test="z"), "one_trial_dominates"),
        (lambda: pool([0.3, 0.3, 0.3], [0.1, 0.2, 0.3]), "no_spread"),
        (lambda: pool(Y, V, method="CE"), "knha_with_common_effect"),
        (lambda: pool([-0.627, -0.675, 1.51], [0.000349, 0.000224, 0.709]), "several_maxima"),
        (lambda: regress(Y, V, {"dose": [1, 2, 3, 5, 8, None]}), "left_out"),
        (lambda: regress(Y, V, {"dose": [1, 2, 3, 5, 8, 9]}), "few_trials"),
        (lambda: subgroups(Y, V, BY), "small_groups"),
        (lambda: multilevel(Y, V, list("abcdef")), "one_effect_a_cluster"),
        (lambda: robust(pool(Y, V), BY), "few_clusters"),
        (lambda: bias(Y, V), "few_trials"),
        (lambda: heterogeneity_interval([0.3] * 4, [0.1] * 4), "empty_interval"),
        (lambda: effect_sizes("OR", **{**TABLE, "events1": [0, 4]}), "added_to_cells"),
    ],
)
def test_a_result_carries_the_note_that_belongs_to_it(make: Callable[[], Any], code: str) -> None:
    found = make()
    assert code in {note.code for note in found.notes}
    note = next(note for note in found.notes if note.code == code)
    assert str(note) == note.text
    assert note.text[0].isupper() or note.text[0].isdigit()
    assert note.text.endswith(".")


def test_an_undisturbed_result_carries_no_note() -> None:
    assert pool([0.1, 0.9, 0.4], [0.02, 0.03, 0.02]).notes == ()


def test_a_variance_of_0_between_trials_is_not_taken_for_agreement() -> None:
    assert "no_variance_found" in {note.code for note in pool(Y, V).notes}
    assert "no_variance_found" not in {note.code for note in pool(Y, V, method="CE").notes}


def test_one_trial_gives_its_own_effect_with_a_z_test() -> None:
    found = pool([0.3], [0.1], test="knha")
    assert (found.estimate, found.df, found.tau2, found.i2, found.q, found.q_p) == (0.3, None, 0, 0, 0, 1)
    assert found.se == pytest.approx(0.1**0.5)
    assert np.isnan(found.pi_low)


def test_two_trials_by_hand() -> None:
    """DL: Q = (0.6)^2 / (0.1 + 0.1) = 1.8, tau2 = (1.8 - 1) / (20 - 200/20) = 0.08; error sqrt(0.18 / 2) = 0.3."""
    found = pool([0.0, 0.6], [0.1, 0.1], method="DL", test="z")
    assert found.q == pytest.approx(1.8)
    assert found.tau2 == pytest.approx(0.08)
    assert found.se == pytest.approx(0.3)
    assert found.i2 == pytest.approx(100 * 0.8 / 1.8)


def test_leaving_out_says_which_trial_turns_the_result() -> None:
    """Without the large first trial the sign turns; without the second nothing does."""
    found = leave_one_out([1.0, -0.3, -0.3], [0.01, 0.5, 0.5], method="CE", test="z")
    assert found.turns_direction == (True, False, False)
    assert found.turns_significance == (True, False, False)


def test_a_result_that_includes_0_has_no_direction_to_turn() -> None:
    found = leave_one_out([0.3, -0.1, -0.1], [0.1, 0.2, 0.2], method="CE", test="z")
    assert (found.all_trials.estimate > 0) != (found.without.estimate[0] > 0)
    assert found.turns_direction == (False, False, False)


# Loading


def loaded_by(code: str) -> set[str]:
    """The modules in memory after a program of its own has run."""
    show = "import sys; print(*sys.modules, sep='\\n', file=sys.stderr)"
    found = subprocess.run(
        [sys.executable, "-c", f"{code}\n{show}"], capture_output=True, text=True, timeout=60, check=True
    )
    return set(found.stderr.split())


def test_importing_the_evidence_package_loads_no_numpy() -> None:
    assert not loaded_by("import neurodash.evidence") & {"numpy", "scipy", "pandas"}


def test_verifying_findings_loads_no_numpy() -> None:
    code = "from click.testing import CliRunner\nfrom neurodash.cli import main\nended = CliRunner().invoke(main, ['evidence', 'verify'])\nassert ended.exit_code in (0, 1), ended.output"
    modules = loaded_by(code)
    assert "neurodash.evidence.verdict" in modules
    assert not modules & {"numpy", "scipy", "pandas"}


def test_pooling_loads_neither_scipys_statistics_nor_pandas() -> None:
    modules = loaded_by("from neurodash.evidence import pool\npool([0.1, 0.2], [0.1, 0.2])")
    assert "numpy" in modules
    assert not modules & {"scipy.stats", "pandas"}


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'meta'"):
        _ = evidence.meta


def test_an_interval_narrower_than_chance_would_make_it_is_said() -> None:
    y, v = [0.30, 0.31, 0.29, 0.32, 0.30], [0.1, 0.11, 0.09, 0.1, 0.1]
    assert "narrower_than_wald" in {note.code for note in pool(y, v).notes}
    for found in (pool(y, v, test="adhoc"), pool(y, v, test="z"), pool([0.1, 0.9, 0.4], [0.02, 0.03, 0.02])):
        assert "narrower_than_wald" not in {note.code for note in found.notes}


def test_small_study_tests_say_what_ties_a_standardised_difference_to_its_error() -> None:
    made = effect_sizes(
        "SMD",
        m1=[5, 6, 7, 8],
        sd1=[2, 2, 3, 2],
        n1=[10, 20, 30, 40],
        m2=[4, 5, 6, 5],
        sd2=[2, 3, 2, 2],
        n2=[11, 19, 31, 42],
    )
    assert "smd_and_its_error" in {note.code for note in bias(made).notes}
    assert "smd_and_its_error" not in {note.code for note in bias(made.yi, made.vi).notes}
    for alone in (egger, rank_test, pet_peese):
        assert "smd_and_its_error" in {note.code for note in alone(made).notes}
        assert "Pustejovsky" in str(alone(made))
    assert str(bias(made)).count("Pustejovsky") == 1


def test_a_share_of_one_group_has_no_value_that_means_no_effect() -> None:
    """Small trials with larger shares: PET-PEESE moves away from a logit of 0, which is nothing but one half."""
    made = effect_sizes("PLO", events=[15, 22, 25, 24], n=[300, 250, 120, 60])
    assert "pet_peese_away" in {note.code for note in bias(made.yi, made.vi).notes}
    assert "pet_peese_away" not in {note.code for note in bias(made).notes}


def test_groups_compared_by_chi_squared_say_so() -> None:
    y, v, by = [0.1, 0.5, 0.9, 0.4, 0.3, 0.8], [0.05] * 6, ["a", "a", "a", "b", "b", "b"]
    assert "chi_squared_test" in {note.code for note in subgroups(y, v, by).notes}
    assert "chi_squared_test" not in {note.code for note in subgroups(y, v, by, test="z").notes}
