"""A plan on paper for the clinician: what was found, the weeks, each exercise with its reasons, and what was checked.

The person gets another paper: the sheet (`handout.py`), in plain words and with nothing of this.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import unescape
from typing import Any

from neurodash import wording
from neurodash.documents.paper import chart, made, pictures, version_line
from neurodash.library import Library
from neurodash.pictures import charts
from neurodash.planning.plan import Item, Plan, PlanWeek, Reason, ReasonKind, Session

STATUS = {"ready": "", "refer": "Refer first: no training is planned yet", "stop": "Stop: no training today"}
RESTS_ON: Mapping[ReasonKind, str] = {
    "finding": "finding of the brief", "guideline": "guideline {}", "precaution": "precaution {}", "measure": "measured",
    "goal": "the person’s goal", "profile": "what was answered", "protocol": "protocol of the brief",
    "clinician": "the clinician’s choice", "expert judgement": "expert judgement",
}  # fmt: skip
GUARDS = {"": "", "alone": "Alone.", "near": "A person within reach.", "hands-on": "A trained person guards, hands on."}
CHECKED = {"passes": "✓", "fails": "✕", "does not apply": "–"}
Form = tuple[
    int, str, str, str, str
]  # rung, what is different on it, dose with side and load, an amber day, how it is done


def pdf(
    plan: Plan, library: Library, *, on: dt.date, signed: str = "", paper: str = "a4", large: bool = False
) -> bytes:
    """The whole plan with its reasons as a tagged PDF. `signed` says in words which version this is and who signed it when;
    without it the paper says that nobody did. `on` is the day it is printed, `large` is 18 point.

    Raises DataError for a paper not known and for letters without a font.
    """
    names = {code: focus.name for code, focus in library.planning.rules.focuses.items()}
    numbers = {
        name: place for place, name in enumerate(dict.fromkeys(i.exercise for i in _items(plan.sessions)), start=1)
    }
    weeks = f"{wording.number_word(len(plan.weeks)).capitalize()} {'week' if len(plan.weeks) == 1 else 'weeks'} for {plan.code}"
    title = weeks if plan.weeks else f"{STATUS[plan.status].partition(':')[0] or 'No training'}: {plan.code}"
    goals = plan.profile.get("goals", ())
    by_focus = {code: [i for s in plan.sessions if code in s.focus for i in s.items] for code in plan.focus}
    shared = {code: _shared(items) for code, items in by_focus.items()}
    data = {
        "title": title, "running": f"{plan.code} · for the clinician", "version": version_line(plan.library or library.version, on),
        "signed": signed or "Not signed. Check it before it is used.", "summary": plan.summary,
        "goals": [str(each.get("text", "")) for each in goals if isinstance(each, Mapping)],
        "when": f"From {wording.date(plan.start)}, for {wording.joined([names.get(f, f).lower() for f in plan.focus])}.",
        "status": STATUS[plan.status], "now": plan.what_now, "asked": "precautions" in plan.profile or not plan.weeks,
        "screening": [
            {"title": each.situation, "tag": f"{each.severity}{', cleared' if each.cleared else ''}",
             "says": f"{each.action.rstrip('.')}. Because of: {each.because}. ({each.precaution})"} for each in plan.screening
        ],
        "targets": list(_targets(plan, names)),
        "weeks": [_week(week, before, names, numbers) for week, before in zip(plan.weeks, (None, *plan.weeks), strict=False)],
        "exercises": list(_exercises(plan, numbers, shared, library)),
        "because": [{"title": names.get(code, code), "says": list(_because(own, plan.reasons))} for code, own in shared.items() if own],
        "sessions": list(_because(dict.fromkeys(n for s in plan.sessions for n in s.because), plan.reasons, {n for own in shared.values() for n in own})),
        "not-chosen": [f"{each.what}: {each.why.rstrip('.')}." for each in plan.not_chosen],
        "assumed": plan.assumed, "next": [_sentence(each) for each in plan.measure_next],
        "checks": [{"sign": CHECKED[each.result], "result": each.result, "name": each.name, "place": each.place} for each in plan.checks],
        "coverage": list(_coverage(plan, names)),
        "rules": [
            {"name": library.rules[name].name if name in library.rules else name, "up": moves.up, "stay": moves.stay, "back": moves.back,
             "after": moves.after_a_break} for name, moves in plan.rules.items()
        ],
        "retests": [
            {"name": each.name, "weeks": wording.weeks(each.weeks), "error": each.beyond_error, "matters": each.matters} for each in plan.retests
        ],
        "education": [{"title": each.title, "says": each.says} for each in plan.education],
        "cert": [{"number": each.number, "name": each.name, "filled": "yes" if each.filled else "open", "place": each.place} for each in plan.cert],
        "cert-filled": f"{sum(each.filled for each in plan.cert)} of {len(plan.cert)}",
    }  # fmt: skip
    return made("plan.typ", data, where="the plan", paper=paper, large=large)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}." if text else ""


def _items(sessions: Iterable[Session]) -> Iterator[Item]:
    for session in sessions:
        yield from session.items


def _targets(plan: Plan, names: Mapping[str, str]) -> Iterator[dict[str, str]]:
    for each in plan.targets:
        own = [plan.reasons[name] for name in each.because if name in plan.reasons]
        measured = [reason.says for reason in own if reason.kind == "measure"]
        weak = "" if each.weakness is None else f"{wording.percent(each.weakness)} of the way to the weakest score"
        others = [
            _sentence(reason.says.removeprefix(f"{each.name}: "))
            for reason in own
            if reason.kind not in ("measure", "finding")
        ]
        why = [*others, _sentence(each.why_not)]
        yield {
            "name": each.name, "focus": names.get(each.focus, each.focus), "trained": "trained" if each.trained else "not trained",
            "measured": "; ".join(filter(None, [*measured, weak])) or "not measured", "why": " ".join(filter(None, why)),
        }  # fmt: skip


def _week(
    week: PlanWeek, before: PlanWeek | None, names: Mapping[str, str], numbers: Mapping[str, int]
) -> dict[str, Any]:
    """One week as rows, each with what is different from the week before."""
    old: dict[str, set[str]] = {}
    for item in _items(before.sessions) if before else ():
        old.setdefault(item.exercise, set()).add(_told(item))
    days: dict[tuple[str, str], list[str]] = {}
    shown: dict[tuple[str, str], Item] = {}
    for session in week.sessions:
        for item in session.items:
            key = (item.exercise, _told(item))
            shown.setdefault(key, item)
            days.setdefault(key, []).append(session.day.capitalize())
    rows = [
        {
            "change": "" if not before or told in old.get(exercise, ()) else "changed" if exercise in old else "new",
            "name": f"{numbers[exercise]}. {item.name}", "says": ". ".join(filter(None, [item.says.rstrip("."), item.dual_task])), "dose": item.amount, "days": ", ".join(dict.fromkeys(days[exercise, told])),
        }
        for (exercise, told), item in shown.items()
    ]  # fmt: skip
    now = {exercise for exercise, _ in shown}
    gone = {i.exercise: i.name for i in _items(before.sessions) if i.exercise not in now} if before else {}
    minutes = wording.joined([f"{names.get(code, code).lower()} {time} min" for code, time in week.minutes.items()])
    same = before is not None and not gone and not any(row["change"] for row in rows)
    return {
        "title": f"Week {week.number}, from {wording.date(week.begins)}", "lighter": week.lighter, "minutes": _sentence(minutes),
        "phases": _sentence(", ".join(week.phases)), "rows": rows, "gone": wording.joined(list(gone.values())),
        "same": f"The exercises and amounts of week {before.number}." if before and same else "",
        "sessions": [
            f"{each.day.capitalize()} {each.start} {each.minutes} min {wording.joined([names.get(f, f).lower() for f in each.focus])}".replace("  ", " ")
            for each in week.sessions
        ],
    }  # fmt: skip


def _told(item: Item) -> str:
    return f"{item.rung} {item.says} {item.amount} {item.dual_task}"


def _exercises(
    plan: Plan, numbers: Mapping[str, int], shared: Mapping[str, Sequence[str]], library: Library
) -> Iterator[dict[str, Any]]:
    """Each exercise once: its pictures, the forms it takes with their weeks and bad days, and why it was chosen."""
    found: dict[str, dict[Form, list[int]]] = {}
    first: dict[str, Item] = {}
    for week in plan.weeks:
        for item in _items(week.sessions):
            how = " ".join(filter(None, [item.effort, GUARDS[item.guard], _sentence(item.dual_task)]))
            form = (item.rung, item.says, item.amount, _amber(item), how)
            weeks = found.setdefault(item.exercise, {}).setdefault(form, [])
            weeks += [] if week.number in weeks else [week.number]
            first.setdefault(item.exercise, item)
    told = {name for own in shared.values() for name in own}
    for exercise, forms in found.items():
        item = first[exercise]
        alike = {how for *_, how in forms}
        around = [*(alike if len(alike) == 1 else ()), *item.support, item.activity]
        known = library.exercises.frames.get(exercise)
        yield {
            "title": f"{numbers[exercise]}. {item.name}",
            "frames": pictures(library, exercise, item.side == "left first") if known else [],
            "forms": [
                {"weeks": f"{'Week' if len(weeks) == 1 else 'Weeks'} {_run(weeks)}", "says": f"rung {rung}{f', {says}' if says else ''}".rstrip("."),
                 "dose": dose, "amber": amber, "how": how if len(alike) > 1 else ""}
                for (rung, says, dose, amber, how), weeks in forms.items()
            ],
            "around": " ".join(filter(None, around)),
            "because": list(_because(item.because, plan.reasons, told)),
        }  # fmt: skip


def _run(numbers: Sequence[int]) -> str:
    """`1 to 4` of weeks that follow one another, else `1, 2 and 5`."""
    if len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"{numbers[0]} to {numbers[-1]}"
    return wording.joined([str(each) for each in numbers])


def _amber(item: Item) -> str:
    """What is done on an amber day: the easier form and its amount."""
    if item.amber is None:
        return ""
    easier = item.amber.name if item.amber.exercise != item.exercise else ""
    return ", ".join(filter(None, [easier, item.amber.says.rstrip("."), item.amber.dose.told]))


def _shared(items: Sequence[Item]) -> list[str]:
    """The reasons that all exercises of a focus have, in the order of the first."""
    return [name for name in items[0].because if all(name in item.because for item in items)] if items else []


def _because(names: Iterable[str], reasons: Mapping[str, Reason], told: set[str] | None = None) -> Iterator[str]:
    """Reasons in words with what they rest on, without those told elsewhere."""
    for name in dict.fromkeys(names):
        if name in reasons and name not in (told or ()):
            each = reasons[name]
            yield f"{each.says.rstrip('.')} ({RESTS_ON[each.kind].format(each.ref).strip()})."


def _coverage(plan: Plan, names: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for each in plan.coverage:
        tested = ""
        if each.tested_minutes:
            low, high = each.tested_minutes[0], each.tested_minutes[-1]
            tested = f" {wording.count(len(each.sources), 'trial')} of our table tested {wording.span(low, high)} minutes a week"
            tested += (
                f", for {wording.span(each.tested_weeks[0], each.tested_weeks[-1])} weeks."
                if each.tested_weeks
                else "."
            )
        drawn = (
            charts.dose_strip(each.tested_minutes, each.minutes_least, each.minutes_most)
            if len(each.tested_minutes) == 3
            else ""
        )
        title = re.search("<title>(.*?)</title>", drawn)
        yield {
            "name": names.get(each.focus, each.focus), "warning": each.warning,
            "says": f"{wording.span(each.minutes_least, each.minutes_most)} minutes a week for {wording.count(each.weeks, 'week')}.{tested}",
            "strip": [{"svg": chart(drawn), "says": unescape(title[1])}] if title else [],
        }  # fmt: skip
