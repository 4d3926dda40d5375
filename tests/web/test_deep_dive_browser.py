"""The deep dive in a real browser: from the free page to the PDF, on a phone and on a desk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.chromium import axe, needs_chromium
from tests.web.test_deep_dive import BRIEF, DEEP

pytestmark = needs_chromium


@pytest.mark.parametrize("width", [390, 1280])
def test_the_deep_dive_is_read_on_a_phone_and_by_everybody(width: int, enter: Callable[..., Page]) -> None:
    page = enter("member", BRIEF, width)
    page.get_by_role("link", name="Open the deep dive").click()
    page.wait_for_url(f"**{DEEP}")
    assert page.get_by_role("heading", level=1).inner_text() == "Deep dive: Balance training in multiple sclerosis"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert axe(page) == []
    with page.expect_download() as download:
        page.get_by_role("link", name="Brief and deep dive as a PDF").click()
    assert Path(download.value.path()).read_bytes()[:5] == b"%PDF-"
    assert download.value.suggested_filename == "balance-training.pdf"
