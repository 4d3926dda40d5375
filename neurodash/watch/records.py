"""What a service says about a publication, cleaned at the door.

Nothing here is trusted: text loses everything that is not printable and is cut to a length, identifiers must have
their shape, a year its range. What an answer does not say stays empty.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import unicodedata
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from neurodash.watch.client import Garbled

MAX_TEXT = 600  # characters of a title. Ours: the longest in our tables has 170
MAX_NAME = 120  # characters of a name, a journal, a page range
MAX_AUTHORS = 30  # kept; a citation names the first
NOTICES: Mapping[str, Literal["retraction", "expression_of_concern"]] = {
    "retraction": "retraction",
    "withdrawal": "retraction",
    "removal": "retraction",
    "expression_of_concern": "expression_of_concern",
}
LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ß": "ss", "æ": "ae", "œ": "oe", "ı": "i", "ð": "d", "þ": "th"})
UNDECIDED = frozenset({"partial_retraction"})  # told, but an editor says what it is


@dataclass(frozen=True)
class Notice:
    """A notice about a publication: the service's own word, the day if one was said, and where it stands."""

    word: str
    date: dt.date | None
    source: str


@dataclass(frozen=True)
class Record:
    """One publication. Empty and None mean that the answer did not say."""

    title: str
    authors: tuple[str, ...] = ()  # "Surname AB" or a group's name
    surname: str = ""  # of the first author
    journal: str = ""
    year: int | None = None
    volume: str = ""
    pages: str = ""
    doi: str | None = None
    pmid: str | None = None
    notices: tuple[Notice, ...] = ()


def clean(text: object, limit: int = MAX_NAME) -> str:
    """One line of printable text, composed, at most `limit` characters; nothing where it is no text."""
    if not isinstance(text, str):
        return ""
    printable = "".join(char if char.isprintable() else " " for char in text[: limit * 20])
    line = " ".join(unicodedata.normalize("NFC", printable).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def doi_of(text: object) -> str | None:
    """The DOI in `text`, with or without an address before it, or None."""
    found = (
        re.sub(r"^(?:https?://(?:dx\.)?doi\.org/|doi:\s*)", "", text.strip(), flags=re.I)
        if isinstance(text, str)
        else ""
    )
    return found if len(found) <= 250 and found.isprintable() and re.fullmatch(r"10\.\d{4,9}/\S+", found) else None


def pmid_of(text: object) -> str | None:
    found = text.strip() if isinstance(text, str) else ""
    return found if re.fullmatch(r"[1-9][0-9]{0,8}", found) else None


def year_of(text: object) -> int | None:
    found = re.match(r"\s*((?:19|20)\d\d)(?!\d)", str(text))
    return int(found[1]) if found else None


def doi_link(doi: str) -> str:
    return f"https://doi.org/{urllib.parse.quote(doi, safe='/:;().-_')}"


def pubmed_link(pmid: str) -> str:
    return f"https://pubmed.ncbi.nlm.nih.gov/{pmid}/"


def words_of(text: str) -> str:
    """Lower-case letters and digits with single spaces around every word, for comparing titles."""
    found = re.findall(r"[^\W_]+", text.casefold())
    return f" {' '.join(found)} "


def id_root(surname: str, year: int | None, doi: str | None, pmid: str | None) -> str:
    """`wallin2024`: the first author's surname in plain small letters and the year, as the tables name reviews.

    Where no author was said, the PMID or the DOI stands in.
    """
    plain = unicodedata.normalize("NFKD", surname.casefold().translate(LETTERS))
    letters = re.sub(r"[^a-z0-9]", "", plain)[:30]
    if not letters:
        letters = f"pmid{pmid}-" if pmid else "doi" + re.sub(r"[^a-z0-9]", "", (doi or "").casefold()) + "-"
    return f"{letters}{year or ''}".strip("-")


def read_json(data: bytes) -> dict[str, Any]:
    """The object in an answer. Raises Garbled.

    Control characters inside a text are let through (`strict=False`): PubMed's own error messages hold bare line ends.
    """
    if not data.strip():
        raise Garbled("it is empty")
    if data.lstrip()[:1] == b"<":
        raise Garbled("a page of HTML or XML where JSON was asked for")
    try:
        found = json.loads(data.decode("utf-8"), strict=False)
    except UnicodeDecodeError:
        raise Garbled("it holds bytes that are not UTF-8") from None
    except (ValueError, RecursionError):
        raise Garbled("it is no JSON, or broke off") from None
    if not isinstance(found, dict):
        raise Garbled("no JSON object")
    return found


def part(found: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The mapping under `key`, empty where there is none."""
    inner = found.get(key)
    return inner if isinstance(inner, dict) else {}


def texts(found: object) -> Sequence[str]:
    return [text for text in found if isinstance(text, str)] if isinstance(found, list) else []
