"""Saved protocols, patients, scores, check-ins and plans. What is about a person is sealed; what a list sorts by is not."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar

from django.db import models
from django.utils import timezone

from neurodash.web import codes
from neurodash.web.people.models import Clinic, User
from neurodash.web.sealed import Sealed

SILENT_AFTER = dt.timedelta(days=14)  # without a check-in, with a plan running. Expert judgement
AMBERS = 3  # in 14 days ask for a review (planning.md)


class OfAClinic(models.QuerySet[Any]):
    """Rows fetched through the visitor's eyes."""

    def visible_to(self, user: Any) -> Any:
        """Those of the clinics in which `user` has a seat; none for an anonymous visitor."""
        return self.filter(clinic__seats__user=user) if getattr(user, "is_authenticated", False) else self.none()


class Patient(models.Model):
    """A person by the code the clinic gave them; never a name."""

    code = models.CharField(max_length=16, unique=True, default=codes.new, editable=False)
    clinic = models.ForeignKey(Clinic, models.CASCADE, related_name="patients")
    label = models.CharField(max_length=32)  # the clinic's own code, such as P-014
    profile = Sealed(default=dict)  # as the planner reads it, without what was measured
    notes = Sealed(default=str)
    edition = models.PositiveIntegerField(default=1)  # rises with every change of profile or notes
    made_at = models.DateTimeField(default=timezone.now, editable=False)
    ended_on = models.DateField(null=True, blank=True)
    # What the list shows at a glance
    seen_on = models.DateField(null=True, blank=True)  # the last check-in
    red_on = models.DateField(null=True, blank=True)  # the last red one that nobody has looked at
    ambers = models.PositiveSmallIntegerField(default=0)  # in the 14 days up to the last check-in
    silent_on = models.DateField(null=True, blank=True)  # when silence is to be asked about
    retest_on = models.DateField(null=True, blank=True)  # the next test of the plan
    look_on = models.DateField(null=True, blank=True)  # the first day on which any of these asks for a look

    objects = OfAClinic.as_manager()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["clinic", "label"], name="one_label_in_a_clinic")]
        indexes: ClassVar = [
            models.Index(fields=["clinic", "ended_on", "look_on", "label"], name="patients_by_look"),
            models.Index(fields=["clinic", "ended_on", "label"], name="patients_by_label"),
        ]

    def look(self) -> None:
        """Work out anew when this person asks for a look."""
        ambers = self.seen_on if self.ambers >= AMBERS else None
        days = [day for day in (self.red_on, ambers, self.silent_on, self.retest_on) if day]
        self.look_on = min(days, default=None) if self.ended_on is None else None

    def asks(self, today: dt.date) -> tuple[str, ...]:
        """Why this person asks for a look today, the most urgent first: red, ambers, silent, retest."""
        if self.ended_on is not None:
            return ()
        return tuple(
            name
            for name, holds in (
                ("red", self.red_on is not None),
                ("ambers", self.ambers >= AMBERS),
                ("silent", self.silent_on is not None and self.silent_on <= today),
                ("retest", self.retest_on is not None and self.retest_on <= today),
            )
            if holds
        )


class Score(models.Model):
    """One value of an instrument, or of a part of it, taken on a day."""

    code = models.CharField(max_length=16, unique=True, default=codes.new, editable=False)
    clinic = models.ForeignKey(Clinic, models.CASCADE, related_name="+")
    patient = models.ForeignKey(Patient, models.CASCADE, related_name="scores")
    instrument = models.CharField(max_length=40)
    part = models.CharField(max_length=60, blank=True)
    on = models.DateField()
    value = Sealed()  # a number, or a grade such as 3+
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(default=timezone.now, editable=False)

    objects = OfAClinic.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["patient", "instrument", "part", "on"], name="one_score_a_day")
        ]


