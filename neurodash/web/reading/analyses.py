"""What the pages of our own analyses show: the forest, the table behind it, and what happens if a trial falls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from django.utils.safestring import SafeString, mark_safe

from neurodash import wording
from neurodash.evidence import Verdict, bias, heterogeneity_interval
from neurodash.evidence.direction import align
from neurodash.evidence.pooling import Pooled
from neurodash.evidence.reanalysis import LEVEL, METHOD, TEST, LeftOut, Reanalysis, Used
from neurodash.evidence.small_studies import Bias
from neurodash.evidence.verdict import FEW_TRIALS, size_class
from neurodash.library import Library, Result
from neurodash.library.shapes import SIZES
from neurodash.pictures import plots
from neurodash.web.reading.pages import slug_of

FEW_DF = (
    4  # degrees of freedom below which a CR2 interval is not to be trusted. Tipton 2015, Psychol Methods 20:375-393
)
DOSES_FROM = 3  # trials with a known weekly dose from which a dose plot shows anything
AXIS = plots.Axis("standardised mean difference (Hedges’ g)", "favours the training", "favours the comparison")


@dataclass(frozen=True)
class TrialLine:
    """A usable trial as a row of the table: its effect, its weight, and the result without it."""

    used: Used
    fallen: bool
    weight: float | None
    without: str
    turns: str

    @property
    def row(self) -> Any:
        return self.used.row

    @property
    def effect(self) -> str:
        return _told(self.used.yi, *self.used.interval)

    @property
    def made_from(self) -> str:
        return wording.ROUTES[self.used.route]


@dataclass(frozen=True)
class Answer:
    """What our own analysis says to a finding, with all trials and with those that are left."""

    brief_url: str
    verdict: Verdict
    before: tuple[str, str]
    now: tuple[str, str]

    @property
    def turned(self) -> bool:
        return self.before[0] != self.now[0]


@dataclass(frozen=True)
class Published:
    """A review's result beside ours: as drawn, and in words."""

    result: Result
    label: str
    estimate: float
    low: float | None
    high: float | None

    @property
    def effect(self) -> str:
        if self.low is None or self.high is None:
            return wording.decimal(self.estimate)
        return _told(self.estimate, self.low, self.high)


@dataclass(frozen=True)
class ShownAnalysis:
    """One comparison of one question, ready to show."""

    whole: Reanalysis
    now: Reanalysis
    heading: str
    anchor: str
    sentence: str
    before: str
    forest: SafeString
    lines: tuple[TrialLine, ...]
    left_out: tuple[LeftOut, ...]
    turning: str
    leave_one_out: SafeString
    funnel: SafeString
    bias: Bias | None
    doses: SafeString
    doses_told: str
    answers: tuple[Answer, ...]
    published: tuple[Published, ...]

    @property
    def notes(self) -> dict[str, str]:
        """What the notes of its trials say, each note once, with the trials it is about."""
        who: dict[str, list[str]] = {}
        for line in self.lines:
            if line.row.notes:
                who.setdefault(line.row.notes, []).append(_name(line.used))
        return {wording.joined(names): note for note, names in who.items()}

    @property
    def every_measure(self) -> str:
        """The same question with every usable row of each trial, in a sentence; empty where each has only one."""
        found = self.now.every_measure
        if found is None:
            return ""
        b, low, high, df = (float(each[0]) for each in (found.b, found.ci_low, found.ci_high, found.df))
        about = f"{wording.count(self.now.rows, 'row')} of {wording.count(self.now.k, 'trial')}, several of one trial too: three levels, cluster-robust errors (CR2)"
        if not df >= FEW_DF:
            return f"g {wording.decimal(b)}, {about}. Its interval is not shown: with {df:.1f} degrees of freedom it cannot be trusted, and the result above stands."
        return f"g {wording.decimal(b)} ({LEVEL:g} % interval {wording.decimal(low)} to {wording.decimal(high)}, {df:.1f} df), {about}. The result above takes one row of each trial."

    @property
    def between(self) -> str:
        """How uncertain the variance between trials and its share are, in a sentence (Q-profile)."""
        if self.now.effects is None or self.now.pooled is None:
            return ""
        found = heterogeneity_interval(self.now.effects, level=LEVEL)
        if found.empty:
            return f"{found.notes[0]}"
        return (
            f"τ² {wording.decimal(found.tau2_low, 3)} to {wording.decimal(found.tau2_high, 3)}, "
            f"I² {found.i2_low:.0f} to {found.i2_high:.0f} % (Q-profile, {LEVEL:g} %)"
        )

    @property
    def fallen(self) -> tuple[Used, ...]:
        return tuple(u for u in self.whole.usable if u.row.trial_id in self.now.fallen)

    @property
    def pooled(self) -> Pooled | None:
        return self.now.pooled


