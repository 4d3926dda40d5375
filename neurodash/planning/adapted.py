"""A brief's protocol as a clinician adapted it.

What may be adapted: which ladders are used and in which order, single exercises, the amounts of phases and doses, and
notes. The brief's text, its phases, when they open and for whom, and its re-tests are always today's: no gate can be
moved, and no sentence put into the mouth of a brief. An amount that cites rows stays inside them. On their careful side
(fewer sessions, shorter, more rest) it may leave them with a written reason: a clinic has slots of 45 minutes. It then
cites them no longer and is shown as the clinician's, outside them, with that reason, in the protocol and in every plan.
On the other side it is refused.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, Field, TypeAdapter, with_config

from neurodash import wording
from neurodash.errors import DataError, Problem, did_you_mean
from neurodash.library import Library
from neurodash.library.exercises import Exercise
from neurodash.library.ladders import Ladder
from neurodash.library.planning import Focus
from neurodash.library.protocols import (
    AMOUNTS,
    Amount,
    AmountName,
    DoseKeys,
    Protocol,
    dose_problems,
    span_of,
)
from neurodash.library.rows import Guideline
from neurodash.planning.plan import STRICT, printable

# The least and the most a field takes, and its step: the ends of a scale, or what can still be meant. Ours; what is
# sound is said by the rows an amount cites.
FIELDS: Mapping[str, tuple[str, str, str]] = {
    "per_week": ("1", "7", "1"),
    "minutes": ("10", "120", "1"),
    "weeks": ("1", "52", "1"),
    "exercises": ("1", "12", "1"),
    "sets": ("1", "6", "1"),
    "reps": ("2", "30", "1"),  # of one there is no smaller form for an amber day
    "rm": ("2", "30", "1"),
    "percent_1rm": ("10", "100", "5"),
    "rpe": ("6", "20", "1"),
    "reserve": ("1", "10", "0.5"),
    "difficulty": ("1", "10", "0.5"),
    "rest_minutes": ("0.5", "10", "0.5"),
    "free_days": ("1", "6", "1"),
}
CAREFUL = {
    "per_week": -1, "minutes": -1, "weeks": -1, "exercises": -1, "sets": -1, "percent_1rm": -1, "rpe": -1, "difficulty": -1,
    "rm": 1, "reserve": 1, "rest_minutes": 1, "free_days": 1,
}  # which way an amount asks less of a person; of repetitions neither does. Expert judgement  # fmt: skip
GROWS = ("per_week", "minutes", "sets")  # what a plan begins low and aims higher with
PLANNED = frozenset({"per_week", "minutes", "sets", "reps", "rm", "reserve", "difficulty", "rest_minutes"})
MAX_NOTE, MAX_WHY = 2000, 300  # characters
ENDS = {"start": "at the start", "aim": "to aim for"}
EXPERIENCE = {"none": "new to it", "some": "trained before", "any": ""}
Place = tuple[str, ...]  # ("phases", "static", "sets") or ("doses", "0-4.5-none", "start", "minutes")


def _note(text: str) -> str:
    printable(text.replace("\n", " ").replace("\t", " "))
    return text


Note = Annotated[str, Field(max_length=MAX_NOTE), AfterValidator(_note)]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Names = Annotated[tuple[Name, ...], Field(max_length=500)]


@with_config(STRICT)
@dataclass(frozen=True)
class Span:
    """From `low` to `high` of an amount, and why, where that lies outside the rows."""

    low: Annotated[float, Field(gt=0, le=1000)]
    high: Annotated[float, Field(gt=0, le=1000)]
    why: Annotated[str, Field(max_length=MAX_WHY), AfterValidator(printable)] = ""

    @property
    def told(self) -> str:
        return wording.span(self.low, self.high)


class Outside(Amount):
    """A clinician's amount outside the rows that the brief cites for it; `says` names them and the reason."""

    says: str


Spans = Annotated[Mapping[AmountName, Span], Field(max_length=20)]


@with_config(STRICT)
@dataclass(frozen=True)
class OfPhase:
    amounts: Spans = field(default_factory=dict)
    note: Note = ""


@with_config(STRICT)
@dataclass(frozen=True)
class OfDose:
    start: Spans = field(default_factory=dict)
    aim: Spans = field(default_factory=dict)


