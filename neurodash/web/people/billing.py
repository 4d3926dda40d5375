"""What we ask the payment service, and what its messages make of a membership.

A message is only a bell. It is checked, taken once, and then the service is asked how the subscription stands; what it
answers is believed. So no order of messages, no replay and no change of their shape can undo what is newer.
"""

from __future__ import annotations

import datetime as dt
import importlib
import json
import logging
import re
import time
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from neurodash.errors import NeuroDashError
from neurodash.web.people import events
from neurodash.web.people.models import Membership, Paid, User

log = logging.getLogger(__name__)

TOLERANCE_S = 300  # that a message may be old, or ahead of our clock: the service's own default
MAX_BODY = 256 * 1024  # bytes of a message. Ours: one about a single subscription has less than 20 kB
TIMEOUT_S = (3, 6)  # to connect, to answer: somebody is waiting at a page
TRIES = 8  # to read a subscription that changes while we ask
HANDLED = frozenset(
    {
        "checkout.session.completed",
        "customer.subscription.created",
        "customer.subscription.updated",
        "customer.subscription.deleted",
        "invoice.paid",
        "invoice.payment_failed",
    }
)
FAILING = frozenset({"past_due", "unpaid", "paused"})  # states of a subscription that wait for a payment
NEVER_PAID = frozenset({"incomplete", "incomplete_expired"})
_HEADER = re.compile(r"t=([0-9]{1,12})(,v[0-9]=[0-9a-f]{1,128}){1,8}")


class Unreachable(NeuroDashError):
    """The payment service does not answer, or not as it should. Nothing was changed here."""


class Forged(NeuroDashError):
    """A message that the payment service did not sign, or not just now."""


@dataclass(frozen=True)
class Message:
    """What a message is about: the id of a subscription, or nothing where it concerns none."""

    id: str
    kind: str
    created: dt.datetime
    subscription: str


@dataclass(frozen=True)
class Subscription:
    """How a subscription stands by the service. `until` is paid for; `user` is the code of the account it was made for."""

    id: str
    customer: str
    user: str
    until: dt.datetime
    renews: bool
    failing: bool  # it waits for a payment, or was given up for want of one
    over: bool


def is_on() -> bool:
    return bool(settings.CONFIG.membership == "stripe")


def is_live(membership: Membership | None) -> bool:
    """Whether a paid subscription goes on, so that a second one would be paid twice."""
    if membership is None or membership.source != Membership.Source.STRIPE or not membership.subscription:
        return False
    return membership.renews or (membership.until is not None and timezone.now() < membership.until)


# What we ask


def checkout(*, user: User, key: str, success: str, cancelled: str) -> str:
    """The address of a page where `user` pays for a year. The same `key` gives the same page. Raises Unreachable."""
    membership = Membership.objects.filter(user=user).first()
    known = {"customer": membership.customer} if membership and membership.customer else {"customer_email": user.email}
    told_at = membership.told_at.timestamp() if membership and membership.told_at else 0
    session = _ask(
        lambda service: service.v1.checkout.sessions.create(
            params={
                "mode": "subscription",
                "line_items": [{"price": settings.CONFIG.stripe["price_id"], "quantity": 1}],
                "client_reference_id": user.code,
                "subscription_data": {"metadata": {"user": user.code}},
                "success_url": success,
                "cancel_url": cancelled,
                **known,
            },
            options={"idempotency_key": f"join-{user.code}-{key}-{told_at}"},
        )
    )
    return str(session.url)


def portal(*, membership: Membership, back: str) -> str:
    """The address of the service's page to change a card or cancel. Raises Unreachable."""
    params = {"customer": membership.customer, "return_url": back}
    return str(_ask(lambda service: service.v1.billing_portal.sessions.create(params=params)).url)


def cancel(membership: Membership) -> None:
    """End a subscription at the service, now, and believe what it says. Raises Unreachable; then nothing has changed."""
    try:
        _ask(lambda service: service.v1.subscriptions.cancel(membership.subscription), missing=True)
    except _Refused:  # it was cancelled before
        log.warning("the subscription of %s could not be cancelled; asking how it stands", membership.user.code)
    learn(membership.subscription)


