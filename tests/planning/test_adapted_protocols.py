"""A protocol as a clinician adapted it: what it may change in a plan, and what it never does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neurodash.errors import DataError
from neurodash.library import Library
from neurodash.planning import adapted, since
from neurodash.planning.adapted import FIELDS, Adaptation, Span
from neurodash.planning.build import make
from neurodash.planning.plan import Plan, read_plan
from tests.planning import guarantees
from tests.planning.people import ON, OURS, profiles

BALANCE, STRENGTH = "balance-training", "resistance-training"
SOMEBODY: dict[str, Any] = {
    "code": "P-1", "condition": "ms", "focus": ["balance", "resistance"], "edss": 2.5, "helper": "trained",
    "minutes_per_week": 240, "precautions": [], "equipment": ["chair", "worktop", "step", "band", "pad"],
    "available": {day: ["09:00-11:00"] for day in ("mon", "tue", "wed", "thu", "fri")},
}  # fmt: skip


def own(brief: str = BALANCE) -> Adaptation:
    return adapted.unchanged(OURS.protocols[brief], OURS)


def with_it(made: Adaptation, brief: str = BALANCE) -> Library:
    return adapted.library_of(made, brief, OURS, name="Ours", version="v")


def plan(library: Library, **more: Any) -> Plan:
    return make(guarantees.read({**SOMEBODY, **more}), library, ON)


def ladders(made: Plan) -> set[str]:
    return {item.ladder for session in made.sessions for item in session.items}


def wrong(made: Adaptation, brief: str = BALANCE) -> str:
    return "\n".join(map(str, adapted.problems(made, brief, OURS)))


@st.composite
def adaptations(draw: st.DrawFn, brief: str) -> Adaptation:
    """What the form lets through: each amount is drawn from all its field takes and kept where nothing speaks against it."""
    protocol = OURS.protocols[brief]
    made = own(brief)
    there = adapted.ladders_of(protocol, OURS)
    exercises = sorted({rung.exercise for ladder in there for rung in ladder.rungs})
    made = replace(
        made,
        ladders=tuple(draw(st.permutations(made.ladders))),
        ladders_left_out=tuple(draw(st.lists(st.sampled_from(made.ladders), unique=True, max_size=len(there) - 1))),
        exercises_left_out=tuple(draw(st.lists(st.sampled_from(exercises), unique=True, max_size=12))),
    )
    for place, _ in adapted.amounts_of(protocol):
        if draw(st.booleans()):
            least, most, step = (float(each) for each in FIELDS[place[-1]])
            ends = [least + step * draw(st.integers(0, int((most - least) / step))) for _ in range(2)]
            tried = made.with_amount(
                place, Span(min(ends), max(ends), draw(st.sampled_from(["", "Our room is free then"])))
            )
            made = tried if not wrong(tried, brief) else made
    return made


@pytest.mark.parametrize("brief", [BALANCE, STRENGTH])
def test_whatever_the_form_lets_through_keeps_the_eight_promises(brief: str) -> None:
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
    @given(adaptations(brief), profiles())
    def holds(made: Adaptation, data: dict[str, Any]) -> None:
        library = with_it(made, brief)
        with pytest.MonkeyPatch.context() as promised:
            promised.setattr(guarantees, "OURS", library)
            assert guarantees.broken(data) == []
        found = make(guarantees.read(data), library, ON)
        assert read_plan(found.to_json(), "plan") == found
        kinds = OURS.planning.rules.focuses["balance" if brief == BALANCE else "resistance"].kinds
        for session in found.sessions:
            for item in session.items:
                assert item.ladder not in made.ladders_left_out
                if OURS.ladders[item.ladder].kind in kinds:
                    assert item.exercise not in made.exercises_left_out
                    assert item.amber is None or item.amber.exercise not in made.exercises_left_out

    holds()


@pytest.mark.parametrize("brief", [BALANCE, STRENGTH])
@settings(max_examples=15, deadline=None)
@given(profiles())
def test_a_protocol_saved_and_not_changed_gives_the_same_plan(brief: str, data: dict[str, Any]) -> None:
    profile = guarantees.read(data)
    plain = make(profile, OURS, ON)
    assert replace(make(profile, with_it(own(brief), brief), ON), library=plain.library) == plain


def test_a_ladder_left_out_never_appears_and_its_target_says_why_or_takes_another() -> None:
    before = plan(OURS)
    assert "gait" in ladders(before) or "stability-limits" in ladders(before)
    gone = next(name for name in ("gait", "stability-limits") if name in ladders(before))
    after = plan(with_it(replace(own(), ladders_left_out=(gone,))))
    assert gone not in ladders(after)
    target = next(each for each in after.targets if each.target == OURS.ladders[gone].target)
    assert target.ladder not in ("", gone) or "left out of “Ours”" in target.why_not


def test_the_first_ladder_of_a_target_is_taken_first() -> None:
    first = adapted.unchanged(OURS.protocols[STRENGTH], OURS)
    swapped = replace(
        first, ladders=("straighten-the-knee", *(name for name in first.ladders if name != "straighten-the-knee"))
    )
    of = {t.target: t.ladder for t in plan(with_it(swapped, STRENGTH)).targets if t.focus == "resistance"}
    was = {t.target: t.ladder for t in plan(OURS).targets if t.focus == "resistance"}
    assert was["knee-extensors"] != "straighten-the-knee"
    assert of["knee-extensors"] == "straighten-the-knee"
    assert {**of, "knee-extensors": ""} == {**was, "knee-extensors": ""}


def test_an_exercise_left_out_ends_its_ladder_below_it() -> None:
    before = plan(OURS)
    climbed = {i.ladder: i for s in before.sessions for i in s.items if i.rung > 1 and i.ladder in own().ladders}
    ladder, item = next(iter(sorted(climbed.items())))
    after = plan(with_it(replace(own(), exercises_left_out=(item.exercise,))))
    assert all(i.exercise != item.exercise for s in after.sessions for i in s.items if i.ladder == ladder)


def test_shorter_sessions_show_in_the_weeks() -> None:
    made = own()
    for key in made.doses:
        made = made.with_amount(("doses", key, "aim", "minutes"), Span(30, 30, "Our slots are 30 minutes"))
        made = made.with_amount(("doses", key, "start", "minutes"), Span(15, 20))
    before, after = plan(OURS, focus=["balance"]), plan(with_it(made), focus=["balance"])
    assert max(s.minutes for s in before.sessions) > 30
    assert max(s.minutes for s in after.sessions) <= 30
    assert after.weeks[0].minutes["balance"] < before.weeks[0].minutes["balance"]


def test_one_set_is_never_two() -> None:
    made = own(STRENGTH)
    for place, _ in adapted.amounts_of(OURS.protocols[STRENGTH]):
        if place[-1] == "sets":
            made = made.with_amount(place, Span(1, 1))
    before, after = plan(OURS, focus=["resistance"]), plan(with_it(made, STRENGTH), focus=["resistance"])
    assert max(i.dose.sets for s in before.sessions for i in s.items) > 1
    assert {i.dose.sets for s in after.sessions for i in s.items} == {1}


# Amounts and the rows they cite


def test_less_than_the_rows_needs_a_reason_and_then_every_exercise_says_whose_it_is() -> None:
    place = ("doses", "0-4.5-none", "aim", "minutes")
    assert "inside the rows cited, 60 by BAL-HIBAL23" in wrong(own().with_amount(place, Span(45, 45)))
    assert "or less than that with a reason" in wrong(own().with_amount(place, Span(45, 45, "   ")))
    made = own().with_amount(place, Span(45, 45, "Our slots are 45 minutes"))
    assert wrong(made) == ""
    told = plan(with_it(made), focus=["balance"])
    ours = [name for name, each in told.reasons.items() if each.kind == "clinician"]
    assert [told.reasons[name].says for name in ours] == [
        "45 minutes a session: clinician, outside 60 by BAL-HIBAL23, BAL-CODUSE16 and BAL-META25. Our slots are 45 minutes"
    ]
    assert all(ours[0] in item.because for session in told.sessions for item in session.items)


def test_more_than_the_rows_is_refused_whatever_the_reason() -> None:
    told = wrong(own(STRENGTH).with_amount(("doses", "0-4.5-none", "aim", "per_week"), Span(2, 5, "Keen")), STRENGTH)
    assert "2 to 5 sessions a week" in told
    assert "inside the rows cited, 2 to 3 by KIM19-RES and CAN13-RES" in told
    assert OURS.guidelines["KIM19-RES"].statement_own_words in told


def test_less_rest_than_the_rows_is_refused_and_more_needs_a_reason() -> None:
    place = ("phases", "build", "rest_minutes")
    assert wrong(own(STRENGTH).with_amount(place, Span(1, 2, "Short of time")), STRENGTH)
    assert wrong(own(STRENGTH).with_amount(place, Span(3, 5)), STRENGTH)
    assert not wrong(own(STRENGTH).with_amount(place, Span(3, 5, "Heat")), STRENGTH)


@pytest.mark.parametrize(
    ("span", "told"),
    [
        (Span(30, 20), "the lower amount first"),
        (Span(5, 20), "10 to 120"),
        (Span(20, 500), "10 to 120"),
        (Span(20.5, 30), "whole numbers"),
        (Span(90, 100), "no more than the aim: 60"),
    ],
)
def test_an_amount_that_cannot_be_meant_is_named(span: Span, told: str) -> None:
    found = wrong(own().with_amount(("doses", "0-4.5-none", "start", "minutes"), span))
    assert "doses.0-4.5-none.start.minutes" in found
    assert told in found


def test_every_unknown_name_is_told_at_once_with_what_was_meant() -> None:
    made = replace(
        own(), ladders_left_out=("gaitt",), exercises_left_out=("step-tap",), phases={"statik": adapted.OfPhase()}
    )
    told = wrong(made)
    for part in ("“gaitt”", "Did you mean gait?", "“step-tap”", "“statik”", "Did you mean static?"):
        assert part in told


def test_not_everything_can_be_left_out() -> None:
    assert "at least one ladder" in wrong(replace(own(), ladders_left_out=own().ladders))


# Gates


def test_no_adaptation_reaches_a_gate() -> None:
    """Phases, when they open and for whom, and the re-tests are the brief's of the day."""
    made = own()
    for place, _ in adapted.amounts_of(OURS.protocols[BALANCE]):
        if place[-1] == "difficulty":
            made = made.with_amount(place, Span(1, 10))
    changed, plain = with_it(made).protocols[BALANCE], OURS.protocols[BALANCE]
    assert [(p.keys.id, p.keys.weeks, p.keys.edss, p.keys.opens) for p in changed.phases] == [
        (p.keys.id, p.keys.weeks, p.keys.edss, p.keys.opens) for p in plain.phases
    ]
    assert changed.retests == plain.retests
    assert [(d.keys.edss, d.keys.experience) for d in changed.doses] == [
        (d.keys.edss, d.keys.experience) for d in plain.doses
    ]


