"""The variance between trials, tau2: nine estimators, their standard errors, and the Q-profile interval.

Every routine works on m analyses side by side: arrays have shape (k, m), one column an analysis, and a scalar of each
analysis has shape (m,). A single analysis is m = 1.

With weights w = 1 / (v + tau2) and P = W - W X (X'WX)^-1 X'W, everything the estimators need is a trace of products of
P with diagonal matrices or a quadratic form in the residuals; `Mean` (X a column of ones) and `Linear` compute those
without ever building P.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from neurodash.evidence.analysis import Floats

METHODS = ("CE", "DL", "HE", "HS", "SJ", "PM", "ML", "REML", "EB")
STEP = 2.2  # between neighbours of the search grid. Ours: denser grids found no other maximum in 10,000 simulated sets
MAX_GRID = 400  # points; reached where variances of one analysis differ by more than 100 orders of magnitude
FEW = 64  # analyses up to which the whole grid is evaluated in one call
TOLERANCE = 1e-13  # relative change of tau2 at which a search stops
MAX_STEPS = 100  # of a search that always halves its bracket at least every second step
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Fit:
    """The weighted least-squares fit of one model at a given tau2: weights and P y, shape (k, m)."""

    w: Floats
    e: Floats
    rss: Floats  # y'Py, the generalised Q


class Model(Protocol):
    """What a search needs of a model."""

    y: Floats
    v: Floats
    k: Floats
    p: int

    def take(self, which: Any) -> Self: ...
    def weights(self, t: Floats) -> Floats: ...
    def fit(self, w: Floats) -> Fit: ...
    def trace(self, w: Floats, d: Floats | float = 1.0) -> Floats: ...
    def trace2(self, w: Floats, d: Floats | float = 1.0, e: Floats | float = 1.0) -> Floats: ...
    def slope(self, t: Floats, restricted: bool) -> Floats: ...
    def slope_and_bend(self, t: Floats, restricted: bool) -> tuple[Floats, Floats]: ...
    def log_det(self, w: Floats) -> Floats: ...


class Mean:
    """One common mean. `live` (0 or 1, shape (k, m)) leaves trials out of an analysis that has fewer than k."""

    p = 1

    def __init__(self, y: Floats, v: Floats, live: Floats | None = None) -> None:
        self.y, self.v, self.live = y, v, live
        self.k: Floats = live.sum(0) if live is not None else np.full(y.shape[1], float(y.shape[0]))

    def take(self, which: Any) -> Mean:
        return Mean(self.y[:, which], self.v[:, which], None if self.live is None else self.live[:, which])

    def weights(self, t: Floats) -> Floats:
        w = self.v + t
        np.reciprocal(w, out=w)
        if self.live is not None:
            w *= self.live
        return w

    def fit(self, w: Floats) -> Fit:
        e = w * self.y
        residual = self.y - e.sum(0) / w.sum(0)
        np.multiply(w, residual, out=e)
        return Fit(w, e, _dot(e, residual))

    def estimate(self, w: Floats) -> tuple[Floats, Floats]:
        """The mean and its variance where the weights are inverse variances."""
        total = w.sum(0)
        return (w * self.y).sum(0) / total, 1 / total

    def trace(self, w: Floats, d: Floats | float = 1.0) -> Floats:
        """tr(P D)."""
        wd = w * d
        found: Floats = wd.sum(0) - _dot(w, wd) / w.sum(0)
        return found

    def trace2(self, w: Floats, d: Floats | float = 1.0, e: Floats | float = 1.0) -> Floats:
        """tr(P D P E)."""
        s, wd, we = w.sum(0), w * d, w * e
        found: Floats = _dot(wd, we) - 2 * _dot(w * wd, we) / s + _dot(w, wd) * _dot(w, we) / s**2
        return found

    def slope(self, t: Floats, restricted: bool) -> Floats:
        """The derivative of the log-likelihood by tau2, twice: y'PPy - tr P, or y'PPy - tr W."""
        w = self.weights(t)
        total = np.add.reduce(w, 0)
        e = w * self.y
        centre = np.add.reduce(e, 0)
        centre /= total
        np.subtract(self.y, centre, out=e)
        e *= w
        found = _dot(e, e)
        found -= total
        if restricted:
            found += _dot(w, w) / total
        return found

    def slope_and_bend(self, t: Floats, restricted: bool) -> tuple[Floats, Floats]:
        """The slope and its own derivative, tr PP - 2 y'PPPy (tr WW where not restricted)."""
        w = self.weights(t)
        total = np.add.reduce(w, 0)
        e = w * self.y
        centre = np.add.reduce(e, 0)
        centre /= total
        np.subtract(self.y, centre, out=e)
        e *= w
        we = w * e
        w2 = _dot(w, w)
        slope = _dot(e, e) - total
        bend = w2 - 2 * (_dot(we, e) - np.add.reduce(we, 0) ** 2 / total)
        if restricted:
            share = w2 / total
            slope += share
            np.multiply(w, w, out=we)
            bend += share**2 - 2 * _dot(we, w) / total
        return slope, bend

    def log_det(self, w: Floats) -> Floats:
        """log |X'WX|."""
        found: Floats = np.log(w.sum(0))
        return found