# What it tells us


def opened(body: bytes, signature: str) -> Message:
    """A message with its signature checked on every byte and its time on our clock. Raises Forged."""
    header = _HEADER.fullmatch(signature)
    if header is None:
        raise Forged("a message without a signature")
    try:
        _stripe().WebhookSignature.verify_header(body, signature, settings.CONFIG.stripe["webhook_secret"])
        told = json.loads(body)
    except _stripe().SignatureVerificationError:
        raise Forged("a message with a signature that is not the service's") from None
    except (ValueError, RecursionError):
        raise Forged("a message that cannot be read") from None
    late = time.time() - int(header[1])
    if abs(late) > TOLERANCE_S:
        which = f"{late:.0f} s old" if late > 0 else f"{-late:.0f} s ahead of our clock"
        raise Forged(f"a signed message {which} (at most {TOLERANCE_S} s): a replay, or the clock here is wrong")
    try:
        kind, about = str(told["type"]), told["data"]["object"]
        created = dt.datetime.fromtimestamp(int(told["created"]), dt.UTC)
        message = Message(str(told["id"])[:80], kind[:80], created, _subscription_in(kind, about))
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        raise Forged("a message of an unknown shape") from None
    return message


def take(message: Message) -> None:
    """Let a message have its effect, once however often it comes. Raises Unreachable: then it has to come again."""
    if message.kind not in HANDLED or not message.subscription or Paid.objects.filter(id=message.id).exists():
        return
    learn(message.subscription, message)


def learn(subscription: str, message: Message | None = None) -> None:
    """Ask the service how a subscription stands and make that the membership, and the message taken, in one transaction.

    The row may change while we ask; then what we heard may be the older of two, and we ask again. Raises Unreachable.
    """
    code = ""
    for _ in range(TRIES):
        rows = Membership.objects.filter(**({"user__code": code} if code else {"subscription": subscription}))
        seen = rows.values_list("told_at", flat=True).first()
        told = _stands(subscription)
        try:
            with transaction.atomic():
                if message is not None and not _first(message):
                    return
                user = _whose(told)
                if told is None or user is None:
                    return
                membership = Membership.objects.select_for_update().filter(user=user).first() or Membership(user=user)
                if membership.told_at == seen:
                    if _believe(membership, told):
                        membership.told_at = timezone.now()
                        membership.save()
                        until = told.until.isoformat()
                        events.record(
                            "membership told", about=user.code, until=until, renews=told.renews, failing=told.failing
                        )
                    return
                transaction.set_rollback(True)
        except IntegrityError:  # somebody else wrote this person's first row
            continue
        code = user.code
    log.warning("%s changes faster than it can be read", subscription)
    raise Unreachable("It changes faster than it can be read.")


def settle() -> tuple[int, int]:
    """Ask about every subscription that is still open here, for a host whose messages were lost: how many were asked
    about, and how many stood differently. Raises Unreachable; what was heard before that is kept."""
    rows = Membership.objects.filter(source=Membership.Source.STRIPE).exclude(subscription="").order_by("pk")
    open_ = [row for row in rows if is_live(row) or row.failing_since is not None]
    for row in open_:
        learn(row.subscription)
    now = dict(Membership.objects.filter(pk__in=[row.pk for row in open_]).values_list("pk", "told_at"))
    return len(open_), sum(now.get(row.pk) != row.told_at for row in open_)


def _first(message: Message) -> bool:
    _, is_new = Paid.objects.get_or_create(id=message.id, defaults={"kind": message.kind, "created": message.created})
    return is_new


def _whose(told: Subscription | None) -> User | None:
    """The account a subscription was made for: by its own metadata, which only we write."""
    if told is None:
        return None
    user = User.objects.filter(**({"code": told.user} if told.user else {"membership__subscription": told.id})).first()
    if user is None and not told.over:
        log.warning("%s is paid for and belongs to no account here: cancel it at the payment service", told.id)
    return user


