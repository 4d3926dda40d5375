"""Our own analysis of the trials in the table: one class of training, one outcome, one kind of comparison.

What can be used is used and what cannot is listed with its reason. Every effect is a standardised mean difference
(Hedges' g) turned so that positive favours the training; docs/methods.md, "Our own analysis", has the rules in words.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Literal

import numpy as np

from neurodash import wording
from neurodash.errors import DataError
from neurodash.evidence import conversions
from neurodash.evidence.analysis import quantile
from neurodash.evidence.clusters import Robust, multilevel, robust
from neurodash.evidence.effects import Effects, effect_sizes, hedges_correction
from neurodash.evidence.pooling import Pooled, pool
from neurodash.evidence.sensitivity import LeaveOneOut, leave_one_out
from neurodash.evidence.small_studies import FEW as FUNNEL_FROM
from neurodash.evidence.verdict import FEW_TRIALS, Voice, listen
from neurodash.library import Claim, Library, Result, Retraction, Trial

# The settings of every analysis of ours. With few trials that happen to agree, Knapp and Hartung's interval can be
# narrower than Wald's; "adhoc" never is. Roever, Knapp and Friede 2015, BMC Med Res Methodol 15:99.
METHOD, TEST, LEVEL = "REML", "adhoc", 95.0
# Whom the training was compared with: two questions that are never pooled together.
INACTIVE = frozenset({"no_intervention", "usual_care", "attention"})
Comparison = Literal["inactive", "active"]
COMPARISONS: tuple[Comparison, ...] = ("inactive", "active")
Route = Literal["post", "change", "difference", "reported", "p"]
ROUTES: tuple[Route, ...] = (
    "post",
    "change",
    "difference",
    "reported",
    "p",
)  # the order in which numbers are preferred
IMPLAUSIBLE = 4.0  # |g| above which a value is a misprint rather than a training effect. Expert judgement


@dataclass(frozen=True)
class Used:
    """A trial's effect: `yi` positive favours the training; `route` says what it was made from."""

    row: Trial
    yi: float
    vi: float
    route: Route

    @property
    def interval(self) -> tuple[float, float]:
        reach = float(quantile(LEVEL)) * self.vi**0.5
        return self.yi - reach, self.yi + reach


@dataclass(frozen=True)
class LeftOut:
    """A row that is not pooled, and why."""

    row: Trial
    reason: str
    retracted: bool = False


@dataclass(frozen=True)
class Reanalysis:
    """The trials of one question, pooled where at least three can be used.

    `fallen` are trials that a reader took out; they stay in `usable` and are not in `used`. `spare` are rows that could
    be used but were not, because another row of the same people was taken.
    """

    intervention: str
    outcome: str
    comparison: Comparison
    usable: tuple[Used, ...]
    left_out: tuple[LeftOut, ...]
    spare: tuple[Used, ...]
    fallen: frozenset[str]

    @property
    def used(self) -> tuple[Used, ...]:
        return tuple(each for each in self.usable if each.row.trial_id not in self.fallen)

    @property
    def k(self) -> int:
        return len(self.used)

    @property
    def people(self) -> int:
        """How many groups of people the table has for the question, usable or not."""
        return len({*(u.row.people for u in self.usable), *(x.row.people for x in self.left_out)})

    @property
    def enough(self) -> bool:
        return self.k >= FEW_TRIALS

    @cached_property
    def effects(self) -> Effects | None:
        if not self.used:
            return None
        yi, vi = (np.array([getattr(u, name) for u in self.used]) for name in ("yi", "vi"))
        return Effects(measure="SMD", yi=yi, vi=vi, labels=tuple(u.row.trial_id for u in self.used))

    @cached_property
    def pooled(self) -> Pooled | None:
        """None where fewer than three trials can be used."""
        return pool(self.effects, method=METHOD, test=TEST, level=LEVEL) if self.enough else None

    @cached_property
    def without_each(self) -> LeaveOneOut | None:
        return leave_one_out(self.effects, method=METHOD, test=TEST, level=LEVEL) if self.enough else None

    @cached_property
    def every_measure(self) -> Robust | None:
        """The pooled effect of all usable rows, several of one trial too: a three-level model, effects inside groups of
        people, with cluster-robust (CR2) errors. None where no trial has more than one row, or too few trials."""
        rows = [*self.used, *(u for u in self.spare if u.row.trial_id not in self.fallen)]
        if not self.enough or len(rows) == self.k:
            return None
        people = [u.row.people for u in rows]
        return robust(multilevel([u.yi for u in rows], [u.vi for u in rows], people), people)

    @property
    def rows(self) -> int:
        """How many rows `every_measure` rests on."""
        return self.k + sum(u.row.trial_id not in self.fallen for u in self.spare)

    @property
    def can_spare_one(self) -> bool:
        """Whether enough trials would be left to pool without any single one."""
        return self.k > FEW_TRIALS

    @property
    def has_funnel(self) -> bool:
        return self.k >= FUNNEL_FROM

    @property
    def turning(self) -> tuple[tuple[str, str], ...]:
        """(trial_id, "direction" or "significance") for each single trial that would turn the result by falling.

        A result whose interval includes 0 has no direction to turn.
        """
        if self.without_each is None:
            return ()
        own = self.without_each
        marks = zip(own.labels, own.turns_direction, own.turns_significance, strict=True)
        return tuple((name, "direction" if d else "significance") for name, d, s in marks if d or s)

    def as_result(self, population: str) -> Result | None:
        """Our pooled result in the shape of a published one, so that the same rules hold it against a claim."""
        if self.pooled is None:
            return None
        estimate, low, high = (
            Decimal(f"{x:.6f}") for x in (self.pooled.estimate, self.pooled.ci_low, self.pooled.ci_high)
        )
        return Result(
            result_id=f"own-{self.intervention}-{self.outcome}-{self.comparison}", review_id="own", citation="Our own analysis",
            condition=population, intervention_class=self.intervention, outcome_domain=self.outcome, effect_metric="SMD",
            estimate=estimate, ci_low=low, ci_high=high, k_studies=self.k, row_kind="main",
            favours="intervention" if estimate > 0 else "control" if estimate < 0 else "neither",
        )  # fmt: skip

    def says_to(self, claim: Claim) -> tuple[Voice, str]:
        """What our own analysis says to a claim, by the rules for published results, with one exception: where chance is
        not excluded it stays silent instead of disagreeing. A handful of trials cannot contradict by showing too little."""
        result = self.as_result(claim.population)
        if result is None:
            return "silent", f"fewer than {FEW_TRIALS} trials can be used"
        if claim.says == "more_with_dose":
            return "silent", "the analysis compares training with no training, not doses"
        voice, reason = listen(result, claim)
        if voice == "disagrees" and not result.excludes_null:
            return "silent", f"chance could explain it: {wording.count(self.k, 'trial')} cannot settle it"
        return voice, reason


