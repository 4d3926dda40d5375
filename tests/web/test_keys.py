"""New keys for what is sealed: interrupted at any moment, nothing is lost, and old keys go only when nothing needs them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Server, environment, free_port, run
from tests.web.writers import ask, seeded

pytestmark = pytest.mark.record
PATIENTS = 1500
USED = "SELECT DISTINCT substr(notes, 2, 4) FROM clinic_patient"
FILL = f"""
import django; django.setup()
from neurodash.web.clinic.models import Clinic, Patient
clinic = Clinic.objects.first()
Patient.objects.bulk_create(
    [Patient(clinic=clinic, label=f"P-{{i}}", notes=f"note {{i}}", profile={{"n": i}}) for i in range({PATIENTS})]
)
"""
READ = """
import django; django.setup()
from neurodash.web.clinic.models import Patient
assert all(each.notes == "note " + each.label[2:] and each.profile == {"n": int(each.label[2:])} for each in Patient.objects.all())
print(Patient.objects.count())
"""


def python(data: Path, code: str, **more: str) -> subprocess.CompletedProcess[str]:
    told = environment({"NEURODASH_DATA": str(data), "DJANGO_SETTINGS_MODULE": "neurodash.web.settings", **more})
    return subprocess.run([sys.executable, "-c", code], env=told, capture_output=True, text=True, check=False)


def keys(data: Path) -> list[str]:
    return (data / "keys").read_text().split()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    seeded(tmp_path)
    filled = python(tmp_path, FILL)
    assert filled.returncode == 0, filled.stderr
    return tmp_path


def test_killed_in_the_middle_a_rotation_loses_nothing_and_goes_on_where_it_stopped(data: Path) -> None:
    env = {"NEURODASH_DATA": str(data)}
    (before,) = keys(data)
    words = [sys.executable, "-m", "neurodash", "keys", "rotate"]
    running = subprocess.Popen(words, env=environment(env), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert running.stderr
    running.stderr.readline()  # the first batch is sealed anew
    os.kill(running.pid, signal.SIGKILL)
    running.communicate()
    new, *old = keys(data)
    assert old == [before]
    assert (
        len(ask(data, USED) + ask(data, USED.replace("notes", "profile"))) >= 3
    )  # sealed with the old one and the new one
    assert python(data, READ).stdout == f"{PATIENTS}\n"
    again = run("keys", "rotate", "--drop-old", env=env)
    assert again.returncode == 0, again.stderr
    assert keys(data) == [new]  # the key that was begun with, and no other
    assert python(data, READ).stdout == f"{PATIENTS}\n"


def test_old_keys_stay_until_they_are_dropped(data: Path) -> None:
    env = {"NEURODASH_DATA": str(data)}
    (before,) = keys(data)
    told = run("keys", "rotate", env=env)
    assert f"{2 * PATIENTS:,}\N{NO-BREAK SPACE}values were sealed anew" in told.stdout
    new, old = keys(data)
    assert old == before
    told = run("keys", "rotate", "--drop-old", env=env)
    assert "1\N{NO-BREAK SPACE}old key taken out" in told.stdout
    assert keys(data) == [new]
    again = run("keys", "rotate", "--drop-old", env=env)
    assert (again.returncode, keys(data)) == (0, [new])
    assert "nothing was changed" in again.stdout
    assert (data / "keys").stat().st_mode & 0o777 == 0o600
    assert python(data, READ).stdout == f"{PATIENTS}\n"


def test_keys_of_the_environment_are_changed_there(data: Path) -> None:
    (first,) = keys(data)
    (data / "keys").unlink()
    env = {"NEURODASH_DATA": str(data), "NEURODASH_KEYS": first}
    told = run("keys", "rotate", env=env)
    assert told.returncode == 2
    new = told.stderr.split("NEURODASH_KEYS=")[1].split(",")[0]
    assert first not in told.stderr
    env["NEURODASH_KEYS"] = f"{new},{first}"
    assert run("keys", "rotate", env=env).returncode == 0
    told = run("keys", "rotate", "--drop-old", env=env)
    assert "to its first key alone" in told.stderr
    assert python(data, READ, NEURODASH_KEYS=new).stdout == f"{PATIENTS}\n"


def test_a_value_that_no_key_opens_stops_a_rotation_before_a_key_is_lost(data: Path) -> None:
    env, before = {"NEURODASH_DATA": str(data)}, keys(data)
    lost = run("keys", "new").stdout.strip()
    (data / "keys").write_text(lost + "\n")
    told = run("keys", "rotate", "--drop-old", env=env)
    assert told.returncode == 2
    assert "accepted: every key in use" in told.stderr
    assert keys(data) == [lost]
    (data / "keys").write_text("\n".join(before) + "\n")
    assert python(data, READ).stdout == f"{PATIENTS}\n"


def test_where_keys_are_gone_no_new_one_is_made(data: Path) -> None:
    env, (kept,) = {"NEURODASH_DATA": str(data)}, keys(data)
    backup = data.parent / f"{data.name}.backup"
    assert run("backup", backup, env=env).returncode == 0
    (data / "keys").unlink()
    for words in (["serve", "--port", str(free_port())], ["keys", "rotate"], ["restore", str(backup)]):
        told = run(*words, env=env)
        assert told.returncode == 2, words
        assert "the file `keys`" in told.stderr or f"{data / 'keys'}: not there" in told.stderr
        assert not (data / "keys").exists(), words
    assert python(data, READ).returncode == 1  # nor by reading
    assert not (data / "keys").exists()
    (data / "keys").write_text(run("keys", "new").stdout)
    (data / "keys").chmod(0o600)
    told = run("serve", "--port", str(free_port()), env=env)
    assert told.returncode == 2
    assert f"{data / 'keys'}: without 1 key" in told.stderr
    (data / "keys").write_text(kept)
    assert python(data, READ).stdout == f"{PATIENTS}\n"


def test_keys_are_not_rotated_under_a_running_server(tmp_path: Path) -> None:
    server = Server(seeded(tmp_path))
    try:
        told = run("keys", "rotate", env={"NEURODASH_DATA": str(tmp_path)})
    finally:
        server.stop()
    assert told.returncode == 2
    assert "Stop the server first." in told.stderr


def test_a_new_key_is_32_random_bytes() -> None:
    import base64

    one, two = (run("keys", "new").stdout.strip() for _ in range(2))
    assert len(base64.urlsafe_b64decode(one)) == 32
    assert one != two
