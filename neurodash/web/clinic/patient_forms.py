"""What the pages of a patient ask for, and how the answers are read: scores by instrument, and a profile in words."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from neurodash.errors import Problem
from neurodash.library import Library
from neurodash.planning.profile import DAYS
from neurodash.web.clinic import patients
from neurodash.web.clinic.patients import BY_HAND, IN_PROFILE, Taken
from neurodash.web.planning import form as builder
from neurodash.web.planning.form import Measured

MRC = "Strength by hand (MRC)"
GRIDS = {"MRC": "s_", "MAS": "t_"}  # the fields of a grid of grades
MOST_AT_ONCE = 12  # instruments on one page. Ours: a long visit has six


@dataclass(frozen=True)
class Asked:
    """An instrument on the page of scores. One that is graded by hand asks in a grid and has no questions."""

    id: str
    name: str
    level: str  # of the ICF
    unit: str
    better: str  # "up", "down" or nothing
    questions: tuple[Measured, ...]

    @property
    def by_hand(self) -> bool:
        return self.id in BY_HAND


def instruments(library: Library) -> dict[str, Asked]:
    """Everything that can be scored, by id. What a profile has an answer for is asked there."""
    clues = {(m.instrument, m.part): m for m in builder.measures(library) if m.part}
    found: dict[str, Asked] = {}
    for row in library.instruments.values():
        if row.instrument_id in found or row.instrument_id in IN_PROFILE:
            continue
        parts = [each for (instrument, _), each in clues.items() if instrument == row.instrument_id]
        by_hand = row.instrument_id in BY_HAND
        whole = builder.measured(row, library)
        found[row.instrument_id] = Asked(
            row.instrument_id, row.name, row.icf_level.partition("/")[0] or "other", row.unit,
            {"yes": "up", "no": "down"}.get(row.higher_is_better, ""), () if by_hand else (whole, *parts),
        )  # fmt: skip
    found["MRC"] = Asked("MRC", MRC, "body function", "grade 0 to 5", "up", ())
    return found


def to_choose(library: Library, first: Mapping[str, Iterable[str]]) -> list[tuple[str, list[Asked]]]:
    """The instruments in groups, each once: those named in `first` by title, then by level of the ICF."""
    left = instruments(library)
    groups = [(title, [left.pop(each) for each in ids if each in left]) for title, ids in first.items()]
    by_level: dict[str, list[Asked]] = {}
    for each in left.values():
        by_level.setdefault(each.level, []).append(each)
    groups += [(level.capitalize(), sorted(own, key=lambda one: one.name)) for level, own in by_level.items()]
    return [(title, own) for title, own in groups if own]


def part_name(instrument: str, part: str, library: Library) -> str:
    """`knee-extension-left` as people say it."""
    if instrument not in BY_HAND:
        return part.replace("-", " ").capitalize()
    stem, _, side = part.rpartition("-")
    movement = library.planning.rules.movements.get(stem)
    name = movement.label if movement and instrument == "MRC" else stem.replace("-", " ")
    return f"{name[:1].upper()}{name[1:]}, {side}"


def read_scores(
    answers: QueryDict, chosen: Sequence[Asked], library: Library, today: dt.date
) -> tuple[list[Taken], dict[str, str], list[Problem]]:
    """What was entered, the field of the form for each place that `patients.check_scores` names, and what is wrong here."""
    problems: list[Problem] = []
    on = today
    try:
        on = dt.date.fromisoformat(answers.get("measured_on", "").strip() or today.isoformat())
    except ValueError:
        problems.append(Problem("measured_on", f"“{answers['measured_on'][:20]}”", "a day, such as 2026-11-30"))
    if on > today or on.year < 1950:
        found = "a day in the future" if on > today else f"the year {on.year}"
        problems.append(Problem("measured_on", found, "a day up to today"))
        on = today
    taken: list[Taken] = []
    fields: dict[str, str] = {}
    for each in chosen:
        for question in each.questions:
            if value := answers.get(question.name, "").strip():
                number = sum(one.instrument not in BY_HAND for one in taken)
                fields |= {f"measures.{number}": question.name}
                taken.append(Taken(each.id, question.part or "", on, builder.number(value)))
        if each.by_hand:
            prefix = GRIDS[each.id]
            for name, value in answers.items():
                stem, _, side = name.removeprefix(prefix).rpartition("_")
                if name.startswith(prefix) and value.strip() and stem:
                    fields |= {f"{BY_HAND[each.id]}.{stem}_{side}": name}
                    taken.append(Taken(each.id, f"{stem}-{side}", on, value.strip()))
    if not taken:
        problems.append(Problem("scores", "Nothing was entered yet", "at least one value"))
    return taken, fields, problems


# A profile in words


def in_words(profile: Mapping[str, Any], library: Library) -> dict[str, str]:
    """Each answer of a profile beside its question, in the order of the form."""
    words, rules = library.exercises.words, library.planning.rules
    equipment = {code: word.label for code, word in words.equipment.items()}
    situations = {code: each.label for code, each in library.planning.situations.items()}
    named: dict[str, Mapping[str, str]] = {
        "focus": {code: focus.name for code, focus in rules.focuses.items()},
        "precautions": situations, "cleared": situations, "setting": builder.SETTINGS, "helper": builder.HELPERS,
        "walking_aid": builder.AIDS, "phenotype": builder.PHENOTYPES,
        "equipment": equipment | {alias: equipment.get(code, alias) for alias, code in rules.equipment_names.items()},
        "energy": builder.TIMES, "experience": builder.EXPERIENCE,
        "enjoys": {code: word.label for code, word in words.activities.items()},
    }  # fmt: skip
    titles = {
        "focus": "To train", "precautions": "Precautions", "cleared": "Seen to and cleared", "available": "Time",
        "energy": "Energy", "experience": "Experience", "goals": "Goals", "swaps": "Chosen by hand", "later_swaps": "Chosen by hand later",
    }  # fmt: skip
    order = [*titles, *builder.LABELS]
    found: dict[str, str] = {}
    for key in sorted(profile, key=lambda key: order.index(key) if key in order else len(order)):
        if key in patients.NOT_KEPT:
            continue
        title = titles.get(key) or builder.LABELS.get(key) or key.replace("_", " ").capitalize()
        told = _told(key, profile[key], named.get(key, {}))
        empty = {"precautions": "All asked, none is true", "equipment": "None"}.get(key, "")
        if told or empty:
            found[title] = told or empty
    return found


def _told(key: str, value: Any, named: Mapping[str, str]) -> str:
    """A value in words; `named` has those of its codes. Whatever a profile holds can be told."""
    if isinstance(value, str):
        return named.get(value) or named.get(value.replace("_", "-")) or value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:g}"
    if key == "goals" and isinstance(value, list):
        return "; ".join(str(goal.get("text", "")) for goal in value if isinstance(goal, dict))
    if isinstance(value, list | tuple):
        return ", ".join(_told(key, each, named) for each in value)
    if key == "available" and isinstance(value, dict):
        return "; ".join(
            f"{day.capitalize()} {', '.join(map(str, value[day]))}" for day in DAYS if isinstance(value.get(day), list)
        )
    if key in ("energy", "experience") and isinstance(value, dict):
        return ", ".join(f"{name}: {_told(key, told, named).lower()}" for name, told in value.items())
    return json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True)
class Difference:
    """One answer on which two versions differ, in words."""

    question: str
    theirs: str
    yours: str


def differences(theirs: Mapping[str, str], yours: Mapping[str, str]) -> list[Difference]:
    """What differs between two profiles in words."""
    return [
        Difference(question, theirs.get(question, "not answered"), yours.get(question, "not answered"))
        for question in dict.fromkeys((*theirs, *yours))
        if theirs.get(question) != yours.get(question)
    ]
