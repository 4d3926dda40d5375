"""A run of the watch: what each finding asks the services, what they answer, and what goes into the inbox.

`run` asks step by step and saves the inbox after every step, so that a run that breaks off is taken up where it
stopped. A service that cannot be reached is left in peace; what the other one says is kept.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from neurodash import wording
from neurodash.errors import DataError, Problem, did_you_mean
from neurodash.evidence import judge_brief
from neurodash.library import Brief, Finding, Library, Result
from neurodash.library.rows import Trial
from neurodash.library.shapes import Term
from neurodash.watch.client import Unanswered
from neurodash.watch.crossref import Crossref
from neurodash.watch.inbox import About, Inbox, Service, Watched
from neurodash.watch.pubmed import AT_ONCE, MOST_FOUND, PubMed, query
from neurodash.watch.records import Notice, Record, id_root, words_of

# A record enters PubMed or Crossref first and gets its publication type, headings and pages later, sometimes weeks.
# Asked only from the last run on, it would fit our search on a day that nobody asks about any more. What comes back
# twice is known and costs nothing. Ours: a quarter of a year covers the usual lag.
OVERLAP_DAYS = 90
# A run that broke off is taken up for a week; after that the services have new answers and all are asked again. Ours.
RESUME_DAYS = 7
STUMBLES = 3  # answers in a row that cannot be used, before a service is left in peace. Ours
# Of titles. Crossref does not say what is a review; some word of the first must stand in it, none of the second first.
REVIEW_WORDS = (" systematic review ", " meta analysis ", " metaanalysis ", " meta analyses ")
NO_REVIEW = (" retracted ", " retraction ", " withdrawn ", " correction ", " corrigendum ", " erratum ")


@dataclass(frozen=True)
class Target:
    """One finding to watch: what a row about it would say, the first day to ask about, and the questions."""

    about: About
    since: dt.date
    condition: tuple[str, ...]
    interventions: tuple[str, ...]
    outcomes: tuple[str, ...]

    @property
    def finding(self) -> str:
        return self.about.finding

    @property
    def term(self) -> str:
        """The search in PubMed's language."""
        return query((self.condition, self.interventions, self.outcomes))

    @property
    def words(self) -> str:
        """The search in plain words, for Crossref."""
        chosen = (*_plain(self.condition)[:1], *_plain(self.interventions)[:3], *_plain(self.outcomes)[:1])
        return " ".join((*chosen, "systematic review meta-analysis"))

    def fits(self, title: str) -> bool:
        """Whether a title is that of a review of this condition and this training. The outcome need not stand in it."""
        words = words_of(title)
        return (
            not words.startswith(NO_REVIEW)
            and any(word in words for word in REVIEW_WORDS)
            and any(_stands_in(phrase, words) for phrase in self.condition)
            and (not self.interventions or any(_stands_in(phrase, words) for phrase in self.interventions))
        )


@dataclass(frozen=True)
class Source:
    """A publication the findings rest on, and which of them do."""

    citation: str
    doi: str | None
    pmid: str | None
    findings: tuple[str, ...]


@dataclass
class Outcome:
    """What a run did. `problems` is empty where every question was answered."""

    steps: int = 0
    asked: int = 0
    skipped: int = 0  # done before the last run broke off
    new: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def finished(self) -> bool:
        return not self.problems


@dataclass(frozen=True)
class _Step:
    """One question to one service."""

    name: str
    service: Service
    ask: Callable[[], None]


