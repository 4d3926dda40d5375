"""PubMed and Crossref as a local server speaks for them.

The answers have the documented shapes: esearch in JSON and efetch in XML (NCBI Bookshelf NBK25499, the PubMed DTD),
lists of works with `update-to` (Crossref's format of works). Every publication in them is made up and says so: titles
begin with "Made-up", DOIs with 10.5555/, PMIDs lie above 990000000.
"""

from __future__ import annotations

import json
import threading
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DOCTYPE = (
    '<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD PubMedArticle, 1st January 2025//EN" '
    '"https://dtd.nlm.nih.gov/ncbi/pubmed/out/pubmed_250101.dtd">'
)


@dataclass
class Answer:
    """What the server sends once: a status, headers and a body. `hold` is waited for first, `claims` is a false length."""

    body: bytes | str = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    hold: threading.Event | None = None
    claims: int | None = None


@dataclass(frozen=True)
class Asked:
    path: str
    query: dict[str, str]
    agent: str
    at: float


class FakeTime:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Services:
    """Both services on one loopback port, ended with `stop`.

    `articles` and `works` are what they know (of any other number PubMed has a plain article, but for those `gone`),
    `updates` the notices of a DOI; `script` holds answers that are sent first, by the last part of the path
    (`esearch.fcgi`, `efetch.fcgi`, `works`).
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.articles: dict[str, str] = {}
        self.gone: set[str] = set()
        self.found: Callable[[str], list[str]] = lambda term: []
        self.works: list[dict[str, Any]] = []
        self.updates: dict[str, list[dict[str, Any]]] = {}
        self.script: dict[str, list[Answer]] = {}
        self.asked: list[Asked] = []
        services = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urllib.parse.urlsplit(self.path)
                query = dict(urllib.parse.parse_qsl(parts.query))
                asked = Asked(parts.path, query, self.headers.get("User-Agent", ""), clock())
                services.asked.append(asked)
                answer = services.answer(asked)
                if answer.hold:
                    answer.hold.wait(5)
                body = answer.body.encode() if isinstance(answer.body, str) else answer.body
                try:
                    self.send_response(answer.status)
                    for name, value in answer.headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(body) if answer.claims is None else answer.claims))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    pass  # the client has gone, as the tests of slow and huge answers want it

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def answer(self, asked: Asked) -> Answer:
        last = asked.path.rpartition("/")[2]
        if self.script.get(last):
            return self.script[last].pop(0)
        if last == "esearch.fcgi":
            return Answer(
                esearch(self.found(asked.query["term"]), int(asked.query["retstart"]), int(asked.query["retmax"]))
            )
        if last == "efetch.fcgi":
            pmids = asked.query["id"].split(",")
            return Answer(efetch(*(self.articles.get(p) or article(p, "Made-up") for p in pmids if p not in self.gone)))
        wanted = asked.query.get("filter", "")
        if wanted.startswith("updates:"):
            return Answer(crossref(*self.updates.get(wanted.removeprefix("updates:").casefold(), [])))
        return Answer(crossref(*self.works))

    def of(self, last: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.path.endswith(f"/{last}")]


# PubMed


def esearch(pmids: list[str], start: int = 0, most: int = 200, **more: Any) -> str:
    result = {
        "count": str(len(pmids)), "retmax": str(most), "retstart": str(start), "idlist": pmids[start : start + most],
        "translationset": [], "querytranslation": "", **more,
    }  # fmt: skip
    return json.dumps({"header": {"type": "esearch", "version": "0.3"}, "esearchresult": result})


def article(
    pmid: str, title: str, *, doi: str = "", year: str = "<Year>2026</Year><Month>Sep</Month>", surname: str = "Madeup",
    comments: str = "", kinds: str = "Systematic Review", authors: str = "",
) -> str:  # fmt: skip
    """One `PubmedArticle`, with a reference list whose own identifiers must not be taken for the article's."""
    own = f'<ArticleId IdType="doi">{doi}</ArticleId>' if doi else ""
    people = authors or (
        f"<Author><LastName>{surname}</LastName><ForeName>Anna B</ForeName><Initials>AB</Initials></Author>"
        "<Author><LastName>Second</LastName><Initials>C</Initials></Author>"
        "<Author><LastName>Third</LastName><Initials>D</Initials></Author>"
        "<Author><CollectiveName>Made-up Group</CollectiveName></Author>"
    )
    return f"""<PubmedArticle><MedlineCitation Status="MEDLINE" Owner="NLM"><PMID Version="1">{pmid}</PMID>
<Article PubModel="Print"><Journal><JournalIssue CitedMedium="Internet"><Volume>7</Volume><Issue>1</Issue>
<PubDate>{year}</PubDate></JournalIssue><Title>Journal of Made-up Reviews</Title></Journal>
<ArticleTitle>{title}</ArticleTitle><Pagination><MedlinePgn>11-22</MedlinePgn></Pagination>
<AuthorList CompleteYN="Y">{people}</AuthorList>
<PublicationTypeList><PublicationType UI="D000078182">{kinds}</PublicationType></PublicationTypeList></Article>
<MedlineJournalInfo><MedlineTA>J Made Up Rev</MedlineTA></MedlineJournalInfo>
<CommentsCorrectionsList>{comments}</CommentsCorrectionsList></MedlineCitation>
<PubmedData><ArticleIdList><ArticleId IdType="pubmed">{pmid}</ArticleId>{own}</ArticleIdList>
<ReferenceList><Reference><ArticleIdList><ArticleId IdType="doi">10.5555/of-a-reference</ArticleId></ArticleIdList>
</Reference></ReferenceList></PubmedData></PubmedArticle>"""


def comment(kind: str, source: str, pmid: str = "") -> str:
    number = f'<PMID Version="1">{pmid}</PMID>' if pmid else ""
    return f'<CommentsCorrections RefType="{kind}"><RefSource>{source}</RefSource>{number}</CommentsCorrections>'


def efetch(*articles: str) -> str:
    return f'<?xml version="1.0" ?>\n{DOCTYPE}\n<PubmedArticleSet>\n' + "\n".join(articles) + "\n</PubmedArticleSet>"


# Crossref


def crossref(*items: dict[str, Any]) -> str:
    message = {"facets": {}, "total-results": len(items), "items": list(items), "items-per-page": 100}
    return json.dumps({"status": "ok", "message-type": "work-list", "message-version": "1.0.0", "message": message})


def work(doi: str, title: str, year: int | None = 2026, family: str = "Madeup") -> dict[str, Any]:
    return {
        "DOI": doi, "title": [title], "author": [{"given": "Anna B.", "family": family, "sequence": "first"}],
        "container-title": ["Journal of Made-up Reviews"], "short-container-title": ["J Made Up Rev"],
        "issued": {"date-parts": [[year, 9]] if year else [[None]]}, "volume": "7", "page": "11-22",
    }  # fmt: skip


def update(notice: str, about: str, kind: str, parts: list[int], **more: Any) -> dict[str, Any]:
    stamp = "-".join(f"{number:02d}" for number in [*parts, 1, 1][:3]) + "T00:00:00Z"
    entry = {
        "DOI": about, "type": kind, "label": kind.title(), "source": "retraction-watch", "record-id": "1",
        "updated": {"date-parts": [parts], "date-time": stamp, "timestamp": 0}, **more,
    }  # fmt: skip
    return {"DOI": notice, "update-to": [entry]}
