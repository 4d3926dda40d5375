"""Accounts: who gets in, who is kept out, what is taken away and what goes."""

from __future__ import annotations

import base64
import csv
import dataclasses
import hashlib
import hmac
import http.client
import io
import json
import os
import re
import struct
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.core import mail
from django.core.cache import cache
from django.db import connection
from django.test import Client

from neurodash.web.clinic.models import Patient
from neurodash.web.people import clinics, forms, taking_away
from neurodash.web.people.models import Clinic, Event, Invitation, Membership, Seat, Secret, User
from tests.conftest import Server, text_of
from tests.web import cast as casting
from tests.web.cast import PASSWORD, Cast, address

LOGIN, SIGNUP, RESET = "/account/login/", "/account/signup/", "/account/password/reset/"
NEW = "four slow green boats"


def sign_in(client: Client, who: str, password: str = PASSWORD, **more: str):
    return client.post(LOGIN, {"login": address(who), "password": password}, **more)


def is_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


def again(client: Client, password: str = PASSWORD) -> None:
    """Show once more that it is still you."""
    client.post("/account/reauthenticate/", {"password": password, "next": "/account/"})


def entered(who: str) -> Client:
    client = Client()
    assert sign_in(client, who).status_code == 302
    return client


def code_of(secret: str, at: float) -> str:
    """RFC 6238 with SHA-1, 30 seconds, 6 digits."""
    digest = hmac.new(base64.b32decode(secret), struct.pack(">Q", int(at) // 30), hashlib.sha1).digest()
    start = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[start : start + 4])[0] & 0x7FFFFFFF) % 10**6:06d}"


def with_an_app(client: Client) -> tuple[str, list[str]]:
    """Switch on an authenticator app; its secret and the recovery codes."""
    again(client)
    page = client.get("/account/2fa/totp/activate/").content.decode()
    secret = re.search(r'id="authenticator_secret">(\w+)<', page)
    assert secret
    client.post("/account/2fa/totp/activate/", {"code": code_of(secret[1], time.time())})
    shown = client.get("/account/2fa/recovery-codes/").content.decode()
    return secret[1], re.findall(r"<code>(\d{8})</code>", shown)


def link_in(message: mail.EmailMessage, part: str) -> str:
    found = re.search(rf"https?://[^/\s]+(/account/{part}/\S+)", str(message.body))
    assert found, message.body
    return found[1]


# Signing up


def test_an_account_opens_only_after_a_button_behind_the_link_is_pressed(db: None) -> None:
    client = Client()
    sent = client.post(SIGNUP, {"email": "New@Example.org", "password1": NEW})
    assert sent.headers["Location"] == "/account/confirm-email/"
    assert [each.to for each in mail.outbox] == [["new@example.org"]]
    assert mail.outbox[0].subject == "Confirm your e-mail for NeuroDash"
    link = link_in(mail.outbox[0], "confirm-email")
    scanner = Client()
    for look in (scanner.get, scanner.head):
        assert look(link).status_code == 200
    assert not EmailAddress.objects.get(email="new@example.org").verified
    assert not is_in(client)
    client.post(link)
    assert EmailAddress.objects.get(email="new@example.org").verified
    assert is_in(client)
    assert "does not work any more" in text_of(scanner.get(link).content)


def test_a_link_opened_elsewhere_confirms_and_signs_nobody_in(db: None) -> None:
    Client().post(SIGNUP, {"email": "new@example.org", "password1": NEW})
    elsewhere = Client()
    elsewhere.post(link_in(mail.outbox[0], "confirm-email"))
    assert EmailAddress.objects.get(email="new@example.org").verified
    assert not is_in(elsewhere)


def test_what_was_typed_wrong_is_said_at_its_field_and_the_address_is_kept(db: None) -> None:
    page = Client().post(SIGNUP, {"email": "new@example", "password1": "short"}).content.decode()
    assert 'value="new@example"' in page
    assert "This is no e-mail address. Write one such as name@example.org." in page
    for field in ("id_email", "id_password1"):
        shown = re.search(rf'<input[^>]* id="{field}"[^>]*>', page)
        assert shown
        assert 'aria-invalid="true"' in shown[0]
        assert f"{field}_error" in shown[0]
        assert f'<span class="wrong" id="{field}_error">' in page
        assert f'<a href="#{field}">' in page


def test_a_program_that_fills_in_everything_makes_no_account_and_is_not_told(db: None) -> None:
    answer = Client().post(SIGNUP, {"email": "new@example.org", "password1": NEW, "website": "https://spam.example/"})
    assert answer.headers["Location"] == "/account/confirm-email/"
    assert not User.objects.exists()
    assert mail.outbox == []


def test_an_address_somebody_took_and_never_confirmed_goes_to_the_one_who_confirms_it(cast: Cast) -> None:
    Client().post(SIGNUP, {"email": "wanted@example.org", "password1": NEW})
    cache.clear()  # some minutes later: an address gets one link in 3 minutes
    client = entered("member")
    again(client)
    client.post("/account/email/", {"email": "wanted@example.org", "action_add": ""})
    client.post(link_in(mail.outbox[-1], "confirm-email"))
    cast["member"].refresh_from_db()
    assert cast["member"].email == "wanted@example.org"
    assert User.objects.filter(email="wanted@example.org").count() == 1


