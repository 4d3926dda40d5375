"""A plan from the patient to the sheet in a real browser: by mouse, by keyboard alone, on a narrow screen, in the dark."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from pypdf import PdfReader

from tests.chromium import axe, needs_chromium
from tests.conftest import Server

pytestmark = needs_chromium
Enter = Callable[..., Page]


def seeded(desk: Server, *more: str) -> list[str]:
    """The code of a new patient on the running server; with `plan` that of a plan too."""
    env = {**os.environ, "NEURODASH_DATA": str(desk.log.parent)}
    words = [sys.executable, "-m", "tests.web.kept", "seed", *more]
    return subprocess.run(words, env=env, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_from_the_patient_to_a_plan_a_swap_a_signature_and_the_sheet(
    width: int, scheme: str, desk: Server, enter: Enter
) -> None:
    (patient,) = seeded(desk)
    page = enter("clinician", f"/desk/patients/{patient}/plans/new/", width=width, color_scheme=scheme)
    assert axe(page) == []
    page.get_by_role("button", name="Make the plan").click()
    expect(page.get_by_text("not kept yet")).to_be_visible()
    page.get_by_role("button", name="Keep this plan").first.click()
    expect(page.get_by_text("The plan is kept.")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
    assert axe(page) == []
    swap = page.locator("button.swap").first
    name = swap.inner_text().split(":")[0]
    page.get_by_label("Why you swap").fill("a bad knee")
    swap.click()
    expect(page.get_by_text("Kept as version 2.")).to_be_visible()
    expect(page.locator(".swaps strong", has_text=name).first).to_be_visible()
    page.get_by_role("link", name="Read and sign version 2").click()
    expect(page.get_by_text("Do not do it").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert axe(page) == []
    page.get_by_role("button", name="Sign version 2").click()
    expect(page.get_by_text("Version 2 is signed by Clinician.")).to_be_visible()
    with page.expect_download() as sheet:
        page.get_by_role("button", name="Make the sheet (PDF)").click()
    pdf = PdfReader(io.BytesIO(Path(sheet.value.path()).read_bytes()))
    assert "Clinician" in " ".join(each.extract_text() for each in pdf.pages)
    page.get_by_role("link", name="History").click()
    expect(page.get_by_text("a bad knee")).to_be_visible()
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("heading", name="From version 1 to version 2")).to_be_visible()
    assert axe(page) == []


def test_by_keyboard_alone_a_session_is_moved_and_the_plan_signed(desk: Server, enter: Enter) -> None:
    _, plan = seeded(desk, "plan")
    page = enter("clinician", f"/desk/plans/{plan}/")
    page.get_by_text("Move one session").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Session", exact=True)).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("a market day")
    page.keyboard.press("Enter")
    expect(page.locator("#mend")).to_be_focused()  # it was asked to move to the day on which it is
    expect(page.locator("#f-why-session")).to_have_value("a market day")
    page.get_by_role("link", name="Read and sign version 1").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Sign version 1").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Version 1 is signed by Clinician.")).to_be_visible()


def test_two_clinicians_at_once_and_the_second_does_it_on_top(desk: Server, enter: Enter) -> None:
    _, plan = seeded(desk, "plan")
    one, two = enter("clinician", f"/desk/plans/{plan}/"), enter("owner", f"/desk/plans/{plan}/", width=390)
    one.get_by_text("Why, and swap").first.click()
    one.get_by_role("button", name="Leave", exact=False).first.click()
    expect(one.get_by_text("Kept as version 2.")).to_be_visible()
    two.get_by_text("Move the start of the whole plan").click()
    two.get_by_label("New start").fill("2026-12-14")
    two.locator("#f-why-start").fill("away till then")
    two.get_by_role("button", name="Move the start").click()
    expect(two.get_by_role("heading", name="Somebody was quicker")).to_be_visible()
    assert axe(two) == []
    two.get_by_role("button", name="Do it on version 2").click()
    expect(two.get_by_text("Kept as version 3.")).to_be_visible()
    expect(two.get_by_text("from 14 December 2026").first).to_be_visible()


def test_without_a_script_a_plan_is_read_changed_and_ended(desk: Server, enter: Enter) -> None:
    _, plan = seeded(desk, "plan")
    page = enter("clinician", f"/desk/plans/{plan}/", java_script_enabled=False)
    page.locator("#do-end summary").click()
    page.locator("#f-why-end").fill("moved away")
    page.get_by_role("button", name="End this plan").click()
    expect(page.get_by_role("heading", name="This plan has ended")).to_be_visible()
    expect(page.get_by_role("button", name="End this plan")).to_have_count(0)
