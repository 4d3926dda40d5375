"""What is asked about a person, and how the answers become a profile and come back from one.

A profile that was opened may hold more than the form asks (several goals, older measures): what the form does not show is
kept as it was.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from neurodash.errors import Problem
from neurodash.library import Library
from neurodash.library.planning import Clue
from neurodash.library.rows import InstrumentValue
from neurodash.planning import profile as known

SETTINGS = {
    "home_alone": "At home, alone", "home_with_partner": "At home, with somebody near", "clinic": "In the clinic, guarded",
    "group": "In a group",
}  # fmt: skip
HELPERS = {"none": "Nobody", "family": "Family or a friend", "trained": "Somebody trained to guard"}
AIDS = {
    "none": "None", "stick": "One stick", "two_sticks": "Two sticks", "frame": "Frame or rollator", "wheelchair": "Wheelchair",
}  # fmt: skip
PHENOTYPES = {
    "CIS": "CIS", "RRMS": "RRMS, relapsing", "SPMS": "SPMS, secondary progressive", "PPMS": "PPMS, primary progressive",
}  # fmt: skip
TIMES = {"morning": "Morning", "midday": "Around noon", "afternoon": "Afternoon", "evening": "Evening"}
EXPERIENCE = {"none": "New to it", "some": "Has trained so before"}
PDDS = (
    "normal", "mild disability", "moderate disability", "gait disability", "early cane", "late cane", "bilateral support",
    "wheelchair or scooter", "bedridden",
)  # fmt: skip
MRC = ("0", "1", "2-", "2", "2+", "3-", "3", "3+", "4-", "4", "4+", "5-", "5")
MAS = ("0", "1", "1+", "2", "3", "4")
MUSCLES = ("calf", "hamstrings", "quadriceps", "adductors", "hip-flexors", "elbow-flexors", "finger-flexors")
SEVERITIES = {
    "stop": "Any of these stops training today",
    "refer": "Any of these is seen to by a doctor first",
    "modify": "These change the plan",
    "monitor": "These are kept in view",
}
STEPS = ("What to train", "Safety first", "The person", "Everyday life", "Measures")
SINGLE = (
    "code", "phenotype", "edss", "pdds", "age", "months_since_relapse", "falls_6_months", "falls_3_months", "setting", "helper",
    "walking_aid", "minutes_per_week",
)  # fmt: skip
NUMBERS = frozenset(
    {"edss", "pdds", "age", "months_since_relapse", "falls_6_months", "falls_3_months", "minutes_per_week"}
)
MAX_BASE = 40_000  # characters of an opened profile
DEFAULT_CODE = "P-1"
Choices = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Measured:
    """One instrument, or a part of it, that the form asks for."""

    name: str
    instrument: str
    part: str | None
    label: str
    hint: str


@dataclass
class Form:
    """Everything the page shows: what was answered, and what is wrong with it, by the name of the field."""

    library: Library
    values: Mapping[str, Sequence[str]] = field(default_factory=dict)
    errors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    base: str = ""

    # What a template asks for

    def one(self, name: str) -> str:
        return next(iter(self.values.get(name, ())), "")

    @property
    def focuses(self) -> Choices:
        return [(code, focus.name) for code, focus in self.library.planning.rules.focuses.items()]

    @property
    def equipment(self) -> Choices:
        words = self.library.exercises.words.equipment
        return [(code, word.label) for code, word in words.items() if not word.everywhere]

    @property
    def activities(self) -> Choices:
        return [(code, word.label) for code, word in self.library.exercises.words.activities.items()]

    @property
    def tasks(self) -> Choices:
        return [(code, task.label) for code, task in self.library.planning.rules.tasks.items()]

    @property
    def situations(self) -> list[tuple[str, str, list[tuple[str, str, str]]]]:
        """Severity, title, and the situations of it as (code, label, question)."""
        found: dict[str, list[tuple[str, str, str]]] = {severity: [] for severity in SEVERITIES}
        for code, each in self.library.planning.situations.items():
            row = self.library.precautions[each.precaution]
            if row.precaution_id not in NOT_ASKED:
                found[row.severity].append((code, each.label, each.ask))
        return [(severity, SEVERITIES[severity], rows) for severity, rows in found.items() if rows]

    @property
    def measures(self) -> list[Measured]:
        return list(measures(self.library))

    @property
    def movements(self) -> Choices:
        return [(code, each.label) for code, each in self.library.planning.rules.movements.items()]


KNOWN_IF_EMPTY = frozenset({"equipment", "precautions"})  # nothing there is an answer too
NOT_ASKED = frozenset({"P44"})  # today's form of the day: asked before each session, not for twelve weeks


def measures(library: Library) -> Iterator[Measured]:
    """What tells about a target or meets a precaution, each once, in the order of the rules."""
    rules, rows = library.planning.rules, {row.instrument_id: row for row in library.instruments.values()}
    asked: list[tuple[str, str | None]] = []
    for focus in rules.focuses.values():
        for target in focus.targets:
            asked += [(clue.instrument, clue.part) for clue in target.clues]
    for situation in library.planning.situations.values():
        asked += [(trigger.instrument, trigger.part) for trigger in situation.when if trigger.instrument]
    parts = {(clue.instrument, clue.part): clue for f in rules.focuses.values() for t in f.targets for clue in t.clues}
    for instrument, part in dict.fromkeys(asked):
        if instrument in rows:
            yield measured(rows[instrument], library, parts.get((instrument, part)))


def measured(row: InstrumentValue, library: Library, clue: Clue | None = None) -> Measured:
    """The question for an instrument, or for the part of it that a clue is about, with its unit and range."""
    low, high = library.planning.rules.plausible.get(row.instrument_id, (row.min, row.max))
    part = clue.part if clue else None
    if part and clue:
        low, high = sorted((clue.worst, clue.best))
    unit = row.unit or "points"
    hint = f"{unit}, {float(low):g} to {float(high):g}" if low is not None and high is not None else unit
    name = f"m_{row.instrument_id}{f'.{part}' if part else ''}"
    return Measured(name, row.instrument_id, part, f"{row.name}{f', {part}' if part else ''}", hint)


# From answers to a profile


def to_profile(answers: QueryDict, library: Library) -> tuple[dict[str, Any], dict[str, str]]:
    """The profile that was answered, as plain data, and the field of the form for each place in it.

    What stands in the profile that was opened and is not asked here stays as it was.
    """
    base = _base(answers.get("base", ""))
    fields: dict[str, str] = {}
    made: dict[str, Any] = {key: value for key, value in base.items() if key not in ASKED}
    made |= {"code": answers.get("code", "").strip() or DEFAULT_CODE, "condition": answers.get("condition") or "ms"}
    for name in SINGLE[1:]:
        if value := answers.get(name, "").strip():
            made[name] = number(value) if name in NUMBERS else value
    for name in ("focus", "precautions", "cleared", "enjoys"):
        if chosen := answers.getlist(name):
            made[name] = chosen
    if answers.get("asked") or "cleared" in made:  # what was seen to was there: other answers may have met it
        made["precautions"] = list(dict.fromkeys([*made.get("precautions", []), *made.get("cleared", [])]))
    if equipment := answers.getlist("equipment"):
        made["equipment"] = equipment
    elif answers.get("no_equipment"):
        made["equipment"] = []
    made |= _life(answers, fields)
    made["goals"] = _goals(answers, base)
    fields |= {"goals.0.text": "goal", "goals.0.importance": "goal_importance", "goals.0.difficulty": "goal_difficulty",
               "goals.0.tasks": "goal_tasks"}  # fmt: skip
    fields |= {"cleared": "precautions", "start": "start"}
    made["measures"] = _measures(answers, base, library, fields)
    for name, prefix in (("strength", "s_"), ("spasticity", "t_")):
        made[name] = {key[2:]: value for key, value in answers.items() if key.startswith(prefix) and value}
        fields |= {f"{name}.{key}": f"{prefix}{key}" for key in made[name]}
    return {key: value for key, value in made.items() if value not in ("", [], {}) or key in KNOWN_IF_EMPTY}, fields


ASKED = frozenset({
    *SINGLE, "condition", "focus", "precautions", "cleared", "enjoys", "equipment", "available", "energy", "experience", "goals",
    "measures", "strength", "spasticity",
})  # fmt: skip


def _base(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text[:MAX_BASE]) if text else {}
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def number(text: str) -> object:
    """A number where it is one; else the text, so that the reader of profiles names it."""
    plain = text.replace(",", ".")
    if re.fullmatch(r"-?\d{1,9}", plain):
        return int(plain)
    return float(plain) if re.fullmatch(r"-?\d{1,9}\.\d{1,6}", plain) else text


def _life(answers: QueryDict, fields: dict[str, str]) -> dict[str, Any]:
    available = {}
    for day in known.DAYS:
        start, end = answers.get(f"from_{day}", "").strip(), answers.get(f"to_{day}", "").strip()
        if start or end:
            available[day] = [f"{start}-{end}", *answers.getlist(f"more_{day}")]
            fields[f"available.{day}"] = f"from_{day}"
    energy = {end: answers[f"energy_{end}"] for end in ("best", "worst") if answers.get(f"energy_{end}")}
    experience = {key[11:]: value for key, value in answers.items() if key.startswith("experience_") and value}
    fields |= {"energy.best": "energy_best", "energy.worst": "energy_worst"}
    return {"available": available, "energy": energy, "experience": experience}


def _goals(answers: QueryDict, base: Mapping[str, Any]) -> list[Any]:
    others = _items(base.get("goals"))[1:]
    text = answers.get("goal", "").strip()
    if not text:
        return list(others)
    goal: dict[str, Any] = {"text": text}
    if tasks := answers.getlist("goal_tasks"):
        goal["tasks"] = tasks
    for name in ("importance", "difficulty"):
        if value := answers.get(f"goal_{name}", "").strip():
            goal[name] = number(value)
    return [goal, *others]


def _measures(answers: QueryDict, base: Mapping[str, Any], library: Library, fields: dict[str, str]) -> list[Any]:
    """What was measured: an answer that is the opened profile's newest keeps its day, another one gets the day given."""
    before = [
        each
        for each in _items(base.get("measures"))
        if isinstance(each, dict)
        and isinstance(each.get("instrument"), str)
        and isinstance(each.get("part", ""), str | None)
    ]
    made: list[dict[str, Any]] = []
    for each in measures(library):
        own = [old for old in before if (old.get("instrument"), old.get("part")) == (each.instrument, each.part)]
        value = answers.get(each.name, "").strip()
        newest = max(own, key=lambda old: str(old.get("on") or ""), default=None)
        if newest is not None and value == _shown(newest.get("value")):
            made += own
        elif value:
            new: dict[str, Any] = {"instrument": each.instrument, "value": number(value)}
            new |= {"part": each.part} if each.part else {}
            new |= {"on": day} if (day := answers.get("measured_on", "").strip()) else {}
            made += [*(old for old in own if old.get("on") and old.get("on") != new.get("on") and new.get("on")), new]
        for place in range(len(made)):
            fields.setdefault(f"measures.{place}.value", each.name)
    asked = {(each.instrument, each.part) for each in measures(library)}
    fields |= {f"measures.{place}.on": "measured_on" for place in range(len(made))}
    return made + [old for old in before if (old.get("instrument"), old.get("part")) not in asked]


