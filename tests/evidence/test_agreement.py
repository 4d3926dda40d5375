"""The numbers are those of the R package metafor, for every dataset, method and test of the reference files.

`reference/README.md` says what the files hold. The tolerance is 1e-6 relative (1e-4 for bounds that metafor searches),
without any absolute allowance; the few places where the two differ on purpose are lists with a reason, and each has a
test in test_known_differences.py that holds the reason.
"""

from __future__ import annotations

import math
from collections import Counter

import pytest

from neurodash.evidence import cumulative, pool, regress
from tests.evidence.agreement import (
    CLOSED,
    DATASETS,
    REFUSED,
    ZERO_TAU2,
    Compared,
    PathTo,
    compared,
    document,
    leaves,
    name_of,
    number,
    parts,
    used,
)

# Where they differ on purpose

# metafor's trimfill() hands no `control` to its fits: they stop when tau2 moves by less than 1e-5, which is 1 % of a tau2
# of 0.001. reference/more.json has the same runs with a tight stop, and those are ours.
LOOSE_TRIM_FILL = {
    "bangertdrowns2004": {"SMD": ("L0", "Q0")},
    "bcg": {"RR": ("L0", "Q0"), "RD": ("R0",)},
    "berkey1998": {"PD": ("L0", "Q0")},
    "molloy2014": {"ZCOR": ("L0", "Q0"), "COR": ("L0", "Q0")},
    "nielweise2007": {"OR": ("L0", "Q0"), "RR": ("L0", "Q0"), "OR_add_all": ("L0", "Q0"), "RD": ("L0", "R0", "Q0")},
    "pritz1997": {
        "PLO": ("L0", "R0"), "PFT": ("R0",), "PAS": ("R0",), "PR": ("R0",), "PLN": ("L0", "R0", "Q0"),
    },
}  # fmt: skip
# Q0 takes the square root of a negative number for these ranks: metafor stops with an error of R, ours with a DataError.
NO_Q0 = {
    "bcg": {"OR": ("EE",), "RD": ("EE",)},
    "berkey1998": {"AL": ("EE",)},
    "pritz1997": {"PLO": ("REML", "DL", "EE"), "PR": ("EE",), "PLN": ("DL", "EE")},
}
# metafor has no value where its Fisher scoring did not settle. Counted from 1.
NOT_SETTLED = {
    ("nielweise2007", "OR", "cumul"): (8,),
    ("nielweise2007", "RR", "cumul"): (8, 12),
    ("normand1999", "MD_HO", "influence_REML"): (3, 6, 8),
}
# At the boundary metafor's scoring stops at a tau2 of about 1e-15 where ours is 0; I2, tau and its errors follow it.
BOUNDARY = {
    ("bangertdrowns2004", "SMD"): {"cumul/REML_z/8", "cumul/REML_knha/8", "cumul/REML_z/9", "cumul/REML_knha/9"},
    ("nielweise2007", "RD"): {
        "leave1out/REML_z/9", "leave1out/REML_knha/9", "influence_REML/9", "regtest/rma_REML_sei", "regtest/rma_REML_vi",
    },
}  # fmt: skip
TINY_P = 1e-300  # below this metafor prints 0


def reason(dataset: str, one: Compared) -> str:
    """Which of the purposeful differences a leaf falls under, or nothing."""
    path = one.path
    if path[0] != "analyses":
        return ""
    name, part, *rest = document(dataset)["analyses"][path[1]]["id"], *path[2:]
    last = rest[-1]
    if part == "trimfill":
        method, estimator = str(rest[0]).split("_")
        if method == "REML" and estimator in LOOSE_TRIM_FILL.get(dataset, {}).get(name, ()):
            return "loose trim and fill"
        if estimator == "Q0" and method in NO_Q0.get(dataset, {}).get(name, ()):
            return "no Q0" if one.ours == REFUSED and last == "error" else ""
    at = last + 1 if isinstance(last, int) else None
    if at in NOT_SETTLED.get((dataset, name, part), ()) and one.theirs is None:
        return "not settled"
    here = f"{part}/{rest[0]}" + (f"/{at}" if at else "") if part != "influence_REML" else f"{part}/{at}"
    if here in BOUNDARY.get((dataset, name), ()):
        field = str(rest[-2] if at else last)
        if field.startswith("tau2"):
            return "boundary" if one.ours == 0 and number(one.theirs) < ZERO_TAU2 else ""
        # 100 * 1e-15 / (typical variance); a typical variance below 1e-8 does not occur in these files
        return "boundary" if field == "I2_percent" and one.ours == 0 and number(one.theirs) < 1e-8 else ""
    if str(rest[-2] if at else last) in ("pval", "QE_pval", "Qp") and one.theirs == 0 and one.ours < TINY_P:
        return "tiny p"
    return ""


