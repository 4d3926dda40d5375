"""A plan held against the common mistakes of its briefs, the doses that were tested, and the exercise-reporting template.

Works on any plan, made here or written by hand: it reads only what stands in the plan and in the library.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache

from neurodash import wording
from neurodash.errors import DataError, Problem, did_you_mean
from neurodash.library import Library
from neurodash.library.ladders import levels
from neurodash.library.reading import Loc, LocatedJson
from neurodash.planning.choice import SEATED_BASES
from neurodash.planning.plan import CertItem, Check, CheckResult, Coverage, Item, Plan, Session
from neurodash.planning.profile import DAYS, MAX_BYTES, read_profile
from neurodash.planning.screening import screen

STATIC = frozenset({"still", "shift"})  # movements that keep both feet, or the seat, where they are
SETTINGS: Mapping[str, str] = {
    "home_alone": "at home, alone", "home_with_partner": "at home, with somebody near", "clinic": "in the clinic",
    "group": "in a group", "unknown": "open: not known",
}  # fmt: skip
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
    yield Check("precautions", "Precautions were looked at first", *_precautions(plan, library))
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


def _precautions(plan: Plan, library: Library) -> Found:
    """The profile in the plan is screened again: a plan that was changed by hand may not have lost a precaution."""
    if not {"code", "condition"} <= plan.profile.keys():
        return "does not apply", "the plan does not say for whom it is"
    text = json.dumps(plan.profile, ensure_ascii=False)
    if len(text) > MAX_BYTES:
        return "fails", "the profile in the plan is too long to be one"
    try:  # a measure may be newer than the first week of its plan
        screening = screen(read_profile(text, "profile", library, dt.date.max), library)
    except DataError as error:
        first = error.problems[0]
        told = str(replace(first, where=first.where.rpartition(": ")[2]))
        return "fails", f"the profile in the plan cannot be used: {told}"[:500]
    if "precautions" not in plan.profile:
        return "fails", "the safety questions were not asked"
    if screening.status != "ready" and plan.sessions:
        return "fails", f"the profile says {screening.status}, and there are sessions"
    if missing := sorted(screening.precautions - {each.precaution for each in plan.screening}):
        return "fails", f"{wording.joined(missing)} {'is' if len(missing) == 1 else 'are'} met and not in the plan"
    return "passes", wording.joined(sorted(screening.precautions)) or "none met"


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


def is_dynamic(demand: Mapping[str, str]) -> bool:
    """Whether somebody on their feet moves their base: what is done sitting is no dynamic balance work."""
    return demand.get("base") not in SEATED_BASES and demand.get("movement", "still") not in STATIC


def _dynamic(plan: Plan, library: Library, items: Items) -> Found:
    if not _is_planned(plan, "balance", library):
        return "does not apply", "balance is not planned"
    schedule = library.planning.rules.schedule
    by = schedule.dynamic_by if schedule else 6
    for week, item in _of_balance(items, library):
        if week <= by and is_dynamic(_demand(item, library)):
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
    return "fails", "no measure, goal or activity stands behind any exercise"


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
        least = min(week.minutes[code] for week in plan.weeks if week.minutes.get(code))
        most = max(week.minutes.get(code, 0) for week in plan.weeks)
        enough = len(minutes) >= TRIALS_FROM
        warning = ""
        longest = weeks[-1] if len(weeks) >= TRIALS_FROM else math.inf
        if not enough:
            warning = "Fewer than three trials in our table report their weekly dose, so nothing can be compared."
        elif most < minutes[0]:
            warning = (
                f"No trial in our table tested as little as {most} minutes a week; the least was {minutes[0]:.0f}."
            )
        elif most > minutes[-1]:
            warning = f"No trial in our table tested as much as {most} minutes a week; the most was {minutes[-1]:.0f}."
        if enough and len(plan.weeks) > longest:
            warning += f" No trial in our table went on for {len(plan.weeks)} weeks; the longest took {longest:.0f}."
        yield Coverage(
            focus=code, minutes_least=least, minutes_most=most, weeks=len(plan.weeks), warning=warning.strip(),
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
    guards: list[str] = sorted({item.guard for item in items})
    setting = next((each for each in SETTINGS if each == keys.get("setting")), "unknown")
    where = SETTINGS[setting]
    told = keys.get("goals")
    goals = (
        [str(each["text"]) for each in told if isinstance(each, dict) and "text" in each]
        if isinstance(told, list)
        else []
    )
    goals += [reason.says for reason in plan.reasons.values() if reason.kind == "goal"]
    personal: list[str] = sorted({str(r.kind) for r in plan.reasons.values() if r.kind in PERSONAL | {"precaution"}})
    for number, name, filled, place in (
        ("1", "Equipment", made, "each exercise names what it needs"),
        ("2", "Who teaches it, and their training", False, "open: name the clinician"),
        ("3", "Alone or in a group", setting != "unknown", where),
        ("4", "Supervised or not", made, wording.joined(guards) if guards else ""),
        ("5", "How adherence is measured", False, "open: a log, or the days on the phone"),
        ("6", "What keeps a person going", bool(goals), goals[0] if goals else "open: a goal in the person's words"),
        ("7", "Rule for progression, and how", bool(plan.rules), wording.joined(sorted(plan.rules))),
        ("8", "Each exercise in detail", made, "steps and picture of each in the library"),
        ("9", "Home part", setting.startswith("home"), where),
        ("10", "What else belongs to it", bool(plan.education), wording.joined([each.title for each in plan.education])),
        ("11", "Unwanted events", any(each.id == "new-symptom" for each in plan.education), "when to stop and whom to call"),
        ("12", "Setting", setting != "unknown", where),
        ("13", "Dose", made, "sets, amount, rest, days and weeks of each session"),
        ("14", "Generic or tailored, and how", bool(personal), wording.joined(personal)),
        ("15", "Rule for the starting level", made, "the first rung by EDSS and score on each ladder"),
        ("16", "How delivery is checked against the plan", False, "open: hold what was done against the plan"),
    ):  # fmt: skip
        yield CertItem(number, name, filled, place or "open")


# A plan from outside


def strangers(plan: Plan, library: Library, where: str, located: LocatedJson | None = None) -> Iterator[Problem]:
    """What in a plan the library does not have, and what in it cannot be: neither can be checked. `located` knows its lines."""

    def problem(loc: Loc, name: str, found: str, accepted: str, mend: str = "") -> Problem:
        at = f"{where}:{located.line(loc)}" if located else where
        return Problem(f"{at}: {name}", found, accepted, mend)

    known = library.planning.rules.focuses
    for place, code in enumerate(plan.focus):
        if code not in known:
            yield problem(("focus", place), "focus", f"“{code}”", ", ".join(known), did_you_mean(code, known))
    has_sessions = any(week.sessions for week in plan.weeks)
    if plan.status != "ready" and has_sessions:
        yield problem(("status",), "status", f"{plan.status}, and there are sessions", "ready, or no session")
    for place, met in enumerate(plan.screening):
        if plan.status == "ready" and (met.severity == "stop" or (met.severity == "refer" and not met.cleared)):
            found = f"{met.precaution} of severity {met.severity}, and the plan is ready"
            yield problem(("screening", place), "screening", found, "no such row, or the status that it asks for")
    odd = _odd_in(plan, library)
    for at, week in enumerate(plan.weeks):
        if week.number != at + 1:
            yield problem(
                ("weeks", at, "number"), "weeks", f"week {week.number} in place {at + 1}", "1, 2, 3 and so on"
            )
        if at and (week.begins - plan.weeks[at - 1].begins).days != 7:
            before = wording.date(plan.weeks[at - 1].begins)
            found = f"{wording.date(week.begins)} after {before}"
            yield problem(("weeks", at, "begins"), f"week {week.number}", found, "weeks one after the other")
        for day, session in enumerate(week.sessions):
            loc: Loc = ("weeks", at, "sessions", day)
            name = f"week {week.number}, session {day + 1}"
            if wrong := _not_in_week(session, week.begins):
                yield problem((*loc, "date"), name, *wrong)
            for place, item in enumerate(session.items):
                for step, *told in odd(item):
                    yield problem((*loc, "items", place, *step), f"{name}, exercise {place + 1}", *told)


def _not_in_week(session: Session, begins: dt.date) -> tuple[str, str] | None:
    if (session.date - begins).days not in range(7):
        return wording.date(session.date), f"a day of the week from {wording.date(begins)}"
    day = DAYS[session.date.weekday()]
    return None if session.day == day else (f"“{session.day}” on {wording.date(session.date)}", day)


def _odd_in(plan: Plan, library: Library) -> Callable[[Item], Iterator[tuple[Loc, str, str, str]]]:
    """What an item names that is not there: where in it, what was found, what is accepted, and a mend."""
    exercises, ladders, targets = library.exercises.exercises, library.ladders, library.exercises.words.targets
    near_exercise = cache(lambda word: did_you_mean(word, exercises))
    near_ladder = cache(lambda word: did_you_mean(word, ladders))
    near_target = cache(lambda word: did_you_mean(word, targets))

    def stands(loc: Loc, exercise: str, ladder: str, rung: int) -> Iterator[tuple[Loc, str, str, str]]:
        if exercise not in exercises:
            yield (*loc, "exercise"), f"“{exercise}”", "the id of an exercise", near_exercise(exercise)
        elif ladder not in ladders:
            yield ("ladder",), f"“{ladder}”", "the id of a ladder", near_ladder(ladder)
        elif not 1 <= rung <= len(ladders[ladder].rungs):
            yield (*loc, "rung"), f"rung {rung}", f"1 to {len(ladders[ladder].rungs)} of {ladder}", ""
        elif (there := ladders[ladder].rungs[rung - 1].exercise) != exercise:
            found = f"“{exercise}” on rung {rung} of {ladder}"
            yield (*loc, "exercise"), found, f"“{there}”, which stands there", ""

    def odd(item: Item) -> Iterator[tuple[Loc, str, str, str]]:
        yield from stands((), item.exercise, item.ladder, item.rung)
        if item.amber and item.ladder in ladders:
            yield from stands(("amber",), item.amber.exercise, item.ladder, item.amber.rung)
        if item.target not in targets:
            yield ("target",), f"“{item.target}”", "a target that exercises have", near_target(item.target)
        if item.rule and item.rule not in plan.rules:
            yield ("rule",), f"the rule “{item.rule}”", "a key of rules", ""

    return odd
