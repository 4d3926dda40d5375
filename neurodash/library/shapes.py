"""The things a library is made of besides its tables: claims, findings, briefs, and the library itself."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from neurodash.errors import Problem
from neurodash.library.exercises import ExerciseShelf
from neurodash.library.ladders import Ladder, Rule
from neurodash.library.planning import PlanningShelf
from neurodash.library.prose import Prose
from neurodash.library.protocols import Protocol
from neurodash.library.rows import (
    Code,
    DoseMeasure,
    Guideline,
    Id,
    InstrumentValue,
    Precaution,
    Result,
    Retraction,
    Row,
    Slug,
    Text,
    Trial,
    Url,
    Year,
    accepted,
)

Says = Literal["improves", "may_improve", "no_clear_effect", "more_with_dose", "not_more_harm", "narrative"]
Size = Literal["trivial", "small", "moderate", "large"]
SIZES: tuple[str, ...] = get_args(Size)


def _one_or_more(value: object) -> object:
    """`balance` and `[balance]` mean the same to an editor."""
    return [value] if isinstance(value, str) else value


def _is_search_phrase(value: str) -> str:
    if len(value) > 80 or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 ,'/-]*[A-Za-z0-9](?:\*| \[mh\])?", value):
        raise accepted("plain words such as balance training, exergam* or Postural Balance [mh]")
    return value


# One phrase of a PubMed search: words of titles and abstracts, with * for any ending, or a MeSH heading with [mh].
# Quotes, brackets and operators are ours to add, so that no phrase can change what a search means.
SearchPhrase = Annotated[str, AfterValidator(_is_search_phrase)]


class Term(Row):
    """A code of the evidence tables in words. `higher_is_better` orients an axis for an outcome.

    `search` are phrases, one of which the watch for newer reviews looks for: none given, the label; an empty list,
    nothing. `measures` is the order in which a trial's measures of an outcome are taken into our own analysis.
    """

    label: Text
    higher_is_better: bool | None = None
    search: Annotated[tuple[SearchPhrase, ...] | None, BeforeValidator(_one_or_more)] = None
    measures: tuple[Id, ...] = ()


class Vocabulary(Row):
    """The intervention classes and outcome domains the tables may use."""

    interventions: dict[Code, Term] = Field(default_factory=dict)
    outcomes: dict[Code, Term] = Field(default_factory=dict)


class Claim(Row):
    """What a finding asserts, in a form the program can hold against the tables."""

    population: Code
    intervention: Annotated[tuple[Code, ...], BeforeValidator(_one_or_more), Field(min_length=1)]
    outcome: Code
    measures: Annotated[tuple[Text, ...], BeforeValidator(_one_or_more)] = ()
    says: Says
    dose: DoseMeasure | None = None
    size: Annotated[tuple[Size, ...], BeforeValidator(_one_or_more)] = ()
    cites: Annotated[tuple[Code, ...], BeforeValidator(_one_or_more)] = ()
    window: tuple[Year, Year] | None = None

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Claim:
        if (self.says == "more_with_dose") != (self.dose is not None):
            raise accepted(
                "dose with says: more_with_dose, and only there (" + ", ".join(get_args(DoseMeasure)) + ")",
                f"says: {self.says} with dose: {self.dose or 'none'}",
            )
        places = sorted(SIZES.index(size) for size in self.size)
        if len(places) > 2 or len(set(places)) != len(places) or (len(places) == 2 and places[1] - places[0] != 1):
            raise accepted("one size, or two that are neighbours: " + ", ".join(SIZES), "size: " + ", ".join(self.size))
        if self.window and self.window[0] > self.window[1]:
            raise accepted("the first year before the last", f"window: {list(self.window)}")
        return self

    def matches(self, result: Result) -> bool:
        """Whether the result is about this claim: its population, a class in common, its outcome and measure.

        A dose row is about claims of its own dose measure and nothing else.
        """
        if (result.row_kind == "dose") != (self.says == "more_with_dose"):
            return False
        return (
            result.condition == self.population
            and result.intervention_class in self.intervention
            and result.outcome_domain == self.outcome
            and (self.dose is None or result.dose_measure == self.dose)
            and (not self.measures or self._names_measure_of(result))
        )

    def _names_measure_of(self, result: Result) -> bool:
        names = {result.measure.casefold(), (result.measure_code or "").casefold()} - {""}
        return any(measure.casefold() in names for measure in self.measures)


class Finding(Row):
    """A sentence for people and its claim for the program. `note` is Markdown with source marks."""

    id: Slug
    statement: Text
    claim: Claim
    note: str = ""
    line: int = 0
    lines: dict[str, int] = Field(default_factory=dict)  # of the claim's keys

    def line_of(self, key: str) -> int:
        return self.lines.get(key, self.line)


class Video(Row):
    """A film elsewhere. Nothing is loaded from there; it is only linked."""

    title: Text
    url: Url
    publisher: Annotated[str, Field(alias="from", min_length=1)]


@dataclass(frozen=True)
class Picture:
    """A captioned picture: drawn by the program (`draw`) or a file beside the brief (`image`)."""

    alt: str
    caption: Prose
    draw: str = ""
    image: str = ""


@dataclass(frozen=True)
class Section:
    """A titled stretch of prose. `instead` is set for a common mistake: what to do in its place."""

    title: str
    anchor: str
    prose: Prose
    instead: Prose | None = None


@dataclass(frozen=True)
class Brief:
    """One brief, read and checked."""

    condition: str
    slug: str
    title: str
    summary: Prose
    published: dt.date
    updated: dt.date
    checked: dt.date
    picture: Picture
    videos: tuple[Video, ...]
    related: tuple[str, ...]
    note: Prose
    action_plan: tuple[Section, ...]
    mistakes: tuple[Section, ...]
    questions: tuple[Section, ...]
    deep_dive: tuple[Section, ...]
    findings: tuple[Finding, ...]
    notes: Mapping[str, Prose]  # finding id -> its note
    folder: str
    draft: bool = False
    lines: Mapping[str, int] = field(default_factory=dict)  # of the front matter's keys

    @property
    def prose(self) -> tuple[Prose, ...]:
        """Every stretch of prose, in reading order."""
        parts: list[Prose] = [self.summary, self.picture.caption, *self.notes.values(), self.note]
        for section in (*self.action_plan, *self.mistakes, *self.questions, *self.deep_dive):
            parts += [section.prose, *([section.instead] if section.instead else [])]
        return tuple(parts)

    @cached_property
    def minutes(self) -> int:
        """Reading time in whole minutes at 220 words a minute (a usual figure for careful silent reading)."""
        words = sum(part.words for part in self.prose) + sum(len(f.statement.split()) for f in self.findings)
        return max(1, round(words / 220))


class Coming(Row):
    """A brief that is being prepared."""

    title: Text
    note: str = ""


class Condition(Row):
    """A condition and its place on the site."""

    id: Slug
    name: Text
    short_name: Text
    people: Text
    summary: Text
    search: Annotated[tuple[SearchPhrase, ...], BeforeValidator(_one_or_more)] = ()  # for the watch; none: its name
    coming: tuple[Coming, ...] = ()


@dataclass(frozen=True)
class Library:
    """Everything that is known, read once. `version` is a hash of every file it was read from."""

    version: str
    vocabulary: Vocabulary
    conditions: Mapping[str, Condition]
    briefs: Mapping[str, Brief]
    results: Mapping[str, Result]
    trials: Mapping[str, Trial]
    retractions: tuple[Retraction, ...]
    guidelines: Mapping[str, Guideline]
    precautions: Mapping[str, Precaution]
    instruments: Mapping[str, InstrumentValue]
    blanks: tuple[Problem, ...]  # what is still to fill in drafts
    exercises: ExerciseShelf
    ladders: Mapping[str, Ladder]
    ladder_places: Mapping[str, str]  # ladder id -> file:line
    rules: Mapping[str, Rule]
    protocols: Mapping[str, Protocol]
    planning: PlanningShelf
    images: Mapping[str, bytes]  # "ms/balance-training/photo.jpg" -> bytes

    @cached_property
    def reviews(self) -> Mapping[str, tuple[Result, ...]]:
        """The results of each review, in the order of the table."""
        found: dict[str, list[Result]] = {}
        for result in self.results.values():
            found.setdefault(result.review_id, []).append(result)
        return {review: tuple(results) for review, results in found.items()}

    @cached_property
    def doubts(self) -> tuple[str, ...]:
        """Rows that contradict themselves, as `file:line: id: what`. Open until somebody resolves them."""
        rows: list[Result | Trial] = [*self.results.values(), *self.trials.values()]
        return tuple(f"{row.source_file}:{row.line}: {row.id}: {doubt}" for row in rows for doubt in row.doubts)

    def briefs_of(self, condition: str) -> tuple[Brief, ...]:
        """The published briefs of one condition, newest first, then by title."""
        chosen = [b for b in self.briefs.values() if b.condition == condition and not b.draft]
        return tuple(sorted(chosen, key=lambda brief: (-brief.published.toordinal(), brief.title)))
