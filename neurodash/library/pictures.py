"""What a picture is made of, as an editor writes it: poses, things, arrows. Read here, solved by `neurodash.body`.

All lengths are in the units of a picture 120 wide; x is from the left edge, y from the floor up, in both views. From
the side the person faces right and the right limbs are near; from the front the right limbs are on the left of the
picture. A picture is written for the right side; the left one is its mirror.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from neurodash.body import SIDES, Angle, Body, Pose, Reach, solve
from neurodash.body.skeleton import ARM_RADIUS, FOOT, SEAT, SOLE, TRUNK_RADIUS
from neurodash.library.rows import Code, Row, Text, accepted

View = Literal["side", "front"]
ThingName = Literal[
    "chair", "armchair", "wheelchair", "bed", "mat", "worktop", "table", "rail", "wall", "step", "stairs", "pad", "bike", "pedals",
    "arm-pedals", "frame", "stick", "poles", "parallel-bars", "line", "obstacle", "cone", "dot", "band", "dumbbell", "ball", "big-ball", "cup", "tray",
    "towel", "bag", "broom", "pot", "card", "talk", "music", "fan", "door",
]  # fmt: skip
# How high a body or a hand rests on each, in units (a body of 170 cm stands 104 high). Ours, for the drawing alone
TOPS: Mapping[str, float] = {
    "floor": 0.0, "chair": 21.5, "armchair": 21.5, "wheelchair": 23.0, "bed": 26.0, "mat": 2.0, "worktop": 52.0, "table": 42.0, "rail": 54.0,
    "step": 12.0, "stairs": 11.0, "pad": 7.0, "bike": 40.0, "frame": 50.0, "parallel-bars": 52.0, "big-ball": 26.0, "pot": 40.0, "obstacle": 8.0,
}  # fmt: skip
SOFT = 1.5  # units that a hip may sink into a bed
HANDS_REST = 2.5  # from a surface up to the middle of a hand on it
JOINTS = (
    *(f"{side}_{joint}" for side in SIDES for joint in ("shoulder", "elbow", "hand", "hip", "knee", "ankle", "toe")),
    "pelvis", "waist", "neck", "head",
)  # fmt: skip


def _pair(value: object) -> object:
    """`-40` and `[-40, 0]` mean the same."""
    return (value, 0.0) if isinstance(value, int | float) else value


def _limb(value: object) -> object:
    return {"angles": value} if isinstance(value, list | tuple) else value


Degrees = Annotated[float, Field(ge=-360, le=360)]
Unit = Annotated[float, Field(ge=-60, le=180)]
AnglePair = Annotated[tuple[Degrees, Degrees], BeforeValidator(_pair)]
Joint = Literal[JOINTS]  # type: ignore[valid-type]


class Limb(Row):
    """An arm (2 angles) or a leg (3), or where its hand or foot is.

    `on` a surface at x = `at` (the wall: at the height `at`), `touch` a joint of the same body, or `to` a point.
    `toes` tips a foot: below 0 on its toes, above 0 on its heel. `ahead` is how far before the body, seen from the
    front, and how far to the right, seen from the side. `bend` is where the knee or elbow points.
    """

    angles: tuple[AnglePair, ...] = ()
    on: str = ""
    at: Unit | None = None
    to: tuple[Unit, Unit] | None = None
    touch: Joint | None = None
    ahead: Unit | None = None
    toes: Degrees = 0.0
    bend: AnglePair | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Limb:
        ways = [bool(self.angles), self.touch is not None, self.to is not None, self.at is not None]
        if sum(ways) != 1:
            raise accepted("angles, or one of at, to and touch")
        return self


ArmSpec = Annotated[Limb, BeforeValidator(_limb)]
LegSpec = Annotated[Limb, BeforeValidator(_limb)]


class PoseSpec(Row):
    """A pose, or what is different from the one it names."""

    pose: Code | None = None
    trunk: AnglePair | None = None
    chest: AnglePair | None = None
    head: AnglePair | None = None
    turn: Degrees | None = None
    look: Degrees | None = None
    right_arm: ArmSpec | None = None
    left_arm: ArmSpec | None = None
    right_leg: LegSpec | None = None
    left_leg: LegSpec | None = None
    at: Unit | None = None
    on: str | None = None  # the surface that carries the body
    hip: Unit | None = None  # its height, where nothing else gives it
    low: Unit | None = None
    roll: Degrees | None = None
    aside: Unit | None = None  # the pelvis to the right of its place

    def over(self, base: PoseSpec) -> PoseSpec:
        """What this says, and the rest from another."""
        said = {name: getattr(self, name) for name in PoseSpec.model_fields if name in self.model_fields_set}
        if {"on", "hip"} & said.keys():  # a new way to be carried replaces the old one
            said = {"on": None, "hip": None, **said}
        return PoseSpec.model_construct(
            **{**{n: getattr(base, n) for n in PoseSpec.model_fields}, **said, "pose": None}
        )


class Thing(Row):
    """Furniture, something held, or a sign, at x = `at`.

    `hold` are the joints that hold it or where a band ends; `to` is a fixed end of a band. `text` is what is said or
    shown, as short as a picture needs.
    """

    thing: ThingName
    at: Unit = 60.0
    height: Unit | None = None
    width: Unit | None = None
    hold: tuple[Joint, ...] = ()
    to: tuple[Unit, Unit] | None = None
    text: Annotated[str, Field(max_length=9)] = ""
    facing: Literal["right", "left"] = "right"


class Arrow(Row):
    """A movement: `of` a joint, from where it was in the frame before; or `start` to `end`. `bulge` bows it outwards.

    `sight`: where the eyes look, as a dashed line.
    """

    of: Joint | None = None
    start: tuple[Unit, Unit] | None = None
    end: tuple[Unit, Unit] | None = None
    bulge: Unit = 6.0
    off: tuple[Unit, Unit] | None = None  # moved aside, so that it does not lie on the body
    both: bool = False  # to and fro
    sight: bool = False

    @model_validator(mode="after")
    def _one_way(self) -> Arrow:
        if (self.of is None) == (self.start is None or self.end is None):
            raise accepted("of: a joint, or start and end")
        return self


class FrameSpec(PoseSpec):
    """One frame: a pose (the second starts from the first) and what is only in it."""

    says: Text
    things: tuple[Thing, ...] = ()
    arrows: tuple[Arrow, ...] = ()
    eyes: Literal["open", "closed"] = "open"
    helper: PoseSpec | None = None


class Drawing(Row):
    """Two frames, start and move; `things` are in both."""

    view: View = "side"
    things: tuple[Thing, ...] = ()
    frames: Annotated[tuple[FrameSpec, ...], Field(min_length=1, max_length=3)]


# From what is written to a body


@dataclass(frozen=True)
class Frame:
    """A frame with everything in its place."""

    says: str
    view: View
    body: Body
    things: tuple[Thing, ...]
    arrows: tuple[Arrow, ...]
    eyes: str = "open"
    helper: Body | None = None


def frames(drawing: Drawing, poses: Mapping[str, PoseSpec]) -> tuple[Frame, ...]:
    """The frames of a drawing. Raises OutOfReach, KeyError (of a pose or a surface)."""
    return tuple(_frames(drawing, poses))


def _frames(drawing: Drawing, poses: Mapping[str, PoseSpec]) -> Iterator[Frame]:
    before = PoseSpec(pose="stand")
    for spec in drawing.frames:
        base = _named(spec.pose, poses) if spec.pose else before if before.pose is None else _named("stand", poses)
        before = spec.over(base)
        things = drawing.things + spec.things
        helper = None
        if spec.helper is not None:
            own = spec.helper.over(_named(spec.helper.pose or "guard", poses))
            helper = solve(_pose(own, drawing.view, things))
        yield Frame(
            says=spec.says, view=drawing.view, body=solve(_pose(before, drawing.view, things)), things=things, arrows=spec.arrows,
            eyes=spec.eyes, helper=helper,
        )  # fmt: skip


def _named(name: str, poses: Mapping[str, PoseSpec]) -> PoseSpec:
    spec = poses[name]
    return spec.over(_named(spec.pose, poses)) if spec.pose else spec


def _pose(spec: PoseSpec, view: View, things: tuple[Thing, ...]) -> Pose:
    own: dict[str, float] = {thing.thing: thing.height for thing in things if thing.height is not None}
    tops = {**TOPS, **own}
    walls = [thing.at for thing in things if thing.thing == "wall"]
    side = view == "side"
    at = 60.0 if spec.at is None else spec.at
    given: dict[str, Any] = {
        name: Angle(*value) for name in ("trunk", "chest", "head") if (value := getattr(spec, name)) is not None
    }
    given |= {name: value for name in ("turn", "look", "low", "roll") if (value := getattr(spec, name)) is not None}
    for name in ("right_arm", "left_arm", "right_leg", "left_leg"):
        if (limb := getattr(spec, name)) is not None:
            given[name] = _limb_of(limb, name.endswith("leg"), side, tops, walls)
    x, z = (at, spec.aside or 0.0) if side else (0.0, 60.0 - at)
    given |= {"at": x if not side or spec.at is not None else None, "across": z}
    if spec.on is not None and spec.on in ("chair", "armchair", "wheelchair", "bike", "big-ball"):
        given |= {"hip": (x, tops[spec.on] + SEAT), "carried_by": spec.on}
    elif spec.hip is not None:
        given |= {"hip": (x, spec.hip)}
        if spec.on is not None:
            on_it = abs(spec.hip - tops[spec.on] - SEAT) < SOFT
            given |= {"carried_by": spec.on} if on_it else {"rests": tops[spec.on]}
    elif spec.on is not None:
        given |= {"rests": tops[spec.on]}
        if any(isinstance(given.get(leg), Reach) for leg in ("right_leg", "left_leg")):
            given |= {"hip": (x, tops[spec.on] + TRUNK_RADIUS), "carried_by": spec.on}
    return Pose(**given)


def _limb_of(limb: Limb, leg: bool, side: bool, tops: Mapping[str, float], walls: list[float]) -> Any:
    if limb.angles:
        return tuple(Angle(*pair) for pair in limb.angles)
    bend = None if limb.bend is None else Angle(*limb.bend)
    if limb.touch is not None:
        return Reach(touch=limb.touch, bend=bend, toes=limb.toes)
    on, x, y = "", 0.0, 0.0
    if limb.to is not None:
        x, y = limb.to
    elif limb.at is not None:
        on = limb.on or "floor"
        if on == "wall":
            x, y = (walls[0] if walls else 110.0) - ARM_RADIUS, limb.at
        elif leg:
            raised = FOOT * _sine(-limb.toes) if limb.toes < 0 else 0.0
            x, y = limb.at, tops[on] + SOLE + raised
        else:
            x, y = limb.at, tops[on] + HANDS_REST
    aside = limb.ahead
    place = (x, y, aside) if side else (aside or 0.0, y, 60.0 - x)
    return Reach(at=place, bend=bend, toes=limb.toes, on=on)


def _sine(degrees: float) -> float:
    return Angle(degrees).along().y
