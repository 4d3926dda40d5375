"""What the pages of exercises, ladders and protocols show, gathered from the library. No request is needed here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from neurodash import wording
from neurodash.library import Library, Mark
from neurodash.library.exercises import Exercise, ExerciseWords
from neurodash.library.ladders import Ladder, Start, levels, raised
from neurodash.library.protocols import AMOUNTS, Amount, Protocol
from neurodash.pictures import figures
from neurodash.web.reading.marks import References

SIDES = {"both": "", "each": "on each side", "alternate": "left and right in turn"}
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
NOTHING = "nothing"  # as an equipment somebody looks for
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


def usual_dose(exercise: Exercise) -> str:
    """`8 to 12 times on each side, held for 5 seconds`."""
    dose = exercise.dose
    one, many = FORMS[dose.form]
    told = f"{span(*dose.usual)} {one if dose.usual == (1, 1) else many} {SIDES[exercise.sides]}".strip()
    if dose.bouts:
        told = f"{span(*dose.bouts)} bouts of {told}, with a rest between them"
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


def kit(codes: Sequence[str], library: Library) -> str:
    """Equipment in words, each once."""
    return wording.joined([library.exercises.words.equipment[code].label for code in dict.fromkeys(codes)])


def card(exercise: Exercise, library: Library) -> Card:
    words = library.exercises.words
    return Card(
        exercise=exercise,
        pictures=pictures(library, exercise.id),
        position=words.positions[exercise.position].label,
        kind=KINDS[exercise.kind],
        equipment=kit(exercise.equipment, library) or "nothing",
    )


@dataclass(frozen=True)
class Wish:
    """What somebody looks for. An unknown code finds nothing, and stands among the choices that can be taken back.

    `uses`: equipment that is used. `have`: all the equipment there is. `edss`: of the person.
    """

    words: str = ""
    target: str = ""
    position: str = ""
    kind: str = ""
    rung: str = ""
    uses: str = ""
    edss: str = ""
    guard: str = ""
    have: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        return self == Wish()

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of the choices that were made."""
        return tuple(each.name for each in fields(self) if getattr(self, each.name))

    def without(self, part: str) -> Wish:
        return replace(self, **{part: getattr(Wish(), part)})

    @property
    def query(self) -> str:
        return urlencode([(part, getattr(self, part)) for part in self.parts], doseq=True)


def rungs_of(library: Library) -> Mapping[str, frozenset[int]]:
    """The rungs, from 1, on which each exercise stands on any ladder."""
    found: dict[str, set[int]] = {}
    for ladder in library.ladders.values():
        for number_, rung in enumerate(ladder.rungs, start=1):
            found.setdefault(rung.exercise, set()).add(number_)
    return {name: frozenset(rungs) for name, rungs in found.items()}


def chosen(library: Library, wish: Wish) -> list[Exercise]:
    """The exercises that fit every part of a wish."""
    rungs = rungs_of(library)
    words = library.exercises.words
    terms = [_stem(term) for term in wish.words.casefold().split()]
    have = {
        *wish.have,
        *(other for code in wish.have if code in words.equipment for other in words.equipment[code].serves),
    }
    edss = _edss(wish.edss)
    found = []
    for exercise in library.exercises.exercises.values():
        low, high = exercise.edss
        if (
            (not terms or all(term in _text(exercise, words) for term in terms))
            and wish.target in ("", *exercise.trains)
            and wish.position in ("", exercise.position)
            and wish.kind in ("", exercise.kind)
            and (not wish.rung or wish.rung in map(str, rungs.get(exercise.id, ())))
            and (wish.uses in ("", *exercise.equipment) or (wish.uses == NOTHING and not exercise.equipment))
            and (not wish.edss or (edss is not None and low <= edss <= high))
            and wish.guard in ("", exercise.guard)
            and (not wish.have or set(exercise.equipment) <= have)
        ):
            found.append(exercise)
    return found


def _stem(term: str) -> str:
    """Without the s of a plural, so that `squats` finds a squat."""
    return term[:-1] if len(term) > 3 and term.endswith("s") and not term.endswith("ss") else term


def _text(exercise: Exercise, words: ExerciseWords) -> str:
    """All the words by which somebody may look for an exercise."""
    named = [words.positions[exercise.position], *(words.targets[code] for code in exercise.trains)]
    named += [words.equipment[code] for code in exercise.equipment]
    told = (exercise.name, exercise.clinical, exercise.purpose, KINDS[exercise.kind], *exercise.steps)
    return " ".join(
        (*told, *(each.label for each in named), *(other for each in named for other in each.also))
    ).casefold()


def _edss(value: str) -> float | None:
    try:
        edss = float(value)
    except ValueError:
        return None
    return edss if 0 <= edss <= 10 else None


@dataclass(frozen=True)
class Choice:
    """A part of a wish in words, the search without it, and how many exercises that finds."""

    told: str
    url: str
    found: int


def choices(library: Library, wish: Wish) -> list[Choice]:
    """What was chosen, each with the way to take it back."""
    words = library.exercises.words
    labels: dict[str, Mapping[str, Any]] = {
        "target": {code: word.label for code, word in words.targets.items()},
        "position": {code: word.label for code, word in words.positions.items()},
        "kind": KINDS,
        "uses": {NOTHING: "No equipment", **{code: f"Uses {word.label}" for code, word in words.equipment.items()}},
        "guard": GUARDS,
    }
    made = []
    for part in wish.parts:
        value = getattr(wish, part)
        if part in labels:
            told = labels[part].get(value, f"“{value}”, which is not known")
        elif part == "have":
            told = f"Needs nothing but {wording.joined([words.equipment[code].label for code in value])}"
        else:
            told = {"words": "“{}”", "rung": "On rung {} of a ladder", "edss": "For EDSS {}"}[part].format(value)
        left = wish.without(part)
        url = f"/exercises/?{left.query}#found" if left.query else "/exercises/"
        made.append(Choice(told, url, len(chosen(library, left))))
    return made


