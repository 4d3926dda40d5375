"""One person's scores over time as SVG text styled by the page. Always beside a table that says the same."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from html import escape

from neurodash import wording

WIDTH, HEIGHT = 380, 190
LEFT, RIGHT, TOP, BOTTOM = 44, 14, 26, 34  # room for the ticks and the days
Point = tuple[dt.date, float]


def course(points: Sequence[Point], name: str, unit: str = "", better: str = "") -> str:
    """A line through `points`, one a day and at least two, the earliest first; empty for fewer.

    `better` is "up", "down" or nothing where neither is. The axis spans the values, so that a change can be seen; its
    ends are written, so that nobody takes it for zero.
    """
    if len(points) < 2:
        return ""
    days = [day.toordinal() for day, _ in points]
    ticks = _ticks([value for _, value in points])
    low, high = ticks[0], ticks[-1]

    def x(day: int) -> float:
        return LEFT + (day - days[0]) / (days[-1] - days[0]) * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    places = [(x(day), y(value)) for day, (_, value) in zip(days, points, strict=True)]
    grid = "".join(
        f'<path class="grid" d="M{LEFT} {y(tick):.1f}H{WIDTH - RIGHT}"/>'
        f'<text class="end" x="{LEFT - 7}" y="{y(tick) + 4.5:.1f}">{_told(tick)}</text>'
        for tick in ticks
    )
    line = "M" + "L".join(f"{across:.1f} {down:.1f}" for across, down in places)
    dots = "".join(f'<circle cx="{across:.1f}" cy="{down:.1f}" r="4.5"/>' for across, down in places)
    last_x, last_y = places[-1]
    newest = f'<text class="strong end" x="{last_x:.1f}" y="{last_y - 10:.1f}">{_told(points[-1][1])}</text>'
    foot = HEIGHT - 8
    ends = (
        f'<text x="{LEFT}" y="{foot}">{_day(points[0][0])}</text>'
        f'<text class="end" x="{WIDTH - RIGHT}" y="{foot}">{_day(points[-1][0])}</text>'
    )
    arrow = {"up": "higher is better ↑", "down": "lower is better ↓"}.get(better, "")
    head = f'<text x="{LEFT}" y="13">{escape(", ".join(filter(None, (unit, arrow))))}</text>'
    told = "; ".join(f"{wording.date(day)}: {_told(value)}" for day, value in points)
    description = f"{wording.count(len(points), 'value')}{f' in {unit}' if unit else ''}. {told}."
    return (
        f'<svg class="course" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(f"{name} over time. {description}")}">'
        f"<title>{escape(name)} over time</title><desc>{escape(description)}</desc>"
        f'{head}{grid}<path class="line" d="{line}"/>{dots}{newest}{ends}</svg>'
    )


def _ticks(values: Sequence[float]) -> list[float]:
    """Three to six round numbers around the values."""
    low, high = min(values), max(values)
    span = high - low or abs(high) * 0.2 or 1.0
    step = 10.0 ** math.floor(math.log10(span / 2))
    step *= next(times for times in (1, 2, 5, 10) if span / (step * times) <= 4)
    first = math.floor((low - (0 if high > low else span / 2)) / step)
    last = math.ceil((high + (0 if high > low else span / 2)) / step)
    return [round(number * step, 6) for number in range(first, last + 1)]


def _told(value: float) -> str:
    return f"{value:g}".replace("-", wording.MINUS)


def _day(day: dt.date) -> str:
    return f"{day.day} {wording.MONTHS[day.month - 1][:3]} {day.year}"
