"""Putting results on one axis on which right means "better for the people trained"."""

from __future__ import annotations

import math
from dataclasses import dataclass

from neurodash.library import Result

RATIOS = frozenset({"RR", "OR", "IRR"})


@dataclass(frozen=True)
class Aligned:
    """An estimate and its interval with 0 = no effect and positive = favours the intervention.

    Ratios are natural logarithms; other metrics keep their unit.
    """

    estimate: float
    low: float | None
    high: float | None


def align(result: Result, higher_is_better: bool | None) -> Aligned | None:
    """The result on the common axis, or None where no number was read that can be drawn.

    `favours` decides the direction. Where a result favours neither, the direction of its outcome does
    (`higher_is_better`), and a result without either is taken as printed.
    """
    if result.estimate is None:
        return None
    estimate = _scaled(result, float(result.estimate))
    ends = sorted(_scaled(result, float(end)) for end in result.interval) if result.interval else [None, None]
    if not all(math.isfinite(value) for value in (estimate, *ends) if value is not None):
        return None  # a ratio of zero has no place on a logarithmic axis
    if _is_mirrored(result, estimate, higher_is_better):
        low, high = (None if end is None else -end for end in reversed(ends))
        return Aligned(-estimate, low, high)
    return Aligned(estimate, *ends)


def _scaled(result: Result, value: float) -> float:
    if result.effect_metric not in RATIOS:
        return value
    return math.log(value) if value > 0 else -math.inf


def _is_mirrored(result: Result, estimate: float, higher_is_better: bool | None) -> bool:
    if result.favours == "intervention":
        return estimate < 0
    if result.favours == "control":
        return estimate > 0
    return higher_is_better is False