SETTINGS = (
    ("Effect", "standardised mean difference with Hedges’ correction; positive favours the training"),
    ("Model", f"random effects, variance between trials by {METHOD}"),
    ("Interval", f"{LEVEL:g} %, Knapp and Hartung’s, but never narrower than Wald’s (“{TEST}”)"),
    ("One row a trial", "the first measure in the stated order that can be used, at the end of the training"),
    ("Numbers preferred", "; then ".join(wording.ROUTES.values())),
    ("Fewest trials", f"{FEW_TRIALS}; below that nothing is pooled"),
)


def shown(
    whole: Reanalysis, now: Reanalysis, library: Library, judged: Sequence[tuple[str, Sequence[Verdict]]]
) -> ShownAnalysis:
    """One comparison. `whole` has every usable trial, `now` what a reader left in; `judged` the verdicts by brief URL."""
    intervention = library.vocabulary.interventions[whole.intervention].label
    outcome = library.vocabulary.outcomes[whole.outcome].label
    title = f"{intervention} and {outcome.lower()}: {wording.COMPARISONS[whole.comparison].lower()}"
    published = _published(whole, library)
    sentence = told(now, intervention)
    drawn = now.pooled or now.usable
    return ShownAnalysis(
        whole=whole,
        now=now,
        heading=wording.COMPARISONS[whole.comparison],
        anchor=whole.comparison,
        sentence=sentence,
        before=told(whole, intervention) if now.fallen else "",
        forest=_both_widths(forest_rows(now, published), title, sentence) if drawn else mark_safe(""),
        lines=_lines(now),
        left_out=tuple(sorted(whole.left_out, key=lambda x: (x.row.trial_id, x.row.row_id))),
        turning=turning(now),
        leave_one_out=_leave_one_out(now, title),
        funnel=_funnel(now, title),
        bias=bias(now.effects) if now.has_funnel and now.effects else None,
        doses=_doses(now, title),
        doses_told=_doses_told(now),
        answers=_answers(whole, now, judged),
        published=published,
    )  # fmt: skip


def card(found: Reanalysis, library: Library) -> dict[str, str]:
    """A pooled question in the list of all."""
    intervention = library.vocabulary.interventions[found.intervention].label
    return {
        "url": f"{url(found)}#{found.comparison}",
        "title": f"{intervention}: {wording.inside(library.vocabulary.outcomes[found.outcome].label)}",
        "heading": wording.COMPARISONS[found.comparison],
        "told": told(found, intervention),
    }


def counts(found: Sequence[Reanalysis], library: Library) -> list[dict[str, Any]]:
    """Questions that nothing is pooled for: how many groups of people there are, and how many can be used."""
    rows = sorted(found, key=lambda f: (library.vocabulary.outcomes[f.outcome].label, f.intervention, f.comparison))
    return [
        {
            "url": f"{url(f)}#{f.comparison}",
            "outcome": library.vocabulary.outcomes[f.outcome].label,
            "intervention": library.vocabulary.interventions[f.intervention].label,
            "against": wording.inside(wording.COMPARISONS[f.comparison].removeprefix("Against ")),
            "k": f.k,
            "of": f.people,
        }
        for f in rows
    ]


def told(found: Reanalysis, intervention: str) -> str:
    """The result in a sentence for a clinician."""
    pooled = found.pooled
    known = wording.count(found.k, "trial")
    if pooled is None:
        some = (
            f"{found.k} of {wording.count(len(found.usable), 'usable trial')} {'is' if found.k == 1 else 'are'} left"
            if found.fallen
            else f"{found.k} of {wording.count(found.people, 'trial')} can be used (papers on the same people count once)"
        )
        return f"{some}, fewer than {wording.number_word(FEW_TRIALS)}: nothing is pooled."
    clear = pooled.ci_low > 0 or pooled.ci_high < 0
    size, *ends = (size_class(Fraction(f"{x:.2f}")) for x in (pooled.estimate, pooled.ci_low, pooled.ci_high))
    if clear:  # sizes are those of the numbers as printed
        way = "better" if pooled.estimate > 0 else "worse"
        span = (
            ""
            if ends[0] == ends[1]
            else f", though anything from {min(ends, key=SIZES.index)} to {max(ends, key=SIZES.index)} is possible"
        )
        what = f"{wording.inside(intervention)} did {way} than the comparison, by a {size} amount{span}"
    else:
        what = "no clear difference (the interval includes 0, which is no difference)"
    b, low, high, pi_low, pi_high = (
        wording.decimal(x) for x in (pooled.estimate, pooled.ci_low, pooled.ci_high, pooled.pi_low, pooled.pi_high)
    )
    said = f"Pooled over {known}, {what}: g {b} ({LEVEL:g} % interval {low} to {high}). "
    if pooled.tau2 == 0:
        return (
            said
            + "The trials differ no more than chance would make them, but a few trials cannot show that they agree: the "
            + f"{LEVEL:g} % prediction interval, {pi_low} to {pi_high}, allows for no difference between trials."
        )
    return (
        said
        + f"The true effect in a new trial is expected between {pi_low} and {pi_high} ({LEVEL:g} % prediction interval)."
    )


