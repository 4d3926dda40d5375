"""How long an exercise takes, counted from its sets."""

from __future__ import annotations

from neurodash.library.exercises import Exercise
from neurodash.planning.plan import Dose

# Time, all expert judgement: a controlled repetition up and down, changing from one exercise to the next, and so on
SECONDS_A_REP, SECONDS_A_HOLD_MORE, SECONDS_A_STEP, SECONDS_A_METRE, SECONDS_A_BREATH = 4.0, 2.0, 1.2, 1.5, 5.0
CHANGE_OVER = 45.0


def minutes_of(exercise: Exercise, dose: Dose) -> float:
    """How long the sets of an exercise take, with rests and the change to the next one."""
    amount = dose.high if dose.unit == "reps" else dose.low
    each = {
        "reps": amount * ((dose.hold + SECONDS_A_HOLD_MORE) if dose.hold else SECONDS_A_REP),
        "seconds": amount,
        "steps": amount * SECONDS_A_STEP,
        "minutes": amount * 60,
        "metres": amount * SECONDS_A_METRE,
        "breaths": amount * SECONDS_A_BREATH,
    }[dose.unit]
    sides = 2 if exercise.sides == "each" else 1
    rounds = dose.sets * dose.bouts
    more = dose.extra * (each + dose.rest)
    return (rounds * each * sides + (rounds - 1) * dose.rest + more + CHANGE_OVER) / 60
