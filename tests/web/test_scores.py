"""Scores: entered in under a minute, checked, corrected, taken back, and shown over time beside what is published."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest
from django.test import Client

from neurodash.errors import DataError
from neurodash.pictures.course import course
from neurodash.web.clinic import patient_forms, patients
from neurodash.web.clinic.models import Patient, Plan, PlanVersion, Score
from neurodash.web.clinic.patients import Taken
from neurodash.web.people.models import Event
from neurodash.web.shelf import shelf
from tests.conftest import text_of
from tests.web.cast import Cast

pytestmark = pytest.mark.django_db
ON = dt.date(2026, 11, 21)


@pytest.fixture(autouse=True)
def one_day(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test here is on the same day."""
    monkeypatch.setattr(type(settings.CONFIG), "today", lambda _: ON)


@pytest.fixture
def patient(cast: Cast) -> Patient:
    return patients.add_patient(by=cast["owner"], clinic=cast.lakeside, label="P-014", profile={"edss": 3.5})


@pytest.fixture
def enter(cast: Cast, patient: Patient) -> Callable[..., Any]:
    """Send the form of scores as the clinician."""
    client = Client(HTTP_HOST="localhost")
    client.force_login(cast["clinician"])

    def send(*of: str, **fields: str) -> Any:
        names = {name.replace("__", "."): value for name, value in fields.items()}
        return client.post(f"/desk/patients/{patient.code}/scores/new/", {"of": of, **names})

    send.client = client  # type: ignore[attr-defined]
    return send


def kept(patient: Patient) -> list[tuple[str, str, dt.date, Any]]:
    rows = patient.scores.order_by("id")
    return [(row.instrument, row.part, row.on, row.value) for row in rows]


def test_several_instruments_parts_and_grades_are_kept_at_once(enter: Callable[..., Any], patient: Patient) -> None:
    sent = {"measured_on": "2026-11-02", "m_TUG": "11,2", "m_MINIBEST": "20", "m_MINIBEST__reactive": "2",
            "s_knee-extension_left": "3+", "t_calf_right": "1+", "m_BBS": "50"}  # fmt: skip
    answer = enter("TUG", "MINIBEST", "MRC", "MAS", **sent)
    assert answer.status_code == 302
    on = dt.date(2026, 11, 2)
    assert kept(patient) == [
        ("TUG", "", on, 11.2), ("MINIBEST", "", on, 20), ("MINIBEST", "reactive", on, 2), ("MRC", "knee-extension-left", on, "3+"),
        ("MAS", "calf-right", on, "1+"),
    ]  # fmt: skip
    event = Event.objects.get(did="scores added")
    assert (event.patient, event.more) == (patient.code, {"scores": 5})


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"m_TUG": "11200"}, ["11200, which is no plausible Timed Up and Go", "2 to 300 s", "Milliseconds? Then it is 11.2 s."]),
        ({"m_TUG": "0.2"}, ["Minutes? Then it is 12 s."]),
        ({"m_TUG": "fast"}, ["fast", "number"]),
        ({"m_TUG": "nan"}, ["number"]),
        ({"m_MINIBEST.reactive": "7"}, ["0 to 6 points"]),
        ({"m_MINIBEST": "5", "m_MINIBEST.reactive": "6"}, ["5, and its parts make 6", "no more than the whole"]),
        ({"m_TUG": "11", "measured_on": "2026-11-22"}, ["a day in the future"]),
        ({"m_TUG": "11", "measured_on": "1900-01-01"}, ["the year 1900"]),
        ({"m_TUG": "11", "measured_on": "yesterday"}, ["a day, such as 2026-11-30"]),
        ({"s_knee-extension_left": "6"}, ["0 to 5, with + or -"]),
        ({"s_nose_left": "3"}, ["nose_left", "knee_extension_left"]),
        ({"t_calf_left": "1++"}, ["0, 1, 1+, 2, 3 or 4"]),
        ({}, ["Nothing was entered yet"]),
    ],
)  # fmt: skip
def test_what_cannot_be_is_asked_back_and_nothing_is_kept_or_lost(
    fields: dict[str, str], told: list[str], enter: Callable[..., Any], patient: Patient
) -> None:
    good = {"m_MINIBEST": "20"} if fields else {}
    answer = enter(
        "TUG", "MINIBEST", "MRC", "MAS", **{name.replace(".", "__"): each for name, each in (good | fields).items()}
    )
    page = text_of(answer.content)
    assert answer.status_code == 400
    for each in told:
        assert each in page
    for name, value in fields.items():
        if name.startswith("m_"):
            assert f'name="{name}" type="text" value="{value}"' in answer.content.decode()
    assert kept(patient) == []


def test_the_same_day_is_corrected_and_another_day_is_added(
    enter: Callable[..., Any], patient: Patient, cast: Cast
) -> None:
    enter("TUG", m_TUG="12", measured_on="2026-11-02")
    enter("TUG", m_TUG="11", measured_on="2026-11-02")
    enter("TUG", m_TUG="11", measured_on="2026-11-02")
    enter("TUG", m_TUG="10")
    assert kept(patient) == [("TUG", "", dt.date(2026, 11, 2), 11), ("TUG", "", ON, 10)]
    done = Event.objects.filter(patient=patient.code, who=cast["clinician"].code).order_by("id")
    assert [event.did for event in done if event.did.startswith("scores")] == [
        "scores added",
        "scores corrected",
        "scores added",
    ]


