"""A plan held against the common mistakes of its briefs, the doses that were tested, and the exercise-reporting template.

Works on any plan, made here or written by hand: it reads only what stands in the plan and in the library.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import replace

from neurodash import wording
from neurodash.errors import Problem, did_you_mean
from neurodash.library import Library
from neurodash.library.ladders import levels
from neurodash.planning.plan import CertItem, Check, CheckResult, Coverage, Item, Plan

STATIC = frozenset({"still", "shift"})  # movements that keep both feet, or the seat, where they are
TEACHING, BAD_DAYS = "two-kinds-of-tired", "bad-day"
PERSONAL = frozenset({"measure", "goal", "profile"})
TRIALS_FROM = 3  # trials with a known dose from which a range says anything. Ours, as for the dose plot


def audited(plan: Plan, library: Library) -> Plan:
    """The plan with its checks, its dose coverage and its reporting items filled in."""
    return replace(
        plan, checks=tuple(checks(plan, library)), coverage=tuple(coverage(plan, library)), cert=tuple(cert(plan))
    )


# The common mistakes


def checks(plan: Plan, library: Library) -> Iterator[Check]:
    """Each common mistake: passes, fails or does not apply, with the place that shows it."""
    items = [
        (week.number, session.date, item) for week in plan.weeks for session in week.sessions for item in session.items
    ]
    for id_, name, of in (
        ("not-only-static", "Balance is more than standing still", _dynamic),
        ("progression", "Every exercise has a rule for going up and for going back", _progression),
        ("dual-task", "A second task comes in time", _dual_task),
        ("personal", "Tied to this person's measures, goals or life", _personal),
        ("power", "Strength comes with speed", _power),
        ("two-fatigues", "Teaches the two kinds of tiredness", _teaching),
        ("bad-days", "Says what to do on a bad day", _bad_days),
    ):
        if not items:
            yield Check(id_, name, "does not apply", "there are no sessions")
            continue
        result, place = of(plan, library, items)
        yield Check(id_, name, result, place)


Items = Sequence[tuple[int, object, Item]]
Found = tuple[CheckResult, str]


def _why_not(plan: Plan, what: str) -> str:
    return next((f"{each.what}: {each.why}" for each in plan.not_chosen if each.what == what), "")


def _is_planned(plan: Plan, code: str, library: Library) -> bool:
    focus = library.planning.rules.focuses.get(code)
    return code in plan.focus and not (focus and _why_not(plan, focus.name))


def _demand(item: Item, library: Library) -> dict[str, str]:
    """The levels of what an item demands, in words; empty for an exercise or a rung the library does not have."""
    ladder, exercise = library.ladders.get(item.ladder), library.exercises.exercises.get(item.exercise)
    if ladder is None or exercise is None or not 1 <= item.rung <= len(ladder.rungs):
        return {}
    scale = library.exercises.words.variables
    return {
        name: scale[name][at]
        for name, at in levels(ladder.rungs[item.rung - 1], exercise, library.exercises.words).items()
    }


def _of_balance(items: Items, library: Library) -> list[tuple[int, Item]]:
    focus = library.planning.rules.focuses.get("balance")
    targets = {each.target for each in focus.targets} if focus else set()
    return [(week, item) for week, _, item in items if item.target in targets]


def _dynamic(plan: Plan, library: Library, items: Items) -> Found:
    if not _is_planned(plan, "balance", library):
        return "does not apply", "balance is not planned"
    schedule = library.planning.rules.schedule
    by = schedule.dynamic_by if schedule else 6
    for week, item in _of_balance(items, library):
        movement = _demand(item, library).get("movement", "still")
        if week <= by and movement not in STATIC:
            return "passes", f"week {week}: {item.name}"
    why = _why_not(plan, "Dynamic balance work")
    return ("does not apply", why) if why else ("fails", f"nothing moves beyond standing or sitting still by week {by}")


def _progression(plan: Plan, _: Library, items: Items) -> Found:
    for week, _day, item in items:
        if item.rule not in plan.rules:
            return "fails", f"week {week}: {item.name} has no rule"
    return "passes", wording.joined(sorted(plan.rules))


def _dual_task(plan: Plan, library: Library, items: Items) -> Found:
    if not _is_planned(plan, "balance", library):
        return "does not apply", "balance is not planned"
    schedule = library.planning.rules.schedule
    by = schedule.dual_task_by if schedule else 9
    for week, _, item in items:
        if week <= by and (item.dual_task or _demand(item, library).get("attention", "single") != "single"):
            return "passes", f"week {week}: {item.name}"
    why = _why_not(plan, "Dual-task work")
    return ("does not apply", why) if why else ("fails", f"no second task by week {by}")


def _personal(plan: Plan, _: Library, items: Items) -> Found:
    for week, _day, item in items:
        for reason in (plan.reasons[name] for name in item.because if name in plan.reasons):
            if reason.kind in PERSONAL:
                return "passes", f"week {week}: {item.name}, because of {reason.says}"
    goal = next((reason for reason in plan.reasons.values() if reason.kind == "goal"), None)
    return (
        ("passes", f"goal: {goal.says}")
        if goal
        else ("fails", "no measure, goal or activity stands behind any exercise")
    )


def _power(plan: Plan, library: Library, items: Items) -> Found:
    if not _is_planned(plan, "resistance", library):
        return "does not apply", "strength is not planned"
    for week, _, item in items:
        if item.target == "power" and _demand(item, library).get("speed") in ("brisk", "fast"):
            return "passes", f"week {week}: {item.name}"
    why = _why_not(plan, "Power work")
    return ("does not apply", why) if why else ("fails", "no exercise is done fast")


def _teaching(plan: Plan, _: Library, __: Items) -> Found:
    found = next((lesson for lesson in plan.education if lesson.id == TEACHING), None)
    return ("passes", found.title) if found else ("fails", "no lesson on muscle tiredness and MS tiredness")


def _bad_days(plan: Plan, _: Library, items: Items) -> Found:
    for week, _day, item in items:
        if item.amber is None or not item.amber.dose.volume < item.dose.volume:
            return "fails", f"week {week}: {item.name} has no smaller dose for a bad day"
    found = next((lesson for lesson in plan.education if lesson.id == BAD_DAYS), None)
    return ("passes", found.title) if found else ("fails", "no lesson on what to do on a bad day")


# The dose that was tested


def coverage(plan: Plan, library: Library) -> Iterator[Coverage]:
    """The weekly minutes and the weeks of each focus beside those of the trials of the same training."""
    for code in plan.focus:
        focus = library.planning.rules.focuses.get(code)
        brief = library.briefs.get(focus.protocol) if focus else None
        if focus is None or brief is None or not any(week.minutes.get(code) for week in plan.weeks):
            continue
        classes = {each for finding in brief.findings[:1] for each in finding.claim.intervention}
        own = {t.trial_id: t for t in library.trials.values() if t.intervention_class in classes and t.minutes_per_week}
        minutes = sorted(float(t.minutes_per_week or 0) for t in own.values())
        weeks = sorted(float(t.weeks) for t in own.values() if t.weeks)
        first = next(week.minutes[code] for week in plan.weeks if week.minutes.get(code))
        most = max(week.minutes.get(code, 0) for week in plan.weeks)
        enough = len(minutes) >= TRIALS_FROM
        warning = ""
        if not enough:
            warning = "Fewer than three trials in our table report their weekly dose, so nothing can be compared."
        elif most < minutes[0]:
            warning = (
                f"No trial in our table tested as little as {most} minutes a week; the least was {minutes[0]:.0f}."
            )
        elif most > minutes[-1]:
            warning = f"No trial in our table tested as much as {most} minutes a week; the most was {minutes[-1]:.0f}."
        yield Coverage(
            focus=code, minutes_first=first, minutes_most=most, weeks=len(plan.weeks), warning=warning,
            tested_minutes=_span(minutes) if enough else (), tested_weeks=_span(weeks) if len(weeks) >= TRIALS_FROM else (),
            sources=tuple(sorted(own)),
        )  # fmt: skip


def _span(values: Sequence[float]) -> tuple[float, ...]:
    return values[0], round(statistics.median(values), 1), values[-1]


# What a report of exercise has to say: the Consensus on Exercise Reporting Template (Slade et al. 2016, Br J Sports Med
# 50:1428-1437), its sixteen items in our words


def cert(plan: Plan) -> Iterator[CertItem]:
    """Which of the sixteen items the plan fills, and which are open."""
    keys = plan.profile
    sessions = plan.sessions
    items = [item for session in sessions for item in session.items]
    made = bool(items)
    guards = sorted({item.guard for item in items})
    goals = [reason for reason in plan.reasons.values() if reason.kind == "goal"]
    personal: list[str] = sorted({str(r.kind) for r in plan.reasons.values() if r.kind in PERSONAL | {"precaution"}})
    for number, name, filled, place in (
        ("1", "Equipment", made, "each exercise names what it needs"),
        ("2", "Who teaches it, and their training", False, "open: name the clinician"),
        ("3", "Alone or in a group", keys.get("setting", "unknown") != "unknown", str(keys.get("setting", ""))),
        ("4", "Supervised or not", made, wording.joined(guards) if guards else ""),
        ("5", "How adherence is measured", False, "open: a log, or the days on the phone"),
        ("6", "What keeps a person going", bool(goals), goals[0].says if goals else "open: a goal in the person's words"),
        ("7", "Rule for progression, and how", bool(plan.rules), wording.joined(sorted(plan.rules))),
        ("8", "Each exercise in detail", made, "steps and picture of each in the library"),
        ("9", "Home part", str(keys.get("setting", "")).startswith("home"), str(keys.get("setting", ""))),
        ("10", "What else belongs to it", bool(plan.education), wording.joined([each.title for each in plan.education])),
        ("11", "Unwanted events", any(each.id == "new-symptom" for each in plan.education), "when to stop and whom to call"),
        ("12", "Setting", keys.get("setting", "unknown") != "unknown", str(keys.get("setting", ""))),
        ("13", "Dose", made, "sets, amount, rest, days and weeks of each session"),
        ("14", "Generic or tailored, and how", bool(personal), wording.joined(personal)),
        ("15", "Rule for the starting level", made, "the first rung by EDSS and score on each ladder"),
        ("16", "How delivery is checked against the plan", bool(plan.retests), wording.joined([r.instrument for r in plan.retests])),
    ):  # fmt: skip
        yield CertItem(number, name, filled, place or "open")


# A plan from outside


def strangers(plan: Plan, library: Library, where: str) -> Iterator[Problem]:
    """Ids in a plan that the library does not have: what cannot be looked up cannot be checked."""
    exercises, ladders = library.exercises.exercises, library.ladders
    for name in plan.focus:
        if name not in library.planning.rules.focuses:
            known = library.planning.rules.focuses
            yield Problem(f"{where}: focus", f"“{name}”", ", ".join(known), did_you_mean(name, known))
    for week in plan.weeks:
        for day, session in enumerate(week.sessions, start=1):
            for place, item in enumerate(session.items, start=1):
                at = f"{where}: week {week.number}, session {day}, exercise {place}"
                if item.exercise not in exercises:
                    mend = did_you_mean(item.exercise, exercises)
                    yield Problem(at, f"“{item.exercise}”", "the id of an exercise", mend)
                elif item.ladder not in ladders:
                    yield Problem(at, f"“{item.ladder}”", "the id of a ladder", did_you_mean(item.ladder, ladders))
                elif not 1 <= item.rung <= len(ladders[item.ladder].rungs):
                    yield Problem(at, f"rung {item.rung}", f"1 to {len(ladders[item.ladder].rungs)} of {item.ladder}")
                elif ladders[item.ladder].rungs[item.rung - 1].exercise != item.exercise:
                    there = ladders[item.ladder].rungs[item.rung - 1].exercise
                    yield Problem(
                        at, f"“{item.exercise}” on rung {item.rung} of {item.ladder}", f"“{there}”, which stands there"
                    )
