"""An account's own pages."""

from __future__ import annotations

from allauth.account.decorators import reauthentication_required
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from neurodash.web.people import events, forms, taking_away
from neurodash.web.people.adapter import forget
from neurodash.web.people.models import User
from neurodash.web.people.permissions import standing

WAIT_S = 60  # every limit that answers with a page counts by the minute (settings, ACCOUNT_RATE_LIMITS)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    """What there is to an account, at one glance; a POST gives it a new name."""
    user: User = request.user
    form = forms.Name(request.POST if request.method == "POST" else None, instance=User.objects.get(pk=user.pk))
    if form.is_bound and form.is_valid():
        with transaction.atomic():
            form.save()
            events.record("name changed", by=user, request=request)
        messages.success(request, "Your name is saved.")
        return redirect("account")
    factors = {each.type: each for each in Authenticator.objects.filter(user=user).order_by("-pk")}
    codes = factors.get(Authenticator.Type.RECOVERY_CODES)
    told = {
        "form": form,
        "standing": standing(user),
        "seats": user.seats.select_related("clinic").order_by("clinic__name"),
        "app": factors.get(Authenticator.Type.TOTP),
        "passkeys": Authenticator.objects.filter(user=user, type=Authenticator.Type.WEBAUTHN).count(),
        "codes_left": len(codes.wrap().get_unused_codes()) if codes else None,
        "sessions": len(UserSession.objects.purge_and_list(user)),
    }
    return render(request, "people/account.html", told, status=400 if form.errors else 200)


@login_required
@require_POST
def export(request: HttpRequest) -> FileResponse:
    """One zip with everything kept about this account."""
    user: User = request.user
    with transaction.atomic():
        events.record("account taken away", by=user, request=request)
    return FileResponse(
        taking_away.take_away(user), as_attachment=True, content_type="application/zip",
        filename=f"neurodash-account-{timezone.now().date().isoformat()}.zip",
    )  # fmt: skip


@login_required
@reauthentication_required
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest) -> HttpResponse:
    """What goes and what stays when this account goes; a POST deletes it."""
    user: User = request.user
    going = taking_away.going(user)
    form = forms.Deletion(going.alone, request.POST if request.method == "POST" else None)
    if form.is_bound and going.may_go and form.is_valid():
        agreed = frozenset(form.cleaned_data)
        try:
            taking_away.delete_account(user=user, by=user, agreed=agreed, request=request)
        except taking_away.InTheWay:  # something changed since the page was drawn: the page says what
            return redirect("account_delete")
        except User.DoesNotExist:  # the same button, pressed in another tab at this moment
            pass
        logout(request)
        messages.success(request, "Your account is deleted. We have sent you a last mail to say so.")
        response = redirect("account_login")
        forget(response)
        return response
    status = 400 if form.errors else 409 if form.is_bound and not going.may_go else 200
    return render(request, "people/deletion.html", {"form": form, "going": going}, status=status)


def forged(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that did not come from one of our pages, or from one that was open too long."""
    return render(request, "people/forged.html", status=403)


def denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """What this visitor may not do, and who may."""
    return render(request, "people/denied.html", {"why": str(exception)}, status=403)


def hurried(request: HttpRequest) -> HttpResponse:
    """Somebody asks for the same thing too often."""
    response = render(request, "people/account_hurried.html", {"wait_s": WAIT_S}, status=429)
    response["Retry-After"] = str(WAIT_S)
    return response
