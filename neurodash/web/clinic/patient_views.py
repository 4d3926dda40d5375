"""The pages of a clinic's patients. Each fetches through the visitor's eyes, calls one action and shows what came of it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotAllowed,
    StreamingHttpResponse,
)
from django.shortcuts import redirect, render

from neurodash import wording
from neurodash.errors import DataError, Problem
from neurodash.planning import beside
from neurodash.web.clinic import eyes, patient_forms, patient_list, patients, scores, taking_away
from neurodash.web.clinic.models import Patient, Plan, Score
from neurodash.web.clinic.people_views import of_clinic
from neurodash.web.people import events, permissions
from neurodash.web.people.models import Clinic, Event, User
from neurodash.web.planning.form import Form, errors_by_field, from_profile, questions, to_profile
from neurodash.web.shelf import shelf

READ, FORM = ("GET", "HEAD"), ("GET", "HEAD", "POST")
MOST_EVENTS = 20  # shown on a patient's page
View = Callable[..., HttpResponseBase]


def of_patient(may: str, methods: Sequence[str], did: str = "patient seen") -> Callable[[View], View]:
    """A page of one patient: the view gets the patient, and reading it is written down as `did`. Another clinic's is 404
    for every method."""

    def decorate(view: View) -> View:
        @login_required
        @wraps(view)
        def fetched(request: HttpRequest, code: str, **more: Any) -> HttpResponseBase:
            found = eyes.patient(
                request, code, may, did if request.method in methods and request.method in READ else ""
            )
            return view(request, found, **more) if request.method in methods else HttpResponseNotAllowed(methods)

        return fetched

    return decorate


# The list


@of_clinic("read", *READ)
def patient_list_page(request: HttpRequest, clinic: Clinic) -> HttpResponse:
    """Who asks for a look, then everybody else."""
    prefix = "".join(each for each in request.GET.get("code", "") if each.isprintable()).strip()[:32]
    ended = "ended" in request.GET
    page = patient_list.page(clinic, settings.CONFIG.today(), prefix, ended, request.GET.get("after", "")[:16])
    events.record("list seen", by=request.user, clinic=clinic, request=request)
    return _page(request, "patients", clinic, page=page, prefix=prefix, ended=ended, after=request.GET.get("after", ""))


@of_clinic("write", *FORM)
def new(request: HttpRequest, clinic: Clinic) -> HttpResponse:
    """Take somebody on: a code, nothing else."""
    problems: Sequence[Problem] = ()
    if request.method == "POST":
        try:
            added = patients.add_patient(by=_user(request), clinic=clinic, label=request.POST.get("code", ""), request=request)  # fmt: skip
        except DataError as error:
            problems = error.problems
        else:
            messages.success(request, f"{added.label} is on your list. Next: what you know about this person.")
            return redirect(_of(added, "profile/"))
    form = Form(shelf().current(), {"code": [request.POST.get("code", "")]}, errors_by_field(problems, {}))
    return _page(request, "patient_new", clinic, form=form, status=400 if problems else 200)


@of_clinic("manage", *FORM)
def record(request: HttpRequest, clinic: Clinic) -> HttpResponseBase:
    """Take the clinic's whole record away as one file."""
    if request.method != "POST":
        return _page(request, "record", clinic)
    events.record("record taken away", by=request.user, clinic=clinic, request=request)
    response = StreamingHttpResponse(taking_away.archive(clinic, settings.CONFIG.today()), content_type="application/zip")  # fmt: skip
    response["Content-Disposition"] = f'attachment; filename="record-{settings.CONFIG.today()}.zip"'
    response["Cache-Control"] = "no-store"
    return response


# One patient


@of_patient("read", READ)
def patient(request: HttpRequest, own: Patient) -> HttpResponse:
    """Everything about one person at a glance."""
    library, today = patients.ground()
    problems: Sequence[Problem] = ()
    summary = ""
    try:
        summary = beside.summary(patients.read(own))
    except DataError as error:
        problems = error.problems
    plans: Any = Plan.objects.filter(patient=own).order_by("-id")
    return _page(
        request, "patient", own.clinic, patient=own, asks=patient_list.asks(own, today), summary=summary, problems=problems,
        told=patient_forms.in_words(own.profile, library), courses=scores.courses(own, library), seen=_seen(own),
        plans=[(each, patient_list.where_it_stands(each, today)) for each in plans],
        checkins=own.checkins.order_by("-on", "-id")[:7], may_delete=permissions.may(request.user, "manage", own.clinic),
    )  # fmt: skip


def _seen(own: Patient) -> list[tuple[Event, str]]:
    """Who last did what with this record."""
    last = list(Event.objects.filter(patient=own.code).order_by("-id")[:MOST_EVENTS])
    names = {user.code: str(user) for user in User.objects.filter(code__in={each.who for each in last})}
    return [(each, names.get(each.who, "somebody whose account is gone" if each.who else "")) for each in last]


