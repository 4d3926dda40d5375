"""Do small trials tell another story? Egger's regression, rank correlation, trim and fill, PET-PEESE.

None of these detects publication bias as such: they detect that the effect goes with the size of the trial, which has
other causes too. With fewer than ten trials they say next to nothing (Cochrane Handbook 13.3.5.4), and the notes say so.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
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
    figure,
    level_of,
    one_of,
    p_figure,
    quantile,
    two_sided,
)
from neurodash.evidence.effects import MEASURES, Effects
from neurodash.evidence.heterogeneity import METHODS
from neurodash.evidence.pooling import Pooled, as_effects, pool
from neurodash.evidence.regression import regress

FEW = 10  # trials below which a test of funnel asymmetry should not be used. Cochrane Handbook 13.3.5.4
PREDICTORS = ("sei", "vi")
FILLS = ("L0", "R0", "Q0")
EXACT_TO = 150  # trials up to which, without ties, Kendall's p is computed exactly; metafor always does
PEESE_BELOW = 0.10  # p of the PET intercept below which PEESE is read. Stanley and Doucouliagos 2014: one-sided 5 %
MAX_FILL_ROUNDS = 100

SMD_TIED = (
    "A standardised mean difference and its standard error are tied by construction, so these tests raise false alarms "
    "(Pustejovsky and Rodgers 2019, Res Synth Methods 10:57-71)."
)


@dataclass(frozen=True, kw_only=True)
class Egger(Analysis):
    """Does the effect go with the standard error? `slope` and its test; `limit` is the effect as the predictor goes to 0.

    `model` "lm" is Egger's weighted regression with a free error scale (t, k - 2 df); else a meta-regression (z).
    """

    model: str
    predictor: str
    slope: float
    slope_se: float
    statistic: float
    df: float | None
    p: float
    limit: float
    limit_low: float
    limit_high: float
    tau2: float

    def __str__(self) -> str:
        letter = "z" if self.df is None else f"t({self.df:g})"
        return (
            f"Egger ({self.model}, {self.predictor}): slope {figure(self.slope)} (SE {figure(self.slope_se)}), "
            f"{letter} = {figure(self.statistic)}, p {p_figure(self.p)}; "
            f"limit {figure(self.limit)} ({figure(self.limit_low)} to {figure(self.limit_high)}){_noted(self)}"
        )


@dataclass(frozen=True, kw_only=True)
class RankTest(Analysis):
    """Kendall's tau between the standardised effects and their variances (Begg and Mazumdar)."""

    tau: float
    p: float
    exact: bool

    def __str__(self) -> str:
        return f"Rank test: Kendall's tau {figure(self.tau)}, p {p_figure(self.p)}{' (exact)' if self.exact else ''}{_noted(self)}"


@dataclass(frozen=True, kw_only=True)
class TrimFill(Analysis):
    """How many trials seem missing on one side (`k0`), and the pooled result with their mirror images filled in.

    `p_k0` is the p value of k0 > 0, which exists for "R0" only.
    """

    estimator: str
    k0: int
    se_k0: float
    p_k0: float
    side: str
    filled_yi: Floats
    filled_vi: Floats
    adjusted: Pooled

    def __str__(self) -> str:
        a = self.adjusted
        return (
            f"Trim and fill ({self.estimator}): {self.k0} missing on the {self.side} (SE {figure(self.se_k0)}); "
            f"filled estimate {figure(a.estimate)} ({figure(a.ci_low)} to {figure(a.ci_high)})"
        )


@dataclass(frozen=True, kw_only=True)
class PetPeese(Analysis):
    """The effect a very large trial would have: the intercept on the standard error (PET) or on the variance (PEESE).

    `chosen` is PEESE where PET's intercept differs from 0 with p < 0.10, else PET.
    """

    pet: Egger
    peese: Egger
    pet_p: float
    chosen: str
    estimate: float
    ci_low: float
    ci_high: float

    def __str__(self) -> str:
        return f"PET-PEESE: {self.chosen} {figure(self.estimate)} ({figure(self.ci_low)} to {figure(self.ci_high)}); PET intercept p {p_figure(self.pet_p)}{_noted(self)}"


