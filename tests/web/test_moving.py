"""A SQLite record moves to PostgreSQL completely or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from tests import postgres
from tests.conftest import Server, run
from tests.web.test_keys import FILL, PATIENTS, READ, python
from tests.web.writers import seeded

pytestmark = [
    pytest.mark.record,
    pytest.mark.skipif(not os.environ.get("DATABASE_URL"), reason="needs a PostgreSQL: make test-postgres"),
]
HERE = {"DATABASE_URL": ""}  # the record that is moved is a file


@pytest.fixture
def data(tmp_path: Path) -> Path:
    seeded(tmp_path, **HERE)
    assert python(tmp_path, FILL, **HERE).returncode == 0
    return tmp_path


@pytest.fixture
def target() -> Iterator[str]:
    """An empty database."""
    base = os.environ["DATABASE_URL"]
    name = "moved_" + secrets.token_hex(6)
    with psycopg.connect(base, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield urlunsplit(urlsplit(base)._replace(path=f"/{name}"))
    with psycopg.connect(base, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def tables(url: str) -> int:
    with closing(psycopg.connect(url)) as opened:
        return opened.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()[0]


def test_every_row_arrives_and_the_site_goes_on_there(data: Path, target: str) -> None:
    env = {"NEURODASH_DATA": str(data), **HERE}
    told = run("migrate-to", target, env=env)
    assert told.returncode == 0, told.stderr
    assert f"clinic_patient: {PATIENTS:,}\N{NO-BREAK SPACE}rows, the same on both sides" in told.stderr
    there = {"NEURODASH_DATA": str(data), "DATABASE_URL": target}
    assert python(data, READ, DATABASE_URL=target).stdout == f"{PATIENTS}\n"
    one_more = FILL.replace(f"range({PATIENTS})", f"range({PATIENTS}, {PATIENTS} + 1)")
    assert python(data, one_more, DATABASE_URL=target).returncode == 0  # numbers go on after the highest
    server = Server(data, env=there)
    server.stop()
    with (
        closing(psycopg.connect(target)) as opened,
        pytest.raises(psycopg.errors.RaiseException, match="only ever added"),
    ):
        opened.execute(
            "INSERT INTO people_event (at, who, did, patient, about, \"where\", more) VALUES (now(), '', 'x', '', '', '', '{}')"
        )
        opened.execute("UPDATE people_event SET did = 'y'")


def test_a_target_that_holds_anything_is_refused_and_left_alone(data: Path, target: str) -> None:
    with psycopg.connect(target) as opened:
        opened.execute("CREATE TABLE letters (id int)")
    told = run("migrate-to", target, env={"NEURODASH_DATA": str(data), **HERE})
    assert told.returncode == 2
    assert "an empty one" in told.stderr
    assert tables(target) == 1


def test_a_value_that_cannot_be_kept_there_moves_nothing(data: Path, target: str) -> None:
    nul = "import django; django.setup(); from neurodash.web.people.models import Clinic; Clinic.objects.create(name='a\\0b')"
    assert python(data, nul, **HERE).returncode == 0
    told = run("migrate-to", target, env={"NEURODASH_DATA": str(data), **HERE})
    assert told.returncode == 2, told.stdout
    assert "Nothing was moved." in told.stderr
    assert "Traceback" not in told.stderr
    assert tables(target) == 0


def test_nothing_is_moved_under_a_running_server_or_to_something_else(data: Path, target: str) -> None:
    env = {"NEURODASH_DATA": str(data), **HERE}
    server = Server(data, env=HERE)
    try:
        assert "Stop the server first." in run("migrate-to", target, env=env).stderr
    finally:
        server.stop()
    for url in ("mysql://x/y", "sqlite:///x", "nonsense"):
        assert run("migrate-to", url, env=env).returncode == 2
    assert tables(target) == 0


def test_the_same_installation_always_gets_the_same_database(tmp_path: Path) -> None:
    assert postgres.own(tmp_path) == postgres.own(tmp_path) != postgres.own(tmp_path / "other")