class Linear:
    """A linear model of moderators: `x` has shape (k, p), or (k, p, m) where the analyses differ in it."""

    def __init__(self, y: Floats, v: Floats, x: Floats) -> None:
        self.y, self.v = y, v
        self.x = x if x.ndim == 3 else np.broadcast_to(x[:, :, None], (*x.shape, y.shape[1]))
        self.p = int(x.shape[1])
        self.k: Floats = np.full(y.shape[1], float(y.shape[0]))

    def take(self, which: Any) -> Linear:
        return Linear(self.y[:, which], self.v[:, which], self.x[:, :, which])

    def weights(self, t: Floats) -> Floats:
        found: Floats = 1 / (self.v + t)
        return found

    def gram(self, d: Floats) -> Floats:
        """X' diag(d) X, shape (m, p, p)."""
        found: Floats = np.einsum("kpm,km,kqm->mpq", self.x, d, self.x, optimize=True)
        return found

    def estimate(self, w: Floats) -> tuple[Floats, Floats]:
        """Coefficients, shape (m, p), and (X'WX)^-1, shape (m, p, p)."""
        inverse: Floats = np.linalg.inv(self.gram(w))
        right = np.einsum("kpm,km->mp", self.x, w * self.y)
        return np.einsum("mpq,mq->mp", inverse, right), inverse

    def fit(self, w: Floats) -> Fit:
        b, _ = self.estimate(w)
        residual = self.y - np.einsum("kpm,mp->km", self.x, b)
        e = w * residual
        return Fit(w, e, _dot(e, residual))

    def trace(self, w: Floats, d: Floats | float = 1.0) -> Floats:
        inverse = np.linalg.inv(self.gram(w))
        found: Floats = (w * d).sum(0) - np.einsum("mpq,mqp->m", inverse, self.gram(w * w * d))
        return found

    def trace2(self, w: Floats, d: Floats | float = 1.0, e: Floats | float = 1.0) -> Floats:
        inverse = np.linalg.inv(self.gram(w))
        wd, we = w * d, w * e
        left, right = inverse @ self.gram(w * wd), inverse @ self.gram(w * we)
        found: Floats = (
            _dot(wd, we)
            - 2 * np.einsum("mpq,mqp->m", inverse, self.gram(w * wd * we))
            + np.einsum("mpq,mqp->m", left, right)
        )
        return found

    def slope(self, t: Floats, restricted: bool) -> Floats:
        w = self.weights(t)
        e = self.fit(w).e
        found: Floats = _dot(e, e) - (self.trace(w) if restricted else w.sum(0))
        return found

    def slope_and_bend(self, t: Floats, restricted: bool) -> tuple[Floats, Floats]:
        w = self.weights(t)
        e = self.fit(w).e
        we = w * e
        xwe = np.einsum("kpm,km->mp", self.x, we)
        solved = np.linalg.solve(self.gram(w), xwe[:, :, None])[:, :, 0]
        bend = -2 * (_dot(we, e) - np.einsum("mp,mp->m", xwe, solved))
        if restricted:
            return _dot(e, e) - self.trace(w), bend + self.trace2(w)
        return _dot(e, e) - w.sum(0), bend + _dot(w, w)

    def log_det(self, w: Floats) -> Floats:
        found: Floats = np.linalg.slogdet(self.gram(w))[1]
        return found


def _dot(a: Floats, b: Floats) -> Floats:
    found: Floats = np.einsum("km,km->m", a, b)
    return found


# Estimators


@dataclass(frozen=True)
class Tau2:
    """tau2, shape (m,), and where the likelihood had several maxima, of which the highest was taken."""

    value: Floats
    several: Bools


