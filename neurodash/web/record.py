"""The record as a whole: is its database there, of this program's shape, whose is it now, and what is sealed in it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from neurodash.errors import DataError, Problem
from neurodash.web import config, sealed
from neurodash.wording import count

STAMP = "last_backup"  # in the data folder: when a backup was last made, and where
LOCK = ".in-use"  # in the data folder: shared by servers, taken alone by what may not meet one
_held: list[BinaryIO] = []  # open until this process and every worker forked from it have ended


@dataclass(frozen=True)
class SealedColumn:
    """A column of sealed values; `where` is what they are bound to."""

    table: str
    key: str  # the name of the primary key
    column: str
    where: str

    @property
    def names_query(self) -> str:
        """SQL for the names of the keys that its values were sealed with."""
        at, size = len(sealed.FORMAT) + 1, sealed.NAME_BYTES
        return f'SELECT DISTINCT substr("{self.column}", {at}, {size}) FROM "{self.table}"'  # noqa: S608  our own names


def file() -> Path | None:
    """The SQLite file of the record, or None where it is kept elsewhere."""
    return Path(settings.DATABASES["default"]["NAME"]) if connection.vendor == "sqlite" else None


def answers() -> bool:
    """Whether the record is there and can be read. Raises DatabaseError where it cannot be asked."""
    path = file()
    if path is not None and not path.exists():  # an open connection would go on reading what was taken away
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM django_migrations LIMIT 1")
        return cursor.fetchone() is not None


def waiting() -> list[str]:
    """Migrations that were not applied yet. Raises DataError for a database that cannot be reached or is newer than we are."""
    try:
        executor = MigrationExecutor(connection)
        applied = [f"{app}.{name}" for app, name in executor.loader.applied_migrations]
    except DatabaseError as error:
        raise DataError([unreachable(error)]) from None
    refuse_newer(applied, "the record", executor.loader)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{each.app_label}.{each.name}" for each, _ in plan]


def refuse_newer(applied: list[str], where: str, ours: MigrationLoader | None = None) -> None:
    """Raise DataError if `applied`, as app.name, holds a migration that this program does not know."""
    known = {f"{app}.{name}" for app, name in (ours or MigrationLoader(None)).disk_migrations}
    rooms = {name.split(".")[0] for name in known}
    if newer := sorted(name for name in set(applied) - known if name.split(".")[0] in rooms):
        mend = "Run the program that wrote it, or restore a backup of this one's."
        raise DataError([Problem(where, f"of a newer program ({newer[-1]})", "a record of this program", mend)])


def migrate() -> list[str]:
    """Bring the database to this program's shape; what was applied. Raises DataError where that cannot be done, and where a
    record that had backups is gone: an empty one in its place would look like it."""
    if has_vanished():
        raise DataError([absent()])
    if (path := file()) and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        config.give_to_owner(path, path.parent)
    applied = waiting()
    try:
        if applied:
            call_command("migrate", verbosity=0, interactive=False)
            call_command("createcachetable", verbosity=0)
    except DatabaseError as error:
        raise DataError([unreachable(error)]) from None
    return applied


def is_there() -> bool:
    """Whether there is anything where the record is kept; asking makes nothing. Raises DataError."""
    if path := file():
        return path.exists() and path.stat().st_size > 0
    try:
        with connection.cursor() as cursor:
            return bool(connection.introspection.table_names(cursor))
    except DatabaseError as error:
        raise DataError([unreachable(error)]) from None


def has_vanished() -> bool:
    """Whether backups were made of a record that is no longer there. Raises DataError."""
    return (settings.CONFIG.data / STAMP).exists() and not is_there()


def absent() -> Problem:
    """That there is no record, and where it was looked for."""
    where, stamp = str(file() or "DATABASE_URL"), settings.CONFIG.data / STAMP
    if stamp.exists():
        mend = f"`neurodash restore` the newest backup. To begin anew, move {stamp} away first."
        return Problem(where, "no record, although backups of it were made", "the record", mend)
    return Problem(where, "no record", "the record of an installation", "Set NEURODASH_DATA to the folder it is in.")


def refuse_unready() -> None:
    """Raise DataError unless the record is there, sound, and of this program's shape."""
    if not is_there():
        raise DataError([absent()])
    behind = waiting()
    if told := damage():
        raise DataError([damaged(told)])
    if behind:
        mend = "Run `neurodash migrate` first."
        raise DataError([Problem("the record", "not of this program's shape yet", "one that is", mend)])


