"""`neurodash plan make|check|explain|example|schema`."""

from __future__ import annotations

import datetime as dt
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from neurodash.cli.common import BROKEN, UNUSABLE, content_option, day_of, fail, load, write
from neurodash.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from neurodash.documents.handout import Paper

MAX_PLAN = 2**23  # bytes. Ours: a full plan of twelve weeks has half a megabyte
LAST_START = dt.date.max - dt.timedelta(
    weeks=53
)  # a Monday after it, and 52 weeks from there, are still in the calendar


@click.group()
def plan() -> None:
    """From a profile to twelve weeks of training, with a reason for every choice."""


@plan.command()
@click.argument("profile", type=click.Path(path_type=Path), metavar="PROFILE.yaml")
@click.option("--start", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE",
              help="The first week begins on the Monday on or after it (default: today, UTC).")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON, to keep, check or explain.")
@click.option("--pdf", "sheet", type=click.Path(path_type=Path), metavar="FILE",
              help="Write the sheet for the person as a PDF: pictures, green, amber and red amounts, a log.")  # fmt: skip
@click.option("--report", type=click.Path(path_type=Path), metavar="FILE",
              help="Write the whole plan with its reasons as a PDF for the clinician.")  # fmt: skip
@click.option("--week", type=click.IntRange(1), default=1, show_default=True,
              help="The week the sheet begins with; weeks after it with the same sessions share it.")  # fmt: skip
@click.option("--large-print", is_flag=True, help="In 18 point: the sheet instead of 14, the report instead of 11.")
@click.option("--paper", type=click.Choice(["a4", "us-letter"]), default="a4", show_default=True, help="Of both.")
@click.option("--clinician", default="", metavar="NAME", help="Who signs the sheet; a line to write on without it.")
@click.option("--phone", default="", metavar="NUMBER", help="Where the person calls; a line to write on without it.")
@content_option
def make(
    profile: Path, start: dt.datetime | None, as_json: bool, sheet: Path | None, report: Path | None, week: int,
    large_print: bool, paper: Paper, clinician: str, phone: str, folders: Sequence[Path],
) -> None:  # fmt: skip
    """Make a plan from a profile and print it.

    `neurodash plan example` prints a profile to start from. Exits 2 if the profile cannot be used, and prints every
    problem in it. A plan that stops or refers is a plan too: it says what to do now, and has no session, so that no sheet
    can be written of it (exits 1).
    """
    from neurodash.cli import plan_page
    from neurodash.planning.build import make as build
    from neurodash.planning.profile import MAX_BYTES, read_profile

    if start and start.date() > LAST_START:
        raise click.BadParameter(f"the last day on which a plan may start is {LAST_START}", param_hint="--start")
    try:
        library = load(folders)
        made = build(
            read_profile(_text(profile, MAX_BYTES), str(profile), library, day_of(None)), library, day_of(start)
        )
    except DataError as error:
        fail(error, UNUSABLE)
    click.echo(made.to_json() if as_json else plan_page.page(made), nl=not as_json)
    if report is not None:
        from neurodash.documents.plan import pdf as report_pdf

        try:
            write(report, report_pdf(made, library, on=day_of(None), paper=paper, large=large_print), "--report")
        except DataError as error:
            fail(error, BROKEN)
    if sheet is None:
        return
    from neurodash.documents.handout import pdf
    from neurodash.planning.handout import Signed, handout

    try:
        told = handout(made, library, week, Signed(clinician, phone))
        write(sheet, pdf(told, library, paper, large_print), "--pdf")
    except DataError as error:
        fail(error, BROKEN)
    for warning in told.warnings:
        click.echo(f"! {warning}", err=True)


@plan.command()
@click.argument("file", type=click.Path(path_type=Path), metavar="PLAN.json")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@content_option
def check(file: Path, as_json: bool, folders: Sequence[Path]) -> None:
    """Hold a plan, made here or written by hand, against the common mistakes.

    Exits 1 if a check fails, 2 if the file is no plan.
    """
    import dataclasses
    from itertools import islice

    from neurodash.cli import plan_page
    from neurodash.library.reading import MOST_PROBLEMS, LocatedJson, in_order
    from neurodash.planning.audit import audited, strangers
    from neurodash.planning.plan import read_plan

    try:
        text = _text(file, MAX_PLAN)
        found = read_plan(text, str(file))
        library = load(folders)
        if problems := list(islice(strangers(found, library, str(file), LocatedJson(text)), MOST_PROBLEMS)):
            raise DataError(in_order(problems, str(file)))
    except DataError as error:
        fail(error, UNUSABLE)
    held = audited(found, library)
    if as_json:
        told = {
            name: [dataclasses.asdict(each) for each in getattr(held, name)] for name in ("checks", "coverage", "cert")
        }
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        click.echo(plan_page.checked(held))
    if any(each.result == "fails" for each in held.checks):
        sys.exit(BROKEN)


@plan.command()
@click.argument("file", type=click.Path(path_type=Path), metavar="PLAN.json")
def explain(file: Path) -> None:
    """Say why each thing in a plan is as it is, and why others are not in it."""
    from neurodash.cli import plan_page
    from neurodash.planning.plan import read_plan

    try:
        found = read_plan(_text(file, MAX_PLAN), str(file))
    except DataError as error:
        fail(error, UNUSABLE)
    click.echo(plan_page.explained(found))


@plan.command()
def example() -> None:
    """Print a full profile with remarks, to start from."""
    from neurodash.library import CONTENT

    click.echo((CONTENT / "planning" / "example.yaml").read_text(encoding="utf-8"), nl=False)


@plan.command()
@click.argument("what", type=click.Choice(["profile", "plan"]))
def schema(what: str) -> None:
    """Print the JSON Schema of a profile or of a plan."""
    from neurodash.planning.plan import SHAPE
    from neurodash.planning.profile import ProfileKeys

    made = ProfileKeys.model_json_schema() if what == "profile" else SHAPE.json_schema()
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"NeuroDash {what}"}
    click.echo(json.dumps({**head, **{k: v for k, v in made.items() if k not in head}}, indent=2, ensure_ascii=False))


def _text(path: Path, most: int) -> str:
    from neurodash.library.reading import decode, read_bytes

    return decode(read_bytes(path, str(path), most), str(path))
