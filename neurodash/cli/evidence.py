"""`neurodash evidence verify`."""

from __future__ import annotations

import datetime as dt
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neurodash.cli.common import BROKEN, UNUSABLE, content_option, day_of, day_option, fail, load
from neurodash.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from neurodash.evidence import Verdict


@click.group()
def evidence() -> None:
    """The findings and what the published results say to them."""


@evidence.command()
@content_option
@day_option
@click.option(
    "--claims",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Judge these findings (YAML) instead of the library's.",
)
@click.option(
    "--reviews",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Judge by these results (CSV) instead of the library's.",
)
@click.option(
    "--retractions",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Retraction notices (CSV) instead of the library's.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(
    folders: Sequence[Path],
    on: dt.datetime | None,
    claims: Path | None,
    reviews: Path | None,
    retractions: Path | None,
    as_json: bool,
) -> None:
    """Check every finding against the published results.

    Exits 1 if a published finding is unsupported or withdrawn, 2 if the input cannot be used.
    """
    from neurodash import evidence as judging
    from neurodash import library as shelf
    from neurodash.evidence.verdict import FAILS

    day = day_of(on)
    try:
        known = load(folders)
        results = shelf.read_results(reviews) if reviews else known.results
        notices = shelf.read_retractions(retractions) if retractions else known.retractions
        findings = (
            {claims.stem: shelf.read_claims(claims)}
            if claims
            else {slug: brief.findings for slug, brief in sorted(known.briefs.items()) if not brief.draft}
        )
        if claims or reviews:
            _refuse_unknown_citations(findings, results, str(claims) if claims else "")
    except DataError as error:
        fail(error, UNUSABLE)
    judged = {
        slug: tuple(judging.judge(finding, results.values(), day, notices) for finding in list_)
        for slug, list_ in findings.items()
    }
    if as_json:
        report = {
            "library": known.version,
            "checked_on": day.isoformat(),
            "briefs": [
                {"slug": slug, "findings": [_as_json(v) for v in verdicts]} for slug, verdicts in judged.items()
            ],
        }
        click.echo(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        _print_table(judged, known.version, day)
    failed = any(v.key in FAILS for verdicts in judged.values() for v in verdicts)
    sys.exit(BROKEN if failed else 0)


def _refuse_unknown_citations(findings: Any, results: Any, where: str) -> None:
    from neurodash.errors import Problem, did_you_mean

    unknown = [
        Problem(
            f"{where or f'{slug}/findings.yaml'}:{f.line_of('cites')}: {f.id}: cites",
            f"“{cited}”, which is no result",
            "a result_id of the table of results",
            did_you_mean(cited, results),
        )
        for slug, list_ in findings.items()
        for f in list_
        for cited in f.claim.cites
        if cited not in results
    ]
    if unknown:
        raise DataError(unknown)


def _as_json(verdict: Verdict) -> dict[str, Any]:
    return {
        "id": verdict.finding.id,
        "statement": verdict.finding.statement,
        "verdict": verdict.key,
        "agree": verdict.agree,
        "disagree": verdict.disagree,
        "silent": verdict.silent,
        "disagreeing_results": verdict.disagreeing_results,
        "newest_search": verdict.newest_search,
        "evidence_to": verdict.evidence_to,
        "lapses": verdict.lapses.isoformat() if verdict.lapses else None,
        "lapsed": verdict.lapsed,
        "window": list(verdict.window),
        "votes": [
            {"review": v.review_id, "vote": v.voice, "by": v.by.result.result_id, "weight": v.weight}
            for v in verdict.votes
        ],
        "results": [
            {
                "result": row.result.result_id,
                "review": row.result.review_id,
                "vote": row.voice,
                "reason": row.reason,
                "cited": row.cited,
                "year": row.result.year,
                "metric": row.result.effect_metric,
                "estimate": _float(row.result.estimate),
                "ci_low": _float(row.result.ci_low),
                "ci_high": _float(row.result.ci_high),
                "k_studies": row.result.k_studies,
                "search_end": row.result.search_end,
                "certainty": row.result.certainty or None,
            }
            for row in verdict.rows
        ],
        "why": verdict.why,
        "caution": "Reviews share trials, so their votes are not independent.",
    }


def _float(value: Any) -> float | None:
    return None if value is None else float(value)


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)


def _print_table(judged: dict[str, tuple[Verdict, ...]], version: str, day: dt.date) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from neurodash import wording

    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    for slug, verdicts in judged.items():
        table = Table(title=Text(_printable(slug)), title_justify="left", title_style="bold", expand=True)
        table.add_column("Finding", ratio=3)
        table.add_column("Verdict", no_wrap=True)
        for name in ("Agree", "Disagree", "Silent"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("Why", ratio=3)
        for v in verdicts:
            word = wording.VERDICTS[v.key]
            lapsed = " (lapsed)" if v.lapsed else ""
            cells = (f"{v.finding.id}: {v.finding.statement}", f"{word.mark} {word.word}{lapsed}")
            numbers = (str(v.agree), str(v.disagree), str(v.silent))
            table.add_row(*(Text(_printable(cell)) for cell in (*cells, *numbers, v.why)))
        console.print(table)
    console.print(
        f"Library {version}, judged on {wording.date(day)}. Reviews share trials, so their votes are not independent."
    )
