"""A SQLite record moved to an empty PostgreSQL: every row of every table, completely or not at all."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from ipaddress import ip_interface
from typing import Any
from uuid import UUID

import dj_database_url
import psycopg
from django.core.management import call_command
from django.db import DatabaseError, connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from neurodash.errors import DataError, Problem
from neurodash.web import config, record

TARGET = "target"
BATCH = 2000  # rows read, sent and compared at a time
OURS = "django_migrations"  # written by making the tables
SUM = 2**256  # the hash of a table is the sum of its rows' hashes: it needs no order, which two databases rarely share

Progress = Callable[[str, int], None]  # a table, and its rows


def _moment(value: Any) -> dt.datetime:
    found = value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(value)
    return found.replace(tzinfo=dt.UTC) if found.tzinfo is None else found.astimezone(dt.UTC)


def _json(value: Any) -> str:
    return json.dumps(json.loads(value) if isinstance(value, str) else value, sort_keys=True, ensure_ascii=False)


# How a value that SQLite keeps becomes one of PostgreSQL, by the target's type. What is not here is refused, not guessed.
KINDS: dict[str, Callable[[Any], Any]] = {
    "bool": bool, "bytea": bytes, "date": lambda each: each if isinstance(each, dt.date) else dt.date.fromisoformat(each),
    "timestamptz": _moment, "jsonb": _json, "int2": int, "int4": int, "int8": int, "float8": float, "numeric": lambda each: Decimal(str(each)),
    "varchar": str, "text": str, "inet": lambda each: str(ip_interface(str(each)).ip), "uuid": lambda each: UUID(str(each)),
}  # fmt: skip


def move(url: str, *, progress: Progress = lambda table, rows: None) -> dict[str, int]:
    """The record into the database at `url`; rows of each table. One transaction: after any error the target is as empty as
    before. Rows and hashes of every table are compared before it ends.

    Raises DataError where the record is no SQLite file or not of this program's shape, somebody uses it, the target cannot
    be reached or holds anything, or a value cannot be kept there.
    """
    if connection.vendor != "sqlite":
        raise DataError([Problem("the record", "not in SQLite", "a SQLite record", "Unset DATABASE_URL.")])
    record.refuse_unready()
    target = _target(url)
    with record.alone(), closing(target):
        try:
            with transaction.atomic(), transaction.atomic(using=TARGET):
                _refuse_unless_empty(target)
                call_command("migrate", database=TARGET, verbosity=0, interactive=False)
                call_command("createcachetable", database=TARGET, verbosity=0)
                return _copy(target, progress)
        except (DatabaseError, psycopg.Error, ValueError) as error:  # COPY speaks past Django's own errors
            told = " ".join(str(error).split())[:300]
            raise DataError(
                [Problem("the target", f"refused ({told})", "an empty PostgreSQL", "Nothing was moved.")]
            ) from None


def _target(url: str) -> BaseDatabaseWrapper:
    database = dj_database_url.parse(url) if config.is_database(url) else {"ENGINE": ""}
    if "postgresql" not in database["ENGINE"]:
        accepted = "postgresql://user:password@host:5432/name"
        raise DataError([Problem("URL", "something else", accepted, config.IN_PASSWORDS)])
    database.setdefault("OPTIONS", {}).setdefault("connect_timeout", 10)
    connections.settings[TARGET] = connections.configure_settings({"default": {}, TARGET: database})[TARGET]
    return connections[TARGET]


def _refuse_unless_empty(target: BaseDatabaseWrapper) -> None:
    with target.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_class WHERE relnamespace = current_schema()::regnamespace")
        found = cursor.fetchone()[0]
    if found:
        mend = "Make a new database for it."
        raise DataError([Problem("the target", f"a database that holds {found} things", "an empty one", mend)])


def _copy(target: BaseDatabaseWrapper, progress: Progress) -> dict[str, int]:
    with connection.cursor() as ours:
        tables = sorted(set(connection.introspection.table_names(ours)) - {OURS})
    with target.cursor() as cursor:
        there = set(target.introspection.table_names(cursor)) - {OURS}
        if there != set(tables):
            odd = ", ".join(sorted(there ^ set(tables)))
            raise DataError(
                [Problem("the record", f"other tables than this program's ({odd})", "this program's alone")]
            )
        for table in tables:  # what making the tables put there
            cursor.execute(f'DELETE FROM "{table}"')  # noqa: S608  our own names
    moved = {}
    for table, (kinds, numbered) in {table: _columns(target, table) for table in tables}.items():
        moved[table] = _copy_table(target, table, kinds, numbered)
        progress(table, moved[table])
    return moved


def _copy_table(target: BaseDatabaseWrapper, table: str, kinds: dict[str, str], numbered: str) -> int:
    """Send the rows, read them back, and compare. Sequences go on after the highest number ever given."""
    names = ", ".join(f'"{name}"' for name in kinds)
    sent = hashed = 0
    with target.cursor() as cursor:
        with cursor.copy(f'COPY "{table}" ({names}) FROM STDIN') as copy:
            for row in _rows_here(table, kinds):
                copy.write_row(row)
                sent, hashed = sent + 1, (hashed + _hash(row)) % SUM
        arrived, found = 0, 0
        for row in _rows_there(target, table, kinds):
            arrived, found = arrived + 1, (found + _hash(row)) % SUM
        if (sent, hashed) != (arrived, found):
            told = f"{arrived:,} rows instead of {sent:,}" if arrived != sent else "other values"
            raise DataError([Problem(f"the target, {table}", told, "what was sent", "Nothing was moved.")])
        if numbered:
            cursor.execute("SELECT setval(pg_get_serial_sequence(%s, %s), %s)", [f'"{table}"', numbered, _highest(table, numbered)])  # fmt: skip
    return sent


def _columns(target: BaseDatabaseWrapper, table: str) -> tuple[dict[str, str], str]:
    """Each column's type, and the one that numbers itself. Raises DataError for a type we have no rule for."""
    with target.cursor() as cursor:
        cursor.execute(
            "SELECT column_name, udt_name, is_identity FROM information_schema.columns "
            "WHERE table_schema = current_schema() AND table_name = %s ORDER BY ordinal_position",
            [table],
        )
        rows = cursor.fetchall()
    for name, kind, _ in rows:
        if kind not in KINDS:
            raise DataError([Problem(f"{table}.{name}", f"of type {kind}", ", ".join(KINDS))])
    return {name: kind for name, kind, _ in rows}, next((name for name, _, own in rows if own == "YES"), "")