def reanalyse(
    trials: Iterable[Trial],
    intervention: str,
    outcome: str,
    comparison: Comparison,
    *,
    measures: Sequence[str] = (),
    retractions: Iterable[Retraction] = (),
    on: dt.date,
    fallen: Collection[str] = (),
) -> Reanalysis:
    """Gather the trials of one question.

    `measures` is the order in which a trial's measures are taken; those it does not name come last, in the order of
    the table. Of one group of people one row is taken: the first measure that can be used, at the end of the training,
    by the first of ROUTES. Trials retracted by the day `on` are left out.
    """
    notices = {n.doi.casefold(): n for n in retractions if n.kind == "retraction" and n.date <= on}
    rows = [
        row
        for row in trials
        if row.intervention_class == intervention
        and row.outcome_domain == outcome
        and (row.comparator_class in INACTIVE) == (comparison == "inactive")
    ]
    people: dict[str, list[Trial]] = {}
    for row in rows:
        people.setdefault(row.people, []).append(row)
    usable: list[Used] = []
    left: list[LeftOut] = []
    spare: list[Used] = []
    for own in people.values():
        taken, others, not_taken = _one_row(own, measures, notices)
        usable += taken
        spare += others
        left += not_taken
    usable.sort(key=lambda u: (u.row.year or 0, u.row.trial_id))
    return Reanalysis(intervention, outcome, comparison, tuple(usable), tuple(left), tuple(spare), frozenset(fallen))


def reanalyses(library: Library, on: dt.date, fallen: Collection[str] = ()) -> list[Reanalysis]:
    """Every question the table holds trials for, in the order of the vocabulary."""
    asked = {
        (row.intervention_class, row.outcome_domain, row.comparator_class in INACTIVE)
        for row in library.trials.values()
    }
    return [
        of_question(library, intervention, outcome, comparison, on, fallen)
        for intervention in library.vocabulary.interventions
        for outcome in library.vocabulary.outcomes
        for comparison in COMPARISONS
        if (intervention, outcome, comparison == "inactive") in asked
    ]


def of_question(
    library: Library, intervention: str, outcome: str, comparison: Comparison, on: dt.date, fallen: Collection[str] = ()
) -> Reanalysis:
    """One question to the library's own trials."""
    return reanalyse(
        library.trials.values(), intervention, outcome, comparison, measures=library.vocabulary.outcomes[outcome].measures,
        retractions=library.retractions, on=on, fallen=fallen,
    )  # fmt: skip


# From a row to an effect


def _one_row(
    rows: Sequence[Trial], measures: Sequence[str], notices: Mapping[str, Retraction]
) -> tuple[list[Used], list[Used], list[LeftOut]]:
    """The one row taken of a group of people, those that could have been, and why each other was not."""
    rank = {code: place for place, code in enumerate(measures)}
    found: list[Used] = []
    left: list[LeftOut] = []
    for row in rows:
        effect = _effect(row, notices)
        if isinstance(effect, LeftOut):
            left.append(effect)
        else:
            found.append(effect)
    found.sort(key=lambda u: (rank.get(u.row.measure_code or "", len(rank)), ROUTES.index(u.route)))
    for other in found[1:]:
        what = found[0].row.measure
        why = "another row" if what == other.row.measure else what
        left.append(LeftOut(other.row, f"{why} of the same people was taken"))
    return found[:1], found[1:], left


