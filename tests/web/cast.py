"""Who comes to the site in the tests: a named cast with seats in two clinics.

In a test, `cast` makes them in its database. As a program, `python -m tests.web.cast` makes them in the record of
NEURODASH_DATA (or DATABASE_URL), for a server that a browser visits.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from tests import postgres

if TYPE_CHECKING:
    from neurodash.web.people.models import Clinic, User

PASSWORD = "seven quiet herons"  # noqa: S105  of people who do not exist
LAKESIDE, HARBOUR = "Lakeside Neuro", "Harbour Practice"
# name -> (has a membership, role at Lakeside, role at Harbour)
PEOPLE: dict[str, tuple[bool, str, str]] = {
    "reader": (False, "", ""),
    "member": (True, "", ""),
    "owner": (True, "owner", ""),
    "clinician": (True, "clinician", ""),
    "lapsed": (False, "clinician", ""),
    "student": (False, "student", ""),
    "onlooker": (False, "reader", ""),
    "stranger": (True, "", "owner"),  # a clinician of another clinic
    "editor": (False, "", ""),
    "administrator": (False, "", ""),
}


def address(name: str) -> str:
    return f"{name}@example.org"


@dataclass(frozen=True)
class Cast:
    """Everybody by name, and the two clinics."""

    people: dict[str, User]
    lakeside: Clinic
    harbour: Clinic

    def __getitem__(self, name: str) -> User:
        return self.people[name]


@cache
def _hashed() -> str:
    """Once a process: it is meant to take its time."""
    from django.contrib.auth.hashers import make_password

    return make_password(PASSWORD)


def make() -> Cast:
    """The cast in the database of this process."""
    from allauth.account.models import EmailAddress

    from neurodash.web.people.models import Clinic, Membership, Seat, User

    lakeside, harbour = Clinic.objects.create(name=LAKESIDE), Clinic.objects.create(name=HARBOUR)
    password, people = _hashed(), {}
    for name, (is_member, at_lakeside, at_harbour) in PEOPLE.items():
        user = people[name] = User.objects.create(
            email=address(name), name=name.capitalize(), password=password,
            is_editor=name == "editor", is_administrator=name == "administrator",
        )  # fmt: skip
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
        if is_member:
            Membership.objects.create(user=user)
        for clinic, role in ((lakeside, at_lakeside), (harbour, at_harbour)):
            if role:
                Seat.objects.create(clinic=clinic, user=user, role=role)
    return Cast(people, lakeside, harbour)


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "neurodash.web.settings"
    if "NEURODASH_DATA" in os.environ:
        os.environ |= postgres.own(os.environ["NEURODASH_DATA"])
    import django

    django.setup()
    from neurodash.web import record

    record.migrate()
    made = make()
    print(made.lakeside.code, made.harbour.code)
