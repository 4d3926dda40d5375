"""Pooling trials: common-effect and random-effects meta-analysis, one at a time or ten thousand at once.

The numbers agree with the R package metafor; where they differ on purpose, docs/methods.md says why.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import special

from neurodash import wording
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
    trials,
    two_sided,
)
from neurodash.evidence.effects import MEASURES, Effects, effect_sizes
from neurodash.evidence.heterogeneity import (
    METHODS,
    Linear,
    Mean,
    Model,
    estimate,
    log_likelihood,
    root_of_q,
    standard_error,
    typical_variance,
)

TESTS = ("knha", "z", "adhoc")
PREDICTIONS = ("test", "hts")
DOMINATES = 90.0  # per cent of the weight in one trial from which a pooled result is little more than that trial. Ours
CHUNK = 1024  # analyses worked on together: small enough for the processor's cache
WORST = 20  # problems named of a batch; the rest is counted


@dataclass(frozen=True)
class Interval:
    """An interval with its level in per cent."""

    low: float
    high: float
    level: float


@dataclass(frozen=True, kw_only=True)
class HeterogeneityInterval(Analysis):
    """The Q-profile interval of tau2 and what follows from it. `empty` where no tau2 >= 0 is compatible with Q."""

    tau2_low: float
    tau2_high: float
    tau_low: float
    tau_high: float
    i2_low: float
    i2_high: float
    h2_low: float
    h2_high: float
    empty: bool
    level: float

    def __str__(self) -> str:
        head = f"Q-profile, {self.level:g} %: "
        if self.empty:
            return f"{head}{self.notes[0]}"
        return (
            f"{head}tau² {figure(self.tau2_low)} to {figure(self.tau2_high)}, tau {figure(self.tau_low)} to {figure(self.tau_high)}, "
            f"I² {figure(self.i2_low, 1)} to {figure(self.i2_high, 1)} %, H² {figure(self.h2_low, 2)} to {figure(self.h2_high, 2)}"
        )


@dataclass(frozen=True, kw_only=True)
class Pooled(Analysis):
    """A pooled result of k trials.

    `estimate` with `se` and interval is on the pooled scale (log ratios stay logarithms). `tau2` is the variance between
    trials, `i2` the share of it in the total (per cent, 0-100), `h2` the total relative to sampling variance, `q` Cochran's
    Q with `q_df` and `q_p`. `pi_low` to `pi_high` is where the effect of a new trial is expected. `df` is None for a z test.
    `weights` are per cent, in the order of the trials.
    """

    k: int
    measure: str
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
    tau2: float
    se_tau2: float
    tau: float
    i2: float
    h2: float
    q: float
    q_df: int
    q_p: float
    typical_variance: float
    log_likelihood: float
    aic: float
    bic: float
    yi: Floats = field(repr=False)
    vi: Floats = field(repr=False)
    weights: Floats = field(repr=False)
    labels: tuple[str, ...] = field(repr=False)

    @property
    def effects(self) -> Effects:
        return Effects(measure=self.measure, yi=self.yi, vi=self.vi, labels=self.labels)

    def back(self, value: float) -> float:
        """A value on the reader's scale: a log ratio as a ratio."""
        return float(self.effects.back(value))

    def shrunken(self) -> tuple[Floats, Floats]:
        """Each trial's effect drawn towards the pooled one (empirical best linear prediction), and its standard error.

        Source: Raudenbush and Bryk 1985, J Educ Stat 10:75-98; as metafor's blup().
        """
        share = self.tau2 / (self.tau2 + self.vi)
        value = share * self.yi + (1 - share) * self.estimate
        return value, np.sqrt(share * self.vi + (1 - share) ** 2 * self.se**2)

    def __str__(self) -> str:
        name = MEASURES[self.measure].name
        what = "common effect" if self.method == "CE" else f"random effects, tau² by {self.method}"
        how = {"z": "Wald", "knha": "Knapp–Hartung", "adhoc": "Knapp–Hartung, never below Wald"}[self.test]
        lines = [f"{name}: {what}, {how} test, k = {self.k}", ""]
        percent = f"{self.level:g} %"
        shows = [("estimate", f"{figure(self.estimate)}  (SE {figure(self.se)})")]
        shows.append((f"{percent} interval", f"{figure(self.ci_low)} to {figure(self.ci_high)}"))
        if self.method != "CE" and np.isfinite(self.pi_low):
            shows.append((f"{percent} prediction", f"{figure(self.pi_low)} to {figure(self.pi_high)}"))
        if MEASURES[self.measure].back:
            back = [figure(self.back(x)) for x in (self.estimate, self.ci_low, self.ci_high)]
            shows.append(("on the usual scale", f"{back[0]}  ({back[1]} to {back[2]})"))
        letter = "z" if self.df is None else f"t({self.df:g})"
        shows.append(("test", f"{letter} = {figure(self.statistic)}, p {p_figure(self.p)}"))
        if self.method != "CE":
            shows.append(("tau²", f"{figure(self.tau2)}  (SE {figure(self.se_tau2)}; tau {figure(self.tau)})"))
        shows.append(("I², H²", f"{figure(self.i2, 1)} %, {figure(self.h2, 2)}"))
        shows.append(("Q", f"{figure(self.q)} on {self.q_df} df, p {p_figure(self.q_p)}"))
        width = max(len(label) for label, _ in shows)
        lines += [f"{label.ljust(width)}  {value}" for label, value in shows]
        lines += [f"Note: {note}" for note in self.notes]
        return "\n".join(lines)


