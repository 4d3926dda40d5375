"""What a plan is made by, as content: situations that change it, clues to what is weak, and the shape of the weeks.

Nothing here decides; `neurodash.planning` does, and cites what stands here. What names no precaution, guideline or
instrument row is expert judgement.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from neurodash.errors import Problem, did_you_mean
from neurodash.library import reading_level
from neurodash.library.exercises import Codes, Guard, Kind, Short
from neurodash.library.ladders import Edss
from neurodash.library.rows import Code, Id, Row, Slug, Text, accepted

Window = Literal["morning", "midday", "afternoon", "evening"]
Week = Annotated[int, Field(ge=1, le=52)]


def _several(value: object) -> object:
    return [value] if isinstance(value, str | dict) else value


class Trigger(Row):
    """What in a profile calls a situation without being named. All that is given must hold.

    `low` to `high`: of the newest value of `instrument` (and `part`). `falls_6_months`, `falls_3_months`, `edss`, `age`:
    at least. `younger_than`: of the age. `relapse_months`: at most. `spasticity`: MAS, at least. `aid`: walks with an aid.
    `unknown`: what the profile does not say, which is then taken for the worse.
    """

    instrument: Id | None = None
    part: Code | None = None
    low: float | None = None
    high: float | None = None
    falls_6_months: int | None = None
    falls_3_months: int | None = None
    edss: Edss | None = None
    age: int | None = None
    younger_than: int | None = None
    relapse_months: float | None = None
    spasticity: float | None = None
    aid: bool | None = None
    unknown: tuple[Literal["falls_6_months", "falls_3_months"], ...] = ()

    @model_validator(mode="after")
    def _says_something(self) -> Trigger:
        if not self.model_fields_set:
            raise accepted("instrument with low or high, falls_6_months, edss and the like")
        if (self.instrument is None) != (self.low is None and self.high is None):
            raise accepted("instrument: with low: or high:, and only there")
        return self


class Changes(Row):
    """What a situation changes in a plan. Every key makes it more cautious.

    `seated`: only lying and sitting. `lowest`: the lowest dose and no growth for so many weeks. `rungs`: start so many
    lower. `levels`: levels of demand left out. `guard`: at least this for work on the feet; `lying`: for work lying down.
    `not_before`: the first week in which a variable may be raised. `rest`: seconds added between sets. `effort`: Borg 6 to
    20, at most. `window`: book here. `minutes`: a session, at most. `apart`: strength and endurance on separate days.
    `say`: told with every session, `on_feet`: with those that have work on the feet.
    """

    seated: bool = False
    lowest: Annotated[int, Field(ge=0, le=52)] = 0
    rungs: Annotated[int, Field(ge=0, le=3)] = 0
    levels: dict[Code, Codes] = Field(default_factory=dict)
    guard: Guard | None = None
    lying: Guard | None = None
    not_before: dict[Code, Week] = Field(default_factory=dict)
    rest: Annotated[int, Field(ge=0, le=300)] = 0
    effort: Annotated[int, Field(ge=6, le=20)] | None = None
    window: Window | None = None
    minutes: Annotated[int, Field(ge=5, le=120)] | None = None
    apart: bool = False
    say: Annotated[tuple[Short, ...], BeforeValidator(_several)] = ()
    on_feet: Annotated[tuple[Short, ...], BeforeValidator(_several)] = ()


class FromEdss(Row):
    """What holds from an EDSS on, whatever else is known."""

    edss: Edss
    changes: Changes


class SeatedWhen(Row):
    """What keeps a person on a seat whatever their EDSS: an aid, MRC below so much on both sides, MAS from so much."""

    aids: tuple[Text, ...] = ()
    weaker_than: dict[Code, float] = Field(default_factory=dict)
    spasticity: float | None = None


class Situation(Row):
    """A precaution as a profile names it. Its severity and its action are those of the row; `ask` is how a form asks, `now`
    what is done where it stops or is referred: the row's action in words for the person who reads it."""

    precaution: Id
    label: Text
    ask: Short
    now: Annotated[Text, Field(max_length=200)] | None = None
    when: Annotated[tuple[Trigger, ...], BeforeValidator(_several)] = ()
    changes: Changes = Field(default_factory=Changes)


class Clue(Row):
    """A measure that tells how a target does: `worst` is as weak as it gets, `best` not weak at all."""

    instrument: Id
    part: Code | None = None
    worst: float
    best: float

    @model_validator(mode="after")
    def _differ(self) -> Clue:
        if self.worst == self.best:
            raise accepted("worst and best that differ", f"{self.worst} and {self.best}")
        return self


