"""Our own analysis: which trials are taken, how they are turned, and what a fallen or retracted one changes."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from typing import Any

import pytest

from neurodash.evidence import pool
from neurodash.evidence.reanalysis import LeftOut, Reanalysis, of_question, reanalyse, reanalyses
from neurodash.evidence.retractions import touched
from neurodash.library import CONTENT, Claim, Retraction, Trial, load

ON = dt.date(2026, 11, 21)
CHANGES = {
    "change_int": "5",
    "change_int_sd": "4",
    "n_int": "20",
    "change_ctl": "1",
    "change_ctl_sd": "4",
    "n_ctl": "20",
}


def trial(name: str, **cells: Any) -> Trial:
    number = cells.pop("number", "01")
    return Trial.model_validate(
        {
            "row_id": f"{name}-{number}", "trial_id": name, "citation": f"{name.title()} A et al.", "year": "2020",
            "doi": f"10.5555/{name}", "intervention_class": "balance", "comparator_class": "no_intervention",
            "outcome_domain": "balance", "measure": "Berg Balance Scale", "measure_code": "BBS", "higher_is_better": "true",
            **CHANGES, **cells,
        }
    )  # fmt: skip


def analyse(*rows: Trial, **settings: Any) -> Reanalysis:
    return reanalyse(rows, "balance", "balance", "inactive", on=ON, **{"measures": ("BBS", "DGI"), **settings})


def reasons(found: Reanalysis) -> dict[str, str]:
    return {each.row.row_id: each.reason for each in found.left_out}


# What an effect is made from


def test_a_gain_of_one_sd_in_two_arms_of_twenty_is_hedges_g_of_0_98() -> None:
    (used,) = analyse(trial("one")).used
    j = 1 - 3 / (4 * 38 - 1)  # the usual approximation of the exact correction
    assert used.yi == pytest.approx(j, abs=1e-4)
    assert used.vi == pytest.approx(2 / 20 + j**2 / 80, abs=1e-4)
    assert used.route == "change"


def test_positive_favours_the_training_whatever_the_scale() -> None:
    seconds = trial("tug", higher_is_better="false", change_int="-5", change_ctl="-1")
    assert analyse(seconds).used[0].yi == pytest.approx(analyse(trial("bbs")).used[0].yi)


def test_a_row_printed_as_improvement_is_not_turned_again() -> None:
    printed = trial("printed", higher_is_better="false", sign="better")
    assert analyse(printed).used[0].yi > 0


def test_scores_after_the_training_are_preferred_to_changes() -> None:
    both = trial("both", mean_post_int="50", sd_post_int="5", mean_post_ctl="45", sd_post_ctl="5")
    assert analyse(both).used[0].route == "post"


NOTHING = dict.fromkeys(("change_int", "change_int_sd", "change_ctl", "change_ctl_sd"), "")


def test_a_difference_with_its_interval_gives_the_g_of_its_t() -> None:
    row = trial("diff", **NOTHING, between_diff="4", between_ci_low="1", between_ci_high="7")
    (used,) = analyse(row).used
    t_38 = 2.0243942  # the 97.5 % quantile of t with 38 df, from a table
    t = 4 / (3 / t_38)
    assert used.yi == pytest.approx(t * math.sqrt(2 / 20) * (1 - 3 / 151), rel=1e-4)
    assert used.route == "difference"


def test_an_exact_p_needs_a_direction() -> None:
    known = trial("known", **{**NOTHING, "change_int": "3", "change_ctl": "1"}, p_value="0.04")
    assert analyse(known).used[0].route == "p"
    assert analyse(known).used[0].yi > 0
    unknown = analyse(trial("unknown", **NOTHING, p_value="0.04"))
    assert reasons(unknown) == {"unknown-01": "a p value without the direction of the difference"}


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"n_int": ""}, "how many people each arm had was not read"),
        ({"n_ctl": "1"}, "an arm of one person has no spread"),
        ({**NOTHING}, "no spread was read: neither standard deviations nor an interval"),
        ({**NOTHING, "p_value": "<0.001"}, "only a bound was read for the p value (<0.001), and no spread"),
        ({**NOTHING, "effect_size_reported": "0.2", "effect_size_kind": "partial eta squared"}, "an effect size of a kind that cannot be pooled (partial eta squared)"),
        ({"higher_is_better": ""}, "whether more is better on this scale was not read"),
        ({"follow_up": "true"}, "measured some time after the training had ended"),
        ({"set_aside": "both arms did the same exercise"}, "both arms did the same exercise"),
        ({"change_int": "90"}, "a standardised effect of 21.8 is not plausible"),
        ({"between_diff": "9", "between_ci_low": "1", "between_ci_high": "3"}, "in doubt: the difference 9 lies outside its interval 1 to 3"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_used_says_why(cells: dict[str, str], reason: str) -> None:
    found = analyse(trial("left", **cells))
    assert not found.used
    assert reasons(found) == {"left-01": reason}


def test_an_sd_of_zero_is_named_as_it_is() -> None:
    found = analyse(trial("flat", change_int_sd="0"))
    assert reasons(found)["flat-01"].startswith("trial 1, sd1: 0; accepted: a standard deviation above 0")


# One row of one group of people


def test_of_one_group_of_people_the_first_measure_in_the_stated_order_is_taken() -> None:
    rows = [trial("same", number="01", measure="Dynamic Gait Index", measure_code="DGI"), trial("same", number="02")]
    found = analyse(*rows)
    assert [u.row.row_id for u in found.used] == ["same-02"]
    assert reasons(found) == {"same-01": "Berg Balance Scale of the same people was taken"}


def test_two_papers_about_the_same_people_count_once() -> None:
    found = analyse(trial("first"), trial("second", cohort="first"))
    assert found.k == 1


def test_a_measure_that_cannot_be_used_gives_way_to_the_next() -> None:
    rows = [
        trial("same", number="01", change_int_sd="", change_int=""),
        trial("same", number="02", measure="DGI", measure_code="DGI"),
    ]
    assert [u.row.row_id for u in analyse(*rows).used] == ["same-02"]


def test_trials_against_another_training_are_another_question() -> None:
    rows = [trial("rest"), trial("other", comparator_class="other_exercise")]
    assert [u.row.trial_id for u in analyse(*rows).used] == ["rest"]
    other = reanalyse(rows, "balance", "balance", "active", on=ON)
    assert [u.row.trial_id for u in other.used] == ["other"]


# Pooling


def three(**changes: str) -> list[Trial]:
    return [
        trial("a", change_int=changes.get("a", "5")),
        trial("b", change_int=changes.get("b", "3")),
        trial("c", change_int=changes.get("c", "4")),
    ]


def test_two_trials_are_not_pooled() -> None:
    assert analyse(*three()[:2]).pooled is None
    assert analyse(*three()[:2]).turning == ()


def test_three_trials_are_pooled_as_the_engine_pools_them() -> None:
    found = analyse(*three())
    assert found.pooled is not None
    alone = pool([u.yi for u in found.used], [u.vi for u in found.used], test="adhoc")
    assert found.pooled.estimate == alone.estimate
    assert (found.pooled.ci_low, found.pooled.ci_high) == (alone.ci_low, alone.ci_high)


def test_an_interval_is_never_narrower_than_walds() -> None:
    found = analyse(*three(a="4.0", b="4.0", c="4.01"))
    assert found.pooled is not None
    wald = pool([u.yi for u in found.used], [u.vi for u in found.used], test="z")
    assert found.pooled.ci_high - found.pooled.ci_low >= wald.ci_high - wald.ci_low


def test_a_fallen_trial_leaves_the_result_of_the_others() -> None:
    rows = [*three(), trial("d", change_int="9")]
    fallen = analyse(*rows, fallen={"d"})
    assert fallen.pooled is not None
    others = analyse(*three()).pooled
    assert others is not None
    assert fallen.pooled.estimate == pytest.approx(others.estimate, rel=1e-12)
    assert [u.row.trial_id for u in fallen.usable] == ["a", "b", "c", "d"]


def test_the_trials_that_turn_the_result_are_those_of_a_plain_loop() -> None:
    rows = [
        trial("big", change_int="9"),
        trial("mid", change_int="2.6"),
        trial("low", change_int="1.6"),
        trial("none", change_int="1.2"),
    ]
    found = analyse(*rows)
    assert found.pooled is not None
    clear = found.pooled.ci_low > 0
    expected = []
    for row in rows:
        left = analyse(*rows, fallen={row.trial_id}).pooled
        assert left is not None
        if left.estimate * found.pooled.estimate < 0:
            expected.append((row.trial_id, "direction"))
        elif (left.ci_low > 0 or left.ci_high < 0) != clear:
            expected.append((row.trial_id, "significance"))
    assert sorted(found.turning) == sorted(expected)


def test_what_our_own_analysis_says_follows_the_rules_for_published_results() -> None:
    improves = Claim.model_validate(
        {"population": "ms", "intervention": ["balance"], "outcome": "balance", "says": "improves", "cites": ["x"]}
    )
    assert analyse(*three(a="6", b="6", c="6")).says_to(improves)[0] == "agrees"
    assert analyse(*three(a="-4", b="-4", c="-4")).says_to(improves)[0] == "disagrees"
    assert analyse(*three(a="1", b="1", c="1")).says_to(improves) == (
        "silent",
        "chance could explain it: 3\u00a0trials cannot settle it",
    )
    assert analyse(*three()[:2]).says_to(improves) == ("silent", "fewer than 3 trials can be used")


# Retraction


def test_a_retracted_trial_is_left_out_from_the_day_of_its_notice() -> None:
    notice = Retraction.model_validate(
        {"doi": "10.5555/A", "date": "2026-11-21", "kind": "retraction", "source": "https://example.org/"}
    )
    after = analyse(*three(), retractions=[notice])
    assert [u.row.trial_id for u in after.used] == ["b", "c"]
    assert after.pooled is None
    (left,) = [x for x in after.left_out if x.retracted]
    assert "retracted on 21" in left.reason
    before = reanalyse(three(), "balance", "balance", "inactive", on=dt.date(2026, 11, 20), retractions=[notice])
    assert before.k == 3


def test_an_expression_of_concern_is_told_but_leaves_nothing_out() -> None:
    notice = Retraction.model_validate(
        {"doi": "10.5555/a", "date": "2026-01-01", "kind": "expression_of_concern", "source": "https://example.org/"}
    )
    assert analyse(*three(), retractions=[notice]).k == 3


def test_a_notice_lists_every_finding_that_rests_on_its_paper() -> None:
    ours = load([CONTENT])
    cited = ours.results["corrini2023-balance"]
    pooled = ours.trials["kalron2016-01"]
    notices = tuple(
        Retraction.model_validate(
            {"doi": doi, "date": "2026-10-01", "kind": "retraction", "source": "https://example.org/"}
        )
        for doi in (cited.doi, pooled.doi, ours.guidelines["KIM19-RES"].doi_or_pmid)
    )
    library = dataclasses.replace(ours, retractions=notices)
    by_doi = {each.notice.doi: each for each in touched(library, ON)}
    assert ("balance-training", "balance-scores", "cites") in by_doi[str(cited.doi)].findings
    assert "balance-training" in by_doi[str(cited.doi)].mentions
    assert ("balance-training", "exergames", "own analysis") in by_doi[str(pooled.doi)].findings
    assert {t.trial_id for t in by_doi[str(pooled.doi)].trials} == {"kalron2016"}
    dosed = by_doi[ours.guidelines["KIM19-RES"].doi_or_pmid]
    assert "KIM19-RES" in {row.rec_id for row in dosed.guidelines}
    assert dosed.protocols == ("resistance-training",)
    assert "balance-training" in by_doi[str(cited.doi)].protocols, "its dose notes name the review"


# Our own table


@pytest.fixture(scope="module")
def every() -> list[Reanalysis]:
    return reanalyses(load([CONTENT]), ON)


def test_every_row_of_the_table_is_either_used_or_left_out_with_a_reason(every: list[Reanalysis]) -> None:
    used = [u.row.row_id for found in every for u in found.usable]
    left = [x for found in every for x in found.left_out]
    assert sorted(used + [x.row.row_id for x in left]) == sorted(load([CONTENT]).trials)
    assert all(isinstance(x, LeftOut) and x.reason for x in left)


def test_no_group_of_people_is_counted_twice_in_one_analysis(every: list[Reanalysis]) -> None:
    for found in every:
        people = [u.row.people for u in found.usable]
        assert len(people) == len(set(people)), (found.intervention, found.outcome)


def test_the_trials_whose_traps_are_known_are_not_pooled(every: list[Reanalysis]) -> None:
    used = {u.row.trial_id for found in every for u in found.usable}
    assert not used & {
        "coote2017",
        "vr_biodex_balance",
        "gomezillan2020",
        "burschka2014",
        "facets2013",
        "hugos2019",
        "ozdogar2022",
    }


def test_exergames_and_balance_agree_with_r() -> None:
    """metafor 3.8-1 on the seven rows: escalc("SMD") of the changes, rma(test="adhoc", control=list(threshold=1e-12))."""
    pooled = of_question(load([CONTENT]), "exergame_vr", "balance", "active", ON).pooled
    assert pooled is not None
    found = (pooled.estimate, pooled.se, pooled.ci_low, pooled.ci_high, pooled.tau2)
    assert found == pytest.approx(
        (0.498252295779, 0.146980835490, 0.138603147526, 0.857901444031, 0.004849620177), rel=1e-6
    )


def test_every_usable_measure_together_is_a_three_level_model_with_robust_errors() -> None:
    """metafor 3.8-1: rma.mv(yi, vi, random = ~ 1 | trial/row), robust(..., clubSandwich = TRUE)."""
    found = of_question(load([CONTENT]), "exergame_vr", "balance", "active", ON)
    assert found.every_measure is not None
    assert (found.k, found.rows) == (7, 9)
    own = found.every_measure
    assert (own.b[0], own.se[0], own.df[0]) == pytest.approx((0.480997963615, 0.130611977471, 5.445685089661), rel=1e-6)


def test_where_each_trial_has_one_row_there_is_nothing_to_nest() -> None:
    assert analyse(*three()).every_measure is None