@dataclass(frozen=True, kw_only=True)
class PooledMany(Analysis):
    """m pooled results: every field has shape (m,); `df` is NaN where the test is z, `several_maxima` marks analyses
    whose likelihood had more than one maximum."""

    method: str
    test: str
    level: float
    k: Floats
    estimate: Floats
    se: Floats
    ci_low: Floats
    ci_high: Floats
    pi_low: Floats
    pi_high: Floats
    statistic: Floats
    df: Floats
    p: Floats
    tau2: Floats
    se_tau2: Floats
    i2: Floats
    h2: Floats
    q: Floats
    q_p: Floats
    several_maxima: Any

    def __len__(self) -> int:
        return int(self.k.size)

    def _rows(self) -> list[dict[str, Any]]:
        columns = {name: value for name, value in self.to_dict().items() if isinstance(value, list) and name != "notes"}
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def __str__(self) -> str:
        shows = ("k", "estimate", "ci_low", "ci_high", "tau2", "i2", "p")
        rows = [[str(i), *(figure(float(getattr(self, name)[i])) for name in shows)] for i in range(min(10, len(self)))]
        more = f"\n… and {len(self) - 10} more" if len(self) > 10 else ""
        return f"{len(self)} analyses, {self.method}, {self.test}\n{table(['', *shows], rows)}{more}"


def as_effects(yi: Any, vi: Any = None, labels: Sequence[str] | None = None) -> Effects:
    """Whatever a function of the engine was given, as `Effects`: effects, a pooled result, or `yi` with `vi`.

    Raises DataError naming every trial that cannot be used.
    """
    if isinstance(yi, Pooled):
        yi = yi.effects
    given = yi if isinstance(yi, Effects) else None
    if given is not None:
        yi, vi, labels = given.yi, given.vi, labels or given.labels
    y, v, names = trials(yi, vi if vi is not None else [], labels)
    if given is not None:
        return dataclasses.replace(given, yi=y, vi=v, labels=names)
    return Effects(measure="GEN", yi=y, vi=v, labels=names)