@with_config(STRICT)
@dataclass(frozen=True)
class Adaptation:
    """What is a clinician's own in a protocol. `ladders` stand in the order in which the planner looks at those of one
    target; phases go by their id, doses by EDSS band and experience (`0-4.5-none`)."""

    ladders: Names
    ladders_left_out: Names = ()
    exercises_left_out: Names = ()
    phases: Annotated[Mapping[Name, OfPhase], Field(max_length=20)] = field(default_factory=dict)
    doses: Annotated[Mapping[Name, OfDose], Field(max_length=20)] = field(default_factory=dict)
    note: Note = ""

    def amount(self, place: Place) -> Span | None:
        """The clinician's amount at a place, or None where the brief's own stands."""
        if place[0] == "phases":
            phase = self.phases.get(place[1])
            return phase.amounts.get(place[2]) if phase else None  # type: ignore[call-overload]
        dose = self.doses.get(place[1])
        return getattr(dose, place[2]).get(place[3]) if dose else None

    def with_amount(self, place: Place, span: Span) -> Adaptation:
        if place[0] == "phases":
            phase = self.phases.get(place[1], OfPhase())
            phase = replace(phase, amounts={**phase.amounts, place[2]: span})  # type: ignore[dict-item]
            return replace(self, phases={**self.phases, place[1]: phase})
        dose = self.doses.get(place[1], OfDose())
        dose = replace(dose, **{place[2]: {**getattr(dose, place[2]), place[3]: span}})
        return replace(self, doses={**self.doses, place[1]: dose})

    @property
    def mapping(self) -> dict[str, Any]:
        """As JSON keeps it: whole numbers without a point, nothing that is empty."""
        found: dict[str, Any] = json.loads(
            SHAPE.dump_json(self, exclude_defaults=True),
            parse_float=lambda text: int(float(text)) if float(text).is_integer() else float(text),
        )
        return found


SHAPE: TypeAdapter[Adaptation] = TypeAdapter(Adaptation)


def read(mapping: Mapping[str, Any]) -> Adaptation:
    """What `Adaptation.mapping` gave."""
    return SHAPE.validate_json(json.dumps(mapping))


# What can be adapted


def key_of(dose: DoseKeys) -> str:
    low, high = dose.edss
    return f"{low:g}-{high:g}-{dose.experience}"


def focus_of(protocol: Protocol, library: Library) -> Focus | None:
    """How plans are made from a protocol; None where none is."""
    return next((each for each in library.planning.rules.focuses.values() if each.protocol == protocol.id), None)


def ladders_of(protocol: Protocol, library: Library) -> tuple[Ladder, ...]:
    """Every ladder on which a plan from this protocol may train, in the planner's order: the protocol's own first."""
    focus, own = focus_of(protocol, library), protocol.ladders
    targets = {target.target for target in focus.targets} | {"power"} if focus else set()
    kinds = focus.kinds if focus else ()
    rest = [e for e in library.ladders.values() if e.kind in kinds and e.target in targets and e.id not in own]
    return (*(library.ladders[name] for name in own), *rest)


def exercises_of(ladder: Ladder, library: Library) -> tuple[Exercise, ...]:
    """The exercises of a ladder, each once, from its lowest rung."""
    return tuple(library.exercises.exercises[name] for name in dict.fromkeys(rung.exercise for rung in ladder.rungs))


def amounts_of(protocol: Protocol) -> Iterator[tuple[Place, Amount]]:
    """Every amount that can be adapted, phases first."""
    for phase in protocol.phases:
        for name, amount in phase.keys.amounts.items():
            yield ("phases", phase.keys.id, name), amount
    for dose in protocol.doses:
        for end in ("start", "aim"):
            for name, amount in getattr(dose.keys, end).items():
                yield ("doses", key_of(dose.keys), end, name), amount


def unchanged(protocol: Protocol, library: Library) -> Adaptation:
    """The protocol as it stands, with every amount held."""
    found = Adaptation(
        ladders=tuple(each.id for each in ladders_of(protocol, library)),
        phases={phase.keys.id: OfPhase() for phase in protocol.phases},
        doses={key_of(dose.keys): OfDose() for dose in protocol.doses},
    )
    for place, amount in amounts_of(protocol):
        found = found.with_amount(place, span_of_amount(amount))
    return found