# From a profile back to answers


def from_profile(data: Mapping[str, Any], library: Library) -> dict[str, list[str]]:
    """The answers that give this profile again. What is no answer to a question of the form is left where it is."""
    made: dict[str, list[str]] = {
        name: [_shown(data[name])] for name in SINGLE if isinstance(data.get(name), str | int | float)
    }
    for name in ("focus", "enjoys"):
        made[name] = [str(each) for each in _items(data.get(name))]
    for name, ours in (
        ("precautions", known.situation_code), ("cleared", known.situation_code), ("equipment", known.equipment_code),
    ):  # fmt: skip
        made[name] = [ours(str(each), library) for each in _items(data.get(name))]
    if data.get("precautions") is not None:
        made["asked"] = ["yes"]
    if data.get("equipment") == []:
        made["no_equipment"] = ["yes"]
    for day, times in _pairs(data.get("available")):
        first, *more = [str(each) for each in _items(times)] or [""]
        start, _, end = first.partition("-")
        made |= {f"from_{day}": [_clock(start)], f"to_{day}": [_clock(end)], f"more_{day}": more}
    for name in ("energy", "experience"):
        made |= {f"{name}_{key}": [str(value)] for key, value in _pairs(data.get(name)) if value}
    for goal in _items(data.get("goals"))[:1]:
        told = dict(_pairs(goal))
        made["goal"] = [str(told.get("text", ""))]
        made["goal_tasks"] = [str(task).replace("_", "-") for task in _items(told.get("tasks"))]
        made |= {
            f"goal_{key}": [_shown(told[key])] for key in ("importance", "difficulty") if told.get(key) is not None
        }
    newest: dict[str, tuple[str, str]] = {}
    for each in _items(data.get("measures")):
        told = dict(_pairs(each))
        name = f"m_{told.get('instrument')}" + (f".{told['part']}" if told.get("part") else "")
        newest[name] = max(newest.get(name, ("", "")), (str(told.get("on") or ""), _shown(told.get("value", ""))))
    made |= {name: [value] for name, (_, value) in newest.items()}
    for name, prefix in (("strength", "s_"), ("spasticity", "t_")):
        for key, value in _pairs(data.get(name)):
            stem, _, side = key.replace("-", "_").rpartition("_")
            made[f"{prefix}{stem.replace('_', '-')}_{side}"] = [str(value)]
    return made


