"""What was done in a clinic, as its owners read it: whole, in words, and out of everybody's reach."""

from __future__ import annotations

import csv
import datetime as dt
import io
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from neurodash.web.clinic import trail
from neurodash.web.clinic.models import Patient
from neurodash.web.people import events
from neurodash.web.people.models import Event, Seat, User
from tests.conftest import text_of
from tests.web import cast as casting

Cast = casting.Cast
NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)


@pytest.fixture
def owner(cast: Cast) -> Client:
    client = Client()
    client.force_login(cast["owner"], backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


@pytest.fixture
def patient(cast: Cast) -> Patient:
    return Patient.objects.create(clinic=cast.lakeside, label="P-014")


def page(cast: Cast) -> str:
    return f"/desk/{cast.lakeside.code}/events/"


def rows(response: Any) -> list[str]:
    """The lines of the table in words."""
    html = response.content.decode().partition("<tbody>")[2].partition("</tbody>")[0]
    return [text_of(row) for row in html.split("</tr>")[:-1]]


def table(response: Any) -> list[dict[str, str]]:
    text = b"".join(response.streaming_content).decode()
    return list(csv.DictReader(io.StringIO(text)))


def many(cast: Cast, n: int, **more: Any) -> None:
    Event.objects.bulk_create(
        [Event(**{"clinic": cast.lakeside, "who": cast["owner"].code, "did": f"act {i}", **more}) for i in range(n)]
    )


def test_a_line_says_who_did_what_with_whose_record_when_and_from_where(
    owner: Client, cast: Cast, patient: Patient
) -> None:
    event = events.record(
        "scores changed", by=cast["clinician"], clinic=cast.lakeside, patient=patient.code, where="192.0.2.7"
    )
    [line] = rows(owner.get(page(cast)))
    when = f"{event.at:%H:%M}"
    assert line.split()[3:] == [when, "Clinician", "Scores", "changed", "P-014", "192.0.2.7"]


def test_the_change_of_a_seat_names_the_person_and_both_roles(owner: Client, cast: Cast) -> None:
    owner.post(f"/desk/{cast.lakeside.code}/people/{cast['student'].code}/", {"role": "clinician"})
    [line] = rows(owner.get(page(cast)))
    assert "Owner Role changed: Student, was Student, now Clinician no patient's 127.0.0.1" in line


def test_an_account_and_a_record_that_are_gone_leave_their_lines(owner: Client, cast: Cast, patient: Patient) -> None:
    events.record("patient seen", by=cast["clinician"], clinic=cast.lakeside, patient=patient.code)
    cast["clinician"].delete()
    patient.delete()
    [line] = rows(owner.get(page(cast)))
    assert "an account that is gone Patient seen a record that is gone" in line


def test_only_this_clinics_events_and_labels_are_shown(owner: Client, cast: Cast) -> None:
    theirs = Patient.objects.create(clinic=cast.harbour, label="SECRET-1")
    events.record("patient seen", by=cast["stranger"], clinic=cast.harbour, patient=theirs.code)
    events.record(
        "patient seen", by=cast["owner"], clinic=cast.lakeside, patient=theirs.code
    )  # cannot be, and if it were
    answer = owner.get(page(cast))
    assert len(rows(answer)) == 1
    assert "SECRET-1" not in answer.content.decode()
    for asked in ({"patient": "SECRET-1"}, {"patient": "secret-1"}):
        assert owner.get(page(cast), asked).status_code == 400
    assert rows(owner.get(page(cast), {"person": cast["stranger"].code})) == []
    assert "Stranger" not in owner.get(page(cast), {"person": cast["stranger"].code}).content.decode()
    assert "SECRET-1" not in str(table(owner.get(page(cast)[:-1] + ".csv")))


def test_events_are_found_by_person_patient_and_days(owner: Client, cast: Cast, patient: Patient) -> None:
    def on(day: int, hour: int, **more: Any) -> None:
        at = dt.datetime(2026, 11, day, hour, tzinfo=dt.UTC)
        Event.objects.create(at=at, clinic=cast.lakeside, did=f"act {day}/{hour}", **more)

    on(19, 23, who=cast["owner"].code)
    on(20, 0, who=cast["clinician"].code, patient=patient.code)
    on(21, 23, who=cast["clinician"].code)
    on(22, 0, who=cast["owner"].code, patient=patient.code)

    def found(**asked: str) -> list[str]:
        lines = rows(owner.get(page(cast), asked))
        return [each for line in lines for each in line.split() if "/" in each]

    assert found() == ["22/0", "21/23", "20/0", "19/23"]
    assert found(person=cast["clinician"].code) == ["21/23", "20/0"]
    assert found(patient="p-014") == ["22/0", "20/0"]
    assert found(patient=patient.code) == ["22/0", "20/0"]
    assert found(since="2026-11-20", until="2026-11-21") == ["21/23", "20/0"]
    assert found(since="2026-11-22", person=cast["owner"].code, patient="P-014") == ["22/0"]
    patient_code = patient.code
    patient.delete()
    assert found(patient=patient_code) == ["22/0", "20/0"]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"since": "21.11.2026"}, "“21.11.2026” is no day"),
        ({"until": "9999-12-31"}, "is no day"),
        ({"since": "0001-01-01"}, "is no day"),
        ({"since": "2026-11-21", "until": "2026-11-20"}, "The last day lies before the first one."),
        ({"patient": "<b>\x00"}, "Nobody in this clinic has the code “&lt;b&gt;"),
        ({"person": "' OR 1=1"}, "Choose one of the people."),
    ],
)
def test_a_wish_that_cannot_be_read_comes_back_with_the_reason(
    asked: dict[str, str], told: str, owner: Client, cast: Cast
) -> None:
    many(cast, 1)
    answer = owner.get(page(cast), asked)
    html = answer.content.decode()
    assert answer.status_code == 400
    assert told in html
    assert rows(answer) == []
    refused = owner.get(page(cast)[:-1] + ".csv", asked)
    assert refused.status_code == 302
    assert refused["Location"].startswith(page(cast) + "?")


