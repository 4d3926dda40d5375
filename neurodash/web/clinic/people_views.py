"""Clinics, their people and what was done."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotAllowed,
    StreamingHttpResponse,
)
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from neurodash.web.clinic import eyes, trail
from neurodash.web.people import clinics as acts
from neurodash.web.people import events as written
from neurodash.web.people import permissions
from neurodash.web.people.forms import OPENED
from neurodash.web.people.models import INVITED_FOR, Clinic, Invitation, Seat, User
from neurodash.web.shelf import shelf

INVITATION = "/desk/invitation/"
READ, TAKE = ("GET", "HEAD"), ("GET", "HEAD", "POST")
View = Callable[..., HttpResponseBase]


def of_clinic(may: str, *methods: str) -> Callable[[View], View]:
    """A page of one clinic: the view gets the clinic itself. Another clinic's is 404 for every method."""

    def decorate(view: View) -> View:
        @login_required
        @wraps(view)
        def fetched(request: HttpRequest, clinic: str, **more: Any) -> HttpResponseBase:
            found = eyes.clinic(request, clinic, may)
            return view(request, found, **more) if request.method in methods else HttpResponseNotAllowed(methods)

        return fetched

    return decorate


# The way in


@require_safe
@login_required
def desk(request: HttpRequest) -> HttpResponse:
    """The way to the visitor's clinic: straight there where there is one and nothing to decide."""
    seats, invited = _seats(request.user), list(_invited(request))
    if invited:
        return redirect("/desk/clinics/")
    if len(seats) == 1:
        return redirect(_home(seats[0].clinic))
    if not seats and permissions.may_use(request.user, "patients"):
        return redirect("/desk/clinics/new/")
    return redirect("/desk/clinics/")


@require_safe
@login_required
def clinics(request: HttpRequest) -> HttpResponse:
    """The visitor's clinics and what they were invited to."""
    found = {"seats": _seats(request.user), "invitations": _offers(request), "standing": _standing(request)}
    return render(request, "clinic/clinics.html", found)


@require_http_methods(TAKE)
@login_required
def new(request: HttpRequest) -> HttpResponse:
    """Open a clinic by naming it. Who came from a brief to save its protocol (`brief`) is led on to that."""
    brief = (request.POST if request.method == "POST" else request.GET).get("brief", "")
    brief = brief if brief in shelf().current().protocols else ""
    shown: dict[str, Any] = {"standing": _standing(request), "is_first": not _seats(request.user), "brief": brief}
    if request.method == "POST":
        typed = shown["name"] = request.POST.get("name", "")
        try:
            clinic = acts.open_clinic(name=typed, by=_user(request), request=request)
        except acts.Refused as why:
            return render(request, "clinic/clinics_new.html", {**shown, "errors": {why.field: str(why)}}, status=400)
        messages.success(request, f"{clinic.name} is open, and you are its owner.")
        return redirect(f"/desk/protocols/new/?brief={brief}" if brief else _home(clinic))
    return render(request, "clinic/clinics_new.html", shown)


# Invitations


@require_http_methods(TAKE)
def invitation(request: HttpRequest) -> HttpResponse:
    """What a visitor was invited to. The secret of the link moves to the session at once, as its hash: the address that
    stays in the browser, in logs and in Referer holds none."""
    if secret := request.GET.get("secret"):
        request.session[OPENED] = Invitation.proof_of(secret)
        return redirect(INVITATION)
    if request.method != "POST":
        return _show_invitation(request)
    if not request.user.is_authenticated:
        return redirect_to_login(INVITATION)
    try:
        seat = acts.take(
            code=request.POST.get("code", "")[:16].replace("\0", ""), by=_user(request), request=request,
            proof=request.session.get(OPENED, ""), though_other=request.POST.get("other") == "yes",
        )  # fmt: skip
    except acts.Refused as why:
        return _show_invitation(request, {why.field: str(why)})
    if seat is None:
        return _show_invitation(request)
    request.session.pop(OPENED, None)
    messages.success(request, f"You have a seat in {seat.clinic.name} now. Your role: {seat.get_role_display()}.")
    return redirect(_home(seat.clinic))


