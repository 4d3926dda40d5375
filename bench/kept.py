# ruff: noqa: PLC0415  Django is imported once its settings are known
"""How fast the page of a kept plan of 48 sessions is through the real server, and whether it stays so as the record grows.

    1x     1,000 patients with a plan of two versions each, 20,000 check-ins, 50,000 events
    10x    ten times as many of each

Prints the 95th percentile of 200 requests for a plan whose newest version is signed, for one that was changed since, for the
history and for the page to sign. Every request opens what is sealed and leaves its event. Ends with 1 where an aim is missed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.desk import ON, ROOT, p95, rows, serving, times

PAGE_MS, GROWTH = 80.0, 1.3
EVENTS = 50_000
VERSIONS = 20  # of the plan that is looked at


def filled(patients: int) -> None:
    """A record of `patients`, and two of them with plans that are looked at. Prints the session and the plans' codes."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "neurodash.web.settings"
    import django

    django.setup()
    from django.db import connection

    from neurodash.web import record
    from neurodash.web.clinic import plans
    from neurodash.web.clinic.models import Patient
    from neurodash.web.people.models import Clinic, User
    from neurodash.web.shelf import shelf
    from tests.web.kept import ANSWERS, keep

    record.migrate()
    code, session = rows(patients, patients * 20)
    clinic, owner = Clinic.objects.get(code=code), User.objects.get()
    looked_at = []
    for changed in (False, True):
        patient = Patient.objects.create(clinic=clinic, label=f"LOOK-{changed:d}", profile=ANSWERS)
        plan = keep(owner, patient)
        for number in range(1, VERSIONS):
            plan.refresh_from_db()
            start = ON if number % 2 else ON.replace(month=12)
            plans.move_start(by=owner, plan=plan, on_version=number, start=start, today=ON, why="bench")
        plan.refresh_from_db()
        plans.sign(by=owner, plan=plan, on_version=plan.latest, ticked=())
        if changed:
            plan.refresh_from_db()
            target = plans.opened(plans.newest(plan)).plan.sessions[0].items[0].target
            plans.swap(
                by=owner, plan=plan, on_version=plan.latest, target=target, to="out", library=shelf().current(), today=ON
            )  # fmt: skip
        looked_at.append(plan.code)
    assert len(plans.opened(plans.newest(plan)).plan.sessions) == 48
    copied = (
        'INSERT INTO clinic_planversion (plan_id, number, document, why, library, by_id, "at") '
        "SELECT p.id, n.number, v.document, v.why, v.library, v.by_id, v.at FROM clinic_plan p "
        "CROSS JOIN (SELECT 1 AS number UNION SELECT 2) n CROSS JOIN "
        "(SELECT * FROM clinic_planversion ORDER BY id LIMIT 1) v "
        "WHERE p.id NOT IN (SELECT plan_id FROM clinic_planversion)"
    )
    with connection.cursor() as cursor:
        cursor.execute(copied)
        cursor.executemany(
            'INSERT INTO people_event ("at", clinic_id, who, did, patient, about, "where", more) '
            "VALUES (%s, %s, '', 'plan seen', '', '', '', '{}')",
            [(ON, clinic.pk)] * (EVENTS * patients // 1000),
        )
    print(json.dumps([session, *looked_at]))


def main() -> int:
    seen: dict[int, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        for size in (1, 10):
            data = Path(name) / str(size)
            env = {**os.environ, "NEURODASH_DATA": str(data), "NEURODASH_ON": ON.isoformat(), "PYTHONPATH": str(ROOT)}
            words = [sys.executable, "-m", "bench.kept", "fill", str(1_000 * size)]
            made = subprocess.run(words, env=env, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
            session, plain, changed = json.loads(made.stdout)
            pages = {
                "signed": f"/desk/plans/{plain}/",
                "changed since it was signed": f"/desk/plans/{changed}/",
                f"history, {VERSIONS} versions": f"/desk/plans/{plain}/versions/",
                "to sign": f"/desk/plans/{changed}/sign/",
            }
            with serving(data) as port:
                seen[size] = {told: p95(times(port, path, session)) for told, path in pages.items()}
            print(f"{1_000 * size:,} plans of two versions, {EVENTS * size:,} events")
            for told, worst in seen[size].items():
                print(f"  {told:<30} p95 {worst:6.1f} ms")
    growth = max(seen[10][told] / seen[1][told] for told in seen[1])
    slowest = max(each["signed"] for each in seen.values())
    print(
        f"p95 with ten times the rows: {growth:.2f} times (aim: at most {GROWTH}); plan page: aim under {PAGE_MS:.0f} ms"
    )
    return 0 if growth <= GROWTH and slowest < PAGE_MS else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["fill"]:
        filled(int(sys.argv[2]))
    else:
        sys.exit(main())
