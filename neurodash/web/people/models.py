"""Accounts, clinics, seats, membership, and the events nobody can change."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.utils import timezone

from neurodash.web import codes
from neurodash.web.sealed import Sealed

INVITED_FOR = dt.timedelta(days=14)


class Users(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **more: Any) -> User:
        user: User = self.model(email=email.strip().lower(), **more)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, email: str | None) -> User:
        return self.get(email=(email or "").strip().lower())


class User(AbstractBaseUser):
    """Somebody who signs in, by e-mail. An editor sees what the library needs; an administrator grants membership."""

    code = models.CharField(max_length=16, unique=True, default=codes.new, editable=False)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=80, blank=True)  # as it stands under a plan that was signed
    is_active = models.BooleanField(default=True)
    is_editor = models.BooleanField(default=False)
    is_administrator = models.BooleanField(default=False)
    joined = models.DateTimeField(default=timezone.now, editable=False)

    objects = Users()
    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    def __str__(self) -> str:
        return self.name or self.email

    def clean(self) -> None:
        self.email = self.email.strip().lower()


class Membership(models.Model):
    """What opens the members' pages to one person: granted, or paid for."""

    class Source(models.TextChoices):
        GRANTED = "granted", "granted"
        STRIPE = "stripe", "paid"

    user = models.OneToOneField(User, models.CASCADE, related_name="membership")
    source = models.CharField(max_length=10, choices=Source, default=Source.GRANTED)
    until = models.DateTimeField(null=True, blank=True)  # the last moment paid or granted for; none: without end
    renews = models.BooleanField(default=False)
    failing_since = models.DateTimeField(null=True, blank=True)  # the card is refused, and the service tries again
    customer = models.CharField(max_length=64, blank=True, db_index=True)  # of the payment service
    subscription = models.CharField(max_length=64, blank=True, db_index=True)
    told_at = models.DateTimeField(null=True, blank=True)  # by the newest message of the service that was believed


class Paid(models.Model):
    """A message of the payment service that was taken: the same one twice changes nothing."""

    id = models.CharField(primary_key=True, max_length=80)
    kind = models.CharField(max_length=80)
    created = models.DateTimeField()
    taken_at = models.DateTimeField(default=timezone.now)


class Clinic(models.Model):
    """Some people who treat the same patients. Everything they write belongs to it."""

    code = models.CharField(max_length=16, unique=True, default=codes.new, editable=False)
    name = models.CharField(max_length=80)
    made_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return self.name


class Seat(models.Model):
    """A person in a clinic, and what they may do there."""

    class Role(models.TextChoices):
        OWNER = "owner", "Owner"
        CLINICIAN = "clinician", "Clinician"
        STUDENT = "student", "Student"
        READER = "reader", "Read only"

    clinic = models.ForeignKey(Clinic, models.CASCADE, related_name="seats")
    user = models.ForeignKey(User, models.CASCADE, related_name="seats")
    role = models.CharField(max_length=10, choices=Role)
    since = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["clinic", "user"], name="one_seat_in_a_clinic")]


class Invitation(models.Model):
    """A seat offered by e-mail. Only the hash of what stands in the mail is kept."""

    code = models.CharField(max_length=16, unique=True, default=codes.new, editable=False)
    clinic = models.ForeignKey(Clinic, models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=10, choices=Seat.Role)
    proof = models.CharField(max_length=64, unique=True)
    by = models.ForeignKey(User, models.SET_NULL, null=True)
    made_at = models.DateTimeField(default=timezone.now, editable=False)
    taken_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["clinic", "email"], condition=models.Q(taken_at=None), name="one_open_invitation"
            )
        ]

    @staticmethod
    def proof_of(secret: str) -> str:
        return hashlib.sha256(secret.encode()).hexdigest()

    @property
    def is_open(self) -> bool:
        return self.taken_at is None and timezone.now() < self.made_at + INVITED_FOR


class Secret(models.Model):
    """What a second factor is worked out from, sealed. The factor's own row holds its code."""

    code = models.CharField(max_length=16, unique=True, default=codes.new, editable=False)
    value = Sealed()


class Event(models.Model):
    """Who did what, with whose record, when and from where. Rows are only ever added: the database refuses anything else
    (migration 0002). Names no person: codes, which an owner's page resolves while the account exists."""

    at = models.DateTimeField(default=timezone.now, editable=False)
    clinic = models.ForeignKey(Clinic, models.DO_NOTHING, db_constraint=False, null=True, related_name="events")
    who = models.CharField(max_length=16, blank=True)  # code of the account
    did = models.CharField(max_length=40)
    patient = models.CharField(max_length=16, blank=True)  # code
    about = models.CharField(max_length=16, blank=True)  # code of the plan, protocol, seat
    where = models.CharField(max_length=45, blank=True)  # address it came from
    more = models.JSONField(default=dict, blank=True)  # never anything about a person's health

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["clinic", "-id"], name="events_of_a_clinic"),
            models.Index(fields=["patient", "-id"], name="events_of_a_patient"),
            models.Index(fields=["clinic", "who", "-id"], name="events_of_a_person"),
            models.Index(fields=["clinic", "at"], name="events_of_a_day"),
        ]
