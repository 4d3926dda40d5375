"""Plans that are kept: made, changed, signed, paused and ended. Every change is a new version; none is ever overwritten.

A change names the version it was made on and is refused as `Stale` where somebody was quicker. What is only about days (a
session moved, the weeks after a pause) is kept beside the plan, so that it still holds when the plan is made again.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import transaction
from django.http import HttpRequest

from neurodash import wording
from neurodash.errors import DataError, Problem
from neurodash.library import Library
from neurodash.planning import changes
from neurodash.planning.build import make
from neurodash.planning.plan import SHAPE, Item, PlanWeek
from neurodash.planning.plan import Plan as Made
from neurodash.planning.profile import Profile, read_profile
from neurodash.web.clinic import patients
from neurodash.web.clinic.models import Patient, Plan, PlanVersion, SavedProtocol, Signature
from neurodash.web.people import events
from neurodash.web.people.models import Seat, User

FORMAT = 1
WHERE = "the answers about this person"
MOST_WHY = 500  # characters of a reason. Ours
MOST_NAME = 80  # characters of the name under a signature
SWAP = re.compile("[a-z0-9-]+ [0-9]{1,2}")  # a ladder and a rung
FURTHEST = dt.timedelta(days=366)  # from today to a start. Ours: who plans further plans on old scores


class Stale(Exception):
    """A change was made on a version that is not the newest any more."""

    def __init__(self, latest: int) -> None:
        super().__init__(f"version {latest} is newer")
        self.latest = latest


class Stopped(Exception):
    """Planning ended with a stop or a referral: nothing was kept, and `plan.what_now` says what to do."""

    def __init__(self, plan: Made) -> None:
        super().__init__(plan.status)
        self.plan = plan


@dataclass(frozen=True)
class Document:
    """What a version holds: the profile, the plan made from it, and what was changed about its days.

    `moves`: (week, from day, to day), 0 being Monday. `pauses`: (from week, days), beyond the first week.
    """

    profile: Mapping[str, Any]
    plan: Made
    moves: tuple[tuple[int, int, int], ...] = ()
    pauses: tuple[tuple[int, int], ...] = ()
    lost: tuple[str, ...] = field(default=(), compare=False)  # moves that a new making no longer allows, in words

    def packed(self) -> dict[str, Any]:
        return {
            "format": FORMAT, "profile": dict(self.profile), "plan": json.loads(self.plan.to_json()),
            "moves": [list(each) for each in self.moves], "pauses": [list(each) for each in self.pauses],
        }  # fmt: skip


def opened(version: PlanVersion) -> Document:
    """What a version says, as it was kept. Raises DataError for a format of another version of the program."""
    held = version.document
    if held["format"] != FORMAT:
        raise DataError([Problem(f"version {version.number}", f"format {held['format']}", f"format {FORMAT}")])
    return Document(
        held["profile"], SHAPE.validate_python(held["plan"], strict=False),  # JSON has no days: they are kept as words
        tuple((week, old, new) for week, old, new in held.get("moves", ())),
        tuple((week, days) for week, days in held.get("pauses", ())),
    )  # fmt: skip


def newest(plan: Plan) -> PlanVersion:
    return version_of(plan, plan.latest)


def version_of(plan: Plan, number: int) -> PlanVersion:
    """One version with who made and who signed it. Raises PlanVersion.DoesNotExist."""
    return plan.versions.select_related("by", "signature__by").get(number=number)


# Making


def made(data: Mapping[str, Any], library: Library, start: dt.date, today: dt.date) -> Document:
    """A plan from a profile, not kept. Raises DataError with what the profile cannot say, Stopped where nothing is planned."""
    profile = read(data, library, today)
    plan = make(profile, library, start)
    if plan.status != "ready":
        raise Stopped(plan)
    return Document(data, plan)


def read(data: Mapping[str, Any], library: Library, today: dt.date) -> Profile:
    return read_profile(json.dumps(data), WHERE, library, today)


def day(text: str, today: dt.date) -> dt.date:
    """A day from a form; today where it is empty. Raises DataError."""
    try:
        found = dt.date.fromisoformat(text.strip()) if text.strip() else today
    except ValueError:
        raise DataError([Problem("the day", f"“{text[:20]}”", f"a day, such as {today.isoformat()}")]) from None
    if abs(found - today) > FURTHEST:
        raise DataError([Problem("the day", wording.date(found), "a day within a year of today")])
    return found


def start_day(text: str, today: dt.date) -> dt.date:
    """A start from a form: this week or later, for weeks that are over were not trained. Raises DataError."""
    found, monday = day(text, today), today - dt.timedelta(days=today.weekday())
    if found < monday:
        accepted = f"a day from {wording.date(monday)} on"
        raise DataError([Problem("start", wording.date(found), accepted, "Is it the right year?")])
    return found


def keep(
    *, by: User, patient: Patient, document: Document, protocol: SavedProtocol | None = None,
    request: HttpRequest | None = None,
) -> Plan:  # fmt: skip
    """A new plan with its first version. Raises DataError where the care of this person has ended."""
    if patient.ended_on is not None:
        raise DataError([Problem("the patient", "care that has ended", "a patient in care", "Take up care first.")])
    with transaction.atomic():
        if twin := _twin(patient, document, protocol):
            return twin
        plan = Plan(clinic=patient.clinic, patient=patient, protocol=protocol)
        _fit(plan, document.plan)
        plan.save()
        _write(plan, 1, document, "Made", "", by)
        _tell("plan kept", by, plan, request, version=1)
    return plan


def _twin(patient: Patient, document: Document, protocol: SavedProtocol | None) -> Plan | None:
    """The very same plan, kept a moment ago and untouched: a form that was sent twice. Who sends it waits for the other."""
    Patient.objects.select_for_update().get(pk=patient.pk)
    for plan in Plan.objects.filter(patient=patient, protocol=protocol, state=Plan.State.DRAFT, latest=1):
        if opened(newest(plan)).plan == document.plan:
            return plan
    return None


def not_kept(*, by: User, patient: Patient, status: str, request: HttpRequest | None = None) -> None:
    """Write down that a plan was asked for and none was made."""
    events.record("plan not made", by=by, clinic=patient.clinic, patient=patient.code, request=request)


# Changing


def swap(
    *, by: User, plan: Plan, on_version: int, target: str, to: str, library: Library, today: dt.date, why: str = "",
    request: HttpRequest | None = None,
) -> PlanVersion:  # fmt: skip
    """Train a target with another rung, `to` being `ladder rung`; leave it `out`; or go `back` to our choice. In a plan that
    has begun this holds from the week of today on, and the weeks before stay as they were."""
    base = _base(plan, on_version)
    if to not in ("out", "back") and not SWAP.fullmatch(to):
        raise DataError([Problem("swap", f"“{to[:40]}”", "a ladder and a rung, as the page offers them")])
    week = swaps_from(plan, base.plan, today, target)
    data = _with_swap(base, target, to, week, library, today)
    document = _again(plan, base, data, library, today)
    name = next((each.name for each in document.plan.targets if each.target == target), target)
    now = next((item.name for item in _items(document.plan, target, week)), "")
    told = f"Left out: {name}" if to == "out" else f"Back to our choice: {name}" if to == "back" else f"Swap: {name}"
    told += f", from week {week} on" if week > 1 else ""
    did = f"{told}, now with “{now}”" if now and to != "out" else told
    new = {t.name for t in document.plan.targets if t.trained} - {t.name for t in base.plan.targets if t.trained}
    did += f". Trained instead: {wording.joined(sorted(new - {name}))}" if new - {name} else ""
    did += f". Moved days that no longer fit: {wording.joined(list(document.lost))}" if document.lost else ""
    return _change(by, plan, on_version, document, did, why, "swap", request)


def swaps_from(plan: Plan, made_: Made, today: dt.date, target: str = "") -> int:
    """The week from which a swap of `target` holds: the first in a plan that has not begun, and for what has not."""
    week = changes.week_on(made_, today) if plan.signed is not None else 1
    waits = target == "power" and week < next((each.number for each in made_.weeks if _trains(each, target)), week + 1)
    return 1 if waits else max(1, week)


def _trains(week: PlanWeek, target: str) -> bool:
    return any(item.target == target for session in week.sessions for item in session.items)


def _items(made_: Made, target: str, week: int = 1) -> Iterator[Item]:
    """What a target is trained with from a week on, in order."""
    own = (session for each in made_.weeks if each.number >= week for session in each.sessions)
    return (item for session in own for item in session.items if item.target == target)


def _with_swap(base: Document, target: str, to: str, week: int, library: Library, today: dt.date) -> dict[str, Any]:
    """The profile with one swap more, or fewer."""
    ladder, _, rung = to.partition(" ")
    first = dict(base.profile.get("swaps") or {})
    every = [dict(each) for each in base.profile.get("later_swaps") or ()]
    later = [each for each in every if each["target"] != target or each["week"] < week]
    new = {"ladder": ladder, "rung": int(rung)} if to not in ("out", "back") else {}
    if week == 1:
        first.pop(target, None)
        first |= {} if to == "back" else {target: new}
    elif to != "back":
        later.append({"target": target, "week": week, **new})
    elif target in first or any(each["target"] == target for each in later):
        ours = {
            **base.profile,
            "swaps": {name: each for name, each in first.items() if name != target},
            "later_swaps": [],
        }
        chosen = next(_items(made(ours, library, base.plan.start, today).plan, target), None)
        later.append(
            {"target": target, "week": week, **({"ladder": chosen.ladder, "rung": chosen.rung} if chosen else {})}
        )
    data = {name: value for name, value in base.profile.items() if name not in ("swaps", "later_swaps")}
    return data | ({"swaps": first} if first else {}) | ({"later_swaps": later} if later else {})


def make_again(
    *, by: User, plan: Plan, on_version: int, data: Mapping[str, Any], library: Library, start: dt.date, today: dt.date,
    why: str, request: HttpRequest | None = None,
) -> PlanVersion:  # fmt: skip
    """The plan from what is known of the person now, from `start` on. What was trained and swapped stays so."""
    base = _base(plan, on_version)
    swaps = dict(base.profile.get("swaps") or {})
    for each in base.profile.get("later_swaps") or ():
        swaps[each["target"]] = {"ladder": each["ladder"], "rung": each["rung"]} if "ladder" in each else {}
    kept = {"focus": base.profile["focus"]} if "focus" in base.profile else {}
    document = made({**data, **kept, **({"swaps": swaps} if swaps else {})}, library, start, today)
    did = f"Made again from the newest answers and scores, from {wording.date(document.plan.start)}"
    return _change(by, plan, on_version, document, did, why, "again", request)


def move_start(
    *, by: User, plan: Plan, on_version: int, start: dt.date, today: dt.date, why: str,
    request: HttpRequest | None = None,
) -> PlanVersion:  # fmt: skip
    """The whole plan from the first Monday on or after `start`. A signed plan that has begun is paused instead."""
    base = _base(plan, on_version)
    if plan.signed is not None and plan.starts_on <= today:
        found = f"a plan that began on {wording.date(plan.starts_on)}"
        raise DataError(
            [Problem("start", found, "a plan that has not begun", "Pause it instead, then take it up again.")]
        )
    days = (changes.monday_from(start) - base.plan.start).days
    document = replace(base, plan=changes.shifted(base.plan, days))
    did = f"Start moved to {wording.date(document.plan.start)}"
    return _change(by, plan, on_version, document, did, why, "start", request)


def move_session(
    *, by: User, plan: Plan, on_version: int, day: dt.date, to: int, library: Library, today: dt.date, why: str,
    request: HttpRequest | None = None,
) -> PlanVersion:  # fmt: skip
    """One session on another day of its week, 0 being Monday. Raises DataError with each rule that this breaks."""
    base = _base(plan, on_version)
    week = changes.week_on(base.plan, day)
    target = changes.begins(base.plan, week) + dt.timedelta(days=to)
    if min(day, target) < today:
        raise DataError([Problem("the session", wording.date(min(day, target)), "a day that is not over")])
    free = read(_with_free_hours(plan.patient, base.profile), library, today)
    moved = changes.moved(base.plan, day, to, free, library)
    document = replace(base, plan=moved, moves=(*base.moves, (week, day.weekday(), to)))
    did = f"Week {week}: {changes.NAMES[day.weekday()]} moved to {changes.NAMES[to]}"
    return _change(by, plan, on_version, document, did, why, "session", request)


def pause(
    *, by: User, plan: Plan, on_version: int, today: dt.date, why: str, request: HttpRequest | None = None
) -> PlanVersion:
    """Stop the weeks until somebody takes the plan up again."""
    if plan.state != Plan.State.RUNNING:
        raise DataError([Problem("the plan", plan.get_state_display(), "a plan that is running")])
    state = {"state": Plan.State.PAUSED, "paused_on": today}
    did = f"Paused on {wording.date(today)}"
    return _change(by, plan, on_version, _base(plan, on_version), did, _needed(why), "pause", request, state)


def take_up(
    *, by: User, plan: Plan, on_version: int, on: dt.date, today: dt.date, why: str = "",
    request: HttpRequest | None = None,
) -> PlanVersion:  # fmt: skip
    """Go on after a pause: the week in which it began starts anew on the first Monday from `on`, unless it is still that
    week. Only dates change; what is easier after a break is for each session, and the plan's rules say it."""
    if plan.state != Plan.State.PAUSED or plan.paused_on is None:
        raise DataError([Problem("the plan", plan.get_state_display(), "a plan that is paused")])
    _refuse_beside_another(plan)
    if on < plan.paused_on:
        accepted = f"a day from {wording.date(plan.paused_on)} on"
        raise DataError([Problem("the day", wording.date(on), accepted)])
    base = _base(plan, on_version)
    week = max(1, changes.week_on(base.plan, plan.paused_on))
    begun = changes.begins(base.plan, week)
    still = on - dt.timedelta(days=on.weekday()) == plan.paused_on - dt.timedelta(days=plan.paused_on.weekday())
    over = week > len(base.plan.weeks)
    days = 0 if still or over or on < begun else (changes.monday_from(on) - begun).days
    pauses = (*base.pauses, (week, days)) if days and week > 1 else base.pauses
    document = replace(base, plan=changes.shifted(base.plan, days, week), pauses=pauses)
    state = {
        "state": Plan.State.RUNNING, "paused_on": None, "starts_on": plan.starts_on + dt.timedelta(days=days),
        "resumes_on": changes.begins(document.plan, week) if days else plan.resumes_on,
    }  # fmt: skip
    off = (on - plan.paused_on).days
    did = f"Taken up again on {wording.date(on)} after {wording.count(off, 'day')} off"
    return _change(by, plan, on_version, document, did, why, "resume", request, state)


