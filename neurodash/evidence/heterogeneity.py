"""The variance between trials, tau2: nine estimators, their standard errors, and the Q-profile interval.

Every routine works on m analyses side by side: arrays have shape (k, m), one column an analysis, and a scalar of each
analysis has shape (m,). A single analysis is m = 1.

With weights w = 1 / (v + tau2) and P = W - W X (X'WX)^-1 X'W, everything the estimators need is a trace of products of
P with diagonal matrices or a quadratic form in the residuals; `Mean` (X a column of ones) and `Linear` compute those
without ever building P.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
import numpy.typing as npt

from neurodash.evidence.analysis import Floats

METHODS = ("CE", "DL", "HE", "HS", "SJ", "PM", "ML", "REML", "EB")
STEP = 2.2  # between neighbours of the search grid. Ours: denser grids found no other maximum in 10,000 simulated sets
MAX_GRID = 400  # points; reached where variances of one analysis differ by more than 100 orders of magnitude
FEW = 64  # analyses up to which the whole grid is evaluated in one call
NEAR = 1e-6  # relative change of tau2 in a Newton step after which a search stops: what is left is about its square
TOLERANCE = 1e-13  # relative width of a bracket at which a search stops
MAX_STEPS = 100  # of a search that always halves its bracket at least every second step
Bools = npt.NDArray[np.bool_]


class Fit(NamedTuple):
    """The weighted least-squares fit of one model at a given tau2: weights and P y, shape (k, m)."""

    w: Floats
    e: Floats
    rss: Floats  # y'Py, the generalised Q
    b: Floats  # the mean, or the coefficients, shape (m, p)
    inverse: Floats  # (X'WX)^-1, shape (m,) or (m, p, p): the variance of b where the weights are inverse variances


class Model(Protocol):
    """What a search needs of a model."""

    y: Floats
    v: Floats
    k: Floats
    p: int

    def take(self, which: Any) -> Self: ...
    def weights(self, t: Floats) -> Floats: ...
    def fit(self, w: Floats) -> Fit: ...
    def trace(self, w: Floats, d: Floats | None = None) -> Floats: ...
    def trace2(self, w: Floats, d: Floats | None = None, e: Floats | None = None) -> Floats: ...
    def excess(self, t: Floats, restricted: bool) -> Floats: ...
    def excess_and_slope(self, t: Floats, restricted: bool) -> tuple[Floats, Floats]: ...
    def log_det(self, w: Floats) -> Floats: ...


class Mean:
    """One common mean. `live` (0 or 1, shape (k, m)) leaves trials out of an analysis that has fewer than k."""

    p = 1

    def __init__(self, y: Floats, v: Floats, live: Floats | None = None) -> None:
        self.y, self.v, self.live = y, v, live
        self.k: Floats = live.sum(0) if live is not None else np.full(y.shape[1:], float(y.shape[0]))

    def take(self, which: Any) -> Mean:
        """Some analyses; `take(0)` is the first alone, with arrays of shape (k,) and plain numbers for each analysis."""
        return Mean(self.y[:, which], self.v[:, which], None if self.live is None else self.live[:, which])

    def weights(self, t: Floats) -> Floats:
        w = self.v + t
        np.reciprocal(w, out=w)
        if self.live is not None:
            w *= self.live
        return w

    def fit(self, w: Floats) -> Fit:
        total = np.add.reduce(w, 0)
        b = _dot(w, self.y) / total
        residual = self.y - b
        e = w * residual
        return Fit(w, e, _dot(e, residual), b, 1 / total)

    def trace(self, w: Floats, d: Floats | None = None) -> Floats:
        """tr(P D)."""
        wd = w if d is None else w * d
        found: Floats = np.add.reduce(wd, 0) - _dot(w, wd) / np.add.reduce(w, 0)
        return found

    def trace2(self, w: Floats, d: Floats | None = None, e: Floats | None = None) -> Floats:
        """tr(P D P E)."""
        s = np.add.reduce(w, 0)
        if d is None and e is None:
            squares = _dot(w, w)
            return np.asarray(squares - 2 * _dot(w * w, w) / s + (squares / s) ** 2)
        wd, we = w if d is None else w * d, w if e is None else w * e
        found: Floats = _dot(wd, we) - 2 * _dot(w * wd, we) / s + _dot(w, wd) * _dot(w, we) / s**2
        return found

    def excess(self, t: Floats, restricted: bool) -> Floats:
        """1 - tr P / y'PPy, or 1 - tr W / y'PPy: above 0 where the log-likelihood rises in tau2.

        Twice the derivative of the log-likelihood is y'PPy - tr P. Divided by its first term it keeps its sign and its
        roots and becomes nearly straight in tau2, so Newton's method needs about half the steps.
        """
        w = self.weights(t)
        total = np.add.reduce(w, 0)
        e = self.y - _dot(w, self.y) / total
        e *= w
        squares = _dot(e, e)
        if restricted:
            total -= _dot(w, w) / total
        total /= squares
        found: Floats = 1 - total
        return found

    def excess_and_slope(self, t: Floats, restricted: bool) -> tuple[Floats, Floats]:
        """The excess and its own derivative, (tr PP - 2 y'PPPy tr P / y'PPy) / y'PPy, with W for P as above."""
        w = self.weights(t)
        total = np.add.reduce(w, 0)
        e = self.y - _dot(w, self.y) / total
        e *= w
        we = w * e
        squares = _dot(e, e)
        cubes = _dot(we, e) - np.add.reduce(we, 0) ** 2 / total
        trace, trace2 = total, _dot(w, w)
        if restricted:
            share = trace2 / total
            np.multiply(w, w, out=we)
            trace, trace2 = trace - share, trace2 + share**2 - 2 * _dot(we, w) / total
        expected = trace / squares
        return 1 - expected, (trace2 - 2 * expected * cubes) / squares

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

    def fit(self, w: Floats) -> Fit:
        inverse: Floats = np.linalg.inv(self.gram(w))
        b = np.einsum("mpq,mq->mp", inverse, np.einsum("kpm,km->mp", self.x, w * self.y))
        residual = self.y - np.einsum("kpm,mp->km", self.x, b)
        e = w * residual
        return Fit(w, e, _dot(e, residual), b, inverse)

    def trace(self, w: Floats, d: Floats | None = None) -> Floats:
        inverse = np.linalg.inv(self.gram(w))
        wd = w if d is None else w * d
        found: Floats = wd.sum(0) - np.einsum("mpq,mqp->m", inverse, self.gram(w * wd))
        return found

    def trace2(self, w: Floats, d: Floats | None = None, e: Floats | None = None) -> Floats:
        inverse = np.linalg.inv(self.gram(w))
        wd, we = w if d is None else w * d, w if e is None else w * e
        left, right = inverse @ self.gram(w * wd), inverse @ self.gram(w * we)
        found: Floats = (
            _dot(wd, we)
            - 2 * np.einsum("mpq,mqp->m", inverse, self.gram(w * wd * we))
            + np.einsum("mpq,mqp->m", left, right)
        )
        return found

    def excess(self, t: Floats, restricted: bool) -> Floats:
        w = self.weights(t)
        e = self.fit(w).e
        found: Floats = 1 - (self.trace(w) if restricted else w.sum(0)) / _dot(e, e)
        return found

    def excess_and_slope(self, t: Floats, restricted: bool) -> tuple[Floats, Floats]:
        w = self.weights(t)
        e = self.fit(w).e
        we = w * e
        xwe = np.einsum("kpm,km->mp", self.x, we)
        solved = np.linalg.solve(self.gram(w), xwe[:, :, None])[:, :, 0]
        squares, cubes = _dot(e, e), _dot(we, e) - np.einsum("mp,mp->m", xwe, solved)
        trace, trace2 = (self.trace(w), self.trace2(w)) if restricted else (w.sum(0), _dot(w, w))
        expected = trace / squares
        return 1 - expected, (trace2 - 2 * expected * cubes) / squares

    def log_det(self, w: Floats) -> Floats:
        found: Floats = np.linalg.slogdet(self.gram(w))[1]
        return found


