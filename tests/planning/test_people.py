"""Plans that a clinician would recognise, one person each."""

from __future__ import annotations

from typing import Any

import pytest

from neurodash.planning.plan import Plan
from tests.planning.guarantees import demand, items, planned, rows

HOURS = {"mon": ["09:00-10:00"], "wed": ["09:00-10:00"], "fri": ["09:00-10:00"], "sat": ["10:00-11:00"]}
HOME: dict[str, Any] = {
    "code": "P-1", "condition": "ms", "setting": "home_with_partner", "falls_6_months": 0, "months_since_relapse": 20,
    "equipment": ["chair", "worktop", "band", "step"], "available": HOURS, "minutes_per_week": 150,
}  # fmt: skip
SEATED = ("lying", "sitting-supported", "sitting")


def person(**known: Any) -> Plan:
    return planned({**HOME, **known})


def check(plan: Plan, name: str) -> str:
    return next(each.result for each in plan.checks if each.id == name)


def test_newly_diagnosed_and_fit_climbs_to_dual_task_and_power() -> None:
    plan = person(edss=1.5, experience={"balance": "some", "resistance": "some"}, goals=[{"text": "run again"}])
    assert plan.status == "ready"
    assert {each.result for each in plan.checks} == {"passes"}
    assert any(item.target == "power" and demand(item)["speed"] == "fast" for _, item in items(plan))
    first, last = plan.weeks[0], plan.weeks[10]
    assert sum(last.minutes.values()) > sum(first.minutes.values())
    assert any(plan.reasons[name].kind == "goal" for session in plan.sessions for name in session.because)


def test_two_falls_and_heat_are_guarded_cool_in_the_morning_and_slow_with_spasticity() -> None:
    plan = person(
        edss=3.5, falls_6_months=2, falls_3_months=1, precautions=["heat_sensitivity"], energy={"best": "morning"},
        spasticity={"calf_left": "2"}, measures=[{"instrument": "MINIBEST", "part": "sensory", "value": 2}],
    )  # fmt: skip
    assert {"P07", "P16", "P29"} <= rows(plan)
    assert plan.targets[0].target == "sensory"
    assert plan.targets[0].trained
    assert all(session.start < "12:00" for session in plan.sessions)
    assert any("cool" in line for line in plan.sessions[0].say)
    standing = [item for _, item in items(plan) if demand(item)["base"] not in SEATED]
    assert standing
    assert all(item.guard == "near" for item in standing)
    assert all(demand(item)["speed"] != "fast" for _, item in items(plan))
    assert check(plan, "power") == "does not apply"


def test_the_same_person_alone_trains_on_a_seat_until_somebody_is_near() -> None:
    plan = person(edss=3.5, falls_6_months=2, falls_3_months=1, setting="home_alone")
    assert {demand(item)["base"] for _, item in items(plan)} <= set(SEATED)
    assert any(each.what == "Dual-task work" and "nobody is near" in each.why for each in plan.not_chosen)


def test_with_a_walker_alone_nothing_is_unguarded_closed_or_sudden() -> None:
    plan = person(edss=6, setting="home_alone", walking_aid="frame", equipment=["chair", "worktop", "walking-aid"])
    assert plan.status == "ready"
    assert {item.guard for _, item in items(plan)} == {"alone"}
    assert not any(item.dual_task for _, item in items(plan))
    assert any(each.what == "Power work" and "EDSS 6" in each.why for each in plan.not_chosen)


def test_a_walker_and_a_fall_are_referred_to_have_the_aid_fitted_first() -> None:
    plan = person(edss=6, walking_aid="frame", falls_6_months=1)
    assert (plan.status, plan.weeks) == ("refer", ())
    assert "P32" in rows(plan)
    assert "fitting" in " ".join(plan.what_now)
    again = person(
        edss=6, walking_aid="frame", falls_6_months=1, precautions=["aid-mismatch"], cleared=["aid-mismatch"]
    )
    assert again.status == "ready"


