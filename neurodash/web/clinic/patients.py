"""What is done with patients: taken on, described, measured, followed, given up. Every change leaves its event."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Model
from django.http import Http404, HttpRequest
from django.utils import timezone
from pydantic import TypeAdapter, ValidationError

from neurodash import wording
from neurodash.errors import DataError, Problem
from neurodash.library import Library
from neurodash.planning.profile import PersonCode, Profile, equipment_code, read_profile
from neurodash.web.clinic.models import SILENT_AFTER, CheckIn, Patient, Plan, PlanVersion, Score
from neurodash.web.people import events
from neurodash.web.people.models import Clinic, User
from neurodash.web.shelf import shelf

CONDITION = "ms"  # where a profile names none
BY_HAND = {"MRC": "strength", "MAS": "spasticity"}  # instruments graded by hand, and their key of a profile
IN_PROFILE = ("EDSS", "PDDS", "FALLS")  # instruments that a profile has an answer for
NOT_KEPT = frozenset(
    {"code", "condition", "measures", *BY_HAND.values()}
)  # of a profile: it has its own column or rows
AMBER_DAYS = dt.timedelta(days=14)
EARLY = dt.timedelta(days=7)  # by which a test may come before its day and still be that test. Ours
MAX_NOTES, MAX_PROFILE, MAX_TOLD = 20_000, 40_000, 5_000  # characters. Ours: none comes near
MAX_KEY = 40
AHEAD = dt.timedelta(days=1)  # the day has begun elsewhere
FOLLOWED = ("seen_on", "red_on", "ambers", "silent_on", "retest_on", "look_on")
ACCEPTED_CODE = "a code of yours with a number in it, such as P-014"
NEUTRAL = frozenset({"patient", "person", "case", "client", "pat"})
Row = TypeVar("Row", bound=Model)


class Changed(Exception):
    """Somebody else changed this since it was opened. `now` is what is kept."""

    def __init__(self, now: Patient) -> None:
        super().__init__("changed by somebody else since it was opened")
        self.now = now


# What the planner reads


def planner_profile(patient: Patient) -> dict[str, Any]:
    """A patient as `planning.profile.read_profile` takes them: what was answered, with the newest value of every score."""
    newest: dict[tuple[str, str], Score] = {}
    for score in patient.scores.order_by("on", "id"):
        newest[score.instrument, score.part] = score
    kept = {key: value for key, value in patient.profile.items() if key not in NOT_KEPT}
    condition = patient.profile.get("condition", CONDITION)
    return {**kept, "code": patient.label, "condition": condition, **_measured(newest.values())}


def read(patient: Patient) -> Profile:
    """The planner's view of a patient by today's library. Raises DataError."""
    return _read(planner_profile(patient), "the profile")


@dataclass(frozen=True)
class Taken:
    """One value as it was taken: `part` is empty for a whole instrument, `movement-side` or `muscle-side` by hand; `value`
    is a number in the instrument's unit, or a grade such as 3+."""

    instrument: str
    part: str
    on: dt.date
    value: Any


def _measured(scores: Any) -> dict[str, Any]:
    """Scores as a profile holds them."""
    made: dict[str, Any] = {"measures": [], "strength": {}, "spasticity": {}}
    for each in scores:
        if kind := BY_HAND.get(each.instrument):
            stem, _, side = each.part.rpartition("-")
            made[kind][f"{stem}_{side}"] = each.value
        else:
            part = {"part": each.part} if each.part else {}
            made["measures"].append(
                {"instrument": each.instrument, **part, "value": each.value, "on": each.on.isoformat()}
            )
    return {key: value for key, value in made.items() if value}


def ground() -> tuple[Library, dt.date]:
    """What profiles and scores are held against: the library on the shelf, and today."""
    return shelf().current(), settings.CONFIG.today()


def _read(data: Mapping[str, Any], where: str) -> Profile:
    text = json.dumps(data)
    if len(text) > MAX_PROFILE:
        raise DataError([Problem(where, f"{len(text):,} characters", f"at most {MAX_PROFILE:,}")])
    return read_profile(text, where, *ground())


# Taking on, describing, giving up


