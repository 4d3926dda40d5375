"""A backup holds what was acknowledged, opens only whole and unchanged, and restoring it is all or nothing."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from tests.conftest import Server, environment, run
from tests.web.writers import HALF, Writers, ask, opened, seeded

pytestmark = pytest.mark.record
COUNT = "SELECT count(*) FROM people_user"


def env(data: Path) -> dict[str, str]:
    return {"NEURODASH_DATA": str(data)}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A record with the cast and one sealed patient, and a backup of it with its keys inside."""
    data = seeded(tmp_path_factory.mktemp("made") / "site")
    sealed = (
        "import os, django; django.setup(); from neurodash.web.clinic.models import Clinic, Patient; "
        "Patient.objects.create(clinic=Clinic.objects.first(), label='P-1', notes='walks with a stick')"
    )
    python(data, sealed)
    file = data.parent / "made.backup"
    told = run("backup", file, "--with-keys", env=env(data))
    assert told.returncode == 0, told.stderr
    return data, file


def python(data: Path, code: str, **more: str) -> str:
    """Run a line in a process with this installation's settings."""
    told = environment({**env(data), "DJANGO_SETTINGS_MODULE": "neurodash.web.settings", **more})
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


def test_a_manifest_of_other_types_is_refused(made: tuple[Path, Path], tmp_path: Path) -> None:
    for name, value in (("schema", 3), ("rows", ["x"]), ("keys", None), ("parts", "record.sqlite3"), ("database", [])):
        odd = json.dumps({**manifest(made[1]), name: value}).encode()
        told = run("restore", changed(made[1], tmp_path / name, manifest_json=odd), env=env(tmp_path / "site"))
        assert told.returncode == 2, name
        assert "not what we write" in told.stderr
        assert "Traceback" not in told.stderr


@pytest.mark.parametrize("name", ["record.sqlite3", "record.sqlite3-wal", "keys", "mine.backup", "../pipe", "../link"])
def test_a_backup_takes_the_place_of_nothing_but_a_backup(made: tuple[Path, Path], tmp_path: Path, name: str) -> None:
    data = shutil.copytree(made[0], tmp_path / "site")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(data / "keys")
    before = {path.name: path.read_bytes() for path in data.iterdir() if path.name in ("record.sqlite3", "keys")}
    told = run("backup", data / name, env=env(data))
    assert told.returncode == 2, told.stdout
    assert "Nothing was changed." in told.stderr
    assert {path.name: path.read_bytes() for path in data.iterdir() if path.name in before} == before
    assert (tmp_path / "pipe").is_fifo()
    assert not (data / "mine.backup").exists()


def test_without_a_record_nothing_makes_one_and_the_file_that_was_looked_for_is_named(tmp_path: Path) -> None:
    here = {**env(tmp_path / "site"), "DATABASE_URL": ""}
    record = tmp_path / "site" / "record.sqlite3"
    for words in (["backup", tmp_path / "b"], ["keys", "rotate"], ["migrate-to", "postgresql://me@127.0.0.1:1/x"]):
        told = run(*words, env=here)
        assert (told.returncode, record.exists()) == (2, False), words
        assert f"{record}: no record" in told.stderr


