"""What each page shows, gathered from the library and the verdicts of the day. No request is needed here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString, mark_safe

from neurodash import wording
from neurodash.evidence import Judged, Verdict
from neurodash.evidence.reanalysis import Reanalysis
from neurodash.evidence.verdict import HOLDS
from neurodash.library import Brief, Library, Result, Section
from neurodash.library.briefs import INFOGRAPHIC
from neurodash.pictures import charts, figures
from neurodash.web.reading.marks import References
from neurodash.web.reading.training import dosing, phases


@dataclass(frozen=True)
class Badge:
    """The state of a brief's findings on a day, in the words of its banner."""

    headline: str
    against: str
    exceptions: str
    checked_on: dt.date
    lapses: dt.date | None
    evidence_to: str
    tone: str


def badge(verdicts: Sequence[Verdict]) -> Badge:
    """`5 of 7 findings hold`, computed; never typed."""
    held = [v for v in verdicts if v.holds]
    reviews = {
        vote.review_id: vote.by.result.year
        for v in verdicts
        for vote in v.votes
        if vote.voice in ("agrees", "disagrees")
    }
    years = sorted(year for year in reviews.values() if year)
    span = f", {years[0]}–{years[-1]}" if years and years[0] != years[-1] else f", {years[0]}" if years else ""
    others: dict[str, int] = {}
    for v in verdicts:
        if not v.holds:
            word = "lapsed" if v.lapsed and v.key in HOLDS else v.key
            others[word] = others.get(word, 0) + 1
    partly = sum(v.key == "partly_supported" for v in held)
    told = [f"{wording.number_word(partly)} of them only in part"] if partly else []
    told += [_told(word, n) for word, n in others.items()]
    searches = [v.evidence_to for v in verdicts if v.evidence_to]
    return Badge(
        headline=f"{len(held)} of {wording.count(len(verdicts), 'finding')} hold{'s' if len(held) == 1 and len(verdicts) == 1 else ''}",
        against=f"against {wording.count(len(reviews), 'systematic review')}{span}",
        exceptions=f"{wording.joined(told).capitalize()}." if told else "",
        checked_on=verdicts[0].on if verdicts else dt.date.min,
        lapses=min((v.lapses for v in held if v.lapses), default=None),
        evidence_to=wording.month(max(searches)) if searches else wording.NOT_KNOWN,
        tone="supported" if len(held) == len(verdicts) else "partly" if held else "unchecked",
    )


def _told(word: str, n: int) -> str:
    number = wording.number_word(n)
    is_, has = ("is", "has") if n == 1 else ("are", "have")
    return {
        "lapsed": f"{number} {has} lapsed",
        "contested": f"{number} {is_} contested",
        "unsupported": f"{number} {is_} not supported",
        "withdrawn": f"{number} {has} been withdrawn",
        "not_checkable": f"{number} cannot be checked by numbers",
    }[word]


@dataclass(frozen=True)
class OwnVoice:
    """What our own analysis of trials says to a finding, where enough trials can be used."""

    voice: str
    told: str
    url: str


@dataclass(frozen=True)
class ShownFinding:
    """A finding with everything a page shows of it."""

    verdict: Verdict
    strip: charts.Strip
    svg: SafeString
    note: SafeString
    evidence_url: str
    evidence_name: str
    reviews_told: str
    checked_told: str
    own: tuple[OwnVoice, ...]

    @property
    def finding(self) -> Any:
        return self.verdict.finding

    @property
    def counted(self) -> list[Judged]:
        """The rows by which the reviews vote, in the order of the strip."""
        return [vote.by for vote in self.verdict.votes]

    @property
    def hidden_disagreement(self) -> int:
        """Results that disagree inside reviews that do not vote by them."""
        against = {vote.review_id for vote in self.verdict.votes if vote.voice == "disagrees"}
        return sum(row.voice == "disagrees" and row.result.review_id not in against for row in self.verdict.rows)

    @property
    def uncounted(self) -> list[Judged]:
        return [row for row in self.verdict.rows if row not in self.counted]


def shown_finding(
    brief: Brief, verdict: Verdict, library: Library, references: References, analyses: Sequence[Reanalysis]
) -> ShownFinding:
    outcome = library.vocabulary.outcomes[verdict.finding.claim.outcome]
    strip = charts.strip(verdict, outcome.higher_is_better)
    return ShownFinding(
        verdict=verdict,
        strip=strip,
        svg=mark_safe(strip.svg),  # noqa: S308  drawn by us, texts escaped
        note=references.html(brief.notes[verdict.finding.id]),
        evidence_url=f"/{brief.condition}/{brief.slug}/evidence/{slug_of(verdict.finding.claim.outcome)}/",
        evidence_name=outcome.label,
        reviews_told=_reviews_told(verdict),
        checked_told=_checked_told(verdict, library),
        own=_own_voices(verdict, analyses),
    )


