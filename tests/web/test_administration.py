"""What an administrator does with accounts, what an editor sees of the library, and that nobody else sees either."""

from __future__ import annotations

import datetime as dt
import html
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core import mail
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page, expect

from neurodash.web.people import administration, events, permissions
from neurodash.web.people.membership import Refused
from neurodash.web.people.models import Event, Membership, Secret, User
from neurodash.web.shelf import shelf
from tests.chromium import axe, needs_chromium
from tests.conftest import run, text_of
from tests.web.cast import PASSWORD, PEOPLE, Cast, address

ACTS = ("grant", "end", "roles", "close", "open", "forget-factors")


def page_of(user: User, act: str = "") -> str:
    return f"/administration/people/{user.code}/" + (f"{act}/" if act else "")


def signed_in(who: str) -> Client:
    """As a browser signs in: with the password, so that the session knows when."""
    client = Client()
    answer = client.post("/account/login/", {"login": address(who), "password": PASSWORD})
    assert answer.status_code == 302, text_of(answer.content)
    return client


@pytest.fixture
def admin(cast: Cast) -> Client:
    return signed_in("administrator")


def say(answer: Any, client: Client) -> str:
    """The words of the page that an answer leads to."""
    assert answer.status_code == 302
    return text_of(client.get(answer["Location"]).content)


# Who may


@pytest.mark.parametrize("who", [*(name for name in PEOPLE if name != "administrator"), "nobody"])
def test_to_everybody_else_there_is_no_administration(cast: Cast, who: str) -> None:
    client = Client() if who == "nobody" else signed_in(who)
    paths = ["/administration/", page_of(cast["reader"]), *(page_of(cast["reader"], act) for act in ACTS)]
    for method in ("get", "post", "head", "put", "delete", "options", "patch"):
        assert {getattr(client, method)(path).status_code for path in paths} == {404}, method
        expected = {404} if who != "editor" else {200} if method in ("get", "head") else {405}
        assert {getattr(client, method)("/administration/library/").status_code} == expected, method
    assert not Event.objects.filter(about=cast["reader"].code).exists()


