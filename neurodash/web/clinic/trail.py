"""What was done in a clinic, as its owners read it and take it away.

Events name people and patients by codes. Here they are told in words while the account or the patient exists.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from neurodash.web import codes
from neurodash.web.clinic.models import Patient
from neurodash.web.people.models import Clinic, Event, Invitation, Seat, User
from neurodash.web.reading.pages import safe_cell

PAGE = 100
CHUNK = 1_000  # rows of an export that are in memory at once
GONE_PERSON, GONE_PATIENT = "an account that is gone", "a record that is gone"
NOBODY = "nobody signed in"
COLUMNS = ("at_utc", "who", "who_code", "did", "told", "patient", "patient_code", "about_code", "from_address")
FIRST, LAST = dt.date(2000, 1, 1), dt.date(2199, 12, 31)  # days that may be asked for


@dataclass(frozen=True)
class Wish:
    """Which events somebody asked for. `typed` is what stands in the form again, `errors` what is wrong there."""

    typed: Mapping[str, str]
    person: str = ""  # code
    patient: str = ""  # code
    since: dt.date | None = None
    until: dt.date | None = None
    before: int | None = None  # number of an event: the page that comes after it
    errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def narrows(self) -> bool:
        return any(self.typed.values())


@dataclass(frozen=True)
class Line:
    """An event in words."""

    event: Event
    who: str
    what: str
    patient: str


def wish(query: Mapping[str, str], clinic: Clinic) -> Wish:
    """Read what was asked for. A patient may be named by the clinic's own code, or by the code of a record that is gone."""
    typed = {name: query.get(name, "").strip() for name in ("person", "patient", "since", "until")}
    errors: dict[str, str] = {}
    days = {name: _day(typed[name], name, errors) for name in ("since", "until")}
    since, until = days["since"], days["until"]
    if since and until and since > until:
        errors["until"] = "The last day lies before the first one."
    if typed["person"] and not re.fullmatch(codes.PATTERN, typed["person"]):
        errors["person"] = "Choose one of the people."
    patient = typed["patient"] and _patient(typed["patient"], clinic)
    if patient is None:
        errors["patient"] = f"Nobody in this clinic has the code “{typed['patient']}”."
    before = query.get("before", "")
    return Wish(
        typed, typed["person"], patient or "", since, until,
        int(before) if re.fullmatch("[0-9]{1,18}", before) else None, errors,
    )  # fmt: skip


def of(clinic: Clinic, asked: Wish) -> QuerySet[Event]:
    """The clinic's events that were asked for, the newest first; none where the wish has errors."""
    found = Event.objects.filter(clinic=clinic).order_by("-id")
    if asked.errors:
        return found.none()
    if asked.person:
        found = found.filter(who=asked.person)
    if asked.patient:
        found = found.filter(patient=asked.patient)
    if asked.since:
        found = found.filter(at__gte=_midnight(asked.since))
    if asked.until:
        found = found.filter(at__lt=_midnight(asked.until + dt.timedelta(days=1)))
    return found if asked.before is None else found.filter(id__lt=asked.before)


def page(clinic: Clinic, asked: Wish) -> tuple[list[Line], int | None]:
    """One page of events in words, and the number of the event after which the next one begins."""
    rows = list(of(clinic, asked)[: PAGE + 1])
    return told(clinic, rows[:PAGE]), rows[PAGE - 1].id if len(rows) > PAGE else None


def told(clinic: Clinic, rows: list[Event]) -> list[Line]:
    """Events in words, in three queries however many they are."""
    accounts = {row.who for row in rows} | {row.about for row in rows}
    people = {user.code: str(user) for user in User.objects.filter(code__in=accounts - {""})}
    patients = dict(
        Patient.objects.filter(clinic=clinic, code__in={row.patient for row in rows} - {""}).values_list(
            "code", "label"
        )
    )
    invited = dict(
        Invitation.objects.filter(clinic=clinic, code__in={row.about for row in rows} - {""}).values_list(
            "code", "email"
        )
    )
    return [
        Line(
            row,
            people.get(row.who, GONE_PERSON) if row.who else NOBODY,
            _what(row, people.get(row.about) or invited.get(row.about, "")),
            patients.get(row.patient, GONE_PATIENT) if row.patient else "",
        )
        for row in rows
    ]


def people(clinic: Clinic, asked: Wish) -> list[tuple[str, str]]:
    """Code and name of everybody to choose from: who has a seat now, and whose events are shown."""
    seated = User.objects.filter(seats__clinic=clinic)
    found = {user.code: str(user) for user in seated.order_by("name", "email")}
    if asked.person and asked.person not in found and not asked.errors:
        once = User.objects.filter(code=asked.person, code__in=of(clinic, asked).values("who")[:1]).first()
        found[asked.person] = str(once) if once else GONE_PERSON
    return list(found.items())


def as_csv(clinic: Clinic, asked: Wish) -> Iterator[str]:
    """The events that were asked for as CSV, the newest first and some at a time. A cell is never a formula.

    It is sent while it is read: where that fails, the last line says so, for a shorter file looks like a whole one.
    """
    yield _lines([COLUMNS])
    before = asked.before
    try:
        while True:
            found = of(clinic, asked)
            rows = list((found if before is None else found.filter(id__lt=before))[:CHUNK])
            yield _lines(_cells(line) for line in told(clinic, rows))
            if len(rows) < CHUNK:
                return
            before = rows[-1].id
    except Exception:
        yield _lines([("This file broke off here. Take it again.",)])
        raise


def _cells(line: Line) -> tuple[str, ...]:
    event = line.event
    at = event.at.astimezone(dt.UTC).isoformat(timespec="seconds")
    return (
        at, line.who, event.who, event.did, line.what, line.patient, event.patient, event.about, event.where,
    )  # fmt: skip


def _lines(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([safe_cell(cell) for cell in row] for row in rows)
    return text.getvalue()


def _what(event: Event, about: str) -> str:
    """`Role changed: Sam, was Clinician, now Read only`."""
    more = [
        f"{name.replace('_', ' ')} {_word(value)}" for name, value in sorted(event.more.items(), key=_was_before_now)
    ]
    parts = ", ".join(([about] if about else []) + more)
    words = event.did[:1].upper() + event.did[1:]
    return f"{words}: {parts}" if parts else words


def _was_before_now(pair: tuple[str, Any]) -> tuple[bool, str]:
    return pair[0] == "now", pair[0]


def _word(value: Any) -> str:
    if isinstance(value, str) and value in Seat.Role.values:
        return str(Seat.Role(value).label)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _patient(typed: str, clinic: Clinic) -> str | None:
    if not typed.isprintable():
        return None
    found = Patient.objects.filter(clinic=clinic, label__iexact=typed).values_list("code", flat=True).first()
    return found or (typed if re.fullmatch(codes.PATTERN, typed) else None)


def _day(typed: str, name: str, errors: dict[str, str]) -> dt.date | None:
    try:
        day = dt.date.fromisoformat(typed) if typed else None
    except ValueError:
        day = FIRST - dt.timedelta(days=1)
    if day is not None and not FIRST <= day <= LAST:
        errors[name] = f"“{typed[:20]}” is no day. Write it as year-month-day, such as 2026-11-21."
        return None
    return day


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), tzinfo=timezone.get_default_timezone())
