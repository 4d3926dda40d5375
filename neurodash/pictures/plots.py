"""Plots of an analysis as SVG text: forest, funnel, dose. Styled by the page; `standalone` carries its own style.

Every plot has a title and a description, tells shape from shape without colour, and stands beside a table that says the
same. A forest comes in two widths, because a scaled-down label cannot be read on a phone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

import numpy as np

from neurodash import wording
from neurodash.errors import DataError, Problem
from neurodash.evidence.analysis import quantile
from neurodash.evidence.effects import MEASURES
from neurodash.evidence.pooling import Pooled
from neurodash.evidence.regression import Subgroups

WIDE, NARROW = 720, 360  # units of the drawing, which are pixels where there is room
LABELS, FIGURES = 236, 178  # of a wide forest: room for the labels to the left and the numbers to the right
LINE, STACKED = 26, 46  # heights of a row
MOST_ROWS = 400  # of a forest. Ours: more is a poster nobody reads
# On paper and alone, a plot is black on white; shapes tell kinds apart.
STYLE = (
    "svg{font-family:'Source Sans 3','Libertinus Serif',sans-serif;background:#fff;color:#000}"
    "text{font-size:13px;fill:#000}.small{font-size:11.5px;fill:#333}.strong{font-weight:700}.end{text-anchor:end}"
    ".middle{text-anchor:middle}line,path{stroke:#000;fill:none;stroke-width:1.2}.zero{stroke-dasharray:4 3;stroke:#444}"
    ".grid{stroke:#bbb}.mark{fill:#000}.hollow{fill:#fff}.fallen line,.fallen path{stroke:#888;stroke-dasharray:2 2}"
    ".fallen text{fill:#555}.pooled{fill:#000}.prediction{stroke-width:3}.rule{stroke:#999}.band{fill:#eee;stroke:none}"
)
Kind = Literal["trial", "fallen", "pooled", "prediction", "published", "heading"]


@dataclass(frozen=True)
class Row:
    """A row of a forest. `estimate`, `low`, `high` are on the axis; None where they do not exist. `weight` in per cent."""

    label: str
    kind: Kind
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    weight: float | None = None


@dataclass(frozen=True)
class Axis:
    """What the horizontal axis means. `back` turns a value into the one printed (exp for ratios)."""

    name: str
    favours_right: str = ""
    favours_left: str = ""
    back: Callable[[float], float] = float
    ratio: bool = False


def forest(rows: Sequence[Row], axis: Axis, title: str, description: str, narrow: bool = False) -> str:
    """A forest plot: squares for trials (area by weight), hollow ones for published results, a diamond for a pooled one.

    An interval that goes beyond the axis ends in an arrow. `narrow` puts each label above its line.
    """
    width = NARROW if narrow else WIDE
    left, right = (14, width - 14) if narrow else (LABELS, width - FIGURES)
    step = STACKED if narrow else LINE
    low, high = _span(rows)

    def x(value: float) -> float:
        return left + (min(max(value, low), high) - low) / (high - low) * (right - left)

    body: list[str] = []
    y = 6.0
    for row in rows:
        own = 30 if row.kind == "heading" else step
        body.append(_row(row, y, own, x, (low, high), axis, width, narrow))
        y += own
    bottom = y + 4
    ticks = _ticks(low, high, axis)
    grid = "".join(f'<path class="rule" d="M{x(at):.1f} {bottom:.1f} v5"/>' for at, _ in ticks)
    grid += "".join(
        f'<text class="small middle" x="{x(at):.1f}" y="{bottom + 18:.1f}">{told}</text>' for at, told in ticks
    )
    zero = f'<path class="zero" d="M{x(0):.1f} 0 V{bottom:.1f}"/><path class="rule" d="M{left} {bottom:.1f} H{right}"/>'
    foot = bottom + 36
    sides = ""
    if axis.favours_left:
        sides = f'<text class="small" x="{left}" y="{foot:.1f}">← {escape(axis.favours_left)}</text>'
    if axis.favours_right:
        sides += f'<text class="small end" x="{right}" y="{foot:.1f}">{escape(axis.favours_right)} →</text>'
    name = f'<text class="small middle" x="{(left + right) / 2:.1f}" y="{foot + 18:.1f}">{escape(axis.name)}</text>'
    return _svg(
        f"forest {'narrow' if narrow else 'wide'}",
        width,
        foot + 26,
        title,
        description,
        zero + grid + "".join(body) + sides + name,
    )


def _row(
    row: Row,
    y: float,
    height: float,
    x: Callable[[float], float],
    span: tuple[float, float],
    axis: Axis,
    width: int,
    narrow: bool,
) -> str:
    text_y = y + 15 if narrow else y + height / 2 + 4.5
    line_y = y + 32 if narrow else y + height / 2
    strong = " strong" if row.kind in ("pooled", "heading") else ""
    label = f'<text class="label{strong}" x="{2 if narrow else 0}" y="{text_y:.1f}">{escape(_short(row.label, 30 if narrow else 36))}</text>'
    if row.kind == "heading":
        return f'<g class="heading">{label}</g>'
    figures = f'<text class="small end{strong}" x="{width - 2}" y="{text_y:.1f}">{_figures(row, axis)}</text>'
    if row.estimate is None and row.low is None:
        return f'<g class="{row.kind}">{label}{figures}</g>'
    marks = _interval(row, line_y, x, span) if row.low is not None and row.high is not None else ""
    if row.kind == "pooled" and row.low is not None and row.high is not None and row.estimate is not None:
        marks = f'<path class="pooled" d="M{x(row.low):.1f} {line_y} L{x(row.estimate):.1f} {line_y - 8} L{x(row.high):.1f} {line_y} L{x(row.estimate):.1f} {line_y + 8} z"/>'
    elif row.kind != "prediction" and row.estimate is not None:
        side = 4 + math.sqrt(row.weight or 8) * 1.15
        shape = "mark hollow" if row.kind in ("published", "fallen") else "mark"
        at = x(row.estimate)
        if row.kind == "published":
            marks += f'<path class="{shape}" d="M{at:.1f} {line_y - 6} l6 6 l-6 6 l-6 -6 z"/>'
        else:
            marks += f'<path class="{shape}" d="M{at - side / 2:.1f} {line_y - side / 2:.1f} h{side:.1f} v{side:.1f} h{-side:.1f} z"/>'
    return f'<g class="{row.kind}">{label}{marks}{figures}</g>'


def _interval(row: Row, y: float, x: Callable[[float], float], span: tuple[float, float]) -> str:
    low, high = row.low or 0.0, row.high or 0.0
    name = ' class="prediction"' if row.kind == "prediction" else ""
    drawn = f'<line{name} x1="{x(low):.1f}" y1="{y}" x2="{x(high):.1f}" y2="{y}"/>'
    if high > span[1]:
        drawn += f'<path class="mark" d="M{x(span[1]) + 7:.1f} {y} l-7 -4.5 v9 z"/>'
    if low < span[0]:
        drawn += f'<path class="mark" d="M{x(span[0]) - 7:.1f} {y} l7 -4.5 v9 z"/>'
    return drawn


def _figures(row: Row, axis: Axis) -> str:
    if row.estimate is None and row.low is None:
        return "no number read"

    def told(value: float) -> str:
        return wording.decimal(axis.back(value))

    ends = (
        f"{told(row.low)} to {told(row.high)}" if row.low is not None and row.high is not None else "interval not read"
    )
    shown = f"{told(row.estimate)} ({ends})" if row.estimate is not None else ends
    return f"{shown}{wording.NO_BREAK} {row.weight:.0f}{wording.NO_BREAK}%" if row.weight is not None else shown


def _span(rows: Sequence[Row]) -> tuple[float, float]:
    """The ends of the axis: every estimate, and intervals as far as they do not push the rest together."""
    estimates = [r.estimate for r in rows if r.estimate is not None] or [0.0]
    ends = [e for r in rows if r.low is not None and r.high is not None for e in (r.low, r.high)]
    reach = max(*(abs(e) for e in estimates), 0.5) * 1.9
    low = max(min([0.0, *estimates, *ends]), min(-reach, *estimates))
    high = min(max([0.0, *estimates, *ends]), max(reach, *estimates))
    pad = 0.04 * (high - low)
    return low - pad, high + pad


def _ticks(low: float, high: float, axis: Axis) -> list[tuple[float, str]]:
    """Round values inside the axis, about five."""
    if axis.ratio:
        known = [m * 10.0**e for e in range(-6, 7) for m in (1, 2, 5)]
        inside = [v for v in known if low <= math.log(v) <= high]
        every = max(1, math.ceil(len(inside) / 6))
        kept = [v for i, v in enumerate(inside) if (i - (inside.index(1.0) if 1.0 in inside else 0)) % every == 0]
        return [(math.log(v), f"{v:g}") for v in kept]
    step = 10 ** math.floor(math.log10((high - low) / 4))
    step *= next(m for m in (1, 2, 5, 10) if (high - low) / (step * m) <= 6)
    first = math.ceil(low / step)
    return [
        (i * step, f"{i * step:.6g}".replace("-", wording.MINUS)) for i in range(first, math.floor(high / step) + 1)
    ]


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _svg(kind: str, width: float, height: float, title: str, description: str, body: str) -> str:
    return (
        f'<svg class="plot {kind}" viewBox="0 0 {width:g} {height:.0f}" role="img" aria-label="{escape(title)}. {escape(description)}">'
        f"<title>{escape(title)}</title><desc>{escape(description)}</desc>{body}</svg>"
    )


# Funnel and dose


@dataclass(frozen=True)
class _Field:
    """The frame of a scatter of points: what the ends of both axes mean, and where they lie in the drawing."""

    x_low: float
    x_high: float
    y_bottom: float
    y_top: float
    narrow: bool

    @property
    def width(self) -> int:
        return NARROW if self.narrow else WIDE

    @property
    def right(self) -> float:
        return self.width - 14

    left, top, bottom, height = 44, 22, 290, 346

    def x(self, value: float) -> float:
        return self.left + (value - self.x_low) / (self.x_high - self.x_low) * (self.right - self.left)

    def y(self, value: float) -> float:
        return self.bottom - (value - self.y_bottom) / (self.y_top - self.y_bottom) * (self.bottom - self.top)

    def frame(self, across: Axis, up: Axis) -> str:
        """Both axes with their ticks and names."""
        rule = f'<path class="rule" d="M{self.left} {self.top} V{self.bottom} H{self.right}"/>'
        ticks = "".join(
            f'<path class="rule" d="M{self.x(at):.1f} {self.bottom} v5"/>'
            f'<text class="small middle" x="{self.x(at):.1f}" y="{self.bottom + 19}">{told}</text>'
            for at, told in _ticks(self.x_low, self.x_high, across)
        )
        marks = "".join(
            f'<text class="small end" x="{self.left - 6}" y="{self.y(at) + 4:.1f}">{told}</text>'
            for at, told in _ticks(min(self.y_bottom, self.y_top), max(self.y_bottom, self.y_top), up)
        )
        names = (
            f'<text class="small middle" x="{(self.left + self.right) / 2:.1f}" y="{self.bottom + 44}">{escape(across.name)}</text>'
            f'<text class="small" x="2" y="{self.top - 9}">{escape(up.name)}</text>'
        )
        return rule + ticks + marks + names


def funnel(pooled: Pooled, axis: Axis, title: str, description: str, narrow: bool = False) -> str:
    """Effects against their standard errors, the most precise on top, with the 95 % region around the pooled effect."""
    se = np.sqrt(pooled.vi)
    worst = float(se.max()) * 1.08
    reach = float(quantile(95)) * worst
    low, high = (
        min(float(pooled.yi.min()), pooled.estimate - reach),
        max(float(pooled.yi.max()), pooled.estimate + reach),
    )
    pad = 0.04 * (high - low)
    field = _Field(low - pad, high + pad, worst, 0.0, narrow)
    tip, left, right = (field.x(pooled.estimate + shift) for shift in (0, -reach, reach))
    region = f'<path class="band" d="M{tip:.1f} {field.top} L{left:.1f} {field.bottom} H{right:.1f} z"/>'
    middle = f'<path class="zero" d="M{tip:.1f} {field.top} V{field.bottom}"/>'
    points = "".join(
        f'<circle class="mark" cx="{field.x(float(yi)):.1f}" cy="{field.y(float(s)):.1f}" r="4.5"><title>{escape(label)}</title></circle>'
        for yi, s, label in zip(pooled.yi, se, pooled.labels, strict=True)
    )
    body = region + middle + points + field.frame(axis, Axis("standard error"))
    return _svg(f"funnel {'narrow' if narrow else 'wide'}", field.width, field.height, title, description, body)


@dataclass(frozen=True)
class Dose:
    """A point of a dose plot: minutes a week, effect, weight in per cent."""

    label: str
    minutes: float
    effect: float
    weight: float


def dose(points: Sequence[Dose], axis: Axis, title: str, description: str, narrow: bool = False) -> str:
    """Weekly minutes against effect; circles by weight. No line: it would say more than a handful of trials can."""
    effects = [p.effect for p in points]
    low, high = min(0.0, *effects), max(0.0, *effects)
    pad = 0.12 * ((high - low) or 1.0)
    field = _Field(0.0, max(p.minutes for p in points) * 1.2, low - pad, high + pad, narrow)
    zero = f'<path class="zero" d="M{field.left} {field.y(0):.1f} H{field.right}"/>'
    circles = "".join(
        f'<circle class="mark hollow" cx="{field.x(p.minutes):.1f}" cy="{field.y(p.effect):.1f}" r="{4 + math.sqrt(p.weight):.1f}"><title>{escape(p.label)}</title></circle>'
        for p in points
    )
    labels = "".join(
        f'<text class="small" x="{field.x(p.minutes) + 8 + math.sqrt(p.weight):.1f}" y="{field.y(p.effect) + 4:.1f}">{escape(_short(p.label, 24))}</text>'
        for p in points
        if not narrow  # no room beside the circles on a phone; the table has the names
    )
    body = (
        zero + circles + labels + field.frame(Axis("minutes a week"), Axis(axis.name, back=axis.back, ratio=axis.ratio))
    )
    return _svg(f"dose {'narrow' if narrow else 'wide'}", field.width, field.height, title, description, body)


# A plot alone


def standalone(svg: str) -> str:
    """The plot as a file of its own: with its namespace and a black-and-white style."""
    opened = svg.index(">") + 1
    head = svg[:opened].replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    width, height = svg.split('viewBox="0 0 ')[1].split('"')[0].split()
    head = head[:-1] + f' width="{width}" height="{height}">'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{head}<style>{STYLE}</style>{svg[opened:]}\n'


def forest_of(pooled: Pooled, title: str, groups: Subgroups | None = None) -> str:
    """A standalone forest plot of any pooled result, on the reader's scale for ratios."""
    if pooled.k > MOST_ROWS:
        raise DataError([Problem("forest", wording.count(pooled.k, "trial"), f"at most {MOST_ROWS}")])
    measure = MEASURES[pooled.measure]
    ratio = measure.back == "exp"
    axis = Axis(
        measure.name.removeprefix("log ") if ratio else measure.name, back=_ratio if ratio else float, ratio=ratio
    )
    rows: list[Row] = []
    if groups is None:
        rows += _trial_rows(pooled)
    else:
        for name, group in zip(groups.names, groups.groups, strict=True):
            rows += [
                Row(name, "heading"),
                *_trial_rows(group),
                *pooled_rows(group, f"{name}: {wording.count(group.k, 'trial')}"),
            ]
        rows.append(Row("All", "heading"))
    rows += pooled_rows(pooled, f"{wording.count(pooled.k, 'trial')}, {pooled.method}")
    told = f"{wording.count(pooled.k, 'trial')}, pooled {wording.decimal(axis.back(pooled.estimate))} ({wording.decimal(axis.back(pooled.ci_low))} to {wording.decimal(axis.back(pooled.ci_high))})"
    return standalone(forest(rows, axis, title, told))


def _ratio(log: float) -> float:
    """A logarithm as a ratio; beyond what a number can hold, as infinite."""
    return math.exp(log) if log < 700 else math.inf


def _trial_rows(pooled: Pooled) -> list[Row]:
    reach = float(quantile(pooled.level))
    return [
        Row(label, "trial", float(y), float(y - reach * v**0.5), float(y + reach * v**0.5), float(w))
        for label, y, v, w in zip(pooled.labels, pooled.yi, pooled.vi, pooled.weights, strict=True)
    ]


def pooled_rows(pooled: Pooled, label: str) -> list[Row]:
    """The diamond and, where there is one, the prediction interval below it."""
    rows = [Row(label, "pooled", pooled.estimate, pooled.ci_low, pooled.ci_high)]
    if math.isfinite(pooled.pi_low) and pooled.method != "CE":
        rows.append(Row("true effect of a new trial", "prediction", None, pooled.pi_low, pooled.pi_high))
    return rows
