"""What was done, written down where nobody can change it."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import get_adapter
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from neurodash.web.people.models import Clinic, Event


def record(
    did: str, *, by: Any = None, clinic: Clinic | None = None, patient: str = "", about: str = "",
    request: HttpRequest | None = None, where: str = "", **more: Any,
) -> Event:  # fmt: skip
    """Add an event; call it inside the transaction of what it tells about. `more` never says anything about health."""
    return Event.objects.create(
        did=did, who=getattr(by, "code", "") or "", clinic=clinic, patient=patient, about=about,
        where=where or (address(request) if request is not None else ""), more=more,
    )  # fmt: skip


def address(request: HttpRequest) -> str:
    """The address a request came from, past our own proxies; empty where it cannot be told."""
    try:
        return str(get_adapter(request).get_client_ip(request))
    except PermissionDenied:
        return ""
