"""Build a plan in a real browser: stepwise, by keyboard, without a script, on a narrow screen."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.chromium import axe, needs_chromium

pytestmark = needs_chromium
PAGE = "/plans/new/"


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
def test_a_newcomer_steps_through_swaps_and_prints(width: int, scheme: str, visit: Callable[..., Page]) -> None:
    page = visit("/ms/balance-training/", width=width, color_scheme=scheme)
    page.get_by_role("link", name="Build a plan from this brief").click()
    expect(page.get_by_label("Balance", exact=True)).to_be_checked()
    expect(page.get_by_label("Strength", exact=True)).not_to_be_checked()
    page.get_by_label("Code for this person").fill("P-7")
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("heading", name="2. Safety first")).to_be_focused()
    page.get_by_label("All of these were asked").check()
    page.get_by_label("Falls in the last 6 months").fill("0")
    assert axe(page) == []
    page.get_by_role("button", name="Next").click()
    page.get_by_label("EDSS", exact=True).select_option("2.5")
    page.get_by_role("button", name="4. Everyday life").click()
    page.get_by_label("Where", exact=True).select_option("home_with_partner")
    page.get_by_label("Minutes a week").fill("120")
    page.get_by_label("Monday, from").fill("09:00")
    page.get_by_label("Monday, to").fill("10:00")
    page.get_by_label("Thursday, from").fill("09:00")
    page.get_by_label("Thursday, to").fill("10:00")
    page.get_by_label("Worktop or rail").check()
    page.get_by_label("Sturdy chair").check()
    assert axe(page) == []
    page.get_by_role("button", name="Make the plan").click()
    expect(page.get_by_role("heading", name="Twelve weeks for P-7")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
    assert axe(page) == []
    swap = page.locator("button.swap").first
    name = swap.inner_text()
    swap.click()
    expect(page.locator(".said")).to_be_focused()
    expect(page.locator(".said")).to_contain_text("Checked again")
    expect(page.locator(".swaps strong", has_text=name.split(":")[0]).first).to_be_visible()
    page.on("dialog", lambda dialog: dialog.accept())
    page.go_back()
    expect(page.get_by_text("What you wrote in this tab before is back.")).to_be_visible()
    expect(page.get_by_label("EDSS", exact=True)).to_have_value("2.5")
    page.get_by_role("button", name="5. Measures").click()
    page.get_by_role("button", name="Make the plan").click()
    expect(page.get_by_role("heading", name="Twelve weeks for P-7")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as a file").click()
    file = download.value.path()
    with page.expect_download() as sheet:
        page.get_by_role("button", name="Make the sheet (PDF)").click()
    assert sheet.value.path().read_bytes().startswith(b"%PDF")
    page.goto(PAGE)
    page.get_by_text("Go on with a file").click()
    page.get_by_label("A plan that was saved here").set_input_files(file)
    page.get_by_role("button", name="Open it").click()
    expect(page.get_by_role("heading", name="Twelve weeks for P-7")).to_be_visible()
    page.get_by_role("button", name="Change the answers").click()
    expect(page.get_by_label("Code for this person")).to_have_value("P-7")


def test_by_keyboard_alone_and_a_mistake_leads_to_its_field(visit: Callable[..., Page]) -> None:
    page = visit(PAGE)
    page.get_by_role("button", name="5. Measures").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Timed Up and Go").focus()
    page.keyboard.type("11200")
    page.keyboard.press("Enter")
    expect(page.locator("#mend")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Timed Up and Go")).to_be_focused()
    expect(page.get_by_label("Timed Up and Go")).to_have_value("11200")


def test_without_a_script_the_whole_form_is_one_page_and_works(visit: Callable[..., Page]) -> None:
    page = visit(PAGE, java_script_enabled=False)
    for heading in ("1. What to train", "3. The person", "5. Measures"):
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
    page.get_by_label("EDSS", exact=True).select_option("1")
    page.get_by_role("button", name="Make the plan").click()
    expect(page.get_by_role("heading", name="Twelve weeks for P-1")).to_be_visible()
    expect(page.get_by_text("Week 2", exact=True)).to_be_visible()


def test_the_exercises_of_a_sheet_open_on_a_phone(visit: Callable[..., Page]) -> None:
    page = visit("/exercises/together/?these=sit-to-stand+bridge+no-such", width=360)
    expect(page.get_by_role("heading", name="1. Stand up from a chair")).to_be_visible()
    expect(page.get_by_role("heading", name="2. Lift your hips")).to_be_visible()
    expect(page.get_by_text("1 exercise of your sheet is no longer here")).to_be_visible()
