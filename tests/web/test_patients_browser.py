"""A clinician takes somebody on, answers, measures and looks, by keyboard, wide and narrow, light and dark."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.chromium import axe, needs_chromium
from tests.conftest import Server

pytestmark = needs_chromium


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_from_a_code_to_a_course_of_scores_by_keyboard(
    width: int, scheme: str, enter: Callable[..., Page], desk: Server
) -> None:
    page = enter("clinician", f"/desk/{desk.lakeside}/", width, color_scheme=scheme)  # type: ignore[attr-defined]
    label = f"B-{width}"

    def sound() -> None:
        assert axe(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width

    page.get_by_role("link", name="Add a patient").focus()
    sound()
    page.keyboard.press("Enter")
    page.get_by_label("Code for this person").focus()
    page.keyboard.type("Anna Smith")
    page.keyboard.press("Enter")
    expect(page.get_by_text("what may be a name").first).to_be_visible()
    sound()
    page.get_by_label("Code for this person").focus()
    page.keyboard.press("Control+A")
    page.keyboard.type(label)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=f"What is known about {label}")).to_be_visible()
    page.locator("[name=age]").focus()
    page.keyboard.type("forty")
    page.keyboard.press("Enter")
    expect(page.locator("#mend")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("[name=age]")).to_be_focused()
    sound()
    page.keyboard.press("Control+A")
    page.keyboard.type("47")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=label, exact=True)).to_be_visible()
    sound()
    page.get_by_role("link", name="Enter scores").first.focus()
    page.keyboard.press("Enter")
    for on, value in (("2026-09-01", "13.4"), ("2026-11-02", "11.2")):
        page.get_by_label("What was measured").focus()
        page.get_by_label("What was measured").select_option("TUG")  # typing ahead depends on the pace of the machine
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.get_by_label("Measured on").fill(on)
        page.locator("[name=m_TUG]").focus()
        page.keyboard.type(value)
        sound()
        page.keyboard.press("Enter")
        expect(page.get_by_text("1 value kept.")).to_be_visible()
    expect(page.locator("svg.course")).to_be_visible()
    expect(page.get_by_role("cell", name="−2.2").first).to_be_visible()
    sound()


def test_several_instruments_go_on_one_page_without_losing_what_was_typed(
    enter: Callable[..., Page], desk: Server
) -> None:
    page = enter("student", f"/desk/{desk.lakeside}/patients/new/", java_script_enabled=False)  # type: ignore[attr-defined]
    page.get_by_label("Code for this person").fill("B-7")
    page.get_by_role("button", name="Add").click()
    page.goto(page.url.replace("profile/", "scores/new/?of=TUG"))
    page.locator("[name=m_TUG]").fill("12.5")
    page.get_by_label("More on the same day").select_option("MRC")
    page.get_by_role("button", name="Add it to this page").click()
    expect(page.locator("[name=m_TUG]")).to_have_value("12.5")
    page.get_by_label("Straightening the knee, left").select_option("3+")
    page.get_by_role("button", name="Keep").click()
    expect(page.get_by_text("2 values kept.")).to_be_visible()
    page.get_by_role("link", name=re.compile("Take back.*12.5")).click()
    page.get_by_role("button", name="Take it back").click()
    expect(page.get_by_text("One value is taken back.")).to_be_visible()
    expect(page.get_by_role("heading", name="Timed Up and Go")).to_have_count(0)
