"""What an administrator sees of people, and an editor of the library. To everybody else there is no such page."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from allauth.account.authentication import get_authentication_records
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from neurodash import wording
from neurodash.evidence import failing
from neurodash.evidence.retractions import touched
from neurodash.web.people import administration, billing, membership, permissions
from neurodash.web.people.models import Event, Membership, User
from neurodash.web.shelf import shelf

A_PAGE = 50
SHOWN_EVENTS = 20
SOON = dt.timedelta(days=90)  # before a verdict lapses: time to look for a newer review
LONGEST_REASON = 200  # characters
View = Callable[..., HttpResponse]


def administrators(view: View) -> View:
    """Open a view to administrators whose session holds a second factor or a recent sign-in."""

    @never_cache
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not getattr(request.user, "is_administrator", False):
            raise Http404
        # What is sent has twice the time of what is looked at: nobody loses what they wrote on a page that opened.
        lasts = settings.ACCOUNT_REAUTHENTICATION_TIMEOUT * (1 if request.method in ("GET", "HEAD") else 2)
        records = get_authentication_records(request, request.user)
        if any(each["method"] == "mfa" or time.time() - each["at"] < lasts for each in records):
            return view(request, *args, **kwargs)
        if request.method == "POST":
            messages.info(
                request, "Nothing was changed: your sign-in was too long ago. Confirm it, then repeat the last step."
            )
        back = request.get_full_path() if request.method in ("GET", "HEAD") else reverse("administration")
        return HttpResponseRedirect(f"{reverse('account_reauthenticate')}?{urlencode({'next': back})}")

    return guarded


def editors(view: View) -> View:
    """Open a view to editors, and to administrators. It shows nothing about people."""

    @never_cache
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not (getattr(request.user, "is_editor", False) or getattr(request.user, "is_administrator", False)):
            raise Http404
        return view(request, *args, **kwargs)

    return guarded


def for_a_reason(field: str) -> Callable[[View], View]:
    """A change of one account that is only made for a reason, which is kept with it; the view gets the account and the
    reason, which was typed into `field`."""

    def decorate(view: View) -> View:
        @administrators
        @require_POST
        @wraps(view)
        def asked(request: HttpRequest, code: str) -> HttpResponse:
            user = get_object_or_404(User, code=code)
            wrong: dict[str, str] = {}
            reason = _reason(request, field, wrong)
            return _person(request, user, wrong) if wrong else view(request, user, reason)

        return asked

    return decorate


@administrators
@require_safe
def people(request: HttpRequest) -> HttpResponse:
    """Everybody by e-mail."""
    wanted = request.GET.get("q", "").strip()[:254].replace("\0", "")
    rows = User.objects.select_related("membership").order_by("email")
    if wanted:
        rows = rows.filter(email__icontains=wanted)
    page = Paginator(rows, A_PAGE).get_page(request.GET.get("page"))
    listed = [(each, permissions.standing_of(getattr(each, "membership", None))) for each in page]
    context = {"page": page, "listed": listed, "q": wanted, "everyone": settings.CONFIG.membership == "everyone"}
    return render(request, "people/administration.html", context)


@administrators
@require_safe
def person(request: HttpRequest, code: str) -> HttpResponse:
    """One account, and what may be done with it."""
    return _person(request, get_object_or_404(User, code=code))


@administrators
@require_POST
def grant(request: HttpRequest, code: str) -> HttpResponse:
    user = get_object_or_404(User, code=code)
    wrong: dict[str, str] = {}
    until = None
    if request.POST.get("how") == "until":
        until = _last_moment(request.POST.get("until", ""), wrong)
    elif request.POST.get("how") != "ever":
        wrong["how"] = "Choose a day, or without end."
    reason = _reason(request, "grant_reason", wrong)
    if wrong:
        return _person(request, user, wrong)
    told = f"until {wording.date(until.date())}" if until else "without end"
    return _done(
        request, user, f"{user.email} is a member {told}.",
        lambda: membership.grant(user=user, until=until, reason=reason, by=request.user, request=request),
    )  # fmt: skip


@for_a_reason("end_reason")
def end(request: HttpRequest, user: User, reason: str) -> HttpResponse:
    return _done(
        request, user, "The membership has ended. What this person wrote stays readable and theirs to take.",
        lambda: membership.end(user=user, reason=reason, by=request.user, request=request),
    )  # fmt: skip


@administrators
@require_POST
def roles(request: HttpRequest, code: str) -> HttpResponse:
    user = get_object_or_404(User, code=code)
    editor, administrator = "editor" in request.POST, "administrator" in request.POST
    return _done(
        request, user, "The roles are saved.",
        lambda: administration.give_roles(
            user=user, editor=editor, administrator=administrator, by=request.user, request=request
        ),
    )  # fmt: skip


@for_a_reason("account_reason")
def close(request: HttpRequest, user: User, reason: str) -> HttpResponse:
    return _done(
        request, user, "The account is closed and its sessions have ended. Nothing was deleted.",
        lambda: administration.close(user=user, reason=reason, by=request.user, request=request),
    )  # fmt: skip


@for_a_reason("account_reason")
def open_again(request: HttpRequest, user: User, reason: str) -> HttpResponse:
    return _done(
        request, user, "The account is open again.",
        lambda: administration.open_again(user=user, reason=reason, by=request.user, request=request),
    )  # fmt: skip


@for_a_reason("factors_reason")
def forget_factors(request: HttpRequest, user: User, reason: str) -> HttpResponse:
    return _done(
        request, user, "The second factors are taken away and every session has ended. We have sent this person a mail.",
        lambda: administration.forget_factors(user=user, reason=reason, by=request.user, request=request),
    )  # fmt: skip


@editors
@require_safe
def library(request: HttpRequest) -> HttpResponse:
    """What the library needs."""
    own, today = shelf().current(), settings.CONFIG.today()
    ageing = sorted(
        (
            (verdict, brief)
            for brief in own.briefs.values()
            if not brief.draft
            for verdict in shelf().verdicts(brief)
            if verdict.lapses and verdict.lapses <= today + SOON
        ),
        key=lambda pair: (pair[0].lapses, pair[1].title),
    )
    context = {
        "failing": [(verdict, brief) for brief, verdict in failing(own, today)],
        "ageing": ageing,
        "soon": SOON.days,
        "doubts": own.doubts,
        "notices": [
            (wording.NOTICES[each.notice.kind], each.notice, len(each.findings)) for each in touched(own, today)
        ],
    }
    return render(request, "people/administration_library.html", context)


def _person(request: HttpRequest, user: User, wrong: dict[str, str] | None = None) -> HttpResponse:
    held = Membership.objects.filter(user=user).first()
    context = {
        "person": user,
        "held": held,
        "standing": permissions.standing_of(held),
        "live": billing.is_live(held),
        "factors": user.pk != request.user.pk and Authenticator.objects.filter(user=user).exists(),
        "everyone": settings.CONFIG.membership == "everyone",
        "done": Event.objects.filter(clinic=None, patient="", about=user.code).order_by("-id")[:SHOWN_EVENTS],
        "names": _names(user),
        "wrong": wrong or {},
        "typed": request.POST,
        "longest": LONGEST_REASON,
    }
    return render(request, "people/administration_person.html", context, status=400 if wrong else 200)


def _names(user: User) -> dict[str, str]:
    """The address behind each code that changed this account."""
    who = Event.objects.filter(clinic=None, patient="", about=user.code).order_by("-id").values("who")[:SHOWN_EVENTS]
    return dict(User.objects.filter(code__in=[each["who"] for each in who]).values_list("code", "email"))


def _done(request: HttpRequest, user: User, told: str, action: Callable[[], Any]) -> HttpResponse:
    """Do it, say so or say why not, and go back to the person."""
    try:
        action()
    except membership.Refused as error:
        messages.error(request, str(error))
    except User.DoesNotExist:  # deleted at this moment
        raise Http404 from None
    except billing.Unreachable:
        messages.error(request, "The payment service does not answer. Nothing was changed: try again in a few minutes.")
    else:
        messages.success(request, told)
    return redirect("administration-person", code=user.code)


def _reason(request: HttpRequest, field: str, wrong: dict[str, str]) -> str:
    reason = " ".join(request.POST.get(field, "").split())
    if not reason or len(reason) > LONGEST_REASON or not reason.isprintable():
        wrong[field] = f"Write a reason of 1 to {LONGEST_REASON} characters; it is kept with what was done."
    return reason


def _last_moment(day: str, wrong: dict[str, str]) -> dt.datetime | None:
    """The end of a day from today on (UTC)."""
    try:
        end = dt.datetime.combine(dt.date.fromisoformat(day.strip()), dt.time(23, 59, 59), dt.UTC)
    except ValueError:
        end = None
    if end is None or end < timezone.now():
        wrong["until"] = "Write a day from today on, such as 2027-03-31."
    return end
