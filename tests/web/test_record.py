"""The record as a whole: made, brought up to date, refused where it is not ours to serve, and what a host may set."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from neurodash.web import config
from tests.conftest import ROOT, Server, free_port, run
from tests.web.writers import ask, seeded


@pytest.mark.record
def test_migrate_makes_a_record_and_has_nothing_to_do_the_second_time(tmp_path: Path) -> None:
    env = {"NEURODASH_DATA": str(tmp_path)}
    first, second = run("migrate", env=env), run("migrate", env=env)
    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    assert "this program's shape now" in first.stdout
    assert second.stdout == "Nothing to do.\n"
    assert ask(tmp_path, "SELECT count(*) FROM people_user") == [(0,)]


@pytest.mark.record
def test_a_record_of_a_newer_program_is_not_served_nor_migrated(tmp_path: Path) -> None:
    env = {"NEURODASH_DATA": str(seeded(tmp_path / "site"))}
    from_tomorrow = (
        "import os, django; os.environ['DJANGO_SETTINGS_MODULE'] = 'neurodash.web.settings'; django.setup(); "
        "from django.db.migrations.recorder import MigrationRecorder as R; from django.db import connection; "
        "R(connection).record_applied('clinic', '0999_from_tomorrow')"
    )
    import subprocess
    import sys

    from tests.conftest import environment

    subprocess.run([sys.executable, "-c", from_tomorrow], env=environment(env), check=True)
    for words in (["serve", "--port", str(free_port())], ["migrate"], ["backup", str(tmp_path / "b")]):
        told = run(*words, env=env)
        assert told.returncode == 2, words
        assert "clinic.0999_from_tomorrow" in told.stderr
        assert "restore a backup of this one's" in told.stderr


def test_a_database_that_does_not_answer_is_told_with_the_mend_and_without_its_password(tmp_path: Path) -> None:
    env = {"NEURODASH_DATA": str(tmp_path), "DATABASE_URL": "postgresql://me:very-secret@127.0.0.1:1/record"}
    told = run("serve", "--port", str(free_port()), env=env)
    assert told.returncode == 2
    assert "does not answer" in told.stderr
    assert "is DATABASE_URL right?" in told.stderr
    assert "very-secret" not in told.stderr + told.stdout
    assert "Traceback" not in told.stderr


def test_a_file_that_is_no_record_is_told_and_kept(tmp_path: Path) -> None:
    (tmp_path / "record.sqlite3").write_text("a letter to my grandmother, which is no database at all" * 100)
    told = run("serve", "--port", str(free_port()), env={"NEURODASH_DATA": str(tmp_path), "DATABASE_URL": ""})
    assert told.returncode == 2
    assert "Traceback" not in told.stderr
    assert (tmp_path / "record.sqlite3").read_text().startswith("a letter")


def test_a_record_that_is_gone_is_not_begun_anew(tmp_path: Path) -> None:
    env = {"NEURODASH_DATA": str(tmp_path), "DATABASE_URL": ""}
    (tmp_path / "last_backup").write_text("2026-11-20T03:15:00+00:00\n")
    for words in (["serve", "--port", str(free_port())], ["migrate"], ["people", "add", "you@example.org"]):
        told = run(*words, env=env)
        assert told.returncode == 2, words
        assert "`neurodash restore`" in told.stderr
        assert f"move {tmp_path / 'last_backup'} away" in told.stderr
        assert not (tmp_path / "record.sqlite3").exists()


def test_accounts_are_not_made_in_a_record_that_waits_for_the_program_to_bring_it_up(tmp_path: Path) -> None:
    env = {"NEURODASH_DATA": str(seeded(tmp_path, DATABASE_URL="")), "DATABASE_URL": ""}
    with closing(sqlite3.connect(tmp_path / "record.sqlite3")) as record, record:
        record.execute(
            "DELETE FROM django_migrations WHERE id = (SELECT max(id) FROM django_migrations WHERE app = 'clinic')"
        )
    told = run("people", "list", env=env)
    assert told.returncode == 2
    assert "Run `neurodash migrate` first." in told.stderr


def test_two_servers_may_share_a_record(tmp_path: Path) -> None:
    one = Server(tmp_path)
    try:
        Server(tmp_path).stop()
    finally:
        one.stop()


def test_every_variable_stands_in_the_hosting_page_with_its_default() -> None:
    source = (ROOT / "neurodash" / "web" / "config.py").read_text()
    stripe = {f"NEURODASH_STRIPE_{name.upper()}" for name in config.STRIPE}
    read = {*re.findall(r'"((?:NEURODASH|DATABASE)_[A-Z_]+)"', source), *stripe}
    internal = {"NEURODASH_CONTENT", "NEURODASH_WATCH", "NEURODASH_EXPORT", "NEURODASH_DEMO", "NEURODASH_ON"}
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| ([^|]*) \|", (ROOT / "docs" / "hosting.md").read_text(), re.MULTILINE))
    assert set(rows) == read - internal
    for name, values in config.CHOICES.items():
        if name in rows:
            assert rows[name].strip() == f"`{values[0]}`", name