class Target(Row):
    """What a plan may train: the clues to it, the strength tests of it, and where it stands while nothing is known;
    `seated`: where it stands then for somebody who trains on a seat. `covered_by`: a focus that trains it better."""

    target: Code
    clues: tuple[Clue, ...] = ()
    strength: Codes = ()  # movements tested by MRC
    unmeasured: Annotated[int, Field(ge=1, le=99)]
    seated: Annotated[int, Field(ge=1, le=99)] | None = None
    covered_by: Code | None = None


class Movement(Row):
    """A muscle test: what it is called, and the target it tells about."""

    label: Text
    target: Code
    ladder: Slug | None = None  # where this very movement is trained, among the ladders of its target


class Task(Row):
    """Something of everyday life that a goal may be about, and the targets it draws on, the most needed first."""

    label: Text
    targets: Annotated[Codes, Field(min_length=1)]


class Focus(Row):
    """How a plan is made from one protocol: what it ranks, and how many of them it trains."""

    protocol: Slug
    name: Text
    word: Text  # "strength exercise"
    kinds: Annotated[tuple[Kind, ...], Field(min_length=1)]  # of the ladders it trains on
    targets: Annotated[tuple[Target, ...], Field(min_length=1)]
    most: Annotated[int, Field(ge=1, le=8)]  # targets trained in a week
    warm_up: Annotated[int, Field(ge=0, le=15)]  # minutes
    cool_down: Annotated[int, Field(ge=0, le=15)]
    days_apart: Annotated[int, Field(ge=1, le=3)] = 1  # 2: a free day between
    effort: Text


class Schedule(Row):
    """The shape of the weeks."""

    weeks: Annotated[int, Field(ge=4, le=26)]
    lighter_every: Annotated[int, Field(ge=2, le=8)]
    lighter_to: Annotated[float, Field(gt=0, lt=1)]
    growth: Annotated[float, Field(gt=0, le=0.5)]  # of weekly minutes over the most of any week before
    rung_every: Annotated[int, Field(ge=1, le=8)]  # weeks a rung is planned to be kept
    smallest: Annotated[int, Field(ge=5, le=30)]  # minutes of a session that is still worth it
    reactive_by: Week
    dynamic_by: Week
    dual_task_from: Week
    dual_task_by: Week
    assumed_days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...]
    windows: dict[
        Window, tuple[Annotated[int, Field(ge=0, le=24)], Annotated[int, Field(ge=0, le=24)]]
    ]  # hours of a day


class Lesson(Row):
    """What a person is told with the plan, in plain words. `for_situations`: only for them; none: for everybody. Not
    `on_paper`: the printed sheet says the same in its boxes."""

    id: Slug
    title: Text
    says: Annotated[tuple[Short, ...], Field(min_length=1)]
    for_situations: Codes = ()
    on_paper: bool = True
    precautions: tuple[Id, ...] = ()
    source: tuple[Id, ...] = ()


class Told(Row):
    """A few plain sentences under a title, and the precautions they are from; without one, expert judgement."""

    title: Text
    says: Annotated[tuple[Short, ...], Field(min_length=1, max_length=5)]
    precautions: tuple[Id, ...] = ()


class SheetWords(Row):
    """What the printed sheet says to everybody, in plain words: how today is, and what is normal."""

    green: Told
    amber: Told
    red: Told
    normal: Told
    ease_off: Told
    stop: Told

    @property
    def every(self) -> tuple[Told, ...]:
        return self.green, self.amber, self.red, self.normal, self.ease_off, self.stop


class PlanningRules(Row):
    """`planning/rules.yaml`."""

    focuses: dict[Code, Focus] = Field(default_factory=dict)
    schedule: Schedule | None = None
    tasks: dict[Code, Task] = Field(default_factory=dict)
    movements: dict[Code, Movement] = Field(default_factory=dict)
    equipment_names: dict[Code, Code] = Field(default_factory=dict)  # names used in profiles -> ours
    movement_names: dict[Code, Code] = Field(default_factory=dict)
    pdds_as_edss: dict[int, float] = Field(default_factory=dict)
    not_known_edss: Edss = 7
    plausible: dict[Id, tuple[float, float]] = Field(default_factory=dict)
    dual_tasks: tuple[Short, ...] = ()
    lessons: tuple[Lesson, ...] = ()
    sheet: SheetWords | None = None
    on_feet_tests: tuple[Id, ...] = ()  # that nobody does on a seat
    clinic_tests: tuple[Id, ...] = ()  # that need what only a clinic has
    from_edss: tuple[FromEdss, ...] = ()
    seated_when: SeatedWhen = SeatedWhen()
    spastic_muscles: dict[Code, Codes] = Field(default_factory=dict)  # muscle of the MAS -> targets that load it
    near_when: tuple[Trigger, ...] = ()  # scores from which somebody is near for work on the feet
    not_loaded_from: float = 3  # MAS from which those targets are left to a session in person
    effort_words: dict[int, Short] = Field(default_factory=dict)  # RPE 6 to 20 up to which -> how hard that is


