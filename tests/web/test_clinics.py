"""Clinics, seats and invitations: who is in a clinic, and who decides."""

from __future__ import annotations

import datetime as dt
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.core import mail
from django.core.exceptions import PermissionDenied
from django.db import connection, connections
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from neurodash.web import record
from neurodash.web.people import clinics, permissions
from neurodash.web.people.models import INVITED_FOR, Clinic, Event, Invitation, Membership, Seat, User
from tests.conftest import text_of
from tests.web import cast as casting

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
Cast = casting.Cast


def as_(user: User) -> Client:
    client = Client()
    client.force_login(user, backend=BACKEND)
    return client


def newcomer(email: str = "newcomer@example.org", is_member: bool = False) -> User:
    from allauth.account.models import EmailAddress

    user = User.objects.create_user(email)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    if is_member:
        Membership.objects.create(user=user)
    return user


def role_of(user: User, clinic: Clinic) -> str | None:
    seat = Seat.objects.filter(user=user, clinic=clinic).first()
    return seat and seat.role


def did(clinic: Clinic) -> list[str]:
    return list(Event.objects.filter(clinic=clinic).order_by("id").values_list("did", flat=True))


def said(response: Any) -> str:
    return " ".join(str(each) for each in get_messages(response.wsgi_request))


def invite(cast: Cast, email: str = "newcomer@example.org", role: str = "clinician") -> str:
    """An owner's invitation; the secret of the link in its mail."""
    before = len(mail.outbox)
    answer = as_(cast["owner"]).post(f"{people(cast)}invitations/", {"email": email, "role": role})
    assert answer.status_code == 302, text_of(answer.content)
    assert len(mail.outbox) == before + 1
    assert mail.outbox[-1].to == [email.strip().lower()]
    found = re.search(r"/desk/invitation/\?secret=(\S+)", mail.outbox[-1].body)
    assert found
    return found[1]


def people(cast: Cast) -> str:
    return f"/desk/{cast.lakeside.code}/people/"


# The way in


def test_somebody_with_one_seat_goes_straight_to_the_patients(cast: Cast) -> None:
    answer = as_(cast["clinician"]).get("/desk/")
    assert (answer.status_code, answer["Location"]) == (302, f"/desk/{cast.lakeside.code}/")


def test_somebody_with_seats_in_two_clinics_chooses(cast: Cast) -> None:
    Seat.objects.create(clinic=cast.harbour, user=cast["clinician"], role="reader")
    page = as_(cast["clinician"]).get("/desk/", follow=True)
    told = text_of(page.content)
    assert page.redirect_chain == [("/desk/clinics/", 302)]
    assert "Lakeside Neuro Clinician" in told
    assert "Harbour Practice Read only" in told


def test_a_member_without_a_clinic_is_asked_to_name_one_and_becomes_its_owner(cast: Cast) -> None:
    client = as_(cast["member"])
    page = client.get("/desk/", follow=True)
    assert page.redirect_chain == [("/desk/clinics/new/", 302)]
    assert "Name your clinic" in text_of(page.content)
    answer = client.post(
        "/desk/clinics/new/", {"name": "  Hill  House ", "role": "reader", "clinic": cast.lakeside.code}
    )
    opened = Clinic.objects.get(name="Hill House")
    assert (answer.status_code, answer["Location"]) == (302, f"/desk/{opened.code}/")
    assert role_of(cast["member"], opened) == "owner"
    assert did(opened) == ["clinic opened"]


def test_a_second_clinic_can_be_opened(cast: Cast) -> None:
    client = as_(cast["owner"])
    client.post("/desk/clinics/new/", {"name": "Second"})
    assert Seat.objects.filter(user=cast["owner"], role="owner").count() == 2
    assert client.get("/desk/")["Location"] == "/desk/clinics/"