def test_an_address_another_account_has_confirmed_stays_there(cast: Cast) -> None:
    client = entered("member")
    again(client)
    client.post("/account/email/", {"email": address("clinician"), "action_add": ""})
    assert client.get("/account/email/").status_code == 200
    for each in mail.outbox:
        if "/confirm-email/" in str(each.body):
            client.post(link_in(each, "confirm-email"))
    cast["member"].refresh_from_db()
    cast["clinician"].refresh_from_db()
    assert (cast["member"].email, cast["clinician"].email) == (address("member"), address("clinician"))


@pytest.mark.parametrize("path", [SIGNUP, LOGIN, RESET, "/account/email/"])
def test_an_address_longer_than_any_is_said_and_kept(path: str, cast: Cast) -> None:
    client = entered("member") if path == "/account/email/" else Client()
    if path == "/account/email/":
        again(client)
    long = f"{'a' * 60}@{'.'.join(['b' * 60] * 4)}.org"
    page = client.post(path, {"email": long, "login": long, "password": NEW, "password1": NEW, "action_add": ""})
    assert "at most 254 characters" in text_of(page.content)
    assert long in page.content.decode()


# Two at the same moment


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let something happen just before `name` of `owner` is called for the first time."""

    def before(owner: Any, name: str, first: Callable[[], object]) -> None:
        own = getattr(owner, name)

        def late(*args: Any, **more: Any) -> Any:
            monkeypatch.setattr(owner, name, own)
            first()
            return own(*args, **more)

        monkeypatch.setattr(owner, name, late)

    return before


def test_an_address_taken_at_the_same_moment_is_answered_like_one_that_was(db: None, meanwhile: Callable) -> None:
    alone = said(Client(), SIGNUP, {"email": "one@example.org", "password1": NEW})

    def other() -> None:
        Client().post(SIGNUP, {"email": "two@example.org", "password1": NEW})
        cache.clear()  # an address gets one mail in 3 minutes, and the page says so

    meanwhile(forms.account.SignupForm, "clean", other)
    assert said(Client(), SIGNUP, {"email": "two@example.org", "password1": NEW}) == alone
    assert User.objects.filter(email="two@example.org").count() == 1


def test_a_link_for_a_new_password_lets_in_one_of_two_at_the_same_moment(cast: Cast, meanwhile: Callable) -> None:
    first, second = Client(), Client()
    first.post(RESET, {"email": address("clinician")})
    link = link_in(mail.outbox[-1], "password/reset/key")
    for each in (first, second):
        form = each.get(link, follow=True).redirect_chain[-1][0]
    sent = {"password1": NEW, "password2": NEW}
    meanwhile(forms.NewPassword, "save", lambda: first.post(form, sent))
    late = second.post(form, {"password1": NEW[::-1], "password2": NEW[::-1]}, follow=True)
    assert "does not work any more" in text_of(late.content)
    assert (is_in(first), is_in(second)) == (True, False)
    assert sign_in(Client(), "clinician", NEW).status_code == 302


def test_an_account_deleted_at_the_same_moment_is_gone(cast: Cast, meanwhile: Callable) -> None:
    client, member = about_to_leave("member"), cast["member"]
    meanwhile(taking_away.administration, "locked", lambda: User.objects.get(pk=member.pk).delete())
    assert client.post("/account/delete/").headers["Location"] == LOGIN
    assert "Your account is deleted" in text_of(client.get(LOGIN).content)


# The same answer for everybody


def said(client: Client, path: str, fields: dict[str, str]) -> tuple[list[tuple[str, int]], int, str]:
    """Where a form led, the last status, and the words of the last page without what was typed."""
    answer = client.post(path, fields, follow=True)
    words = text_of(answer.content)
    for each in fields.values():
        words = words.replace(each, "…")
    return answer.redirect_chain, answer.status_code, words


@pytest.mark.parametrize(
    ("path", "name", "more"),
    [(SIGNUP, "email", {"password1": NEW}), (LOGIN, "login", {"password": NEW}), (RESET, "email", {})],
)
def test_known_and_unknown_addresses_get_the_same_answer(
    path: str, name: str, more: dict[str, str], cast: Cast
) -> None:
    known = said(Client(), path, {name: address("clinician"), **more})
    unknown = said(Client(), path, {name: "nobody@example.org", **more})
    assert known == unknown
    assert known[1] == 200


@pytest.mark.parametrize(
    ("path", "name", "more"), [(SIGNUP, "email", {"password1": NEW}), (LOGIN, "login", {"password": NEW})]
)
def test_and_it_takes_as_long(path: str, name: str, more: dict[str, str], cast: Cast) -> None:
    """Deriving a key from a password takes most of the time. Where it is left out for one of the two, the answer comes
    many times sooner; 1.8 leaves room for a busy machine."""

    def taken(email: str) -> float:
        client = Client()
        started = time.process_time()
        client.post(path, {name: email, **more})
        return time.process_time() - started

    people = ("owner", "clinician", "student", "member", "reader")
    taken("warm@example.org")
    known, unknown = [], []
    for number, who in enumerate(people):
        known.append(taken(address(who)))
        unknown.append(taken(f"nobody{number}@example.org"))
    assert 1 / 1.8 < median(known) / median(unknown) < 1.8


# Signing in


@pytest.mark.parametrize("path", ["/account/export/", "/account/delete/", f"/desk/{'a' * 16}/patients/new/"])
def test_what_is_sent_after_the_session_ended_is_said_not_to_be_taken(path: str, cast: Cast) -> None:
    led = Client().post(path, {"label": "P-1"}, follow=True)
    assert led.redirect_chain[0][0].startswith(f"{LOGIN}?next=")
    assert "Nothing was changed: you were no longer signed in" in text_of(led.content)
    assert "Nothing was changed" not in text_of(Client().get(path, follow=True).content)
    assert "Nothing was changed" not in text_of(Client().post("/account/logout/", follow=True).content)


def test_whoever_signed_in_with_a_second_factor_just_now_is_not_asked_again(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, _ = with_an_app(entered("clinician"))
    client = Client()
    sign_in(client, "clinician")
    client.post("/account/2fa/authenticate/", {"code": code_of(secret, time.time() + 30)})
    assert client.get("/account/delete/").status_code == 200
    now = time.time
    monkeypatch.setattr("time.time", lambda: now() + 601)
    assert client.get("/account/delete/").headers["Location"].startswith("/account/reauthenticate/")


@pytest.mark.parametrize("path", [SIGNUP, RESET])
def test_the_page_after_a_mail_names_its_address(path: str, db: None) -> None:
    led = Client().post(path, {"email": "new@example.org", "password1": NEW}, follow=True)
    assert "We have sent a mail to new@example.org" in text_of(led.content)


def test_an_invitation_brings_its_address_to_signing_up(cast: Cast) -> None:
    Invitation.objects.create(
        clinic=cast.lakeside,
        email="guest@example.org",
        role="reader",
        proof=Invitation.proof_of("opened"),
        by=cast["owner"],
    )
    client = Client()
    client.get("/desk/invitation/?secret=opened")
    assert 'value="guest@example.org"' in client.get(f"{SIGNUP}?next=/desk/invitation/").content.decode()


def test_a_session_that_was_there_before_is_worth_nothing_after_signing_in(cast: Cast) -> None:
    client = Client()
    planted = client.session
    planted["planted"] = True
    planted.save()
    before = planted.session_key
    client.cookies["sessionid"] = before
    sign_in(client, "clinician")
    assert client.session.session_key != before
    thief = Client()
    thief.cookies["sessionid"] = before
    assert not is_in(thief)


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://elsewhere.example/", "//elsewhere.example/", "/\\elsewhere.example", "http:elsewhere.example",
        "javascript:alert(1)", "http://localhost:1/", "https://127.0.0.1/",
    ],
)  # fmt: skip
def test_nobody_is_sent_to_another_site_after_signing_in_or_out(elsewhere: str, cast: Cast) -> None:
    client = Client()
    fields = {"login": address("clinician"), "password": PASSWORD, "next": elsewhere}
    assert client.post(f"{LOGIN}?{urlencode({'next': elsewhere})}", fields).headers["Location"] == "/desk/"
    assert client.post("/account/logout/", {"next": elsewhere}).headers["Location"] == LOGIN


def test_somebody_who_was_on_the_way_to_a_page_arrives_there(cast: Cast) -> None:
    client = Client()
    door = client.get("/account/sessions/").headers["Location"]
    assert door == f"{LOGIN}?next=/account/sessions/"
    fields = {"login": address("clinician"), "password": PASSWORD, "next": "/account/sessions/"}
    assert client.post(LOGIN, fields).headers["Location"] == "/account/sessions/"


def test_an_account_that_is_switched_off_lets_nobody_in(cast: Cast) -> None:
    User.objects.filter(pk=cast["clinician"].pk).update(is_active=False)
    client = Client()
    assert sign_in(client, "clinician").headers["Location"] == "/account/inactive/"
    assert "switched off" in text_of(client.get("/account/inactive/").content)
    assert not is_in(client)


# Guessing


def guess(who: str, times: int) -> list[str]:
    """A stranger's tries, each from another address; what the last page said each time."""
    return [
        text_of(sign_in(Client(), who, f"guess number {n}", REMOTE_ADDR=f"203.0.113.{n + 1}").content)
        for n in range(times)
    ]


