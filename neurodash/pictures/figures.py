"""Exercise pictures: a body, what it uses, and how it moves, as SVG.

Limbs are round strokes drawn far to near; the near ones have a thin halo in the colour of the ground, so that an arm
stays readable before the trunk. Things stand behind, bands and arrows in front.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from neurodash.body import SIDES, Body, Point
from neurodash.body.skeleton import HEAD_RADIUS
from neurodash.library.pictures import Arrow, Frame, View
from neurodash.pictures import things

WIDTH, TOP, HEIGHT = 120.0, -20.0, 146.0
GROUND = 114.0  # where y = 0 is drawn
PITCH = math.radians(12)  # seen from the front, from a little above, so that a thigh pointing at us is seen
Flat = tuple[float, float]
TIP = 7.0  # length of an arrow's head


def project(point: Point, view: View) -> Flat:
    """Where a point of the body is on the picture."""
    if view == "side":
        return point.x, GROUND - point.y
    return 60.0 - point.z, GROUND - (point.y * math.cos(PITCH) - point.x * math.sin(PITCH))


def frame_svg(frame: Frame, before: Frame | None = None, mirrored: bool = False) -> str:
    """One frame as an SVG of its own, with title and description; `before` is the frame its arrows start from."""
    told = escape(frame.says)
    return (
        f'<svg class="fig" viewBox="0 {TOP:g} {WIDTH:g} {HEIGHT:g}" role="img" aria-label="{told}">'
        f"<title>{told}</title>{drawn(frame, before, mirrored)}</svg>"
    )


def drawn(frame: Frame, before: Frame | None = None, mirrored: bool = False) -> str:
    """The inside of a frame's SVG."""
    behind, before_body = things.draw(frame, lambda joint: project(frame.body[joint], frame.view), mirrored)
    body = (
        f'<path class="ground" d="M5 {GROUND:g}H115"/>{behind}'
        + (f'<g class="helper">{body_svg(frame.helper, frame.view)}</g>' if frame.helper else "")
        + body_svg(frame.body, frame.view, frame.eyes)
        + before_body
        + "".join(_arrow(arrow, frame, before) for arrow in frame.arrows)
    )
    return f'<g transform="matrix(-1 0 0 1 {WIDTH:g} 0)">{body}</g>' if mirrored else body


def extent(frame: Frame) -> tuple[float, float, float, float]:
    """What the bodies of a frame take up: left, top, right, bottom on the picture."""
    found = []
    for body in (frame.body, *([frame.helper] if frame.helper else [])):
        for name, point in body.joints.items():
            x, y = project(point, frame.view)
            r = HEAD_RADIUS if name == "head" else 4.25
            found.append((x - r, y - r, x + r, y + r))
    left, top, right, bottom = zip(*found, strict=True)
    return min(left), min(top), max(right), max(bottom)


# The body


def body_svg(body: Body, view: View, eyes: str = "open") -> str:
    """A body to stand inside another picture."""

    def path(points: tuple[Point, ...]) -> str:
        return things.path([project(point, view) for point in points])

    def limb(kind: str, points: tuple[Point, ...], halo: bool = True) -> str:
        d = path(points)
        return (f'<path class="{kind} halo" d="{d}"/>' if halo else "") + f'<path class="{kind}" d="{d}"/>'

    trunk = f'<path class="trunk" d="{path(_trunk(body))}z"/>' + _head(body, view, eyes)
    if view == "side":
        return (
            f'<g class="far">{limb("leg", body.leg("left"), False)}{limb("arm", body.arm("left"), False)}</g>{trunk}'
            f'<g class="near">{limb("leg", body.leg("right"))}{limb("arm", body.arm("right"))}</g>'
        )
    hidden = {side for side in SIDES if body[f"{side}_hand"].x < body["waist"].x - 4}
    arms = {side: limb("arm", body.arm(side)) for side in SIDES}
    return (
        f'<g class="near">{"".join(arms[side] for side in SIDES if side in hidden)}'
        f"{limb('leg', body.leg('left'))}{limb('leg', body.leg('right'))}</g>{trunk}"
        f'<g class="near">{"".join(arms[side] for side in SIDES if side not in hidden)}</g>'
    )


