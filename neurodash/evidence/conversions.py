"""From what a paper prints to what a pooling needs: standard errors, SDs and effects from intervals, t, p and each other.

Every function takes numbers or arrays of one shape and returns the same shape. What cannot be converted (a p of 0, an
interval upside down) raises DataError; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from neurodash.errors import DataError, Problem
from neurodash.evidence.analysis import level_of, quantile, shown
from neurodash.evidence.effects import hedges_correction


def se_from_interval(low: Any, high: Any, level: float = 95, df: Any = None) -> Any:
    """The standard error behind a symmetric interval; `df` where it was made with Student's t.

    Of a ratio, give the logarithms of the ends. Source: Cochrane Handbook, 6.3.1.
    """
    low, high = _numbers(low=low, high=high)
    if df is not None:
        (df,) = _numbers(df=df)
        _hold("df", df, lambda x: x > 0, "degrees of freedom above 0")
    _hold("high", high - low, lambda width: width > 0, "an end above the beginning")
    return (high - low) / (2 * quantile(level_of(level), df))


def se_from_p(estimate: Any, p: Any, df: Any = None) -> Any:
    """The standard error behind an estimate with a two-sided p value (not "<0.05"). Cochrane Handbook, 6.3.2."""
    estimate, p = _numbers(estimate=estimate, p=p)
    if df is not None:
        (df,) = _numbers(df=df)
        _hold("df", df, lambda x: x > 0, "degrees of freedom above 0")
    _hold("p", p, lambda x: (x > 0) & (x < 1), "a p value between 0 and 1, without a < or >")
    _hold("estimate", estimate, lambda x: x != 0, "an estimate other than 0")
    return np.abs(estimate) / _statistic(p, df)


def sd_from_se(se: Any, n: Any) -> Any:
    """The standard deviation of n people whose mean has the standard error `se`."""
    se, n = _numbers(se=se, n=n)
    _hold("se", se, lambda x: x > 0, "a standard error above 0")
    _hold("n", n, lambda x: x >= 1, "a number of people")
    return se * np.sqrt(n)


def sd_from_interval(low: Any, high: Any, n: Any, level: float = 95) -> Any:
    """The SD of n people from the interval of their mean, made with t of n - 1. Cochrane Handbook, 6.5.2.2."""
    (n,) = _numbers(n=n)
    _hold("n", n, lambda x: x >= 2, "2 people or more")
    return sd_from_se(se_from_interval(low, high, level, df=n - 1), n)


def sd_of_change(sd_pre: Any, sd_post: Any, r: Any) -> Any:
    """The SD of a change from the SDs before and after and their correlation r. Cochrane Handbook, 6.5.2.8."""
    sd_pre, sd_post, r = _numbers(sd_pre=sd_pre, sd_post=sd_post, r=r)
    _hold("sd_pre", sd_pre, lambda x: x > 0, "a standard deviation above 0")
    _hold("sd_post", sd_post, lambda x: x > 0, "a standard deviation above 0")
    _hold("r", r, lambda x: np.abs(x) <= 1, "a correlation from -1 to 1")
    return np.sqrt(sd_pre**2 + sd_post**2 - 2 * r * sd_pre * sd_post)


def sd_pooled(sd1: Any, n1: Any, sd2: Any, n2: Any) -> Any:
    """The SD inside two groups together, weighted by their degrees of freedom."""
    sd1, n1, sd2, n2 = _numbers(sd1=sd1, n1=n1, sd2=sd2, n2=n2)
    for name, sd in (("sd1", sd1), ("sd2", sd2)):
        _hold(name, sd, lambda x: x > 0, "a standard deviation above 0")
    _hold("n1, n2", np.minimum(n1, n2), lambda x: x >= 2, "2 people or more in each group")
    return np.sqrt(((n1 - 1) * sd1**2 + (n2 - 1) * sd2**2) / (n1 + n2 - 2))


def smd_from_t(t: Any, n1: Any, n2: Any) -> tuple[Any, Any]:
    """Hedges' g and its variance from a t of two independent groups; positive where t is. Borenstein 2009, 4.1."""
    t, n1, n2 = _numbers(t=t, n1=n1, n2=n2)
    _hold("n1, n2", np.minimum(n1, n2), lambda x: x >= 2, "2 people or more in each group")
    g = hedges_correction(n1 + n2 - 2) * t * np.sqrt(1 / n1 + 1 / n2)
    return g, 1 / n1 + 1 / n2 + g**2 / (2 * (n1 + n2))