def test_an_administrator_confirms_a_sign_in_that_was_long_ago(
    cast: Cast, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert admin.get("/administration/").status_code == 200
    now = time.time
    monkeypatch.setattr("time.time", lambda: now() + 660)
    answer = admin.get("/administration/?q=x")
    assert answer["Location"] == "/account/reauthenticate/?next=%2Fadministration%2F%3Fq%3Dx"
    # What is on the screen may still be sent for a while.
    assert admin.post(page_of(cast["reader"], "roles"), {"editor": "on"}).status_code == 302
    assert User.objects.get(pk=cast["reader"].pk).is_editor
    monkeypatch.setattr("time.time", lambda: now() + 1300)
    answer = admin.post(page_of(cast["reader"], "roles"), {})
    assert answer["Location"].startswith("/account/reauthenticate/")
    assert User.objects.get(pk=cast["reader"].pk).is_editor


def test_a_second_factor_holds_as_long_as_the_session(cast: Cast, admin: Client) -> None:
    session = admin.session
    session["account_authentication_methods"] = [{"method": "mfa", "at": 0, "type": "totp"}]
    session.save()
    assert admin.get("/administration/").status_code == 200
    session["account_authentication_methods"] = [{"method": "password", "at": 0}]
    session.save()
    assert admin.get("/administration/").status_code == 302


# People


def test_people_are_found_by_a_part_of_their_address_fifty_a_page(
    cast: Cast, admin: Client, django_assert_max_num_queries: Any
) -> None:
    User.objects.bulk_create(User(email=f"person-{n:03}@example.net") for n in range(120))
    Membership.objects.bulk_create(Membership(user=user) for user in User.objects.filter(email__startswith="person-"))
    with django_assert_max_num_queries(4) as queries:  # session, visitor, how many, one page with memberships
        page = admin.get("/administration/?q=PERSON-").content.decode()
    assert len(re.findall("person-[0-9]+@", page)) == 50
    assert "120 accounts" in text_of(page)
    assert "page 1 of 3" in text_of(page)
    few = len(queries)
    with django_assert_max_num_queries(few):
        last = admin.get("/administration/?q=person-&page=3").content.decode()
    assert "person-119@" in last
    assert len(re.findall("person-[0-9]+@", last)) == 20
    assert "Nobody’s address contains this" in text_of(admin.get("/administration/?q=%00%25'--").content)
    for odd in ("0", "-1", "99", "x", "1e9"):
        assert admin.get("/administration/", {"page": odd}).status_code == 200


def test_a_membership_is_given_until_a_day_and_ended(cast: Cast, admin: Client) -> None:
    reader, day = cast["reader"], (timezone.now() + dt.timedelta(days=30)).date()
    answer = admin.post(
        page_of(reader, "grant"), {"how": "until", "until": day.isoformat(), "grant_reason": "a course"}
    )
    assert "reader@example.org is a member until" in say(answer, admin)
    assert permissions.standing(reader).until == dt.datetime.combine(day, dt.time(23, 59, 59), dt.UTC)
    answer = admin.post(page_of(reader, "grant"), {"how": "ever", "until": "", "grant_reason": "staff"})
    assert "is a member without end" in say(answer, admin)
    page = say(admin.post(page_of(reader, "end"), {"end_reason": "left"}), admin)
    assert "The membership has ended." in page
    assert not permissions.standing(reader).is_member
    told = [(e.did, e.who, e.more["reason"]) for e in Event.objects.filter(about=reader.code).order_by("id")]
    by = cast["administrator"].code
    assert told == [
        ("membership granted", by, "a course"),
        ("membership granted", by, "staff"),
        ("membership ended", by, "left"),
    ]
    for word in ("a course", "staff", "left", "administrator@example.org"):
        assert word in page
    assert "no membership to end" in say(admin.post(page_of(reader, "end"), {"end_reason": "again"}), admin)


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ({"how": "until", "until": "", "grant_reason": "a course"}, "Write a day from today on"),
        ({"how": "until", "until": "2020-01-01", "grant_reason": "a course"}, "Write a day from today on"),
        ({"how": "until", "until": "31/12/2030", "grant_reason": "a course"}, "Write a day from today on"),
        ({"how": "sometime", "grant_reason": "a course"}, "Choose a day, or without end."),
        ({"how": "ever", "grant_reason": "  "}, "Write a reason"),
        ({"how": "ever", "grant_reason": "a course " * 40}, "Write a reason"),
    ],
)
def test_what_cannot_be_given_is_said_and_what_was_typed_stays(
    cast: Cast, admin: Client, sent: dict[str, str], says: str
) -> None:
    answer = admin.post(page_of(cast["reader"], "grant"), sent)
    assert answer.status_code == 400
    page = answer.content.decode()
    assert says in text_of(page)
    for field in ("until", "grant_reason"):
        if sent.get(field, "").strip():
            assert f'name="{field}" value="{sent[field]}"' in page
    assert not Membership.objects.filter(user=cast["reader"]).exists()
    assert not Event.objects.filter(about=cast["reader"].code).exists()


def test_roles_are_made_and_unmade_with_an_event_each(cast: Cast, admin: Client) -> None:
    reader = cast["reader"]
    admin.post(page_of(reader, "roles"), {"editor": "on", "administrator": "on"})
    reader.refresh_from_db()
    assert (reader.is_editor, reader.is_administrator) == (True, True)
    admin.post(page_of(reader, "roles"), {"editor": "on"})
    admin.post(page_of(reader, "roles"), {"editor": "on"})  # nothing new: no event
    reader.refresh_from_db()
    assert (reader.is_editor, reader.is_administrator) == (True, False)
    did = list(Event.objects.filter(about=reader.code).order_by("id").values_list("did", flat=True))
    assert did == ["editor made", "administrator made", "administrator unmade"]


