"""Exercises: what a patient sees and a plan is made of, with their pictures solved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from neurodash.library.pictures import Drawing, Frame, PoseSpec, frames
from neurodash.library.rows import Code, Id, Row, Slug, Text, accepted

Kind = Literal["balance", "gait", "gaze", "strength", "power", "aerobic", "range", "transfer"]
Sides = Literal["both", "each", "alternate"]
Guard = Literal["alone", "near", "hands-on"]
DoseForm = Literal["reps", "seconds", "steps", "minutes", "metres", "breaths"]
Short = Annotated[str, Field(min_length=1, max_length=400)]


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


Codes = Annotated[tuple[Code, ...], BeforeValidator(_as_list)]


class Word(Row):
    """A code in words. `system`: one of the six systems of the BESTest. `also`: other words people look for it by.
    `serves`: equipment that this one can stand in for. `everywhere`: there is one wherever somebody trains."""

    label: Text
    system: bool = False
    also: tuple[Text, ...] = ()
    serves: tuple[Code, ...] = ()
    everywhere: bool = False


class ExerciseWords(Row):
    """The words exercises may use. `variables` has the levels of each, from easiest to hardest."""

    targets: dict[Code, Word] = Field(default_factory=dict)
    equipment: dict[Code, Word] = Field(default_factory=dict)
    positions: dict[Code, Word] = Field(default_factory=dict)
    activities: dict[Code, Word] = Field(default_factory=dict)
    variables: dict[Code, tuple[Code, ...]] = Field(default_factory=dict)


class Caution(Row):
    """A precaution that takes an exercise out, or changes how it is done. `guard`: at least this, for whom it is about."""

    id: Id
    does: Literal["excludes", "changes"]
    guard: Guard = "alone"
    how: Short = ""

    @model_validator(mode="after")
    def _change_is_told(self) -> Caution:
        if (self.does == "changes") != bool(self.how):
            raise accepted("how: what changes, with does: changes, and only there")
        return self


class UsualDose(Row):
    """How an exercise is counted, and a usual amount in one set. `bouts`: how many of it, with rests, make the exercise.
    `source`: a guideline row; without one, expert judgement."""

    form: DoseForm
    usual: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]]
    hold: Annotated[float, Field(gt=0, le=120)] | None = None  # seconds of each
    bouts: tuple[Annotated[int, Field(ge=1, le=20)], Annotated[int, Field(ge=1, le=20)]] | None = None
    source: Id | None = None

    @model_validator(mode="after")
    def _low_before_high(self) -> UsualDose:
        for name, amount in (("usual", self.usual), ("bouts", self.bouts)):
            if amount and amount[0] > amount[1]:
                raise accepted("the lower amount first", f"{name}: {list(amount)}")
        return self


class Mistake(Row):
    """A usual mistake and what to say instead."""

    wrong: Short
    instead: Short


class Exercise(Row):
    """One exercise. Sided ones are written and drawn for the right side; the left is the mirror.

    `demand` gives the level of each variable that is above its easiest. `edss` is the range it is meant for, lowest and
    highest, as expert judgement. `guard`: done alone once set up, with a person within reach, or with hands on.
    """

    id: Slug
    name: Annotated[str, Field(min_length=3, max_length=60)]
    clinical: Short
    kind: Kind
    purpose: Short
    position: Code
    equipment: Codes = ()
    trains: Annotated[tuple[Code, ...], BeforeValidator(_as_list), Field(min_length=1)]
    sides: Sides
    demand: dict[Code, Code]
    guard: Guard
    edss: tuple[Annotated[float, Field(ge=0, le=9.5)], Annotated[float, Field(ge=0, le=9.5)]]
    precautions: tuple[Caution, ...] = ()
    set_up: Short
    guarding: Short
    steps: Annotated[tuple[Short, ...], Field(min_length=3, max_length=4)]
    mistakes: Annotated[tuple[Mistake, ...], Field(min_length=1, max_length=4)]
    dose: UsualDose
    activities: dict[Code, Short] = Field(default_factory=dict)
    picture: Drawing
    source: Id | None = None  # a guideline row that used it; without one, expert judgement


@dataclass(frozen=True)
class ExerciseShelf:
    """All exercises with their words and poses."""

    words: ExerciseWords = field(default_factory=ExerciseWords)
    poses: Mapping[str, PoseSpec] = field(default_factory=dict)
    exercises: Mapping[str, Exercise] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)  # exercise id -> file:line

    @cached_property
    def frames(self) -> Mapping[str, tuple[Frame, ...]]:
        """The solved frames of every exercise. Only for a library that was checked."""
        return {exercise.id: frames(exercise.picture, self.poses) for exercise in self.exercises.values()}