def _show_invitation(request: HttpRequest, errors: dict[str, str] | None = None) -> HttpResponse:
    offers = _offers(request)
    shown = {"invitations": offers, "errors": errors or {}, "next": INVITATION}
    return render(request, "clinic/invitation.html", shown, status=400 if errors else 200 if offers else 404)


def _invited(request: HttpRequest) -> Any:
    return acts.open_to(request.user, request.session.get(OPENED, ""))


def _offers(request: HttpRequest) -> list[dict[str, Any]]:
    """What the page of an invitation says about each that is open to the visitor."""
    signed_in = request.user.is_authenticated
    own = acts.addresses(_user(request)) if signed_in else []
    is_member = permissions.standing(request.user).is_member
    return [
        {
            "invitation": each,
            "role": Seat.Role(each.role).label,
            "does": acts.in_words(each.role),
            "until": each.made_at + INVITED_FOR,
            "is_other": signed_in and each.email not in own,
            "lacks_membership": signed_in and not is_member and each.role in ("owner", "clinician"),
        }
        for each in _invited(request)
    ]


# People


@of_clinic("read", *READ)
def people(request: HttpRequest, clinic: Clinic) -> HttpResponse:
    return _show_people(request, clinic)


def _show_people(
    request: HttpRequest, clinic: Clinic, why: acts.Refused | None = None, typed: dict[str, str] | None = None
) -> HttpResponse:
    """Who has a seat; for owners also who was invited, and the forms, with what was typed and why it was not taken."""
    manages = permissions.may(request.user, "manage", clinic)
    second = Authenticator.objects.filter(user=OuterRef("user"), type__in=("totp", "webauthn"))
    order = list(permissions.MAY)
    seats = sorted(
        clinic.seats.select_related("user").annotate(second_factor=Exists(second)),
        key=lambda seat: (order.index(seat.role), str(seat.user).casefold()),
    )
    shown = {
        "clinic": clinic, "tab": "people", "manages": manages, "seats": seats,
        "roles": _roles(), "typed": typed or {}, "errors": {why.field: str(why)} if why else {},
        "invitations": clinic.invitations.filter(taken_at=None).select_related("by").order_by("email") if manages else (),
        "days": INVITED_FOR.days,
    }  # fmt: skip
    return render(request, "clinic/people.html", shown, status=400 if why else 200)


@of_clinic("manage", *TAKE)
def invite(request: HttpRequest, clinic: Clinic) -> HttpResponse:
    if request.method != "POST":
        return redirect(_people(clinic))
    typed = {"email": request.POST.get("email", ""), "role": request.POST.get("role", "")}
    try:
        invited = acts.invite(clinic=clinic, **typed, by=_user(request), request=request)
    except acts.Refused as why:
        return _show_people(request, clinic, why, typed)
    except acts.NotSent:
        messages.error(request, "The mail could not be sent. The invitation is kept; send it again in a while.")
    else:
        messages.success(request, f"An invitation went to {invited.email}.")
    return redirect(_people(clinic))


@of_clinic("manage", *TAKE)
def take_back(request: HttpRequest, clinic: Clinic, code: str) -> HttpResponse:
    if request.method == "POST":
        try:
            email = acts.take_back(clinic=clinic, code=code, by=_user(request), request=request)
            messages.success(request, f"The invitation to {email} was taken back. Its link no longer works.")
        except acts.Refused as why:
            messages.error(request, str(why))
    return redirect(_people(clinic))


@of_clinic("manage", *TAKE)
def name(request: HttpRequest, clinic: Clinic) -> HttpResponse:
    if request.method == "POST":
        typed = request.POST.get("name", "")
        try:
            acts.rename(clinic=clinic, name=typed, by=_user(request), request=request)
        except acts.Refused as why:
            return _show_people(request, clinic, why, {"name": typed})
        messages.success(request, "The name is changed.")
    return redirect(_people(clinic))