def test_a_stranger_runs_into_the_limit_from_however_many_addresses(cast: Cast) -> None:
    answers = guess("clinician", 10)
    assert all("do not belong together" in each for each in answers[:8])
    assert all("Too many tries. Wait 5 minutes" in each for each in answers[8:])
    right = sign_in(Client(), "clinician", REMOTE_ADDR="203.0.113.99")
    assert "Too many tries" in text_of(right.content)
    assert sign_in(Client(), "owner", REMOTE_ADDR="203.0.113.99").status_code == 302, "others are not held up"


def test_the_limit_says_nothing_about_whether_the_address_is_known(cast: Cast) -> None:
    known, unknown = guess("student", 9)[-1], guess("nobody", 9)[-1]
    assert known.replace("student", "") == unknown.replace("nobody", "")


def test_the_owner_still_signs_in_where_they_have_before(cast: Cast) -> None:
    client = entered("clinician")
    client.post("/account/logout/")
    guess("clinician", 10)
    assert sign_in(client, "clinician").status_code == 302
    assert is_in(client)


def test_a_known_browser_has_tries_of_its_own_and_they_end_too(cast: Cast) -> None:
    client = entered("clinician")
    client.post("/account/logout/")
    answers = [text_of(sign_in(client, "clinician", f"guess number {n}").content) for n in range(9)]
    assert "Too many tries" in answers[-1]
    assert "Too many tries" not in answers[-2]
    assert sign_in(Client(), "clinician").status_code == 302, "the owner elsewhere is not held up by it"


