"""The inbox: a file of JSON lines that keeps what the watch found, and how far it got.

    {"inbox": 1, "begun": null, "done": []}                                     the head; a run that broke off
    {"watched": "balance-training/stepping", "by": "PubMed", "on": "2026-11-21", "asked": "5f…"}
    {"item": "r1", "kind": "review", "state": "new", …}                         what an editor accepts or dismisses

One thing a line, so that a line broken by hand is named, the rest is not touched, and a diff shows what changed.
Writing replaces the whole file at once; a lock keeps two runs apart.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, Field

from neurodash.errors import DataError, Problem, did_you_mean
from neurodash.library.reading import Located, check, decode, read_bytes
from neurodash.library.rows import Code, Digits, Doi, DoseMeasure, Row, Text, Url, Year, accepted
from neurodash.watch.records import NOTICES, Notice, Record, words_of

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

State = Literal["new", "accepted", "dismissed"]
Service = Literal["PubMed", "Crossref"]
Name = Annotated[str, Field(max_length=700)]


def _is_item_id(value: str) -> str:
    if not (value[:1] in ("r", "n") and value[1:].isascii() and value[1:].isdigit() and len(value) <= 8):
        raise accepted("r and a number for a review, n and a number for a notice: r12")
    return value


ItemId = Annotated[str, AfterValidator(_is_item_id)]


class Head(Row):
    """The first line. `begun` and `done` are set while a run has not been finished."""

    inbox: Annotated[int, Field(ge=1, le=1)]  # the form of the file
    begun: dt.date | None = None
    done: tuple[str, ...] = ()


class Watched(Row):
    """The last day one service was asked about one finding, and a fingerprint of what it was asked."""

    watched: Name
    by: Service
    on: dt.date
    asked: Name


class About(Row):
    """What a finding is about, as the table of results would file it."""

    finding: Name
    condition: Code
    classes: Annotated[tuple[Code, ...], Field(min_length=1)]
    outcome: Code
    dose: DoseMeasure | None = None


class _Item(Row):
    item: ItemId
    state: State = "new"
    found: dt.date
    by: tuple[Service, ...] = ()
    doi: Doi | None = None
    pmid: Digits | None = None
    reason: Name = ""  # why it was dismissed
    rows: tuple[str, ...] = ()  # the ids of the rows it became


class ReviewItem(_Item):
    """A review that no table has yet."""

    kind: Literal["review"]
    title: Text
    authors: tuple[Name, ...] = ()
    surname: Name = ""
    journal: Name = ""
    year: Year | None = None
    volume: Name = ""
    pages: Name = ""
    about: Annotated[tuple[About, ...], Field(min_length=1)]
    looks_like: Name = ""  # a review of the tables without DOI or PMID that may be the same

    @property
    def findings(self) -> tuple[str, ...]:
        return tuple(about.finding for about in self.about)


class NoticeItem(_Item):
    """A notice about a publication the library rests on; `doi` and `pmid` are that publication's.

    `says` is None where the service's own `word` does not decide it, `date` where no day was said.
    """

    kind: Literal["notice"]
    citation: Text
    word: Name
    says: Literal["retraction", "expression_of_concern"] | None = None
    date: dt.date | None = None
    source: Url
    findings: tuple[Name, ...] = ()


Item = ReviewItem | NoticeItem
EitherItem = TypeVar("EitherItem", ReviewItem, NoticeItem)


@dataclass
class Inbox:
    """An inbox in memory. `save` writes it; until then the file is as it was."""

    path: Path
    begun: dt.date | None = None
    done: set[str] = field(default_factory=set)
    watched: dict[tuple[str, str], Watched] = field(default_factory=dict)
    items: dict[str, Item] = field(default_factory=dict)
    as_read: bytes = b""  # what the file held when it was last read or written

    @property
    def reviews(self) -> list[ReviewItem]:
        return [item for item in self.items.values() if isinstance(item, ReviewItem)]

    @property
    def notices(self) -> list[NoticeItem]:
        return [item for item in self.items.values() if isinstance(item, NoticeItem)]

    @property
    def waiting(self) -> list[Item]:
        return [item for item in self.items.values() if item.state == "new"]

    def get(self, name: str) -> Item:
        """The item of that id. Raises DataError, with what would do, if there is none or it was dealt with."""
        item = self.items.get(name)
        if item is None:
            waiting = [item.item for item in self.waiting]
            known = ", ".join(waiting[:12]) + (" …" if len(waiting) > 12 else "")
            near = did_you_mean(name, waiting)
            raise DataError([Problem(str(self.path), f"no item “{name}”", known or "none: nothing waits here", near)])
        if item.state != "new":
            why = f"{name}, which was {item.state} before" + (f" ({item.reason})" if item.reason else "")
            mend = "To undo it, set its state back to new in the file."
            raise DataError([Problem(str(self.path), why, "an item that still waits", mend)])
        return item

    def add_review(self, record: Record, about: About, by: Service, on: dt.date, looks_like: str) -> bool:
        """Keep a review for a finding; whether it is new. One that was seen before gains the finding and the service."""
        known = self.knows(record)
        if known is None:
            self._keep(
                ReviewItem(
                    item=self._next("r"), kind="review", found=on, by=(by,), about=(about,), looks_like=looks_like,
                    title=record.title, authors=record.authors, surname=record.surname, journal=record.journal,
                    year=record.year, volume=record.volume, pages=record.pages, doi=record.doi, pmid=record.pmid,
                )
            )  # fmt: skip
            return True
        if known.state == "new":
            more = () if about.finding in known.findings else (about,)
            self._keep(_joined(known, by, record.doi, record.pmid, {"about": (*known.about, *more)}))
        return False

    def add_notice(
        self, notice: Notice, doi: str | None, pmid: str | None, citation: str, findings: Iterable[str],
        by: Service, on: dt.date,
    ) -> bool:  # fmt: skip
        """Keep a notice about a publication; whether it is new. The same notice from the other service joins it."""
        says = NOTICES.get(notice.word)
        for known in self.notices:
            if _same(known, doi, pmid) and (known.says or known.word) == (says or notice.word):
                if known.state == "new":
                    names = tuple(dict.fromkeys((*known.findings, *findings)))
                    more = {"findings": names, "date": known.date or notice.date}
                    self._keep(_joined(known, by, doi, pmid, more))
                return False
        self._keep(
            NoticeItem(
                item=self._next("n"), kind="notice", found=on, by=(by,), doi=doi, pmid=pmid, citation=citation,
                word=notice.word, says=says, date=notice.date, source=notice.source, findings=tuple(findings),
            )
        )  # fmt: skip
        return True

    def knows(self, record: Record) -> ReviewItem | None:
        """The item of this review: by DOI or PMID, else by title where nothing else tells the two apart."""
        for known in self.reviews:
            if _same(known, record.doi, record.pmid):
                return known
        title = words_of(record.title)
        for known in self.reviews:
            pairs = ((known.year, record.year), (known.doi, record.doi), (known.pmid, record.pmid))
            if title.strip() and title == words_of(known.title) and not any(a and b and a != b for a, b in pairs):
                return known
        return None

    def settle(self, item: Item, state: State, reason: str = "", rows: Iterable[str] = ()) -> None:
        self._keep(item.model_copy(update={"state": state, "reason": reason, "rows": tuple(rows)}))

    def save(self) -> None:
        """Replace the file at once: whoever reads it finds the old one or the new one, never half of one.

        Raises DataError, and writes nothing, where somebody changed the file since it was read. An inbox in which nothing
        was ever put makes no file.
        """
        if not (self.items or self.watched or self.done or self.as_read):
            return
        now = self.path.read_bytes() if self.path.exists() else b""
        if now != self.as_read:
            mend = "Your change was kept; what this run found after it will be found again."
            raise DataError([Problem(str(self.path), "a file that was changed during the run", "a file at rest", mend)])
        head = Head(inbox=1, begun=self.begun, done=tuple(sorted(self.done)))
        lines = [head, *(self.watched[key] for key in sorted(self.watched)), *self.items.values()]
        text = "\n".join(json.dumps(_plain(line), ensure_ascii=False) for line in lines)
        self.as_read = f"{text}\n".encode()
        write_at_once(self.path, self.as_read)

    def _keep(self, item: Item) -> None:
        self.items[item.item] = item

    def _next(self, letter: str) -> str:
        taken = [int(name[1:]) for name in self.items if name[0] == letter]
        return f"{letter}{max(taken, default=0) + 1}"


def _same(item: Item, doi: str | None, pmid: str | None) -> bool:
    same_doi = doi is not None and item.doi is not None and item.doi.casefold() == doi.casefold()
    return same_doi or (pmid is not None and item.pmid == pmid)


def _joined(item: EitherItem, by: Service, doi: str | None, pmid: str | None, more: dict[str, Any]) -> EitherItem:
    found = {"by": tuple(dict.fromkeys((*item.by, by))), "doi": item.doi or doi, "pmid": item.pmid or pmid}
    return item.model_copy(update={**found, **more})


def _plain(line: Row) -> dict[str, Any]:
    """Without what is empty; the head whole, because it says what file this is."""
    found = line.model_dump(mode="json")
    return (
        found if isinstance(line, Head) else {key: value for key, value in found.items() if value not in (None, "", [])}
    )


# The file


def read(path: Path) -> Inbox:
    """The inbox in a file; an empty one where there is no file. Raises DataError naming every line that is broken."""
    inbox = Inbox(path)
    if not path.exists():
        return inbox
    where = str(path)
    problems: list[Problem] = []
    headed = False
    inbox.as_read = read_bytes(path, where)
    for number, line in enumerate(decode(inbox.as_read, where).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            found = None
        read_line, line_problems = _read_line(found, f"{where}:{number}", number, headed)
        problems += [
            Problem(p.where, p.found, p.accepted, p.mend or "The file was left as it is.") for p in line_problems
        ]
        headed = True
        match read_line:
            case Head():
                inbox.begun, inbox.done = read_line.begun, set(read_line.done)
            case Watched():
                inbox.watched[read_line.watched, read_line.by] = read_line
            case ReviewItem() | NoticeItem():
                if read_line.item in inbox.items:
                    problems.append(Problem(f"{where}:{number}", f"the item {read_line.item} again", "each item once"))
                inbox.items[read_line.item] = read_line
    if problems:
        raise DataError(problems)
    return inbox


def _read_line(found: Any, where: str, number: int, headed: bool) -> tuple[Row | None, list[Problem]]:
    if not isinstance(found, dict):
        return None, [Problem(where, "a broken line", "one JSON object, as the watch wrote it")]
    if ("inbox" in found) == headed:
        return None, [Problem(where, "no head of an inbox" if not headed else "a second head", '{"inbox": 1} first')]
    models: dict[str, type[Row]] = {"review": ReviewItem, "notice": NoticeItem}
    kind = found.get("kind")
    model = (
        Head if not headed else Watched if "watched" in found else models.get(kind) if isinstance(kind, str) else None
    )
    if model is None:
        near = did_you_mean(str(kind), models)
        return None, [Problem(f"{where}: kind", f"“{str(kind)[:40]}”", "review, notice", near)]
    return check(model, Located(found, {(): number}), where.rpartition(":")[0])


def write_at_once(path: Path, data: bytes) -> None:
    """Write beside the file, then rename: after a crash the old file is whole. Keeps the file's permissions."""
    real = path.resolve()
    beside = real.with_name(f".{real.name}.{os.getpid()}.tmp")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if real.exists():
            beside.chmod(real.stat().st_mode & 0o777)
        beside.replace(real)
    finally:
        beside.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the inbox for ourselves. Raises DataError if another run does.

    The lock lies on a hidden file beside it and ends with the process, however that ends.
    """
    real = path.resolve()
    if not real.parent.is_dir():
        raise DataError([Problem(str(path), "no such folder", "a file in a folder that exists")])
    with real.with_name(f".{real.name}.lock").open("a+b") as file:
        if not _lock(file):
            mend = "Wait until the other run is done; nothing was changed."
            raise DataError([Problem(str(path), "in use by another run", "one run at a time", mend)])
        yield


def _lock(file: IO[bytes]) -> bool:
    try:
        if sys.platform == "win32":
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