def test_without_membership_the_desk_explains_and_no_clinic_is_opened(cast: Cast) -> None:
    client = as_(cast["reader"])
    page = client.get("/desk/", follow=True)
    assert 'href="/membership/"' in page.content.decode()
    assert "reader@example.org" in text_of(page.content)
    refused = client.post("/desk/clinics/new/", {"name": "Sneaked in"})
    assert refused.status_code == 403
    assert "needs a membership" in text_of(refused.content)
    assert Clinic.objects.count() == 2


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("   ", "Give the clinic a name."),
        ("x" * 81, "at most 80 characters; this one has 81"),
        ("Win at www.example.org", "no web address"),
        ("see https://example.org", "no web address"),
        ("a\x00b", "ordinary signs"),
        ("a\u202eb", "ordinary signs"),
    ],
)
def test_a_name_that_cannot_be_used_comes_back_with_the_reason(typed: str, told: str, cast: Cast) -> None:
    for path, user in (("/desk/clinics/new/", "member"), (f"{people(cast)}name/", "owner")):
        answer = as_(cast[user]).post(path, {"name": typed})
        assert answer.status_code == 400
        assert told in text_of(answer.content)
    assert set(Clinic.objects.values_list("name", flat=True)) == {casting.LAKESIDE, casting.HARBOUR}


def test_what_was_typed_stands_in_the_form_again(cast: Cast) -> None:
    page = as_(cast["owner"]).post(f"{people(cast)}invitations/", {"email": 'ä"><b>', "role": "student"})
    html = page.content.decode()
    assert page.status_code == 400
    assert 'value="ä&quot;&gt;&lt;b&gt;"' in html
    assert re.search(r'value="student" id="[^"]+" checked', html)
    assert "Write one e-mail address" in text_of(html)


def test_an_owner_renames_the_clinic_and_it_is_written_down_once(cast: Cast) -> None:
    client = as_(cast["owner"])
    for _ in range(2):
        client.post(f"{people(cast)}name/", {"name": "Lake & Side"})
    cast.lakeside.refresh_from_db()
    assert cast.lakeside.name == "Lake & Side"
    assert did(cast.lakeside) == ["clinic renamed"]
    assert "Lake &amp; Side" in client.get(people(cast)).content.decode()


# People


def test_owners_see_everybody_with_role_day_and_second_factor(cast: Cast) -> None:
    from allauth.mfa.models import Authenticator

    Authenticator.objects.create(user=cast["clinician"], type="totp", data={})
    Authenticator.objects.create(user=cast["student"], type="recovery_codes", data={})  # alone it is no second factor
    rows = re.findall(r"<tr>.*?</tr>", as_(cast["owner"]).get(people(cast)).content.decode(), re.DOTALL)
    told = [text_of(row) for row in rows]
    today = timezone.now().year
    assert [row.split()[0] for row in told[1:]] == ["Owner", "Clinician", "Lapsed", "Student", "Onlooker"]
    by_name = {row.split()[0]: row for row in told[1:]}
    assert re.search(rf"clinician@example.org Clinician .*{today} yes", by_name["Clinician"])
    assert re.search(rf"Student .*{today} no", by_name["Student"])


@pytest.mark.parametrize("who", ["clinician", "student", "onlooker", "lapsed"])
def test_others_see_their_colleagues_without_addresses_or_forms(who: str, cast: Cast) -> None:
    invite(cast, "someone@example.org")
    html = as_(cast[who]).get(people(cast)).content.decode()
    assert "Owner" in html
    assert "@example.org" not in html
    assert "Second factor" not in html
    assert html.count("<form") == 0


def test_each_role_is_told_in_words_that_follow_from_what_it_may(cast: Cast) -> None:
    assert set(clinics.ACTS) == set().union(*permissions.MAY.values())
    for role, may in permissions.MAY.items():
        for act, words in clinics.ACTS.items():
            assert (words in clinics.in_words(role)) == (act in may)
    told = text_of(as_(cast["onlooker"]).get(people(cast)).content)
    assert all(clinics.in_words(role) in told for role in permissions.MAY)


def test_the_people_page_asks_as_often_for_sixty_as_for_five(cast: Cast) -> None:
    client = as_(cast["owner"])

    def asked() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert client.get(people(cast)).status_code == 200
        return len(seen)

    before = asked()
    for n in range(60):
        Seat.objects.create(clinic=cast.lakeside, user=User.objects.create_user(f"p{n}@example.org"), role="reader")
        Invitation.objects.create(clinic=cast.lakeside, email=f"i{n}@example.org", role="reader", proof=str(n))
    assert asked() == before


