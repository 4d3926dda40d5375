"""Paying for membership: our real server and a payment service on loopback, over real HTTP."""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import re
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.chromium import axe, needs_chromium
from tests.conftest import DAY, Server, run
from tests.web import cast as casting
from tests.web.conftest import signed_in
from tests.web.stripe_service import YEAR, Service, sign

ROW = ("source", "until", "renews", "failing_since", "customer", "subscription")


class Paid:
    """The site with the cast in its record, and the service that it is paid through."""

    def __init__(self, data: Path, service: Service) -> None:
        env = {**os.environ, "NEURODASH_DATA": str(data), "NEURODASH_ON": DAY}
        subprocess.run([sys.executable, "-m", "tests.web.cast"], env=env, capture_output=True, check=True)
        self.server, self.service, self.file = Server(data, env=service.env()), service, data / "record.sqlite3"
        service.hook = f"{self.server.url}/membership/stripe/"

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.file, timeout=20)) as record, record:
            return record.execute(sql, values).fetchall()

    def code(self, who: str) -> str:
        return self.query("select code from people_user where email = ?", casting.address(who))[0][0]

    def membership(self, who: str) -> dict[str, Any] | None:
        rows = self.query(
            f"select {', '.join('m.' + name for name in ROW)} from people_membership m "  # noqa: S608
            "join people_user u on u.id = m.user_id where u.email = ?",
            casting.address(who),
        )
        if not rows:
            return None
        found = dict(zip(ROW, rows[0], strict=True))
        for name in ("until", "failing_since"):
            found[name] = found[name] and dt.datetime.fromisoformat(found[name]).replace(tzinfo=dt.UTC).timestamp()
        return found

    def clear(self) -> None:
        self.service.mode, self.service.sleeps = "well", 0
        self.service.asked.clear()
        self.query("delete from people_membership")
        self.query("delete from people_paid")

    @property
    def log(self) -> str:
        return self.server.log.read_text()


@pytest.fixture(scope="session")
def _paid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paid]:
    service = Service()
    running = Paid(tmp_path_factory.mktemp("paid"), service)
    yield running
    running.server.stop()
    service.stop()


@pytest.fixture
def paid(_paid: Paid) -> Paid:
    _paid.clear()
    return _paid


def is_member(row: dict[str, Any] | None) -> bool:
    return row is not None and row["failing_since"] is None and row["until"] > time.time()


# What a message does


def test_a_paid_checkout_makes_a_member_until_the_end_of_the_year(paid: Paid) -> None:
    subscription = paid.service.subscribe(paid.code("reader"))
    assert paid.service.tell("checkout.session.completed", {"subscription": subscription["id"]}) == 200
    row = paid.membership("reader")
    end = subscription["items"]["data"][0]["current_period_end"]
    assert row == {
        "source": "stripe", "until": end, "renews": 1, "failing_since": None,
        "customer": subscription["customer"], "subscription": subscription["id"],
    }  # fmt: skip
    assert paid.query("select did from people_event where about = ? order by id", paid.code("reader"))[-1] == (
        "membership told",
    )


def test_a_refused_card_begins_the_grace_once_and_a_payment_ends_it(paid: Paid) -> None:
    subscription, now = paid.service.subscribe(paid.code("reader")), int(time.time())
    paid.service.tell("customer.subscription.created", subscription)
    subscription["status"] = "past_due"
    paid.service.period(subscription, now - 3600, now - 3600 + YEAR)
    paid.service.tell("invoice.payment_failed", paid.service.invoice(subscription))
    first = paid.membership("reader")
    assert first["failing_since"] == pytest.approx(time.time(), abs=10)
    assert first["until"] == now - 3600  # the new year is not paid for
    paid.service.tell("invoice.payment_failed", paid.service.invoice(subscription))  # the service tries again
    assert paid.membership("reader")["failing_since"] == first["failing_since"]
    subscription["status"] = "active"
    paid.service.tell("invoice.paid", paid.service.invoice(subscription))
    assert paid.membership("reader")["failing_since"] is None
    assert paid.membership("reader")["until"] == now - 3600 + YEAR