def end(
    *, by: User, plan: Plan, on_version: int, today: dt.date, why: str, request: HttpRequest | None = None
) -> PlanVersion:
    """The end of a plan. Its versions stay; it is not taken up again."""
    state = {"state": Plan.State.ENDED, "ended_on": today, "paused_on": None}
    did = f"Ended on {wording.date(today)}"
    return _change(by, plan, on_version, _base(plan, on_version), did, _needed(why), "end", request, state)


# Signing


def failed(plan: Made) -> tuple[Any, ...]:
    """The checks that a signature has to name."""
    return tuple(each for each in plan.checks if each.result == "fails")


def ask(*, by: User, plan: Plan, on_version: int, request: HttpRequest | None = None) -> None:
    """Ask those who may sign to look at the newest version."""
    with transaction.atomic():
        row = _locked(plan, on_version)
        if row.signed == row.latest:
            raise DataError([Problem(f"version {row.latest}", "signed already", "a version that is not signed")])
        row.waits_for_signature = True
        row.save(update_fields=["waits_for_signature"])
        _tell("signature asked for", by, row, request, version=row.latest)


def sign(
    *, by: User, plan: Plan, on_version: int, ticked: Collection[str], request: HttpRequest | None = None
) -> Signature:
    """Freeze the newest version under a name; it holds from then on, and the plan runs from its start.

    Every failed check has to be among `ticked`, by its id. Where a student made the version, both are named.
    Raises Stale, DataError.
    """
    with transaction.atomic():
        row = _locked(plan, on_version)
        version = version_of(row, row.latest)
        if row.signed == row.latest:
            raise DataError([Problem(f"version {row.latest}", "signed already", "a version that is not signed")])
        document = opened(version)
        open_ = [each for each in failed(document.plan) if each.id not in ticked]
        if open_:
            mend = "Tick it, or change the plan."
            raise DataError(
                [
                    Problem(f"check {each.id}", f"“{each.name}” fails and is not ticked", "a tick", mend)
                    for each in open_
                ]
            )
        _refuse_beside_another(row)
        signature = Signature.objects.create(version=version, by=by, name=_name(by, version, row))
        row.signed, row.waits_for_signature = row.latest, False
        row.state = Plan.State.RUNNING if row.state == Plan.State.DRAFT else row.state
        _fit(row, document.plan)
        row.save()
        _follow(row)
        _tell(
            "plan signed",
            by,
            row,
            request,
            version=row.latest,
            ticked=sorted(each.id for each in failed(document.plan)),
        )
    return signature


