"""`neurodash serve` and `neurodash export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from neurodash.cli.common import BROKEN, UNUSABLE, content_option, day_of, day_option, fail, load, tell_what_fails
from neurodash.errors import DataError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence


@click.command()
@content_option
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64))
@click.option("--url", default="", metavar="URL", help="The site's public address, such as https://desk.example.org/.")
@click.option("--watch", is_flag=True, help="For editors: read the files again at every change and show the problems.")
@click.option("--demo", is_flag=True, help="A made-up clinic to look at, on this machine alone, with links to sign in.")
def serve(
    folders: Sequence[Path], host: str, port: int, workers: int, url: str, watch: bool, demo: bool
) -> None:  # fmt: skip
    """Serve the site on this machine.

    Refuses a library that `library check` refuses, with the same list.
    """
    from neurodash.web import server

    try:
        if demo:
            server.demonstrate(host)
        server.configure(folders, host, port, url, watch)
    except DataError as error:
        fail(error, UNUSABLE)
    if not watch:
        try:
            server.preload()
        except DataError as error:
            fail(error, BROKEN)
    try:
        if applied := server.open_record():
            click.echo(f"The record was brought to this program's shape: {len(applied)} steps.")
        if demo:
            click.echo("A made-up clinic. Sign in by one of these links; each works once:")
            for name, link in server.demo_links(host, port):
                click.echo(f"  {name:<20} {link}")
        server.serve(host, port, 1 if watch else workers)
    except DataError as error:
        fail(error, UNUSABLE)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@content_option
@day_option
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
        tell_what_fails(load(folders))
    except DataError as error:
        fail(error, BROKEN)
    try:
        written = exporting.export(folder, folders=folders, on=day_of(on), url=url)
    except DataError as error:
        fail(error, UNUSABLE)
    click.echo(
        f"{written} files in {folder}. Serve it with any static server, for example:\n  python3 -m http.server -d {folder}"
    )
