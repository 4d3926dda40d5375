"""When: the days and hours of a week's sessions, inside the time there is, in the hours with most energy first."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from neurodash.library.planning import Schedule
from neurodash.planning.profile import DAYS, Profile, Slot
from neurodash.planning.screening import Limits

ASSUMED_LENGTH = 60  # minutes of a day for which no hours were given; the budget of a session is what limits it


@dataclass(frozen=True)
class Opening:
    """A day's best free time. `start` is None where no hours were given; `best` where it lies in the best hours, `worst`
    where it begins in those with least energy."""

    day: int
    start: int | None
    minutes: int
    best: bool
    worst: bool = False


def openings(profile: Profile, limits: Limits, schedule: Schedule) -> tuple[Opening, ...]:
    """At most one opening a day, the longest in the best hours or else the longest there is."""
    if profile.available is None:
        return tuple(Opening(DAYS.index(day), None, ASSUMED_LENGTH, False) for day in schedule.assumed_days)
    window = profile.keys.energy.best or limits.window
    hours = schedule.windows.get(window) if window else None
    worst = schedule.windows.get(profile.keys.energy.worst) if profile.keys.energy.worst else None
    found = []
    for _, group in itertools.groupby(profile.available, key=lambda slot: slot.day):
        options = [option for slot in group for option in _options(slot, hours, worst, schedule.smallest)]
        if options:
            found.append(max(options, key=lambda o: (o.best, not o.worst, o.minutes, -(o.start or 0))))
    return tuple(found)


def _options(slot: Slot, hours: tuple[int, int] | None, worst: tuple[int, int] | None, smallest: int) -> list[Opening]:
    """The whole slot, the part of it in the best hours, and what it has outside the worst ones."""
    found = []
    if slot.minutes >= smallest:
        tired = worst is not None and worst[0] * 60 <= slot.start < worst[1] * 60
        found.append(Opening(slot.day, slot.start, slot.minutes, False, tired))
    if worst:
        for start, end in ((slot.start, min(slot.end, worst[0] * 60)), (max(slot.start, worst[1] * 60), slot.end)):
            if end - start >= smallest:
                found.append(Opening(slot.day, start, end - start, False))
    if hours:
        start, end = max(slot.start, hours[0] * 60), min(slot.end, hours[1] * 60)
        if end - start >= smallest:
            found.append(Opening(slot.day, start, end - start, True))
    return found


def days_for(
    openings_: Sequence[Opening], wanted: int, days_apart: int, taken: frozenset[int] = frozenset()
) -> tuple[Opening, ...]:
    """Up to `wanted` openings on days at least `days_apart` from each other, round the week; days that are not taken
    yet, the best hours and even spacing first. Fewer where the week does not allow as many."""
    for count in range(min(wanted, len(openings_)), 0, -1):
        fits = [each for each in itertools.combinations(openings_, count) if _gap(each) >= days_apart]
        if fits:
            return max(fits, key=lambda each: _worth(each, taken))
    return ()


def _gap(chosen: Sequence[Opening]) -> int:
    """The fewest days from one of them to the next, round the week."""
    days = [each.day for each in chosen]
    if len(days) < 2:
        return 7
    return min((b - a) % 7 or 7 for a, b in zip(days, [*days[1:], days[0]], strict=True))


def _worth(chosen: Sequence[Opening], taken: frozenset[int]) -> tuple[int, int, int, int, int, int]:
    rested = -sum(each.worst for each in chosen)
    free = sum(each.day not in taken for each in chosen)
    best = sum(each.best for each in chosen)
    return rested, free, best, _gap(chosen), min(each.minutes for each in chosen), -sum(each.day for each in chosen)


def clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
