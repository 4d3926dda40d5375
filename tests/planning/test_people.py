"""Plans that a clinician would recognise, one person each."""

from __future__ import annotations

from typing import Any

import pytest

from neurodash.planning.plan import Plan
from tests.planning.guarantees import demand, items, planned, rows

HOURS = {"mon": ["09:00-10:00"], "wed": ["09:00-10:00"], "fri": ["09:00-10:00"], "sat": ["10:00-11:00"]}
HOME: dict[str, Any] = {
    "code": "P-1", "condition": "ms", "precautions": [], "setting": "home_with_partner", "falls_6_months": 0, "months_since_relapse": 20,
    "equipment": ["chair", "worktop", "band", "step"], "available": HOURS, "minutes_per_week": 150,
}  # fmt: skip
SEATED = ("lying", "sitting-supported", "sitting")


def person(**known: Any) -> Plan:
    return planned({**HOME, **known})


def check(plan: Plan, name: str) -> str:
    return next(each.result for each in plan.checks if each.id == name)


def test_newly_diagnosed_and_fit_climbs_to_dual_task_and_power() -> None:
    plan = person(
        edss=1.5, experience={"balance": "some", "resistance": "some"}, goals=[{"text": "run again", "tasks": "walk"}]
    )
    assert plan.status == "ready"
    assert {each.result for each in plan.checks} == {"passes"}
    assert any(item.target == "power" and demand(item)["speed"] == "fast" for _, item in items(plan))
    first, last = plan.weeks[0], plan.weeks[10]
    assert sum(last.minutes.values()) > sum(first.minutes.values())
    behind = {item.target for _, item in items(plan) if any(plan.reasons[name].kind == "goal" for name in item.because)}
    assert "gait" in behind


def test_a_goal_brings_what_it_draws_on_forward_but_not_before_a_measured_weakness() -> None:
    goals = [{"text": "stay longer on the terrace", "tasks": ["sit"], "importance": 3},
             {"text": "write by hand again", "tasks": ["hands"], "importance": 9}]  # fmt: skip
    order = [target.target for target in person(edss=3, focus=["resistance"], goals=goals).targets]
    assert order[:5] == ["hands", "arms", "shoulders", "trunk", "back"]
    weak = {"knee-extension-left": "3", "knee-extension-right": "4"}
    order = [t.target for t in person(edss=3, focus=["resistance"], goals=goals, strength=weak).targets]
    assert order[:3] == ["knee-extensors", "hands", "arms"]


def test_a_goal_that_names_no_task_changes_nothing_and_is_asked_about() -> None:
    plan = person(edss=3, goals=[{"text": "feel better"}])
    assert not any(reason.kind == "goal" for reason in plan.reasons.values())
    assert any("goal" in line for line in plan.measure_next)


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
    assert "fitted" in " ".join(plan.what_now)
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
        assert demand(item)["vision"] != "closed"
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
    assert all(minutes <= first for minutes in others[:3]), "nothing grows for four weeks"
    assert all("11" in item.effort for _, item in items(course) if item.rule == "strength")


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
    plan = person(edss=3, strength={f"dorsiflexion_{weaker}": "3", f"dorsiflexion_{other}": "5"})
    sided = [item for _, item in items(plan) if item.target == "ankle-dorsiflexors" and item.side.endswith("first")]
    assert sided
    assert {item.side for item in sided} == {f"{weaker} first"}


def test_reactive_work_comes_with_a_trained_helper_and_is_named_with_its_reason_without() -> None:
    weak = [{"instrument": "MINIBEST", "part": "reactive", "value": 1}]
    with_help = person(edss=3, helper="trained", measures=weak)
    assert all(any(i.target == "reactive" for s in week.sessions for i in s.items) for week in with_help.weeks)
    without = person(edss=3, measures=weak)
    why_not = next(t for t in without.targets if t.target == "reactive").why_not
    assert why_not == "a trained person has to guard it: book sessions in which one does"


