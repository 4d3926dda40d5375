"""The shapes of a plan: frozen, readable as JSON, each choice with its reasons. `FORMAT` numbers what a reader must expect."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from neurodash.errors import DataError, Problem

FORMAT = 1
Status = Literal["ready", "refer", "stop"]
ReasonKind = Literal[
    "finding", "guideline", "precaution", "measure", "goal", "profile", "protocol", "clinician", "expert judgement"
]
CheckResult = Literal["passes", "fails", "does not apply"]
STRICT = ConfigDict(extra="forbid")


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class Reason:
    """Why something is so. `ref` is the id of a finding (`brief#finding`), of a row, of an instrument, or the number of a
    goal; empty for what only an expert's judgement says."""

    id: str
    kind: ReasonKind
    ref: str
    says: str


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class Screened:
    """A precaution that was met: what it does to the plan, and what to do."""

    precaution: str
    situation: str
    severity: Literal["stop", "refer", "modify", "monitor"]
    because: str  # what in the profile met it
    action: str
    cleared: bool = False


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class FocusTarget:
    """A target, how weak it is (0 to 1, None while not measured), and whether and on which ladder it is trained."""

    focus: str
    target: str
    name: str
    rank: int
    weakness: float | None
    trained: bool
    ladder: str
    because: tuple[str, ...]
    why_not: str = ""


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class Dose:
    """Sets of an amount: `low` to `high` of a unit, `hold` seconds each, with `rest` seconds between sets."""

    sets: int
    low: float
    high: float
    unit: Literal["reps", "seconds", "steps", "minutes", "metres", "breaths"]
    hold: float = 0
    rest: int = 0
    bouts: int = 1

    @property
    def volume(self) -> float:
        return self.sets * self.bouts * self.low


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class EasierToday:
    """The same work on an amber day: half to seven tenths of it, a rung lower where there is one."""

    exercise: str
    name: str
    rung: int
    says: str
    dose: Dose


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class Item:
    """An exercise in a session. `rung` counts from 1 on `ladder`; `says` is what is different on that rung. `rule` is what
    moves it up and back: a key of `Plan.rules`."""

    exercise: str
    name: str
    target: str
    ladder: str
    rung: int
    dose: Dose
    says: str = ""
    load: str = ""
    effort: str = ""
    side: str = ""
    guard: str = ""
    support: tuple[str, ...] = ()
    dual_task: str = ""
    activity: str = ""
    rule: str = ""
    minutes: float = 0
    amber: EasierToday | None = None
    because: tuple[str, ...] = ()


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class Session:
    """One dated session. `start` and `end` are times of the day; empty where no hours were given."""

    date: dt.date
    day: str
    focus: tuple[str, ...]
    minutes: int
    items: tuple[Item, ...]
    start: str = ""
    end: str = ""
    say: tuple[str, ...] = ()
    because: tuple[str, ...] = ()


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class PlanWeek:
    """A week of sessions. `minutes` and `sets` by focus and by target."""

    number: int
    begins: dt.date
    lighter: bool
    phases: tuple[str, ...]
    minutes: Mapping[str, int]
    sets: Mapping[str, int]
    sessions: tuple[Session, ...]


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class Moves:
    """What moves an exercise up, keeps it, and brings it back."""

    up: str
    stay: str
    back: str
    after_a_break: str


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class RetestOf:
    """When to measure again, and which change counts: beyond error (MDC) and enough to matter (MCID)."""

    instrument: str
    name: str
    weeks: tuple[int, ...]
    beyond_error: str
    matters: str
    rows: tuple[str, ...]


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class Taught:
    """A lesson for the person, in plain words."""

    id: str
    title: str
    says: tuple[str, ...]
    because: tuple[str, ...]


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class Check:
    """One common mistake held against the plan, with the place that shows it."""

    id: str
    name: str
    result: CheckResult
    place: str


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class Coverage:
    """The plan's weekly minutes and weeks beside the doses that were tested. Empty where none was read."""

    focus: str
    minutes_first: int
    minutes_most: int
    weeks: int
    tested_minutes: tuple[float, ...]  # least, middle, most
    tested_weeks: tuple[float, ...]
    sources: tuple[str, ...]
    warning: str


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class CertItem:
    """One of the sixteen items of the exercise-reporting template, and what in the plan fills it."""

    number: str
    name: str
    filled: bool
    place: str


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class NotChosen:
    """What could have been and is not, and why."""

    what: str
    why: str


@with_config(STRICT)
@dataclass(frozen=True)
class Plan:
    """A plan for one person. The same profile, library and start give the same plan, byte for byte.

    What a plan written by hand may leave out is empty: its checks then say what is missing.
    """

    code: str
    condition: str
    status: Status
    start: dt.date
    focus: tuple[str, ...]
    weeks: tuple[PlanWeek, ...]
    summary: str = ""
    what_now: tuple[str, ...] = ()
    screening: tuple[Screened, ...] = ()
    assumed: tuple[str, ...] = ()
    measure_next: tuple[str, ...] = ()
    targets: tuple[FocusTarget, ...] = ()
    rules: Mapping[str, Moves] = field(default_factory=dict)
    retests: tuple[RetestOf, ...] = ()
    education: tuple[Taught, ...] = ()
    checks: tuple[Check, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    cert: tuple[CertItem, ...] = ()
    not_chosen: tuple[NotChosen, ...] = ()
    reasons: Mapping[str, Reason] = field(default_factory=dict)
    profile: Mapping[str, Any] = field(default_factory=dict)  # as it was given
    library: str = ""
    format: int = FORMAT

    @property
    def sessions(self) -> tuple[Session, ...]:
        return tuple(session for week in self.weeks for session in week.sessions)

    def to_json(self) -> str:
        """The whole plan, with keys in the order of the shapes."""
        return SHAPE.dump_json(self, indent=1).decode() + "\n"


SHAPE: TypeAdapter[Plan] = TypeAdapter(Plan)


def read_plan(text: str, where: str) -> Plan:
    """A plan from JSON, as `to_json` writes it or by hand. Raises DataError with every problem."""
    try:
        return SHAPE.validate_json(text)
    except ValidationError as error:
        problems = []
        for detail in error.errors(include_url=False, include_input=True):
            place = ".".join(str(part) for part in detail["loc"]) or "the file"
            found = repr(detail.get("input"))[:80] if detail["type"] != "missing" else "nothing"
            problems.append(Problem(f"{where}: {place}", found, detail["msg"][:1].lower() + detail["msg"][1:]))
        raise DataError(problems) from None
