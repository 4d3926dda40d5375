"""Patients by code: the list, the profile, notes, check-ins, and what a clinic takes away."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neurodash.errors import DataError
from neurodash.planning.profile import read_profile
from neurodash.web.clinic import patient_list, patients
from neurodash.web.clinic.models import AMBERS, SILENT_AFTER, CheckIn, Patient, Plan, SavedProtocol
from neurodash.web.clinic.patients import Taken
from neurodash.web.people.models import Clinic, Event
from neurodash.web.shelf import shelf
from tests.conftest import text_of
from tests.web.cast import Cast

pytestmark = pytest.mark.django_db
ON = dt.date(2026, 11, 21)
FULL = {
    "phenotype": "RRMS", "edss": 3.5, "falls_6_months": 2, "setting": "home_alone", "equipment": ["chair"], "swaps": {},
    "goals": [{"text": "walk to the shop", "tasks": ["walk"]}, {"text": "carry the child"}],
}  # fmt: skip


@pytest.fixture(autouse=True)
def one_day(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test here is on the same day."""
    monkeypatch.setattr(type(settings.CONFIG), "today", lambda _: ON)


@pytest.fixture
def as_(cast: Cast) -> Callable[[str], Client]:
    def enter(who: str) -> Client:
        client = Client(HTTP_HOST="localhost")
        client.force_login(cast[who])
        return client

    return enter


def add(cast: Cast, label: str = "P-014", clinic: Clinic | None = None, **profile: Any) -> Patient:
    where = clinic or cast.lakeside
    return patients.add_patient(by=cast["owner"], clinic=where, label=label, profile=profile)


def did(patient: Patient) -> list[str]:
    return [event.did for event in Event.objects.filter(patient=patient.code).order_by("id")]


# A code, never a name


@pytest.mark.parametrize(
    "label", ["P-014", "014", "ms.7", "case-12", "Patient-3", "A1", "2026-17", "K_204", "P" * 31 + "1"]
)
def test_a_code_of_the_clinics_own_is_taken(label: str) -> None:
    assert patients.read_label(f" {label} ") == label


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("Anna", "a name"), ("anna.smith2", "a name"), ("Smith-3", "a name"), ("Jörg1", "a name"), ("heron", "a name"),
        ("ada7@example.org", "e-mail"), ("1975-03-12", "date of birth"), ("12.3.75", "date of birth"),
        ("P-19750312", "date of birth"), ("12031975", "date of birth"), ("", "nothing"), ("P 1", "spaces"),
        ("../p1", "up to 32"), ("P" * 33 + "1", "up to 32"), ("<b>1</b>", "up to 32"), ("=1+1", "up to 32"), ("\0001", "up to 32"),
    ],
)  # fmt: skip
def test_what_looks_like_a_person_is_refused_kindly_and_comes_back(
    typed: str, told: str, cast: Cast, as_: Callable[[str], Client]
) -> None:
    answer = as_("clinician").post(f"/desk/{cast.lakeside.code}/patients/new/", {"code": typed})
    assert answer.status_code == 400
    assert told in text_of(answer.content)
    assert "P-014" in text_of(answer.content)
    assert not Patient.objects.exists()


def test_a_code_is_all_that_is_asked_and_is_free_in_its_clinic_only_once(
    cast: Cast, as_: Callable[[str], Client]
) -> None:
    clinician, address = as_("clinician"), f"/desk/{cast.lakeside.code}/patients/new/"
    made = clinician.post(address, {"code": "P-014"})
    patient = Patient.objects.get()
    assert (made.status_code, made["Location"]) == (302, f"/desk/patients/{patient.code}/profile/")
    assert (patient.label, patient.profile, did(patient)) == ("P-014", {}, ["patient added"])
    again = clinician.post(address, {"code": "p-014"})
    assert again.status_code == 400
    assert "another patient has" in text_of(again.content)
    add(cast, "P-014", cast.harbour)
    assert Patient.objects.count() == 2


# The profile