@of_patient("write", ("POST",))
def looked_at(request: HttpRequest, own: Patient) -> HttpResponse:
    """The red check-in was looked at."""
    try:
        seen = dt.date.fromisoformat(request.POST.get("seen", ""))
    except ValueError:
        raise Http404 from None
    if patients.look_at_red(by=_user(request), patient=own, seen=seen, request=request):
        messages.success(request, f"{own.label}: marked as looked at.")
    else:
        messages.error(request, f"{own.label}: a newer red check-in has come in. It still asks for a look.")
    return redirect(f"/desk/{own.clinic.code}/" if request.POST.get("from") == "list" else _of(own))


@of_patient("write", ("POST",))
def care(request: HttpRequest, own: Patient) -> HttpResponse:
    """End care, or take it up again."""
    if request.POST.get("do") == "end":
        patients.end_care(by=_user(request), patient=own, request=request)
        messages.success(
            request, f"Care of {own.label} has ended. Nothing asks for a look any more; all of it stays here."
        )
    elif request.POST.get("do") == "again":
        patients.take_up_again(by=_user(request), patient=own, request=request)
        messages.success(request, f"{own.label} is back on your list.")
    return redirect(_of(own))


@of_patient("manage", FORM)
def delete(request: HttpRequest, own: Patient) -> HttpResponse:
    """Delete somebody's record, once its code has been typed."""
    clinic, problems = own.clinic, ()  # type: tuple[Clinic, Sequence[Problem]]
    if request.method == "POST":
        try:
            patients.delete_patient(
                by=_user(request), patient=own, typed=request.POST.get("typed", ""), request=request
            )
        except DataError as error:
            problems = error.problems
        else:
            messages.success(request, "The record is deleted. That it was, and by whom, stays in the events.")
            return redirect(f"/desk/{clinic.code}/")
    goes = [
        wording.count(own.scores.count(), "score"), wording.count(own.checkins.count(), "check-in"),
        wording.count(own.plans.count(), "plan") + " with every version and signature",
    ]  # fmt: skip
    errors = {"typed": [f"Found {each.found}. Accepted: {each.accepted}." for each in problems]} if problems else {}
    form = Form(shelf().current(), {"typed": [request.POST.get("typed", "")]}, errors)
    return _page(request, "patient_delete", clinic, patient=own, goes=goes, form=form, status=400 if problems else 200)


@of_patient("write", FORM, "notes seen")
def notes(request: HttpRequest, own: Patient) -> HttpResponse:
    """Free notes, safe from two people writing at once."""
    typed, changed, problems = own.notes, None, ()  # type: Any, Patient | None, Sequence[Problem]
    if request.method == "POST":
        typed = request.POST.get("notes", "")
        try:
            patients.change_notes(
                by=_user(request), patient=own, edition=_edition(request), notes=typed, request=request
            )
        except patients.Changed as error:
            own = changed = error.now
        except DataError as error:
            problems = error.problems
        else:
            messages.success(request, "The notes are kept.")
            return redirect(_of(own, "#notes"))
    return _page(
        request, "patient_notes", own.clinic, patient=own, typed=typed, changed=changed, problems=problems,
        who=_who_changed(own) if changed else "", status=409 if changed else 400 if problems else 200,
    )  # fmt: skip


@of_patient("write", FORM, "profile seen")
def profile(request: HttpRequest, own: Patient) -> HttpResponse:
    """What is known about a person: the questions of the builder but for what is measured."""
    library = shelf().current()
    if request.method != "POST":
        values = {**from_profile(own.profile, library), "code": [own.label]}
        return _profile_page(request, own, Form(library, values))
    answers = request.POST.copy()
    answers["base"] = json.dumps(own.profile)
    answered, fields = to_profile(answers, library)
    values = {key: answers.getlist(key) for key in answers if key != "base"}
    label = answers.get("code", "").strip()
    try:
        if not label:
            patients.read_label(label)
        changed = patients.change_profile(
            by=_user(request), patient=own, edition=_edition(request), profile=answered, label=label, request=request
        )
    except patients.Changed as error:
        now = error.now
        theirs = {"Code": now.label, **patient_forms.in_words(now.profile, library)}
        yours = {"Code": label, **patient_forms.in_words(answered, library)}
        found = patient_forms.differences(theirs, yours)
        return _profile_page(request, now, Form(library, values), found, 409)
    except DataError as error:
        form = Form(library, values, errors_by_field(error.problems, fields))
        return _profile_page(request, own, form, status=400, edition=_edition(request))
    messages.success(request, f"What is known about {changed.label} is kept.")
    return redirect(_of(own))


def _profile_page(
    request: HttpRequest, own: Patient, form: Form, differ: Any = None, status: int = 200, edition: int | None = None
) -> HttpResponse:  # fmt: skip
    return _page(
        request, "profile", own.clinic, patient=own, form=form, differ=differ, kept=True, status=status,
        edition=own.edition if edition is None else edition, who=_who_changed(own) if differ is not None else "",
        **questions(),
    )  # fmt: skip


