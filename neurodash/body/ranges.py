"""How far joints go. The limits are usual adult ranges, rounded outwards: expert judgement, to keep pictures possible."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from neurodash.body.skeleton import SIDES, Body, Point, radius

# degrees: bent backwards (below 0) and forwards
RANGES: Mapping[str, tuple[float, float]] = {
    "knee": (-3, 150),
    "elbow": (-3, 152),
    "hip": (-35, 140),  # with what the lower back gives, which is one piece here
    "ankle": (-90, 35),  # pointed (a foot drawn as a line lies flat behind a kneeling shank), pulled up
    "neck": (-60, 60),
    "back": (-40, 60),  # the upper half of the trunk against the lower
}
ABOVE = 0.6  # units that a body may sink into the floor before it is through it: less than half the ground's line


@dataclass(frozen=True)
class Bend:
    """The angle of a joint, in degrees."""

    joint: str
    angle: float

    @property
    def possible(self) -> bool:
        low, high = RANGES[self.joint.removeprefix("right_").removeprefix("left_")]
        return low <= self.angle <= high


def bends(body: Body) -> Iterator[Bend]:
    """The angle of every joint that has a range. In a limb held out of the plane a bend is never backwards."""
    pelvis, waist, neck = body["pelvis"], body["waist"], body["neck"]
    lower, upper, head = waist - pelvis, neck - waist, body["head"] - neck
    right = body["right_hip"] - body["left_hip"]
    yield Bend("neck", _signed(upper, head, body["right_shoulder"] - body["left_shoulder"]))
    yield Bend("back", _signed(lower, upper, right))
    for side in SIDES:
        hip, knee, ankle, toe = body.leg(side)
        shoulder, elbow, hand = body.arm(side)
        thigh, shank, foot = knee - hip, ankle - knee, toe - ankle
        down = pelvis - waist
        yield Bend(f"{side}_hip", -1 * _signed(_flat(down, right), _flat(thigh, right), right))
        yield Bend(f"{side}_knee", _signed(thigh, shank, right))
        yield Bend(f"{side}_ankle", _between(shank, foot) - 90)
        yield Bend(f"{side}_elbow", _between(elbow - shoulder, hand - elbow))


def _between(one: Point, other: Point) -> float:
    return math.degrees(math.acos(max(-1.0, min(1.0, one.unit.dot(other.unit)))))


def _signed(one: Point, other: Point, right: Point) -> float:
    """The angle from one to the other, below 0 where it turns backwards, as an over-stretched knee does."""
    axis = one.unit.cross(other.unit)
    backwards = axis.dot(right.unit) > max(0.3 * axis.length, 1e-9)
    return _between(one, other) * (-1 if backwards else 1)


def _flat(vector: Point, right: Point) -> Point:
    """Its part in the plane of walking; spreading the legs is no bend of the hip forwards or back."""
    return vector - right.unit.times(vector.dot(right.unit))


def sunk(body: Body) -> Iterator[tuple[str, float]]:
    """The joints below the floor and by how much."""
    for name, point in body.joints.items():
        below = radius(name) - point.y
        if name != "nose" and below > ABOVE:
            yield name, below