def pool(
    yi: Any,
    vi: Any = None,
    *,
    method: str = "REML",
    test: str = "knha",
    level: float = 95,
    prediction: str = "test",
    labels: Sequence[str] | None = None,
) -> Pooled:
    """Pool k trials.

    Give `Effects`, or effects `yi` and sampling variances `vi` > 0, shape (k,). `method`: "CE" (common effect), or the
    estimator of tau2: "DL", "HE", "HS", "SJ", "PM", "ML", "REML", "EB". `test`: "z" (Wald), "knha" (Knapp and Hartung
    2003, Stat Med 22:2693-2710) or "adhoc" (the same, never narrower than Wald). `level` in per cent. `prediction`:
    "test" takes the quantile of the test (normal, or t with k - 1 df), "hts" t with k - 2 df (Higgins, Thompson and
    Spiegelhalter 2009, J R Stat Soc A 172:137-159, eq. 12).

    One trial gives its own effect with a z test and no prediction, whatever `test` says; the notes say so, and they
    say whatever else a reader must know. Raises DataError naming every trial that cannot be used.
    """
    one_of("method", method, METHODS)
    one_of("test", test, TESTS)
    one_of("prediction", prediction, PREDICTIONS)
    level = level_of(level)
    effects = as_effects(yi, vi, labels)
    y, v, names = effects.yi, effects.vi, effects.labels
    column = Mean(y[:, None], v[:, None])
    tau2 = estimate(column, method)
    model = column.take(0)  # from here on plain numbers, which is faster than columns of one
    found = _pooled(model, tau2.value[0], method, test, level, prediction)
    fit, several = found.pop("fit"), bool(tau2.several[0])
    one = {key: float(value) for key, value in found.items()}
    one["wald_se"] = float(fit.inverse) ** 0.5
    weights = 100 * fit.inverse * fit.w
    likelihood = float(log_likelihood(model, tau2.value[0], restricted=method == "REML", fit=fit))
    parameters, n = (1 if method == "CE" else 2), y.size - (method == "REML")
    return Pooled(
        k=y.size, measure=effects.measure, method=method, test=test, level=level,
        **{key: one[key] for key in ("estimate", "se", "ci_low", "ci_high", "pi_low", "pi_high", "statistic", "p",
                                     "tau2", "se_tau2", "i2", "h2", "q", "q_p", "typical_variance")},
        df=None if np.isnan(one["df"]) else one["df"], tau=one["tau2"] ** 0.5, q_df=y.size - 1,
        log_likelihood=likelihood, aic=-2 * likelihood + 2 * parameters,
        bic=-2 * likelihood + parameters * float(np.log(n)) if n > 0 else NOT_KNOWN,
        yi=y, vi=v, weights=weights, labels=names,
        notes=effects.notes + _notes(y, method, test, weights, names, several, one),
        call=call_of("pool", *((effects.call or "effects",) if vi is None else ("yi", "vi")), method=method, test=test, level=level,
                     prediction=None if prediction == "test" else prediction),
    )  # fmt: skip


def pool_many(
    yi: Any, vi: Any, *, method: str = "REML", test: str = "knha", level: float = 95, prediction: str = "test"
) -> PooledMany:
    """Pool m sets of up to k trials in one vectorised call.

    `yi` and `vi` have shape (m, k); a trial that a set does not have is NaN in both. Settings as for `pool`, with
    which every value agrees. Raises DataError naming the sets and trials that cannot be used.
    """
    one_of("method", method, METHODS)
    one_of("test", test, TESTS)
    one_of("prediction", prediction, PREDICTIONS)
    level = level_of(level)
    y, v = _set_table(yi, "yi"), _set_table(vi, "vi")
    if y.ndim != 2 or y.shape != v.shape or not y.size:
        raise DataError([Problem("yi, vi", f"shapes {y.shape} and {v.shape}", "two tables of one shape (m, k)")])
    there = ~(np.isnan(y) & np.isnan(v))
    _refuse_bad_sets(y, v, there)
    parts: list[dict[str, Any]] = []
    for start in range(0, y.shape[0], CHUNK):
        rows = slice(start, start + CHUNK)
        own = there[rows].T
        whole = bool(own.all())
        columns = (np.ascontiguousarray(a[rows].T) for a in (y, v))
        if whole:
            model = Mean(*columns)
        else:
            own_y, own_v = columns
            model = Mean(np.where(own, own_y, 0.0), np.where(own, own_v, 1.0), own.astype(np.float64))
        tau2 = estimate(model, method)
        found = _pooled(model, tau2.value, method, test, level, prediction)
        own_parts = {key: found[key] for key in found if key not in ("typical_variance", "fit")}
        parts.append({"k": model.k, "several_maxima": tau2.several, **own_parts})
    merged: dict[str, Any] = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    return PooledMany(
        method=method,
        test=test,
        level=level,
        call=call_of("pool_many", "yi", "vi", method=method, test=test, level=level),
        **merged,
    )


def _set_table(values: Any, name: str) -> Floats:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(
            [
                Problem(
                    name, "rows of unequal length, or something that is no number", "numbers, a table of shape (m, k)"
                )
            ]
        ) from None


def _refuse_bad_sets(y: Floats, v: Floats, there: Any) -> None:
    bad = np.argwhere(there & ~(np.isfinite(y) & np.isfinite(v) & (v > 0)))
    problems = [
        Problem(f"set {i}, trial {j}", f"yi {shown(y[i, j])}, vi {shown(v[i, j])}", "a finite yi and a vi above 0, or NaN in both")
        for i, j in bad[:WORST]
    ]  # fmt: skip
    if len(bad) > WORST:
        problems.append(Problem("yi, vi", f"{len(bad) - WORST} more such trials", "none"))
    problems += [Problem(f"set {i}", "no trials", "at least one") for i in np.flatnonzero(~there.any(axis=1))[:WORST]]
    if problems:
        raise DataError(problems)


