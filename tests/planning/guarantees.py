"""What always holds of a plan: the eight promises, each as a function that finds the places where it is broken.

Written from the promises and the content files, not from the planner: what is allowed is worked out anew here.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Iterator
from typing import Any

from neurodash.library.ladders import levels
from neurodash.planning.build import make
from neurodash.planning.plan import Item, Plan
from neurodash.planning.profile import Profile, read_profile
from tests.planning.people import DAYS, ON, OURS, PARTS, WORDS

GUARDS = ["alone", "near", "hands-on"]
SUPPORT = {"none": 0, "family": 1, "trained": 2}
OF_SETTING = {"home_alone": 0, "home_with_partner": 1, "clinic": 2, "group": 1}
EVERYWHERE = {code for code, word in WORDS.equipment.items() if word.everywhere}
SCHEDULE = OURS.planning.rules.schedule
assert SCHEDULE
HOURS = SCHEDULE.windows


def read(data: dict[str, Any]) -> Profile:
    return read_profile(json.dumps(data), "profile", OURS, ON)


def planned(data: dict[str, Any], start: dt.date = ON) -> Plan:
    return make(read(data), OURS, start)


def demand(item: Item) -> dict[str, str]:
    rung = OURS.ladders[item.ladder].rungs[item.rung - 1]
    assert rung.exercise == item.exercise
    found = levels(rung, OURS.exercises.exercises[item.exercise], WORDS)
    return {name: WORDS.variables[name][level] for name, level in found.items()}


def support(data: dict[str, Any]) -> int:
    return SUPPORT[data["helper"]] if "helper" in data else OF_SETTING.get(data.get("setting", ""), 0)


def rows(plan: Plan) -> set[str]:
    return {each.precaution for each in plan.screening}


def items(plan: Plan) -> Iterator[tuple[int, Item]]:
    for week in plan.weeks:
        for session in week.sessions:
            for item in session.items:
                yield week.number, item


def stops(data: dict[str, Any], plan: Plan) -> Iterator[str]:
    """1. A stop or a refer: no session, and what to do now."""
    severities = {each.severity for each in plan.screening if not each.cleared}
    if "stop" in severities and plan.status != "stop":
        yield f"a stop row, and the plan is {plan.status}"
    if "refer" in severities and plan.status == "ready":
        yield "a refer row, and the plan is ready"
    if plan.status == "ready" and not all(week.sessions or week.lighter for week in plan.weeks):
        yield "ready, with a week without a session"
    if plan.status != "ready" and (plan.weeks or not plan.what_now):
        yield f"{plan.status} with sessions, or without what to do"
    named = {OURS.planning.situations[code.replace("_", "-")].precaution for code in data.get("precautions", ())}
    if not named <= rows(plan):
        yield f"named and not met: {named - rows(plan)}"


def possible(data: dict[str, Any], plan: Plan) -> Iterator[str]:
    """2. Nothing that the person, the place or the company does not allow."""
    have = set(EVERYWHERE) | ({"chair"} if "equipment" not in data else set(data["equipment"]))
    have |= {served for code in have for served in WORDS.equipment[code].serves}
    near = support(data)
    edss = data.get("edss")
    for week, item in items(plan):
        exercise = OURS.exercises.exercises[item.exercise]
        rung = OURS.ladders[item.ladder].rungs[item.rung - 1]
        what = f"week {week}, {item.exercise} on {item.ladder} {item.rung}"
        if missing := {*exercise.equipment, *rung.equipment} - have:
            yield f"{what}: needs {missing}"
        if max(GUARDS.index(exercise.guard), GUARDS.index(rung.guard or "alone")) > near:
            yield f"{what}: needs more guarding"
        if edss is not None and not exercise.edss[0] <= edss <= exercise.edss[1]:
            yield f"{what}: for EDSS {exercise.edss}"
        for caution in exercise.precautions:
            if caution.does == "excludes" and caution.id in rows(plan):
                yield f"{what}: {caution.id} leaves it out"
        asks = demand(item)
        seated = asks["base"] in ("lying", "sitting-supported", "sitting")
        if not seated and ((edss is None and "pdds" not in data) or (edss or 0) >= 7):
            yield f"{what}: on the feet"
        alone_never = asks["movement"] == "unexpected" or asks["vision"] == "closed" or asks["attention"] != "single"
        if near == 0 and (alone_never or item.dual_task):
            yield f"{what}: alone"


def in_time(data: dict[str, Any], plan: Plan) -> Iterator[str]:
    """3. Inside the minutes, days and hours there are; strength a free day apart; the best hours first."""
    free: dict[str, tuple[int, int]] = {}
    for day, texts in data.get("available", {}).items():
        start, end = (int(t[:2]) * 60 + int(t[3:]) for t in texts[0].split("-"))
        free[day] = (start, end)
    strength: list[dt.date] = []
    for week in plan.weeks:
        total = sum(session.minutes for session in week.sessions)
        if total != sum(week.minutes.values()):
            yield f"week {week.number}: {total} minutes of sessions, {dict(week.minutes)} said"
        if "minutes_per_week" in data and total > data["minutes_per_week"]:
            yield f"week {week.number}: {total} minutes"
        if len({session.date for session in week.sessions}) != len(week.sessions):
            yield f"week {week.number}: two sessions a day"
        for session in week.sessions:
            if len({item.exercise for item in session.items}) != len(session.items):
                yield f"{session.date}: an exercise twice"
            if DAYS[
                session.date.weekday()
            ] != session.day or not week.begins <= session.date < week.begins + dt.timedelta(7):
                yield f"{session.date} is no {session.day} of week {week.number}"
            if session.minutes < sum(item.minutes for item in session.items) - 1:
                yield f"{session.date}: shorter than its exercises"
            if "resistance" in session.focus:
                strength.append(session.date)
            if "available" not in data:
                continue
            if session.day not in free:
                yield f"{session.date}: not a free day"
                continue
            begin, stop = (int(t[:2]) * 60 + int(t[3:]) for t in (session.start, session.end))
            start, end = free[session.day]
            if begin < start or stop > end or stop - begin != session.minutes:
                yield f"{session.date}: {session.start}-{session.end} outside {free[session.day]}"
            best = HOURS.get(data.get("energy", {}).get("best"))
            there_is = best and min(end, best[1] * 60) - max(start, best[0] * 60) >= SCHEDULE.smallest
            if best and there_is and not best[0] * 60 <= begin < best[1] * 60:
                yield f"{session.date}: {session.start} is not in the best hours"
    for before, after in itertools.pairwise(strength):
        if (after - before).days < 2:
            yield f"strength on {before} and {after}"


def dosed(data: dict[str, Any], plan: Plan) -> Iterator[str]:
    """4. Inside the rows; the first week lowest; a stated growth; every fourth week lighter."""
    most: dict[str, int] = {}
    first: dict[str, int] = {}
    before: dict[str, int] = {}
    for week in plan.weeks:
        for code, minutes in week.minutes.items():
            first.setdefault(code, minutes)
            if week.number > 1 and not week.lighter and minutes < first[code]:
                yield f"week {week.number}: {code} {minutes} minutes, fewer than the first week's {first[code]}"
            if code in most and minutes > most[code] * (1 + SCHEDULE.growth) + 1e-9:
                yield f"week {week.number}: {code} from {most[code]} to {minutes} minutes"
            if week.lighter and before.get(code) and minutes >= before[code]:
                yield f"week {week.number}: {code} {minutes} minutes is not lighter than {before[code]}"
            most[code] = max(minutes, most.get(code, 0))
            before[code] = minutes
        if (week.number % SCHEDULE.lighter_every == 0) != week.lighter:
            yield f"week {week.number}: lighter {week.lighter}"
    edss = data.get("edss")
    for code in plan.focus:
        focus = OURS.planning.rules.focuses[code]
        doses = [
            d.keys
            for d in OURS.protocols[focus.protocol].doses
            if edss is not None and d.keys.edss[0] <= edss <= d.keys.edss[1]
        ]
        if not doses:
            continue
        ends = [a for d in doses for a in (d.start, d.aim)]
        allowed = {
            name: max(float(a[name].high) for a in ends if name in a)
            for name in ("per_week", "minutes", "sets", "reps")
            if any(name in a for a in ends)
        }
        targets = {t.target for t in focus.targets} | ({"power"} if code == "resistance" else set())
        for week in plan.weeks:
            own = [s for s in week.sessions if code in s.focus]
            if len(own) > allowed["per_week"]:
                yield f"week {week.number}: {len(own)} {code} sessions"
            for session in own:
                if "minutes" in allowed and session.focus == (code,) and session.minutes > allowed["minutes"]:
                    yield f"{session.date}: {session.minutes} minutes"
                for item in session.items:
                    if item.target not in targets or code != "resistance":
                        continue
                    if item.dose.sets > allowed.get("sets", 9) or (
                        item.dose.unit == "reps" and item.dose.high > allowed.get("reps", 99)
                    ):
                        yield f"{session.date}: {item.exercise} {item.dose}"


def trained(data: dict[str, Any], plan: Plan) -> Iterator[str]:
    """5. The two weakest balance systems and each weak muscle group every week, or why not."""
    if plan.status != "ready":
        return
    for target in plan.targets:
        weeks = {week for week, item in items(plan) if item.target == target.target}
        if target.weakness and len(weeks) < len(plan.weeks) and not target.why_not:
            yield f"{target.target} in weeks {sorted(weeks)} only"
    said = {(target.focus, target.target) for target in plan.targets}
    for code in plan.focus:
        focus = OURS.planning.rules.focuses[code]
        left_out = any(each.what == focus.name for each in plan.not_chosen)
        if not left_out and said and not {(code, t.target) for t in focus.targets} <= said:
            yield f"{code}: a target without a word"


def stepwise(data: dict[str, Any], plan: Plan) -> Iterator[str]:
    """6. One rung at a time; every exercise says what moves it up and back."""
    at: dict[str, int] = {}
    for week, item in items(plan):
        if item.rule not in plan.rules:
            yield f"week {week}: {item.exercise} without a rule"
        swapped = any(
            (each["week"], each["target"], each.get("ladder")) == (week, item.target, item.ladder)
            for each in data.get("later_swaps", ())
        )
        now = item.rung if swapped else at.setdefault(item.ladder, item.rung)
        if item.rung not in (now, now + 1):
            yield f"week {week}: {item.ladder} from rung {now} to {item.rung}"
        at[item.ladder] = item.rung
        rung = item.amber and item.amber.rung
        if (
            rung is None
            or rung > item.rung
            or item.amber is None
            or not 0.4 <= item.amber.dose.volume / item.dose.volume <= 0.75
        ):
            yield f"week {week}: {item.exercise} {item.dose} and on an amber day {item.amber}"


def whole(data: dict[str, Any], plan: Plan) -> Iterator[str]:
    """7. Dynamic, reactive, dual-task work and power by the stated week, or why not."""
    if plan.status != "ready":
        return
    said = {each.what for each in plan.not_chosen}
    shown = [(week, item, demand(item)) for week, item in items(plan)]
    if any("balance" in session.focus for session in plan.sessions):
        if "Dynamic balance work" not in said and not any(
            d["movement"] not in ("still", "shift") and "sitting" not in d["base"] and d["base"] != "lying"
            for _, _, d in shown
        ):
            yield "no dynamic work, and no word"
        if "Reactive work" not in said and not any(
            i.target == "reactive" and w <= SCHEDULE.reactive_by for w, i, _ in shown
        ):
            yield "no reactive work, and no word"
        if "Dual-task work" not in said and not any(
            (i.dual_task or d["attention"] != "single") and w <= SCHEDULE.dual_task_by for w, i, d in shown
        ):
            yield "no dual task, and no word"
    strength = any("resistance" in session.focus for session in plan.sessions)
    power = any(i.target == "power" and d["speed"] in ("brisk", "fast") for _, i, d in shown)
    if strength and not power and "Power work" not in said:
        yield "no power, and no word"


def best(known: Any) -> Any:
    """The same measures at their best."""
    if isinstance(known, dict):
        return dict.fromkeys(known, "5")
    return [{**each, "value": PARTS.get(each.get("part"), each["value"])} for each in known]


def careful(data: dict[str, Any], plan: Plan) -> Iterator[str]:
    """8. A measure that is missing is never taken for a good one: with the best value more may be open, never less."""
    if plan.status != "ready":
        return
    for name in ("measures", "strength", "edss", "minutes_per_week"):
        if not data.get(name):
            continue
        known = planned({**data, name: best(data[name])}) if name in ("measures", "strength") else plan
        starts = {item.ladder: item.rung for week, item in reversed(list(items(known))) if week == 1}
        less = planned({key: value for key, value in data.items() if key != name})
        if less.status != "ready":
            continue
        for week, item in items(less):
            if week == 1 and name in ("measures", "strength") and item.rung > starts.get(item.ladder, item.rung):
                yield f"without {name}: {item.ladder} begins on rung {item.rung}, not {starts[item.ladder]}"
        now = less.weeks[0]
        if name == "minutes_per_week" and any(sum(w.minutes.values()) > sum(now.minutes.values()) for w in less.weeks):
            yield "without minutes a week the dose grows"
        if name == "edss" and "pdds" not in data:
            for _, item in items(less):
                if demand(item)["base"] not in ("lying", "sitting-supported", "sitting"):
                    yield "without EDSS on the feet"


ALL = (stops, possible, in_time, dosed, trained, stepwise, whole, careful)


def broken(data: dict[str, Any]) -> list[str]:
    """Every place where a promise is broken."""
    plan = planned(data)
    return [f"{promise.__name__}: {told}" for promise in ALL for told in promise(data, plan)]