def _dot(a: Floats, b: Floats) -> Floats:
    found: Floats = a @ b if a.ndim == 1 else np.einsum("km,km->m", a, b)
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


def standard_error(model: Model, method: str, tau2: Floats, fit: Fit | None = None) -> Floats:
    """The standard error of tau2 that belongs to the method, shape (m,). `fit`: the fit at tau2, if it is known.

    Source: Viechtbauer 2005, J Educ Behav Stat.
    """
    freedom = model.k - model.p
    if method == "CE":
        return np.full_like(tau2, np.nan)
    if method in ("DL", "HS"):
        w = model.weights(0 * tau2)
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
        w = model.weights(tau2) if fit is None else fit.w
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


def log_likelihood(model: Model, tau2: Floats, restricted: bool, fit: Fit | None = None) -> Floats:
    """The (restricted) log-likelihood at tau2, with all its constants, shape (m,). `fit`: the fit there, if it is known."""
    fit, ones = fit or model.fit(model.weights(tau2)), _ones(model)
    found = (np.log(model.v + tau2) * ones).sum(0) + fit.rss
    freedom = model.k
    if restricted:
        found += model.log_det(fit.w) - model.log_det(ones)
        freedom = freedom - model.p
    return np.asarray(-0.5 * (found + freedom * np.log(2 * np.pi)))


