"""What the papers for clinicians share: prose with numbered sources, training in words, drawings, and one way to make a PDF.

The words go to Typst as data and are never part of its source; the fonts are our own and those inside Typst, and the file
carries no date of its own: the same paper of the same day is the same file, byte for byte.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from markdown_it.tree import SyntaxTreeNode

from neurodash import wording
from neurodash.documents import press
from neurodash.errors import DataError, Problem
from neurodash.library import Library, Mark, Prose
from neurodash.library.protocols import AMOUNTS, Amount, Protocol
from neurodash.library.rows import Guideline, InstrumentValue, Precaution, Result
from neurodash.pictures import charts, figures

HERE = Path(__file__).parent
PageSize = Literal["a4", "us-letter"]
PAGE_SIZES: tuple[PageSize, ...] = ("a4", "us-letter")
MAX_RUNNING = 80  # characters of the line that stands at the head of each page
LONG_WORD = 30  # letters after which a word may break, so that none runs off the page
BEFORE_REFERENCE = ("review", "guideline", "precaution")  # marks that stand right behind their word
BREAK = "\u200b"  # where a word may break, unseen
UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})  # controls, directions of writing, half letters
AS_THEY_ARE = frozenset({"svg", "url", "page", "kind", "paper"})
EXPERIENCE = {"none": "new to it", "some": "trained before", "any": ""}
# Charts as the page draws them, in the inks of paper: nothing needs a colour to be told apart.
_CHARTS = (
    ".strip .zero{stroke:#47544f;stroke-dasharray:2 3}.strip .ci line{stroke:#06403f;stroke-width:2}"
    ".strip .point{fill:#06403f;stroke:#06403f;stroke-width:1.5}.strip .hollow{fill:#fff}.strip .tip{fill:#06403f}"
    ".strip .tick{stroke:#47544f}text{font-family:'NeuroDash Paper';fill:#14201f}.strip text{font-size:13px}"
    ".tested{fill:#bbb}.middle{stroke:#14201f;stroke-width:2}.planned{fill:#06403f}"
    ".kicker{font-size:17px;font-weight:700}.big{font-size:44px;font-weight:700}.small{font-size:15px}"
    ".infographic .tick{font-size:13px}.axis{stroke:#999;stroke-width:2}.infographic .zero{stroke:#47544f;stroke-width:1.5;stroke-dasharray:3 4}"
    ".interval{stroke:#06403f;stroke-width:4}.diamond{fill:#06403f}"
)


def made(template: str, data: Mapping[str, Any], *, where: str, paper: str, large: bool) -> bytes:
    """A tagged PDF (PDF/UA-1) of `template` (a file beside this one) filled with `data`. `large`: 18 point instead of 11,
    and nothing below 14.

    Raises DataError for a paper not known and for letters without a font (Latin, Greek and Cyrillic have one): a text
    with a hole in it would be worse. `where` names what they stand in.
    """
    if paper not in PAGE_SIZES:
        raise DataError([Problem("paper", f"“{paper}”", ", ".join(PAGE_SIZES))])
    running = data["running"] if len(data["running"]) <= MAX_RUNNING else f"{data['running'][:MAX_RUNNING]}…"
    filled = json.dumps(_printable({**data, "running": running, "paper": paper, "large": large}))
    return press.printed(_source(template), filled, where=where, mend="Change that text.", forget=True)


@cache
def _source(template: str) -> bytes:
    """The look that papers share, and then the paper."""
    return b"\n".join((HERE / name).read_bytes() for name in ("paper.typ", template))


def _printable(value: Any) -> Any:
    """The data without letters that cannot be printed, and with places to break in words that are too long for a line."""
    if isinstance(value, str):
        return _soft("".join(c for c in value if c == "\n" or unicodedata.category(c) not in UNPRINTABLE))
    if isinstance(value, Mapping):
        return {name: each if name in AS_THEY_ARE else _printable(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_printable(each) for each in value]
    return value


def _soft(text: str) -> str:
    return re.sub(rf"\S{{{LONG_WORD},}}", lambda word: BREAK.join(re.findall(".{1,10}", word[0])), text)


def version_line(library: str, on: dt.date) -> str:
    """What stands at the foot of every page: the version of the library and the day."""
    return f"NeuroDash library {library} · {wording.date(on)}"


# Prose and its sources


@dataclass
class References:
    """Prose as data for `paper.typ`; numbers the sources of one paper in the order in which they are met.

    `address` is where the site can be found; without one, a result leads to its review.
    """

    library: Library
    address: str = ""
    has_expert: bool = False
    _found: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    @property
    def sources(self) -> list[dict[str, Any]]:
        return list(self._found.values())

    def blocks(self, prose: Prose) -> list[dict[str, Any]]:
        """Paragraphs, lists and tables."""
        return self._blocks(SyntaxTreeNode(prose.tokens).children) if prose.tokens else []

    def line(self, prose: Prose) -> list[dict[str, Any]]:
        """A sentence inside a line."""
        return [part for block in self.blocks(prose) for part in block.get("body", ())]

    def mark(self, mark: Mark) -> list[dict[str, Any]]:
        """A source mark: a value with its reference, a reference alone, or EJ."""
        match mark.kind:
            case "expert":
                self.has_expert = True
                return [{"kind": "expert"}]
            case "result":
                result = self.library.results[mark.id]
                return [_said(charts.estimate(result)), _said(" "), self.review(result)]
            case "instrument":
                row = self.library.instruments[mark.id]
                return [_said(wording.value(row.value, row.value_unit)), _said(" "), self._reference(mark.kind, row)]
            case "review":
                return [self.review(self.library.reviews[mark.id][0])]
            case "guideline":
                return [self._reference(mark.kind, self.library.guidelines[mark.id])]
        precaution = self.library.precautions[mark.id]
        if precaution.citation.casefold().startswith("expert judgement"):
            self.has_expert = True
            return [{"kind": "expert"}]
        return [self._reference("precaution", precaution)]

    def review(self, result: Result) -> dict[str, Any]:
        """The reference to the review of a result."""
        return self._reference("review", result)

    def guideline(self, name: str) -> dict[str, Any]:
        """The reference to a row of the guidelines."""
        return self._reference("guideline", self.library.guidelines[name])

    def _reference(self, kind: str, row: Result | Guideline | Precaution | InstrumentValue) -> dict[str, Any]:
        match row:
            case Result():
                own, label, text = row.review_id, wording.short_citation(row.citation, row.year), row.citation
            case Guideline():
                own, text = row.rec_id, row.statement_own_words
                label = f"{row.source}{f', {row.year}' if row.year else ''}"
            case Precaution():
                own, label, text = row.precaution_id, row.citation, f"{row.situation}: {row.action}"
            case InstrumentValue():
                own, label, text = row.row_id, row.citation or row.name, f"{row.name}, {row.population}".rstrip(", ")
        if (kind, own) not in self._found:
            entry = {"number": len(self._found) + 1, "label": label, "text": text, "row": own, "url": _address(row)}
            self._found[kind, own] = entry
        return {"kind": "reference", "number": self._found[kind, own]["number"], "label": label}

    def _blocks(self, nodes: Sequence[SyntaxTreeNode]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for node in nodes:
            match node.type:
                case "paragraph" | "heading":
                    found.append({"kind": node.type, "body": self._inside(node)})
                case "bullet_list" | "ordered_list":
                    items = [self._blocks(item.children) for item in node.children]
                    found.append({"kind": node.type, "items": items})
                case "blockquote":
                    found.append({"kind": node.type, "items": [self._blocks(node.children)]})
                case "table":
                    rows = [
                        [self._inside(cell) for cell in row.children] for part in node.children for row in part.children
                    ]
                    found.append({"kind": "table", "head": rows[0], "rows": rows[1:]})
        return found

    def _inside(self, node: SyntaxTreeNode) -> list[dict[str, Any]]:
        return [part for inline in node.children for part in self._inline(inline.children)]

    def _inline(self, nodes: Sequence[SyntaxTreeNode]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for node in nodes:
            match node.type:
                case "mark":
                    mark = Mark(node.meta["kind"], node.meta["id"], 0)
                    if mark.kind in BEFORE_REFERENCE and found and found[-1]["kind"] == "text":
                        found[-1] = _said(found[-1]["says"].rstrip() + wording.NO_BREAK)
                    found += self.mark(mark)
                case "softbreak":
                    found.append(_said(" "))
                case "hardbreak":
                    found.append({"kind": "break"})
                case "strong" | "em":
                    found.append({"kind": node.type, "body": self._inline(node.children)})
                case "link":
                    url = str(node.attrs.get("href", ""))
                    whole = f"{self.address}{url}" if url.startswith("/") and self.address else url
                    body = self._inline(node.children)
                    found += [{"kind": "link", "url": whole, "body": body}] if "://" in whole else body
                case "image":
                    found.append(_said(f"[Picture: {node.content}]"))
                case _:
                    found.append(_said(node.content))
        return found


def _said(text: str) -> dict[str, Any]:
    return {"kind": "text", "says": text}


def plain(text: str) -> list[dict[str, Any]]:
    """A text without marks as data for `paper.typ`."""
    return [_said(text)]


def _address(row: Result | Guideline | Precaution | InstrumentValue) -> str:
    """Where a source can be read: by its DOI, its number in PubMed, or the address that was read."""
    doi, pmid = (row.doi, row.pmid) if isinstance(row, Result) else (row.doi_or_pmid, row.doi_or_pmid)
    if doi and (found := re.search(r"10\.\d{4,9}/[^\s;,]+", doi)):
        return f"https://doi.org/{found[0]}"
    if pmid and (number := re.fullmatch(r"(?:PMID:?\s*)?(\d{1,9})", pmid.strip())):
        return f"https://pubmed.ncbi.nlm.nih.gov/{number[1]}/"
    return row.source_url or ""


# Training: phases, doses, ladders


def phases(protocol: Protocol, library: Library, references: References) -> list[dict[str, Any]]:
    """The phases of a protocol, each with the pictures of its first exercise."""
    shelf = library.exercises.exercises
    found = []
    for phase in protocol.phases:
        names = [name for name in phase.keys.exercises if name not in protocol.exercises_left_out]
        weeks = phase.keys.weeks
        found.append(
            {
                "name": phase.keys.name,
                "weeks": f"Usually weeks {weeks[0]} to {weeks[1]}" if weeks else "",
                "do": references.line(phase.do),
                "amounts": _amounts(phase.keys.amounts, references),
                "frames": pictures(library, names[0])[-1:] if names else [],
                "exercises": wording.joined([shelf[name].name for name in names]),
                "up": references.line(phase.up),
                "back": references.line(phase.back),
            }
        )
    return found


def dosing(protocol: Protocol, library: Library, references: References) -> dict[str, Any]:
    """Doses, order and progress; every number beside where it is from."""
    names = {row.instrument_id: row.name for row in library.instruments.values()}
    weeks = sorted({each.weeks for each in protocol.retests})
    return {
        "doses": [
            {
                "who": ", ".join(filter(None, [f"EDSS {wording.span(*dose.keys.edss)}", EXPERIENCE[dose.keys.experience]])),
                "start": _amounts(dose.keys.start, references),
                "aim": _amounts(dose.keys.aim, references) or [plain("as tolerated")],
                "says": references.line(dose.says),
            }
            for dose in protocol.doses
        ],
        "notes": [references.line(note) for note in protocol.dose_notes],
        "order": [references.line(part) for part in protocol.order],
        "progress": [references.line(part) for part in protocol.progress],
        "ladders": wording.joined([library.ladders[name].name for name in protocol.ladders]),
        "retests": [
            f"every {wording.count(each, 'week')} {wording.joined([names[r.instrument] for r in protocol.retests if r.weeks == each])}"
            for each in weeks
        ],
    }  # fmt: skip


def _amounts(amounts: Mapping[Any, Amount], references: References) -> list[list[dict[str, Any]]]:
    """`2 to 3 sessions a week`, each with its references or EJ."""
    found = []
    for name, amount in amounts.items():
        marks = [Mark("guideline", source, 0) for source in amount.source] or [Mark("expert", "", 0)]
        told = amount_told(name, float(amount.low), float(amount.high))
        found.append([_said(told + wording.NO_BREAK), *(part for mark in marks for part in references.mark(mark))])
    return found


def amount_told(name: str, low: float, high: float) -> str:
    """`2 to 3 sessions a week`."""
    unit, span = AMOUNTS[name][0], wording.span(low, high)
    if low == high == 1:
        unit = unit.replace("sets", "set").replace("days", "day")
    return unit.format(span) if "{}" in unit else f"{span} {unit}"


def pictures(library: Library, exercise: str, mirrored: bool = False) -> list[dict[str, str]]:
    """The frames of an exercise with their words."""
    frames = library.exercises.frames[exercise]
    drawn = figures.on_paper(frames, mirrored)
    return [{"svg": svg, "says": frame.says} for frame, svg in zip(frames, drawn, strict=True)]


def chart(svg: str) -> str:
    """A chart of the page as a file of its own that can be printed."""
    if not svg:
        return ""
    opened = svg.index(">") + 1
    width, height = svg.split('viewBox="0 0 ')[1].split('"')[0].split()
    head = svg[: opened - 1].replace(
        "<svg ", f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" ', 1
    )
    return f"{head}><style>{_CHARTS}</style>{svg[opened:].replace(' →', '')}"  # our face for paper has no arrow