@pytest.mark.parametrize("part", parts(), ids=name_of)
def test_every_number_of_a_part_agrees_with_metafor(part: tuple[str, PathTo]) -> None:
    dataset, path = part
    wrong = [one for one in compared(dataset, path) if not one.agrees and not reason(dataset, one)]
    assert not wrong, "\n".join(f"{one}  ({one.difference:.1e})" for one in wrong[:20])


# Nothing is left out

# Leaves that carry no result, by the last name on their path: how a result was made, or what went into it.
NO_RESULT = {
    "dataset", "metadat_name", "title", "source", "package_licence", "id", "effect_measure", "note", "notes", "call",
    "escalc_call", "term", "row", "type", "warnings", "order_key", "sigma2_names", "threshold_used",
    "tau2_default_control",
}  # fmt: skip
INPUT = {"versions", "data", "rows_used_one_based", "order_of_used_rows_one_based", "design_matrix_by_column",
         "rows_used_of_analysis_one_based"}  # fmt: skip


def has_no_result(path: PathTo, value: object) -> bool:
    names = [part for part in path if isinstance(part, str)]
    if names[-1] in NO_RESULT or INPUT & set(names):
        return True
    return "fits" in names and names[-1] == "R2_percent" and value is None  # one mean explains nothing


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_leaf_of_a_reference_file_was_compared_or_carries_no_result(dataset: str) -> None:
    seen = Counter(one.path for name, path in parts() if name == dataset for one in compared(name, path))
    assert max(seen.values()) == 1, "a leaf was compared twice"
    whole = dict(leaves(document(dataset)))
    counts = {("analyses", i, "k"): len(used(a)[0]) for i, a in enumerate(document(dataset)["analyses"])}
    assert all(whole[path] == k for path, k in counts.items())
    missed = [
        path
        for path, value in whole.items()
        if path not in seen and path not in counts and not has_no_result(path, value)
    ]
    assert not missed, f"{len(missed)} leaves were not compared, such as {missed[:5]}"


def test_seventy_thousand_numbers_are_compared() -> None:
    every = [(dataset, one) for dataset, path in parts() for one in compared(dataset, path)]
    assert len(every) > 70_000
    assert len({(dataset, one.path) for dataset, one in every}) == len(every)
    excused = Counter(reason(dataset, one) for dataset, one in every if not one.agrees)
    assert set(excused) <= {"loose trim and fill", "no Q0", "not settled", "boundary", "tiny p"}
    assert sum(excused.values()) < 0.005 * len(every)


def test_the_nine_files_are_the_nine_expected() -> None:
    assert DATASETS == (
        "bangertdrowns2004", "bcg", "berkey1998", "hahn2001", "konstantopoulos2011", "molloy2014", "nielweise2007",
        "normand1999", "pritz1997",
    )  # fmt: skip
    assert len(parts()) == 346
    assert all(document(dataset)["versions"]["metafor"] == "3.8.1" for dataset in DATASETS)


