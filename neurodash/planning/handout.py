"""The sheet a person takes home: some weeks of a plan in plain words, adapted beforehand to good and bad days.

What it says is put together here; `documents/handout.py` sets it on paper. Weeks with the same sessions share a sheet.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from neurodash import wording
from neurodash.errors import DataError, Problem
from neurodash.library import Library
from neurodash.library.exercises import Exercise
from neurodash.library.planning import SheetWords, Told
from neurodash.planning.plan import Dose, Item, Plan, PlanWeek, Session

MOST_EXERCISES = 5  # in a session, above which people do fewer of them (handout.md: expert judgement)
MINUTE = 60  # seconds from which a rest is told in minutes


@dataclass(frozen=True, slots=True)
class Signed:
    """Who stands behind the sheet, and how to reach them. What is empty is a line to write on."""

    clinician: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One exercise on the sheet. `green`, `amber` and `red` are lines of the three columns; `mirrored` says that the weaker
    side is the left one, and so is the picture."""

    number: int
    exercise: str
    name: str
    mirrored: bool
    set_up: str
    steps: tuple[str, ...]
    today: tuple[str, ...]  # what is different for this person: the side, a second task, their own activity
    cautions: tuple[str, ...]
    hard: str
    green: tuple[str, ...]
    amber: tuple[str, ...]
    easier: str  # the exercise of an amber day where it is another one; else empty
    red: tuple[str, ...]
    days: tuple[int, ...]  # 0 is Monday
    near: str  # what the person who is near does; empty where nobody has to be
    mistake: str


@dataclass(frozen=True, slots=True)
class SheetSession:
    """Sessions of a week of the same kind: when, how long, what; `most` exercises on one day."""

    title: str
    when: tuple[str, ...]
    days: tuple[int, ...]  # 0 is Monday
    minutes: int
    entries: tuple[Entry, ...]
    most: int


@dataclass(frozen=True, slots=True)
class Handout:
    """Everything on the sheet. `warnings` are for the clinician and not printed."""

    code: str
    weeks: tuple[int, ...]
    begins: dt.date
    ends: dt.date
    review: str
    goal: str
    kit: tuple[str, ...]
    time: str
    remember: tuple[str, ...]
    sessions: tuple[SheetSession, ...]
    words: SheetWords
    lessons: tuple[Told, ...]
    moves: tuple[tuple[str, str, str], ...]  # name of the rule, up, back
    signed: Signed
    version: str
    warnings: tuple[str, ...]


def handout(plan: Plan, library: Library, week: int = 1, signed: Signed | None = None) -> Handout:
    """The sheet of a week and of the weeks after it that have the same sessions.

    Raises DataError where the plan has no such week, or none at all: a person whose training waits gets no exercises.
    """
    if not plan.weeks:
        now = " ".join(plan.what_now)
        raise DataError([Problem("the plan", f"{plan.status}, without sessions", "a plan that is ready", now)])
    if not 1 <= week <= len(plan.weeks):
        raise DataError([Problem("week", str(week), f"1 to {len(plan.weeks)}")])
    words = library.planning.rules.sheet
    if words is None:
        raise DataError([Problem("planning/rules.yaml: sheet", "nothing", "the words of the printed sheet")])
    first = plan.weeks[week - 1]
    same = [first]
    for later in plan.weeks[week:]:
        if _shape(later) != _shape(first):
            break
        same.append(later)
    sessions = tuple(_sessions(first, library))
    entries = [entry for session in sessions for entry in session.entries]
    rules = [library.rules[name] for name in sorted({i.rule for s in first.sessions for i in s.items})]
    codes = {code for entry in entries for code in _kit(library.exercises.exercises[entry.exercise], first, library)}
    equipment = library.exercises.words.equipment
    retests = sorted({w for each in plan.retests for w in each.weeks if w >= week})
    in_boxes = {lesson.id for lesson in library.planning.rules.lessons if not lesson.on_paper}
    goals = plan.profile.get("goals") or ()
    return Handout(
        code=plan.code, weeks=tuple(each.number for each in same), begins=first.begins,
        ends=same[-1].begins + dt.timedelta(days=6), goal=str(goals[0]["text"]) if goals else "",
        review=_review(plan, retests), kit=tuple(word.label for code, word in equipment.items() if code in codes),
        time=_time(first.sessions), remember=tuple(dict.fromkeys(s for each in first.sessions for s in each.say)),
        sessions=sessions, words=words, signed=signed or Signed(), version=plan.library[:8],
        lessons=tuple(Told(title=each.title, says=each.says) for each in plan.education if each.id not in in_boxes),
        moves=tuple((rule.name, rule.plain.up, rule.plain.back) for rule in rules), warnings=tuple(_warnings(sessions)),
    )  # fmt: skip


def _shape(week: PlanWeek) -> object:
    return [(each.day, each.start, each.minutes, each.items) for each in week.sessions]


def _sessions(week: PlanWeek, library: Library) -> Iterator[SheetSession]:
    """Sessions of the same kind stand on the sheet once, and so does an exercise that is the same in all of them."""
    groups: dict[tuple[str, ...], list[Session]] = {}
    for session in week.sessions:
        groups.setdefault(session.focus, []).append(session)
    number = 0
    names = {code: focus.name for code, focus in library.planning.rules.focuses.items()}
    for letter, (focus, own) in zip("ABCDEFG", groups.items(), strict=False):
        days: dict[Item, list[Session]] = {}
        for session in own:
            for item in session.items:
                days.setdefault(item, []).append(session)
        entries = []
        for item, when in days.items():
            number += 1
            on = "" if len(when) == len(own) else f"On {wording.joined([f'{each.date:%A}' for each in when])}."
            entries.append(_entry(number, item, on, tuple(each.date.weekday() for each in when), library))
        what = wording.joined([names.get(code, code) for code in focus])
        yield SheetSession(
            title=what if len(groups) == 1 else f"{letter}: {what}", when=tuple(map(_when, own)), entries=tuple(entries),
            days=tuple(each.date.weekday() for each in own), minutes=max(each.minutes for each in own),
            most=max(len(each.items) for each in own),
        )  # fmt: skip