def test_no_form_gives_more_than_its_own_fields(cast: Cast, admin: Client) -> None:
    """A role is given by its form alone, and never with a membership."""
    more = {"administrator": "on", "is_administrator": "1", "email": "x@example.org", "by": "x"}
    admin.post(page_of(cast["reader"], "grant"), {"how": "ever", "grant_reason": "a course", **more})
    reader = User.objects.get(pk=cast["reader"].pk)
    assert (reader.email, reader.is_administrator) == ("reader@example.org", False)


def test_the_last_administrator_stays_one(cast: Cast, admin: Client) -> None:
    last = cast["administrator"]
    assert "This is the last administrator." in say(admin.post(page_of(last, "roles"), {}), admin)
    User.objects.filter(pk=cast["reader"].pk).update(
        is_administrator=True, is_active=False
    )  # one whose account is closed
    assert "This is the last administrator." in say(admin.post(page_of(last, "roles"), {}), admin)
    assert "cannot close your own account" in say(admin.post(page_of(last, "close"), {"account_reason": "x"}), admin)
    with pytest.raises(Refused, match="last administrator"):
        administration.close(user=last, reason="x", by=cast["owner"])
    assert User.objects.get(pk=last.pk).is_administrator
    assert User.objects.get(pk=last.pk).is_active


RACE = """
import os, threading, django
os.environ["DJANGO_SETTINGS_MODULE"] = "neurodash.web.settings"
django.setup()
from django.db import connection
from neurodash.web import record
from neurodash.web.people import administration
from neurodash.web.people.membership import Refused
from neurodash.web.people.models import User

record.migrate()
pair = [User.objects.create_user(f"{n}@example.org", is_administrator=True) for n in range(2)]
together, refused = threading.Barrier(2), []

def unmake(by, user):
    together.wait()
    try:
        administration.give_roles(user=user, editor=False, administrator=False, by=by)
    except Refused as error:
        refused.append(error)
    finally:
        connection.close()

for _ in range(20):
    User.objects.update(is_administrator=True)
    refused.clear()
    threads = [threading.Thread(target=unmake, args=two) for two in (pair, pair[::-1])]
    [each.start() for each in threads]
    [each.join() for each in threads]
    print(len(refused), User.objects.filter(is_administrator=True).count())
"""


def test_two_administrators_who_unmake_each_other_leave_one(tmp_path: Path) -> None:
    """In a record of its own: transactions that really meet."""
    env = {**os.environ, "NEURODASH_DATA": str(tmp_path)}
    raced = subprocess.run(
        [sys.executable, "-c", RACE], env=env, capture_output=True, text=True, timeout=60, check=True
    )
    assert raced.stdout == "1 1\n" * 20


def test_closing_an_account_ends_its_sessions_for_good(cast: Cast, admin: Client) -> None:
    reader = signed_in("reader")
    assert reader.get("/membership/yours/").status_code == 200
    assert "The account is closed" in say(
        admin.post(page_of(cast["reader"], "close"), {"account_reason": "asked"}), admin
    )
    assert reader.get("/membership/yours/").status_code == 302
    refused = Client().post("/account/login/", {"login": address("reader"), "password": PASSWORD})
    assert refused["Location"] == "/account/inactive/"
    assert "open again" in say(admin.post(page_of(cast["reader"], "open"), {"account_reason": "a mistake"}), admin)
    assert reader.get("/membership/yours/").status_code == 302  # the old session stays ended
    assert signed_in("reader").get("/membership/yours/").status_code == 200
    assert admin.post(page_of(cast["reader"], "close"), {"account_reason": ""}).status_code == 400
    did = list(
        Event.objects.filter(did__startswith="account ", about=cast["reader"].code).values_list("did", flat=True)
    )
    assert did == ["account closed", "account opened"]


