"""Effect sizes with their sampling variances, from what trials report.

Group 1 is the intervention. Every measure is written so that 0 means "no difference" where it compares two groups;
ratios and correlations come on the scale they are pooled on (`Effects.back` returns to the reader's scale).
Names of measures and variants are those of the R package metafor, with which the values agree.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from neurodash.errors import DataError, Problem
from neurodash.evidence.analysis import Analysis, Floats, Note, call_of, column, figure, one_of, shown, table

ADD = 0.5  # added to the cells of a table with a zero, so that its logarithm exists. Haldane 1956; as metafor


@dataclass(frozen=True)
class Measure:
    """What an effect size is called, the columns it needs, its variants of the sampling variance, and two of its traits:
    whether 0 on the pooled scale means "no difference" or "no relation" (a proportion has no such value), and whether the
    effect itself stands in its variance."""

    code: str
    name: str
    columns: tuple[str, ...]
    variants: tuple[str, ...] = ("LS",)
    back: str = ""  # how the pooled scale returns to the reader's: exp, tanh, expit, sin2
    has_null: bool = True
    tied_to_error: bool = False


MEANS = ("m1", "sd1", "n1", "m2", "sd2", "n2")
EVENTS = ("events1", "n1", "events2", "n2")
MEASURES: Mapping[str, Measure] = {
    m.code: m
    for m in (
        Measure("SMD", "standardised mean difference (Hedges' g)", MEANS, ("LS", "UB", "LS2"), tied_to_error=True),
        Measure("SMDH", "standardised mean difference, unequal variances", MEANS, tied_to_error=True),
        Measure("MD", "mean difference", MEANS, ("LS", "HO")),
        Measure("ROM", "log ratio of means", MEANS, back="exp"),
        Measure("SMCC", "standardised mean change, by the SD of the change", ("m_post", "m_pre", "sd_pre", "sd_post", "n", "r"), tied_to_error=True),
        Measure("SMCR", "standardised mean change, by the SD before", ("m_post", "m_pre", "sd_pre", "n", "r"), tied_to_error=True),
        Measure("RR", "log risk ratio", EVENTS, back="exp"),
        Measure("OR", "log odds ratio", EVENTS, back="exp"),
        Measure("PETO", "log odds ratio by Peto's method", EVENTS, back="exp"),
        Measure("RD", "risk difference", EVENTS),
        Measure("IRR", "log rate ratio", ("events1", "time1", "events2", "time2"), back="exp"),
        Measure("ZCOR", "Fisher's z", ("r", "n"), back="tanh"),
        Measure("COR", "correlation", ("r", "n")),
        Measure("PLO", "logit proportion", ("events", "n"), back="expit", has_null=False),
        Measure("PLN", "log proportion", ("events", "n"), back="exp", has_null=False),
        Measure("PR", "proportion", ("events", "n"), has_null=False),
        Measure("PAS", "arcsine of the square root of a proportion", ("events", "n"), back="sin2", has_null=False),
        Measure("PFT", "double-arcsine proportion (Freeman and Tukey)", ("events", "n"), has_null=False),
        Measure("GEN", "effect as given", ("yi", "vi")),
    )
}  # fmt: skip
BACK: Mapping[str, Callable[[Any], Any]] = {
    "": lambda x: x,
    "exp": np.exp,
    "tanh": np.tanh,
    "expit": special.expit,
    "sin2": lambda x: np.sin(np.clip(x, 0, math.pi / 2)) ** 2,
}


@dataclass(frozen=True, kw_only=True)
class Effects(Analysis):
    """Effects `yi` and sampling variances `vi`, shape (k,), of one measure, with a name for each trial."""

    measure: str
    yi: Floats
    vi: Floats
    labels: tuple[str, ...]

    @property
    def k(self) -> int:
        return self.yi.size

    def take(self, which: Sequence[int]) -> Effects:
        """Only these trials, by position."""
        return dataclasses.replace(
            self, yi=self.yi[which], vi=self.vi[which], labels=tuple(self.labels[i] for i in which)
        )

    @property
    def sei(self) -> Floats:
        return np.sqrt(self.vi)

    def back(self, value: Any) -> Any:
        """A value of the pooled scale on the scale a reader knows: a log ratio as a ratio, a logit as a share."""
        return BACK[MEASURES[self.measure].back](value)

    def _rows(self) -> list[dict[str, Any]]:
        return [
            {"label": name, "yi": y, "vi": v}
            for name, y, v in zip(self.labels, self.yi.tolist(), self.vi.tolist(), strict=True)
        ]

    def __str__(self) -> str:
        rows = [[name, figure(y), figure(v)] for name, y, v in zip(self.labels, self.yi, self.vi, strict=True)]
        return f"{MEASURES[self.measure].name}, k = {self.k}\n{table(['trial', 'yi', 'vi'], rows)}"


def effect_sizes(
    measure: str,
    *,
    variance: str = "LS",
    add: float = ADD,
    add_to: str = "only0",
    labels: Sequence[str] | None = None,
    **columns: Any,
) -> Effects:
    """Effects and sampling variances of k trials.

    `measure` is a key of MEASURES, whose `columns` are given by name, each of shape (k,): means `m1, m2`, standard
    deviations `sd1, sd2` > 0, people `n1, n2` >= 2, events `events1, events2`, person-time `time1, time2` > 0,
    correlations `r` between -1 and 1, `n` people. `variance` chooses a variant: for SMD "LS" (large sample), "UB"
    (unbiased) or "LS2"; for MD "LS" (separate SDs) or "HO" (pooled SD). `add` is added to the cells of 2x2 tables and
    proportions (`add_to`: "only0" where a cell is zero, "all", or "none").

    Raises DataError with one problem for each row that cannot be used.
    Source: Hedges 1981, J Educ Stat 6:107-128 (SMD); Bonett 2009, Psychol Methods 14:225-238 (SMDH); Hedges et al.
    1999, Ecology 80:1150-1156 (ROM); Becker 1988, Br J Math Stat Psychol 41:257-278 (SMCC, SMCR); Yusuf et al. 1985,
    Prog Cardiovasc Dis 27:335-371 (PETO); Freeman and Tukey 1950, Ann Math Stat 21:607-611 (PFT).
    """
    known = MEASURES[one_of("measure", measure, list(MEASURES))]
    one_of("variance", variance, known.variants)
    one_of("add_to", add_to, ("only0", "all", "none"))
    if not (math.isfinite(add) and add >= 0):
        raise DataError([Problem("add", shown(add), "a number of 0 or more, usually 0.5")])
    given = _columns(known, columns)
    k = next(iter(given.values())).size
    names = tuple(str(x) for x in labels) if labels is not None else tuple(str(i + 1) for i in range(k))
    if len(names) != k:
        raise DataError([Problem("labels", f"{len(names)} names", f"{k}, one for each row")])
    if problems := _unusable(known, given, names):
        raise DataError(problems)
    notes: list[Note] = []
    with np.errstate(all="ignore"):
        yi, vi = _COMPUTE[measure](given, variance, _Zeros(add, add_to, names, notes))
    _refuse_what_has_no_value(known, yi, vi, names)
    return Effects(
        measure=measure, yi=yi, vi=vi, labels=names, notes=tuple(notes),
        call=call_of("effect_sizes", repr(measure), *(f"{name}=…" for name in known.columns),
                     variance=None if variance == known.variants[0] else variance),
    )  # fmt: skip


def hedges_correction(df: Any) -> Any:
    """The exact factor J(df) that takes the bias out of Cohen's d; `df` > 1. Source: Hedges 1981, equation 6e."""
    df = np.asarray(df, dtype=np.float64)
    return np.exp(special.gammaln(df / 2) - np.log(np.sqrt(df / 2)) - special.gammaln((df - 1) / 2))


