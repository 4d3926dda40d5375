"""`neurodash evidence watch`, `list`, `accept` and `dismiss` as an editor types them."""

from __future__ import annotations

import csv
import datetime as dt
import functools
import json
import time as real_time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from neurodash import library
from neurodash.cli import main
from neurodash.evidence import judge_brief
from neurodash.library import CONTENT, Library
from neurodash.watch import inbox as inboxes
from neurodash.watch.client import Client
from neurodash.watch.inbox import About
from neurodash.watch.records import Notice, Record
from tests.conftest import DAY, run
from tests.watch.conftest import ADDRESS
from tests.watch.services import FakeTime, Services, article, update

ON = dt.date.fromisoformat(DAY)
TITLE = "Made-up balance training in multiple sclerosis: a systematic review"
BALANCE = About(finding="balance-training/balance-scores", condition="ms", classes=("balance",), outcome="balance")
MOBILITY = About(finding="balance-training/mobility-tests", condition="ms", classes=("balance",), outcome="mobility")
DOSE = About(
    finding="balance-training/weekly-minutes", condition="ms", classes=("balance", "falls"), outcome="balance",
    dose="minutes_per_week",
)  # fmt: skip
Type = Callable[..., Result]


@pytest.fixture
def type_(services: Services, time: FakeTime, inbox_file: Path, monkeypatch: pytest.MonkeyPatch) -> Type:
    """Type `neurodash evidence watch …` with the services of this machine and a clock nobody waits for."""
    quick = functools.partial(Client, clock=time.clock, sleep=time.sleep)
    monkeypatch.setattr("neurodash.watch.client.Client", quick)

    def typed(*words: str | Path) -> Result:
        known = {"list", "accept", "dismiss"}
        run_words = ["--email", ADDRESS, "--on", DAY, "--pubmed", services.url, "--crossref", services.url]
        before = [] if words and words[0] in known else run_words
        every = ["evidence", "watch", "--inbox", str(inbox_file), *before, *map(str, words)]
        return CliRunner().invoke(main, every, catch_exceptions=False)

    return typed


def put(
    path: Path, *abouts: About, title: str = TITLE, authors: tuple[str, ...] = ("Madeup AB", "Second C"), **more: object
):
    """An inbox with one review, r1."""
    known: dict[str, object] = {"doi": "10.5555/new", "pmid": "990000001", "year": 2026, "journal": "J Made Up Rev"}
    record = Record(title, authors=authors, surname=authors[0].split()[0] if authors else "", **{**known, **more})  # type: ignore[arg-type]
    inbox = inboxes.read(path)
    for about in abouts:
        inbox.add_review(record, about, "PubMed", ON, "")
    inbox.save()


def put_notice(path: Path, doi: str | None, date: dt.date | None, word: str = "retraction") -> None:
    inbox = inboxes.read(path)
    notice = Notice(word, date, "https://doi.org/10.5555/notice")
    inbox.add_notice(notice, doi, "990000005", "Made-up A 2024", ["balance-training/balance-scores"], "Crossref", ON)
    inbox.save()


def rows(folder: Path, name: str = "reviews.csv") -> list[dict[str, str]]:
    with (folder / "evidence" / name).open(newline="", encoding="utf-8") as table:
        return list(csv.DictReader(table))


# The run


def test_the_watch_shows_what_is_new_and_where_it_is_kept(type_: Type, services: Services, inbox_file: Path) -> None:
    services.articles["990000001"] = article("990000001", TITLE, doi="10.5555/new")
    services.found = lambda term: ["990000001"]
    done = type_("--brief", "balance-training")
    assert done.exit_code == 0, done.output
    assert f"r1  {TITLE}" in done.output
    assert "J Made Up Rev 2026 · doi 10.5555/new · PMID 990000001 · by PubMed" in done.output
    assert "https://doi.org/10.5555/new" in done.output
    assert f"1 new; 1 waiting in {inbox_file}." in done.output
    assert type_("--brief", "balance-training").output.startswith("Nothing new; 1 waiting")