def _pooled(model: Mean, tau2: Any, method: str, test: str, level: float, prediction: str) -> dict[str, Any]:
    """Every number of a pooled result, shape (m,) each, and the `fit` they are from; plain numbers for one analysis."""
    k = model.k
    freedom = k - 1
    alone = freedom == 0
    some_alone = bool(np.any(alone))

    def together(value: Any, instead: Any) -> Any:
        """The value where an analysis has two trials or more, something else where it has one."""
        return np.where(alone, instead, value) if some_alone else value

    fit, w0 = model.fit(model.weights(tau2)), model.weights(0.0 * tau2)
    b = fit.b
    with np.errstate(all="ignore"):
        scale = 1.0 + 0.0 * b if test == "z" else together(fit.rss / freedom, 1.0)
        if test == "adhoc":
            scale = np.maximum(scale, 1.0)
        scale = scale + (scale <= 1e-14)  # every effect the same: the Knapp-Hartung spread is 0, Wald's is kept
        se = np.sqrt(scale * fit.inverse)
        degrees = together(freedom, np.nan) if test != "z" else np.full_like(b, np.nan)
        df = together(freedom, np.inf) if test != "z" else np.full_like(b, np.inf)
        reach = quantile(level, df)
        statistic = b / se
        by_normal = two_sided(statistic) if test == "z" or some_alone else None  # stdtr(inf) errs in the far tail
        p = by_normal if test == "z" else together(two_sided(statistic, df), by_normal)
        q = model.fit(w0).rss
        q_p = together(special.chdtrc(freedom, q), 1.0)
        typical = together(freedom / model.trace(w0), model.v[0])
        if method == "CE":
            i2 = together(np.where(q > 0, np.maximum(0.0, 100 * (q - freedom) / q), 0.0), 0.0)
            h2 = together(q / freedom, 1.0)
            pi_low = pi_high = np.full_like(b, np.nan)
        else:
            i2 = together(100 * tau2 / (typical + tau2), 0.0)
            h2 = together(tau2 / typical + 1, 1.0)
            far = reach
            if prediction == "hts":
                far = np.where(k > 2, quantile(level, np.maximum(k - 2, 1)), np.nan)
            far = together(far, np.nan) * np.sqrt(se**2 + tau2)
            pi_low, pi_high = b - far, b + far
        se_tau2 = together(standard_error(model, method, tau2, fit), np.nan)
    return {
        "estimate": b, "se": se, "ci_low": b - reach * se, "ci_high": b + reach * se, "pi_low": pi_low, "pi_high": pi_high,
        "statistic": statistic, "df": degrees, "p": p, "tau2": tau2, "se_tau2": se_tau2, "i2": i2, "h2": h2,
        "q": q, "q_p": q_p, "typical_variance": typical, "fit": fit,
    }  # fmt: skip


def _notes(
    y: Floats, method: str, test: str, weights: Floats, names: Sequence[str], several: bool, one: dict[str, float]
) -> tuple[Note, ...]:
    notes = []
    if y.size == 1:
        notes.append(
            Note("one_trial", "One trial: nothing is pooled, heterogeneity cannot be estimated, and the test is z.")
        )
    elif y.size == 2:
        notes.append(
            Note("two_trials", "Two trials: heterogeneity is hardly estimable, and the interval is very wide.")
        )
    if y.size > 2 and weights.max() > DOMINATES:
        share = f"{weights.max():.1f}"
        notes.append(
            Note("one_trial_dominates", f"Trial {names[int(weights.argmax())]} holds {share} % of the weight.")
        )
    if several:
        notes.append(
            Note(
                "several_maxima",
                "The likelihood has several maxima in tau²; the highest was taken (checked on a grid).",
            )
        )
    if y.size > 1 and test != "z" and (y == y[0]).all():
        notes.append(
            Note(
                "no_spread",
                "Every effect is the same, so the Knapp–Hartung spread is 0; the Wald standard error was kept.",
            )
        )
    if y.size > 1 and method != "CE" and one["tau2"] == 0:
        notes.append(
            Note(
                "no_variance_found",
                f"The {y.size} trials differ no more than chance would make them (tau² is estimated as 0). That does not "
                "show that they agree: the prediction interval allows for no difference between trials, the interval of "
                "tau² (Q-profile) says how much there may be.",
            )
        )
    if test == "knha" and y.size > 1 and one["se"] < one["wald_se"] * (1 - 1e-9):
        notes.append(
            Note(
                "narrower_than_wald",
                "The effects vary less than chance would make them, so Knapp and Hartung's interval is narrower than Wald's "
                'and may be much too narrow; test="adhoc" (on the command line --test adhoc) never is.',
            )
        )
    if method == "CE" and test != "z":
        notes.append(
            Note("knha_with_common_effect", "Knapp and Hartung's test is not meant for a common-effect model.")
        )
    if not np.isfinite(one["estimate"]):
        notes.append(Note("not_finite", "The numbers are too large or too small to be pooled."))
    return tuple(notes)


