"""What a clinician may choose instead, for each target: every rung of its ladders, and why not where not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from neurodash.library import Library
from neurodash.planning.choice import Chooser
from neurodash.planning.profile import Profile
from neurodash.planning.screening import screen


@dataclass(frozen=True, slots=True)
class Option:
    """A rung on which a target could begin. `why_not` is empty where this person may."""

    ladder: str
    ladder_name: str
    rung: int
    exercise: str
    name: str
    says: str
    why_not: str


def options(
    profile: Profile, library: Library, targets: Iterable[str], week: int = 1, reached: Mapping[str, int] | None = None
) -> dict[str, tuple[Option, ...]]:
    """For each target every rung of each of its ladders, in the order in which the planner looks at them, and whether it is
    open in `week`. `reached`: the rung on which this person is by then, by ladder. Power begins late, so it is asked of
    the week in which fast work opens."""
    chooser = Chooser(profile, screen(profile, library), library)
    return {target: tuple(_of(target, chooser, week, reached or {})) for target in targets}


def _of(target: str, chooser: Chooser, week: int, reached: Mapping[str, int]) -> Iterator[Option]:
    week = max(week, chooser.gates.fast) if target == "power" else week
    for focus in chooser.library.planning.rules.focuses.values():
        for ladder in chooser.ladders(focus, target):
            for each in chooser.rungs(ladder):
                exercise = each.exercise
                why_not = chooser.why_not_first(each, week, reached.get(ladder.id, 0))
                yield Option(ladder.id, ladder.name, each.number, exercise.id, exercise.name, each.rung.says, why_not)
