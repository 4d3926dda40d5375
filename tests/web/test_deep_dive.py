"""The deep dive and the PDFs of a brief: for members; everything else stays free, and the same for everybody."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from neurodash.library import load
from neurodash.web.reading.views import public_paths
from tests.conftest import Server, text_of
from tests.pdf import opened, words
from tests.web.cast import Cast
from tests.web.conftest import signed_in

OURS = load()
BRIEF = "/ms/balance-training/"
DEEP, PDF, PROTOCOL = f"{BRIEF}deep-dive/", f"{BRIEF}brief.pdf", f"{BRIEF}protocol.pdf"
OF_MEMBERS = [(DEEP, "deep-dive"), (PDF, "pdf"), (PROTOCOL, "pdf")]


def client(cast: Cast, who: str) -> Client:
    made = Client()
    if who:
        made.force_login(cast[who])
    return made


@pytest.mark.parametrize(("path", "feature"), OF_MEMBERS)
def test_whoever_is_no_member_is_led_to_what_membership_gives_and_back(path: str, feature: str, cast: Cast) -> None:
    for who in ("", "reader", "lapsed", "editor"):
        asked = client(cast, who).get(f"{path}?large=1")
        back = f"{path.replace('/', '%2F')}%3Flarge%3D1"
        assert (asked.status_code, asked["Location"]) == (302, f"/membership/?for={feature}&next={back}"), who
        ways = set(
            re.findall(r'href="(/[^"?]+)\?next=([^"]+)"', client(cast, who).get(asked["Location"]).content.decode())
        )
        doors = {"/membership/yours/"} if who else {"/account/login/", "/account/signup/"}
        assert ways == {(door, back) for door in doors}, who


@pytest.mark.parametrize("path", [path for path, _ in OF_MEMBERS])
def test_members_open_them_and_nobody_changes_anything_there(path: str, cast: Cast) -> None:
    for who in ("member", "clinician", "owner", "stranger"):
        assert client(cast, who).get(path).status_code == 200, who
    assert client(cast, "member").head(path).status_code == 200
    assert {client(cast, "member").generic(method, path).status_code for method in ("POST", "PUT", "DELETE")} == {405}


@pytest.mark.parametrize("path", ["/ms/no-such-brief/", "/stroke/balance-training/"])
@pytest.mark.parametrize("page", ["deep-dive/", "brief.pdf", "protocol.pdf"])
def test_a_brief_that_is_not_there_is_not_found(path: str, page: str, cast: Cast) -> None:
    assert client(cast, "member").get(path + page).status_code == 404


def test_the_deep_dive_is_whole_and_every_reference_on_it_leads_to_a_source(cast: Cast) -> None:
    html = client(cast, "member").get(DEEP).content.decode()
    for section in OURS.briefs["balance-training"].deep_dive:
        assert section.title in text_of(html)
    assert "mostly low or very low" in text_of(html)
    anchors = set(re.findall(r' id="([^"]+)"', html))
    assert set(re.findall(r'href="#([^"]+)"', html)) <= anchors
    assert f'href="{BRIEF}#dose"' in html, "the dose stands on the page of the brief"


def test_the_free_page_says_what_is_in_it_and_keeps_all_the_rest(answer: Callable) -> None:
    brief = OURS.briefs["balance-training"]
    status, _, body = answer(BRIEF)
    told = text_of(body)
    assert status == 200
    assert "For members: clinical nuance, dosing by EDSS band, edge cases, special populations." in told
    assert "mostly low or very low" not in told
    for finding in brief.findings:
        assert finding.statement in told
    for section in (*brief.action_plan, *brief.mistakes, *brief.questions):
        assert section.title in told
    html = body.decode()
    numbers = set(re.findall(r'id="source-(\d+)"', html))
    assert numbers and numbers == set(re.findall(r'href="#source-(\d+)"', html)), "every source is one that is cited"


def test_the_pdf_is_of_this_brief_with_its_verdicts_and_its_deep_dive(cast: Cast) -> None:
    told = words(client(cast, "member").get(PDF).content)
    assert all(finding.statement in told for finding in OURS.briefs["balance-training"].findings)
    assert "findings hold against" in told
    assert "Edge cases" in told
    assert "Ladders" in words(client(cast, "member").get(PROTOCOL).content)


def test_paper_and_large_print_can_be_chosen(cast: Cast) -> None:
    pages = opened(client(cast, "member").get(f"{PDF}?paper=us-letter&large=1").content).pages
    assert (round(float(pages[0].mediabox.width)), round(float(pages[0].mediabox.height))) == (612, 792)
    assert len(pages) > len(opened(client(cast, "member").get(f"{PDF}?paper=parchment").content).pages)


def test_what_members_get_is_never_kept_for_the_next_visitor(desk: Server) -> None:
    cookie = "; ".join(f"{each['name']}={each['value']}" for each in signed_in(desk.url, "member"))

    def ask(path: str, **headers: str) -> tuple[int, str, bytes]:
        request = urllib.request.Request(desk.url + path, headers=headers)  # noqa: S310  our own loopback address
        with urllib.request.urlopen(request, timeout=30) as found:  # noqa: S310
            return found.status, found.headers["Cache-Control"], found.read()

    for path, _ in OF_MEMBERS:
        status, cached, body = ask(path, Cookie=cookie)
        assert (status, cached) == (200, "no-store"), path
        _, _, again = ask(path)
        assert again != body
        assert b"Sign in" in again, path
    assert ask(BRIEF)[2] == ask(BRIEF, Cookie=cookie)[2], "the free page is the same for everybody"


def test_an_exported_page_has_no_deep_dive_and_no_link_that_needs_a_server(settings: Any) -> None:
    settings.CONFIG = replace(settings.CONFIG, exported=True)
    html = Client().get(BRIEF).content.decode()
    assert "Key findings" in text_of(html)
    assert "eep dive" not in html
    assert "deep-dive" not in html
    assert ".pdf" not in html
    assert not [path for path in public_paths() if "deep-dive" in path or path.endswith(".pdf")]