def test_the_planner_reads_a_patient_with_the_newest_of_every_score(cast: Cast) -> None:
    patient = add(cast, **FULL)
    for on, tug, grade in ((dt.date(2026, 9, 1), 14, "3"), (dt.date(2026, 11, 2), 11.2, "3+")):
        taken = [
            Taken("TUG", "", on, tug),
            Taken("MRC", "knee-extension-left", on, grade),
            Taken("MAS", "calf-right", on, "1+"),
        ]
        patients.add_scores(by=cast["owner"], patient=patient, scores=taken)
    given_ = patients.planner_profile(patient)
    assert given_["code"] == "P-014"
    assert given_["measures"] == [{"instrument": "TUG", "value": 11.2, "on": "2026-11-02"}]
    read = read_profile(json.dumps(given_), "test", shelf().current(), ON)
    assert read.value("TUG") == 11.2
    assert read.strength == {"knee-extension": {"left": pytest.approx(3 + 1 / 3)}}
    assert read.spasticity == {"calf": {"right": 1.5}}


def test_the_form_keeps_what_it_does_not_ask_and_takes_nothing_that_is_measured(
    cast: Cast, as_: Callable[[str], Client]
) -> None:
    patient = add(cast, **FULL)
    page = as_("clinician").get(f"/desk/patients/{patient.code}/profile/")
    assert b'value="P-014"' in page.content
    assert b"m_TUG" not in page.content
    sent = {
        "code": "P-014",
        "edition": "1",
        "edss": "4",
        "goal": "walk further",
        "m_TUG": "9",
        "s_grip_left": "2",
        "clinic": "x",
        "red_on": "2026-01-01",
    }
    answer = as_("clinician").post(f"/desk/patients/{patient.code}/profile/", sent)
    assert answer.status_code == 302
    now = Patient.objects.get(pk=patient.pk)
    assert (now.profile["edss"], now.edition, now.red_on, now.clinic) == (4, 2, None, cast.lakeside)
    assert now.profile["goals"] == [{"text": "walk further"}, {"text": "carry the child"}]
    assert not {"measures", "strength", "code"} & set(now.profile)
    assert did(now)[-1] == "profile changed"


def test_names_of_situations_and_things_are_kept_as_the_form_knows_them(
    cast: Cast, as_: Callable[[str], Client]
) -> None:
    patient = add(cast, precautions=["heat_sensitivity", "P25"], equipment=["foam_pad", "band_light"])
    page = as_("clinician").get(f"/desk/patients/{patient.code}/profile/").content.decode()
    for code in (*patient.profile["precautions"], *patient.profile["equipment"]):
        assert f'value="{code}" checked' in page.replace('name="equipment" ', "").replace('name="precautions" ', ""), (
            code
        )


def test_a_wrong_answer_is_named_at_its_field_and_nothing_typed_is_lost(
    cast: Cast, as_: Callable[[str], Client]
) -> None:
    patient = add(cast, **FULL)
    sent = {
        "code": "Anna",
        "edition": "1",
        "age": "old",
        "falls_6_months": "1",
        "falls_3_months": "3",
        "goal": "<script>x</script>",
    }
    answer = as_("clinician").post(f"/desk/patients/{patient.code}/profile/", sent)
    page = answer.content.decode()
    assert answer.status_code == 400
    assert 'href="#f-code"' in page
    sent["code"] = "P-014"
    page = as_("clinician").post(f"/desk/patients/{patient.code}/profile/", sent).content.decode()
    for field in ("age", "falls_3_months"):
        assert f'href="#f-{field}"' in page
        assert f'id="e-{field}"' in page
    assert 'value="old"' in page
    assert "&lt;script&gt;x" in page
    assert "<script>x" not in page
    assert Patient.objects.get(pk=patient.pk).profile == patient.profile


def test_two_people_at_once_never_overwrite_each_other(cast: Cast, as_: Callable[[str], Client]) -> None:
    patient = add(cast, **FULL)
    address = f"/desk/patients/{patient.code}/profile/"
    assert as_("clinician").post(address, {"code": "P-014", "edition": "1", "edss": "4"}).status_code == 302
    late = as_("student").post(address, {"code": "P-014", "edition": "1", "edss": "6", "walking_aid": "stick"})
    page = text_of(late.content)
    assert late.status_code == 409
    assert "Clinician changed this record while you wrote" in page
    assert "EDSS 4 6" in page
    assert Patient.objects.get().profile["edss"] == 4
    assert b'name="edition" value="2"' in late.content
    assert (
        as_("student").post(address, {"code": "P-014", "edition": "2", "edss": "6", "walking_aid": "stick"}).status_code
        == 302
    )
    assert Patient.objects.get().profile["edss"] == 6