def test_a_value_is_taken_back_after_it_was_shown(enter: Callable[..., Any], patient: Patient) -> None:
    enter("TUG", m_TUG="12")
    client, address = enter.client, f"/desk/patients/{patient.code}/scores/{Score.objects.get().code}/back/"  # type: ignore[attr-defined]
    assert "Timed Up and Go: 12 of 21" in text_of(client.get(address).content)
    assert Score.objects.count() == 1
    assert client.post(address).status_code == 302
    assert client.post(address).status_code == 404
    assert kept(patient) == []
    assert Event.objects.filter(did="score taken back", patient=patient.code).count() == 1


def test_one_wrong_value_among_many_keeps_none(cast: Cast, patient: Patient) -> None:
    with pytest.raises(DataError):
        patients.add_scores(
            by=cast["owner"],
            patient=patient,
            scores=[Taken("BBS", "", ON, 50), Taken("BBS", "", ON - dt.timedelta(days=1), 57)],
        )
    assert kept(patient) == []


def test_what_a_profile_asks_is_not_scored_and_the_plans_retests_are_offered_first(
    enter: Callable[..., Any], cast: Cast, patient: Patient
) -> None:
    known = patient_forms.instruments(shelf().current())
    assert not {"EDSS", "PDDS", "FALLS"} & set(known)
    assert {"MRC", "MAS", "TUG", "6MWT"} <= set(known)
    plan = Plan.objects.create(
        clinic=cast.lakeside, patient=patient, state="running", starts_on=dt.date(2026, 10, 26), weeks=12, signed=1
    )
    document = {"plan": {"retests": [{"instrument": "BBS", "weeks": [0, 4, 8]}, {"instrument": "FALLS", "weeks": [4]}]}}
    PlanVersion.objects.create(plan=plan, number=1, document=document, library="x")
    page = enter.client.get(f"/desk/patients/{patient.code}/scores/").content.decode()  # type: ignore[attr-defined]
    assert page.index("The plan&#x27;s re-tests") < page.index('value="BBS"') < page.index('label="Activity"')
    assert page.count('<option value="BBS"') == 1
    # Week 0 was missed and week 4 began on 16 November: only the last one waits. A test up to a week early is that test.
    patients.follow(patient)
    assert patient.retest_on == dt.date(2026, 11, 16)
    enter("BBS", m_BBS="50", measured_on="2026-10-26")
    assert Patient.objects.get().retest_on == dt.date(2026, 11, 16)
    enter("BBS", m_BBS="51", measured_on="2026-11-10")
    now = Patient.objects.get()
    assert now.retest_on == dt.date(2026, 12, 14)
    assert "retest" not in now.asks(ON)


def test_the_course_of_a_score_stands_beside_the_change_that_counts(
    enter: Callable[..., Any], patient: Patient
) -> None:
    for on, value in (("2026-08-03", "18"), ("2026-09-07", "21"), ("2026-11-02", "20")):
        enter("MINIBEST", m_MINIBEST=value, measured_on=on)
    enter("DGI", m_DGI="20")
    answer = enter.client.get(f"/desk/patients/{patient.code}/scores/")  # type: ignore[attr-defined]
    page = text_of(answer.content).replace("\xa0", " ")
    assert "2 November 2026 20 −1 +2 Clinician" in page
    assert "3 August 2026 18 – – Clinician" in page
    assert (
        "Change beyond error 3.5 points (people with MS; EDSS 2.0-3.5, n=28; of 5 published values the one for this EDSS)"
        in page
    )
    assert "Dynamic Gait Index" in page
    assert page.index("Change beyond error not known") < page.index("Mini-BESTest points")
    assert answer.content.decode().count('<svg class="course"') == 1


def test_a_chart_says_in_words_what_it_draws() -> None:
    points = [(dt.date(2026, 8, 3), 13.4), (dt.date(2026, 9, 7), 12.9), (dt.date(2026, 11, 2), 11.2)]
    drawn = ElementTree.fromstring(course(points, "Up & go", "s", "down"))  # noqa: S314  our own
    assert drawn.findtext("title") == "Up & go over time"
    told = (drawn.findtext("desc") or "").replace("\xa0", " ")
    assert told == "3 values in s. 3 August 2026: 13.4; 7 September 2026: 12.9; 2 November 2026: 11.2."
    places = [(float(dot.attrib["cx"]), float(dot.attrib["cy"])) for dot in drawn.iter("circle")]
    assert [x for x, _ in places] == sorted(x for x, _ in places)
    assert [y for _, y in places] == sorted(y for _, y in places), "a lower value is drawn lower"
    assert all(0 <= x <= 380 and 0 <= y <= 190 for x, y in places)


@pytest.mark.parametrize("values", [[0, 0], [5, 5], [-2, 2], [0.05, 4], [1000, 1000.5]])
def test_any_two_values_can_be_drawn(values: list[float]) -> None:
    drawn = ElementTree.fromstring(course([(ON, values[0]), (ON + dt.timedelta(days=1), values[1])], "x"))  # noqa: S314
    assert len(list(drawn.iter("circle"))) == 2
    assert course([(ON, 1.0)], "x") == ""


def test_scores_and_answers_from_hostile_hands_come_back_as_text(enter: Callable[..., Any], patient: Patient) -> None:
    attack = '"><script>alert(1)</script>'
    answer = enter("TUG", "NOT-ONE", attack, m_TUG=attack, measured_on=attack, **{f"s_{attack}_left": "3"})
    assert answer.status_code == 400
    assert "<script>alert" not in answer.content.decode()
    assert enter("NOT-ONE", m_TUG="11").status_code == 302
    assert kept(patient) == []