def test_a_cancelled_year_lasts_to_its_end_and_then_is_over(paid: Paid) -> None:
    subscription = paid.service.subscribe(paid.code("reader"))
    end = subscription["items"]["data"][0]["current_period_end"]
    subscription["cancel_at_period_end"] = True
    paid.service.tell("customer.subscription.updated", subscription)
    assert (paid.membership("reader")["until"], paid.membership("reader")["renews"]) == (end, 0)
    paid.service.end(subscription)
    paid.service.tell("customer.subscription.deleted", subscription)
    assert not is_member(paid.membership("reader"))


def test_given_up_for_want_of_payment_keeps_what_is_left_of_the_grace(paid: Paid) -> None:
    subscription = paid.service.subscribe(paid.code("reader"), status="past_due")
    paid.service.tell("invoice.payment_failed", paid.service.invoice(subscription))
    since = paid.membership("reader")["failing_since"]
    paid.service.end(subscription, reason="payment_failed")
    paid.service.tell("customer.subscription.deleted", subscription)
    assert paid.membership("reader")["failing_since"] == since
    assert paid.membership("reader")["renews"] == 0


def test_nothing_that_was_never_paid_makes_a_member(paid: Paid) -> None:
    for status in ("incomplete", "incomplete_expired"):
        subscription = paid.service.subscribe(paid.code("reader"), status=status)
        assert paid.service.tell("customer.subscription.created", subscription) == 200
    assert paid.service.tell("invoice.paid", {"id": "in_1", "object": "invoice", "parent": None}) == 200
    assert paid.service.tell("customer.subscription.created", {"id": "sub_unknown"}) == 200
    assert paid.service.tell("something.else", {"id": "x"}) == 200
    assert paid.membership("reader") is None


# Once, in no order, all at once


def test_an_older_message_never_undoes_a_newer_one(paid: Paid) -> None:
    subscription, now = paid.service.subscribe(paid.code("reader")), int(time.time())
    before = json.loads(json.dumps(subscription))
    paid.service.end(subscription)
    paid.service.tell("customer.subscription.deleted", subscription, created=now)
    for created in (now - 200, now, now + 1):  # older, in the same second, with a clock that is ahead
        assert paid.service.tell("customer.subscription.updated", before, created=created) == 200
    assert not is_member(paid.membership("reader"))


def test_the_same_message_again_is_taken_and_changes_nothing(paid: Paid) -> None:
    subscription = paid.service.subscribe(paid.code("reader"))
    body = paid.service.message("customer.subscription.created", subscription)
    assert paid.service.send(body) == 200
    before = paid.membership("reader")
    subscription["status"] = "past_due"
    assert [paid.service.send(body) for _ in range(3)] == [200] * 3
    assert paid.membership("reader") == before
    assert paid.query("select count(*) from people_paid") == [(1,)]


def test_two_hundred_of_the_same_message_at_once_are_one(paid: Paid) -> None:
    subscription = paid.service.subscribe(paid.code("reader"))
    body = paid.service.message("checkout.session.completed", {"subscription": subscription["id"]})
    events = paid.query("select count(*) from people_event")[0][0]
    assert set(paid.service.storm([body] * 200)) == {200}
    assert is_member(paid.membership("reader"))
    assert paid.query("select count(*) from people_paid") == [(1,)]
    assert paid.query("select count(*) from people_membership") == [(1,)]
    assert paid.query("select count(*) from people_event")[0][0] == events + 1


