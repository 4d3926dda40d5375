"""What an administrator changes about an account: its roles, whether it is open, and its second factors when they are lost."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.core.mail import send_mail
from django.db import transaction
from django.http import HttpRequest
from django.template.loader import render_to_string

from neurodash.web.people import events
from neurodash.web.people.adapter import public
from neurodash.web.people.membership import Refused
from neurodash.web.people.models import User

LAST = "This is the last administrator. Make somebody else one first."


def give_roles(
    *, user: User, editor: bool, administrator: bool, by: User | None, request: HttpRequest | None = None
) -> bool:
    """Make or unmake an editor and an administrator; whether anything changed. Raises Refused for the last administrator."""
    with transaction.atomic():
        user = locked(user)
        new = {"is_editor": editor, "is_administrator": administrator}
        changed = {name: value for name, value in new.items() if getattr(user, name) != value}
        if changed.get("is_administrator") is False:
            _refuse_last(user)
        for name, value in changed.items():
            setattr(user, name, value)
            role = name.removeprefix("is_")
            events.record(f"{role} {'made' if value else 'unmade'}", by=by, about=user.code, request=request)
        if changed:
            user.save(update_fields=list(changed))
    return bool(changed)


def close(*, user: User, reason: str, by: User, request: HttpRequest | None = None) -> None:
    """Close an account: nobody signs in with it, and its sessions end. Raises Refused for one's own and the last administrator."""
    if user.pk == by.pk:
        raise Refused("You cannot close your own account here.")
    with transaction.atomic():
        user = locked(user)
        if not user.is_active:
            return
        _refuse_last(user)
        user.is_active = False
        user.save(update_fields=["is_active"])
        for session in UserSession.objects.filter(user=user):
            session.end()
        events.record("account closed", by=by, about=user.code, request=request, reason=reason)


def open_again(*, user: User, reason: str, by: User, request: HttpRequest | None = None) -> None:
    """Open a closed account again."""
    with transaction.atomic():
        user = locked(user)
        if user.is_active:
            return
        user.is_active = True
        user.save(update_fields=["is_active"])
        events.record("account opened", by=by, about=user.code, request=request, reason=reason)


def forget_factors(*, user: User, reason: str, by: User | None, request: HttpRequest | None = None) -> None:
    """Take the app, the passkeys and the recovery codes of somebody who lost them all, end their sessions and tell them by
    mail. Raises Refused for one's own, and where there are none."""
    if by is not None and user.pk == by.pk:
        raise Refused("Your own second factors are on your account’s page. Nothing was changed.")
    with transaction.atomic():
        user = locked(user)
        if not Authenticator.objects.filter(user=user).delete()[0]:
            raise Refused("This account has no second factor. Nothing was changed.")
        for session in UserSession.objects.filter(user=user):
            session.end()
        events.record("second factors taken away", by=by, about=user.code, request=request, reason=reason)
        told = {"here": public("/", request)}
        transaction.on_commit(lambda: _say_forgotten(user.email, told), robust=True)


def _say_forgotten(email: str, told: dict[str, str]) -> None:
    subject, body = (
        render_to_string(f"account/email/factors_taken_away_{each}.txt", told) for each in ("subject", "message")
    )
    send_mail(subject.strip(), body.strip(), None, [email])


def locked(user: User) -> User:
    """The account as it stands, with every administrator's row held: two who unmake each other take turns."""
    held = list(User.objects.select_for_update().filter(is_administrator=True).order_by("pk"))
    return next((each for each in held if each.pk == user.pk), None) or User.objects.select_for_update().get(pk=user.pk)


def is_last(user: User) -> bool:
    """Whether nobody could administrate this site without `user`."""
    others = User.objects.filter(is_administrator=True, is_active=True).exclude(pk=user.pk)
    return user.is_administrator and not others.exists()


def _refuse_last(user: User) -> None:
    if is_last(user):
        raise Refused(LAST)