def test_the_watch_as_json(type_: Type, services: Services) -> None:
    services.articles["990000001"] = article("990000001", TITLE, doi="10.5555/new")
    services.found = lambda term: ["990000001"]
    report = json.loads(type_("--brief", "balance-training", "--json").stdout)
    assert report["finished"]
    assert [item["doi"] for item in report["new"]] == ["10.5555/new"]
    assert {about["finding"].split("/")[0] for about in report["new"][0]["about"]} == {"balance-training"}
    assert len(report["new"][0]["about"]) >= 7
    assert report["questions"] == report["asked"] > 14


def test_the_watch_never_changes_our_content(type_: Type, services: Services) -> None:
    before = library.load().version
    services.articles["990000001"] = article("990000001", TITLE, doi="10.5555/new")
    services.found = lambda term: ["990000001"]
    type_()
    assert library.load().version == before


def test_without_an_address_nothing_is_asked_and_why_is_told(services: Services, inbox_file: Path) -> None:
    done = run("evidence", "watch", "--inbox", inbox_file, "--pubmed", services.url, env={"NEURODASH_EMAIL": ""})
    assert done.returncode == 2
    assert "NCBI asks for an address with every request" in done.stderr
    assert services.asked == []
    assert not inbox_file.exists()


def test_the_address_may_come_from_the_environment(inbox_file: Path) -> None:
    done = run("evidence", "watch", "--inbox", inbox_file, "--pubmed", "http://127.0.0.1:1", "--crossref",
               "http://127.0.0.1:1", env={"NEURODASH_EMAIL": ADDRESS})  # fmt: skip
    assert (done.returncode, "no e-mail address" in done.stderr) == (2, False)


def test_offline_it_says_which_service_and_exits_2_at_once(inbox_file: Path) -> None:
    put(inbox_file, BALANCE)
    before = inboxes.read(inbox_file).items
    begun = real_time.monotonic()
    done = run("evidence", "watch", "--inbox", inbox_file, "--email", ADDRESS, "--pubmed", "http://127.0.0.1:1",
               "--crossref", "http://127.0.0.1:1")  # fmt: skip
    assert done.returncode == 2
    assert "PubMed (search): could not be reached: the connection was refused" in done.stderr
    assert "Crossref (search): could not be reached" in done.stderr
    assert "Everything found so far is kept" in done.stdout
    assert "Traceback" not in done.stderr
    assert inboxes.read(inbox_file).items == before
    assert real_time.monotonic() - begun < 10


def test_a_first_run_that_reaches_nobody_leaves_no_inbox(inbox_file: Path) -> None:
    run("evidence", "watch", "--inbox", inbox_file, "--email", ADDRESS, "--pubmed", "http://127.0.0.1:1",
        "--crossref", "http://127.0.0.1:1")  # fmt: skip
    assert not inbox_file.exists()


def test_a_second_run_at_the_same_time_is_refused(inbox_file: Path) -> None:
    with inboxes.locked(inbox_file):
        done = run("evidence", "watch", "--inbox", inbox_file, "--email", ADDRESS, "--pubmed", "http://127.0.0.1:1")
    assert (done.returncode, done.stdout) == (2, "")
    assert "in use by another run" in done.stderr


def test_a_broken_inbox_stops_every_command_and_is_left_untouched(
    type_: Type, inbox_file: Path, tmp_path: Path
) -> None:
    put(inbox_file, BALANCE)
    broken = inbox_file.read_text() + "oops\n"
    inbox_file.write_text(broken)
    for words in ([], ["list"], ["accept", "r1", "--into", tmp_path / "mine"], ["dismiss", "r1", "--reason", "x"]):
        done = type_(*words)
        assert done.exit_code == 2
        assert f"{inbox_file}:3: a broken line" in done.stderr
    assert inbox_file.read_text() == broken


def test_an_unknown_brief_is_named(type_: Type) -> None:
    done = type_("--brief", "balance-trainning")
    assert done.exit_code == 2
    assert "Did you mean balance-training?" in done.stderr


# The list


