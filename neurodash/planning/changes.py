"""A plan that exists, changed without making it again: its days, a session, a pause. And what two plans differ in, in words.

Pure, like all of planning. Nothing here changes an exercise or a dose: that is what making a plan is for.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from neurodash import wording
from neurodash.errors import DataError, Problem
from neurodash.library import Library
from neurodash.planning.plan import Item, Plan, PlanWeek, Session
from neurodash.planning.profile import DAYS, Profile
from neurodash.planning.schedule import clock, openings
from neurodash.planning.screening import screen

NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MOST_TOLD = 12  # of what two plans differ in, of each kind, before the rest is counted. Ours


# Days


def monday_from(day: dt.date) -> dt.date:
    """The first Monday on or after a day."""
    return day + dt.timedelta(days=-day.weekday() % 7)


def week_on(plan: Plan, day: dt.date) -> int:
    """The number of the week that holds `day`; in a gap the one before it; 0 before the first."""
    return sum(week.begins <= day for week in plan.weeks)


def begins(plan: Plan, number: int) -> dt.date:
    """The first day of a week, counted on from the last one where the plan has no such week."""
    if 1 <= number <= len(plan.weeks):
        return plan.weeks[number - 1].begins
    last = plan.weeks[-1] if plan.weeks else None
    return last.begins + dt.timedelta(weeks=number - last.number) if last else plan.start


def shifted(plan: Plan, days: int, from_week: int = 1) -> Plan:
    """The plan with the weeks from `from_week` on `days` later: whole weeks, so that every weekday stays."""
    if days % 7:
        raise ValueError("a plan is moved by whole weeks")
    by = dt.timedelta(days=days)
    weeks = tuple(_later(week, by) if week.number >= from_week else week for week in plan.weeks)
    return replace(plan, weeks=weeks, start=plan.start + by if from_week <= 1 else plan.start)


def _later(week: PlanWeek, by: dt.timedelta) -> PlanWeek:
    sessions = tuple(replace(each, date=each.date + by) for each in week.sessions)
    return replace(week, begins=week.begins + by, sessions=sessions)


def moved(plan: Plan, day: dt.date, to: int, profile: Profile, library: Library) -> Plan:
    """The plan with the session of a day on another day of its week, 0 being Monday.

    Raises DataError with every rule that this breaks: one session a day, days between sessions of a focus that needs
    them (in the weeks before and after too), and the time this person has.
    """
    week = next((each for each in plan.weeks for own in each.sessions if own.date == day), None)
    if week is None:
        raise DataError([Problem("the session", wording.date(day), "a day of the plan that has a session")])
    session = next(each for each in week.sessions if each.date == day)
    target = week.begins + dt.timedelta(days=to)
    problems = list(_breaks(plan, session, target, library))
    free = None
    if profile.available is not None:
        schedule = library.planning.rules.schedule
        found = openings(profile, screen(profile, library).limits, schedule) if schedule else ()
        free = next((each for each in found if each.day == to), None)
        if free is None or free.minutes < session.minutes:
            room = f"{free.minutes} minutes" if free else "no time"
            accepted = f"{session.minutes} minutes, which the session takes"
            problems.append(Problem(NAMES[to], f"{room} in the answers", accepted, "Change the free hours first."))
    if problems:
        raise DataError(problems)
    begin = "" if free is None or free.start is None else clock(free.start)
    end = "" if free is None or free.start is None else clock(free.start + session.minutes)
    there = replace(session, date=target, day=DAYS[to], start=begin, end=end)
    sessions = sorted([there, *(each for each in week.sessions if each is not session)], key=lambda each: each.date)
    changed = replace(week, sessions=tuple(sessions))
    return replace(plan, weeks=tuple(changed if each is week else each for each in plan.weeks))


def _breaks(plan: Plan, session: Session, target: dt.date, library: Library) -> Iterator[Problem]:
    name = NAMES[target.weekday()]
    others = [each for each in plan.sessions if each is not session]
    if session.date == target:
        yield Problem(f"{name}, {wording.date(target)}", "the day on which it is", "another day")
        return
    if any(each.date == target for each in others):
        yield Problem(
            f"{name}, {wording.date(target)}", "a session already", "a day without one: nobody trains twice a day"
        )
        return
    for code in session.focus:
        rule = library.planning.rules.focuses.get(code)
        if rule is None or rule.days_apart < 2:
            continue
        near = [each.date for each in others if code in each.focus and abs((each.date - target).days) < rule.days_apart]
        if near:
            found = f"{rule.name.lower()} on {wording.joined([wording.date(each) for each in near])} too"
            yield Problem(f"{name}, {wording.date(target)}", found, f"{rule.name.lower()} {rule.days_apart} days apart")


# What two plans differ in


def differences(before: Plan, after: Plan) -> tuple[str, ...]:
    """What changed from one plan to the other: dates, exercises, doses, days, checks. Empty where nothing did."""
    return (
        *_length(before, after),
        *_dates(before, after),
        *_exercises(before, after),
        *_short(_doses(before, after), "more dose changed"),
        *_days(before, after),
        *_checks(before, after),
    )


def _length(before: Plan, after: Plan) -> Iterator[str]:
    if len(before.weeks) != len(after.weeks):
        yield f"{wording.count(len(after.weeks), 'week')} instead of {len(before.weeks)}."


def _dates(before: Plan, after: Plan) -> Iterator[str]:
    """Runs of weeks that begin later or earlier by as much."""
    shifts = [(new.number, (new.begins - old.begins).days) for old, new in zip(before.weeks, after.weeks, strict=False)]
    told = 0
    for number, days in shifts:
        if days == told:
            continue
        told = days
        new = wording.date(after.weeks[number - 1].begins)
        way = "later" if days > 0 else "earlier"
        by = f"{wording.count(abs(days), 'day')} {way}" if days else "as before"
        yield f"From week {number} on {by}: week {number} begins on {new}."


def _firsts(plan: Plan) -> dict[str, dict[str, tuple[int, Item]]]:
    """For each target the exercises it has, with the week and the item in which each first stands."""
    found: dict[str, dict[str, tuple[int, Item]]] = {}
    for week in plan.weeks:
        for session in week.sessions:
            for item in session.items:
                found.setdefault(item.target, {}).setdefault(item.exercise, (week.number, item))
    return found


def _exercises(before: Plan, after: Plan) -> Iterator[str]:
    old, new = _firsts(before), _firsts(after)
    names = {each.target: each.name for plan in (before, after) for each in plan.targets}
    for target in dict.fromkeys([*old, *new]):
        gone = [item.name for code, (_, item) in old.get(target, {}).items() if code not in new.get(target, {})]
        come = [
            f"“{item.name}” from week {week}"
            for code, (week, item) in new.get(target, {}).items()
            if code not in old.get(target, {})
        ]
        parts = [f"now {wording.joined(come)}"] if come else []
        parts += [f"no longer {wording.joined([f'“{each}”' for each in gone])}"] if gone else []
        if target not in new:
            parts = [f"not trained any more ({wording.joined(gone)})"]
        if parts:
            yield f"{names.get(target, target)}: {'; '.join(parts)}."


def _doses(before: Plan, after: Plan) -> Iterator[str]:
    """For each exercise that both have, the first week in which its amount differs, and in how many."""
    old, new = _amounts(before), _amounts(after)
    for exercise in (each for each in old if each in new):
        weeks = [week for week in old[exercise] if week in new[exercise] and old[exercise][week] != new[exercise][week]]
        only = sorted(set(old[exercise]) ^ set(new[exercise]))
        name = next(iter(new[exercise].values()))[0]
        if weeks:
            first = weeks[0]
            many = f" (and in {len(weeks) - 1} more)" if len(weeks) > 1 else ""
            yield f"{name}: {new[exercise][first][1]} instead of {old[exercise][first][1]} in week {first}{many}."
        elif only:
            into = [week for week in only if week in new[exercise]]
            out = [week for week in only if week not in new[exercise]]
            told = [f"added in {_in(into)}"] if into else []
            told += [f"left out in {_in(out)}"] if out else []
            yield f"{name}: {' and '.join(told)}."


def _amounts(plan: Plan) -> dict[str, dict[int, tuple[str, str]]]:
    """Name and amount of every exercise, week by week; the largest of a week, with the form that its rung has."""
    found: dict[str, dict[int, tuple[str, str]]] = {}
    for week in plan.weeks:
        items: dict[str, list[Item]] = {}
        for session in week.sessions:
            for item in session.items:
                items.setdefault(item.exercise, []).append(item)
        for exercise, own in items.items():
            most = max(own, key=lambda each: each.dose.volume)
            says = f" ({most.says.rstrip('.')})" if most.says else ""
            found.setdefault(exercise, {})[week.number] = (most.name, f"{most.dose.told}{says}")
    return found


def _days(before: Plan, after: Plan) -> Iterator[str]:
    """Weekdays that changed; weeks with the same change are told together."""
    changes: dict[tuple[str, str], list[int]] = {}
    for old, new in zip(before.weeks, after.weeks, strict=False):
        was, now = _weekdays(old), _weekdays(new)
        if was != now:
            changes.setdefault((was, now), []).append(new.number)
    for (was, now), weeks in changes.items():
        yield f"{_in(weeks).capitalize()}: {now} instead of {was}."


def _in(numbers: Sequence[int]) -> str:
    """`week 3`, `weeks 1 to 12`, `weeks 2, 4 and 6 to 8`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    told = [f"{run[0]}" if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs]
    return f"{'week' if len(numbers) == 1 else 'weeks'} {wording.joined(told)}"


def _weekdays(week: PlanWeek) -> str:
    told = [f"{NAMES[each.date.weekday()]}{f' at {each.start}' if each.start else ''}" for each in week.sessions]
    return wording.joined(told) if told else "no session"


def _checks(before: Plan, after: Plan) -> Iterator[str]:
    was = {each.id: each.result for each in before.checks}
    for check in after.checks:
        if check.id in was and was[check.id] != check.result:
            yield f"Check “{check.name}”: {check.result} now, {was[check.id]} before."


def _short(told: Iterable[str], rest: str) -> Sequence[str]:
    every = list(told)
    return every if len(every) <= MOST_TOLD else [*every[:MOST_TOLD], f"{len(every) - MOST_TOLD} {rest}."]