def test_who_lost_every_second_factor_gets_in_by_the_password_again(
    cast: Cast, admin: Client, django_capture_on_commit_callbacks: Any
) -> None:
    reader, inside = cast["reader"], signed_in("reader")
    assert "Take the second factors away" not in admin.get(page_of(reader)).content.decode()
    for kind in ("totp", "recovery_codes"):
        Authenticator.objects.create(user=reader, type=kind, data={"secret": Secret.objects.create(value="x").code})
    lost = Client().post("/account/login/", {"login": address("reader"), "password": PASSWORD}, follow=True)
    assert "Ask whoever runs this site" in text_of(lost.content)
    assert "Take the second factors away" in admin.get(page_of(reader)).content.decode()
    assert admin.post(page_of(reader, "forget-factors"), {"factors_reason": " "}).status_code == 400
    assert Authenticator.objects.filter(user=reader).count() == 2
    with django_capture_on_commit_callbacks(execute=True):
        answer = admin.post(page_of(reader, "forget-factors"), {"factors_reason": "lost the phone"})
    assert "The second factors are taken away" in say(answer, admin)
    assert not Authenticator.objects.filter(user=reader).exists()
    assert not Secret.objects.exists()
    assert inside.get("/account/").status_code == 302
    assert signed_in("reader").get("/account/").status_code == 200
    assert (mail.outbox[-1].to, mail.outbox[-1].subject) == (
        [address("reader")], "Your second factors for NeuroDash were taken away",
    )  # fmt: skip
    event = Event.objects.get(did="second factors taken away")
    assert (event.who, event.about, event.more) == (
        cast["administrator"].code, reader.code, {"reason": "lost the phone"},
    )  # fmt: skip
    again = admin.post(page_of(reader, "forget-factors"), {"factors_reason": "once more"})
    assert "has no second factor" in say(again, admin)


def test_nothing_about_patients_is_reachable_from_here(cast: Cast, admin: Client) -> None:
    events.record(
        "patient seen", by=cast["clinician"], clinic=cast.lakeside, patient="a" * 16, about=cast["clinician"].code
    )
    for path in ("/administration/", page_of(cast["clinician"]), "/administration/library/"):
        page = admin.get(path).content.decode()
        for word in (cast.lakeside.name, cast.lakeside.code, "a" * 16, "patient seen"):
            assert word not in page.split("</header>")[1], path
        assert not re.search(r'href="/desk/\w', page)


# The library


def test_an_editor_sees_what_lapses_what_is_doubtful_and_what_was_retracted(cast: Cast) -> None:
    page = text_of(signed_in("editor").get("/administration/library/").content)
    library, today = shelf().current(), settings.CONFIG.today()
    expected = [
        verdict.finding.statement
        for brief in library.briefs.values()
        if not brief.draft
        for verdict in shelf().verdicts(brief)
        if verdict.lapses and verdict.lapses <= today + dt.timedelta(days=90)
    ]
    assert expected, "the library has a lapsed finding to show"
    for each in (*expected, *library.doubts):
        assert " ".join(each.split()) in html.unescape(page)


# The command line


def test_the_first_administrator_is_made_on_the_command_line_and_signs_in(tmp_path: Any) -> None:
    env = {"NEURODASH_DATA": str(tmp_path / "data")}
    made = run("people", "add", "Ann@Example.org", "--administrator", env=env)
    assert made.returncode == 0, made.stderr
    link = re.search(r"http://localhost:8000(/account/password/reset/key/\S+)", made.stdout)
    assert link
    again = run("people", "add", "ann@example.org", "--member", "--editor", env=env)
    assert "member without end, editor, administrator" in again.stdout
    assert run("people", "list", env=env).stdout == "ann@example.org  member without end, editor, administrator\n"
    granted = run("people", "grant", "ann@example.org", "--until", "2199-01-31", env=env)
    assert granted.stdout == "ann@example.org is a member until 2199-01-31.\n"
    for words, says in (
        (("add", "nobody"), "EMAIL: “nobody”; accepted: an address"),
        (("grant", "an@example.org"), "Did you mean ann@example.org?"),
        (("grant", "ann@example.org", "--until", "2020-01-31"), "--until: 2020-01-31, which is over"),
    ):
        wrong = run("people", *words, env=env)
        assert (wrong.returncode, wrong.stdout) == (2, "")
        assert says in wrong.stderr
        assert "Traceback" not in wrong.stderr


