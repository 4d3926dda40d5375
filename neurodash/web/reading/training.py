"""What the pages of exercises, ladders and protocols show, gathered from the library. No request is needed here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from neurodash import wording
from neurodash.library import Library, Mark
from neurodash.library.exercises import Exercise, UsualDose
from neurodash.library.ladders import Ladder, Start, levels, raised
from neurodash.library.protocols import AMOUNTS, Amount, Protocol
from neurodash.pictures import figures
from neurodash.web.reading.marks import References

SIDES = {
    "both": "Both sides together",
    "each": "One side, then the other",
    "alternate": "Side by side, in turn",
}
GUARDS = {
    "alone": "Alone, once it is set up and learnt",
    "near": "With a person within reach",
    "hands-on": "With a trained person guarding, hands on",
}
KINDS = {
    "balance": "Balance", "gait": "Walking", "gaze": "Steady gaze", "strength": "Strength", "power": "Power",
    "aerobic": "Endurance", "range": "Stretching and range", "transfer": "Transfers and seated work",
}  # fmt: skip
FORMS = {
    "reps": ("time", "times"), "seconds": ("second", "seconds"), "steps": ("step", "steps"), "minutes": ("minute", "minutes"),
    "metres": ("metre", "metres"), "breaths": ("breath", "breaths"),
}  # fmt: skip
VARIABLES = {
    "base": "base", "hands": "hands", "surface": "surface", "vision": "eyes and head", "movement": "movement", "attention": "attention",
    "load": "load", "speed": "speed",
}  # fmt: skip


def pictures(library: Library, exercise: str, mirrored: bool = False) -> tuple[SafeString, ...]:
    """The frames of an exercise as SVG."""
    frames = library.exercises.frames[exercise]
    return tuple(mark_safe(svg) for svg in figures.svgs(frames, mirrored))  # noqa: S308  drawn by us


def number(value: Any) -> str:
    """`10` or `2.5`, from any kind of number."""
    return f"{float(value):g}"


def span(low: Any, high: Any) -> str:
    return number(low) if low == high else f"{number(low)} to {number(high)}"


def usual_dose(dose: UsualDose) -> str:
    """`8 to 12 times, 5 seconds each`."""
    one, many = FORMS[dose.form]
    told = f"{span(*dose.usual)} {one if dose.usual == (1, 1) else many}"
    return told + (f", held for {number(dose.hold)} seconds" if dose.hold else "")


@dataclass(frozen=True)
class Card:
    """An exercise on a list."""

    exercise: Exercise
    pictures: tuple[SafeString, ...]
    position: str
    kind: str
    equipment: str

    @property
    def url(self) -> str:
        return f"/exercises/{self.exercise.id}/"


def card(exercise: Exercise, library: Library) -> Card:
    words = library.exercises.words
    return Card(
        exercise=exercise,
        pictures=pictures(library, exercise.id),
        position=words.positions[exercise.position].label,
        kind=KINDS[exercise.kind],
        equipment=wording.joined([words.equipment[code].label for code in exercise.equipment]) or "nothing",
    )


@dataclass(frozen=True)
class Wish:
    """What somebody looks for. An unknown code finds nothing that it names, and says so on the page."""

    words: str = ""
    target: str = ""
    position: str = ""
    kind: str = ""
    rung: str = ""
    have: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        return self == Wish()


def rungs_of(library: Library) -> Mapping[str, frozenset[int]]:
    """The rungs, from 1, on which each exercise stands on any ladder."""
    found: dict[str, set[int]] = {}
    for ladder in library.ladders.values():
        for number_, rung in enumerate(ladder.rungs, start=1):
            found.setdefault(rung.exercise, set()).add(number_)
    return {name: frozenset(rungs) for name, rungs in found.items()}


def chosen(library: Library, wish: Wish) -> list[Exercise]:
    """The exercises that fit every part of a wish; `have`: nothing else is needed."""
    rungs = rungs_of(library)
    terms = wish.words.casefold().split()
    found = []
    for exercise in library.exercises.exercises.values():
        text = " ".join((exercise.name, exercise.clinical, exercise.purpose, *exercise.trains)).casefold()
        if (
            all(term in text for term in terms)
            and wish.target in ("", *exercise.trains)
            and wish.position in ("", exercise.position)
            and wish.kind in ("", exercise.kind)
            and (not wish.rung or (wish.rung.isdecimal() and int(wish.rung) in rungs.get(exercise.id, ())))
            and (not wish.have or set(exercise.equipment) <= set(wish.have))
        ):
            found.append(exercise)
    return found


def grouped(exercises: Sequence[Exercise], library: Library) -> list[tuple[str, list[Card]]]:
    """Cards under the kinds of training, in the order of the kinds."""
    kinds = {kind: [card(e, library) for e in exercises if e.kind == kind] for kind in KINDS}
    return [(KINDS[kind], cards) for kind, cards in kinds.items() if cards]


@dataclass(frozen=True)
class Place:
    """Where an exercise stands on a ladder, and its neighbours there."""

    ladder: Ladder
    rung: int
    easier: Exercise | None
    harder: Exercise | None
    says: str

    @property
    def of(self) -> int:
        return len(self.ladder.rungs)


def places(exercise: str, library: Library) -> list[Place]:
    """Every ladder that an exercise stands on, by its first rung there; neighbours are the next other exercises."""
    found = []
    for ladder in library.ladders.values():
        names = [rung.exercise for rung in ladder.rungs]
        if exercise not in names:
            continue
        at, end = names.index(exercise), len(names) - 1 - names[::-1].index(exercise)
        shelf = library.exercises.exercises
        found.append(
            Place(
                ladder=ladder,
                rung=at + 1,
                says=ladder.rungs[at].says,
                easier=shelf[names[at - 1]] if at else None,
                harder=shelf[names[end + 1]] if end + 1 < len(names) else None,
            )
        )
    return found


def exercise_page(exercise: Exercise, library: Library) -> dict[str, Any]:
    """Everything templates/exercise.html shows."""
    words = library.exercises.words
    mirrored = exercise.sides != "both"
    cautions = [
        {"caution": caution, "row": library.precautions[caution.id], "stops": caution.does == "excludes"}
        for caution in exercise.precautions
    ]
    return {
        "exercise": exercise,
        "card": card(exercise, library),
        "mirror": pictures(library, exercise.id, mirrored=True) if mirrored else (),
        "sides": SIDES[exercise.sides],
        "guard": GUARDS[exercise.guard],
        "edss": span(*exercise.edss),
        "trains": [(code, words.targets[code].label) for code in exercise.trains],
        "dose": usual_dose(exercise.dose),
        "dose_source": library.guidelines.get(exercise.dose.source or ""),
        "activities": [(words.activities[code].label, told) for code, told in exercise.activities.items()],
        "cautions": sorted(cautions, key=lambda c: not c["stops"]),
        "places": places(exercise.id, library),
    }


@dataclass(frozen=True)
class ShownRung:
    number: int
    card: Card
    says: str
    harder_by: str
    guard: str
    edss: str


def ladder_page(ladder: Ladder, library: Library) -> dict[str, Any]:
    """Everything templates/ladder.html shows."""
    shelf, words = library.exercises.exercises, library.exercises.words
    shown: list[ShownRung] = []
    before: Mapping[str, int] | None = None
    for number_, rung in enumerate(ladder.rungs, start=1):
        exercise = shelf[rung.exercise]
        now = levels(rung, exercise, words)
        harder = [VARIABLES.get(name, name) for name in raised(before, now)] if before else []
        shown.append(
            ShownRung(
                number=number_,
                card=card(exercise, library),
                says=rung.says,
                harder_by=wording.joined(harder),
                guard=GUARDS[rung.guard or exercise.guard],
                edss=span(*exercise.edss),
            )
        )
        before = now
    return {
        "ladder": ladder,
        "target": words.targets[ladder.target],
        "rungs": shown,
        "rule": library.rules[ladder.rule],
        "rule_sources": [library.guidelines[source] for source in library.rules[ladder.rule].source],
        "starts": [(f"EDSS {span(*start.edss)}", _score(start, library), start.rung) for start in ladder.starts],
        "source": library.guidelines.get(ladder.source or ""),
    }


def _score(start: Start, library: Library) -> str:
    score = start.score
    if score is None:
        return "score not known"
    name = next(
        (row.name for row in library.instruments.values() if row.instrument_id == score.instrument), "MRC strength"
    )
    part = f", {score.part.replace('-', ' ')}" if score.part else ""
    return f"{name}{part} {span(score.low, score.high)}"


def ladder_groups(library: Library) -> list[tuple[str, list[Ladder]]]:
    """The ladders: the six systems of balance first, then by kind."""
    targets = library.exercises.words.targets
    every = list(library.ladders.values())
    systems = [ladder for code in targets if targets[code].system for ladder in every if ladder.id == code]
    rest = [ladder for ladder in every if ladder not in systems]
    groups = [("The six systems of balance", systems)]
    groups += [(KINDS[kind], [ladder for ladder in rest if ladder.kind == kind]) for kind in KINDS]
    return [(name, ladders) for name, ladders in groups if ladders]


# The action plan of a brief, made from its protocol


def phases(protocol: Protocol, library: Library, references: References) -> list[dict[str, Any]]:
    """The phases of an action plan, each with the picture of its first exercise."""
    shown = []
    for phase in protocol.phases:
        exercises = [library.exercises.exercises[name] for name in phase.keys.exercises]
        shown.append(
            {
                "name": phase.keys.name,
                "weeks": f"weeks {phase.keys.weeks[0]} to {phase.keys.weeks[1]}" if phase.keys.weeks else "",
                "do": references.html(phase.do, inline=True),
                "amounts": list(_amounts(phase.keys.amounts, references)),
                "up": references.html(phase.up, inline=True),
                "back": references.html(phase.back, inline=True),
                "picture": pictures(library, exercises[0].id)[-1] if exercises else "",
                "exercises": exercises,
            }
        )
    return shown


def dosing(protocol: Protocol, library: Library, references: References) -> dict[str, Any]:
    """Dose and progress of an action plan; every number beside where it is from."""
    doses = [
        {
            "edss": span(*dose.keys.edss),
            "experience": {"none": "new to it", "some": "trained before", "any": ""}[dose.keys.experience],
            "start": list(_amounts(dose.keys.start, references)),
            "aim": list(_amounts(dose.keys.aim, references)),
        }
        for dose in protocol.doses
    ]
    for shown, dose in zip(doses, protocol.doses, strict=True):
        shown["says"] = references.html(dose.says, inline=True)
    names = {row.instrument_id: row.name for row in library.instruments.values()}
    return {
        "doses": doses,
        "dose_notes": [references.html(note, inline=True) for note in protocol.dose_notes],
        "order": [references.html(part, inline=True) for part in protocol.order],
        "progress": [references.html(part, inline=True) for part in protocol.progress],
        "ladders": [library.ladders[name] for name in protocol.ladders],
        "retests": [(names[retest.instrument], retest.weeks) for retest in protocol.retests],
    }


def _amounts(amounts: Mapping[Any, Amount], references: References) -> Iterator[SafeString]:
    """`2 to 3 sessions a week`, each with its references or EJ."""
    for name, amount in amounts.items():
        unit = AMOUNTS[name][0]
        if amount.low == amount.high == 1:
            unit = unit.replace("sets", "set").replace("days", "day")
        marks = [Mark("guideline", source, 0) for source in amount.source] or [Mark("expert", "", 0)]
        sources = format_html_join(" ", "{}", ((references.mark(mark),) for mark in marks))
        yield format_html("{} {} {}", span(amount.low, amount.high), unit, sources)
