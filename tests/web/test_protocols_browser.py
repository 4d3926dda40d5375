"""A protocol in a real browser: saved, adapted, shared, compared; by keyboard, on a narrow screen, without a script."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.chromium import needs_chromium, well
from tests.conftest import Server

pytestmark = needs_chromium
BRIEF = "/ms/balance-training/"
AIM = "doses:0-4.5-none:aim:minutes"


@pytest.mark.parametrize(("width", "scheme", "script"), [(1280, "light", True), (390, "dark", False)])
def test_a_clinician_saves_adapts_shares_and_compares(
    width: int, scheme: str, script: bool, enter: Callable[..., Page], desk: Server, tmp_path: Path
) -> None:
    name = f"Tuesday group {width}"
    page = enter("clinician", BRIEF, width=width, color_scheme=scheme, java_script_enabled=script)
    check = well if script else lambda _: None  # axe is a script itself
    page.get_by_role("link", name="Save this protocol").click()
    check(page)
    page.get_by_role("textbox", name="Name").fill(name)
    page.get_by_role("button", name="Save the protocol").click()
    expect(page.get_by_role("status")).to_contain_text("Saved. It is yours alone")
    check(page)

    page.get_by_role("checkbox", name="Steady walking").uncheck()
    page.get_by_label("Notes").fill("Fans on in summer.")
    page.get_by_label("Minutes a session, from").nth(1).fill("45")
    page.get_by_label("Minutes a session, to").nth(1).fill("45")
    page.get_by_role("button", name="Save").first.click()
    mend = page.get_by_role("alert")
    expect(mend).to_contain_text("EDSS 0 to 4.5, new to it, aim: 45 minutes a session")
    check(page)
    mend.get_by_role("link").click()
    assert page.evaluate("document.querySelector(':target').name") == f"{AIM}:low"
    expect(page.get_by_label("Notes")).to_have_value("Fans on in summer.")
    expect(page.get_by_role("checkbox", name="Steady walking")).not_to_be_checked()
    page.get_by_label("Why outside the rows").fill("Our slots are 45 minutes")
    page.get_by_role("button", name="Onto the toes and one leg: earlier").click()
    expect(page.get_by_text("The order below is changed, and not saved yet.")).to_be_visible()
    if script:
        page.keyboard.press("Tab")
        expect(page.locator("li:target :focus")).to_have_count(1)
    expect(page.get_by_label("Why outside the rows")).to_have_value("Our slots are 45 minutes")
    page.get_by_role("button", name="Save").first.click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    expect(page.get_by_text("clinician, outside 60 by BAL-HIBAL23")).to_be_visible()
    check(page)
    address = page.url
    expect(page.get_by_role("link", name="Build a plan from this")).to_have_attribute(
        "href", re.compile("/desk/protocols/.*/plan/")
    )

    other = enter("owner", f"/desk/{desk.lakeside}/protocols/", width=width, color_scheme=scheme)  # type: ignore[attr-defined]
    expect(other.get_by_role("link", name=name, exact=True)).to_have_count(0)
    page.get_by_role("button", name="Share in Lakeside Neuro").click()
    other.reload()
    well(other)
    other.get_by_role("link", name=name, exact=True).click()
    other.get_by_role("button", name="Make a copy").click()
    expect(other.get_by_role("textbox", name="Name")).to_have_value(f"{name}, a copy")

    with page.expect_download() as download:
        page.get_by_role("link", name="Take it as a file").click()
    kept = json.loads(download.value.path().read_text())
    kept["source"]["doses"][0]["start"]["minutes"] = {"low": 15, "high": 25}
    kept["source"]["phases"][0]["weeks"] = [1, 2]
    file = tmp_path / "older.json"
    file.write_text(json.dumps({**kept, "name": f"Older {width}"}))
    page.goto(f"/desk/{desk.lakeside}/protocols/import/")  # type: ignore[attr-defined]
    check(page)
    page.get_by_label("The file").set_input_files(file)
    page.get_by_role("button", name="Bring it in").click()
    expect(page.get_by_text("The brief changed since you saved this: 1")).to_be_visible()
    page.get_by_role("link", name="Look at it").click()
    expect(page.get_by_role("heading", name="Phase “Static”: usual weeks")).to_be_visible()
    check(page)
    page.get_by_role("button", name="Seen").click()
    expect(page.get_by_role("heading", name="Nothing is open")).to_be_visible()
    check(page)
    page.goto(address)
    page.get_by_role("link", name="Delete").click()
    check(page)
    page.get_by_role("button", name="Delete it").click()
    expect(page.get_by_role("link", name=name, exact=True)).to_have_count(0)
    check(page)


def test_two_windows_never_overwrite_each_other_silently(enter: Callable[..., Page]) -> None:
    first = enter("clinician", "/desk/protocols/new/?brief=resistance-training")
    first.get_by_role("button", name="Save the protocol").click()
    second = first.context.new_page()
    second.goto(first.url)
    for page, note in ((first, "From the first window"), (second, "From the second window")):
        page.get_by_label("Notes").fill(note)
        page.get_by_role("button", name="Save").first.click()
    alert = second.get_by_role("alert")
    expect(alert).to_be_focused()
    expect(alert).to_contain_text("From the first window")
    expect(alert).to_contain_text("From the second window")
    expect(second.get_by_label("Notes")).to_have_value("From the second window")
    well(second)
    second.get_by_role("button", name="Save").first.click()
    expect(second.get_by_text("From the second window").first).to_be_visible()


def test_by_keyboard_alone(enter: Callable[..., Page]) -> None:
    page = enter("clinician", "/desk/protocols/new/?brief=balance-training")
    page.get_by_role("textbox", name="Name").focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("Typed")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Adapt a protocol")).to_be_visible()
    page.get_by_role("checkbox", name="Steady walking").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Steady walking: later"
    page.get_by_role("textbox", name="Name").focus()
    page.keyboard.press("Enter")  # saves: no button that moves a ladder comes before
    expect(page.get_by_role("heading", name="Typed")).to_be_visible()
    expect(page.get_by_role("row", name="Ladders left out")).to_contain_text("Steady walking")


def test_it_can_be_printed_and_read_at_twice_the_size(enter: Callable[..., Page]) -> None:
    page = enter("clinician", "/desk/protocols/new/?brief=balance-training", width=640)
    page.get_by_role("button", name="Save the protocol").click()
    page.goto(page.url.replace("edit/", ""))
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.emulate_media(media="print")
    expect(page.get_by_role("button", name="Make a copy")).to_be_hidden()
    expect(page.get_by_role("heading", name="Dose")).to_be_visible()
