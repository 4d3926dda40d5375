"""Holding a claim against every published result that is about it.

`judge` is a pure function of a finding, the results, the retractions and the day. The rules are written out
for readers in docs/methods.md; what a rule cannot decide it leaves silent, and silence never supports.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from neurodash import wording
from neurodash.library import Brief, Claim, Finding, Library, Result, Retraction

CONTESTED_SHARE = Fraction(1, 4)  # of voting weight. Ours: one in four is a disagreement a clinician should see
FEW_TRIALS = 3  # below this, one more trial could turn a pooled result. Ours, as for our own pooling
WINDOW_YEARS = 5  # publication years that count as current, up to and with the year of the check
CHANCE = Decimal("0.05")  # a p value below it excludes chance, where no interval was read
# A verdict lapses this long after the newest search behind it. Ours: half of all reviews carry a signal that they
# need updating after 5.5 years (Shojania et al. 2007, Ann Intern Med 147:224-233), so five is already generous.
CURRENT_YEARS = 5
# |SMD| classes, lower bounds. Cohen 1988; Cochrane Handbook 15.5.3.
SIZE_FROM = {
    "trivial": Fraction(0),
    "small": Fraction(2, 10),
    "moderate": Fraction(5, 10),
    "large": Fraction(8, 10),
}

Key = Literal["withdrawn", "not_checkable", "unsupported", "contested", "partly_supported", "supported"]
Voice = Literal["agrees", "disagrees", "silent", "not counted"]
FAILS: frozenset[str] = frozenset({"unsupported", "withdrawn"})
LOUDEST: tuple[Voice, ...] = ("disagrees", "agrees", "silent")  # who speaks where equal rows differ
HOLDS: frozenset[str] = frozenset({"supported", "partly_supported"})


@dataclass(frozen=True)
class Judged:
    """One matched result, what it says to the claim and why. `not counted` rows take no part in a vote."""

    result: Result
    voice: Voice
    reason: str
    cited: bool


@dataclass(frozen=True)
class Vote:
    """The one vote of a review: the row it votes by, its weight (number of trials, 1 where not read), and every row
    that says the same on the same footing, so that no rule depends on which of them happened to be taken."""

    review_id: str
    voice: Voice
    by: Judged
    weight: int
    rows: tuple[Judged, ...]


@dataclass(frozen=True)
class Verdict:
    """What the published results say to a finding on a day."""

    finding: Finding
    key: Key
    votes: tuple[Vote, ...]
    rows: tuple[Judged, ...]
    why: str
    on: dt.date
    window: tuple[int, int]
    newest_search: str | None  # of any review that votes, silent ones too: the newest that was seen
    evidence_to: str | None  # of the reviews that agree or disagree: how far the evidence behind the verdict reaches
    lapses: dt.date | None

    @property
    def agree(self) -> int:
        return self._count("agrees")

    @property
    def disagree(self) -> int:
        return self._count("disagrees")

    @property
    def silent(self) -> int:
        return self._count("silent")

    @property
    def disagreeing_results(self) -> int:
        """Matched results that disagree, also those that their review does not vote by."""
        return sum(row.voice == "disagrees" for row in self.rows)

    @property
    def lapsed(self) -> bool:
        """Whether the newest search behind the verdict is too old for it to be called current."""
        return self.lapses is not None and self.on >= self.lapses

    @property
    def holds(self) -> bool:
        return self.key in HOLDS and not self.lapsed

    def _count(self, voice: Voice) -> int:
        return sum(vote.voice == voice for vote in self.votes)


def judge(finding: Finding, results: Iterable[Result], on: dt.date, retractions: Sequence[Retraction] = ()) -> Verdict:
    """The verdict on one finding.

    `results` may be in any order and may hold results about other things. Citing a result that is not about
    the claim does not make it count.
    """
    claim = finding.claim
    window = claim.window or (on.year - WINDOW_YEARS + 1, on.year)
    every = tuple(results)
    retracted = _retracted_reviews(every, retractions, on)
    about = sorted((r for r in every if claim.matches(r) or r.result_id in claim.cites), key=lambda r: r.result_id)
    rows = tuple(_place(result, claim, window, retracted) for result in about)
    withdrawn = [r for r in about if r.result_id in claim.cites and r.review_id in retracted]
    votes = _votes(rows)
    key, why = _decide(claim, votes, withdrawn, window)
    return Verdict(
        finding=finding,
        key=key,
        votes=votes,
        rows=rows,
        why=why,
        on=on,
        window=window,
        newest_search=_newest(row for row in rows if row.voice != "not counted"),
        evidence_to=_newest(row for vote in votes if _counts(vote) for row in vote.rows),
        lapses=_lapses(votes),
    )


def judge_brief(brief: Brief, library: Library, on: dt.date) -> tuple[Verdict, ...]:
    """The verdicts on a brief's findings, in their order."""
    return tuple(judge(finding, library.results.values(), on, library.retractions) for finding in brief.findings)


