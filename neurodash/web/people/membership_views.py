"""What membership gives, one's own, and paying for it."""

from __future__ import annotations

import logging
import time

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from neurodash.web import codes
from neurodash.web.people import billing, membership, permissions
from neurodash.web.people.models import Membership

log = logging.getLogger(__name__)

CHECKOUT = "checkout"  # in the session: the key of an open checkout, since when it is waited for
BACK = "after-joining"  # in the session: where the visitor wanted to go
KEY_FOR_S = 3600  # a checkout that was left is taken up again: within this time it is the same one
WAIT_S = 600  # for the confirmation. Ours: it takes seconds; after ten minutes something is wrong
NOT_NOW = "The payment service does not answer at the moment. Nothing was changed and nothing was charged. Try again in a few minutes."


@never_cache
@require_safe
def about(request: HttpRequest) -> HttpResponse:
    """What membership gives; with ?for= it begins with the feature somebody has just met."""
    feature = request.GET.get("for", "")
    context = {
        "feature": permissions.FEATURES.get(feature, ""),
        "verb": "is" if feature == "deep-dive" else "are",
        "standing": permissions.standing(request.user),
        "next": membership.safe(request.GET.get("next", "")),
        "features": permissions.FEATURES.values(),
        "mode": settings.CONFIG.membership,
        "price": settings.CONFIG.price,
        "grace": permissions.GRACE.days,
    }
    return render(request, "people/membership.html", context)


@never_cache
@require_safe
@login_required
def yours(request: HttpRequest) -> HttpResponse:
    """One's own membership, and the next step with it."""
    if back := membership.safe(request.GET.get("next", "")):
        request.session[BACK] = back
    held = Membership.objects.filter(user=request.user).first()
    standing = permissions.standing(request.user)
    live = billing.is_live(held)
    can_join = billing.is_on() and not live and (not standing.is_member or standing.until is not None)
    if can_join:
        _key(request)  # made with the page, so that two tabs of it come to the same checkout
    context = {
        "standing": standing,
        "paying": not live and _waits(request) is not None,
        "held": held,
        "live": live,
        "can_join": can_join,
        "can_manage": billing.is_on() and held is not None and bool(held.customer),
        "mode": settings.CONFIG.membership,
        "price": settings.CONFIG.price,
        "features": permissions.FEATURES.values(),
        "back": request.session.get(BACK, ""),
    }
    return render(request, "people/membership_yours.html", context)


@require_POST
@login_required
def join(request: HttpRequest) -> HttpResponse:
    """To the page where a year is paid for."""
    _only_with_billing()
    if billing.is_live(Membership.objects.filter(user=request.user).first()):
        messages.info(request, "You are a member already: a second subscription would be paid twice.")
        return redirect("membership-yours")
    here = _here(request)
    try:
        address = billing.checkout(
            user=request.user, key=_key(request),
            success=here + reverse("membership-thanks"), cancelled=here + reverse("membership-left"),
        )  # fmt: skip
    except billing.Unreachable:
        request.session.pop(CHECKOUT, None)  # the service answers a key that failed with the same failure
        return _not_now(request)
    request.session[CHECKOUT] = {**request.session[CHECKOUT], "waits": time.time()}
    return _onward(request, address, "pay for your membership")


@require_POST
@login_required
def manage(request: HttpRequest) -> HttpResponse:
    """To the page where a card is changed and a subscription cancelled."""
    _only_with_billing()
    held = Membership.objects.filter(user=request.user).exclude(customer="").first()
    if held is None:
        raise Http404
    try:
        address = billing.portal(membership=held, back=_here(request) + reverse("membership-yours"))
    except billing.Unreachable:
        return _not_now(request)
    return _onward(request, address, "manage your payment, see your receipts or cancel")


@never_cache
@require_safe
@login_required
def thanks(request: HttpRequest) -> HttpResponse:
    """Where the payment service sends a payer. Believes nothing but what its signed message has told."""
    _only_with_billing()
    since = request.session.get(CHECKOUT, {}).get("waits")  # also when that was long ago
    confirmed = billing.is_live(Membership.objects.filter(user=request.user).first())
    if since is None and not confirmed:
        return redirect("membership-yours")
    if confirmed:
        request.session.pop(CHECKOUT, None)
    waiting = not confirmed and _waits(request) is not None
    context = {"confirmed": confirmed, "waiting": waiting, "back": request.session.get(BACK, "")}
    if confirmed:
        request.session.pop(BACK, None)
    return render(request, "people/membership_thanks.html", context)


@require_safe
@login_required
def left(request: HttpRequest) -> HttpResponse:
    """Where the payment service sends somebody who went back without paying."""
    _only_with_billing()
    kept = request.session.get(CHECKOUT)
    if isinstance(kept, dict) and kept.pop("waits", None):
        request.session.modified = True
    messages.info(request, "You left the payment page. Nothing changes unless a payment is confirmed.")
    return redirect("membership-yours")


@csrf_exempt
@require_POST
def told(request: HttpRequest) -> HttpResponse:
    """A message of the payment service. 200: taken, or nothing to do; 400: not its own; 503: to be sent again."""
    _only_with_billing()
    if int(request.META.get("CONTENT_LENGTH") or 0) > billing.MAX_BODY:
        return HttpResponse("too large\n", status=413, content_type="text/plain")
    try:
        billing.take(billing.opened(request.body, request.headers.get("Stripe-Signature", "")))
    except billing.Forged as error:
        log.warning("refused %s", error)
        return HttpResponse("refused\n", status=400, content_type="text/plain")
    except billing.Unreachable:
        return HttpResponse("send it again\n", status=503, content_type="text/plain")
    return HttpResponse("taken\n", content_type="text/plain")


def _only_with_billing() -> None:
    if not billing.is_on():
        raise Http404


def _key(request: HttpRequest) -> str:
    kept = request.session.get(CHECKOUT)
    if not isinstance(kept, dict) or time.time() - kept["made"] > KEY_FOR_S:
        kept = request.session[CHECKOUT] = {"key": codes.new(), "made": time.time()}
    return str(kept["key"])


def _waits(request: HttpRequest) -> float | None:
    """Since when a payment may be on its way; None where none is, or where it takes too long."""
    since = request.session.get(CHECKOUT, {}).get("waits")
    return since if since is not None and time.time() - since < WAIT_S else None


def _here(request: HttpRequest) -> str:
    """The site's public address without the last slash."""
    return str(settings.CONFIG.url or request.build_absolute_uri("/")).rstrip("/")


def _onward(request: HttpRequest, address: str, purpose: str) -> HttpResponse:
    """A page that leads to the payment service: our forms may send nobody to another site, not even by a redirect."""
    return render(request, "people/membership_onward.html", {"address": address, "purpose": purpose})


def _not_now(request: HttpRequest) -> HttpResponse:
    messages.error(request, NOT_NOW)
    return redirect("membership-yours")
