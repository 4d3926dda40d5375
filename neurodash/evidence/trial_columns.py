"""What the columns of a table of trials mean: from cells to effects, with every guess said aloud.

A column is known by its own name (those of `effects.MEASURES`) or by a usual other one (ALIASES). Standard errors and
interval ends are converted where the number itself is missing. `Trials.notes` and `Trials.facts` say what was done.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurodash import wording
from neurodash.errors import DataError, Problem, did_you_mean
from neurodash.evidence import conversions
from neurodash.evidence.analysis import Floats, Note, one_of
from neurodash.evidence.effects import MEASURES, Effects, Measure, effect_sizes
from neurodash.evidence.trial_file import (
    DECIMALS,
    SEPARATORS,
    Faults,
    Figures,
    Sheet,
    clean,
    is_missing,
    is_number,
    quoted,
    read_sheet,
)

LABELS = ("trial", "study", "author", "label", "name", "row_id")  # the first of them that is there names the trials
LABEL_MOST = 120  # characters of a label that are kept. Ours: more does not fit anywhere
FILE_LEVEL = 95  # per cent: interval ends in a file are those of a 95 % interval, whatever level is asked for
NAMED = 10  # trials or columns named in a note; the rest is counted
UNEVEN = 0.1  # of an interval's width by which an effect may lie off its middle. Ours: rounding explains less
MOST_KINDS = 100  # groups, or words of a moderator. Ours: more is a column of names, not of groups

# Other names of a column: metafor's, meta's and RevMan's, and those of our own table of trials
ALIASES: Mapping[str, tuple[str, ...]] = {
    "m1": ("m1i", "mean1", "mean_1", "mean_e", "mean_int", "mean_post_int", "mean_intervention", "mean_treatment"),
    "sd1": ("sd1i", "sd_1", "sd_e", "sd_int", "sd_post_int", "sd_intervention", "sd_treatment"),
    "n1": ("n1i", "n_1", "n_e", "n_int", "n_intervention", "n_treatment"),
    "m2": ("m2i", "mean2", "mean_2", "mean_c", "mean_ctl", "mean_post_ctl", "mean_control"),
    "sd2": ("sd2i", "sd_2", "sd_c", "sd_ctl", "sd_post_ctl", "sd_control"),
    "n2": ("n2i", "n_2", "n_c", "n_ctl", "n_control"),
    "se1": ("se1i", "se_1", "se_e", "se_int", "se_intervention"),
    "se2": ("se2i", "se_2", "se_c", "se_ctl", "se_control"),
    "m_post": ("mean_post",),
    "m_pre": ("mean_pre",),
    "sd_pre": (),
    "sd_post": (),
    "events1": ("ai", "x1i", "event_e", "events_e", "events_int", "events_intervention", "events_treatment"),
    "events2": ("ci", "x2i", "event_c", "events_c", "events_ctl", "events_control"),
    "rest1": ("bi",),
    "rest2": ("di",),
    "time1": ("t1i", "time_e", "time_int"),
    "time2": ("t2i", "time_c", "time_ctl"),
    "r": ("ri", "cor", "correlation"),
    "n": ("ni", "n_total", "total"),
    "events": ("xi", "event"),
    "yi": ("te", "effect", "effect_size", "es", "between_diff"),
    "vi": ("var", "variance"),
    "sei": ("se", "sete", "std_err", "between_se"),
    "ci_low": ("ci_lb", "ci_lower", "lower", "between_ci_low"),
    "ci_high": ("ci_ub", "ci_upper", "upper", "between_ci_high"),
}
RATIOS = frozenset(
    {"or", "rr", "hr", "irr", "rom", "odds_ratio", "risk_ratio", "rate_ratio", "hazard_ratio", "relative_risk"}
)  # names of a column that holds ratios, not their logarithms
PEOPLE = ("n1", "n2", "n")
WHOLE = (*PEOPLE, "events1", "events2", "events", "rest1", "rest2")


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What is to be read from a file: names of columns as they stand in it, and how it is written. None: find it out."""

    metric: str | None = None
    yi: str | None = None
    vi: str | None = None
    sei: str | None = None
    label: str | None = None
    by: str | None = None
    moderators: tuple[str, ...] = ()
    order: str | None = None
    separator: str | None = None
    decimal: str | None = None
    leave_out_unusable: bool = False


