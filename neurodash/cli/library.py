"""`neurodash library check|new`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from neurodash.cli.common import BROKEN, UNUSABLE, content_option, day_of, fail, load, tell_what_fails
from neurodash.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from neurodash.library import Library


@click.group()
def library() -> None:
    """The content files: check them, begin a new brief."""


@library.command("check")
@content_option
def library_check(folders: Sequence[Path]) -> None:
    """Print every problem in the library as file:line, and its open doubts.

    Exits 1 if anything is broken. A doubt (a row that contradicts itself) does not fail the check: the row is
    left out of every vote until somebody resolves it.
    """
    try:
        found = load(folders)
    except DataError as error:
        fail(error, BROKEN)
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
    _tell_what_retractions_touch(found)
    tell_what_fails(found)
    click.echo(f"library {found.version}")


def _tell_what_retractions_touch(found: Library) -> None:
    from neurodash import wording
    from neurodash.evidence.retractions import touched

    for each in touched(found, day_of(None)):
        rests = [f"{slug}: {finding} ({how})" for slug, finding, how in each.findings] or ["no finding"]
        rests += [f"{slug}: its text names it" for slug in each.mentions]
        rests += [f"{slug}: its protocol rests on it" for slug in each.protocols]
        word = wording.NOTICES[each.notice.kind]
        click.echo(f"{word} on {wording.date(each.notice.date)}, {each.notice.doi}, touches {'; '.join(rests)}.")


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
        made = scaffold.new_brief(own, condition, slug, on=day_of(None), known=known)
    except DataError as error:
        fail(error, UNUSABLE)
    click.echo(f"Made {made}. Fill the blanks, then: neurodash library check{f' --content {folder}' if folder else ''}")