def test_notes_are_safe_from_two_people_writing_at_once(cast: Cast, as_: Callable[[str], Client]) -> None:
    patient, hers, his = add(cast), "tired at noon <b>", "call the splint maker"
    address = f"/desk/patients/{patient.code}/notes/"
    assert as_("clinician").post(address, {"edition": "1", "notes": hers}).status_code == 302
    late = as_("student").post(address, {"edition": "1", "notes": his})
    assert late.status_code == 409
    assert "tired at noon &lt;b&gt;" in late.content.decode()
    assert his in late.content.decode()
    assert Patient.objects.get().notes == hers
    long = as_("student").post(address, {"edition": "2", "notes": "x" * 20_001})
    assert long.status_code == 400
    assert "x" * 20_001 in long.content.decode()


# Who may


def every_address(patient: Patient, clinic: Clinic) -> list[str]:
    score = patient.scores.get()
    own = f"/desk/patients/{patient.code}/"
    pages = (
        "",
        "looked-at/",
        "care/",
        "delete/",
        "notes/",
        "profile/",
        "scores/",
        "scores/new/",
        f"scores/{score.code}/back/",
    )
    return [
        f"/desk/{clinic.code}/",
        f"/desk/{clinic.code}/patients/new/",
        f"/desk/{clinic.code}/record/",
        *(own + page for page in pages),
    ]


@pytest.fixture
def measured(cast: Cast) -> Patient:
    patient = add(cast, **FULL)
    patients.add_scores(by=cast["owner"], patient=patient, scores=[Taken("TUG", "", ON, 11.2)])
    patients.log_checkin(patient=patient, key="a", on=ON, tier="red", told={})
    return Patient.objects.get(pk=patient.pk)


@pytest.mark.parametrize("method", ["get", "post", "put", "delete", "patch", "head", "options"])
def test_another_clinics_patient_is_not_there_whatever_is_asked(
    method: str, cast: Cast, measured: Patient, as_: Callable[[str], Client]
) -> None:
    stranger, before = as_("stranger"), Event.objects.count()
    for address in every_address(measured, cast.lakeside):
        assert getattr(stranger, method)(address).status_code == 404, address
    assert Event.objects.count() == before
    assert Patient.objects.get(pk=measured.pk).red_on == ON


def test_a_score_is_taken_back_only_through_its_own_patient(
    cast: Cast, measured: Patient, as_: Callable[[str], Client]
) -> None:
    theirs = add(cast, "H-1", cast.harbour)
    code = measured.scores.get().code
    assert as_("stranger").post(f"/desk/patients/{theirs.code}/scores/{code}/back/").status_code == 404
    assert measured.scores.count() == 1


@pytest.mark.parametrize("who", ["onlooker", "lapsed"])
def test_who_may_not_write_reads_everything_and_is_told_why(
    who: str, cast: Cast, measured: Patient, as_: Callable[[str], Client]
) -> None:
    visitor, own = as_(who), f"/desk/patients/{measured.code}/"
    for address in (f"/desk/{cast.lakeside.code}/", own, own + "scores/"):
        page = visitor.get(address)
        assert page.status_code == 200
        assert b'<form method="post"' not in page.content
    for address in (
        f"/desk/{cast.lakeside.code}/patients/new/",
        own + "notes/",
        own + "profile/",
        own + "scores/new/",
        own + "care/",
        own + "looked-at/",
        own + "delete/",
    ):
        answer = visitor.post(address, {"code": "P-99", "edition": "1", "do": "end", "seen": str(ON)})
        assert answer.status_code == 403, address
    assert "seat" in text_of(answer.content) or "membership" in text_of(answer.content)
    assert Patient.objects.get().ended_on is None
    assert visitor.post(f"/desk/{cast.lakeside.code}/record/").status_code == 403