def turning(found: Reanalysis) -> str:
    """Which single trials would turn the result by falling, in a sentence."""
    if found.pooled is None:
        return ""
    if not found.can_spare_one:
        return "Without any one of them too few trials are left to pool."
    if not found.turning:
        return "No single trial would turn this by falling."
    names = {u.row.trial_id: _name(u) for u in found.usable}
    by_what: dict[str, list[str]] = {}
    for trial, what in found.turning:
        by_what.setdefault(what, []).append(names[trial])
    return " ".join(
        f"{'Each of these trials' if len(who) > 1 else 'One trial'}, by falling alone, would turn {wording.TURNS[what]}: "
        f"{wording.joined(who)}."
        for what, who in by_what.items()
    )


def forest_rows(found: Reanalysis, published: Sequence[Published]) -> list[plots.Row]:
    """The trials, our diamond where there is one, and the published results beside it."""
    weights = dict(zip(found.pooled.labels, found.pooled.weights, strict=True)) if found.pooled else {}
    rows = []
    for used in found.usable:
        fallen = used.row.trial_id in found.fallen
        weight = None if fallen or not weights else float(weights[used.row.trial_id])
        rows.append(plots.Row(_name(used), "fallen" if fallen else "trial", used.yi, *used.interval, weight))
    if found.pooled:
        rows += plots.pooled_rows(found.pooled, f"Our own: {wording.count(found.k, 'trial')}")
    if published:
        rows.append(plots.Row("Published reviews", "heading"))
        rows += [plots.Row(p.label, "published", p.estimate, p.low, p.high) for p in published]
    return rows


def _published(found: Reanalysis, library: Library) -> tuple[Published, ...]:
    """The reviews’ main standardised results on the same training and outcome, newest first."""
    better = library.vocabulary.outcomes[found.outcome].higher_is_better
    rows = [
        r
        for r in library.results.values()
        if r.intervention_class == found.intervention
        and r.outcome_domain == found.outcome
        and r.effect_metric == "SMD"
        and r.row_kind == "main"
        and r.estimate is not None
        and not r.doubts
    ]
    shown = []
    for result in sorted(rows, key=lambda r: (-(r.year or 0), r.result_id)):
        at = align(result, better)
        if at is None:
            continue
        label = wording.short_citation(result.citation, result.year)
        if sum(r.review_id == result.review_id for r in rows) > 1:
            label += f": {result.measure}"
        elif result.k_studies:
            label += f", {wording.count(result.k_studies, 'trial')}"
        shown.append(Published(result, label, at.estimate, at.low, at.high))
    return tuple(shown)


def _name(used: Used) -> str:
    return wording.short_citation(used.row.citation, used.row.year)


def _told(estimate: float, low: float, high: float) -> str:
    return f"{wording.decimal(estimate)} ({wording.decimal(low)} to {wording.decimal(high)})"


def _safe(svg: str) -> SafeString:
    return mark_safe(svg)  # noqa: S308  drawn by us, texts escaped


def _both_widths(rows: Sequence[plots.Row], title: str, description: str) -> SafeString:
    """A wide and a narrow drawing; the style sheet shows the one that fits. Nothing for more rows than anybody reads."""
    if len(rows) > plots.MOST_ROWS:
        return mark_safe("")
    return _safe("".join(plots.forest(rows, AXIS, title, description, narrow) for narrow in (False, True)))


def _lines(found: Reanalysis) -> tuple[TrialLine, ...]:
    weights = dict(zip(found.pooled.labels, found.pooled.weights, strict=True)) if found.pooled else {}
    turned = dict(found.turning) if found.can_spare_one else {}
    without: dict[str, str] = {}
    if found.without_each and found.can_spare_one:
        many = found.without_each.without
        for i, label in enumerate(found.without_each.labels):
            without[label] = _told(float(many.estimate[i]), float(many.ci_low[i]), float(many.ci_high[i]))
    return tuple(
        TrialLine(
            used=used,
            fallen=used.row.trial_id in found.fallen,
            weight=float(weights[used.row.trial_id]) if used.row.trial_id in weights else None,
            without=without.get(used.row.trial_id, ""),
            turns=wording.TURNS[turned[used.row.trial_id]] if used.row.trial_id in turned else "",
        )
        for used in found.usable
    )


