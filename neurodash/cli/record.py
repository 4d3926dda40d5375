"""`neurodash migrate`, `backup`, `restore`, `doctor`, `keys` and `migrate-to`: the record of a site, looked after."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

import click

from neurodash.cli.common import BROKEN, UNUSABLE, content_option, fail
from neurodash.errors import DataError
from neurodash.wording import count


def with_record(command: Callable[..., None]) -> Callable[..., None]:
    """A command on the record of this installation: Django is set up first, and what is refused is told. Ended by SIGTERM it
    tidies up, as by Ctrl-C."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "neurodash.web.settings")
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        import django
        from django.db import DatabaseError

        try:
            django.setup()
            try:
                command(*args, **kwargs)
            except (DatabaseError, sqlite3.Error) as error:
                from neurodash.web import record

                raise DataError([record.unreachable(error)]) from None
        except DataError as error:
            fail(error, UNUSABLE)

    return run


@click.command()
@with_record
def migrate() -> None:
    """Bring the record to this program's shape; makes it where there is none. `serve` does so by itself."""
    from neurodash.web import record

    applied = record.migrate()
    steps = count(len(applied), "step")
    click.echo(f"{steps}: the record has this program's shape now." if applied else "Nothing to do.")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--with-keys", is_flag=True, help="Put the keys and the secret inside too: who has FILE reads all of it.")
@with_record
def backup(file: Path, with_keys: bool) -> None:
    """Write the record to FILE while the site runs."""
    from neurodash.web import backup as backups

    made = backups.write(file, with_keys=with_keys)
    size = file.stat().st_size
    rows = f"{count(sum(made.rows.values()), 'row')} of {count(len(made.rows), 'table')}"
    click.echo(f"{file}: {rows}, {size / 2**20:.1f} MB, checked.")
    if with_keys:
        click.echo("The keys are inside: whoever has this file can read everything. Guard it like the record.")
    else:
        click.echo(
            "The keys and secret_key are NOT inside, and without the keys nobody can read what is sealed: keep a copy of "
            "them apart from this file."
        )


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@with_record
def restore(file: Path) -> None:
    """Put the record in FILE in the place of this one, which is kept beside it. Stop the server first."""
    from neurodash.web import backup as backups

    done = backups.restore(file)
    rows = count(sum(done.manifest.rows.values()), "row")
    click.echo(f"Restored: the record of {done.manifest.made_at}, {rows}.")
    if done.kept:
        click.echo(f"What was there before is kept as {done.kept}. Delete it when you no longer need it.")
    click.echo("Start the server, or run `neurodash doctor`.")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--mail", "address", metavar="ADDRESS", help="Send one mail there too.")
@content_option
def doctor(as_json: bool, address: str | None, folders: Sequence[Path]) -> None:
    """Tell what is not ready on this installation, each with its mend. Exit code 1 if anything is wrong."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "neurodash.web.settings")
    if folders:
        os.environ["NEURODASH_CONTENT"] = json.dumps([str(folder.resolve()) for folder in folders])
    from neurodash.web import doctor as doctors

    found = list(doctors.examine())
    if address and not any(each.about == "settings" for each in found):
        found.append(doctors.send_mail(address))
    wrong = sum(each.state == "wrong" for each in found)
    if as_json:
        click.echo(json.dumps({"well": not wrong, "findings": [vars(each) for each in found]}, ensure_ascii=False))
    else:
        for each in found:
            click.echo(f"{each.state:<6}{each.about}: {each.found}")
            if each.mend:
                click.echo(f"{'':6}→ {each.mend}")
        click.echo("All is well." if not wrong else f"{count(wrong, 'thing is', 'things are')} wrong.")
    sys.exit(BROKEN if wrong else 0)


@click.group()
def keys() -> None:
    """The keys that what is about a person is sealed with."""


@keys.command()
def new() -> None:
    """Print a new key, for NEURODASH_KEYS."""
    from neurodash.web import sealed

    click.echo(sealed.new_key())


@keys.command()
@click.option("--drop-old", is_flag=True, help="Take the old keys out afterwards. Backups made before still need them.")
@with_record
def rotate(drop_old: bool) -> None:
    """Seal everything with a new key. Stop the server first; interrupted, it goes on when run again."""
    from neurodash.web import rotation

    def tell(column: str, done: int) -> None:
        click.echo(f"{column}: {done:,} sealed anew", err=True)

    done, dropped = rotation.rotate(drop_old=drop_old, progress=tell)
    if drop_old and not dropped:
        click.echo("There is one key and everything opens with it: no old one to drop, and nothing was changed.")
        return
    click.echo(f"{count(done, 'value was', 'values were')} sealed anew; everything opens with the first key.")
    if dropped:
        click.echo(f"{count(dropped, 'old key')} taken out. Backups made before today need what you kept apart.")
    else:
        click.echo("The old keys are still at hand. Make a backup, then: neurodash keys rotate --drop-old")


@click.command("migrate-to")
@click.argument("url")
@with_record
def migrate_to(url: str) -> None:
    """Move a SQLite record to the empty PostgreSQL at URL, completely or not at all. Stop the server first."""
    from neurodash.web import moving

    def tell(table: str, rows: int) -> None:
        click.echo(f"{table}: {count(rows, 'row')}, the same on both sides", err=True)

    moved = moving.move(url, progress=tell)
    click.echo(
        f"Moved: {count(sum(moved.values()), 'row')} of {count(len(moved), 'table')}. Set DATABASE_URL to it and start the server."
    )
    click.echo("The SQLite file was not changed. The keys stay where they are.")


COMMANDS = (migrate, backup, restore, doctor, keys, migrate_to)