def grouped(exercises: Sequence[Exercise], library: Library) -> list[tuple[str, list[Card]]]:
    """Cards under the kinds of training, in the order of the kinds."""
    kinds = {kind: [card(e, library) for e in exercises if e.kind == kind] for kind in KINDS}
    return [(KINDS[kind], cards) for kind, cards in kinds.items() if cards]


@dataclass(frozen=True)
class Step:
    """A rung as a step from another one: what is done there, and what is different where it is a form of an exercise.

    `needs`: equipment that the rung needs and the exercise does not.
    """

    number: int
    exercise: Exercise
    says: str
    needs: str = ""


@dataclass(frozen=True)
class Place:
    """Where an exercise stands on a ladder: its own rungs, in its forms, and the rungs right below and above them.

    An exercise may come back higher up, after another one; then it has a place for each stretch of rungs.
    """

    ladder: Ladder
    own: tuple[Step, ...]
    easier: Step | None
    harder: Step | None

    @property
    def of(self) -> int:
        return len(self.ladder.rungs)

    @property
    def rungs(self) -> str:
        numbers = [str(step.number) for step in self.own]
        return f"Rung{'s' if len(numbers) > 1 else ''} {wording.joined(numbers)} of {self.of}"

    @property
    def forms(self) -> tuple[Step, ...]:
        """The rungs on which something about the exercise is different."""
        return tuple(step for step in self.own if step.says or step.needs)


def places(exercise: str, library: Library) -> list[Place]:
    """Every place of an exercise on any ladder."""
    shelf = library.exercises.exercises
    found = []
    for ladder in library.ladders.values():
        steps = [
            Step(n, shelf[rung.exercise], rung.says, kit(rung.equipment, library))
            for n, rung in enumerate(ladder.rungs, start=1)
        ]
        for own, group in groupby(steps, key=lambda step: step.exercise.id == exercise):
            if not own:
                continue
            mine = tuple(group)
            first, last = mine[0].number, mine[-1].number
            found.append(
                Place(
                    ladder=ladder,
                    own=mine,
                    easier=steps[first - 2] if first > 1 else None,
                    harder=steps[last] if last < len(steps) else None,
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
        "guard": GUARDS[exercise.guard],
        "edss": span(*exercise.edss),
        "trains": [(code, words.targets[code].label) for code in exercise.trains],
        "dose": usual_dose(exercise),
        "says_this": mirrored and any(re.search(r"\bthis\b", step) for step in (exercise.set_up, *exercise.steps)),
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
    needs: str

    @property
    def before(self) -> int:
        return self.number - 1


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
                needs=kit((*exercise.equipment, *rung.equipment), library) or "nothing",
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


@dataclass(frozen=True)
class LadderCard:
    """A ladder on the list: the positions its rungs are done in, and the EDSS they are meant for, as a whole."""

    ladder: Ladder
    positions: str
    edss: str


def ladder_groups(library: Library) -> list[tuple[str, list[LadderCard]]]:
    """The ladders: the six systems of balance first, then by kind."""
    targets = library.exercises.words.targets
    every = list(library.ladders.values())
    systems = [ladder for code in targets if targets[code].system for ladder in every if ladder.id == code]
    rest = [ladder for ladder in every if ladder not in systems]
    groups = [("The six systems of balance", systems)]
    names = KINDS | {"balance": "More for balance"}
    groups += [(names[kind], [ladder for ladder in rest if ladder.kind == kind]) for kind in KINDS]
    return [(name, [_ladder_card(ladder, library) for ladder in ladders]) for name, ladders in groups if ladders]


def _ladder_card(ladder: Ladder, library: Library) -> LadderCard:
    words = library.exercises.words
    exercises = [library.exercises.exercises[rung.exercise] for rung in ladder.rungs]
    used = {exercise.position for exercise in exercises}
    positions = [wording.inside(word.label) for code, word in words.positions.items() if code in used]
    low, high = min(e.edss[0] for e in exercises), max(e.edss[1] for e in exercises)
    return LadderCard(ladder, wording.joined(positions), span(low, high))


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
        "retests": _by_weeks([(retest.weeks, names[retest.instrument]) for retest in protocol.retests]),
    }


def _by_weeks(retests: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """(weeks, the names of the instruments) with each number of weeks once."""
    weeks = sorted({each for each, _ in retests})
    return [(each, wording.joined([name for of, name in retests if of == each])) for each in weeks]


def _amounts(amounts: Mapping[Any, Amount], references: References) -> Iterator[SafeString]:
    """`2 to 3 sessions a week`, each with its references or EJ."""
    for name, amount in amounts.items():
        unit = AMOUNTS[name][0]
        if amount.low == amount.high == 1:
            unit = unit.replace("sets", "set").replace("days", "day")
        marks = [Mark("guideline", source, 0) for source in amount.source] or [Mark("expert", "", 0)]
        sources = format_html_join(" ", "{}", ((references.mark(mark),) for mark in marks))
        told = unit.format(span(amount.low, amount.high)) if "{}" in unit else f"{span(amount.low, amount.high)} {unit}"
        yield format_html("{} {}", told, sources)
