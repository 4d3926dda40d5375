"""Effects that are not independent: the three-level model, and cluster-robust errors for any model here.

Effects (level 2) lie inside clusters (level 3), such as several outcomes or comparisons of one trial:
y_ij = mu + u_j + u_ij + e_ij, with variances `between` (of u_j), `within` (of u_ij) and the known vi.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import special

from neurodash.errors import DataError, Problem
from neurodash.evidence.analysis import (
    Analysis,
    Floats,
    Note,
    call_of,
    figure,
    level_of,
    one_of,
    p_figure,
    quantile,
    table,
    two_sided,
)
from neurodash.evidence.pooling import Interval, Pooled, as_effects
from neurodash.evidence.regression import Regression

ESTIMATORS = ("CR0", "CR1", "CR2")
MAX_STEPS = 200
TOLERANCE = 1e-12  # of the slope, relative to its own size at the start
MOST = 2_000  # effects: matrices of k x k are built


@dataclass(frozen=True, kw_only=True)
class Multilevel(Analysis):
    """A pooled result of k effects in `clusters` clusters.

    `between` and `within` are the variances between clusters and between the effects of one; `i2_between` and `i2_within`
    their shares in the total (per cent). The test is z, or t with k - 1 df where `test` is "t".
    """

    k: int
    clusters: int
    method: str
    test: str
    level: float
    estimate: float
    se: float
    ci_low: float
    ci_high: float
    pi_low: float
    pi_high: float
    statistic: float
    df: float | None
    p: float
    between: float
    within: float
    i2: float
    i2_between: float
    i2_within: float
    q: float
    q_df: int
    q_p: float
    log_likelihood: float
    aic: float
    bic: float
    yi: Floats = field(repr=False)
    vi: Floats = field(repr=False)
    cluster: tuple[str, ...] = field(repr=False)

    def variance_intervals(self) -> tuple[Interval, Interval]:
        """Profile-likelihood intervals of `between` and `within`. Source: Viechtbauer, metafor, confint.rma.mv."""
        model = _Nested(self.yi, self.vi, self.cluster, self.method == "REML")
        best = np.array([self.between, self.within])
        return (
            Interval(*_profile(model, best, 0, self.level), self.level),
            Interval(*_profile(model, best, 1, self.level), self.level),
        )

    def __str__(self) -> str:
        letter = "z" if self.df is None else f"t({self.df:g})"
        lines = [
            f"Three-level model, {self.method}, {self.k} effects in {self.clusters} clusters",
            "",
            f"estimate          {figure(self.estimate)}  (SE {figure(self.se)})",
            f"{self.level:g} % interval     {figure(self.ci_low)} to {figure(self.ci_high)}",
            f"{self.level:g} % prediction   {figure(self.pi_low)} to {figure(self.pi_high)}",
            f"test              {letter} = {figure(self.statistic)}, p {p_figure(self.p)}",
            f"between clusters  {figure(self.between)}  (I² {figure(self.i2_between, 1)} %)",
            f"within clusters   {figure(self.within)}  (I² {figure(self.i2_within, 1)} %)",
            f"Q                 {figure(self.q)} on {self.q_df} df, p {p_figure(self.q_p)}",
        ]
        return "\n".join([*lines, *(f"Note: {note}" for note in self.notes)])


@dataclass(frozen=True, kw_only=True)
class Robust(Analysis):
    """Coefficients with cluster-robust errors; arrays of shape (p,). `df` differs between coefficients with CR2."""

    estimator: str
    clusters: int
    terms: tuple[str, ...]
    b: Floats
    se: Floats
    statistic: Floats
    df: Floats
    p: Floats
    ci_low: Floats
    ci_high: Floats
    level: float

    def _rows(self) -> list[dict[str, Any]]:
        names = ("b", "se", "statistic", "df", "p", "ci_low", "ci_high")
        columns = zip(*(getattr(self, name).tolist() for name in names), strict=True)
        return [{"term": t, **dict(zip(names, row, strict=True))} for t, row in zip(self.terms, columns, strict=True)]

    def __str__(self) -> str:
        rows = [
            [str(row["term"]), *(figure(row[n]) for n in ("b", "se", "statistic", "df", "p", "ci_low", "ci_high"))]
            for row in self._rows()
        ]
        head = table(["term", "b", "SE", "t", "df", "p", "low", "high"], rows)
        return "\n".join(
            [
                f"Cluster-robust errors ({self.estimator}), {self.clusters} clusters",
                head,
                *(f"Note: {n}" for n in self.notes),
            ]
        )


def multilevel(
    yi: Any,
    vi: Any = None,
    cluster: Sequence[Any] = (),
    *,
    method: str = "REML",
    test: str = "z",
    level: float = 95,
) -> Multilevel:
    """Pool k effects that lie in clusters, such as several outcomes of one trial.

    `cluster` names the cluster of each effect. `method` is "REML" or "ML", `test` "z" or "t" (k - 1 df).
    Raises DataError where effects cannot be used, a cluster is missing, or there are fewer than two clusters.
    Source: Konstantopoulos 2011, Res Synth Methods 2:61-76; I2 by level: Cheung 2014, Psychol Methods 19:211-229,
    with the typical variance of Higgins and Thompson 2002.
    """
    one_of("method", method, ("REML", "ML"))
    one_of("test", test, ("z", "t"))
    level = level_of(level)
    effects = as_effects(yi, vi)
    y, v, names = effects.yi, effects.vi, effects.labels
    groups = _groups(cluster, names)
    model = _Nested(y, v, groups, method == "REML")
    best, settled = _highest(model)
    state = model.at(best)
    k = y.size
    df = None if test == "z" else float(k - 1)
    reach, se, b = float(quantile(level, df)), state.variance**0.5, state.mean
    far = reach * (state.variance + best.sum()) ** 0.5
    w = 1 / v
    typical = (k - 1) / (w.sum() - (w**2).sum() / w.sum())
    total = best.sum() + typical
    q = float((w * (y - (w * y).sum() / w.sum()) ** 2).sum())
    likelihood = state.log_likelihood
    n = k - 1 if method == "REML" else k
    notes = (
        []
        if settled
        else [Note("not_settled", "The search for the variances did not settle; the best point found is shown.")]
    )
    sizes = np.unique(groups, return_counts=True)[1]
    if sizes.max() == 1:
        notes.append(
            Note("one_effect_a_cluster", "Every cluster holds one effect: the two variances cannot be told apart.")
        )
    return Multilevel(
        k=k, clusters=int(sizes.size), method=method, test=test, level=level, estimate=b, se=se, ci_low=b - reach * se,
        ci_high=b + reach * se, pi_low=b - far, pi_high=b + far, statistic=b / se, df=df, p=float(two_sided(b / se, df)),
        between=float(best[0]), within=float(best[1]), i2=float(100 * best.sum() / total), i2_between=float(100 * best[0] / total),
        i2_within=float(100 * best[1] / total), q=q, q_df=k - 1, q_p=float(special.chdtrc(k - 1, q)), log_likelihood=likelihood,
        aic=-2 * likelihood + 6, bic=-2 * likelihood + 3 * float(np.log(n)), yi=y, vi=v, cluster=groups, notes=tuple(notes),
        call=call_of("multilevel", "yi", "vi", "cluster", method=method, test=test, level=level),
    )  # fmt: skip


def robust(
    model: Pooled | Regression | Multilevel,
    cluster: Sequence[Any] = (),
    *,
    estimator: str = "CR2",
    level: float | None = None,
) -> Robust:
    """Standard errors that stay valid when effects of one cluster depend on each other in unknown ways.

    "CR0" is the plain sandwich and "CR1" the same times n / (n - p), both with t of (clusters - p) df; "CR2" takes the
    bias of few clusters out and has Satterthwaite degrees of freedom for each coefficient.
    Raises DataError where a cluster is missing, there are not more clusters than coefficients, or the clusters do not
    differ from each other at all (the error would be 0). Source: Pustejovsky and Tipton 2018, J Bus Econ Stat 36:672-683; Hedges, Tipton and Johnson 2010, Res Synth Methods.
    """
    one_of("estimator", estimator, ESTIMATORS)
    level = level_of(model.level if level is None else level)
    k = model.k
    names = tuple(str(i + 1) for i in range(k))
    if isinstance(model, Multilevel):
        groups = _groups(cluster, names) if len(cluster) else model.cluster
        total = _Nested(model.yi, model.vi, model.cluster, True).total(np.array([model.between, model.within]))
    else:
        groups = _groups(cluster, names)
        total = np.diag(model.vi + model.tau2)
    x = model.x if isinstance(model, Regression) else np.ones((k, 1))
    terms = model.terms if isinstance(model, Regression) else ("intercept",)
    b = model.b if isinstance(model, Regression) else np.array([model.estimate])
    p = x.shape[1]
    kinds = sorted(set(groups))
    if len(kinds) <= p:
        raise DataError([Problem("cluster", f"{len(kinds)} clusters", f"more than {p}, the number of coefficients")])
    w = np.linalg.inv(total)
    bread = np.linalg.inv(x.T @ w @ x)
    residual = model.yi - x @ b
    members = [np.array([g == kind for g in groups]) for kind in kinds]
    if estimator == "CR2":
        covariance, df = _bias_reduced(x, w, total, bread, residual, members)
    else:
        meat = np.zeros((p, p))
        for own in members:
            part = x.T @ w[:, own] @ residual[own]
            meat += np.outer(part, part)
        covariance = bread @ meat @ bread * (len(kinds) / (len(kinds) - p) if estimator == "CR1" else 1.0)
        df = np.full(p, float(len(kinds) - p))
    se = np.sqrt(np.diag(covariance))
    if not (se > 0).all():
        flat = ", ".join(term for term, each in zip(terms, se, strict=True) if not each > 0)
        raise DataError(
            [Problem(f"robust, {flat}", "no spread between the clusters", "clusters that differ from each other", "Use the model's own standard errors.")]
        )  # fmt: skip
    reach = np.asarray(quantile(level, df))
    few = (df < 4).any()
    return Robust(
        estimator=estimator, clusters=len(kinds), terms=tuple(terms), b=b, se=se, statistic=b / se, df=df,
        p=np.asarray(two_sided(b / se, df)), ci_low=b - reach * se, ci_high=b + reach * se, level=level,
        notes=(Note("few_clusters", "Fewer than 4 degrees of freedom: the p value is not to be trusted (Tipton 2015)."),) if few else (),
        call=call_of("robust", model.call, "cluster", estimator=estimator, level=level),
    )  # fmt: skip


def _groups(cluster: Sequence[Any], names: Sequence[str]) -> tuple[str, ...]:
    if len(cluster) != len(names):
        raise DataError([Problem("cluster", f"{len(cluster)} names", f"{len(names)}, one an effect")])
    missing = [
        Problem(f"effect {names[i]}, cluster", "nothing", "the name of its cluster")
        for i, g in enumerate(cluster)
        if g is None or g == "" or (isinstance(g, float) and np.isnan(g))
    ]
    if missing:
        raise DataError(missing)
    groups = tuple(str(g) for g in cluster)
    if len(set(groups)) < 2:
        raise DataError([Problem("cluster", f"only the cluster “{groups[0]}”", "two clusters or more")])
    if len(groups) > MOST:
        raise DataError([Problem("cluster", f"{len(groups)} effects", f"at most {MOST}")])
    return groups


# The likelihood of the nested model


@dataclass(frozen=True)
class _State:
    mean: float
    variance: float
    log_likelihood: float
    slope: Floats
    bend: Floats  # the second derivatives, shape (2, 2)
    expected: Floats  # minus their expectation


class _Nested:
    """The likelihood over the two variances. Matrices of k x k: a trial's table has tens of effects, not thousands."""

    def __init__(self, y: Floats, v: Floats, groups: Sequence[str], restricted: bool) -> None:
        self.y, self.v, self.restricted = y, v, restricted
        label = np.array(groups)
        self.parts = [(label[:, None] == label[None, :]).astype(float), np.eye(y.size)]

    def total(self, sigma2: Floats) -> Floats:
        found: Floats = np.diag(self.v) + sigma2[0] * self.parts[0] + sigma2[1] * self.parts[1]
        return found

    def at(self, sigma2: Floats) -> _State:
        total = self.total(sigma2)
        k = self.y.size
        w = np.linalg.inv(total)
        ones = w.sum(0)
        information = ones.sum()
        mean = float(ones @ self.y / information)
        residual = self.y - mean
        e = w @ residual
        p = w - np.outer(ones, ones) / information
        log_det = np.linalg.slogdet(total)[1]
        likelihood = -0.5 * (log_det + residual @ e)
        if self.restricted:
            likelihood += -0.5 * np.log(information) + 0.5 * np.log(k) - 0.5 * (k - 1) * np.log(2 * np.pi)
        else:
            likelihood -= 0.5 * k * np.log(2 * np.pi)
        inside = p if self.restricted else w
        d = self.parts
        slope = np.array([0.5 * (e @ d[i] @ e - (inside * d[i]).sum()) for i in (0, 1)])
        pd = [inside @ d[i] for i in (0, 1)]
        traces = np.array([[(pd[i] * pd[j].T).sum() for j in (0, 1)] for i in (0, 1)])
        forms = np.array([[e @ d[i] @ p @ d[j] @ e for j in (0, 1)] for i in (0, 1)])
        return _State(mean, float(1 / information), float(likelihood), slope, 0.5 * traces - forms, 0.5 * traces)


