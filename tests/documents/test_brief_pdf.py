"""A brief on paper: tagged, whole, black-and-white safe, and of one day."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any

import pytest

from neurodash import wording
from neurodash.documents.brief import pdf
from neurodash.documents.paper import PAGE_SIZES
from neurodash.errors import DataError
from neurodash.evidence import Verdict, judge_brief
from neurodash.evidence.verdict import HOLDS
from neurodash.library import Brief, Retraction
from neurodash.library.prose import parse
from tests.pdf import opened, print_sizes, tags, words
from tests.planning.people import ON, OURS

BRIEFS = sorted(OURS.briefs)
STANDING = "5 of 7 findings hold against 4 systematic reviews."
SITE = "https://desk.example.org"
IN_DRAWINGS = {9.0, 13.0}  # as a drawing has them; they are scaled with it


@cache
def judged(slug: str, on: dt.date = ON) -> tuple[Verdict, ...]:
    return judge_brief(OURS.briefs[slug], OURS, on)


@cache
def printed(slug: str, **wish: Any) -> bytes:
    day = wish.pop("on", ON)
    return pdf(OURS.briefs[slug], judged(slug, day), OURS, standing=STANDING, on=day, address=SITE, **wish)


def of(brief: Brief, **wish: Any) -> bytes:
    return pdf(brief, judged(brief.slug), OURS, standing=STANDING, on=ON, **wish)


@pytest.mark.parametrize("slug", BRIEFS)
def test_it_has_title_language_and_headings_in_the_order_of_reading(slug: str) -> None:
    reader = opened(printed(slug))
    root = reader.trailer["/Root"]
    assert reader.metadata is not None and reader.metadata.title == OURS.briefs[slug].title
    assert root["/Lang"] == "en-GB"
    assert root["/MarkInfo"]["/Marked"]
    assert b"pdfuaid" in root["/Metadata"].get_object().get_data()
    kinds = [kind for kind, _ in tags(root["/StructTreeRoot"])]
    assert kinds.count("/H1") == 1
    levels = [int(kind[2]) for kind in kinds if re.fullmatch("/H[1-6]", kind)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels)), "a level is left out"
    assert {"/Table", "/TH", "/L", "/Figure", "/Link"} <= set(kinds)
    told = words(printed(slug))
    found = [told.index(each.statement) for each in OURS.briefs[slug].findings]
    assert found == sorted(found)


@pytest.mark.parametrize("slug", BRIEFS)
def test_every_drawing_has_its_words(slug: str) -> None:
    figures = [
        alt for kind, alt in tags(opened(printed(slug)).trailer["/Root"]["/StructTreeRoot"]) if kind == "/Figure"
    ]
    assert figures
    assert all(figures)


@pytest.mark.parametrize("slug", BRIEFS)
def test_every_face_is_inside_the_file(slug: str) -> None:
    fonts = {}
    for page in opened(printed(slug)).pages:
        fonts |= {font["/BaseFont"]: font for font in (f.get_object() for f in page["/Resources"]["/Font"].values())}
    assert fonts
    for name, font in fonts.items():
        own = font["/DescendantFonts"][0].get_object()["/FontDescriptor"]
        assert {"/FontFile2", "/FontFile3"} & set(own), name


@pytest.mark.parametrize("slug", BRIEFS)
def test_no_finding_no_reason_and_no_part_of_the_text_is_lost(slug: str) -> None:
    brief, told = OURS.briefs[slug], words(printed(slug))
    for verdict in judged(slug):
        assert verdict.finding.statement in told
        assert re.sub(r"\s+", " ", verdict.why) in told
        for vote in verdict.votes:
            assert wording.short_citation(vote.by.result.citation, vote.by.result.year).split()[0] in told
    for section in (*brief.action_plan, *brief.mistakes, *brief.questions, *brief.deep_dive):
        assert section.title in told
        for text in (section.prose.plain, section.instead.plain if section.instead else ""):
            first, last = text.split()[:4], text.rstrip(" .").split()[-1:]
            assert all(word in told for word in (*first, *last)), section.title
    for phase in OURS.protocols[slug].phases:
        assert phase.keys.name in told
    assert STANDING in told


def test_each_verdict_is_a_word_and_a_shape_and_a_lapsed_or_withdrawn_one_says_so() -> None:
    for slug in BRIEFS:
        told = words(printed(slug))
        for verdict in judged(slug):
            word = wording.VERDICTS["lapsed" if verdict.lapsed and verdict.key in HOLDS else verdict.key]
            assert f"{word.mark} {word.word} {word.meaning}" in told
    later = dt.date(2040, 1, 1)
    told = words(printed("balance-training", on=later))
    assert "too old to be called current" in told
    assert told.count("◌ Lapsed") + told.count("○ Not checkable") + told.count("▲ Not supported") > 3
    brief = OURS.briefs["balance-training"]
    cited = OURS.results[brief.findings[0].claim.cites[0]]
    notice = next(iter(OURS.retractions), None)
    fields: dict[str, Any] = {"doi": cited.doi, "kind": "retraction", "date": ON}
    made = notice.model_copy(update=fields) if notice else Retraction.model_construct(**fields)
    gone = judge_brief(brief, replace(OURS, retractions=(made,)), ON)
    assert "✕ Withdrawn" in words(pdf(brief, gone, OURS, standing="None holds.", on=ON))


def test_the_library_and_the_day_stand_on_each_page() -> None:
    for page in opened(printed("balance-training")).pages:
        text = re.sub(r"\s+", " ", page.extract_text())
        assert f"NeuroDash library {OURS.version} · 21 November 2026" in text


def test_sources_are_numbered_as_they_are_met_and_lead_to_where_they_can_be_read() -> None:
    told = words(printed("balance-training"))
    text, sources = told.split("Sources EJ marks expert judgement")
    cited = list(dict.fromkeys(int(number) for number in re.findall(r"\[(\d+)\]", text)))
    assert cited == list(range(1, len(cited) + 1))
    assert [int(number) for number in re.findall(r"\[(\d+)\] ", sources)] == cited
    links = {
        each.get_object()["/A"]["/URI"]
        for page in opened(printed("balance-training")).pages
        for each in page.get("/Annots", ())
        if "/URI" in each.get_object().get("/A", {})
    }
    assert any(link.startswith("https://doi.org/10.") for link in links)
    assert f"{SITE}/ms/balance-training/" in links
    assert all(link.startswith(("https://", "http://")) for link in links)


def test_the_deep_dive_and_its_sources_are_only_in_the_paper_of_who_may_read_it() -> None:
    told = words(printed("balance-training", deep_dive=False))
    assert "Deep dive" not in told
    assert "mostly low or very low" not in told
    assert len(told) < len(words(printed("balance-training")))


@pytest.mark.parametrize("paper", PAGE_SIZES)
@pytest.mark.parametrize("large", [False, True])
def test_both_papers_and_both_sizes_of_print(paper: Any, large: bool) -> None:
    made = printed("balance-training", paper=paper, large=large)
    width, height = {"a4": (595.28, 841.89), "us-letter": (612, 792)}[paper]
    pages = opened(made).pages
    sizes = {(round(float(p.mediabox.width), 2), round(float(p.mediabox.height), 2)) for p in pages}
    assert sizes == {(width, height)}
    letters = print_sizes(made)
    if large:
        assert letters[len(letters) // 2] == 18
        assert {size for size in letters if size < 14} <= IN_DRAWINGS
    else:
        assert letters.count(11) > len(letters) / 3
        assert letters[0] >= 9
    assert all(len(page.extract_text().strip()) > 100 for page in pages), "an empty page"


def test_the_same_brief_of_the_same_day_is_the_same_file_and_another_day_is_another() -> None:
    assert of(OURS.briefs["balance-training"]) == of(OURS.briefs["balance-training"])
    assert printed("balance-training") != printed("balance-training", on=dt.date(2026, 11, 22))
    assert not {"/CreationDate", "/ModDate"} & set(opened(printed("balance-training")).metadata or {})


def test_words_of_a_brief_are_never_part_of_the_source() -> None:
    hostile = '#panic("x") *not bold* $x$ @ref ]#eval("1") ' + "w" * 400
    note, _ = parse(hostile.replace("*", r"\*"), 1, "note")
    told = words(of(replace(OURS.briefs["balance-training"], title=hostile, note=note)))
    assert told.replace(" ", "").count("w" * 400) >= 1
    assert '#panic("x")' in told


def test_a_paper_not_known_and_letters_without_a_font_are_named() -> None:
    with pytest.raises(DataError) as error:
        of(OURS.briefs["balance-training"], paper="a0")
    assert "a4, us-letter" in str(error.value.problems[0])
    assert words(of(replace(OURS.briefs["balance-training"], title="Ωμέγα, Żółty, שיווי"))).count("Żółty") >= 2
    with pytest.raises(DataError) as error:
        of(replace(OURS.briefs["balance-training"], title="Balance 🤸"))
    assert "for which there is no font" in str(error.value.problems[0])