def _columns(measure: Measure, columns: Mapping[str, Any]) -> dict[str, Floats]:
    problems = [
        Problem(f"effect_sizes, {measure.code}", f"no column {name}", ", ".join(measure.columns))
        for name in measure.columns
        if columns.get(name) is None
    ]
    problems += [
        Problem(f"effect_sizes, {measure.code}", f"a column {name}", ", ".join(measure.columns))
        for name in columns
        if name not in measure.columns
    ]
    if problems:
        raise DataError(problems)
    found = {name: column(columns[name], name) for name in measure.columns}
    if len({values.size for values in found.values()}) > 1:
        sizes = ", ".join(f"{name} {values.size}" for name, values in found.items())
        raise DataError(
            [
                Problem(
                    f"effect_sizes, {measure.code}", f"columns of unequal length: {sizes}", "one value a trial in each"
                )
            ]
        )
    if not next(iter(found.values())).size:
        raise DataError([Problem(f"effect_sizes, {measure.code}", "no trials", "at least one")])
    return found


# What a cell may hold: (test, what is accepted, the mend)
_RULES: Mapping[str, tuple[Callable[[Floats], Any], str, str]] = {
    **dict.fromkeys(("sd1", "sd2", "sd_pre", "sd_post"), (
        lambda x: x > 0, "a standard deviation above 0",
        "A missing SD can be made from a standard error or an interval: neurodash.evidence.conversions.",
    )),
    **dict.fromkeys(("n1", "n2", "n"), (lambda x: x >= 1, "a number of people", "")),
    **dict.fromkeys(("events1", "events2", "events"), (lambda x: x >= 0, "a number of events, 0 or more", "")),
    **dict.fromkeys(("time1", "time2"), (lambda x: x > 0, "person-time above 0", "")),
    "r": (lambda x: abs(x) < 1, "a correlation between -1 and 1", ""),
    "vi": (lambda x: x > 0, "a sampling variance above 0", "A standard error of 0 was rounded away or not read: leave the trial out, or find it."),
}  # fmt: skip
_LEAST = {"SMD": 2, "SMDH": 2, "MD": 2, "ROM": 2, "SMCC": 3, "SMCR": 3, "ZCOR": 4, "COR": 3}  # people in a group