def test_being_known_as_one_person_gives_no_tries_at_another(cast: Cast) -> None:
    client = entered("stranger")
    client.post("/account/logout/")
    guess("clinician", 8)
    assert "Too many tries" in text_of(sign_in(client, "clinician", "one more guess").content)


def test_a_made_up_cookie_is_no_known_browser(cast: Cast) -> None:
    guess("clinician", 8)
    client = Client()
    client.cookies["known-device"] = "eyJ3aG8iOiJ4IiwiaWQiOiJ5In0:1xUpvS:rSqeC9qFp_mOAmuoY-3hd71Erm0ElnQ1JDT5CUueBK4"
    assert "Too many tries" in text_of(sign_in(client, "clinician").content)


def test_the_owner_on_a_new_device_gets_in_by_a_new_password(cast: Cast) -> None:
    guess("clinician", 10)
    client = Client()
    client.post(RESET, {"email": address("clinician")})
    form = client.get(link_in(mail.outbox[-1], "password/reset/key"), follow=True)
    where = form.redirect_chain[-1][0]
    assert mail.outbox[-1].subject == "Choose a new password for NeuroDash"
    client.post(where, {"password1": NEW, "password2": NEW})
    assert is_in(client)
    guess("clinician", 10)
    client.post("/account/logout/")
    assert sign_in(client, "clinician", NEW).status_code == 302, "and is known there from now on"


def test_asking_for_mails_in_a_strangers_name_ends_with_a_page_that_says_how_long(cast: Cast) -> None:
    answers = [
        Client().post(RESET, {"email": address("clinician")}, REMOTE_ADDR=f"203.0.113.{n + 1}") for n in range(6)
    ]
    assert [each.status_code for each in answers] == [302] * 5 + [429]
    assert answers[-1].headers["Retry-After"] == "60"
    assert "In 60 seconds it works again" in text_of(answers[-1].content)
    owner = Client()
    form = owner.get(link_in(mail.outbox[-1], "password/reset/key"), follow=True)
    owner.post(form.redirect_chain[-1][0], {"password1": NEW, "password2": NEW})
    assert is_in(owner), "the mails that came in the owner's name are the owner's"


# Passwords, sessions, mails


def test_a_new_password_ends_every_other_session(cast: Cast) -> None:
    here, there = entered("clinician"), entered("clinician")
    here.post("/account/password/change/", {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW})
    assert is_in(here)
    assert not is_in(there)
    assert mail.outbox[-1].subject == "Your password for NeuroDash was changed"
    assert "127.0.0.1" in str(mail.outbox[-1].body)


def test_signing_out_everywhere_else_ends_the_others_at_once(cast: Cast) -> None:
    here, there, third = (entered("clinician") for _ in range(3))
    assert "Do you know all of these?" in text_of(here.get("/account/sessions/").content)
    here.post("/account/sessions/")
    assert [is_in(each) for each in (here, there, third)] == [True, False, False]


def test_a_link_for_a_new_password_works_once(cast: Cast) -> None:
    first, second = Client(), Client()
    first.post(RESET, {"email": address("clinician")})
    link = link_in(mail.outbox[-1], "password/reset/key")
    form = first.get(link, follow=True).redirect_chain[-1][0]
    first.post(form, {"password1": NEW, "password2": NEW})
    assert "does not work any more" in text_of(second.get(link, follow=True).content)


def test_an_email_changes_when_the_new_one_is_confirmed_and_the_old_one_is_told(cast: Cast) -> None:
    client = entered("clinician")
    moved = client.post("/account/email/", {"email": "moved@example.org", "action_add": ""})
    assert moved.headers["Location"].startswith("/account/reauthenticate/"), "a borrowed session changes nothing"
    again(client)
    client.post("/account/email/", {"email": "moved@example.org", "action_add": ""})
    cast["clinician"].refresh_from_db()
    assert cast["clinician"].email == address("clinician")
    client.post(link_in(mail.outbox[-1], "confirm-email"))
    cast["clinician"].refresh_from_db()
    assert cast["clinician"].email == "moved@example.org"
    told = mail.outbox[-1]
    assert told.to == [address("clinician")]
    assert "moved@example.org instead of clinician@example.org" in str(told.body)
    assert "tell whoever runs this site at once" in str(told.body)
    assert "/password/reset/" not in str(told.body), "the old address has no account any more"


