"""Debian's Chromium for the tests that need a real browser."""

from __future__ import annotations

import os
import shutil

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", *(["--no-sandbox"] if os.geteuid() == 0 else []),
]  # fmt: skip
needs_chromium = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium, then make test"
    ),
]


RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


def axe(page: Page, for_patients: bool = False) -> list[str]:
    """What axe finds wrong with a page, and where. For patients a contrast of 7:1 is asked too."""
    options = {
        "runOnly": list(RULES),
        "resultTypes": ["violations"],  # the rest would only be described, which takes as long as finding it
        "rules": {"color-contrast-enhanced": {"enabled": for_patients}},
    }
    found = Axe().run(page, options=options).response["violations"]
    return [f"{each['id']}: {[node['html'][:200] for node in each['nodes'][:3]]}" for each in found]


def well(page: Page) -> None:
    """Nothing that axe finds, and nothing that has to be scrolled sideways."""
    assert axe(page) == [], page.url
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url


def tab_to(page: Page, name: str, tag: str = "") -> None:
    """Press Tab until something with this name has the focus."""
    for _ in range(600):
        page.keyboard.press("Tab")
        here = page.evaluate(
            "(() => { const e = document.activeElement;"
            " return [e.tagName, (e.labels?.[0] ?? e).textContent.trim().replace(/\\s+/g, ' ')] })()"
        )
        if here[1].startswith(name) and (not tag or here[0] == tag):
            return
    raise AssertionError(f"the keyboard does not reach “{name}”")
