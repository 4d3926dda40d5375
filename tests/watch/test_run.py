"""A run asks each finding's questions once, keeps what is new, and takes up where it stopped."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import re
from pathlib import Path

import pytest

from neurodash import library
from neurodash.errors import DataError
from neurodash.library import Library, Retraction
from neurodash.watch import inbox as inboxes
from neurodash.watch import watching
from neurodash.watch.crossref import Crossref
from neurodash.watch.inbox import Inbox, NoticeItem, ReviewItem
from neurodash.watch.pubmed import PubMed
from tests.watch.services import Answer, Services, article, comment, esearch, update, work

DAY = dt.date(2026, 11, 21)
TITLE = "Made-up balance training in multiple sclerosis: a systematic review"


class Editor:
    """Runs the watch on a file as the command does: read, run, leave."""

    def __init__(self, library: Library, path: Path, pubmed: PubMed, crossref: Crossref) -> None:
        self.library, self.path, self.pubmed, self.crossref = library, path, pubmed, crossref

    def watch(self, on: dt.date = DAY) -> watching.Outcome:
        return watching.run(self.library, inboxes.read(self.path), self.pubmed, self.crossref, on)

    @property
    def inbox(self) -> Inbox:
        return inboxes.read(self.path)

    @property
    def reviews(self) -> list[ReviewItem]:
        return self.inbox.reviews

    @property
    def notices(self) -> list[NoticeItem]:
        return self.inbox.notices


@pytest.fixture
def editor(two_findings: Library, inbox_file: Path, pubmed: PubMed, crossref: Crossref) -> Editor:
    return Editor(two_findings, inbox_file, pubmed, crossref)


def knows(services: Services, *pmids: str, **more: str) -> None:
    """PubMed finds these made-up reviews for every question."""
    services.articles |= {pmid: article(pmid, f"{TITLE} {pmid}", doi=f"10.5555/{pmid}", **more) for pmid in pmids}
    services.found = lambda term: sorted(services.articles)


# What is asked


def test_a_finding_is_asked_about_from_the_newest_search_behind_its_verdict_on(ours: Library) -> None:
    found, _ = watching.targets(ours, DAY)
    since = {target.finding: target.since for target in found}
    published = [f for brief in ours.briefs.values() if not brief.draft for f in brief.findings]
    assert len(since) == len(published)
    assert since["balance-training/balance-scores"] == dt.date(2022, 12, 15)
    assert since["balance-training/mobility-tests"] == dt.date(2022, 1, 1)  # none known: where its window begins


def test_a_question_is_made_of_condition_training_outcome_and_reviews(ours: Library) -> None:
    found, _ = watching.targets(ours, DAY, ["balance-training"])
    term = next(t.term for t in found if t.finding == "balance-training/weekly-minutes")
    for words in (
        '"Multiple Sclerosis"[mh]',
        '"balance training"[tiab]',
        '"fall prevention"[tiab]',
        '"postural control"[tiab]',
    ):
        assert words in term
    assert '"systematic review"[pt]' in term


def test_every_training_and_outcome_of_ours_can_be_searched(ours: Library) -> None:
    terms = {**ours.vocabulary.interventions, **ours.vocabulary.outcomes}
    assert [code for code, term in terms.items() if not term.search] == ["other"]


@pytest.mark.parametrize("phrase", ['a" OR "b', "a[pt]", "(a)", "a:b", "", "x", "*", "a\\nb", "w " * 60])
def test_a_search_phrase_cannot_change_what_a_search_means(content: Path, phrase: str) -> None:
    file = content / "evidence" / "vocabulary.yaml"
    text = file.read_text(encoding="utf-8").replace("search: [botulinum toxin,", f"search: [{json.dumps(phrase)},")
    file.write_text(text, encoding="utf-8")
    line = next(n for n, row in enumerate(text.split("\n"), start=1) if "Botulinum Toxins" in row)
    with pytest.raises(DataError, match=rf"vocabulary\.yaml:{line}: .*accepted: plain words such as balance training"):
        library.load([content])


def test_one_phrase_needs_no_list_and_a_code_without_any_is_searched_by_its_label(content: Path) -> None:
    file = content / "evidence" / "vocabulary.yaml"
    text = file.read_text(encoding="utf-8")
    text = text.replace("search: [stepping, step test, four square step]", "search: step test")
    text = re.sub(r"(\n  mobility:\n(?: {4}(?!search).*\n)*) {4}search: .*\n(?: {6}.*\n)*(?: {4}\]\n)?", r"\1", text)
    file.write_text(text, encoding="utf-8")
    found, _ = watching.targets(library.load([content]), DAY)
    outcomes = {target.finding: target.outcomes for target in found}
    assert outcomes["balance-training/stepping"] == ("step test",)
    assert outcomes["balance-training/mobility-tests"] == ("mobility",)


def test_later_a_finding_is_asked_from_its_last_watch_on_with_an_overlap(editor: Editor, services: Services) -> None:
    editor.watch()
    services.asked.clear()
    editor.watch(dt.date(2027, 2, 1))
    assert {asked.query["mindate"] for asked in services.of("esearch.fcgi")} == {"2026/08/23"}  # 90 days before


def test_a_changed_question_is_asked_from_the_beginning_again(editor: Editor, services: Services) -> None:
    editor.watch()
    services.asked.clear()
    vocabulary = editor.library.vocabulary
    term = vocabulary.outcomes["balance"].model_copy(update={"search": ("made-up words",)})
    outcomes = {**vocabulary.outcomes, "balance": term}
    editor.library = dataclasses.replace(
        editor.library, vocabulary=vocabulary.model_copy(update={"outcomes": outcomes})
    )
    editor.watch(dt.date(2027, 2, 1))
    assert [asked.query["mindate"] for asked in services.of("esearch.fcgi")] == ["2022/12/15", "2026/08/23"]


def test_notices_are_asked_for_everything_the_findings_rest_on(editor: Editor, services: Services) -> None:
    editor.watch()
    rested = watching.sources(editor.library, DAY)
    assert {"10.1177/15459683241273402", "10.1016/j.msard.2022.104424"} & {s.doi for s in rested}
    asked = {
        a.query["filter"].removeprefix("updates:") for a in services.of("works") if "updates:" in a.query["filter"]
    }
    assert asked == {source.doi for source in rested if source.doi}
    fetched = {pmid for a in services.of("efetch.fcgi") for pmid in a.query["id"].split(",")}
    assert fetched == {source.pmid for source in rested if source.pmid}


def test_a_publication_of_several_rows_is_asked_about_once(ours: Library) -> None:
    rested = watching.sources(ours, DAY)
    dois = [source.doi.casefold() for source in rested if source.doi]
    assert len(dois) == len(set(dois)) > 30


def test_a_brief_nobody_wrote_is_named_with_the_nearest(ours: Library) -> None:
    with pytest.raises(DataError, match="Did you mean balance-training"):
        watching.targets(ours, DAY, ["balance-trainning"])


# What is kept


def test_a_new_review_comes_once_with_every_finding_it_is_for(editor: Editor, services: Services) -> None:
    knows(services, "990000001")
    outcome = editor.watch()
    (review,) = editor.reviews
    assert outcome.new == ["r1"]
    assert outcome.finished
    assert review.findings == ("balance-training/balance-scores", "balance-training/mobility-tests")
    assert (review.by, review.pmid, review.doi, review.found) == (("PubMed",), "990000001", "10.5555/990000001", DAY)
    fetched = [a for a in services.of("efetch.fcgi") if "990000001" in a.query["id"]]
    assert len(fetched) == 1


def test_both_services_finding_the_same_review_is_one_item(editor: Editor, services: Services) -> None:
    knows(services, "990000001")
    services.works = [work("10.5555/990000001", TITLE), work("10.5555/c9", f"{TITLE} 990000001")]
    editor.watch()
    assert [(r.item, r.by) for r in editor.reviews] == [("r1", ("PubMed", "Crossref")), ("r2", ("Crossref",))]


def test_of_what_crossref_offers_only_reviews_of_this_training_are_kept(editor: Editor, services: Services) -> None:
    titles = {
        "10.5555/1": TITLE,
        "10.5555/2": "Made-up balance training in multiple sclerosis: a randomised trial",
        "10.5555/3": "Made-up balance training after stroke: a systematic review",
        "10.5555/4": "Made-up diets in multiple sclerosis: a systematic review and meta-analysis",
        "10.5555/5": f"RETRACTED: {TITLE}",
        "10.5555/6": "Effects of BALANCE TRAINING on people with Multiple Sclerosis (made up): a Meta-Analysis",
    }
    services.works = [work(doi, title) for doi, title in titles.items()]
    editor.watch()
    assert [review.doi for review in editor.reviews] == ["10.5555/1", "10.5555/6"]


def test_what_the_tables_have_never_comes(editor: Editor, services: Services) -> None:
    known = editor.library.results["corrini2023-balance"]
    other = next(r for r in editor.library.results.values() if r.pmid and r.pmid != known.pmid)
    services.articles = {
        "990000001": article("990000001", TITLE, doi=(known.doi or "").upper()),
        str(other.pmid): article(str(other.pmid), TITLE),
    }
    services.found = lambda term: sorted(services.articles)
    assert editor.watch().new == []


def test_a_review_that_may_be_an_old_row_without_doi_says_so(editor: Editor, services: Services) -> None:
    unnamed = next(
        review
        for review, rows in editor.library.reviews.items()
        if re.fullmatch(r"[a-z]+20\d\d", review) and not any(row.doi or row.pmid for row in rows)
    )
    surname, year = unnamed[:-4].title(), f"<Year>{unnamed[-4:]}</Year>"
    services.articles["990000001"] = article("990000001", TITLE, year=year, surname=surname)
    services.found = lambda term: ["990000001"]
    editor.watch()
    assert editor.reviews[0].looks_like == unnamed


def test_a_publication_pubmed_no_longer_has_is_told(editor: Editor, services: Services) -> None:
    source = next(s for s in watching.sources(editor.library, DAY) if s.pmid)
    services.gone = {str(source.pmid)}
    assert f"PubMed has no record {source.pmid} ({source.citation}): look for notices by hand." in editor.watch().notes


def test_a_retracted_review_is_no_news(editor: Editor, services: Services) -> None:
    knows(services, "990000001", comments=comment("RetractionIn", "J Made Up Rev. 2026 Feb 6;7:9."))
    assert editor.watch().new == []


def test_a_notice_comes_from_both_services_as_one_item_with_what_either_knows(
    editor: Editor, services: Services
) -> None:
    source = next(s for s in watching.sources(editor.library, DAY) if s.doi and s.pmid)
    notes = comment("RetractionIn", "J Made Up Rev. 2026 Feb;7:9.", "990000077")
    services.articles[str(source.pmid)] = article(str(source.pmid), "Made-up", doi=str(source.doi), comments=notes)
    about = str(source.doi).casefold()
    services.updates[about] = [update("10.5555/notice", about, "retraction", [2026, 2, 6])]
    outcome = editor.watch()
    (notice,) = editor.notices
    assert outcome.new == ["n1"]
    assert (notice.says, notice.date, notice.by) == ("retraction", dt.date(2026, 2, 6), ("PubMed", "Crossref"))
    assert (notice.doi, notice.citation, notice.findings) == (source.doi, source.citation, source.findings)
    assert notice.source == "https://pubmed.ncbi.nlm.nih.gov/990000077/"


def test_a_notice_the_tables_have_never_comes(editor: Editor, services: Services) -> None:
    doi = str(next(s.doi for s in watching.sources(editor.library, DAY) if s.doi))
    row = Retraction(doi=doi.upper(), date=DAY, kind="retraction", source="https://example.org/made-up")
    editor.library = dataclasses.replace(editor.library, retractions=(row,))
    services.updates[doi.casefold()] = [update("10.5555/notice", doi, "retraction", [2026, 2, 6])]
    assert editor.watch().new == []


def test_a_second_run_finds_nothing_new_and_fetches_nothing_again(editor: Editor, services: Services) -> None:
    knows(services, "990000001", "990000002")
    assert editor.watch().new == ["r1", "r2"]
    services.asked.clear()
    assert editor.watch(dt.date(2026, 12, 1)).new == []
    assert not [a for a in services.of("efetch.fcgi") if "99000000" in a.query["id"]]


def test_what_was_dismissed_never_comes_back(editor: Editor, services: Services) -> None:
    knows(services, "990000001")
    editor.watch()
    inbox = editor.inbox
    inbox.settle(inbox.get("r1"), "dismissed", reason="made up")
    inbox.save()
    services.works = [work("10.5555/990000001", TITLE)]
    assert editor.watch(dt.date(2026, 12, 1)).new == []
    assert [(r.state, r.reason) for r in editor.reviews] == [("dismissed", "made up")]


def test_a_question_that_finds_too_much_is_read_up_to_a_bound_and_says_so(
    editor: Editor, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("neurodash.watch.pubmed.MOST_FOUND", 2)
    monkeypatch.setattr("neurodash.watch.pubmed.PAGE", 2)
    monkeypatch.setattr("neurodash.watch.watching.MOST_FOUND", 2)
    knows(services, "990000001", "990000002", "990000003")
    outcome = editor.watch()
    assert outcome.new == ["r1", "r2"]
    assert "balance-training/balance-scores: 3 answers, the first 2 were read." in outcome.notes


def test_an_answer_that_leaves_something_out_says_so(editor: Editor, services: Services) -> None:
    knows(services, "990000001", "990000002")
    services.gone = {"990000002"}
    services.script["esearch.fcgi"] = [Answer(esearch(["990000001", "990000002"], count="5"))]
    notes = editor.watch().notes
    assert "balance-training/balance-scores: PubMed counts 5 answers but named 2." in notes
    assert "PubMed sent no article for 990000002: book chapters, or records that were removed." in notes


def test_a_doi_with_a_comma_is_left_to_the_editor(editor: Editor, services: Services) -> None:
    known = editor.library.results["corrini2023-balance"]
    comma = known.model_copy(update={"doi": "10.5555/a,b"})
    editor.library = dataclasses.replace(editor.library, results={**editor.library.results, known.result_id: comma})
    assert any("10.5555/a,b, which holds a comma" in note for note in editor.watch().notes)


# Breaking off and going on


def test_a_run_that_broke_off_asks_only_what_is_missing(editor: Editor, services: Services) -> None:
    knows(services, "990000001")
    services.script["works"] = [Answer("oops", status=500) for _ in range(4)]
    first = editor.watch()
    assert not first.finished
    assert first.new == ["r1"]
    assert [p.where for p in first.problems] == ["Crossref (search)"]
    services.asked.clear()
    second = editor.watch(dt.date(2026, 11, 23))
    assert second.finished
    assert second.new == []
    assert services.of("esearch.fcgi") == services.of("efetch.fcgi") == []
    assert second.skipped == 3
    assert len(services.of("works")) == second.asked == second.steps - 3


def test_a_run_killed_in_the_middle_has_lost_nothing(editor: Editor, services: Services) -> None:
    class Killed(BaseException):
        pass

    def tell(done: int, steps: int, name: str) -> None:
        if done == 4:
            raise Killed

    knows(services, "990000001")
    with pytest.raises(Killed):
        watching.run(editor.library, editor.inbox, editor.pubmed, editor.crossref, DAY, tell=tell)
    assert [review.item for review in editor.reviews] == ["r1"]
    assert len(editor.inbox.done) == 4
    asked = {(a.path, tuple(a.query.items())) for a in services.asked}
    services.asked.clear()
    assert editor.watch().skipped == 4
    assert not asked & {(a.path, tuple(a.query.items())) for a in services.asked}


def test_records_that_came_before_a_question_broke_off_are_not_fetched_again(
    editor: Editor, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("neurodash.watch.pubmed.AT_ONCE", 1)
    knows(services, "990000001", "990000002")
    first_record = Answer("".join(["<PubmedArticleSet>", services.articles["990000001"], "</PubmedArticleSet>"]))
    services.script["efetch.fcgi"] = [first_record, *(Answer("oops", status=500) for _ in range(4))]
    assert editor.watch().new == ["r1"]
    services.asked.clear()
    assert editor.watch().new == ["r2"]
    assert not [a for a in services.of("efetch.fcgi") if "990000001" in a.query["id"]]


def test_a_run_that_broke_off_long_ago_is_begun_anew(editor: Editor, services: Services) -> None:
    services.script["works"] = [Answer("oops", status=500) for _ in range(4)]
    editor.watch()
    services.asked.clear()
    assert editor.watch(dt.date(2026, 11, 29)).skipped == 0
    assert len(services.of("esearch.fcgi")) == 2


def test_one_service_down_leaves_the_other_its_answers(editor: Editor, services: Services) -> None:
    services.works = [work("10.5555/1", TITLE)]
    services.script["esearch.fcgi"] = [Answer("oops", status=503) for _ in range(99)]
    outcome = editor.watch()
    assert outcome.new == ["r1"]
    assert [problem.where for problem in outcome.problems] == ["PubMed (search)"]
    assert len(services.of("esearch.fcgi")) == 4  # one question, then it is left in peace


def test_a_question_that_cannot_be_answered_does_not_stop_the_others(editor: Editor, services: Services) -> None:
    services.script["esearch.fcgi"] = [Answer("<html>busy</html>") for _ in range(4)]
    outcome = editor.watch()
    assert [p.where for p in outcome.problems] == [
        "PubMed (search): PubMed: reviews for balance-training/balance-scores"
    ]
    assert outcome.asked == outcome.steps


def test_after_three_answers_in_a_row_that_cannot_be_used_a_service_is_left(editor: Editor, services: Services) -> None:
    services.script["works"] = [Answer("<html>busy</html>") for _ in range(999)]
    outcome = editor.watch()
    assert len(outcome.problems) == 3
    assert len(services.of("works")) == 12


def test_offline_nothing_is_lost(editor: Editor, services: Services) -> None:
    knows(services, "990000001")
    editor.watch()
    before = editor.reviews
    client = editor.pubmed._client
    away = PubMed(client, "http://127.0.0.1:1"), Crossref(client, "http://127.0.0.1:1")
    outcome = watching.run(editor.library, editor.inbox, *away, dt.date(2026, 12, 1))
    assert [p.where for p in outcome.problems] == ["PubMed (search)", "Crossref (search)"]
    assert all("could not be reached" in p.found for p in outcome.problems)
    assert editor.reviews == before
    services.asked.clear()
    editor.watch(dt.date(2026, 12, 2))
    assert {a.query["mindate"] for a in services.of("esearch.fcgi")} == {"2026/08/23"}  # as if the day had not been