def _items(value: object) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def _pairs(value: object) -> list[tuple[str, Any]]:
    return [(str(key), each) for key, each in value.items()] if isinstance(value, Mapping) else []


def _clock(text: str) -> str:
    """`9:00` as a field of hours and minutes wants it."""
    return text.strip().zfill(5) if text.strip() else ""


def _shown(value: object) -> str:
    try:
        return f"{value:g}" if isinstance(value, float | int) and not isinstance(value, bool) else str(value)
    except OverflowError:  # a whole number beyond what is measured anywhere
        return str(value)[:20]


def errors_by_field(problems: Sequence[Problem], fields: Mapping[str, str]) -> dict[str, list[str]]:
    """Each problem at the field that it is about, beginning with its question; what belongs to none under no name."""
    found: dict[str, list[str]] = {}
    for problem in problems[:MOST_ERRORS]:
        place = problem.where.rpartition(": ")[2]
        name = next((fields[part] for part in _parents(place) if part in fields), place.partition(".")[0])
        asked = LABELS.get(name, "")
        told = f"{asked}: {problem.found}." if asked else f"{problem.found}."
        name = name if asked or name.startswith(("m_", "s_", "t_", "from_")) else ""
        found.setdefault(name, []).append(f"{told} Accepted: {problem.accepted}. {problem.mend}".strip())
    return found


