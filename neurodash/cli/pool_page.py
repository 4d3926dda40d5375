"""What `neurodash evidence pool` tells: the analysis of a file as a page to read, and as JSON."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neurodash import wording
from neurodash.evidence.analysis import Analysis, Note, figure, p_figure, quantile, table
from neurodash.evidence.effects import MEASURES
from neurodash.evidence.pooling import HeterogeneityInterval, Pooled
from neurodash.evidence.trial_columns import Trials
from neurodash.evidence.trial_file import clean

WIDTH = 100  # of a page in characters
LABEL_WIDTH = 40  # of a trial's name in a table
PRINTED = 60  # rows of a table; JSON has all of them. Ours: more does not fit into anybody's memory or scrollback
NOTE_WIDTH = 600  # characters of a note on the page; JSON has all of it
LEFT_OUT_SHOWN = 20

# What a reader calls the effect, on the reader's scale
NOUNS: dict[str, str] = {
    "SMD": "standardised mean difference", "SMDH": "standardised mean difference", "MD": "mean difference",
    "ROM": "ratio of means", "SMCC": "standardised mean change", "SMCR": "standardised mean change", "RR": "risk ratio",
    "OR": "odds ratio", "PETO": "odds ratio", "RD": "risk difference", "IRR": "rate ratio", "ZCOR": "correlation",
    "COR": "correlation", "PLO": "proportion", "PLN": "proportion", "PR": "proportion", "PAS": "proportion",
    "PFT": "double-arcsine proportion", "GEN": "effect",
}  # fmt: skip
TESTS = {"z": "Wald test (z)", "knha": "Knapp–Hartung test", "adhoc": "Knapp–Hartung test, never narrower than Wald"}
ASKED = ("subgroups", "regression", "bias", "leave_one_out", "influence", "cumulative")
TITLES = {
    "subgroups": "Subgroups", "regression": "Meta-regression", "bias": "Small-study effects",
    "leave_one_out": "Without each trial", "influence": "Influence of each trial", "cumulative": "Trial by trial",
}  # fmt: skip


@dataclass
class Parts:
    """An analysis of a file: the pooled result, and under its name every other part that was `made` or `refused`."""

    trials: Trials
    pooled: Pooled
    interval: HeterogeneityInterval | None = None
    made: dict[str, Any] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


def sentence(parts: Parts) -> str:
    """The result in plain words, without a direction: which side is better, the file does not say."""
    pooled = parts.pooled
    noun = NOUNS[pooled.measure]
    level = f"{pooled.level:g}{wording.NO_BREAK}%"
    ends = [pooled.back(x) for x in (pooled.ci_low, pooled.ci_high)]
    places = _places(*ends)

    def told(value: float) -> str:
        return _ratio(value) if MEASURES[pooled.measure].back == "exp" else _rounded(value, places)

    if not all(map(math.isfinite, ends)):
        return "The numbers in the file are too large or too small to be pooled."
    own = f"{told(pooled.back(pooled.estimate))} ({level} confidence interval {told(ends[0])} to {told(ends[1])})"
    if pooled.k == 1:
        said = f"There is one trial, so nothing is pooled: its {noun} is {own}."
    elif pooled.method == "CE":
        said = (
            f"Pooled over {wording.count(pooled.k, 'trial')} as if all had one common effect, the {noun} is {own}. "
            "How far the effect differs from trial to trial is not part of this result."
        )
    else:
        said = f"Pooled over {wording.count(pooled.k, 'trial')}, the average {noun} is {own}"
        if math.isfinite(pooled.pi_low):
            new = f"{told(pooled.back(pooled.pi_low))} and {told(pooled.back(pooled.pi_high))}"
            said += f"; the true {noun} in a new trial is expected between {new} ({level} prediction interval)."
        else:
            said += "."
    if MEASURES[pooled.measure].has_null and pooled.measure != "GEN":  # what 0 means there, the file does not say
        null = pooled.back(0.0)
        zero = {"correlation": "no relation"}.get(noun, "no difference")
        where = "includes" if ends[0] <= null <= ends[1] else "does not include"
        said += f" {_article(noun).capitalize()} {noun} of {null:g} means {zero}; the confidence interval {where} it."
    return said


# As a page


def page(parts: Parts) -> str:
    """The whole analysis in lines of at most WIDTH characters."""
    trials, pooled = parts.trials, parts.pooled
    facts = trials.facts
    title = f"{_short(facts['name'], 60)}: {MEASURES[pooled.measure].name}"
    blocks = [_wrapped(title), _wrapped(sentence(parts)), _result(parts), _spread(parts), _trials(parts)]
    for name in ASKED:
        if name in parts.made:
            blocks.append(_section(f"{TITLES[name]}{_on_scale(name, pooled)}", _SHOW[name](parts.made[name], pooled)))
        elif name in parts.refused:
            blocks.append(_section(TITLES[name], _wrapped(f"Not possible: {parts.refused[name]}", "  ")))
    own = [*trials.notes, *_of_the_result(parts)]
    if own:
        blocks.append(_section("Notes", "\n".join(_wrapped(_clipped(note.text), "- ", "  ") for note in own)))
    blocks.append(_section("How the file was read", _how_read(trials)))
    if trials.left_out:
        blocks.append(_section("Rows left out", _left_out(trials)))
    return "\n\n".join(blocks)


def _section(title: str, body: str) -> str:
    return f"{title}\n{'-' * len(title)}\n{body}"


def _result(parts: Parts) -> str:
    pooled = parts.pooled
    level = f"{pooled.level:g} %"
    what = "one common effect" if pooled.method == "CE" else f"random effects, tau² by {pooled.method}"
    rows = [("trials", str(pooled.k)), ("method", f"{what}; {TESTS[pooled.test] if pooled.k > 1 else TESTS['z']}")]
    rows.append(("estimate", f"{figure(pooled.estimate)} (SE {figure(pooled.se)})"))
    rows.append((f"{level} confidence interval", f"{figure(pooled.ci_low)} to {figure(pooled.ci_high)}"))
    has_prediction = pooled.method != "CE" and math.isfinite(pooled.pi_low)
    if has_prediction:
        rows.append((f"{level} prediction interval", f"{figure(pooled.pi_low)} to {figure(pooled.pi_high)}"))
    letter = "z" if pooled.df is None else f"t({pooled.df:g})"
    rows.append(("test of 0", f"{letter} = {figure(pooled.statistic)}, p {p_figure(pooled.p)}"))
    if MEASURES[pooled.measure].back:
        noun = NOUNS[pooled.measure]
        back = [figure(pooled.back(x)) for x in (pooled.estimate, pooled.ci_low, pooled.ci_high)]
        rows.append((f"as {_article(noun)} {noun}", f"{back[0]} ({back[1]} to {back[2]})"))
        if has_prediction:
            rows.append(
                ("  in a new trial", f"{figure(pooled.back(pooled.pi_low))} to {figure(pooled.back(pooled.pi_high))}")
            )
    return _section(f"Result: {MEASURES[pooled.measure].name}", _pairs(rows))


def _spread(parts: Parts) -> str:
    pooled, interval = parts.pooled, parts.interval
    if interval is None:
        why = (
            "One trial: whether trials differ cannot be seen." if pooled.k == 1 else "Not possible with these numbers."
        )
        return _section("Heterogeneity", f"  {why}")
    rows = []

    def with_interval(value: str, low: float, high: float, places: int, unit: str = "") -> str:
        if interval.empty:
            return f"{value}{unit}; its {interval.level:g} % interval is empty"
        return f"{value}{unit} ({interval.level:g} % interval {figure(low, places)} to {figure(high, places)}{unit})"

    se = f", SE {figure(pooled.se_tau2)}" if math.isfinite(pooled.se_tau2) else ""
    if pooled.method == "CE":
        rows.append(("tau²", "not estimated: one common effect was assumed"))
    else:
        rows.append(
            (
                "tau²",
                with_interval(figure(pooled.tau2), interval.tau2_low, interval.tau2_high, 4) + f" by Q-profile{se}",
            )
        )
        rows.append(("tau", with_interval(figure(pooled.tau), interval.tau_low, interval.tau_high, 4)))
    rows.append(("I²", with_interval(figure(pooled.i2, 1), interval.i2_low, interval.i2_high, 1, " %")))
    rows.append(("H²", with_interval(figure(pooled.h2, 2), interval.h2_low, interval.h2_high, 2)))
    rows.append(("Q", f"{figure(pooled.q)} on {pooled.q_df} df, p {p_figure(pooled.q_p)}"))
    return _section("Heterogeneity: how far the trials differ beyond chance", _pairs(rows))


def _trials(parts: Parts) -> str:
    pooled = parts.pooled
    header = ["trial", _column(pooled), "low", "high", "weight %"]
    reach = float(quantile(pooled.level))
    rows = []
    for i in range(min(pooled.k, PRINTED)):
        y, half = float(pooled.yi[i]), reach * float(pooled.vi[i]) ** 0.5
        ends = (figure(pooled.back(x), 3) for x in (y, y - half, y + half))
        rows.append([_short(pooled.labels[i]), *ends, figure(float(pooled.weights[i]), 1)])
    return _section(f"Trials, each with its {pooled.level:g} % interval", _listed(header, rows, pooled.k))


def _subgroups(found: Any, pooled: Pooled) -> str:
    header = ["group", "k", _column(pooled), "low", "high", "tau²", "I² %"]
    rows = [
        [_short(name), str(g.k), *_three(g, pooled.back), figure(g.tau2), figure(g.i2, 1)]
        for name, g in zip(found.names, found.groups, strict=True)
    ]
    test = f"  Do the groups differ?  Q = {figure(found.qb)} on {found.qb_df} df, p {p_figure(found.qb_p)}"
    return "\n".join([_listed(header, rows, len(rows)), test, *_notes(found.notes)])


def _regression(found: Any, _: Pooled) -> str:
    letter = "z" if found.df is None else f"t({found.df:g})"
    columns = (found.b, found.se, found.statistic, found.p, found.ci_low, found.ci_high)
    rows = [
        [_short(term), *(figure(float(x)) for x in numbers)]
        for term, *numbers in zip(found.terms, *columns, strict=True)
    ]
    f = f"Q({found.qm_df})" if found.qm_df2 is None else f"F({found.qm_df}, {found.qm_df2:g})"
    after = [
        ("trials", str(found.k)),
        ("test of the moderators", f"{f} = {figure(found.qm)}, p {p_figure(found.qm_p)}"),
        ("left over", f"tau² {figure(found.tau2)}, I² {figure(found.i2, 1)} %, "
                      f"Q {figure(found.qe)} on {found.qe_df} df, p {p_figure(found.qe_p)}"),
        ("explained (R²)", f"{figure(found.r2, 1)} %" if math.isfinite(found.r2) else wording.NOT_KNOWN),
    ]  # fmt: skip
    shown = _listed(["term", "b", "SE", letter, "p", "low", "high"], rows, len(rows))
    return "\n".join([shown, _pairs(after), *_notes(found.notes)])


def _bias(found: Any, _: Pooled) -> str:
    said = [found.egger, found.rank, found.trim_fill, found.pet_peese]
    return "\n".join([*(_wrapped(str(part), "  ", "    ") for part in said if part is not None), *_notes(found.notes)])


def _leave_one_out(found: Any, pooled: Pooled) -> str:
    header = ["without", _column(pooled), "low", "high", "tau²", "I² %", "p", ""]
    turned = zip(found.turns_direction, found.turns_significance, strict=True)
    marks = ["direction" if d else "significance" if s else "" for d, s in turned]
    rows = [[*row, mark] for row, mark in zip(_many(found.labels, found.without, pooled), marks, strict=True)]
    turns = sum(1 for mark in marks if mark)
    said = "No single trial turns the direction, or whether the interval holds no difference."
    if turns:
        said = f"{wording.count(turns, 'trial')} of {pooled.k} would turn the result (last column)."
    return f"{_listed(header, rows, pooled.k)}\n{_wrapped(said, '  ')}"


def _cumulative(found: Any, pooled: Pooled) -> str:
    header = ["added", _column(pooled), "low", "high", "tau²", "I² %", "p"]
    return _listed(header, _many(found.labels, found.after, pooled), len(found.labels))


def _influence(found: Any, _: Pooled) -> str:
    names = ("rstudent", "dffits", "cook_d", "cov_r", "hat", "dfbetas")
    columns = [getattr(found, name) for name in names]
    rows = [
        [_short(label), *(figure(float(x), 3) for x in numbers), "*" if flag else ""]
        for label, flag, *numbers in zip(found.labels, found.influential, *columns, strict=True)
    ]
    marked = sum(found.influential)
    said = (
        f"* beyond the usual limits: {wording.count(marked, 'trial')}."
        if marked
        else "No trial is beyond the usual limits."
    )
    return f"{_listed(['trial', *names, ''], rows, len(rows))}\n  {said}"


_SHOW: dict[str, Callable[[Any, Pooled], str]] = {
    "subgroups": _subgroups, "regression": _regression, "bias": _bias, "leave_one_out": _leave_one_out,
    "influence": _influence, "cumulative": _cumulative,
}  # fmt: skip


def _on_scale(name: str, pooled: Pooled) -> str:
    """What scale the numbers of a part are on, where it is not the one of the trials."""
    pooled_scale = name in ("regression", "bias", "influence") and MEASURES[pooled.measure].back
    return f" (on the pooled scale: {MEASURES[pooled.measure].name})" if pooled_scale else ""


def _of_the_result(parts: Parts) -> list[Note]:
    """The notes of the engine; those of the file stand in `trials.notes` already."""
    said = {note.code for note in parts.trials.notes}
    notes = [note for note in parts.pooled.notes if note.code not in said]
    return [*notes, *(parts.interval.notes if parts.interval else ())]


def _how_read(trials: Trials) -> str:
    facts = trials.facts
    columns = ", ".join(key if key == name else f"{key} ({_short(name)})" for key, name in facts["columns"].items())
    rows = [
        ("rows", f"{wording.thousands(facts['rows'])}, of which {wording.thousands(facts['rows_used'])} are used"),
        ("written as", f"{facts['encoding']}, separator {facts['separator']}, decimal {facts['decimal']}"),
        ("columns", columns),
        ("names of trials", facts["label"] or "the line numbers"),
    ]
    if unused := facts["not_used"]:
        more = f" and {len(unused) - 10} more" if len(unused) > 10 else ""
        rows.append(("not used", ", ".join(_short(name) for name in unused[:10]) + more))
    return _pairs(rows)


def _left_out(trials: Trials) -> str:
    shown = [
        _wrapped(f"line {row.line} ({_short(row.label)}): {row.why}", "- ", "  ")
        for row in trials.left_out[:LEFT_OUT_SHOWN]
    ]
    if (more := len(trials.left_out) - LEFT_OUT_SHOWN) > 0:
        shown.append(f"  … and {wording.thousands(more)} more; --json has all of them.")
    return "\n".join(shown)


# Small parts of a page


def _wrapped(text: str, first: str = "", other: str | None = None) -> str:
    rest = first if other is None else other
    return textwrap.fill(text, WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)


def _pairs(rows: Sequence[tuple[str, str]]) -> str:
    width = max(len(name) for name, _ in rows)
    return "\n".join(_wrapped(value, f"  {name.ljust(width)}  ", " " * (width + 4)) for name, value in rows)


def _listed(header: Sequence[str], rows: Sequence[Sequence[str]], in_all: int) -> str:
    shown = textwrap.indent(table(header, rows[:PRINTED]), "  ")
    more = in_all - min(len(rows), PRINTED)
    return f"{shown}\n  … and {wording.thousands(more)} more; --json has all of them." if more > 0 else shown


def _many(labels: Sequence[str], many: Any, pooled: Pooled) -> list[list[str]]:
    return [
        [_short(label), *(figure(pooled.back(float(getattr(many, name)[i])), 3) for name in ("estimate", "ci_low", "ci_high")),
         figure(float(many.tau2[i])), figure(float(many.i2[i]), 1), figure(float(many.p[i]))]
        for i, label in enumerate(labels[:PRINTED])
    ]  # fmt: skip


def _three(pooled: Pooled, back: Callable[[float], float]) -> list[str]:
    return [figure(back(x), 3) for x in (pooled.estimate, pooled.ci_low, pooled.ci_high)]


def _notes(notes: Iterable[Note]) -> list[str]:
    return [_wrapped(_clipped(note.text), "  - ", "    ") for note in notes]


def _column(pooled: Pooled) -> str:
    """The head of a column of effects on the reader's scale."""
    noun = NOUNS[pooled.measure]
    return noun if len(noun) <= 16 else "effect"