def _refuse_beside_another(plan: Plan) -> None:
    """Raise DataError where another plan of this person runs: nobody has looked at the two together."""
    other = Plan.objects.filter(patient=plan.patient_id, state=Plan.State.RUNNING).exclude(pk=plan.pk).first()
    if other is not None:
        found = f"another plan that runs, from {wording.date(other.starts_on)}"
        raise DataError([Problem("this person", found, "one plan that runs", "End it or pause it first.")])


def _name(by: User, version: PlanVersion, plan: Plan) -> str:
    """Who signs; and whom they sign for, where a student made the version."""
    maker = version.by
    is_students = (
        maker is not None
        and maker != by
        and Seat.objects.filter(clinic=plan.clinic_id, user=maker, role=Seat.Role.STUDENT).exists()
    )
    if not is_students:
        return str(by)[:MOST_NAME]
    part = (MOST_NAME - len(" for  (student)")) // 2
    return f"{str(by)[:part]} for {str(maker)[:part]} (student)"


# How it is written


def _base(plan: Plan, on_version: int) -> Document:
    """What a change is made on. Raises Stale before anything is worked out in vain."""
    if on_version != plan.latest:
        raise Stale(plan.latest)
    return opened(newest(plan))


def _needed(why: str) -> str:
    if not why.strip():
        raise DataError([Problem("why", "nothing", "a short reason")])
    return why


