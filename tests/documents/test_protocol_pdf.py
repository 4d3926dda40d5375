"""A protocol on paper, as published and as a clinician adapted it, whatever was written into its notes."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from neurodash.documents.paper import PAGE_SIZES
from neurodash.documents.protocol import pdf
from neurodash.errors import DataError
from neurodash.planning import adapted
from neurodash.planning.adapted import Adaptation, Span
from tests.pdf import opened, print_sizes, tags, words
from tests.planning.people import ON, OURS

SLUG = "balance-training"
PUBLISHED = OURS.protocols[SLUG]


@cache
def printed(slug: str) -> bytes:
    return pdf(slug, OURS, on=ON)


def own(note: str = "", **changed: Any) -> Adaptation:
    """The protocol as it stands, with a note on its first phase and in general."""
    made = adapted.unchanged(PUBLISHED, OURS)
    first = PUBLISHED.phases[0].keys.id
    return replace(made, note=note, phases={**made.phases, first: replace(made.phases[first], note=note)}, **changed)


def saved(document: Adaptation, name: str = "Lakeside, gentle", **wish: Any) -> bytes:
    return pdf(SLUG, OURS, on=ON, document=document.mapping, name=name, by="Dr A. Example", **wish)


@pytest.mark.parametrize("slug", sorted(OURS.protocols))
def test_it_is_tagged_and_nothing_of_the_protocol_is_lost(slug: str) -> None:
    protocol, told = OURS.protocols[slug], words(printed(slug))
    root = opened(printed(slug)).trailer["/Root"]
    kinds = [kind for kind, _ in tags(root["/StructTreeRoot"])]
    assert b"pdfuaid" in root["/Metadata"].get_object().get_data()
    assert kinds.count("/H1") == 1
    assert {"/H2", "/H3", "/Table", "/TH", "/L", "/Figure"} <= set(kinds)
    for prose in protocol.prose:
        assert all(word in told for word in prose.plain.split()[:5])
    for _, _, amount, _ in protocol.amounts():
        assert f"{amount.low:g}" in told
        assert all(f"({source})" in told for source in amount.source)
    for name in protocol.ladders:
        ladder = OURS.ladders[name]
        assert ladder.name in told
        assert all(OURS.exercises.exercises[rung.exercise].name in told for rung in ladder.rungs)


def test_each_ladder_has_the_picture_of_its_first_exercise_with_words() -> None:
    root = opened(printed(SLUG)).trailer["/Root"]
    alternatives = [alt for kind, alt in tags(root["/StructTreeRoot"]) if kind == "/Figure"]
    for name in PUBLISHED.ladders:
        for frame in OURS.exercises.frames[OURS.ladders[name].rungs[0].exercise]:
            assert frame.says in alternatives


def test_an_adapted_one_says_what_is_different_from_the_brief() -> None:
    place, amount = next((at, each) for at, each in adapted.amounts_of(PUBLISHED) if each.low < each.high)
    made = own("Watch the left knee.\nCall after two weeks.").with_amount(
        place, Span(float(amount.low), float(amount.low))
    )
    made = replace(
        made,
        ladders=(made.ladders[1], made.ladders[0], *made.ladders[2:]),
        ladders_left_out=(made.ladders[-1],),
        exercises_left_out=(OURS.ladders[made.ladders[0]].rungs[0].exercise,),
    )
    told = words(saved(made))
    assert "Lakeside, gentle" in told
    assert "By Dr A. Example." in told
    assert "Changed from the brief" in told
    assert f"difficulty {amount.low} of 10; in the brief {amount.low} to {amount.high}." in told
    assert "Ladders in another order" in told
    assert f"Left out: the ladder “{OURS.ladders[made.ladders[-1]].name}”." in told
    gone = OURS.exercises.exercises[made.exercises_left_out[0]].name
    assert f"Left out: the exercise “{gone}”." in told
    assert f"{gone} (left out)" in told
    assert told.count("Watch the left knee.") == told.count("Call after two weeks.") == 2
    assert "Changed from the brief" not in words(saved(own())), "where nothing is different"


@pytest.mark.parametrize(
    "note",
    [
        '#panic("x") ]#eval("1") *bold* _it_ $x^2$ @ref <label> \\ // comment /* */ `code` #import "a.typ"',
        "= Heading\n== Another\n- list\n+ one",
        "{{ guideline KIM19-RES }} <script>alert(1)</script> ${data} %s {0}",
        "w" * 400,
        "שלום עולם",
        "مرحبا بالعالم",
        "Ωμέγα Żółty Ђорђе naïve ½",
        "tab\there",
    ],
)
def test_no_note_does_harm(note: str) -> None:
    file = saved(own(note), name=note.split("\n")[0][:120].replace("\t", " "))
    told = words(file)
    assert len(opened(file).pages) < 20
    letters = [word for word in note.split() if word.isascii() and word not in ("=", "==", "-", "+")]
    assert all(word in told.replace(" ", "") or word in told for word in letters)
    assert "Dose and progress" in told


@pytest.mark.parametrize("note", ["Well done 💪", "一二三"])
def test_letters_that_no_font_has_are_named_and_nothing_is_made(note: str) -> None:
    with pytest.raises(DataError) as error:
        saved(own(note))
    assert "for which there is no font" in str(error.value.problems[0])


def test_what_turns_the_direction_of_writing_or_is_half_a_letter_is_left_out() -> None:
    told = words(saved(own(), name="abc\u202edef\ud800\x00\u2066ghi"))
    assert "abcdefghi" in told


@pytest.mark.parametrize("paper", PAGE_SIZES)
@pytest.mark.parametrize("large", [False, True])
def test_both_papers_and_both_sizes_of_print(paper: str, large: bool) -> None:
    made = pdf(SLUG, OURS, on=ON, paper=paper, large=large)
    assert round(float(opened(made).pages[0].mediabox.width)) == {"a4": 595, "us-letter": 612}[paper]
    letters = print_sizes(made)
    assert letters[len(letters) // 2] == (18 if large else 11)


def test_the_same_protocol_of_the_same_day_is_the_same_file() -> None:
    assert pdf(SLUG, OURS, on=ON) == printed(SLUG)
    assert saved(own("Note.")) == saved(own("Note."))


def test_a_document_that_no_longer_fits_its_brief_is_named() -> None:
    place, amount = next((at, each) for at, each in adapted.amounts_of(PUBLISHED) if each.source)
    with pytest.raises(DataError) as error:
        saved(own().with_amount(place, Span(float(amount.low), 500.0)))
    assert "Lakeside, gentle" in str(error.value.problems[0])