def _short(text: str, most: int = LABEL_WIDTH) -> str:
    shown = clean(text)
    return shown if len(shown) <= most else f"{shown[: most - 1].rstrip()}…"


def _clipped(text: str) -> str:
    return text if len(text) <= NOTE_WIDTH else f"{text[:NOTE_WIDTH]}… (--json has all of it)"


def _places(low: float, high: float) -> int:
    """Decimals at which an interval says something: two, more for narrow ones, one for wide ones."""
    width = abs(high - low)
    if not math.isfinite(width) or width == 0:
        return 2
    if width >= 10:
        return 1
    return min(8, max(2, 1 - math.floor(math.log10(width))))


def _ratio(value: float) -> str:
    """A ratio with its decimals: 0.043, 0.49, 12.3."""
    if not 0 < value < math.inf or 0.1 <= value < 10:
        return _rounded(value, 2)
    return _rounded(value, 1) if value >= 10 else _rounded(value, min(8, 1 - math.floor(math.log10(value))))


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"


def _rounded(value: float, places: int) -> str:
    return wording.decimal(value, places) if abs(value) < 1e7 else figure(value)


# As JSON


def as_json(parts: Parts, forest: str | None) -> dict[str, Any]:
    """The whole analysis as plain values; a number that does not exist, and a part not asked for, is None."""
    pooled, interval, trials = parts.pooled, parts.interval, parts.trials
    found = _bare(pooled)
    reach = float(quantile(pooled.level))
    half = reach * np.sqrt(pooled.vi)
    columns = (pooled.yi, pooled.vi, pooled.yi - half, pooled.yi + half, pooled.weights)
    back = None
    if MEASURES[pooled.measure].back:
        names = ("estimate", "ci_low", "ci_high", "pi_low", "pi_high")
        values = {name: pooled.back(float(getattr(pooled, name))) for name in names}
        back = {"scale": NOUNS[pooled.measure], **{name: _exists(value) for name, value in values.items()}}
    between = ("tau2_low", "tau2_high", "i2_low", "i2_high", "h2_low", "h2_high")
    return {
        "sentence": sentence(parts),
        "measure": pooled.measure,
        "measure_name": MEASURES[pooled.measure].name,
        **{key: value for key, value in found.items() if key not in ("measure", "notes", "call")},
        **{key: None if interval is None or interval.empty else _exists(getattr(interval, key)) for key in between},
        "back_transformed": back,
        "trials": [
            {"line": line, "label": label, "yi": y, "vi": v, "ci_low": _exists(low), "ci_high": _exists(high), "weight": _exists(w)}
            for line, label, y, v, low, high, w in zip(trials.lines, pooled.labels, *(c.tolist() for c in columns), strict=True)
        ],
        **{name: _part(parts, name) for name in ASKED},
        "notes": [{"code": n.code, "text": n.text} for n in (*trials.notes, *_of_the_result(parts), *_refusals(parts))],
        "file": dict(trials.facts),
        "left_out": [{"line": row.line, "label": row.label, "why": row.why} for row in trials.left_out],
        "forest": forest,
    }  # fmt: skip


