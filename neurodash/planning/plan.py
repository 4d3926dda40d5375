"""The shapes of a plan: frozen, readable as JSON, each choice with its reasons. `FORMAT` numbers what a reader must expect."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, TypeAdapter, with_config

from neurodash import wording
from neurodash.library.reading import read_json
from neurodash.library.rows import accepted

FORMAT = 1
Status = Literal["ready", "refer", "stop"]
ReasonKind = Literal[
    "finding", "guideline", "precaution", "measure", "goal", "profile", "protocol", "clinician", "expert judgement"
]
CheckResult = Literal["passes", "fails", "does not apply"]
STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


SPACES = str.maketrans("\u00a0\u202f", "  ")  # that do not break; the program writes them itself


def printable(text: str) -> str:
    """No control character, and none that turns the direction of writing, reaches a terminal or a page."""
    if not text.translate(SPACES).isprintable():
        raise accepted("a text of one line without control characters")
    return text


def as_day(value: object) -> dt.date:
    """A number is no date, and nothing here was before 1950."""
    found = value if isinstance(value, dt.date) else dt.date.min
    if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value.strip()):
        with suppress(ValueError):
            found = dt.date.fromisoformat(value.strip())
    if found.year < 1950:
        raise accepted("a date from 1950 on, such as 2026-11-21")
    return found


def _readable(text: str) -> str:
    printable(text.replace("\n", " ").replace("\t", " "))
    return text


def _each_once(words: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(words)) < len(words):
        raise accepted("each once", ", ".join(words))
    return words


def _is_ours(number: int) -> int:
    if number != FORMAT:
        raise accepted(f"format {FORMAT}: a plan of another format was made by another version of the program")
    return number


Day = Annotated[dt.date, BeforeValidator(as_day)]

# How much a plan may hold: many times what one of ours has, and little enough to be told in a second or two.
Word = Annotated[str, Field(max_length=200), AfterValidator(_readable)]
Text = Annotated[str, Field(max_length=1000), AfterValidator(_readable)]
Long = Annotated[str, Field(max_length=4000), AfterValidator(_readable)]  # as long as a text of a row may be
Few = Annotated[tuple[Word, ...], Field(max_length=50)]  # reasons, most of all
Texts = Annotated[tuple[Text, ...], Field(max_length=100)]
Longs = Annotated[tuple[Long, ...], Field(max_length=100)]
Ids = Annotated[tuple[Word, ...], Field(max_length=5000)]
Focuses = Annotated[tuple[Word, ...], Field(max_length=10), AfterValidator(_each_once)]
WeekNumber = Annotated[int, Field(ge=0, le=104)]
Rung = Annotated[int, Field(ge=0, le=99)]
Sets = Annotated[int, Field(ge=1, le=100)]
Amount = Annotated[float, Field(ge=0, le=10_000)]
Minutes = Annotated[int, Field(ge=0, le=1440)]  # of a day
WeekMinutes = Annotated[int, Field(ge=0, le=7 * 1440)]
Amounts = Annotated[tuple[Amount, ...], Field(max_length=10)]


BY_HAND = ", chosen by the clinician"  # ends the name of what a swap asked for and the plan does not have


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class Reason:
    """Why something is so. `ref` is the id of a finding (`brief#finding`), of a row, of an instrument, or the number of a
    goal; empty for what only an expert's judgement says."""

    id: Word
    kind: ReasonKind
    ref: Word
    says: Long


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class Screened:
    """A precaution that was met: what it does to the plan, and what to do."""

    precaution: Word
    situation: Long
    severity: Literal["stop", "refer", "modify", "monitor"]
    because: Text  # what in the profile met it
    action: Long
    cleared: bool = False


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class FocusTarget:
    """A target, how weak it is (0 to 1, None while not measured), and whether and on which ladder it is trained."""

    focus: Word
    target: Word
    name: Text
    rank: Annotated[int, Field(ge=1, le=1000)]
    weakness: Annotated[float, Field(ge=0, le=1)] | None
    trained: bool
    ladder: Word
    because: Few
    why_not: Text = ""


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class Dose:
    """Sets of an amount: `low` to `high` of a unit, `hold` seconds each, with `rest` seconds between sets; `extra` sets more
    on the weaker side."""

    sets: Sets
    low: Amount
    high: Amount
    unit: Literal["reps", "seconds", "steps", "minutes", "metres", "breaths"]
    hold: Annotated[float, Field(ge=0, le=3600)] = 0
    rest: Annotated[int, Field(ge=0, le=3600)] = 0
    bouts: Sets = 1
    extra: Annotated[int, Field(ge=0, le=5)] = 0

    @property
    def volume(self) -> float:
        return self.sets * self.bouts * self.low

    @property
    def told(self) -> str:
        """`2 × 8 to 12 times, held 3 s, 30 s rest`."""
        return wording.dose(self.sets, self.bouts, self.low, self.high, self.unit, self.hold, self.rest)


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class EasierToday:
    """The same work on an amber day: half to seven tenths of it, a rung lower where there is one."""

    exercise: Word
    name: Text
    rung: Rung
    says: Text
    dose: Dose


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class Item:
    """An exercise in a session. `rung` counts from 1 on `ladder`; `says` is what is different on that rung. `rule` is what
    moves it up and back: a key of `Plan.rules`."""

    exercise: Word
    name: Text
    target: Word
    ladder: Word
    rung: Rung
    dose: Dose
    says: Text = ""
    load: Text = ""
    effort: Text = ""
    side: Word = ""
    guard: Literal["", "alone", "near", "hands-on"] = ""
    support: Few = ()
    dual_task: Text = ""
    activity: Text = ""
    rule: Word = ""
    minutes: Annotated[float, Field(ge=0, le=1440)] = 0
    amber: EasierToday | None = None
    because: Few = ()

    @property
    def amount(self) -> str:
        """Dose, side and load in one line."""
        parts = [
            self.dose.told,
            "" if self.side == "both" else self.side,
            "one set more on that side" if self.dose.extra else "",
            "" if self.load == "own weight" else self.load,
        ]
        return ", ".join(filter(None, parts))


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class Session:
    """One dated session. `start` and `end` are times of the day; empty where no hours were given."""

    date: Day
    day: Word
    focus: Focuses
    minutes: Minutes
    items: Annotated[tuple[Item, ...], Field(max_length=30)]
    start: Word = ""
    end: Word = ""
    say: Texts = ()
    because: Few = ()


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class PlanWeek:
    """A week of sessions. `minutes` and `sets` by focus and by target."""

    number: WeekNumber
    begins: Day
    lighter: bool
    phases: Few
    minutes: Annotated[Mapping[Word, WeekMinutes], Field(max_length=50)]
    sets: Annotated[Mapping[Word, WeekMinutes], Field(max_length=50)]
    sessions: Annotated[tuple[Session, ...], Field(max_length=21)]


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class Moves:
    """What moves an exercise up, keeps it, and brings it back."""

    up: Long
    stay: Long
    back: Long
    after_a_break: Long


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class RetestOf:
    """When to measure again, and which change counts: beyond error (MDC) and enough to matter (MCID)."""

    instrument: Word
    name: Text
    weeks: Annotated[tuple[WeekNumber, ...], Field(max_length=105)]
    beyond_error: Long
    matters: Long
    rows: Annotated[tuple[Word, ...], Field(max_length=100)]


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class Taught:
    """A lesson for the person, in plain words."""

    id: Word
    title: Long
    says: Longs
    because: Few


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class Check:
    """One common mistake held against the plan, with the place that shows it."""

    id: Word
    name: Text
    result: CheckResult
    place: Long


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class Coverage:
    """The plan's weekly minutes and weeks beside the doses that were tested. Empty where none was read."""

    focus: Word
    minutes_least: WeekMinutes
    minutes_most: WeekMinutes
    weeks: WeekNumber
    tested_minutes: Amounts  # least, middle, most
    tested_weeks: Amounts
    sources: Ids
    warning: Text


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class CertItem:
    """One of the sixteen items of the exercise-reporting template, and what in the plan fills it."""

    number: Word
    name: Text
    filled: bool
    place: Long


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class NotChosen:
    """What could have been and is not, and why."""

    what: Text
    why: Long