@dataclass(frozen=True, kw_only=True)
class Bias(Analysis):
    """Everything about small-study effects at once."""

    k: int
    egger: Egger
    rank: RankTest
    trim_fill: TrimFill | None
    pet_peese: PetPeese

    def _rows(self) -> list[dict[str, Any]]:
        """One row a test: what it found, with its interval or its p where it has one."""
        rows: list[dict[str, Any]] = [
            {"test": "egger", "found": self.egger.slope, "p": self.egger.p},
            {"test": "rank", "found": self.rank.tau, "p": self.rank.p},
        ]
        if self.trim_fill is not None:
            filled = self.trim_fill.adjusted
            rows.append(
                {
                    "test": "trim_fill",
                    "found": filled.estimate,
                    "p": filled.p,
                    "ci_low": filled.ci_low,
                    "ci_high": filled.ci_high,
                    "k0": self.trim_fill.k0,
                }
            )
        own = self.pet_peese
        rows.append(
            {"test": "pet_peese", "found": own.estimate, "p": own.pet_p, "ci_low": own.ci_low, "ci_high": own.ci_high}
        )
        return rows

    def __str__(self) -> str:
        parts = [self.egger, self.rank, self.trim_fill, self.pet_peese]
        return "\n".join(str(part) for part in parts if part is not None) + _noted(self)


def _noted(found: Analysis) -> str:
    return "".join(f"\nNote: {note}" for note in found.notes)


def bias(
    yi: Any,
    vi: Any = None,
    *,
    method: str = "REML",
    fill: str = "L0",
    level: float = 95,
    labels: Sequence[str] | None = None,
) -> Bias:
    """Egger's test, the rank test, trim and fill, and PET-PEESE of k >= 3 trials.

    Settings as for `pool`; `fill` is the trim-and-fill estimator ("L0", "R0", "Q0"). Raises DataError for fewer than three
    trials, or where all variances are equal (there is no small trial then).
    """
    effects = _enough(yi, vi, labels)
    notes = [*_cautions(effects)]
    corrected = _pet_peese(effects, level)
    plain = pool(effects, method=method, test="z").estimate
    away = corrected.estimate * plain > 0 and abs(corrected.estimate) > abs(plain)
    if away and MEASURES[effects.measure].has_null:
        notes.append(
            Note(
                "pet_peese_away",
                "PET-PEESE points further from no effect than the pooled result: read it as no correction.",
            )
        )
    try:
        filled = trim_fill(effects, method=method, estimator=fill, level=level)
    except DataError as error:
        filled = None
        notes.append(Note("no_trim_fill", str(error.problems[0])))
    return Bias(
        k=effects.k, egger=_egger(effects, "lm", "sei", level), rank=_rank_test(effects), trim_fill=filled,
        notes=tuple(notes), pet_peese=corrected, call=call_of("bias", "yi", "vi", method=method, fill=fill, level=level),
    )  # fmt: skip


def egger(yi: Any, vi: Any = None, *, model: str = "lm", predictor: str = "sei", level: float = 95) -> Egger:
    """Egger's regression of the effect on its standard error ("sei") or variance ("vi").

    `model` is "lm" (weighted regression with a free error scale, the classical test) or a method of `pool` for a
    meta-regression. Raises DataError for fewer than three trials or equal variances.
    Source: Egger et al. 1997, BMJ 315:629-634; Sterne and Egger 2005.
    """
    one_of("model", model, ("lm", *METHODS))
    one_of("predictor", predictor, PREDICTORS)
    effects = _enough(yi, vi)
    return dataclasses.replace(_egger(effects, model, predictor, level), notes=_cautions(effects))


def _egger(effects: Effects, model: str, predictor: str, level: float) -> Egger:
    y, v = effects.yi, effects.vi
    x = np.sqrt(v) if predictor == "sei" else v
    if model == "lm":
        fit = regress(y, v, {predictor: x}, method="CE", test="knha", level=level)
    else:
        fit = regress(y, v, {predictor: x}, method=model, test="z", level=level)
    return Egger(
        model=model, predictor=predictor, slope=float(fit.b[1]), slope_se=float(fit.se[1]), statistic=float(fit.statistic[1]),
        df=fit.df, p=float(fit.p[1]), limit=float(fit.b[0]), limit_low=float(fit.ci_low[0]), limit_high=float(fit.ci_high[0]),
        tau2=fit.tau2, call=call_of("egger", "yi", "vi", model=model, predictor=predictor, level=level),
    )  # fmt: skip


def rank_test(yi: Any, vi: Any = None) -> RankTest:
    """Begg and Mazumdar's rank correlation. Exact without ties up to 150 trials, else by the normal approximation with
    ties, as metafor's ranktest. Raises DataError as `egger`. Source: Begg and Mazumdar 1994, Biometrics 50:1088-1101.
    """
    effects = _enough(yi, vi)
    return dataclasses.replace(_rank_test(effects), notes=_cautions(effects))