def read_label(text: str) -> str:
    """A code for a person. Raises DataError, kindly, for what looks like a name, an address or a date of birth."""
    found = text.strip()

    def refuse(what: str) -> DataError:
        mend = "Keep names and dates of birth in your own list, beside the code."
        return DataError([Problem("code", what, ACCEPTED_CODE, mend)])

    if not found:
        raise DataError([Problem("code", "nothing", ACCEPTED_CODE)])
    if "@" in found:
        raise refuse("an e-mail address")
    if re.search(
        r"(?<!\d)(\d{1,2}[-._/ ]\d{1,2}[-._/ ](19|20)?\d\d|(19|20)\d\d[-._/ ]\d{1,2}[-._/ ]\d{1,2})(?!\d)", found
    ) or any(_is_birthday(digits) for digits in re.findall(r"(?<!\d)\d{8}(?!\d)", found)):
        raise refuse("what may be a date of birth")
    words = [word for word in re.findall(r"[^\W\d_]{3,}", found) if word.casefold() not in NEUTRAL]
    if found.endswith("."):  # no name of a folder on every machine, and the record is taken away as folders
        raise DataError([Problem("code", f"“{found[:40]}”, which ends with a point", ACCEPTED_CODE)])
    if not re.search(r"\d", found) or len(words) > 1 or any(word.istitle() for word in words):
        raise refuse("what may be a name")
    try:
        return TypeAdapter(PersonCode).validate_python(found)
    except ValidationError:
        accepted = "up to 32 letters, digits, points and hyphens, without spaces, such as P-014"
        raise DataError([Problem("code", f"“{found[:40]}”", accepted)]) from None


def _is_birthday(digits: str) -> bool:
    """Whether eight digits are a day a patient may have been born on, the year first or last."""
    for year, month, day in ((digits[:4], digits[4:6], digits[6:]), (digits[4:], digits[2:4], digits[:2])):
        try:
            if 1900 <= dt.date(int(year), int(month), int(day)).year <= settings.CONFIG.today().year:
                return True
        except ValueError:
            continue
    return False


def add_patient(
    *, by: User, clinic: Clinic, label: str, profile: Mapping[str, Any] | None = None, request: HttpRequest | None = None
) -> Patient:  # fmt: skip
    """A new patient by a code that is free in the clinic; what was measured is given to `add_scores`. Raises DataError."""
    label, kept = read_label(label), _checked(label, profile or {})
    with transaction.atomic():
        _must_be_free(clinic, label)
        patient = _once(lambda: Patient.objects.create(clinic=clinic, label=label, profile=kept), label)
        events.record("patient added", by=by, clinic=clinic, patient=patient.code, request=request)
    return patient


def change_profile(
    *, by: User, patient: Patient, edition: int, profile: Mapping[str, Any], label: str = "",
    request: HttpRequest | None = None,
) -> Patient:  # fmt: skip
    """The patient with these answers, and perhaps another code. Raises DataError, or Changed if `edition` is not the newest."""
    label = patient.label if label.strip() in ("", patient.label) else read_label(label)
    kept = _checked(label, profile)
    with transaction.atomic():
        own = _locked(patient, edition)
        if label != own.label:
            _must_be_free(own.clinic, label, but=own)
        own.label, own.profile, own.edition = label, kept, own.edition + 1
        _once(lambda: own.save(update_fields=["label", "profile", "edition"]), label)
        events.record("profile changed", by=by, clinic=own.clinic, patient=own.code, request=request)
    return own


def change_notes(
    *, by: User, patient: Patient, edition: int, notes: str, request: HttpRequest | None = None
) -> Patient:
    """The patient with other notes. Raises DataError, or Changed if `edition` is not the newest."""
    if len(notes) > MAX_NOTES:
        raise DataError([Problem("notes", f"{len(notes):,} characters", f"at most {MAX_NOTES:,}")])
    with transaction.atomic():
        own = _locked(patient, edition)
        own.notes, own.edition = notes.replace("\r\n", "\n").strip(), own.edition + 1
        own.save(update_fields=["notes", "edition"])
        events.record("notes changed", by=by, clinic=own.clinic, patient=own.code, request=request)
    return own


def end_care(*, by: User, patient: Patient, request: HttpRequest | None = None) -> None:
    """Nothing asks for a look any more; everything stays readable. Twice changes nothing."""
    _care(patient, settings.CONFIG.today(), "care ended", by, request)


def take_up_again(*, by: User, patient: Patient, request: HttpRequest | None = None) -> None:
    _care(patient, None, "care taken up again", by, request)


def _care(patient: Patient, ended_on: dt.date | None, did: str, by: User, request: HttpRequest | None) -> None:
    with transaction.atomic():
        own = _locked(patient)
        if (own.ended_on is None) == (ended_on is None):
            return
        own.ended_on = ended_on
        follow(own)
        own.save(update_fields=["ended_on"])
        events.record(did, by=by, clinic=own.clinic, patient=own.code, request=request)