def test_the_hours_with_least_energy_are_left_free_where_others_are_there() -> None:
    late = {
        "mon": ["18:30-20:00"],
        "tue": ["09:00-10:00"],
        "wed": ["18:30-20:00"],
        "thu": ["09:00-10:00"],
        "sat": ["09:00-10:00"],
    }
    plan = person(edss=2, available=late, energy={"best": "morning", "worst": "evening"}, focus=["balance"])
    assert {session.day for session in plan.sessions} <= {"tue", "thu", "sat"}
    only = person(
        edss=2,
        available={"mon": ["18:30-20:00"], "wed": ["16:00-20:00"]},
        energy={"worst": "evening"},
        focus=["balance"],
    )
    assert {session.start for session in only.sessions if session.day == "wed"} == {"16:00"}


def test_falls_that_nobody_asked_about_are_taken_for_the_worse() -> None:
    plan = person(edss=2, falls_6_months=None)
    assert "P29" in rows(plan)
    many = person(edss=2, falls_6_months=5)
    assert (many.status, many.weeks) == ("refer", ())
    assert "P30" in rows(many)


def test_a_wheelchair_or_legs_that_do_not_carry_keep_the_training_on_a_seat() -> None:
    for known in (
        {"edss": 6.5, "walking_aid": "wheelchair"}, {"edss": 4, "strength": {"knee_extension_left": "2", "knee_extension_right": "2+"}},
        {"edss": 4, "spasticity": {"calf_left": "4"}},
    ):  # fmt: skip
        plan = person(**known)
        assert {demand(item)["base"] for _, item in items(plan)} <= set(SEATED), known


def test_from_edss_5_and_a_half_somebody_is_near_when_standing_and_something_firm_is_held() -> None:
    plan = person(edss=6, walking_aid="frame")
    standing = [item for _, item in items(plan) if demand(item)["base"] not in SEATED]
    assert all(item.guard == "near" for item in standing)
    assert any("firm" in line for session in plan.sessions for line in session.say) == bool(standing)


def test_one_leg_and_heavy_loads_only_where_the_muscle_is_known_to_hold() -> None:
    weak = person(edss=2, focus=["resistance"], strength={"plantarflexion_left": "3", "plantarflexion_right": "3+"})
    unknown = person(edss=3, focus=["resistance"])
    for plan in (weak, unknown):
        calf = [demand(item) for _, item in items(plan) if item.target == "calf"]
        assert calf
        assert not any(d["base"] == "one-leg" for d in calf)
    strong = person(edss=2, focus=["resistance"], strength={"plantarflexion_left": "4", "plantarflexion_right": "4+"})
    assert any(demand(item)["base"] == "one-leg" for _, item in items(strong) if item.target == "calf")


def test_the_weakest_that_cannot_be_trained_says_so_and_a_stiff_muscle_is_not_loaded() -> None:
    plan = person(edss=5, spasticity={"calf_left": "3"}, precautions=["spasticity"], focus=["resistance"])
    assert not any(item.target == "calf" for _, item in items(plan))
    assert "MAS 3" in next(each.why_not for each in plan.targets if each.target == "calf")


def test_on_a_seat_arms_and_trunk_come_first_and_no_standing_test_is_asked() -> None:
    plan = person(edss=7.5, walking_aid="wheelchair", helper="trained", focus=["resistance"])
    trained = [each.target for each in plan.targets if each.trained]
    assert {"arms", "shoulders", "trunk"} <= set(trained)
    assert not {"TUG", "T25FW", "5STS"} & {each.instrument for each in plan.retests}


def test_severe_fatigue_starts_low_for_four_weeks_and_then_goes_on() -> None:
    plan = person(edss=3, precautions=["severe-fatigue"], focus=["balance"])
    minutes = [sum(week.minutes.values()) for week in plan.weeks]
    assert max(minutes[:4]) == minutes[0]
    assert {item.exercise for w, item in items(plan) if w == 1} != {item.exercise for w, item in items(plan) if w == 11}
