"""What every command shares: exit codes, options, the day, the library, and how a refusal is told."""

from __future__ import annotations

import datetime as dt
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from neurodash.errors import DataError, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from neurodash.library import Library

BROKEN, UNUSABLE = 1, 2  # exit codes: the content says no; the input cannot be used
SHOWN = 100  # problems printed. Ours: nobody reads more at a time

content_option = click.option(
    "--content", "folders", multiple=True, type=click.Path(path_type=Path), metavar="DIR",
    help="A folder of your own content beside ours; may be given several times.",
)  # fmt: skip
day_option = click.option(
    "--on",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="The day to judge by (default: today, UTC).",
)


def day_of(on: dt.datetime | None) -> dt.date:
    """The day given, or today (UTC)."""
    return (on or dt.datetime.now(dt.UTC)).date()


def load(folders: Sequence[Path]) -> Library:
    """Our content and the folders beside it. Raises DataError."""
    from neurodash import library

    return library.load([library.CONTENT, *folders], on=day_of(None))


def fail(error: DataError, code: int) -> NoReturn:
    """Print the problems, up to a hundred, and leave with the exit code."""
    from neurodash.library.reading import MOST_PROBLEMS

    found = len(error.problems)
    for problem in error.problems[:SHOWN]:
        click.echo(str(problem), err=True)
    if found > SHOWN:
        click.echo(f"… and {found - SHOWN:,} more.", err=True)
    least = "At least " if found == MOST_PROBLEMS else ""  # of one file no more are looked for
    click.echo(f"{least}{found:,} problem{'' if found == 1 else 's'}.", err=True)
    sys.exit(code)


def write(path: Path, data: bytes, option: str) -> None:
    """Write the whole file or nothing: first beside it, then in its place. Raises DataError naming the option."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("xb") as file:
            file.write(data)
        part.replace(path)
    except OSError as error:
        why = error.strerror or str(error)
        raise DataError([Problem(f"{option} {path}", f"cannot be written ({why})", "a place we may write")]) from None
    finally:
        part.unlink(missing_ok=True)


def tell_what_fails(library: Library) -> None:
    """Published findings that the evidence does not carry: sound files, but `evidence verify` exits 1."""
    from neurodash.evidence import failing

    for brief, verdict in failing(library, day_of(None)):
        where = f"{brief.folder}/findings.yaml:{verdict.finding.line}"
        click.echo(f"{where}: {verdict.finding.id} is {verdict.key}: {verdict.why}", err=True)
