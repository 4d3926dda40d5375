"""What a person takes with them, and what goes when their account goes."""

from __future__ import annotations

import csv
import io
import json
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.mail import send_mail
from django.db import transaction
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone

from neurodash.web.people import administration, events
from neurodash.web.people.adapter import public
from neurodash.web.people.models import Clinic, Event, Seat, User
from neurodash.web.people.permissions import standing

# What other rooms keep that is a person's own. Each adds its files, by name, to what the person takes away.
PARTS: list[Callable[[User], Mapping[str, bytes]]] = []
# What other rooms do with it before the account goes, in the same transaction.
FAREWELLS: list[Callable[[User], None]] = []

KINDS = {"totp": "authenticator app", "webauthn": "passkey or security key", "recovery_codes": "recovery codes"}
IN_MEMORY = 2 * 2**20  # bytes of a zip; a larger one waits on disk while it is sent


class InTheWay(Exception):
    """An account that cannot be deleted as it is. Nothing was changed."""


@dataclass(frozen=True)
class Going:
    """What deleting an account would do.

    alone: clinics nobody else has a seat in; they go with their patients · needed: clinics others use and nobody else owns ·
    shared: the clinics that stay · renews: whether a membership would still be charged · last: whether this site would have
    no administrator
    """

    alone: tuple[Clinic, ...]
    needed: tuple[Clinic, ...]
    shared: tuple[Clinic, ...]
    renews: bool
    last: bool

    @property
    def may_go(self) -> bool:
        return not self.needed and not self.renews and not self.last


def going(user: User) -> Going:
    """What deleting the account of `user` would do now."""
    alone, needed, shared = [], [], []
    for seat in Seat.objects.filter(user=user).select_related("clinic").order_by("clinic__name"):
        others = Seat.objects.filter(clinic=seat.clinic).exclude(user=user)
        if not others.exists():
            alone.append(seat.clinic)
            continue
        shared.append(seat.clinic)
        if seat.role == Seat.Role.OWNER and not others.filter(role=Seat.Role.OWNER).exists():
            needed.append(seat.clinic)
    membership = getattr(user, "membership", None)
    renews = bool(membership and membership.renews)
    return Going(tuple(alone), tuple(needed), tuple(shared), renews, administration.is_last(user))


def delete_account(*, user: User, by: User, agreed: frozenset[str], request: HttpRequest | None = None) -> None:
    """Delete `user`, their sessions, and the clinics only they are in; all of it or nothing.

    `agreed`: codes of the clinics whose deletion was agreed to. Raises InTheWay where a clinic would be left without an
    owner or the site without an administrator, a membership would go on being charged, or a clinic would go that nobody agreed to.
    """
    with transaction.atomic():
        user = administration.locked(user)
        # whoever takes or gives up a seat of these clinics waits until this is done
        list(Clinic.objects.select_for_update(of=("self",)).filter(seats__user=user))
        found = going(user)
        if not found.may_go:
            raise InTheWay("somebody else needs this account first")
        if {clinic.code for clinic in found.alone} - agreed:
            raise InTheWay("a clinic would go that was not named")
        for farewell in FAREWELLS:
            farewell(user)
        for clinic in found.alone:
            events.record("clinic deleted", by=by, clinic=clinic, request=request)
            clinic.delete()
        for shared in found.shared or (None,):
            events.record("account deleted", by=by, clinic=shared, about=user.code, request=request)
        keys = UserSession.objects.filter(user=user).values_list("session_key", flat=True)
        Session.objects.filter(session_key__in=list(keys)).delete()
        email = user.email
        user.delete()
        told = {"here": public("/", request)}
        transaction.on_commit(lambda: _say_goodbye(email, told))


def _say_goodbye(email: str, told: Mapping[str, str]) -> None:
    subject, body = (
        render_to_string(f"account/email/account_deleted_{each}.txt", told) for each in ("subject", "message")
    )
    send_mail(subject.strip(), body.strip(), None, [email])


def take_away(user: User) -> IO[bytes]:
    """Everything kept about `user`'s account as one zip, open at its beginning. The records of patients are not in it."""
    told = about(user)
    file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115  the response closes it
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", render_to_string("people/export_readme.txt", told))
        archive.writestr("account.html", render_to_string("people/export_account.html", told))
        archive.writestr("account.json", json.dumps(told, ensure_ascii=False, indent=2, default=str) + "\n")
        archive.writestr("events.csv", "".join(_events(user)))
        for part in PARTS:
            for name, data in part(user).items():
                archive.writestr(name, data)
    file.seek(0)
    return file


def about(user: User) -> dict[str, Any]:
    """What is kept about an account, as JSON can say it: times in UTC, no secrets."""
    stands = standing(user)
    membership = getattr(user, "membership", None)
    return {
        "made": _at(timezone.now()),
        "account": {
            "code": user.code, "name": user.name, "email": user.email, "joined": _at(user.joined),
            "last_signed_in": _at(user.last_login), "editor": user.is_editor, "administrator": user.is_administrator,
        },
        "addresses": [
            {"email": each.email, "confirmed": each.verified, "in_use": each.primary}
            for each in EmailAddress.objects.filter(user=user).order_by("email")
        ],
        "membership": {
            "member": stands.is_member, "until": _at(stands.until), "why": stands.why,
            "source": membership.get_source_display() if membership else None,
            "renews": membership.renews if membership else False,
        },
        "clinics": [
            {"code": seat.clinic.code, "name": seat.clinic.name, "role": seat.get_role_display(), "since": _at(seat.since)}
            for seat in user.seats.select_related("clinic").order_by("clinic__name")
        ],
        "second_factors": [
            {
                "kind": KINDS.get(each.type, each.type), "added": _at(each.created_at), "last_used": _at(each.last_used_at),
                "name": each.wrap().name if each.type == Authenticator.Type.WEBAUTHN else "",
            }
            for each in Authenticator.objects.filter(user=user).order_by("pk")
        ],
        "sessions": [
            {"started": _at(each.created_at), "address": each.ip, "browser": each.user_agent}
            for each in UserSession.objects.purge_and_list(user)
        ],
    }  # fmt: skip


def _events(user: User) -> Iterator[str]:
    """What the person did, one row an event, as CSV: no word of it begins like a formula of a spreadsheet."""
    row = io.StringIO()
    writer = csv.writer(row)
    writer.writerow(("at", "did", "clinic", "from"))
    for at, did, clinic, where in (
        Event.objects.filter(who=user.code).order_by("pk").values_list("at", "did", "clinic__name", "where").iterator()
    ):
        writer.writerow([_plain(each) for each in (_at(at), did, clinic, where)])
        yield row.getvalue()
        row.seek(0)
        row.truncate()
    yield row.getvalue()


def _plain(cell: str | None) -> str:
    text = cell or ""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _at(moment: Any) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