def _most_likely(model: Model, restricted: bool) -> Tau2:
    """The highest maximum of the likelihood over tau2 >= 0.

    The sign of the slope on a geometric grid brackets every maximum; inside a bracket Newton's method runs on the
    slope and halves the bracket whenever a step would leave it. Plain Fisher scoring, the usual way, can end in a
    lower maximum or never.
    """
    grid: Floats = _grid(model)
    with np.errstate(all="ignore"):  # where every effect is the same, nothing exceeds
        excess = _excess(model, grid, restricted)
        while (excess[-1] > 0).any():  # the grid must end where the likelihood falls for good
            grid = np.concatenate([grid, grid[-1:] * 10])
            excess = np.concatenate([excess, model.excess(grid[-1], restricted)[None]])
    if grid.shape[1] == 1:
        return _highest(model, grid, excess, restricted)
    rising = excess > 0
    several: Bools = (rising[:-1] > rising[1:]).sum(0) + ~rising[0] > 1
    value = np.zeros(several.size)
    single = np.flatnonzero(rising[0] & ~several)
    if single.size:
        ends = (below := rising[:, single].sum(0) - 1), below + 1
        value[single] = _climb(
            model.take(single), [grid[i, single] for i in ends], [excess[i, single] for i in ends], restricted
        )
    for i in np.flatnonzero(several):
        value[i] = _highest(model.take([i]), grid[:, [i]], excess[:, [i]], restricted).value[0]
    return Tau2(value, several)


def _highest(model: Model, grid: Floats, excess: Floats, restricted: bool) -> Tau2:
    """`_most_likely` of one analysis, from the grid and its excess there, shape (g, 1)."""
    rising = [value > 0 for (value,) in excess.tolist()]
    found: list[Floats] = [] if rising[0] else [np.zeros(1)]
    for below, pair in enumerate(itertools.pairwise(rising)):
        if pair == (True, False):
            ends = slice(below, below + 2)
            found.append(_climb(model, grid[ends], excess[ends], restricted))
    if len(found) == 1:
        return Tau2(found[0], np.array([False]))
    return Tau2(max(found, key=lambda t: log_likelihood(model, t, restricted)[0]), np.array([True]))


def _excess(model: Model, grid: Floats, restricted: bool) -> Floats:
    """The excess at each point of the grid, shape (g, m)."""
    points, m = grid.shape
    if m > FEW:
        return np.array([model.excess(t, restricted) for t in grid])
    wide = model if m == 1 else model.take(np.arange(points * m) % m)  # few analyses: one call is cheaper than many
    return wide.excess(grid.ravel(), restricted).reshape(points, m)