def test_the_list_shows_what_waits_and_with_all_what_was_decided(type_: Type, inbox_file: Path) -> None:
    put(inbox_file, BALANCE, MOBILITY)
    put_notice(inbox_file, "10.5555/old", None)
    shown = type_("list").output
    assert "for balance-training/balance-scores and balance-training/mobility-tests" in shown
    assert "n1  Retracted: Made-up A 2024" in shown
    assert "day not known; accept it with --date YYYY-MM-DD once you know it" in shown
    assert "2 items waiting" in shown
    assert type_("dismiss", "r1", "--reason", "a protocol, no review").exit_code == 0
    assert "r1" not in type_("list").output
    assert "(dismissed: a protocol, no review)" in type_("list", "--all").output
    assert [item["state"] for item in json.loads(type_("list", "--all", "--json").stdout)] == ["dismissed", "new"]


def test_the_list_of_no_inbox_says_what_to_do(type_: Type) -> None:
    done = type_("list")
    assert (done.exit_code, "Run neurodash evidence watch first" in done.stderr) == (2, True)


def test_nothing_from_outside_reaches_the_terminal_as_a_command(
    type_: Type, services: Services, inbox_file: Path
) -> None:
    services.articles["990000001"] = article(
        "990000001", f"{TITLE} &#x9b;31m &#x202e;evil&#10;r9 fake", doi="10.5555/new"
    )
    services.found = lambda term: ["990000001"]
    shown = type_("--brief", "balance-training").output + type_("list").output
    assert all(char.isprintable() or char == "\n" for char in shown)
    assert "\nr9" not in shown
    by_hand = inbox_file.read_text().replace("31m", "\\u001b[31m")
    inbox_file.write_text(by_hand)
    assert "\x1b" not in type_("list").output


# Dismissing


def test_a_dismissed_item_cannot_be_dealt_with_again_by_accident(type_: Type, inbox_file: Path, tmp_path: Path) -> None:
    put(inbox_file, BALANCE)
    type_("dismiss", "r1", "--reason", "made up")
    done = type_("accept", "r1", "--into", tmp_path / "mine")
    assert done.exit_code == 2
    assert "r1, which was dismissed before (made up)" in done.stderr
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize(
    ("item", "reason", "told"), [("r7", "x", "no item “r7”; accepted: r1"), ("r1", " \t", "--reason")]
)
def test_dismissing_needs_an_item_and_a_reason(
    type_: Type, inbox_file: Path, item: str, reason: str, told: str
) -> None:
    put(inbox_file, BALANCE)
    done = type_("dismiss", item, "--reason", reason)
    assert (done.exit_code, told in done.stderr) == (2, True)


# Accepting a review


def test_an_accepted_review_is_a_row_with_every_number_empty(type_: Type, inbox_file: Path, tmp_path: Path) -> None:
    put(inbox_file, BALANCE, volume="7", pages="11-22")
    done = type_("accept", "r1", "--into", tmp_path / "mine")
    assert done.exit_code == 0, done.output
    (row,) = rows(tmp_path / "mine")
    filled = {column: cell for column, cell in row.items() if cell}
    assert filled.pop("notes").startswith(
        "proposed by the watch; nothing was read yet. Title: Made-up balance training"
    )
    assert filled == {
        "result_id": "madeup2026-balance", "review_id": "madeup2026", "year": "2026", "doi": "10.5555/new",
        "citation": "Madeup AB, Second C. J Made Up Rev 2026;7:11-22", "pmid": "990000001", "condition": "ms",
        "intervention_class": "balance", "outcome_domain": "balance", "effect_metric": "narrative",
        "significant": "unclear", "row_kind": "main", "source_url": "https://doi.org/10.5555/new",
    }  # fmt: skip
    with (CONTENT / "evidence" / "reviews.csv").open() as table:
        assert list(row) == next(csv.reader(table))