# What the brief changed since


def changed(**parts: Any) -> dict[str, Any]:
    """What the balance brief had, were it another one then."""
    return {**OURS.protocols[BALANCE].written, **parts}


def test_a_brief_that_did_not_change_has_no_differences() -> None:
    for brief in (BALANCE, STRENGTH):
        assert since.differences(own(brief), OURS.protocols[brief].written, brief, OURS) == ()


def earlier() -> tuple[Adaptation, dict[str, Any]]:
    """Saved when the first dose began with 15 to 25 minutes, and phases opened later."""
    written = OURS.protocols[BALANCE].written
    doses = [dict(each) for each in written["doses"]]
    doses[0] = {**doses[0], "start": {**doses[0]["start"], "minutes": {"low": 15, "high": 25}}}
    phases = [dict(each) for each in written["phases"]]
    phases[2] = {**phases[2], "weeks": [6, 10]}
    return own().with_amount(("doses", "0-4.5-none", "start", "minutes"), Span(15, 25)), changed(
        doses=doses, phases=phases
    )


def test_each_change_is_told_in_words_and_only_what_may_be_kept_is_asked() -> None:
    mine, source = earlier()
    gate, dose = since.differences(mine, source, BALANCE, OURS)
    assert (gate.what, gate.before, gate.now) == ("Phase “Reactive”: usual weeks", "weeks 6 to 10", "weeks 5 to 9")
    assert not gate.is_choice
    assert dose.what == "Dose, EDSS 0 to 4.5, new to it: minutes a session at the start"
    assert (dose.before, dose.now) == ("15 to 25 (expert judgement)", "20 to 30 (expert judgement)")
    assert dose.is_choice


