"""A picture on paper: one tagged page that a screen reader can read, the same bytes every time."""

from __future__ import annotations

import pytest

from neurodash.documents.figure import PAPERS, pdf
from neurodash.errors import DataError
from neurodash.evidence import pool
from neurodash.pictures import plots
from tests.pdf import opened, tags

SVG = plots.forest_of(pool([0.1, 0.5, 0.3], [0.04, 0.05, 0.02], labels=["Müller", "Ґалаґан", "Ωmega"]), "Three trials")


def test_the_page_is_one_and_has_title_language_tags_and_a_text_alternative() -> None:
    reader = opened(pdf(SVG, "Forest plot: gait.csv", "Pooled over 3 trials."))
    root = reader.trailer["/Root"]
    assert len(reader.pages) == 1
    assert reader.metadata is not None and reader.metadata.title == "Forest plot: gait.csv"
    assert root["/Lang"] == "en"
    assert root["/MarkInfo"]["/Marked"]
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert b"pdfuaid" in root["/Metadata"].get_object().get_data()
    assert tags(root["/StructTreeRoot"]) == [("/Document", None), ("/H1", None), ("/Figure", "Pooled over 3 trials.")]


def test_the_same_picture_is_the_same_file_and_carries_no_date() -> None:
    first = pdf(SVG, "A", "B")
    assert pdf(SVG, "A", "B") == first
    assert not {"/CreationDate", "/ModDate"} & set(opened(first).metadata or {})


def test_words_are_never_part_of_the_source() -> None:
    title = '#panic("x") *not bold* $x$ @ref "quoted" \\ '
    reader = opened(pdf(SVG, title, "]#panic()"))
    assert reader.metadata is not None and reader.metadata.title == title
    assert '#panic("x") *not bold*' in reader.pages[0].extract_text()


@pytest.mark.parametrize("paper", PAPERS)
@pytest.mark.parametrize("k", [1, 60, 400])
def test_a_forest_of_any_length_stays_on_one_page(paper: str, k: int) -> None:
    pooled = pool([0.1 + 0.001 * i for i in range(k)], [0.01 + 0.0001 * i for i in range(k)])
    assert len(opened(pdf(plots.forest_of(pooled, "Many"), "Many", "Trials.", paper)).pages) == 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"title": " "}, "pdf, title"),
        ({"description": ""}, "pdf, description"),
        ({"on_paper": "a0"}, "a4"),
        ({"title": "平衡"}, "for which there is no font"),
        ({"svg": SVG.replace("Müller", "平衡")}, "Write an .svg instead"),
        ({"svg": "<svg"}, "failed to parse SVG"),
    ],
)
def test_what_cannot_be_printed_is_refused_and_not_dropped(change: dict[str, str], told: str) -> None:
    with pytest.raises(DataError, match=r".") as error:
        pdf(**{"svg": SVG, "title": "A", "description": "B", **change})
    assert told in str(error.value)
