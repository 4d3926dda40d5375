"""A backup holds what was acknowledged, opens only whole and unchanged, and restoring it is all or nothing."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from tests.conftest import Server, run
from tests.web.writers import HALF, Writers, ask, opened, seeded

pytestmark = pytest.mark.record
COUNT = "SELECT count(*) FROM people_user"


def env(data: Path) -> dict[str, str]:
    return {"NEURODASH_DATA": str(data)}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A record with the cast and one sealed patient, and a backup of it with its keys inside."""
    data = seeded(tmp_path_factory.mktemp("made"))
    sealed = (
        "import os, django; django.setup(); from neurodash.web.clinic.models import Clinic, Patient; "
        "Patient.objects.create(clinic=Clinic.objects.first(), label='P-1', notes='walks with a stick')"
    )
    python(data, sealed)
    file = data / "made.backup"
    told = run("backup", file, "--with-keys", env=env(data))
    assert told.returncode == 0, told.stderr
    return data, file


def python(data: Path, code: str) -> str:
    """Run a line in a process with this installation's settings."""
    import subprocess
    import sys

    from tests.conftest import environment

    told = environment({**env(data), "DJANGO_SETTINGS_MODULE": "neurodash.web.settings"})
    return subprocess.run([sys.executable, "-c", code], env=told, capture_output=True, text=True, check=True).stdout


NOTES = (
    "import django; django.setup(); from neurodash.web.clinic.models import Patient; print(Patient.objects.get().notes)"
)


def changed(file: Path, to: Path, **parts: bytes | None) -> Path:
    """A copy of a backup in which some parts are other bytes, or not there."""
    with zipfile.ZipFile(file) as archive, zipfile.ZipFile(to, "w") as other:
        for name in archive.namelist():
            content = parts.get(name.replace(".", "_"), archive.read(name))
            if content is not None:
                other.writestr(name, content)
    return to


def manifest(file: Path) -> dict[str, object]:
    with zipfile.ZipFile(file) as archive:
        return json.loads(archive.read("manifest.json"))


def test_a_restore_under_load_gives_what_was_acknowledged_before_the_backup_began(tmp_path: Path) -> None:
    data, fresh, file = seeded(tmp_path / "site"), tmp_path / "fresh", tmp_path / "b.backup"
    server = Server(data)
    try:
        writers = Writers(server.url, number=4)
        writers.begin()
        writers.until(40)
        before = set(writers.acknowledged)
        backed = run("backup", file, "--with-keys", env=env(data))
        tried = set(writers.tried)
        writers.until(len(before) + 40)  # the site went on meanwhile and afterwards
        writers.end()
    finally:
        server.stop()
    assert backed.returncode == 0, backed.stderr
    assert writers.refused == []
    restored = run("restore", file, env=env(fresh))
    assert restored.returncode == 0, restored.stderr
    assert before <= opened(fresh) <= tried
    assert ask(fresh, HALF) == [(0,)]


def test_on_an_empty_machine_a_backup_with_its_keys_opens_what_is_sealed(
    made: tuple[Path, Path], tmp_path: Path
) -> None:
    told = run("restore", made[1], env=env(tmp_path))
    assert told.returncode == 0, told.stderr
    assert python(tmp_path, NOTES) == "walks with a stick\n"
    assert (tmp_path / "secret_key").read_text().strip() == (made[0] / "secret_key").read_text().strip()


def test_without_the_keys_a_backup_says_so_and_is_refused_where_they_are_missing(
    made: tuple[Path, Path], tmp_path: Path
) -> None:
    file = tmp_path / "plain.backup"
    assert "NOT inside" in run("backup", file, env=env(made[0])).stdout
    key = (made[0] / "keys").read_bytes().strip()
    assert key not in file.read_bytes()
    with zipfile.ZipFile(file) as archive:
        assert not {"keys", "secret_key"} & set(archive.namelist())
    told = run("restore", file, env=env(tmp_path / "other"))
    assert told.returncode == 2
    assert f"{manifest(file)['keys'][0]}" in told.stderr  # which key is missing, by its name
    assert not (tmp_path / "other" / "record.sqlite3").exists()


def test_a_backup_tells_its_format_program_shape_rows_and_hashes(made: tuple[Path, Path]) -> None:
    told = manifest(made[1])
    assert told["format"] == 1
    assert told["program"]
    assert "people.0002_events_are_only_added" in told["schema"]
    assert told["rows"]["people_user"] == ask(made[0], COUNT)[0][0]
    assert set(told["parts"]) >= {"keys", "secret_key"}
    assert made[1].stat().st_mode & 0o777 == 0o600


