"""Every number of the reference files beside ours.

A comparer yields `(path, ours)` for the leaves of one part of a file: `path` leads to the leaf inside the part. What a
comparer does not yield, the completeness guard in test_agreement.py misses.
"""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neurodash.errors import DataError
from neurodash.evidence import (
    cumulative,
    effect_sizes,
    egger,
    heterogeneity_interval,
    influence,
    leave_one_out,
    mantel_haenszel,
    multilevel,
    peto,
    pool,
    rank_test,
    regress,
    robust,
    trim_fill,
)

REFERENCE = Path(__file__).with_name("reference")
DATASETS = tuple(
    path.stem for path in sorted(REFERENCE.glob("*.json")) if path.stem != "more"
)  # more.json has tests of its own

CLOSED = 1e-6  # relative, the promise. Worst seen 9e-8 (three levels) and 4e-8 (one mean)
SEARCHED = 1e-4  # relative: bounds that metafor finds by a root search of its own tolerance. Worst seen 3e-10
ZERO_TAU2 = 1e-10  # absolute: at the boundary Fisher scoring ends at a positive tau2 of about 1e-15

PathTo = tuple[str | int, ...]
Ours = Iterator[tuple[PathTo, Any]]
REFUSED = "DataError"  # stands for our answer where metafor stops with an error


@dataclass(frozen=True)
class Compared:
    """One leaf: where it is, metafor's value, ours."""

    path: PathTo
    theirs: Any
    ours: Any

    def __str__(self) -> str:
        return f"{'/'.join(map(str, self.path))}: metafor {self.theirs!r}, here {self.ours!r}"

    @property
    def difference(self) -> float:
        """Relative, 0 where both have no value, infinite where only one has."""
        theirs, ours = number(self.theirs), number(self.ours)
        if isinstance(theirs, str) or isinstance(ours, str):
            return 0.0 if theirs == ours else math.inf
        if math.isnan(theirs) or math.isnan(ours):
            return 0.0 if math.isnan(theirs) and math.isnan(ours) else math.inf
        if theirs == ours:
            return 0.0
        return abs(ours - theirs) / abs(theirs) if theirs else math.inf

    @property
    def searched(self) -> bool:
        inside_interval = any(part in ("confint_tau2", "confint_profile_likelihood") for part in self.path)
        return inside_interval and any(part in ("ci_lb", "ci_ub") for part in self.path)

    @property
    def agrees(self) -> bool:
        return self.difference <= (SEARCHED if self.searched else CLOSED)


def number(value: Any) -> float | str:
    """A leaf as a float: null is NaN, and infinite values are written out as words."""
    if value is None:
        return math.nan
    if value in ("Infinity", "-Infinity"):
        return float(value.replace("Infinity", "inf"))
    return value if isinstance(value, str) else float(value)


@functools.cache
def document(dataset: str) -> dict[str, Any]:
    return json.loads((REFERENCE / f"{dataset}.json").read_text(encoding="utf-8"))


