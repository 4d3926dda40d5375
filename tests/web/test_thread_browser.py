"""The whole thread for one newcomer, on a phone's width and by keyboard alone: from signing up to the sheet in the hand."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect
from pypdf import PdfReader

from tests.chromium import needs_chromium, tab_to, well
from tests.conftest import Server, run
from tests.web.conftest import link_in, mail_to

pytestmark = needs_chromium
EMAIL, PASSWORD = "ines@example.org", "five brave lanterns"


def test_sign_up_confirm_protocol_patient_assessments_plan_swap_sign_and_pdf(
    enter: Callable[..., Page], desk: Server
) -> None:
    page = enter("", "/", width=390, color_scheme="dark")

    def enter_key() -> None:
        with page.expect_navigation():
            page.keyboard.press("Enter")

    def press(name: str, tag: str = "") -> None:
        tab_to(page, name, tag)
        enter_key()

    def type_in(label: str, text: str) -> None:
        tab_to(page, label)
        page.keyboard.press("Control+A")
        page.keyboard.type(text)

    press("Desk", "A")
    press("Make an account", "A")
    well(page)
    type_in("E-mail", EMAIL)
    type_in("Password", PASSWORD)
    enter_key()
    expect(page.get_by_role("heading", name="Look into your mail")).to_be_visible()
    page.goto(link_in(mail_to(EMAIL, desk)))
    press("Confirm", "BUTTON")
    page.wait_for_url(re.compile("/(desk|account)/"))
    granted = run("people", "grant", EMAIL, env={"NEURODASH_DATA": str(desk.log.parent)})
    assert granted.returncode == 0, granted.stderr

    page.goto("/ms/balance-training/")
    press("Save this protocol", "A")
    well(page)
    press("Open a clinic", "A")
    well(page)
    type_in("Name of the clinic", "Quayside")
    enter_key()
    type_in("Name", "Quayside balance")
    press("Save the protocol", "BUTTON")
    tab_to(page, "Notes")
    page.keyboard.type("Shoes on.")
    press("Save", "BUTTON")
    expect(page.get_by_role("cell", name="Shoes on.")).to_be_visible()
    well(page)

    press("Patients", "A")
    press("Add the first patient", "A")
    type_in("Code for this person", "Q-1")
    enter_key()
    expect(page.get_by_role("heading", name="What is known about Q-1")).to_be_visible()
    well(page)
    tab_to(page, "EDSS")
    page.keyboard.type("3.5")
    press("Keep", "BUTTON")
    expect(page.get_by_role("heading", name="Q-1", exact=True)).to_be_visible()
    press("Enter scores", "A")
    page.get_by_label("What was measured").select_option("TUG")
    press("Enter", "BUTTON")
    type_in("Timed Up and Go", "12.4")
    enter_key()
    expect(page.get_by_text("1 value kept.")).to_be_visible()
    well(page)

    page.get_by_role("link", name="Q-1").first.focus()
    enter_key()
    press("New plan", "A")
    page.get_by_label("Made from").select_option(label="Quayside balance")
    press("Make the plan", "BUTTON")
    expect(page.get_by_text("not kept yet")).to_be_visible()
    press("Keep this plan", "BUTTON")
    expect(page.get_by_text("The plan is kept.")).to_be_visible()
    well(page)
    page.locator("button.swap").first.evaluate("each => each.closest('details').open = true")
    page.locator("button.swap").first.focus()
    enter_key()
    expect(page.get_by_text("Kept as version 2.")).to_be_visible()
    press("Read and sign version 2", "A")
    well(page)
    for box in page.locator("input[name=ticked]").all():
        box.focus()
        page.keyboard.press("Space")
    press("Sign version 2", "BUTTON")
    expect(page.get_by_text("Version 2 is signed by")).to_be_visible()
    well(page)
    with page.expect_download() as sheet:
        tab_to(page, "Make the sheet (PDF)", "BUTTON")
        page.keyboard.press("Enter")
    pages = PdfReader(io.BytesIO(Path(sheet.value.path()).read_bytes())).pages
    assert "Week 1" in " ".join(each.extract_text() for each in pages)
    with page.expect_download() as paper:
        tab_to(page, "PDF with the reasons", "A")
        page.keyboard.press("Enter")
    assert "Version 2, signed by" in " ".join(
        " ".join(each.extract_text().split()) for each in PdfReader(Path(paper.value.path())).pages
    )