def test_an_accepted_row_loads_and_is_silent_in_every_vote(
    type_: Type, inbox_file: Path, tmp_path: Path, ours: Library
) -> None:
    put(inbox_file, *(about for about in _every_about(ours)))
    done = type_("accept", "r1", "--into", tmp_path / "mine", "--class", "balance", "--class", "resistance")
    assert done.exit_code == 0, done.output
    check = CliRunner().invoke(main, ["library", "check", "--content", str(tmp_path / "mine")])
    assert check.exit_code == 0, check.output
    both = library.load([CONTENT, tmp_path / "mine"])
    added = set(both.results) - set(ours.results)
    assert len(added) == len(rows(tmp_path / "mine")) > 5
    for brief in ours.briefs.values():
        for before, after in zip(judge_brief(brief, ours, ON), judge_brief(brief, both, ON), strict=True):
            assert {r.voice for r in after.rows if r.result.result_id in added} <= {"silent", "not counted"}
            same = ("key", "agree", "disagree", "newest_search", "evidence_to", "lapses")
            assert [getattr(after, name) for name in same] == [getattr(before, name) for name in same]


def _every_about(ours: Library) -> list[About]:
    return [
        About(
            finding=f"{brief.slug}/{f.id}", condition="ms", classes=f.claim.intervention, outcome=f.claim.outcome,
            dose=f.claim.dose,
        )
        for brief in ours.briefs.values() for f in brief.findings
    ]  # fmt: skip


def test_a_finding_about_a_dose_gets_a_row_of_its_dose(type_: Type, inbox_file: Path, tmp_path: Path) -> None:
    put(inbox_file, DOSE)
    refused = type_("accept", "r1", "--into", tmp_path / "mine")
    assert refused.exit_code == 0  # “balance” stands in the title, “falls” does not
    (row,) = rows(tmp_path / "mine")
    assert (row["result_id"], row["row_kind"], row["dose_measure"], row["dose_direction"]) == (
        "madeup2026-balance-minutes_per_week", "dose", "minutes_per_week", "",
    )  # fmt: skip


def test_where_the_training_is_open_the_editor_says_it(type_: Type, inbox_file: Path, tmp_path: Path) -> None:
    put(inbox_file, DOSE, BALANCE, title="Made-up review of exercise")
    refused = type_("accept", "r1", "--into", tmp_path / "mine")
    assert refused.exit_code == 2
    assert "balance-training/weekly-minutes is about more than one training; accepted: balance, falls" in refused.stderr
    assert not (tmp_path / "mine").exists()
    assert type_("accept", "r1", "--into", tmp_path / "mine", "--class", "falls").exit_code == 0
    assert [(r["intervention_class"], r["row_kind"]) for r in rows(tmp_path / "mine")] == [
        ("falls", "dose"),
        ("balance", "main"),
    ]


def test_an_editor_may_take_a_review_for_one_finding_only(type_: Type, inbox_file: Path, tmp_path: Path) -> None:
    put(inbox_file, BALANCE, MOBILITY)
    assert type_("accept", "r1", "--into", tmp_path / "mine", "--for", MOBILITY.finding).exit_code == 0
    assert [row["outcome_domain"] for row in rows(tmp_path / "mine")] == ["mobility"]


def test_an_id_that_is_taken_by_another_review_gets_a_letter(type_: Type, inbox_file: Path, tmp_path: Path) -> None:
    put(inbox_file, BALANCE, authors=("Wallin A",), year=2024)
    assert type_("accept", "r1", "--into", tmp_path / "mine").exit_code == 0
    assert rows(tmp_path / "mine")[0]["review_id"] == "wallin2024b"


@pytest.mark.parametrize(
    ("name", "told"), [("wallin2024", "“wallin2024”, which exists already"), ("A b", "small letters, digits")]
)
def test_an_id_of_ones_own_must_be_free_and_plain(
    type_: Type, inbox_file: Path, tmp_path: Path, name: str, told: str
) -> None:
    put(inbox_file, BALANCE)
    done = type_("accept", "r1", "--into", tmp_path / "mine", "--id", name)
    assert (done.exit_code, told in done.stderr) == (2, True)
    assert not (tmp_path / "mine").exists()
    assert "r1" in type_("list").output