def leaves(value: Any, path: PathTo = ()) -> Iterator[tuple[PathTo, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from leaves(item, (*path, i))
    else:
        yield path, value


def parts() -> list[tuple[str, PathTo]]:
    """Every (dataset, path) that a comparer works on: analyses x what was analysed."""
    found: list[tuple[str, PathTo]] = []
    for dataset in DATASETS:
        for i, analysis in enumerate(document(dataset)["analyses"]):
            found += [(dataset, ("analyses", i, name)) for name in analysis if name in COMPARERS]
        if "multilevel" in document(dataset):
            found.append((dataset, ("multilevel",)))
    return found


def name_of(part: tuple[str, PathTo]) -> str:
    dataset, path = part
    if path[0] == "analyses":
        return f"{dataset}-{document(dataset)['analyses'][path[1]]['id']}-{path[2]}"
    return f"{dataset}-{path[0]}"


@functools.cache
def compared(dataset: str, path: PathTo) -> tuple[Compared, ...]:
    """Every leaf of a part that a comparer knows, with ours beside it."""
    whole = document(dataset)
    if path[0] == "multilevel":
        return _looked_up(whole["multilevel"], path, _multilevel(whole))
    analysis = whole["analyses"][path[1]]
    return _looked_up(analysis[path[2]], path, COMPARERS[path[2]](whole, analysis))


def _looked_up(part: Any, prefix: PathTo, ours: Ours) -> tuple[Compared, ...]:
    theirs = dict(leaves(part))
    return tuple(Compared((*prefix, *path), theirs[path], value) for path, value in ours)


def used(analysis: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """yi and vi of the rows an analysis used."""
    rows = np.array(analysis["rows_used_one_based"]) - 1
    return tuple(np.array(analysis["escalc"][name], dtype=float)[rows] for name in ("yi", "vi"))


def method_of(name: str) -> str:
    """Theirs is "EE" where ours is "CE", the common effect."""
    return {"EE": "CE"}.get(name, name)


def _listed(fields: dict[str, Any], their: dict[str, Any], *prefix: str | int) -> Ours:
    """Ours for each field that the reference has; a vector leaf by leaf."""
    for name, ours in fields.items():
        if name in their:
            if isinstance(their[name], list):
                for i in range(len(their[name])):
                    yield (*prefix, name, i), np.ravel(ours)[i]
            else:
                yield (*prefix, name), ours


# Effect sizes


def columns_of(whole: dict[str, Any], call: str) -> dict[str, Any]:
    """Our columns from the data, as the call of escalc names them."""
    data = whole["data"]
    if "m1i=" in call:
        return {name: data[name + "i"] for name in ("m1", "sd1", "n1", "m2", "sd2", "n2")}
    if "ri=" in call:
        return {"r": data["ri"], "n": data["ni"]}
    if "xi=" in call:
        return {"events": data["xi"], "n": data["ni"]}
    if "bi=tneg" in call:
        return {
            "events1": data["tpos"],
            "n1": np.add(data["tpos"], data["tneg"]),
            "events2": data["cpos"],
            "n2": np.add(data["cpos"], data["cneg"]),
        }
    return {"events1": data["ai"], "n1": data["n1i"], "events2": data["ci"], "n2": data["n2i"]}


def _escalc(whole: dict[str, Any], analysis: dict[str, Any]) -> Ours:
    call, theirs = analysis["escalc_call"], analysis["escalc"]
    if call.startswith("escalc("):
        told = dict(re.findall(r'(measure|vtype|to)="(\w+)"', call))
        variant = {"variance": told["vtype"]} if "vtype" in told else {}
        columns = {name: np.asarray(x)[: len(theirs["yi"])] for name, x in columns_of(whole, call).items()}
        made = effect_sizes(told["measure"], **variant, add_to=told.get("to", "only0"), **columns)
    else:  # the data set has effects of its own
        data = whole["data"]
        rows = [
            i
            for i, kind in enumerate(data.get("outcome", theirs["yi"]))
            if kind == analysis["id"][:2] or "outcome" not in data
        ]
        made = effect_sizes("GEN", **{name: np.array(data[name])[rows][: len(theirs["yi"])] for name in ("yi", "vi")})
    yield from _listed({"yi": made.yi, "vi": made.vi}, theirs)


# One mean


def _pooled_fields(one: Any) -> dict[str, Any]:
    """What `Pooled` and `Regression` share with a fit of rma()."""
    return {
        "k": one.k, "method": {"CE": "EE"}.get(one.method, one.method), "test": one.test, "dfs": one.df, "tau2": one.tau2,
        "se_tau2": one.se_tau2, "tau": one.tau, "I2_percent": one.i2, "H2": one.h2, "vt": one.typical_variance,
        "logLik": one.log_likelihood, "AIC": one.aic, "BIC": one.bic,
    }  # fmt: skip


def _fits(whole: dict[str, Any], analysis: dict[str, Any]) -> Ours:
    y, v = used(analysis)
    for key, theirs in analysis["fits"].items():
        method, test = key.rsplit("_", 1)
        one = pool(y, v, method=method_of(method), test=test)
        new_trial = pool(y, v, method=method_of(method), test=test, prediction="hts")
        fields = {
            **_pooled_fields(one), "p": 1, "b": one.estimate, "se": one.se, "stat": one.statistic, "pval": one.p,
            "ci_lb": one.ci_low, "ci_ub": one.ci_high, "vb": one.se**2, "QE": one.q, "QE_df": one.q_df, "QE_pval": one.q_p,
            "QM": one.statistic**2, "QM_df1": 1, "QM_df2": one.df, "QM_pval": one.p,
            "predict_pred": one.estimate, "predict_se": one.se, "predict_ci_lb": one.ci_low, "predict_ci_ub": one.ci_high,
            "pi_lb": one.pi_low, "pi_ub": one.pi_high,
            "pi_t_km2_lb": new_trial.pi_low, "pi_t_km2_ub": new_trial.pi_high,
        }  # fmt: skip
        yield from _listed(fields, theirs, key)


def _other_estimators(whole: dict[str, Any], analysis: dict[str, Any]) -> Ours:
    y, v = used(analysis)
    for method, theirs in analysis["other_tau2_estimators"].items():
        one = pool(y, v, method=method, test="z")
        fields = {"tau2": one.tau2, "se_tau2": one.se_tau2, "b": one.estimate, "se": one.se, "I2_percent": one.i2}
        yield from _listed(fields, theirs, method)


def _interval_fields(interval: Any, one: Any) -> dict[str, Any]:
    names = ("tau2", "tau", "i2", "h2")
    return {
        "estimate": [getattr(one, name) for name in names],
        "ci_lb": [getattr(interval, f"{name}_low") for name in names],
        "ci_ub": [getattr(interval, f"{name}_high") for name in names],
        "ci_null": interval.empty,
    }


def _q_profile(whole: dict[str, Any], analysis: dict[str, Any]) -> Ours:
    y, v = used(analysis)
    interval = heterogeneity_interval(y, v)
    for method, theirs in analysis["confint_tau2"].items():
        yield from _listed(_interval_fields(interval, pool(y, v, method=method)), theirs, method)


def _pooled_2x2(whole: dict[str, Any], analysis: dict[str, Any]) -> Ours:
    tables = columns_of(whole, analysis["escalc_call"])
    for key, theirs in analysis["pooled_2x2"].items():
        one = peto(**tables) if key == "rma_peto" else mantel_haenszel(key.removeprefix("rma_mh_"), **tables)
        fields = {
            "b": one.estimate, "se": one.se, "ci_lb": one.ci_low, "ci_ub": one.ci_high, "zval": one.statistic,
            "pval": one.p, "QE": one.q, "QE_pval": one.q_p, "MH": one.cochran, "TA": one.tarone,
        }  # fmt: skip
        yield from _listed(fields, theirs, key)


# Small-study effects


def _regtest(whole: dict[str, Any], analysis: dict[str, Any]) -> Ours:
    y, v = used(analysis)
    for key, theirs in analysis["regtest"].items():
        if key == "lm_sei":
            one = egger(y, v)
        else:
            _, method, predictor = key.split("_")
            one = egger(y, v, model=method_of(method), predictor=predictor)
        fields = {
            "zval": one.statistic, "tval": one.statistic, "pval": one.p, "dfs": one.df, "limit_est": one.limit,
            "limit_ci_lb": one.limit_low, "limit_ci_ub": one.limit_high, "slope_b": one.slope, "slope_se": one.slope_se,
            "tau2": one.tau2,
        }  # fmt: skip
        yield from _listed(fields, theirs, key)


def _ranktest(whole: dict[str, Any], analysis: dict[str, Any]) -> Ours:
    found = rank_test(*used(analysis))
    yield ("tau",), found.tau
    yield ("pval",), found.p


def _trimfill(whole: dict[str, Any], analysis: dict[str, Any]) -> Ours:
    y, v = used(analysis)
    for key, theirs in analysis["trimfill"].items():
        method, estimator = key.split("_")
        try:
            one = trim_fill(y, v, method=method_of(method), estimator=estimator)
        except DataError:
            fields = {name: REFUSED for name in theirs if name != "call"}
        else:
            adjusted = one.adjusted
            fields = {
                "k0": one.k0, "se_k0": one.se_k0, "side": one.side, "k_total": adjusted.k, "b": adjusted.estimate,
                "se": adjusted.se, "ci_lb": adjusted.ci_low, "ci_ub": adjusted.ci_high, "tau2": adjusted.tau2,
                "I2_percent": adjusted.i2, "p_k0": one.p_k0, "filled_yi": one.filled_yi, "filled_vi": one.filled_vi,
                "error": "a value",
            }  # fmt: skip
        yield from _listed(fields, theirs, key)


# One trial after the other


def _many_fields(many: Any) -> dict[str, Any]:
    return {
        "estimate": many.estimate, "se": many.se, "stat": many.statistic, "pval": many.p, "ci_lb": many.ci_low,
        "ci_ub": many.ci_high, "Q": many.q, "Qp": many.q_p, "tau2": many.tau2, "I2_percent": many.i2, "H2": many.h2,
    }  # fmt: skip


def _leave1out(whole: dict[str, Any], analysis: dict[str, Any]) -> Ours:
    y, v = used(analysis)
    for key, theirs in analysis["leave1out"].items():
        method, test = key.split("_")
        left = leave_one_out(y, v, method=method_of(method), test=test)
        yield from _listed(_many_fields(left.without), theirs, key)


def _cumul(whole: dict[str, Any], analysis: dict[str, Any]) -> Ours:
    y, v = used(analysis)
    order = np.array(analysis["cumul"]["order_of_used_rows_one_based"]) - 1
    place = np.argsort(order)  # the year of each trial, in effect
    for key, theirs in analysis["cumul"].items():
        if isinstance(theirs, dict):
            method, test = key.split("_")
            found = cumulative(y, v, place, method=method_of(method), test=test)
            yield from _listed(_many_fields(found.after), theirs, key)


def _influence(whole: dict[str, Any], analysis: dict[str, Any]) -> Ours:
    one = influence(*used(analysis))
    fields = {
        "rstudent": one.rstudent, "dffits": one.dffits, "cook.d": one.cook_d, "cov.r": one.cov_r,
        "tau2.del": one.tau2_del, "QE.del": one.q_del, "hat": one.hat, "weight": one.weight,
    }  # fmt: skip
    yield from _listed(fields, analysis["influence_REML"])


def _weights(whole: dict[str, Any], analysis: dict[str, Any]) -> Ours:
    for i, weight in enumerate(pool(*used(analysis)).weights):
        yield (i,), weight


# Several terms, several effects of one cluster


def _meta_regression(whole: dict[str, Any], analysis: dict[str, Any]) -> Ours:
    y, v = used(analysis)
    for name, model in analysis["meta_regression"].items():
        rows = np.array(model["rows_used_of_analysis_one_based"]) - 1
        design = model["design_matrix_by_column"]
        moderators = {term: x for term, x in design.items() if term != "intrcpt"}
        interval = heterogeneity_interval(y[rows], v[rows], x=np.column_stack(list(design.values())))
        for key, theirs in model.items():
            if key in ("design_matrix_by_column", "rows_used_of_analysis_one_based"):
                continue
            if key == "confint_tau2":
                one = regress(y[rows], v[rows], moderators)
                yield from _listed(_interval_fields(interval, one), theirs, name, key)
                continue
            method, test = key.split("_")
            one = regress(y[rows], v[rows], moderators, method=method_of(method), test=test)
            fields = {
                **_pooled_fields(one), "p": len(one.terms), "b": one.b, "se": one.se, "stat": one.statistic, "pval": one.p,
                "ci_lb": one.ci_low, "ci_ub": one.ci_high, "vb": one.covariance, "QE": one.qe, "QE_df": one.qe_df,
                "QE_pval": one.qe_p, "QM": one.qm, "QM_df1": one.qm_df, "QM_df2": one.qm_df2, "QM_pval": one.qm_p,
                "R2_percent": one.r2,
            }  # fmt: skip
            yield from _listed(fields, theirs, name, key)


def _robust_fields(one: Any) -> dict[str, Any]:
    return {
        "n_clusters": one.clusters, "p": len(one.terms), "b": one.b, "se": one.se, "stat": one.statistic, "dfs": one.df,
        "pval": one.p, "ci_lb": one.ci_low, "ci_ub": one.ci_high,
    }  # fmt: skip


def _robust(whole: dict[str, Any], analysis: dict[str, Any]) -> Ours:
    y, v = used(analysis)
    for key, theirs in analysis["robust"].items():
        method, estimator = key.split("_")
        model = pool(y, v, method=method_of(method), test="z")
        one = robust(model, whole["data"]["district"], estimator=estimator)
        yield from _listed({"k": model.k, **_robust_fields(one)}, theirs, key)


def _multilevel(whole: dict[str, Any]) -> Ours:
    data = whole["data"]
    for method, theirs in whole["multilevel"].items():
        one = multilevel(data["yi"], data["vi"], data["district"], method=method)
        fields = {
            "k": one.k, "p": 1, "sigma2": [one.between, one.within], "s_nlevels": [one.clusters, one.k], "b": one.estimate,
            "se": one.se, "stat": one.statistic, "dfs": one.df, "pval": one.p, "ci_lb": one.ci_low, "ci_ub": one.ci_high,
            "pi_lb": one.pi_low, "pi_ub": one.pi_high, "QE": one.q, "QE_pval": one.q_p, "logLik": one.log_likelihood,
            "AIC": one.aic, "BIC": one.bic, "I2_percent_total_generalised": one.i2,
            "I2_percent_by_level": [one.i2_between, one.i2_within],
        }  # fmt: skip
        yield from _listed(fields, theirs, method)
        if "t" in theirs:
            by_t = multilevel(data["yi"], data["vi"], data["district"], method=method, test="t")
            again = {
                "se": by_t.se,
                "stat": by_t.statistic,
                "dfs": by_t.df,
                "pval": by_t.p,
                "ci_lb": by_t.ci_low,
                "ci_ub": by_t.ci_high,
            }
            yield from _listed(again, theirs["t"], method, "t")
        for estimator in ("CR0", "CR1", "CR2"):
            if (key := f"robust_{estimator}") in theirs:
                safe = robust(one, estimator=estimator)
                yield from _listed({"k": one.k, **_robust_fields(safe)}, theirs[key], method, key)
        if "confint_profile_likelihood" in theirs:
            for i, interval in enumerate(one.variance_intervals()):
                best = (one.between, one.within)[i]
                bounds = {
                    "estimate": [best, best**0.5],
                    "ci_lb": [interval.low, interval.low**0.5],
                    "ci_ub": [interval.high, interval.high**0.5],
                }
                name = f"sigma2.{i + 1}"
                yield from _listed(
                    bounds, theirs["confint_profile_likelihood"][name], method, "confint_profile_likelihood", name
                )


Comparer = Callable[[dict[str, Any], dict[str, Any]], Ours]
COMPARERS: dict[str, Comparer] = {
    "escalc": _escalc,
    "fits": _fits,
    "other_tau2_estimators": _other_estimators,
    "confint_tau2": _q_profile,
    "regtest": _regtest,
    "ranktest": _ranktest,
    "trimfill": _trimfill,
    "leave1out": _leave1out,
    "cumul": _cumul,
    "influence_REML": _influence,
    "weights_percent_REML": _weights,
    "meta_regression": _meta_regression,
    "pooled_2x2": _pooled_2x2,
    "robust": _robust,
}