def test_a_link_in_a_mail_leads_to_the_public_name_whatever_the_request_said(cast: Cast, settings) -> None:
    settings.CONFIG = dataclasses.replace(settings.CONFIG, url="https://desk.example.org/")
    Client().post(RESET, {"email": address("clinician")}, headers={"host": "localhost"})
    Client().post(SIGNUP, {"email": "new@example.org", "password1": NEW}, headers={"host": "localhost"})
    links = re.findall(r"https?://\S+", "\n".join(str(each.body) for each in mail.outbox))
    assert len(links) >= 4
    assert all(each.startswith("https://desk.example.org/") for each in links)


def test_mails_are_plain_text_from_us_and_greet_nobody(cast: Cast) -> None:
    Client().post(RESET, {"email": address("clinician")})
    Client().post(RESET, {"email": "nobody@example.org"})
    Client().post(SIGNUP, {"email": address("clinician"), "password1": NEW})
    assert {each.subject for each in mail.outbox} == {
        "Choose a new password for NeuroDash",
        "There is no account for this address at NeuroDash",
        "You have an account at NeuroDash already",
    }
    for each in mail.outbox:
        assert each.from_email == "NeuroDash <desk@localhost>"
        assert not getattr(each, "alternatives", [])
        assert "&" not in str(each.body)
        assert "!" not in str(each.body)


# Second factors


def test_with_an_app_the_password_alone_opens_nothing(cast: Cast) -> None:
    client = entered("clinician")
    secret, codes = with_an_app(client)
    assert len(codes) == 10
    new = Client()
    assert sign_in(new, "clinician").headers["Location"] == "/account/2fa/authenticate/"
    assert not is_in(new)
    wrong = "000000" if code_of(secret, time.time()) != "000000" else "111111"
    assert "does not fit" in text_of(new.post("/account/2fa/authenticate/", {"code": wrong}).content)
    new.post("/account/2fa/authenticate/", {"code": code_of(secret, time.time() + 30)})
    assert is_in(new)


def test_each_recovery_code_works_once_and_all_are_shown_once(cast: Cast) -> None:
    client = entered("clinician")
    _, codes = with_an_app(client)
    later = text_of(client.get("/account/2fa/recovery-codes/").content)
    assert not any(each in later for each in codes)
    assert client.get("/account/2fa/recovery-codes/download/").status_code == 403
    for expected in (True, False):
        new = Client()
        sign_in(new, "clinician")
        new.post("/account/2fa/authenticate/", {"code": codes[0]})
        assert is_in(new) is expected
    assert "9 left" in text_of(client.get("/account/").content)


def test_guessing_at_a_code_ends_after_a_few_tries(cast: Cast) -> None:
    with_an_app(entered("clinician"))
    new = Client()
    sign_in(new, "clinician")
    answers = [new.post("/account/2fa/authenticate/", {"code": f"{n:06d}"}) for n in range(9)]
    assert "Too many tries" in text_of(answers[-1].content)


def test_the_code_that_switched_an_app_on_signs_nobody_in(cast: Cast) -> None:
    now = time.time()
    secret, _ = with_an_app(entered("clinician"))
    new = Client()
    sign_in(new, "clinician")
    for moment in (now, time.time()):
        new.post("/account/2fa/authenticate/", {"code": code_of(secret, moment)})
        assert not is_in(new)


@pytest.mark.parametrize(
    "credential", ["[" * 5000, '{"id":"\\u0000"}', '"\\ud800"', '{"id":"a","rawId":"a"}', '{"response": 1}']
)
@pytest.mark.parametrize("page", ["login", "add", "second step"])
def test_what_no_passkey_answers_is_an_error_of_the_form(page: str, credential: str, cast: Cast) -> None:
    client, path = Client(), f"/account/2fa/webauthn/{page}/"
    if page == "second step":
        with_an_app(entered("clinician"))
        sign_in(client, "clinician")
        path = "/account/2fa/authenticate/"
    elif page != "login":
        client = entered("clinician")
        again(client)
    client.get(path)
    answer = client.post(path, {"credential": credential}, follow=True)
    assert answer.status_code == 200
    assert re.search("This passkey could not be used|This code does not fit", text_of(answer.content))


@pytest.mark.parametrize(
    "path",
    ["/account/2fa/totp/activate/", "/account/2fa/webauthn/add/", "/account/2fa/recovery-codes/generate/", "/account/delete/"],
)  # fmt: skip
def test_what_touches_the_safety_of_an_account_asks_again_who_it_is(path: str, cast: Cast) -> None:
    client = entered("clinician")
    assert client.get(path).headers["Location"].startswith("/account/reauthenticate/")
    again(client)
    assert client.get(path).status_code == 200


# The page of an account


def test_the_account_page_leads_to_a_second_factor_until_there_is_one(cast: Cast) -> None:
    client = entered("clinician")
    page = text_of(client.get("/account/").content)
    assert "Next: add a second factor" in page
    for each in (address("clinician"), "You are a member.", "Lakeside Neuro", "in 1 browser"):
        assert page.count(each) == 1
    with_an_app(client)
    page = text_of(client.get("/account/").content)
    assert "Next: add a second factor" not in page
    assert "10 left" in page