def _with_free_hours(patient: Patient, data: Mapping[str, Any]) -> dict[str, Any]:
    """A profile with the free hours that are known today: a session is moved into what the answers say now."""
    now = patient.profile.get("available")
    return {name: each for name, each in data.items() if name != "available"} | ({"available": now} if now else {})


def _again(plan: Plan, base: Document, data: Mapping[str, Any], library: Library, today: dt.date) -> Document:
    """The plan made anew with what was changed about its days; a move that a rule now forbids is lost and told."""
    document = made(data, library, base.plan.start, today)
    now = document.plan
    for week, days in base.pauses:
        now = changes.shifted(now, days, week)
    profile = read(_with_free_hours(plan.patient, data), library, today)
    moves, lost = [], []
    for week, old, new in base.moves:
        try:
            now = changes.moved(now, changes.begins(now, week) + dt.timedelta(days=old), new, profile, library)
            moves.append((week, old, new))
        except DataError:
            lost.append(f"week {week}, {changes.NAMES[old]} to {changes.NAMES[new]}")
    return Document(data, now, tuple(moves), base.pauses, tuple(lost))


def _locked(plan: Plan, on_version: int) -> Plan:
    """The row as it is now, held until the transaction ends. Raises Stale, DataError."""
    row = Plan.objects.select_for_update(of=("self",)).select_related("patient", "clinic").get(pk=plan.pk)
    if row.latest != on_version:
        raise Stale(row.latest)
    if row.state == Plan.State.ENDED:
        raise DataError([Problem("the plan", "ended", "a plan that has not ended", "Make a new one.")])
    return row