def test_at_7_and_a_half_everything_is_seated_or_lying_with_arms_and_trunk() -> None:
    plan = person(edss=7.5, walking_aid="wheelchair", helper="trained", equipment=["wheelchair", "chair", "band"])
    assert plan.status == "ready"
    assert {demand(item)["base"] for _, item in items(plan)} <= set(SEATED)
    assert "P49" in rows(plan)
    assert all(item.dose.sets == 1 for _, item in items(plan) if item.rule == "strength"), "the only dosed number there"


def test_from_edss_9_on_a_person_plans() -> None:
    plan = person(edss=9)
    assert (plan.status, plan.weeks) == ("refer", ())
    assert "trained helper" in " ".join(plan.what_now)


def test_a_suspected_relapse_stops_and_says_what_to_do_today() -> None:
    plan = person(edss=3, precautions=["suspected_relapse"])
    assert (plan.status, plan.weeks) == ("stop", ())
    assert "same day" in plan.what_now[0]


def test_a_stop_cannot_be_cleared() -> None:
    assert person(edss=3, precautions=["P01"], cleared=["P01"]).status == "stop"


def test_pregnancy_refers_and_once_cleared_stays_moderate_with_both_feet_and_open_eyes() -> None:
    assert person(edss=2, precautions=["pregnancy"]).status == "refer"
    plan = person(edss=2, precautions=["pregnancy"], cleared=["pregnancy"])
    assert plan.status == "ready"
    for _, item in items(plan):
        assert demand(item)["base"] != "one-leg"
        assert demand(item)["vision"] == "open"
        assert "14" not in item.effort


def test_osteoporosis_and_steroids_leave_out_sudden_and_heavy_and_keep_it_light() -> None:
    bones = person(
        edss=3,
        helper="trained",
        precautions=["osteoporosis"],
        measures=[{"instrument": "MINIBEST", "part": "reactive", "value": 0}],
    )
    for _, item in items(bones):
        assert demand(item)["movement"] != "unexpected"
        assert demand(item)["load"] != "heavy"
    course = person(edss=3, precautions=["osteoporosis", "steroid-course"])
    assert {demand(item)["base"] for _, item in items(course)} <= set(SEATED)
    first, *others = [sum(week.minutes.values()) for week in course.weeks]
    assert all(minutes <= first for minutes in others), "nothing grows"


def test_nothing_known_but_ms_is_seated_lowest_and_says_what_to_ask() -> None:
    plan = planned({"code": "P-1", "condition": "ms"})
    assert plan.status == "ready"
    assert {demand(item)["base"] for _, item in items(plan)} <= set(SEATED)
    assert {item.guard for _, item in items(plan)} == {"alone"}
    assert len(plan.assumed) == 5
    assert any("EDSS" in each for each in plan.measure_next)
    assert check(plan, "personal") == "fails"
    assert max(sum(week.minutes.values()) for week in plan.weeks) == sum(plan.weeks[0].minutes.values())


def test_a_child_and_a_fresh_relapse_are_for_specialists() -> None:
    assert person(edss=2, age=15).status == "refer"
    assert person(edss=2, months_since_relapse=0.5).status == "refer"


@pytest.mark.parametrize("weaker", ["left", "right"])
def test_the_weaker_side_goes_first(weaker: str) -> None:
    other = "right" if weaker == "left" else "left"
    plan = person(edss=3, strength={f"knee_extension_{weaker}": "3", f"knee_extension_{other}": "5"})
    sided = [item for _, item in items(plan) if item.target == "knee-extensors" and item.side.endswith("first")]
    assert sided
    assert {item.side for item in sided} == {f"{weaker} first"}


def test_reactive_work_comes_with_a_trained_helper_and_is_named_with_its_reason_without() -> None:
    weak = [{"instrument": "MINIBEST", "part": "reactive", "value": 1}]
    with_help = person(edss=3, helper="trained", measures=weak)
    assert all(any(i.target == "reactive" for s in week.sessions for i in s.items) for week in with_help.weeks)
    without = person(edss=3, measures=weak)
    assert next(t for t in without.targets if t.target == "reactive").why_not == "a trained person has to guard it"