@pytest.mark.parametrize("take", [True, False])
def test_a_difference_once_settled_is_not_asked_again(take: bool) -> None:
    mine, source = earlier()
    gate, dose = since.differences(mine, source, BALANCE, OURS)
    mine, source = since.settle(mine, source, dose.place, take, BALANCE, OURS)
    span = mine.amount(("doses", "0-4.5-none", "start", "minutes"))
    assert span == (Span(20, 30) if take else Span(15, 25))
    assert since.differences(mine, source, BALANCE, OURS) == (gate,)
    mine, source = since.settle(mine, source, gate.place, True, BALANCE, OURS)
    assert since.differences(mine, source, BALANCE, OURS) == ()
    assert source == OURS.protocols[BALANCE].written


def test_a_phase_that_is_new_or_gone_is_one_difference() -> None:
    written = OURS.protocols[BALANCE].written
    source = changed(phases=[{**written["phases"][0], "id": "older", "name": "Older"}, *written["phases"][1:]])
    found = since.differences(own(), source, BALANCE, OURS)
    assert [each.what for each in found] == ["Phase “Static”", "Phase “Older”"]
    settled = source
    for each in found:
        _, settled = since.settle(own(), settled, each.place, True, BALANCE, OURS)
    assert settled == written


def test_the_order_of_ladders_can_be_taken_over_or_kept() -> None:
    source = changed(ladders=[*reversed(OURS.protocols[BALANCE].ladders)])
    mine = replace(own(), ladders=(*source["ladders"], *own().ladders[len(source["ladders"]) :]))
    (found,) = since.differences(mine, source, BALANCE, OURS)
    assert found.is_choice
    assert since.settle(mine, source, found.place, True, BALANCE, OURS)[0] == own()
    kept, source = since.settle(mine, source, found.place, False, BALANCE, OURS)
    assert kept == mine
    assert since.differences(kept, source, BALANCE, OURS) == ()


