"""A clinic's whole record as one zip that anybody can read: a page and JSON for each patient, tables, protocols, seats.

It is written while it is sent, patient by patient, so that it needs no room of its own however large the clinic is.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from django.template.loader import render_to_string

from neurodash import wording
from neurodash.errors import DataError
from neurodash.library import Library
from neurodash.planning.plan import Plan as PlanShape
from neurodash.planning.plan import read_plan
from neurodash.web.clinic import patient_forms, patient_list, scores
from neurodash.web.clinic.models import CheckIn, Patient, Plan, PlanVersion, SavedProtocol, Score
from neurodash.web.people.models import Clinic, Seat
from neurodash.web.reading.pages import safe_cell
from neurodash.web.shelf import shelf

CHUNK = 2_000  # rows of a table at once
READ_ME = """The record of {clinic}, taken away on {today}.

patients.csv      one line a patient: code, since when, care ended, last check-in
scores.csv        every value of every instrument, one a line
check-ins.csv     every check-in, one a line
patients/         for each code record.html (open it in a browser) and record.json (everything, for programs)
protocols/        the clinic's saved protocols, as JSON
seats.csv         who has a seat in the clinic

Plans are here in their newest version and in the one that was signed last.
What is in these files is about people's health. Keep them where only those may read them who treat these people.
"""


class _Sink:
    """What the archive has written and nobody has sent yet."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self.parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing waits anywhere else."""

    def take(self) -> bytes:
        found, self.parts = b"".join(self.parts), []
        return found


def archive(clinic: Clinic, today: dt.date) -> Iterator[bytes]:
    """The zip, piece by piece. Everything of the clinic is in it, protocols that their author has not shared too."""
    library, sink = shelf().current(), _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as made:  # type: ignore[call-overload]

        def put(name: str, text: str) -> None:
            made.writestr(_info(name, today), text.encode())

        put("READ ME.txt", READ_ME.format(clinic=clinic.name, today=wording.date(today)))
        patients = Patient.objects.filter(clinic=clinic).order_by("label")
        for patient in patients.iterator(CHUNK):
            data = _patient(patient)
            put(f"patients/{patient.label}/record.json", _json(data))
            put(f"patients/{patient.label}/record.html", _html(patient, data, today, library))
            yield sink.take()
        for protocol in SavedProtocol.objects.filter(clinic=clinic).select_related("by").order_by("id"):
            put(f"protocols/{protocol.code}.json", _json(_protocol(protocol)))
        for name, head, rows in _tables(clinic):
            with made.open(_info(name, today), "w", force_zip64=True) as file:
                for lines in _csv(head, rows):
                    file.write(lines)
                    yield sink.take()
    yield sink.take()


def _info(name: str, today: dt.date) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, (today.year, today.month, today.day, 0, 0, 0))
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o600 << 16
    return info


def _json(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, indent=1, default=str) + "\n"


def _patient(patient: Patient) -> dict[str, Any]:
    """Everything about one person, as data."""
    own: Any = patient.scores.select_related("by").order_by("on", "id")
    return {
        "code": patient.label, "since": patient.made_at, "care_ended": patient.ended_on, "profile": patient.profile,
        "notes": patient.notes,
        "scores": [
            {"instrument": each.instrument, "part": each.part, "on": each.on, "value": each.value, "by": _name(each.by)}
            for each in own
        ],
        "check_ins": [
            {"on": each.on, "tier": each.tier, "told": each.told, "at": each.at}
            for each in patient.checkins.order_by("on", "id")
        ],
        "plans": [_plan(plan) for plan in patient.plans.order_by("id")],
    }  # fmt: skip