@dataclass(frozen=True)
class LeftOut:
    """A row that is not used, and the first reason."""

    line: int
    label: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Trials:
    """The trials of a file, k of them. `groups`, `moderators` and `order` have one entry a trial, None where it is
    missing; numbers are floats, words are texts. `facts` are plain values that say how the file was read."""

    effects: Effects
    lines: tuple[int, ...]
    groups: tuple[str | None, ...] | None
    moderators: Mapping[str, tuple[str | float | None, ...]]
    order: tuple[float | None, ...] | None
    notes: tuple[Note, ...]
    facts: Mapping[str, Any]
    left_out: tuple[LeftOut, ...]


def read_trials(data: bytes, name: str, wish: Wish) -> Trials:
    """Effects and what belongs to them from a CSV file; `name` is what messages call it.

    Raises DataError for a file, a first line or a wish that cannot be used, and UnusableFile with the first of all
    problems where rows cannot be used; `leave_out_unusable` leaves such rows out instead and lists them.
    """
    for option, value, known in (("--separator", wish.separator, SEPARATORS), ("--decimal", wish.decimal, DECIMALS)):
        if value is not None:
            one_of(option, value, list(known))
    sheet = read_sheet(data, name, wish.separator)
    with np.errstate(all="ignore"):  # what is not finite is refused with its line
        return _Reader(sheet, wish).read()


# Which column is what


@dataclass(frozen=True)
class _Plan:
    """The measure, and the place of every column it can use by its own name."""

    measure: Measure
    at: Mapping[str, int]
    label: int | None
    by: int | None
    moderators: Mapping[str, int]
    order: int | None
    notes: tuple[Note, ...]


def folded(name: str) -> str:
    """A column's name as it is compared: small letters, with _ for spaces, points and hyphens."""
    return re.sub(r"[\s.\-]+", "_", name.casefold())


def _plan(header: Sequence[str], name: str, wish: Wish) -> _Plan:
    problems: list[Problem] = []
    where = f"{name}:1"
    places = {folded(each): at for at, each in reversed(list(enumerate(header))) if each}

    def named(option: str, asked: str | None) -> int | None:
        if asked is None:
            return None
        place = next((i for i, each in enumerate(header) if each == asked), places.get(folded(asked)))
        if place is None:
            near = did_you_mean(folded(asked), places) or did_you_mean(asked, [each for each in header if each])
            problems.append(Problem(f"{where}, {option}", f"no column {quoted(asked)}", _listed(header), near))
        return place

    chosen = {key: named(f"--{key}", getattr(wish, key)) for key in ("yi", "vi", "sei")}
    if wish.vi and wish.sei:
        problems.append(Problem("--vi, --sei", "both", "one of them"))
    label, by, order = named("--label", wish.label), named("--by", wish.by), named("--cumulative", wish.order)
    asked = {each: named("--moderator", each) for each in wish.moderators}
    moderators = {header[place]: place for place in asked.values() if place is not None}
    if wish.label is None:
        label = next((places[each] for each in LABELS if each in places), None)
    at, twice = _known(header, places)
    at |= {key: place for key, place in chosen.items() if place is not None}
    for key in ("vi", "sei"):  # a variance that was named is the one to take
        if chosen[key] is not None:
            at = {each: place for each, place in at.items() if each not in ({"vi", "sei"} - {key})}
    given = any(value is not None for value in (wish.yi, wish.vi, wish.sei))
    metric = wish.metric.upper() if wish.metric else None
    if metric is not None and metric not in MEASURES:
        near = did_you_mean(metric, MEASURES)
        problems.append(Problem("--metric", quoted(wish.metric or ""), ", ".join(MEASURES), near))
    if problems:
        raise DataError(problems)
    notes: list[Note] = []
    if metric is None and not given:
        metric = _only_metric(at, header, where)
        told = f"{metric} ({MEASURES[metric].name})"
        notes.append(Note("metric_found", f"The columns allow one metric only, which was taken: {told}."))
    measure = MEASURES[metric or "GEN"]
    needed = MEASURES["GEN"].columns if given else measure.columns
    _refuse_missing(measure, needed, at, twice, header, where, as_given=given)
    if given and measure.code != "GEN":
        notes.append(_taken_as(measure))
    using = {each for each in needed for each in (each, *_HELPERS.get(each, ())) if each in at}
    at = {key: place for key, place in at.items() if key in using}
    return _Plan(measure, at, label, by, moderators, order, tuple(notes))