def targets(library: Library, on: dt.date, briefs: Collection[str] = ()) -> tuple[list[Target], list[str]]:
    """The findings of these briefs (all published ones, if none is named), and a note for each that cannot be asked.

    Raises DataError for a brief that does not exist.
    """
    chosen = _briefs(library, briefs)
    found: list[Target] = []
    notes: list[str] = []
    for brief in chosen:
        for verdict in judge_brief(brief, library, on):
            finding, claim = verdict.finding, verdict.finding.claim
            name = f"{brief.slug}/{finding.id}"
            condition = library.conditions.get(claim.population)
            if condition is None:
                notes.append(f"{name} is not watched: “{claim.population}” has no condition.yaml with words to search.")
                continue
            interventions = [library.vocabulary.interventions[code] for code in claim.intervention]
            since = _first_day(verdict.newest_search) if verdict.newest_search else dt.date(verdict.window[0], 1, 1)
            found.append(
                Target(
                    about=About(
                        finding=name, condition=claim.population, classes=claim.intervention, outcome=claim.outcome,
                        dose=claim.dose,
                    ),
                    since=min(since, on),
                    condition=condition.search or (_searchable(condition.name),),
                    interventions=_phrases(interventions),
                    outcomes=_phrases([library.vocabulary.outcomes[claim.outcome]]),
                )
            )  # fmt: skip
    return found, notes


def sources(library: Library, on: dt.date, briefs: Collection[str] = ()) -> list[Source]:
    """Every publication with a DOI or PMID that the findings of these briefs rest on or their text names.

    Reviews: what a claim matches or cites, and what a source mark names. Trials: of the same training and outcome.
    """
    rows: dict[tuple[str, str], tuple[Result | Trial, dict[str, None]]] = {}

    def rest(name: str, row: Result | Trial) -> None:
        if row.doi or row.pmid:
            rows.setdefault(((row.doi or "").casefold(), row.pmid or ""), (row, {}))[1].setdefault(name)

    for brief in _briefs(library, briefs):
        for verdict in judge_brief(brief, library, on):
            name = f"{brief.slug}/{verdict.finding.id}"
            for judged in verdict.rows:
                rest(name, judged.result)
            for trial in _trials(library, verdict.finding):
                rest(name, trial)
        for result in _named_in_text(brief, library):
            rest(f"{brief.slug} (its text)", result)
    return _merged(Source(row.citation, row.doi, row.pmid, tuple(names)) for row, names in rows.values())


def run(
    library: Library,
    inbox: Inbox,
    pubmed: PubMed,
    crossref: Crossref,
    on: dt.date,
    briefs: Collection[str] = (),
    tell: Callable[[int, int, str], None] = lambda done, steps, name: None,
) -> Outcome:
    """Ask what is missing, keep what is new, save after every step.

    `tell` hears how many steps of how many are done and what comes next. Raises DataError for an unknown brief.
    """
    found, notes = targets(library, on, briefs)
    outcome = Outcome(notes=notes)
    if inbox.begun is None or not 0 <= (on - inbox.begun).days <= RESUME_DAYS:
        inbox.begun, inbox.done = on, set()
    steps = list(_Asking(library, inbox, pubmed, crossref, on, outcome).steps(found, sources(library, on, briefs)))
    outcome.steps = len(steps)
    stumbles: dict[str, int] = {}
    for number, step in enumerate(steps):
        if step.name in inbox.done:
            outcome.skipped += 1
            continue
        if stumbles.get(step.service, 0) >= STUMBLES:
            continue
        tell(number, len(steps), step.name)
        outcome.asked += 1
        try:
            step.ask()
        except Unanswered as error:
            down = STUMBLES if error.down else 1
            stumbles[step.service] = stumbles.get(step.service, 0) + down
            where = error.problem.where if error.down else f"{error.problem.where}: {step.name}"
            outcome.problems.append(Problem(where, error.problem.found, error.problem.accepted, error.problem.mend))
        else:
            stumbles[step.service] = 0
            inbox.done.add(step.name)
        inbox.save()
    if all(step.name in inbox.done for step in steps):
        inbox.begun, inbox.done = None, set()
    inbox.save()
    return outcome