@pytest.mark.skipif(
    os.geteuid() != 0 or "DATABASE_URL" in os.environ, reason="only root can give files away, and the record is one"
)
def test_what_root_makes_belongs_to_whom_the_data_folder_belongs_to(made: tuple[Path, Path], tmp_path: Path) -> None:
    data = tmp_path / "site"
    data.mkdir(mode=0o700)
    os.chown(data, 65534, 65534)
    for words in (["migrate"], ["backup", tmp_path / "b"], ["restore", made[1]], ["keys", "rotate"]):
        told = run(*words, env=env(data))
        assert told.returncode == 0, told.stderr
        assert {path.name for path in data.iterdir() if path.stat().st_uid != 65534} == set(), words


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

    def test_a_damaged_page_is_told_with_the_mend_by_every_command(self, data: Path, tmp_path: Path) -> None:
        told, record = {**env(data), **self.ENV}, data / "record.sqlite3"
        page = ask_sqlite(record, "SELECT rootpage FROM sqlite_master WHERE name = 'people_clinic'")
        size = ask_sqlite(record, "PRAGMA page_size")
        with record.open("r+b") as file:
            file.seek((page - 1) * size)
            file.write(b"\x55" * size)
        target = "postgresql://me@127.0.0.1:1/x"
        for words in (
            ["backup", tmp_path / "b"],
            ["keys", "rotate"],
            ["migrate-to", target],
            ["doctor"],
            ["people", "list"],
        ):
            refused = run(*words, env=told)
            assert refused.returncode == (1 if words == ["doctor"] else 2), words
            assert "damaged" in refused.stdout + refused.stderr
            assert "`neurodash restore` the newest backup" in refused.stdout + refused.stderr
            assert "Traceback" not in refused.stderr

    @pytest.mark.parametrize("words", ["backup", "restore"])
    def test_without_room_it_says_where_and_changes_nothing(self, data: Path, tmp_path: Path, words: str) -> None:
        told = {**env(data), **self.ENV}
        assert run("backup", tmp_path / "b", env=told).returncode == 0
        before = (tmp_path / "b").read_bytes()
        refused = subprocess.run(
            [sys.executable, "-m", "neurodash", words, str(tmp_path / "b")],
            env=environment(told),
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
        )
        assert refused.returncode == 2
        place = tmp_path if words == "backup" else data
        assert f"{place}: no room" in refused.stderr
        assert "Nothing was changed." in refused.stderr
        assert "Traceback" not in refused.stderr
        assert (tmp_path / "b").read_bytes() == before
        assert not list(data.glob("*.before-*"))

    def test_what_a_run_that_was_cut_off_left_is_taken_away(self, data: Path, tmp_path: Path) -> None:
        told = {**env(data), **self.ENV}
        left, other = tmp_path / ".b-abcdefgh", tmp_path / ".b-notours1"
        for folder, name in ((left, "keys"), (other, "letters"), (data / ".record.sqlite3-abcdefgh", "record.sqlite3")):
            folder.mkdir()
            (folder / name).touch()
        assert run("backup", tmp_path / "b", env=told).returncode == 0
        assert not left.exists()
        assert other.exists()
        left.mkdir()
        (left / "keys").touch()
        found = next(line for line in run("doctor", env=told).stdout.splitlines() if "cut off" in line)
        assert f"{data / '.record.sqlite3-abcdefgh'} {left}" in found
        assert run("restore", tmp_path / "b", env=told).returncode == 0
        assert not (data / ".record.sqlite3-abcdefgh").exists()

    def test_ended_from_outside_a_backup_tidies_up(self, data: Path, tmp_path: Path) -> None:
        here = tmp_path / "backups"
        here.mkdir()
        python(data, "import django; django.setup(); from neurodash.web.people import events\n"
                     "from django.db import transaction\nwith transaction.atomic():\n"
                     " [events.record('patient seen', patient='0' * 16) for _ in range(20000)]", **self.ENV)  # fmt: skip
        words = [sys.executable, "-m", "neurodash", "backup", str(here / "b")]
        running = subprocess.Popen(words, env=environment({**env(data), **self.ENV}), stderr=subprocess.DEVNULL)
        until = time.monotonic() + 30
        while not list(here.glob(".b-*/*")) and time.monotonic() < until:  # a copy is being written
            time.sleep(0.001)
        running.send_signal(signal.SIGTERM)
        assert running.wait(20) == 128 + signal.SIGTERM
        assert list(here.iterdir()) == []


def ask_sqlite(path: Path, query: str) -> int:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(path)) as asked:
        return int(asked.execute(query).fetchone()[0])
