"""Clinics and their seats: opening one, inviting somebody, taking a seat, changing it and ending it.

Whatever changes who is in a clinic holds the clinic's row while it does, and asks again whether it may: two who act at
once act one after the other, and the second sees what the first did.
"""

from __future__ import annotations

import re
import secrets
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.mail import send_mail
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone

from neurodash import wording
from neurodash.web.people import events, permissions
from neurodash.web.people.models import INVITED_FOR, Clinic, Invitation, Seat, User

LONGEST_NAME, LONGEST_EMAIL = 80, 254  # characters, as the columns hold
# Ours: more mails than a large clinic needs on its first day, too few to be of use to somebody who sends advertising.
MAILS_A_DAY = 50  # of one account
A_DAY_S = 86_400
ACTS = {  # what permissions.MAY says, in words
    "read": "reads all records of the clinic",
    "write": "writes in them",
    "sign": "signs plans",
    "manage": "manages the clinic: its seats, its exports and the list of what was done",
}
SPACES = re.compile(r"[ \t\r\n\u00a0]+")
ADDRESS_IN_A_NAME = re.compile(  # it would become a link in our mails
    r"//|\bwww\.|\bhttps?:|\w\.[^\W\d_]{2,}(:\d+)?[/?#]", re.IGNORECASE
)


class Refused(Exception):
    """Why nothing was changed, in a sentence for the visitor; `field` names what they can mend."""

    def __init__(self, told: str, field: str = "") -> None:
        super().__init__(told)
        self.field = field


class NotSent(Exception):
    """The invitation is kept, and its mail did not leave."""


def in_words(role: str) -> str:
    """What somebody with this role does in a clinic."""
    may = permissions.MAY[role]
    told = wording.joined([told for act, told in ACTS.items() if act in may])
    return f"{told}; plans wait for somebody who signs" if "write" in may and "sign" not in may else told


# Clinics


def open_clinic(*, name: str, by: User, request: HttpRequest | None = None) -> Clinic:
    """A new clinic with `by` as its owner. Raises Refused, or PermissionDenied without membership."""
    if not permissions.may_use(by, "patients"):
        raise PermissionDenied(f"{permissions.standing(by).why} Opening a clinic needs a membership.")
    name = _name(name)
    with transaction.atomic():
        clinic = Clinic.objects.create(name=name)
        Seat.objects.create(clinic=clinic, user=by, role=Seat.Role.OWNER)
        events.record("clinic opened", by=by, clinic=clinic, about=by.code, request=request)
    return clinic


def rename(*, clinic: Clinic, name: str, by: User, request: HttpRequest | None = None) -> None:
    """Raises Refused, PermissionDenied."""
    name = _name(name)
    with transaction.atomic():
        held = _hold(clinic, managed_by=by)
        if held.name != name:
            before, held.name = held.name, name
            held.save(update_fields=["name"])
            events.record("clinic renamed", by=by, clinic=held, request=request, was=before, now=name)


# Invitations


def invite(*, clinic: Clinic, email: str, role: str, by: User, request: HttpRequest) -> Invitation:
    """Offer a seat by mail. An address that was invited before gets a new mail, and the old link stops working.

    Call it outside a transaction: the mail leaves after the commit. Raises Refused, PermissionDenied, NotSent.
    """
    email, role = _email(email), _role(role)
    secret = secrets.token_urlsafe(24)
    with transaction.atomic(durable=True):
        held = _hold(clinic, managed_by=by)
        seated = Q(user__email=email) | Q(user__emailaddress__email=email, user__emailaddress__verified=True)
        if held.seats.filter(seated).exists():
            raise Refused(f"{email} already has a seat here. You can change its role in the table.", "email")
        if _mails_today(by) > MAILS_A_DAY:
            raise Refused(f"You have sent {MAILS_A_DAY} invitations today. Nothing was sent; go on tomorrow.")
        invitation, _ = Invitation.objects.update_or_create(
            clinic=held, email=email, taken_at=None,
            defaults={"role": role, "proof": Invitation.proof_of(secret), "by": by, "made_at": timezone.now()},
        )  # fmt: skip
        events.record("person invited", by=by, clinic=held, about=invitation.code, request=request, role=role)
    _send(invitation, secret, request)
    return invitation


def take_back(*, clinic: Clinic, code: str, by: User, request: HttpRequest | None = None) -> str:
    """End an invitation that nobody has taken; the address it went to. Raises Refused, PermissionDenied."""
    with transaction.atomic():
        held = _hold(clinic, managed_by=by)
        invitation = held.invitations.filter(code=code, taken_at=None).first()
        if invitation is None:
            raise Refused("This invitation is no longer waiting: it was taken, or taken back already.")
        invitation.delete()
        events.record("invitation taken back", by=by, clinic=held, about=code, request=request, role=invitation.role)
    return str(invitation.email)


def open_to(user: Any, proof: str = "") -> QuerySet[Invitation]:
    """The invitations that a visitor may take: the one whose link they opened (`proof` is its hash), and those sent to an
    address they have confirmed. None of a clinic in which they have a seat."""
    newest = timezone.now() - INVITED_FOR
    found = Invitation.objects.filter(taken_at=None, made_at__gt=newest).select_related("clinic", "by").order_by("id")
    if not getattr(user, "is_authenticated", False):
        return found.filter(proof=proof) if proof else found.none()
    theirs = found.filter(Q(email__in=addresses(user)) | (Q(proof=proof) if proof else Q(pk=None)))
    return theirs.exclude(clinic__seats__user=user)