def _unusable(measure: Measure, given: Mapping[str, Floats], names: Sequence[str]) -> list[Problem]:
    problems = []
    least = _LEAST.get(measure.code, 1)
    for name, values in given.items():
        may, accepted, mend = _RULES.get(name, (lambda x: True, "a finite number", ""))
        for i, value in enumerate(values):
            if not math.isfinite(value) or not may(value):
                problems.append(Problem(f"trial {names[i]}, {name}", shown(value), accepted, mend))
            elif name in ("n", "n1", "n2") and value < least:
                why = f"at least {least} people, so that a spread can be estimated"
                problems.append(Problem(f"trial {names[i]}, {name}", shown(value), why))
    for events, n in (("events1", "n1"), ("events2", "n2"), ("events", "n")):
        if events in given and n in given:
            problems += [
                Problem(f"trial {names[i]}, {events}", f"{shown(e)} of {shown(total)}", f"no more than {n}")
                for i, (e, total) in enumerate(zip(given[events], given[n], strict=True))
                if e > total
            ]
    return problems


def _refuse_what_has_no_value(measure: Measure, yi: Floats, vi: Floats, names: Sequence[str]) -> None:
    problems = [
        Problem(
            f"trial {names[i]}",
            f"no {measure.name} (effect {shown(yi[i])}, variance {shown(vi[i])})",
            "numbers from which the measure exists",
            _WHY.get(measure.code, ""),
        )
        for i in map(int, np.flatnonzero(~(np.isfinite(yi) & np.isfinite(vi) & (vi > 0))))
    ]
    if problems:
        raise DataError(problems)