def _taken_as(measure: Measure) -> Note:
    scale = f" on the scale they are pooled on: {measure.name}" if measure.back else f": {measure.name}"
    return Note("taken_as", f"The effects were taken as given{scale}.")


_HELPERS: Mapping[str, tuple[str, ...]] = {  # from which columns a missing one can be made
    "sd1": ("se1",),
    "sd2": ("se2",),
    "n1": ("rest1",),
    "n2": ("rest2",),
    "vi": ("sei", "ci_low", "ci_high"),
}


def _can_have(column: str, at: Mapping[str, int]) -> bool:
    if column == "vi":
        return "vi" in at or "sei" in at or {"ci_low", "ci_high"} <= set(at)
    return column in at or any(each in at for each in _HELPERS.get(column, ()))


def _known(header: Sequence[str], places: Mapping[str, int]) -> tuple[dict[str, int], dict[str, list[str]]]:
    """Where each known column stands, and which have several columns by other names (none of them is taken)."""
    at: dict[str, int] = {}
    twice: dict[str, list[str]] = {}
    for key, others in ALIASES.items():
        found = [places[each] for each in others if each in places]
        if key in places:
            at[key] = places[key]
        elif len(found) == 1:
            at[key] = found[0]
        elif found:
            twice[key] = [header[place] for place in found]
    return at, twice


def _only_metric(at: Mapping[str, int], header: Sequence[str], where: str) -> str:
    allowed = [code for code, each in MEASURES.items() if all(_can_have(column, at) for column in each.columns)]
    if len(allowed) == 1:
        return allowed[0]
    if allowed:
        found = f"columns for several metrics ({', '.join(allowed)})"
        mend = f"Say which it is, such as --metric {allowed[0]}."
        if "GEN" in allowed:
            mend += f" For the effects as given: --yi {header[at['yi']]}."
        raise DataError([Problem(f"{where}, --metric", found, "columns for one, or --metric", mend)])
    most = max(MEASURES.values(), key=lambda each: sum(_can_have(column, at) for column in each.columns))
    wanted = [column for column in most.columns if not _can_have(column, at)]
    near = next((hint for column in wanted if (hint := _near(column, at, header))), "")
    if len(wanted) == len(most.columns):
        accepted = "such as m1 sd1 n1 m2 sd2 n2, or events1 n1 events2 n2, or yi with vi, sei or ci_low and ci_high"
    else:
        accepted = f"for {most.code} also {wording.joined(wanted)}"
    found = f"no columns from which an effect can be made ({_listed(header)})"
    raise DataError([Problem(where, found, accepted, near or "The columns are described in docs/pooling.md.")])


def _near(column: str, at: Mapping[str, int], header: Sequence[str]) -> str:
    """A hint at a column that is nearly the one wanted."""
    free = [each for place, each in enumerate(header) if each and place not in at.values()]
    for wanted in (column, *ALIASES.get(column, ())):
        if hint := did_you_mean(wanted, [folded(each) for each in free]):
            return f"{hint.removesuffix('?')} for {column}?"
    return ""


def _refuse_missing(
    measure: Measure, needed: Sequence[str], at: Mapping[str, int], twice: Mapping[str, list[str]],
    header: Sequence[str], where: str, as_given: bool,
) -> None:  # fmt: skip
    problems = []
    for column in needed:
        if column in twice and column not in at:
            found = f"{wording.joined([quoted(each) for each in twice[column]])}, which all mean {column}"
            problems.append(Problem(where, found, f"one of them, or a column called {column}"))
        elif not _can_have(column, at):
            ways = {"vi": "vi, sei, or ci_low and ci_high", "sd1": "sd1 or se1", "sd2": "sd2 or se2"}.get(
                column, column
            )
            hint = _near(column, at, header)
            if not hint and not as_given and {"yi"} <= set(at) and _can_have("vi", at):
                hint = f"If {header[at['yi']]} holds the effects: --yi {header[at['yi']]}."
            problems.append(Problem(f"{where}, {measure.code}", f"no column {column} ({_listed(header)})", ways, hint))
    if problems:
        raise DataError(problems)


