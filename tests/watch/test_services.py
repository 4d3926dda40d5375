"""What the two services say becomes records, and what they say wrongly becomes one plain sentence."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from neurodash.watch.client import Unanswered
from neurodash.watch.crossref import Crossref
from neurodash.watch.pubmed import PubMed, query
from neurodash.watch.records import clean, doi_of, id_root
from tests.watch.services import Answer, Services, article, comment, efetch, esearch, update, work
from tests.watch.services import crossref as works

SINCE, TO = dt.date(2025, 1, 2), dt.date(2026, 11, 21)
LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE PubmedArticleSet [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><PubmedArticleSet>&c;</PubmedArticleSet>'
)
OUTSIDE = (
    '<?xml version="1.0"?><!DOCTYPE PubmedArticleSet [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    "<PubmedArticleSet><PubmedArticle>&x;</PubmedArticle></PubmedArticleSet>"
)


def records(pubmed: PubMed, *pmids: str):
    return [record for some in pubmed.records(pmids) for record in some]


def told(pubmed: PubMed, answer: str | bytes, services: Services, path: str = "efetch.fcgi") -> str:
    """The problem when the answer never gets better."""
    services.script[path] = [Answer(answer) for _ in range(9)]
    with pytest.raises(Unanswered) as raised:
        records(pubmed, "990000001") if path == "efetch.fcgi" else pubmed.search("made-up", SINCE, TO)
    assert not raised.value.down
    return str(raised.value)


# PubMed: searching


def test_a_search_names_its_days_and_what_kind_of_day(pubmed: PubMed, services: Services) -> None:
    pubmed.search("made-up", SINCE, TO)
    asked = services.asked[0].query
    assert (asked["datetype"], asked["mindate"], asked["maxdate"]) == ("edat", "2025/01/02", "2026/11/21")
    assert (asked["db"], asked["retmode"], asked["term"]) == ("pubmed", "json", "made-up")


def test_many_numbers_are_asked_for_page_by_page(pubmed: PubMed, services: Services) -> None:
    every = [str(990000000 + n) for n in range(1, 451)]
    services.found = lambda term: every
    found = pubmed.search("made-up", SINCE, TO)
    assert (list(found.pmids), found.total) == (every, 450)
    assert [asked.query["retstart"] for asked in services.asked] == ["0", "200", "400"]


def test_phrases_pubmed_does_not_know_are_told(pubmed: PubMed, services: Services) -> None:
    lists = {
        "errorlist": {"phrasesnotfound": ["zzxy"], "fieldsnotfound": []},
        "warninglist": {"phrasesignored": [], "quotedphrasesnotfound": ['"made up training"'], "outputmessages": []},
    }
    services.script["esearch.fcgi"] = [Answer(esearch([], **lists))]
    assert pubmed.search("made-up", SINCE, TO).unknown_phrases == ("zzxy", '"made up training"')


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (
            '{"esearchresult":{"ERROR":"Search Backend failed: Exception:\n\'retstart\' cannot be larger"}}',
            "Search Backend",
        ),
        ('{"error":"API rate limit exceeded","count":"11"}', "API rate limit exceeded"),
        ("<html><body>Service unavailable</body></html>", "HTML or XML where JSON was asked for"),
        ("", "it is empty"),
        ("   \n", "it is empty"),
        (b'{"esearchresult": {"count": "1", "idlist": ["\xff\xfe"]}}', "bytes that are not UTF-8"),
        ('{"esearchresult": {"count": "1", "idli', "no JSON, or broke off"),
        ("[" * 100_000, "no JSON, or broke off"),
        ("[1, 2]", "no JSON object"),
        ('{"esearchresult": {}}', "no count or no list"),
        ('{"esearchresult": {"count": "many", "idlist": []}}', "no count or no list"),
        ('{"esearchresult": {"count": "3", "idlist": []}}', "a count of 3, but no numbers"),
        ('{"esearchresult": {"count": "1", "idlist": ["12; rm"]}}', "no PMID"),
        ('{"esearchresult": {"count": "1", "idlist": [{"a": 1}]}}', "no PMID"),
    ],
)
def test_an_answer_that_is_no_search_result_is_told_not_taken_for_nothing_found(
    pubmed: PubMed, services: Services, answer: str | bytes, says: str
) -> None:
    assert says in told(pubmed, answer, services, "esearch.fcgi")


def test_a_search_has_the_three_parts_and_only_reviews() -> None:
    term = query((("multiple sclerosis",), ("balance training", "exergam*", "Exercise [mh]"), ("fear of falling",)))
    assert term.startswith(
        '("multiple sclerosis"[tiab]) AND ("balance training"[tiab] OR exergam*[tiab] OR "Exercise"[mh])'
        ' AND ("fear of falling"[tiab]) AND ("systematic review"[pt] OR "meta-analysis"[pt]'
    )
    assert term.count('"retracted publication"[pt]') == 1


# PubMed: records


def test_a_record_has_what_the_answer_says_and_nothing_of_its_references(pubmed: PubMed, services: Services) -> None:
    title = "Made-up review of <i>balance</i> training &amp; mobility."
    services.articles["990000001"] = article("990000001", title, doi="10.5555/Made.1")
    (record,) = records(pubmed, "990000001")
    assert record.title == "Made-up review of balance training & mobility"
    assert record.authors == ("Madeup AB", "Second C", "Third D", "Made-up Group")
    assert (record.surname, record.journal, record.year) == ("Madeup", "J Made Up Rev", 2026)
    assert (record.volume, record.pages, record.doi, record.pmid) == ("7", "11-22", "10.5555/Made.1", "990000001")


def test_what_an_answer_does_not_say_stays_empty(pubmed: PubMed, services: Services) -> None:
    bare = (
        "<PubmedArticle><MedlineCitation><PMID>990000002</PMID><Article><ArticleTitle>Made-up</ArticleTitle></Article>"
    )
    services.articles["990000002"] = bare + "</MedlineCitation></PubmedArticle>"
    (record,) = records(pubmed, "990000002")
    assert (record.authors, record.year, record.doi, record.journal, record.notices) == ((), None, None, "", ())


def test_a_year_is_read_from_a_season_too(pubmed: PubMed, services: Services) -> None:
    season = "<MedlineDate>2025 Nov-Dec</MedlineDate>"
    services.articles["990000003"] = article("990000003", "Made-up", year=season)
    assert records(pubmed, "990000003")[0].year == 2025


def test_a_hundred_records_are_fetched_at_once(pubmed: PubMed, services: Services) -> None:
    pmids = [str(990000000 + n) for n in range(1, 251)]
    services.articles = {pmid: article(pmid, "Made-up") for pmid in pmids}
    assert len(records(pubmed, *pmids)) == 250
    assert [asked.query["id"].count(",") + 1 for asked in services.of("efetch.fcgi")] == [100, 100, 50]


def test_a_retraction_and_a_concern_are_read_with_the_day_if_it_is_whole(pubmed: PubMed, services: Services) -> None:
    notes = (
        comment("CommentIn", "J Made Up Rev. 2025 Jan 1;1:1.", "990000091")
        + comment("RetractionIn", "J Made Up Rev. 2026 Feb 6;7(2):99. doi: 10.5555/notice.1.", "990000092")
        + comment("ExpressionOfConcernIn", "J Made Up Rev. 2025 Nov;6:98. doi: 10.5555/concern.1.")
        + comment("ErratumIn", "J Made Up Rev. 2024;5:97.")
    )
    services.articles["990000004"] = article("990000004", "Made-up", comments=notes)
    (record,) = records(pubmed, "990000004")
    assert [(n.word, n.date, n.source) for n in record.notices] == [
        ("retraction", dt.date(2026, 2, 6), "https://pubmed.ncbi.nlm.nih.gov/990000092/"),
        ("expression_of_concern", None, "https://doi.org/10.5555/concern.1"),  # a month is no day
    ]


def test_a_retracted_publication_without_a_notice_still_counts(pubmed: PubMed, services: Services) -> None:
    services.articles["990000005"] = article("990000005", "Made-up", kinds="Retracted Publication")
    assert [(n.word, n.date) for n in records(pubmed, "990000005")[0].notices] == [("retraction", None)]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (efetch(article("990000001", "Made-up"))[:-60], "XML that broke off or cannot be read (line"),
        (efetch(article("990000001", "Made-up \udcff")).encode("utf-8", "surrogateescape"), "cannot be read"),
        ('<?xml version="1.0" encoding="made-up-8"?><PubmedArticleSet/>', "an encoding we do not know"),
        ("<!DOCTYPE html><html><body>Error</body></html>", "no set of articles but <html>: Error"),
        ("<eFetchResult><ERROR>Unable to obtain query #1</ERROR></eFetchResult>", "Unable to obtain query #1"),
        ('{"error":"API rate limit exceeded","count":"11"}', "API rate limit exceeded"),
        (efetch(), "an empty set of articles"),
        ("", "it is empty"),
        (LAUGHS, "XML that declares entities"),
        (OUTSIDE, "XML that declares entities"),
        ("<PubmedArticleSet>" + "<a>" * 5000, "XML nested without end"),
    ],
)
def test_an_answer_that_is_no_set_of_records_is_told(
    pubmed: PubMed, services: Services, answer: str | bytes, says: str
) -> None:
    assert says in told(pubmed, answer, services)


def test_a_truncated_answer_that_comes_whole_the_second_time_is_used(pubmed: PubMed, services: Services) -> None:
    services.articles["990000001"] = article("990000001", "Made-up")
    services.script["efetch.fcgi"] = [Answer(efetch(services.articles["990000001"])[:300])]
    assert [record.pmid for record in records(pubmed, "990000001")] == ["990000001"]


# Crossref


def test_crossref_is_asked_for_new_articles_by_words(crossref: Crossref, services: Services) -> None:
    services.works = [work("10.5555/c1", "Made-up <i>review</i>"), work("10.5555/c2", "Made-up", None)]
    first, second = crossref.search("made-up words", SINCE, TO)
    asked = services.asked[0].query
    assert asked["filter"] == "type:journal-article,from-created-date:2025-01-02,until-created-date:2026-11-21"
    assert (asked["query.bibliographic"], asked["mailto"]) == ("made-up words", "editor@example.org")
    assert (first.title, first.authors, first.year) == ("Made-up review", ("Madeup AB",), 2026)
    assert (second.year, second.pmid) == (None, None)


def test_notices_about_a_doi_are_read_whatever_its_letters_case(crossref: Crossref, services: Services) -> None:
    services.updates["10.5555/old(1)"] = [
        update("10.5555/notice", "10.5555/OLD(1)", "retraction", [2026, 2, 6]),
        update("10.5555/concern", "10.5555/old(1)", "expression-of-concern", [2025, 11]),
        update("10.5555/part", "10.5555/old(1)", "partial_retraction", [2025]),
        update("10.5555/corr", "10.5555/old(1)", "correction", [2024, 1, 1]),
        update("10.5555/other", "10.5555/another", "retraction", [2024, 1, 1]),
    ]
    found = crossref.notices("10.5555/Old(1)")
    assert [(n.word, n.date, n.source) for n in found] == [
        ("retraction", dt.date(2026, 2, 6), "https://doi.org/10.5555/notice"),
        # The stamp beside a month says the first of it: that is padding, so the day stays unknown.
        ("expression_of_concern", None, "https://doi.org/10.5555/concern"),
        ("partial_retraction", None, "https://doi.org/10.5555/part"),
    ]


def test_a_notice_told_by_publisher_and_retraction_watch_is_one(crossref: Crossref, services: Services) -> None:
    both = update("10.5555/notice", "10.5555/old", "retraction", [2026, 2, 6])
    both["update-to"].append({**both["update-to"][0], "source": "publisher"})
    services.updates["10.5555/old"] = [both]
    assert len(crossref.notices("10.5555/old")) == 1


@pytest.mark.parametrize(
    "answer",
    [
        '{"status":"failed","message-type":"validation-failure","message":[{"type":"filter-not-available"}]}',
        '{"status":"ok","message":{}}',
        '{"status":"ok","message":{"items":"none"}}',
        "Resource not found.",
        "<html></html>",
    ],
)
def test_an_answer_without_works_is_told(crossref: Crossref, services: Services, answer: str) -> None:
    services.script["works"] = [Answer(answer) for _ in range(9)]
    with pytest.raises(Unanswered, match=r"Crossref \(notices\): an answer that cannot be used"):
        crossref.notices("10.5555/old")


def test_works_of_strange_shapes_are_left_out_without_a_fault(crossref: Crossref, services: Services) -> None:
    strange = [
        {}, {"DOI": 7, "title": ["Made-up"]}, {"DOI": "10.5555/x", "title": "Made-up"}, {"DOI": "10.5555/x", "title": [None]},
        {"DOI": "10.5555/ok", "title": ["Made-up"], "author": "none", "issued": {"date-parts": [["2026"]]}, "volume": 7},
    ]  # fmt: skip
    services.script["works"] = [
        Answer(works(*strange)),
        Answer(json.dumps({"status": "ok", "message": {"items": [1, None]}})),
    ]
    assert [(w.doi, w.authors, w.year, w.volume) for w in crossref.search("made-up", SINCE, TO)] == [
        ("10.5555/ok", (), None, "")
    ]
    assert crossref.search("made-up", SINCE, TO) == ()


# Cleaning


def test_text_loses_what_a_terminal_or_a_table_would_obey() -> None:
    assert clean("Made-up\x1b[31m red\x07 \u202eback\u2066\ntwo\x00 lines\ud800") == "Made-up [31m red back two lines"
    assert clean("a" * 5000, 600) == "a" * 599 + "…"
    assert clean(7) == clean(None) == ""


@pytest.mark.parametrize(
    "text", ["", "10.1/x", "10.5555/", "10.5555/a b", "10.5555/a\x1b", "10.5555/" + "a" * 300, None, 7]
)
def test_what_is_no_doi_is_left_out(text: object) -> None:
    assert doi_of(text) is None


@pytest.mark.parametrize(
    ("surname", "year", "name"),
    [
        ("Wallin", 2024, "wallin2024"), ("Kazemi Pakdel", 2025, "kazemipakdel2025"), ("Özüdoğru", 2026, "ozudogru2026"),
        ("Sørensen-Łoś", 2026, "sorensenlos2026"), ("", 2026, "pmid990000001-2026"), ("王", None, "pmid990000001"),
    ],
)  # fmt: skip
def test_an_id_is_surname_and_year_as_in_the_tables(surname: str, year: int | None, name: str) -> None:
    assert id_root(surname, year, None, "990000001") == name
