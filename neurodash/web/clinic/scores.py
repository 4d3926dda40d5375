"""Scores over time, as pages and files show them: each value with the change since the last and the first."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString, mark_safe

from neurodash import wording
from neurodash.errors import DataError
from neurodash.library import Library
from neurodash.pictures.course import course
from neurodash.planning.beside import Published, published
from neurodash.planning.profile import Profile, read_profile
from neurodash.web.clinic import patient_forms, patients
from neurodash.web.clinic.models import Patient, Score


@dataclass(frozen=True)
class Value:
    """One value with what became of it. Changes are in words, empty for a first value."""

    score: Score
    part: str
    told: str
    since_last: str
    since_first: str


@dataclass(frozen=True)
class Course:
    """One instrument over time, the newest value first. `chart` draws the whole instrument, empty below two values."""

    asked: patient_forms.Asked
    values: tuple[Value, ...]
    chart: SafeString
    published: Published

    @property
    def has_parts(self) -> bool:
        return any(value.part for value in self.values)

    @property
    def newest(self) -> list[Value]:
        """The newest value of the instrument and of each of its parts."""
        found: dict[str, Value] = {}
        for value in self.values:
            found.setdefault(value.part, value)
        return list(found.values())


def courses(patient: Patient, library: Library) -> list[Course]:
    """Every instrument that was taken, the one taken last first."""
    known = patient_forms.instruments(library)
    profile = _profile(patient)
    by_instrument: dict[str, list[Score]] = {}
    for score in patient.scores.select_related("by").order_by("-on", "-id"):
        by_instrument.setdefault(score.instrument, []).append(score)
    return [
        _course(known.get(name) or patient_forms.Asked(name, name, "", "", "", ()), own, profile, library)
        for name, own in by_instrument.items()
    ]


def _profile(patient: Patient) -> Profile:
    """Whom published values are looked up for; nobody in particular where the profile no longer fits the library."""
    try:
        return patients.read(patient)
    except DataError:
        library, today = patients.ground()
        return read_profile('{"code": "P", "condition": "ms"}', "", library, today)


def _course(asked: patient_forms.Asked, newest_first: list[Score], profile: Profile, library: Library) -> Course:
    earlier: dict[str, list[Score]] = {}
    values = []
    for score in reversed(newest_first):
        before = earlier.setdefault(score.part, [])
        part = patient_forms.part_name(asked.id, score.part, library) if score.part else ""
        values.append(
            Value(
                score, part, told(score.value),
                change(before[-1].value, score.value) if before else "",
                change(before[0].value, score.value) if before else "",
            )
        )  # fmt: skip
        before.append(score)
    order = {each.part: number for number, each in enumerate(asked.questions)}
    values.sort(key=lambda each: (-each.score.on.toordinal(), order.get(each.score.part or None, 99), each.part))
    unit = asked.questions[0].hint.partition(",")[0] if asked.questions else asked.unit
    points: Iterable[tuple[dt.date, float]] = [
        (score.on, float(score.value)) for score in earlier.get("", []) if isinstance(score.value, int | float)
    ]
    chart = course(tuple(points), asked.name, unit, asked.better)
    return Course(asked, tuple(values), mark_safe(chart), published(asked.id, profile, library))  # noqa: S308  our own SVG


def told(value: Any) -> str:
    """A value as people read it: a number without needless decimals, or a grade."""
    return f"{value:g}".replace("-", wording.MINUS) if isinstance(value, int | float) else str(value)


def change(before: Any, now: Any) -> str:
    """`−2.1`, `no change`; for a grade `from 3+`. Whether it is more than chance is not said here: the published error is
    shown beside it."""
    if before == now:
        return "no change"
    if not (isinstance(before, int | float) and isinstance(now, int | float)):
        return f"from {told(before)}"
    by = round(now - before, 6)
    return f"{'+' if by > 0 else ''}{told(by)}"
