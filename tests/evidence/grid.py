"""The highest point of the likelihood over tau2, found without skill: thousands of points and a golden section.

    python -m tests.evidence.grid 10000

compares the engine with it on that many simulated sets, and counts what plain Fisher scoring makes of them.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import numpy as np

from neurodash.evidence import pool_many

POINTS = 2_000
ALLOWED = 1e-8  # of the log-likelihood, relative to its size where that is above 1. Worst seen 2e-14, in 10,000 sets
SETTLED = 1e-10  # relative change of tau2 at which the scoring below stops
STEPS = 1_000  # of the scoring; metafor allows 100
WRONG = 1e-6  # of the log-likelihood: a scoring that ends this much lower missed the maximum


def log_likelihood(y: np.ndarray, v: np.ndarray, t: np.ndarray | float, restricted: bool) -> np.ndarray:
    """The (restricted) log-likelihood at each tau2 of t, written down from its definition, constants left out.

    -1/2 sum log(v + t) - 1/2 sum w (y - mean)^2, and for REML - 1/2 log sum w, with w = 1 / (v + t).
    """
    total = v[:, None] + np.atleast_1d(t)[None, :]
    w = 1 / total
    mean = (w * y[:, None]).sum(0) / w.sum(0)
    found = -0.5 * np.log(total).sum(0) - 0.5 * (w * (y[:, None] - mean) ** 2).sum(0)
    return found - 0.5 * np.log(w.sum(0)) if restricted else found


@dataclass(frozen=True)
class Highest:
    tau2: float
    log_likelihood: float
    maxima: int  # seen on the grid, an end at 0 included


def highest(y: np.ndarray, v: np.ndarray, restricted: bool, points: int = POINTS) -> Highest:
    """The highest point of a grid of 0 and `points` values, refined by golden section around every maximum of the grid."""
    top = 10 * max(np.ptp(y) ** 2, v.max())
    grid = np.concatenate([[0.0], np.geomspace(v.min() * 1e-4, top, points)])
    values = log_likelihood(y, v, grid, restricted)
    lower = np.concatenate([[-np.inf], values[:-1]])
    upper = np.concatenate([values[1:], [-np.inf]])
    peaks = np.flatnonzero((values > lower) & (values >= upper))
    best = (-np.inf, 0.0)
    for i in peaks[np.argsort(-values[peaks])][:3]:
        t = _golden(y, v, restricted, grid[max(i - 1, 0)], grid[min(i + 1, points)])
        ends = np.array([t, grid[i]])
        at = log_likelihood(y, v, ends, restricted)
        best = max(best, (float(at.max()), float(ends[at.argmax()])))
    return Highest(best[1], best[0], int(peaks.size))


def _golden(y: np.ndarray, v: np.ndarray, restricted: bool, low: float, high: float) -> float:
    share = (5**0.5 - 1) / 2
    for _ in range(60):
        a, b = high - share * (high - low), low + share * (high - low)
        left, right = log_likelihood(y, v, np.array([a, b]), restricted)
        low, high = (low, b) if left > right else (a, high)
        if high - low <= 1e-9 * high:
            break
    return (low + high) / 2


def fisher_scoring(y: np.ndarray, v: np.ndarray, restricted: bool) -> float | None:
    """tau2 by plain Fisher scoring from the Hedges-Olkin start, steps halved while they lead below 0; None if it never settles.

    The usual way: step = (y'PPy - tr P) / tr PP for REML, (y'PPy - tr W) / tr WW for ML (Viechtbauer 2005).
    """
    k = y.size
    t = max(0.0, float(((y - y.mean()) ** 2).sum() / (k - 1) - v.mean()))
    for _ in range(STEPS):
        w = 1 / (v + t)
        s = w.sum()
        e = w * (y - (w * y).sum() / s)
        if restricted:
            trace, information = s - (w**2).sum() / s, (w**2).sum() - 2 * (w**3).sum() / s + ((w**2).sum() / s) ** 2
        else:
            trace, information = s, (w**2).sum()
        if information <= 0:  # cancelled away: one trial holds all the weight
            return None
        step = ((e**2).sum() - trace) / information
        while t + step < 0:
            step /= 2
        t += step
        if abs(step) <= SETTLED * max(t, v.min() * 1e-3):
            return float(t)
    return None


KINDS = ("plain", "scales", "camps", "outlier", "boundary", "giant")


def simulated(seed: int, count: int) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Sets of 2 to 40 trials, their variances spread over up to eight orders of magnitude; half are made to be awkward."""
    rng = np.random.default_rng(seed)
    found = []
    for i in range(count):
        kind = KINDS[i % len(KINDS)]
        k = int(rng.integers(2, 41))
        decades = rng.choice([0.3, 1, 3, 8])
        v = 10 ** rng.uniform(-decades, 0, k) * 10 ** rng.uniform(-3, 3)
        t = float(rng.choice([0, 0.01, 0.3, 1, 30])) * float(np.median(v))
        y = rng.normal(rng.normal(0, 1), np.sqrt(v + t))
        if kind == "camps":  # precise trials that disagree, among imprecise ones that do not
            precise = rng.integers(1, max(2, k // 2 + 1))
            v[:precise] = v.min() * 10 ** rng.uniform(-4, 0, precise)
            y[:precise] = rng.choice([-1, 1], precise) * rng.uniform(0, 3) * np.sqrt(np.median(v)) + rng.normal(
                0, np.sqrt(v[:precise])
            )
        elif kind == "outlier":
            y[0] += rng.choice([-1, 1]) * rng.uniform(2, 20) * np.sqrt(v[0] + t)
        elif kind == "boundary":  # Q close to its degrees of freedom, where tau2 is 0 or next to it
            w = 1 / v
            mean = (w * y).sum() / w.sum()
            q = (w * (y - mean) ** 2).sum()
            y = mean + (y - mean) * np.sqrt((k - 1) * rng.uniform(0.7, 1.3) / q)
        elif kind == "giant":
            v[0] = v.min() * 10 ** rng.uniform(-6, -2)
        found.append((kind, y, v))
    return found


@dataclass(frozen=True)
class Outcome:
    sets: int
    worst: float  # by how much ours is lower than the grid, relative to the log-likelihood where that is above 1
    several: int  # ours says several_maxima
    several_on_grid: int
    scoring_lower: int
    scoring_never: int
    zero: int  # ours is 0


def compare(sets: list[tuple[str, np.ndarray, np.ndarray]], restricted: bool, points: int = POINTS) -> Outcome:
    width = max(y.size for _, y, _ in sets)
    table = np.full((2, len(sets), width), np.nan)
    for i, (_, y, v) in enumerate(sets):
        table[:, i, : y.size] = y, v
    ours = pool_many(table[0], table[1], method="REML" if restricted else "ML", test="z")
    worst, on_grid, lower, never = -np.inf, 0, 0, 0
    for i, (_, y, v) in enumerate(sets):
        best = highest(y, v, restricted, points)
        here = float(log_likelihood(y, v, ours.tau2[i], restricted)[0])
        worst = max(worst, (best.log_likelihood - here) / max(1.0, abs(best.log_likelihood)))
        on_grid += best.maxima > 1
        scored = fisher_scoring(y, v, restricted)
        if scored is None:
            never += 1
        elif best.log_likelihood - float(log_likelihood(y, v, scored, restricted)[0]) > WRONG:
            lower += 1
    return Outcome(
        len(sets), float(worst), int(ours.several_maxima.sum()), on_grid, lower, never, int((ours.tau2 == 0).sum())
    )


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    for name in ("REML", "ML"):
        start = time.perf_counter()
        outcome = compare(simulated(seed=1, count=number), restricted=name == "REML")
        print(f"{name}: {outcome}, {time.perf_counter() - start:.0f} s")