def _change(
    by: User, plan: Plan, on_version: int, document: Document, did: str, why: str, what: str,
    request: HttpRequest | None, state: Mapping[str, Any] | None = None,
) -> PlanVersion:  # fmt: skip
    """The next version, if `on_version` is still the newest, together with what it does to the plan."""
    with transaction.atomic():
        row = _locked(plan, on_version)
        row.latest += 1
        row.waits_for_signature = False
        version = _write(row, row.latest, document, did, why, by)
        if row.signed is None:
            _fit(row, document.plan)
        for name, value in (state or {}).items():
            setattr(row, name, value)
        row.save()
        if row.signed is not None:
            _follow(row)
        _tell("plan changed", by, row, request, version=row.latest, what=what)
    return version


def _write(plan: Plan, number: int, document: Document, did: str, why: str, by: User) -> PlanVersion:
    return PlanVersion.objects.create(
        plan=plan, number=number, document=document.packed(), why=f"{did}\n{_readable(why)[:MOST_WHY]}".strip(),
        library=document.plan.library, by=by,
    )  # fmt: skip


def _readable(text: str) -> str:
    return "".join(each for each in text.strip() if each.isprintable() or each == "\n")


def told(version: PlanVersion) -> tuple[str, str]:
    """What was done to make a version, and why."""
    did, _, why = version.why.partition("\n")
    return did, why


def _fit(plan: Plan, made_: Made) -> None:
    """The columns that lists sort and count by. After a pause the start is where the first week would have been."""
    plan.weeks, plan.starts_on = len(made_.weeks), _first_day(made_)


def _first_day(made_: Made) -> dt.date:
    return changes.begins(made_, len(made_.weeks)) - dt.timedelta(weeks=len(made_.weeks) - 1)


def _follow(plan: Plan) -> None:
    """What the list shows of this person: the next test again, and when silence is to be asked about."""
    patients.follow(Patient.objects.select_for_update().get(pk=plan.patient_id))


def _tell(did: str, by: User, plan: Plan, request: HttpRequest | None, **more: Any) -> None:
    events.record(did, by=by, clinic=plan.clinic, patient=plan.patient.code, about=plan.code, request=request, **more)