def test_an_owner_changes_a_role_and_ends_a_seat(cast: Cast) -> None:
    client, student = as_(cast["owner"]), cast["student"]
    page = f"{people(cast)}{student.code}/"
    assert "Student in Lakeside Neuro" in text_of(client.get(page).content)
    assert said(client.post(page, {"do": "role", "role": "clinician"})) == "The role of Student is: Clinician."
    assert role_of(student, cast.lakeside) == "clinician"
    assert client.post(page, {"do": "end"})["Location"] == people(cast)
    assert role_of(student, cast.lakeside) is None
    assert as_(student).get(people(cast)).status_code == 404
    assert client.get(page).status_code == 404
    told = Event.objects.filter(clinic=cast.lakeside).order_by("id")
    assert [(e.did, e.who, e.about, e.more) for e in told] == [
        ("role changed", cast["owner"].code, student.code, {"was": "student", "now": "clinician"}),
        ("seat ended", cast["owner"].code, student.code, {"role": "clinician"}),
    ]


@pytest.mark.parametrize(
    "email",
    ["", "a", "a@b", "a@example.org, b@example.org", "a@example.org\nBcc: b@example.org", '"\x01"@example.org', "a\x00@example.org",
     f"{'x' * 250}@example.org"],
)  # fmt: skip
def test_what_is_no_single_address_is_refused_and_nothing_is_sent(email: str, cast: Cast) -> None:
    answer = as_(cast["owner"]).post(f"{people(cast)}invitations/", {"email": email, "role": "reader"})
    assert answer.status_code == 400
    assert "Write one e-mail address" in text_of(answer.content)
    assert (mail.outbox, Invitation.objects.count()) == ([], 0)


@pytest.mark.parametrize("role", ["", "administrator", "Owner", "owner\x00"])
def test_a_role_that_is_none_changes_nothing(role: str, cast: Cast) -> None:
    client = as_(cast["owner"])
    assert client.post(f"{people(cast)}{cast['student'].code}/", {"role": role}).status_code == 400
    assert client.post(f"{people(cast)}invitations/", {"email": "a@example.org", "role": role}).status_code == 400
    assert role_of(cast["student"], cast.lakeside) == "student"
    assert did(cast.lakeside) == []


def test_the_last_owner_can_neither_step_down_nor_leave_nor_end_their_seat(cast: Cast) -> None:
    client, owner = as_(cast["owner"]), cast["owner"]
    tries = [
        (f"{people(cast)}{owner.code}/", {"do": "role", "role": "clinician"}),
        (f"{people(cast)}{owner.code}/", {"do": "end"}),
        (f"{people(cast)}leave/", {}),
    ]
    for path, sent in tries:
        answer = client.post(path, sent)
        assert answer.status_code == 400
        assert "Make somebody else an owner first" in text_of(answer.content)
    assert role_of(owner, cast.lakeside) == "owner"
    assert did(cast.lakeside) == []


def test_an_owner_whose_account_is_closed_does_not_count_as_one(cast: Cast) -> None:
    Seat.objects.create(clinic=cast.lakeside, user=newcomer(), role="owner")
    User.objects.filter(email="newcomer@example.org").update(is_active=False)
    assert as_(cast["owner"]).post(f"{people(cast)}leave/").status_code == 400
    User.objects.filter(email="newcomer@example.org").update(is_active=True)
    assert as_(cast["owner"]).post(f"{people(cast)}leave/")["Location"] == "/desk/"


@pytest.mark.parametrize("who", ["clinician", "student", "onlooker", "lapsed"])
def test_everybody_may_leave_by_themselves(who: str, cast: Cast) -> None:
    client = as_(cast[who])
    assert "Leave Lakeside Neuro" in text_of(client.get(f"{people(cast)}leave/").content)
    assert said(client.post(f"{people(cast)}leave/")) == "You have left Lakeside Neuro."
    assert role_of(cast[who], cast.lakeside) is None
    assert did(cast.lakeside) == ["seat left"]


# Who may not


def manager_only(cast: Cast) -> list[str]:
    base = people(cast)
    return [
        f"{base}name/",
        f"{base}invitations/",
        f"{base}invitations/{'0' * 16}/",
        f"{base}{cast['student'].code}/",
        f"/desk/{cast.lakeside.code}/events/",
        f"/desk/{cast.lakeside.code}/events.csv",
    ]


METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@pytest.mark.parametrize("method", METHODS)
def test_another_clinics_pages_are_not_there_for_any_method(method: str, cast: Cast) -> None:
    for who in ("stranger", "member", "administrator"):
        client = as_(cast[who])
        for path in (people(cast), f"{people(cast)}leave/", *manager_only(cast)):
            assert client.generic(method, path).status_code == 404, f"{method} {path} as {who}"


