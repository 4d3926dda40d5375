"""The inbox survives hands, crashes and company."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from neurodash.errors import DataError
from neurodash.watch import inbox as inboxes
from neurodash.watch.inbox import About, Inbox
from neurodash.watch.records import Notice, Record

DAY = dt.date(2026, 11, 21)
ABOUT = About(finding="balance-training/balance-scores", condition="ms", classes=("balance",), outcome="balance")
HEAD = '{"inbox": 1}'
ITEM = (
    '{"item": "r1", "kind": "review", "found": "2026-11-21", "title": "Made-up", "about": [{"finding": "a/b", '
    '"condition": "ms", "classes": ["balance"], "outcome": "balance"}]}'
)


@pytest.fixture
def inbox(inbox_file: Path) -> Inbox:
    found = inboxes.read(inbox_file)
    found.add_review(Record("Made-up “one”\u2028", year=2026, doi="10.5555/1"), ABOUT, "PubMed", DAY, "")
    found.add_notice(
        Notice("retraction", None, "https://example.org/n"), "10.5555/9", None, "A", ["a/b"], "PubMed", DAY
    )
    found.save()
    return found


def test_what_was_written_is_read_back(inbox: Inbox, inbox_file: Path) -> None:
    again = inboxes.read(inbox_file)
    assert again.items == inbox.items
    again.save()
    assert inbox_file.read_bytes() == inbox.as_read


def test_every_line_is_one_plain_json_object(inbox: Inbox, inbox_file: Path) -> None:
    lines = inbox_file.read_bytes().decode().rstrip("\n").split("\n")
    assert [next(iter(json.loads(line))) for line in lines] == ["inbox", "item", "item"]
    assert '"state": "new"' in lines[1]


def test_no_file_and_an_empty_one_are_empty_inboxes(inbox_file: Path) -> None:
    assert inboxes.read(inbox_file).items == {}
    with pytest.raises(DataError, match="no head"):
        inbox_file.write_text("{}\n")
        inboxes.read(inbox_file)
    inbox_file.write_text("\n")
    assert inboxes.read(inbox_file).items == {}


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([HEAD, ITEM, '{"item": "r2", "kind'], ":3: a broken line; accepted: one JSON object"),
        ([HEAD, "", "hello"], ":3: a broken line"),
        ([ITEM], ":1: no head of an inbox"),
        ([HEAD, HEAD], ":2: a second head"),
        (['{"inbox": 2}'], ":1: inbox: “2”; accepted: a number of at most 1"),
        (
            [HEAD, ITEM.replace("review", "reviev")],
            ":2: kind: “reviev”; accepted: review, notice. Did you mean review?",
        ),
        (
            [HEAD, ITEM.replace("2026-11-21", "yesterday")],
            ":2: found: “yesterday”; accepted: a date such as 2026-11-21",
        ),
        ([HEAD, ITEM.replace('"title"', '"titel"')], ":2: an unknown key “titel”"),
        ([HEAD, ITEM.replace('"r1"', '"../x"')], ":2: item: “../x”"),
        ([HEAD, ITEM.replace('"found"', '"state": "maybe", "found"')], ":2: state: “maybe”; accepted: new, accepted"),
        ([HEAD, ITEM, ITEM], ":3: the item r1 again"),
        ([HEAD, '{"watched": "a/b", "by": "Scholar", "on": "2026-11-21", "asked": "x"}'], ":2: by: “Scholar”"),
    ],
)
def test_a_broken_line_is_named_and_the_file_left_as_it_is(inbox_file: Path, lines: list[str], told: str) -> None:
    inbox_file.write_text("\n".join(lines))
    before = inbox_file.read_bytes()
    with pytest.raises(DataError) as raised:
        inboxes.read(inbox_file)
    assert f"{inbox_file}{told}" in str(raised.value)
    assert inbox_file.read_bytes() == before


def test_every_broken_line_is_named_at_once(inbox_file: Path) -> None:
    inbox_file.write_text(f"{HEAD}\nx\n{ITEM}\ny\n")
    with pytest.raises(DataError) as raised:
        inboxes.read(inbox_file)
    assert [problem.where.rpartition(":")[2] for problem in raised.value.problems] == ["2", "4"]


def test_bytes_that_are_not_utf8_are_named_with_their_line(inbox_file: Path) -> None:
    inbox_file.write_bytes(HEAD.encode() + b'\n{"item": "\xff"}\n')
    with pytest.raises(DataError, match=r":2: not UTF-8"):
        inboxes.read(inbox_file)


def test_numbers_go_on_and_are_never_used_twice(inbox: Inbox) -> None:
    inbox.settle(inbox.get("r1"), "dismissed", reason="made up")
    inbox.add_review(Record("Made-up two", pmid="990000002"), ABOUT, "PubMed", DAY, "")
    assert list(inbox.items) == ["r1", "n1", "r2"]


def test_two_runs_at_once_are_kept_apart(inbox_file: Path) -> None:
    refused = pytest.raises(DataError, match="in use by another run")
    with inboxes.locked(inbox_file), refused, inboxes.locked(inbox_file):
        pass
    with inboxes.locked(inbox_file):
        pass


def test_a_change_by_hand_during_a_run_is_not_overwritten(inbox: Inbox, inbox_file: Path) -> None:
    inbox_file.write_text(HEAD)
    with pytest.raises(DataError, match="changed during the run"):
        inbox.save()
    assert inbox_file.read_text() == HEAD


def test_writing_that_fails_leaves_the_old_file_whole(
    inbox: Inbox, inbox_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    before = inbox_file.read_bytes()
    monkeypatch.setattr("os.fsync", full)
    inbox.settle(inbox.get("r1"), "dismissed", reason="made up")
    with pytest.raises(OSError, match="No space"):
        inbox.save()
    assert inbox_file.read_bytes() == before
    assert [path.name for path in inbox_file.parent.iterdir()] == [inbox_file.name]


def test_the_same_title_of_another_doi_or_year_is_another_review(inbox: Inbox) -> None:
    assert inbox.knows(Record("MADE-UP one", year=2026))
    assert inbox.knows(Record("Made-up one", pmid="990000001"))
    assert not inbox.knows(Record("Made-up one", year=2025))
    assert not inbox.knows(Record("Made-up one", year=2026, doi="10.5555/2"))
    assert not inbox.knows(Record("“”", year=2026))