@dataclass(frozen=True)
class PlanningShelf:
    """Everything a plan is made by besides exercises, ladders and protocols."""

    rules: PlanningRules = field(default_factory=PlanningRules)
    situations: Mapping[str, Situation] = field(default_factory=dict)


def planning_problems(shelf: PlanningShelf, known: Mapping[str, Collection[str]]) -> Iterator[Problem]:
    """Codes that nothing has. `known`: what exists, by kind of thing; `levels` holds `variable=level`."""
    rules, places = shelf.rules, "planning/rules.yaml"

    def missing(where: str, kind: str, codes: Iterable[str]) -> Iterator[Problem]:
        for code in codes:
            if code not in known[kind]:
                yield Problem(where, f"“{code}”", f"an id of the {kind} that exists", did_you_mean(code, known[kind]))

    for code, focus in rules.focuses.items():
        where = f"{places}: focuses.{code}"
        yield from missing(f"{where}.protocol", "protocols", [focus.protocol])
        yield from missing(f"{where}.targets", "targets", [each.target for each in focus.targets])
        for each in focus.targets:
            at = f"{where}.targets.{each.target}"
            yield from missing(f"{at}.clues", "instruments", [clue.instrument for clue in each.clues])
            yield from missing(f"{at}.strength", "movements", each.strength)
            yield from missing(f"{at}.covered_by", "focuses", [each.covered_by] if each.covered_by else [])
    yield from missing(f"{places}: tasks", "targets", [name for task in rules.tasks.values() for name in task.targets])
    yield from missing(f"{places}: movements", "targets", [each.target for each in rules.movements.values()])
    yield from missing(
        f"{places}: near_when", "instruments", [each.instrument for each in rules.near_when if each.instrument]
    )
    own_ladders = [each.ladder for each in rules.movements.values() if each.ladder]
    yield from missing(f"{places}: movements", "ladders", own_ladders)
    yield from missing(f"{places}: seated_when.weaker_than", "movements", rules.seated_when.weaker_than)
    loaded = [target for targets in rules.spastic_muscles.values() for target in targets]
    yield from missing(f"{places}: spastic_muscles", "targets", loaded)
    yield from missing(f"{places}: movement_names", "movements", rules.movement_names.values())
    yield from missing(f"{places}: equipment_names", "equipment", rules.equipment_names.values())
    for name in ("plausible", "on_feet_tests", "clinic_tests"):
        yield from missing(f"{places}: {name}", "instruments", getattr(rules, name))
    every: tuple[Told | Lesson, ...] = (*rules.lessons, *(rules.sheet.every if rules.sheet else ()))
    for told in every:
        where = f"{places}: “{told.title}”"
        yield from missing(where, "precautions", told.precautions)
        for says in told.says:
            yield from reading_level.too_hard(where, says)
    for lesson in rules.lessons:
        where = f"{places}: lessons.{lesson.id}"
        yield from missing(where, "guidelines", lesson.source)
        yield from missing(where, "situations", lesson.for_situations)
    every_change = {f"{places}: from_edss.{each.edss:g}": each.changes for each in rules.from_edss}
    for code, situation in shelf.situations.items():
        where = f"planning/situations.yaml: {code}"
        yield from missing(f"{where}.precaution", "precautions", [situation.precaution])
        yield from missing(f"{where}.when", "instruments", [t.instrument for t in situation.when if t.instrument])
        every_change[where] = situation.changes
        if situation.precaution in known["stopping"] and not situation.now:
            yield Problem(f"{where}.now", "nothing", "what is done now, as the row stops or refers")
    for where, changes in every_change.items():
        named = [f"{variable}={level}" for variable, levels in changes.levels.items() for level in levels]
        yield from missing(f"{where}.changes.levels", "levels", named)
        yield from missing(f"{where}.changes.not_before", "variables", changes.not_before)
        for says in (*changes.say, *changes.on_feet):
            yield from reading_level.too_hard(f"{where}.changes", says)
