"""How much a pooled result hangs on single trials: leave-one-out, cumulative pooling, influence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurodash import wording
from neurodash.errors import DataError, Problem
from neurodash.evidence.analysis import Analysis, Floats, call_of, figure, table
from neurodash.evidence.effects import Effects
from neurodash.evidence.heterogeneity import Mean
from neurodash.evidence.pooling import Pooled, PooledMany, as_effects, pool, pool_many


@dataclass(frozen=True, kw_only=True)
class LeaveOneOut(Analysis):
    """The pooled result without each trial in turn: `without` has m = k rows, in the order of `labels`.

    `turns_direction` and `turns_significance` mark the trials without which the sign of the estimate, or whether its
    interval excludes 0, would be another. A result whose interval includes 0 has no direction to turn.
    """

    labels: tuple[str, ...]
    all_trials: Pooled
    without: PooledMany

    @property
    def turns_direction(self) -> tuple[bool, ...]:
        turned = np.sign(self.without.estimate) != np.sign(self.all_trials.estimate)
        return tuple(bool(x) for x in turned & self._clear)

    @property
    def turns_significance(self) -> tuple[bool, ...]:
        left = (self.without.ci_low > 0) | (self.without.ci_high < 0)
        return tuple(bool(x) for x in left != self._clear)

    @property
    def _clear(self) -> bool:
        """Whether the interval of all trials excludes 0."""
        return self.all_trials.ci_low > 0 or self.all_trials.ci_high < 0

    def _rows(self) -> list[dict[str, Any]]:
        turned = zip(self.turns_direction, self.turns_significance, strict=True)
        return [
            {"without": name, **row, "turns_direction": d, "turns_significance": s}
            for name, row, (d, s) in zip(self.labels, self.without._rows(), turned, strict=True)
        ]

    def __str__(self) -> str:
        return table(["without", "estimate", "low", "high", "tau²", "I² %", "p"], _lines(self.labels, self.without))


@dataclass(frozen=True, kw_only=True)
class Cumulative(Analysis):
    """The pooled result as trials come in one by one: row i pools the first i + 1 trials of `labels`."""

    labels: tuple[str, ...]
    order: tuple[int, ...]
    after: PooledMany

    def _rows(self) -> list[dict[str, Any]]:
        return [{"added": name, **row} for name, row in zip(self.labels, self.after._rows(), strict=True)]

    def __str__(self) -> str:
        return table(["added", "estimate", "low", "high", "tau²", "I² %", "p"], _lines(self.labels, self.after))


@dataclass(frozen=True, kw_only=True)
class Influence(Analysis):
    """What each trial does to a random-effects result; arrays of shape (k,).

    `rstudent` externally studentised residuals, `dffits`, `cook_d` Cook's distances, `cov_r` covariance ratios, `tau2_del`
    and `q_del` what is left without the trial, `hat` leverages, `dfbetas` the change of the estimate in its standard errors,
    `weight` per cent. `influential` marks trials beyond the usual limits.
    """

    labels: tuple[str, ...]
    rstudent: Floats
    dffits: Floats
    cook_d: Floats
    cov_r: Floats
    tau2_del: Floats
    q_del: Floats
    hat: Floats
    dfbetas: Floats
    weight: Floats
    influential: tuple[bool, ...]

    def _rows(self) -> list[dict[str, Any]]:
        names = ("rstudent", "dffits", "cook_d", "cov_r", "tau2_del", "q_del", "hat", "dfbetas", "weight")
        columns = zip(*(getattr(self, name).tolist() for name in names), strict=True)
        return [
            {"trial": label, **dict(zip(names, row, strict=True)), "influential": flag}
            for label, row, flag in zip(self.labels, columns, self.influential, strict=True)
        ]

    def __str__(self) -> str:
        names = ("rstudent", "dffits", "cook_d", "cov_r", "hat", "dfbetas", "weight")
        rows = [[r["trial"] + (" *" if r["influential"] else ""), *(figure(r[n]) for n in names)] for r in self._rows()]
        return table(["trial", *names], rows) + "\n* beyond the usual limits"


def _lines(labels: Sequence[str], many: PooledMany) -> list[list[str]]:
    return [
        [name, *(figure(float(getattr(many, field)[i]), 1 if field == "i2" else 4)
                 for field in ("estimate", "ci_low", "ci_high", "tau2", "i2", "p"))]
        for i, name in enumerate(labels)
    ]  # fmt: skip


def leave_one_out(
    yi: Any,
    vi: Any = None,
    *,
    method: str = "REML",
    test: str = "knha",
    level: float = 95,
    labels: Sequence[str] | None = None,
) -> LeaveOneOut:
    """Pool k >= 2 trials without each of them in turn. Settings and errors as for `pool`."""
    effects = _several(yi, vi, labels, "leave_one_out")
    y, v, k = effects.yi, effects.vi, effects.k
    others = np.array([[j for j in range(k) if j != i] for i in range(k)])
    settings: dict[str, Any] = {"method": method, "test": test, "level": level}
    return LeaveOneOut(
        labels=effects.labels, all_trials=pool(effects, **settings), without=pool_many(y[others], v[others], **settings),
        call=call_of("leave_one_out", "yi", "vi", **settings),
    )  # fmt: skip


def cumulative(
    yi: Any, vi: Any = None, order: Sequence[float] | None = None, *, method: str = "REML", test: str = "knha",
    level: float = 95, labels: Sequence[str] | None = None,
) -> Cumulative:  # fmt: skip
    """Pool the first trial, the first two, and so on, sorted by `order` (such as the year; ties keep their order).

    The first step is one trial: a z test and tau2 = 0. Settings and errors as for `pool`.
    """
    effects = _several(yi, vi, labels, "cumulative")
    y, v, k, names = effects.yi, effects.vi, effects.k, effects.labels
    if order is not None and len(order) != k:
        raise DataError([Problem("order", f"{len(order)} values", f"{k}, one a trial")])
    if order is not None:
        missing = [i for i, x in enumerate(order) if x is None or x != x]
        if missing:
            raise DataError([Problem(f"trial {names[i]}, order", "nothing", "a value to sort by") for i in missing])
    sequence = np.arange(k) if order is None else np.argsort(np.asarray(order), kind="stable")
    y, v = y[sequence], v[sequence]
    there = np.tri(k, dtype=bool)
    settings: dict[str, Any] = {"method": method, "test": test, "level": level}
    return Cumulative(
        labels=tuple(names[i] for i in sequence), order=tuple(int(i) for i in sequence),
        after=pool_many(np.where(there, y, np.nan), np.where(there, v, np.nan), **settings),
        call=call_of("cumulative", "yi", "vi", "order" if order is not None else "order=None", **settings),
    )  # fmt: skip


def influence(
    yi: Any, vi: Any = None, *, method: str = "REML", test: str = "z", labels: Sequence[str] | None = None
) -> Influence:
    """Deletion diagnostics of k >= 3 trials. Settings and errors as for `pool`.

    Source: Viechtbauer and Cheung 2010, Res Synth Methods 1:112-125, whose limits mark a trial as influential.
    """
    effects = _several(yi, vi, labels, "influence", least=3)
    y, v, k, names = effects.yi, effects.vi, effects.k, effects.labels
    whole = pool(effects, method=method, test=test)
    left = leave_one_out(y, v, method=method, test=test).without
    model = Mean(np.repeat(y[:, None], k, 1), np.repeat(v[:, None], k, 1))
    w_del = model.weights(left.tau2)  # column i: all trials, weighted by the tau2 found without trial i
    scale = np.ones(k)
    if test != "z":
        residual = y[:, None] - left.estimate
        own = w_del * (1 - np.eye(k))
        scale = (own * residual**2).sum(0) / (k - 2)
        if test == "adhoc":
            scale = np.maximum(scale, 1.0)
        scale = np.where(scale <= 1e-14, 1.0, scale)  # the others are all the same: Wald's error is kept, as in `pool`
    change = whole.estimate - left.estimate
    variance_del = scale / w_del.sum(0)
    hat = whole.weights / 100
    rstudent = (y - left.estimate) / np.sqrt(scale * (v + left.tau2) + left.se**2)
    dffits = change / np.sqrt(scale * hat * (left.tau2 + v))
    dfbetas = change / np.sqrt(variance_del)
    cook = change**2 / whole.se**2
    limit = 3 * np.sqrt(1 / (k - 1))
    flags = (np.abs(dffits) > limit) | (cook > 0.4549364231195724) | (hat > 3 / k) | (np.abs(dfbetas) > 1)
    return Influence(
        labels=names, rstudent=rstudent, dffits=dffits, cook_d=cook, cov_r=left.se**2 / whole.se**2, tau2_del=left.tau2,
        q_del=left.q, hat=hat, dfbetas=dfbetas, weight=whole.weights, influential=tuple(bool(f) for f in flags),
        call=call_of("influence", "yi", "vi", method=method, test=test),
    )  # fmt: skip


def _several(yi: Any, vi: Any, labels: Sequence[str] | None, name: str, least: int = 2) -> Effects:
    effects = as_effects(yi, vi, labels)
    if effects.k < least:
        raise DataError([Problem(name, wording.count(effects.k, "trial"), f"{least} or more")])
    return effects