@pytest.mark.parametrize("who", ["clinician", "student", "onlooker", "lapsed"])
def test_somebody_who_does_not_manage_is_told_who_may_and_changes_nothing(who: str, cast: Cast) -> None:
    client = as_(cast[who])
    sent = {"name": "Mine", "email": "me@example.org", "role": "owner", "do": "end"}
    for path in manager_only(cast):
        for answer in (client.get(path), client.post(path, sent)):
            assert answer.status_code == 403
            assert "an owner may" in text_of(answer.content)
    assert client.post(people(cast), sent).status_code == 405
    assert role_of(cast["student"], cast.lakeside) == "student"
    assert (Invitation.objects.count(), mail.outbox, did(cast.lakeside)) == (0, [], [])


def test_an_owner_reaches_no_seat_or_invitation_of_another_clinic(cast: Cast) -> None:
    theirs = Invitation.objects.create(clinic=cast.harbour, email="x@example.org", role="reader", proof="p")
    client = as_(cast["owner"])
    assert client.post(f"{people(cast)}{cast['stranger'].code}/", {"do": "end"}).status_code == 404
    answer = client.post(f"{people(cast)}invitations/{theirs.code}/")
    assert "no longer waiting" in said(answer)
    assert Invitation.objects.filter(pk=theirs.pk).exists()
    assert role_of(cast["stranger"], cast.harbour) == "owner"


def test_a_role_sent_where_none_is_offered_changes_nothing(cast: Cast) -> None:
    secret = invite(cast, role="reader")
    user = newcomer()
    client = as_(user)
    client.get("/desk/invitation/", {"secret": secret})
    more = {"role": "owner", "clinic": cast.harbour.code, "user": cast["owner"].code, "is_administrator": "on"}
    client.post("/desk/invitation/", {"code": Invitation.objects.get().code, **more})
    assert (role_of(user, cast.lakeside), role_of(user, cast.harbour)) == ("reader", None)
    client.post(f"{people(cast)}leave/", {"person": cast["owner"].code, **more})
    assert role_of(cast["owner"], cast.lakeside) == "owner"
    user.refresh_from_db()
    assert not user.is_administrator


# Invitations


def test_the_mail_says_who_invites_where_to_what_and_until_when(cast: Cast) -> None:
    invite(cast, " Newcomer@Example.org ", "student")
    sent = mail.outbox[0]
    until = (timezone.now() + INVITED_FOR).date()
    assert sent.subject == "An invitation to Lakeside Neuro"
    assert "Owner (owner@example.org) offers you a seat in Lakeside Neuro" in sent.body
    assert "Your role there would be: Student." in sent.body
    assert clinics.in_words("student") in sent.body
    assert f"until {until.day}" in sent.body
    assert "&" not in sent.body


def test_only_the_hash_of_the_secret_is_kept(cast: Cast) -> None:
    secret = invite(cast)
    invitation = Invitation.objects.get()
    assert invitation.proof == Invitation.proof_of(secret)
    client = Client()
    client.get("/desk/invitation/", {"secret": secret})
    told = [str(row) for row in (*Invitation.objects.values(), *Event.objects.values(), dict(client.session))]
    assert not [row for row in told if secret in row]


def test_a_link_opened_signed_out_leads_through_sign_in_and_back(cast: Cast) -> None:
    secret, user = invite(cast), newcomer()
    user.set_password(casting.PASSWORD)
    user.save()
    client = Client()
    arrived = client.get("/desk/invitation/", {"secret": secret})
    assert (arrived.status_code, arrived["Location"]) == (302, "/desk/invitation/")
    page = client.get("/desk/invitation/").content.decode()
    assert secret not in page
    ways = re.findall(r'href="(/account/(?:signup|login)/\?next=[^"]+)"', page)
    assert len(ways) == 2
    held = client.post("/desk/invitation/", {"code": Invitation.objects.get().code})
    assert held["Location"].startswith("/account/login/?next=")
    assert Seat.objects.filter(clinic=cast.lakeside).count() == 5
    back = client.post(ways[1], {"login": user.email, "password": casting.PASSWORD})
    assert back["Location"] == "/desk/invitation/"
    assert "Take the seat" in text_of(client.get("/desk/invitation/").content)