def failing(library: Library, on: dt.date) -> list[tuple[Brief, Verdict]]:
    """Findings of published briefs that no review carries, or whose source was retracted."""
    return [
        (brief, verdict)
        for brief in library.briefs.values()
        if not brief.draft
        for verdict in judge_brief(brief, library, on)
        if verdict.key in FAILS
    ]


# What one result says to a claim


def _place(result: Result, claim: Claim, window: tuple[int, int], retracted: set[str]) -> Judged:
    cited = result.result_id in claim.cites

    def say(voice: Voice, reason: str) -> Judged:
        return Judged(result, voice, reason, cited)

    if not claim.matches(result):
        return say("not counted", "cited, but about something else")
    if result.review_id in retracted:
        return say("not counted", "its review was retracted")
    if result.row_kind == "moderator":
        return say("not counted", "compares moderators, never votes")
    if result.row_kind in ("subgroup", "follow_up") and not cited:
        return say("not counted", f"a {wording.ROW_KINDS[result.row_kind]} result, counts only where cited")
    if not cited and not _inside(result.year, window):
        return say(
            "not counted",
            "year not known" if result.year is None else f"published outside {window[0]}–{window[1]}",
        )
    if result.doubts:
        return say("silent", f"in doubt: {result.doubts[0]}")
    voice, reason = listen(result, claim)
    return say(voice, reason)


def listen(result: Result, claim: Claim) -> tuple[Voice, str]:
    """What one result says to a claim that it is about: agrees, disagrees or silent, by the table in docs/methods.md."""
    if claim.says == "narrative":
        return "silent", "the claim is a description that no number can check"
    if claim.says == "more_with_dose":
        return _dose_voice(result)
    if claim.says == "improves" and result.effect_metric == "narrative":
        return "silent", "described in words, no pooled number read"
    excludes, how = _excludes_chance(result)
    favours = result.favours
    match claim.says:
        case "improves":
            if favours == "control":
                return "disagrees", "favours the control"
            if excludes is False:
                return "disagrees", f"chance could explain it ({how})"
            if excludes and favours == "intervention":
                return "agrees", f"favours the intervention, more than chance explains ({how})"
        case "may_improve":
            if favours == "intervention":
                return "agrees", "favours the intervention"
            if favours == "control" and excludes:
                return "disagrees", f"favours the control, more than chance explains ({how})"
        case "no_clear_effect":
            if excludes is False:
                return "agrees", f"chance could explain it ({how})"
            if excludes:
                return "disagrees", f"an effect, more than chance explains ({how})"
        case "not_more_harm":
            if favours == "intervention":
                return "agrees", "less harm than in the control"
            if excludes is False:
                return "agrees", f"no more harm than chance explains ({how})"
            if favours == "control" and excludes:
                return "disagrees", f"more harm than chance explains ({how})"
    return "silent", "not enough was read"