def addresses(user: User) -> list[str]:
    """The addresses an account has confirmed."""
    confirmed = user.emailaddress_set.filter(verified=True)  # allauth's
    return [each.lower() for each in confirmed.values_list("email", flat=True)]


def take(
    *, code: str, by: User, proof: str = "", though_other: bool = False, request: HttpRequest | None = None
) -> Seat | None:
    """Take the seat that an invitation offers; None where it is not open to `by` (any more).

    Raises Refused where it went to an address that is not the account's, unless they said so (`though_other`).
    """
    with transaction.atomic():
        found = open_to(by, proof).filter(code=code).first()
        if found is None:
            return None
        held = _hold(found.clinic)
        invitation = open_to(by, proof).filter(code=code).first()  # somebody else may just have taken it
        if invitation is None:
            return None
        if not though_other and invitation.email not in addresses(by):
            raise Refused("Tick that you take the seat with this account, or sign in with the other one.", "other")
        invitation.taken_at = timezone.now()
        invitation.save(update_fields=["taken_at"])
        seat = Seat.objects.create(clinic=held, user=by, role=invitation.role)
        events.record("seat taken", by=by, clinic=held, about=by.code, request=request, role=seat.role)
    return seat


# Seats


def change_role(*, clinic: Clinic, person: str, role: str, by: User, request: HttpRequest | None = None) -> Seat:
    """Give another role to the seat of the account with this code. Raises Refused, PermissionDenied."""
    role = _role(role)
    with transaction.atomic():
        held = _hold(clinic, managed_by=by)
        seat = _seat(held, person)
        before, seat.role = seat.role, role
        if before == role:
            return seat
        if before == Seat.Role.OWNER:
            _leave_an_owner(held, seat)
        seat.save(update_fields=["role"])
        events.record("role changed", by=by, clinic=held, about=person, request=request, was=before, now=role)
    return seat


def end_seat(*, clinic: Clinic, person: str, by: User, request: HttpRequest | None = None) -> None:
    """Take the seat of the account with this code away: an owner somebody's, or each person their own.

    Raises Refused, PermissionDenied.
    """
    with transaction.atomic():
        leaves = person == by.code
        held = _hold(clinic, managed_by=None if leaves else by)
        seat = _seat(held, person)
        if seat.role == Seat.Role.OWNER:
            _leave_an_owner(held, seat)
        seat.delete()
        did = "seat left" if leaves else "seat ended"
        events.record(did, by=by, clinic=held, about=person, request=request, role=seat.role)


def _hold(clinic: Clinic, managed_by: User | None = None) -> Clinic:
    """The clinic's row, held until the transaction ends. Raises PermissionDenied for somebody who no longer manages it."""
    held: Clinic | None = Clinic.objects.select_for_update().filter(pk=clinic.pk).first()
    if held is None:
        raise Refused("This clinic is no longer there. Nothing was changed.")
    if managed_by is not None and not permissions.may(managed_by, "manage", held):
        raise PermissionDenied(f"You are no longer an owner of {held.name}. Nothing was changed.")
    return held


def _seat(clinic: Clinic, person: str) -> Seat:
    seat = clinic.seats.filter(user__code=person).select_related("user").first()
    if seat is None:
        raise Refused("This seat has already ended. Nothing was changed.")
    return seat


def _leave_an_owner(clinic: Clinic, seat: Seat) -> None:
    if not clinic.seats.filter(role=Seat.Role.OWNER, user__is_active=True).exclude(pk=seat.pk).exists():
        raise Refused("A clinic needs an owner, and this is the only one. Make somebody else an owner first.", "role")


# What is typed


def is_plain(name: str) -> bool:
    """Whether a name of a person or a clinic has no sign that nobody sees, and nothing that a mail would show as a link."""
    return name.isprintable() and not ADDRESS_IN_A_NAME.search(name)


def _name(typed: str) -> str:
    name = SPACES.sub(" ", typed).strip()
    if not name:
        raise Refused("Give the clinic a name.", "name")
    if len(name) > LONGEST_NAME:
        raise Refused(f"A name has at most {LONGEST_NAME} characters; this one has {len(name)}.", "name")
    if not is_plain(name):
        raise Refused("A name has letters, digits and ordinary signs, and no web address.", "name")
    return name


def _email(typed: str) -> str:
    email = typed.strip().lower()
    try:
        validate_email(email)
        if len(email) > LONGEST_EMAIL or not email.isprintable():
            raise ValidationError("too long, or signs that nobody sees")
    except ValidationError:
        raise Refused("Write one e-mail address, such as name@example.org.", "email") from None
    return email


def _role(typed: str) -> str:
    if typed not in Seat.Role.values:
        raise Refused("Choose one of the roles.", "role")
    return typed


# Mail


def _mails_today(by: User) -> int:
    """How many invitations this account sends today, with this one."""
    key = f"invitations:{by.code}:{timezone.now():%Y-%m-%d}"
    sent = int(cache.get(key, 0)) + 1
    cache.set(key, sent, A_DAY_S)
    return sent


def _send(invitation: Invitation, secret: str, request: HttpRequest) -> None:
    home = settings.CONFIG.url or request.build_absolute_uri("/")
    body = render_to_string(
        "clinic/invitation_mail.txt",
        {
            "invitation": invitation,
            "role": Seat.Role(invitation.role).label,
            "does": in_words(invitation.role),
            "until": (invitation.made_at + INVITED_FOR).date(),
            "link": f"{home.rstrip('/')}/desk/invitation/?secret={secret}",
        },
    )
    try:
        send_mail(f"An invitation to {invitation.clinic.name}", body, None, [invitation.email])
    except OSError:  # smtplib's errors are of this kind
        raise NotSent from None