# Heterogeneity


def heterogeneity_interval(yi: Any, vi: Any = None, *, level: float = 95, x: Any = None) -> HeterogeneityInterval:
    """The Q-profile interval of tau2, and of tau, I2 (per cent) and H2, for k >= 2 trials.

    `x` is the design matrix of a meta-regression, shape (k, p). Source: Viechtbauer 2007, Stat Med 26:37-52.
    Raises DataError as `pool` does, and where k <= p.
    """
    level = level_of(level)
    effects = as_effects(yi, vi)
    y, v = effects.yi, effects.vi
    model: Model = (
        Mean(y[:, None], v[:, None]) if x is None else Linear(y[:, None], v[:, None], _design_table(x, y.size))
    )
    freedom = model.k - model.p
    if freedom[0] < 1:
        raise DataError(
            [
                Problem(
                    "yi",
                    wording.count(y.size, "trial"),
                    f"more than {model.p}",
                    "Heterogeneity needs more trials than coefficients.",
                )
            ]
        )
    outside = (1 - level / 100) / 2
    low_target, high_target = special.chdtri(freedom, outside), special.chdtri(freedom, 1 - outside)
    low, high = float(root_of_q(model, low_target)[0]), float(root_of_q(model, high_target)[0])
    zero = np.zeros(1)
    empty = bool(model.fit(model.weights(zero)).rss[0] < high_target[0])
    vt = float(typical_variance(model)[0])
    if not vt > 0:
        raise DataError(
            [
                Problem(
                    "vi",
                    f"a typical variance of {vt:g}",
                    "variances that a computer can tell from 0",
                    "Give the effects in a larger unit.",
                )
            ]
        )
    return HeterogeneityInterval(
        tau2_low=low, tau2_high=high, tau_low=low**0.5, tau_high=high**0.5,
        i2_low=100 * low / (vt + low), i2_high=100 * high / (vt + high), h2_low=low / vt + 1, h2_high=high / vt + 1,
        empty=empty, level=level, call=call_of("heterogeneity_interval", "yi", "vi", level=level),
        notes=(Note("empty_interval", "The effects vary less than chance alone would make them: only tau² = 0 is left."),) if empty else (),
    )  # fmt: skip


def _design_table(x: Any, k: int) -> Floats:
    table_ = _set_table(x, "x")
    if table_.ndim != 2:
        raise DataError(
            [Problem("x", f"numbers of shape {table_.shape}", "a table, one row a trial and one column a term")]
        )
    if len(table_) != k:
        raise DataError([Problem("x", f"{len(table_)} rows", f"{k}, one a trial")])
    if bad := np.flatnonzero(~np.isfinite(table_).all(axis=1)).tolist():
        raise DataError(
            [Problem(f"x, row {i + 1}", "a number that is missing or infinite", "finite numbers") for i in bad]
        )
    if k > table_.shape[1] > np.linalg.matrix_rank(table_ / np.maximum(np.abs(table_).max(0), 1e-300)):
        raise DataError([Problem("x", "columns that repeat each other", "terms that do not repeat each other")])
    return table_


# Tables of events, pooled without an effect size of each trial


