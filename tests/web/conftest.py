"""The cast on a real server, and in the database of a test."""

from __future__ import annotations

import os
import subprocess
import sys
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


@pytest.fixture
def enter(browser: Browser, desk: Server) -> Iterator[Callable[..., Page]]:
    """Sign in as one of the cast in a browser of its own and open a page: `enter("clinician", "/desk/")`; with no name
    nobody signs in. Fails if a page logs an error or asks another site for anything."""
    contexts, wrong = [], []

    def open_(who: str, path: str = "/desk/", width: int = 1280, **options: object) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, base_url=desk.url, **options)
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
            lambda asked: None if asked.url.startswith((desk.url, "data:", "blob:")) else wrong.append(asked.url),
        )
        if who:
            page.goto("/account/login/")
            page.get_by_label("E-mail").fill(casting.address(who))
            page.get_by_label("Password", exact=True).fill(casting.PASSWORD)
            page.get_by_role("button", name="Sign in", exact=True).click()
            page.wait_for_url("**/desk/**")
        page.goto(path)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert wrong == []