def test_a_review_that_came_into_the_tables_meanwhile_is_refused(
    type_: Type, inbox_file: Path, tmp_path: Path, ours: Library
) -> None:
    put(inbox_file, BALANCE, doi=(ours.results["corrini2023-balance"].doi or "").upper())
    done = type_("accept", "r1", "--into", tmp_path / "mine")
    assert done.exit_code == 2
    assert "corrini2023, which is in the tables already" in done.stderr


def test_rows_are_added_behind_what_is_there_byte_for_byte(type_: Type, inbox_file: Path, tmp_path: Path) -> None:
    table = tmp_path / "mine" / "evidence" / "reviews.csv"
    table.parent.mkdir(parents=True)
    head = "review_id,result_id,citation,year,doi,pmid,condition,intervention_class,outcome_domain,effect_metric,"
    head += "row_kind,source_url,notes,significant"
    old = f'{head}\r\nx2020,x2020-a,"Made-up, X",2020,,,ms,balance,balance,narrative,main,,"two\r\nlines",unclear'
    table.write_bytes(b"\xef\xbb\xbf" + old.encode())
    put(inbox_file, BALANCE)
    assert type_("accept", "r1", "--into", tmp_path / "mine").exit_code == 0
    new = table.read_bytes()
    assert new.startswith(b"\xef\xbb\xbf" + old.encode() + b"\r\nmadeup2026,madeup2026-balance,")
    assert new.endswith(b",unclear\r\n")
    assert CliRunner().invoke(main, ["library", "check", "--content", str(tmp_path / "mine")]).exit_code == 0
    assert [path.name for path in table.parent.iterdir()] == ["reviews.csv"]


def test_a_table_without_the_columns_or_a_broken_folder_is_left_as_it_is(
    type_: Type, inbox_file: Path, tmp_path: Path
) -> None:
    table = tmp_path / "mine" / "evidence" / "reviews.csv"
    table.parent.mkdir(parents=True)
    put(inbox_file, BALANCE)
    short = "result_id,review_id,citation,condition,intervention_class,outcome_domain,effect_metric,row_kind\n"
    for text, told in ((short, "no column doi, notes, pmid"), ("oops\n", "an unknown column “oops”")):
        table.write_text(text)
        done = type_("accept", "r1", "--into", tmp_path / "mine")
        assert (done.exit_code, told in done.stderr) == (2, True), done.stderr
        assert table.read_text() == text
    assert "r1" in type_("list").output


def test_a_code_no_vocabulary_has_any_more_is_refused(type_: Type, inbox_file: Path, tmp_path: Path) -> None:
    put(inbox_file, BALANCE.model_copy(update={"classes": ("balanse",)}))
    done = type_("accept", "r1", "--into", tmp_path / "mine")
    assert (done.exit_code, "Did you mean balance?" in done.stderr) == (2, True)
    assert not (tmp_path / "mine").exists()