def damage() -> str:
    """What SQLite's quick check finds wrong with its file; nothing where it is sound. PostgreSQL looks after its own."""
    if connection.vendor != "sqlite":
        return ""
    try:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA quick_check(1)")
            told = str(cursor.fetchone()[0])
    except DatabaseError as error:
        return _said(error)
    return "" if told == "ok" else " ".join(told.split())


def damaged(told: str) -> Problem:
    mend = "Stop the server and `neurodash restore` the newest backup; what is there now is kept beside it."
    return Problem(str(file()), f"damaged ({told})", "a sound record", mend)


def refuse_missing_keys() -> None:
    """Raise DataError where something is sealed with a key that is not at hand, or the keys cannot be read."""
    data, words = settings.CONFIG.data, settings.CONFIG.keys
    try:
        used = keys_in_use()
    except DatabaseError as error:
        raise DataError([unreachable(error)]) from None
    if (used or words.strip() or sealed.key_file(data).exists()) and (
        missing := used - set(sealed.load(data, words).names)
    ):
        raise DataError([missing_keys(missing)])


def missing_keys(missing: set[bytes]) -> Problem:
    """That values are sealed with keys that are not at hand, by their names, and where to add them."""
    path = sealed.key_file(settings.CONFIG.data)
    where = "NEURODASH_KEYS" if settings.CONFIG.keys.strip() else str(path)
    names = ", ".join(sorted(name.hex() for name in missing))
    mend = f"Add {'it' if len(missing) == 1 else 'them'} behind what is there, from where you keep the keys apart."
    return Problem(
        where,
        f"without {count(len(missing), 'key')} that the record is sealed with ({names})",
        "every key in use",
        mend,
    )


def schema() -> list[str]:
    """What was applied to the database, as app.name, in order."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations ORDER BY id")
        return [f"{app}.{name}" for app, name in cursor.fetchall()]


def counts() -> dict[str, int]:
    """Rows of each table."""
    with connection.cursor() as cursor:
        found = {}
        for table in sorted(connection.introspection.table_names(cursor)):
            cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(table)}")  # noqa: S608  a table's own name
            found[table] = cursor.fetchone()[0]
        return found


def sealed_columns() -> list[SealedColumn]:
    """Every sealed column of the record."""
    return [
        SealedColumn(model._meta.db_table, model._meta.pk.column, field.column, field.where)
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, sealed.Sealed)
    ]


def keys_in_use() -> set[bytes]:
    """The names of the keys that some value of the record was sealed with."""
    found: set[bytes] = set()
    with connection.cursor() as cursor:
        for column in sealed_columns():
            cursor.execute(column.names_query)
            found |= {bytes(row[0]) for row in cursor.fetchall() if row[0] is not None}
    return found


def close() -> None:
    """Before workers are forked: a connection is never shared."""
    connections.close_all()


def hold() -> None:
    """Say that this process, and what is forked from it, uses the record until it ends. Raises DataError where it may not now."""
    _held.append(_lock(fcntl.LOCK_SH, "being restored, moved or sealed anew", "Try again when that is done."))


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """While nobody else has the record: no server of this data folder, and no other session of its PostgreSQL. Raises DataError."""
    with _lock(fcntl.LOCK_EX, "in use by a running server", "Stop the server first."):
        if connection.vendor == "postgresql":
            _refuse_other_sessions()
        yield


def _lock(kind: int, found: str, mend: str) -> BinaryIO:
    folder = settings.CONFIG.data
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    is_new = not (folder / LOCK).exists()
    opened = os.fdopen(os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
    if is_new:
        config.give_to_owner(opened.fileno(), folder)
    try:
        fcntl.flock(opened, kind | fcntl.LOCK_NB)
    except OSError:
        opened.close()
        raise DataError([Problem("the record", found, "a record that nobody else holds", mend)]) from None
    return opened


def _refuse_other_sessions() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            others = cursor.fetchone()[0]
    except DatabaseError as error:
        raise DataError([unreachable(error)]) from None
    if others:
        found = f"in use by {count(others, 'other session')} of the database"
        raise DataError([Problem("the record", found, "a record that nobody else holds", "Stop them first.")])


def unreachable(error: Exception) -> Problem:
    """What a database said, as a problem."""
    told = _said(error)
    if connection.vendor != "sqlite":
        mend = "Does it run, and is DATABASE_URL right?"
        return Problem("the record", f"a database that does not answer ({told})", "a database", mend)
    where, code = str(file()), getattr(error.__cause__ or error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return Problem(where, "its disk is full", "a disk with room", "Make room and try again.")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Problem(where, "held by another program", "a record that nobody else holds", "Stop it first.")
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        mend = "Run the command as the user the data folder belongs to."
        return Problem(where, f"cannot be opened ({told})", "a file we may read and write", mend)
    return damaged(told)


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
