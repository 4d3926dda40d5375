"""The pages of exercises and ladders: filters that combine, neighbours that agree, pictures small enough to send."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

import pytest
from playwright.sync_api import Page, expect

from neurodash import library
from neurodash.web.reading import training
from tests.chromium import needs_chromium

OURS = library.load()
SHELF = OURS.exercises.exercises
LIMIT = 200_000  # bytes of the index over the wire, with its pictures


def names(body: bytes) -> list[str]:
    return [unescape(n) for n in re.findall(r'<h3><a href="/exercises/([^/]+)/">', body.decode())]


def test_the_index_shows_every_exercise_and_fits_through_the_wire(answer) -> None:
    status, headers, body = answer("/exercises/", accept_encoding="br")
    assert status == 200
    assert len(body) < LIMIT, f"{len(body)} bytes"
    assert headers["Content-Encoding"] == "br"
    _, _, plain = answer("/exercises/")
    assert sorted(names(plain)) == sorted(SHELF)


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ("target=sensory", lambda e: "sensory" in e.trains),
        ("position=sitting&kind=strength", lambda e: e.position == "sitting" and e.kind == "strength"),
        ("have=chair&have=band", lambda e: set(e.equipment) <= {"chair", "band"}),
        ("target=trunk&position=lying", lambda e: "trunk" in e.trains and e.position == "lying"),
        ("rung=2", lambda e: any(len(x.rungs) > 1 and x.rungs[1].exercise == e.id for x in OURS.ladders.values())),
        ("uses=band&position=sitting", lambda e: "band" in e.equipment and e.position == "sitting"),
        ("uses=nothing", lambda e: not e.equipment),
        ("have=armchair", lambda e: set(e.equipment) <= {"chair", "armchair"}),
        ("edss=6.5&guard=near", lambda e: e.edss[0] <= 6.5 <= e.edss[1] and e.guard == "near"),
    ],
)  # fmt: skip
def test_filters_combine_without_javascript(query: str, fits: Callable, answer) -> None:
    _, _, body = answer(f"/exercises/?{query}")
    wanted = sorted(e.id for e in SHELF.values() if fits(e))
    assert wanted, "a filter that finds nothing tests nothing"
    assert sorted(names(body)) == wanted
    assert f"<strong>{len(wanted)} exercise" in body.decode().replace("\xa0", " ")


@pytest.mark.parametrize(
    ("words", "one"),
    [
        ("STAND up", "sit-to-stand"), ("quads", "straighten-the-knee"), ("foot drop", "seated-toe-lifts"), ("vestibular", "letter-standing"),
        ("resistance band", "band-row"), ("squats", "wall-slide"), ("sitting band", "band-row"), ("buttocks lying", "bridge"),
    ],
)  # fmt: skip
def test_words_are_found_as_a_clinician_or_a_patient_says_them(words: str, one: str, answer) -> None:
    _, _, body = answer(f"/exercises/?words={words.replace(' ', '+')}")
    assert one in names(body)
    assert len(names(body)) < len(SHELF) / 2


def test_each_choice_can_be_taken_back_and_says_what_is_found_without_it(answer) -> None:
    _, _, body = answer("/exercises/?kind=gaze&uses=bike&words=nope")
    page = unescape(body.decode())
    assert names(body) == []
    chosen = re.search(r'<ul class="chosen".*?</ul>', page, re.DOTALL)
    assert chosen
    for link in re.findall(r'href="(/exercises/\?[^"#]+)#found"', chosen[0]):
        asked = dict(part.split("=") for part in link.partition("?")[2].split("&"))
        assert len(asked) == 2
        assert answer(link)[0] == 200
    assert "“nope”" in page
    _, _, unknown = answer("/exercises/?target=nope")
    assert "“nope”, which is not known" in unescape(unknown.decode())


def test_a_filtered_list_is_compressed_and_its_title_says_how_many(answer) -> None:
    _, headers, small = answer("/exercises/?words=&kind=", accept_encoding="gzip, br")
    _, _, plain = answer("/exercises/?words=&kind=")
    assert headers["Content-Encoding"] == "br"
    assert len(small) < len(plain) / 5
    _, headers, _ = answer("/exercises/?kind=gaze", accept_encoding="identity")
    assert "Content-Encoding" not in headers
    _, _, one = answer("/exercises/?kind=gaze")
    assert f"<title>{len(names(one))}\xa0exercises found" in one.decode()


@pytest.mark.parametrize(
    "query",
    [
        "target=nope",
        "rung=abc",
        "rung=%C2%B2",
        "rung=%D9%A1",
        "edss=nan",
        "edss=1e9",
        "have=nope&words=%3Cscript%3E",
        "words=" + "x" * 500,
    ],
)
def test_a_wish_that_makes_no_sense_is_answered_calmly(query: str, answer) -> None:
    status, _, body = answer(f"/exercises/?{query}")
    assert status == 200
    assert b"<script>" not in body.partition(b"<main")[2]


@pytest.mark.parametrize("name", sorted(SHELF))
def test_every_exercise_has_its_page_with_steps_picture_and_neighbours(name: str, answer) -> None:
    status, _, body = answer(f"/exercises/{name}/")
    page = unescape(body.decode())
    exercise = SHELF[name]
    assert status == 200
    for told in (exercise.name, exercise.purpose, *exercise.steps, exercise.clinical, exercise.set_up):
        assert told in page
    assert page.count('<svg class="fig"') == len(exercise.picture.frames) * (1 if exercise.sides == "both" else 2)
    for place in training.places(name, OURS):
        rungs = place.ladder.rungs
        first, last = place.own[0].number, place.own[-1].number
        assert (place.easier is None, place.harder is None) == (first == 1, last == len(rungs))
        assert all(rung.exercise == name for rung in rungs[first - 1 : last])
        for step, at in ((place.easier, first - 1), (place.harder, last + 1)):
            if step:
                assert (step.number, step.exercise.id) == (at, rungs[at - 1].exercise)
                assert step.exercise.id != name
                assert f'href="/exercises/{step.exercise.id}/"' in page
                assert step.says in page
        for form in place.forms:
            assert f"Rung {form.number}: {form.says}" in page


def test_every_rung_is_told_on_the_page_of_its_exercise() -> None:
    for ladder in OURS.ladders.values():
        told = [
            step.number
            for name in {rung.exercise for rung in ladder.rungs}
            for place in training.places(name, OURS)
            if place.ladder == ladder
            for step in place.own
        ]
        assert sorted(told) == list(range(1, len(ladder.rungs) + 1))


@pytest.mark.parametrize("name", sorted(OURS.ladders))
def test_every_ladder_has_its_page_with_its_rungs_in_order(name: str, answer) -> None:
    status, _, body = answer(f"/exercises/ladders/{name}/")
    assert status == 200
    found = re.findall(r'</span> <a href="/exercises/([^/]+)/">', body.decode())
    assert found == [rung.exercise for rung in OURS.ladders[name].rungs]


def test_what_a_rung_needs_more_than_its_exercise_is_told_there_and_nowhere_else(answer) -> None:
    """Such as the band of the third form of a bridge. A search by equipment stays by exercise."""
    more = [
        (ladder, number, rung)
        for ladder in OURS.ladders.values()
        for number, rung in enumerate(ladder.rungs, start=1)
        if rung.equipment
    ]
    assert {(ladder.id, number) for ladder, number, _ in more} >= {("bridge", 3), ("power-stand-up", 4)}
    for ladder, number, rung in more:
        exercise, label = SHELF[rung.exercise], OURS.exercises.words.equipment[rung.equipment[0]].label
        assert not set(rung.equipment) & set(exercise.equipment)
        needs = re.findall(r"Needs: ([^<]+)\.</p>", unescape(answer(f"/exercises/ladders/{ladder.id}/")[2].decode()))
        assert [label in told for told in needs] == [
            label in training.kit((*SHELF[r.exercise].equipment, *r.equipment), OURS) for r in ladder.rungs
        ]
        assert label in needs[number - 1]
        page = unescape(answer(f"/exercises/{exercise.id}/")[2].decode())
        assert f"Rung {number}: {rung.says} Also needs: {label}." in page
    assert "bridge" in names(answer("/exercises/?have=mat")[2])


def test_unknown_exercises_and_ladders_are_not_found(answer) -> None:
    for path in ("/exercises/nope/", "/exercises/ladders/nope/", "/exercises/pictures/x/"):
        assert answer(path)[0] == 404


@pytest.mark.parametrize("slug", ["balance-training", "resistance-training"])
def test_a_briefs_action_plan_is_made_from_its_protocol(slug: str, answer) -> None:
    _, _, body = answer(f"/ms/{slug}/")
    page, protocol = unescape(re.sub(r"<[^>]+>", "", body.decode())), OURS.protocols[slug]
    for phase in protocol.phases:
        assert phase.keys.name in page
        for exercise in phase.keys.exercises:
            assert SHELF[exercise].name in page
    for _, kind, amount, _ in protocol.amounts():
        assert re.search(rf"{training.span(amount.low, amount.high)} \S+", page), kind
    assert all(OURS.ladders[ladder].name in page for ladder in protocol.ladders)


@needs_chromium[1]
@needs_chromium[0]
class TestInABrowser:
    def test_somebody_without_a_mouse_finds_an_exercise(self, visit: Callable[..., Page]) -> None:
        page = visit("/exercises/")
        page.get_by_label("Position").focus()
        page.keyboard.type("Sit")
        page.get_by_label("Trains").focus()
        page.keyboard.type("Front of the thigh")
        page.get_by_role("button", name="Show").focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**target=knee-extensors**")
        expect(page.get_by_label("Position")).to_have_value("sitting")
        first = page.locator(".exercise h3 a").first
        first.focus()
        page.keyboard.press("Enter")
        expect(page.locator("ol.steps li").first).to_be_visible()

    def test_nothing_moves_unless_asked_and_never_with_motion_reduced(self, visit: Callable[..., Page]) -> None:
        running = "document.getAnimations().filter(a => a.playState === 'running').length"
        page = visit("/exercises/sit-to-stand/")
        assert page.evaluate(running) == 0
        page.get_by_text("Show it moving").click()
        assert page.evaluate(running) == 2
        page.get_by_text("Stop moving").click()
        assert page.evaluate(running) == 0
        page.get_by_text("Show it moving").click()
        page.emulate_media(media="print")
        assert page.evaluate(running) == 0
        still = visit("/exercises/sit-to-stand/", reduced_motion="reduce")
        expect(still.get_by_text("Show it moving")).to_be_hidden()
        expect(still.locator("#play")).to_be_hidden()
        still.evaluate("document.getElementById('play').checked = true")
        assert still.evaluate(running) == 0

    def test_the_filter_works_without_javascript(self, visit: Callable[..., Page]) -> None:
        page = visit("/exercises/?position=lying", java_script_enabled=False)
        page.get_by_text("Only what I have").click()
        page.get_by_role("checkbox", name="mat or firm bed").check()
        page.get_by_role("button", name="Show").click()
        assert "have=mat" in page.url and "position=lying" in page.url
        expect(page.locator(".found")).to_contain_text("fit")

    @pytest.mark.parametrize("scheme", ["light", "dark", "print"])
    def test_a_picture_stays_readable_in_every_light(self, scheme: str, visit: Callable[..., Page]) -> None:
        page = visit("/exercises/sit-to-stand/", color_scheme="dark" if scheme == "dark" else "light")
        page.emulate_media(media="print" if scheme == "print" else "screen")
        lightness = page.evaluate(
            """() => {
              const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
              const luminance = (colour) => {
                canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
                const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((v) => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
                return .2126 * r + .7152 * g + .0722 * b;
              };
              const of = (query, what) => luminance(getComputedStyle(document.querySelector(query))[what]);
              return { near: of(".near .leg:not(.halo)", "stroke"), far: of(".far .leg", "stroke"), prop: of(".prop", "stroke"),
                       move: of(".move", "stroke"), ground: of(".frames", "backgroundColor") };
            }"""
        )

        def contrast(a: str, b: str) -> float:
            high, low = sorted((lightness[a], lightness[b]), reverse=True)
            return (high + 0.05) / (low + 0.05)

        assert contrast("near", "ground") >= 5.5
        assert contrast("near", "far") >= 2, "the near leg is told from the far one without colour"
        assert contrast("far", "ground") >= 1.5
        assert contrast("prop", "ground") >= 1.5
        assert contrast("move", "ground") >= 3
