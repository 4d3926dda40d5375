"""What cannot be pooled is said so: which trial, which column, what would help, and everything at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from neurodash.errors import DataError
from neurodash.evidence import (
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
from neurodash.evidence import conversions as convert

Y, V = [0.1, 0.2, 0.5, -0.1], [0.04, 0.03, 0.1, 0.05]
NAN, INF = math.nan, math.inf
MEANS = {"m1": [1.0, 2.0], "sd1": [1.0, 1.0], "n1": [9, 9], "m2": [0.0, 1.0], "sd2": [1.0, 1.0], "n2": [9, 9]}


def refused(call: Callable[[], Any], *words: str) -> str:
    """The text of the DataError a call ends with, which holds each of the words."""
    with pytest.raises(DataError) as caught:
        call()
    text = str(caught.value)
    for word in words:
        assert word in text, f"“{word}” is not in: {text}"
    return text


# Effects and variances


def test_every_unusable_trial_is_named_at_once() -> None:
    text = refused(
        lambda: pool([1, NAN, INF, None], [0.1, -1, 0, INF], labels=["Ali", "Bea", "Cem", "Dov"]),
        "trial Bea, yi: nothing", "trial Cem, yi: inf", "trial Dov, yi: nothing",
        "trial Bea, vi: -1", "trial Cem, vi: 0", "trial Dov, vi: inf",
    )  # fmt: skip
    assert "Ali" not in text
    assert len(text.splitlines()) == 6


def test_a_standard_error_of_0_comes_with_what_to_do() -> None:
    refused(lambda: pool([1, 2], [0, 0.1]), "trial 1, vi: 0", "above 0", "leave the trial out, or find it")


@pytest.mark.parametrize(
    "analyse",
    [
        pool,
        heterogeneity_interval,
        regress,
        egger,
        rank_test,
        trim_fill,
        pet_peese,
        bias,
        leave_one_out,
        cumulative,
        influence,
    ],
    ids=lambda f: f.__name__,
)
def test_every_analysis_names_the_trial_it_cannot_use(analyse: Callable[..., Any]) -> None:
    refused(lambda: analyse([0.1, NAN, 0.5, 0.2], [0.1, 0.2, 0, 0.3]), "trial 2, yi", "trial 3, vi")


def test_groups_and_clusters_name_the_trial_they_cannot_use() -> None:
    for analyse in (subgroups, multilevel):
        refused(
            lambda f=analyse: f([0.1, NAN, 0.5, 0.2], [0.1, 0.2, 0, 0.3], list("aabb")), "trial 2, yi", "trial 3, vi"
        )


def test_no_trials_at_all() -> None:
    refused(lambda: pool([], []), "no trials", "at least one")


def test_effects_without_variances() -> None:
    refused(lambda: pool([1, 2]), "vi: 0 values", "2, one for each effect")


def test_columns_of_other_lengths() -> None:
    refused(lambda: pool([1, 2, 3], [0.1, 0.2]), "vi: 2 values", "3, one for each effect")
    refused(lambda: pool([1, 2], [0.1, 0.2], labels=["a"]), "labels: 1 names", "2, one for each effect")


def test_text_where_a_number_belongs() -> None:
    refused(lambda: pool([1, "n. s."], [0.1, 0.2]), "yi[1]: “n. s.”", "a number")
    refused(lambda: effect_sizes("PR", events=["3", "x", "y"], n=[9, 9, 9]), "events[1]: “x”", "events[2]: “y”")


def test_a_table_where_a_column_belongs() -> None:
    refused(lambda: pool(np.ones((2, 2)), np.ones((2, 2))), "yi: a table of shape (2, 2)", "one number for each trial")
    refused(lambda: pool([[1, 2], [3]], [1, 2]), "yi[0]", "yi[1]")


def test_a_single_number_where_a_column_belongs() -> None:
    refused(lambda: pool(1.0, 0.1), "yi", "a list of numbers")


# Settings


def test_a_near_miss_of_a_setting_is_offered() -> None:
    refused(lambda: pool(Y, V, method="REMl"), "method: “REMl”", "DL", "Did you mean REML?")
    refused(lambda: pool(Y, V, test="knah"), "test: “knah”", "Did you mean knha?")
    refused(lambda: pool(Y, V, prediction="htz"), "Did you mean hts?")
    refused(lambda: effect_sizes("SDM", **MEANS), "measure: “SDM”", "Did you mean SMD?")
    refused(lambda: effect_sizes("SMD", variance="LSS", **MEANS), "Did you mean LS?")
    refused(lambda: effect_sizes("PR", events=[1], n=[5], add_to="only"), "Did you mean only0?")
    refused(lambda: robust(pool(Y, V), list("aabb"), estimator="CR3"), "Did you mean CR2?")
    refused(lambda: egger(Y, V, model="lmm"), "Did you mean lm?")


def test_a_setting_from_nowhere_lists_what_there_is() -> None:
    refused(lambda: pool(Y, V, method="Bayes"), "CE, DL, HE, HS, SJ, PM, ML, REML, EB")
    refused(lambda: pool(Y, V, method=None), "CE, DL, HE")  # type: ignore[arg-type]
    refused(lambda: trim_fill(Y, V, side="up"), "left, right")
    refused(lambda: trim_fill(Y, V, estimator="L1"), "L0, R0, Q0")
    refused(lambda: multilevel(Y, V, list("aabb"), method="DL"), "REML, ML")
    refused(lambda: mantel_haenszel("PETO", events1=[1], n1=[5], events2=[1], n2=[5]), "OR, RR, RD")
    refused(lambda: regress(Y, V, {"dose": [1, 2, 3, 5]}, method="FE"), "CE, DL")


@pytest.mark.parametrize("level", [0, 0.95, 49, 99.999, 100, -1, NAN, INF, "95", None, True])
def test_a_level_that_is_no_percentage_from_50_to_99_99(level: Any) -> None:
    refused(lambda: pool(Y, V, level=level), "level", "from 50 to 99.99, such as 95")
    refused(lambda: pool_many([Y], [V], level=level), "level")
    refused(lambda: heterogeneity_interval(Y, V, level=level), "level")


@pytest.mark.parametrize("iterations", [0, 9, 100_001, -5])
def test_a_permutation_test_of_too_few_or_too_many_orders(iterations: int) -> None:
    model = regress(Y, V, {"dose": [1, 2, 3, 5]})
    refused(lambda: permutation_test(model, iterations=iterations, seed=1), "iterations", "from 10 to 100000")


# Columns of an effect size


def test_missing_and_unknown_columns_are_named_together() -> None:
    text = refused(
        lambda: effect_sizes("RD", events1=[1], n1=[2], group=[3]),
        "no column events2",
        "no column n2",
        "a column group",
    )
    assert text.count("events1, n1, events2, n2") == 3


def test_columns_of_unequal_length_are_counted() -> None:
    refused(lambda: effect_sizes("SMD", **{**MEANS, "sd2": [1.0]}), "unequal length", "m1 2", "sd2 1")


def test_all_problems_of_a_table_of_means_are_told_at_once() -> None:
    columns = {
        "m1": [1.0, None, 3.0], "sd1": [0.0, 1.0, NAN], "n1": [1, 9, 9], "m2": [1.0, 2.0, 3.0], "sd2": [1.0, -1.0, 1.0],
        "n2": [9, 9, 0.5],
    }  # fmt: skip
    text = refused(
        lambda: effect_sizes("SMD", labels=["Ali", "Bea", "Cem"], **columns),
        "trial Ali, sd1: 0", "trial Ali, n1: 1", "trial Bea, m1: nothing", "trial Bea, sd2: -1", "trial Cem, sd1: nothing",
        "trial Cem, n2: 0.5",
    )  # fmt: skip
    assert len(text.splitlines()) == 6


def test_a_missing_sd_comes_with_where_to_make_one() -> None:
    refused(
        lambda: effect_sizes("SMD", **{**MEANS, "sd1": [1.0, None]}),
        "trial 2, sd1: nothing", "standard error or an interval", "neurodash.evidence.conversions",
    )  # fmt: skip


@pytest.mark.parametrize("measure", ["SMD", "SMDH", "MD", "ROM"])
def test_a_group_of_one_person_has_no_spread(measure: str) -> None:
    refused(lambda: effect_sizes(measure, **{**MEANS, "n1": [1, 9]}), "trial 1, n1: 1", "at least 2 people")


def test_a_ratio_of_means_of_other_signs() -> None:
    refused(
        lambda: effect_sizes("ROM", **{**MEANS, "m1": [1.0, -1.0], "m2": [2.0, 2.0]}),
        "trial 2",
        "the same sign",
        "MD or SMD",
    )


@pytest.mark.parametrize("r", [1, -1, 1.2, NAN])
def test_a_correlation_must_lie_between_minus_1_and_1(r: float) -> None:
    refused(lambda: effect_sizes("ZCOR", r=[r], n=[20]), "trial 1, r", "between -1 and 1")


def test_more_events_than_people() -> None:
    refused(
        lambda: effect_sizes("OR", events1=[6], n1=[5], events2=[1], n2=[5]),
        "trial 1, events1: 6 of 5",
        "no more than n1",
    )
    refused(lambda: effect_sizes("PR", events=[-1], n=[5]), "trial 1, events: -1")


def test_person_time_of_0() -> None:
    refused(
        lambda: effect_sizes("IRR", events1=[1], time1=[0], events2=[1], time2=[-9]), "time1: 0", "time2: -9", "above 0"
    )


def test_a_negative_number_to_add() -> None:
    for add in (-1, NAN, INF):
        refused(lambda a=add: effect_sizes("PR", events=[1], n=[5], add=a), "add", "0 or more")


# Tables without events

ZEROS = [
    # measure, events of 9 in each arm, what happens without adding
    ("RR", 0, 3, "needs a number added"),
    ("RR", 0, 0, "needs a number added"),
    ("RR", 9, 9, "trial 1"),
    ("OR", 0, 3, "needs a number added"),
    ("OR", 0, 0, "needs a number added"),
    ("OR", 9, 9, "needs a number added"),
    ("RD", 0, 0, "has no spread"),
    ("RD", 9, 9, "trial 1"),
    ("PETO", 0, 0, "leave it out"),
    ("PETO", 9, 9, "leave it out"),
]


@pytest.mark.parametrize(("measure", "first", "second", "words"), ZEROS)
def test_an_empty_cell_is_mended_by_adding_and_refused_without(
    measure: str, first: int, second: int, words: str
) -> None:
    table = {"events1": [first], "n1": [9], "events2": [second], "n2": [9]}
    made = effect_sizes(measure, **table)
    assert np.isfinite(made.yi).all()
    assert (made.vi > 0).all()
    assert "0.5 was added" in str(made.notes[0])
    refused(lambda: effect_sizes(measure, add_to="none", **table), "trial 1", words)


@pytest.mark.parametrize("measure", ["RD", "PETO"])
def test_measures_that_stand_one_empty_arm_need_nothing_added(measure: str) -> None:
    made = effect_sizes(measure, events1=[0], n1=[9], events2=[3], n2=[9], add_to="none")
    assert made.yi[0] < 0
    assert not made.notes


def test_rates_without_events_are_mended_by_adding_and_refused_without() -> None:
    rates = {"events1": [0, 0], "time1": [9, 9], "events2": [3, 0], "time2": [9, 9]}
    made = effect_sizes("IRR", **rates)
    assert made.yi[0] == pytest.approx(math.log(0.5 / 3.5))
    assert made.yi[1] == 0
    refused(lambda: effect_sizes("IRR", add_to="none", **rates), "trial 1", "trial 2", "add=0.5")


@pytest.mark.parametrize("measure", ["OR", "RR", "RD"])
def test_mantel_haenszel_without_any_event(measure: str) -> None:
    refused(
        lambda: mantel_haenszel(measure, events1=[0, 0], n1=[5, 5], events2=[0, 0], n2=[5, 5]), "no event in any trial"
    )


@pytest.mark.parametrize("measure", ["OR", "RR"])
def test_mantel_haenszel_ratios_with_one_arm_empty_everywhere(measure: str) -> None:
    table = {"events1": [0, 0], "n1": [5, 5], "events2": [1, 2], "n2": [5, 5]}
    refused(lambda: mantel_haenszel(measure, **table), "one of the arms", "the risk difference may")
    assert mantel_haenszel("RD", **table).estimate == pytest.approx(-0.3)  # 0/10 against 3/10


def test_petos_odds_ratio_stands_one_arm_empty_everywhere() -> None:
    """O - E = -0.5 and -1 with variances 0.25 and 0.4444: -1.5 / 0.6944."""
    found = peto(events1=[0, 0], n1=[5, 5], events2=[1, 2], n2=[5, 5])
    assert found.estimate == pytest.approx(-1.5 / (0.25 + 4 / 9))
    refused(lambda: peto(events1=[0, 0], n1=[5, 5], events2=[0, 0], n2=[5, 5]), "no event in any trial")


@pytest.mark.parametrize("measure", ["OR", "RR", "RD", "Peto"])
def test_pooled_tables_in_which_everybody_has_the_event(measure: str) -> None:
    table = {"events1": [5, 5], "n1": [5, 5], "events2": [5, 5], "n2": [5, 5]}
    call = (lambda: peto(**table)) if measure == "Peto" else (lambda: mantel_haenszel(measure, **table))
    refused(call, "everybody")


def test_trials_without_events_change_no_pooled_table() -> None:
    some = {"events1": [3, 4], "n1": [20, 30], "events2": [6, 9], "n2": [22, 28]}
    more = {name: [*values, 0 if "events" in name else 15] for name, values in some.items()}
    for measure in ("OR", "RR"):
        assert mantel_haenszel(measure, **more).estimate == pytest.approx(mantel_haenszel(measure, **some).estimate)
        assert mantel_haenszel(measure, **more).q == pytest.approx(mantel_haenszel(measure, **some).q)
    assert peto(**more).se == pytest.approx(peto(**some).se)


def test_impossible_tables_are_named_at_once() -> None:
    for pooled in (lambda **t: mantel_haenszel("OR", **t), peto):
        refused(
            lambda f=pooled: f(events1=[6, -1], n1=[5, 5], events2=[None, 2], n2=[5, 0]),
            "trial 1, events1: 6 of 5", "trial 2, events1: -1 of 5", "trial 1, events2: nothing of 5", "trial 2, events2: 2 of 0",
        )  # fmt: skip


def test_pooled_tables_of_unequal_length() -> None:
    for pooled in (lambda **t: mantel_haenszel("OR", **t), peto):
        refused(lambda f=pooled: f(events1=[1, 1], n1=[5, 5], events2=[1], n2=[5, 5]), "events2 1", "n2 2")


def test_tarones_test_leaves_out_trials_in_which_everybody_has_the_event() -> None:
    """Such a trial once added a quotient of two rounding errors. metafor: 1.1641212384800559."""
    found = mantel_haenszel("OR", events1=[70, 9, 26], n1=[71, 9, 26], events2=[37, 47, 40], n2=[37, 47, 41])
    assert found.tarone == pytest.approx(1.1641212384800559, rel=1e-9)


def test_a_single_trial_with_events_does_not_differ_from_itself() -> None:
    """metafor: QE 0 with p 1 where one effect is left."""
    found = mantel_haenszel("RD", events1=[5, 0], n1=[65, 18], events2=[2, 0], n2=[54, 31])
    assert (found.q, found.q_p) == (0, 1)


# Meta-regression


def test_terms_that_repeat_each_other_are_named() -> None:
    refused(
        lambda: regress(Y, V, {"dose": [1, 2, 3, 4], "twice": [2, 4, 6, 8]}), "nothing new in: twice", "Leave it out"
    )
    refused(lambda: regress(Y, V, {"same": [3, 3, 3, 3]}), "nothing new in: same")


def test_more_coefficients_than_trials() -> None:
    refused(
        lambda: regress(Y, V, {"a": [1, 2, 3, 5], "b": [1, 0, 0, 1], "c": [3, 1, 4, 1]}), "4 trials for 4 coefficients"
    )


def test_moderators_missing_in_too_many_trials() -> None:
    refused(lambda: regress(Y, V, {"dose": [1, None, NAN, 2]}), "2 trials for 2 coefficients")
    refused(lambda: regress(Y, V, {"dose": [None] * 4}), "0 trials for 2 coefficients")


def test_moderators_of_the_wrong_length_or_kind_are_told_at_once() -> None:
    refused(
        lambda: regress(Y, V, {"dose": [1, 2], "site": ["here"] * 4, "age": [1, 2, 3, INF]}),
        "moderator dose: 2 values", "4, one a trial", "moderator site: only “here”", "two levels or more", "moderator age[3]: inf",
    )  # fmt: skip


def test_a_moderator_that_is_no_list() -> None:
    refused(lambda: regress(Y, V, {"dose": 5}), "moderator dose", "4, one a trial")


def test_moderators_without_names() -> None:
    refused(lambda: regress(Y, V, [[1, 2, 3, 5]]), "moderators", "a name")  # type: ignore[arg-type]


def test_a_moderator_may_not_be_called_intercept() -> None:
    """The test of the terms left it out, as if it were the intercept."""
    refused(lambda: regress(Y, V, {"intercept": [1, 2, 3, 5]}), "moderator intercept", "another name")


def test_no_moderator_and_no_intercept() -> None:
    refused(lambda: regress(Y, V, {}, intercept=False), "moderators: none")


def test_a_prediction_asks_for_every_term() -> None:
    model = regress(Y, V, {"dose": [1, 2, 3, 5]})
    refused(lambda: model.predict(1, 2), "2 values", "dose")


@pytest.mark.parametrize(
    ("x", "words"),
    [
        ([[1], [1]], "2 rows"),
        ([1, 1, 1, 1], "a table"),
        ([[1, 1]] * 4, "repeat"),
        ([[1], [1], [NAN], [1]], "row 3"),
        ([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1.5], ["a", 1, 1]], "number"),
    ],
)
def test_a_design_that_does_not_fit(x: Any, words: str) -> None:
    refused(lambda: heterogeneity_interval(Y, V, x=x), words)


# Groups, clusters, order


def test_groups_and_clusters_that_cannot_be_told_apart() -> None:
    refused(lambda: subgroups(Y, V, list("aaaa")), "only the group “a”", "two groups or more")
    refused(lambda: multilevel(Y, V, list("aaaa")), "only the cluster “a”", "two clusters or more")
    refused(lambda: subgroups(Y, V), "by: 0 groups", "4, one a trial")
    refused(lambda: multilevel(Y, V), "cluster: 0 names", "4, one an effect")
    refused(lambda: robust(pool(Y, V), list("aab")), "cluster: 3 names")


def test_every_trial_without_its_group_or_cluster_is_named() -> None:
    refused(
        lambda: subgroups(Y, V, ["a", None, "", "b"], labels=["Ali", "Bea", "Cem", "Dov"]),
        "trial Bea, by",
        "trial Cem, by",
    )
    refused(
        lambda: multilevel(Y, V, ["a", None, "", NAN]), "effect 2, cluster", "effect 3, cluster", "effect 4, cluster"
    )


def test_no_more_clusters_than_coefficients() -> None:
    model = regress(Y, V, {"dose": [1, 2, 3, 5]})
    refused(lambda: robust(model, list("aabb")), "2 clusters", "more than 2")


def test_an_order_that_does_not_fit() -> None:
    refused(lambda: cumulative(Y, V, [2001, 2002]), "order: 2 values", "4, one a trial")
    refused(lambda: cumulative(Y, V, [2001, None, NAN, 1999]), "trial 2, order: nothing", "trial 3, order: nothing")


# Small-study effects


@pytest.mark.parametrize("analyse", [egger, rank_test, trim_fill, pet_peese, bias], ids=lambda f: f.__name__)
def test_small_study_effects_need_three_trials_of_different_size(analyse: Callable[..., Any]) -> None:
    refused(lambda: analyse([1, 2], [0.1, 0.2]), "2 trials", "three or more")
    refused(lambda: analyse([1, 2, 3], [0.1, 0.1, 0.1]), "the same variance (0.1)", "cannot be seen")


def test_leave_one_out_needs_two_trials_and_influence_three() -> None:
    refused(lambda: leave_one_out([1], [0.1]), "1 trial", "2 or more")
    refused(lambda: influence([1, 2], [0.1, 0.2]), "2 trials", "3 or more")
    refused(lambda: heterogeneity_interval([1], [0.1]), "1 trial", "more than 1")


# Many at once


def test_every_bad_trial_of_many_sets_is_named() -> None:
    refused(
        lambda: pool_many([[1, 2], [3, NAN], [INF, 1]], [[0.1, 0], [0.1, 0.2], [1, 1]]),
        "set 0, trial 1: yi 2, vi 0", "set 1, trial 1: yi nothing, vi 0.2", "set 2, trial 0: yi inf",
    )  # fmt: skip


def test_more_bad_trials_than_can_be_read_are_counted() -> None:
    refused(lambda: pool_many(np.ones((50, 2)), np.zeros((50, 2))), "80 more such trials")


def test_a_set_without_trials_is_named() -> None:
    refused(lambda: pool_many([[1, 2], [NAN, NAN]], [[0.1, 0.1], [NAN, NAN]]), "set 1: no trials")


def test_tables_of_other_shapes() -> None:
    refused(lambda: pool_many([1, 2], [1, 2]), "shapes (2,) and (2,)", "(m, k)")
    refused(lambda: pool_many(np.ones((2, 3)), np.ones((3, 2))), "shapes (2, 3) and (3, 2)")
    refused(lambda: pool_many([], []), "shapes (0,)")


def test_ragged_or_wordy_tables() -> None:
    refused(lambda: pool_many([[1, 2], [3]], [[1, 2], [3]]), "yi", "(m, k)")
    refused(lambda: pool_many([["a"]], [[1]]), "yi", "number")


# Conversions

CONVERSIONS = [
    (lambda: convert.se_from_interval(2, 1), "an end above the beginning"),
    (lambda: convert.se_from_interval(1, 1), "an end above the beginning"),
    (lambda: convert.se_from_interval(1, 2, level=3), "from 50 to 99.99"),
    (lambda: convert.se_from_interval(1, 2, df=0), "df: 0"),
    (lambda: convert.se_from_interval([1, 3, 5], [2, 2, NAN]), "high[2]: nothing"),
    (lambda: convert.se_from_p(1, 0), "between 0 and 1, without a < or >"),
    (lambda: convert.se_from_p(1, 1), "between 0 and 1"),
    (lambda: convert.se_from_p(0, 0.5), "other than 0"),
    (lambda: convert.se_from_p(1, "<0.05"), "p"),
    (lambda: convert.se_from_p([1, 2], [0.5, 0.5, 0.5]), "p 3"),
    (lambda: convert.sd_from_se(-1, 4), "above 0"),
    (lambda: convert.sd_from_se(1, 0), "n: 0"),
    (lambda: convert.sd_from_se(1, -3), "n: -3"),
    (lambda: convert.sd_from_interval(1, 2, 1), "2 people or more"),
    (lambda: convert.sd_of_change(1, 1, 2), "from -1 to 1"),
    (lambda: convert.sd_of_change(-1, 1, 0.5), "sd_pre"),
    (lambda: convert.sd_pooled(1, 1, 1, 1), "n1"),
    (lambda: convert.smd_from_t(2, 1, 4), "2 people or more in each group"),
    (lambda: convert.smd_from_p(0, 10, 10), "between 0 and 1"),
    (lambda: convert.smd_from_p(0.05, 10, 10, sign=0), "sign"),
    (lambda: convert.smd_from_difference(1, 0, 4, 4), "above 0"),
    (lambda: convert.smd_from_r(1, 5), "between -1 and 1"),
    (lambda: convert.smd_from_r(0.2, 1), "n: 1"),
    (lambda: convert.r_from_smd(0.2, 0.1, 0, 5), "n1"),
    (lambda: convert.smd_from_log_or(1, -1), "variance"),
    (lambda: convert.log_or_from_smd(1, -1), "variance"),
]


@pytest.mark.parametrize(("call", "words"), CONVERSIONS, ids=[str(i + 1) for i in range(len(CONVERSIONS))])
def test_what_cannot_be_converted_is_refused(call: Callable[[], Any], words: str) -> None:
    refused(call, words)