def _leave_one_out(found: Reanalysis, title: str) -> SafeString:
    if found.without_each is None or found.pooled is None or not found.can_spare_one:
        return mark_safe("")
    many = found.without_each.without
    names = {u.row.trial_id: _name(u) for u in found.usable}
    rows = [
        plots.Row(f"without {names[label]}", "published", float(many.estimate[i]), float(many.ci_low[i]), float(many.ci_high[i]))
        for i, label in enumerate(found.without_each.labels)
    ]  # fmt: skip
    rows += plots.pooled_rows(found.pooled, "with all of them")[:1]
    return _both_widths(rows, f"Leave-one-out of {title}", turning(found))


def _funnel(found: Reanalysis, title: str) -> SafeString:
    pooled = found.pooled
    if pooled is None or not found.has_funnel:
        return mark_safe("")
    told = _funnel_told(pooled)
    return _safe("".join(plots.funnel(pooled, AXIS, f"Funnel of {title}", told, narrow) for narrow in (False, True)))


def _funnel_told(pooled: Pooled) -> str:
    return f"{wording.count(pooled.k, 'trial')} around the pooled effect of {wording.decimal(pooled.estimate)}; the table has every effect and weight."


def _doses(found: Reanalysis, title: str) -> SafeString:
    points = _with_dose(found)
    if len(points) < DOSES_FROM:
        return mark_safe("")
    weights = dict(zip(found.pooled.labels, found.pooled.weights, strict=True)) if found.pooled else {}
    drawn = [
        plots.Dose(_name(u), float(u.row.minutes_per_week or 0), u.yi, float(weights.get(u.row.trial_id, 10.0)))
        for u in points
    ]
    name, description = f"Weekly minutes and effect: {title}", _doses_told(found)
    return _safe("".join(plots.dose(drawn, AXIS, name, description, narrow) for narrow in (False, True)))


def _with_dose(found: Reanalysis) -> list[Used]:
    return [u for u in found.used if u.row.minutes_per_week is not None]


def _doses_told(found: Reanalysis) -> str:
    points = _with_dose(found)
    if not found.used:
        return ""
    start = f"{len(points)} of {wording.count(found.k, 'trial')} report{'s' if len(points) == 1 else ''} both sessions a week and minutes a session"
    if not points:
        return f"{start}."
    each = "; ".join(f"{_name(u)} {u.row.minutes_per_week:g} minutes a week, g {wording.decimal(u.yi)}" for u in points)
    return f"{start}: {each}. Differences between trials are no proof that the dose made them."


def _answers(whole: Reanalysis, now: Reanalysis, judged: Sequence[tuple[str, Sequence[Verdict]]]) -> tuple[Answer, ...]:
    if whole.pooled is None:
        return ()
    return tuple(
        Answer(url, verdict, whole.says_to(verdict.finding.claim), now.says_to(verdict.finding.claim))
        for url, verdicts in judged
        for verdict in verdicts
        if whole.outcome == verdict.finding.claim.outcome
        and whole.intervention in verdict.finding.claim.intervention
        and verdict.finding.claim.says not in ("narrative", "more_with_dose")
    )


def url(found: Reanalysis) -> str:
    return f"/evidence/trials/{slug_of(found.intervention)}/{slug_of(found.outcome)}/"


CSV_COLUMNS = (
    "comparison", "used", "reason", "yi", "vi", "made_from", "row_id", "trial_id", "cohort", "citation", "year", "doi", "pmid", "country",
    "intervention", "comparator", "comparator_class", "weeks", "sessions_per_week", "minutes_per_session", "measure",
    "measure_code", "unit", "higher_is_better", "timepoint", "n_int", "n_ctl", "mean_post_int", "sd_post_int",
    "mean_post_ctl", "sd_post_ctl", "change_int", "change_int_sd", "change_ctl", "change_ctl_sd", "between_diff",
    "between_ci_low", "between_ci_high", "between_se", "p_value", "effect_size_reported", "effect_size_kind",
    "source_url", "source_part", "notes",
)  # fmt: skip


def csv_rows(found: Reanalysis) -> list[dict[str, object]]:
    """Every row of the question, used or not: `yi` and `vi` can be pooled again as they stand."""
    rows: list[dict[str, object]] = [
        {"comparison": found.comparison, "used": "yes", "reason": "", "yi": f"{u.yi:.6f}", "vi": f"{u.vi:.6f}",
         "made_from": wording.ROUTES[u.route], **_cells(u.row)}
        for u in found.usable
    ]  # fmt: skip
    rows += [
        {"comparison": found.comparison, "used": "no", "reason": x.reason, "yi": "", "vi": "", "made_from": "", **_cells(x.row)}
        for x in found.left_out
    ]  # fmt: skip
    return rows


def _cells(row: Any) -> dict[str, object]:
    return {name: getattr(row, name) for name in CSV_COLUMNS[6:]}