def span_of_amount(amount: Amount) -> Span:
    return Span(float(amount.low), float(amount.high))


@dataclass(frozen=True)
class Bounds:
    """Between what an amount may lie, its step, and the rows that say so (none: expert judgement)."""

    low: Decimal
    high: Decimal
    step: Decimal
    rows: tuple[Guideline, ...] = ()

    @property
    def told(self) -> str:
        """`2 to 3 by KIM19-RES and CAN13-RES`."""
        by = f" by {self.names}" if self.rows else ""
        return f"{wording.span(float(self.low), float(self.high))}{by}"

    @property
    def names(self) -> str:
        return wording.joined([row.rec_id for row in self.rows])

    def leaves(self, span: Span) -> bool:
        """Whether an amount lies outside."""
        return span.low < self.low or span.high > self.high

    def is_careful(self, span: Span, name: str) -> bool:
        """Whether it leaves them only where it asks less of a person."""
        side = CAREFUL.get(name, 0)
        return (side < 0 and span.high <= self.high) or (side > 0 and span.low >= self.low)


def bounds(place: Place, amount: Amount, protocol: Protocol, library: Library) -> Bounds:
    """What a clinician may make of an amount. Where the rows it cites hold no such number, the brief's own amounts with
    the same rows bound it."""
    name = place[-1]
    least, most, step = (Decimal(each) for each in FIELDS[name])
    rows = tuple(library.guidelines[source] for source in amount.source)
    if not rows:
        return Bounds(least, most, step)
    spans = [span for row in rows if (span := span_of(row, name))]
    if not spans:
        cited = set(amount.source)
        every = [a for at, a in amounts_of(protocol) if at[-1] == name and cited & set(a.source)]
        spans = [(each.low, each.high) for each in every]
    return Bounds(min(low for low, _ in spans), max(high for _, high in spans), step, rows)


# Whether it is sound


def problems(own: Adaptation, brief: str, library: Library) -> Iterator[Problem]:
    """Everything in an adaptation that cannot stand, each with its place in it (`doses.0-4.5-none.start.minutes`)."""
    protocol = library.protocols[brief]
    ladders = {each.id: each for each in ladders_of(protocol, library)}
    exercises = {name for each in ladders.values() for name in (rung.exercise for rung in each.rungs)}
    ids = {"phases": {p.keys.id for p in protocol.phases}, "doses": {key_of(d.keys) for d in protocol.doses}}
    named: tuple[tuple[str, tuple[str, ...], Collection[str], str], ...] = (
        ("ladders", own.ladders, ladders, "a ladder that this protocol trains on"),
        ("ladders_left_out", own.ladders_left_out, ladders, "a ladder that this protocol trains on"),
        ("exercises_left_out", own.exercises_left_out, exercises, "an exercise of its ladders"),
        ("phases", tuple(own.phases), ids["phases"], "a phase of the brief"),
        ("doses", tuple(own.doses), ids["doses"], "an EDSS band and experience of the brief"),
    )  # fmt: skip
    for key, names, known, accepted_ in named:
        for name in names:
            if name not in known:
                yield Problem(key, f"“{name}”", accepted_, did_you_mean(name, known))
        if len(set(names)) < len(names):
            yield Problem(key, "one of them twice", "each once")
    if ladders and set(ladders) <= set(own.ladders_left_out):
        yield Problem("ladders_left_out", "every ladder", "at least one ladder that is used")
    elif exercises and exercises <= set(own.exercises_left_out):
        yield Problem("exercises_left_out", "every exercise", "at least one exercise that is used")
    known_places = dict(amounts_of(protocol))
    for place in _places(own):
        if place not in known_places and place[1] in ids[place[0]]:
            yield Problem(".".join(place), f"“{place[-1]}”", "an amount that the brief gives there")
    for place, amount in known_places.items():
        span = own.amount(place)
        if span is not None:
            yield from _amount_problems(place, span, bounds(place, amount, protocol, library))
    for dose in protocol.doses:
        yield from _grows_problems(key_of(dose.keys), dose.keys, own)


def _places(own: Adaptation) -> Iterator[Place]:
    for key, phase in own.phases.items():
        for name in phase.amounts:
            yield "phases", key, name
    for key, dose in own.doses.items():
        for end in ("start", "aim"):
            for name in getattr(dose, end):
                yield "doses", key, end, name