def delete_patient(*, by: User, patient: Patient, typed: str, request: HttpRequest | None = None) -> None:
    """Everything about a patient is gone but the events. Raises DataError unless the patient's code was typed."""
    if typed.strip() != patient.label:
        raise DataError([Problem("typed", f"“{typed.strip()[:40]}”", f"the code {patient.label}, typed as it stands")])
    with transaction.atomic():
        own = _locked(patient)
        events.record("patient deleted", by=by, clinic=own.clinic, patient=own.code, request=request)
        own.delete()


def _checked(label: str, profile: Mapping[str, Any]) -> dict[str, Any]:
    """What a patient's profile keeps of these answers, held against the library. Raises DataError."""
    kept = {key: value for key, value in profile.items() if key not in NOT_KEPT}
    condition = profile.get("condition") or CONDITION
    known = _read({**kept, "code": label, "condition": condition}, "your answers")
    library = shelf().current()
    # What has several names is kept under ours: a form that shows only ours would lose the others.
    ours = {
        "precautions": list(known.situations),
        "cleared": [code for code in known.situations if code in known.cleared],
        "focus": list(known.focus),
        "equipment": list(dict.fromkeys(equipment_code(word, library) for word in known.keys.equipment or ())),
    }
    kept |= {key: value for key, value in ours.items() if key in kept}
    return kept if condition == CONDITION else {**kept, "condition": condition}


def _must_be_free(clinic: Clinic, label: str, but: Patient | None = None) -> None:
    """Codes that differ only in capitals would be taken for each other."""
    if Patient.objects.filter(clinic=clinic, label__iexact=label).exclude(pk=but.pk if but else None).exists():
        raise _taken(label)


def _taken(label: str) -> DataError:
    return DataError([Problem("code", f"“{label}”, which another patient has", "a code that is free in this clinic")])


def _once(write: Any, label: str) -> Any:
    try:
        with transaction.atomic():
            return write()
    except IntegrityError:  # somebody else took the code a moment ago
        raise _taken(label) from None


def _locked(patient: Patient, edition: int | None = None) -> Any:
    """The row as it is now, ours until the end of the transaction. Raises Changed if `edition` is not the newest, Http404
    if somebody has deleted it."""
    own = Patient.objects.select_for_update(of=("self",)).select_related("clinic").filter(pk=patient.pk).first()
    if own is None:
        raise Http404
    if edition is not None and own.edition != edition:
        raise Changed(own)
    return own


# Scores


def check_scores(taken: Sequence[Taken]) -> None:
    """Hold values against what the library knows of their instruments. Raises DataError: the place of a problem is
    `measures.N` (the Nth that is not graded by hand), `strength.movement_side` or `spasticity.muscle_side`."""
    wrong = [each.instrument for each in taken if each.instrument in BY_HAND and not each.part]
    if wrong:
        raise DataError([Problem("part", f"{wrong[0]} without a movement or muscle", "one, with its side")])
    _read({"code": "P", "condition": CONDITION, **_measured(taken)}, "the scores")
    plain = [each for each in taken if each.instrument.upper() not in BY_HAND]
    for place, whole in enumerate(plain):
        parts = [e.value for e in plain if e.part and (e.instrument, e.on) == (whole.instrument, whole.on)]
        if not whole.part and sum(parts) > whole.value:
            found = f"{whole.value:g}, and its parts make {sum(parts):g}"
            raise DataError([Problem(f"measures.{place}.value", found, "parts that make no more than the whole")])


def add_scores(
    *, by: User, patient: Patient, scores: Sequence[Taken], request: HttpRequest | None = None
) -> tuple[int, int]:
    """Keep values; one of the same instrument, part and day is corrected. How many are new, and how many were corrected.
    Raises DataError, and then keeps none."""
    check_scores(scores)
    new = corrected = 0
    with transaction.atomic():
        own = _locked(patient)
        for each in scores:
            key = {"patient": own, "instrument": each.instrument.upper(), "part": each.part, "on": each.on}
            before = Score.objects.filter(**key).first()
            if before is None:
                Score.objects.create(**key, clinic=own.clinic, value=each.value, by=by)
                new += 1
            elif before.value != each.value:
                before.value, before.by, before.at = each.value, by, timezone.now()
                before.save(update_fields=["value", "by", "at"])
                corrected += 1
        follow(own)
        if new:
            events.record("scores added", by=by, clinic=own.clinic, patient=own.code, request=request, scores=new)
        if corrected:
            events.record(
                "scores corrected", by=by, clinic=own.clinic, patient=own.code, request=request, scores=corrected
            )
    return new, corrected


