"""Plans that are kept: every change is a version, nobody overwrites anybody, what is signed holds."""

from __future__ import annotations

import datetime as dt
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from pypdf import PdfReader

from neurodash import wording
from neurodash.errors import DataError
from neurodash.planning import changes
from neurodash.planning.plan import read_plan
from neurodash.web.clinic import plans, protocols
from neurodash.web.clinic.models import Patient, Plan, PlanVersion, Signature
from neurodash.web.people.models import Event
from neurodash.web.shelf import shelf
from tests.conftest import text_of
from tests.web.cast import Cast
from tests.web.kept import ANSWERS, MONDAY, THREADS, TODAY, TURNS, keep

SIX_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat")


@pytest.fixture(autouse=True)
def today(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The day of the site; `today(day)` makes it another one."""

    def on(day: dt.date) -> None:
        monkeypatch.setattr(type(settings.CONFIG), "today", lambda self: day)

    on(dt.date(2026, 11, 21))
    return on


@pytest.fixture
def patient(cast: Cast) -> Patient:
    return Patient.objects.create(clinic=cast.lakeside, label="P-014", profile=ANSWERS)


@pytest.fixture
def kept(cast: Cast, patient: Patient) -> Plan:
    return keep(cast["clinician"], patient)


def enter(cast: Cast, who: str) -> Client:
    client = Client()
    client.force_login(cast[who])
    return client


def at(plan: Plan, more: str = "") -> str:
    return f"/desk/plans/{plan.code}/{more}"


def press(client: Client, plan: Plan, do: str, version: int = 1, **more: Any) -> Any:
    return client.post(at(plan, "change/"), {"do": do, "version": version, **more})


def sign(client: Client, plan: Plan, version: int = 1, **more: Any) -> Any:
    return client.post(at(plan, "sign/"), {"do": "sign", "version": version, **more})


def swap_of(plan: Plan, client: Client) -> str:
    """A swap that the page offers."""
    found = re.search(r'class="swap" name="do" value="(swap [^"]+)"', client.get(at(plan)).content.decode())
    assert found
    return found[1]


def said(answer: Any) -> str:
    return text_of(answer.content)


# A new plan


def test_a_plan_is_shown_whole_before_it_is_kept_and_then_kept_as_it_was_shown(cast: Cast, patient: Patient) -> None:
    client, address = enter(cast, "clinician"), f"/desk/patients/{patient.code}/plans/new/"
    assert "Balance and strength" in said(client.get(address))
    shown = client.post(address, {"source": "both", "start": "2026-11-25", "do": "make"})
    page = said(shown)
    for part in ("Twelve weeks for P-014", "The weeks", "Targets and swaps", "Checked against", "Doses that were tested",
                 "Not chosen, and why", "Keep this plan", "walk to the shop"):  # fmt: skip
        assert part in page
    assert not Plan.objects.exists()
    fields = dict(re.findall(r'name="(source|start|swaps|seen)" value="([^"]*)"', shown.content.decode()))
    answer = client.post(address, {**fields, "do": "keep"}, follow=True)
    plan = Plan.objects.get()
    assert answer.redirect_chain == [(at(plan), 302)]
    assert (plan.state, plan.starts_on, plan.weeks, plan.latest, plan.signed) == (
        "draft",
        dt.date(2026, 11, 30),
        12,
        1,
        None,
    )
    held = plan.versions.get().document
    assert set(held) >= {"format", "profile", "plan"}
    assert (held["format"], held["profile"]["focus"]) == (1, ["balance", "resistance"])
    assert held["plan"]["weeks"][0]["begins"] == "2026-11-30"
    assert [e.did for e in Event.objects.order_by("id")][-2:] == ["plan kept", "plan seen"]


def test_a_swap_before_keeping_is_kept_too(cast: Cast, patient: Patient) -> None:
    client, address = enter(cast, "clinician"), f"/desk/patients/{patient.code}/plans/new/"
    first = client.post(address, {"source": "balance", "start": "", "do": "make"}).content.decode()
    swap = re.search(r'class="swap" name="do" value="(swap (\S+) [^"]+)"', first)
    assert swap
    second = client.post(address, {"source": "balance", "start": "", "swaps": "{}", "do": swap[1]}).content.decode()
    fields = dict(re.findall(r'name="(source|start|swaps|seen)" value="([^"]*)"', second))
    fields["swaps"] = fields["swaps"].replace("&quot;", '"')
    client.post(address, {**fields, "do": "keep"})
    assert swap[2] in PlanVersion.objects.get().document["profile"]["swaps"]


def test_what_changed_since_it_was_shown_is_shown_again_and_not_kept(cast: Cast, patient: Patient) -> None:
    client, address = enter(cast, "clinician"), f"/desk/patients/{patient.code}/plans/new/"
    shown = client.post(address, {"source": "both", "start": "", "do": "make"}).content.decode()
    fields = dict(re.findall(r'name="(source|start|swaps|seen)" value="([^"]*)"', shown))
    Patient.objects.filter(pk=patient.pk).update(profile={**ANSWERS, "edss": 5})
    answer = client.post(address, {**fields, "do": "keep"})
    assert answer.status_code == 409
    assert "look once more" in said(answer)
    assert not Plan.objects.exists()


@pytest.mark.parametrize("answers", [{"precautions": ["heart-attack-signs"]}, {"edss": 9.5}])
def test_a_stop_or_referral_says_what_to_do_now_and_keeps_nothing_but_an_event(
    cast: Cast, patient: Patient, answers: dict[str, Any]
) -> None:
    situations = shelf().current().planning.situations
    if "precautions" in answers:
        rows = shelf().current().precautions
        answers = {"precautions": [next(c for c, s in situations.items() if rows[s.precaution].severity == "stop")]}
    patient.profile = {**ANSWERS, **answers}
    patient.save()
    answer = enter(cast, "clinician").post(
        f"/desk/patients/{patient.code}/plans/new/", {"source": "both", "start": "", "do": "keep", "seen": "x"}
    )
    assert "No plan was kept" in said(answer)
    assert not Plan.objects.exists()
    assert Event.objects.filter(did="plan not made", patient=patient.code).count() == 1


@pytest.mark.parametrize(
    "fields",
    [{"source": "nonsense"}, {"start": "soon"}, {"start": "1066-10-14"}, {"source": "protocol 0000000000000000"}],
)
def test_what_cannot_be_used_is_said_and_the_form_comes_back_filled(
    cast: Cast, patient: Patient, fields: dict[str, str]
) -> None:
    asked = {"source": "balance", "start": "2026-12-07", "do": "make", **fields}
    answer = enter(cast, "clinician").post(f"/desk/patients/{patient.code}/plans/new/", asked)
    assert answer.status_code == 400
    assert "No plan was made" in said(answer)
    if "start" not in fields:
        assert 'value="2026-12-07"' in answer.content.decode()
    assert not Plan.objects.exists()


# Changes


def test_every_change_is_a_version_with_who_and_why_and_the_ones_before_stay_as_they_were(
    cast: Cast, kept: Plan
) -> None:
    client = enter(cast, "clinician")
    before = kept.versions.get(number=1).document
    swap = swap_of(kept, client)
    answer = press(client, kept, swap, why="a bad knee")
    assert answer.status_code == 302
    assert answer.url.startswith(at(kept, "#target-"))
    kept.refresh_from_db()
    first, second = kept.versions.order_by("number")
    assert (kept.latest, second.number, second.by, second.library) == (
        2,
        2,
        cast["clinician"],
        shelf().current().version,
    )
    assert first.document == before
    assert plans.told(second)[1] == "a bad knee"
    assert changes.differences(plans.opened(first).plan, plans.opened(second).plan)
    history = said(client.get(at(kept, "versions/?from=1&to=2")))
    assert "a bad knee" in history
    assert "From version 1 to version 2" in history
    assert "version 1" in said(client.get(at(kept, "versions/1/")))


def test_the_reason_of_a_change_cannot_be_read_in_the_database(cast: Cast, kept: Plan) -> None:
    press(enter(cast, "clinician"), kept, "start", start="2026-12-07", why="ON HOLIDAY")
    with connection.cursor() as cursor:
        cursor.execute("SELECT why, document FROM clinic_planversion")
        raw = b"".join(bytes(cell) for row in cursor.fetchall() for cell in row)
    assert b"HOLIDAY" not in raw
    assert b"balance" not in raw
    assert "HOLIDAY" not in json.dumps(list(Event.objects.values_list("more", flat=True)))


def test_leaving_a_target_out_and_going_back_gives_the_same_plan_again(cast: Cast, kept: Plan) -> None:
    client = enter(cast, "clinician")
    target = next(each.target for each in plans.opened(kept.versions.get()).plan.targets if each.trained)
    press(client, kept, f"swap {target} out")
    press(client, kept, f"swap {target} back", version=2)
    one, two, three = (plans.opened(each).plan for each in kept.versions.order_by("number"))
    assert target not in {item.target for session in two.sessions for item in session.items}
    assert three.weeks == one.weeks
    assert changes.differences(one, three) == ()


def test_a_swap_in_a_plan_that_runs_holds_from_this_week_on_and_can_be_taken_back(
    cast: Cast, kept: Plan, today: Any
) -> None:
    client = enter(cast, "clinician")
    sign(client, kept)
    today(MONDAY + dt.timedelta(weeks=4, days=2))
    page = said(client.get(at(kept)))
    assert "Something else from week 5 on" in page
    target, ladder, rung = swap_of(kept, client).split()[1:]

    def trained() -> dict[int, tuple[str, int]]:
        kept.refresh_from_db()
        made = plans.opened(plans.newest(kept)).plan
        own = [(w.number, i) for w in made.weeks for s in w.sessions for i in s.items if i.target == target]
        return {number: (item.ladder, item.rung) for number, item in own}

    before = trained()
    press(client, kept, f"swap {target} {ladder} {rung}")
    after = trained()
    assert {number: at_ for number, at_ in after.items() if number < 5} == {n: a for n, a in before.items() if n < 5}
    assert after[5] == (ladder, int(rung))
    assert "from week 5 on" in plans.told(plans.newest(kept))[0]
    press(client, kept, f"swap {target} back", version=2)
    assert trained() == before
    today(MONDAY + dt.timedelta(weeks=6))
    press(client, kept, f"swap {target} out", version=3)
    assert {number for number in trained() if number > 6} == set()
    press(client, kept, f"swap {target} back", version=4)
    assert trained() == before


def test_the_start_moves_by_whole_weeks_and_a_moved_session_stays_moved_after_a_swap(
    cast: Cast, patient: Patient
) -> None:
    patient.profile = {**ANSWERS, "available": {day: ["09:00-10:00"] for day in SIX_DAYS}}
    kept, client = keep(cast["clinician"], patient), enter(cast, "clinician")
    assert press(client, kept, "start", start="2026-12-02").status_code == 302
    moved = plans.opened(plans.newest(Plan.objects.get()))
    assert moved.plan.start == dt.date(2026, 12, 7)
    session, to = free_move(moved)
    assert press(client, kept, "session", version=2, session=session.isoformat(), day=to).status_code == 302
    assert press(client, kept, swap_of(kept, client), version=3).status_code == 302
    row = Plan.objects.get()
    last = plans.opened(plans.newest(row)).plan
    assert row.starts_on == dt.date(2026, 12, 7)
    assert session not in {each.date for each in last.sessions}
    assert session - dt.timedelta(days=session.weekday() - to) in {each.date for each in last.sessions}


def free_move(document: plans.Document) -> tuple[dt.date, int]:
    """A session and a day to which the rules let it move."""
    library = shelf().current()
    profile = plans.read(document.profile, library, settings.CONFIG.today())
    for session in document.plan.sessions:
        for to in range(7):
            try:
                changes.moved(document.plan, session.date, to, profile, library)
            except DataError:
                continue
            return session.date, to
    raise AssertionError("no session can move")


@pytest.mark.parametrize("to", [0, 1, 2, 3, 4, 5, 6])
def test_a_session_moves_only_where_no_rule_breaks(cast: Cast, patient: Patient, to: int) -> None:
    """Strength two days apart, nobody twice a day, only in the time there is: held against a plain recount."""
    patient.profile = {**ANSWERS, "available": {day: ["09:00-10:00"] for day in SIX_DAYS}}
    document = plans.opened(keep(cast["clinician"], patient).versions.get())
    library = shelf().current()
    profile = plans.read(document.profile, library, settings.CONFIG.today())
    for session in document.plan.weeks[1].sessions:
        target = session.date + dt.timedelta(days=to - session.date.weekday())
        others = [each for each in document.plan.sessions if each is not session]
        strength = [each.date for each in others if "resistance" in each.focus]
        taken = any(each.date == target for each in others)
        close = "resistance" in session.focus and any(abs((day - target).days) < 2 for day in strength)
        if target == session.date:
            with pytest.raises(DataError, match="the day on which it is"):
                changes.moved(document.plan, session.date, to, profile, library)
        elif taken or close or to == 6:
            with pytest.raises(DataError) as error:
                changes.moved(document.plan, session.date, to, profile, library)
            told = str(error.value)
            assert ("a session already" in told) == taken
            assert taken or ("2 days apart" in told) == close
            assert ("no time" in told) == (to == 6)
        else:
            after = changes.moved(document.plan, session.date, to, profile, library)
            assert len(after.sessions) == len(document.plan.sessions)
            assert [each.date for each in after.sessions] == sorted(each.date for each in after.sessions)
            assert read_plan(after.to_json(), "plan") == after


def test_a_move_that_is_refused_says_what_breaks_and_keeps_what_was_typed(cast: Cast, kept: Plan) -> None:
    sessions = plans.opened(kept.versions.get()).plan.weeks[0].sessions
    answer = press(
        enter(cast, "clinician"), kept, "session", session=sessions[0].date.isoformat(), day=sessions[1].date.weekday(), why="a market day"
    )  # fmt: skip
    assert answer.status_code == 400
    assert "nobody trains twice a day" in said(answer)
    assert 'value="a market day"' in answer.content.decode()
    assert Plan.objects.get().latest == 1


def test_a_session_is_moved_into_the_hours_that_are_free_by_now(cast: Cast, patient: Patient) -> None:
    patient.profile = {**ANSWERS, "available": {day: ["09:00-10:00"] for day in ("mon", "wed", "fri")}}
    patient.save()
    kept, client = keep(cast["clinician"], patient), enter(cast, "clinician")
    document = plans.opened(kept.versions.get())
    session = next(each for each in document.plan.weeks[0].sessions if each.focus == ("balance",))
    asked = {"session": session.date.isoformat(), "day": 5}
    assert "no time in the answers" in said(press(client, kept, "session", **asked))
    patient.profile = {**patient.profile, "available": {**patient.profile["available"], "sat": ["09:00-10:00"]}}
    patient.save()
    assert press(client, kept, "session", **asked).status_code == 302
    target = document.plan.targets[0].target
    assert press(client, kept, f"swap {target} out", version=2).status_code == 302
    assert "no longer fit" not in plans.told(plans.newest(Plan.objects.get()))[0]


@pytest.mark.parametrize("start", ["2026-11-15", "2025-12-01"])
def test_weeks_that_are_over_are_no_start(cast: Cast, patient: Patient, start: str) -> None:
    answer = enter(cast, "clinician").post(
        f"/desk/patients/{patient.code}/plans/new/", {"source": "both", "start": start, "do": "make"}
    )
    assert answer.status_code == 400
    assert "Is it the right year?" in said(answer)


def test_the_same_plan_sent_twice_is_one(cast: Cast, patient: Patient) -> None:
    first, second = keep(cast["clinician"], patient), keep(cast["clinician"], patient)
    assert first == second
    assert Event.objects.filter(did="plan kept").count() == 1
    sign(enter(cast, "clinician"), first)
    assert keep(cast["clinician"], patient) != first


def test_one_plan_of_a_person_runs(cast: Cast, patient: Patient, kept: Plan) -> None:
    client, other = enter(cast, "clinician"), keep(cast["clinician"], patient, focus=["balance"])
    sign(client, kept)
    refused = sign(client, other)
    assert refused.status_code == 400
    assert "another plan that runs" in said(refused)
    press(client, kept, "pause", why="first the other one")
    assert sign(client, other).status_code == 302
    assert "another plan that runs" in said(press(client, kept, "resume", version=2))


def test_what_was_signed_is_stopped_by_everybody_and_ended_by_who_may_sign(cast: Cast, kept: Plan) -> None:
    sign(enter(cast, "clinician"), kept)
    student = enter(cast, "student")
    assert press(student, kept, "end", why="x").status_code == 403
    assert press(student, kept, "pause", why="a fever").status_code == 302
    assert press(student, kept, "resume", version=2).status_code == 403
    assert Plan.objects.get().state == "paused"


@pytest.mark.parametrize("swaps", ['{"balance":{"ladder":"\\ud800","rung":1}}', '{"\\ud800":{}}'])
def test_swaps_that_are_no_text_are_nothing(cast: Cast, patient: Patient, swaps: str) -> None:
    answer = enter(cast, "clinician").post(
        f"/desk/patients/{patient.code}/plans/new/", {"source": "both", "swaps": swaps, "do": "make"}
    )
    assert answer.status_code == 200


def test_a_pause_moves_the_weeks_that_are_left_and_says_what_is_easier(cast: Cast, kept: Plan, today: Any) -> None:
    client = enter(cast, "clinician")
    sign(client, kept)
    signed = plans.opened(kept.versions.get(number=1)).plan
    today(MONDAY + dt.timedelta(days=22))  # a Tuesday in week 4
    assert press(client, kept, "pause").status_code == 400  # a reason is needed
    assert press(client, kept, "pause", why="a cold").status_code == 302
    assert Plan.objects.get().state == "paused"
    today(MONDAY + dt.timedelta(days=36))  # a fortnight later
    page = said(client.get(at(kept)))
    assert "14 days" in page
    assert next(iter(signed.rules.values())).after_a_break in page
    assert press(client, kept, "resume", version=2).status_code == 302
    row = Plan.objects.get()
    after = plans.opened(plans.newest(row)).plan
    later = dt.timedelta(days=21)  # week 4 begins anew on the next Monday
    assert "goes on 4 January 2027" in said(client.get(at(kept))).replace(wording.NO_BREAK, " ")
    listed = said(client.get(f"/desk/{cast.lakeside.code}/")).replace(wording.NO_BREAK, " ")
    assert "Goes on 4 January 2027" in listed
    assert [week.begins for week in after.weeks] == [
        week.begins + (later if week.number >= 4 else dt.timedelta()) for week in signed.weeks
    ]
    assert (row.state, row.paused_on, row.starts_on, row.signed) == ("running", None, MONDAY + later, 1)
    assert "holds until version 3 is signed" in said(client.get(at(kept)))
    assert [item for each in after.sessions for item in each.items] == [
        item for each in signed.sessions for item in each.items
    ]


def test_an_ended_plan_takes_no_change_and_stays_readable(cast: Cast, kept: Plan) -> None:
    client = enter(cast, "clinician")
    assert press(client, kept, "end", why="moved away").status_code == 302
    for do in ("end", "pause", "start", "again"):
        answer = press(client, kept, do, version=2, why="x", start="2026-12-07")
        assert answer.status_code == 400
    assert sign(client, kept, version=2).status_code == 400
    assert "moved away" in said(client.get(at(kept)))
    assert (Plan.objects.get().latest, Plan.objects.get().state) == (2, "ended")


def test_made_again_it_uses_the_newest_answers_and_keeps_what_was_chosen(cast: Cast, kept: Plan) -> None:
    client = enter(cast, "clinician")
    target = next(each.target for each in plans.opened(kept.versions.get()).plan.targets if each.trained)
    press(client, kept, f"swap {target} out")
    patient = Patient.objects.get()
    patient.profile = {**ANSWERS, "edss": 5}
    patient.save()
    assert press(client, kept, "again", version=2, start="2026-12-14", why="tested again").status_code == 302
    document = plans.opened(plans.newest(Plan.objects.get()))
    assert document.profile["edss"] == 5
    assert document.profile["swaps"] == {target: {}}
    assert document.plan.start == dt.date(2026, 12, 14)
    patient.profile = {**ANSWERS, "edss": 9.5}
    patient.save()
    answer = press(client, kept, "again", version=3, start="2026-12-14")
    assert "the plan is as it was" in said(answer)
    assert Plan.objects.get().latest == 3


def test_a_version_of_an_older_library_opens_as_it_was_and_says_so(cast: Cast, kept: Plan) -> None:
    version = kept.versions.get()
    document = version.document
    item = document["plan"]["weeks"][0]["sessions"][0]["items"][0]
    for week in document["plan"]["weeks"]:
        for session in week["sessions"]:
            for each in session["items"]:
                if each["exercise"] == item["exercise"]:
                    each["exercise"], each["name"], each["rule"] = "gone-since", "An exercise of before", "gone-rule"
    document["plan"]["rules"]["gone-rule"] = next(iter(document["plan"]["rules"].values()))
    PlanVersion.objects.filter(pk=version.pk).update(document=document, library="0" * 16)
    client = enter(cast, "clinician")
    for address in (at(kept), at(kept, "versions/1/"), at(kept, "sign/")):
        page = client.get(address)
        assert page.status_code == 200
        assert "The library has changed since" in said(page)
    assert "An exercise of before" in said(client.get(at(kept)))
    assert kept.versions.get().document == document


# Two at once


def test_a_stale_change_is_refused_with_what_the_other_did_and_one_press_does_it_on_top(cast: Cast, kept: Plan) -> None:
    one, two = enter(cast, "clinician"), enter(cast, "owner")
    target = next(each.target for each in plans.opened(kept.versions.get()).plan.targets if each.trained)
    press(one, kept, f"swap {target} out", why="sore")
    answer = press(two, kept, "start", start="2026-12-14", why="away till then")
    page = answer.content.decode()
    assert answer.status_code == 409
    for words in ("Somebody was quicker", "Left out", "sore", "away till then", "not trained any more", "Clinician"):
        assert words in said(answer)
    assert Plan.objects.get().latest == 2
    form = page[page.index('<form method="post" action="/desk/plans/') :]
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))
    fields.pop("csrfmiddlewaretoken")
    assert two.post(at(kept, "change/"), fields).status_code == 302
    row = Plan.objects.get()
    last = plans.opened(plans.newest(row)).plan
    assert (row.latest, last.start) == (3, dt.date(2026, 12, 14))
    assert target not in {item.target for session in last.sessions for item in session.items}


def test_many_at_once_never_make_two_versions_of_a_number_and_lose_nothing_silently(tmp_path: Path) -> None:
    made = subprocess.run(
        [sys.executable, "-m", "tests.web.kept", "race"], env={**os.environ, "NEURODASH_DATA": str(tmp_path)},
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    found = json.loads(made.stdout)
    done = sorted(each for each in found["outcomes"] if re.fullmatch(r"\d \d", each))
    assert len(found["outcomes"]) == THREADS * TURNS
    assert {each for each in found["outcomes"] if each not in done} <= {"stale"}
    assert len(done) >= TURNS  # in every turn somebody was the first
    assert [number for number, _ in found["versions"]] == list(range(1, len(done) + 2))
    assert sorted(why for number, why in found["versions"] if number > 1) == done
    assert found["latest"] == found["events"] + 1 == len(done) + 1


# Signing


def test_signing_freezes_the_version_shows_its_amounts_and_starts_the_plan(cast: Cast, kept: Plan) -> None:
    client = enter(cast, "clinician")
    page = said(client.get(at(kept, "sign/")))
    for words in ("Green", "Amber", "Red", "Do not do it", "You sign as Clinician"):
        assert words in page
    assert sign(client, kept).status_code == 302
    row, signature = Plan.objects.get(), Signature.objects.get()
    assert (row.state, row.signed, signature.name, signature.by) == ("running", 1, "Clinician", cast["clinician"])
    patient = Patient.objects.get()
    assert patient.silent_on == MONDAY + dt.timedelta(days=14)
    assert patient.retest_on is not None
    assert patient.look_on == min(patient.silent_on, patient.retest_on)
    assert sign(client, kept).status_code == 400
    assert Signature.objects.count() == 1


def test_a_change_after_signing_is_a_new_version_that_waits_while_the_signed_one_holds(cast: Cast, kept: Plan) -> None:
    client = enter(cast, "clinician")
    sign(client, kept)
    press(client, kept, swap_of(kept, client))
    assert "Version 1, signed by Clinician, holds until version 2 is signed" in said(client.get(at(kept)))
    assert (Plan.objects.get().signed, Plan.objects.get().latest) == (1, 2)
    sign(client, kept, version=2)
    assert Plan.objects.get().signed == 2
    assert Signature.objects.count() == 2


def test_nobody_signs_what_they_have_not_read(cast: Cast, kept: Plan) -> None:
    client = enter(cast, "owner")
    press(enter(cast, "clinician"), kept, swap_of(kept, client))
    answer = sign(client, kept, version=1)
    assert answer.status_code == 409
    assert "before you sign" in said(answer)
    assert not Signature.objects.exists()


def test_a_failed_check_is_ticked_by_name_before_anybody_signs(cast: Cast, patient: Patient) -> None:
    patient.profile = {key: value for key, value in ANSWERS.items() if key != "precautions"}
    patient.save()
    plan = keep(cast["clinician"], patient)
    failing = [each.id for each in plans.failed(plans.opened(plan.versions.get()).plan)]
    assert "precautions" in failing
    client = enter(cast, "clinician")
    page = client.get(at(plan, "sign/")).content.decode()
    assert [each for each in failing if f'name="ticked" value="{each}"' not in page] == []
    answer = sign(client, plan, ticked=failing[1:] or ["power"])
    assert answer.status_code == 400
    assert "Precautions were looked at first" in said(answer)
    assert not Signature.objects.exists()
    assert sign(client, plan, ticked=failing).status_code == 302
    assert Event.objects.get(did="plan signed").more["ticked"] == sorted(failing)


def test_a_student_asks_and_the_signature_names_both(cast: Cast, kept: Plan) -> None:
    student, clinician = enter(cast, "student"), enter(cast, "clinician")
    press(student, kept, swap_of(kept, student))
    assert sign(student, kept, version=2).status_code == 403
    assert not Signature.objects.exists()
    assert student.post(at(kept, "sign/"), {"do": "ask", "version": 2}).status_code == 302
    assert "1 plan waits for a signature" in said(clinician.get(f"/desk/{cast.lakeside.code}/"))
    waiting = said(clinician.get(f"/desk/{cast.lakeside.code}/signing/"))
    assert "P-014" in waiting
    assert "Student" in waiting
    sign(clinician, kept, version=2)
    assert Signature.objects.get().name == "Clinician for Student (student)"
    assert "P-014" not in said(clinician.get(f"/desk/{cast.lakeside.code}/signing/"))
    assert "for a signature" not in said(clinician.get(f"/desk/{cast.lakeside.code}/"))


# Paper and file


def test_the_sheet_is_of_the_signed_version_with_the_signers_name_and_nowhere_kept(cast: Cast, kept: Plan) -> None:
    client = enter(cast, "clinician")
    refused = client.post(at(kept, "sheet.pdf"), {"week": 1})
    assert refused.status_code == 400
    assert "nobody signed" in said(refused)
    sign(client, kept)
    left_out = next(each.target for each in plans.opened(kept.versions.get()).plan.targets if each.trained)
    first = plans.opened(kept.versions.get()).plan.weeks[0].sessions[0].items[0]
    press(client, kept, f"swap {left_out} out")
    answer = client.post(at(kept, "sheet.pdf"), {"week": 1, "paper": "us-letter", "large": "yes", "phone": "01 234"})
    assert (answer["Content-Type"], answer["Cache-Control"]) == ("application/pdf", "no-store")
    assert answer["Content-Disposition"].startswith("attachment;")
    assert "P-014" not in answer["Content-Disposition"]
    pdf = PdfReader(io.BytesIO(answer.content))
    words = " ".join(" ".join(page.extract_text() for page in pdf.pages).split())
    assert "Clinician" in words
    assert "01 234" in words
    assert first.name in words
    assert Event.objects.filter(did="sheet made").count() == 1


@pytest.mark.parametrize("week", ["0", "13", "x", "", "9" * 30, "-1"])
def test_a_week_that_is_none_is_said(cast: Cast, kept: Plan, week: str) -> None:
    client = enter(cast, "clinician")
    sign(client, kept)
    answer = client.post(at(kept, "sheet.pdf"), {"week": week})
    assert answer.status_code == 400
    assert "1 to 12" in said(answer)


def test_every_version_is_a_paper_for_the_clinician_with_its_reasons_and_whether_it_is_signed(
    cast: Cast, kept: Plan
) -> None:
    client = enter(cast, "clinician")
    sign(client, kept)
    press(client, kept, swap_of(kept, client))

    def paper(number: int) -> str:
        answer = enter(cast, "onlooker").get(at(kept, f"versions/{number}/plan.pdf"))
        assert answer["Content-Type"] == "application/pdf"
        assert "P-014" not in answer["Content-Disposition"]
        return " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages).split())

    first, second = paper(1), paper(2)
    assert f"Version 1, signed by Clinician on {wording.date(TODAY).replace(wording.NO_BREAK, ' ')}." in first
    assert "Version 2, signed by nobody" in second
    made = plans.opened(kept.versions.get(number=1)).plan
    assert made.reasons[made.sessions[0].items[0].because[0]].says.rstrip(".") in first
    assert Event.objects.filter(did="plan printed", about=kept.code).count() == 2
    assert client.get(at(kept, "versions/3/plan.pdf")).status_code == 404


def test_a_plan_is_taken_away_as_a_file_that_reads_again(cast: Cast, kept: Plan) -> None:
    answer = enter(cast, "lapsed").get(at(kept, "plan.json"))
    assert answer["Cache-Control"] == "no-store"
    assert read_plan(answer.content.decode(), "file") == plans.opened(kept.versions.get()).plan
    assert Event.objects.filter(did="plan taken away", about=kept.code).count() == 1


# Who may


def addresses(plan: Plan) -> list[str]:
    mores = ("", "change/", "sign/", "sheet.pdf", "plan.json", "versions/", "versions/1/", "versions/1/plan.pdf")
    own = [at(plan, more) for more in mores]
    return [*own, f"/desk/patients/{plan.patient.code}/plans/new/", f"/desk/{plan.clinic.code}/signing/"]


def test_another_clinics_plan_is_not_there_for_any_method(cast: Cast, kept: Plan) -> None:
    stranger = enter(cast, "stranger")
    for address in addresses(kept):
        for method in ("get", "head", "post", "put", "patch", "delete"):
            assert getattr(stranger, method)(address).status_code == 404, (method, address)
    assert not Event.objects.filter(who=cast["stranger"].code).exists()
    assert Client().get(at(kept)).status_code == 302


@pytest.mark.parametrize("who", ["onlooker", "lapsed"])
def test_who_may_only_read_reads_everything_and_writes_nothing(cast: Cast, kept: Plan, who: str) -> None:
    client = enter(cast, who)
    assert client.get(at(kept)).status_code == 200
    assert client.get(at(kept, "versions/1/")).status_code == 200
    assert 'name="do"' not in client.get(at(kept)).content.decode()
    for answer in (
        press(client, kept, "end", why="x"), sign(client, kept), client.post(at(kept, "sheet.pdf"), {"week": 1}),
        client.get(f"/desk/patients/{kept.patient.code}/plans/new/"),
    ):  # fmt: skip
        assert answer.status_code == 403
    assert Plan.objects.get().latest == 1


def test_no_form_works_without_its_token(cast: Cast, kept: Plan) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(cast["clinician"])
    assert press(strict, kept, "end", why="x").status_code == 403
    for address in (at(kept), at(kept, "sign/"), f"/desk/patients/{kept.patient.code}/plans/new/"):
        page = strict.get(address).content.decode()
        posts = re.findall(r'<form method="post".*?</form>', page, re.DOTALL)
        assert posts
        assert all("csrfmiddlewaretoken" in each for each in posts)


def test_reading_and_changing_leave_an_event_each_and_none_tells_about_health(cast: Cast, kept: Plan) -> None:
    client = enter(cast, "clinician")
    client.get(at(kept))
    client.get(at(kept, "versions/"))
    client.get(at(kept, "versions/1/"))
    client.get(at(kept, "plan.json"))
    press(client, kept, "start", start="2026-12-07", why="fatigue")
    sign(client, kept, version=2)
    rows = Event.objects.filter(about=kept.code).order_by("id")
    assert [each.did for each in rows] == [
        "plan kept", "plan seen", "plan history seen", "plan version seen", "plan taken away", "plan changed", "plan seen",
        "plan signed",
    ]  # fmt: skip
    assert {each.patient for each in rows} == {kept.patient.code}
    assert "fatigue" not in json.dumps([each.more for each in rows])


@pytest.mark.parametrize(
    "fields",
    [
        {"do": ""}, {"do": "delete"}, {"do": "swap"}, {"do": "swap static <script>"}, {"do": "swap nothing out"},
        {"do": "swap static no-such-ladder 3"}, {"do": "session", "session": "2026-11-23", "day": "9"},
        {"do": "session", "session": "", "day": "1"}, {"do": "start"}, {"do": "start", "start": "2026-13-40"},
        {"do": "resume"}, {"do": "session", "session": "2027-10-01", "day": "1"},
    ],
)  # fmt: skip
def test_a_change_that_makes_no_sense_is_refused_in_words_and_changes_nothing(
    cast: Cast, kept: Plan, fields: dict[str, str]
) -> None:
    answer = enter(cast, "clinician").post(at(kept, "change/"), {"version": 1, **fields})
    assert answer.status_code == 400
    assert "Not done" in said(answer)
    assert "<script>" not in said(answer)
    assert Plan.objects.get().latest == 1


def test_a_plan_from_a_saved_protocol_is_made_from_it_and_asks_whom_it_is_for(cast: Cast, patient: Patient) -> None:
    client, library = enter(cast, "clinician"), shelf().current()
    saved = protocols.save(
        brief="balance-training", name="Balance our way", clinic=cast.lakeside, library=library, by=cast["clinician"]
    )
    whom = client.get(f"/desk/protocols/{saved.code}/plan/?q=p-0").content.decode()
    address = f"/desk/patients/{patient.code}/plans/new/"
    assert f"{address}?protocol={saved.code}" in whom
    assert "No code begins with" in said(client.get(f"/desk/protocols/{saved.code}/plan/?q=zz"))
    assert f'value="protocol {saved.code}" selected' in client.get(f"{address}?protocol={saved.code}").content.decode()
    shown = client.post(address, {"source": f"protocol {saved.code}", "start": "", "do": "make"}).content.decode()
    fields = dict(re.findall(r'name="(source|start|swaps|seen)" value="([^"]*)"', shown))
    client.post(address, {**fields, "do": "keep"})
    plan = Plan.objects.get()
    version = plan.versions.get()
    assert (plan.protocol, version.document["profile"]["focus"]) == (saved, ["balance"])
    assert version.library == f"{library.version}+{saved.code}.1"
    assert "The library has changed" not in said(client.get(at(plan)))
    assert "Balance our way" in said(client.get(at(plan)))
    saved.delete()
    page = client.get(at(plan))
    assert page.status_code == 200
    assert "The library has changed since" in said(page)
    assert press(client, plan, swap_of(plan, client)).status_code == 302


def test_another_clinics_protocol_makes_no_plan_here(cast: Cast, patient: Patient) -> None:
    saved = protocols.save(
        brief="balance-training", name="Theirs", clinic=cast.harbour, library=shelf().current(), by=cast["stranger"]
    )
    client = enter(cast, "clinician")
    assert client.get(f"/desk/protocols/{saved.code}/plan/").status_code == 404
    answer = client.post(
        f"/desk/patients/{patient.code}/plans/new/", {"source": f"protocol {saved.code}", "start": "", "do": "make"}
    )
    assert answer.status_code == 400
    assert "Theirs" not in said(answer)
