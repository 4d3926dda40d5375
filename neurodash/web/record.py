"""The record as a whole: is its database there, of this program's shape, and ready."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, connection, connections
from django.db.migrations.executor import MigrationExecutor

from neurodash.errors import DataError, Problem


def file() -> Path | None:
    """The SQLite file of the record, or None where it is kept elsewhere."""
    return Path(settings.DATABASES["default"]["NAME"]) if connection.vendor == "sqlite" else None


def waiting() -> list[str]:
    """Migrations that were not applied yet. Raises DataError for a database that cannot be reached or is newer than we are."""
    try:
        executor = MigrationExecutor(connection)
        known, applied = set(executor.loader.disk_migrations), set(executor.loader.applied_migrations)
    except DatabaseError as error:
        raise DataError([_unreachable(error)]) from None
    ours = {app for app, _ in known}
    if newer := sorted(f"{app}.{name}" for app, name in applied - known if app in ours):
        mend = "Run the program that wrote it, or restore a backup of this one's."
        raise DataError([Problem("the record", f"of a newer program ({newer[-1]})", "a record of this program", mend)])
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{each.app_label}.{each.name}" for each, _ in plan]


def migrate() -> list[str]:
    """Bring the database to this program's shape; what was applied. Raises DataError where that cannot be done."""
    if path := file():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
    applied = waiting()
    try:
        if applied:
            call_command("migrate", verbosity=0, interactive=False)
            call_command("createcachetable", verbosity=0)
    except DatabaseError as error:
        raise DataError([_unreachable(error)]) from None
    return applied


def close() -> None:
    """Before workers are forked: a connection is never shared."""
    connections.close_all()


def _unreachable(error: DatabaseError) -> Problem:
    told = " ".join(str(error).split())[:200]
    return Problem(
        "the record", f"a database that does not answer ({told})", "a database", "`neurodash doctor` says more."
    )