def _highest(model: _Nested) -> tuple[Floats, bool]:
    """The highest of the maxima reached from several starts, also with either variance held at 0."""
    scale = float(np.var(model.y)) or float(model.v.mean())
    starts = [np.array([a, b]) * scale for a in (0.05, 0.5) for b in (0.05, 0.5)]
    starts += [np.array([0.5 * scale, 0.0]), np.array([0.0, 0.5 * scale]), np.zeros(2)]
    ends = [_climb(model, start) for start in starts]
    return max(ends, key=lambda end: (round(model.at(end[0]).log_likelihood, 11), end[1]))


def _climb(model: _Nested, start: Floats, free: Sequence[int] = (0, 1)) -> tuple[Floats, bool]:
    """Newton's method over the free variances, both kept at 0 or more; scoring where the surface is not curved downwards."""
    sigma2 = start.copy()
    state = model.at(sigma2)
    first = max(float(np.abs(state.slope[list(free)]).max()), 1e-300)
    for _ in range(MAX_STEPS):
        moving = [i for i in free if sigma2[i] > 0 or state.slope[i] > 0]
        if not moving or np.abs(state.slope[moving]).max() <= TOLERANCE * first:
            return sigma2, True
        bend = -state.bend[np.ix_(moving, moving)]
        if np.linalg.eigvalsh(bend).min() <= 0:
            bend = state.expected[np.ix_(moving, moving)]
        step = np.linalg.lstsq(bend, state.slope[moving], rcond=None)[0]
        for halving in range(40):
            new = sigma2.copy()
            new[moving] = np.maximum(sigma2[moving] + step / 2**halving, 0.0)
            after = model.at(new)
            if after.log_likelihood >= state.log_likelihood:
                break
        else:
            return sigma2, True  # no step makes it better: the top, to machine precision
        if np.allclose(new, sigma2, rtol=1e-14, atol=0):
            return new, True
        sigma2, state = new, after
    return sigma2, False