@dataclass(frozen=True, kw_only=True)
class PooledEvents(Analysis):
    """A common effect pooled from 2x2 tables: logarithms for "RR" and "OR", a plain difference for "RD".

    `cochran` is the Cochran-Mantel-Haenszel statistic (1 df) and `tarone` Tarone's test of a common odds ratio; NaN
    where they do not exist.
    """

    method: str
    measure: str
    k: int
    estimate: float
    se: float
    ci_low: float
    ci_high: float
    statistic: float
    p: float
    q: float
    q_p: float
    cochran: float
    tarone: float
    level: float

    def __str__(self) -> str:
        return (
            f"{MEASURES[self.measure].name}, {self.method}, k = {self.k}\n"
            f"estimate {figure(self.estimate)} ({self.level:g} % interval {figure(self.ci_low)} to {figure(self.ci_high)}), "
            f"z = {figure(self.statistic)}, p {p_figure(self.p)}\nQ {figure(self.q)}, p {p_figure(self.q_p)}"
        )


def mantel_haenszel(measure: str, *, events1: Any, n1: Any, events2: Any, n2: Any, level: float = 95) -> PooledEvents:
    """Mantel and Haenszel's common "OR", "RR" or "RD" of k trials; nothing is added to empty cells.

    Events and people have shape (k,). Raises DataError for impossible tables, and where no trial has an event.
    Source: Robins, Breslow and Greenland 1986, Biometrics 42:311-323 (OR); Greenland and Robins 1985, Biometrics
    41:55-68 (RR); Sato, Greenland and Robins 1989, Biometrics 45:1323-1324 (RD); Tarone 1985, Biometrika 72:91-95.
    """
    one_of("measure", measure, ("OR", "RR", "RD"))
    level = level_of(level)
    a, b, c, d = _tables(events1, n1, events2, n2)
    m1, m2, n, xt, yt = a + b, c + d, a + b + c + d, a + c, b + d
    cochran = tarone = NOT_KNOWN
    with np.errstate(all="ignore"):
        if measure == "OR":
            p, q = (a + d) / n, (b + c) / n
            r, s = a * d / n, b * c / n
            estimate_ = np.log(r.sum() / s.sum())
            variance = (
                (p * r).sum() / r.sum() ** 2
                + (p * s + q * r).sum() / (r.sum() * s.sum())
                + (q * s).sum() / s.sum() ** 2
            ) / 2
            effects = _own_effects("OR", a, b, c, d)
            expected, spread = m1 * xt / n, m1 * m2 * xt * yt / (n**2 * (n - 1))
            cochran = float((abs((a - expected).sum()) - 0.5) ** 2 / spread.sum())
            tarone = _tarone(a, m1, m2, xt, float(np.exp(estimate_)))
        elif measure == "RR":
            r, s = a * m2 / n, c * m1 / n
            estimate_ = np.log(r.sum() / s.sum())
            variance = ((m1 * m2 * xt - a * c * n) / n**2).sum() / (r.sum() * s.sum())
            effects = _own_effects("RR", a, b, c, d)
        else:
            weight = m1 * m2 / n
            estimate_ = (a * m2 / n - c * m1 / n).sum() / weight.sum()
            mean = (
                estimate_ * (c * (m1 / n) ** 2 - a * (m2 / n) ** 2 + (m1 / n) * (m2 / n) * (m2 - m1) / 2)
                + (a * (m2 - c) / n + c * (m1 - a) / n) / 2
            )
            variance = mean.sum() / weight.sum() ** 2
            effects = _own_effects("RD", a, b, c, d)
    return _events_result(
        "Mantel–Haenszel", measure, float(estimate_), float(variance), effects, level, a.size, cochran, tarone
    )


def peto(*, events1: Any, n1: Any, events2: Any, n2: Any, level: float = 95) -> PooledEvents:
    """Peto's one-step common odds ratio of k trials, for rare events and arms of like size. Shape (k,) each.

    Raises DataError for impossible tables, and where no trial has an event. Source: Yusuf et al. 1985, Prog
    Cardiovasc Dis 27:335-371.
    """
    level = level_of(level)
    a, b, c, d = _tables(events1, n1, events2, n2)
    n = a + b + c + d
    observed = a - (a + c) * (a + b) / n
    variance = (a + c) * (b + d) * (a + b) * (c + d) / (n**2 * (n - 1))
    usable = variance > 0
    effects = observed[usable] / variance[usable], 1 / variance[usable]
    total = variance.sum()
    return _events_result(
        "Peto", "OR", float(observed.sum() / total), float(1 / total), effects, level, int(usable.sum())
    )


