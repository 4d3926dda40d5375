"""Giving and ending a membership, and the way for somebody who meets a page that is for members."""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import urlencode

from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from neurodash.errors import NeuroDashError
from neurodash.web.people import billing, events, permissions
from neurodash.web.people.models import Membership, User

PAGE = "/membership/"


class Refused(NeuroDashError):
    """What was asked cannot be done. The sentence says why; nothing was changed."""


def grant(*, user: User, until: dt.datetime | None, reason: str, by: Any, request: HttpRequest | None = None) -> None:
    """Give a membership until a moment, or without end. Raises Refused where the person pays for one."""
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)  # two who give at once take turns
        membership = Membership.objects.select_for_update().filter(user=user).first() or Membership(user=user)
        if billing.is_live(membership):
            raise Refused(
                "A subscription is being paid for. End it first, or the person pays for what they were given."
            )
        membership.source, membership.until = Membership.Source.GRANTED, until
        membership.renews, membership.failing_since = False, None
        membership.save()
        told = until.isoformat() if until else "without end"
        events.record("membership granted", by=by, about=user.code, request=request, until=told, reason=reason)


def end(*, user: User, reason: str, by: Any, request: HttpRequest | None = None) -> None:
    """End a membership now, at the payment service too. Raises Refused where there is none, billing.Unreachable."""
    membership = Membership.objects.select_related("user").filter(user=user).first()
    if membership is None or not (billing.is_live(membership) or permissions.standing_of(membership).is_member):
        raise Refused("There is no membership to end.")
    if billing.is_live(membership) and billing.is_on():
        billing.cancel(membership)
    with transaction.atomic():
        membership = Membership.objects.select_for_update().get(user=user)
        now = timezone.now()
        membership.until = min(membership.until or now, now)
        membership.renews, membership.failing_since = False, None
        membership.save()
        events.record("membership ended", by=by, about=user.code, request=request, reason=reason)


def way_to(feature: str, request: HttpRequest) -> HttpResponse:
    """Where somebody goes who may not use a members' feature: what it is, and back again after joining.

    Raises KeyError for a feature nobody knows.
    """
    permissions.FEATURES[feature]
    back = request.get_full_path() if request.method == "GET" else ""
    return HttpResponseRedirect(f"{PAGE}?{urlencode({'for': feature, **({'next': back} if back else {})})}")


def safe(path: str) -> str:
    """A path of this site to go back to, or nothing."""
    fits = len(path) <= 500 and path.startswith("/") and url_has_allowed_host_and_scheme(path, allowed_hosts=None)
    return path if fits else ""