def _profile(model: _Nested, best: Floats, which: int, level: float) -> tuple[float, float]:
    """Where twice the drop of the profile likelihood reaches the chi-squared quantile, to either side of the best."""
    drop = special.chdtri(1, 1 - level / 100) / 2
    top = model.at(best).log_likelihood
    other = 1 - which

    def excess(value: float) -> float:
        start = best.copy()
        start[which], start[other] = value, max(best[other], 1e-3 * float(model.v.mean()))
        end, _ = _climb(model, start, free=(other,))
        return float(top - model.at(end).log_likelihood - drop)

    def cross(inside: float, outside: float) -> float:
        for _ in range(200):
            middle = (inside + outside) / 2
            if excess(middle) < 0:
                inside = middle
            else:
                outside = middle
            if abs(outside - inside) <= 1e-10 * max(outside, inside):
                break
        return (inside + outside) / 2

    low = 0.0 if best[which] == 0 or excess(0.0) < 0 else cross(float(best[which]), 0.0)
    far = max(float(best[which]), float(model.v.mean())) * 2
    while excess(far) < 0:
        far *= 2
        if far > 1e8 * (1 + float(best.sum())):
            return low, float("inf")
    return low, cross(float(best[which]), far)


# CR2


def _bias_reduced(
    x: Floats, w: Floats, total: Floats, bread: Floats, residual: Floats, members: Sequence[Any]
) -> tuple[Floats, Floats]:
    """The CR2 covariance and Satterthwaite degrees of freedom, with the model's own variances as working model."""
    k, p = x.shape
    hat = x @ bread @ x.T @ w
    rest = np.eye(k) - hat
    meat = np.zeros((p, p))
    pulls = []
    for own in members:
        v_own = total[np.ix_(own, own)]
        d = np.linalg.cholesky(v_own).T
        inner = d @ (v_own - x[own] @ bread @ x[own].T) @ d.T
        adjust = d.T @ _root_inverse(inner) @ d
        pull = bread @ x.T @ w[:, own] @ adjust  # (p, own)
        score = pull @ residual[own]
        meat += np.outer(score, score)
        pulls.append(pull @ rest[own])
    df = np.empty(p)
    for i in range(p):
        lines = np.array([pull[i] for pull in pulls])
        gram = lines @ total @ lines.T
        df[i] = np.trace(gram) ** 2 / (gram**2).sum()
    return meat, df


def _root_inverse(matrix: Floats) -> Floats:
    """The symmetric inverse square root; directions without variance are left out."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    good = values > 1e-12 * values.max()
    found: Floats = (vectors[:, good] / np.sqrt(values[good])) @ vectors[:, good].T
    return found