def test_the_account_is_found_from_every_page(cast: Cast) -> None:
    for path, times in (("/", 1), ("/desk/clinics/", 2), ("/desk/clinics/new/", 2)):
        page = entered("member").get(path).content.decode()
        assert page.count('<a href="/account/">Your account</a>') == times, path


def test_a_name_is_changed_and_nothing_else(cast: Cast) -> None:
    client = entered("clinician")
    sent = {"name": " Dr Ada Quill ", "is_administrator": "on", "is_editor": "on", "email": "x@example.org"}
    assert client.post("/account/", sent).status_code == 302
    user = User.objects.get(pk=cast["clinician"].pk)
    assert (user.name, user.email, user.is_administrator, user.is_editor) == (
        "Dr Ada Quill", address("clinician"), False, False,
    )  # fmt: skip
    assert Event.objects.filter(who=user.code, did="name changed").count() == 1
    refused = client.post("/account/", {"name": "A" * 81})
    assert refused.status_code == 400
    assert "A" * 81 in refused.content.decode()
    assert "at most 80 characters" in text_of(refused.content)
    user.refresh_from_db()
    assert user.name == "Dr Ada Quill"


@pytest.mark.parametrize(
    "name",
    [
        "https://evil.com/login and www.evil.com",
        "You won at evil.com/win",
        "evil.com:80/win",
        "Ada\u202eQuill",
        "Ada\u2028Quill",
    ],
)
def test_no_name_is_a_link_in_a_mail_or_hides_a_sign(name: str, cast: Cast) -> None:
    client = entered("member")
    refused = client.post("/account/", {"name": name})
    assert "no web address" in text_of(refused.content)
    assert not User.objects.filter(name=name).exists()
    with pytest.raises(clinics.Refused, match="no web address"):
        clinics.open_clinic(name=name, by=cast["member"])
    for fine in ("Dr. A. Quill, M.Sc.", "Physio/Ergo St. Mary’s", "Ada Quill (she/her)"):
        assert client.post("/account/", {"name": fine}).status_code == 302, fine


def test_no_page_of_an_account_speaks_with_anothers_voice(cast: Cast) -> None:
    client = entered("clinician")
    with_an_app(client)
    paths = [
        "/account/", "/account/email/", "/account/password/change/", "/account/sessions/", "/account/logout/",
        "/account/delete/", "/account/2fa/", "/account/2fa/totp/deactivate/", "/account/2fa/recovery-codes/",
        "/account/2fa/recovery-codes/generate/", "/account/2fa/webauthn/", "/account/2fa/webauthn/add/",
        "/account/reauthenticate/", "/account/2fa/reauthenticate/", "/account/inactive/",
    ]  # fmt: skip
    visitor = Client()
    entrance = [
        LOGIN, SIGNUP, RESET, "/account/password/reset/done/", "/account/confirm-email/",
        "/account/password/reset/key/1-x-y/", "/account/password/reset/key/done/", "/account/confirm-email/none/",
    ]  # fmt: skip
    for who, some in ((client, paths), (visitor, entrance)):
        for path in some:
            answer = who.get(path)
            words = text_of(answer.content)
            assert answer.status_code == 200, path
            assert "supports the judgement of clinicians" in words, path
            for foreign in ("Email", "Two-Factor", "Are you sure", "Sign In", "Sign Out", "verification", "!"):
                assert foreign not in words, (path, foreign)
            page = answer.content.decode()
            assert not re.search(r"\sstyle=|\son\w+=", page), path
            ids = re.findall(r'\sid="([^"]+)"', page)
            assert len(ids) == len(set(ids)), path


# Taking one's data away


def test_the_zip_tells_everything_about_the_account_and_no_secret(cast: Cast) -> None:
    client = entered("clinician")
    secret, codes = with_an_app(client)
    Clinic.objects.filter(pk=cast.lakeside.pk).update(name="=HYPERLINK(1)")
    taking_away.events.record("patient seen", by=cast["clinician"], clinic=cast.lakeside, patient="0" * 16)
    assert client.get("/account/export/").status_code == 405
    answer = client.post("/account/export/")
    assert answer.streaming
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    assert archive.testzip() is None
    assert set(archive.namelist()) == {"README.txt", "account.html", "account.json", "events.csv"}
    told = json.loads(archive.read("account.json"))
    assert told["account"]["email"] == address("clinician")
    assert told["clinics"][0]["role"] == "Clinician"
    assert {each["kind"] for each in told["second_factors"]} == {"authenticator app", "recovery codes"}
    assert len(told["sessions"]) == 1
    page = archive.read("account.html").decode()
    assert address("clinician") in page
    assert "=HYPERLINK(1)" in page
    rows = list(csv.DictReader(io.StringIO(archive.read("events.csv").decode())))
    assert [each["did"] for each in rows] == ["patient seen", "account taken away"]
    assert rows[0]["clinic"] == "'=HYPERLINK(1)"
    everything = b"".join(archive.read(name) for name in archive.namelist()).decode()
    user = User.objects.get(pk=cast["clinician"].pk)
    for hidden in (secret, *codes, user.password, client.session.session_key, "0" * 16):
        assert hidden not in everything