@pytest.mark.parametrize("before", ["x", "-1", "9" * 18, "9" * 400, "1e3", ""])
def test_a_page_that_is_none_is_no_error(before: str, owner: Client, cast: Cast) -> None:
    many(cast, 1)
    assert owner.get(page(cast), {"before": before}).status_code == 200


def test_pages_hold_a_hundred_and_together_every_line_once(owner: Client, cast: Cast) -> None:
    many(cast, 250)
    answer, sizes, seen = owner.get(page(cast), {"person": cast["owner"].code}), [], []
    while True:
        lines = rows(answer)
        sizes.append(len(lines))
        seen += lines
        events.record("came in between", by=cast["owner"], clinic=cast.lakeside)
        html = answer.content.decode()
        older = html.partition('rel="next"')[0].rpartition('href="')[2].partition('"')[0]
        if 'rel="next"' not in html:
            break
        answer = owner.get(page(cast) + older.replace("&amp;", "&"))
    assert sizes == [100, 100, 50]
    assert [line.split("Act ")[1].split()[0] for line in seen] == [str(n) for n in reversed(range(250))]


def test_the_page_asks_as_often_for_ten_thousand_lines_as_for_one(owner: Client, cast: Cast, patient: Patient) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert owner.get(page(cast)).status_code == 200
        return len(seen)

    many(cast, 1, patient=patient.code, about=cast["student"].code)
    before = asked()
    for n in range(40):
        user = User.objects.create_user(f"p{n}@example.org")
        Seat.objects.create(clinic=cast.lakeside, user=user, role="reader")
        label = Patient.objects.create(clinic=cast.lakeside, label=f"P-{n}")
        many(cast, 250, who=user.code, patient=label.code, about=user.code)
    assert asked() == before


