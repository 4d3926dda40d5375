"""Numbers in prose: an effect is never typed, and any other number names its source."""

from __future__ import annotations

import time

import pytest

from neurodash.library import prose

TYPED = [
    "The pooled effect was SMD 0.46.",
    "Balance improved (0.46, 0.12 to 0.80).",
    "It was 0.46 (0.12 to 0.80), a small gain.",
    "The 95% CI excludes zero.",
    "It was significant (p < 0.05).",
    "With p=.03 it was clear.",
    "Hedges' g of 0.4 was found.",
    "An effect size of about 0.5 is moderate.",
    "Training improves balance by 20 %.",
    "Walking got faster by 0.10 m/s.",
    "They gained 3 points on average: a gain of 3 points.",
    "Fatigue was reduced by about 12 points.",
    "There was a 22% improvement.",
    "People were twice as strong afterwards.",
    "The risk ratio was 0.53.",
    "Falls were cut by half: RR 0.74.",
    "They were 3 times faster.",
    "I² = 82 was high.",
    "People gain 3 points.",
    "Berg rose 3 points.",
    "It halves the number of falls.",
    "Falls drop by a third.",
    "Three in ten improve.",
]
FINE = [
    "Train 2 to 3 times a week for 30 to 60 minutes.",
    "Start with 10 to 15 repetitions and RPE 11 to 13.",
    "When the last set is easy, increase the load by 2 to 10 %.",
    "Use the Timed 25-Foot Walk (T25FW) and the MSWS-12.",
    "Only at EDSS 4.5 or below.",
    "Rest 2 to 4 minutes between sets.",
    "Two or more sessions, or 3 sets, whichever is less.",
    "Energy 3 or more below usual makes the day amber.",
    "Keep the room at 20 to 22 degrees.",
]


@pytest.mark.parametrize("text", TYPED)
def test_a_typed_effect_is_found_whatever_mark_stands_beside_it(text: str) -> None:
    _, problems = prose.parse(text + " {{ expert }}", 1, "brief.md")
    assert any("an effect is typed" in str(problem) for problem in problems), text


@pytest.mark.parametrize("text", FINE)
def test_a_dose_with_its_source_is_no_effect(text: str) -> None:
    _, problems = prose.parse(text + " {{ guideline KALB-01 }}", 1, "brief.md")
    assert problems == []


def test_a_number_needs_its_source_in_the_same_paragraph_item_or_row() -> None:
    text = "Rest 90 seconds.\n\nSource here {{ expert }}\n\n- 3 sets\n- 2 sets {{ expert }}\n\n| a | b |\n|---|---|\n| 4 | x |\n| 5 | {{ expert }} |\n"
    _, problems = prose.parse(text, 10, "brief.md")
    assert [problem.where for problem in problems] == ["brief.md:10", "brief.md:14", "brief.md:19"]


@pytest.mark.parametrize("text", ["EDSS 5.0 to 6.5", "the T25FW and 6MWT", "MSWS-12", "PDDS 0-3", "the 2-for-2 rule"])
def test_a_name_that_holds_digits_is_no_number(text: str) -> None:
    assert not prose.has_number(text)


def test_a_mark_is_drawn_where_it_stands_and_its_text_cannot_break_the_page() -> None:
    text, _ = prose.parse("Do it {{ guideline KALB-01 }}, then **rest** <3.", 1, "brief.md")
    html = text.html(lambda mark: f'<a class="ref" href="#x">{mark.kind} {mark.id}</a><script>x</script>')
    assert '<a class="ref" href="#x" rel="noopener">guideline KALB-01</a>, then <strong>rest</strong> &lt;3.' in html
    assert "script" not in html


def test_a_band_under_the_heading_edss_is_no_number() -> None:
    _, problems = prose.parse("| EDSS | What |\n|---|---|\n| 0 to 4.5 | Sit |\n| 5.0 | 3 sets |\n", 1, "brief.md")
    assert [problem.where for problem in problems] == ["brief.md:4"]


HOSTILE = {
    "digits": "1" * 100_000,
    "opening": "(" + "1" * 100_000,
    "verbs": "gain " * 20_000 + "5",
    "counts": "a in " * 20_000,
    "blanks": "improved " + " " * 100_000 + "x",
    "points": ".1" * 50_000,
    "hyphens": "A-" * 50_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_costs_no_more_than_an_honest_one_of_its_length(name: str) -> None:
    begun = time.perf_counter()
    prose.parse(HOSTILE[name], 1, "brief.md")
    assert time.perf_counter() - begun < 3  # seconds; it was hours before every repetition had a bound


def test_a_cell_carries_the_name_of_its_column() -> None:
    text, _ = prose.parse("| EDSS | Dose |\n|---|---|\n| low | much |\n", 1, "brief.md")
    assert '<td data-label="Dose">much</td>' in text.html(lambda mark: "")
