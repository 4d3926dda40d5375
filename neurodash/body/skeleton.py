"""One body of fixed proportions: from joint angles and things to reach for, to where every joint is.

Coordinates are those of a picture 120 units wide, seen from the person's right: x forward, y up from the floor, z to
the person's right. A direction is a pair of angles in degrees: `a` in the plane of walking (0 forward, 90 up, -90
down, 180 back) and `out`, away from that plane (for a limb: away from the other side; for trunk and head: to the right).

Segment lengths are close to the usual anthropometric shares of stature (Winter, Biomechanics and Motor Control of
Human Movement).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

TRUNK, UPPER_ARM, FOREARM, THIGH, SHANK, FOOT, NECK = 29.0, 17.0, 16.0, 25.0, 24.0, 10.0, 14.5
SHOULDER_HALF, HIP_HALF = 9.5, 5.0
HEAD_RADIUS, TRUNK_RADIUS, LEG_RADIUS, ARM_RADIUS = 8.5, 6.25, 4.25, 3.25
SOLE = 3.0  # from the floor up to the line of a flat foot
SEAT = 6.5  # from a seat up to the hip joint
TOUCHING = 0.6  # units from a surface within which a joint is on it: less than the ground's line is wide
STRAIGHT = 0.999  # of a limb's length: how far it reaches. A little less than all, so that rounding cannot refuse it

Side = Literal["right", "left"]
SIDES: tuple[Side, Side] = ("right", "left")
Place = tuple[float, float, float | None]


class Point(NamedTuple):
    x: float
    y: float
    z: float

    def __add__(self, other: Point) -> Point:  # type: ignore[override]
        return Point(self.x + other.x, self.y + other.y, self.z + other.z)

    def __sub__(self, other: Point) -> Point:
        return Point(self.x - other.x, self.y - other.y, self.z - other.z)

    def times(self, by: float) -> Point:
        return Point(self.x * by, self.y * by, self.z * by)

    def dot(self, other: Point) -> float:
        return self.x * other.x + self.y * other.y + self.z * other.z

    def cross(self, o: Point) -> Point:
        return Point(self.y * o.z - self.z * o.y, self.z * o.x - self.x * o.z, self.x * o.y - self.y * o.x)

    @property
    def length(self) -> float:
        return math.sqrt(self.dot(self))

    @property
    def unit(self) -> Point:
        return self.times(1 / (self.length or 1.0))


class Angle(NamedTuple):
    """The direction of a segment, in degrees."""

    a: float
    out: float = 0.0

    def along(self, right: bool = True) -> Point:
        a, out = math.radians(self.a), math.radians(self.out)
        return Point(
            math.cos(out) * math.cos(a), math.cos(out) * math.sin(a), math.sin(out) if right else -math.sin(out)
        )


UPRIGHT, DOWN, AHEAD = Angle(90), Angle(-90), Angle(0)


@dataclass(frozen=True)
class Reach:
    """A limb that is somewhere instead of at an angle: its hand, or the ankle of its foot, is at a place.

    `at`: x, y and z (z None: straight ahead of its own shoulder or hip). `touch` names a joint of the same body instead.
    `toes`: the angle of the foot; 0 is flat. `bend` is where the elbow or knee points.
    """

    at: Place | None = None
    touch: str = ""
    bend: Angle | None = None
    toes: float = 0.0
    on: str = ""  # the surface under it, in words


Arm = tuple[Angle, Angle] | Reach
Leg = tuple[Angle, Angle, Angle] | Reach


@dataclass(frozen=True)
class Pose:
    """How a body is held. `hip` None: as high as the legs allow, or dropped onto `rests`, the height of what it lies
    or kneels on (None: the floor).

    `roll` lays the whole body on its side (90: on its right) after the limbs are set as if it stood. `low` lowers a hip
    that is found from the feet. `turn` twists the shoulders, `look` the head, to the right, in degrees.
    """

    trunk: Angle = UPRIGHT
    chest: Angle | None = None  # the upper half of the trunk, where the back is bent
    head: Angle | None = None
    turn: float = 0.0
    look: float = 0.0
    right_arm: Arm = (DOWN, DOWN)
    left_arm: Arm = (DOWN, DOWN)
    right_leg: Leg = (DOWN, DOWN, AHEAD)
    left_leg: Leg = (DOWN, DOWN, AHEAD)
    hip: tuple[float, float] | None = None
    at: float | None = None
    across: float = 0.0  # z of the pelvis
    low: float = 0.0
    rests: float | None = None
    roll: float = 0.0
    carried_by: str = ""  # what the hip rests on, in words


class OutOfReach(ValueError):
    """A hand or foot was to be where the limb does not reach. `by`: how far it is short."""

    def __init__(self, limb: str, by: float) -> None:
        super().__init__(f"the {limb} is {by:.1f} short of its place")
        self.limb, self.by = limb, by


@dataclass(frozen=True)
class Body:
    """Where everything is. `joints` has pelvis, waist, neck, head, nose, and for each side shoulder, elbow, hand, hip,
    knee, ankle, toe (as `right_knee`)."""

    joints: Mapping[str, Point]
    pose: Pose
    contacts: Mapping[str, str] = field(default_factory=dict)  # joint -> what it is on

    def __getitem__(self, joint: str) -> Point:
        return self.joints[joint]

    def arm(self, side: Side) -> tuple[Point, Point, Point]:
        return self[f"{side}_shoulder"], self[f"{side}_elbow"], self[f"{side}_hand"]

    def leg(self, side: Side) -> tuple[Point, Point, Point, Point]:
        return self[f"{side}_hip"], self[f"{side}_knee"], self[f"{side}_ankle"], self[f"{side}_toe"]


JOINT_RADIUS: Mapping[str, float] = {
    "pelvis": TRUNK_RADIUS, "waist": TRUNK_RADIUS, "neck": TRUNK_RADIUS, "head": HEAD_RADIUS, "shoulder": ARM_RADIUS, "elbow": ARM_RADIUS,
    "hand": ARM_RADIUS, "hip": LEG_RADIUS, "knee": LEG_RADIUS, "ankle": SOLE, "toe": SOLE,
}  # fmt: skip


def radius(joint: str) -> float:
    """From the middle of a joint to its skin."""
    return JOINT_RADIUS.get(joint.removeprefix("right_").removeprefix("left_"), 0.0)


def solve(pose: Pose) -> Body:
    """Where the joints of a pose are. Raises OutOfReach."""
    joints = _upright(pose)
    hip = _hip(pose, joints)
    joints = {name: point + hip for name, point in joints.items()}
    contacts = {"pelvis": pose.carried_by} if pose.carried_by else {}
    for side in SIDES:
        for kind, limb in (("leg", pose.right_leg if side == "right" else pose.left_leg),
                           ("arm", pose.right_arm if side == "right" else pose.left_arm)):  # fmt: skip
            if isinstance(limb, Reach):
                _reach(f"{side}_{kind}", limb, joints)
                if limb.on:
                    contacts[f"{side}_{'hand' if kind == 'arm' else 'toe' if limb.toes < 0 else 'ankle'}"] = limb.on
    rests = pose.rests if pose.rests is not None or pose.hip is not None or _feet(pose) else 0.0
    if rests is not None:
        for name, point in joints.items():
            if name != "nose" and abs(point.y - radius(name) - rests) < TOUCHING:
                contacts.setdefault(name, "surface" if rests else "floor")
    return Body(joints, pose, contacts)


def _upright(pose: Pose) -> dict[str, Point]:
    """Every joint that angles alone give, with the pelvis at the origin; already rolled."""
    lower, upper = pose.trunk, pose.chest or pose.trunk
    waist = lower.along().times(TRUNK / 2)
    neck = waist + upper.along().times(TRUNK / 2)
    head_axis = (pose.head or upper).along()
    across, shoulders = _across(lower), _turned(_across(upper), upper.along(), pose.turn)
    ahead = _turned(_across(pose.head or upper), head_axis, pose.turn + pose.look)
    joints = {"pelvis": Point(0, 0, 0), "waist": waist, "neck": neck, "head": neck + head_axis.times(NECK)}
    joints["nose"] = joints["head"] + head_axis.cross(ahead).times(HEAD_RADIUS)
    for side in SIDES:
        sign = 1 if side == "right" else -1
        joints[f"{side}_shoulder"] = neck + shoulders.times(sign * SHOULDER_HALF)
        joints[f"{side}_hip"] = across.times(sign * HIP_HALF)
        for kind, limb in (("arm", getattr(pose, f"{side}_arm")), ("leg", getattr(pose, f"{side}_leg"))):
            if not isinstance(limb, Reach):
                names, lengths = LIMBS[kind]
                at = joints[f"{side}_{names[0]}"]
                for name, length, angle in zip(names[1:], lengths, limb, strict=True):
                    joints[f"{side}_{name}"] = at = at + angle.along(side == "right").times(length)
    if pose.roll:
        turn = math.radians(pose.roll)
        cos, sin = math.cos(turn), math.sin(turn)
        joints = {n: Point(p.x, p.y * cos - p.z * sin, p.y * sin + p.z * cos) for n, p in joints.items()}
    return joints


LIMBS: Mapping[str, tuple[tuple[str, ...], tuple[float, ...]]] = {
    "arm": (("shoulder", "elbow", "hand"), (UPPER_ARM, FOREARM)),
    "leg": (("hip", "knee", "ankle", "toe"), (THIGH, SHANK, FOOT)),
}


def _across(axis: Angle) -> Point:
    """To the right of a trunk or head with this axis."""
    a, out = math.radians(axis.a), math.radians(axis.out)
    return Point(-math.sin(out) * math.cos(a), -math.sin(out) * math.sin(a), math.cos(out))


def _turned(vector: Point, axis: Point, degrees: float) -> Point:
    """Turned to the right about the axis (Rodrigues)."""
    if not degrees:
        return vector
    t = math.radians(-degrees)
    return (
        vector.times(math.cos(t))
        + axis.cross(vector).times(math.sin(t))
        + axis.times(axis.dot(vector) * (1 - math.cos(t)))
    )


def _feet(pose: Pose) -> list[tuple[Side, Place]]:
    """Where the legs stand that stand somewhere."""
    legs: tuple[tuple[Side, Leg], ...] = (("right", pose.right_leg), ("left", pose.left_leg))
    return [(side, leg.at) for side, leg in legs if isinstance(leg, Reach) and leg.at]


def _hip(pose: Pose, joints: Mapping[str, Point]) -> Point:
    if pose.hip is not None:
        return Point(*pose.hip, pose.across)
    feet = _feet(pose)
    if not feet:
        lowest = min(point.y - radius(name) for name, point in joints.items())
        return Point(60.0 if pose.at is None else pose.at, (pose.rests or 0.0) - lowest, pose.across)
    places = [(joints[f"{side}_hip"], _place(at, joints[f"{side}_hip"].z + pose.across)) for side, at in feet]
    x = sum(place.x for _, place in places) / len(places) if pose.at is None else pose.at
    length = (THIGH + SHANK) * STRAIGHT
    heights = []
    for (hip, place), (side, _) in zip(places, feet, strict=True):
        flat = math.hypot(place.x - x - hip.x, place.z - pose.across - hip.z)
        if flat > length:
            raise OutOfReach(f"{side} foot", flat - length)
        heights.append(place.y + math.sqrt(length**2 - flat**2) - hip.y)
    return Point(x, min(heights) - pose.low, pose.across)


def _place(at: Place, straight: float) -> Point:
    """Where the ankle or hand of a limb is to be; `straight` is the z of its own hip or shoulder."""
    x, y, z = at
    return Point(x, y, straight if z is None else z)


def _reach(limb: str, reach: Reach, joints: dict[str, Point]) -> None:
    """Find elbow or knee so that the hand or ankle is in its place: two links, bent the way a joint bends."""
    side, kind = limb.split("_")
    names, lengths = LIMBS[kind]
    start = joints[f"{side}_{names[0]}"]
    goal = _place(reach.at, start.z) if reach.at else joints[reach.touch]
    upper, lower = lengths[:2]
    span = goal - start
    distance = span.length
    if distance > upper + lower:
        raise OutOfReach(f"{side} {'hand' if kind == 'arm' else 'foot'}", distance - upper - lower)
    distance = max(distance, abs(upper - lower) + 0.01)
    along = (upper**2 - lower**2 + distance**2) / (2 * distance)
    aside = math.sqrt(max(upper**2 - along**2, 0.0))
    usual = Angle(-120, 15) if kind == "arm" else Angle(0, 0)
    pole = (reach.bend or usual).along(side == "right")
    toward = span.unit
    normal = pole - toward.times(pole.dot(toward))
    if normal.length < 1e-6:
        normal = Point(0, 1, 0) - toward.times(toward.y)
    joints[f"{side}_{names[1]}"] = start + toward.times(along) + normal.unit.times(aside)
    joints[f"{side}_{names[2]}"] = goal
    if kind == "leg":
        joints[f"{side}_toe"] = goal + Angle(reach.toes).along().times(FOOT)