def test_other_rooms_add_what_is_a_persons_own(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking_away, "PARTS", [lambda user: {"protocols/mine.json": user.code.encode()}])
    with taking_away.take_away(cast["clinician"]) as file, zipfile.ZipFile(file) as archive:
        assert archive.read("protocols/mine.json").decode() == cast["clinician"].code


# Leaving a clinic


def test_the_only_owner_is_told_before_the_button_that_they_cannot_leave(cast: Cast) -> None:
    for who, clinic, way in (
        ("stranger", cast.harbour, "/account/delete/"),
        ("owner", cast.lakeside, f"/desk/{cast.lakeside.code}/people/"),
    ):
        page = entered(who).get(f"/desk/{clinic.code}/people/leave/").content.decode()
        assert "A clinic needs an owner, and you are the only one." in text_of(page)
        assert f'href="{way}"' in page
        assert ">Leave " not in page.split("</h1>")[1]
    page = entered("clinician").get(f"/desk/{cast.lakeside.code}/people/leave/").content.decode()
    assert ">Leave Lakeside Neuro</button>" in page


# Deleting an account


def about_to_leave(who: str) -> Client:
    client = entered(who)
    again(client)
    return client


def test_an_account_goes_with_its_sessions_and_the_clinic_keeps_its_patients(cast: Cast) -> None:
    patient = Patient.objects.create(clinic=cast.lakeside, label="P-1")
    code, elsewhere = cast["clinician"].code, entered("clinician")
    client = about_to_leave("clinician")
    page = text_of(client.get("/account/delete/").content)
    assert "Lakeside Neuro with its patients and plans: they belong to the clinic" in page
    done = client.post("/account/delete/")
    assert done.headers["Location"] == LOGIN
    assert "Your account is deleted" in text_of(client.get(LOGIN).content)
    assert not is_in(client)
    assert not is_in(elsewhere)
    assert not User.objects.filter(code=code).exists()
    assert not EmailAddress.objects.filter(email=address("clinician")).exists()
    assert Patient.objects.filter(pk=patient.pk).exists()
    assert Event.objects.get(did="account deleted").clinic_id == cast.lakeside.pk
    assert Event.objects.get(did="account deleted").who == code
    kept = json.dumps(list(Event.objects.values_list("who", "did", "about", "more")))
    assert address("clinician") not in kept
    assert "do not belong together" in text_of(sign_in(Client(), "clinician").content)


def test_the_last_mail_says_so_once_everything_is_done(cast: Cast, django_capture_on_commit_callbacks) -> None:
    client = about_to_leave("member")
    with django_capture_on_commit_callbacks(execute=True):
        client.post("/account/delete/")
    assert (mail.outbox[-1].to, mail.outbox[-1].subject) == (
        [address("member")], "Your account at NeuroDash is deleted",
    )  # fmt: skip


def test_the_only_owner_of_a_clinic_others_use_is_shown_the_way_out_first(cast: Cast) -> None:
    client = about_to_leave("owner")
    page = client.get("/account/delete/").content.decode()
    assert "Lakeside Neuro</strong> would have no owner" in page
    assert f'href="/desk/{cast.lakeside.code}/people/"' in page
    assert client.post("/account/delete/").status_code == 409
    assert is_in(client)
    Seat.objects.filter(user=cast["clinician"]).update(role=Seat.Role.OWNER)
    assert client.post("/account/delete/").status_code == 302
    assert Clinic.objects.filter(pk=cast.lakeside.pk).exists()


def test_a_clinic_nobody_else_is_in_goes_only_when_its_name_was_typed(cast: Cast) -> None:
    Patient.objects.create(clinic=cast.harbour, label="P-1")
    client, field = about_to_leave("stranger"), cast.harbour.code
    assert "Harbour Practice with all its patients" in text_of(client.get("/account/delete/").content)
    for typed in ({}, {field: "harbour"}, {cast.lakeside.code: "Harbour Practice"}):
        refused = client.post("/account/delete/", typed)
        assert refused.status_code == 400
        assert "Nothing was deleted" in text_of(refused.content)
    assert 'value="harbour"' in client.post("/account/delete/", {field: "harbour"}).content.decode()
    assert Patient.objects.filter(clinic=cast.harbour).exists()
    assert client.post("/account/delete/", {field: " Harbour Practice "}).status_code == 302
    assert not Clinic.objects.filter(pk=cast.harbour.pk).exists()
    assert not Patient.objects.exists()
    assert Clinic.objects.filter(pk=cast.lakeside.pk).exists()
    assert Event.objects.filter(did="clinic deleted", clinic=cast.harbour.pk).count() == 1


def test_a_membership_that_would_go_on_being_charged_is_ended_first(cast: Cast) -> None:
    Membership.objects.filter(user=cast["member"]).update(renews=True)
    client = about_to_leave("member")
    assert 'href="/membership/yours/"' in client.get("/account/delete/").content.decode()
    assert client.post("/account/delete/").status_code == 409
    assert is_in(client)