def test_what_is_not_different_cannot_be_settled() -> None:
    with pytest.raises(DataError, match="still open"):
        since.settle(own(), OURS.protocols[BALANCE].written, "phases/static/name", True, BALANCE, OURS)


def test_what_the_brief_no_longer_has_is_let_go_and_what_left_its_rows_stops_planning() -> None:
    old = replace(own(), exercises_left_out=("no-longer-there",), ladders=("gone", *own().ladders))
    assert (
        with_it(old).protocols[BALANCE].ladders
        == OURS.protocols[BALANCE].ladders
        + with_it(own()).protocols[BALANCE].ladders[len(OURS.protocols[BALANCE].ladders) :]
    )
    assert adapted.gone(old, BALANCE, OURS) == ("no-longer-there",)
    with pytest.raises(DataError, match="inside the rows cited"):
        with_it(own().with_amount(("doses", "0-4.5-none", "aim", "minutes"), Span(90, 90)))


def test_what_is_written_down_is_read_back_the_same() -> None:
    made = replace(own(), note="Heat: mornings.\nFans on.", exercises_left_out=("foam-stand",))
    made = made.with_amount(("phases", "static", "difficulty"), Span(2.5, 6))
    assert adapted.read(made.mapping) == made
    assert made.mapping["phases"]["static"]["amounts"]["difficulty"] == {"low": 2.5, "high": 6}