@of_clinic("manage", *TAKE)
def seat(request: HttpRequest, clinic: Clinic, person: str) -> HttpResponse:
    """One seat, as an owner changes or ends it."""
    found = clinic.seats.filter(user__code=person).select_related("user").first()
    if found is None:
        raise Http404
    shown = {"clinic": clinic, "tab": "people", "seat": found, "roles": _roles(), "is_self": found.user == request.user}
    if request.method != "POST":
        return render(request, "clinic/people_seat.html", shown)
    by, who = _user(request), str(found.user)
    try:
        if request.POST.get("do") == "end":
            acts.end_seat(clinic=clinic, person=person, by=by, request=request)
            messages.success(request, f"The seat of {who} has ended.")
        else:
            changed = acts.change_role(
                clinic=clinic, person=person, role=request.POST.get("role", ""), by=by, request=request
            )
            messages.success(request, f"The role of {who} is: {changed.get_role_display()}.")
    except acts.Refused as why:
        return render(request, "clinic/people_seat.html", {**shown, "errors": {why.field: str(why)}}, status=400)
    return redirect("/desk/" if shown["is_self"] and request.POST.get("do") == "end" else _people(clinic))


@of_clinic("read", *TAKE)
def leave(request: HttpRequest, clinic: Clinic) -> HttpResponse:
    """End one's own seat."""
    shown: dict[str, Any] = {"clinic": clinic, "tab": "people"}
    if request.method != "POST":
        return render(request, "clinic/people_leave.html", shown)
    by = _user(request)
    try:
        acts.end_seat(clinic=clinic, person=by.code, by=by, request=request)
    except acts.Refused as why:
        return render(request, "clinic/people_leave.html", {**shown, "errors": {why.field: str(why)}}, status=400)
    messages.success(request, f"You have left {clinic.name}.")
    return redirect("/desk/")


# What was done


@of_clinic("manage", *READ)
def events(request: HttpRequest, clinic: Clinic) -> HttpResponse:
    asked = trail.wish(request.GET, clinic)
    lines, after = trail.page(clinic, asked)
    query = {name: typed for name, typed in asked.typed.items() if typed}
    shown = {
        "clinic": clinic, "tab": "people", "asked": asked, "lines": lines, "people": trail.people(clinic, asked),
        "older": urlencode({**query, "before": after}) if after else "",
        "newest": "?" + urlencode(query), "query": urlencode(query),
    }  # fmt: skip
    return render(request, "clinic/events.html", shown, status=400 if asked.errors else 200)


@of_clinic("manage", *READ)
def events_csv(request: HttpRequest, clinic: Clinic) -> HttpResponseBase:
    asked = trail.wish(request.GET, clinic)
    if asked.errors:
        return redirect(f"/desk/{clinic.code}/events/?{request.GET.urlencode()}")
    with transaction.atomic():
        days = {name: asked.typed[name] for name in ("since", "until") if asked.typed[name]}
        written.record(
            "events exported", by=request.user, clinic=clinic, patient=asked.patient, about=asked.person,
            request=request, **days,
        )  # fmt: skip
    response = StreamingHttpResponse(trail.as_csv(clinic, asked), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="events-{settings.CONFIG.today()}.csv"'
    return response


def _user(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise PermissionDenied("Sign in first.")
    return request.user


def _standing(request: HttpRequest) -> permissions.Standing:
    return permissions.standing(request.user)


def _seats(user: Any) -> list[Seat]:
    return list(Seat.objects.filter(user=user).select_related("clinic").order_by("clinic__name", "id"))


def _roles() -> list[tuple[str, str, str]]:
    return [(role, str(Seat.Role(role).label), acts.in_words(role)) for role in permissions.MAY]


def _home(clinic: Clinic) -> str:
    return f"/desk/{clinic.code}/"


def _people(clinic: Clinic) -> str:
    return f"/desk/{clinic.code}/people/"
