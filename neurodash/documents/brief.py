"""A brief on paper: each finding with its verdict, the reason and the results behind it, the action plan, mistakes, sources."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from html import unescape
from typing import Any

from neurodash import wording
from neurodash.documents.paper import References, chart, dosing, made, phases, pictures, version_line
from neurodash.evidence import Verdict
from neurodash.evidence.verdict import HOLDS
from neurodash.library import Brief, Library, Section
from neurodash.library.briefs import INFOGRAPHIC
from neurodash.pictures import charts


def pdf(
    brief: Brief, verdicts: Sequence[Verdict], library: Library, *, standing: str, on: dt.date, deep_dive: bool = True,
    paper: str = "a4", large: bool = False, address: str = "",
) -> bytes:  # fmt: skip
    """The whole brief as a tagged PDF. `standing` says in words how its findings stand, `on` is the day of the verdicts;
    `deep_dive` adds that part; `address` is where the site can be found; `large` is 18 point.

    Raises DataError for a paper not known and for letters without a font.
    """
    references = References(library, address.rstrip("/"))
    # In reading order, so that the sources are numbered as they are met.
    summary = references.line(brief.summary)
    findings = [_finding(brief, verdict, library, references) for verdict in verdicts]
    figure = _figure(brief, verdicts, library)
    caption = references.line(brief.picture.caption)
    note = references.blocks(brief.note)
    protocol = library.protocols[brief.slug]
    plan = {
        "phases": phases(protocol, library, references),
        "before": _parts(brief.action_plan[:-1], references),
        "dosing": dosing(protocol, library, references),
        "after": _parts(brief.action_plan[-1:], references),
    }
    mistakes = _parts(brief.mistakes, references)
    questions = _parts(brief.questions, references)
    deep = _parts(brief.deep_dive, references) if deep_dive else []
    condition = library.conditions[brief.condition]
    data = {
        "title": brief.title, "running": brief.title, "version": version_line(library.version, on), "summary": summary,
        "meta": f"{condition.name} · first published {wording.date(brief.published)}, changed {wording.date(brief.updated)}",
        "draft": brief.draft, "standing": standing, "on": wording.date(on), "findings": findings, "figure": figure,
        "caption": caption, "note": note, "plan": plan, "mistakes": mistakes, "questions": questions, "deep": deep,
        "sources": references.sources, "has-expert": references.has_expert,
        "page": f"{address.rstrip('/')}/{brief.condition}/{brief.slug}/" if address else "",
    }  # fmt: skip
    return made("brief.typ", data, where="the brief", paper=paper, large=large)


def _finding(brief: Brief, verdict: Verdict, library: Library, references: References) -> dict[str, Any]:
    claim = verdict.finding.claim
    word = wording.VERDICTS["lapsed" if verdict.lapsed and verdict.key in HOLDS else verdict.key]
    strip = charts.strip(verdict, library.vocabulary.outcomes[claim.outcome].higher_is_better)
    lapsed = (
        f"The newest search behind it is from {wording.partial_date(verdict.evidence_to)}: too old to be called current."
        if verdict.lapsed
        else ""
    )
    counted = [vote.by for vote in verdict.votes]
    more = len(verdict.rows) - len(counted)
    described = re.search("<desc>(.*?)</desc>", strip.svg)
    return {
        "says": verdict.finding.statement, "word": word.word, "sign": word.mark, "meaning": word.meaning, "why": verdict.why,
        "lapsed": lapsed, "note": references.blocks(brief.notes[verdict.finding.id]),
        "strip": [{"svg": chart(strip.svg), "says": unescape(described[1])}] if described else [], "left-out": strip.left_out,
        "rows": [
            {
                "voice": wording.VOICES[row.voice][0], "sign": wording.VOICES[row.voice][1],
                "review": wording.short_citation(row.result.citation, row.result.year),
                "reference": references.review(row.result)["number"], "estimate": charts.estimate(row.result),
                "trials": _number(row.result.k_studies), "people": _number(row.result.n_participants),
                "reason": f"{row.reason}{f'; certainty as reported: {row.result.certainty}' if row.result.certainty else ''}",
            }
            for row in counted
        ],
        "more": f"{wording.count(more, 'more row')} matched and did not vote: other rows of the same reviews, older ones, or subgroups nobody cited." if more else "",
    }  # fmt: skip


def _number(count: int | None) -> str:
    return wording.NOT_KNOWN if count is None else wording.thousands(count)


def _parts(sections: Sequence[Section], references: References) -> list[dict[str, Any]]:
    return [
        {
            "title": each.title,
            "body": references.blocks(each.prose),
            "instead": references.blocks(each.instead) if each.instead else [],
        }
        for each in sections
    ]


def _figure(brief: Brief, verdicts: Sequence[Verdict], library: Library) -> list[dict[str, str]]:
    """The drawings of the brief's picture; none where it is a photograph, whose words stand in the caption."""
    if brief.picture.draw == INFOGRAPHIC:
        cited = [
            library.results[name]
            for verdict in verdicts
            if verdict.finding.claim.outcome == "gait_speed"
            for name in verdict.finding.claim.cites
        ]
        return [{"svg": chart(charts.walking_speed(cited, brief.picture.alt)), "says": brief.picture.alt}]
    return pictures(library, brief.picture.draw) if brief.picture.draw else []