def test_opening_the_link_takes_no_seat_and_pressing_the_button_does_once(cast: Cast) -> None:
    secret, user = invite(cast), newcomer()
    client = as_(user)
    client.get("/desk/invitation/", {"secret": secret}, follow=True)
    assert role_of(user, cast.lakeside) is None
    code = Invitation.objects.get().code
    taken = client.post("/desk/invitation/", {"code": code})
    assert taken["Location"] == f"/desk/{cast.lakeside.code}/"
    assert role_of(user, cast.lakeside) == "clinician"
    other = as_(newcomer("other@example.org"))
    other.get("/desk/invitation/", {"secret": secret})
    again = other.post("/desk/invitation/", {"code": code, "other": "yes"})
    assert again.status_code == 404
    assert did(cast.lakeside) == ["person invited", "seat taken"]


def test_an_invitation_to_ones_own_address_waits_on_the_desk_without_the_link(cast: Cast) -> None:
    invite(cast, "reader@example.org", "reader")
    client = as_(cast["reader"])
    page = client.get("/desk/", follow=True).content.decode()
    assert page.index("Lakeside Neuro") < page.index('href="/membership/"')
    client.post("/desk/invitation/", {"code": Invitation.objects.get().code})
    assert role_of(cast["reader"], cast.lakeside) == "reader"


def test_an_address_that_is_not_confirmed_is_not_ones_own(cast: Cast) -> None:
    from allauth.account.models import EmailAddress

    invite(cast, "wanted@example.org")
    EmailAddress.objects.create(user=cast["reader"], email="wanted@example.org", verified=False)
    client = as_(cast["reader"])
    assert "Lakeside" not in client.get("/desk/clinics/").content.decode()
    assert client.post("/desk/invitation/", {"code": Invitation.objects.get().code}).status_code == 404


def test_another_address_takes_the_seat_only_after_saying_so(cast: Cast) -> None:
    secret = invite(cast, "work@example.org")
    client = as_(cast["reader"])
    client.get("/desk/invitation/", {"secret": secret})
    page = text_of(client.get("/desk/invitation/").content)
    assert "went to work@example.org . You are signed in as reader@example.org" in page
    code = Invitation.objects.get().code
    refused = client.post("/desk/invitation/", {"code": code})
    assert refused.status_code == 400
    assert role_of(cast["reader"], cast.lakeside) is None
    client.post("/desk/invitation/", {"code": code, "other": "yes"})
    assert role_of(cast["reader"], cast.lakeside) == "clinician"


def test_a_code_without_the_link_opens_nothing(cast: Cast) -> None:
    invite(cast, "work@example.org")
    answer = as_(cast["reader"]).post("/desk/invitation/", {"code": Invitation.objects.get().code, "other": "yes"})
    assert answer.status_code == 404
    assert role_of(cast["reader"], cast.lakeside) is None


def spent(cast: Cast, how: str) -> str:
    """The secret of an invitation that does not hold."""
    secret = invite(cast, "work@example.org")
    invitation = Invitation.objects.get()
    if how == "taken":
        Invitation.objects.update(taken_at=timezone.now())
    elif how == "expired":
        Invitation.objects.update(made_at=timezone.now() - INVITED_FOR - dt.timedelta(seconds=1))
    elif how == "taken back":
        as_(cast["owner"]).post(f"{people(cast)}invitations/{invitation.code}/")
    elif how == "sent again":
        assert invite(cast, "work@example.org") != secret
    elif how == "unknown":
        secret = secret[:-1]
    return secret


@pytest.mark.parametrize("signed_in", [True, False])
@pytest.mark.parametrize("how", ["taken", "expired", "taken back", "sent again", "unknown"])
def test_every_invitation_that_does_not_hold_gets_the_same_calm_page(how: str, signed_in: bool, cast: Cast) -> None:
    secret = spent(cast, how)
    client = as_(cast["reader"]) if signed_in else Client()
    arrived = client.get("/desk/invitation/", {"secret": secret})
    assert (arrived.status_code, arrived["Location"]) == (302, "/desk/invitation/")
    page = client.get("/desk/invitation/")
    assert page.status_code == 404
    assert page.content == (as_(cast["reader"]) if signed_in else Client()).get("/desk/invitation/").content
    told = text_of(page.content)
    assert "This invitation is closed" in told
    assert "Lakeside" not in told


