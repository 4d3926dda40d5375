"""What the nine reference files lack, against metafor and R's lm: reference/more.json, made by reference/more.R."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from neurodash.evidence import (
    effect_sizes,
    heterogeneity_interval,
    influence,
    multilevel,
    permutation_test,
    pet_peese,
    pool,
    regress,
    robust,
    subgroups,
    trim_fill,
)
from tests.evidence.agreement import Compared, Ours, document, leaves, used

MORE = document("more")
OPTIMISED = (
    1e-6  # relative: rma.mv() ends where its optimiser is content. Worst seen 5e-7; our likelihood is never lower
)


def _vectors(fields: dict[str, Any], theirs: dict[str, Any], *prefix: str | int) -> Ours:
    for name, ours in fields.items():
        if isinstance(theirs[name], list):
            for i in range(len(theirs[name])):
                yield (*prefix, name, i), np.ravel(ours)[i]
        else:
            yield (*prefix, name), np.ravel(ours)[0]


def _fit_fields(one: Any) -> dict[str, Any]:
    shared = {
        "stat": one.statistic, "se": one.se, "pval": one.p, "ci_lb": one.ci_low, "ci_ub": one.ci_high, "tau2": one.tau2,
        "se_tau2": one.se_tau2, "I2_percent": one.i2, "H2": one.h2, "logLik": one.log_likelihood,
    }  # fmt: skip
    if hasattr(one, "estimate"):
        own = {
            "b": one.estimate,
            "QE": one.q,
            "QE_pval": one.q_p,
            "QM": one.statistic**2,
            "QM_pval": one.p,
            "R2_percent": np.nan,
        }
    else:
        own = {"b": one.b, "QE": one.qe, "QE_pval": one.qe_p, "QM": one.qm, "QM_pval": one.qm_p, "R2_percent": one.r2}
    return {**shared, **own}


def trim_and_fill_with_a_tight_stop() -> Ours:
    for i, theirs in enumerate(MORE["trimfill_tight"]):
        analysis = next(a for a in document(theirs["dataset"])["analyses"] if a["id"] == theirs["id"])
        one = trim_fill(*used(analysis), method="REML", estimator=theirs["estimator"])
        a = one.adjusted
        fields = {
            "dataset": theirs["dataset"], "id": theirs["id"], "estimator": one.estimator, "k0": one.k0, "se_k0": one.se_k0,
            "side": one.side, "b": a.estimate, "se": a.se, "ci_lb": a.ci_low, "ci_ub": a.ci_high, "tau2": a.tau2,
            "I2_percent": a.i2, "filled_yi": one.filled_yi, "filled_vi": one.filled_vi,
        }  # fmt: skip
        yield from _vectors(fields, theirs, "trimfill_tight", i)


def influence_with_dfbetas_for_every_test() -> Ours:
    for i, theirs in enumerate(MORE["influence"]):
        data = theirs["data"]
        one = influence(data["yi"], data["vi"], method=theirs["method"].replace("EE", "CE"), test=theirs["test"])
        names = (
            "rstudent",
            "dffits",
            "cook_d",
            "cov_r",
            "tau2_del",
            "q_del",
            "hat",
            "weight",
            "dfbetas",
            "influential",
        )
        yield from _vectors({name: getattr(one, name) for name in names}, theirs, "influence", i)


def permutation_tests_of_every_order() -> Ours:
    for i, theirs in enumerate(MORE["permutation"]):
        data = theirs["data"]
        model = regress(data["yi"], data["vi"], theirs["moderators"], method=theirs["method"], test=theirs["test"])
        one = permutation_test(model, iterations=720, seed=1)
        assert one.exact
        yield from _vectors({"pval": one.p, "QM_pval": one.qm_p}, theirs, "permutation", i)


def changes_and_rates() -> Ours:
    for i, theirs in enumerate(MORE["effects"]):
        made = effect_sizes(theirs["measure"], **theirs["columns"])
        yield from _vectors({"measure": made.measure, "yi": made.yi, "vi": made.vi}, theirs, "effects", i)


def subgroups_each_with_their_own_tau2() -> Ours:
    theirs = MORE["subgroups"]
    data = theirs["data"]
    one = subgroups(data["yi"], data["vi"], data["by"], test="z")
    yield from _vectors({"QB": one.qb, "QB_df": one.qb_df, "QB_pval": one.qb_p}, theirs, "subgroups")
    for i, (name, group) in enumerate(zip(one.names, one.groups, strict=True)):
        yield from _vectors({"group": name, **_fit_fields(group)}, theirs["groups"][i], "subgroups", "groups", i)


def pet_and_peese_of_lm() -> Ours:
    for i, theirs in enumerate(MORE["pet_peese"]):
        one = pet_peese(theirs["data"]["yi"], theirs["data"]["vi"])
        yield ("pet_peese", i, "pet", "limit_p"), one.pet_p
        for name, fit in (("pet", one.pet), ("peese", one.peese)):
            for field in ("limit", "limit_low", "limit_high", "slope", "slope_se", "statistic", "p"):
                yield ("pet_peese", i, name, field), getattr(fit, field)


def the_mean_at_values_of_the_moderators() -> Ours:
    theirs = MORE["predict"]
    one = regress(theirs["data"]["yi"], theirs["data"]["vi"], {"ablat": theirs["ablat"], "year": theirs["year"]})
    for i, at in enumerate(theirs["at"]):
        mean, near, far = one.predict(*at["values"])
        fields = {"pred": mean, "ci_lb": near.low, "ci_ub": near.high, "pi_lb": far.low, "pi_ub": far.high}
        yield from _vectors(fields, at, "predict", "at", i)


def effects_drawn_towards_the_mean() -> Ours:
    for i, theirs in enumerate(MORE["blup"]):
        value, se = pool(theirs["data"]["yi"], theirs["data"]["vi"], test=theirs["test"]).shrunken()
        yield from _vectors({"pred": value, "se": se}, theirs, "blup", i)


def intervals_of_eighty_per_cent() -> Ours:
    theirs = MORE["level80"]
    data = theirs["data"]
    one = pool(data["yi"], data["vi"], level=80)
    between = heterogeneity_interval(data["yi"], data["vi"], level=80)
    fields = {
        "ci_lb": one.ci_low, "ci_ub": one.ci_high, "pi_lb": one.pi_low, "pi_ub": one.pi_high,
        "tau2_lb": between.tau2_low, "tau2_ub": between.tau2_high,
    }  # fmt: skip
    yield from _vectors(fields, theirs, "level80")


def meta_regression_by_the_other_estimators() -> Ours:
    data = MORE["regression_data"]
    for i, theirs in enumerate(MORE["regression"]):
        one = regress(data["yi"], data["vi"], {"ablat": data["ablat"]}, method=theirs["method"], test=theirs["test"])
        fields = {"method": one.method, "test": one.test, **_fit_fields(one)}
        yield from _vectors(fields, theirs, "regression", i)
    theirs = MORE["regression_without_intercept"]
    means = regress(data["yi"], data["vi"], {"alloc": theirs["alloc"]}, intercept=False)
    yield from _vectors({**_fit_fields(means), "alloc": theirs["alloc"]}, theirs, "regression_without_intercept")


def three_levels() -> Ours:
    for name, theirs in MORE["multilevel"].items():
        for i, fit in enumerate(theirs["fits"]):
            one = multilevel(theirs["yi"], theirs["vi"], theirs["cluster"], method=fit["method"], test=fit["test"])
            fields = {
                "method": one.method, "test": one.test, "sigma2": [one.between, one.within], "b": one.estimate, "se": one.se,
                "stat": one.statistic, "pval": one.p, "ci_lb": one.ci_low, "ci_ub": one.ci_high, "logLik": one.log_likelihood,
                "pi_lb": one.pi_low, "pi_ub": one.pi_high,
            }  # fmt: skip
            assert one.log_likelihood >= fit["logLik"] - 1e-10
            yield from _vectors(fields, fit, "multilevel", name, "fits", i)


def robust_errors_of_a_meta_regression() -> Ours:
    data = MORE["robust_data"]
    model = regress(data["yi"], data["vi"], {"year": data["year"]}, method="DL", test="z")
    for estimator, theirs in MORE["robust_regression"].items():
        one = robust(model, data["cluster"], estimator=estimator)
        assert set(one.df) == {theirs["dfs"]}  # metafor has one df for all
        yield ("robust_regression", estimator, "dfs"), one.df[0]
        yield from _vectors({"b": one.b, "se": one.se, "pval": one.p}, theirs, "robust_regression", estimator)


TOPICS: dict[Callable[[], Ours], float] = {
    trim_and_fill_with_a_tight_stop: 1e-6,
    influence_with_dfbetas_for_every_test: 1e-6,
    permutation_tests_of_every_order: 1e-12,  # shares of whole numbers
    changes_and_rates: 1e-12,  # closed form
    subgroups_each_with_their_own_tau2: 1e-6,
    pet_and_peese_of_lm: 1e-9,  # closed form; p values lose a few digits
    the_mean_at_values_of_the_moderators: 1e-6,
    effects_drawn_towards_the_mean: 1e-6,
    intervals_of_eighty_per_cent: 1e-6,
    meta_regression_by_the_other_estimators: 1e-6,
    three_levels: OPTIMISED,
    robust_errors_of_a_meta_regression: 1e-9,
}


def beside_each_other(topic: Callable[[], Ours]) -> list[Compared]:
    theirs = dict(leaves(MORE))
    return [Compared(path, theirs[path], ours) for path, ours in topic()]


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.__name__)
def test_more_numbers_agree(topic: Callable[[], Ours]) -> None:
    wrong = [one for one in beside_each_other(topic) if one.difference > TOPICS[topic]]
    assert not wrong, "\n".join(f"{one}  ({one.difference:.1e})" for one in wrong[:20])


def test_every_leaf_of_the_additional_file_was_compared_or_went_into_a_result() -> None:
    given = {
        "data", "versions", "moderators", "columns", "values", "ablat", "year", "cluster", "regression_data", "robust_data",
        "name", "slope_through_0",  # the last has a test in test_known_differences.py
    }  # fmt: skip
    seen = {path for topic in TOPICS for path, _ in topic()}
    missed = []
    for path, _ in leaves(MORE):
        names = {part for part in path if isinstance(part, str)}
        settings = path[0] in ("influence", "permutation", "blup") and path[-1] in ("method", "test")
        effects_given = path[0] == "multilevel" and path[2] in ("yi", "vi")
        if path not in seen and not names & given and not settings and not effects_given:
            missed.append(path)
    assert not missed
    assert len(seen) > 2_500
