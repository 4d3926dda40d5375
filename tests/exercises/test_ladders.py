"""Ladders and protocols: one variable a rung, always harder; every rung within somebody's reach; doses inside their rows."""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest

from neurodash import library
from neurodash.library.ladders import GIVEN_BACK, eased, levels, raised
from neurodash.library.protocols import AMOUNTS, span_of

OURS = library.load()
SHELF = OURS.exercises
SYSTEMS = ("biomechanical", "stability-limits", "anticipatory", "reactive", "sensory", "gait")


@pytest.mark.parametrize("name", sorted(OURS.ladders))
def test_each_rung_is_harder_in_exactly_one_thing(name: str) -> None:
    rungs = OURS.ladders[name].rungs
    seen = [levels(rung, SHELF.exercises[rung.exercise], SHELF.words) for rung in rungs]
    for before, after in itertools.pairwise(seen):
        assert len(raised(before, after)) == 1
        assert set(eased(before, after)) <= {GIVEN_BACK}


@pytest.mark.parametrize("system", SYSTEMS)
def test_each_system_of_balance_has_a_ladder_from_the_chair_to_two_tasks(system: str) -> None:
    ladder = OURS.ladders[system]
    assert ladder.target == system
    seen = [{**SHELF.exercises[rung.exercise].demand, **rung.changed} for rung in ladder.rungs]
    assert seen[0]["base"] in ("sitting", "sitting-supported")
    assert seen[-1].get("attention") in ("simple-task", "hard-task")


def test_every_exercise_of_balance_gait_and_strength_is_on_a_ladder() -> None:
    standing = {rung.exercise for ladder in OURS.ladders.values() for rung in ladder.rungs}
    left_out = [
        e.id
        for e in SHELF.exercises.values()
        if e.kind in ("balance", "gait", "strength", "power") and e.id not in standing
    ]
    assert left_out == []


@pytest.mark.parametrize("name", sorted(OURS.ladders))
def test_a_start_without_a_score_is_never_higher_than_one_with(name: str) -> None:
    """What is not known starts lower: missing information makes a plan more cautious."""
    for start in OURS.ladders[name].starts:
        if start.score is None:
            for other in OURS.ladders[name].starts:
                if other.score and other.edss == start.edss and other.score.low > 0:
                    assert start.rung <= other.rung


def test_reactive_work_is_always_guarded() -> None:
    for exercise in SHELF.exercises.values():
        upright = exercise.demand["base"] not in ("lying", "sitting-supported", "sitting")
        if upright and ("reactive" in exercise.trains and exercise.demand.get("movement") == "unexpected"):
            assert exercise.guard == "hands-on", exercise.id
        if upright and exercise.demand.get("vision") == "closed":
            assert exercise.guard != "alone", exercise.id


@pytest.mark.parametrize("name", sorted(OURS.protocols))
def test_every_dosed_number_lies_inside_the_rows_it_cites(name: str) -> None:
    cited = 0
    for where, kind, amount, band in OURS.protocols[name].amounts():
        spans = [span for source in amount.source if (span := span_of(OURS.guidelines[source], kind))]
        if spans:
            cited += 1
            assert min(low for low, _ in spans) <= amount.low <= amount.high <= max(high for _, high in spans), where
        if kind in ("exercises", "rest_minutes", "free_days") and amount.source:
            row = OURS.guidelines[amount.source[0]]
            told = f"{row.statement_own_words} {row.notes}".lower()
            words = {
                Decimal(1): "free day",
                Decimal(5): "five",
                Decimal(10): "ten",
                Decimal(8): "ten",
                Decimal(2): "2",
                Decimal(4): "4",
            }
            assert words[amount.high] in told, f"{where} {kind}"
        assert band[0] < band[1]
        assert kind in AMOUNTS
    assert cited >= 8, "most numbers have a row"


def test_a_dose_never_starts_above_what_it_aims_for() -> None:
    for protocol in OURS.protocols.values():
        for dose in protocol.doses:
            for kind, start in dose.keys.start.items():
                aim = dose.keys.aim.get(kind)
                if aim is not None and kind != "reps":  # fewer repetitions of a heavier load are the harder set
                    assert start.high <= aim.high
