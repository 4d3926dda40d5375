"""The command line: `neurodash serve`, `export`, `library check|new`, `evidence verify`."""

from __future__ import annotations

import datetime as dt
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

import neurodash
from neurodash.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from neurodash.evidence import Verdict
    from neurodash.library import Library

BROKEN, UNUSABLE = 1, 2  # exit codes: the content says no; the input cannot be used

_content = click.option(
    "--content", "folders", multiple=True, type=click.Path(path_type=Path), metavar="DIR",
    help="A folder of your own content beside ours; may be given several times.",
)  # fmt: skip
_on = click.option(
    "--on",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="The day to judge by (default: today, UTC).",
)


class _Quiet(click.Group):
    """Where a file or a pipe fails us, one line and exit 2: never a traceback that a script reads as a verdict."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise
        except OSError as error:
            where = error.filename or "output"
            click.echo(f"{where}: {error.strerror or error}; accepted: a place we may read and write", err=True)
            sys.exit(UNUSABLE)


@click.group(cls=_Quiet, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(neurodash.__version__, prog_name="neurodash")
def main() -> None:
    """NeuroDash: briefs for neuro-rehabilitation whose findings are checked by the program."""


def _today(on: dt.datetime | None) -> dt.date:
    return (on or dt.datetime.now(dt.UTC)).date()


def _library(folders: Sequence[Path]) -> Library:
    from neurodash import library

    return library.load([library.CONTENT, *folders], on=_today(None))


def _fail(error: DataError, code: int) -> NoReturn:
    for problem in error.problems:
        click.echo(str(problem), err=True)
    found = len(error.problems)
    click.echo(f"{found} problem{'' if found == 1 else 's'}.", err=True)
    sys.exit(code)


# The site


@main.command()
@_content
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64))
@click.option("--url", default="", metavar="URL", help="The site's public address, such as https://desk.example.org/.")
@click.option("--watch", is_flag=True, help="For editors: read the files again at every change and show the problems.")
def serve(folders: Sequence[Path], host: str, port: int, workers: int, url: str, watch: bool) -> None:
    """Serve the library on this machine.

    Refuses a library that `library check` refuses, with the same list.
    """
    from neurodash.web import server

    if not watch:
        try:
            _library(folders)
        except DataError as error:
            _fail(error, BROKEN)
    try:
        server.serve(folders=folders, host=host, port=port, workers=workers, url=url, watch=watch)
    except DataError as error:
        _fail(error, UNUSABLE)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@_content
@_on
@click.option(
    "--url",
    default="",
    metavar="URL",
    help="Where the folder will be served, such as https://example.org/ms/.",
)
def export(folder: Path, folders: Sequence[Path], on: dt.datetime | None, url: str) -> None:
    """Write the whole free library as a FOLDER that any static server serves.

    The verdicts are those of the day of the export: run it again each night.
    """
    from neurodash.web import export as exporting

    try:
        _tell_what_fails(_library(folders))
    except DataError as error:
        _fail(error, BROKEN)
    try:
        written = exporting.export(folder, folders=folders, on=_today(on), url=url)
    except DataError as error:
        _fail(error, UNUSABLE)
    click.echo(
        f"{written} files in {folder}. Serve it with any static server, for example:\n  python3 -m http.server -d {folder}"
    )


# The library


@main.group()
def library() -> None:
    """The content files: check them, begin a new brief."""


@library.command("check")
@_content
def library_check(folders: Sequence[Path]) -> None:
    """Print every problem in the library as file:line, and its open doubts.

    Exits 1 if anything is broken. A doubt (a row that contradicts itself) does not fail the check: the row is
    left out of every vote until somebody resolves it.
    """
    try:
        found = _library(folders)
    except DataError as error:
        _fail(error, BROKEN)
    counts = {
        "brief": len(found.briefs), "result": len(found.results), "trial row": len(found.trials),
        "guideline row": len(found.guidelines), "precaution": len(found.precautions),
        "instrument value": len(found.instruments),
    }  # fmt: skip
    if found.doubts:
        click.echo(f"{len(found.doubts)} open doubts (these rows do not vote until somebody resolves them):")
        for doubt in found.doubts:
            click.echo(f"  {doubt}")
    click.echo(
        "The library is sound: " + ", ".join(f"{n} {name}{'' if n == 1 else 's'}" for name, n in counts.items()) + "."
    )
    _tell_what_fails(found)
    click.echo(f"library {found.version}")


def _tell_what_fails(library: Library) -> None:
    """Published findings that the evidence does not carry: sound files, but `evidence verify` exits 1."""
    from neurodash.evidence import failing

    for brief, verdict in failing(library, _today(None)):
        where = f"{brief.folder}/findings.yaml:{verdict.finding.line}"
        click.echo(f"{where}: {verdict.finding.id} is {verdict.key}: {verdict.why}", err=True)


@library.group("new")
def library_new() -> None:
    """Begin something new."""


@library_new.command("brief")
@click.argument("slug")
@click.option("--condition", default="ms", show_default=True)
@click.option(
    "--in",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Your content folder (default: ours).",
)
def library_new_brief(slug: str, condition: str, folder: Path | None) -> None:
    """Lay out the folder of a new brief, SLUG, with blanks to fill.

    `library check` names every blank that is left and nothing else.
    """
    from neurodash.library import CONTENT, scaffold

    own = folder or CONTENT
    known = {path.parent.name for place in (CONTENT, own) for path in place.glob("*/condition.yaml")}
    try:
        made = scaffold.new_brief(own, condition, slug, on=_today(None), known=known)
    except DataError as error:
        _fail(error, UNUSABLE)
    click.echo(f"Made {made}. Fill the blanks, then: neurodash library check{f' --content {folder}' if folder else ''}")


# The evidence


@main.group()
def evidence() -> None:
    """The findings and what the published results say to them."""


@evidence.command()
@_content
@_on
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

    day = _today(on)
    try:
        known = _library(folders)
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
        _fail(error, UNUSABLE)
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
