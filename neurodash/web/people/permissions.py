"""Every question of who may do what, in one place: seats, roles and membership."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils import timezone

from neurodash.web.people.models import Clinic, Membership, Seat, User
from neurodash.wording import date as day

GRACE = dt.timedelta(days=14)  # that a refused card changes nothing
# What each role may do with the record of its clinic.
MAY: Mapping[str, frozenset[str]] = {  # by Seat.Role
    "owner": frozenset({"read", "write", "sign", "manage"}),
    "clinician": frozenset({"read", "write", "sign"}),
    "student": frozenset({"read", "write"}),  # what a student made is signed by somebody who may
    "reader": frozenset({"read"}),
}
NEEDS = {  # who may, in words for somebody who may not
    "read": "somebody with a seat may",
    "write": "an owner, a clinician or a student may",
    "sign": "an owner or a clinician may",
    "manage": "an owner may",
}
# What membership opens. Reading the briefs, the evidence and the exercises, and making a plan that nobody keeps, is free.
FEATURES = {
    "deep-dive": "The deep dive of each brief",
    "protocols": "Saved protocols, adapted and shared in your clinic",
    "patients": "Patients by code, their scores over time and their plans, with every version kept",
    "pdf": "PDFs of briefs, of protocols and of the plans you keep",
}
NEEDS_MEMBERSHIP = frozenset({"write", "sign"})  # reading and taking away what is one's own never does


@dataclass(frozen=True)
class Standing:
    """How a person stands with their membership today. `until`: the last moment of it as things are, none: without end."""

    is_member: bool
    until: dt.datetime | None = None
    in_grace: bool = False
    why: str = ""


def standing(user: Any) -> Standing:
    """Whether `user` is a member now, and why or why not. Anonymous visitors and closed accounts never are."""
    if not getattr(user, "is_authenticated", False):
        return Standing(False, why="Sign in first.")
    if not user.is_active:
        return Standing(False, why="This account is closed.")
    if settings.CONFIG.membership == "everyone":
        return Standing(True, why="Everyone who signs in here is a member.")
    return standing_of(Membership.objects.filter(user=user).first())


def standing_of(membership: Membership | None) -> Standing:
    """What a membership gives now to whoever has it, whatever else the site allows."""
    if membership is None:
        return Standing(False, why="You have no membership yet.")
    now, until = timezone.now(), membership.until
    if membership.failing_since is not None:
        grace = membership.failing_since + GRACE
        if now < grace:
            return Standing(True, grace, True, f"The last payment failed. You keep everything until {day(grace)}.")
        return Standing(False, grace, why="The last payment failed, and the time to mend it is over.")
    if until is None or now < until:
        return Standing(True, until)
    # It renews, and the service has not told us yet: what is late is a message, not the person.
    if membership.renews and now < until + GRACE:
        grace = until + GRACE
        return Standing(True, grace, True, f"Your renewal is being confirmed. You keep everything until {day(grace)}.")
    return Standing(False, until, why=f"Your membership ended on {day(until)}.")


def may_use(user: Any, feature: str) -> bool:
    """Whether a members' feature is open to this visitor. Raises KeyError for a feature nobody knows."""
    FEATURES[feature]
    return standing(user).is_member


def seat_of(user: User, clinic: Clinic) -> Seat | None:
    return Seat.objects.filter(user=user, clinic=clinic).first()


def may(user: Any, what: str, clinic: Clinic) -> bool:
    """Whether this visitor may `read`, `write`, `sign` or `manage` in a clinic. Raises KeyError for anything else."""
    NEEDS[what]
    if not getattr(user, "is_authenticated", False) or not user.is_active:
        return False
    seat = seat_of(user, clinic)
    if seat is None or what not in MAY[seat.role]:
        return False
    free = seat.role in ("student", "reader")  # their clinic's members answer for them
    return what not in NEEDS_MEMBERSHIP or free or standing(user).is_member