def _dose_voice(result: Result) -> tuple[Voice, str]:
    if result.dose_direction not in ("more_better", "less_better"):
        return "silent", "the direction of the dose is unclear"
    excludes, how = _excludes_chance(result, by_p=True)
    if excludes is None:
        return "silent", "not enough was read"
    if not excludes:
        return "disagrees", f"chance could explain it ({how})"
    if result.dose_direction == "less_better":
        return "disagrees", f"less goes with more effect, more than chance explains ({how})"
    return "agrees", f"more goes with more effect, more than chance explains ({how})"


def _excludes_chance(result: Result, by_p: bool = False) -> tuple[bool | None, str]:
    """Whether chance is excluded and what says so: the interval first, then (for a dose) p, then `significant`."""
    if result.excludes_null is not None:
        return result.excludes_null, "by its interval"
    if by_p and (by := _p_below_chance(result.p_value)) is not None:
        return by, f"p {result.p_value}"
    if result.significant == "unclear":
        return None, ""
    return result.significant == "yes", "as the review reports; no interval read"


def _p_below_chance(p_value: str | None) -> bool | None:
    if p_value is None:
        return None
    sign, number = re.fullmatch(r"([<>=≤≥]?)\s*(.+)", p_value).groups()  # type: ignore[union-attr]
    p = Decimal(number)
    if sign in ("<", "≤"):
        below = p <= CHANCE if sign == "<" else p < CHANCE
        return True if below else None  # "<0.1" decides nothing
    if sign in (">", "≥"):
        return False if p >= CHANCE else None
    return p < CHANCE


def _inside(year: int | None, window: tuple[int, int]) -> bool:
    return year is not None and window[0] <= year <= window[1]


def _retracted_reviews(results: Sequence[Result], retractions: Sequence[Retraction], on: dt.date) -> set[str]:
    """Reviews with a row whose DOI was retracted by the day: a notice concerns the paper, so all of its rows."""
    notices = {n.doi.casefold() for n in retractions if n.kind == "retraction" and n.date <= on}
    return {r.review_id for r in results if r.doi and r.doi.casefold() in notices}


def _newest(rows: Iterable[Judged]) -> str | None:
    return max((row.result.search_end for row in rows if row.result.search_end), default=None)


# A review votes once


def _votes(rows: Sequence[Judged]) -> tuple[Vote, ...]:
    reviews: dict[str, list[Judged]] = {}
    for row in rows:
        if row.voice != "not counted":
            reviews.setdefault(row.result.review_id, []).append(row)
    votes = [_vote(review, standing) for review, standing in reviews.items()]
    return tuple(sorted(votes, key=lambda vote: (LOUDEST.index(vote.voice), -vote.weight, vote.review_id)))


def _vote(review: str, rows: Sequence[Judged]) -> Vote:
    """By its cited rows if it has any, else by its rows with the most trials among those not silent.

    Where rows that stand equal differ, the one that disagrees speaks for the review.
    """
    standing = [row for row in rows if row.cited]
    if not standing:
        heard = [row for row in rows if row.voice != "silent"] or list(rows)
        most = max(_weight(row) for row in heard)
        standing = [row for row in heard if _weight(row) == most]
    by = min(standing, key=lambda row: (LOUDEST.index(row.voice), -_weight(row), row.result.result_id))
    return Vote(review, by.voice, by, _weight(by), tuple(row for row in standing if row.voice == by.voice))


def _weight(row: Judged) -> int:
    return row.result.k_studies or 1


def _counts(vote: Vote) -> bool:
    return vote.voice in ("agrees", "disagrees")


# The verdict


def _decide(
    claim: Claim,
    votes: Sequence[Vote],
    withdrawn: Sequence[Result],
    window: tuple[int, int],
) -> tuple[Key, str]:
    agree = [vote for vote in votes if vote.voice == "agrees"]
    disagree = [vote for vote in votes if vote.voice == "disagrees"]
    said = _said(agree, disagree, votes)
    if withdrawn:
        return "withdrawn", f"A review this finding cites was retracted: {withdrawn[0].citation}."
    if claim.says == "narrative":
        return "not_checkable", "The finding describes; no number can check it. Read it as the authors' view."
    if not agree and not disagree:
        return "not_checkable", f"No matching review reports enough to check this finding. {said}".strip()
    if not agree:
        return "unsupported", said
    against = sum(vote.weight for vote in disagree)
    everything = against + sum(vote.weight for vote in agree)
    if Fraction(against, everything) >= CONTESTED_SHARE:
        share = wording.percent(Fraction(against, everything))
        return "contested", f"{said} Those that disagree hold {share} of the voting weight."
    if reasons := _only_in_part(claim, agree, window):
        return "partly_supported", f"{said} But {'; and '.join(reasons)}."
    return "supported", said