def test_a_storm_of_different_messages_while_it_changes_ends_in_the_service_s_state(paid: Paid) -> None:
    """200 messages of every kind, shuffled, while the subscription goes through its states: the last one stands."""
    chance = random.Random(6)  # noqa: S311
    subscription = paid.service.subscribe(paid.code("reader"))
    bodies = []
    for n in range(200):
        kind = chance.choice(
            ["customer.subscription.updated", "invoice.paid", "invoice.payment_failed", "checkout.session.completed"]
        )
        about = {
            "customer.subscription.updated": subscription,
            "checkout.session.completed": {"subscription": subscription["id"]},
        }
        bodies.append(
            paid.service.message(
                kind, about.get(kind) or paid.service.invoice(subscription), created=int(time.time()) - n
            )
        )
    chance.shuffle(bodies)
    states = ["past_due", "active", "unpaid", "active"]

    def flicker(body: bytes) -> int:
        subscription["status"] = chance.choice(states)
        return paid.service.send(body)

    with ThreadPoolExecutor(40) as many:
        answers = list(many.map(flicker, bodies))
    while again := [body for body, status in zip(bodies, answers, strict=True) if status == 503]:  # as the service does
        bodies, answers = again, paid.service.storm(again)
        assert set(answers) <= {200, 503}
    assert set(answers) == {200}
    assert paid.query("select count(*) from people_membership") == [(1,)]
    paid.service.end(subscription)
    assert paid.service.tell("customer.subscription.deleted", subscription) == 200
    row = paid.membership("reader")
    assert (row["until"], row["failing_since"], row["renews"]) == (subscription["ended_at"], None, 0)
    assert paid.query("select count(*) from people_paid") == [(201,)]
    assert "Traceback" not in paid.log


def test_an_answer_that_was_overtaken_is_asked_for_again(paid: Paid) -> None:
    """The service is asked, its answer is on its way for long, and meanwhile a newer state is written."""
    subscription, late = paid.service.subscribe(paid.code("reader")), threading.Event()
    paid.service.tell("customer.subscription.created", subscription)
    subscription["status"] = "past_due"
    paid.service.held.append(late)
    with ThreadPoolExecutor(1) as aside:
        overtaken = aside.submit(paid.service.tell, "invoice.payment_failed", paid.service.invoice(subscription))
        wait_until(lambda: not paid.service.held)  # it was asked, and has read "past_due"
        paid.service.end(subscription)
        assert paid.service.tell("customer.subscription.deleted", subscription) == 200
        late.set()
        assert overtaken.result() == 200
    row = paid.membership("reader")
    assert (row["until"], row["failing_since"], row["renews"]) == (subscription["ended_at"], None, 0)