def _who_changed(own: Patient) -> str:
    """Who changed the profile or the notes last."""
    last = Event.objects.filter(patient=own.code, did__in=("profile changed", "notes changed")).order_by("-id").first()
    user = User.objects.filter(code=last.who).first() if last else None
    return str(user) if user else "Somebody"


# Scores


@of_patient("read", READ, "scores seen")
def score_list(request: HttpRequest, own: Patient) -> HttpResponse:
    """Every score over time, and the way to new ones."""
    library = shelf().current()
    courses = scores.courses(own, library)
    first, due = _first(own, courses)
    return _page(
        request, "scores", own.clinic, patient=own, courses=courses, due=due,
        groups=patient_forms.to_choose(library, first),
    )  # fmt: skip


def _first(own: Patient, courses: Sequence[scores.Course]) -> tuple[dict[str, list[str]], list[str]]:
    """The instruments to offer first: those that the plan tests again, then those taken before; and the plan's alone."""
    plan = patient_list.plans_of([own]).get(own.pk)
    due = list(patients.retests_of(plan)) if plan else []
    return {"The plan's re-tests": due, "Taken before": [each.asked.id for each in courses]}, due


@of_patient("write", FORM, "scores seen")
def score_new(request: HttpRequest, own: Patient) -> HttpResponse:
    """Enter values: one instrument, or several at once."""
    library, today = patients.ground()
    known = patient_forms.instruments(library)
    asked = request.POST if request.method == "POST" else request.GET
    names = dict.fromkeys([*asked.getlist("of"), *([asked["add"]] if asked.get("add") else [])])
    chosen = [known[name] for name in names if name in known][: patient_forms.MOST_AT_ONCE]
    if not chosen:
        return redirect(_of(own, "scores/"))
    problems: list[Problem] = []
    fields: dict[str, str] = {}
    if request.method == "POST" and request.POST.get("do") != "add":
        taken, fields, problems = patient_forms.read_scores(request.POST, chosen, library, today)
        try:
            if problems and taken:
                patients.check_scores(taken)
            elif taken:
                new, corrected = patients.add_scores(by=_user(request), patient=own, scores=taken, request=request)
        except DataError as error:
            problems += error.problems
        if not problems:
            said = [f"{wording.count(new, 'value')} kept" if new else "", f"{wording.count(corrected, 'value')} of that day corrected" if corrected else ""]  # fmt: skip
            messages.success(request, f"{wording.joined([each for each in said if each]) or 'Already kept'}.")
            return redirect(_of(own, f"scores/#{chosen[0].id}"))
    values = {key: asked.getlist(key) for key in asked}
    values.setdefault("measured_on", [today.isoformat()])
    form = Form(library, values, errors_by_field(problems, fields))
    first, _ = _first(own, scores.courses(own, library))
    others = [(title, [each for each in group if each not in chosen]) for title, group in patient_forms.to_choose(library, first)]  # fmt: skip
    return _page(
        request, "scores_new", own.clinic, patient=own, chosen=chosen, form=form, groups=others,
        status=400 if problems else 200, **questions(),
    )  # fmt: skip


@of_patient("write", FORM, "scores seen")
def score_back(request: HttpRequest, own: Patient, score: str) -> HttpResponse:
    """Take one value back, after showing which."""
    found = Score.objects.filter(patient=own, code=score).select_related("by", "patient").first()
    if found is None:
        raise Http404
    if request.method == "POST":
        patients.take_back(by=_user(request), score=found, request=request)
        messages.success(request, "One value is taken back. The others stay as they were.")
        return redirect(_of(own, "scores/"))
    library = shelf().current()
    course = next(each for each in scores.courses(own, library) if each.asked.id == found.instrument)
    value = next(each for each in course.values if each.score.pk == found.pk)
    return _page(request, "scores_back", own.clinic, patient=own, course=course, value=value)


# What every page here needs


def _page(request: HttpRequest, name: str, clinic: Clinic, status: int = 200, **shown: Any) -> HttpResponse:
    context = {
        "clinic": clinic, "tab": "patients", "may_write": permissions.may(request.user, "write", clinic),
        "standing": permissions.standing(request.user), **shown,
    }  # fmt: skip
    return render(request, f"clinic/{name}.html", context, status=status)


def _of(own: Patient, page: str = "") -> str:
    return f"/desk/patients/{own.code}/{page}"


def _user(request: HttpRequest) -> User:
    """The visitor, who has signed in."""
    assert isinstance(request.user, User)  # noqa: S101  login_required
    return request.user


def _edition(request: HttpRequest) -> int:
    """The edition that a form was opened with; one that is no number is no edition."""
    text = request.POST.get("edition", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
