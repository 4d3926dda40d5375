"""Protocols: what a brief's action plan is made of and a plan for one person starts from. Every number has a source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from neurodash.errors import Problem, did_you_mean
from neurodash.library import prose as markdown
from neurodash.library.ladders import Edss
from neurodash.library.prose import Prose
from neurodash.library.reading import Located, check
from neurodash.library.rows import Code, Guideline, Id, Row, Slug, Text, accepted

# What can be dosed: its words (with {} where the number does not stand first), and the columns of a guideline row that hold it (an intensity by its unit)
AMOUNTS: Mapping[str, tuple[str, str, str]] = {
    "per_week": ("sessions a week", "frequency_per_week_min", "frequency_per_week_max"),
    "minutes": ("minutes a session", "time_minutes_min", "time_minutes_max"),
    "weeks": ("weeks", "duration_weeks", "duration_weeks"),
    "exercises": ("exercises a session", "", ""),
    "sets": ("sets", "sets_min", "sets_max"),
    "reps": ("repetitions", "reps_min", "reps_max"),
    "rm": ("RM", "intensity:RM", ""),
    "percent_1rm": ("% of the one-repetition maximum", "intensity:% 1RM", ""),
    "rpe": ("Borg effort, 6 to 20", "intensity:RPE 6-20", ""),
    "reserve": ("repetitions left in reserve", "", ""),
    "difficulty": ("difficulty {} of 10", "", ""),
    "rest_minutes": ("minutes of rest between sets", "", ""),
    "free_days": ("free days between sessions", "", ""),
}
AmountName = Literal[
    "per_week", "minutes", "weeks", "exercises", "sets", "reps", "rm", "percent_1rm", "rpe", "reserve", "difficulty", "rest_minutes", "free_days",
]  # fmt: skip


def _ids(value: object) -> object:
    return [value] if isinstance(value, str) else value


class Amount(Row):
    """From `low` to `high`. `source`: guideline rows that give it; without one, expert judgement."""

    low: Annotated[Decimal, Field(gt=0)]
    high: Annotated[Decimal, Field(gt=0)]
    source: Annotated[tuple[Id, ...], BeforeValidator(_ids)] = ()

    @model_validator(mode="after")
    def _low_first(self) -> Amount:
        if self.low > self.high:
            raise accepted("the lower amount first", f"{self.low} to {self.high}")
        return self


class DoseKeys(Row):
    """The weekly dose for one EDSS band and experience: where it starts and what it aims for."""

    edss: tuple[Edss, Edss]
    experience: Literal["none", "some", "any"] = "any"
    start: dict[AmountName, Amount]
    aim: dict[AmountName, Amount] = Field(default_factory=dict)
    says: Text


class PhaseKeys(Row):
    """A phase: what is done, on which ladders, how hard, and what moves a person on or back."""

    id: Slug
    name: Text
    weeks: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] | None = (
        None  # usual first and last; expert judgement
    )
    edss: tuple[Edss, Edss] = (0, 9.5)
    opens: tuple[Code, ...] = ()  # the variables that may be raised from here on
    exercises: tuple[Slug, ...]
    amounts: dict[AmountName, Amount] = Field(default_factory=dict)
    do: Text
    up: Text
    back: Text


class Retest(Row):
    """An instrument and how often, in weeks. Without a `source`, expert judgement."""

    instrument: Id
    weeks: Annotated[int, Field(ge=1, le=52)]
    source: Annotated[tuple[Id, ...], BeforeValidator(_ids)] = ()


class _Keys(Row):
    id: Slug
    name: Text
    ladders: Annotated[tuple[Slug, ...], Field(min_length=1)]
    order: Annotated[tuple[Text, ...], Field(min_length=1)]
    phases: Annotated[tuple[PhaseKeys, ...], Field(min_length=1)]
    doses: Annotated[tuple[DoseKeys, ...], Field(min_length=1)]
    dose_notes: tuple[Text, ...] = ()
    progress: Annotated[tuple[Text, ...], Field(min_length=1)]
    retests: Annotated[tuple[Retest, ...], Field(min_length=1)]


@dataclass(frozen=True)
class Phase:
    keys: PhaseKeys
    do: Prose
    up: Prose
    back: Prose


@dataclass(frozen=True)
class Dose:
    keys: DoseKeys
    says: Prose


@dataclass(frozen=True)
class Protocol:
    """One protocol, read and checked. It has the id of the brief it belongs to.

    `written` is what was read, as plain data. What is left out of it (nothing, as we publish it) is never planned;
    targets in `ordered` take the first of their ladders that is open, not the one that fits best.
    """

    id: str
    name: str
    ladders: tuple[str, ...]
    order: tuple[Prose, ...]
    phases: tuple[Phase, ...]
    doses: tuple[Dose, ...]
    dose_notes: tuple[Prose, ...]
    progress: tuple[Prose, ...]
    retests: tuple[Retest, ...]
    where: str
    written: Mapping[str, Any]
    ladders_left_out: frozenset[str] = frozenset()
    exercises_left_out: frozenset[str] = frozenset()
    ordered: frozenset[str] = frozenset()

    @property
    def prose(self) -> tuple[Prose, ...]:
        """Every stretch of prose, in reading order."""
        parts = [part for phase in self.phases for part in (phase.do, phase.up, phase.back)]
        parts += [dose.says for dose in self.doses]
        return (*parts, *self.dose_notes, *self.progress, *self.order)

    def amounts(self) -> Iterator[tuple[str, str, Amount, tuple[float, float]]]:
        """Every dosed number: where it stands, what it is, the amount, and the EDSS band it is for."""
        for index, dose in enumerate(self.doses, start=1):
            for kind in ("start", "aim"):
                for name, amount in getattr(dose.keys, kind).items():
                    yield f"doses.{index}.{kind}", name, amount, dose.keys.edss
        for phase in self.phases:
            for name, amount in phase.keys.amounts.items():
                yield f"phases.{phase.keys.id}", name, amount, phase.keys.edss


def read_protocol(located: Located, where: str) -> tuple[Protocol | None, list[Problem]]:
    keys, problems = check(_Keys, located, where)
    if keys is None:
        return None, problems

    def read(text: str, *loc: str | int) -> Prose:
        found, wrong = markdown.parse(text, located.line(loc), where)
        problems.extend(wrong)
        return found

    def each(name: str) -> tuple[Prose, ...]:
        return tuple(read(text, name, index) for index, text in enumerate(getattr(keys, name)))

    protocol = Protocol(
        id=keys.id, name=keys.name, ladders=keys.ladders, order=each("order"),
        phases=tuple(
            Phase(phase, *(read(getattr(phase, part), "phases", index, part) for part in ("do", "up", "back")))
            for index, phase in enumerate(keys.phases)
        ),
        doses=tuple(Dose(dose, read(dose.says, "doses", index, "says")) for index, dose in enumerate(keys.doses)),
        dose_notes=each("dose_notes"), progress=each("progress"), retests=keys.retests, where=where,
        written=_plain(keys.model_dump(exclude_defaults=True)),
    )  # fmt: skip
    return protocol, problems


def read_mapping(data: object, where: str) -> tuple[Protocol | None, list[Problem]]:
    """A protocol from plain data, such as `Protocol.written`."""
    return read_protocol(Located(data, {}), where)


def _plain(value: Any) -> Any:
    """What JSON can say, whole numbers without a point."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Decimal | float):
        return int(value) if value == int(value) else float(value)
    return value