def _rank_test(effects: Effects) -> RankTest:
    y, v = effects.yi, effects.vi
    w = 1 / v
    mean = (w * y).sum() / w.sum()
    left = v - 1 / w.sum()
    if not (left > 0).all():
        raise DataError(
            [Problem("vi", "one trial with all the weight", "trials of comparable size, to be put in order")]
        )
    deviates = (y - mean) / np.sqrt(left)
    tau, p, exact = _kendall(deviates, v)
    return RankTest(tau=tau, p=p, exact=exact, call=call_of("rank_test", "yi", "vi"))


def trim_fill(
    yi: Any,
    vi: Any = None,
    *,
    method: str = "REML",
    estimator: str = "L0",
    side: str | None = None,
    test: str = "z",
    level: float = 95,
) -> TrimFill:
    """Trim the outlying trials on one side until the funnel is symmetrical, then fill in the mirror images.

    `side` ("left" or "right") is where trials are thought missing; by default the side Egger's slope points away from.
    Raises DataError as `egger`, and where the estimator has no value for these trials (Q0 can fail).
    Source: Duval and Tweedie 2000, Biometrics 56:455-463; J Am Stat Assoc 95:89-98.
    """
    one_of("method", method, METHODS)
    one_of("estimator", estimator, FILLS)
    level = level_of(level)
    effects = _enough(yi, vi)
    y, v, names = effects.yi, effects.vi, effects.labels
    if side is None:
        slope = regress(y, v, {"sei": np.sqrt(v)}, method=method, test="z").b[1]
        side = "right" if slope < 0 else "left"
    one_of("side", side, ("left", "right"))
    sign = -1.0 if side == "right" else 1.0
    order = np.argsort(sign * y, kind="stable")
    own_y, own_v = sign * y[order], v[order]
    k = y.size
    k0, before = 0, -1
    for _ in range(MAX_FILL_ROUNDS):
        if k0 == before:
            break
        before = k0
        centre = pool(own_y[: k - k0], own_v[: k - k0], method=method, test="z").estimate
        centred = own_y - centre
        ranks = np.sign(centred) * _first_ranks(np.abs(centred))
        k0, se_k0 = _missing(ranks, estimator, k)
        if k0 >= k:
            raise DataError([Problem("trim and fill", f"{k0} missing trials", f"fewer than the {k} there are")])
    filled_y = sign * (2 * centre - own_y[k - k0 :]) if k0 else np.empty(0)
    filled_v = own_v[k - k0 :] if k0 else np.empty(0)
    adjusted = pool(
        np.concatenate([y, filled_y]), np.concatenate([v, filled_v]), method=method, test=test, level=level,
        labels=[*names, *(f"filled {i + 1}" for i in range(k0))],
    )  # fmt: skip
    p_k0 = 1 - sum(comb(m + 1, m + 1) * 0.5 ** (m + 2) for m in range(-1, k0)) if estimator == "R0" else NOT_KNOWN
    return TrimFill(
        estimator=estimator, k0=k0, se_k0=se_k0, p_k0=p_k0, side=side, filled_yi=filled_y, filled_vi=filled_v, adjusted=adjusted,
        call=call_of("trim_fill", "yi", "vi", method=method, estimator=estimator, side=side, test=test, level=level),
    )  # fmt: skip


def pet_peese(yi: Any, vi: Any = None, *, level: float = 95) -> PetPeese:
    """The conditional PET-PEESE estimate. Source: Stanley and Doucouliagos 2014, Res Synth Methods 5:60-78."""
    effects = _enough(yi, vi)
    return dataclasses.replace(_pet_peese(effects, level), notes=_cautions(effects))


def _pet_peese(effects: Effects, level: float) -> PetPeese:
    pet, peese = (_egger(effects, "lm", predictor, level) for predictor in PREDICTORS)
    reach = float(quantile(level, pet.df))
    se = (pet.limit_high - pet.limit) / reach
    p = float(two_sided(pet.limit / se, pet.df)) if se > 0 else 1.0
    best = peese if p < PEESE_BELOW else pet
    return PetPeese(
        pet=pet, peese=peese, pet_p=p, chosen="PEESE" if best is peese else "PET", estimate=best.limit,
        ci_low=best.limit_low, ci_high=best.limit_high, call=call_of("pet_peese", "yi", "vi", level=level),
    )  # fmt: skip


def _cautions(effects: Effects) -> tuple[Note, ...]:
    """What makes these tests say less than they seem to."""
    few = f"{effects.k} trials: below {FEW} these tests cannot tell asymmetry from chance."
    return (
        *([Note("few_trials", few)] if effects.k < FEW else []),
        *([Note("smd_and_its_error", SMD_TIED)] if MEASURES[effects.measure].tied_to_error else []),
    )


