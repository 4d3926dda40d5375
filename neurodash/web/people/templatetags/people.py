"""What pages about accounts may say."""

from __future__ import annotations

from typing import Any

from django import template

from neurodash.web.people.models import Clinic, Membership, Seat, User
from neurodash.web.people.permissions import standing_of

register = template.Library()

# The first that stands in what a browser says of itself names it: most also name the ones they descend from.
BROWSERS = {
    "Edg": "Edge",
    "OPR": "Opera",
    "Firefox": "Firefox",
    "FxiOS": "Firefox",
    "Chrom": "Chrome",
    "CriOS": "Chrome",
    "Safari": "Safari",
}
SYSTEMS = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "Windows": "Windows",
    "Mac OS": "Mac",
    "CrOS": "Chromebook",
    "Linux": "Linux",
}


@register.filter
def browser(agent: str) -> str:
    """`Firefox on Windows`, from what a browser says of itself."""
    name = next((told for mark, told in BROWSERS.items() if mark in agent), "Another browser")
    system = next((told for mark, told in SYSTEMS.items() if mark in agent), "")
    return f"{name} on {system}" if system else name


@register.simple_tag
def failed_payment(user: Any) -> str:
    """What to say to somebody whose last payment failed while they are still a member, or nothing."""
    held = Membership.objects.filter(user_id=user.pk, failing_since__isnull=False).first()
    stands = standing_of(held) if held else None
    return stands.why if stands and stands.in_grace else ""


@register.simple_tag
def others_in(clinic: Clinic, owner: User) -> int | None:
    """How many others have a seat, for the only owner of a clinic; None for everybody else."""
    seats = list(Seat.objects.filter(clinic=clinic).values_list("user_id", "role", "user__is_active"))
    owners = {user for user, role, is_active in seats if role == Seat.Role.OWNER and (is_active or user == owner.pk)}
    return len(seats) - 1 if owners == {owner.pk} else None
