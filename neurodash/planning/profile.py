"""What is known about one person, read with every problem at once. A code, never a name; what is missing stays missing."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, WithJsonSchema

from neurodash import wording
from neurodash.errors import DataError, Problem, did_you_mean
from neurodash.library import Library
from neurodash.library.exercises import Guard
from neurodash.library.planning import Window
from neurodash.library.reading import MOST_PROBLEMS, Located, check, in_order, read_yaml
from neurodash.library.rows import Row, accepted
from neurodash.planning.plan import as_day, printable

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = get_args(Day)
Phenotype = Literal["CIS", "RRMS", "SPMS", "PPMS", "unknown"]
Setting = Literal["home_alone", "home_with_partner", "clinic", "group", "unknown"]
Helper = Literal["none", "family", "trained"]
Aid = Literal["none", "stick", "two_sticks", "frame", "wheelchair", "unknown"]
Experience = Literal["none", "some"]
Side = Literal["left", "right"]

# Who is near in a setting, unless the profile names a helper. Expert judgement: in a group nobody is there for one alone.
HELPERS: Mapping[str, Helper] = {"home_with_partner": "family", "clinic": "trained", "group": "family"}
SUPPORT: Mapping[Helper, Guard] = {"none": "alone", "family": "near", "trained": "hands-on"}
GUARDS: tuple[Guard, ...] = get_args(Guard)  # from least to most
AIDED_FROM, SEATED_FROM = 6.0, 7.0  # EDSS from which an aid, and a wheelchair, belong to its definition (Kurtzke 1983)
CANE_FROM, ALWAYS_CANE_FROM = 4, 5  # steps of the PDDS: "early cane", and "late cane", without which 8 m are too far
WHEELS_FROM = 5  # EDSS or PDDS below which a wheelchair is most likely a slip. Expert judgement: EDSS 5 walks 200 m
ABOVE, BELOW = (
    1.5,
    3.0,
)  # how far an EDSS may lie above or below what a PDDS stands for, its upper end. Expert judgement
THIRD = 1 / 3  # of a grade that + and - add to MRC
MOST = 200  # entries of a list. Ours: nobody measures more
MAX_MINUTES = 7 * 24 * 60
MAX_BYTES = 2**18  # of a profile. Ours: a full one has two thousand
OWN_KEYS = {"EDSS": "edss", "PDDS": "pdds", "FALLS": "falls_6_months"}  # instruments that a profile has a key for

# Muscles that are graded by the Modified Ashworth Scale, and other names for them. Ours; a rule asks for the stiffest of all.
MUSCLES: Mapping[str, str] = {
    **{name: name for name in (
        "calf", "toe-flexors", "hamstrings", "quadriceps", "adductors", "hip-flexors", "hip-extensors", "trunk", "shoulder",
        "elbow-flexors", "elbow-extensors", "forearm", "wrist-flexors", "wrist-extensors", "finger-flexors", "thumb-flexors",
        "tibialis-posterior",
    )},
    "plantarflexors": "calf", "ankle-plantarflexors": "calf", "gastrocnemius": "calf", "soleus": "calf", "calves": "calf",
    "knee-flexors": "hamstrings", "hamstring": "hamstrings", "knee-extensors": "quadriceps", "quads": "quadriceps",
    "hip-adductors": "adductors", "adductor": "adductors", "biceps": "elbow-flexors", "triceps": "elbow-extensors",
    "pronators": "forearm", "shoulder-adductors": "shoulder", "fingers": "finger-flexors", "thumb": "thumb-flexors",
}  # fmt: skip


def _is_half(value: float) -> float:
    if (value * 2) % 1:
        raise accepted("0 to 10 in steps of 0.5")
    return value


def _as_words(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _as_text(value: object) -> object:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _is_code(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}", value):
        raise accepted("a code, never a name: up to 32 letters, digits, points and hyphens")
    return value


Grade = Annotated[
    str,
    BeforeValidator(_as_text),
    Field(max_length=10),
    WithJsonSchema({"type": ["string", "number"], "maxLength": 10}),
]
Whole = Annotated[int, Field(strict=True)]  # true, false and "1" are no numbers
Real = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Edss = Annotated[Real, Field(ge=0, le=10), AfterValidator(_is_half)]
Name = Annotated[str, Field(min_length=1, max_length=60), AfterValidator(printable)]
Names = Annotated[tuple[Name, ...], BeforeValidator(_as_words), Field(max_length=MOST)]
PersonCode = Annotated[
    str, AfterValidator(_is_code), WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$"})
]


class Measure(Row):
    """One value of an instrument, or of a part of it, and the day it was taken."""

    instrument: Name
    part: Name | None = None
    value: Real
    on: Annotated[dt.date, BeforeValidator(as_day)] | None = None


class Goal(Row):
    """What the person wants, in their words; the tasks of everyday life that it is about, by our names; how much it
    matters and how hard it is, 0 to 10."""

    text: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(printable)]
    tasks: Names = ()
    importance: Annotated[Whole, Field(ge=0, le=10)] | None = None
    difficulty: Annotated[Whole, Field(ge=0, le=10)] | None = None


class Energy(Row):
    """When the person has most and least of it."""

    best: Window | None = None
    worst: Window | None = None


class Swap(Row):
    """The rung on which a clinician lets a target begin instead of ours. Without a ladder the target is left out."""

    ladder: Name | None = None
    rung: Annotated[Whole, Field(ge=1, le=99)] = 1


class LaterSwap(Swap):
    """A swap that was made while the plan ran: it holds from this week on."""

    target: Name
    week: Annotated[Whole, Field(ge=2, le=52)]


class ProfileKeys(Row):
    """A profile as it is written. Everything but the code and the condition may be missing."""

    code: PersonCode
    condition: Name
    phenotype: Phenotype = "unknown"
    edss: Edss | None = None
    pdds: Annotated[Whole, Field(ge=0, le=8)] | None = None
    age: Annotated[Whole, Field(ge=0, le=120)] | None = None
    months_since_relapse: Annotated[Real, Field(ge=0, le=1200)] | None = None
    falls_6_months: Annotated[Whole, Field(ge=0, le=500)] | None = None
    falls_3_months: Annotated[Whole, Field(ge=0, le=500)] | None = None
    setting: Setting = "unknown"
    helper: Helper | None = None
    walking_aid: Aid = "unknown"
    equipment: Names | None = None
    available: dict[Day, Names] | None = None
    minutes_per_week: Annotated[Whole, Field(ge=0, le=MAX_MINUTES)] | None = None
    energy: Energy = Energy()
    experience: Annotated[dict[Name, Experience], Field(max_length=MOST)] = Field(default_factory=dict)
    enjoys: Names = ()
    goals: Annotated[tuple[Goal, ...], Field(max_length=20)] = ()
    precautions: Names = ()
    cleared: Names = ()
    measures: Annotated[tuple[Measure, ...], Field(max_length=MOST)] = ()
    strength: Annotated[dict[Name, Grade], Field(max_length=MOST)] = Field(default_factory=dict)
    spasticity: Annotated[dict[Name, Grade], Field(max_length=MOST)] = Field(default_factory=dict)
    focus: Names = ()
    swaps: Annotated[dict[Name, Swap], Field(max_length=MOST)] = Field(default_factory=dict)  # by target
    later_swaps: Annotated[tuple[LaterSwap, ...], Field(max_length=MOST)] = ()


@dataclass(frozen=True, order=True)
class Slot:
    """Free time: a day (0 is Monday) from one minute of the day to another."""

    day: int
    start: int
    end: int

    @property
    def minutes(self) -> int:
        return self.end - self.start


@dataclass(frozen=True)
class Profile:
    """A profile that was held against a library.

    `edss` is what a plan may go by, `edss_from` where it is from: "edss", "pdds" or "" where neither is known. `equipment`
    holds our codes with what they can stand in for, None where it was not asked; `available` None likewise. `strength` and
    `spasticity` are the weakest and the stiffest side: movement or muscle -> side -> grade.
    """

    keys: ProfileKeys
    edss: float
    edss_from: str
    support: Guard
    equipment: frozenset[str] | None
    available: tuple[Slot, ...] | None
    situations: tuple[str, ...]
    cleared: frozenset[str]
    strength: Mapping[str, Mapping[Side, float]]
    spasticity: Mapping[str, Mapping[Side, float]]
    focus: tuple[str, ...]
    measures: Mapping[tuple[str, str | None], Measure] = field(default_factory=dict)  # the newest of each

    @property
    def code(self) -> str:
        return self.keys.code

    @property
    def tasks(self) -> tuple[tuple[int, str], ...]:
        """The number of a goal and the code of a task it is about, for each, the most important goal first."""
        goals = sorted(enumerate(self.keys.goals, start=1), key=lambda each: -(each[1].importance or 0))
        return tuple((number, _code(word)) for number, goal in goals for word in goal.tasks)

    def value(self, instrument: str, part: str | None = None) -> float | None:
        found = self.measures.get((instrument, part))
        return None if found is None else found.value

    @cached_property
    def worst_spasticity(self) -> float | None:
        grades = [grade for sides in self.spasticity.values() for grade in sides.values()]
        return max(grades, default=None)

    @property
    def has_aid(self) -> bool:
        keys = self.keys
        return (
            keys.walking_aid not in ("none", "unknown")
            or (keys.edss is not None and keys.edss >= AIDED_FROM)
            or (keys.pdds is not None and keys.pdds >= CANE_FROM)
        )


def read_profile(text: str, where: str, library: Library, on: dt.date) -> Profile:
    """A profile from YAML or JSON. `on` is the day: no measure is taken later. Raises DataError with every problem."""
    located = read_yaml(text, where)
    keys, problems = check(ProfileKeys, located, where)
    if keys is None:
        keys = _without_what_is_wrong(located.data, library)
    if keys is None:
        raise DataError(problems)
    reader = _Reader(keys, located, where, library, on)
    profile = reader.profile()
    if found := [*problems, *reader.problems]:
        raise DataError(in_order(found, where)[:MOST_PROBLEMS])
    return profile


def _without_what_is_wrong(data: Any, library: Library) -> ProfileKeys | None:
    """What is left to be held against the library when keys of the wrong shape are taken out."""
    if not isinstance(data, dict):
        return None
    wrong: set[object] = set()
    filled = {"code": "P", "condition": next(iter(library.conditions), "")}
    try:
        ProfileKeys.model_validate(data)
    except ValidationError as error:
        wrong = {detail["loc"][0] for detail in error.errors(include_url=False, include_input=False)}
    if "precautions" in wrong:
        wrong.add("cleared")  # nothing is left that it could clear
    return ProfileKeys.model_validate({**filled, **{key: value for key, value in data.items() if key not in wrong}})


class _Reader:
    """Holds the words of a profile against the library, and its parts against each other."""

    def __init__(self, keys: ProfileKeys, located: Located, where: str, library: Library, on: dt.date) -> None:
        self.keys, self.located, self.where, self.library, self.on = keys, located, where, library, on
        self.rules = library.planning.rules
        self.problems: list[Problem] = []

    def fault(self, loc: tuple[str | int, ...], found: str, accepted_: str, mend: str = "") -> None:
        name = ".".join(str(part) for part in loc)
        self.problems.append(Problem(f"{self.where}:{self.located.line(loc)}: {name}", found, accepted_, mend))

    def unknown(self, loc: tuple[str | int, ...], word: str, known: Mapping[str, object] | list[str]) -> None:
        self.fault(loc, f"“{word}”", _some(list(known)), did_you_mean(word, known))

    def profile(self) -> Profile:
        keys = self.keys
        if keys.condition not in self.library.conditions:
            self.unknown(("condition",), keys.condition, list(self.library.conditions))
        self._contradictions()
        self._swaps()
        by_pdds = self._by_pdds()
        edss, edss_from = self.rules.not_known_edss, ""
        if keys.edss is not None and keys.edss >= (by_pdds or 0):
            edss, edss_from = keys.edss, "edss"
        elif by_pdds is not None:
            edss, edss_from = by_pdds, "pdds"
        helper = keys.helper or HELPERS.get(keys.setting, "none")
        situations = self._situations("precautions", keys.precautions)
        self._goals()
        return Profile(
            keys=keys, edss=edss, edss_from=edss_from, support=SUPPORT[helper], equipment=self._equipment(),
            available=self._available(), situations=situations, measures=self._measures(),
            cleared=frozenset(self._situations("cleared", keys.cleared, situations)),
            strength=self._grades("strength", keys.strength, self._mrc), focus=self._focus(),
            spasticity=self._grades("spasticity", keys.spasticity, self._mas),
        )  # fmt: skip

    def _contradictions(self) -> None:
        keys = self.keys
        three, six = keys.falls_3_months, keys.falls_6_months
        if three is not None and six is not None and three > six:
            self.fault(("falls_3_months",), str(three), f"no more than falls_6_months, {six}")
        if keys.setting == "home_alone" and keys.helper in ("family", "trained"):
            self.fault(("helper",), keys.helper, "none, where somebody trains at home alone", "Or change setting.")
        if keys.energy.best and keys.energy.best == keys.energy.worst:
            self.fault(("energy", "worst"), keys.energy.worst or "", "another time of day than best")
        if keys.edss is not None and keys.edss >= 10:
            self.fault(("edss",), "10", "0 to 9.5, of a living person")
        self._aid()
        by_pdds = self._by_pdds()
        if keys.edss is not None and by_pdds is not None and not -BELOW <= keys.edss - by_pdds <= ABOVE:
            mend = "Leave out the one that is doubtful."
            self.fault(("pdds",), f"{keys.pdds} beside EDSS {keys.edss:g}", "two that fit each other", mend)

    def _by_pdds(self) -> float | None:
        return None if self.keys.pdds is None else self.rules.pdds_as_edss.get(self.keys.pdds)

    def _aid(self) -> None:
        """The walking aid beside what EDSS and PDDS say of walking."""
        for name, score, needed_from in (
            ("EDSS", self.keys.edss, AIDED_FROM),
            ("PDDS", self.keys.pdds, ALWAYS_CANE_FROM),
        ):
            if score is None:
                continue
            if self.keys.walking_aid == "none" and score >= needed_from:
                accepted_ = f"an aid: {name} {score:g} means that one is needed to walk"
                self.fault(("walking_aid",), "none", accepted_)
            elif self.keys.walking_aid == "wheelchair" and score < WHEELS_FROM:
                accepted_ = f"{name} {WHEELS_FROM} or more, from which a wheelchair is used, or another aid"
                self.fault(("walking_aid",), f"wheelchair beside {name} {score:g}", accepted_)

    def _swaps(self) -> None:
        ladders = self.library.ladders
        by_target: dict[str, list[str]] = {}
        for focus in self.rules.focuses.values():
            for ladder in ladders.values():
                if ladder.kind in focus.kinds:
                    by_target.setdefault(ladder.target, []).append(ladder.id)
        named: list[tuple[tuple[str | int, ...], str, Swap]] = [
            *((("swaps", target), target, swap) for target, swap in self.keys.swaps.items()),
            *((("later_swaps", place), swap.target, swap) for place, swap in enumerate(self.keys.later_swaps)),
        ]
        for loc, target, swap in named:
            if target not in by_target:
                self.unknown(loc, target, sorted(by_target))
            elif swap.ladder is not None and swap.ladder not in by_target[target]:
                self.unknown((*loc, "ladder"), swap.ladder, by_target[target])
            elif swap.ladder is not None and swap.rung > len(ladders[swap.ladder].rungs):
                self.fault((*loc, "rung"), str(swap.rung), f"1 to {len(ladders[swap.ladder].rungs)}")

    def _goals(self) -> None:
        known = self.rules.tasks
        for place, goal in enumerate(self.keys.goals):
            for at, word in enumerate(goal.tasks):
                if _code(word) not in known:
                    self.unknown(("goals", place, "tasks", at), word, list(known))

    def _equipment(self) -> frozenset[str] | None:
        if self.keys.equipment is None:
            return None
        known, found = self.library.exercises.words.equipment, set()
        for place, word in enumerate(self.keys.equipment):
            code = equipment_code(word, self.library)
            if code not in known:
                self.unknown(("equipment", place), word, [*known, *self.rules.equipment_names])
            else:
                found |= {code, *known[code].serves}
        return frozenset(found)

    def _situations(self, name: str, words: tuple[str, ...], among: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """The codes of situations that are named by code or by row; `among` are those that may be."""
        known = self.library.planning.situations
        found = []
        for place, word in enumerate(words):
            code = situation_code(word, self.library)
            if code not in known:
                self.unknown((name, place), word, list(known))
            elif among is not None and code not in among:
                self.fault((name, place), f"“{word}”", "a precaution that is named too")
            elif code not in found:
                found.append(code)
        return tuple(found)

    def _focus(self) -> tuple[str, ...]:
        known = self.rules.focuses
        asked = []
        for place, word in enumerate(self.keys.focus):
            code = next((c for c, focus in known.items() if word in (c, focus.protocol)), None)
            if code is None:
                self.unknown(("focus", place), word, list(known))
            elif code in asked:
                self.fault(("focus", place), f"“{word}” again", "each once")
            else:
                asked.append(code)
        for place, code in enumerate(self.keys.experience):
            if code not in known:
                self.unknown(("experience", code) if place >= 0 else (), code, list(known))
        return tuple(code for code in known if code in asked) or tuple(known)

    # Time

    def _available(self) -> tuple[Slot, ...] | None:
        if self.keys.available is None:
            return None
        found: list[Slot] = []
        for day, words in self.keys.available.items():
            own: list[Slot] = []
            for place, word in enumerate(words):
                loc = ("available", day, place)
                times = re.fullmatch(r"\s*(\d{1,2}):(\d{2})\s*[-–]\s*(\d{1,2}):(\d{2})\s*", word)
                if not times:
                    self.fault(loc, f"“{word}”", "a time such as 09:00-11:00")
                    continue
                h1, m1, h2, m2 = map(int, times.groups())
                start, end = h1 * 60 + m1, h2 * 60 + m2
                if m1 > 59 or m2 > 59 or end > 24 * 60 or start >= end:
                    self.fault(loc, f"“{word}”", "two times of one day, the earlier first")
                    continue
                slot = Slot(DAYS.index(day), start, end)
                if any(slot.start < other.end and other.start < slot.end for other in own):
                    self.fault(loc, f"“{word}”", "times that do not overlap")
                own.append(slot)
            found += own
        return tuple(sorted(found))

    # Measures

    def _measures(self) -> Mapping[tuple[str, str | None], Measure]:
        rows = {row.instrument_id: row for row in self.library.instruments.values()}
        parts = self._parts()
        newest: dict[tuple[str, str | None], Measure] = {}
        places: dict[tuple[str, str | None], list[int]] = {}
        for place, measure in enumerate(self.keys.measures):
            loc, name = ("measures", place), measure.instrument.upper()
            row = rows.get(name)
            if name in OWN_KEYS:
                self.fault((*loc, "instrument"), name, "another instrument", f"Give it as {OWN_KEYS[name]}:")
                continue
            if row is None:
                self.unknown((*loc, "instrument"), measure.instrument, sorted(rows))
                continue
            part = None if measure.part is None else _code(measure.part)
            if part is not None and part not in parts.get(name, {}):
                known = list(parts.get(name, {})) or ["no part"]
                self.unknown((*loc, "part"), measure.part or "", known)
                continue
            if measure.on and measure.on > self.on:
                found = f"{wording.date(measure.on)}, which is in the future"
                self.fault((*loc, "on"), found, f"a day up to {wording.date(self.on)}")
            self._plausible(loc, measure, name, part, row)
            clean = measure.model_copy(update={"instrument": name, "part": part})
            before = newest.get((name, part))
            if before and measure.on and before.on == measure.on and before.value != measure.value:
                found = f"{measure.value:g} and {before.value:g} of {wording.date(measure.on)}"
                self.fault((*loc, "value"), found, "one value a day", "Keep the one that counts.")
            if before is None or (measure.on or dt.date.min) >= (before.on or dt.date.min):
                newest[name, part] = clean
            places.setdefault((name, part), []).append(place)
        for (name, part), own in places.items():
            for place in own if len(own) > 1 else ():
                if self.keys.measures[place].on is None:
                    found = f"{name}{f' {part}' if part else ''} without a day"
                    self.fault(("measures", place), found, "a day for each, where there are several")
        return newest

    def _parts(self) -> Mapping[str, Mapping[str, float]]:
        """The parts of an instrument that our rules use, each with its highest value."""
        found: dict[str, dict[str, float]] = {}
        for focus in self.rules.focuses.values():
            for target in focus.targets:
                for clue in target.clues:
                    if clue.part:
                        found.setdefault(clue.instrument, {})[clue.part] = max(clue.best, clue.worst)
        return found

    def _plausible(self, loc: tuple[str | int, ...], measure: Measure, name: str, part: str | None, row: Any) -> None:
        unit = row.unit
        if part is not None:
            low, high, unit = 0.0, self._parts()[name][part], "points"
        elif name in self.rules.plausible:
            low, high = self.rules.plausible[name]
        else:
            low = float(row.min) if row.min is not None else 0.0
            high = float(row.max) if row.max is not None else float("inf")
        if low <= measure.value <= high:
            return
        mend = ""
        if unit.startswith("s") and low <= measure.value / 1000 <= high:
            mend = f"Milliseconds? Then it is {measure.value / 1000:g} s."
        elif unit.startswith("s") and low <= measure.value * 60 <= high and measure.value > 0:
            mend = f"Minutes? Then it is {measure.value * 60:g} s."
        accepted_ = f"{low:g} to {high:g} {unit}".strip() if high < float("inf") else f"{low:g} {unit} or more"
        self.fault((*loc, "value"), f"{measure.value:g}, which is no plausible {row.name}", accepted_, mend)

    # Grades by hand

    def _grades(self, name: str, given: Mapping[str, str], read: Any) -> Mapping[str, Mapping[Side, float]]:
        found: dict[str, dict[Side, float]] = {}
        known = {**{each: each for each in self.rules.movements}, **self.rules.movement_names}
        if name == "spasticity":
            known = dict(MUSCLES)
        for word, grade in given.items():
            stem, _, end = _code(word).rpartition("-")
            side: Side = "left" if end == "left" else "right"
            value = read(grade)
            if end not in ("left", "right"):
                self.fault((name, word), f"“{word}”", "a name that ends in _left or _right")
            elif stem not in known:
                self.unknown(
                    (name, word), word, [f"{each}-{side}".replace("-", "_") for each in dict.fromkeys(known.values())]
                )
            elif side in found.get(known[stem], {}):
                self.fault((name, word), f"“{word}” again", "each movement or muscle and side once")
            elif value is None:
                grades = "0 to 5, with + or -" if name == "strength" else "0, 1, 1+, 2, 3 or 4"
                self.fault((name, word), f"“{grade}”", grades)
            else:
                found.setdefault(known[stem], {})[side] = value
        return found

    @staticmethod
    def _mrc(grade: str) -> float | None:
        read = re.fullmatch(r"\s*([0-5])(?:\.0)?\s*([+-]?)\s*", grade)
        if not read or (read[1] == "5" and read[2] == "+") or (read[1] == "0" and read[2]):
            return None
        return int(read[1]) + {"+": THIRD, "-": -THIRD, "": 0.0}[read[2]]

    @staticmethod
    def _mas(grade: str) -> float | None:
        read = re.fullmatch(r"\s*(?:([0-4])(?:\.0)?|(1)\+)\s*", grade)
        return None if not read else 1.5 if read[2] else float(read[1])


def situation_code(word: str, library: Library) -> str:
    """A precaution under our name, however it was named (`P07`, `heat_sensitivity`); a code nobody knows stays one."""
    found = (
        code for code, each in library.planning.situations.items() if each.precaution.casefold() == word.casefold()
    )
    return next(found, _code(word))


def equipment_code(word: str, library: Library) -> str:
    """A thing under our name, however it was named (`foam_pad`, `counter`); a code nobody knows stays one."""
    return library.planning.rules.equipment_names.get(_code(word), _code(word))


def _code(word: str) -> str:
    return re.sub(r"[\s_]+", "-", word.strip().casefold())


def _some(words: list[str]) -> str:
    most = 40
    return ", ".join(words[:most]) + (f" and {len(words) - most} more" if len(words) > most else "")


def not_known(profile: Profile) -> Iterator[str]:
    """What was not said, as a clinician would put it."""
    keys = profile.keys
    for name, missing in (
        ("how far disability goes (EDSS or PDDS)", not profile.edss_from),
        ("falls in the last 6 months", keys.falls_6_months is None),
        ("the safety questions (precautions)", "precautions" not in keys.model_fields_set),
        ("when the last relapse was", keys.months_since_relapse is None),
        ("who is near", keys.setting == "unknown" and keys.helper is None),
        ("what equipment there is", keys.equipment is None),
        ("when there is time", profile.available is None),
        ("how many minutes a week", keys.minutes_per_week is None),
        ("when energy is best", keys.energy.best is None),
        ("strength, by hand", not profile.strength),
        ("spasticity", not profile.spasticity),
        ("what the person wants", not keys.goals),
        ("which everyday tasks the goal is about", any(not goal.tasks for goal in keys.goals)),
    ):
        if missing:
            yield name
