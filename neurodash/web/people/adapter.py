"""Where allauth asks us: which device is known, where a mail goes."""

from __future__ import annotations

import hashlib
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.core import signing
from django.http import HttpRequest, HttpResponse

DEVICE = "known-device"
DEVICE_FOR = 365 * 24 * 3600  # seconds


class Adapter(DefaultAccountAdapter):
    """Tries are counted for each address, and apart for each browser that has signed in there before: a stranger who
    guesses is slowed down and the owner is not locked out (device cookies, OWASP)."""

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        key: str = super()._get_login_attempts_cache_key(request, **credentials)
        who = _digest(credentials.get("email", ""))
        try:
            known = signing.loads(request.COOKIES.get(DEVICE, ""), salt=DEVICE, max_age=DEVICE_FOR)
        except signing.BadSignature:
            return key
        return f"{key}:{known['id']}" if isinstance(known, dict) and known.get("who") == who else key

    def post_login(self, request: HttpRequest, user: Any, **more: Any) -> HttpResponse:
        response: HttpResponse = super().post_login(request, user, **more)
        remember(response, user, request)
        return response


def remember(response: HttpResponse, user: Any, request: HttpRequest) -> None:
    """Let this browser be known the next time somebody signs in here as this person."""
    known = signing.dumps({"who": _digest(user.email), "id": user.code}, salt=DEVICE)
    response.set_cookie(
        DEVICE, known, max_age=DEVICE_FOR, httponly=True, samesite="Lax", secure=request.is_secure(), path="/account/"
    )


def _digest(email: str) -> str:
    return hashlib.sha256(email.strip().lower().encode()).hexdigest()[:24]
