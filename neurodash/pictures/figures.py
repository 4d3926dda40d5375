"""Pictograms: a pose is a handful of joint angles, drawn as a body of fixed proportions.

Angles are in degrees, absolute, in the plane of the picture: 0 points forward (right), 90 up, -90 down.
Lengths are in units of a picture 120 wide; their shares are close to the usual anthropometric ones
(Winter, Biomechanics and Motor Control of Human Movement, segment lengths as fractions of stature).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from html import escape

TRUNK, UPPER_ARM, FOREARM, THIGH, SHANK, FOOT = 29.0, 17.0, 16.0, 25.0, 24.0, 10.0
NECK, HEAD_RADIUS = 14.5, 8.5  # shoulder to the middle of the head
GROUND = 114.0
Point = tuple[float, float]


@dataclass(frozen=True)
class Limb:
    """Angles of one arm (upper, fore) or leg (thigh, shank, foot)."""

    angles: tuple[float, ...]


@dataclass(frozen=True)
class Pose:
    """A figure seen from the side, facing right, with the hip at `hip`."""

    hip: Point
    trunk: float
    head: float
    near_arm: Limb
    far_arm: Limb
    near_leg: Limb
    far_leg: Limb


@dataclass(frozen=True)
class Joints:
    """Where everything is, once the angles are followed from the hip outwards."""

    shoulder: Point
    head: Point
    near_arm: tuple[Point, ...]
    far_arm: tuple[Point, ...]
    near_leg: tuple[Point, ...]
    far_leg: tuple[Point, ...]


def joints(pose: Pose) -> Joints:
    """Forward kinematics: segment lengths are the same in every picture."""
    shoulder = _step(pose.hip, pose.trunk, TRUNK)
    arm, leg = (UPPER_ARM, FOREARM), (THIGH, SHANK, FOOT)
    return Joints(
        shoulder=shoulder,
        head=_step(shoulder, pose.head, NECK),
        near_arm=_chain(shoulder, pose.near_arm, arm),
        far_arm=_chain(shoulder, pose.far_arm, arm),
        near_leg=_chain(pose.hip, pose.near_leg, leg),
        far_leg=_chain(pose.hip, pose.far_leg, leg),
    )


def hamstring_stretch(alt: str) -> str:
    """Seated hamstring stretch with a band: start and move, side by side."""
    start = Pose(
        hip=(36.0, 86.2),
        trunk=86,
        head=86,
        near_arm=Limb((-40, -16)),
        far_arm=Limb((-46, -20)),
        near_leg=Limb((-26, -31, 62)),
        far_leg=Limb((-3, -94, 0)),
    )
    lean = replace(
        start,
        trunk=66,
        head=72,
        near_arm=Limb((-30, -20)),
        far_arm=Limb((-36, -24)),
        near_leg=Limb((-27, -30, 70)),
    )
    frames = (
        ("Start", _chair(start.hip) + _figure(start) + _band(start)),
        (
            "Lean from the hips",
            _chair(lean.hip) + _figure(lean) + _band(lean) + _arrow("M26 40 q10 -16 27 -13"),
        ),
    )
    parts = [
        f'<g transform="translate({index * 130} 0)"><path class="ground" d="M6 {GROUND} H114"/>{body}'
        f'<text class="frame" x="60" y="132">{escape(label)}</text></g>'
        for index, (label, body) in enumerate(frames)
    ]
    return _picture("0 0 250 138", "Seated hamstring stretch with a band", alt, "".join(parts))


def walker() -> str:
    """A walking figure, to stand inside another picture."""
    pose = Pose(
        hip=(56, 63),
        trunk=86,
        head=86,
        near_arm=Limb((-62, -30)),
        far_arm=Limb((-118, -84)),
        near_leg=Limb((-66, -74, 12)),
        far_leg=Limb((-106, -128, -30)),
    )
    return _figure(pose)


def _step(start: Point, angle: float, length: float) -> Point:
    turn = math.radians(angle)
    return start[0] + length * math.cos(turn), start[1] - length * math.sin(turn)


def _chain(start: Point, limb: Limb, lengths: tuple[float, ...]) -> tuple[Point, ...]:
    points = [start]
    for angle, length in zip(limb.angles, lengths, strict=True):
        points.append(_step(points[-1], angle, length))
    return tuple(points)


def _path(points: tuple[Point, ...]) -> str:
    return "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _figure(pose: Pose) -> str:
    """Far limbs, trunk, head, near limbs with a halo, so that an arm stays readable before the trunk."""
    at = joints(pose)
    near = "".join(
        f'<path class="{kind} halo" d="{_path(points)}"/><path class="{kind}" d="{_path(points)}"/>'
        for kind, points in (("leg", at.near_leg), ("arm", at.near_arm))
    )
    return (
        f'<g class="far"><path class="leg" d="{_path(at.far_leg)}"/><path class="arm" d="{_path(at.far_arm)}"/></g>'
        f'<path class="trunk" d="{_path((pose.hip, at.shoulder))}"/>'
        f'<circle class="head" cx="{at.head[0]:.1f}" cy="{at.head[1]:.1f}" r="{HEAD_RADIUS}"/>'
        f'<g class="near">{near}</g>'
    )


def _chair(hip: Point) -> str:
    x, seat = hip[0], hip[1] + 7
    return (
        f'<path class="prop" d="M{x - 15:.1f} {seat:.1f} h28 M{x - 13:.1f} {seat:.1f} V{GROUND - 2} '
        f'M{x + 11:.1f} {seat:.1f} V{GROUND - 2} M{x - 15:.1f} {seat:.1f} l-4 -38"/>'
    )


def _band(pose: Pose) -> str:
    """From the near hand round the ball of the near foot."""
    at = joints(pose)
    return f'<path class="band" d="{_path((at.near_arm[-1], at.near_leg[-1]))}"/>'


def _arrow(path: str) -> str:
    return f'<path class="move" d="{path}"/><path class="tip" d="M53 22 l7 6 l-9 3 z"/>'


def _picture(view_box: str, title: str, description: str, body: str) -> str:
    return (
        f'<svg class="fig" viewBox="{view_box}" role="img" aria-label="{escape(description)}">'
        f"<title>{escape(title)}</title><desc>{escape(description)}</desc>{body}</svg>"
    )
