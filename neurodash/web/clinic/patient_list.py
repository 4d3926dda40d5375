"""The list of a clinic's patients: who asks for a look first. Its cost does not grow with the clinic."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from neurodash import wording
from neurodash.web.clinic.models import Patient, Plan
from neurodash.web.people.models import Clinic

PAGE = 50
MOST_COUNTED = 99  # a count that is bounded: nobody acts on the difference between 300 and 301
SEALED = ("profile", "notes")  # not opened for a list
PLAN_ORDER = {"running": 0, "paused": 1, "draft": 2, "ended": 3}


@dataclass(frozen=True)
class Ask:
    """Why somebody asks for a look: a word, and a mark that differs in shape."""

    key: str
    mark: str
    word: str


@dataclass(frozen=True)
class Line:
    """A patient in the list."""

    patient: Patient
    asks: tuple[Ask, ...]
    plan: Plan | None
    now: str  # where the plan stands
    next: str


@dataclass(frozen=True)
class Page:
    """A page of the list; `after` is the code to go on from, empty on the last page."""

    lines: tuple[Line, ...]
    after: str
    asking: str  # how many ask for a look, in words; empty for none
    unsigned: str  # how many plans wait for a signature, the same


def page(clinic: Clinic, today: dt.date, prefix: str = "", ended: bool = False, after: str = "") -> Page:
    """Fifty patients of a clinic whose code begins with `prefix`, whatever its capitals: red first, then the others that
    ask for a look, the longest waiting first, then the rest by code. `after` is the code of the last one seen."""
    own = Patient.objects.filter(clinic=clinic, ended_on__isnull=not ended).defer(*SEALED)
    if prefix:
        own = own.filter(label__istartswith=prefix)
    last = Patient.objects.filter(clinic=clinic, code=after).defer(*SEALED).first() if after else None
    found: list[Patient] = []
    asking = own.filter(look_on__lte=today)
    if ended:
        found = list(_after(own.order_by("label", "id"), last, last is not None)[: PAGE + 1])
    else:
        here = -1 if last is None else 2 if not last.asks(today) else 0 if last.red_on else 1
        groups: tuple[QuerySet[Patient], ...] = (
            asking.filter(red_on__isnull=False).order_by("look_on", "label", "id"),
            asking.filter(red_on__isnull=True).order_by("look_on", "label", "id"),
            own.filter(Q(look_on__isnull=True) | Q(look_on__gt=today)).order_by("label", "id"),
        )
        for number, group in enumerate(groups):
            if number >= here and len(found) <= PAGE:
                found += _after(group, last, number == here)[: PAGE + 1 - len(found)]
    shown, more = found[:PAGE], len(found) > PAGE
    plans = plans_of(shown)
    lines = tuple(_line(patient, plans.get(patient.pk), today) for patient in shown)
    told = ("", "") if ended or after else (_asking(asking), _unsigned(clinic))
    return Page(lines, shown[-1].code if more else "", *told)


def _after(group: Any, last: Patient | None, is_here: bool) -> Any:
    """The rows of an ordered group behind the last one seen."""
    if last is None or not is_here:
        return group
    by_label = Q(label__gt=last.label) | Q(label=last.label, pk__gt=last.pk)
    if "look_on" in group.query.order_by:
        return group.filter(look_on__gte=last.look_on).filter(Q(look_on__gt=last.look_on) | by_label)
    return group.filter(label__gte=last.label).filter(by_label)


def _asking(rows: Any) -> str:
    number = rows.order_by()[: MOST_COUNTED + 1].count()
    if number > MOST_COUNTED:
        return f"More than {MOST_COUNTED} patients ask for a look."
    return f"{wording.count(number, 'patient asks', 'patients ask')} for a look." if number else ""


def _unsigned(clinic: Clinic) -> str:
    number = Plan.objects.waiting(clinic)[: MOST_COUNTED + 1].count()
    if number > MOST_COUNTED:
        return f"More than {MOST_COUNTED} plans wait for a signature"
    return f"{wording.count(number, 'plan waits', 'plans wait')} for a signature" if number else ""


def plans_of(shown: Iterable[Patient]) -> dict[int, Plan]:
    """The plan that matters most of each: one that runs, else paused, else a draft, else the newest that ended."""
    found: dict[int, Plan] = {}
    for plan in Plan.objects.filter(patient__in=list(shown)).order_by("-id"):
        before = found.get(plan.patient_id)
        if before is None or PLAN_ORDER[plan.state] < PLAN_ORDER[before.state]:
            found[plan.patient_id] = plan
    return found


def _line(patient: Patient, plan: Plan | None, today: dt.date) -> Line:
    now = where_it_stands(plan, today) if plan else ""
    return Line(patient, asks(patient, today), plan, now, _next(patient, plan, today))


def asks(patient: Patient, today: dt.date) -> tuple[Ask, ...]:
    """What asks for a look today, in words, the most urgent first."""
    told = {
        "red": ("■", f"Red on {_day(patient.red_on)}"),
        "ambers": ("▲", f"{patient.ambers} ambers in 14 days"),
        "silent": ("○", f"Silent since {_day(patient.seen_on)}" if patient.seen_on else "No check-in yet"),
        "retest": ("◇", f"Re-test due {_day(patient.retest_on)}"),
    }
    return tuple(Ask(key, *told[key]) for key in patient.asks(today))


def _day(day: dt.date | None) -> str:
    return wording.date(day) if day else ""


def where_it_stands(plan: Plan, today: dt.date) -> str:
    """`Week 3 of 12`, `Begins 30 November 2026`, `Draft`, `Paused since …`, `Ended …`."""
    if plan.state == "draft":
        return "Waits for a signature" if plan.waits_for_signature else "Draft"
    if plan.state == "ended":
        return f"Ended {wording.date(plan.ended_on)}" if plan.ended_on else "Ended"
    if plan.state == "paused":
        return f"Paused since {wording.date(plan.paused_on)}" if plan.paused_on else "Paused"
    week = (today - plan.starts_on).days // 7 + 1
    if plan.resumes_on is not None and today < plan.resumes_on:
        return f"Goes on {wording.date(plan.resumes_on)}"
    if week < 1:
        return f"Begins {wording.date(plan.starts_on)}"
    return f"Week {week} of {plan.weeks}" if week <= plan.weeks else f"{wording.count(plan.weeks, 'week')}, all done"


def _next(patient: Patient, plan: Plan | None, today: dt.date) -> str:
    """What comes next where nothing is overdue."""
    if patient.ended_on is not None:
        return ""
    if plan is None or plan.state == "ended":
        return "Make a plan"
    if plan.state == "draft":
        return "Sign the plan"
    if plan.state == "running" and (today - plan.starts_on).days // 7 >= plan.weeks:
        return "Review, then a new plan"
    if patient.retest_on is not None and patient.retest_on > today:
        return f"Test again {wording.date(patient.retest_on)}"
    return ""