def _enough(yi: Any, vi: Any, labels: Sequence[str] | None = None) -> Effects:
    effects = as_effects(yi, vi, labels)
    y, v = effects.yi, effects.vi
    if y.size < 3:
        raise DataError(
            [Problem("yi", wording.count(y.size, "trial"), "three or more, to see whether small trials differ")]
        )
    if np.ptp(v) <= 1e-12 * v.max():
        raise DataError(
            [
                Problem(
                    "vi",
                    f"the same variance ({v[0]:g}) in every trial",
                    "trials of different size",
                    "Where no trial is smaller than another, small-study effects cannot be seen.",
                )
            ]
        )
    return effects


# Ranks


def _first_ranks(values: Floats) -> Floats:
    """Ranks from 1; of equal values the first comes first."""
    ranks = np.empty(values.size)
    ranks[np.argsort(values, kind="stable")] = np.arange(1, values.size + 1)
    return ranks


def _missing(ranks: Floats, estimator: str, k: int) -> tuple[int, float]:
    """The estimated number of missing trials and its standard error, from signed ranks."""
    above = float(ranks[ranks > 0].sum())
    if estimator == "R0":
        k0 = k - max((-ranks[ranks < 0]).max(initial=0.0), 0.0) - 1
        found = max(0, int(np.rint(k0)))
        return found, float(np.sqrt(2 * max(0.0, k0) + 2))
    if estimator == "L0":
        k0 = (4 * above - k * (k + 1)) / (2 * k - 1)
        scale = 4 / (2 * k - 1)
    else:
        inside = 2 * k**2 - 4 * above + 0.25
        if inside < 0:
            raise DataError(
                [
                    Problem(
                        "trim and fill, Q0",
                        f"{above:g} as the sum of the ranks above the centre",
                        "one for which Q0 exists",
                        "Use L0 or R0.",
                    )
                ]
            )
        k0 = k - 0.5 - np.sqrt(inside)
        room = (k - 0.5) ** 2 - k0 * (2 * k - k0 - 1)
        scale = 2 / np.sqrt(room) if room > 0 else NOT_KNOWN
    spread = (
        k * (k + 1) * (2 * k + 1) + 10 * k0**3 + 27 * k0**2 + 17 * k0 - 18 * k * k0**2 - 18 * k * k0 + 6 * k**2 * k0
    ) / 24
    return max(0, int(np.rint(k0))), float(scale * np.sqrt(max(spread, 0.0)))


def _kendall(a: Floats, b: Floats) -> tuple[float, float, bool]:
    n = a.size
    signs = np.sign(a[:, None] - a[None, :]) * np.sign(b[:, None] - b[None, :])
    score = float(np.triu(signs, 1).sum())
    ties_a, ties_b = _ties(a), _ties(b)
    pairs = n * (n - 1) / 2
    spread = np.sqrt((pairs - (ties_a * (ties_a - 1)).sum() / 2) * (pairs - (ties_b * (ties_b - 1)).sum() / 2))
    if spread == 0:
        return NOT_KNOWN, 1.0, False
    tau = score / spread
    if ties_a.max() == 1 and ties_b.max() == 1 and n <= EXACT_TO:
        concordant = round((score + pairs) / 2)
        counts = _concordances(n)
        total = sum(counts)
        low, high = sum(counts[: concordant + 1]) / total, sum(counts[concordant:]) / total
        return tau, min(1.0, 2 * min(low, high)), True
    v0 = n * (n - 1) * (2 * n + 5)
    vt, vu = ((t * (t - 1) * (2 * t + 5)).sum() for t in (ties_a, ties_b))
    v1 = (ties_a * (ties_a - 1)).sum() * (ties_b * (ties_b - 1)).sum() / (2 * n * (n - 1))
    v2 = (
        (ties_a * (ties_a - 1) * (ties_a - 2)).sum()
        * (ties_b * (ties_b - 1) * (ties_b - 2)).sum()
        / (9 * n * (n - 1) * (n - 2))
    )
    variance = (v0 - vt - vu) / 18 + v1 + v2
    return tau, float(2 * special.ndtr(-abs(score) / np.sqrt(variance))), False


def _ties(values: Floats) -> Any:
    return np.unique(values, return_counts=True)[1].astype(float)


def _concordances(n: int) -> list[int]:
    """How many orders of n things have 0, 1, 2 … concordant pairs (Kendall 1938), in exact whole numbers."""
    counts = [1]
    for size in range(2, n + 1):
        sums = [0, *itertools.accumulate(counts)]  # the new count at i is the sum of `size` old ones, up to i
        last = len(counts)
        counts = [sums[min(i + 1, last)] - sums[max(i + 1 - size, 0)] for i in range(last + size - 1)]
    return counts