def _plan(plan: Plan) -> dict[str, Any]:
    wanted = {plan.latest, plan.signed}
    versions = PlanVersion.objects.filter(plan=plan, number__in=wanted - {None}).select_related("by", "signature")
    return {
        "code": plan.code, "state": plan.state, "starts_on": plan.starts_on, "weeks": plan.weeks,
        "versions": [
            {
                "number": each.number, "newest": each.number == plan.latest, "by": _name(each.by), "at": each.at,
                "why": each.why, "library": each.library, "signed": _signed(each), "document": each.document,
            }
            for each in versions.order_by("number")
        ],
    }  # fmt: skip


def _signed(version: PlanVersion) -> dict[str, Any] | None:
    signature = getattr(version, "signature", None)
    return {"name": signature.name, "at": signature.at} if signature else None


def _name(user: Any) -> str:
    return str(user) if user else ""


def _protocol(protocol: SavedProtocol) -> dict[str, Any]:
    return {
        "name": protocol.name, "brief": protocol.brief, "by": _name(protocol.by), "shared": protocol.shared,
        "changed_at": protocol.changed_at, "library": protocol.library, "document": protocol.document,
        "source": protocol.source,
    }  # fmt: skip


def _html(patient: Patient, data: dict[str, Any], today: dt.date, library: Library) -> str:
    plans = []
    for plan, kept in zip(patient.plans.order_by("id"), data["plans"], strict=True):
        versions = [(each, _readable(each["document"])) for each in kept["versions"]]
        plans.append((patient_list.where_it_stands(plan, today), plan, versions))
    return render_to_string(
        "clinic/record_patient.html",
        {
            "patient": patient, "today": today, "told": patient_forms.in_words(patient.profile, library), "plans": plans,
            "courses": scores.courses(patient, library), "checkins": data["check_ins"],
        },
    )  # fmt: skip


def _readable(document: Any) -> Sequence[tuple[str, Sequence[str]]]:
    """The weeks of a version, each with its sessions in one line; empty where the file no longer reads as a plan."""
    try:
        plan: PlanShape = read_plan(json.dumps(document["plan"]), "plan")
    except (DataError, KeyError, TypeError):
        return ()
    return [
        (
            f"Week {week.number}",
            [f"{wording.date(each.date)}: {'; '.join(f'{item.name}, {item.amount}' for item in each.items)}" for each in week.sessions],
        )
        for week in plan.weeks
    ]  # fmt: skip


Table = tuple[str, Sequence[str], Callable[[], Iterable[Sequence[Any]]]]


def _tables(clinic: Clinic) -> Iterator[Table]:
    patients: Any = Patient.objects.filter(clinic=clinic).order_by("label")
    columns = ("label", "made_at", "ended_on", "seen_on")
    yield (
        "patients.csv",
        ("code", "since", "care_ended", "last_check_in"),
        lambda: patients.values_list(*columns).iterator(CHUNK),
    )
    own: Any = Score.objects.filter(clinic=clinic).order_by("patient__label", "on", "id")
    taken = ("patient__label", "instrument", "part", "on", "value", "by__name")
    yield (
        "scores.csv",
        ("code", "instrument", "part", "on", "value", "by"),
        lambda: own.values_list(*taken).iterator(CHUNK),
    )
    told: Any = CheckIn.objects.filter(clinic=clinic).order_by("patient__label", "on", "id")
    yield (
        "check-ins.csv",
        ("code", "on", "tier", "told", "at"),
        lambda: (
            (each.patient.label, each.on, each.tier, json.dumps(each.told, ensure_ascii=False), each.at)
            for each in told.select_related("patient").defer("patient__profile", "patient__notes").iterator(CHUNK)
        ),
    )
    seats: Any = Seat.objects.filter(clinic=clinic).order_by("id")
    yield (
        "seats.csv",
        ("name", "e-mail", "role", "since"),
        lambda: seats.values_list("user__name", "user__email", "role", "since"),
    )


def _csv(head: Sequence[str], rows: Callable[[], Iterable[Sequence[Any]]]) -> Iterator[bytes]:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(head)
    for number, row in enumerate(rows(), start=1):
        writer.writerow([safe_cell(cell) for cell in row])
        if number % CHUNK == 0:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()