def test_a_file_cut_short_changed_or_of_a_newer_shape_is_refused_and_nothing_is_touched(
    made: tuple[Path, Path], tmp_path: Path
) -> None:
    data, whole = seeded(tmp_path / "site"), made[1]
    part = next(name for name in manifest(whole)["parts"] if name.startswith("record."))
    with zipfile.ZipFile(whole) as archive:
        record = bytearray(archive.read(part))
    record[len(record) // 2] ^= 1
    newer = {**manifest(whole), "schema": [*manifest(whole)["schema"], "clinic.0999_from_tomorrow"]}
    other = {**manifest(whole), "format": 2}
    short = tmp_path / "short.backup"
    short.write_bytes(whole.read_bytes()[:-500])
    files = {
        "cut short": short,
        "changed since it was written": changed(whole, tmp_path / "a", **{part.replace(".", "_"): bytes(record)}),
        "newer program (clinic.0999_from_tomorrow)": changed(
            whole, tmp_path / "b", manifest_json=json.dumps(newer).encode()
        ),
        "format 2": changed(whole, tmp_path / "c", manifest_json=json.dumps(other).encode()),
        "no backup": changed(whole, tmp_path / "d", manifest_json=None),
    }
    for says, file in files.items():
        told = run("restore", file, env=env(data))
        assert told.returncode == 2, says
        assert says in told.stderr
    assert ask(data, "SELECT count(*) FROM clinic_patient") == [(0,)]
    assert not list(data.glob("*.before-*"))


def test_a_restore_waits_for_no_server_it_refuses(made: tuple[Path, Path], tmp_path: Path) -> None:
    server = Server(seeded(tmp_path))
    try:
        told = run("restore", made[1], env=env(tmp_path))
    finally:
        server.stop()
    assert told.returncode == 2
    assert "in use by a running server" in told.stderr
    assert ask(tmp_path, "SELECT count(*) FROM clinic_patient") == [(0,)]


def test_a_backup_that_cannot_be_written_leaves_the_one_before(made: tuple[Path, Path], tmp_path: Path) -> None:
    told = run("backup", tmp_path / "no such folder" / "b", env=env(made[0]))
    assert told.returncode == 2
    assert "cannot be written" in told.stderr


class TestInSqlite:
    """What only a record in a file can promise."""

    ENV = {"DATABASE_URL": ""}  # noqa: RUF012

    @pytest.fixture
    def data(self, tmp_path: Path) -> Path:
        return seeded(tmp_path / "site", DATABASE_URL="")

    def test_the_replaced_record_is_kept_whole_beside_the_new_one(self, data: Path, tmp_path: Path) -> None:
        import sqlite3
        from contextlib import closing

        told = {**env(data), **self.ENV}
        run("backup", tmp_path / "b", env=told)
        with closing(sqlite3.connect(data / "record.sqlite3")) as written, written:
            written.execute("UPDATE people_clinic SET name = 'After the backup'")
        assert run("restore", tmp_path / "b", env=told).returncode == 0
        (kept,) = data.glob("record.sqlite3.before-*")
        names = {}
        for path in (data / "record.sqlite3", kept):
            with closing(sqlite3.connect(path)) as asked:
                names[path] = {name for (name,) in asked.execute("SELECT name FROM people_clinic")}
        assert names[kept] == {"After the backup"}
        assert "After the backup" not in names[data / "record.sqlite3"]

    def test_a_record_that_is_open_elsewhere_is_not_replaced(self, data: Path, tmp_path: Path) -> None:
        import sqlite3
        from contextlib import closing

        told = {**env(data), **self.ENV}
        run("backup", tmp_path / "b", env=told)
        with closing(sqlite3.connect(data / "record.sqlite3")) as open_elsewhere:
            open_elsewhere.execute("SELECT count(*) FROM people_user").fetchone()
            refused = run("restore", tmp_path / "b", env=told)
        assert refused.returncode == 2
        assert "open in another program" in refused.stderr

    def test_a_damaged_record_is_not_backed_up_and_can_be_replaced(self, data: Path, tmp_path: Path) -> None:
        told, record = {**env(data), **self.ENV}, data / "record.sqlite3"
        run("backup", tmp_path / "good", env=told)
        content = bytearray(record.read_bytes())
        content[8192 : len(content) // 2] = b"\x55" * (len(content) // 2 - 8192)
        record.write_bytes(content)
        refused = run("backup", tmp_path / "bad", env=told)
        assert refused.returncode == 2, refused.stdout
        assert not (tmp_path / "bad").exists()
        assert run("restore", tmp_path / "good", env=told).returncode == 0
        assert ask_sqlite(record, COUNT) == 10


def ask_sqlite(path: Path, query: str) -> int:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(path)) as asked:
        return int(asked.execute(query).fetchone()[0])