def test_the_folder_may_be_among_the_content_too(type_: Type, inbox_file: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    put(inbox_file, BALANCE)
    same = tmp_path / "mine" / ".." / "mine"
    assert type_("accept", "r1", "--into", tmp_path / "mine", "--content", same).exit_code == 0


def test_the_inbox_may_be_named_before_or_after_the_subcommand(inbox_file: Path) -> None:
    put(inbox_file, BALANCE)
    for words in (["--inbox", str(inbox_file), "list"], ["list", "--inbox", str(inbox_file)]):
        assert "1 item waiting" in CliRunner().invoke(main, ["evidence", "watch", *words]).output


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\uff1d", "=-+@ "])
def test_no_cell_from_outside_begins_like_a_formula(type_: Type, inbox_file: Path, tmp_path: Path, sign: str) -> None:
    evil = f'{sign}HYPERLINK("https://evil.example","x")'
    put(inbox_file, BALANCE, title=evil, authors=(evil, "B", "C", "D"), journal=evil)
    assert type_("accept", "r1", "--into", tmp_path / "mine").exit_code == 0
    (row,) = rows(tmp_path / "mine")
    assert row["citation"].startswith("HYPERLINK")
    assert not [cell for cell in row.values() if cell[:1] in tuple("=+-@\t\r＝＋－＠")]


def test_quotes_commas_and_line_ends_stay_inside_their_cell(type_: Type, inbox_file: Path, tmp_path: Path) -> None:
    put(inbox_file, BALANCE, title='Made-up "quoted", with\n=1+1,2', journal='J "Made", Up')
    assert type_("accept", "r1", "--into", tmp_path / "mine").exit_code == 0
    (row,) = rows(tmp_path / "mine")
    assert row["citation"] == 'Madeup AB, Second C. J "Made", Up 2026'


def test_what_is_not_known_stays_empty(type_: Type, inbox_file: Path, tmp_path: Path) -> None:
    put(inbox_file, BALANCE, authors=(), doi=None, year=None, journal="")
    assert type_("accept", "r1", "--into", tmp_path / "mine").exit_code == 0
    (row,) = rows(tmp_path / "mine")
    assert (row["review_id"], row["citation"], row["year"], row["doi"]) == ("pmid990000001", TITLE, "", "")
    assert row["source_url"] == "https://pubmed.ncbi.nlm.nih.gov/990000001/"
    assert CliRunner().invoke(main, ["library", "check", "--content", str(tmp_path / "mine")]).exit_code == 0


def test_our_own_content_is_never_written_to(type_: Type, inbox_file: Path) -> None:
    put(inbox_file, BALANCE)
    before = (CONTENT / "evidence" / "reviews.csv").read_bytes()
    for folder in (CONTENT, CONTENT / "ms", CONTENT / "ms" / ".."):
        done = type_("accept", "r1", "--into", folder)
        assert (done.exit_code, "NeuroDash's own content" in done.stderr) == (2, True)
    assert (CONTENT / "evidence" / "reviews.csv").read_bytes() == before


# Accepting a notice


def test_an_accepted_retraction_withdraws_the_finding_that_cites_it(
    type_: Type, inbox_file: Path, tmp_path: Path, ours: Library
) -> None:
    doi = ours.results["corrini2023-balance"].doi
    put_notice(inbox_file, doi, dt.date(2026, 2, 6))
    assert type_("accept", "n1", "--into", tmp_path / "mine").exit_code == 0
    assert rows(tmp_path / "mine", "retractions.csv") == [
        {"doi": doi, "date": "2026-02-06", "kind": "retraction", "source": "https://doi.org/10.5555/notice"}
    ]
    both = library.load([CONTENT, tmp_path / "mine"])
    verdicts = {v.finding.id: v.key for v in judge_brief(both.briefs["balance-training"], both, ON)}
    assert verdicts["balance-scores"] == "withdrawn"
    again = type_("accept", "n1", "--into", tmp_path / "mine")
    assert (again.exit_code, "which was accepted before" in again.stderr) == (2, True)


def test_what_a_notice_does_not_say_must_be_typed(type_: Type, inbox_file: Path, tmp_path: Path) -> None:
    put_notice(inbox_file, None, None, "partial_retraction")
    refused = type_("accept", "n1", "--into", tmp_path / "mine")
    assert refused.exit_code == 2
    for option in ("--date YYYY-MM-DD", "--doi DOI", "--kind retraction"):
        assert option in refused.stderr
    assert "3 problems." in refused.stderr
    assert not (tmp_path / "mine").exists()
    words = ["--date", "2026-02-06", "--doi", "10.5555/old", "--kind", "expression_of_concern"]
    assert type_("accept", "n1", "--into", tmp_path / "mine", *words).exit_code == 0
    assert rows(tmp_path / "mine", "retractions.csv")[0]["kind"] == "expression_of_concern"


def test_a_notice_found_by_a_run_is_listed_with_what_it_concerns(
    type_: Type, services: Services, ours: Library
) -> None:
    known = ours.results["corrini2023-balance"]
    doi = str(known.doi)
    services.updates[doi.casefold()] = [update("10.5555/notice", doi, "retraction", [2026, 2, 6])]
    done = type_("--brief", "balance-training")
    assert done.exit_code == 0
    assert f"n1  Retracted: {known.citation}" in done.output
    assert "published 6\u00a0February 2026".replace("\u00a0", " ") in done.output.replace("\u00a0", " ")
    assert "balance-training/balance-scores" in done.output