@pytest.mark.django_db
def test_a_made_account_sets_its_password_once(client: Client) -> None:
    from neurodash.cli.people import _added, _link

    user = _added("ann@example.org", "Ann", administrator=True, editor=False, member=False)
    path = re.sub("^https?://[^/]+", "", _link(user))
    first = client.get(path)
    password = {"password1": "nine calm otters", "password2": "nine calm otters"}
    assert client.post(first["Location"], password).status_code == 302
    assert (
        Client().post("/account/login/", {"login": "ann@example.org", "password": "nine calm otters"}).status_code
        == 302
    )
    assert Client().get(path).status_code != 302, "the link is used up"


def test_the_command_line_takes_lost_factors_away(tmp_path: Any) -> None:
    env = {"NEURODASH_DATA": str(tmp_path / "data")}
    assert run("people", "add", "ann@example.org", env=env).returncode == 0
    none = run("people", "forget-factors", "ann@example.org", env=env)
    assert (none.returncode, "has no second factor" in none.stderr) == (2, True), none.stderr
    add = (
        "import django; django.setup(); from allauth.mfa.models import Authenticator; from neurodash.web.people.models import User; "
        "Authenticator.objects.create(user=User.objects.get(), type='totp', data={})"
    )
    made = {**os.environ, **env, "DJANGO_SETTINGS_MODULE": "neurodash.web.settings"}
    subprocess.run([sys.executable, "-c", add], env=made, check=True, timeout=60)
    taken = run("people", "forget-factors", "Ann@example.org", env=env)
    assert "signs in with the password alone" in taken.stdout, taken.stderr
    assert run("people", "forget-factors", "ann@example.org", env=env).returncode == 2


@pytest.mark.django_db
def test_an_address_that_nobody_confirmed_gets_no_role() -> None:
    from allauth.account.models import EmailAddress

    from neurodash.cli.people import _added
    from neurodash.errors import DataError

    user = User.objects.create_user("ann@example.org", "of a stranger")
    EmailAddress.objects.create(user=user, email=user.email, verified=False, primary=True)
    with pytest.raises(DataError, match="never confirmed"):
        _added("ann@example.org", "", administrator=True, editor=False, member=True)
    assert not User.objects.get(pk=user.pk).is_administrator
    assert not Membership.objects.exists()


# In a browser


class TestInABrowser:
    pytestmark = needs_chromium

    @pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
    def test_an_administrator_finds_somebody_and_gives_a_membership_by_keyboard(
        self, enter: Callable[..., Page], width: int, scheme: str
    ) -> None:
        page = enter("administrator", "/administration/", width, color_scheme=scheme)
        assert axe(page) == []
        page.get_by_label("E-mail contains").fill("onlooker")
        page.keyboard.press("Enter")
        page.get_by_role("link", name="onlooker@example.org").press("Enter")
        assert axe(page) == []
        page.get_by_role("button", name="Give the membership").press("Enter")
        expect(page.get_by_role("heading", name="Nothing was changed")).to_be_visible()
        expect(page.locator("#mend")).to_be_focused()
        assert axe(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.get_by_role("radio", name="without end").press("Space")
        page.get_by_label("Reason").first.fill(f"a course at {width} px")
        page.get_by_role("button", name="Give the membership").press("Enter")
        expect(page.get_by_text("onlooker@example.org is a member without end.")).to_be_visible()
        expect(page.get_by_role("cell", name=f"a course at {width} px")).to_be_visible()

    @pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (360, "light")])
    def test_the_editor_s_page_is_sound(self, enter: Callable[..., Page], width: int, scheme: str) -> None:
        page = enter("editor", "/administration/library/", width, color_scheme=scheme)
        expect(page.get_by_role("heading", name="Open doubts")).to_be_visible()
        assert axe(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