def _amount_problems(place: Place, span: Span, within: Bounds) -> Iterator[Problem]:
    where = ".".join(place)
    low, high = Decimal(str(span.low)), Decimal(str(span.high))
    least, most, step = (Decimal(each) for each in FIELDS[place[-1]])
    found = f"{span.told} {unit_of(place[-1])}"
    if low > high:
        yield Problem(where, found, "the lower amount first")
    elif low < least or high > most:
        yield Problem(where, found, wording.span(float(least), float(most)))
    elif any(end % step and end not in (within.low, within.high) for end in (low, high)):
        yield Problem(where, found, "whole numbers" if step == 1 else f"steps of {step}")
    elif within.leaves(span) and not (within.is_careful(span, place[-1]) and span.why.strip()):
        may = ", or less than that with a reason" if CAREFUL.get(place[-1]) == -1 else ""
        may = ", or more than that with a reason" if CAREFUL.get(place[-1]) == 1 else may
        said = " ".join(f"{row.rec_id}: “{row.statement_own_words or row.modality}”" for row in within.rows)
        yield Problem(where, found, f"inside the rows cited, {within.told}{may}", said)


def _grows_problems(key: str, dose: DoseKeys, own: Adaptation) -> Iterator[Problem]:
    """The first week is the lowest: a start never lies above what it aims for."""
    for name in GROWS:
        ends = {}
        for end in ("start", "aim"):
            published = getattr(dose, end).get(name)
            ends[end] = own.amount(("doses", key, end, name)) or (published and span_of_amount(published))
        start, aim = ends["start"], ends["aim"]
        if start and aim and (start.low > aim.low or start.high > aim.high):
            found = f"{start.told} {unit_of(name)} at the start"
            told = f"no more than the aim: {aim.told}"
            yield Problem(f"doses.{key}.start.{name}", found, told)


# In words


def told(own: Adaptation, protocol: Protocol, library: Library) -> dict[str, str]:
    """Everything in an adaptation, what it is about and how it stands."""
    words, there = library.exercises.words.targets, ladders_of(protocol, library)
    exercises = library.exercises.exercises
    made = {
        "Ladders left out": ", ".join(each.name for each in there if each.id in own.ladders_left_out),
        "Exercises left out": ", ".join(sorted(exercises[e].name for e in own.exercises_left_out if e in exercises)),
    }
    for target in dict.fromkeys(each.target for each in there):
        names = {each.id: each.name for each in there if each.target == target}
        if len(names) > 1:
            order = [*(names[e] for e in own.ladders if e in names), *(names[e] for e in names if e not in own.ladders)]
            made[f"{words[target].label}: order of its ladders"] = ", ".join(order)
    phases = {phase.keys.id: phase.keys.name for phase in protocol.phases}
    for place, amount in amounts_of(protocol):
        span = own.amount(place) or span_of_amount(amount)
        of = f"Phase “{phases[place[1]]}”: " if place[0] == "phases" else f"Dose, {dose_name(place[1])}: "
        end = f" {ENDS[place[2]]}" if place[0] == "doses" else ""
        made[f"{of}{unit_of(place[-1])}{end}"] = f"{span.told}{f' ({span.why})' if span.why else ''}"
    for key, name in phases.items():
        made[f"Phase “{name}”: note"] = own.phases[key].note if key in own.phases else ""
    made["Notes"] = own.note
    return made


def changes(before: Adaptation, after: Adaptation, brief: str, library: Library) -> list[tuple[str, str, str]]:
    """What differs between two adaptations of a brief: what it is about, how it stands in the one and in the other."""
    protocol = library.protocols[brief]
    one, other = told(before, protocol, library), told(after, protocol, library)
    return [(what, one[what], other[what]) for what in one if one[what] != other[what]]


def unit_of(name: str) -> str:
    """What an amount counts, for a label: `sessions a week`."""
    return AMOUNTS[name][0].replace(" {} of 10", ", of 10").replace("{} ", "")


def dose_name(key: str) -> str:
    """`EDSS 0 to 4.5, new to it` from `0-4.5-none`."""
    low, high, experience = key.rsplit("-", 2)
    told = EXPERIENCE.get(experience, experience)
    return f"EDSS {low} to {high}{f', {told}' if told else ''}"


