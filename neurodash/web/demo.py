"""A made-up clinic to look at: `neurodash serve --demo`, on this machine alone.

Three patients who do not exist, in different weeks of different plans, made by the same actions that a clinician's clicks
call; and somebody of each kind to sign in as, by links that work once.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from allauth.account.internal.flows.login import record_authentication
from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import login
from django.core.cache import cache
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from neurodash.web.clinic import patients, plans
from neurodash.web.people.models import Clinic, Membership, Seat, User
from neurodash.web.shelf import shelf

CLINIC = "Lakeside Neuro (made up)"
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@dataclass(frozen=True)
class Somebody:
    """A part to play: where they begin, and what they may."""

    name: str
    email: str
    start: str
    is_member: bool = False
    role: str = ""
    is_editor: bool = False
    is_administrator: bool = False


CAST = (
    Somebody("Mara Member", "member@example.org", "/desk/", is_member=True, role="owner"),
    Somebody("Edda Editor", "editor@example.org", "/administration/library/", is_editor=True),
    Somebody("Ade Administrator", "administrator@example.org", "/administration/", is_administrator=True),
)


def prepare() -> list[tuple[str, str]]:
    """Make the clinic where it is not there yet; a fresh link for each of the cast, as (name, path)."""
    if not Clinic.objects.filter(name=CLINIC).exists():
        _make()
    links = []
    for one in CAST:
        secret = secrets.token_urlsafe(24)
        cache.set(_key(secret), one.email, None)
        links.append((one.name, f"/account/demo/{secret}/"))
    return links


def enter(request: HttpRequest, secret: str) -> HttpResponse:
    """Sign in by a link of the demonstration; it works once."""
    if not settings.CONFIG.demo:
        raise Http404
    email = cache.get(_key(secret))
    if request.method == "HEAD":  # somebody looks whether it is there
        return HttpResponse(status=200 if email else 404)
    if email is None or not cache.delete(_key(secret)):
        return render(request, "people/demo_used.html", status=404)
    one = next(each for each in CAST if each.email == email)
    user = User.objects.get(email=email)
    login(request, user, backend=BACKEND)
    UserSession.objects.create_from_request(request)
    record_authentication(request, user, method="demonstration")  # a link counts as a sign-in of this minute
    return redirect(one.start)


def _key(secret: str) -> str:
    return "demo:" + hashlib.sha256(secret.encode()).hexdigest()


@dataclass(frozen=True)
class Made:
    """A patient who does not exist: what is known of them, what was measured at the start, and how the weeks went."""

    label: str
    week: int  # of the plan, today
    profile: Mapping[str, Any]
    scores: Sequence[tuple[str, str, Any]]  # instrument, part, value
    worse: Mapping[int, str]  # days before today -> amber or red
    silent_for: int = 0  # days without a check-in, up to today


DAYS = {"mon": ["09:00-11:00"], "wed": ["09:00-11:00"], "fri": ["09:00-11:00"], "sat": ["10:00-12:00"]}
HOME = {"precautions": [], "equipment": ["chair", "worktop", "band", "step"], "available": DAYS}
PATIENTS = (
    Made(
        "P-101", 3,
        {**HOME, "edss": 2, "phenotype": "RRMS", "age": 34, "falls_6_months": 0, "months_since_relapse": 9,
         "setting": "home_with_partner", "minutes_per_week": 150, "focus": ["balance", "resistance"],
         "goals": [{"text": "run for the bus", "tasks": ["walk", "stairs"], "importance": 8, "difficulty": 5}]},
        [("MINIBEST", "anticipatory", 5), ("MINIBEST", "sensory", 4), ("TUG", "", 7.4), ("5STS", "", 12)],
        {9: "amber"},
    ),
    Made(
        "P-102", 7,
        {**HOME, "edss": 4, "phenotype": "SPMS", "age": 51, "falls_6_months": 2, "falls_3_months": 1,
         "months_since_relapse": 40, "setting": "home_with_partner", "minutes_per_week": 120, "focus": ["balance"],
         "precautions": ["heat-sensitivity"], "energy": {"best": "morning"}, "enjoys": ["gardening"],
         "goals": [{"text": "carry a tray to the garden", "tasks": ["carry", "stand-and-reach"], "importance": 9}]},
        [("MINIBEST", "reactive", 2), ("MINIBEST", "sensory", 3), ("TUG", "", 12.6), ("T25FW", "", 8.1)],
        {1: "amber", 4: "amber", 6: "amber", 20: "amber"},
    ),
    Made(
        "P-103", 11,
        {**HOME, "edss": 6.5, "phenotype": "PPMS", "age": 63, "falls_6_months": 1, "falls_3_months": 0,
         "walking_aid": "frame", "setting": "home_with_partner", "minutes_per_week": 90, "focus": ["resistance"],
         "precautions": ["aid-mismatch"], "cleared": ["aid-mismatch"],
         "goals": [{"text": "get up from the sofa alone", "tasks": ["get-up"], "importance": 10, "difficulty": 8}]},
        [("5STS", "", 24), ("MRC", "knee-extension-left", "4-"), ("MRC", "knee-extension-right", "4")],
        {0: "red", 12: "amber"},
    ),
)  # fmt: skip


@transaction.atomic
def _make() -> None:
    clinic = Clinic.objects.create(name=CLINIC)
    users = {}
    for one in CAST:
        user = users[one.email] = User.objects.create_user(
            one.email, None, name=one.name, is_editor=one.is_editor, is_administrator=one.is_administrator
        )
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
        if one.is_member:
            Membership.objects.create(user=user)
        if one.role:
            Seat.objects.create(clinic=clinic, user=user, role=one.role)
    for made in PATIENTS:
        _patient(made, clinic, users["member@example.org"])


def _patient(made: Made, clinic: Clinic, by: User) -> None:
    """A patient, a signed plan that began so many weeks ago, and the check-ins since."""
    today = settings.CONFIG.today()
    monday = today - dt.timedelta(days=today.weekday(), weeks=made.week - 1)
    patient = patients.add_patient(by=by, clinic=clinic, label=made.label, profile=made.profile)
    before = monday - dt.timedelta(days=3)
    taken = [patients.Taken(instrument, part, before, value) for instrument, part, value in made.scores]
    patients.add_scores(by=by, patient=patient, scores=taken)
    document = plans.made(patients.planner_profile(patient), shelf().current(), monday, today)
    plan = plans.keep(by=by, patient=patient, document=document)
    plans.sign(by=by, plan=plan, on_version=1, ticked=[check.id for check in plans.failed(document.plan)])
    for session in document.plan.sessions:
        ago = (today - session.date).days
        if ago > made.silent_for - 1 and session.date <= today and ago not in made.worse:
            patients.log_checkin(patient=patient, key=f"made-up-{ago}", on=session.date, tier="green", told={})
    for ago, tier in made.worse.items():
        on = today - dt.timedelta(days=ago)
        patients.log_checkin(patient=patient, key=f"made-up-{ago}", on=on, tier=tier, told={})
