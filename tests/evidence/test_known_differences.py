"""Where the numbers differ from metafor 3.8-1 on purpose, and why. The lists are in test_agreement.py."""

from __future__ import annotations

import math

import numpy as np
import pytest

from neurodash.errors import DataError
from neurodash.evidence import bias, egger, influence, leave_one_out, multilevel, pool, regress, robust, trim_fill
from tests.evidence.agreement import CLOSED, document, method_of, used
from tests.evidence.grid import log_likelihood
from tests.evidence.test_agreement import BOUNDARY, LOOSE_TRIM_FILL, NO_Q0

MORE = document("more")
LOOSE = [(d, name, e) for d, per in LOOSE_TRIM_FILL.items() for name, estimators in per.items() for e in estimators]
REFUSED_Q0 = [(d, name, method) for d, per in NO_Q0.items() for name, methods in per.items() for method in methods]


def analysis_of(dataset: str, name: str) -> dict:
    return next(a for a in document(dataset)["analyses"] if a["id"] == name)


@pytest.mark.parametrize(("dataset", "name", "estimator"), LOOSE)
def test_trim_and_fill_by_reml_is_that_of_metafor_with_a_tight_stop(dataset: str, name: str, estimator: str) -> None:
    """trimfill() refits with a stop of 1e-5 on tau2; told a tight one, metafor has our numbers."""
    analysis = analysis_of(dataset, name)
    loose = analysis["trimfill"][f"REML_{estimator}"]
    (tight,) = (
        t for t in MORE["trimfill_tight"] if (t["dataset"], t["id"], t["estimator"]) == (dataset, name, estimator)
    )
    ours = trim_fill(*used(analysis), estimator=estimator)
    assert ours.k0 == loose["k0"] == tight["k0"]
    assert ours.adjusted.tau2 == pytest.approx(tight["tau2"], rel=CLOSED)
    assert ours.adjusted.estimate == pytest.approx(tight["b"], rel=CLOSED)
    assert abs(loose["tau2"] - tight["tau2"]) < 3e-5  # no more than a few of its steps of 1e-5


def test_the_tight_trim_and_fill_of_the_worst_case() -> None:
    """nielweise2007, risk difference, R0: a fit of the same filled data in R gives tau2 0.001117988, b -0.01797046."""
    ours = trim_fill(*used(analysis_of("nielweise2007", "RD")), estimator="R0").adjusted
    assert ours.tau2 == pytest.approx(0.001117988, abs=5e-10)
    assert ours.estimate == pytest.approx(-0.01797046, abs=5e-9)


@pytest.mark.parametrize(("dataset", "name", "method"), REFUSED_Q0)
def test_q0_without_a_value_is_refused_with_a_way_on(dataset: str, name: str, method: str) -> None:
    analysis = analysis_of(dataset, name)
    y, v = used(analysis)
    assert "missing value where TRUE/FALSE needed" in analysis["trimfill"][f"{method}_Q0"]["error"]
    with pytest.raises(DataError, match=r"Q0.*Use L0 or R0"):
        trim_fill(y, v, method=method_of(method), estimator="Q0")
    whole = bias(y, v, method=method_of(method), fill="Q0")  # the other tests are not lost with it
    assert whole.trim_fill is None
    assert "no_trim_fill" in {note.code for note in whole.notes}
    assert math.isfinite(whole.egger.p)


def test_where_metafor_ends_just_above_0_the_likelihood_falls_from_the_start() -> None:
    risk = used(analysis_of("nielweise2007", "RD"))
    writing = analysis_of("bangertdrowns2004", "SMD")
    order = np.array(writing["cumul"]["order_of_used_rows_one_based"]) - 1
    cases = [tuple(np.delete(column, 8) for column in risk)]
    cases += [tuple(column[order[:k]] for column in used(writing)) for k in (8, 9)]
    for y, v in cases:
        assert pool(y, v).tau2 == 0
        at = log_likelihood(y, v, np.concatenate([[0.0], np.geomspace(1e-12, 10, 400)]), restricted=True)
        assert (np.diff(at) < 1e-12).all()
        assert at[0] > at[-1]
    assert set(BOUNDARY) == {("bangertdrowns2004", "SMD"), ("nielweise2007", "RD")}
    assert egger(*risk, model="REML").tau2 == 0