def _grid(model: Model) -> Floats:
    """0 and a geometric grid, shape (g, m): from half the smallest variance to where no maximum can lie.

    Above the largest variance the weights differ by a factor of 2 at most. With an intercept and effects of range R, y'PPy
    is then at most max(w) sum(w) R^2 / 4 and tr P at least min(w) (k - p): above R^2 k / (2 (k - p)) nothing rises.
    """
    if (mask := getattr(model, "live", None)) is None:
        low, widest = np.minimum.reduce(model.v) / 2, np.maximum.reduce(model.v)
        spread = np.maximum.reduce(model.y) - np.minimum.reduce(model.y)
    else:
        live = mask > 0
        low = np.where(live, model.v, np.inf).min(0) / 2
        widest = np.where(live, model.v, 0).max(0)
        spread = np.where(live, model.y, -np.inf).max(0) - np.where(live, model.y, np.inf).min(0)
    high = np.maximum(spread**2 * model.k / (2 * (model.k - model.p)), widest) * 1.01
    reach = high / low
    points = 2 + math.ceil(min(MAX_GRID - 2, math.log(reach.max()) / math.log(STEP)))
    grid = np.zeros((points + 1, low.size))
    grid[1:] = low * reach ** (np.arange(points) / (points - 1))[:, None]
    return grid


def _climb(model: Model, ends: Any, excess: Any, restricted: bool) -> Floats:
    """The maximum between two points of the grid, from where the straight line between their excesses crosses zero."""
    (low, high), (above, below) = ends, excess
    start = low + (high - low) * above / (above - below)
    return _root(lambda part, t, _: part.excess_and_slope(t, restricted), model, low, high, start, np.zeros_like(low))


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
        fit = own.fit(own.weights(t))  # 1 - aim / Q is nearly straight in tau2
        return 1 - aim / fit.rss, -_dot(fit.e, fit.e) * aim / fit.rss**2

    low = np.zeros_like(high)
    zero[open_] = _root(fall, part, low, high, low, goal)
    return zero


def _root(
    values: Callable[[Any, Floats, Floats], tuple[Floats, Floats]],
    model: Any,
    low: Floats,
    high: Floats,
    start: Floats,
    target: Floats,
) -> Floats:
    """Where a function that is positive at `low` and not at `high` crosses zero: Newton inside a shrinking bracket.

    `start` lies between the two; `values` gives the function and its derivative. Analyses that have arrived are taken out of the work.
    """
    if start.size == 1 and isinstance(model, Mean):
        return np.array([_root_of_one(values, model.take(0), low[0], high[0], start[0], target[0])])
    t = start
    found = t.copy()
    open_ = np.arange(t.size)
    with np.errstate(all="ignore"):
        for _ in range(MAX_STEPS):
            f, slope = values(model, t, target)
            rises = f > 0
            low, high = np.where(rises, t, low), np.where(rises, high, t)
            new = t - f / slope
            inside = (new >= low) & (new <= high)
            new = np.where(inside, new, (low + high) / 2)
            away = np.abs(new - t) > np.where(inside, NEAR, TOLERANCE) * new
            found[open_] = t = new
            stay = np.flatnonzero(away)
            if not stay.size:
                return found
            if stay.size < t.size:
                open_, t, low, high, target = open_[stay], t[stay], low[stay], high[stay], target[stay]
                model = model.take(stay)
    return found


def _root_of_one(values: Callable[..., Any], model: Mean, low: Any, high: Any, t: Any, target: Any) -> Any:
    """`_root` for one analysis, in plain numbers: NumPy takes as long for an array of one as for one of a hundred."""
    with np.errstate(all="ignore"):
        for _ in range(MAX_STEPS):
            f, slope = values(model, t, target)
            low, high = (t, high) if f > 0 else (low, t)
            new = t - f / slope
            near = NEAR
            if not low <= new <= high:
                new, near = (low + high) / 2, TOLERANCE
            t, moved = new, abs(new - t)
            if moved <= near * t:
                break
    return t
