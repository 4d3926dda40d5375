"""`neurodash people add|grant|list|settle`: the first administrator of a new installation, and what a host does without a browser."""

from __future__ import annotations

import datetime as dt
import os
from typing import TYPE_CHECKING

import click

from neurodash.cli.common import UNUSABLE, fail
from neurodash.errors import DataError, Problem

if TYPE_CHECKING:
    from neurodash.web.people.models import User

LOCAL = "http://localhost:8000/"  # where `neurodash serve` listens while no public address is set


@click.group()
def people() -> None:
    """Accounts: make the first ones, grant membership, see who there is."""


@people.command()
@click.argument("email")
@click.option("--administrator", is_flag=True, help="May grant membership, give roles and close accounts.")
@click.option("--editor", is_flag=True, help="Sees what the library needs.")
@click.option("--member", is_flag=True, help="Has a membership without end.")
@click.option("--name", default="", help="As it stands under a plan that was signed.")
@click.option("--send", is_flag=True, help="Send the link by mail instead of printing it.")
def add(email: str, administrator: bool, editor: bool, member: bool, name: str, send: bool) -> None:
    """Make an account for EMAIL and print a link, good once, to set its password.

    An account that exists keeps its password and gets the roles.
    """
    try:
        _open()
        user = _added(email, name, administrator=administrator, editor=editor, member=member)
    except DataError as error:
        fail(error, UNUSABLE)
    if user.has_usable_password():
        click.echo(f"{user.email} has an account already; {_told(user)}. Its password stays.")
        return
    link = _link(user)
    if send:
        from django.conf import settings
        from django.core.mail import send_mail

        text = f"An account was made for you at {settings.CONFIG.url or LOCAL}\n\nSet your password here, within three days:\n{link}\n"
        try:
            send_mail("Your NeuroDash account", text, None, [user.email])
        except OSError as error:
            told = f"a mail that cannot be sent ({error})"
            fail(
                DataError([Problem("NEURODASH_MAIL", told, "a mail server", "The account is made; leave --send out.")]),
                UNUSABLE,
            )
        click.echo(f"{user.email}: {_told(user)}. The link was sent.")
        return
    click.echo(f"{user.email}: {_told(user)}. Set the password here, once, within three days:\n{link}")


@people.command()
@click.argument("email")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="Its last day (default: without end).")
@click.option("--reason", default="by the host", show_default=True, help="Kept with the event.")
def grant(email: str, until: dt.datetime | None, reason: str) -> None:
    """Give the account of EMAIL a membership."""
    try:
        _open()
        from neurodash.web.people import membership

        user, moment = _known(email), None
        if until is not None:
            moment = dt.datetime.combine(until.date(), dt.time(23, 59, 59), dt.UTC)
            if moment < dt.datetime.now(dt.UTC):
                raise DataError([Problem("--until", f"{until.date()}, which is over", "a day from today on")])
        try:
            membership.grant(user=user, until=moment, reason=reason[:200], by=None)
        except membership.Refused as error:
            raise DataError([Problem(email, str(error), "an account without a paid subscription")]) from None
    except DataError as error:
        fail(error, UNUSABLE)
    click.echo(f"{user.email} is a member {f'until {until.date()}' if until else 'without end'}.")


@people.command("forget-factors")
@click.argument("email")
@click.option("--reason", default="by the host", show_default=True, help="Kept with the event.")
def forget_factors(email: str, reason: str) -> None:
    """Take the app, the passkeys and the recovery codes of EMAIL away, for somebody who lost them all.

    Their password alone signs them in then, every session ends, and they are told by mail. Be sure who asks.
    """
    try:
        _open()
        from neurodash.web.people import administration, membership

        user = _known(email)
        try:
            administration.forget_factors(user=user, reason=reason[:200], by=None)
        except membership.Refused as error:
            raise DataError([Problem(email, str(error), "an account with a second factor")]) from None
    except DataError as error:
        fail(error, UNUSABLE)
    click.echo(f"{user.email} signs in with the password alone now; every session has ended.")