def test_an_invitation_holds_to_its_last_minute(cast: Cast) -> None:
    secret = invite(cast)
    Invitation.objects.update(made_at=timezone.now() - INVITED_FOR + dt.timedelta(minutes=1))
    assert list(clinics.open_to(None, Invitation.proof_of(secret))) == [Invitation.objects.get()]


def test_inviting_again_after_the_time_is_over_renews_the_one_row(cast: Cast) -> None:
    invite(cast)
    Invitation.objects.update(made_at=timezone.now() - INVITED_FOR)
    html = as_(cast["owner"]).get(people(cast)).content.decode()
    assert "its time is over" in html
    invite(cast, role="student")
    assert [(each.role, each.is_open) for each in Invitation.objects.all()] == [("student", True)]


def test_somebody_with_a_seat_is_not_invited_again_under_any_confirmed_address(cast: Cast) -> None:
    from allauth.account.models import EmailAddress

    EmailAddress.objects.create(user=cast["student"], email="second@example.org", verified=True)
    for email in ("student@example.org", "Second@example.org"):
        answer = as_(cast["owner"]).post(f"{people(cast)}invitations/", {"email": email, "role": "owner"})
        assert answer.status_code == 400
        assert "already has a seat" in text_of(answer.content)
    assert mail.outbox == []


def test_one_account_sends_no_more_than_fifty_invitations_a_day(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clinics, "MAILS_A_DAY", 2)
    invite(cast, "a@example.org")
    invite(cast, "b@example.org")
    answer = as_(cast["owner"]).post(f"{people(cast)}invitations/", {"email": "c@example.org", "role": "reader"})
    assert "go on tomorrow" in text_of(answer.content)
    assert (len(mail.outbox), Invitation.objects.count()) == (2, 2)


