"""Who is a member and what that opens: every combination, and the pages that tell of it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client, RequestFactory
from django.utils import timezone

from neurodash.web.people import membership, permissions
from neurodash.web.people.models import Clinic, Event, Membership, Seat, User
from tests.conftest import text_of
from tests.web.cast import Cast

DAY = dt.timedelta(days=1)
GRACE = permissions.GRACE
# name: (what the membership says, days from now; is a member, in grace)
STANDINGS: dict[str, tuple[dict[str, Any] | None, bool, bool]] = {
    "no membership": (None, False, False),
    "granted for ever": ({"until": None}, True, False),
    "granted until tomorrow": ({"until": 1}, True, False),
    "granted until yesterday": ({"until": -1}, False, False),
    "paid, renews": ({"until": 300, "renews": True, "source": "stripe"}, True, False),
    "paid, cancelled, before its end": ({"until": 20, "source": "stripe"}, True, False),
    "paid, cancelled, after its end": ({"until": -1, "source": "stripe"}, False, False),
    "renews, and the message is a day late": ({"until": -1, "renews": True, "source": "stripe"}, True, True),
    "renews, and no message for longer than the grace": (
        {"until": -15, "renews": True, "source": "stripe"},
        False,
        False,
    ),
    "failing for a day": ({"until": -1, "failing_since": -1, "renews": True, "source": "stripe"}, True, True),
    "failing for 13 days": ({"until": -13, "failing_since": -13, "renews": True, "source": "stripe"}, True, True),
    "failing for 15 days": ({"until": -15, "failing_since": -15, "renews": True, "source": "stripe"}, False, False),
    "failing for 15 days, with time left": ({"until": 9, "failing_since": -15, "source": "stripe"}, False, False),
}
SITES = ("granted", "stripe", "everyone")
# What each role may do with the record of its clinic: by a member, and by somebody who is none.
MAY = {
    "owner": ({"read", "write", "sign", "manage"}, {"read", "manage"}),
    "clinician": ({"read", "write", "sign"}, {"read"}),
    "student": ({"read", "write"}, {"read", "write"}),  # the clinic's members answer for them
    "reader": ({"read"}, {"read"}),
    "no seat": (set(), set()),
}
DEEDS = {"read", "write", "sign", "manage"}


def somebody(standing: str, **more: Any) -> User:
    user = User.objects.create_user(f"{timezone.now().timestamp()}@example.org", **more)
    row = STANDINGS[standing][0]
    if row is not None:
        moments = {"until", "failing_since"}
        days = {
            name: value if name not in moments or value is None else timezone.now() + value * DAY
            for name, value in row.items()
        }
        Membership.objects.create(user=user, **days)
    return user


@pytest.fixture
def site(settings: Any) -> Any:
    def set_(**changes: Any) -> None:
        settings.CONFIG = dataclasses.replace(settings.CONFIG, **changes)

    return set_


@pytest.mark.django_db
@pytest.mark.parametrize("mode", SITES)
@pytest.mark.parametrize("name", STANDINGS)
def test_who_is_a_member(name: str, mode: str, site: Any) -> None:
    site(membership=mode)
    _, is_member, in_grace = STANDINGS[name]
    everyone = mode == "everyone"
    user = somebody(name)
    standing = permissions.standing(user)
    assert (standing.is_member, standing.in_grace) == (is_member or everyone, in_grace and not everyone)
    assert bool(standing.why) == (everyone or in_grace or not is_member)  # a plain member needs no explanation
    for feature in permissions.FEATURES:
        assert permissions.may_use(user, feature) == (is_member or everyone)
    user.is_active = False
    assert not permissions.standing(user).is_member
    assert not any(permissions.may_use(user, feature) for feature in permissions.FEATURES)
    assert not permissions.standing(AnonymousUser()).is_member


@pytest.mark.django_db
@pytest.mark.parametrize("mode", SITES)
@pytest.mark.parametrize("name", STANDINGS)
@pytest.mark.parametrize("role", MAY)
def test_what_each_role_may_do(role: str, name: str, mode: str, site: Any) -> None:
    site(membership=mode)
    user, here, elsewhere = somebody(name), Clinic.objects.create(name="Here"), Clinic.objects.create(name="Elsewhere")
    if role != "no seat":
        Seat.objects.create(user=user, clinic=here, role=role)
    as_member, as_none = MAY[role]
    expected = as_member if STANDINGS[name][1] or mode == "everyone" else as_none
    assert {deed for deed in DEEDS if permissions.may(user, deed, here)} == expected
    assert not any(permissions.may(user, deed, elsewhere) for deed in DEEDS)
    user.is_active = False
    assert not any(permissions.may(user, deed, here) for deed in DEEDS)


@pytest.mark.django_db
def test_nobody_may_anything_without_signing_in_and_what_nobody_knows_is_an_error() -> None:
    clinic = Clinic.objects.create(name="Here")
    assert not any(permissions.may(AnonymousUser(), deed, clinic) for deed in DEEDS)
    with pytest.raises(KeyError):
        permissions.may_use(AnonymousUser(), "everything")
    with pytest.raises(KeyError):
        permissions.may(AnonymousUser(), "erase", clinic)


@pytest.mark.django_db
def test_the_grace_ends_to_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = timezone.now()
    row = Membership(until=failed, failing_since=failed, renews=True)
    for off, is_member in (
        (-dt.timedelta(seconds=1), True),
        (dt.timedelta(0), False),
        (dt.timedelta(seconds=1), False),
    ):
        monkeypatch.setattr("django.utils.timezone.now", lambda off=off: failed + GRACE + off)
        assert permissions.standing_of(row).is_member is is_member


# Giving and ending


def test_a_grant_holds_and_leaves_an_event(cast: Cast) -> None:
    until = timezone.now() + 5 * DAY
    membership.grant(user=cast["reader"], until=until, reason="a course", by=cast["administrator"])
    assert permissions.standing(cast["reader"]).until == until
    event = Event.objects.latest("id")
    assert (event.did, event.who, event.about) == (
        "membership granted",
        cast["administrator"].code,
        cast["reader"].code,
    )
    assert event.more == {"until": until.isoformat(), "reason": "a course"}
    membership.end(user=cast["reader"], reason="asked for it", by=cast["administrator"])
    assert not permissions.standing(cast["reader"]).is_member
    assert Event.objects.latest("id").did == "membership ended"
    with pytest.raises(membership.Refused, match="no membership to end"):
        membership.end(user=cast["reader"], reason="again", by=cast["administrator"])


def test_two_who_give_at_once_take_turns_at_the_account(cast: Cast, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(20) as seen:
        membership.grant(user=cast["reader"], until=None, reason="a course", by=cast["administrator"])
    read = [each["sql"] for each in seen if each["sql"].startswith("SELECT")]
    assert 'FROM "people_user"' in read[0], "its row is held before anybody looks for a membership"


def test_what_is_paid_for_is_not_given_as_well(cast: Cast) -> None:
    """Or the person would go on paying for what they were given."""
    Membership.objects.create(
        user=cast["reader"], source="stripe", subscription="sub_1", renews=True, until=timezone.now() + DAY
    )
    before = Event.objects.count()
    with pytest.raises(membership.Refused, match="being paid for"):
        membership.grant(user=cast["reader"], until=None, reason="a gift", by=cast["administrator"])
    assert Membership.objects.get(user=cast["reader"]).source == "stripe"
    assert Event.objects.count() == before


def test_a_lapsed_member_still_reads_and_takes_away_and_writes_no_more(cast: Cast) -> None:
    assert permissions.may(cast["lapsed"], "read", cast.lakeside)
    assert not permissions.may(cast["lapsed"], "write", cast.lakeside)
    membership.grant(user=cast["lapsed"], until=None, reason="joined again", by=cast["administrator"])
    assert permissions.may(cast["lapsed"], "write", cast.lakeside)


# Pages


@pytest.mark.parametrize(
    ("mode", "says", "not_says"),
    [
        ("stripe", ["$120 a year for one person.", "It renews each year until you cancel.", "Become a member", "14 days"], ["costs nothing"]),
        ("granted", ["an administrator gives membership", "You pay nothing here."], ["$", "Become a member", "Stripe"]),
        ("everyone", ["Everyone who signs in on this site is a member. It costs nothing."], ["$", "Become a member", "Stripe"]),
    ],
)  # fmt: skip
@pytest.mark.django_db
def test_the_page_about_membership_tells_how_it_is_had_here(
    mode: str, says: list[str], not_says: list[str], site: Any, django_assert_num_queries: Any
) -> None:
    site(membership=mode, price="$120")
    with django_assert_num_queries(0):  # nobody has signed in: there is nobody to look at
        answer = Client().get("/membership/")
    assert not answer.cookies
    page = text_of(answer.content)
    for each in (*says, *permissions.FEATURES.values(), "Free for everybody"):
        assert each in page
    for each in not_says:
        assert each not in page


@pytest.mark.django_db
def test_a_closed_feature_is_named_and_the_way_back_is_kept_on_this_site_alone() -> None:
    request = RequestFactory().get("/ms/balance-training/brief.pdf", {"large": "1"})
    way = membership.way_to("pdf", request)
    assert way["Location"] == "/membership/?for=pdf&next=%2Fms%2Fbalance-training%2Fbrief.pdf%3Flarge%3D1"
    page = Client().get(way["Location"]).content.decode()
    assert permissions.FEATURES["pdf"] in text_of(page)
    assert 'href="/account/login/?next=%2Fms%2Fbalance-training%2Fbrief.pdf%3Flarge%3D1"' in page
    for evil in (
        "//evil.example/",
        "https://evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "\t//evil.example",
        "/a" * 600,
    ):
        assert membership.safe(evil) == ""
        assert "evil" not in Client().get("/membership/", {"for": "pdf", "next": evil}).content.decode()
    assert Client().get("/membership/", {"for": "<script>"}).status_code == 200
    with pytest.raises(KeyError):
        membership.way_to("everything", request)


@pytest.mark.parametrize("mode", SITES)
def test_the_page_about_membership_offers_nobody_what_they_have(mode: str, cast: Cast, site: Any) -> None:
    site(membership=mode)
    client = Client()
    page = text_of(client.get("/membership/").content)
    assert "Sign in" in page and "Make an account" in page
    for who in ("reader", "member"):
        client.force_login(cast[who])
        client.post("/account/", {"name": who})  # leaves a message
        page = text_of(client.get("/membership/", {"for": "deep-dive"}).content)
        assert "Your name is saved." in page
        assert "The deep dive of each brief is for members." in page
        assert "Sign in" not in page and "Make an account" not in page.split("About")[0].replace(
            "Make an account, then", ""
        )
        assert ("Become a member" in page) == (mode == "stripe" and who == "reader")


def test_a_failed_payment_is_said_at_the_desk_with_the_way_to_mend_it(cast: Cast) -> None:
    client = Client()
    client.force_login(cast["owner"])
    paths = ("/desk/clinics/", f"/desk/{cast.lakeside.code}/", f"/desk/{cast.lakeside.code}/people/")
    held = Membership.objects.filter(user=cast["owner"])
    for failing, is_said in ((timezone.now() - DAY, True), (None, False)):
        held.update(
            until=timezone.now() + DAY, failing_since=failing, source="stripe", subscription="sub_1", customer="c"
        )
        for path in paths:
            assert ("The last payment failed. You keep everything" in text_of(client.get(path).content)) is is_said, (
                path
            )


@pytest.mark.parametrize(
    ("row", "button"),
    [
        ({"renews": True, "failing_since": True}, "Change the card"),
        ({"renews": True}, "Manage payment or cancel"),
        ({"renews": False}, "Manage payment"),
    ],
)
def test_the_button_says_what_is_left_to_do(row: dict[str, bool], button: str, cast: Cast, site: Any) -> None:
    site(membership="stripe", stripe={"key": "k", "webhook_secret": "s", "price_id": "p", "api": "http://127.0.0.1:9"})
    failing = timezone.now() - DAY if row.get("failing_since") else None
    Membership.objects.create(
        user=cast["reader"], source="stripe", subscription="sub_1", customer="cus_1", until=timezone.now() + DAY,
        renews=row["renews"], failing_since=failing,
    )  # fmt: skip
    client = Client()
    client.force_login(cast["reader"])
    assert f">{button}</button>" in client.get("/membership/yours/").content.decode()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("no membership", "You have no membership yet."),
        ("granted for ever", "It was given to you without end."),
        ("granted until tomorrow", "It was given to you until"),
        ("granted until yesterday", "Your membership ended on"),
        ("failing for a day", "Change the card or pay again"),
        ("renews, and the message is a day late", "Your renewal is being confirmed."),
    ],
)
@pytest.mark.django_db
def test_ones_own_page_tells_how_one_stands(name: str, says: str) -> None:
    client = Client()
    client.force_login(somebody(name))
    answer = client.get("/membership/yours/")
    assert says in text_of(answer.content)
    assert answer["Cache-Control"] == "max-age=0, no-cache, no-store, must-revalidate, private"


def test_without_billing_there_is_nothing_to_pay(cast: Cast) -> None:
    client = Client()
    client.force_login(cast["reader"])
    for path in ("/membership/join/", "/membership/manage/", "/membership/stripe/"):
        assert client.post(path).status_code == 404
    for path in ("/membership/thanks/", "/membership/left/"):
        assert client.get(path).status_code == 404
    assert "form method" not in client.get("/membership/yours/").content.decode()


def test_paying_asks_for_a_sign_in_and_a_token(cast: Cast, site: Any) -> None:
    site(membership="stripe", stripe={"key": "k", "webhook_secret": "s", "price_id": "p", "api": "http://127.0.0.1:9"})
    for path in ("/membership/yours/", "/membership/thanks/", "/membership/left/"):
        assert Client().get(path)["Location"].startswith("/account/login/?next=/membership/")
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast["reader"])
    assert client.post("/membership/join/").status_code == 403
    assert (
        Client(enforce_csrf_checks=True).post("/membership/stripe/", b"{}", content_type="application/json").status_code
        == 400
    )
    for path in ("/membership/join/", "/membership/manage/", "/membership/stripe/"):
        assert client.get(path).status_code == 405