def _trunk(body: Body) -> tuple[Point, ...]:
    """Its outline: a line from the side, a shape from the front."""
    pelvis, waist, neck = body["pelvis"], body["waist"], body["neck"]
    points = []
    for side in SIDES:
        shoulder = (body[f"{side}_shoulder"] - neck).times(0.5)
        hip = (body[f"{side}_hip"] - pelvis).times(0.4)
        edge = [neck + shoulder, waist + (shoulder + hip).times(0.4), pelvis + hip]
        points += edge if side == "right" else edge[::-1]
    return tuple(points)


def _head(body: Body, view: View, eyes: str) -> str:
    x, y = project(body["head"], view)
    facing, up = body["nose"] - body["head"], (body["head"] - body["neck"]).unit
    nx, ny = project(body["head"] + facing.times(1.02), view)
    outside = math.hypot(nx - x, ny - y) > 0.85 * HEAD_RADIUS
    towards_us = facing.z > 0 if view == "side" else facing.x > 0
    made = f'<circle class="head" cx="{x:.1f}" cy="{y:.1f}" r="{HEAD_RADIUS:g}"/>'
    if outside:
        made += f'<circle class="head" cx="{nx:.1f}" cy="{ny:.1f}" r="2.4"/>'
    elif towards_us and eyes == "open":
        made += f'<circle class="face" cx="{nx:.1f}" cy="{ny:.1f}" r="1.9"/>'
    if eyes == "closed":
        across = facing.unit.cross(up)
        for sign in (1.0, -1.0):
            eye = facing.times(0.72) + up.times(0.6) + across.times(sign * 3.7)
            if (eye.z if view == "side" else eye.x) <= 0:
                continue
            if outside:  # from the side one eye is seen, as a line towards the face
                ends = [facing.times(by) + up.times(1.6) for by in (0.2, 0.78)]
            else:
                ends = [eye + across.times(by) for by in (-1.9, 1.9)]
            lid = [project(body["head"] + end, view) for end in ends]
            cx, cy = (lid[0][0] + lid[1][0]) / 2, (lid[0][1] + lid[1][1]) / 2 + 3
            made += f'<path class="lid" d="M{lid[0][0]:.1f} {lid[0][1]:.1f}Q{cx:.1f} {cy:.1f} {lid[1][0]:.1f} {lid[1][1]:.1f}"/>'
            if outside:
                break
    return made


# Movement

_PIVOT = {"elbow": "shoulder", "hand": "shoulder", "knee": "hip", "ankle": "hip", "toe": "hip"}


def _arrow(arrow: Arrow, frame: Frame, before: Frame | None) -> str:
    if arrow.start and arrow.end:
        start, end = ((x, GROUND - y) for x, y in (arrow.start, arrow.end))
        if arrow.sight:
            return f'<path class="sight" d="{things.path([start, end])}"/>'
        middle = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
        length = math.dist(start, end) or 1.0
        normal = (end[1] - start[1]) / length, (start[0] - end[0]) / length
        bend = middle[0] + normal[0] * arrow.bulge, middle[1] + normal[1] * arrow.bulge
        return _bow(start, bend, end, arrow.both)
    view = frame.view
    moving = str(arrow.of)
    start = project((before or frame).body[moving], view)
    end = project(frame.body[moving], view)
    side, _, kind = moving.rpartition("_")
    pivot = (
        frame.body[f"{side}_{_PIVOT[kind]}"]
        if kind in _PIVOT
        else frame.body["pelvis" if kind in ("head", "neck", "waist") else "right_ankle"]
    )
    px, py = project(pivot, view)
    middle = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
    length = math.hypot(middle[0] - px, middle[1] - py) or 1.0
    out = (middle[0] - px) / length, (middle[1] - py) / length
    off = (arrow.off[0], -arrow.off[1]) if arrow.off else (out[0] * 9, out[1] * 9)
    start, end = ((p[0] + off[0], p[1] + off[1]) for p in (start, end))
    bend = middle[0] + off[0] + out[0] * arrow.bulge, middle[1] + off[1] + out[1] * arrow.bulge
    return _bow(start, bend, end, arrow.both)


def _bow(start: Flat, bend: Flat, end: Flat, both: bool) -> str:
    tips = [_tip(bend, end)] + ([_tip(bend, start)] if both else [])
    (bx, by), _ = tips[0]
    shaft_start = tips[1][0] if both else start
    return (
        f'<path class="move" d="M{shaft_start[0]:.1f} {shaft_start[1]:.1f}Q{bend[0]:.1f} {bend[1]:.1f} {bx:.1f} {by:.1f}"/>'
        + "".join(f'<path class="tip" d="{triangle}"/>' for _, triangle in tips)
    )