def test_a_mail_that_does_not_leave_is_told_and_the_invitation_is_kept(cast: Cast, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9  # nobody listens there
    answer = as_(cast["owner"]).post(f"{people(cast)}invitations/", {"email": "a@example.org", "role": "reader"})
    assert "could not be sent" in said(answer)
    assert Invitation.objects.get().is_open


def test_the_secret_is_in_no_log_and_the_page_after_it_names_no_other_site(
    cast: Cast, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where the page breaks: what is logged of a request is its path."""
    secret = invite(cast)
    client = Client(raise_request_exception=False)
    with caplog.at_level("DEBUG"):
        client.get("/desk/invitation/", {"secret": secret})
        monkeypatch.setattr(clinics, "open_to", lambda *_: 1 / 0)
        assert client.get("/desk/invitation/").status_code == 500
        monkeypatch.setattr(Invitation, "proof_of", lambda _: 1 / 0)
        assert client.get("/desk/invitation/", {"secret": secret}).status_code == 500
    assert secret not in "".join(record.getMessage() for record in caplog.records)


# Two at once


@pytest.fixture
def own_record(
    tmp_path: Path, django_db_setup: None, django_db_blocker: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """A database of this test's own, as a server uses it: committed to, and thrown away afterwards.

    The database of the other tests cannot be used: it is one connection that is rolled back, and emptying it is what the
    triggers of the events refuse.
    """
    usual = connections["default"]
    with django_db_blocker.unblock():
        if usual.vendor == "sqlite":
            own = {**usual.settings_dict, "NAME": str(tmp_path / "record.sqlite3")}
        else:
            usual.creation.clone_test_db("own", verbosity=0, autoclobber=True)
            own = usual.creation.get_test_db_clone_settings("own")
        monkeypatch.setitem(connections.settings, "default", own)
        del connections["default"]
        try:
            record.migrate()
            yield
        finally:
            connections["default"].close()
            connections["default"] = usual
            if usual.vendor != "sqlite":
                usual.creation.destroy_test_db(suffix="own", verbosity=0)


@pytest.mark.usefixtures("own_record")
class TestTwoAtOnce:
    """Real threads on a real database, each with a connection of its own."""

    @pytest.fixture
    def both(self, own_record: None) -> tuple[Cast, User, User]:
        cast = casting.make()
        second = newcomer(is_member=True)
        Seat.objects.create(clinic=cast.lakeside, user=second, role="owner")
        return cast, cast["owner"], second

    @pytest.mark.parametrize("repeat", range(5))
    def test_two_owners_who_demote_each_other_leave_one(self, repeat: int, both: tuple[Cast, User, User]) -> None:
        cast, one, two = both
        ended = together(
            lambda: clinics.change_role(clinic=cast.lakeside, person=two.code, role="clinician", by=one),
            lambda: clinics.change_role(clinic=cast.lakeside, person=one.code, role="clinician", by=two),
        )
        assert sorted(map(type, ended), key=str) == sorted([Seat, PermissionDenied], key=str)
        assert cast.lakeside.seats.filter(role="owner").count() == 1
        assert did(cast.lakeside) == ["role changed"]

    @pytest.mark.parametrize("repeat", range(5))
    def test_two_owners_who_leave_at_once_leave_one(self, repeat: int, both: tuple[Cast, User, User]) -> None:
        cast, one, two = both
        ended = together(
            *(lambda who=who: clinics.end_seat(clinic=cast.lakeside, person=who.code, by=who) for who in (one, two))
        )
        assert sorted(type(each).__name__ for each in ended) == ["NoneType", "Refused"]
        assert cast.lakeside.seats.filter(role="owner").count() == 1
        assert did(cast.lakeside) == ["seat left"]

    def test_an_invitation_taken_by_many_at_once_gives_one_seat(self, both: tuple[Cast, User, User]) -> None:
        cast, one, _ = both
        invitation = Invitation.objects.create(
            clinic=cast.lakeside, email="x@example.org", role="reader", proof=Invitation.proof_of("s"), by=one
        )
        users = [newcomer(f"n{n}@example.org") for n in range(6)]
        ended = together(
            *(
                lambda user=user: clinics.take(code=invitation.code, by=user, proof=invitation.proof, though_other=True)
                for user in users
            )
        )
        assert sum(isinstance(each, Seat) for each in ended) == 1
        assert ended.count(None) == 5
        assert cast.lakeside.seats.filter(role="reader", user__in=users).count() == 1
        assert did(cast.lakeside) == ["seat taken"]

    def test_one_invitation_taken_twice_by_one_person_gives_one_seat(self, both: tuple[Cast, User, User]) -> None:
        cast, one, _ = both
        user = newcomer("n@example.org")
        made = Invitation.objects.create(clinic=cast.lakeside, email=user.email, role="reader", proof="p", by=one)
        ended = together(*[lambda: clinics.take(code=made.code, by=user)] * 4)
        assert sum(isinstance(each, Seat) for each in ended) == 1
        assert Seat.objects.filter(user=user).count() == 1

    def test_two_owners_who_invite_the_same_person_leave_one_invitation_whose_last_mail_holds(
        self, both: tuple[Cast, User, User]
    ) -> None:
        cast, one, two = both
        request = RequestFactory().post("/")
        ended = together(
            *(
                lambda by=by, role=role: clinics.invite(
                    clinic=cast.lakeside, email="x@example.org", role=role, by=by, request=request
                )
                for by, role in ((one, "reader"), (two, "student"))
            )
        )
        assert [type(each) for each in ended] == [Invitation, Invitation]
        kept = Invitation.objects.get()
        secrets = [re.search(r"secret=(\S+)", each.body)[1] for each in mail.outbox]  # type: ignore[index]
        assert sum(Invitation.proof_of(secret) == kept.proof for secret in secrets) == 1

    def test_an_invitation_that_is_taken_back_while_it_is_taken_is_either_but_not_both(
        self, both: tuple[Cast, User, User]
    ) -> None:
        cast, one, _ = both
        user = newcomer("n@example.org")
        made = Invitation.objects.create(clinic=cast.lakeside, email=user.email, role="reader", proof="p", by=one)
        taken, back = together(
            lambda: clinics.take(code=made.code, by=user),
            lambda: clinics.take_back(clinic=cast.lakeside, code=made.code, by=one),
        )
        assert isinstance(taken, Seat) == isinstance(back, clinics.Refused)
        assert Seat.objects.filter(user=user).exists() == isinstance(taken, Seat)


def together(*acts: Callable[[], Any]) -> list[Any]:
    """What each act returned or raised, all begun at the same moment."""
    begin = threading.Barrier(len(acts))
    ended: list[Any] = [None] * len(acts)

    def run(n: int, act: Callable[[], Any]) -> None:
        begin.wait()
        try:
            ended[n] = act()
        except Exception as error:
            ended[n] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=each) for each in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return ended