_WHY = {
    "ROM": "Both means must have the same sign and differ from 0; use MD or SMD.",
    "RR": "A table without any event in an arm needs a number added to its cells (add=0.5).",
    "OR": "A table with an empty cell needs a number added to its cells (add=0.5).",
    "PETO": "A trial without any event, or in which everybody had it, says nothing by Peto's method: leave it out.",
    "RD": "A trial without any event has no spread: add to its cells (add=0.5), or use a ratio.",
    "IRR": "A trial without any event in an arm needs a number added (add=0.5).",
}


# The measures


@dataclass
class _Zeros:
    """Adds to the cells of tables with a zero, and says so."""

    add: float
    to: str
    names: Sequence[str]
    notes: list[Note]

    def __call__(self, *cells: Floats) -> list[Floats]:
        zero = np.any([cell == 0 for cell in cells], axis=0)
        where = {"only0": zero, "all": np.ones_like(zero), "none": np.zeros_like(zero)}[self.to]
        if where.any() and self.add:
            named = "every trial" if self.to == "all" else ", ".join(self.names[int(i)] for i in np.flatnonzero(where))
            self.notes.append(Note("added_to_cells", f"{self.add:g} was added to each cell of: {named}."))
        return [np.where(where, cell + self.add, cell) for cell in cells]


Given = Mapping[str, Floats]
Two = tuple[Floats, Floats]


def _means(g: Given) -> tuple[Floats, ...]:
    return tuple(g[name] for name in MEANS)


def _pooled_variance(sd1: Floats, n1: Floats, sd2: Floats, n2: Floats) -> Floats:
    found: Floats = ((n1 - 1) * sd1**2 + (n2 - 1) * sd2**2) / (n1 + n2 - 2)
    return found


def _smd(g: Given, variant: str, _: _Zeros) -> Two:
    m1, sd1, n1, m2, sd2, n2 = _means(g)
    d = (m1 - m2) / np.sqrt(_pooled_variance(sd1, n1, sd2, n2))
    df = n1 + n2 - 2
    j = hedges_correction(df)
    yi, size = j * d, 1 / n1 + 1 / n2
    if variant == "UB":
        return yi, size + (1 - (df - 2) / (df * j**2)) * yi**2
    if variant == "LS2":
        return yi, j**2 * (size + d**2 / (2 * (n1 + n2)))
    return yi, size + yi**2 / (2 * (n1 + n2))


def _smdh(g: Given, _: str, __: _Zeros) -> Two:
    m1, sd1, n1, m2, sd2, n2 = _means(g)
    mean_variance = (sd1**2 + sd2**2) / 2
    j = hedges_correction(n1 + n2 - 2)
    yi = j * (m1 - m2) / np.sqrt(mean_variance)
    spread = sd1**4 / (n1 - 1) + sd2**4 / (n2 - 1)
    vi = yi**2 * spread / (8 * mean_variance**2) + (sd1**2 / (n1 - 1) + sd2**2 / (n2 - 1)) / mean_variance
    return yi, j**2 * vi


def _md(g: Given, variant: str, _: _Zeros) -> Two:
    m1, sd1, n1, m2, sd2, n2 = _means(g)
    if variant == "HO":
        return m1 - m2, _pooled_variance(sd1, n1, sd2, n2) * (1 / n1 + 1 / n2)
    return m1 - m2, sd1**2 / n1 + sd2**2 / n2


def _rom(g: Given, _: str, __: _Zeros) -> Two:
    m1, sd1, n1, m2, sd2, n2 = _means(g)
    return np.log(m1 / m2), sd1**2 / (n1 * m1**2) + sd2**2 / (n2 * m2**2)


def _smcc(g: Given, _: str, __: _Zeros) -> Two:
    n, r = g["n"], g["r"]
    sd = np.sqrt(g["sd_pre"] ** 2 + g["sd_post"] ** 2 - 2 * r * g["sd_pre"] * g["sd_post"])
    yi = hedges_correction(n - 1) * (g["m_post"] - g["m_pre"]) / sd
    return yi, 1 / n + yi**2 / (2 * n)