class _Asking:
    """The steps of one run: what each asks and where its answer goes."""

    def __init__(
        self, library: Library, inbox: Inbox, pubmed: PubMed, crossref: Crossref, on: dt.date, outcome: Outcome
    ) -> None:
        self.library, self.inbox, self.on, self.outcome = library, inbox, on, outcome
        self.pubmed, self.crossref = pubmed, crossref
        self.dois = {row.doi.casefold() for row in library.results.values() if row.doi}
        self.pmids = {row.pmid for row in library.results.values() if row.pmid}
        self.known_notices = {(row.doi.casefold(), row.kind) for row in library.retractions}
        self.unnamed = {
            review for review, rows in library.reviews.items() if not any(row.doi or row.pmid for row in rows)
        }

    def steps(self, found: Sequence[Target], rested: Sequence[Source]) -> Iterator[_Step]:
        for target in found:
            yield _Step(f"PubMed: reviews for {target.finding}", "PubMed", partial(self._pubmed_reviews, target))
        with_pmid = [source for source in rested if source.pmid]
        for start in range(0, len(with_pmid), AT_ONCE):
            some = with_pmid[start : start + AT_ONCE]
            numbers = _fingerprint(" ".join(source.pmid or "" for source in some))
            name = f"PubMed: notices about {len(some)} publications ({numbers})"
            yield _Step(name, "PubMed", partial(self._pubmed_notices, some))
        for target in found:
            yield _Step(f"Crossref: reviews for {target.finding}", "Crossref", partial(self._crossref_reviews, target))
        for source in rested:
            if source.doi and "," in source.doi:  # a comma divides filters, and a part of a DOI would match nothing
                self._note(
                    f"Crossref cannot be asked about {source.doi}, which holds a comma: look for notices by hand."
                )
            elif source.doi:
                name = f"Crossref: notices about {source.doi}"
                yield _Step(name, "Crossref", partial(self._crossref_notices, source))

    # What is asked

    def _pubmed_reviews(self, target: Target) -> None:
        asked = _fingerprint(target.term)
        found = self.pubmed.search(target.term, self._since(target, "PubMed", asked), self.on)
        if found.total > MOST_FOUND:
            self._note(f"{target.finding}: {wording.thousands(found.total)} answers, the first {MOST_FOUND} were read.")
        elif len(found.pmids) < found.total:
            self._note(f"{target.finding}: PubMed counts {found.total} answers but named {len(found.pmids)}.")
        for phrase in found.unknown_phrases:
            self._note(f"PubMed has nothing under: {phrase}")
        known = self.pmids | {item.pmid for item in self.inbox.reviews}
        for pmid in found.pmids:  # already here, perhaps for another finding: no need to fetch it again
            if pmid in known and pmid not in self.pmids:
                self._keep(Record(title="", pmid=pmid), target, "PubMed")
        wanted = dict.fromkeys(pmid for pmid in found.pmids if pmid not in known)
        for records in self.pubmed.records(list(wanted)):
            for record in records:
                wanted.pop(record.pmid or "", None)
                if record.title and not any(notice.word == "retraction" for notice in record.notices):
                    self._keep(record, target, "PubMed")
            self.inbox.save()
        if wanted:
            self._note(f"PubMed sent no article for {', '.join(wanted)}: book chapters, or records that were removed.")
        self._asked(target, "PubMed", asked)

    def _crossref_reviews(self, target: Target) -> None:
        asked = _fingerprint(f"{target.words} {target.term}")
        for record in self.crossref.search(target.words, self._since(target, "Crossref", asked), self.on):
            if target.fits(record.title):
                self._keep(record, target, "Crossref")
        self._asked(target, "Crossref", asked)

    def _pubmed_notices(self, some: Sequence[Source]) -> None:
        missing = {source.pmid: source for source in some if source.pmid}
        for records in self.pubmed.records(list(missing)):
            for record in records:
                if source := missing.pop(record.pmid or "", None):
                    for notice in record.notices:
                        self._keep_notice(notice, source, source.doi or record.doi, "PubMed")
        for pmid, source in missing.items():
            self._note(f"PubMed has no record {pmid} ({source.citation}): look for notices by hand.")

    def _crossref_notices(self, source: Source) -> None:
        for notice in self.crossref.notices(source.doi or ""):
            self._keep_notice(notice, source, source.doi, "Crossref")

    # Where it goes

    def _keep(self, record: Record, target: Target, by: Service) -> None:
        in_tables = (record.doi or "").casefold() in self.dois or record.pmid in self.pmids
        if in_tables:
            return
        root = id_root(record.surname, record.year, record.doi, record.pmid)
        looks_like = root if root in self.unnamed else ""
        if self.inbox.add_review(record, target.about, by, self.on, looks_like):
            self.outcome.new.append(list(self.inbox.items)[-1])

    def _keep_notice(self, notice: Notice, source: Source, doi: str | None, by: Service) -> None:
        if doi and (doi.casefold(), notice.word) in self.known_notices:
            return
        if self.inbox.add_notice(notice, doi, source.pmid, source.citation, source.findings, by, self.on):
            self.outcome.new.append(list(self.inbox.items)[-1])

    def _since(self, target: Target, by: Service, asked: str) -> dt.date:
        """The last day it was asked the same, less the overlap; the target's own first day otherwise."""
        last = self.inbox.watched.get((target.finding, by))
        if last is None or last.asked != asked:
            return target.since
        return min(last.on, self.on) - dt.timedelta(days=OVERLAP_DAYS)

    def _asked(self, target: Target, by: Service, asked: str) -> None:
        self.inbox.watched[target.finding, by] = Watched(watched=target.finding, by=by, on=self.on, asked=asked)

    def _note(self, note: str) -> None:
        if note not in self.outcome.notes:
            self.outcome.notes.append(note)


