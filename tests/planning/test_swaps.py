"""A clinician swaps an exercise for another that this person may do; the plan is made again and keeps its promises."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neurodash.planning.plan import Plan
from neurodash.planning.swaps import options
from tests.planning.guarantees import ALL, items, planned, read
from tests.planning.people import OURS, profiles
from tests.planning.test_people import HOME

LEVELS = {code: place for place, code in enumerate(OURS.exercises.words.positions)}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(profiles(hard=False), st.data())
def test_whatever_is_swapped_in_or_left_out_the_promises_hold(data: dict[str, Any], draw: st.DataObject) -> None:
    plan = planned(data)
    trained = [each for each in plan.targets if each.trained]
    if not trained:
        return
    target = draw.draw(st.sampled_from(trained))
    every = options(read(data), OURS, [target.target])[target.target]
    other = draw.draw(st.sampled_from([None, *every]))
    swap: dict[str, Any] = {} if other is None else {"ladder": other.ladder, "rung": other.rung}
    swapped = planned({**data, "swaps": {target.target: swap}})
    broken = [f"{p.__name__}: {told}" for p in ALL for told in p({**data, "swaps": {target.target: swap}}, swapped)]
    assert broken == []
    now = next(each for each in swapped.targets if each.target == target.target)
    if other is None:
        assert not now.trained
        assert now.why_not == "left out by the clinician"
    elif other.why_not:
        assert any(each.why == other.why_not for each in swapped.not_chosen)
    elif now.trained:
        first = next((i for _, i in items(swapped) if i.target == target.target), None)
        taken = any("chosen by the clinician" in each.what for each in swapped.not_chosen)
        assert first is None or taken or (first.ladder, first.rung) == (other.ladder, other.rung)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(profiles(hard=False), st.integers(2, 12), st.data())
def test_what_is_swapped_while_the_plan_runs_begins_there_and_leaves_the_weeks_before(
    data: dict[str, Any], week: int, draw: st.DataObject
) -> None:
    plan = planned(data)
    if not plan.weeks:
        return
    target = draw.draw(st.sampled_from([each.target for each in plan.targets]))
    other = draw.draw(st.sampled_from([None, *options(read(data), OURS, [target], week)[target]]))
    swap = {"target": target, "week": week, **({"ladder": other.ladder, "rung": other.rung} if other else {})}
    mine = {**data, "later_swaps": [swap]}
    swapped = planned(mine)
    assert [f"{p.__name__}: {told}" for p in ALL for told in p(mine, swapped)] == []

    def done(made: Plan) -> list[tuple[int, str, int, float]]:
        return [(w, i.exercise, i.rung, i.dose.volume) for w, i in items(made) if w < week]

    assert done(swapped) == done(plan)
    now = next(each for each in swapped.targets if each.target == target)
    later = [i for w, i in items(swapped) if w >= week and i.target == target]
    if other is None:
        alone = any(each.why.startswith("nothing else of this focus") for each in swapped.not_chosen)
        assert later == [] or alone
        assert alone or not now.trained or now.why_not == f"left out by the clinician from week {week} on"
    elif any("chosen by the clinician" in each.what for each in swapped.not_chosen):
        assert not later or later[0].exercise in {i.exercise for w, i in items(plan) if i.target == target}
    elif later:
        assert (later[0].ladder, later[0].rung) == (other.ladder, other.rung)


def test_the_next_rung_after_a_swap_takes_as_long_as_any() -> None:
    data = {**HOME, "edss": 2, "focus": ["resistance"]}
    target = next(each.target for each in planned(data).targets if each.trained)
    now = next(i for w, i in items(planned(data)) if i.target == target and w == 6)
    swap = {"target": target, "week": 6, "ladder": now.ladder, "rung": 1}
    rungs = {w: i.rung for w, i in items(planned({**data, "later_swaps": [swap]})) if i.target == target and w >= 6}
    assert rungs[6] == rungs[7] == 1
    assert max(rungs.values()) > 1


def test_a_swap_says_that_the_clinician_chose_it_and_stays_in_the_plan() -> None:
    data = {**HOME, "edss": 2, "focus": ["resistance"]}
    target = next(each.target for each in planned(data).targets if each.trained)
    before = next(i for _, i in items(planned(data)) if i.target == target)
    other = next(
        o for o in options(read(data), OURS, [target])[target] if not o.why_not and o.exercise != before.exercise
    )
    plan = planned({**data, "swaps": {target: {"ladder": other.ladder, "rung": other.rung}}})
    item = next(i for _, i in items(plan) if i.target == target)
    assert item.exercise == other.exercise
    assert "clinician" in {plan.reasons[name].kind for name in item.because}
    assert plan.profile["swaps"][target]["ladder"] == other.ladder
    assert planned(dict(plan.profile)).to_json() == plan.to_json()


def test_what_may_not_be_done_is_refused_with_its_reason_and_the_usual_choice_stays() -> None:
    data = {**HOME, "edss": 2, "focus": ["resistance"], "equipment": ["chair"]}
    target = next(each.target for each in planned(data).targets if each.trained)
    other = next(o for o in options(read(data), OURS, [target])[target] if "needs" in o.why_not)
    plan = planned({**data, "swaps": {target: {"ladder": other.ladder, "rung": other.rung}}})
    assert next(each for each in plan.targets if each.target == target).trained
    assert any(each.what.startswith(other.name) and each.why == other.why_not for each in plan.not_chosen)


def test_a_target_that_is_left_out_makes_room_for_the_next() -> None:
    data = {**HOME, "edss": 2, "focus": ["resistance"]}
    first = [each.target for each in planned(data).targets if each.trained]
    then = [each.target for each in planned({**data, "swaps": {first[0]: {}}}).targets if each.trained]
    assert len(then) == len(first)
    assert set(first) - set(then) == {first[0]}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(profiles(hard=False))
def test_nobody_gets_up_and_down_between_exercises(data: dict[str, Any]) -> None:
    for session in planned(data).sessions:
        for code in session.focus:
            focus = OURS.planning.rules.focuses[code]
            targets = {each.target for each in focus.targets} | ({"power"} if code == "resistance" else set())
            own = [OURS.exercises.exercises[i.exercise].position for i in session.items if i.target in targets]
            heights = [min(LEVELS[each], LEVELS["standing"]) for each in own]
            assert heights in (sorted(heights), sorted(heights, reverse=True))


@pytest.mark.parametrize(
    ("swaps", "told"),
    [
        ({"calff": {}}, "Did you mean calf?"),
        ({"calf": {"ladder": "stand-up"}}, "swaps.calf.ladder"),
        ({"calf": {"ladder": "calf", "rung": 98}}, "accepted: 1 to"),
        ({"calf": {"ladder": "calf", "rung": 0}}, "swaps.calf.rung"),
        ({"calf": "out"}, "swaps.calf"),
    ],
)
def test_a_swap_that_is_none_is_named(swaps: dict[str, Any], told: str) -> None:
    from neurodash.errors import DataError

    with pytest.raises(DataError) as error:
        read({**HOME, "swaps": swaps})
    assert told in "\n".join(str(each) for each in error.value.problems)