@with_config(STRICT)
@dataclass(frozen=True)
class Plan:
    """A plan for one person. The same profile, library and start give the same plan, byte for byte.

    What a plan written by hand may leave out is empty: its checks then say what is missing.
    """

    code: Word
    condition: Word
    status: Status
    start: Day
    focus: Focuses
    weeks: Annotated[tuple[PlanWeek, ...], Field(max_length=104)]
    summary: Text = ""
    what_now: Longs = ()
    screening: Annotated[tuple[Screened, ...], Field(max_length=200)] = ()
    assumed: Texts = ()
    measure_next: Texts = ()
    targets: Annotated[tuple[FocusTarget, ...], Field(max_length=200)] = ()
    rules: Annotated[Mapping[Word, Moves], Field(max_length=100)] = field(default_factory=dict)
    retests: Annotated[tuple[RetestOf, ...], Field(max_length=100)] = ()
    education: Annotated[tuple[Taught, ...], Field(max_length=100)] = ()
    checks: Annotated[tuple[Check, ...], Field(max_length=100)] = ()
    coverage: Annotated[tuple[Coverage, ...], Field(max_length=10)] = ()
    cert: Annotated[tuple[CertItem, ...], Field(max_length=100)] = ()
    not_chosen: Annotated[tuple[NotChosen, ...], Field(max_length=500)] = ()
    reasons: Annotated[Mapping[Word, Reason], Field(max_length=5000)] = field(default_factory=dict)
    profile: Annotated[Mapping[Word, Any], Field(max_length=100)] = field(default_factory=dict)  # as it was given
    library: Word = ""
    format: Annotated[int, AfterValidator(_is_ours)] = FORMAT

    @property
    def sessions(self) -> tuple[Session, ...]:
        return tuple(session for week in self.weeks for session in week.sessions)

    def to_json(self) -> str:
        """The whole plan, with keys in the order of the shapes."""
        return SHAPE.dump_json(self, indent=1).decode() + "\n"


SHAPE: TypeAdapter[Plan] = TypeAdapter(Plan)


def read_plan(text: str, where: str) -> Plan:
    """A plan from JSON, as `to_json` writes it or by hand. Raises DataError with every problem and its line."""
    return read_json(text, where, Plan, SHAPE, version="format")