def test_the_last_administrator_makes_somebody_else_one_first(cast: Cast) -> None:
    client = about_to_leave("administrator")
    assert "would have no administrator" in text_of(client.get("/account/delete/").content)
    assert client.post("/account/delete/").status_code == 409
    assert is_in(client)
    User.objects.filter(pk=cast["editor"].pk).update(is_administrator=True)
    assert client.post("/account/delete/").status_code == 302
    assert not User.objects.filter(pk=cast["administrator"].pk).exists()


def test_what_a_second_factor_is_worked_out_from_is_sealed_and_goes_with_it(cast: Cast) -> None:
    client = entered("clinician")
    secret, codes = with_an_app(client)
    assert codes
    with connection.cursor() as cursor:
        cursor.execute("SELECT data FROM mfa_authenticator")
        held = str(cursor.fetchall())
        cursor.execute("SELECT value FROM people_secret")
        sealed = [bytes(value) for (value,) in cursor.fetchall()]
    assert len(sealed) == 2  # of the app, and of the recovery codes
    assert secret not in held
    assert not [each for each in Secret.objects.all() if each.value in held or each.value.encode() in b"".join(sealed)]
    again(client)
    client.post("/account/2fa/totp/deactivate/")
    assert not Secret.objects.exists()
    with_an_app(client)
    assert Secret.objects.count() == 2
    cast["clinician"].delete()
    assert not Secret.objects.exists()


def test_it_goes_whole_or_not_at_all(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(user: User) -> None:
        Seat.objects.filter(user=user).delete()
        raise OSError("the disk is full")

    monkeypatch.setattr(taking_away, "FAREWELLS", [fails])
    with pytest.raises(OSError, match="full"):
        taking_away.delete_account(user=cast["clinician"], by=cast["clinician"], agreed=frozenset())
    assert Seat.objects.filter(user=cast["clinician"]).exists()
    assert not Event.objects.filter(did="account deleted").exists()


def test_a_clinic_that_was_not_named_is_not_deleted_by_the_action_either(cast: Cast) -> None:
    with pytest.raises(taking_away.InTheWay):
        taking_away.delete_account(user=cast["stranger"], by=cast["stranger"], agreed=frozenset())
    assert Clinic.objects.filter(pk=cast.harbour.pk).exists()


def test_somebody_elses_passkey_is_not_there(cast: Cast) -> None:
    key = Authenticator.objects.create(
        user=cast["owner"], type=Authenticator.Type.WEBAUTHN, data={"name": "blue key", "credential": {}}
    )
    client = about_to_leave("clinician")
    for way in ("edit", "remove"):
        assert client.get(f"/account/2fa/webauthn/keys/{key.pk}/{way}/").status_code == 404
        assert client.post(f"/account/2fa/webauthn/keys/{key.pk}/{way}/", {"name": "mine"}).status_code == 404
    key.refresh_from_db()
    assert key.data["name"] == "blue key"


# On a real server


@dataclasses.dataclass(frozen=True)
class Answer:
    status: int
    words: str
    cookies: list[str]


def spoken(server: Server, host: str, scheme: str) -> Callable[..., Answer]:
    """Speak with a server as a browser that knows it as `scheme://host` does; cookies are kept."""
    jar: dict[str, str] = {}

    def ask(path: str, fields: dict[str, str] | None = None) -> Answer:
        headers = {"Host": host, "Cookie": "; ".join(f"{name}={value}" for name, value in jar.items())}
        if fields is not None:
            headers |= {
                "Origin": f"{scheme}://{host}", "Referer": f"{scheme}://{host}{path}",
                "Content-Type": "application/x-www-form-urlencoded",
            }  # fmt: skip
        wire = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        with closing(wire):
            wire.request("GET" if fields is None else "POST", path, urlencode(fields or {}), headers)
            found = wire.getresponse()
            answer = Answer(found.status, found.read().decode(), found.headers.get_all("Set-Cookie") or [])
        for each in answer.cookies:
            name, _, value = each.split(";")[0].partition("=")
            jar[name] = value
        return answer

    return ask


@pytest.mark.parametrize("public", ["", "https://desk.example.org/"])
def test_cookies_stay_out_of_scripts_and_off_open_wires(public: str, tmp_path: Path) -> None:
    env = {"NEURODASH_URL": public} if public else {}
    made = {**os.environ, "NEURODASH_DATA": str(tmp_path), **env}
    subprocess.run([sys.executable, "-m", "tests.web.cast"], env=made, check=True, capture_output=True)
    server = Server(tmp_path, env=env)
    try:
        host = "desk.example.org" if public else f"127.0.0.1:{server.port}"
        ask = spoken(server, host, "https" if public else "http")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', ask(LOGIN).words)
        assert token
        fields = {"login": casting.address("clinician"), "password": PASSWORD, "csrfmiddlewaretoken": token[1]}
        answer = ask(LOGIN, fields)
        assert answer.status == 302
        cookies = {each.split("=")[0]: each for each in answer.cookies}
        assert {"sessionid", "known-device"} <= set(cookies)
        for each in cookies.values():
            assert "HttpOnly" in each
            assert "SameSite=Lax" in each
            assert ("Secure" in each) is bool(public)
        assert "Path=/account/" in cookies["known-device"]
        assert ask("/account/").status == 200
    finally:
        server.stop()