def _fingerprint(text: str) -> str:
    """Changes when the question changes: then its answers since the last run are not all it has to say."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


# What the library says


def _briefs(library: Library, named: Collection[str]) -> list[Brief]:
    problems = [
        Problem("--brief", f"“{slug}”", ", ".join(sorted(library.briefs)), did_you_mean(slug, library.briefs))
        for slug in named
        if slug not in library.briefs
    ]
    if problems:
        raise DataError(problems)
    return [b for slug, b in sorted(library.briefs.items()) if (slug in named if named else not b.draft)]


def _trials(library: Library, finding: Finding) -> Iterator[Trial]:
    claim = finding.claim
    for trial in library.trials.values():
        if trial.intervention_class in claim.intervention and trial.outcome_domain == claim.outcome:
            yield trial


def _named_in_text(brief: Brief, library: Library) -> Iterator[Result]:
    for prose in brief.prose:
        for mark in prose.marks:
            if mark.kind == "result" and mark.id in library.results:
                yield library.results[mark.id]
            elif mark.kind == "review":
                yield from library.reviews.get(mark.id, ())


def _merged(every: Iterable[Source]) -> list[Source]:
    """Rows of one publication that give its DOI, its PMID or both are one source."""
    merged: list[Source] = []
    for source in every:
        for place, other in enumerate(merged):
            same_doi = source.doi and other.doi and source.doi.casefold() == other.doi.casefold()
            if same_doi or (source.pmid and source.pmid == other.pmid):
                names = tuple(dict.fromkeys((*other.findings, *source.findings)))
                merged[place] = Source(other.citation, other.doi or source.doi, other.pmid or source.pmid, names)
                break
        else:
            merged.append(source)
    return merged


def _first_day(partial: str) -> dt.date:
    return dt.date.fromisoformat({4: partial + "-01-01", 7: partial + "-01"}.get(len(partial), partial))


# Words


def _phrases(terms: Iterable[Term]) -> tuple[str, ...]:
    """Of all these codes; a code without `search` is searched by its label, one with `search: []` not at all."""
    every = [term.search if term.search is not None else (_searchable(term.label),) for term in terms]
    return () if any(not any(phrases) for phrases in every) else tuple(dict.fromkeys(p for ps in every for p in ps))


def _searchable(label: str) -> str:
    return words_of(label).strip()


def _plain(phrases: Sequence[str]) -> list[str]:
    return [phrase.removesuffix("*") for phrase in phrases if not phrase.endswith(" [mh]")] or [
        phrase.removesuffix(" [mh]") for phrase in phrases
    ]


def _stands_in(phrase: str, words: str) -> bool:
    inside = words_of(phrase.removesuffix(" [mh]").removesuffix("*"))
    return (inside.rstrip() if phrase.endswith("*") else inside) in words
