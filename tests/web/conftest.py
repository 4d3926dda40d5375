"""The cast on a real server, and in the database of a test."""

from __future__ import annotations

import http.cookiejar
import os
import quopri
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.conftest import DAY, Server
from tests.web import cast as casting


@pytest.fixture
def cast(db: None) -> casting.Cast:
    """Everybody and the two clinics, in the database of this test."""
    return casting.make()


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The real site with the cast in its record. Its log holds the mails it would have sent."""
    data: Path = tmp_path_factory.mktemp("desk")
    env = {**os.environ, "NEURODASH_DATA": str(data), "NEURODASH_ON": DAY}
    made = subprocess.run([sys.executable, "-m", "tests.web.cast"], env=env, capture_output=True, text=True, check=True)
    running = Server(data)
    running.lakeside, running.harbour = made.stdout.split()  # type: ignore[attr-defined]
    yield running
    running.stop()


def signed_in(url: str, who: str) -> list[dict[str, str]]:
    """The cookies of a browser in which one of the cast has signed in."""
    jar = http.cookiejar.CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    page = opener.open(f"{url}/account/login/", timeout=20).read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token
    fields = {"login": casting.address(who), "password": casting.PASSWORD, "csrfmiddlewaretoken": token[1]}
    request = urllib.request.Request(  # noqa: S310
        f"{url}/account/login/",
        urllib.parse.urlencode(fields).encode(),
        {"Origin": url, "Referer": f"{url}/account/login/"},
    )
    opener.open(request, timeout=20).read()
    cookies = [{"name": each.name, "value": each.value or "", "url": url} for each in jar]
    assert any(each["name"] == "sessionid" for each in cookies), f"{who} could not sign in"
    return cookies


def mail_to(email: str, desk: Server) -> str:
    """The newest mail to an address, from the server's log."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        log = desk.log.read_text(errors="replace")
        mails = [each for each in log.split("Content-Type: text/plain")[1:] if f"\nTo: {email}\n" in each]
        if mails:
            body = mails[-1].partition("\n\n")[2].partition("\n" + "-" * 79)[0]
            return quopri.decodestring(body.encode()).decode() if "quoted-printable" in mails[-1][:200] else body
        time.sleep(0.1)
    raise AssertionError(f"no mail to {email}:\n{desk.log.read_text()[-2000:]}")


def link_in(mail: str) -> str:
    found = re.search(r"https?://\S+", mail)
    assert found, mail
    return found[0]


@pytest.fixture
def enter(browser: Browser, desk: Server) -> Iterator[Callable[..., Page]]:
    """Sign in as one of the cast in a browser of its own and open a page: `enter("clinician", "/desk/")`; with no name
    nobody signs in. `at` is another address of the same site. Fails if a page logs an error or asks another site for anything."""
    contexts, wrong = [], []

    def open_(who: str, path: str = "/desk/", width: int = 1280, at: str = desk.url, **options: object) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, base_url=at, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "console",
            lambda message: (
                wrong.append(message.text)
                if message.type == "error" and "Failed to load resource" not in message.text
                else None
            ),
        )
        page.on(
            "request",
            lambda asked: None if asked.url.startswith((at, "data:", "blob:")) else wrong.append(asked.url),
        )
        if who:
            context.add_cookies(signed_in(desk.url, who))
        page.goto(path)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert wrong == []
