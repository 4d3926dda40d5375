"""Charts from evidence rows, as SVG text styled by the page. Each has a table or list twin beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from neurodash import wording
from neurodash.body import Angle, Pose, solve
from neurodash.evidence import Judged, Verdict
from neurodash.evidence.direction import Aligned, align
from neurodash.library import Result
from neurodash.pictures import figures

STRIP_WIDTH, STRIP_ROW = 260, 17
WALKING = Pose(
    hip=(56, 51), trunk=Angle(86), right_arm=(Angle(-118), Angle(-84)), left_arm=(Angle(-62), Angle(-30)),
    right_leg=(Angle(-66), Angle(-74), Angle(12)), left_leg=(Angle(-106), Angle(-128), Angle(-30)),
)  # fmt: skip
# Standardised results share one axis on every strip, so that a small effect looks small beside a large one.
SMD_AXIS = (-0.6, 1.5)  # an interval that goes beyond it ends in an arrow
SMD_TICKS = (0.2, 0.5, 0.8)  # where small, moderate and large begin


@dataclass(frozen=True)
class Strip:
    """The small picture beside a finding, and what it leaves out, in words. `svg` is empty where nothing can be drawn."""

    svg: str
    left_out: str


def strip(verdict: Verdict, higher_is_better: bool | None) -> Strip:
    """The pooled results that vote, on one axis: right of the dashed line favours the training.

    Results on different scales cannot share an axis; those of the commonest metric (and unit) are drawn. A link with
    dose is no effect, so it is not drawn as one.
    """
    voting = [vote.by for vote in verdict.votes if vote.voice in ("agrees", "disagrees")]
    if verdict.finding.claim.says == "more_with_dose":
        return Strip("", "A link with the dose, not an effect, so nothing is drawn." if voting else "")
    drawable = [(row, at) for row in voting if (at := align(row.result, higher_is_better)) is not None]
    if not drawable:
        return Strip("", "No pooled number was read that could be drawn." if voting else "")
    scales = [(row.result.effect_metric, row.result.unit) for row, _ in drawable]
    scale = max(dict.fromkeys(scales), key=lambda s: (scales.count(s), s[0] == "SMD"))
    shown = [pair for pair, own in zip(drawable, scales, strict=True) if own == scale]
    missing = len(voting) - len(shown)
    left_out = f"{wording.count(missing, 'more result')} on another scale or without a number." if missing else ""
    return Strip(_strip_svg(verdict, shown), left_out)


def _strip_svg(verdict: Verdict, shown: Sequence[tuple[Judged, Aligned]]) -> str:
    is_smd = shown[0][0].result.effect_metric == "SMD"
    low, high = SMD_AXIS if is_smd else _axis(shown)
    bottom = STRIP_ROW * len(shown) + 4
    height = bottom + (33 if is_smd else 18)

    def x(value: float) -> float:
        return 8 + (min(max(value, low), high) - low) / (high - low) * (STRIP_WIDTH - 16)

    rows = []
    for index, (row, at) in enumerate(shown):
        y = 10 + index * STRIP_ROW
        size = min(11.0, 6 + (row.result.k_studies or 1) ** 0.5)
        if at.low is not None and at.high is not None:
            rows.append(f'<line x1="{x(at.low):.1f}" y1="{y}" x2="{x(at.high):.1f}" y2="{y}"/>')
            if at.high > high:  # the interval goes on beyond the axis
                rows.append(f'<path class="tip" d="M{x(high) + 6:.1f} {y} l-6 -4 v8 z"/>')
            if at.low < low:
                rows.append(f'<path class="tip" d="M{x(low) - 6:.1f} {y} l6 -4 v8 z"/>')
        rows.append(_point(x(at.estimate), y, size, agrees=row.voice == "agrees", known=at.low is not None))
    zero = x(0)
    ticks = ""
    if is_smd:
        marks = "".join(f'<path class="tick" d="M{x(v):.1f} {bottom} v4"/>' for v in SMD_TICKS)
        named = "".join(f'<text x="{x(v):.1f}" y="{bottom + 15}" text-anchor="middle">{v:g}</text>' for v in SMD_TICKS)
        ticks = marks + named
    side = "start" if zero < STRIP_WIDTH / 4 else "end" if zero > STRIP_WIDTH * 3 / 4 else "middle"
    toward = f'<text x="{STRIP_WIDTH}" y="{height - 3}" text-anchor="end">favours training →</text>'
    told = "; ".join(_told(row.result) for row, _ in shown)
    results = wording.count(len(shown), "pooled result")
    description = f"{results} on one axis, right of the dashed line favours training: {told}."
    return (
        f'<svg class="strip" viewBox="0 0 {STRIP_WIDTH} {height}" role="img" aria-label="{escape(description)}">'
        f"<title>{escape(verdict.finding.statement)}</title><desc>{escape(description)}</desc>"
        f'<line class="zero" x1="{zero:.1f}" y1="0" x2="{zero:.1f}" y2="{bottom + 2}"/>'
        f'<g class="ci">{"".join(rows)}</g>{ticks}'
        f'<text x="{zero:.1f}" y="{height - 3}" text-anchor="{side}">no effect</text>'
        f"{toward if zero < STRIP_WIDTH * 0.42 else ''}</svg>"
    )


def _axis(shown: Sequence[tuple[Judged, Aligned]]) -> tuple[float, float]:
    ends = [0.0, *(value for _, at in shown for value in (at.estimate, at.low, at.high) if value is not None)]
    span = (max(ends) - min(ends)) or 1.0
    return min(ends) - 0.12 * span, max(ends) + 0.12 * span


def _point(x: float, y: float, size: float, agrees: bool, known: bool) -> str:
    """A square agrees, a diamond disagrees; hollow where no interval was read."""
    half = size / 2
    shape = (
        f"M{x - half:.1f} {y - half:.1f} h{size:.1f} v{size:.1f} h{-size:.1f} z"
        if agrees
        else f"M{x:.1f} {y - half - 1:.1f} L{x + half + 1:.1f} {y} L{x:.1f} {y + half + 1:.1f} L{x - half - 1:.1f} {y} z"
    )
    return f'<path class="{"point" if known else "point hollow"}" d="{shape}"/>'


def _told(result: Result) -> str:
    return f"{wording.short_citation(result.citation, result.year)} {estimate(result)}"


def estimate(result: Result) -> str:
    """`SMD 0.41 (95 % CI 0.22 to 0.59)`, with the unit where it has one; says so where no number was read."""
    if result.estimate is None:
        return "no number read"
    unit = f"{wording.NO_BREAK}{result.unit}" if result.unit else ""
    metric = "slope" if result.effect_metric == "beta" else result.effect_metric
    value = f"{metric}{wording.NO_BREAK}{wording.number(result.estimate)}{unit}"
    if result.interval is None:
        return value
    kind = "CrI" if "credible" in result.notes.casefold() else "CI"
    return f"{value} (95{wording.NO_BREAK}%{wording.NO_BREAK}{kind} {wording.interval(*result.interval)})"


def walking_speed(results: Sequence[Result], alt: str) -> str:
    """An infographic of resistance training and walking speed, every number from its row.

    The first result in metres per second is told large; results on the standardised scale follow below it.
    """
    in_speed = next((r for r in results if r.effect_metric == "MD" and r.estimate is not None and r.interval), None)
    standardised = [r for r in results if r.effect_metric == "SMD" and r.estimate is not None]
    body = [
        f'<g transform="translate(6 42) scale(1.5)"><path class="ground" d="M14 {figures.GROUND:g} H98"/>{figures.body_svg(solve(WALKING), "side")}</g>'
    ]
    y = 46
    body.append(f'<text class="kicker" x="210" y="{y}">Walking speed after resistance training for the legs</text>')
    if in_speed and in_speed.interval and in_speed.estimate is not None:
        low, high = in_speed.interval
        unit = escape(in_speed.unit or "m/s")
        body.append(f'<text class="big" x="210" y="{y + 50}">{wording.number(in_speed.estimate)} {unit} faster</text>')
        body.append(
            f'<text class="small" x="210" y="{y + 74}">on average (95 % interval {wording.interval(low, high)} {unit})</text>'
        )
        body.append(_scale(y + 108, float(in_speed.estimate), float(low), float(high), unit, _pooled(in_speed)))
    for index, result in enumerate(standardised[:2]):
        low_high = result.interval
        body.append(
            _scale(
                y + 186 + index * 64,
                float(result.estimate or 0),
                float(low_high[0]) if low_high else None,
                float(low_high[1]) if low_high else None,
                "SMD",
                _pooled(result),
            )
        )
    height = y + 186 + min(2, len(standardised)) * 64 + 4
    described = "; ".join(_told(r) for r in ([in_speed] if in_speed else []) + standardised[:2])
    return (
        f'<svg class="fig infographic" viewBox="0 0 640 {height}" role="img" aria-label="{escape(alt)}">'
        f"<title>Resistance training and walking speed</title><desc>{escape(alt)} {escape(described)}.</desc>{''.join(body)}</svg>"
    )


def _pooled(result: Result) -> str:
    trials = wording.count(result.k_studies, "trial") + " pooled" if result.k_studies else "number of trials not read"
    return f"{wording.short_citation(result.citation, result.year)}: {trials}"


def _scale(y: float, at: float, low: float | None, high: float | None, unit: str, label: str) -> str:
    """One horizontal scale with a dashed line at no change, an interval and a diamond."""
    left, right = 210.0, 610.0
    reach = max(abs(v) for v in (at, low or 0.0, high or 0.0)) * 1.25 or 1.0

    def x(value: float) -> float:
        return left + (value + 0.15 * reach) / (1.15 * reach) * (right - left)

    interval = (
        f'<path class="interval" d="M{x(low):.1f} {y} H{x(high):.1f}"/>' if low is not None and high is not None else ""
    )
    return (
        f'<path class="axis" d="M{left} {y} H{right}"/><path class="zero" d="M{x(0):.1f} {y - 14} V{y + 14}"/>{interval}'
        f'<path class="diamond" d="M{x(at):.1f} {y - 9} l9 9 l-9 9 l-9 -9 z"/>'
        f'<text class="tick" x="{x(0):.1f}" y="{y + 30}" text-anchor="middle">no change</text>'
        f'<text class="tick" x="{right}" y="{y + 30}" text-anchor="end">{escape(label)}</text>'
        f'<text class="tick" x="{right}" y="{y - 8}" text-anchor="end">faster, {escape(unit)} →</text>'
    )


DOSE_WIDTH, DOSE_HEIGHT = 320, 62


def dose_strip(tested: Sequence[float], first: float, most: float) -> str:
    """The weekly minutes of a plan below those that trials tested: a band from least to most with a tick at the middle,
    and the plan from its first to its fullest week. Empty where no dose is known."""
    if not tested:
        return ""
    low, middle, high = tested
    end = max(high, most) * 1.05

    def x(minutes: float) -> float:
        return 4 + (DOSE_WIDTH - 8) * minutes / end

    def place(start: float, stop: float) -> str:
        """Words begin at their band, or end at it where there is no room to its right."""
        return f' x="{x(start):.1f}"' if start < end / 2 else f' x="{x(stop):.1f}" text-anchor="end"'

    title = f"Trials tested {low:g} to {high:g} minutes a week, half of them {middle:g} or less; this plan has {first:g} to {most:g}."
    return (
        f'<svg class="strip dose-strip" viewBox="0 0 {DOSE_WIDTH} {DOSE_HEIGHT}" role="img" aria-label="{escape(title)}"><title>{escape(title)}</title>'
        f'<rect class="tested" x="{x(low):.1f}" y="18" width="{max(2.0, x(high) - x(low)):.1f}" height="10" rx="5"/>'
        f'<path class="middle" d="M{x(middle):.1f} 14V32"/>'
        f'<rect class="planned" x="{x(first):.1f}" y="38" width="{max(4.0, x(most) - x(first)):.1f}" height="10" rx="5"/>'
        f'<text{place(low, high)} y="12">{wording.span(low, high)} min tested</text>'
        f'<text{place(first, most)} y="61">{wording.span(first, most)} min planned</text></svg>'
    )
