"""What only the whole library can tell: ids that point nowhere, codes nobody knows, claims that cite something else."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from neurodash.errors import Problem, did_you_mean
from neurodash.library import reading_level
from neurodash.library.briefs import INFOGRAPHIC
from neurodash.library.exercise_checks import exercise_problems, ladder_problems
from neurodash.library.planning import planning_problems
from neurodash.library.protocols import Protocol, dose_problems
from neurodash.library.rows import InstrumentValue, Result, Trial
from neurodash.library.shapes import Claim, Finding, Library


def cross_checks(library: Library, condition_folders: set[str]) -> Iterator[Problem]:
    yield from _code_problems(library)
    known = {"precautions": library.precautions, "guidelines": library.guidelines, "instruments": library.instruments}
    yield from exercise_problems(library.exercises, library.ladders, known)
    yield from ladder_problems(library.ladders, library.ladder_places, library.exercises, library.rules, known)
    for name, rule in library.rules.items():
        for way in ("up", "back"):
            yield from reading_level.too_hard(f"exercises/rules.yaml: {name}: plain.{way}", getattr(rule.plain, way))
        for source in rule.source:
            if source not in library.guidelines:
                accepted = "the id of a guideline"
                yield Problem(
                    f"exercises/rules.yaml: {name}: source",
                    f"“{source}”",
                    accepted,
                    did_you_mean(source, library.guidelines),
                )
    years: dict[str, Result] = {}
    for result in library.results.values():
        first = years.setdefault(result.review_id, result)
        if first.year != result.year:
            yield Problem(
                f"{result.source_file}:{result.line}: year",
                str(result.year or "nothing"),
                f"{first.year or 'nothing'}, as in line {first.line} of the same review",
            )
    for protocol in library.protocols.values():
        yield from _protocol_problems(protocol, library)
    yield from planning_problems(library.planning, _known(library))
    for brief in library.briefs.values():
        where = f"{brief.folder}/brief.md"
        if brief.slug not in library.protocols:
            yield Problem(
                where, "a brief without a protocol", f"protocols/{brief.slug}.yaml, from which its action plan is made"
            )
        if brief.condition not in condition_folders:
            yield Problem(where, f"a brief of the condition “{brief.condition}”", "a condition.yaml in its folder")
        for other in brief.related:
            if other not in library.briefs or other == brief.slug:
                others = [slug for slug in library.briefs if slug != brief.slug]
                yield Problem(
                    f"{where}:{brief.lines.get('related', 1)}: related",
                    f"a related brief “{other}”",
                    ", ".join(others) or "none, until there is another brief",
                    did_you_mean(other, others),
                )
        drawings = (INFOGRAPHIC, *library.exercises.exercises)
        if brief.picture.draw and brief.picture.draw not in drawings:
            yield Problem(
                f"{where}:{brief.lines.get('picture', 1)}: picture.draw",
                f"“{brief.picture.draw}”",
                f"{INFOGRAPHIC}, or the id of an exercise",
                did_you_mean(brief.picture.draw, drawings),
            )
        for finding in brief.findings:
            yield from _claim_problems(finding, library, f"{brief.folder}/findings.yaml")
        notes = {id(prose) for prose in brief.notes.values()}
        for prose in brief.prose:
            file = f"{brief.folder}/findings.yaml" if id(prose) in notes else where
            for mark in prose.marks:
                yield from _mark_problems(mark.kind, mark.id, library, f"{file}:{mark.line}")


def _known(library: Library) -> Mapping[str, Collection[str]]:
    """The ids and codes that planning content may name, by kind of thing."""
    words = library.exercises.words
    return {
        "protocols": library.protocols, "targets": words.targets, "equipment": words.equipment, "variables": words.variables,
        "levels": [f"{name}={level}" for name, scale in words.variables.items() for level in scale],
        "instruments": {row.instrument_id for row in library.instruments.values()} | {"MRC"},
        "movements": library.planning.rules.movements, "precautions": library.precautions,
        "guidelines": library.guidelines, "situations": library.planning.situations, "ladders": library.ladders,
        "focuses": library.planning.rules.focuses,
        "stopping": {row.precaution_id for row in library.precautions.values() if row.severity in ("stop", "refer")},
    }  # fmt: skip


def _protocol_problems(protocol: Protocol, library: Library) -> Iterator[Problem]:
    yield from dose_problems(protocol, library.guidelines)
    instruments = {row.instrument_id for row in library.instruments.values()}
    variables = library.exercises.words.variables
    named: list[tuple[str, Collection[str], Collection[str]]] = [
        ("ladders", protocol.ladders, library.ladders),
        ("retests", [retest.instrument for retest in protocol.retests], instruments),
    ]
    for phase in protocol.phases:
        named.append((f"phases.{phase.keys.id}.exercises", phase.keys.exercises, library.exercises.exercises))
        named.append((f"phases.{phase.keys.id}.opens", phase.keys.opens, variables))
    for key, codes, known in named:
        for code in codes:
            if code not in known:
                yield Problem(f"{protocol.where}: {key}", f"“{code}”", "an id that exists", did_you_mean(code, known))
    for prose in protocol.prose:
        for mark in prose.marks:
            yield from _mark_problems(mark.kind, mark.id, library, f"{protocol.where}:{mark.line}")


def _code_problems(library: Library) -> Iterator[Problem]:
    """Codes of the tables and whether the vocabulary has them."""
    known_trials = {row.trial_id for row in library.trials.values()}
    for trial in library.trials.values():
        if trial.cohort is not None and trial.cohort not in known_trials - {trial.trial_id}:
            yield Problem(
                f"{trial.source_file}:{trial.line}: cohort",
                f"“{trial.cohort}”",
                "the trial_id of another paper about the same people, or nothing",
                did_you_mean(trial.cohort, known_trials),
            )
    instruments = {row.instrument_id for row in library.instruments.values()}
    rows: list[Result | Trial] = [*library.results.values(), *library.trials.values()]
    measured = {row.measure_code for row in rows if row.measure_code} | instruments
    for code, term in library.vocabulary.outcomes.items():
        for measure in term.measures:
            if measure not in measured:
                yield Problem(
                    f"evidence/vocabulary.yaml: outcomes.{code}.measures",
                    f"“{measure}”",
                    "a measure_code of the tables, or an instrument",
                    did_you_mean(measure, measured),
                )
    for row in rows:
        place = f"{row.source_file}:{row.line}"
        for column, code, known in (
            ("intervention_class", row.intervention_class, library.vocabulary.interventions),
            ("outcome_domain", row.outcome_domain, library.vocabulary.outcomes),
        ):
            if code not in known:
                yield Problem(
                    f"{place}: {column}",
                    f"“{code}”",
                    ", ".join(known) or "a vocabulary.yaml",
                    did_you_mean(code, known),
                )
        if row.measure_code and row.measure_code not in instruments:
            yield Problem(
                f"{place}: measure_code",
                f"“{row.measure_code}”",
                "an instrument_id of instruments.csv, or nothing",
                did_you_mean(row.measure_code, instruments),
            )


def _claim_problems(finding: Finding, library: Library, where: str) -> Iterator[Problem]:
    claim, known = finding.claim, library.vocabulary

    def place(key: str) -> str:
        return f"{where}:{finding.line_of(key)}: {finding.id}: {key}"

    populations = {*library.conditions, *(result.condition for result in library.results.values())}
    measures = {row.instrument_id.casefold() for row in library.instruments.values()}
    measures |= {result.measure.casefold() for result in library.results.values()}
    named: tuple[tuple[str, tuple[str, ...], Collection[str]], ...] = (
        ("population", (claim.population,), populations),
        ("intervention", claim.intervention, known.interventions),
        ("outcome", (claim.outcome,), known.outcomes),
    )
    unknown = [(key, code, codes) for key, found, codes in named for code in found if code not in codes]
    for key, code, codes in unknown:
        yield Problem(place(key), f"“{code}”", ", ".join(sorted(codes)), did_you_mean(code, codes))
    for measure in claim.measures:
        if measure.casefold() not in measures:
            accepted = "an instrument_id of instruments.csv, or a measure of reviews.csv"
            yield Problem(place("measures"), f"“{measure}”", accepted, did_you_mean(measure, measures))
    for cited in claim.cites:
        result = library.results.get(cited)
        if result is None:
            yield Problem(
                place("cites"),
                f"“{cited}”, which is no result",
                "a result_id of reviews.csv",
                did_you_mean(cited, library.results),
            )
        elif not unknown and not claim.matches(result):
            yield Problem(place("cites"), f"“{cited}”, which is about something else", _about(claim, result))


def _about(claim: Claim, result: Result) -> str:
    """What a result would have to be about, where it differs."""
    wanted = []
    if result.condition != claim.population:
        wanted.append(f"condition {claim.population}, not {result.condition}")
    if result.intervention_class not in claim.intervention:
        wanted.append(f"training {' or '.join(claim.intervention)}, not {result.intervention_class}")
    if result.outcome_domain != claim.outcome:
        wanted.append(f"outcome {claim.outcome}, not {result.outcome_domain}")
    if (result.row_kind == "dose") != (claim.says == "more_with_dose") or claim.dose not in (None, result.dose_measure):
        kind = f"dose row of {claim.dose}" if claim.dose else "row that is not a dose row"
        wanted.append(f"a {kind}, not a {result.row_kind} row {result.dose_measure or ''}".strip())
    return "; ".join(wanted) or f"one of the measures {', '.join(claim.measures)}, not {result.measure}"


def _mark_problems(kind: str, target: str, library: Library, where: str) -> Iterator[Problem]:
    shelves: dict[str, Mapping[str, object]] = {
        "result": library.results,
        "review": library.reviews,
        "guideline": library.guidelines,
        "precaution": library.precautions,
        "instrument": library.instruments,
    }
    if kind not in shelves or not target:
        return
    row = shelves[kind].get(target)
    if row is None:
        yield Problem(
            where,
            f"{{{{ {kind} {target} }}}}, which does not exist",
            f"the id of a {kind}",
            did_you_mean(target, shelves[kind]),
        )
    elif isinstance(row, Result) and row.estimate is None:
        yield Problem(where, f"{{{{ result {target} }}}}, which has no number", f"{{{{ review {row.review_id} }}}}")
    elif isinstance(row, Result) and row.doubts:
        yield Problem(
            where,
            f"{{{{ result {target} }}}}, whose row is in doubt: {row.doubts[0]}",
            f"{{{{ review {row.review_id} }}}}",
        )
    elif isinstance(row, InstrumentValue) and not row.value:
        yield Problem(where, f"{{{{ instrument {target} }}}}, whose value was not read", "a row with a value")
