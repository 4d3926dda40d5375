"""Crossref's REST interface: newly registered articles by words, and notices about a DOI.

Source: api.crossref.org (filters `updates`, `from-created-date`, `select`; `mailto` for the polite pool; limits in the
headers X-Rate-Limit-Limit and X-Rate-Limit-Interval) and its format of works (`update-to`: DOI, type, updated, source).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

from neurodash.watch.client import Client, Garbled
from neurodash.watch.records import (
    MAX_AUTHORS,
    MAX_TEXT,
    NOTICES,
    UNDECIDED,
    Notice,
    Record,
    clean,
    doi_link,
    doi_of,
    part,
    read_json,
    texts,
    year_of,
)

ADDRESS = "https://api.crossref.org"
PER_SECOND = 2.0  # requests. Ours: below every limit Crossref has announced; a stricter one in its headers is obeyed
ROWS = 100  # answers asked for, best match first. Ours: past these the words have hardly anything in common
FIELDS = "DOI,title,author,container-title,short-container-title,issued,volume,page"


class Crossref:
    """The two questions we ask it."""

    name = "Crossref"

    def __init__(self, client: Client, address: str = ADDRESS) -> None:
        self._client, self._address = client, address.rstrip("/")

    def search(self, words: str, since: dt.date, to: dt.date) -> tuple[Record, ...]:
        """The `ROWS` journal articles registered in these days that fit the words best. Raises Unanswered.

        Crossref does not know which of them are reviews: the caller looks at the titles.
        """
        asked = {
            "query.bibliographic": words,
            "filter": f"type:journal-article,from-created-date:{since},until-created-date:{to}",
            "select": FIELDS,
        }
        return self._client.ask(f"{self.name} (search)", *self._works(asked), _read_works)

    def notices(self, doi: str) -> tuple[Notice, ...]:
        """Retractions and expressions of concern about a DOI (without a comma). Raises Unanswered.

        One DOI a request: that several `updates` in one filter mean "any of them" is not documented, and a notice
        missed in silence would be worse than a slow run.
        """
        asked = {"filter": f"updates:{doi}", "select": "DOI,update-to"}
        return self._client.ask(
            f"{self.name} (notices)", *self._works(asked), lambda data: _read_notices(data, doi.casefold())
        )

    def _works(self, asked: Mapping[str, str]) -> tuple[str, dict[str, str], float]:
        always = {"rows": str(ROWS), "mailto": self._client.address}
        return f"{self._address}/works", {**asked, **always}, PER_SECOND


def _items(data: bytes) -> list[dict[str, Any]]:
    answer = read_json(data)
    items = part(answer, "message").get("items")
    if answer.get("status") != "ok" or not isinstance(items, list):
        raise Garbled("no list of works in it")
    return [item for item in items if isinstance(item, dict)]


def _read_works(data: bytes) -> tuple[Record, ...]:
    return tuple(record for item in _items(data) if (record := _record(item)))


def _record(item: Mapping[str, Any]) -> Record | None:
    title = next((clean(re.sub(r"</?[a-zA-Z][^>]*>", "", text), MAX_TEXT) for text in texts(item.get("title"))), "")
    doi = doi_of(item.get("DOI"))
    if not title or doi is None:
        return None
    found = item.get("author")
    people = [person for person in found if isinstance(person, dict)] if isinstance(found, list) else []
    names = [(clean(p.get("family")) or clean(p.get("name")), clean(p.get("given"))) for p in people[:MAX_AUTHORS]]
    known = [(surname, given) for surname, given in names if surname]
    journals = [*texts(item.get("short-container-title")), *texts(item.get("container-title"))]
    parts = _date_parts(item.get("issued"))
    return Record(
        title=title.rstrip("."),
        authors=tuple(f"{surname} {_initials(given)}".strip() for surname, given in known),
        surname=known[0][0] if known else "",
        journal=next((clean(journal) for journal in journals if journal), ""),
        year=year_of(parts[0]) if parts else None,
        volume=clean(item.get("volume")),
        pages=clean(item.get("page")),
        doi=doi,
    )


def _initials(given: str) -> str:
    return "".join(name[0].upper() for name in re.split(r"[\s.-]+", given) if name)


def _read_notices(data: bytes, about: str) -> tuple[Notice, ...]:
    """The notices about the DOI `about` (case folded). A notice told by publisher and by Retraction Watch is one."""
    notices: dict[tuple[str, str], Notice] = {}
    for item in _items(data):
        notice_doi = doi_of(item.get("DOI"))
        updates = item.get("update-to")
        for update in updates if isinstance(updates, list) else []:
            if not isinstance(update, dict) or (doi_of(update.get("DOI")) or "").casefold() != about:
                continue
            word = re.sub(r"[\s-]+", "_", clean(update.get("type")).casefold())
            if word not in NOTICES and word not in UNDECIDED:
                continue
            source = doi_link(notice_doi or about)
            known = notices.get((word, source))
            date = _day(update.get("updated"))
            notices[word, source] = Notice(word, date if known is None else known.date or date, source)
    return tuple(notices.values())


def _date_parts(found: object) -> list[int]:
    outer = found.get("date-parts") if isinstance(found, dict) else None
    inner = outer[0] if isinstance(outer, list) and outer else None
    return [number for number in inner if type(number) is int] if isinstance(inner, list) else []


def _day(found: object) -> dt.date | None:
    """A whole day. Where the parts hold a year or a month only, the full stamp beside them is padding, not a fact."""
    parts = _date_parts(found)
    if not parts and isinstance(found, dict):
        stamp = re.match(r"(\d{4})-(\d\d)-(\d\d)T", clean(found.get("date-time")))
        parts = [int(number) for number in stamp.groups()] if stamp else []
    try:
        return dt.date(*parts) if len(parts) == 3 else None
    except (ValueError, OverflowError):
        return None