class CheckIn(models.Model):
    """How a person was on a day, and what became of the session."""

    class Tier(models.TextChoices):
        GREEN = "green", "green"
        AMBER = "amber", "amber"
        RED = "red", "red"

    clinic = models.ForeignKey(Clinic, models.CASCADE, related_name="+")
    patient = models.ForeignKey(Patient, models.CASCADE, related_name="checkins")
    key = models.CharField(max_length=40)  # the same entry twice changes nothing
    on = models.DateField()
    tier = models.CharField(max_length=5, choices=Tier)
    told = Sealed(default=dict)
    at = models.DateTimeField(default=timezone.now, editable=False)

    objects = OfAClinic.as_manager()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["patient", "key"], name="one_entry_a_key")]
        indexes: ClassVar = [models.Index(fields=["patient", "-on"], name="checkins_of_a_patient")]


class SavedProtocol(models.Model):
    """A brief's protocol as a clinician adapted it. Not about a person."""

    code = models.CharField(max_length=16, unique=True, default=codes.new, editable=False)
    clinic = models.ForeignKey(Clinic, models.CASCADE, related_name="protocols")
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    name = models.CharField(max_length=120)
    brief = models.CharField(max_length=100)  # slug
    document = models.JSONField()  # as it is used now
    source = models.JSONField()  # the brief's own when it was saved, to tell what changed since
    library = models.CharField(max_length=64)
    shared = models.BooleanField(default=False)  # with the clinic; else only `by` sees it
    edition = models.PositiveIntegerField(default=1)
    made_at = models.DateTimeField(default=timezone.now, editable=False)
    changed_at = models.DateTimeField(default=timezone.now)

    class Eyes(OfAClinic):
        def visible_to(self, user: Any) -> Any:
            return super().visible_to(user).filter(models.Q(shared=True) | models.Q(by=user))

    objects = Eyes.as_manager()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["clinic", "name"], name="protocols_by_name")]


class Plan(models.Model):
    """A plan that is kept. What it says stands in its versions, none of which is ever changed."""

    class State(models.TextChoices):
        DRAFT = "draft", "draft"
        RUNNING = "running", "running"
        PAUSED = "paused", "paused"
        ENDED = "ended", "ended"

    code = models.CharField(max_length=16, unique=True, default=codes.new, editable=False)
    clinic = models.ForeignKey(Clinic, models.CASCADE, related_name="+")
    patient = models.ForeignKey(Patient, models.CASCADE, related_name="plans")
    protocol = models.ForeignKey(SavedProtocol, models.SET_NULL, null=True, blank=True, related_name="+")
    state = models.CharField(max_length=8, choices=State, default=State.DRAFT)
    starts_on = models.DateField()
    weeks = models.PositiveSmallIntegerField()
    latest = models.PositiveIntegerField(default=1)  # number of the newest version
    signed = models.PositiveIntegerField(null=True, blank=True)  # number of the version that holds: the last signed one
    waits_for_signature = models.BooleanField(default=False)  # a student has asked for it
    paused_on = models.DateField(null=True, blank=True)
    resumes_on = models.DateField(null=True, blank=True)  # the first day of the weeks after the last pause
    ended_on = models.DateField(null=True, blank=True)
    made_at = models.DateTimeField(default=timezone.now, editable=False)

    class Eyes(OfAClinic):
        def waiting(self, clinic: Clinic) -> Any:
            """Those of a clinic that somebody has asked a signature for."""
            return self.filter(clinic=clinic, waits_for_signature=True).exclude(state=Plan.State.ENDED)

    objects = Eyes.as_manager()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["patient", "-id"], name="plans_of_a_patient"),
            models.Index(fields=["clinic"], name="plans_that_wait", condition=models.Q(waits_for_signature=True)),
        ]


class PlanVersion(models.Model):
    """A plan as it was at one moment: `document` holds format, profile and plan."""

    plan = models.ForeignKey(Plan, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    document = Sealed()
    why = Sealed(default=str)
    library = models.CharField(max_length=64)
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["plan", "number"], name="one_version_a_number")]

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise ValueError("a version of a plan is never changed: make a new one")
        super().save(*args, **kwargs)


class Signature(models.Model):
    """Who signed which version, with its green, amber and red amounts. Never changed."""

    version = models.OneToOneField(PlanVersion, models.CASCADE, related_name="signature")
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    name = models.CharField(max_length=80)
    at = models.DateTimeField(default=timezone.now, editable=False)

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise ValueError("a signature is never changed")
        super().save(*args, **kwargs)
