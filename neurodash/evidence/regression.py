"""Why trials differ: meta-regression, its permutation test, and subgroups."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import special

from neurodash.errors import DataError, Problem
from neurodash.evidence.analysis import (
    NOT_KNOWN,
    Analysis,
    Floats,
    Note,
    call_of,
    column,
    figure,
    level_of,
    one_of,
    p_figure,
    quantile,
    shown,
    table,
    two_sided,
)
from neurodash.evidence.heterogeneity import (
    METHODS,
    Linear,
    estimate,
    log_likelihood,
    standard_error,
    typical_variance,
)
from neurodash.evidence.pooling import TESTS, Interval, Pooled, as_effects, pool

FEW_PER_TERM = 10  # trials a coefficient should rest on. Cochrane Handbook 10.11.5.1
MOST_LEVELS = 100  # of a moderator in words: each but one is a column
SAME = 1e-10  # relative: a permuted statistic this close to the observed one counts as equal to it


@dataclass(frozen=True, kw_only=True)
class Regression(Analysis):
    """A mixed-effects meta-regression of k trials on p terms.

    `b`, `se`, `statistic`, `p`, `ci_low`, `ci_high` have shape (p,), in the order of `terms`. `qm` tests all terms but the
    intercept (`qm_df`, and `qm_df2` where it is an F), `qe` what is left between the trials. `r2` (per cent) is the share
    of tau2 that the terms take away, NaN without an intercept.
    """

    k: int
    terms: tuple[str, ...]
    method: str
    test: str
    level: float
    b: Floats
    se: Floats
    statistic: Floats
    df: float | None
    p: Floats
    ci_low: Floats
    ci_high: Floats
    covariance: Floats = field(repr=False)
    tau2: float
    se_tau2: float
    tau: float
    i2: float
    h2: float
    r2: float
    qe: float
    qe_df: int
    qe_p: float
    qm: float
    qm_df: int
    qm_df2: float | None
    qm_p: float
    typical_variance: float
    log_likelihood: float
    aic: float
    bic: float
    yi: Floats = field(repr=False)
    vi: Floats = field(repr=False)
    x: Floats = field(repr=False)
    labels: tuple[str, ...] = field(repr=False)

    def predict(self, *values: float) -> tuple[float, Interval, Interval]:
        """The mean effect where the terms after the intercept have these values, its interval and its prediction."""
        row = np.array([1.0, *values] if self.terms[0] == "intercept" else values, dtype=np.float64)
        if row.size != len(self.terms):
            raise DataError(
                [Problem("predict", f"{len(values)} values", f"one for each of: {', '.join(self.terms[1:])}")]
            )
        mean, variance = float(row @ self.b), float(row @ self.covariance @ row)
        reach = float(quantile(self.level, self.df))
        near, far = reach * variance**0.5, reach * (variance + self.tau2) ** 0.5
        return mean, Interval(mean - near, mean + near, self.level), Interval(mean - far, mean + far, self.level)

    def _rows(self) -> list[dict[str, Any]]:
        names = ("b", "se", "statistic", "p", "ci_low", "ci_high")
        columns = zip(*(getattr(self, name).tolist() for name in names), strict=True)
        return [
            {"term": term, **dict(zip(names, row, strict=True))} for term, row in zip(self.terms, columns, strict=True)
        ]

    def __str__(self) -> str:
        letter = "z" if self.df is None else "t"
        rows = [
            [term, *(figure(float(x)) for x in numbers)]
            for term, *numbers in zip(self.terms, self.b, self.se, self.statistic, self.p, self.ci_low, self.ci_high, strict=True)
        ]  # fmt: skip
        kind = "F" if self.qm_df2 is not None else "QM"
        lines = [
            f"Meta-regression: tau² by {self.method}, {self.test} test, k = {self.k}",
            "",
            table(["term", "b", "SE", letter, "p", "low", "high"], rows),
            "",
            f"test of the terms  {kind}({self.qm_df}{'' if self.qm_df2 is None else f', {self.qm_df2:g}'}) = {figure(self.qm)}, p {p_figure(self.qm_p)}",
            f"left over          tau² {figure(self.tau2)}, I² {figure(self.i2, 1)} %, QE {figure(self.qe)} on {self.qe_df} df, p {p_figure(self.qe_p)}",
            f"explained          R² {figure(self.r2, 1)} %",
        ]
        return "\n".join([*lines, *(f"Note: {note}" for note in self.notes)])


def regress(
    yi: Any,
    vi: Any = None,
    moderators: Mapping[str, Any] | None = None,
    *,
    method: str = "REML",
    test: str = "knha",
    level: float = 95,
    intercept: bool = True,
    labels: Sequence[str] | None = None,
) -> Regression:
    """Regress k effects on moderators.

    Give `Effects`, or `yi` and `vi` > 0 of shape (k,). `moderators` maps a name to k numbers, or to k texts: texts become
    one 0/1 column for each level but the first in the alphabet. A trial whose moderator is missing (None, NaN, "") is left
    out and named in the notes. `method`, `test`, `level` as for `pool`; R2 compares with the model without moderators.

    Raises DataError where trials cannot be used, where terms repeat each other, or where k <= p.
    Source: Raudenbush 2009; Knapp and Hartung 2003; R2: Raudenbush 2009, eq. 16.35.
    """
    one_of("method", method, METHODS)
    one_of("test", test, TESTS)
    level = level_of(level)
    effects = as_effects(yi, vi, labels)
    y, v, names = effects.yi, effects.vi, effects.labels
    x, terms, there = _design(moderators or {}, y.size, intercept)
    notes = []
    if not there.all():
        left = ", ".join(names[int(i)] for i in np.flatnonzero(~there))
        notes.append(Note("left_out", f"Left out, because a moderator is missing: {left}."))
        y, v, x = y[there], v[there], x[there]
        names = tuple(name for name, use in zip(names, there, strict=True) if use)
    _refuse_bad_design(x, terms)
    found = _fitted(y, v, x, method, test)
    k, p = x.shape
    freedom = k - p
    df = None if test == "z" else float(freedom)
    reach = float(quantile(level, df))
    b, se = found["b"], found["se"]
    model = Linear(y[:, None], v[:, None], x)
    tau2 = np.array([found["tau2"]])
    tested = [i for i, term in enumerate(terms) if term != "intercept"] or list(range(p))
    qm, qm_df2, qm_p = _omnibus(b, found["covariance"], tested, df)
    alone = pool(y, v, method=method, test="z")
    likelihood = float(log_likelihood(model, tau2, restricted=method == "REML")[0])
    parameters, n = p + (method != "CE"), k - (p if method == "REML" else 0)
    typical = float(typical_variance(model)[0])
    qe = found["qe"]
    if method == "CE":
        i2, h2 = (max(0.0, 100 * (qe - freedom) / qe) if qe > 0 else 0.0), qe / freedom
    else:
        i2, h2 = 100 * found["tau2"] / (typical + found["tau2"]), found["tau2"] / typical + 1
    if k < FEW_PER_TERM * max(1, p - intercept):
        notes.append(
            Note(
                "few_trials",
                f"{k} trials for {p - intercept} moderator term{'' if p - intercept == 1 else 's'}: about {FEW_PER_TERM} a term are usually asked for.",
            )
        )
    if found["several"]:
        notes.append(
            Note(
                "several_maxima",
                "The likelihood has several maxima in tau²; the highest was taken (checked on a grid).",
            )
        )
    if method == "CE" and test != "z":
        notes.append(
            Note("knha_with_common_effect", "Knapp and Hartung's test is not meant for a common-effect model.")
        )
    return Regression(
        k=k, terms=terms, method=method, test=test, level=level, b=b, se=se, statistic=b / se, df=df,
        p=np.asarray(two_sided(b / se, df)), ci_low=b - reach * se, ci_high=b + reach * se, covariance=found["covariance"],
        tau2=found["tau2"], se_tau2=float(standard_error(model, method, tau2)[0]), tau=found["tau2"] ** 0.5, i2=i2, h2=h2,
        r2=_explained(alone, found["tau2"], h2) if intercept else NOT_KNOWN,
        qe=qe, qe_df=freedom, qe_p=float(special.chdtrc(freedom, qe)), qm=qm, qm_df=len(tested), qm_df2=qm_df2, qm_p=qm_p,
        typical_variance=typical, log_likelihood=likelihood, aic=-2 * likelihood + 2 * parameters,
        bic=-2 * likelihood + parameters * math.log(n), yi=y, vi=v, x=x, labels=names, notes=tuple(notes),
        call=call_of("regress", "yi", "vi", "{" + ", ".join(f"{name!r}: …" for name in moderators or {}) + "}",
                     method=method, test=test, level=level, intercept=None if intercept else False),
    )  # fmt: skip


def _fitted(y: Floats, v: Floats, x: Floats, method: str, test: str) -> dict[str, Any]:
    model = Linear(y[:, None], v[:, None], x)
    found = estimate(model, method)
    fit = model.fit(model.weights(found.value))
    scale = 1.0 if test == "z" else float(fit.rss[0]) / (x.shape[0] - x.shape[1])
    if test == "adhoc":
        scale = max(scale, 1.0)
    covariance = (scale if scale > 1e-14 else 1.0) * fit.inverse[0]
    zero = np.zeros(1)
    return {
        "b": fit.b[0], "covariance": covariance, "se": np.sqrt(np.diag(covariance)), "tau2": float(found.value[0]),
        "several": bool(found.several[0]), "qe": float(model.fit(model.weights(zero)).rss[0]),
    }  # fmt: skip


def _explained(alone: Pooled, tau2: float, h2: float) -> float:
    """R2 in per cent: the share of tau2 taken away; for a common effect, the adjusted R2 of the weighted regression."""
    before, after = (alone.h2, h2) if alone.method == "CE" else (alone.tau2, tau2)
    return max(0.0, 100 * (before - after) / before) if before > 0 else 0.0


def _omnibus(
    b: Floats, covariance: Floats, tested: Sequence[int], df: float | None
) -> tuple[float, float | None, float]:
    part = b[tested]
    chi2 = float(part @ np.linalg.solve(covariance[np.ix_(tested, tested)], part))
    if df is None:
        return chi2, None, float(special.chdtrc(len(tested), chi2))
    f = chi2 / len(tested)
    return f, df, float(special.fdtrc(len(tested), df, f))


def _design(moderators: Mapping[str, Any], k: int, intercept: bool) -> tuple[Floats, tuple[str, ...], Any]:
    """The design matrix, the names of its columns, and which trials have every moderator."""
    if not isinstance(moderators, Mapping):
        raise DataError(
            [Problem("moderators", type(moderators).__name__, "a name for each list of values: {'dose': [...]}")]
        )
    columns: list[Floats] = [np.ones(k)] if intercept else []
    terms = ["intercept"] if intercept else []
    there = np.ones(k, dtype=bool)
    problems = []
    for name, values in moderators.items():
        if name == "intercept":
            problems.append(Problem("moderator intercept", "the name of the constant term", "another name"))
            continue
        if not np.iterable(values):
            problems.append(Problem(f"moderator {name}", f"{values}", f"a list of {k}, one a trial"))
            continue
        listed = [None if x is None or x == "" or (isinstance(x, float) and math.isnan(x)) else x for x in values]
        if len(listed) != k:
            problems.append(Problem(f"moderator {name}", f"{len(listed)} values", f"{k}, one a trial"))
            continue
        own = np.array([x is not None for x in listed])
        there &= own
        if any(isinstance(x, str) for x in listed):
            levels = sorted({str(x) for x in listed if x is not None})
            if len(levels) > MOST_LEVELS:
                problems.append(
                    Problem(f"moderator {name}", f"{len(levels)} different words", f"at most {MOST_LEVELS}")
                )
                continue
            for each in levels[1:] if intercept else levels:
                columns.append(np.array([float(x is not None and str(x) == each) for x in listed]))
                terms.append(f"{name}: {each}")
            if len(levels) < 2:
                problems.append(
                    Problem(f"moderator {name}", f"only “{levels[0] if levels else 'nothing'}”", "two levels or more")
                )
        else:
            columns.append(column([math.nan if x is None else x for x in listed], f"moderator {name}"))
            terms.append(name)
            infinite = [i for i, x in enumerate(listed) if x is not None and math.isinf(float(x))]
            problems += [Problem(f"moderator {name}[{i}]", shown(listed[i]), "a finite number") for i in infinite]
    if not columns:
        problems.append(Problem("moderators", "none", "at least one moderator, or an intercept"))
    if problems:
        raise DataError(problems)
    return np.column_stack(columns), tuple(terms), there


def _refuse_bad_design(x: Floats, terms: Sequence[str]) -> None:
    k, p = x.shape
    if k <= p:
        raise DataError(
            [
                Problem(
                    "moderators",
                    f"{k} trials for {p} coefficients",
                    "more trials than coefficients",
                    "Leave a moderator out.",
                )
            ]
        )
    scaled = x / np.maximum(np.abs(x).max(0), 1e-300)
    rank = np.linalg.matrix_rank(scaled)
    if rank < p:
        known: list[int] = []
        repeated = []
        for i in range(p):
            if np.linalg.matrix_rank(scaled[:, [*known, i]]) > len(known):
                known.append(i)
            else:
                repeated.append(terms[i])
        raise DataError(
            [
                Problem(
                    "moderators",
                    f"nothing new in: {', '.join(repeated)}",
                    "terms that do not repeat each other",
                    "Leave it out, or merge levels.",
                )
            ]
        )


# Permutation


@dataclass(frozen=True, kw_only=True)
class Permutation(Analysis):
    """p values of a meta-regression from permuting its moderators among the trials. `exact` where every order was tried."""

    terms: tuple[str, ...]
    p: Floats
    qm_p: float
    iterations: int
    exact: bool

    def _rows(self) -> list[dict[str, Any]]:
        return [{"term": term, "p": p} for term, p in zip(self.terms, self.p.tolist(), strict=True)]

    def __str__(self) -> str:
        how = f"all {self.iterations} orders" if self.exact else f"{self.iterations} random orders"
        rows = [[term, figure(float(p))] for term, p in zip(self.terms, self.p, strict=True)]
        return f"Permutation test, {how}; test of the terms: p {p_figure(self.qm_p)}\n{table(['term', 'p'], rows)}"


def permutation_test(regression: Regression, *, iterations: int = 1000, seed: int) -> Permutation:
    """How often chance orders of the moderators give statistics as large as the observed ones, for small k.

    Where k! is not above `iterations` every order is tried and the test is exact; else `iterations` random orders
    (the observed one among them) by `seed`. The model is fitted anew each time, tau2 included.
    Source: Higgins and Thompson 2004, Stat Med 23:1663-1682.
    """
    if not 10 <= iterations <= 100_000:
        raise DataError([Problem("iterations", f"{iterations}", "a whole number from 10 to 100000")])
    y, v, x = regression.yi, regression.vi, regression.x
    k, p = x.shape
    exact = math.factorial(k) <= iterations if k <= 12 else False
    if exact:
        orders = np.array(list(itertools.permutations(range(k))))
    else:
        rng = np.random.default_rng(seed)
        orders = np.array([np.arange(k), *(rng.permutation(k) for _ in range(iterations - 1))])
    statistics, omnibus = [], []
    tested = [i for i, term in enumerate(regression.terms) if term != "intercept"] or list(range(p))
    for start in range(0, len(orders), 500):
        part = orders[start : start + 500]
        m = len(part)
        model = Linear(np.repeat(y[:, None], m, 1), np.repeat(v[:, None], m, 1), np.moveaxis(x[part], 0, 2))
        fit = model.fit(model.weights(estimate(model, regression.method).value))
        scale = np.ones(m) if regression.test == "z" else fit.rss / (k - p)
        if regression.test == "adhoc":
            scale = np.maximum(scale, 1.0)
        covariance = scale[:, None, None] * fit.inverse
        statistics.append(np.abs(fit.b) / np.sqrt(np.einsum("mpp->mp", covariance)))
        block = covariance[:, tested][:, :, tested]
        omnibus.append(np.einsum("mp,mp->m", fit.b[:, tested], np.linalg.solve(block, fit.b[:, tested, None])[:, :, 0]))
    all_b, all_qm = np.concatenate(statistics), np.concatenate(omnibus)
    reached = all_b >= np.abs(regression.statistic) * (1 - SAME)
    observed = regression.qm * (len(tested) if regression.qm_df2 is not None else 1)
    return Permutation(
        terms=regression.terms, p=reached.mean(0), qm_p=float((all_qm >= observed * (1 - SAME)).mean()),
        iterations=len(orders), exact=exact,
        call=call_of("permutation_test", regression.call, iterations=iterations, seed=seed),
        notes=(),
    )  # fmt: skip


# Subgroups


KNHA_BY_CHI2 = (
    "The groups' Knapp-Hartung errors are compared by chi-squared, each group with its own tau², which is bold where groups "
    "are small. A meta-regression with the group as moderator (F, one tau²; on the command line --moderator) is more careful."
)


@dataclass(frozen=True, kw_only=True)
class Subgroups(Analysis):
    """A pooled result for each group, and a test of whether the groups differ."""

    groups: tuple[Pooled, ...]
    names: tuple[str, ...]
    tau2_of: str
    qb: float
    qb_df: int
    qb_p: float

    def _rows(self) -> list[dict[str, Any]]:
        return [{"group": name, **group._rows()[0]} for name, group in zip(self.names, self.groups, strict=True)]

    def __str__(self) -> str:
        rows = [
            [name, str(g.k), figure(g.estimate), figure(g.ci_low), figure(g.ci_high), figure(g.tau2), figure(g.i2, 1)]
            for name, g in zip(self.names, self.groups, strict=True)
        ]
        test = f"test between groups  Q = {figure(self.qb)} on {self.qb_df} df, p {p_figure(self.qb_p)}"
        lines = [table(["group", "k", "estimate", "low", "high", "tau²", "I² %"], rows), test]
        return "\n".join([*lines, *(f"Note: {note}" for note in self.notes)])


def subgroups(
    yi: Any,
    vi: Any = None,
    by: Sequence[Any] = (),
    *,
    method: str = "REML",
    test: str = "knha",
    level: float = 95,
    labels: Sequence[str] | None = None,
) -> Subgroups:
    """Pool each group of trials by itself and test whether the groups differ.

    `by` names the group of each of the k trials. Each group has its own tau2; the test compares the pooled results by
    their standard errors (chi-squared on groups - 1 df). For one common tau2 use `regress` with the group as moderator.
    Raises DataError where a group is missing or fewer than two remain. Source: Borenstein 2009, chapter 19.
    """
    effects = as_effects(yi, vi, labels)
    if len(by) != effects.k:
        raise DataError([Problem("by", f"{len(by)} groups", f"{effects.k}, one a trial")])
    group_of = [None if g is None or g == "" or (isinstance(g, float) and math.isnan(g)) else str(g) for g in by]
    missing = [
        Problem(f"trial {effects.labels[i]}, by", "nothing", "the name of a group")
        for i, g in enumerate(group_of)
        if g is None
    ]
    kinds = sorted({g for g in group_of if g is not None})
    if missing or len(kinds) < 2:
        raise DataError(missing or [Problem("by", f"only the group “{kinds[0]}”", "two groups or more")])
    pooled = []
    for kind in kinds:
        own = [i for i, g in enumerate(group_of) if g == kind]
        pooled.append(pool(effects.take(own), method=method, test=test, level=level))
    w = np.array([1 / g.se**2 for g in pooled])
    b = np.array([g.estimate for g in pooled])
    qb = float((w * (b - (w * b).sum() / w.sum()) ** 2).sum())
    small = [kind for kind, g in zip(kinds, pooled, strict=True) if g.k < 3]
    return Subgroups(
        groups=tuple(pooled), names=tuple(kinds), tau2_of="each group", qb=qb, qb_df=len(kinds) - 1,
        qb_p=float(special.chdtrc(len(kinds) - 1, qb)),
        notes=(
            *([Note("small_groups", f"Fewer than three trials in: {', '.join(small)}.")] if small else []),
            *([Note("chi_squared_test", KNHA_BY_CHI2)] if test != "z" else []),
        ),
        call=call_of("subgroups", "yi", "vi", "by", method=method, test=test, level=level),
    )  # fmt: skip