def _smcr(g: Given, _: str, __: _Zeros) -> Two:
    n, r = g["n"], g["r"]
    yi = hedges_correction(n - 1) * (g["m_post"] - g["m_pre"]) / g["sd_pre"]
    return yi, 2 * (1 - r) / n + yi**2 / (2 * n)


def _cells(g: Given) -> tuple[Floats, Floats, Floats, Floats]:
    return g["events1"], g["n1"] - g["events1"], g["events2"], g["n2"] - g["events2"]


def _rr(g: Given, _: str, zeros: _Zeros) -> Two:
    a, b, c, d = zeros(*_cells(g))
    return np.log(a / (a + b)) - np.log(c / (c + d)), 1 / a - 1 / (a + b) + 1 / c - 1 / (c + d)


def _or(g: Given, _: str, zeros: _Zeros) -> Two:
    a, b, c, d = zeros(*_cells(g))
    return np.log(a * d / (b * c)), 1 / a + 1 / b + 1 / c + 1 / d


def _peto(g: Given, _: str, zeros: _Zeros) -> Two:
    a, b, c, d = zeros(*_cells(g))
    n1, n2 = a + b, c + d
    total, events = n1 + n2, a + c
    variance = events * (b + d) * (n1 / total) * (n2 / total) / (total - 1)
    return (a - events * n1 / total) / variance, 1 / variance


def _rd(g: Given, _: str, zeros: _Zeros) -> Two:
    a, b, c, d = zeros(*_cells(g))
    n1, n2 = a + b, c + d
    return a / n1 - c / n2, a * b / n1**3 + c * d / n2**3


def _irr(g: Given, _: str, zeros: _Zeros) -> Two:
    x1, x2 = zeros(g["events1"], g["events2"])
    return np.log(x1 / g["time1"]) - np.log(x2 / g["time2"]), 1 / x1 + 1 / x2


def _zcor(g: Given, _: str, __: _Zeros) -> Two:
    return np.arctanh(g["r"]), 1 / (g["n"] - 3)


def _cor(g: Given, _: str, __: _Zeros) -> Two:
    return g["r"], (1 - g["r"] ** 2) ** 2 / (g["n"] - 1)


def _share(g: Given, zeros: _Zeros) -> tuple[Floats, Floats]:
    x, rest = zeros(g["events"], g["n"] - g["events"])
    return x, x + rest


def _plo(g: Given, _: str, zeros: _Zeros) -> Two:
    x, n = _share(g, zeros)
    return np.log(x / (n - x)), 1 / x + 1 / (n - x)


def _pln(g: Given, _: str, zeros: _Zeros) -> Two:
    x, n = _share(g, zeros)
    return np.log(x / n), 1 / x - 1 / n


def _pr(g: Given, _: str, zeros: _Zeros) -> Two:
    x, n = _share(g, zeros)
    return x / n, x * (n - x) / n**3


def _pas(g: Given, _: str, __: _Zeros) -> Two:
    return np.arcsin(np.sqrt(g["events"] / g["n"])), 1 / (4 * g["n"])


def _pft(g: Given, _: str, __: _Zeros) -> Two:
    x, n = g["events"], g["n"]
    return 0.5 * (np.arcsin(np.sqrt(x / (n + 1))) + np.arcsin(np.sqrt((x + 1) / (n + 1)))), 1 / (4 * n + 2)


def _gen(g: Given, _: str, __: _Zeros) -> Two:
    return g["yi"], g["vi"]


_COMPUTE: Mapping[str, Callable[[Given, str, _Zeros], Two]] = {
    "SMD": _smd, "SMDH": _smdh, "MD": _md, "ROM": _rom, "SMCC": _smcc, "SMCR": _smcr, "RR": _rr, "OR": _or,
    "PETO": _peto, "RD": _rd, "IRR": _irr, "ZCOR": _zcor, "COR": _cor, "PLO": _plo, "PLN": _pln, "PR": _pr,
    "PAS": _pas, "PFT": _pft, "GEN": _gen,
}  # fmt: skip