def test_influence_has_the_values_of_leaving_one_out_where_metafors_has_none() -> None:
    """normand1999, MD by the pooled SD: the same file has tau2 without each trial from leave1out(), which did settle."""
    analysis = analysis_of("normand1999", "MD_HO")
    theirs = analysis["leave1out"]["REML_z"]["tau2"]
    assert [i for i, x in enumerate(analysis["influence_REML"]["tau2.del"]) if x is None] == [2, 5, 7]
    assert influence(*used(analysis)).tau2_del == pytest.approx(theirs, rel=CLOSED)


def test_a_slope_through_0_has_the_q_of_its_definition() -> None:
    """Without an intercept metafor 3.8-1 takes the plain mean off the effects before it forms QE, which that model does
    not allow: its QE is 209.7 where the weighted squares of its own residuals are 48.7."""
    data, theirs = MORE["regression_data"], MORE["slope_through_0"]
    ours = regress(data["yi"], data["vi"], {"ablat": data["ablat"]}, method="CE", test="z", intercept=False)
    assert ours.b[0] == pytest.approx(theirs["b"], rel=1e-12)
    assert ours.se[0] == pytest.approx(theirs["se"], rel=1e-12)
    assert ours.qe == pytest.approx(theirs["QE_by_definition"], rel=1e-12)
    y, w, x = np.array(data["yi"]), 1 / np.array(data["vi"]), np.array(data["ablat"], dtype=float)
    centred = y - y.mean()
    assert theirs["QE"] == pytest.approx((w * centred**2).sum() - (w * x * centred).sum() ** 2 / (w * x**2).sum())


def test_effects_that_are_all_the_same_keep_walds_error() -> None:
    """Knapp and Hartung's spread is 0 there; metafor's interval is a point and its test infinite."""
    found, wald = pool([0.3] * 4, [0.1, 0.2, 0.3, 0.4]), pool([0.3] * 4, [0.1, 0.2, 0.3, 0.4], test="z")
    assert found.se == wald.se
    assert found.df == 3
    assert [note.code for note in found.notes] == ["no_spread", "no_variance_found"]
    without = leave_one_out([0.3, 0.3, 0.3, 0.9], [0.1, 0.2, 0.3, 0.4]).without
    assert (without.se > 0.1).all()


def test_influence_where_the_other_trials_are_all_the_same_is_finite() -> None:
    """It once divided 0 by 0."""
    for y in ([1, 1, 5], [1, 1, 1, 1]):
        found = influence(y, [0.1, 0.1, 0.2, 0.3][: len(y)], test="knha")
        assert np.isfinite(found.rstudent).all()
        assert np.isfinite(found.dfbetas).all()


def test_dffits_divide_by_the_leverage_in_the_whole_analysis() -> None:
    """Not by that among all trials with the tau2 found without one. metafor, BCG vaccine, first trial, REML."""
    theirs = document("bcg")["analyses"][0]["influence_REML"]["dffits"]
    assert influence(*used(document("bcg")["analyses"][0])).dffits == pytest.approx(theirs, rel=1e-6)


def test_a_p_of_the_rank_test_is_exact_for_fifty_trials_and_more() -> None:
    """R's cor.test turns to the normal approximation at 50, metafor's ranktest does not. 51 trials in falling order of
    size and effect: one of 51! orders to each side."""
    from neurodash.evidence import rank_test

    found = rank_test(np.linspace(0, 5, 51) ** 3, np.linspace(0.1, 0.11, 51))
    assert found.exact
    assert found.tau == pytest.approx(1)
    assert found.p == pytest.approx(2 / math.factorial(51), rel=1e-9)


def test_robust_errors_where_every_cluster_says_the_same_are_refused() -> None:
    model = multilevel([0.0, 1.0, -1.0, 2.0], [1.0] * 4, list("aabb"))
    with pytest.raises(DataError, match="no spread between the clusters"):
        robust(model, estimator="CR0")