def test_nobody_who_has_not_signed_in_sees_anything(cast: Cast, measured: Patient) -> None:
    for address in every_address(measured, cast.lakeside):
        answer = Client(HTTP_HOST="localhost").get(address)
        assert answer.status_code == 302
        assert "/account/login/" in answer["Location"]


def test_a_post_without_its_token_changes_nothing(cast: Cast, measured: Patient) -> None:
    client = Client(HTTP_HOST="localhost", enforce_csrf_checks=True)
    client.force_login(cast["owner"])
    assert client.post(f"/desk/patients/{measured.code}/care/", {"do": "end"}).status_code == 403
    assert Patient.objects.get().ended_on is None


def test_every_reading_leaves_an_event_that_says_nothing_about_health(
    cast: Cast, measured: Patient, as_: Callable[[str], Client]
) -> None:
    own = f"/desk/patients/{measured.code}/"
    for page in ("", "scores/", "profile/", "notes/"):
        as_("clinician").get(own + page)
    seen = Event.objects.filter(patient=measured.code, who=cast["clinician"].code).order_by("id")
    assert [event.did for event in seen] == ["patient seen", "scores seen", "profile seen", "notes seen"]
    assert not any("TUG" in str(event.more) or "11.2" in str(event.more) for event in Event.objects.all())


# Care, looking, deleting


def test_care_ends_and_is_taken_up_again(cast: Cast, measured: Patient, as_: Callable[[str], Client]) -> None:
    clinician, own = as_("clinician"), f"/desk/patients/{measured.code}/"
    assert clinician.post(own + "care/", {"do": "end"}).status_code == 302
    ended = Patient.objects.get()
    assert (ended.ended_on, ended.look_on, ended.asks(ON)) == (ON, None, ())
    clinician.get(own)  # what was said is read
    assert "P-014" not in text_of(clinician.get(f"/desk/{cast.lakeside.code}/").content)
    assert "P-014" in text_of(clinician.get(f"/desk/{cast.lakeside.code}/?ended=yes").content)
    clinician.post(own + "care/", {"do": "again"})
    assert Patient.objects.get().asks(ON) == ("red",)
    assert [each for each in did(measured) if each.startswith("care")] == ["care ended", "care taken up again"]


def test_looked_at_clears_the_red_that_was_seen_and_not_a_newer_one(
    cast: Cast, measured: Patient, as_: Callable[[str], Client]
) -> None:
    clinician, address = as_("clinician"), f"/desk/patients/{measured.code}/looked-at/"
    clinician.post(address, {"seen": str(ON - dt.timedelta(days=1))})
    assert Patient.objects.get().red_on == ON
    assert clinician.post(address, {"seen": "never"}).status_code == 404
    clinician.post(address, {"seen": str(ON), "from": "list"})
    assert Patient.objects.get().asks(ON) == ()
    assert did(measured)[-1] == "red looked at"


def test_only_an_owner_deletes_and_only_with_the_code_typed(
    cast: Cast, measured: Patient, as_: Callable[[str], Client]
) -> None:
    address = f"/desk/patients/{measured.code}/delete/"
    assert as_("clinician").post(address, {"typed": "P-014"}).status_code == 403
    assert as_("owner").post(address, {"typed": "p-14"}).status_code == 400
    assert Patient.objects.count() == 1
    assert as_("owner").post(address, {"typed": " P-014 "}).status_code == 302
    assert not Patient.objects.exists()
    assert not CheckIn.objects.exists()
    assert Event.objects.filter(patient=measured.code).order_by("id").last().did == "patient deleted"  # type: ignore[union-attr]


# Check-ins


def a_plan(patient: Patient, **more: Any) -> Plan:
    told: dict[str, Any] = {"state": "running", "starts_on": dt.date(2026, 10, 5), "weeks": 12, **more}
    return Plan.objects.create(clinic=patient.clinic, patient=patient, **told)


ENTRIES = st.lists(
    st.tuples(st.integers(0, 8), st.integers(0, 40), st.sampled_from(["green", "amber", "red"]), st.booleans()),
    max_size=12,
)