def _tip(towards: Flat, end: Flat) -> tuple[Flat, str]:
    """Where the shaft meets an arrow's head, and the head."""
    dx, dy = end[0] - towards[0], end[1] - towards[1]
    length = math.hypot(dx, dy) or 1.0
    ux, uy = dx / length, dy / length
    base = end[0] - ux * TIP, end[1] - uy * TIP
    corners = [end, (base[0] - uy * 4.2, base[1] + ux * 4.2), (base[0] + uy * 4.2, base[1] - ux * 4.2)]
    return (base[0] + ux, base[1] + uy), things.path(corners) + "z"


def svgs(frames: Sequence[Frame], mirrored: bool = False) -> Iterator[str]:
    """Every frame of a picture as an SVG of its own, in order."""
    for before, frame in zip([None, *frames], frames, strict=False):
        yield frame_svg(frame, before, mirrored)


# For paper: one ink for the body, paler far limbs and things, and nothing that needs a colour to be told apart.
PAPER_MARGIN = 26.0  # above the highest head, for arrows and what hands hold
_PAPER = (
    "path,.prop{fill:none;stroke-linecap:round;stroke-linejoin:round}.ground{stroke:#999;stroke-width:2.5}"
    ".leg{stroke-width:8.5}.arm{stroke-width:6.5}.trunk{stroke:#063f40;stroke-width:12.5;fill:#063f40}"
    ".near path{stroke:#063f40}.far path{stroke:#7f9a9a}.head{fill:#063f40}.face{fill:#fff}.lid{stroke:#fff;stroke-width:2}"
    ".near .halo{stroke:#fff}.leg.halo{stroke-width:11}.arm.halo{stroke-width:9.5}.prop{stroke:#8a6a60;stroke-width:4}"
    ".solid{fill:#8a6a60}.wall{fill:#ddd}.mark{stroke:#802e1d;stroke-width:2.5}.held{stroke:#fff;stroke-width:1.5;fill:#802e1d}"
    ".grip{stroke:#802e1d;stroke-width:3}.weight{stroke:#802e1d;stroke-width:5;stroke-linecap:butt}"
    ".band{stroke:#802e1d;stroke-width:2.8}.knot{fill:#802e1d}.move{stroke:#802e1d;stroke-width:3}"
    ".sight{stroke:#802e1d;stroke-width:2;stroke-dasharray:4 4.5}.tip{fill:#802e1d}.talk{fill:#fff;stroke:#802e1d;stroke-width:1.5}"
    ".count{font-family:NeuroDash Paper;font-size:9px;font-weight:700;fill:#802e1d;text-anchor:middle}"
    ".helper path{stroke:#777}.helper .far path{stroke:#aaa}.helper .halo{stroke:#fff}.helper .head,.helper .trunk{fill:#777}"
)


def on_paper(frames: Sequence[Frame], mirrored: bool = False) -> Iterator[str]:
    """Every frame as a file of its own that can be printed: with its namespace, size and style."""
    top = max(TOP, min(extent(frame)[1] for frame in frames) - PAPER_MARGIN)
    height = TOP + HEIGHT - top
    head = f'<svg xmlns="http://www.w3.org/2000/svg" class="fig" viewBox="0 {top:.0f} {WIDTH:g} {height:.0f}"'
    for before, frame in zip([None, *frames], frames, strict=False):
        size = f' width="{WIDTH:g}" height="{height:.0f}"'
        yield f"{head}{size}><style>{_PAPER}</style>{drawn(frame, before, mirrored)}</svg>"


def plate(frames: Sequence[Frame], title: str, alt: str) -> str:
    """The frames of a picture side by side in one SVG, each with its words below."""
    step = WIDTH + 10
    parts = [
        f'<g transform="translate({index * step:g} 0)">{drawn(frame, before)}'
        f'<text class="frame" x="{WIDTH / 2:g}" y="138">{escape(frame.says)}</text></g>'
        for index, (before, frame) in enumerate(zip([None, *frames], frames, strict=False))
    ]
    return (
        f'<svg class="fig" viewBox="0 {TOP:g} {step * len(frames) - 10:g} {HEIGHT + 18:g}" role="img" aria-label="{escape(alt)}">'
        f"<title>{escape(title)}</title><desc>{escape(alt)}</desc>{''.join(parts)}</svg>"
    )