def estimate(model: Model, method: str) -> Tau2:
    """tau2 by one of METHODS; never negative.

    Sources: DerSimonian and Laird 1986 (DL); Hedges and Olkin 1985 (HE); Hunter and Schmidt 2004 (HS); Sidik and
    Jonkman 2005 (SJ); Paule and Mandel 1982 (PM); Raudenbush 2009 (ML, REML); Morris 1983 (EB, whose equation has the
    same root as PM).
    """
    zero = np.zeros(model.y.shape[1])
    none = zero.astype(bool)
    freedom = model.k - model.p
    if method == "CE":
        return Tau2(zero, none)
    if not (enough := freedom > 0).all():  # one trial has no variance between trials
        which = np.flatnonzero(enough)
        if which.size:
            part = estimate(model.take(which), method)
            zero[which], none[which] = part.value, part.several
        return Tau2(zero, none)
    value: Floats
    if method == "DL":
        w = model.weights(zero)
        value = (model.fit(w).rss - freedom) / model.trace(w)
    elif method == "HS":
        w = model.weights(zero)
        value = (model.fit(w).rss - model.k) / w.sum(0)
    elif method == "HE":
        ones = _ones(model)
        value = (model.fit(ones).rss - model.trace(ones, model.v)) / freedom
    elif method == "SJ":
        start = _start(model)
        w = model.weights(start)
        value = np.where(start > 0, start * model.fit(w).rss / freedom, 0.0)
    elif method in ("PM", "EB"):
        value = root_of_q(model, freedom)
    else:
        return _most_likely(model, restricted=method == "REML")
    return Tau2(np.maximum(value, 0.0), none)


def standard_error(model: Model, method: str, tau2: Floats) -> Floats:
    """The standard error of tau2 that belongs to the method, shape (m,). Source: Viechtbauer 2005, J Educ Behav Stat."""
    zero, freedom = np.zeros_like(tau2), model.k - model.p
    if method == "CE":
        return np.full_like(tau2, np.nan)
    if method in ("DL", "HS"):
        w = model.weights(zero)
        trace = model.trace(w)
        spread = 2 * freedom + 4 * tau2 * trace + 2 * tau2**2 * model.trace2(w)
        found = np.sqrt(spread) / (trace if method == "DL" else w.sum(0))
    elif method == "HE":
        ones = _ones(model)
        spread = (
            2 * model.trace2(ones, model.v, model.v) + 4 * tau2 * model.trace(ones, model.v) + 2 * tau2**2 * freedom
        )
        found = np.sqrt(spread) / freedom
    elif method == "SJ":
        start = _start(model)
        w = model.weights(start)
        spread = (
            2 * model.trace2(w, model.v, model.v) + 4 * tau2 * model.trace2(w, model.v) + 2 * tau2**2 * model.trace2(w)
        )
        found = start / freedom * np.sqrt(spread)
    else:
        w = model.weights(tau2)
        if method in ("PM", "EB"):
            found = np.sqrt(2 * model.k**2 / freedom) / w.sum(0)
        else:
            found = np.sqrt(2 / (_dot(w, w) if method == "ML" else model.trace2(w)))
    return np.asarray(found)


def _ones(model: Model) -> Floats:
    live = getattr(model, "live", None)
    return np.ones_like(model.y) if live is None else live


def _start(model: Model) -> Floats:
    """The variance of the effects around their plain mean, where Sidik and Jonkman's estimator begins."""
    live = _ones(model)
    centred = (model.y - (model.y * live).sum(0) / model.k) * live
    return _dot(centred, centred) / model.k


def typical_variance(model: Model) -> Floats:
    """The "typical" sampling variance against which tau2 is held for I2 and H2. Higgins and Thompson 2002, eq. 9."""
    found: Floats = (model.k - model.p) / model.trace(model.weights(np.zeros(model.y.shape[1])))
    return found


# The likelihood


def log_likelihood(model: Model, tau2: Floats, restricted: bool) -> Floats:
    """The (restricted) log-likelihood at tau2, with all its constants, shape (m,)."""
    w = model.weights(tau2)
    live = _ones(model)
    log_variances = (np.log(model.v + tau2) * live).sum(0)
    found = -0.5 * (log_variances + model.fit(w).rss)
    if not restricted:
        return np.asarray(found - 0.5 * model.k * np.log(2 * np.pi))
    freedom = model.k - model.p
    return np.asarray(
        found - 0.5 * model.log_det(w) + 0.5 * model.log_det(live.copy()) - 0.5 * freedom * np.log(2 * np.pi)
    )


def _most_likely(model: Model, restricted: bool) -> Tau2:
    """The highest maximum of the likelihood over tau2 >= 0.

    The sign of the slope on a geometric grid brackets every maximum; inside a bracket Newton's method runs on the
    slope and halves the bracket whenever a step would leave it. Plain Fisher scoring, the usual way, can end in a
    lower maximum or never.
    """
    grid: Floats = _grid(model)
    rising = _rising(model, grid, restricted)
    while rising[-1].any():  # the grid must end where the likelihood falls for good
        grid = np.concatenate([grid, grid[-1:] * 10])
        rising = np.concatenate([rising, model.slope(grid[-1], restricted)[None] > 0])
    peaks = rising[:-1] & ~rising[1:]
    at_zero = ~rising[0]
    count = peaks.sum(0) + at_zero
    value = np.zeros(grid.shape[1])
    single = np.flatnonzero((count == 1) & ~at_zero)
    if single.size:
        below = peaks[:, single].argmax(0)
        part = model.take(single)
        value[single] = _climb(part, grid[below, single], grid[below + 1, single], restricted)
    several = count > 1
    for column in np.flatnonzero(several):
        part = model.take([column])
        found = [0.0] if at_zero[column] else []
        for below in np.flatnonzero(peaks[:, column]):
            low, high = grid[below : below + 1, column], grid[below + 1 : below + 2, column]
            found.append(_climb(part, low, high, restricted)[0])
        value[column] = max(found, key=lambda t: log_likelihood(part, np.array([t]), restricted)[0])
    return Tau2(value, several)