def _said(agree: Sequence[Vote], disagree: Sequence[Vote], votes: Sequence[Vote]) -> str:
    silent = len(votes) - len(agree) - len(disagree)
    parts = []
    if agree:
        parts.append(f"{wording.count(len(agree), 'review')} {'agrees' if len(agree) == 1 else 'agree'}")
    if disagree:
        parts.append(f"{wording.count(len(disagree), 'review')} {'disagrees' if len(disagree) == 1 else 'disagree'}")
    if silent:
        parts.append(f"{wording.count(silent, 'review')} could not be used to check it")
    return f"{', '.join(parts)}." if parts else "No matching review."


def _only_in_part(claim: Claim, agree: Sequence[Vote], window: tuple[int, int]) -> list[str]:
    """Why a finding that is agreed with is supported only in part; empty where nothing is missing."""
    agreeing = [row for vote in agree for row in vote.rows]
    cited = [row for row in agreeing if row.cited]
    reasons = []
    if not cited:
        reasons.append("no result that it cites agrees")
    if all(row.result.year is None or row.result.year < window[0] for row in agreeing):
        reasons.append(f"only results older than {window[0]}, or without a known year, agree")
    counted = [row.result.k_studies for row in agreeing if row.result.k_studies is not None]
    if counted and max(counted) < FEW_TRIALS:
        fewer = f"fewer than {wording.number_word(FEW_TRIALS)}"
        reasons.append(f"every agreeing result whose trials were counted pools {fewer}")
    if claim.size:
        mean = _mean_smd(row.result for row in cited)
        claimed = " to ".join(claim.size)
        if mean is None:
            reasons.append(f"the claimed size ({claimed}) rests on no standardised result")
        elif (size := size_class(mean)) not in claim.size:
            reasons.append(f"the cited results average {wording.decimal(mean)}, which is {size}, not {claimed}")
    return reasons


def _mean_smd(results: Iterable[Result]) -> Fraction | None:
    """The mean |SMD| weighted by trials (1 where not read), exact, or None where no result is an SMD."""
    smds = [r for r in results if r.effect_metric == "SMD" and r.estimate is not None]
    if not smds:
        return None
    total = sum((abs(Fraction(r.estimate or 0)) * (r.k_studies or 1) for r in smds), Fraction(0))
    return total / sum(r.k_studies or 1 for r in smds)


def size_class(smd: Fraction | Decimal) -> str:
    """trivial < 0.2 <= small < 0.5 <= moderate < 0.8 <= large."""
    value = abs(Fraction(smd))
    return [name for name, start in SIZE_FROM.items() if value >= start][-1]


def _lapses(votes: Sequence[Vote]) -> dt.date | None:
    """The day the newest search behind the verdict is CURRENT_YEARS old.

    Where a search date was not read, the first day of the year of publication stands in: nobody can have
    searched later than that year, and earlier is the careful guess. None where neither is known.
    """
    counted = [row.result for vote in votes if _counts(vote) for row in vote.rows]
    known = [_first_day(r.search_end or str(r.year)) for r in counted if r.search_end or r.year]
    if not known:
        return None
    newest = max(known)
    try:
        return newest.replace(year=newest.year + CURRENT_YEARS)
    except ValueError:  # 29 February
        return dt.date(newest.year + CURRENT_YEARS, 3, 1)


def _first_day(partial: str) -> dt.date:
    return dt.date.fromisoformat({4: partial + "-01-01", 7: partial + "-01"}.get(len(partial), partial))