def _own_voices(verdict: Verdict, analyses: Sequence[Reanalysis]) -> tuple[OwnVoice, ...]:
    claim = verdict.finding.claim
    if claim.says in ("narrative", "more_with_dose"):
        return ()
    return tuple(
        OwnVoice(
            voice=found.says_to(claim)[0],
            told=f"{wording.count(found.k, 'trial')}, {wording.inside(wording.COMPARISONS[found.comparison])}: g {wording.decimal(found.pooled.estimate)} "
            f"({wording.decimal(found.pooled.ci_low)} to {wording.decimal(found.pooled.ci_high)})",
            url=f"/evidence/trials/{slug_of(found.intervention)}/{slug_of(found.outcome)}/#{found.comparison}",
        )
        for found in analyses
        if found.outcome == claim.outcome and found.intervention in claim.intervention and found.pooled
    )


def _reviews_told(verdict: Verdict) -> str:
    total = wording.count(len(verdict.votes), "review")
    if not verdict.votes:
        return "no review"
    if not verdict.agree + verdict.disagree:
        return f"{total}, none that could be used"
    return f"{verdict.agree} of {total} agree{'s' if len(verdict.votes) == 1 else ''}"


def _checked_told(verdict: Verdict, library: Library) -> str:
    """What the program really held against the tables, in words."""
    claim = verdict.finding.claim
    names = [library.vocabulary.interventions[code].label.lower() for code in claim.intervention]
    what = wording.joined(names, "or")
    outcome = library.vocabulary.outcomes[claim.outcome].label.lower()
    dose = f": {wording.DOSES[claim.dose]}" if claim.dose else ""
    size = f", by a {' to '.join(claim.size)} amount" if claim.size else ""
    return f"{what}; {outcome}; {wording.SAYS[claim.says]}{dose}{size}"


def slug_of(code: str) -> str:
    return code.replace("_", "-")


@dataclass(frozen=True)
class Part:
    """A titled part of a brief, ready to show."""

    title: str
    anchor: str
    html: SafeString
    instead: SafeString | None = None


def parts(sections: Sequence[Section], references: References) -> list[Part]:
    return [
        Part(s.title, s.anchor, references.html(s.prose), references.html(s.instead) if s.instead else None)
        for s in sections
    ]


def brief_page(
    brief: Brief, verdicts: Sequence[Verdict], library: Library, others: Sequence[Brief], analyses: Sequence[Reanalysis]
) -> dict[str, Any]:
    """Everything templates/brief.html shows."""
    references = References(library, f"{brief.condition}/{brief.slug}")
    protocol = library.protocols[brief.slug]
    before_dose, after_dose = brief.action_plan[:-1], brief.action_plan[-1:]
    # In reading order, so that the sources are numbered as they are met.
    summary = references.html(brief.summary, inline=True)
    findings = [shown_finding(brief, verdict, library, references, analyses) for verdict in verdicts]
    caption = references.html(brief.picture.caption, inline=True)
    page = {
        "brief": brief,
        "condition": library.conditions[brief.condition],
        "summary": summary,
        "badge": badge(verdicts),
        "findings": findings,
        "picture": _picture(brief, verdicts, library),
        "caption": caption,
        "note": references.html(brief.note),
        "phases": phases(protocol, library, references),
        "focus": next((c for c, each in library.planning.rules.focuses.items() if each.protocol == protocol.id), ""),
        "before_dose": parts(before_dose, references),
        "plan": dosing(protocol, library, references),
        "after_dose": parts(after_dose, references),
        "mistakes": parts(brief.mistakes, references),
        "questions": parts(brief.questions, references),
        "deep_dive": [section.title for section in brief.deep_dive],
        "related": [b for slug in brief.related for b in others if b.slug == slug],
        "others": [b for b in others if b.slug != brief.slug],
        "evidence_pages": evidence_pages(brief, library),
        "image_url": f"/content/{brief.condition}/{brief.slug}/{brief.picture.image}" if brief.picture.image else "",
    }
    return {**page, "sources": references.sources, "has_expert": references.has_expert}