def _effect(row: Trial, notices: Mapping[str, Retraction]) -> Used | LeftOut:
    if row.doi and (notice := notices.get(row.doi.casefold())):
        return LeftOut(row, f"retracted on {wording.date(notice.date)}", retracted=True)
    if row.set_aside:
        return LeftOut(row, row.set_aside)
    if row.follow_up:
        return LeftOut(row, "measured some time after the training had ended")
    if row.doubts:
        return LeftOut(row, f"in doubt: {row.doubts[0]}")
    if row.n_int is None or row.n_ctl is None:
        return LeftOut(row, "how many people each arm had was not read")
    if min(row.n_int, row.n_ctl) < 2:
        return LeftOut(row, "an arm of one person has no spread")
    for route, make in ((r, _MAKERS[r]) for r in ROUTES):
        try:
            made = make(row)
        except DataError as error:
            return LeftOut(row, str(error.problems[0]))
        if made is None:
            continue
        yi, vi, oriented = made
        if not oriented:
            way = 1 if row.sign == "better" or row.higher_is_better else -1
            if row.sign != "better" and row.higher_is_better is None:
                return LeftOut(row, "whether more is better on this scale was not read")
            yi *= way
        if abs(yi) > IMPLAUSIBLE:
            return LeftOut(row, f"a standardised effect of {yi:.1f} is not plausible")
        return Used(row, float(yi), float(vi), route)
    return LeftOut(row, _why_not(row))


Made = tuple[float, float, bool] | None  # yi, vi, and whether positive already favours the training


def _post(row: Trial) -> Made:
    cells = (row.mean_post_int, row.sd_post_int, row.n_int, row.mean_post_ctl, row.sd_post_ctl, row.n_ctl)
    return _from_means(cells)


def _change(row: Trial) -> Made:
    return _from_means((row.change_int, row.change_int_sd, row.n_int, row.change_ctl, row.change_ctl_sd, row.n_ctl))


def _from_means(cells: Sequence[Decimal | int | None]) -> Made:
    if any(cell is None for cell in cells):
        return None
    m1, sd1, n1, m2, sd2, n2 = ([float(cell or 0)] for cell in cells)
    made = effect_sizes("SMD", m1=m1, sd1=sd1, n1=n1, m2=m2, sd2=sd2, n2=n2)
    return made.yi[0], made.vi[0], False


def _difference(row: Trial) -> Made:
    if row.between_diff is None:
        return None
    if row.between_se is not None:
        se = float(row.between_se)
    elif row.between_ci_low is not None and row.between_ci_high is not None:
        se = float(
            conversions.se_from_interval(float(row.between_ci_low), float(row.between_ci_high), df=_freedom(row))
        )
    else:
        return None
    yi, vi = conversions.smd_from_difference(float(row.between_diff), se, row.n_int, row.n_ctl)
    return float(yi), float(vi), False


def _reported(row: Trial) -> Made:
    kind = re.match(r"hedges g|cohen d", row.effect_size_kind, re.IGNORECASE)
    if row.effect_size_reported is None or not kind:
        return None
    g = float(row.effect_size_reported)
    if kind[0].casefold() == "cohen d":
        g *= float(hedges_correction(_freedom(row)))
    n1, n2 = float(row.n_int or 0), float(row.n_ctl or 0)
    vi = 1 / n1 + 1 / n2 + g**2 / (2 * (n1 + n2))
    return (abs(g), vi, True) if row.sign == "favours_intervention" else (g, vi, False)


def _p(row: Trial) -> Made:
    """From an exact p value of the test between the arms, where the direction of the difference is known."""
    if row.p_value is None or not re.fullmatch(r"=?\s*[01]?\.\d+", row.p_value):
        return None
    p = float(row.p_value.lstrip("= "))
    if not 0 < p < 1:
        return None
    way = _direction(row)
    if way is None:
        return None
    yi, vi = conversions.smd_from_p(p, row.n_int, row.n_ctl, sign=way)
    return float(yi), float(vi), row.sign == "favours_intervention"


def _direction(row: Trial) -> int | None:
    if row.sign == "favours_intervention":
        return 1
    for left, right in (
        (row.between_diff, Decimal(0)),
        (row.change_int, row.change_ctl),
        (row.mean_post_int, row.mean_post_ctl),
    ):
        if left is not None and right is not None and left != right:
            return 1 if left > right else -1
    return None


def _freedom(row: Trial) -> int:
    return (row.n_int or 0) + (row.n_ctl or 0) - 2


_MAKERS = {"post": _post, "change": _change, "difference": _difference, "reported": _reported, "p": _p}


def _why_not(row: Trial) -> str:
    if row.p_value is not None and re.match(r"[<>≤≥]", row.p_value):
        return f"only a bound was read for the p value ({row.p_value}), and no spread"
    if row.p_value is not None:
        return "a p value without the direction of the difference"
    if row.effect_size_reported is not None:
        return f"an effect size of a kind that cannot be pooled ({row.effect_size_kind})"
    return "no spread was read: neither standard deviations nor an interval"
