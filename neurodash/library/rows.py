"""The rows of the tables: what was read from publications, typed cell by cell.

Numbers read from a publication are `Decimal`: they are shown as they were printed (0.10 stays 0.10) and
compared without rounding. `None` means "not read", never zero.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError


def accepted(text: str, found: str | None = None) -> PydanticCustomError:
    """An error whose message is what would have been accepted; `found` overrides the plain value."""
    return PydanticCustomError("accepted", "{accepted}", {"accepted": text, "found": found})


def _matching(pattern: str, words: str) -> AfterValidator:
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise accepted(words)
        return value

    return AfterValidator(check)


def _empty_is_none(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


Slug = Annotated[str, _matching(r"[a-z0-9]+(?:-[a-z0-9]+)*", "small letters, digits and hyphens")]
Code = Annotated[str, _matching(r"[a-z0-9]+(?:[._-][a-z0-9]+)*", "small letters, digits, - and _")]
Id = Annotated[str, _matching(r"[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*", "letters, digits, - and _")]
Text = Annotated[str, Field(min_length=1, max_length=4000)]
Url = Annotated[str, _matching(r"https?://[^\s<>\"'`{}|\\^]+", "an address that begins with http:// or https://")]
Doi = Annotated[str, _matching(r"10\.\d{4,9}/\S+", "a DOI such as 10.1177/15459683241273402")]


def _is_showable(value: Decimal) -> Decimal:
    """1e999999999 is a number to a parser and a gigabyte to a page."""
    shape = value.as_tuple()
    if value and not (-10 < value.adjusted() < 9 and -12 <= int(shape.exponent) <= 9 and len(shape.digits) <= 20):
        raise accepted("a number below 1,000,000,000 with at most 12 decimals")
    return value


Number = Annotated[Decimal, AfterValidator(_is_showable)]
Digits = Annotated[str, _matching(r"\d{1,9}", "digits only")]
Year = Annotated[int, Field(ge=1900, le=2100)]
PValue = Annotated[str, _matching(r"[<>=≤≥]?\s*(?:0|1)?\.?\d+", "a number such as 0.03 or <0.001")]


def _is_partial_date(value: str) -> str:
    if not re.fullmatch(r"(?:19|20)[0-9]{2}(?:-[0-9]{2}(?:-[0-9]{2})?)?", value):
        raise accepted("a year, a month or a day: 2024, 2024-08 or 2024-08-31")
    try:
        dt.date.fromisoformat({4: value + "-01-01", 7: value + "-01"}.get(len(value), value))
    except ValueError:
        raise accepted("a year, a month or a day: 2024, 2024-08 or 2024-08-31") from None
    return value


PartialDate = Annotated[str, AfterValidator(_is_partial_date)]

EffectMetric = Literal["SMD", "MD", "RD", "beta", "RR", "OR", "IRR", "narrative"]
Favours = Literal["intervention", "control", "neither"]
Significant = Literal["yes", "no", "unclear"]
# How a trial's numbers are signed where not "intervention minus comparator": "better" means positive favours the training
# whatever the scale; "favours_intervention" that only the direction was read.
Sign = Literal["better", "favours_intervention"]
RowKind = Literal["main", "subgroup", "follow_up", "dose", "moderator"]
DoseMeasure = Literal["minutes_per_session", "minutes_per_week", "weeks", "sessions", "met_minutes_per_week"]
DoseDirection = Literal["more_better", "less_better", "unclear"]

# The value of each metric that means "no difference". A narrative row has none.
NULL_VALUE: Mapping[str, Decimal] = {
    **dict.fromkeys(("SMD", "MD", "RD", "beta"), Decimal(0)),
    **dict.fromkeys(("RR", "OR", "IRR"), Decimal(1)),
}


class Row(BaseModel):
    """A row of a table or a mapping of a YAML file: frozen, every key known."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class TableRow(Row):
    """A CSV row. Empty cells mean "not read"; `line` is where it stands in its file."""

    source_file: str = ""
    line: int = 0

    key: ClassVar[str]  # the column that names the row in its table

    @property
    def id(self) -> str:
        return str(getattr(self, self.key))


Maybe = BeforeValidator(_empty_is_none)