# What a plan is made from


def fitted(own: Adaptation, brief: str, library: Library) -> Adaptation:
    """Without what the brief of today no longer has, and with what it has new in its place."""
    protocol = library.protocols[brief]
    now = unchanged(protocol, library)
    exercises = {each.id for ladder in ladders_of(protocol, library) for each in exercises_of(ladder, library)}
    made = replace(
        now,
        ladders=(*(e for e in own.ladders if e in now.ladders), *(e for e in now.ladders if e not in own.ladders)),
        ladders_left_out=tuple(each for each in own.ladders_left_out if each in now.ladders),
        exercises_left_out=tuple(each for each in own.exercises_left_out if each in exercises),
        phases={key: replace(each, note=own.phases[key].note if key in own.phases else "") for key, each in now.phases.items()},
        note=own.note,
    )  # fmt: skip
    for place, _ in amounts_of(protocol):
        if span := own.amount(place):
            made = made.with_amount(place, span)
    return made


def gone(own: Adaptation, brief: str, library: Library) -> tuple[str, ...]:
    """What was left out and is no longer there; under a new name it would be planned again."""
    kept = fitted(own, brief, library)
    left_out = (*own.ladders_left_out, *own.exercises_left_out)
    return tuple(each for each in left_out if each not in (*kept.ladders_left_out, *kept.exercises_left_out))


def protocol_of(own: Adaptation, brief: str, library: Library, name: str) -> Protocol:
    """The brief's protocol of today with what is the clinician's in it. Raises DataError with every problem."""
    protocol = library.protocols[brief]
    own = fitted(own, brief, library)
    if found := list(problems(own, brief, library)):
        raise DataError([replace(each, where=f"{name}: {each.where}") for each in found])

    def amounts(start: Place, published: Mapping[Any, Amount]) -> dict[Any, Amount]:
        return {
            each: _amount(span, amount, bounds((*start, each), amount, protocol, library), each)
            if (span := own.amount((*start, each)))
            else amount
            for each, amount in published.items()
        }

    made = replace(
        protocol,
        name=name,
        ladders=tuple(each for each in own.ladders if each not in own.ladders_left_out),
        phases=tuple(
            replace(p, keys=p.keys.model_copy(update={"amounts": amounts(("phases", p.keys.id), p.keys.amounts)}))
            for p in protocol.phases
        ),
        doses=tuple(
            replace(d, keys=d.keys.model_copy(
                update={end: amounts(("doses", key_of(d.keys), end), getattr(d.keys, end)) for end in ("start", "aim")}
            ))
            for d in protocol.doses
        ),
        where=name,
        ladders_left_out=frozenset(own.ladders_left_out),
        exercises_left_out=frozenset(own.exercises_left_out),
        ordered=frozenset(_ordered(own, protocol, library)),
    )  # fmt: skip
    if wrong := list(dose_problems(made, library.guidelines)):
        raise DataError(wrong)
    return made


def _ordered(own: Adaptation, protocol: Protocol, library: Library) -> Iterator[str]:
    """The targets whose ladders stand in another order than the brief's."""
    published = ladders_of(protocol, library)
    for target in {each.target for each in published}:
        names = [each.id for each in published if each.target == target]
        if sorted(names, key=own.ladders.index) != names:
            yield target


def _amount(span: Span, published: Amount, within: Bounds, name: str) -> Amount:
    low, high = Decimal(str(span.low)), Decimal(str(span.high))
    if not within.rows or not within.leaves(span):
        return Amount(low=low, high=high, source=published.source)
    says = f"{span.told} {unit_of(name)}: clinician, outside {within.told}. {span.why.strip()}"
    return Outside(low=low, high=high, says=says)


def library_of(own: Adaptation, brief: str, library: Library, *, name: str, version: str) -> Library:
    """The library with the brief's protocol as adapted. Raises DataError where the brief is gone or the two no longer fit."""
    if brief not in library.protocols:
        known = ", ".join(library.protocols)
        raise DataError([Problem(f"{name}: brief", f"“{brief}”", known, did_you_mean(brief, library.protocols))])
    made = protocol_of(own, brief, library, name)
    return replace(library, version=version, protocols={**library.protocols, brief: made})