def _listed(header: Sequence[str]) -> str:
    names = [each for each in header if each]
    more = f" and {len(names) - 2 * NAMED} more" if len(names) > 2 * NAMED else ""
    return f"columns: {', '.join(each[:40] for each in names[: 2 * NAMED])}{more}"


# From cells to effects


class _Reader:
    """One reading of one sheet.

    `faults` are rows that cannot be used; `aside` is what is missing for a part of the analysis only. Without
    `leave_out_unusable` both are refused, so they are one.
    """

    def __init__(self, sheet: Sheet, wish: Wish) -> None:
        self.sheet, self.wish = sheet, wish
        self.plan = _plan(sheet.header, sheet.name, wish)
        self.at = self._in_use()
        self.faults = sheet.faults
        self.aside = Faults(sheet.name) if wish.leave_out_unusable else self.faults
        self.notes: list[Note] = list(self.plan.notes)
        self.labels = self._labels()

    def read(self) -> Trials:
        sheet, plan = self.sheet, self.plan
        if not sheet.rows and not self.faults.count:
            raise DataError([Problem(sheet.name, "no trial below the first line", "a line for each trial")])
        numeric = [at for at in plan.moderators.values() if self._is_numeric(at)]
        beside = [*numeric, *([] if plan.order is None else [plan.order])]
        self.figures = Figures(sheet, [*self.at.values(), *beside], self.wish.decimal, self.faults)
        numbers = {key: self.figures.read(at) for key, at in self.at.items()}
        if self.figures.problems:
            raise self.faults.error(self.figures.problems)
        self._refuse_parts(numbers)
        numbers = self._complete(numbers)
        self._refuse_empty(numbers)
        found, chosen = self._judged(numbers)
        groups = None if plan.by is None else self._words(plan.by)
        self.figures.faults = self.aside
        order = None if plan.order is None else self._numbers_beside(plan.order)
        self.figures.mend = "A moderator is all numbers or all words."
        moderators = {
            header: list[str | float | None](self._numbers_beside(at) if at in numeric else self._words(at))
            for header, at in plan.moderators.items()
        }
        if found is None or (self.faults.count and not self.wish.leave_out_unusable):
            raise self.faults.error()
        _refuse_too_many_kinds(groups, moderators)
        self._tell_events(numbers, chosen)
        effects = self._named(found, numbers, chosen)
        self._tell()
        return Trials(
            effects=dataclasses.replace(effects, notes=(*self.notes, *effects.notes)),
            lines=tuple(sheet.lines[i] for i in chosen),
            groups=None if groups is None else tuple(groups[i] for i in chosen),
            moderators={key: tuple(values[i] for i in chosen) for key, values in moderators.items()},
            order=None if order is None else tuple(order[i] for i in chosen),
            notes=tuple(self.notes), facts=self._facts(len(chosen)), left_out=self._left_out(),
        )  # fmt: skip

    def _in_use(self) -> dict[str, int]:
        """The columns that are read: those from which another could be made only where that one has gaps."""
        at = dict(self.plan.at)
        for key, helpers in (*_HELPERS.items(), ("sei", ("ci_low", "ci_high"))):
            if key in at and not any(is_missing(cell) for cell in self.sheet.column(at[key])):
                at = {each: place for each, place in at.items() if each not in helpers}
        return at

    # Labels

    def _labels(self) -> list[str]:
        sheet, at = self.sheet, self.plan.label
        others = [
            f"{key} from {quoted(name)}" for key, place in self.at.items() if (name := sheet.header[place]) != key
        ]
        if others:
            self.notes.append(Note("columns", f"Read under other names: {wording.joined(others)}."))
        if at is None:
            self.notes.append(Note("no_labels", "No column names the trials, so they are called by their lines."))
            return [f"line {line}" for line in sheet.lines]
        found, changed, short = [], 0, 0
        for cell, line in zip(sheet.column(at), sheet.lines, strict=True):
            shown = clean(cell)
            changed += not cell.isprintable() and any(not (c.isprintable() or c.isspace()) for c in cell)
            short += len(shown) > LABEL_MOST
            found.append(shown[:LABEL_MOST] or f"line {line}")
        if changed:
            told = wording.count(changed, "label")
            self.notes.append(Note("cleaned", f"Control characters were taken out of {told}."))
        if short:
            told = wording.count(short, "label")
            self.notes.append(Note("shortened", f"{told} cut after {LABEL_MOST} characters."))
        return found

    def _tell_duplicates(self, labels: Sequence[str]) -> None:
        same = [label for label, often in Counter(labels).items() if often > 1]
        if same:
            text = f"Several rows have the same label, and each counts as a trial of its own: {_some(same)}."
            self.notes.append(Note("same_label", f"{text} Rows of the same people are not independent."))

    # Numbers

    def _is_numeric(self, at: int) -> bool:
        cells = [cell for cell in self.sheet.column(at) if not is_missing(cell)]
        return any(is_number(cell) for cell in cells)

    def _refuse_parts(self, numbers: Mapping[str, Floats]) -> None:
        """What no measure may hold: parts of people, standard errors that are not above 0, intervals upside down."""
        for key in WHOLE:
            people = key in PEOPLE
            accepted = f"a whole number of {'people' if people else 'events'}, 0 or more"
            mend = "Round the size of a group that was divided or corrected." if people else ""
            for i in _where(numbers, key, lambda x: (x != np.floor(x)) | (x < 0)):
                self._fault(i, key, accepted, mend)
        for key in ("se1", "se2", "sei"):
            for i in _where(numbers, key, lambda x: x <= 0):
                mend = "It was rounded away or not read: leave the row out, or find it." if numbers[key][i] == 0 else ""
                self._fault(i, key, "a standard error above 0", mend)
        if "ci_low" in numbers and "ci_high" in numbers:
            for i in np.flatnonzero(numbers["ci_high"] <= numbers["ci_low"]).tolist():
                low = quoted(self.sheet.rows[i][self.at["ci_low"]])
                self._fault(i, "ci_high", "an upper end above the lower end", f"The lower end is {low}.")

    def _fault(self, i: int, key: str, accepted: str, mend: str = "") -> None:
        at = self.at[key]
        self.faults.add(self.sheet.lines[i], self.sheet.header[at], quoted(self.sheet.rows[i][at]), accepted, mend)

    def _complete(self, numbers: dict[str, Floats]) -> dict[str, Floats]:
        """Standard deviations, people and variances made from what stands beside them, where they are missing."""
        for group in ("1", "2"):
            if f"rest{group}" in numbers:
                people = numbers[f"events{group}"] + numbers.pop(f"rest{group}")
                self._fill(numbers, f"n{group}", people, "adding those with and those without an event")
        for group in ("1", "2"):
            if f"se{group}" in numbers:
                se, n = numbers.pop(f"se{group}"), numbers[f"n{group}"]
                good = (se > 0) & (n > 0) & np.isfinite(n)
                sd = np.full(se.size, math.nan)
                sd[good] = conversions.sd_from_se(se[good], n[good])
                self._fill(numbers, f"sd{group}", sd, "the standard error times √n")
        if "sei" in numbers:
            se = numbers.pop("sei")
            self._fill(numbers, "vi", np.where(se > 0, se**2, math.nan), "the square of the standard error")
        if "ci_low" in numbers and "ci_high" in numbers:
            self._from_interval(numbers)
        return numbers

    def _fill(self, numbers: dict[str, Floats], key: str, made: Floats, how: str) -> None:
        own = numbers.get(key, np.full(made.size, math.nan))
        filled = np.isnan(own) & ~np.isnan(made)
        numbers[key] = np.where(filled, made, own)
        if count := int(filled.sum()):
            self.notes.append(Note(f"made_{key}", f"{key} of {wording.count(count, 'row')} was made by {how}."))

    def _from_interval(self, numbers: dict[str, Floats]) -> None:
        low, high, yi = numbers.pop("ci_low"), numbers.pop("ci_high"), numbers["yi"]
        good = (high > low) & np.isfinite(yi)
        outside = good & ((yi < low) | (yi > high))
        for i in np.flatnonzero(outside).tolist():
            self._fault(i, "yi", "an effect inside its interval", f"The interval is {low[i]:g} to {high[i]:g}.")
        good &= ~outside
        vi = np.full(yi.size, math.nan)
        if good.any():
            vi[good] = conversions.se_from_interval(low[good], high[good], FILE_LEVEL) ** 2
        off = np.zeros(yi.size)
        off[good] = np.abs(yi - (low + high) / 2)[good] / (high - low)[good]
        uneven = off > UNEVEN
        self._refuse_ratios(yi, low, high, uneven, good)
        before = numbers.get("vi")
        self._fill(numbers, "vi", vi, f"the {FILE_LEVEL} % interval (its width as 3.92 standard errors)")
        used = uneven if before is None else uneven & np.isnan(before)
        if used.any():
            told = _some([self.labels[int(i)] for i in np.flatnonzero(used)])
            self.notes.append(
                Note("uneven_interval", f"The effect does not lie in the middle of its interval, which makes the standard error doubtful: {told}.")
            )  # fmt: skip

    def _refuse_ratios(self, yi: Floats, low: Floats, high: Floats, uneven: Any, good: Any) -> None:
        """Intervals that are even as logarithms and not as they stand are those of ratios."""
        positive = uneven & (low > 0)
        if not positive.any() or (good & (low <= 0)).any():
            return
        a, b, y = np.log(low), np.log(high), np.log(yi)
        even = positive & (np.abs(y - (a + b) / 2) / (b - a) <= UNEVEN / 2)
        if even.sum() > positive.sum() / 2:
            first = int(np.flatnonzero(even)[0])
            column = self.sheet.header[self.at["yi"]]
            found = f"{yi[first]:g} ({low[first]:g} to {high[first]:g}), which looks like a ratio"
            mend = "Take the logarithms of the ratio and of both ends, and give --metric RR, OR or IRR."
            where = f"{self.sheet.name}:{self.sheet.lines[first]}, {column}"
            raise DataError([Problem(where, found, "an effect in the middle of its interval", mend)])

    def _refuse_empty(self, numbers: Mapping[str, Floats]) -> None:
        for key in self._needed():
            missing = np.isnan(numbers[key])
            ways = [each for each in (key, *_HELPERS.get(key, ())) if each in self.at]
            at = self.at[ways[0]]
            for i in np.flatnonzero(missing).tolist():
                line = self.sheet.lines[i]
                if all(is_missing(self.sheet.rows[i][self.at[each]]) for each in ways):
                    cell = quoted(self.sheet.rows[i][at])
                    self.faults.add(line, self.sheet.header[at], cell, "a number", _MENDS.get(ways[0], ""))
                elif line not in self.faults.rows:
                    self.faults.add(line, self.sheet.header[at], "nothing it can be made from", "a number")

    def _needed(self) -> tuple[str, ...]:
        return MEASURES["GEN"].columns if "yi" in self.at else self.plan.measure.columns

    # What stands beside: groups, moderators, order

    def _words(self, at: int) -> list[str | None]:
        found: list[str | None] = []
        for cell, line in zip(self.sheet.column(at), self.sheet.lines, strict=True):
            shown = clean(cell)[:LABEL_MOST]
            found.append(None if is_missing(cell) else shown)
            if is_missing(cell):
                self.aside.add(line, self.sheet.header[at], quoted(cell), "the name of a group")
        return found

    def _numbers_beside(self, at: int) -> list[float | None]:
        values = self.figures.read(at)
        for i in map(int, np.flatnonzero(np.isnan(values))):
            cell = self.sheet.rows[i][at]
            if is_missing(cell):
                self.aside.add(self.sheet.lines[i], self.sheet.header[at], quoted(cell), "a number")
        return [None if math.isnan(x) else x for x in values.tolist()]

    # Effects

    def _judged(self, numbers: Mapping[str, Floats]) -> tuple[Effects | None, list[int]]:
        """The effects of the rows that can be used, and which rows those are.

        The engine judges what a measure may hold: what it refuses becomes a fault of the row, until it refuses nothing.
        """
        self._judge_faulty(numbers)
        while chosen := [i for i, line in enumerate(self.sheet.lines) if line not in self.faults.rows]:
            lines = [str(self.sheet.lines[i]) for i in chosen]
            try:
                return self._computed(numbers, chosen, lines), chosen
            except DataError as error:
                self._blame(error)
        return None, []

    def _judge_faulty(self, numbers: Mapping[str, Floats]) -> None:
        """What else is wrong with rows that have a fault: their other cells are judged beside harmless values."""
        faulty = [i for i, line in enumerate(self.sheet.lines) if line in self.faults.rows]
        filled = {key: np.where(np.isnan(values), _HARMLESS.get(key, 1.0), values) for key, values in numbers.items()}
        try:
            if faulty:
                self._computed(filled, faulty, [str(self.sheet.lines[i]) for i in faulty])
        except DataError as error:
            if cells := [problem for problem in error.problems if ", " in problem.where]:
                self._blame(DataError(cells))

    def _computed(self, numbers: Mapping[str, Floats], chosen: Sequence[int], labels: Sequence[str]) -> Effects:
        if "yi" in self.at:
            found = effect_sizes("GEN", yi=numbers["yi"][chosen], vi=numbers["vi"][chosen], labels=labels)
            return dataclasses.replace(found, measure=self.plan.measure.code)
        columns: dict[str, Any] = {key: numbers[key][chosen] for key in self.plan.measure.columns}
        return effect_sizes(self.plan.measure.code, labels=labels, **columns)

    def _blame(self, error: DataError) -> None:
        row_of = {line: i for i, line in enumerate(self.sheet.lines)}
        for problem in error.problems:
            place = re.fullmatch(r"trial (\d+)(?:, (\w+))?", problem.where)
            if not place:
                raise error
            line, key = int(place[1]), place[2] or ""
            at = self.at.get(key)
            of_two = at is None or " of " in problem.found
            found = problem.found if of_two or at is None else quoted(self.sheet.rows[row_of[line]][at])
            header = key if at is None else self.sheet.header[at]
            self.faults.add(line, header, found, problem.accepted, _MENDS.get(key, "") or problem.mend)

    def _named(self, found: Effects, numbers: Mapping[str, Floats], chosen: Sequence[int]) -> Effects:
        """The effects under their labels; so far they were called by their lines."""
        labels = [self.labels[i] for i in chosen]
        self._tell_duplicates(labels)
        if "yi" in self.at and (found.yi > 0).all():
            self._refuse_named_ratios(found)
        if "yi" in self.at and MEASURES[found.measure].back == "exp" and (found.yi > 0).all():
            text = f"Every effect is above 0 and was taken as a logarithm ({MEASURES[found.measure].name})."
            more = "If these are the ratios themselves, take their logarithms first."
            self.notes.append(Note("all_logs_positive", f"{text} {more}"))
        if found.notes:  # they name trials
            return self._computed(numbers, chosen, labels)
        return dataclasses.replace(found, labels=tuple(labels))

    def _refuse_named_ratios(self, found: Effects) -> None:
        """A column named for a ratio and above 0 throughout holds ratios, which cannot be pooled as they are."""
        column = self.sheet.header[self.at["yi"]]
        if folded(column) in RATIOS:
            held = f"effects from {found.yi.min():g} to {found.yi.max():g} in a column called {quoted(column)}: ratios"
            accepted = "their logarithms, with the standard errors of the logarithms"
            mend = f"If these are logarithms already, call the column log_{folded(column)}."
            raise DataError([Problem(f"{self.sheet.name}:1, {column}", held, accepted, mend)])

    def _tell_events(self, numbers: Mapping[str, Floats], chosen: Sequence[int]) -> None:
        """Where nobody or everybody in both arms has the event, the number added to the cells is all there is."""
        if not {"events1", "events2"} <= set(numbers):
            return
        events = numbers["events1"][chosen] + numbers["events2"][chosen]
        nobody = events == 0
        everybody = np.zeros_like(nobody)
        if "n1" in numbers:
            everybody = events == numbers["n1"][chosen] + numbers["n2"][chosen]
        for who, word in ((nobody, "nobody"), (everybody, "everybody")):
            if who.all():
                found = "no event in any trial" if word == "nobody" else "an event in everybody of every trial"
                accepted = "trials with and without events, so that something can be compared"
                mend = "Nothing can be pooled as a ratio or a difference here; PR or PLO pools the proportion of one group."
                raise DataError([Problem(self.sheet.name, found, accepted, mend)])
            if who.any():
                named = _some([self.labels[chosen[i]] for i in np.flatnonzero(who).tolist()])
                text = f"In both arms {word} had the event, so the trial says nothing about the difference: {named}."
                more = "It rests on what was added to its cells; look at the result without it too."
                self.notes.append(Note(f"{word}_in_both_arms", f"{text} {more}"))

    # What is said

    def _tell(self) -> None:
        figures, sheet = self.figures, self.sheet
        if figures.decimal == "comma":
            because = (
                "as --decimal says"
                if figures.because is None
                else f"as on line {figures.because[0]}: {quoted(figures.because[1])}"
            )
            self.notes.append(Note("decimal_comma", f"Numbers were read with a decimal comma, {because}."))
        for odd, code, what in (
            (figures.grouped, "thousands", "thousands separators"),
            (figures.signs, "minus_signs", "a typographic minus"),
        ):
            if odd.count:
                told = wording.count(odd.count, "number")
                self.notes.append(Note(code, f"{told} with {what}, first on line {odd.line}: {quoted(odd.cell)}."))
        if sheet.encoding != "UTF-8":
            self.notes.append(Note("encoding", f"The file is {sheet.encoding}."))
        if self.wish.leave_out_unusable and self.aside.rows:
            told = _some([f"line {line}" for line in sorted(self.aside.rows)])
            text = f"A group, moderator or order is missing or no value, so the row is in the main result only: {told}."
            self.notes.append(Note("not_in_every_part", text))
        if self.faults.rows:
            told = wording.count(len(self.faults.rows), "row")
            verb = "was" if len(self.faults.rows) == 1 else "were"
            self.notes.append(Note("left_out", f"{told} that cannot be used {verb} left out."))

    def _left_out(self) -> tuple[LeftOut, ...]:
        label_of = {
            line: label for line, label in zip(self.sheet.lines, self.labels, strict=True) if line in self.faults.rows
        }
        found = []
        for line, problem in sorted(self.faults.rows.items()):
            where = problem.where.partition(f":{line}, ")[2]
            why = f"{f'{where}: ' if where else ''}{problem.found}; accepted: {problem.accepted}"
            found.append(LeftOut(line, label_of.get(line, f"line {line}"), clean(why)))
        return tuple(found)

    def _facts(self, k: int) -> dict[str, Any]:
        sheet, plan, header = self.sheet, self.plan, self.sheet.header
        used = {*self.at.values(), plan.label, plan.by, plan.order, *plan.moderators.values()}
        return {
            "name": sheet.name,
            "encoding": sheet.encoding,
            "separator": sheet.separator,
            "decimal": self.figures.decimal,
            "rows": len(set(sheet.lines) | set(self.faults.rows)),
            "rows_used": k,
            "columns": {key: header[at] for key, at in self.at.items()},
            "label": None if plan.label is None else header[plan.label],
            "not_used": [each for at, each in enumerate(header) if each and at not in used],
        }