class Result(TableRow):
    """One pooled (or narrative) result of one systematic review."""

    key = "result_id"

    result_id: Code
    review_id: Code
    citation: Text
    year: Annotated[Year | None, Maybe] = None
    doi: Annotated[Doi | None, Maybe] = None
    pmid: Annotated[Digits | None, Maybe] = None
    search_end: Annotated[PartialDate | None, Maybe] = None
    condition: Code
    population: str = ""
    intervention: str = ""
    intervention_class: Code
    comparator: str = ""
    outcome_domain: Code
    measure: str = ""
    measure_code: Annotated[Id | None, Maybe] = None
    effect_metric: EffectMetric
    unit: str = ""
    estimate: Annotated[Number | None, Maybe] = None
    ci_low: Annotated[Number | None, Maybe] = None
    ci_high: Annotated[Number | None, Maybe] = None
    p_value: Annotated[PValue | None, Maybe] = None
    k_studies: Annotated[int | None, Field(ge=1, le=100_000), Maybe] = None
    n_participants: Annotated[int | None, Field(ge=1, le=100_000_000), Maybe] = None
    i2_percent: Annotated[Number | None, Field(ge=0, le=100), Maybe] = None
    favours: Annotated[Favours | None, Maybe] = None
    significant: Significant = "unclear"
    certainty: str = ""
    row_kind: RowKind
    dose_measure: Annotated[DoseMeasure | None, Maybe] = None
    dose_direction: Annotated[DoseDirection | None, Maybe] = None
    moderator: str = ""
    moderator_code: Annotated[Code | None, Maybe] = None
    source_url: Annotated[Url | None, Maybe] = None
    source_part: str = ""
    notes: str = ""

    @model_validator(mode="before")
    @classmethod
    def _unread_significance_is_unclear(cls, cells: dict[str, object]) -> dict[str, object]:
        return cells if cells.get("significant") else {**cells, "significant": "unclear"}

    @model_validator(mode="after")
    def _interval_is_ordered(self) -> Result:
        if self.ci_low is not None and self.ci_high is not None and self.ci_low > self.ci_high:
            raise accepted("ci_low not above ci_high", f"an interval of {self.ci_low} to {self.ci_high}")
        if self.row_kind == "dose" and self.dose_measure is None:
            raise accepted(
                "a dose_measure on every row of kind dose: " + ", ".join(get_args(DoseMeasure)),
                "no dose_measure",
            )
        return self

    @property
    def interval(self) -> tuple[Decimal, Decimal] | None:
        """The confidence interval, where both ends were read."""
        if self.ci_low is None or self.ci_high is None:
            return None
        return self.ci_low, self.ci_high

    @property
    def excludes_null(self) -> bool | None:
        """Whether the interval excludes "no difference"; `None` where no interval was read.

        An interval that touches the null includes it.
        """
        null = NULL_VALUE.get(self.effect_metric)
        if self.interval is None or null is None:
            return None
        low, high = self.interval
        return low > null or high < null

    @cached_property
    def doubts(self) -> tuple[str, ...]:
        """Contradictions inside the row. A row with any of them never counts until somebody resolves it."""
        found = []
        low, high = self.ci_low, self.ci_high
        if self.estimate is not None and not (
            (low is None or low <= self.estimate) and (high is None or self.estimate <= high)
        ):
            found.append(f"the estimate {self.estimate} lies outside its interval {low or '?'} to {high or '?'}")
        if self.interval and self.excludes_null is not None:
            low, high = self.interval
            if self.significant == "yes" and not self.excludes_null:
                found.append(f"marked significant, but its interval {low} to {high} includes no effect")
            if self.significant == "no" and self.excludes_null:
                found.append(f"marked not significant, but its interval {low} to {high} excludes no effect")
        return tuple(found)


class Trial(TableRow):
    """One outcome of one trial, as printed. Nothing is computed here."""

    key = "row_id"

    row_id: Code
    trial_id: Code
    cohort: Annotated[Code | None, Maybe] = None  # the trial_id whose people these are, where two papers share them
    citation: Text
    year: Annotated[Year | None, Maybe] = None
    doi: Annotated[Doi | None, Maybe] = None
    pmid: Annotated[Digits | None, Maybe] = None
    country: str = ""
    intervention: str = ""
    intervention_class: Code
    comparator: str = ""
    comparator_class: Code
    weeks: Annotated[Number | None, Field(gt=0, le=520), Maybe] = None
    sessions_per_week: Annotated[Number | None, Field(gt=0, le=50), Maybe] = None
    minutes_per_session: Annotated[Number | None, Field(gt=0, le=600), Maybe] = None
    edss_mean: Annotated[Number | None, Field(ge=0, le=10), Maybe] = None
    pedro_score: Annotated[int | None, Field(ge=0, le=10), Maybe] = None
    outcome_domain: Code
    measure: Text
    measure_code: Annotated[Id | None, Maybe] = None
    unit: str = ""
    higher_is_better: Annotated[bool | None, Maybe] = None
    timepoint: str = ""
    follow_up: Annotated[bool | None, Maybe] = None  # true: measured some time after the training had ended
    n_int: Annotated[int | None, Field(ge=1), Maybe] = None
    n_ctl: Annotated[int | None, Field(ge=1), Maybe] = None
    mean_pre_int: Annotated[Number | None, Maybe] = None
    sd_pre_int: Annotated[Number | None, Field(ge=0), Maybe] = None
    mean_post_int: Annotated[Number | None, Maybe] = None
    sd_post_int: Annotated[Number | None, Field(ge=0), Maybe] = None
    mean_pre_ctl: Annotated[Number | None, Maybe] = None
    sd_pre_ctl: Annotated[Number | None, Field(ge=0), Maybe] = None
    mean_post_ctl: Annotated[Number | None, Maybe] = None
    sd_post_ctl: Annotated[Number | None, Field(ge=0), Maybe] = None
    change_int: Annotated[Number | None, Maybe] = None
    change_int_sd: Annotated[Number | None, Field(ge=0), Maybe] = None
    change_ctl: Annotated[Number | None, Maybe] = None
    change_ctl_sd: Annotated[Number | None, Field(ge=0), Maybe] = None
    between_diff: Annotated[Number | None, Maybe] = None
    between_ci_low: Annotated[Number | None, Maybe] = None
    between_ci_high: Annotated[Number | None, Maybe] = None
    between_se: Annotated[Number | None, Field(gt=0), Maybe] = None
    p_value: Annotated[PValue | None, Maybe] = None
    effect_size_reported: Annotated[Number | None, Maybe] = None
    effect_size_kind: str = ""
    sign: Annotated[Sign | None, Maybe] = None
    events_int: Annotated[int | None, Field(ge=0), Maybe] = None
    events_ctl: Annotated[int | None, Field(ge=0), Maybe] = None
    source_url: Annotated[Url | None, Maybe] = None
    source_part: str = ""
    set_aside: str = ""  # why nobody should pool this row; the coded twin of what its notes say
    notes: str = ""

    @property
    def people(self) -> str:
        """The group of people behind the row: rows that share it are not independent."""
        return self.cohort or self.trial_id

    @property
    def minutes_per_week(self) -> Decimal | None:
        """The weekly dose, where both of its parts were read."""
        if self.sessions_per_week is None or self.minutes_per_session is None:
            return None
        return self.sessions_per_week * self.minutes_per_session

    @cached_property
    def doubts(self) -> tuple[str, ...]:
        """Contradictions inside the row, listed by the check and never silently used."""
        low, high, diff = self.between_ci_low, self.between_ci_high, self.between_diff
        if low is None or high is None:
            return ()
        if low > high:
            return (f"the interval {low} to {high} is printed upside down",)
        if diff is not None and not low <= diff <= high:
            return (f"the difference {diff} lies outside its interval {low} to {high}",)
        return ()