def _rows_here(table: str, kinds: dict[str, str]) -> Iterator[tuple[Any, ...]]:
    names = ", ".join(f'"{name}"' for name in kinds)
    # Past Django's cursor, so that nothing is converted on the way.
    with closing(connection.connection.execute(f'SELECT {names} FROM "{table}"')) as cursor:  # noqa: S608  our own names
        while batch := cursor.fetchmany(BATCH):
            for row in batch:
                yield _alike(row, kinds)


def _rows_there(target: BaseDatabaseWrapper, table: str, kinds: dict[str, str]) -> Iterator[tuple[Any, ...]]:
    names = ", ".join(f'"{name}"' for name in kinds)
    with target.chunked_cursor() as cursor:
        cursor.execute(f'SELECT {names} FROM "{table}"')  # noqa: S608  our own names
        while batch := cursor.fetchmany(BATCH):
            for row in batch:
                yield _alike(row, kinds)


def _alike(row: tuple[Any, ...], kinds: dict[str, str]) -> tuple[Any, ...]:
    return tuple(None if value is None else KINDS[kind](value) for value, kind in zip(row, kinds.values(), strict=True))


def _hash(row: tuple[Any, ...]) -> int:
    return int.from_bytes(hashlib.sha256(repr(row).encode()).digest())


def _highest(table: str, column: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT coalesce(max("{column}"), 1) FROM "{table}"')  # noqa: S608  our own names
        highest = int(cursor.fetchone()[0])
        cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [table])
        given = cursor.fetchone()
    return max(highest, int(given[0]) if given else 1, 1)
