"""PubMed's E-utilities: `esearch` for numbers, `efetch` for records.

Source: Entrez Programming Utilities Help, NCBI Bookshelf NBK25497 (usage: at most 3 requests a second, 10 with a key,
`tool` and `email` with every request), NBK25499 (parameters) and the PubMed DTD (`CommentsCorrections` and its
`RefType`).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from neurodash.watch.client import Client, Garbled
from neurodash.watch.records import (
    MAX_AUTHORS,
    MAX_TEXT,
    Notice,
    Record,
    clean,
    doi_link,
    doi_of,
    part,
    pmid_of,
    pubmed_link,
    read_json,
    texts,
    year_of,
)

ADDRESS = "https://eutils.ncbi.nlm.nih.gov/entrez/eutils"
PER_SECOND, PER_SECOND_WITH_KEY = 3.0, 10.0  # requests. NBK25497
PAGE = 200  # numbers asked for at once
MOST_FOUND = 2000  # of one search. Ours: a question that finds more is too wide to read, and we say so
AT_ONCE = 100  # records fetched at once. NBK25499 asks for POST above about 200
MAX_DEPTH = 64  # of XML. Ours: a PubMed record has about ten levels
# The publication type comes days to weeks after the record, so the title counts too.
REVIEWS = (
    '("systematic review"[pt] OR "meta-analysis"[pt] OR "systematic review"[ti] OR "meta-analysis"[ti]'
    ' OR "network meta-analysis"[ti])'
)
NO_REVIEW = '("retracted publication"[pt] OR "retraction of publication"[pt] OR "published erratum"[pt])'
NOTICE_WORDS = {"RetractionIn": "retraction", "ExpressionOfConcernIn": "expression_of_concern"}
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass(frozen=True)
class Found:
    """The numbers of a search, how many there are in all, and the phrases PubMed does not know."""

    pmids: tuple[str, ...]
    total: int
    unknown_phrases: tuple[str, ...] = ()


def query(groups: Iterable[Sequence[str]]) -> str:
    """A search for reviews: of each group of phrases at least one, an empty group leaves its part out.

    A phrase is searched in title and abstract; `… [mh]` as a MeSH heading; `exergam*` with any ending.
    """
    parts = [f"({' OR '.join(_tagged(phrase) for phrase in group)})" for group in groups if group]
    return " AND ".join([*parts, REVIEWS]) + f" NOT {NO_REVIEW}"


def _tagged(phrase: str) -> str:
    if phrase.endswith(" [mh]"):
        return f'"{phrase[:-5]}"[mh]'
    return f"{phrase}[tiab]" if phrase.endswith("*") and " " not in phrase else f'"{phrase}"[tiab]'


class PubMed:
    """The two questions we ask it."""

    name = "PubMed"

    def __init__(self, client: Client, address: str = ADDRESS, api_key: str = "") -> None:
        self._client, self._address = client, address.rstrip("/")
        self._always = {"db": "pubmed", "tool": "neurodash", "email": client.address}
        if api_key:
            self._always["api_key"] = api_key
        self._per_second = PER_SECOND_WITH_KEY if api_key else PER_SECOND

    def search(self, term: str, since: dt.date, to: dt.date) -> Found:
        """The PMIDs of records that entered PubMed in these days (`edat`, both ends included). Raises Unanswered."""
        pmids: dict[str, None] = {}
        unknown: dict[str, None] = {}
        total = 0
        for start in range(0, MOST_FOUND, PAGE):
            asked = {
                **self._always, "term": term, "retmode": "json", "datetype": "edat", "retstart": str(start),
                "retmax": str(PAGE), "mindate": f"{since:%Y/%m/%d}", "maxdate": f"{to:%Y/%m/%d}",
            }  # fmt: skip
            page = self._client.ask(
                f"{self.name} (search)", f"{self._address}/esearch.fcgi", asked, self._per_second, _read_search
            )
            pmids |= dict.fromkeys(page.pmids)
            unknown |= dict.fromkeys(page.unknown_phrases)
            total = page.total
            if not page.pmids or start + PAGE >= total:
                break
        return Found(tuple(pmids), total, tuple(unknown))

    def records(self, pmids: Sequence[str]) -> Iterator[tuple[Record, ...]]:
        """The records of these numbers, `AT_ONCE` at a time. Raises Unanswered.

        A number without an article (a book chapter, a record that was removed) is left out.
        """
        for start in range(0, len(pmids), AT_ONCE):
            ids = ",".join(pmids[start : start + AT_ONCE])
            asked = {**self._always, "id": ids, "retmode": "xml"}
            yield self._client.ask(
                f"{self.name} (records)", f"{self._address}/efetch.fcgi", asked, self._per_second, _read_records
            )


# esearch


def _read_search(data: bytes) -> Found:
    answer = read_json(data)
    result = part(answer, "esearchresult")
    said = answer.get("error") or result.get("ERROR")
    if said:
        raise Garbled(f"it says: {clean(str(said))}")
    total = result.get("count")
    if not re.fullmatch(r"\d{1,9}", str(total)) or not isinstance(result.get("idlist"), list):
        raise Garbled("no count or no list of numbers in it")
    pmids = tuple(pmid for text in texts(result["idlist"]) if (pmid := pmid_of(text)))
    if len(pmids) != len(result["idlist"]):
        raise Garbled("a number in it is no PMID")
    if int(str(total)) and not pmids and result.get("retstart") in (None, "0", 0):
        raise Garbled(f"a count of {total}, but no numbers")
    return Found(pmids, int(str(total)), tuple(clean(text) for text in _unknown(result)))


def _unknown(result: dict[str, Any]) -> list[str]:
    lists = (
        part(result, "errorlist").get("phrasesnotfound"),
        part(result, "errorlist").get("fieldsnotfound"),
        part(result, "warninglist").get("quotedphrasesnotfound"),
    )
    return [text for found in lists for text in texts(found)]


# efetch


def _read_records(data: bytes) -> tuple[Record, ...]:
    if data.lstrip()[:1] == b"{":
        raise Garbled(f"it says: {clean(str(read_json(data).get('error', 'something in JSON')))}")
    root = _parse(data)
    if root.tag != "PubmedArticleSet":
        said = clean("".join(root.itertext()))
        raise Garbled(f"no set of articles but <{clean(root.tag, 40)}>{f': {said}' if said else ''}")
    if len(root) == 0:
        raise Garbled("an empty set of articles")
    return tuple(record for article in root.iter("PubmedArticle") if (record := _record(article)))


def _parse(data: bytes) -> Element:
    """The root of an XML answer. Raises Garbled; an entity declaration is refused before anything can grow.

    PubMed's plain DOCTYPE is let through: what it points to is never fetched.
    """
    if not data.strip():
        raise Garbled("it is empty")
    builder = TreeBuilder()
    depth = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise Garbled("XML nested without end")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    def refuse(*_: object) -> None:
        raise Garbled("XML that declares entities, which we do not read")

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(data, True)
        return builder.close()
    except expat.ExpatError as error:
        why = expat.ErrorString(error.code)
        raise Garbled(f"XML that broke off or cannot be read (line {error.lineno}: {why})") from None
    except (LookupError, ValueError):
        raise Garbled("XML in an encoding we do not know") from None


def _record(article: Element) -> Record | None:
    citation = article.find("MedlineCitation")
    pmid = pmid_of(_text(citation, "PMID"))
    if citation is None or pmid is None:
        return None
    authors, surname = _authors(citation)
    dates = ("Article/Journal/JournalIssue/PubDate/Year", "Article/Journal/JournalIssue/PubDate/MedlineDate",
             "Article/ArticleDate/Year")  # fmt: skip
    return Record(
        title=_text(citation, "Article/ArticleTitle", MAX_TEXT).rstrip("."),
        authors=authors,
        surname=surname,
        journal=_text(citation, "MedlineJournalInfo/MedlineTA") or _text(citation, "Article/Journal/Title"),
        year=next((year for path in dates if (year := year_of(_text(citation, path)))), None),
        volume=_text(citation, "Article/Journal/JournalIssue/Volume"),
        pages=_text(citation, "Article/Pagination/MedlinePgn"),
        doi=_doi(article),
        pmid=pmid,
        notices=_notices(citation, pmid),
    )


def _text(element: Element | None, path: str, limit: int = 120) -> str:
    found = None if element is None else element.find(path)
    return "" if found is None else clean("".join(found.itertext()), limit)


def _authors(citation: Element) -> tuple[tuple[str, ...], str]:
    names = []
    for author in citation.findall("Article/AuthorList/Author")[:MAX_AUTHORS]:
        surname = _text(author, "LastName")
        names.append((surname or _text(author, "CollectiveName"), _text(author, "Initials") if surname else ""))
    known = [(surname, initials) for surname, initials in names if surname]
    return tuple(f"{surname} {initials}".strip() for surname, initials in known), known[0][0] if known else ""


def _doi(article: Element) -> str | None:
    # Only the article's own list: the records of its references carry lists of the same name.
    own = [id_.text for id_ in article.findall("PubmedData/ArticleIdList/ArticleId") if id_.get("IdType") == "doi"]
    own += [
        id_.text
        for id_ in article.findall("MedlineCitation/Article/ELocationID")
        if id_.get("EIdType") == "doi" and id_.get("ValidYN") != "N"
    ]
    return next((doi for text in own if (doi := doi_of(text))), None)


def _notices(citation: Element, pmid: str) -> tuple[Notice, ...]:
    notices = []
    for correction in citation.findall("CommentsCorrectionsList/CommentsCorrections"):
        word = NOTICE_WORDS.get(correction.get("RefType", ""))
        if word is None:
            continue
        source = _text(correction, "RefSource", 400)
        where = re.search(r"\bdoi:\s*(10\.\S+?)[.;,]?(?:\s|$)", source, re.IGNORECASE)
        notice_doi, notice_pmid = doi_of(where[1]) if where else None, pmid_of(_text(correction, "PMID"))
        link = pubmed_link(notice_pmid) if notice_pmid else doi_link(notice_doi) if notice_doi else pubmed_link(pmid)
        notices.append(Notice(word, _day(source), link))
    kinds = {clean(kind.text).casefold() for kind in citation.findall("Article/PublicationTypeList/PublicationType")}
    if "retracted publication" in kinds and not any(notice.word == "retraction" for notice in notices):
        notices.append(Notice("retraction", None, pubmed_link(pmid)))
    return tuple(notices)


def _day(source: str) -> dt.date | None:
    """The whole day in a reference such as `Lancet. 2010 Feb 6;375(9713):445`; a month alone is no day."""
    found = re.search(r"\b((?:19|20)\d\d) ([A-Za-z]{3}) (\d{1,2})\b", source)
    if not found or found[2].casefold() not in MONTHS:
        return None
    try:
        return dt.date(int(found[1]), MONTHS.index(found[2].casefold()) + 1, int(found[3]))
    except ValueError:
        return None
