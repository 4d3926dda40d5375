"""What the page of a plan shows: the weeks, each choice with its reasons, what was not chosen, what may be swapped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString

from neurodash import wording
from neurodash.library import Library
from neurodash.pictures import charts
from neurodash.planning.handout import MOST_EXERCISES
from neurodash.planning.plan import BY_HAND, Item, Plan, PlanWeek, Reason, ReasonKind, Session
from neurodash.planning.profile import DAYS, Profile
from neurodash.planning.swaps import Option, options
from neurodash.web.reading.training import GUARDS, pictures

STATUS = {"refer": "Refer first", "stop": "Stop"}
RESTS_ON: Mapping[ReasonKind, str] = {
    "finding": "finding of the brief", "guideline": "guideline {}", "precaution": "precaution {}", "measure": "measured",
    "goal": "the person's goal", "profile": "what was answered", "protocol": "protocol of the brief",
    "clinician": "your choice", "expert judgement": "expert judgement",
}  # fmt: skip
MARKS = {"passes": "✓", "fails": "✕", "does not apply": "–"}


@dataclass(frozen=True)
class Because:
    """A reason with the page that shows what it rests on."""

    says: str
    rests_on: str
    url: str


@dataclass(frozen=True)
class Choice:
    """One thing in the plan and why."""

    what: str
    reasons: tuple[Because, ...]


@dataclass(frozen=True)
class Day:
    name: str
    date: str
    sessions: tuple[Session, ...]


@dataclass(frozen=True)
class Week:
    """A week as a strip of days, with what is new in it."""

    week: PlanWeek
    days: tuple[Day, ...]
    minutes: str
    new: tuple[Item, ...]
    crowded: tuple[Session, ...]


@dataclass(frozen=True)
class Exercise:
    """An exercise of the first weeks with its pictures, dose, bad-day form and reasons."""

    item: Item
    dose: str
    amber: str
    amber_name: str
    guard: str
    pictures: tuple[SafeString, ...]
    reasons: tuple[Because, ...]
    days: str


@dataclass(frozen=True)
class Target:
    """A target, how weak it is, and what else it could be trained on."""

    id: str
    name: str
    focus: str
    weakness: int | None  # per cent
    trained: bool
    why_not: str
    reasons: tuple[Because, ...]
    now: str
    now_name: str
    swapped: bool
    groups: tuple[tuple[str, tuple[tuple[str, Option], ...]], ...]  # ladder, and its rungs as `ladder rung`


def page(plan: Plan, profile: Profile | None, library: Library, week: int = 1, from_week: int = 1) -> dict[str, Any]:
    """Everything the template of a plan shows, with the exercises of a week that it has. Without a profile nothing can be swapped; what the library no longer has
    is shown by the words that the plan holds."""
    names = {code: focus.name for code, focus in library.planning.rules.focuses.items()}
    weeks = tuple(_week(week, before, names) for week, before in zip(plan.weeks, (None, *plan.weeks), strict=False))
    swaps = (
        options(profile, library, [each.target for each in plan.targets], from_week, _reached(plan, from_week))
        if profile is not None and plan.status == "ready"
        else {}
    )
    return {
        "plan": plan,
        "status": STATUS.get(plan.status, ""),
        "title": f"{wording.number_word(len(plan.weeks)).capitalize()} weeks for {plan.code}" if plan.weeks else f"{STATUS.get(plan.status, '')}: {plan.code}",
        "weeks": weeks,
        "goals": [str(goal.get("text", "")) for goal in plan.profile.get("goals") or ()],
        "focus_names": names,
        "exercises": _exercises(plan, library, week),
        "targets": [_target(each, plan, profile, library, swaps.get(each.target, ()), from_week) for each in plan.targets],
        "choices": _choices(plan, library),
        "checks": [(MARKS[each.result], each) for each in plan.checks],
        "coverage": [(names.get(each.focus, each.focus), each, charts.dose_strip(each.tested_minutes, each.minutes_least, each.minutes_most)) for each in plan.coverage],
        "cert_open": [each for each in plan.cert if not each.filled],
        "cert_filled": sum(each.filled for each in plan.cert),
        "rules": [(_rule(name, library), moves) for name, moves in plan.rules.items()],
        "profile_json": json.dumps(dict(plan.profile), ensure_ascii=False),
        "most": MOST_EXERCISES,
        "asked": "precautions" in plan.profile,
        "from_week": from_week,
    }  # fmt: skip


def _reached(plan: Plan, week: int) -> dict[str, int]:
    """The rung on which a person is by a week of the plan, by ladder; nothing before it has begun."""
    if week == 1:
        return {}
    done = [each for each in plan.weeks if each.number <= week]
    return {item.ladder: item.rung for each in done for session in each.sessions for item in session.items}


def _rule(name: str, library: Library) -> str:
    return library.rules[name].name if name in library.rules else name


def _week(week: PlanWeek, before: PlanWeek | None, names: Mapping[str, str]) -> Week:
    known = {(i.exercise, i.rung) for s in before.sessions for i in s.items} if before else set()
    new: dict[tuple[str, int], Item] = {}
    for session in week.sessions:
        for item in session.items:
            if before and (item.exercise, item.rung) not in known:
                new.setdefault((item.exercise, item.rung), item)
    days = []
    for place, day in enumerate(DAYS):
        own = tuple(each for each in week.sessions if each.date.weekday() == place)
        date = week.begins.fromordinal(week.begins.toordinal() + place)
        days.append(Day(day.capitalize(), wording.date(date), own))
    minutes = wording.joined([f"{names.get(code, code).lower()} {time} min" for code, time in week.minutes.items()])
    crowded = tuple(each for each in week.sessions if len(each.items) > MOST_EXERCISES)
    return Week(week, tuple(days), minutes, tuple(new.values()), crowded)


def _exercises(plan: Plan, library: Library, week: int) -> list[Exercise]:
    """The exercises of a week, each once, in the order in which they are done."""
    found: dict[str, Item] = {}
    days: dict[str, list[str]] = {}
    for session in plan.weeks[week - 1].sessions if plan.weeks else ():
        for item in session.items:
            found.setdefault(item.exercise, item)
            days.setdefault(item.exercise, []).append(session.day.capitalize())
    made = []
    for name, item in found.items():
        other = item.amber and item.amber.exercise != item.exercise
        made.append(
            Exercise(
                item=item, dose=item.amount, guard=GUARDS[item.guard],
                pictures=pictures(library, name, item.side == "left first") if name in library.exercises.frames else (),
                amber=item.amber.dose.told if item.amber else "", reasons=because(item.because, plan.reasons, library),
                amber_name=item.amber.name if item.amber and other else item.amber.says if item.amber else "",
                days=wording.joined(days[name]),
            )
        )  # fmt: skip
    return made


def swapped(plan: Plan, target: str) -> str:
    """What came of a swap, and that the plan was checked again."""
    now = next((item for session in plan.sessions for item in session.items if item.target == target), None)
    refused = next((each.why for each in plan.not_chosen if each.what.endswith(BY_HAND)), "")
    told = f"Not taken: {refused}." if refused else f"Now begins with “{now.name}”." if now else "Left out."
    results = [each.result for each in plan.checks]
    checked = f"{results.count('passes')} of {wording.count(len(results), 'check')} pass"
    failed = [each.name.lower() for each in plan.checks if each.result == "fails"]
    return f"{told} Checked again: {checked}{f'; not passed: {wording.joined(failed)}' if failed else ''}."


def _target(
    target: Any, plan: Plan, profile: Profile | None, library: Library, every: tuple[Option, ...], week: int
) -> Target:
    groups: dict[str, list[tuple[str, Option]]] = {}
    for option in every:
        groups.setdefault(option.ladder_name, []).append((f"{option.ladder} {option.rung}", option))
    own = [(each.number, i) for each in plan.weeks for s in each.sessions for i in s.items if i.target == target.target]
    first = next((item for number, item in own if number >= week), own[-1][1] if own else None)
    return Target(
        id=target.target, name=target.name, focus=target.focus, trained=target.trained, why_not=target.why_not,
        weakness=None if target.weakness is None else round(target.weakness * 100), now=f"{first.ladder} {first.rung}" if first else "",
        now_name=first.name if first else "",
        reasons=because(target.because, plan.reasons, library), swapped=profile is not None and _is_swapped(target.target, profile),
        groups=tuple((name, tuple(own)) for name, own in groups.items() if any(not option.why_not for _, option in own)),
    )  # fmt: skip


def _is_swapped(target: str, profile: Profile) -> bool:
    return target in profile.keys.swaps or any(each.target == target for each in profile.keys.later_swaps)


def _choices(plan: Plan, library: Library) -> list[Choice]:
    """Why what is trained is trained, when, how much, and what the precautions change."""
    made = []
    first = plan.weeks[0].sessions if plan.weeks else ()
    named = [name for session in first for name in session.because if name in plan.reasons]
    for what, kinds in (("This training", ("finding",)), ("When", ("profile", "precaution"))):
        if own := dict.fromkeys(name for name in named if plan.reasons[name].kind in kinds):
            made.append(Choice(what, because(own, plan.reasons, library)))
    dosed: dict[str, list[str]] = {}
    for session in plan.sessions:
        for item in session.items:
            rows = [name for name in item.because if name in plan.reasons and plan.reasons[name].kind == "guideline"]
            dosed.setdefault(item.rule, []).extend(rows)
    for rule, rows in dosed.items():
        if rows:
            made.append(
                Choice(f"How much: {_rule(rule, library).lower()}", because(dict.fromkeys(rows), plan.reasons, library))
            )
    return made


def because(names: Any, reasons: Mapping[str, Reason], library: Library) -> tuple[Because, ...]:
    found = [reasons[name] for name in names if name in reasons]
    return tuple(
        Because(each.says, RESTS_ON[each.kind].format(each.ref).strip(), url_of(each, library)) for each in found
    )


def url_of(reason: Reason, library: Library) -> str:
    """The page that shows what a reason rests on; empty where there is none."""
    match reason.kind:
        case "finding":
            slug, _, finding = reason.ref.partition("#")
            brief = library.briefs.get(slug)
            return f"/{brief.condition}/{slug}/#{finding}" if brief else ""
        case "guideline" if reason.ref in library.guidelines:
            return f"/sources/guidelines/#{reason.ref}"
        case "precaution" if reason.ref in library.precautions:
            return f"/sources/precautions/#{reason.ref}"
        case "measure":
            row = next((row for row in library.instruments.values() if row.instrument_id == reason.ref), None)
            return f"/sources/instruments/#{row.row_id}" if row else ""
        case "protocol" if reason.ref in library.briefs:
            return f"/{library.briefs[reason.ref].condition}/{reason.ref}/#plan"
        case "expert judgement" if reason.ref in library.ladders:
            return f"/exercises/ladders/{reason.ref}/"
    return ""
