"""What an editor accepts becomes rows in a content folder of theirs: silent ones, with every number left to fill.

A row says what the service said about the publication and nothing about its results, so it can vote for nothing
until somebody has read the paper. Our own content is never written to.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from neurodash import wording
from neurodash.errors import DataError, Problem, did_you_mean
from neurodash.library import CONTENT, Library, Result, Retraction
from neurodash.library.reading import decode, read_bytes, read_table
from neurodash.library.rows import TableRow
from neurodash.watch.inbox import About, NoticeItem, ReviewItem, write_at_once
from neurodash.watch.records import doi_link, doi_of, id_root, pubmed_link, words_of

NOT_READ = "proposed by the watch; nothing was read yet"
# A spreadsheet runs a cell that begins with one of these. No surname or title does: they are taken off the beginning
# of every text that came from outside. The inbox keeps what was said.
FORMULA_SIGNS = "=+-@＝＋－＠\t\r"


@dataclass(frozen=True)
class Choice:
    """What the editor said beside the item; empty where the item knows."""

    id: str = ""
    classes: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    date: dt.date | None = None
    says: str = ""
    doi: str = ""


def accept_review(item: ReviewItem, library: Library, into: Path, choice: Choice) -> tuple[str, ...]:
    """Append the item's rows to `into`/evidence/reviews.csv; the ids they got. `library` has `into` in it.

    Raises DataError, and writes nothing, where the review is in the tables already, an id is taken or the training
    has to be chosen.
    """
    _refuse_a_known_review(item, library)
    review = _review_id(item, library, choice.id)
    filed = _filed(item, choice)
    _refuse_unknown_codes(filed, library)
    rows = []
    for about, training in filed:
        trainings = {other for one, other in filed if one.outcome == about.outcome}
        name = "-".join(
            [review, about.outcome, *([training] if len(trainings) > 1 else []), *filter(None, [about.dose])]
        )
        rows.append(_result(item, review, name, about, training))
    ids = tuple(row["result_id"] for row in rows)
    if taken := [name for name in ids if name in library.results]:
        raise DataError([_taken(name, library.results[name]) for name in taken])
    _append(into, "reviews.csv", Result, rows)
    return ids


def accept_notice(item: NoticeItem, library: Library, into: Path, choice: Choice) -> tuple[str, ...]:
    """Append the item's row to `into`/evidence/retractions.csv; its id.

    Raises DataError, and writes nothing, where the day, the DOI or the kind is neither known nor given.
    """
    doi, date, says = doi_of(choice.doi) or item.doi, choice.date or item.date, choice.says or item.says
    problems = []
    if doi is None:
        mend = f"Look it up at {item.source} and add --doi DOI."
        problems.append(Problem(item.item, "no DOI of the publication", "the DOI the tables name it by", mend))
    if date is None:
        mend = f"Look it up at {item.source} and add --date YYYY-MM-DD."
        problems.append(Problem(item.item, "no day of the notice", "the day it was published", mend))
    if not says:
        mend = "Read the notice and add --kind retraction or --kind expression_of_concern."
        problems.append(Problem(item.item, f"a notice of the kind “{item.word}”", "what it comes to", mend))
    if problems or doi is None or date is None:
        raise DataError(problems)
    for row in library.retractions:
        if (row.doi.casefold(), row.kind) == (doi.casefold(), says):
            raise DataError([Problem(item.item, f"a {says} of {doi}, noted before", "a notice no table has", _at(row))])
    cells = {"doi": doi, "date": date.isoformat(), "kind": says or "", "source": item.source}
    _append(into, "retractions.csv", Retraction, [cells])
    return (f"{doi} {says}",)


# What a row says


def _result(item: ReviewItem, review: str, name: str, about: About, training: str) -> dict[str, str]:
    return {
        "result_id": name,
        "review_id": review,
        "citation": citation(item),
        "year": str(item.year or ""),
        "doi": item.doi or "",
        "pmid": item.pmid or "",
        "condition": about.condition,
        "intervention_class": training,
        "outcome_domain": about.outcome,
        "effect_metric": "narrative",  # with no favours and unclear significance: silent to every kind of claim
        "significant": "unclear",
        "row_kind": "dose" if about.dose else "main",
        "dose_measure": about.dose or "",
        "source_url": link(item) or "",
        "notes": f"{NOT_READ}. Title: {item.title}. Found {item.found} by {wording.joined(list(item.by))}",
    }


def citation(item: ReviewItem) -> str:
    """`Wallin A et al. Neurorehabil Neural Repair 2024;38:775-790`, as far as it is known; else the title."""
    names = list(item.authors)
    who = f"{names[0]} et al" if len(names) > 3 else ", ".join(names)
    pages = f":{item.pages}" if item.pages else ""
    issue = f";{item.volume}{pages}" if item.volume or pages else ""
    where = f"{item.journal} {item.year or ''}".strip() + issue if item.journal else str(item.year or "")
    told = ". ".join(part for part in (who or item.title, where) if part)
    return told.lstrip(FORMULA_SIGNS + " ") or link(item) or item.item


def link(item: ReviewItem | NoticeItem) -> str | None:
    return doi_link(item.doi) if item.doi else pubmed_link(item.pmid) if item.pmid else None


def _filed(item: ReviewItem, choice: Choice) -> list[tuple[About, str]]:
    """The findings of the item the editor wants, each once for every pair of training and outcome."""
    unknown = [name for name in choice.findings if name not in item.findings]
    if unknown:
        known = ", ".join(item.findings)
        raise DataError([Problem("--for", f"“{n}”", known, did_you_mean(n, item.findings)) for n in unknown])
    filed: dict[tuple[str, str, str], tuple[About, str]] = {}
    problems = []
    for about in item.about:
        if choice.findings and about.finding not in choice.findings:
            continue
        wanted = [code for code in about.classes if code in choice.classes]
        chosen = list(about.classes) if len(about.classes) == 1 else wanted or _named_in_title(item.title, about)
        if len(chosen) != 1 and not wanted:
            mend = "Say which with --class CODE, or leave the finding out by naming the others with --for."
            found = f"{about.finding} is about more than one training"
            problems.append(Problem(item.item, found, ", ".join(about.classes), mend))
        for training in chosen:
            filed.setdefault((training, about.outcome, about.dose or ""), (about, training))
    if problems:
        raise DataError(problems)
    return list(filed.values())


def _refuse_unknown_codes(filed: Sequence[tuple[About, str]], library: Library) -> None:
    """The vocabulary may have changed since the item was found, or the inbox by hand."""
    problems = []
    for about, training in filed:
        vocabulary = library.vocabulary
        for code, known in ((training, vocabulary.interventions), (about.outcome, vocabulary.outcomes)):
            if code not in known:
                found = f"“{code}” for {about.finding}, which no vocabulary.yaml has"
                problems.append(Problem("the inbox", found, ", ".join(known), did_you_mean(code, known)))
    if problems:
        raise DataError(problems)


def _named_in_title(title: str, about: About) -> list[str]:
    """Of several kinds of training the one whose code stands in the title: `dual_task` in “Dual-task training …”."""
    return [code for code in about.classes if words_of(code.replace("_", " ")) in words_of(title)]


def _review_id(item: ReviewItem, library: Library, wanted: str) -> str:
    if wanted:
        if not re.fullmatch(r"[a-z0-9]+(?:[._-][a-z0-9]+)*", wanted):
            raise DataError([Problem("--id", f"“{wanted}”", "small letters, digits, - and _, such as wallin2024")])
        if wanted in library.reviews:
            raise DataError([_taken(wanted, library.reviews[wanted][0])])
        return wanted
    root = id_root(item.surname, item.year, item.doi, item.pmid)
    names = [root, *(f"{root}{letter}" for letter in "bcdefghijklmnopqrstuvwxyz")]
    free = next((name for name in names if name not in library.reviews), None)
    if free is None:
        raise DataError([Problem(item.item, f"no free id after {names[-1]}", "an id of yours", "Add --id ID.")])
    return free


def _refuse_a_known_review(item: ReviewItem, library: Library) -> None:
    for row in library.results.values():
        same_doi = item.doi and row.doi and item.doi.casefold() == row.doi.casefold()
        if same_doi or (item.pmid and item.pmid == row.pmid):
            mend = f"Dismiss it: neurodash evidence watch dismiss {item.item} --reason “already in the tables”."
            found = f"{row.review_id}, which is in the tables already ({row.source_file}:{row.line})"
            raise DataError([Problem(item.item, found, "a review no table has", mend)])


def _taken(name: str, row: TableRow) -> Problem:
    return Problem("--id", f"“{name}”, which exists already", "an id no table has", _at(row))


def _at(row: TableRow) -> str:
    return f"It stands at {row.source_file}:{row.line}."


# Writing


def refuse_our_content(into: Path) -> None:
    """Raise DataError where `into` is our own content: a row comes in there by review, like code."""
    if into.resolve().is_relative_to(CONTENT.resolve()):
        mend = "Copy the row over by hand once it was read and reviewed."
        raise DataError([Problem("--into", "NeuroDash's own content", "a content folder of your own", mend)])


def _append(into: Path, name: str, model: type[TableRow], rows: Sequence[Mapping[str, str]]) -> None:
    """Add rows to a table, or begin it with our header; the new whole is read by the library's reader first."""
    path = into / "evidence" / name
    old = read_bytes(path, str(path)) if path.exists() else b""
    columns = [column for column in model.model_fields if column not in ("source_file", "line")]
    if old.strip():
        first = next(csv.reader(io.StringIO(decode(old, str(path)), newline="")))
        columns = [column.strip() for column in first]
        lost = sorted({column for row in rows for column, cell in row.items() if cell and column not in columns})
        if lost:
            mend = "Add them to the first line and a comma for each to every other."
            raise DataError([Problem(f"{path}:1", f"no column {', '.join(lost)}", "a column for every cell", mend)])
    end = "\r\n" if b"\r\n" in old else "\n"
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=end)
    if not old.strip():
        old = b""
        writer.writerow(columns)
    elif not old.endswith(b"\n"):
        text.write(end)
    for row in rows:
        writer.writerow([row.get(column, "") for column in columns])
    whole = old + text.getvalue().encode()
    _, problems = read_table(decode(whole, str(path)), str(path), model)
    if problems:
        raise DataError(problems)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_at_once(path, whole)