def _when(session: Session) -> str:
    day = f"{session.date:%A}"
    return f"{day} at {session.start}" if session.start else day


def _entry(number: int, item: Item, on: str, days: tuple[int, ...], library: Library) -> Entry:
    exercise = library.exercises.exercises[item.exercise]
    caution = exercise.mistakes[0]
    amber: tuple[str, ...] = ("Leave it out",)
    easier = ""
    if item.amber is not None:
        easier = item.amber.exercise if item.amber.exercise != exercise.id else ""
        other = library.exercises.exercises[item.amber.exercise]
        said = other.name if easier else item.amber.says or ("As the picture shows" if item.says else "")
        amber = (*([said.rstrip(".")] if said else []), *amount(item.amber.dose, other))
    guard = {"alone": "", "near": "A person is within reach. ", "hands-on": "A trained person holds on to you. "}[
        item.guard
    ]
    return Entry(
        number=number, exercise=exercise.id, name=exercise.name, mirrored=item.side == "left first",
        set_up=exercise.set_up, steps=exercise.steps, cautions=item.support, hard=item.effort,
        days=days, today=tuple(each for each in (on, _side(item), _extra(item), item.dual_task, item.activity) if each),
        green=(*([item.says.rstrip(".")] if item.says else []), *amount(item.dose, exercise)), amber=amber, red=("Do not do it",), easier=easier,
        near=f"{guard}{_guarding(exercise)}" if guard else "", mistake=f"{caution.wrong}? {caution.instead}",
    )  # fmt: skip


def _guarding(exercise: Exercise) -> str:
    """What the helper does; that none is needed is left out where this person needs one."""
    said = re.split(r"(?<=\.) ", exercise.guarding)
    return " ".join(sentence for sentence in said if not sentence.startswith("No helper"))


def _side(item: Item) -> str:
    return {
        "left first": "Begin with the left side, then the right.",
        "right first": "Begin with the right side, then the left.",
        "left and right in turn": "Left and right in turn.",
    }.get(item.side, "")


def _extra(item: Item) -> str:
    side = item.side.removesuffix(" first")
    return f"One more round on the {side} side." if item.dose.extra and side in ("left", "right") else ""


def amount(dose: Dose, exercise: Exercise) -> tuple[str, ...]:
    """A dose in plain words, a line each: how many, how often, how long to rest."""
    numbers = f"{dose.low:g}" if dose.low == dose.high else f"{dose.low:g} to {dose.high:g}"
    each = " on each side" if exercise.sides == "each" else ""
    unit = "times" if dose.unit == "reps" else dose.unit
    lines = [f"{numbers} {unit[:-1] if numbers == '1' else unit}{each}"]
    if dose.hold:
        lines.append(f"Hold for {dose.hold:g} seconds")
    if dose.bouts > 1:
        lines.append(f"{dose.bouts} short turns")
    if dose.sets > 1:
        lines.append(f"{dose.sets} rounds")
    if dose.sets * dose.bouts > 1:
        lines.append(f"Rest {_rest(dose.rest)} between")
    return tuple(lines)


def _rest(seconds: int) -> str:
    if seconds < MINUTE or seconds % (MINUTE // 2):
        return f"{seconds} seconds"
    whole, half = divmod(seconds, MINUTE)
    return f"{whole}{'½' if half else ''} {'minute' if seconds == MINUTE else 'minutes'}"


def _kit(exercise: Exercise, week: PlanWeek, library: Library) -> set[str]:
    """What an exercise needs on its rung of this week, and on an easier one."""
    found = set(exercise.equipment)
    for session in week.sessions:
        for item in session.items:
            if item.exercise == exercise.id:
                found |= set(library.ladders[item.ladder].rungs[item.rung - 1].equipment)
                if item.amber:
                    found |= set(library.exercises.exercises[item.amber.exercise].equipment)
                    found |= set(library.ladders[item.ladder].rungs[item.amber.rung - 1].equipment)
    return found


def _time(sessions: Sequence[Session]) -> str:
    minutes = sorted({each.minutes for each in sessions})
    span = f"{minutes[0]}" if len(minutes) == 1 else f"{minutes[0]} to {minutes[-1]}"
    return f"{span} minutes a day, {wording.count(len({each.date for each in sessions}), 'day')} a week".replace(
        wording.NO_BREAK, " "
    )


def _review(plan: Plan, weeks: Sequence[int]) -> str:
    if not weeks:
        return ""
    return wording.date(plan.start + dt.timedelta(weeks=weeks[0] - 1)).replace(wording.NO_BREAK, " ")


def _warnings(sessions: Sequence[SheetSession]) -> Iterator[str]:
    for session in sessions:
        if session.most > MOST_EXERCISES:
            yield (
                f"{session.title} has {session.most} exercises on a day; above {MOST_EXERCISES} people do fewer of them "
                "(expert judgement). Leave a target out, or train on more days."
            )
