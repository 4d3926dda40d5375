"""What a retraction touches. A verdict and our own analysis leave a retracted paper out by themselves; this tells whom."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from neurodash.library import Library, Result, Retraction, Trial


@dataclass(frozen=True)
class Touched:
    """A retraction notice (or an expression of concern) and everything in the library that rests on its paper."""

    notice: Retraction
    results: tuple[Result, ...]
    trials: tuple[Trial, ...]
    mentions: tuple[str, ...]  # briefs whose text names it
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
        asked = {(t.intervention_class, t.outcome_domain) for t in trials}
        findings = []
        mentions = [
            slug
            for slug, brief in sorted(library.briefs.items())
            if any(
                (m.kind == "review" and m.id in reviews)
                or (m.kind == "result" and m.id in {r.result_id for r in results})
                for prose in brief.prose
                for m in prose.marks
            )
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
        found.append(Touched(notice, results, trials, tuple(mentions), tuple(findings)))
    return found
