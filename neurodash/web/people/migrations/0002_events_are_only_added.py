"""The database itself refuses to change or take away an event."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations

SQLITE = (
    "CREATE TRIGGER events_are_not_changed BEFORE UPDATE ON people_event "
    "BEGIN SELECT RAISE(ABORT, 'events are only ever added'); END",
    "CREATE TRIGGER events_are_not_taken_away BEFORE DELETE ON people_event "
    "BEGIN SELECT RAISE(ABORT, 'events are only ever added'); END",
)
POSTGRESQL = (
    "CREATE FUNCTION people_event_only_added() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'events are only ever added'; END $$",
    "CREATE TRIGGER events_are_only_added BEFORE UPDATE OR DELETE ON people_event "
    "FOR EACH ROW EXECUTE FUNCTION people_event_only_added()",
    "CREATE TRIGGER events_are_not_emptied BEFORE TRUNCATE ON people_event "
    "FOR EACH STATEMENT EXECUTE FUNCTION people_event_only_added()",
)
BACK = {
    "sqlite": ("DROP TRIGGER events_are_not_changed", "DROP TRIGGER events_are_not_taken_away"),
    "postgresql": (
        "DROP TRIGGER events_are_only_added ON people_event",
        "DROP TRIGGER events_are_not_emptied ON people_event",
        "DROP FUNCTION people_event_only_added()",
    ),
}


def put_up(apps: Any, schema_editor: Any) -> None:
    statements = {"sqlite": SQLITE, "postgresql": POSTGRESQL}[schema_editor.connection.vendor]
    for statement in statements:
        schema_editor.execute(statement, params=None)


def take_down(apps: Any, schema_editor: Any) -> None:
    for statement in BACK[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies: ClassVar = [("people", "0001_initial")]
    operations: ClassVar = [migrations.RunPython(put_up, take_down)]