def test_the_export_holds_every_line_and_is_itself_written_down(
    owner: Client, cast: Cast, patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trail, "CHUNK", 7)
    many(cast, 30, patient=patient.code, where="192.0.2.7", at=NOW)
    answer = owner.get(page(cast)[:-1] + ".csv")
    assert answer.streaming
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"].startswith('attachment; filename="events-')
    lines = table(answer)
    assert [line["did"] for line in lines] == ["events exported", *(f"act {n}" for n in reversed(range(30)))]
    assert lines[1] == {
        "at_utc": "2026-11-21T12:00:00+00:00", "who": "Owner", "who_code": cast["owner"].code, "did": "act 29",
        "told": "Act 29", "patient": "P-014", "patient_code": patient.code, "about_code": "", "from_address": "192.0.2.7",
    }  # fmt: skip
    told = Event.objects.get(did="events exported")
    assert (told.who, told.clinic, told.more) == (cast["owner"].code, cast.lakeside, {})


def test_the_export_holds_what_was_asked_for(owner: Client, cast: Cast, patient: Patient) -> None:
    many(cast, 2, patient=patient.code)
    many(cast, 3)
    asked = {"patient": "P-014", "since": "2020-01-01"}
    assert [line["did"] for line in table(owner.get(page(cast)[:-1] + ".csv", asked))] == [
        "events exported", "act 1", "act 0",
    ]  # fmt: skip
    told = Event.objects.get(did="events exported")
    assert (told.patient, told.more) == (patient.code, {"since": "2020-01-01"})


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "＝"])
def test_no_cell_of_the_export_is_a_formula(sign: str, owner: Client, cast: Cast) -> None:
    User.objects.filter(pk=cast["owner"].pk).update(name=f"{sign}cmd|' /C calc'!A0")
    label = Patient.objects.create(clinic=cast.lakeside, label=f"{sign}HYPERLINK(1)")
    events.record("patient seen", by=cast["owner"], clinic=cast.lakeside, patient=label.code)
    for line in table(owner.get(page(cast)[:-1] + ".csv")):
        assert not [cell for cell in line.values() if cell.startswith(sign)]


def test_what_people_call_themselves_is_only_text(owner: Client, cast: Cast) -> None:
    User.objects.filter(pk=cast["owner"].pk).update(name="<script>alert(1)</script>")
    many(cast, 1, did="<i>did</i>", more={"<b>": "<u>"}, where="<s>")
    html = owner.get(page(cast)).content.decode()
    for tag in ("<script>alert", "<i>did", "<b>", "<u>", "<s>"):
        assert tag not in html


@pytest.mark.parametrize("who", ["clinician", "student", "onlooker", "lapsed"])
def test_reading_the_events_is_for_owners(who: str, cast: Cast) -> None:
    client = Client()
    client.force_login(cast[who], backend="allauth.account.auth_backends.AuthenticationBackend")
    for path in (page(cast), page(cast)[:-1] + ".csv"):
        assert client.get(path).status_code == 403
    assert Event.objects.count() == 0


def test_an_owner_reads_the_events_after_their_membership_has_ended(owner: Client, cast: Cast) -> None:
    cast["owner"].membership.until = timezone.now() - dt.timedelta(days=1)
    cast["owner"].membership.save()
    many(cast, 1)
    assert len(rows(owner.get(page(cast)))) == 1


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_there_is_no_method_that_changes_an_event(method: str, owner: Client, cast: Cast) -> None:
    many(cast, 1)
    before = list(Event.objects.values())
    for path in (page(cast), page(cast)[:-1] + ".csv"):
        assert getattr(owner, method)(path, {"did": "x"}).status_code == 405
    assert list(Event.objects.values()) == before


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE people_event SET did = 'nothing'",
        "UPDATE people_event SET who = '' WHERE id = (SELECT max(id) FROM people_event)",
        "DELETE FROM people_event",
        "DELETE FROM people_event WHERE did = 'act 0'",
    ],
)
def test_the_database_refuses_to_change_an_event_for_anybody_who_speaks_sql(statement: str, cast: Cast) -> None:
    many(cast, 2)
    before = list(Event.objects.order_by("id").values())
    with pytest.raises(DatabaseError, match="only ever added"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert list(Event.objects.order_by("id").values()) == before


def test_the_events_outlive_the_clinic(cast: Cast) -> None:
    many(cast, 1)
    cast.lakeside.delete()
    assert Event.objects.count() == 1