class Retraction(TableRow):
    """A notice that a publication was withdrawn or put in doubt."""

    key = "doi"

    doi: Doi
    date: dt.date
    kind: Literal["retraction", "expression_of_concern"]
    source: Url

    @property
    def id(self) -> str:
        return f"{self.doi} {self.kind}"


class Guideline(TableRow):
    """One recommendation or tested dose, in our own words, with where it stands."""

    key = "rec_id"

    rec_id: Id
    source: Text
    year: Annotated[Year | None, Maybe] = None
    doi_or_pmid: str = ""
    source_url: Annotated[Url | None, Maybe] = None
    population: str = ""
    edss_min: Annotated[Number | None, Field(ge=0, le=10), Maybe] = None
    edss_max: Annotated[Number | None, Field(ge=0, le=10), Maybe] = None
    modality: str = ""
    frequency_per_week_min: Annotated[Number | None, Field(gt=0), Maybe] = None
    frequency_per_week_max: Annotated[Number | None, Field(gt=0), Maybe] = None
    intensity: str = ""
    intensity_low: Annotated[Number | None, Maybe] = None
    intensity_high: Annotated[Number | None, Maybe] = None
    intensity_unit: str = ""
    time_minutes_min: Annotated[Number | None, Field(gt=0), Maybe] = None
    time_minutes_max: Annotated[Number | None, Field(gt=0), Maybe] = None
    sets_min: Annotated[int | None, Field(ge=1), Maybe] = None
    sets_max: Annotated[int | None, Field(ge=1), Maybe] = None
    reps_min: Annotated[int | None, Field(ge=1), Maybe] = None
    reps_max: Annotated[int | None, Field(ge=1), Maybe] = None
    duration_weeks: Annotated[Number | None, Field(gt=0), Maybe] = None
    progression: str = ""
    statement_own_words: str = ""
    strength_of_rec: str = ""
    notes: str = ""


class Precaution(TableRow):
    """A situation that stops, changes or watches training, and what to do."""

    key = "precaution_id"

    precaution_id: Id
    situation: Text
    trigger: Text
    action: Text
    severity: Literal["stop", "refer", "modify", "monitor"]
    rationale_own_words: str = ""
    citation: Text
    doi_or_pmid: str = ""
    source_url: Annotated[Url | None, Maybe] = None


class InstrumentValue(TableRow):
    """One published property of one measuring instrument in one group of people."""

    key = "row_id"

    row_id: Id
    instrument_id: Id
    name: Text
    about: Annotated[str, Field(alias="construct")] = ""  # pydantic keeps the word "construct" for itself
    icf_level: str = ""
    unit: str = ""
    min: Annotated[Number | None, Maybe] = None
    max: Annotated[Number | None, Maybe] = None
    higher_is_better: Literal["yes", "no", "n/a"]
    administration: str = ""
    minutes: str = ""
    equipment: str = ""
    property: Code
    value: str = ""
    value_unit: str = ""
    population: str = ""
    condition: str = ""
    citation: str = ""
    doi_or_pmid: str = ""
    source_url: Annotated[Url | None, Maybe] = None
    notes: str = ""