@given(entries=ENTRIES, runs=st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_order_the_list_shows_what_a_recount_of_all_rows_shows(
    entries: list[tuple[int, int, str, bool]], runs: bool, cast: Cast
) -> None:
    """Entries are (key, days ago, tier, whether somebody looks at red afterwards); a key that comes again is a double."""
    Patient.objects.all().delete()
    patient = add(cast)
    if runs:
        a_plan(patient)
    seen: dict[str, tuple[dt.date, str]] = {}
    unlooked: list[dt.date] = []
    for key, ago, tier, looks in entries:
        on = ON - dt.timedelta(days=ago)
        if str(key) not in seen:
            seen[str(key)] = on, tier
            unlooked += [on] if tier == "red" else []
        patients.log_checkin(patient=patient, key=str(key), on=on, tier=tier, told={"n": ago})
        red_on = Patient.objects.get().red_on
        if looks and red_on:
            patients.look_at_red(by=cast["owner"], patient=patient, seen=red_on)
            unlooked = []
    now, rows = Patient.objects.get(), list(CheckIn.objects.all())
    assert {(row.key, row.on, row.tier) for row in rows} == {(key, *told) for key, told in seen.items()}
    newest = max((row.on for row in rows), default=None)
    assert now.seen_on == newest
    assert now.red_on == max(unlooked, default=None)
    ambers = [row for row in rows if newest and row.tier == "amber" and row.on > newest - dt.timedelta(days=14)]
    assert now.ambers == len(ambers)
    follows = runs and (newest is not None)
    assert now.silent_on == (max(newest, dt.date(2026, 10, 5)) + SILENT_AFTER if follows and newest else now.silent_on)
    assert (now.silent_on is None) == (not follows)
    days = [day for day in (now.red_on, newest if len(ambers) >= AMBERS else None, now.silent_on) if day]
    assert now.look_on == min(days, default=None)


@pytest.mark.parametrize(
    "wrong", [{"key": ""}, {"key": "k" * 41}, {"tier": "blue"}, {"on": dt.date(2026, 11, 23)}, {"told": "x" * 6000}]
)
def test_a_check_in_that_cannot_be_is_refused_and_changes_nothing(wrong: dict[str, Any], cast: Cast) -> None:
    patient = add(cast)
    with pytest.raises(DataError):
        patients.log_checkin(**{"patient": patient, "key": "a", "on": ON, "tier": "red", "told": {}, **wrong})
    assert not CheckIn.objects.exists()
    assert Patient.objects.get().red_on is None


# The list


def test_those_who_ask_come_first_red_before_all_with_a_word_and_a_shape_each(
    cast: Cast, as_: Callable[[str], Client]
) -> None:
    made = {label: add(cast, label) for label in ("P-1", "P-2", "P-3", "P-4", "P-5")}
    patients.log_checkin(patient=made["P-5"], key="r", on=ON, tier="red", told={})
    for number in range(3):
        patients.log_checkin(
            patient=made["P-4"], key=str(number), on=ON - dt.timedelta(days=number), tier="amber", told={}
        )
    a_plan(made["P-3"])
    patients.follow(Patient.objects.get(label="P-3"))
    Patient.objects.filter(label="P-2").update(retest_on=ON, look_on=ON)
    page = text_of(as_("onlooker").get(f"/desk/{cast.lakeside.code}/").content)
    order = [page.index(f" {told}") for told in ("P-5", "P-3", "P-2", "P-4", "P-1")]
    assert order == sorted(order)
    for told in (
        "■ Red on 21\xa0November 2026",
        "▲ 3 ambers in 14 days",
        "○ No check-in yet",
        "◇ Re-test due 21\xa0November 2026",
        "Week 7 of 12",
    ):
        assert told.replace("\xa0", " ") in page.replace("\xa0", " ")


def test_the_list_is_searched_by_the_beginning_of_a_code_and_holds_fifty(
    cast: Cast, as_: Callable[[str], Client]
) -> None:
    Patient.objects.bulk_create(
        Patient(
            clinic=cast.lakeside,
            label=f"P-{n:03}",
            look_on=ON if n % 3 == 0 else None,
            red_on=ON if n % 9 == 0 else None,
        )
        for n in range(120)
    )
    add(cast, "X_1")
    add(cast, "H-1", cast.harbour)
    seen: list[str] = []
    after = ""
    for _ in range(3):
        page = patient_list.page(cast.lakeside, ON, after=after)
        seen += [line.patient.label for line in page.lines]
        after = page.after
    assert (len(seen), len(set(seen)), after) == (121, 121, "")
    reds, others = [f"P-{n:03}" for n in range(0, 120, 9)], [f"P-{n:03}" for n in range(0, 120, 3) if n % 9]
    assert seen[: len(reds) + len(others)] == reds + others
    assert [line.patient.label for line in patient_list.page(cast.lakeside, ON, "p-00").lines[:3]] == [
        "P-000",
        "P-009",
        "P-003",
    ]
    assert [line.patient.label for line in patient_list.page(cast.lakeside, ON, "x_").lines] == ["X_1"]
    assert not patient_list.page(cast.lakeside, ON, "%").lines
    assert patient_list.page(cast.harbour, ON, after=after or "0" * 16).lines[0].patient.label == "H-1"
    page = text_of(as_("clinician").get(f"/desk/{cast.lakeside.code}/?code=%00%3Cb%3E").content)
    assert "No code begins with" in page


def test_an_empty_list_tells_the_next_step(cast: Cast, as_: Callable[[str], Client]) -> None:
    page = text_of(as_("clinician").get(f"/desk/{cast.lakeside.code}/").content)
    assert "Nobody is on the list yet" in page
    assert "Add the first patient" in page
    assert "Add the first patient" not in text_of(as_("onlooker").get(f"/desk/{cast.lakeside.code}/").content)


def test_the_list_asks_the_database_as_often_for_one_as_for_a_hundred(cast: Cast, as_: Callable[[str], Client]) -> None:
    clinician, counts = as_("clinician"), []
    for many in (1, 100):
        for n in range(many):
            patient = Patient.objects.create(clinic=cast.lakeside, label=f"P-{many}-{n}")
            a_plan(patient)
        clinician.get(f"/desk/{cast.lakeside.code}/")
        with CaptureQueriesContext(
            connection,
        ) as asked:
            clinician.get(f"/desk/{cast.lakeside.code}/")
        counts.append(len(asked))
    assert counts[0] == counts[1] <= 16


# Taking away


def test_an_owner_takes_the_whole_record_away_even_when_membership_has_ended(
    cast: Cast, measured: Patient, as_: Callable[[str], Client]
) -> None:
    cast["owner"].membership.delete()
    patients.change_notes(by=cast["owner"], patient=measured, edition=1, notes="<script>alert(1)</script>")
    patients.log_checkin(patient=measured, key="f", on=ON, tier="green", told="=cmd|' /C calc'!A0")
    add(cast, "H-1", cast.harbour)
    SavedProtocol.objects.create(
        clinic=cast.lakeside, name="Ours", brief="balance-training", document={}, source={}, library="x"
    )
    answer = as_("owner").post(f"/desk/{cast.lakeside.code}/record/")
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as kept:  # type: ignore[attr-defined]
        assert kept.testzip() is None
        names = kept.namelist()
        data = json.loads(kept.read("patients/P-014/record.json"))
        page = kept.read("patients/P-014/record.html").decode()
        rows = list(csv.DictReader(io.StringIO(kept.read("check-ins.csv").decode())))
        scores = list(csv.DictReader(io.StringIO(kept.read("scores.csv").decode())))
    assert {"READ ME.txt", "patients.csv", "seats.csv"} <= set(names)
    assert any(name.startswith("protocols/") for name in names)
    assert not any("H-1" in name for name in names)
    assert data["profile"]["edss"] == 3.5
    assert data["scores"][0]["value"] == 11.2
    assert "<script" not in page
    assert "walk to the shop" in page
    assert scores[0]["value"] == "11.2"
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())
    assert Event.objects.filter(did="record taken away", clinic=cast.lakeside, who=cast["owner"].code).count() == 1