def dose_problems(protocol: Protocol, guidelines: Mapping[str, Guideline]) -> Iterator[Problem]:
    """Every dosed number lies inside the rows it cites, and those rows are about people of its EDSS band."""
    for place, name, amount, band in protocol.amounts():
        where = f"{protocol.where}: {place}.{name}"
        missing = [source for source in amount.source if source not in guidelines]
        for source in missing:
            yield Problem(where, f"“{source}”", "the id of a guideline", did_you_mean(source, guidelines))
        if missing or not amount.source:
            continue
        rows = [guidelines[source] for source in amount.source]
        for row in rows:
            low, high = row.edss_min, row.edss_max
            if (low is not None and low > band[1]) or (high is not None and high < band[0]):
                yield Problem(
                    where,
                    f"{row.id}, which is about EDSS {low or 0} to {high}",
                    f"a row for EDSS {band[0]:g} to {band[1]:g}",
                )
        spans = [span for row in rows if (span := span_of(row, name))]
        if not spans:
            if AMOUNTS[name][1]:
                yield Problem(
                    where,
                    f"{', '.join(amount.source)}, which gives no {AMOUNTS[name][0]}",
                    "a row that does, or expert judgement: no source",
                )
            continue
        least, most = min(low for low, _ in spans), max(high for _, high in spans)
        if amount.low < least or amount.high > most:
            yield Problem(where, f"{amount.low} to {amount.high}", f"inside the rows cited: {least} to {most}")


def span_of(row: Guideline, name: str) -> tuple[Decimal, Decimal] | None:
    """What a guideline row gives for an amount; an open end is the end that was printed."""
    _, low_column, high_column = AMOUNTS[name]
    if not low_column:
        return None
    _, _, unit = low_column.partition(":")
    if unit:
        low: Any = row.intensity_low if row.intensity_unit == unit else None
        high: Any = row.intensity_high if row.intensity_unit == unit else None
    else:
        low, high = getattr(row, low_column), getattr(row, high_column)
    ends = [Decimal(end) for end in (low, high) if end is not None]
    return (min(ends), max(ends)) if ends else None