def _tables(events1: Any, n1: Any, events2: Any, n2: Any) -> tuple[Floats, Floats, Floats, Floats]:
    e1, t1, e2, t2 = (
        column(x, name) for x, name in ((events1, "events1"), (n1, "n1"), (events2, "events2"), (n2, "n2"))
    )
    sizes = {"events1": e1.size, "n1": t1.size, "events2": e2.size, "n2": t2.size}
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"{name} {size}" for name, size in sizes.items())
        raise DataError(
            [Problem("events1, n1, events2, n2", f"columns of unequal length: {told}", "one value a trial in each")]
        )
    problems = []
    for events, people, name in ((e1, t1, "events1"), (e2, t2, "events2")):
        wrong = ~((events >= 0) & (events <= people) & (people >= 1))
        problems += [
            Problem(f"trial {i + 1}, {name}", f"{shown(events[i])} of {shown(people[i])}", "0 or more events, no more than people")
            for i in np.flatnonzero(wrong)
        ]  # fmt: skip
    if problems:
        raise DataError(problems)
    if e1.sum() + e2.sum() == 0:
        raise DataError(
            [
                Problem(
                    "events1, events2",
                    "no event in any trial",
                    "at least one event",
                    "Without events nothing can be pooled as a ratio or difference.",
                )
            ]
        )
    if (e1 == t1).all() and (e2 == t2).all():
        raise DataError(
            [
                Problem(
                    "events1, events2",
                    "everybody had the event in every trial",
                    "at least one person without it",
                    "Where everybody has the event the arms cannot differ.",
                )
            ]
        )
    return e1, t1 - e1, e2, t2 - e2


def _own_effects(measure: str, a: Floats, b: Floats, c: Floats, d: Floats) -> tuple[Floats, Floats]:
    """Each trial's own effect for the test of heterogeneity; trials without any event, or with nothing but, have none."""
    use = (a + c > 0) & (b + d > 0)
    made = effect_sizes(measure, events1=a[use], n1=(a + b)[use], events2=c[use], n2=(c + d)[use])
    return made.yi, made.vi


def _tarone(a: Floats, m1: Floats, m2: Floats, xt: Floats, ratio: float) -> float:
    """Tarone's score test of a common odds ratio: observed against expected cells at the Mantel-Haenszel estimate."""
    if not np.isfinite(ratio) or ratio <= 0:
        return NOT_KNOWN
    some = (xt > 0) & (xt < m1 + m2)  # where nobody or everybody had an event there is nothing to compare
    a, m1, m2, xt = a[some], m1[some], m2[some], xt[some]
    if abs(ratio - 1) < 1e-12:
        cell = m1 * xt / (m1 + m2)
    else:
        qa, qb, qc = 1 - ratio, (m2 - xt) + ratio * (m1 + xt), -ratio * m1 * xt
        cell = (-qb + np.sqrt(qb**2 - 4 * qa * qc)) / (2 * qa)
    variance = 1 / (1 / cell + 1 / (m1 - cell) + 1 / (xt - cell) + 1 / (m2 - xt + cell))
    found = ((a - cell) ** 2 / variance).sum() - (a - cell).sum() ** 2 / variance.sum()
    return max(0.0, float(found))


def _events_result(
    method: str, measure: str, value: float, variance: float, effects: tuple[Floats, Floats], level: float, k: int,
    cochran: float = NOT_KNOWN, tarone: float = NOT_KNOWN,
) -> PooledEvents:  # fmt: skip
    if not (np.isfinite(value) and variance > 0):
        raise DataError(
            [
                Problem(
                    "events1, events2",
                    "no event in one of the arms of all trials together",
                    "events in both arms",
                    "A ratio does not exist here; the risk difference may.",
                )
            ]
        )
    se = variance**0.5
    reach = float(quantile(level))
    yi, vi = effects
    several = yi.size > 1  # one trial with events does not differ from itself
    q = float(((yi - value) ** 2 / vi).sum()) if several else 0.0
    return PooledEvents(
        method=method, measure=measure, k=k, estimate=value, se=se, ci_low=value - reach * se, ci_high=value + reach * se,
        statistic=value / se, p=float(two_sided(value / se)), q=q, cochran=cochran, tarone=tarone, level=level,
        q_p=float(special.chdtrc(yi.size - 1, q)) if several else 1.0,
        call=call_of("mantel_haenszel" if method.startswith("Mantel") else "peto", repr(measure), "events1=…", "n1=…", "events2=…", "n2=…", level=level),
    )  # fmt: skip