MOST_ERRORS = 30
LABELS = {
    "focus": "What to train", "code": "Code", "start": "Begins on", "precautions": "Safety questions", "age": "Age",
    "falls_6_months": "Falls in the last 6 months", "falls_3_months": "Falls in the last 3 months", "edss": "EDSS", "pdds": "PDDS",
    "months_since_relapse": "Months since the last relapse", "phenotype": "Type of MS", "walking_aid": "Walking aid",
    "setting": "Where", "helper": "Who is near", "minutes_per_week": "Minutes a week", "energy_best": "Most energy",
    "energy_worst": "Least energy", "equipment": "Equipment", "enjoys": "What the person likes", "goal": "Goal",
    "goal_tasks": "What the goal is about", "goal_importance": "How much it matters", "goal_difficulty": "How hard it is now", "measured_on": "Measured on",
}  # fmt: skip


def _parents(place: str) -> Iterator[str]:
    while place:
        yield place
        place = place.rpartition(".")[0]


def edss_choices() -> Choices:
    return [(f"{half / 2:g}", f"{half / 2:g}") for half in range(20)]


def pdds_choices() -> Choices:
    return [(str(number), f"{number}: {told}") for number, told in enumerate(PDDS)]


def day_choices() -> Choices:
    return list(
        zip(known.DAYS, ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"), strict=True)
    )


def questions() -> dict[str, Any]:
    """What the parts of the form choose from."""
    return {
        "edss": edss_choices(), "pdds": pdds_choices(), "days": day_choices(), "sides": ("left", "right"), "mrc": MRC,
        "mas": MAS, "muscles": [(code, code.replace("-", " ")) for code in MUSCLES], "phenotypes": list(PHENOTYPES.items()),
        "aids": list(AIDS.items()), "settings": list(SETTINGS.items()), "helpers": list(HELPERS.items()),
        "times": list(TIMES.items()), "experience": list(EXPERIENCE.items()),
    }  # fmt: skip
