# ruff: noqa: PLC0415  Django is imported once its settings are known
"""How fast the list of patients is through the real server, and whether it stays so as a clinic grows.

    1x     1,000 patients and 200,000 check-ins in one clinic
    10x    10,000 patients and 2,000,000 check-ins

Prints the 95th percentile of 200 requests to the first page, to a later one and to a search. That the number of queries
is constant is a test (tests/web/test_patients.py).
`rows` fills a record; other measurements use it too.
"""

from __future__ import annotations

import datetime as dt
import http.client
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
REQUESTS, WARM = 200, 20
ON = dt.date(2026, 11, 21)
AT_ONCE = 20_000  # rows of one insert


def rows(patients: int, checkins: int) -> tuple[str, str]:
    """Fill the record of this process: one clinic with an owner, that many patients, each with a plan and a few scores, and
    that many check-ins. Returns the clinic's code and the owner's session. What is sealed is sealed once and repeated.
    """
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    from neurodash.web.clinic.models import CheckIn, Patient, Plan, Score
    from neurodash.web.people.models import Clinic, Membership, Seat, User

    clinic = Clinic.objects.create(name="Bench")
    owner = User.objects.create_user(f"owner-{clinic.code}@example.org", None, name="Owner")
    Seat.objects.create(clinic=clinic, user=owner, role="owner")
    Membership.objects.create(user=owner)
    made = [_patient(Patient, clinic, number) for number in range(patients)]
    for begin in range(0, patients, AT_ONCE):
        Patient.objects.bulk_create(made[begin : begin + AT_ONCE])
    Plan.objects.bulk_create(
        [Plan(clinic=clinic, patient=each, state="running", starts_on=ON - dt.timedelta(days=40), weeks=12) for each in made],
        batch_size=AT_ONCE,
    )  # fmt: skip
    Score.objects.bulk_create(
        [Score(clinic=clinic, patient=each, instrument="TUG", on=ON - dt.timedelta(days=20), value=11.2) for each in made],
        batch_size=AT_ONCE,
    )  # fmt: skip
    _check_ins(CheckIn, clinic, made, checkins)
    session = SessionStore()
    session[SESSION_KEY], session[HASH_SESSION_KEY] = str(owner.pk), owner.get_session_auth_hash()
    session[BACKEND_SESSION_KEY] = "allauth.account.auth_backends.AuthenticationBackend"
    session.create()
    return clinic.code, session.session_key or ""


def _patient(model: Any, clinic: Any, number: int) -> Any:
    """One in ten asks for a look, a quarter of these are red."""
    asks, is_red = number % 10 == 0, number % 40 == 0
    patient = model(
        clinic=clinic, label=f"P-{number:06d}", profile={"edss": 3.5}, seen_on=ON - dt.timedelta(days=number % 9),
        red_on=ON - dt.timedelta(days=number % 9) if is_red else None, ambers=3 if asks and not is_red else 0,
        silent_on=ON + dt.timedelta(days=5 + number % 9), retest_on=ON + dt.timedelta(days=1 + number % 28),
    )  # fmt: skip
    patient.look()
    return patient


def _check_ins(model: Any, clinic: Any, patients: list[Any], number: int) -> None:
    """Spread evenly over the patients and days. Straight to the table: half an hour of sealing says nothing about a list."""
    from django.db import connection

    field = model._meta.get_field("told")
    sealed = field.get_db_prep_value({"energy": 6}, connection)
    columns = ("clinic_id", "patient_id", "key", "on", "tier", "told", "at")
    names = ", ".join(f'"{name}"' for name in columns)
    sql = f"INSERT INTO clinic_checkin ({names}) VALUES ({', '.join(['%s'] * len(columns))})"  # noqa: S608  our own names
    at = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)
    tiers = ("green", "green", "amber", "green", "red", "green", "green")
    with connection.cursor() as cursor:
        for begin in range(0, number, AT_ONCE):
            cursor.executemany(
                sql,
                [
                    (
                        clinic.pk, patients[place % len(patients)].pk, f"k{place}",
                        ON - dt.timedelta(days=place // len(patients) % 400), tiers[place % 7], sealed, at,
                    )
                    for place in range(begin, min(begin + AT_ONCE, number))
                ],
            )  # fmt: skip


@contextmanager
def serving(data: Path) -> Iterator[int]:
    """`neurodash serve` over the record in `data`; yields its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    env = {**os.environ, "NEURODASH_DATA": str(data), "NEURODASH_ON": ON.isoformat()}
    words = [sys.executable, "-m", "neurodash", "serve", "--port", str(port)]
    process = subprocess.Popen(words, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def times(port: int, path: str, session: str) -> list[float]:
    """Milliseconds of each of `REQUESTS` requests, one after another, over one connection."""
    found = []
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for number in range(WARM + REQUESTS):
        begun = time.perf_counter()
        line.request("GET", path, headers={"Cookie": f"sessionid={session}"})
        answer = line.getresponse()
        answer.read()
        if answer.status != 200:
            raise SystemExit(f"{path}: {answer.status}")
        if number >= WARM:
            found.append((time.perf_counter() - begun) * 1000)
    return found


def p95(found: list[float]) -> float:
    return statistics.quantiles(found, n=20)[-1]


def fill(data: Path, patients: int, checkins: int) -> tuple[str, str, str]:
    """A record of its own, made in a process of its own. Clinic, session, and the code of a patient in the middle."""
    env = {**os.environ, "NEURODASH_DATA": str(data), "NEURODASH_ON": ON.isoformat(), "PYTHONPATH": str(ROOT)}
    words = [sys.executable, __file__, "fill", str(patients), str(checkins)]
    made = subprocess.run(words, env=env, capture_output=True, text=True, check=True)
    clinic, session, middle = made.stdout.split()
    return clinic, session, middle


def filled(patients: int, checkins: int) -> None:
    """What `fill` runs."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "neurodash.web.settings"
    import django

    django.setup()
    from neurodash.web import record
    from neurodash.web.clinic.models import Patient

    record.migrate()
    clinic, session = rows(patients, checkins)
    middle = Patient.objects.filter(clinic__code=clinic).order_by("label")[patients // 2].code
    print(clinic, session, middle)


def main() -> int:
    seen: dict[int, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        for times_ in (1, 10):
            data = Path(name) / str(times_)
            begun = time.perf_counter()
            clinic, session, middle = fill(data, 1_000 * times_, 200_000 * times_)
            built = time.perf_counter() - begun
            pages = {
                "first page": f"/desk/{clinic}/",
                "a page in the middle": f"/desk/{clinic}/?after={middle}",
                "search, one hit": f"/desk/{clinic}/?code=p-000997",
            }
            with serving(data) as port:
                seen[times_] = {told: p95(times(port, path, session)) for told, path in pages.items()}
            print(f"{1_000 * times_:,} patients, {200_000 * times_:,} check-ins (made in {built:.0f} s)")
            for told, worst in seen[times_].items():
                print(f"  {told:<22} p95 {worst:6.1f} ms")
    worst = max(seen[10][told] / seen[1][told] for told in seen[1])
    print(f"p95 with ten times the rows: {worst:.2f} times (target: at most 1.3); target of a page: under 100 ms")
    return 0 if worst <= 1.3 and max(max(each.values()) for each in seen.values()) < 100 else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["fill"]:
        filled(int(sys.argv[2]), int(sys.argv[3]))
    else:
        sys.exit(main())