def _refuse_too_many_kinds(groups: Any, moderators: Mapping[str, list[Any]]) -> None:
    problems = []
    for option, values in (("--by", groups or []), *((f"--moderator {each}", v) for each, v in moderators.items())):
        kinds = {value for value in values if isinstance(value, str)}
        if len(kinds) > MOST_KINDS:
            accepted = f"at most {MOST_KINDS}, so that each has several trials"
            problems.append(Problem(option, f"{len(kinds):,} different words", accepted))
    if problems:
        raise DataError(problems)


_HARMLESS = {**dict.fromkeys(PEOPLE, 1e9), **dict.fromkeys(("events1", "events2", "events", "r"), 0.0)}
_MENDS = {
    "sd1": "If the paper gives a standard error, use the column se1 instead.",
    "sd2": "If the paper gives a standard error, use the column se2 instead.",
    "vi": "A standard error goes into the column sei, a 95 % interval into ci_low and ci_high.",
}


def _where(numbers: Mapping[str, Floats], key: str, wrong: Any) -> list[int]:
    if key not in numbers:
        return []
    return [int(i) for i in np.flatnonzero(np.isfinite(numbers[key]) & wrong(numbers[key]))]


def _some(names: Sequence[str]) -> str:
    """The first names, and how many more."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"