@people.command("list")
def list_() -> None:
    """Print every account: e-mail, membership, roles."""
    try:
        _open()
    except DataError as error:
        fail(error, UNUSABLE)
    from neurodash.web.people.models import User

    for user in User.objects.select_related("membership").order_by("email").iterator():
        click.echo(f"{user.email}  {_told(user)}{'' if user.is_active else ', closed'}")


@people.command()
def settle() -> None:
    """Ask the payment service how every open subscription stands, after its messages were lost for days."""
    try:
        _open()
        from neurodash.web.people import billing

        if not billing.is_on():
            raise DataError([Problem("NEURODASH_MEMBERSHIP", "not stripe", "stripe")])
        try:
            asked, changed = billing.settle()
        except billing.Unreachable as error:
            mend = "Run it again later; nothing is half done."
            raise DataError([Problem("the payment service", str(error), "an answer", mend)]) from None
    except DataError as error:
        fail(error, UNUSABLE)
    click.echo(f"Asked about {asked} open subscriptions; {changed} stood differently.")


def _open() -> None:
    """The record, made where there is none. Raises DataError for one that waits to be brought to this program's shape: a
    server of the program before may be using it."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "neurodash.web.settings")
    import django

    django.setup()
    from neurodash.web import record

    if record.is_there():
        record.refuse_unready()
    else:
        record.migrate()


def _added(email: str, name: str, *, administrator: bool, editor: bool, member: bool) -> User:
    from allauth.account.models import EmailAddress
    from django.core.exceptions import ValidationError
    from django.core.validators import validate_email
    from django.db import transaction

    from neurodash.web.people import administration, billing, events, membership
    from neurodash.web.people.models import Membership, User

    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        raise DataError([Problem("EMAIL", f"“{email}”", "an address such as name@example.org")]) from None
    with transaction.atomic():
        user = User.objects.filter(email=email).first()
        if user is None:
            user = User.objects.create_user(email, name=name[:80])
            EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
            events.record("account made", about=user.code)
        elif not EmailAddress.objects.filter(user=user, email__iexact=email, verified=True).exists():
            # Whoever signed up with this address has not shown that it is theirs.
            mend = "Let its owner follow the link in the mail first, or make another account."
            raise DataError([Problem(email, "an account whose address was never confirmed", "a confirmed one", mend)])
        administration.give_roles(
            user=user, editor=editor or user.is_editor, administrator=administrator or user.is_administrator, by=None
        )
        if member and not billing.is_live(Membership.objects.filter(user=user).first()):
            membership.grant(user=user, until=None, reason="by the host", by=None)
    made: User = User.objects.get(pk=user.pk)
    return made


def _known(email: str) -> User:
    from neurodash.errors import did_you_mean
    from neurodash.web.people.models import User

    user: User | None = User.objects.filter(email=email.strip().lower()).first()
    if user is None:
        near = did_you_mean(email, User.objects.values_list("email", flat=True)[:1000])
        mend = near or "`neurodash people add` makes one."
        raise DataError([Problem("EMAIL", f"{email}, who has no account", "the address of an account", mend)])
    return user


def _link(user: User) -> str:
    from allauth.account import app_settings
    from allauth.account.utils import user_pk_to_url_str
    from django.conf import settings
    from django.urls import reverse

    token = app_settings.PASSWORD_RESET_TOKEN_GENERATOR().make_token(user)
    path: str = reverse("account_reset_password_from_key", args=[user_pk_to_url_str(user), token])
    return str(settings.CONFIG.url or LOCAL).rstrip("/") + path


def _told(user: User) -> str:
    from neurodash.web.people import permissions

    standing = permissions.standing_of(getattr(user, "membership", None))
    until = f" until {standing.until.date()}" if standing.until else " without end"
    words = [f"member{until}" if standing.is_member else "no membership"]
    words += [word for word, has in (("editor", user.is_editor), ("administrator", user.is_administrator)) if has]
    return ", ".join(words)
