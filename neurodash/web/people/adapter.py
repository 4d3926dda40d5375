"""Where allauth asks us: which device is known, where a link leads, what is said when something is wrong."""

from __future__ import annotations

import hashlib
import time
from typing import Any, ClassVar
from urllib.parse import urljoin, urlsplit

import qrcode  # type: ignore[import-untyped]
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.core import signing
from django.db import transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString

from neurodash.web import codes
from neurodash.web.people.models import Secret, User

DEVICE = "known-device"
DEVICE_FOR = 365 * 24 * 3600  # seconds
WAYS = {  # of showing that it is still you
    "reauthenticate": "Use your password",
    "mfa_reauthenticate": "Use a code",
    "mfa_reauthenticate:webauthn": "Use a passkey",
}


class Adapter(DefaultAccountAdapter):
    """Tries are counted for each address, and apart for each browser that has signed in there before: a stranger who
    guesses is slowed down and the owner is not locked out (device cookies, OWASP)."""

    error_messages: ClassVar = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": "This e-mail and this password do not belong together. Check both.",
        "too_many_login_attempts": "Too many tries. Wait 5 minutes, then try again.",
        "rate_limited": "Too many tries. Wait 5 minutes, then try again.",
        "incorrect_password": "This is not your password.",
        "enter_current_password": "This is not your current password.",
        "incorrect_code": "This code does not fit. Take the one your app shows now.",
        "duplicate_email": "This is your e-mail already.",
        "same_as_current": "This is your e-mail already.",
        "invalid_password_reset": "This link was used already, or it is too old.",
    }

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        key: str = super()._get_login_attempts_cache_key(request, **credentials)
        known = _known(request, str(credentials.get("email", "")))
        return f"{key}:{known}" if known else key

    def post_login(self, request: HttpRequest, user: Any, **more: Any) -> HttpResponse:
        response: HttpResponse = super().post_login(request, user, **more)
        remember(response, user, request)
        return response

    def confirm_email(self, request: HttpRequest, email_address: Any) -> bool:
        """Whoever confirms an address has it: an account that took it and never confirmed it goes."""
        with transaction.atomic():
            others = User.objects.filter(email=email_address.email).exclude(pk=email_address.user_id)
            others.filter(last_login=None, emailaddress__verified=False).delete()
            if others.exists():
                told = "account/messages/email_confirmation_failed.txt"
                self.add_message(request, messages.ERROR, told, {"email": email_address.email})
                return False
            return bool(super().confirm_email(request, email_address))

    def is_safe_url(self, url: str) -> bool:
        """Only pages of the site that was asked, under the name it was asked by."""
        here = context.request
        return bool(
            url_has_allowed_host_and_scheme(url, allowed_hosts={here.get_host()}, require_https=here.is_secure())
        )

    def is_reauthentication_required(self, *, app: str, **more: Any) -> bool:
        """Not of somebody who has shown a second factor in the last minutes, be it in signing in."""
        records = get_authentication_records(context.request, context.request.user)
        newest = max((each["at"] for each in records if each["method"] == "mfa"), default=0)
        if time.time() - newest < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT:
            return False
        return bool(super().is_reauthentication_required(app=app, **more))

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        super().send_mail(template_prefix, email, {"here": public("/", self.request), **context})

    def get_reset_password_from_key_url(self, key: str) -> str:
        return public(super().get_reset_password_from_key_url(key), self.request)

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        return public(super().get_email_confirmation_url(request, emailconfirmation), request)

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return "/account/"

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        return [{**each, "description": WAYS[each["id"]]} for each in super().get_reauthentication_methods(user)]


class Factors(DefaultMFAAdapter):
    """Second factors: their names, their words, and a QR code without a style of its own."""

    error_messages: ClassVar = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": "This code does not fit. Check it, or take the next one.",
        "unverified_email": "Confirm your e-mail first: the link is in our mail.",
        "add_email_blocked": "Confirm your e-mail first: the link is in our mail.",
        "cannot_generate_recovery_codes": "Recovery codes come with an authenticator app or a passkey. Add one first.",
    }

    def build_totp_svg(self, url: str) -> SafeString:
        drawn = qrcode.QRCode(border=4)
        drawn.add_data(url)
        drawn.make(fit=True)
        rows = drawn.get_matrix()
        path = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark)
        return format_html(
            '<svg class="qr" viewBox="0 0 {0} {0}" role="img" aria-label="QR code for your authenticator app" '
            'shape-rendering="crispEdges"><path class="ground" d="M0 0h{0}v{0}h-{0}z"/><path d="{1}"/></svg>',
            len(rows), path,
        )  # fmt: skip

    def generate_authenticator_name(self, user: Any, type: Authenticator.Type) -> str:
        others = Authenticator.objects.filter(user=user, type=type).count()
        return f"Passkey {others + 1}" if others else "Passkey"

    def encrypt(self, text: str) -> str:
        return Secret.objects.create(value=text).code

    def decrypt(self, encrypted_text: str) -> str:
        return str(Secret.objects.get(code=encrypted_text).value)

    def _get_site_name(self) -> str:
        return "NeuroDash"


@receiver(post_delete, sender=Authenticator)
def forget_secret(instance: Authenticator, **_: Any) -> None:
    """A factor that goes takes its secret with it."""
    Secret.objects.filter(code__in=[each for each in instance.data.values() if isinstance(each, str)]).delete()


def public(url: str, request: HttpRequest | None) -> str:
    """An address of ours as it stands in a mail: under the public name of the site where one is set, so that nobody
    chooses by a request's Host where a secret link leads."""
    path = urlsplit(url).path
    if settings.CONFIG.url or request is None:
        return urljoin(settings.CONFIG.url, path)
    return request.build_absolute_uri(path)


def remember(response: HttpResponse, user: Any, request: HttpRequest) -> None:
    """Let this browser be known the next time somebody signs in here as this person."""
    device = _known(request, user.email) or codes.new()
    response.set_cookie(
        DEVICE, signing.dumps({"who": _digest(user.email), "id": device}, salt=DEVICE), max_age=DEVICE_FOR,
        httponly=True, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE, path="/account/",
    )  # fmt: skip


def forget(response: HttpResponse) -> None:
    response.delete_cookie(DEVICE, path="/account/", samesite="Lax")


def _known(request: HttpRequest, email: str) -> str:
    """The code of this browser if somebody has signed in here as this person before, or nothing."""
    try:
        known = signing.loads(request.COOKIES.get(DEVICE, ""), salt=DEVICE, max_age=DEVICE_FOR)
    except signing.BadSignature:
        return ""
    return str(known["id"]) if isinstance(known, dict) and known.get("who") == _digest(email) else ""


def _digest(email: str) -> str:
    return hashlib.sha256(email.strip().lower().encode()).hexdigest()[:24]
