"""Real Chromium: a reader's journeys, with and without a mouse, a script, a wide screen; and axe on every page type."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpRequest
from playwright.sync_api import Page, expect

from neurodash.web.reading import views
from tests.chromium import axe, needs_chromium

pytestmark = needs_chromium
KINDS = {
    "home": "/",
    "condition": "/ms/",
    "brief": "/ms/balance-training/",
    "brief with an infographic": "/ms/resistance-training/",
    "evidence": "/ms/balance-training/evidence/balance/",
    "all evidence": "/evidence/",
    "our own analyses": "/evidence/trials/",
    "our own analysis": "/evidence/trials/exergame-vr/balance/",
    "what if a trial falls": "/evidence/trials/exergame-vr/mobility/?out=nilsagard2013",
    "retractions": "/evidence/retractions/",
    "exercises": "/exercises/",
    "exercises found": "/exercises/?position=sitting&have=chair&have=band",
    "an exercise": "/exercises/sit-to-stand/",
    "an exercise with a mirror": "/exercises/hamstring-stretch/",
    "pictures": "/exercises/pictures/",
    "ladders": "/exercises/ladders/",
    "a ladder": "/exercises/ladders/sensory/",
    "result": "/evidence/corrini2023-balance/",
    "result in doubt": "/evidence/alashram2025-bbs/",
    "guidelines": "/sources/guidelines/",
    "precautions": "/sources/precautions/",
    "instruments": "/sources/instruments/",
    "how checking works": "/how-checking-works/",
    "about": "/about/",
    "accessibility": "/accessibility/",
    "privacy": "/privacy/",
    "not found": "/no-such-page/",
}
ALIKE = ".exercises > li:nth-child(n+7), .picture-sheet > li:nth-child(n+19)"  # hundreds of one kind take axe minutes


@pytest.mark.parametrize("kind", KINDS)
def test_axe_finds_nothing_and_nothing_is_cut_off(kind: str, visit: Callable[..., Page]) -> None:
    """Wide and light, narrow and dark, at 320 px, with text at 200 per cent. On patient pages 7:1 is asked too."""
    page = visit("/about/")

    def look(width: int, scheme: str, size: str = "100%") -> None:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        page.goto(KINDS[kind])
        page.evaluate("size => { document.documentElement.style.fontSize = size }", size)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{width} px at {size}"

    look(640, "light", "200%")
    look(320, "light")
    for width, scheme in ((1280, "light"), (360, "dark")):
        look(width, scheme)
        page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
        page.evaluate(f"for (const part of document.querySelectorAll('{ALIKE}')) part.remove()")
        for_patients = page.locator("body.patient").count() == 1
        assert for_patients == KINDS[kind].startswith("/exercises/")
        assert axe(page, for_patients) == [], f"{width} px, {scheme}"


def test_axe_finds_nothing_on_the_page_that_says_something_went_wrong(visit: Callable[..., Page]) -> None:
    page = visit("/about/")  # our styles are at hand there
    page.set_content(views.broken(HttpRequest()).content.decode())
    expect(page.locator("h1")).to_have_text("Something went wrong on our side")
    assert axe(page) == []


@pytest.mark.parametrize("slug", ["balance-training", "resistance-training"])
def test_a_reader_opens_a_finding_follows_to_its_evidence_filters_and_takes_the_csv(
    slug: str, visit: Callable[..., Page], tmp_path: Path
) -> None:
    page = visit(f"/ms/{slug}/", accept_downloads=True)
    first = page.locator(".findings > li").first
    expect(first.locator(".votes")).to_be_hidden()
    first.locator("summary").click()
    expect(first.locator(".votes li").first).to_be_visible()
    first.get_by_role("link", name="All results on").click()
    expect(page.locator("h1")).to_contain_text("the evidence")
    rows = page.locator("tbody tr")
    every = rows.count()
    page.get_by_label("Vote").select_option("agrees")
    expect(page.locator("[data-count]")).to_contain_text(f"of {every} results shown")
    shown = rows.filter(visible=True)
    assert 0 < shown.count() < every
    for row in shown.all():
        expect(row.locator(".voice")).to_contain_text("Agrees")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download CSV").click()
    download.value.save_as(tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open(newline="") as table:
        assert len(list(csv.DictReader(table))) == every


def test_a_table_sorts_both_ways_and_keeps_what_is_not_known_last(visit: Callable[..., Page]) -> None:
    page = visit("/ms/balance-training/evidence/balance/")
    table = page.locator("table").first
    trials = table.get_by_role("link", name="Trials")
    for direction in ("ascending", "descending"):
        trials.click()
        expect(table.locator("th[aria-sort]")).to_have_attribute("aria-sort", direction)
        values = [cell.get_attribute("data-value") or "" for cell in table.locator('td[data-label="Trials"]').all()]
        known = [int(value) for value in values if value]
        assert known == sorted(known, reverse=direction == "descending")
        assert values[len(known) :] == [""] * (len(values) - len(known))


def test_the_same_journey_without_a_script(visit: Callable[..., Page]) -> None:
    page = visit("/ms/balance-training/", java_script_enabled=False)
    page.locator(".findings summary").first.click()
    page.get_by_role("link", name="All results on balance").first.click()
    page.get_by_label("Vote").select_option("not counted")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_role("link", name="Gunn 2015").first).to_be_visible()
    expect(page.locator("tbody").get_by_role("link", name="Choobsaz 2024")).to_have_count(0)
    page.locator("table").first.get_by_role("link", name="Trials").click()
    expect(page).to_have_url(re.compile(r"sort=trials&vote=not"))


def test_the_same_journey_by_keyboard_alone(visit: Callable[..., Page]) -> None:
    page = visit("/ms/balance-training/")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to the content")
    page.keyboard.press("Enter")
    for _ in range(40):
        page.keyboard.press("Tab")
        if (
            page.locator(":focus").evaluate("e => e.tagName") == "SUMMARY"
            and "Why" in page.locator(":focus").inner_text()
        ):
            break
    outline = page.locator(":focus").evaluate("e => getComputedStyle(e).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")
    expect(page.locator(".findings > li").first.locator(".votes")).to_be_visible()
    for _ in range(12):
        page.keyboard.press("Tab")
        if "All results on" in page.locator(":focus").inner_text():
            break
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Balance: the evidence")


def test_each_thing_to_touch_is_large_enough(visit: Callable[..., Page]) -> None:
    page = visit("/ms/balance-training/", width=390)
    for thing in page.locator(".top a, .button, summary, select, input").all():
        if thing.is_visible():
            box = thing.bounding_box()
            assert box and box["height"] >= 24, thing.inner_text()


def test_the_contents_mark_where_the_reader_is(visit: Callable[..., Page]) -> None:
    page = visit("/ms/balance-training/")
    page.locator(".toc").get_by_role("link", name="Questions").click()
    expect(page.locator(".toc a[aria-current]")).to_have_text("Questions")


def test_a_link_to_a_closed_question_opens_it(visit: Callable[..., Page]) -> None:
    page = visit("/ms/balance-training/#will-i-walk-faster")
    expect(page.locator("#will-i-walk-faster")).to_have_attribute("open", "")


def test_dark_follows_the_system_and_keeps_the_pills_apart(visit: Callable[..., Page]) -> None:
    light = visit("/ms/balance-training/", color_scheme="light")
    dark = visit("/ms/balance-training/", color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert light.evaluate(ground) == "rgb(251, 250, 247)"
    assert dark.evaluate(ground) == "rgb(16, 23, 22)"


def test_nothing_moves_unless_asked_to(visit: Callable[..., Page]) -> None:
    page = visit("/ms/balance-training/")
    assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
    assert page.evaluate("document.getAnimations().length") == 0


def test_a_reader_s_own_text_size_is_kept(visit: Callable[..., Page]) -> None:
    page = visit("/about/")
    usual = page.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)")
    assert 16.9 < usual < 18.1
    sheet = page.request.get(page.locator("link[rel=stylesheet]").get_attribute("href")).text()
    assert "font-size: clamp(106.25%" in sheet  # in per cent of what the reader set, not in pixels


def test_a_source_leads_back_to_the_text(visit: Callable[..., Page]) -> None:
    page = visit("/ms/balance-training/")
    reference = page.locator("#plan ~ section a.ref[id]").first
    number = reference.inner_text()
    reference.click()
    entry = page.locator(f"#source-{number}")
    expect(entry).to_be_visible()
    entry.get_by_role("link", name="Back to the text").click()
    expect(page).to_have_url(re.compile(f"#ref-{number}$"))


def test_on_a_phone_the_table_can_be_sorted_and_no_tab_stop_is_out_of_sight(visit: Callable[..., Page]) -> None:
    page = visit("/ms/balance-training/evidence/balance/", width=390)
    page.get_by_label("Sort by").select_option("trials")
    expect(page.locator("tbody").first.locator("tr").first.locator('[data-label="Trials"]')).to_have_text("40")
    for _ in range(30):
        page.keyboard.press("Tab")
        box = page.locator(":focus").bounding_box()
        assert box and box["x"] >= 0


def test_on_paper_the_brief_is_whole_and_the_navigation_is_gone(visit: Callable[..., Page]) -> None:
    page = visit("/ms/balance-training/")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(page.locator(".rail")).to_be_hidden()
    expect(page.locator(".top nav")).to_be_hidden()
    expect(page.locator(".sources li").first).to_be_visible()
    expect(page.get_by_text("Perhaps not. Training improves balance scores")).to_be_visible()
    assert len(page.pdf(format="A4")) > 50_000
    page.emulate_media(media="screen")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(page.locator(".sources li").first).to_be_hidden()


WHAT_IF = "/evidence/trials/exergame-vr/balance/"


def active(page: Page) -> Any:
    return page.get_by_role("region", name="Against another kind of training", exact=True)


def test_a_trial_that_falls_changes_the_result_the_picture_and_the_finding_at_once(visit: Callable[..., Page]) -> None:
    page = visit(WHAT_IF)
    part = active(page)
    expect(part).to_contain_text("0.50 (95 % interval 0.14 to 0.86)")
    expect(part).to_contain_text("would turn whether chance could explain it: Brichetto 2013")
    box = part.get_by_role("checkbox", name="Take out Brichetto 2013")
    box.check()
    expect(page.get_by_role("status").filter(has_text="Pooled over 6 trials")).to_be_visible()
    part = active(page)
    expect(part.locator(".own-result")).to_contain_text("Pooled over 6 trials, no clear difference")
    expect(part.locator(".before")).to_contain_text("0.50 (95 % interval 0.14 to 0.86)")
    expect(part).to_contain_text("Turned by the trials you took out.")
    expect(part.locator("svg.forest.wide .fallen")).to_have_count(1)
    expect(part.get_by_role("checkbox", name="Take out Brichetto 2013")).to_be_focused()
    assert page.url.endswith("?out=active%3Abrichetto2013")
    page.reload()
    expect(active(page).get_by_role("checkbox", name="Take out Brichetto 2013")).to_be_checked()
    page.get_by_role("link", name="Put all back").first.click()
    expect(active(page)).to_contain_text("Pooled over 7 trials")


def test_a_trial_of_both_tables_is_unticked_where_it_was_ticked_and_stays_under_the_pointer(
    visit: Callable[..., Page],
) -> None:
    page = visit(WHAT_IF)
    box = active(page).get_by_role("checkbox", name="Take out Tollar 2019")
    box.scroll_into_view_if_needed()
    for ticked in (True, False):
        before = box.bounding_box()
        box.set_checked(ticked)
        expect(
            page.get_by_role("status").filter(has_text="Pooled over 6" if ticked else "Pooled over 7")
        ).to_be_visible()
        box = active(page).get_by_role("checkbox", name="Take out Tollar 2019")
        expect(box).to_be_checked(checked=ticked)
        expect(box).to_be_focused()
        assert before and abs(box.bounding_box()["y"] - before["y"]) < 3
    assert page.url.endswith(WHAT_IF)


def test_what_if_works_without_a_script_too(visit: Callable[..., Page]) -> None:
    page = visit(WHAT_IF, java_script_enabled=False)
    part = active(page)
    part.get_by_role("checkbox", name="Take out Brichetto 2013").check()
    part.get_by_role("checkbox", name="Take out Peruzzi 2017").check()
    part.get_by_role("button", name="Compute again").click()
    expect(page.get_by_text("2 trials taken out.")).to_be_visible()
    expect(active(page).locator(".own-result")).to_contain_text("Pooled over 5 trials")


def test_what_if_works_by_keyboard_alone(visit: Callable[..., Page]) -> None:
    page = visit(WHAT_IF)
    box = active(page).get_by_role("checkbox", name="Take out Kalron 2016")
    box.focus()
    page.keyboard.press("Space")
    expect(active(page).locator(".own-result")).to_contain_text("Pooled over 6 trials")
    expect(active(page).get_by_role("checkbox", name="Take out Kalron 2016")).to_be_focused()


def test_on_a_phone_the_forest_is_drawn_for_its_width(visit: Callable[..., Page]) -> None:
    page = visit(WHAT_IF, width=390)
    drawn = active(page).locator("svg.forest.narrow").first
    expect(drawn).to_be_visible()
    expect(active(page).locator("svg.forest.wide").first).to_be_hidden()
    label = drawn.locator("text").first.bounding_box()
    assert label is not None and label["height"] >= 12, "a label on a phone must be readable"


def test_on_paper_the_analysis_is_black_on_white_and_keeps_its_table(visit: Callable[..., Page]) -> None:
    page = visit(WHAT_IF, color_scheme="dark")
    page.emulate_media(media="print")
    colours = page.evaluate(
        "() => [...document.querySelectorAll('svg.forest.wide .mark, svg.forest.wide text')].map((e) => getComputedStyle(e).fill)"
    )
    assert set(colours) <= {"rgb(0, 0, 0)", "rgb(34, 34, 34)", "rgb(255, 255, 255)"}
    expect(page.get_by_role("button", name="Compute again").first).to_be_hidden()
    expect(active(page).get_by_role("table")).to_be_visible()
