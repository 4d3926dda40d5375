"""Plans in a real record, for a server that a browser visits and for many writers at once.

`python -m tests.web.kept seed` adds a patient to the first clinic of the record of NEURODASH_DATA and prints their code;
`seed plan` keeps a plan for them too and prints both codes. `race` lets eight threads change one plan and prints what came of it.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
import threading
from typing import Any

from tests.planning.test_people import HOME

MONDAY = dt.date(2026, 11, 23)
TODAY = dt.date(2026, 11, 21)
ANSWERS: dict[str, Any] = {
    **{key: value for key, value in HOME.items() if key not in ("code", "condition")}, "edss": 3, "minutes_per_week": 200,
    "goals": [{"text": "walk to the shop", "tasks": ["walk"]}],
}  # fmt: skip
THREADS, TURNS = 8, 4


def keep(by: Any, patient: Any, **more: Any) -> Any:
    """A plan of balance and strength for a patient."""
    from neurodash.web.clinic import patients, plans
    from neurodash.web.shelf import shelf

    data = {**patients.planner_profile(patient), "focus": ["balance", "resistance"], **more}
    document = plans.made(data, shelf().current(), MONDAY, TODAY)
    return plans.keep(by=by, patient=patient, document=document)


def race() -> dict[str, Any]:
    """What eight threads get that each move the start of one plan four times on the version they have just seen."""
    from django.db import connection

    from neurodash.web.clinic import plans
    from neurodash.web.clinic.models import Patient, Plan
    from neurodash.web.people.models import Event
    from tests.web import cast as casting

    cast = casting.make()
    by = cast["clinician"]
    plan = keep(by, Patient.objects.create(clinic=cast.lakeside, label="P-1", profile=ANSWERS))
    outcomes: list[str] = []
    together = threading.Barrier(THREADS)

    def work(number: int) -> None:
        for turn in range(TURNS):
            together.wait()
            row = Plan.objects.select_related("clinic", "patient").get(pk=plan.pk)
            start = MONDAY + dt.timedelta(weeks=number + turn)
            why = f"{number} {turn}"
            try:
                plans.move_start(by=by, plan=row, on_version=row.latest, start=start, today=TODAY, why=why)
                outcomes.append(why)
            except plans.Stale:
                outcomes.append("stale")
            except Exception as error:
                outcomes.append(repr(error))
        connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    row = Plan.objects.get(pk=plan.pk)
    return {
        "outcomes": outcomes, "latest": row.latest, "events": Event.objects.filter(did="plan changed").count(),
        "versions": [(each.number, plans.told(each)[1]) for each in row.versions.order_by("number")],
    }  # fmt: skip


def main(do: str, *more: str) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "neurodash.web.settings"
    import django

    django.setup()
    from neurodash.web import codes, record
    from neurodash.web.clinic.models import Patient
    from neurodash.web.people.models import Clinic, User

    record.migrate()
    if do == "race":
        print(json.dumps(race()))
        return
    patient = Patient.objects.create(
        clinic=Clinic.objects.order_by("id")[0], label=f"P-{codes.new()[:6]}", profile=ANSWERS
    )
    by = User.objects.get(email="clinician@example.org")
    print(patient.code, keep(by, patient).code if more else "")


if __name__ == "__main__":
    main(*sys.argv[1:])