def wait_until(comes: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not comes() and time.monotonic() < until:
        time.sleep(0.01)


def test_a_second_subscription_and_an_old_one_that_ends_do_not_shorten_what_is_paid(paid: Paid) -> None:
    old, new = paid.service.subscribe(paid.code("reader")), paid.service.subscribe(paid.code("reader"))
    paid.service.period(old, int(time.time()) - 1000, int(time.time()) + 1000)
    paid.service.tell("customer.subscription.created", old)
    paid.service.tell("customer.subscription.created", new)
    assert paid.membership("reader")["subscription"] == new["id"]
    paid.service.tell("invoice.paid", paid.service.invoice(old))
    paid.service.end(old)
    paid.service.tell("customer.subscription.deleted", old)
    assert paid.membership("reader")["subscription"] == new["id"]
    assert is_member(paid.membership("reader"))


def test_what_was_granted_does_not_end_with_an_old_subscription(paid: Paid) -> None:
    subscription = paid.service.subscribe(paid.code("reader"))
    paid.service.tell("customer.subscription.created", subscription)
    paid.query("update people_membership set source = 'granted', until = null, renews = 0")
    paid.service.end(subscription)
    paid.service.tell("customer.subscription.deleted", subscription)
    assert paid.membership("reader")["source"] == "granted"
    assert paid.membership("reader")["until"] is None


def test_a_subscription_of_nobody_here_is_logged_and_kept_out(paid: Paid) -> None:
    subscription = paid.service.subscribe("0000000000000000")
    assert paid.service.tell("customer.subscription.created", subscription) == 200
    assert paid.query("select count(*) from people_membership") == [(0,)]
    assert f"{subscription['id']} is paid for and belongs to no account here" in paid.log


# What is not the service's


@pytest.mark.parametrize(
    "signature",
    [
        "", "t=1,v1=00", "v1=" + "0" * 64, "t=,v1=", "t=99999999999999999999,v1=00", "nonsense", "t=1" * 5000,
        "t=1,t=2,v1=" + "0" * 64,
    ],
)  # fmt: skip
def test_a_forged_signature_is_refused_and_nothing_is_written(paid: Paid, signature: str) -> None:
    subscription = paid.service.subscribe(paid.code("reader"))
    body = paid.service.message("customer.subscription.created", subscription)
    assert paid.service.send(body, signature=signature) == 400
    assert paid.membership("reader") is None
    assert paid.query("select count(*) from people_paid") == [(0,)]


def test_a_signature_holds_for_each_byte_and_for_its_own_secret(paid: Paid) -> None:
    body = paid.service.message("customer.subscription.created", paid.service.subscribe(paid.code("reader")))
    assert paid.service.send(body, secret="whsec_of_somebody_else") == 400  # noqa: S106
    assert paid.service.send(body + b" ", signature=sign(body)) == 400
    assert paid.service.send(body.replace(b"evt_", b"evT_"), signature=sign(body)) == 400
    fresh, old = int(time.time()), int(time.time()) - 4000
    replayed = sign(body, at=old).replace(f"t={old}", f"t=+{old},t={fresh}")
    assert paid.service.send(body, signature=replayed) == 400
    assert paid.service.send(b"\xff\xfe", signature=sign(b"\xff\xfe")) == 400
    for nonsense in (b"[]", b"{}", b"null", b'{"id":1,"type":2,"created":1e999,"data":{"object":{}}}', b"[" * 20000):
        assert paid.service.send(nonsense) == 400, nonsense[:20]
    assert paid.query("select count(*) from people_paid") == [(0,)]
    assert "Traceback" not in paid.log


@pytest.mark.parametrize(
    ("off", "status", "says"), [(-290, 200, ""), (290, 200, ""), (-400, 400, "old"), (400, 400, "ahead of our clock")]
)
def test_a_clock_that_is_off_by_more_than_five_minutes_is_refused_and_logged(
    paid: Paid, off: int, status: int, says: str
) -> None:
    body = paid.service.message("customer.subscription.created", paid.service.subscribe(paid.code("reader")))
    assert paid.service.send(body, at=time.time() + off) == status
    if says:
        assert re.search(rf"refused a signed message \d+ s {says} \(at most 300 s\)", paid.log)
    assert (paid.membership("reader") is None) == (status == 400)


def test_a_large_message_is_refused_unread(paid: Paid) -> None:
    assert paid.service.send(b"{" + b" " * 300_000 + b"}") == 413


# When the service is away


@pytest.mark.parametrize("mode", ["broken", "limited"])
def test_a_message_while_the_service_is_away_is_taken_when_it_comes_again(paid: Paid, mode: str) -> None:
    body = paid.service.message("customer.subscription.created", paid.service.subscribe(paid.code("reader")))
    paid.service.mode = mode
    assert paid.service.send(body) == 503
    assert paid.membership("reader") is None
    assert paid.query("select count(*) from people_paid") == [(0,)]
    paid.service.mode = "well"
    assert paid.service.send(body) == 200
    assert is_member(paid.membership("reader"))


def test_after_lost_messages_the_host_asks_how_every_subscription_stands(paid: Paid) -> None:
    lost, kept = paid.service.subscribe(paid.code("reader")), paid.service.subscribe(paid.code("member"))
    for subscription in (lost, kept):
        paid.service.tell("customer.subscription.created", subscription)
    paid.service.end(lost)  # and no message comes
    env = {**paid.service.env(), "NEURODASH_DATA": str(paid.file.parent)}
    assert run("people", "settle", env=env).stdout == "Asked about 2 open subscriptions; 1 stood differently.\n"
    assert not is_member(paid.membership("reader"))
    assert is_member(paid.membership("member"))
    assert run("people", "settle", env=env).stdout == "Asked about 1 open subscriptions; 0 stood differently.\n"
    paid.service.mode = "broken"
    away = run("people", "settle", env=env)
    assert away.returncode == 2
    assert "The payment service does not answer." in away.stderr
    assert "Traceback" not in away.stderr


# In a browser


@pytest.fixture
def come(browser: Browser, paid: Paid) -> Iterator[Callable[..., Page]]:
    contexts = []

    def open_(who: str, path: str, width: int = 1280, **options: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, base_url=paid.server.url, **options)
        contexts.append(context)
        if who:
            context.add_cookies(signed_in(paid.server.url, who))
        page = context.new_page()
        page.goto(path)
        return page

    yield open_
    for context in contexts:
        context.close()


class TestInABrowser:
    pytestmark = needs_chromium

    @pytest.mark.parametrize(
        ("width", "scheme", "script"), [(1280, "light", True), (360, "dark", True), (390, "light", False)]
    )
    def test_a_reader_meets_a_closed_page_pays_and_goes_back_to_it(
        self, paid: Paid, come: Callable[..., Page], width: int, scheme: str, script: bool
    ) -> None:
        page = come(
            "reader",
            "/membership/?for=pdf&next=/ms/balance-training/",
            width,
            color_scheme=scheme,
            java_script_enabled=script,
        )
        expect(page.get_by_text("$99 a year")).to_be_visible()
        if script:
            assert axe(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.get_by_role("link", name="Become a member").click()
        if script:
            assert axe(page) == []
        page.get_by_role("button", name="Become a member").click()
        page.wait_for_url("**/pay/**")
        page.get_by_role("button", name="Pay").click()
        expect(page.get_by_role("heading", name="You are a member")).to_be_visible()
        if script:
            assert axe(page) == []
        page.get_by_role("link", name="Back to where you were").click()
        expect(page).to_have_url(f"{paid.server.url}/ms/balance-training/")
        page.goto("/membership/yours/")
        expect(page.get_by_text("It renews on that day.")).to_be_visible()
        page.get_by_role("button", name="Manage payment or cancel").click()
        page.wait_for_url("**/portal/**")

    def test_the_page_after_paying_waits_for_the_message_and_believes_no_address(
        self, paid: Paid, come: Callable[..., Page]
    ) -> None:
        page = come("reader", "/membership/thanks/?session_id=cs_1&paid=yes")
        expect(page).to_have_url(f"{paid.server.url}/membership/yours/")
        page.route(f"{paid.service.url}/**", lambda route: route.fulfill(body="not paid yet"))
        page.get_by_role("button", name="Become a member").click()
        page.wait_for_url("**/pay/**")
        page.goto("/membership/thanks/?session_id=cs_1&paid=yes")
        expect(page.get_by_role("heading", name="Waiting for the confirmation")).to_be_visible()
        assert axe(page) == []
        assert paid.membership("reader") is None
        paid.service.pay(list(paid.service.sessions)[-1])
        expect(page.get_by_role("heading", name="You are a member")).to_be_visible(timeout=15000)

    def test_two_tabs_come_to_the_same_checkout_and_a_member_to_none(
        self, paid: Paid, come: Callable[..., Page]
    ) -> None:
        first = come("reader", "/membership/yours/")
        second = first.context.new_page()
        second.goto("/membership/yours/")
        for page in (first, second):
            page.get_by_role("button", name="Become a member").click()
            page.wait_for_url("**/pay/**")
        assert first.url == second.url
        _, key, asked = paid.service.asked[-1]
        assert key.startswith(f"join-{paid.code('reader')}-")
        assert asked["client_reference_id"] == paid.code("reader")
        assert asked["mode"] == "subscription"
        second.goto("/membership/yours/")
        paid.service.pay(first.url.rsplit("/", 1)[1])
        second.get_by_role("button", name="Become a member").click()  # a page from before the payment
        expect(second.get_by_text("You are a member already")).to_be_visible()

    def test_an_outage_is_a_calm_page_and_no_half_state(self, paid: Paid, come: Callable[..., Page]) -> None:
        page = come("reader", "/membership/yours/")
        for mode, sleeps in (("broken", 0), ("slow", 30)):
            paid.service.mode, paid.service.sleeps = mode, sleeps
            page.get_by_role("button", name="Become a member").click()
            expect(page.get_by_text("Nothing was changed and nothing was charged.")).to_be_visible(timeout=25000)
            expect(page).to_have_url(f"{paid.server.url}/membership/yours/")
        paid.service.mode = "well"
        page.get_by_role("button", name="Become a member").click()
        page.wait_for_url("**/pay/**")
        page.goto("/membership/yours/")
        expect(page.get_by_text("please do not pay again")).to_be_visible()
        page.goto("/membership/left/")
        expect(page.get_by_text("please do not pay again")).to_have_count(0)
        expect(page.get_by_text("You left the payment page.")).to_be_visible()
        assert paid.membership("reader") is None

    def test_an_administrator_ends_what_is_paid_for_at_the_service_too(
        self, paid: Paid, come: Callable[..., Page]
    ) -> None:
        subscription = paid.service.subscribe(paid.code("reader"))
        paid.service.tell("customer.subscription.created", subscription)
        page = come("administrator", f"/administration/people/{paid.code('reader')}/")
        expect(page.get_by_role("button", name="Give the membership")).to_have_count(0)
        form = page.locator("form", has=page.get_by_role("button", name="End the membership now"))
        paid.service.mode = "broken"
        form.get_by_label("Reason").fill("asked for it")
        form.get_by_role("button").click()
        expect(page.get_by_text("The payment service does not answer. Nothing was changed")).to_be_visible()
        assert is_member(paid.membership("reader"))
        paid.service.mode = "well"
        form.get_by_label("Reason").fill("asked for it")
        form.get_by_role("button").click()
        expect(page.get_by_text("The membership has ended.")).to_be_visible()
        assert subscription["status"] == "canceled"
        assert not is_member(paid.membership("reader"))
        paid.service.tell("customer.subscription.deleted", subscription)
        assert not is_member(paid.membership("reader"))

    def test_a_refused_card_is_told_with_the_day_and_the_way_to_mend_it(
        self, paid: Paid, come: Callable[..., Page]
    ) -> None:
        subscription = paid.service.subscribe(paid.code("reader"), status="past_due")
        paid.service.tell("invoice.payment_failed", paid.service.invoice(subscription))
        page = come("reader", "/membership/yours/")
        expect(page.get_by_text("The last payment failed.")).to_be_visible()
        expect(page.get_by_role("button", name="Change the card")).to_be_visible()
        expect(page.get_by_role("button", name="Become a member")).to_have_count(0)
        assert axe(page) == []


def test_a_checkout_leads_back_to_our_own_pages_alone(paid: Paid) -> None:
    """Nothing a visitor sends chooses where the service sends them."""
    opener = urllib.request.build_opener()
    cookies = "; ".join(f"{each['name']}={each['value']}" for each in signed_in(paid.server.url, "reader"))
    opener.addheaders = [("Cookie", cookies)]
    page = opener.open(f"{paid.server.url}/membership/yours/?next=//evil.example/").read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    fields = {
        "csrfmiddlewaretoken": token[1],
        "success_url": "https://evil.example/",
        "price": "price_free",
        "user": "x",
    }
    opener.open(f"{paid.server.url}/membership/join/", urllib.parse.urlencode(fields).encode()).read()
    asked = paid.service.asked[-1][2]
    assert asked["success_url"] == f"{paid.server.url}/membership/thanks/"
    assert asked["cancel_url"] == f"{paid.server.url}/membership/left/"
    assert asked["line_items[0][price]"] == "price_of_a_year"
    assert asked["subscription_data[metadata][user]"] == paid.code("reader")
