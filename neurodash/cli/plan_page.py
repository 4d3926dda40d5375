"""A plan as lines to read: what is done when, what was checked, and why."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from itertools import islice

from neurodash import wording
from neurodash.planning.plan import Item, Plan, PlanWeek, Reason

WIDTH = 100
EXPLAINED, REASONS, LONG = 300, 12, 500  # exercises, reasons of each, and characters of one: three times what ours have
GUARDS = {"alone": "Alone.", "near": "A person within reach.", "hands-on": "A trained person guards, hands on."}
MARKS = {"passes": "✓", "fails": "✕", "does not apply": "–"}
STATUS = {"ready": "Ready", "refer": "Refer first: no training is planned", "stop": "Stop: no training"}


def page(plan: Plan) -> str:
    """The whole plan: the first week in full, the others as they differ."""
    blocks = [_head(plan), *_screening(plan)]
    if plan.weeks:
        blocks += [
            _targets(plan),
            *(_week(week, plan.weeks[at - 1] if at else None) for at, week in enumerate(plan.weeks)),
        ]
        blocks += [_moves(plan), _section("Test again", [_retest(plan)]), _lessons(plan), checked(plan)]
    blocks += _lists(plan)
    return "\n\n".join(block for block in blocks if block)


def checked(plan: Plan) -> str:
    """The checks, the dose coverage and what a report would need."""
    lines = [_line(f"{each.name}: {each.place}", f"{MARKS[each.result]} ") for each in plan.checks]
    for cover in plan.coverage:
        tested = ""
        if cover.tested_minutes:
            low, middle, high = cover.tested_minutes
            tested = f" Trials tested {low:g} to {high:g} minutes a week, half of them {middle:g} or less."
        told = f"{cover.focus}: {wording.span(cover.minutes_least, cover.minutes_most)} minutes a week for {cover.weeks} weeks."
        lines.append(_line(f"{told}{tested} {cover.warning}".strip(), "! " if cover.warning else "✓ "))
    open_items = [f"{each.number} {each.name}" for each in plan.cert if not each.filled]
    if plan.cert:
        filled = len(plan.cert) - len(open_items)
        told = f"{filled} of {len(plan.cert)} items of the exercise-reporting template (CERT) are filled."
        lines.append(_line(f"{told} Open: {'; '.join(open_items) or 'none'}.", "  "))
    return _section("Checked against the common mistakes", lines)


def explained(plan: Plan) -> str:
    """Every target with its exercises and the reasons of each, and what was not chosen. A reason that holds for all of a
    focus, a target or a ladder is said there, once."""
    steps: dict[str, dict[tuple[str, str, int], Item]] = {}
    for session in plan.sessions:
        for item in session.items:
            steps.setdefault(item.target, {}).setdefault((item.exercise, item.ladder, item.rung), item)
    left = EXPLAINED
    sections = []
    for focus in dict.fromkeys(target.focus for target in plan.targets):
        own = [target for target in plan.targets if target.focus == focus]
        behind_all = _shared([item.because for target in own for item in steps.get(target.target, {}).values()])
        lines = _because(behind_all, plan.reasons, set(), "")
        for target in own:
            told = set(behind_all)
            state = f"trained on the ladder “{target.ladder}”" if target.trained else "not trained"
            lines.append(_line(f"{target.rank}. {target.name}: {state}{_and(target.why_not)}"))
            lines += _because(target.because, plan.reasons, told)
            for item in islice(steps.pop(target.target, {}).values(), left):
                left -= 1
                lines.append(_line(f"{item.name}, rung {item.rung} of “{item.ladder}”{_and(item.says)}", "    > "))
                lines += _because(item.because, plan.reasons, told, "      ")
        sections.append(_section(f"What is trained for {focus}, and why", lines))
    lines = []
    for item in islice((item for own in steps.values() for item in own.values()), left):
        lines.append(_line(f"{item.name}, rung {item.rung} of “{item.ladder}”{_and(item.says)}"))
        lines += _because(item.because, plan.reasons, set())
    sections.append(_section("Also trained, and why", lines))
    sessions = [line for session in plan.sessions[:1] for line in _because(session.because, plan.reasons, set())]
    blocks = _head(plan), *_screening(plan), *sections, _section("The sessions", sessions), *_lists(plan)
    return "\n\n".join(block for block in blocks if block)


def _shared(each: Sequence[Sequence[str]]) -> list[str]:
    """What stands in all of them, in the order of the first."""
    return [name for name in each[0] if all(name in other for other in each)] if each else []


def _head(plan: Plan) -> str:
    lines = [f"{plan.code}: {STATUS[plan.status]}. {plan.summary}"]
    if plan.weeks:
        lines.append(
            f"{len(plan.weeks)} weeks from {wording.date(plan.start)}, for {wording.joined(list(plan.focus))}."
        )
    return "\n".join(_line(each) for each in lines)


def _screening(plan: Plan) -> list[str]:
    now = [_line(each, "! ") for each in plan.what_now]
    met = [
        _line(f"{each.precaution} {each.situation} ({each.severity}{', cleared' if each.cleared else ''}; {each.because}): {each.action}", "- ")
        for each in plan.screening
    ]  # fmt: skip
    return [_section("What to do now", now), _section("Precautions", met)]


def _targets(plan: Plan) -> str:
    trained = [each for each in plan.targets if each.trained]
    return _section(
        "What this plan works on",
        [_line(f"{each.name}{'' if each.weakness is not None else ' (not measured)'}", "- ") for each in trained],
    )


def _week(week: PlanWeek, before: PlanWeek | None) -> str:
    minutes = wording.joined([f"{name} {time} min" for name, time in week.minutes.items()])
    title = f"Week {week.number}, from {wording.date(week.begins)}{' (lighter)' if week.lighter else ''}: {minutes}"
    known = {(i.exercise, i.rung) for s in before.sessions for i in s.items} if before else set()
    lines = []
    shown = set(known)
    for session in week.sessions:
        when = f"{session.day.capitalize()} {session.start}".strip()
        lines.append(_line(f"{when}, {session.minutes} min: {wording.joined(list(session.focus))}"))
        if before is None and session is week.sessions[0]:
            lines += [_line(told, "    Before: ") for told in session.say]
        for item in session.items:
            new = "" if (item.exercise, item.rung) in known else "new: " if before else ""
            lines.append(_line(f"{new}{item.name}{_and(item.says)}; {item.dose.told}{_tail(item)}", "    "))
            if (item.exercise, item.rung) not in shown:
                shown.add((item.exercise, item.rung))
                lines += [_line(told, "        ") for told in _around(item)]
    return _section(title, lines)


def _around(item: Item) -> list[str]:
    """What a person needs to know the first time: how hard, who is near, what to take care of, and a bad day."""
    amber = ""
    if item.amber is not None:
        other = f"{item.amber.name}, " if item.amber.exercise != item.exercise else ""
        amber = f"Bad day: {other}{item.amber.dose.told}."
    told = [item.effort, GUARDS[item.guard or "alone"], *item.support, amber]
    return [" ".join(part for part in told if part)]


def _tail(item: Item) -> str:
    parts = [
        item.side if item.side != "both" else "",
        "one set more on that side" if item.dose.extra else "",
        item.load if item.load != "own weight" else "",
        item.dual_task,
        item.activity,
    ]
    return "".join(f"; {part}" for part in parts if part)


def _retest(plan: Plan) -> str:
    return "\n".join(
        _line(f"{each.name}, {wording.weeks(each.weeks)}. Beyond error: {each.beyond_error}. "
              f"Matters: {each.matters}.", "- ")
        for each in plan.retests
    )  # fmt: skip


def _moves(plan: Plan) -> str:
    lines = []
    for name, moves in plan.rules.items():
        told = f"{name}. Up: {moves.up} Stay: {moves.stay} Back: {moves.back} After a break: {moves.after_a_break}"
        lines.append(_line(told, "- "))
    return _section(
        "Up, stay, back: the later weeks are a forecast, and only a rule that is met moves an exercise", lines
    )


def _lessons(plan: Plan) -> str:
    return _section("What to teach", [_line(f"{each.title}. {' '.join(each.says)}", "- ") for each in plan.education])


def _lists(plan: Plan) -> list[str]:
    return [
        _section("Not chosen, and why", [_line(f"{each.what}: {each.why}", "- ") for each in plan.not_chosen]),
        _section("Assumed", [_line(each, "- ") for each in plan.assumed]),
        _section("Measure or ask next", [_line(each, "- ") for each in plan.measure_next]),
    ]


def _because(names: Sequence[str], reasons: Mapping[str, Reason], told: set[str], indent: str = "    ") -> list[str]:
    """The reasons that were not told before."""
    new = [name for name in dict.fromkeys(names) if name in reasons and name not in told]
    told.update(new)
    found = [reasons[name] for name in new]
    says = (f"{each.kind}{f' {each.ref}' if each.ref else ''}: {each.says}" for each in found[:REASONS])
    return [*(_line(_cut(each), indent) for each in says), *_more(len(found) - REASONS)]


def _more(left: int) -> list[str]:
    return [f"    … and {left:,} more"] if left > 0 else []


def _cut(text: str) -> str:
    return text if len(text) <= LONG else text[: LONG - 1] + "…"


def _and(text: str) -> str:
    return f": {text}" if text else ""


def _section(title: str, lines: Sequence[str]) -> str:
    return f"{title}\n{'-' * len(title)}\n" + "\n".join(lines) if any(lines) else ""


def _line(text: str, first: str = "") -> str:
    plain = "".join(char if char.isprintable() else " " for char in text)
    return textwrap.fill(plain, WIDTH, initial_indent=first, subsequent_indent=" " * len(first), break_on_hyphens=False)
