"""What only the whole library can tell: ids that point nowhere, codes nobody knows, claims that cite something else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from neurodash.errors import Problem, did_you_mean
from neurodash.library.rows import InstrumentValue, Result, Trial
from neurodash.library.shapes import Finding, Library


def cross_checks(library: Library, condition_folders: set[str]) -> Iterator[Problem]:
    yield from _code_problems(library)
    years: dict[str, Result] = {}
    for result in library.results.values():
        first = years.setdefault(result.review_id, result)
        if first.year != result.year:
            yield Problem(
                f"{result.source_file}:{result.line}: year",
                str(result.year or "nothing"),
                f"{first.year or 'nothing'}, as in line {first.line} of the same review",
            )
    for brief in library.briefs.values():
        where = f"{brief.folder}/brief.md"
        if brief.condition not in condition_folders:
            yield Problem(where, f"a brief of the condition “{brief.condition}”", "a condition.yaml in its folder")
        for other in brief.related:
            if other not in library.briefs or other == brief.slug:
                others = [slug for slug in library.briefs if slug != brief.slug]
                yield Problem(
                    where,
                    f"a related brief “{other}”",
                    ", ".join(others) or "none, until there is another brief",
                    did_you_mean(other, others),
                )
        for finding in brief.findings:
            yield from _claim_problems(finding, library, f"{brief.folder}/findings.yaml")
        notes = {id(prose) for prose in brief.notes.values()}
        for prose in brief.prose:
            file = f"{brief.folder}/findings.yaml" if id(prose) in notes else where
            for mark in prose.marks:
                yield from _mark_problems(mark.kind, mark.id, library, f"{file}:{mark.line}")


def _code_problems(library: Library) -> Iterator[Problem]:
    """Codes of the tables and whether the vocabulary has them."""
    instruments = {row.instrument_id for row in library.instruments.values()}
    rows: list[Result | Trial] = [*library.results.values(), *library.trials.values()]
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
    place = f"{where}:{finding.line}: {finding.id}"
    claim = finding.claim
    known = library.vocabulary
    for code in claim.intervention:
        if code not in known.interventions:
            yield Problem(
                f"{place}: intervention",
                f"“{code}”",
                ", ".join(known.interventions),
                did_you_mean(code, known.interventions),
            )
    if claim.outcome not in known.outcomes:
        yield Problem(
            f"{place}: outcome",
            f"“{claim.outcome}”",
            ", ".join(known.outcomes),
            did_you_mean(claim.outcome, known.outcomes),
        )
    for cited in claim.cites:
        result = library.results.get(cited)
        if result is None:
            yield Problem(
                f"{place}: cites",
                f"“{cited}”, which is no result",
                "a result_id of reviews.csv",
                did_you_mean(cited, library.results),
            )
        elif not claim.matches(result):
            yield Problem(
                f"{place}: cites",
                f"“{cited}” ({result.condition}, {result.intervention_class}, {result.outcome_domain}, {result.row_kind}), which is about something else",
                "results of the claim's population, intervention, outcome and dose measure",
            )


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
