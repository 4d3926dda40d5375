"""What a retraction touches. A verdict and our own analysis leave a retracted paper out by themselves; this tells whom."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from neurodash.library import Guideline, Library, Prose, Result, Retraction, Trial


@dataclass(frozen=True)
class Touched:
    """A retraction notice (or an expression of concern) and everything in the library that rests on its paper."""

    notice: Retraction
    results: tuple[Result, ...]
    trials: tuple[Trial, ...]
    guidelines: tuple[Guideline, ...]
    mentions: tuple[str, ...]  # briefs whose text names it
    protocols: tuple[str, ...]  # whose text or doses rest on it
    findings: tuple[tuple[str, str, str], ...]  # brief, finding, how: "cites", "counts" or "own analysis"


def touched(library: Library, on: dt.date) -> list[Touched]:
    """Every notice by the day with the rows and the findings it touches, newest first."""
    found = []
    for notice in sorted(library.retractions, key=lambda n: (n.date, n.doi), reverse=True):
        if notice.date > on:
            continue
        doi = notice.doi.casefold()
        reviews = {r.review_id for r in library.results.values() if r.doi and r.doi.casefold() == doi}
        results = tuple(r for r in library.results.values() if r.review_id in reviews)
        trials = tuple(t for t in library.trials.values() if t.doi and t.doi.casefold() == doi)
        guidelines = tuple(g for g in library.guidelines.values() if g.doi_or_pmid.casefold() == doi)
        rows = {
            "review": reviews,
            "result": {r.result_id for r in results},
            "guideline": {g.rec_id for g in guidelines},
        }
        asked = {(t.intervention_class, t.outcome_domain) for t in trials}
        findings = []
        mentions = [slug for slug, brief in sorted(library.briefs.items()) if _names(brief.prose, rows)]
        protocols = [
            slug
            for slug, protocol in sorted(library.protocols.items())
            if _names(protocol.prose, rows)
            or any(rows["guideline"] & set(amount.source) for _, _, amount, _ in protocol.amounts())
        ]
        for slug, brief in sorted(library.briefs.items()):
            for finding in brief.findings:
                claim = finding.claim
                if any(r.result_id in claim.cites for r in results):
                    findings.append((slug, finding.id, "cites"))
                elif any(claim.matches(r) for r in results):
                    findings.append((slug, finding.id, "counts"))
                elif any((i, claim.outcome) in asked for i in claim.intervention):
                    findings.append((slug, finding.id, "own analysis"))
        found.append(Touched(notice, results, trials, guidelines, tuple(mentions), tuple(protocols), tuple(findings)))
    return found


def _names(prose: Iterable[Prose], rows: Mapping[str, Collection[str]]) -> bool:
    """Whether a source mark of the texts is one of these rows, by kind."""
    return any(mark.id in rows.get(mark.kind, ()) for part in prose for mark in part.marks)