def _rising(model: Model, grid: Floats, restricted: bool) -> Bools:
    """Whether the likelihood rises at each point of the grid, shape (g, m)."""
    points, m = grid.shape
    if m > FEW:
        return np.array([model.slope(t, restricted) > 0 for t in grid])
    wide = model.take(np.tile(np.arange(m), points))  # one call is cheaper than many where the analyses are few
    return (wide.slope(grid.ravel(), restricted) > 0).reshape(points, m)


def _grid(model: Model) -> Floats:
    """0 and a geometric grid, shape (g, m): from half the smallest variance to where no maximum can lie.

    For a common mean and t above both the largest variance and three squared ranges, the slope is negative.
    """
    if (mask := getattr(model, "live", None)) is None:
        low, widest = model.v.min(0) / 2, model.v.max(0)
        spread = model.y.max(0) - model.y.min(0)
    else:
        live = mask > 0
        low = np.where(live, model.v, np.inf).min(0) / 2
        widest = np.where(live, model.v, 0).max(0)
        spread = np.where(live, model.y, -np.inf).max(0) - np.where(live, model.y, np.inf).min(0)
    high = np.maximum(3 * spread**2, widest) * 1.01
    points = int(min(MAX_GRID, 2 + np.ceil(np.log(high / low).max() / np.log(STEP))))
    steps = np.linspace(0, 1, points)[:, None]
    return np.concatenate([np.zeros((1, low.size)), low * (high / low) ** steps])


def _climb(model: Model, low: Floats, high: Floats, restricted: bool) -> Floats:
    return _root(lambda part, t, _: part.slope_and_bend(t, restricted), model, low, high, np.zeros_like(low))


def root_of_q(model: Model, target: Floats) -> Floats:
    """The tau2 at which the generalised Q falls to `target`, shape (m,); 0 where it is below it from the start."""
    zero = np.zeros(model.y.shape[1])
    open_ = np.flatnonzero(model.fit(model.weights(zero)).rss > target)
    if not open_.size:
        return zero
    part, goal = model.take(open_), target[open_]
    high = part.v.max(0)
    while (short := part.fit(part.weights(high)).rss > goal).any():
        high = np.where(short, high * 4, high)

    def fall(own: Model, t: Floats, aim: Floats) -> tuple[Floats, Floats]:
        fit = own.fit(own.weights(t))
        return fit.rss - aim, -_dot(fit.e, fit.e)

    zero[open_] = _root(fall, part, np.zeros_like(high), high, goal, start=np.zeros_like(high))
    return zero


def _root(
    values: Callable[[Any, Floats, Floats], tuple[Floats, Floats]],
    model: Any,
    low: Floats,
    high: Floats,
    target: Floats,
    start: Floats | None = None,
) -> Floats:
    """Where a function that is positive at `low` and not at `high` crosses zero: Newton inside a shrinking bracket.

    `values` gives the function and its derivative. Analyses that have arrived are taken out of the work.
    """
    t = np.sqrt(low * high) if start is None else start
    t = np.where((t > 0) | (start is not None), t, high / 2)
    found = t.copy()
    open_ = np.arange(t.size)
    low, high = low.copy(), high.copy()
    for _ in range(MAX_STEPS):
        f, slope = values(model, t, target)
        low, high = np.where(f > 0, t, low), np.where(f > 0, high, t)
        with np.errstate(all="ignore"):
            new = t - f / slope
        outside = ~((new >= low) & (new <= high))
        new = np.where(outside, (low + high) / 2, new)
        arrived = (np.abs(new - t) <= TOLERANCE * np.abs(new)) | (f == 0) | (high - low <= TOLERANCE * high)
        t = np.where(f == 0, t, new)
        if arrived.any():
            found[open_[arrived]] = t[arrived]
            stay = np.flatnonzero(~arrived)
            if not stay.size:
                return found
            open_, t, low, high, target = open_[stay], t[stay], low[stay], high[stay], target[stay]
            model = model.take(stay)
    found[open_] = t
    return found