def take_back(*, by: User, score: Score, request: HttpRequest | None = None) -> None:
    """A value that should not be there is gone; the event stays."""
    with transaction.atomic():
        own = _locked(score.patient)
        code = score.code
        if Score.objects.filter(pk=score.pk).delete()[0]:
            follow(own)
            events.record("score taken back", by=by, clinic=own.clinic, patient=own.code, about=code, request=request)


# Check-ins, and what the list shows at a glance


def log_checkin(
    *, patient: Patient, key: str, on: dt.date, tier: str, told: Any, at: dt.datetime | None = None
) -> CheckIn:
    """How a person was on a day. The same `key` again returns what was kept first and changes nothing; entries may come in
    any order. Raises DataError."""
    problems = []
    if not 0 < len(key) <= MAX_KEY:
        problems.append(Problem("key", f"{len(key)} characters", f"1 to {MAX_KEY}"))
    if tier not in CheckIn.Tier.values:
        problems.append(Problem("tier", f"“{str(tier)[:20]}”", wording.joined(list(CheckIn.Tier.values), "or")))
    if on > settings.CONFIG.today() + AHEAD:
        problems.append(Problem("on", wording.date(on), "a day that has begun"))
    if len(json.dumps(told)) > MAX_TOLD:
        problems.append(Problem("told", f"{len(json.dumps(told)):,} characters", f"at most {MAX_TOLD:,}"))
    if problems:
        raise DataError(problems)
    with transaction.atomic():
        own = _locked(patient)
        entry, is_new = CheckIn.objects.get_or_create(
            patient=own, key=key,
            defaults={"clinic": own.clinic, "on": on, "tier": tier, "told": told, "at": at or timezone.now()},
        )  # fmt: skip
        if is_new:
            if tier == str(CheckIn.Tier.RED):
                own.red_on = max(on, own.red_on or on)
            own.seen_on = max(on, own.seen_on or on)
            follow(own)
            events.record("check-in logged", clinic=own.clinic, patient=own.code)
    return entry


def look_at_red(*, by: User, patient: Patient, seen: dt.date, request: HttpRequest | None = None) -> bool:
    """Somebody looked at the red check-in of the day `seen`; False where a newer one came in meanwhile, which stays."""
    with transaction.atomic():
        own = _locked(patient)
        if own.red_on is not None and own.red_on > seen:
            return False
        if own.red_on is not None:
            own.red_on = None
            follow(own)
            events.record("red looked at", by=by, clinic=own.clinic, patient=own.code, request=request)
    return True


def follow(patient: Patient) -> None:
    """Work out anew what the list shows: ambers, silence, the next test, the day that asks for a look; and save it.

    Call it inside the transaction in which a plan of the patient begins, moves, pauses, goes on or ends.
    """
    patient.ambers = 0
    if patient.seen_on is not None:
        days = (patient.seen_on - AMBER_DAYS + dt.timedelta(days=1), patient.seen_on)
        patient.ambers = patient.checkins.filter(on__range=days, tier=CheckIn.Tier.AMBER).count()
    running = patient.plans.filter(state=Plan.State.RUNNING).order_by("-starts_on", "-id").first()
    patient.silent_on = patient.retest_on = None
    if running is not None:
        patient.silent_on = max(running.starts_on, patient.seen_on or running.starts_on) + SILENT_AFTER
        patient.retest_on = next_test(patient, running)
    patient.look()
    patient.save(update_fields=FOLLOWED)


def retests_of(plan: Plan) -> dict[str, list[dt.date]]:
    """The days on which a kept plan tests again, by instrument: the beginning of each of its weeks, 0 before the first."""
    version = PlanVersion.objects.filter(plan=plan, number=plan.signed or plan.latest).first()
    document = version.document.get("plan", {}) if version and isinstance(version.document, dict) else {}
    return {
        each["instrument"]: [plan.starts_on + dt.timedelta(weeks=max(0, week - 1)) for week in each["weeks"]]
        for each in document.get("retests", ())
    }


def next_test(patient: Patient, plan: Plan) -> dt.date | None:
    """The first day on which a plan tests something that was not tested for it yet. Of the tests of an instrument that were
    missed only the last one waits: a beginning that was not measured cannot be made up for."""
    newest: dict[str, dt.date] = {}
    for instrument, on in patient.scores.values_list("instrument", "on"):
        newest[instrument] = max(on, newest.get(instrument, on))
    today, waiting = settings.CONFIG.today(), []
    for instrument, days in retests_of(plan).items():
        open_ = [day for day in days if newest.get(instrument, dt.date.min) < day - EARLY]
        missed = [day for day in open_ if day <= today]
        waiting += [] if instrument in IN_PROFILE else missed[-1:] or open_[:1]
    return min(waiting, default=None)