def _believe(membership: Membership, told: Subscription) -> bool:
    """Make a membership what its subscription says; whether anything changed."""
    ours = membership.source == Membership.Source.STRIPE and membership.subscription == told.id
    if not ours and told.over:
        return False  # an earlier subscription, or one beside what was granted: nobody's membership ends with it
    if not ours and is_live(membership) and (membership.until is None or told.until <= membership.until):
        log.warning("%s pays for two subscriptions; %s is the shorter", membership.user.code, told.id)
        return False
    now = timezone.now()
    since = (membership.failing_since if ours else None) or (told.until if told.over else now)
    new = {
        "source": Membership.Source.STRIPE, "subscription": told.id, "customer": told.customer, "until": told.until,
        "renews": told.renews, "failing_since": since if told.failing else None,
    }  # fmt: skip
    changed = any(getattr(membership, name) != value for name, value in new.items())
    for name, value in new.items():
        setattr(membership, name, value)
    return changed


def _stands(subscription: str) -> Subscription | None:
    """How the service says it stands; None where it knows none, or where nothing was ever paid for it."""
    try:
        found = _ask(lambda service: service.v1.subscriptions.retrieve(subscription), missing=True)
    except _Refused:
        log.warning("the payment service does not know %s", subscription)
        return None
    try:
        return _read(found.to_dict())
    except (KeyError, TypeError, ValueError):
        log.exception("the payment service told of a subscription in an unknown shape")
        raise Unreachable("The payment service answered in a way we do not know.") from None


def _read(found: dict[str, Any]) -> Subscription | None:
    status, items = found["status"], found["items"]["data"]
    if status in NEVER_PAID:
        return None
    over, failing = status == "canceled", status in FAILING
    start, end = (max(int(item[name]) for item in items) for name in ("current_period_start", "current_period_end"))
    leaving = bool(found.get("cancel_at_period_end") or found.get("cancel_at"))
    if over:
        until = found.get("ended_at") or found["canceled_at"]
        failing = (found.get("cancellation_details") or {}).get("reason") == "payment_failed"
    else:
        # The period that waits for its payment has begun already: what is paid for ended with its start.
        until = start if failing else min(end, found.get("cancel_at") or end)
    return Subscription(
        id=found["id"],
        customer=_id(found["customer"]),
        user=(found.get("metadata") or {}).get("user", ""),
        until=dt.datetime.fromtimestamp(int(until), dt.UTC),
        renews=not over and not leaving,
        failing=failing,
        over=over,
    )


def _subscription_in(kind: str, about: dict[str, Any]) -> str:
    if kind.startswith("customer.subscription."):
        return _id(about)
    if kind.startswith("invoice."):
        details = (about.get("parent") or {}).get("subscription_details") or {}
        return _id(details.get("subscription") or about.get("subscription"))
    return _id(about.get("subscription"))


def _id(reference: Any) -> str:
    """An id, given as it is or inside the thing itself."""
    return str((reference.get("id") if isinstance(reference, dict) else reference) or "")


# The library of the service


class _Refused(NeuroDashError):
    """The service knows no such thing."""


def _ask(question: Any, missing: bool = False) -> Any:
    """The answer to a question. Raises Unreachable, and _Refused for what the service does not have if `missing` may be."""
    stripe = _stripe()
    try:
        return question(_service(settings.CONFIG.stripe["key"], settings.CONFIG.stripe["api"]))
    except stripe.InvalidRequestError as error:
        if missing and error.code == "resource_missing":
            raise _Refused from None
        log.error("the payment service refused a question: %s %s", error.code, error.param)
        raise Unreachable("The payment service refused the question.") from None
    except stripe.StripeError as error:
        log.error("the payment service: %s, status %s", type(error).__name__, error.http_status)
        raise Unreachable("The payment service does not answer.") from None


@cache
def _service(key: str, api: str) -> Any:
    stripe = _stripe()
    addresses = {"api": api} if api else None
    http = stripe.RequestsClient(timeout=TIMEOUT_S)
    return stripe.StripeClient(key, base_addresses=addresses, http_client=http, max_network_retries=1)


@cache
def _stripe() -> Any:
    """Loaded with the first question: most installations never ask one."""
    return importlib.import_module("stripe")