def test_no_list_of_differences_names_a_case_that_agrees() -> None:
    """A difference that is gone must leave its list."""
    found = {"loose trim and fill": set(), "no Q0": set(), "not settled": set(), "boundary": set(), "tiny p": set()}
    for dataset, path in parts():
        for one in compared(dataset, path):
            if not one.agrees and (why := reason(dataset, one)):
                analysis = document(dataset)["analyses"][one.path[1]]["id"]
                found[why].add((dataset, analysis, *(str(part) for part in one.path[2:])))
    trim = {(d, a, "trimfill", f"REML_{e}") for d, per in LOOSE_TRIM_FILL.items() for a, es in per.items() for e in es}
    assert {path[:4] for path in found["loose trim and fill"]} == trim
    q0 = {(d, a, "trimfill", f"{m}_Q0") for d, per in NO_Q0.items() for a, ms in per.items() for m in ms}
    assert {path[:4] for path in found["no Q0"]} == q0
    settled = {(*key, str(i - 1)) for key, positions in NOT_SETTLED.items() for i in positions}
    assert {(*path[:3], path[-1]) for path in found["not settled"]} == settled
    edge = set()
    for dataset, name, part, *rest in found["boundary"]:
        at = f"/{int(rest[-1]) + 1}" if rest[-1].isdigit() else ""
        edge.add((dataset, name, f"{part}{at}" if part == "influence_REML" else f"{part}/{rest[0]}{at}"))
    assert edge == {(*key, place) for key, places in BOUNDARY.items() for place in places}
    assert {path[:3] for path in found["tiny p"]} == {
        ("pritz1997", "PFT", "leave1out"),
        ("pritz1997", "PAS", "leave1out"),
    }


# What the comparison itself must notice


def test_a_number_off_by_one_in_a_hundred_thousand_does_not_agree() -> None:
    path = ("analyses", 0, "fits", "REML_z", "b", 0)
    assert Compared(path, 1.0, 1.0 + CLOSED / 2).agrees
    assert not Compared(path, 1.0, 1.00001).agrees
    assert not Compared(path, 0, 1e-12).agrees
    assert Compared(("analyses", 0, "confint_tau2", "DL", "ci_lb", 0), 1.0, 1.00001).agrees


def test_a_value_beside_no_value_does_not_agree() -> None:
    path = ("analyses", 0, "cumul", "REML_z", "se", 7)
    assert not Compared(path, None, 0.5).agrees
    assert not Compared(path, 0.5, math.nan).agrees
    assert Compared(path, None, math.nan).agrees
    assert Compared(path, "Infinity", math.inf).agrees


# The same numbers by other ways in


def test_a_moderator_in_words_gives_the_numbers_of_its_0_and_1_columns() -> None:
    whole = document("bcg")
    y, v = used(whole["analyses"][0])
    theirs = whole["analyses"][0]["meta_regression"]["alloc"]["REML_knha"]
    ours = regress(y, v, {"alloc": whole["data"]["alloc"]})
    assert ours.terms == ("intercept", "alloc: random", "alloc: systematic")
    assert ours.b == pytest.approx(theirs["b"], rel=CLOSED)
    assert ours.ci_high == pytest.approx(theirs["ci_ub"], rel=CLOSED)


def test_a_trial_without_its_moderator_is_left_out_and_named() -> None:
    whole = document("bangertdrowns2004")
    y, v = used(whole["analyses"][0])
    model = whole["analyses"][0]["meta_regression"]["length_wic_feedback_info_pers_imag_meta"]
    names = [name for name in model["design_matrix_by_column"] if name != "intrcpt"]
    ours = regress(y, v, {name: whole["data"][name] for name in names})
    assert ours.k == 41 == model["REML_knha"]["k"]
    assert ours.b == pytest.approx(model["REML_knha"]["b"], rel=CLOSED)
    kept = set(model["rows_used_of_analysis_one_based"])
    (note,) = (note for note in ours.notes if note.code == "left_out")
    assert note.text.removesuffix(".").split(": ")[1] == ", ".join(str(i) for i in range(1, 49) if i not in kept)


def test_cumulative_pooling_sorts_by_the_year_given() -> None:
    whole = document("bcg")
    analysis = whole["analyses"][0]
    y, v = used(analysis)
    ours = cumulative(y, v, whole["data"]["year"], test="z")
    assert [i + 1 for i in ours.order] == analysis["cumul"]["order_of_used_rows_one_based"]
    assert ours.after.estimate == pytest.approx(analysis["cumul"]["REML_z"]["estimate"], rel=CLOSED)


def test_a_common_effect_is_reml_where_nothing_varies() -> None:
    y, v = used(document("hahn2001")["analyses"][0])
    common, random = pool(y, v, method="CE"), pool(y, v, method="REML")
    assert random.tau2 == 0
    assert random.estimate == common.estimate
    assert random.ci_low == common.ci_low
