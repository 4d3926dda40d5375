"""Ladders: exercises in the order in which they get harder, one variable at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from neurodash.library.exercises import Codes, Exercise, ExerciseWords, Guard, Kind, Short
from neurodash.library.rows import Code, Id, Row, Slug, Text, accepted

GIVEN_BACK = (
    "hands"  # the one variable that may ease while another gets harder: a hold is given back, which is no demand
)
Edss = Annotated[float, Field(ge=0, le=9.5)]


class Rung(Row):
    """An exercise, or one done with a variable changed (`with`, told by `says`).

    `guard` and `equipment` where it needs more than the exercise.
    """

    exercise: Slug
    changed: Annotated[dict[Code, Code], Field(alias="with", default_factory=dict)]
    says: Short = ""
    guard: Guard | None = None
    equipment: Codes = ()

    @model_validator(mode="after")
    def _change_is_told(self) -> Rung:
        if bool(self.changed) != bool(self.says):
            raise accepted("says: what is different, with with:, and only there")
        return self


class Score(Row):
    """A score between two values: of an instrument (or a part of it), or MRC strength of a muscle group."""

    instrument: Id
    part: Code | None = None
    low: Annotated[float, Field(alias="from")]
    high: Annotated[float, Field(alias="to")]


class Start(Row):
    """The highest rung, counted from 1, on which a person of this EDSS band (and score, where it is known) may start."""

    edss: tuple[Edss, Edss]
    score: Score | None = None
    rung: Annotated[int, Field(ge=1)]


class Ladder(Row):
    """One ladder for one target. `rule` says what moves a person up and back. Without a `source`, expert judgement."""

    id: Slug
    name: Annotated[str, Field(min_length=3, max_length=60)]
    target: Code
    kind: Kind
    rule: Code
    why: Short
    rungs: Annotated[tuple[Rung, ...], Field(min_length=2, max_length=12)]
    starts: Annotated[tuple[Start, ...], Field(min_length=1)]
    source: Id | None = None


class Plain(Row):
    """A rule as the person reads it on paper."""

    up: Short
    back: Short


class Rule(Row):
    """What moves a person up a rung, keeps them on it, and brings them back. Without a `source`, expert judgement."""

    name: Text
    up: Short
    hold: Short
    back: Short
    after_a_break: Short
    plain: Plain
    kind: Literal["rungs", "load"] = "rungs"
    source: tuple[Id, ...] = ()


def levels(rung: Rung, exercise: Exercise, words: ExerciseWords) -> Mapping[str, int]:
    """How demanding a rung is in each variable; 0 is the easiest level."""
    said = {**exercise.demand, **rung.changed}
    return {name: scale.index(said[name]) if name in said else 0 for name, scale in words.variables.items()}


def raised(before: Mapping[str, int], after: Mapping[str, int]) -> tuple[str, ...]:
    """The variables that are more demanding than on the rung before."""
    return tuple(name for name in after if after[name] > before[name])


def eased(before: Mapping[str, int], after: Mapping[str, int]) -> tuple[str, ...]:
    """The variables that are less demanding than on the rung before."""
    return tuple(name for name in after if after[name] < before[name])