def smd_from_p(p: Any, n1: Any, n2: Any, sign: Any = 1) -> tuple[Any, Any]:
    """Hedges' g and its variance from a two-sided p of a t test; `sign` (1 or -1) says whom it favours."""
    p, n1, n2 = _numbers(p=p, n1=n1, n2=n2)
    _hold("p", p, lambda x: (x > 0) & (x < 1), "a p value between 0 and 1, without a < or >")
    (sign,) = _numbers(sign=sign)
    _hold("sign", sign, lambda x: x != 0, "1 or -1, the side the effect favours")
    return smd_from_t(np.sign(sign) * _statistic(p, n1 + n2 - 2), n1, n2)


def smd_from_difference(difference: Any, se: Any, n1: Any, n2: Any) -> tuple[Any, Any]:
    """Hedges' g and its variance from a difference of means and its standard error."""
    difference, se = _numbers(difference=difference, se=se)
    _hold("se", se, lambda x: x > 0, "a standard error above 0")
    return smd_from_t(difference / se, n1, n2)


def smd_from_log_or(log_or: Any, variance: Any) -> tuple[Any, Any]:
    """An SMD from a log odds ratio, by the logistic distribution. Hasselblad and Hedges 1995, Psychol Bull 117:167."""
    log_or, variance = _numbers(log_or=log_or, variance=variance)
    _hold("variance", variance, lambda x: x > 0, "a sampling variance above 0")
    return log_or * np.sqrt(3) / np.pi, variance * 3 / np.pi**2


def log_or_from_smd(smd: Any, variance: Any) -> tuple[Any, Any]:
    """A log odds ratio from an SMD: the way back of `smd_from_log_or`."""
    smd, variance = _numbers(smd=smd, variance=variance)
    _hold("variance", variance, lambda x: x > 0, "a sampling variance above 0")
    return smd * np.pi / np.sqrt(3), variance * np.pi**2 / 3


def smd_from_r(r: Any, n: Any) -> tuple[Any, Any]:
    """An SMD from a correlation with group membership, groups of equal size. Borenstein 2009, equations 7.5 and 7.6."""
    r, n = _numbers(r=r, n=n)
    _hold("r", r, lambda x: np.abs(x) < 1, "a correlation between -1 and 1")
    _hold("n", n, lambda x: x >= 3, "3 people or more")
    return 2 * r / np.sqrt(1 - r**2), 4 * ((1 - r**2) ** 2 / (n - 1)) / (1 - r**2) ** 3


def r_from_smd(smd: Any, variance: Any, n1: Any, n2: Any) -> tuple[Any, Any]:
    """A correlation from an SMD. Borenstein 2009, equations 7.7 to 7.9."""
    smd, variance, n1, n2 = _numbers(smd=smd, variance=variance, n1=n1, n2=n2)
    _hold("variance", variance, lambda x: x > 0, "a sampling variance above 0")
    _hold("n1, n2", np.minimum(n1, n2), lambda x: x >= 1, "people in each group")
    a = (n1 + n2) ** 2 / (n1 * n2)
    return smd / np.sqrt(smd**2 + a), a**2 * variance / (smd**2 + a) ** 3


def _statistic(p: Any, df: Any) -> Any:
    return -special.ndtri(p / 2) if df is None else -special.stdtrit(np.asarray(df, dtype=float), p / 2)


def _numbers(**values: Any) -> list[Any]:
    found, problems = {}, []
    for name, value in values.items():
        try:
            found[name] = np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError):
            problems.append(Problem(name, f"“{value}”", "a number, or a list of numbers"))
    if problems:
        raise DataError(problems)
    try:
        np.broadcast_shapes(*(value.shape for value in found.values()))
    except ValueError:
        told = ", ".join(f"{name} {value.size}" for name, value in found.items())
        raise DataError([Problem(", ".join(found), f"unequal lengths: {told}", "one value a trial in each")]) from None
    for name, value in found.items():
        _hold(name, value, np.isfinite, "a finite number")
    return list(found.values())


def _hold(name: str, value: Any, may: Callable[[Any], Any], accepted: str) -> None:
    wrong = np.atleast_1d(~np.asarray(may(value)))
    if wrong.any():
        raise DataError(
            [
                Problem(name if wrong.size == 1 else f"{name}[{i}]", shown(np.atleast_1d(value)[i]), accepted)
                for i in np.flatnonzero(wrong)
            ]
        )
