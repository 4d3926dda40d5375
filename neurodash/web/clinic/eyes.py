"""What a visitor may see of the record, and that they saw it.

Every view below /desk/ fetches through here: what belongs to another clinic is not there (404) for every method, what a
role or an ended membership does not allow is said (403), and whatever shows or changes a patient leaves an event.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest

from neurodash.web import codes
from neurodash.web.clinic.models import Patient, Plan, SavedProtocol
from neurodash.web.people import events, permissions
from neurodash.web.people.models import Clinic

Row = TypeVar("Row")


def clinic(request: HttpRequest, code: str, may: str = "read") -> Clinic:
    """A clinic of the visitor's. Raises Http404, or PermissionDenied with what is missing."""
    known = re.fullmatch(codes.PATTERN, code)  # a code may come from a form, and no database takes every letter
    found = Clinic.objects.filter(code=code, seats__user=request.user).first() if known else None
    if found is None:
        raise Http404
    allow(request, may, found)
    return found


def patient(request: HttpRequest, code: str, may: str = "read", did: str = "patient seen") -> Patient:
    """A patient of one of the visitor's clinics; `did` is what the event says. Raises Http404, PermissionDenied."""
    found: Patient = _one(Patient.objects.visible_to(request.user).select_related("clinic"), code)
    allow(request, may, found.clinic)
    if did:
        events.record(did, by=request.user, clinic=found.clinic, patient=found.code, request=request)
    return found


def plan(request: HttpRequest, code: str, may: str = "read", did: str = "plan seen") -> Plan:
    """A plan of a patient of one of the visitor's clinics. Raises Http404, PermissionDenied."""
    found: Plan = _one(Plan.objects.visible_to(request.user).select_related("clinic", "patient", "protocol"), code)
    allow(request, may, found.clinic)
    if did:
        patient_code = found.patient.code
        events.record(
            did, by=request.user, clinic=found.clinic, patient=patient_code, about=found.code, request=request
        )
    return found


def protocol(request: HttpRequest, code: str, may: str = "read") -> SavedProtocol:
    """A saved protocol that the visitor sees. Raises Http404, PermissionDenied."""
    found: SavedProtocol = _one(SavedProtocol.objects.visible_to(request.user).select_related("clinic", "by"), code)
    allow(request, may, found.clinic)
    return found


def allow(request: HttpRequest, may: str, where: Clinic) -> None:
    """Raise PermissionDenied with a sentence for the visitor unless they may."""
    if permissions.may(request.user, may, where):
        return
    seat = permissions.seat_of(request.user, where)
    if seat is not None and may in permissions.MAY[seat.role]:
        raise PermissionDenied(
            f"{permissions.standing(request.user).why} What is there stays readable and yours to take."
        )
    raise PermissionDenied(f"Your seat in {where.name} does not allow this: {permissions.NEEDS[may]}.")


def _one(rows: QuerySet[Any], code: str) -> Any:
    found = rows.filter(code=code).first()
    if found is None:
        raise Http404
    return found