def _picture(brief: Brief, verdicts: Sequence[Verdict], library: Library) -> SafeString:
    drawing, alt = brief.picture.draw, brief.picture.alt
    if not drawing:
        return mark_safe("")
    if drawing != INFOGRAPHIC:
        name = library.exercises.exercises[drawing].name
        return mark_safe(figures.plate(library.exercises.frames[drawing], name, alt))  # noqa: S308  drawn by us
    speed = [
        library.results[cited]
        for verdict in verdicts
        if verdict.finding.claim.outcome == "gait_speed"
        for cited in verdict.finding.claim.cites
    ]
    return mark_safe(charts.walking_speed(speed, alt))  # noqa: S308  drawn by us


def evidence_pages(brief: Brief, library: Library) -> list[dict[str, str]]:
    """The outcomes a brief's findings speak of, each with its page."""
    outcomes = dict.fromkeys(finding.claim.outcome for finding in brief.findings)
    return [
        {
            "name": library.vocabulary.outcomes[code].label,
            "url": f"/{brief.condition}/{brief.slug}/evidence/{slug_of(code)}/",
            "code": code,
        }
        for code in outcomes
    ]


# The evidence page


@dataclass(frozen=True)
class Line:
    """One matched result in the table of an evidence page."""

    judged: Judged
    finding: str
    speaks: bool

    @property
    def standing(self) -> str:
        """Whether the row speaks for its review, where it could have."""
        if self.judged.voice == "not counted":
            return ""
        return "speaks for its review" if self.speaks else "same review, not counted again"

    @property
    def result(self) -> Result:
        return self.judged.result


SORTS: Mapping[str, tuple[str, Any]] = {
    "review": (
        "Review",
        lambda line: (wording.short_citation(line.result.citation, None).casefold(), line.result.result_id),
    ),
    "vote": ("Vote", lambda line: list(wording.VOICES).index(line.judged.voice)),
    "estimate": (
        "Estimate",
        lambda line: (line.result.estimate is None, line.result.effect_metric, line.result.estimate or 0),
    ),
    "trials": ("Trials", lambda line: -(line.result.k_studies or 0)),
    "people": ("People", lambda line: -(line.result.n_participants or 0)),
    "search": ("Searched to", lambda line: [-ord(c) for c in line.result.search_end or ""] or [0]),
}


def lines(verdict: Verdict) -> list[Line]:
    order = list(wording.VOICES)
    rows = sorted(
        verdict.rows,
        key=lambda row: (order.index(row.voice), -(row.result.k_studies or 0), row.result.result_id),
    )
    by = {vote.by.result.result_id for vote in verdict.votes}
    return [Line(row, verdict.finding.id, row.result.result_id in by) for row in rows]


def chosen(found: Sequence[Line], vote: str, words: str, sort: str) -> list[Line]:
    """The lines a reader asked for. Unknown wishes are as if not said."""
    shown = [line for line in found if not vote or line.judged.voice == vote]
    for word in words.casefold().split():
        shown = [line for line in shown if word in _searchable(line)]
    return sorted(shown, key=SORTS[sort][1]) if sort in SORTS else shown


def _searchable(line: Line) -> str:
    r = line.result
    return " ".join(
        (r.citation, r.measure, r.population, r.intervention, r.comparator, r.notes, line.judged.reason)
    ).casefold()


CSV_COLUMNS = (
    "finding", "vote", "standing", "reason", "cited", "result_id", "review_id", "citation", "year", "doi", "pmid", "search_end", "condition",
    "population", "intervention", "intervention_class", "comparator", "outcome_domain", "measure", "effect_metric", "unit",
    "estimate", "ci_low", "ci_high", "p_value", "k_studies", "n_participants", "i2_percent", "favours", "significant",
    "certainty", "row_kind", "dose_measure", "dose_direction", "moderator", "source_url", "source_part", "notes",
)  # fmt: skip


def csv_row(line: Line) -> list[str]:
    own = {
        "finding": line.finding,
        "vote": line.judged.voice,
        "standing": line.standing,
        "reason": line.judged.reason,
        "cited": "yes" if line.judged.cited else "no",
    }
    return [safe_cell(own.get(name, getattr(line.result, name, None))) for name in CSV_COLUMNS]


def safe_cell(value: object) -> str:
    """A text that a spreadsheet would run as a formula is led by a quote; numbers stay numbers."""
    text = "" if value is None else str(value)
    is_text = isinstance(value, str)
    return (
        f"'{text}"
        if is_text and text.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))
        else text
    )


def uses(result: Result, judged_briefs: Sequence[tuple[Brief, Sequence[Verdict]]]) -> list[dict[str, Any]]:
    """Where a result takes part: brief, finding, and what it says there."""
    return [
        {"brief": brief, "verdict": verdict, "judged": row}
        for brief, judged in judged_briefs
        for verdict in judged
        for row in verdict.rows
        if row.result.result_id == result.result_id
    ]