_ARRAYS = frozenset({"yi", "vi", "x", "labels", "weights", "call", "all_trials", "covariance"})


def _bare(found: Analysis) -> dict[str, Any]:
    return {key: value for key, value in found.to_dict().items() if key not in _ARRAYS}


def _part(parts: Parts, name: str) -> Any:
    found = parts.made.get(name)
    if found is None:
        return None
    told = _bare(found)
    if name == "subgroups":
        groups = [
            {"group": group, **_bare(each), "measure": parts.pooled.measure}
            for group, each in zip(found.names, found.groups, strict=True)
        ]
        return {**{key: told[key] for key in ("qb", "qb_df", "qb_p", "notes")}, "groups": groups}
    if name == "regression":
        per_term = ("b", "se", "statistic", "p", "ci_low", "ci_high")
        terms = [
            {"term": term, **dict(zip(per_term, values, strict=True))}
            for term, *values in zip(told["terms"], *(told[key] for key in per_term), strict=True)
        ]
        rest = {key: value for key, value in told.items() if key not in (*per_term, "terms")}
        return {**rest, "terms": terms, "covariance": found.covariance.tolist()}
    if name == "leave_one_out":
        turned = zip(found.turns_direction, found.turns_significance, strict=True)
        rows = _rows("without", found.labels, found.without)
        return [
            {**row, "turns_direction": d, "turns_significance": s} for row, (d, s) in zip(rows, turned, strict=True)
        ]
    if name == "cumulative":
        return _rows("added", found.labels, found.after)
    if name == "influence":
        names = [key for key, value in told.items() if isinstance(value, list) and key != "notes"]
        columns = zip(*(told[key] for key in names), strict=True)
        return [
            {"trial": label, **dict(zip(names, row, strict=True))}
            for label, row in zip(found.labels, columns, strict=True)
        ]
    if found.trim_fill is not None:
        told["trim_fill"] = {**_bare(found.trim_fill), "adjusted": _bare(found.trim_fill.adjusted)}
    return told


def _rows(name: str, labels: Sequence[str], many: Analysis) -> list[dict[str, Any]]:
    told = many.to_dict()
    columns = {key: value for key, value in told.items() if isinstance(value, list) and key != "notes"}
    values = zip(*columns.values(), strict=True)
    return [{name: label, **dict(zip(columns, row, strict=True))} for label, row in zip(labels, values, strict=True)]


def _refusals(parts: Parts) -> list[Note]:
    return [Note(f"no_{name}", f"{TITLES[name]}: not possible. {why}") for name, why in parts.refused.items()]


def _exists(value: float) -> float | None:
    return value if math.isfinite(value) else None
