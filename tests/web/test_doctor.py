"""`neurodash doctor` names what is not ready, each with its mend."""

from __future__ import annotations

import datetime as dt
import json
import os
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from neurodash.errors import DataError
from neurodash.web import config
from tests.conftest import run
from tests.web.writers import seeded

pytestmark = pytest.mark.record
PUBLIC = {"NEURODASH_URL": "https://desk.example.org/", "NEURODASH_MAIL": "smtp://mail.example.org", "NEURODASH_PROXIES": "1"}  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation in order: a record with people, and a backup of today."""
    data = seeded(tmp_path_factory.mktemp("in-order") / "site")
    told = run("backup", data.parent / "of-today", env={"NEURODASH_DATA": str(data)})
    assert told.returncode == 0, told.stderr
    return data


def findings(data: Path, **env: str) -> dict[str, dict[str, str]]:
    """What is found, by what it is about; the exit code agrees with it."""
    told = run("doctor", "--json", env={"NEURODASH_DATA": str(data), **env})
    answer: dict[str, Any] = json.loads(told.stdout)
    wrong = [each for each in answer["findings"] if each["state"] == "wrong"]
    assert told.returncode == (1 if wrong else 0)
    assert answer["well"] == (not wrong)
    assert all(each["mend"] for each in wrong)
    return {each["about"]: each for each in answer["findings"]}


def test_where_all_is_well_it_says_so_and_exits_0(site: Path) -> None:
    told = run("doctor", env={"NEURODASH_DATA": str(site), **PUBLIC})
    assert told.returncode == 0, told.stdout
    assert told.stdout.endswith("All is well.\n")


def test_it_makes_nothing_where_there_is_nothing(tmp_path: Path) -> None:
    found = findings(tmp_path / "nowhere")
    assert found["data folder"]["state"] == "wrong"
    assert not (tmp_path / "nowhere").exists()


def test_a_wrong_setting_is_named(site: Path) -> None:
    told = findings(site, NEURODASH_PROXIES="many")["settings"]
    assert "NEURODASH_PROXIES" in told["found"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("NEURODASH_HOSTS", value) for value in ("https://desk.example.org", "desk.example.org:443", "*", "a b")],
        *[("NEURODASH_URL", value) for value in ("https://example.org/desk/", "https://*/", "https://*.example.org")],
        *[("NEURODASH_MAIL", f"smtp://{value}") for value in (
            "u:seCret@h:notaport", "u:seCret#1@h:587", "u:1#seCret@h", "[u:seCret@h:587", "u:seCret@h:99999", "u:1/seCret@h")],
        *[("DATABASE_URL", f"postgresql://{value}") for value in ("u:seCret@h:port/x", "u:seC#ret@h/x", "u:1#seCret@h/x", "u:1/seCret@h")],
        *[("NEURODASH_CONTENT", value) for value in ("/srv/seCret", '{"seCret": 1}', "[1]")],
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_used_is_named_and_a_password_never_repeated(name: str, value: str) -> None:
    with pytest.raises(DataError) as caught:
        config.read({name: value, "HOME": "/nowhere", "NEURODASH_DATA": "/nowhere"})
    (problem,) = caught.value.problems
    assert problem.where == name
    assert "seC" not in str(problem)
    assert ("%23" in problem.mend) == (name in ("NEURODASH_MAIL", "DATABASE_URL"))


def test_beyond_this_machine_it_wants_https_and_mail(site: Path) -> None:
    found = findings(site, NEURODASH_URL="http://desk.example.org/")
    assert found["TLS"]["state"] == "wrong"
    assert found["mail"]["state"] == "wrong"
    assert found["proxies"]["state"] == "note"
    assert findings(site, NEURODASH_HOSTS="desk.example.org")["public address"]["state"] == "wrong"


def test_what_others_may_read_is_named_with_the_command_that_mends_it(site: Path) -> None:
    site.chmod(0o755)
    try:
        told = findings(site)["data folder"]
    finally:
        site.chmod(0o700)
    assert told["mend"].startswith(f"chmod go= {site}")
    (site / "secret_key").chmod(0o644)
    try:
        assert findings(site)["secret key"]["state"] == "wrong"
    finally:
        (site / "secret_key").chmod(0o600)


def test_a_record_that_is_not_there_or_does_not_answer_is_named(tmp_path: Path) -> None:
    assert "not there" in findings(tmp_path, DATABASE_URL="")["record"]["found"]
    (tmp_path / "last_backup").write_text(dt.datetime.now(dt.UTC).isoformat())
    assert "`neurodash restore`" in findings(tmp_path, DATABASE_URL="")["record"]["mend"]
    (tmp_path / "last_backup").unlink()
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"
    assert "does not answer" in findings(tmp_path, DATABASE_URL=nowhere)["record"]["found"]


def test_a_record_behind_the_program_is_named(tmp_path: Path) -> None:
    (tmp_path / "record.sqlite3").touch(mode=0o600)
    assert findings(tmp_path, DATABASE_URL="")["record"]["mend"] == "`neurodash migrate`"


def test_keys_that_open_nothing_are_named(site: Path, tmp_path: Path) -> None:
    from tests.web.test_keys import python

    data = seeded(tmp_path)
    sealed = "import django; django.setup(); from neurodash.web.clinic.models import *; Patient.objects.create(clinic=Clinic.objects.first(), label='P')"
    assert python(data, sealed).returncode == 0
    assert findings(data)["keys"]["state"] == "well"
    kept = (data / "keys").read_text()
    (data / "keys").unlink()
    assert "sealed with some" in findings(data)["keys"]["found"]
    assert not (data / "keys").exists()  # looking makes no new one
    (data / "keys").write_text(run("keys", "new").stdout)
    (data / "keys").chmod(0o600)
    told = findings(data)["keys"]
    assert str(data / "keys") in told["found"]
    assert "behind what is there" in told["mend"]
    (data / "keys").write_text(kept)
    assert findings(data)["keys"]["state"] == "well"


def test_a_week_without_a_backup_is_too_long(site: Path) -> None:
    stamp = site / "last_backup"
    before = stamp.read_text()
    try:
        stamp.write_text((dt.datetime.now(dt.UTC) - dt.timedelta(days=8)).isoformat())
        assert findings(site)["backup"]["state"] == "wrong"
        stamp.write_text((dt.datetime.now(dt.UTC) + dt.timedelta(days=8)).isoformat())
        assert "in the future" in findings(site)["backup"]["found"]
        stamp.unlink()
        assert findings(site)["backup"]["found"] == "none was made yet"
    finally:
        stamp.write_text(before)
    assert findings(site)["backup"]["state"] == "well"


def test_a_library_that_is_not_sound_is_named(site: Path, tmp_path: Path) -> None:
    (tmp_path / "ms" / "own").mkdir(parents=True)
    (tmp_path / "ms" / "own" / "brief.md").write_text("no front matter")
    assert findings(site, NEURODASH_CONTENT=json.dumps([str(tmp_path)]))["library"]["state"] == "wrong"
    told = run("doctor", "--json", "--content", tmp_path, "--mail", "a@example.org", env={"NEURODASH_DATA": str(site)})
    found = {each["about"]: each for each in json.loads(told.stdout)["findings"]}  # no mail was printed before it
    assert found["library"]["state"] == "wrong"
    assert "no mail was sent" in found["mail sent"]["found"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_is_named(site: Path) -> None:
    os.chown(site / "secret_key", 65534, -1)
    try:
        assert f"chown --reference={site} {site / 'secret_key'}" in findings(site)["data folder"]["mend"]
    finally:
        os.chown(site / "secret_key", 0, -1)


class _Mail(socketserver.StreamRequestHandler):
    """As much of SMTP as one mail needs."""

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        within = False
        while line := self.rfile.readline():
            if within:
                self.server.got.append(line.decode())  # type: ignore[attr-defined]
                within = line != b".\r\n"
                if not within:
                    self.wfile.write(b"250 taken\r\n")
                continue
            word = line[:4].upper()
            within = word == b"DATA"
            self.wfile.write({b"DATA": b"354 go on\r\n", b"QUIT": b"221 bye\r\n"}.get(word, b"250 well\r\n"))


@pytest.fixture
def post() -> Iterator[tuple[int, list[str]]]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Mail) as server:
        server.daemon_threads = True
        server.got = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1], server.got  # type: ignore[attr-defined]
        server.shutdown()
        thread.join()


def test_one_mail_can_be_sent_to_see_that_it_arrives(site: Path, post: tuple[int, list[str]]) -> None:
    port, got = post
    env = {"NEURODASH_DATA": str(site), "NEURODASH_MAIL": f"smtp://127.0.0.1:{port}?tls=no"}
    told = run("doctor", "--mail", "you@example.org", env=env)
    assert told.returncode == 0, told.stdout
    assert any("To: you@example.org" in line for line in got)
    env["NEURODASH_MAIL"] = "smtp://127.0.0.1:1?tls=no"
    told = run("doctor", "--mail", "you@example.org", env=env)
    assert told.returncode == 1
    assert "NEURODASH_MAIL" in told.stdout
