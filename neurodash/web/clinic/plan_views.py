"""Plans of patients: made, looked at, changed, compared, signed, printed."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import F
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render

from neurodash import wording
from neurodash.documents import plan as plan_paper
from neurodash.documents.handout import PAPERS, Paper, pdf
from neurodash.errors import DataError, Problem
from neurodash.library import Library
from neurodash.planning import changes
from neurodash.planning.handout import Handout, Signed, handout
from neurodash.planning.plan import Plan as Made
from neurodash.web import codes
from neurodash.web.clinic import eyes, patients, plans, protocols
from neurodash.web.clinic.models import Patient, Plan, PlanVersion, SavedProtocol
from neurodash.web.papers import refused, sent, wish
from neurodash.web.people import events, permissions
from neurodash.web.planning import pages
from neurodash.web.shelf import shelf

BOTH = "both"
MOST_LISTED = 50  # patients offered at once. Ours: above it the first letters of a code find one
MOST_NUMBER = 80  # characters of a number to call
CARRIED = ("to", "start", "session", "day", "why", "on")  # what a change is about besides what it does


# A new plan


@login_required
def choose(request: HttpRequest, code: str) -> HttpResponse:
    """Whom a plan from a saved protocol is for."""
    protocol = eyes.protocol(request, code, "write")
    if wrong := _only(request, "GET"):
        return wrong
    asked = request.GET.get("q", "").strip()[:32]
    rows = Patient.objects.filter(clinic=protocol.clinic, ended_on=None, label__istartswith=asked).order_by("label")
    found = list(rows[: MOST_LISTED + 1])
    context = {
        "clinic": protocol.clinic, "tab": "protocols", "protocol": protocol, "patients": found[:MOST_LISTED], "q": asked,
        "more": len(found) > MOST_LISTED,
    }  # fmt: skip
    return render(request, "clinic/plan_choose.html", context)


@login_required
def new(request: HttpRequest, code: str) -> HttpResponse:
    """What a plan is made from, the plan before it is kept, and keeping it."""
    patient = eyes.patient(request, code, "write", did="new plan opened")
    if wrong := _only(request, "GET", "POST"):
        return wrong
    today, asked = settings.CONFIG.today(), request.POST if request.method == "POST" else request.GET
    saved = SavedProtocol.objects.visible_to(request.user).filter(clinic=patient.clinic).order_by("name", "id")
    context: dict[str, Any] = {
        "clinic": patient.clinic, "tab": "patients", "patient": patient, "protocols": saved,
        "focuses": _focuses(shelf().current()), "source": asked.get("source") or _source(asked.get("protocol", "")) or BOTH,
        "start": asked.get("start", ""), "today": today,
    }  # fmt: skip
    if request.method != "POST":
        return render(request, "clinic/plan_new.html", context)
    try:
        protocol = _chosen(context["source"], saved)
        library = _library(protocol)
        data = {**patients.planner_profile(patient), "focus": _focus(context["source"], protocol, library)}
        data = _with_swaps(data, request.POST)
        document = plans.made(data, library, plans.start_day(context["start"], today), today)
        seen = _seal(document)
        if request.POST.get("do") == "keep" and request.POST.get("seen") == seen:
            plan = plans.keep(by=request.user, patient=patient, document=document, protocol=protocol, request=request)
            messages.success(request, "The plan is kept. Nobody has signed it yet.")
            return redirect(_url(plan))
    except plans.Stopped as stop:
        plans.not_kept(by=request.user, patient=patient, status=stop.plan.status, request=request)
        return _stopped(request, stop.plan, context, library)
    except DataError as error:
        return render(request, "clinic/plan_new.html", {**context, "problems": error.problems}, status=400)
    changed = request.POST.get("do") == "keep"
    swapped = request.POST.get("do", "").partition(" ")[2].partition(" ")[0]
    context |= pages.page(document.plan, plans.read(data, library, today), library)
    context |= {
        "seen": seen, "changed": changed, "swaps_json": json.dumps(data.get("swaps", {})), "protocol": protocol,
        "swapped": swapped, "said": pages.swapped(document.plan, swapped) if swapped else "", "protocols": (),
    }  # fmt: skip
    return render(request, "clinic/plan_draft.html", context, status=409 if changed else 200)


def _focuses(library: Library) -> list[tuple[str, str]]:
    found = [(code, focus.name) for code, focus in library.planning.rules.focuses.items()]
    return [*found, (BOTH, wording.joined([name.lower() for _, name in found]).capitalize())]


def _source(protocol: str) -> str:
    return f"protocol {protocol}" if protocol else ""


def _chosen(source: str, saved: Any) -> SavedProtocol | None:
    """The saved protocol that was chosen; none for a brief's own. Raises DataError."""
    word, _, code = source.partition(" ")
    if word == "protocol":
        found: SavedProtocol | None = saved.filter(code=code).first() if re.fullmatch(codes.PATTERN, code) else None
        if found is None:
            raise DataError([Problem("made from", "a protocol that is not there", "one of the list")])
        return found
    if source != BOTH and source not in shelf().current().planning.rules.focuses:
        raise DataError([Problem("made from", f"“{source[:40]}”", "one of the list")])
    return None


def _focus(source: str, protocol: SavedProtocol | None, library: Library) -> list[str]:
    focuses = library.planning.rules.focuses
    if protocol is not None:
        return [code for code, focus in focuses.items() if focus.protocol == protocol.brief]
    return list(focuses) if source == BOTH else [source]


def _library(protocol: SavedProtocol | None) -> Library:
    current = shelf().current()
    return current if protocol is None else protocols.library_with(current, protocol)


def _with_swaps(data: dict[str, Any], asked: Mapping[str, str]) -> dict[str, Any]:
    """The profile with the swaps that travel in the page, and the one asked for now."""
    try:
        swaps = json.loads(asked.get("swaps") or "{}")
    except (ValueError, RecursionError):
        swaps = {}
    swaps = swaps if isinstance(swaps, dict) and _is_text(swaps) else {}
    if found := re.fullmatch(r"swap (\S+) (?:(out|back)|(\S+) (\d{1,2}))", asked.get("do", "")):
        target, word, ladder, rung = found.groups()
        swaps.pop(target, None)
        if word != "back":
            swaps[target] = {} if word == "out" else {"ladder": ladder, "rung": int(rung)}
    return {**data, "swaps": swaps} if swaps else data


def _is_text(found: Any) -> bool:
    """Whether it can be written on a page: a lone surrogate is no letter."""
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _seal(document: plans.Document) -> str:
    """Names exactly this plan: what is kept is what was looked at."""
    return hashlib.sha256(document.plan.to_json().encode()).hexdigest()


def _stopped(request: HttpRequest, made: Made, context: Mapping[str, Any], library: Library) -> HttpResponse:
    return render(request, "clinic/plan_stopped.html", {**context, **pages.page(made, None, library)})


# A plan that is kept


@login_required
def plan(request: HttpRequest, code: str) -> HttpResponse:
    """The newest version, how it stands, and everything that can be done with it."""
    row = eyes.plan(request, code)
    return _only(request, "GET") or _page(request, row)


def _page(request: HttpRequest, row: Plan, status: int = 200, **more: Any) -> HttpResponse:
    today, version = settings.CONFIG.today(), plans.newest(row)
    document = plans.opened(version)
    library, why_not = _library_of(row)
    standing, profile = _standing(request, row), None
    if standing["may_write"] and not why_not:
        try:
            profile = plans.read(document.profile, library, max(today, version.at.date()))
        except DataError as error:
            why_not = " ".join(map(str, error.problems))
    signed = plans.version_of(row, row.signed) if row.signed is not None else None
    holds = None if signed is None or signed.number == version.number else plans.opened(signed).plan
    made = document.plan
    now = min(max(1, changes.week_on(made, today)), len(made.weeks))
    context = {
        **pages.page(made, profile, library, now, plans.swaps_from(row, made, today)), **standing, "now": now, "version": version, "did": plans.told(version),
        "signed": signed, "differs": changes.differences(holds, made) if holds else (),
        "is_newest_signed": signed is not None and signed.number == version.number, "library_changed": version.library != library.version,
        "no_swaps": why_not, "failed": plans.failed(made), "week_now": changes.week_on(made, today), "today": today,
        "movable": [each for each in made.sessions if each.date >= today], "names": list(enumerate(changes.NAMES)),
        "days_off": (today - row.paused_on).days if row.paused_on else 0, "papers": PAPERS, "to": f"/desk/plans/{row.code}/change/",
        **more,
    }  # fmt: skip
    return render(request, "clinic/plan.html", context, status=status)


def _standing(request: HttpRequest, row: Plan) -> dict[str, Any]:
    """What every page about a plan shows, and what this visitor may do with it."""
    may_write = row.state != Plan.State.ENDED and permissions.may(request.user, "write", row.clinic)
    return {
        "clinic": row.clinic, "tab": "patients", "patient": row.patient, "row": row, "may_write": may_write,
        "may_sign": may_write and permissions.may(request.user, "sign", row.clinic),
    }  # fmt: skip


def _library_of(row: Plan) -> tuple[Library, str]:
    """The library that a plan is made from today; the plain one, and why, where its protocol no longer fits."""
    try:
        return _library(row.protocol), ""
    except DataError as error:
        return shelf().current(), " ".join(map(str, error.problems))


@login_required
def change(request: HttpRequest, code: str) -> HttpResponse:
    """One change, made on the version that it names."""
    row = eyes.plan(request, code, "write", did="")
    if wrong := _only(request, "POST"):
        return wrong
    asked = request.POST
    do, _, detail = asked.get("do", "").partition(" ")
    try:
        if do not in CHANGES:
            raise DataError([Problem("what to do", f"“{do[:20]}”", wording.joined(list(CHANGES), "or"))])
        version = CHANGES[do](request, row, detail)
    except plans.Stale as stale:
        return _stale(request, row, stale.latest)
    except plans.Stopped as stop:
        plans.not_kept(by=request.user, patient=row.patient, status=stop.plan.status, request=request)
        return _stopped(request, stop.plan, _standing(request, row), shelf().current())
    except DataError as error:
        _seen(request, row)
        typed = {name: asked.get(name, "") for name in CARRIED} | {"do": do}
        return _page(request, row, 400, problems=error.problems, typed=typed)
    messages.success(request, f"{plans.told(version)[0]}. Kept as version {version.number}.")
    target = detail.partition(" ")[0] if do == "swap" else ""
    return redirect(_url(row) + (f"#target-{target}" if re.fullmatch("[a-z-]+", target) else ""))


def _swap(request: HttpRequest, row: Plan, detail: str) -> PlanVersion:
    target, _, to = detail.partition(" ")
    return plans.swap(target=target, to=to, library=_library(row.protocol), **_common(request, row))


def _make_again(request: HttpRequest, row: Plan, _: str) -> PlanVersion:
    start = plans.start_day(request.POST.get("start", ""), settings.CONFIG.today())
    data = patients.planner_profile(row.patient)
    return plans.make_again(data=data, library=_library(row.protocol), start=start, **_common(request, row))


def _move_start(request: HttpRequest, row: Plan, _: str) -> PlanVersion:
    start = plans.start_day(_asked(request, "start"), settings.CONFIG.today())
    return plans.move_start(start=start, **_common(request, row))


def _move_session(request: HttpRequest, row: Plan, _: str) -> PlanVersion:
    day, to = plans.day(_asked(request, "session"), settings.CONFIG.today()), request.POST.get("day", "")
    if to not in tuple("0123456"):
        raise DataError([Problem("the new day", f"“{to[:10]}”", "a day of the week")])
    return plans.move_session(day=day, to=int(to), library=_library(row.protocol), **_common(request, row))


def _pause(request: HttpRequest, row: Plan, _: str) -> PlanVersion:
    return plans.pause(**_common(request, row))


def _take_up(request: HttpRequest, row: Plan, _: str) -> PlanVersion:
    _if_signed(request, row)
    return plans.take_up(on=plans.day(request.POST.get("on", ""), settings.CONFIG.today()), **_common(request, row))


def _if_signed(request: HttpRequest, row: Plan) -> None:
    """What was signed goes on and ends by somebody who may sign. To stop it for now is for everybody who writes."""
    if row.signed is not None:
        eyes.allow(request, "sign", row.clinic)


def _end(request: HttpRequest, row: Plan, _: str) -> PlanVersion:
    _if_signed(request, row)
    return plans.end(**_common(request, row))


CHANGES: Mapping[str, Callable[[HttpRequest, Plan, str], PlanVersion]] = {
    "swap": _swap, "again": _make_again, "start": _move_start, "session": _move_session, "pause": _pause,
    "resume": _take_up, "end": _end,
}  # fmt: skip
ASKED = {
    "swap": "a swap", "again": "making the plan again", "start": "another start", "session": "a session on another day",
    "pause": "a pause", "resume": "taking the plan up again", "end": "ending the plan", "sign": "signing it", "ask": "asking for a signature",
}  # fmt: skip


def _common(request: HttpRequest, row: Plan) -> dict[str, Any]:
    return {
        "by": request.user, "plan": row, "on_version": _number(request.POST.get("version", "")),
        "today": settings.CONFIG.today(), "why": request.POST.get("why", ""), "request": request,
    }  # fmt: skip


def _seen(request: HttpRequest, row: Plan) -> None:
    """Write down that a refused change showed the plan."""
    events.record(
        "plan seen", by=request.user, clinic=row.clinic, patient=row.patient.code, about=row.code, request=request
    )


def _asked(request: HttpRequest, name: str) -> str:
    if not request.POST.get(name, "").strip():
        raise DataError([Problem(name, "nothing", "a day")])
    return str(request.POST[name])


def _number(text: str) -> int:
    return int(text) if re.fullmatch("[0-9]{1,6}", text) else 0


def _stale(request: HttpRequest, row: Plan, latest: int) -> HttpResponse:
    """Somebody was quicker: what they did, what was asked for, and one press to ask for it again on top."""
    row.refresh_from_db()
    _seen(request, row)
    base = _number(request.POST.get("version", ""))
    now = plans.newest(row)
    before = row.versions.filter(number=base).first()
    since = row.versions.filter(number__gt=base).select_related("by").order_by("number").defer("document")
    asked = [
        (name, value)
        for name, value in request.POST.items()
        if name not in ("csrfmiddlewaretoken", "version", "ticked")
    ]
    asked += [("ticked", value) for value in request.POST.getlist("ticked")]
    do = request.POST.get("do", "").partition(" ")[0]
    context = {
        **_standing(request, row), "version": now, "base": base, "since": [(each, *plans.told(each)) for each in since],
        "differs": changes.differences(plans.opened(before).plan, plans.opened(now).plan) if before else (),
        "asked": asked, "asks": ASKED.get(do, "a change"), "asks_for": _asked_for(request), "why": request.POST.get("why", ""), "signs": do in ("sign", "ask"),
        "again": request.path,
    }  # fmt: skip
    return render(request, "clinic/plan_stale.html", context, status=409)


def _asked_for(request: HttpRequest) -> str:
    """The day, or the session and its day, that a refused change was about."""
    told = []
    for name in ("start", "on", "session"):
        try:
            told.append(wording.date(dt.date.fromisoformat(request.POST.get(name, ""))))
        except ValueError:
            continue
    if request.POST.get("session") and request.POST.get("day", "") in tuple("0123456"):
        told.append(changes.NAMES[int(request.POST["day"])])
    return " to ".join(told)


# Versions


@login_required
def versions(request: HttpRequest, code: str) -> HttpResponse:
    """Who changed what, when and why; and what two versions differ in."""
    row = eyes.plan(request, code, did="plan history seen")
    if wrong := _only(request, "GET"):
        return wrong
    rows = row.versions.select_related("by", "signature").order_by("-number").defer("document")
    every = [(each, *plans.told(each), getattr(each, "signature", None)) for each in rows]
    context = {**_standing(request, row), "every": every}
    old, new = (_number(request.GET.get(name, "")) for name in ("from", "to"))
    if old or new:
        first, second = (_version(row, number) for number in (old, new))
        context |= {
            "first": first, "second": second,
            "differs": changes.differences(plans.opened(first).plan, plans.opened(second).plan),
        }  # fmt: skip
    return render(request, "clinic/plan_versions.html", context)


@login_required
def version(request: HttpRequest, code: str, number: int) -> HttpResponse:
    """One version as it was kept. Nothing can be changed in it."""
    row = eyes.plan(request, code, did="plan version seen")
    if wrong := _only(request, "GET"):
        return wrong
    found, (library, _) = _version(row, number), _library_of(row)
    made = plans.opened(found).plan
    context = {
        **pages.page(made, None, library), **_standing(request, row), "version": found, "did": plans.told(found),
        "signature": getattr(found, "signature", None), "library_changed": found.library != library.version,
    }  # fmt: skip
    return render(request, "clinic/plan_version.html", context)


def _version(row: Plan, number: int) -> PlanVersion:
    if number > row.latest:  # a number of any length is typed easily, and no database takes one
        raise Http404
    try:
        return plans.version_of(row, number)
    except PlanVersion.DoesNotExist:
        raise Http404 from None


# Signing


@login_required
def signing(request: HttpRequest, code: str) -> HttpResponse:
    """Plans of a clinic that wait for somebody who may sign."""
    clinic = eyes.clinic(request, code, "read")
    if wrong := _only(request, "GET"):
        return wrong
    newest = PlanVersion.objects.filter(plan__in=Plan.objects.waiting(clinic), number=F("plan__latest"))
    rows = newest.select_related("plan__patient", "by").defer("document").order_by("at")[:MOST_LISTED]
    context = {
        "clinic": clinic, "tab": "patients", "waiting": [(each.plan, each) for each in rows],
        "may_sign": permissions.may(request.user, "sign", clinic),
    }  # fmt: skip
    return render(request, "clinic/signing.html", context)


@login_required
def sign(request: HttpRequest, code: str) -> HttpResponse:
    """Exactly what is signed; signing it, or asking somebody who may."""
    row = eyes.plan(request, code, "write")
    if wrong := _only(request, "GET", "POST"):
        return wrong
    if request.method != "POST":
        return _sign_page(request, row)
    asked = request.POST
    common = {"by": request.user, "plan": row, "on_version": _number(asked.get("version", "")), "request": request}
    try:
        if asked.get("do") == "ask":
            plans.ask(**common)
            messages.success(request, "Asked. The plan waits for somebody who may sign.")
            return redirect(_url(row))
        eyes.allow(request, "sign", row.clinic)
        signature = plans.sign(ticked=asked.getlist("ticked"), **common)
    except plans.Stale as stale:
        return _stale(request, row, stale.latest)
    except DataError as error:
        return _sign_page(request, row, 400, problems=error.problems, ticked=asked.getlist("ticked"))
    messages.success(request, f"Version {row.latest} is signed by {signature.name}. It holds from now on.")
    return redirect(_url(row) + "#sheet")


def _sign_page(request: HttpRequest, row: Plan, status: int = 200, **more: Any) -> HttpResponse:
    found, (library, _) = plans.newest(row), _library_of(row)
    made = plans.opened(found).plan
    why_not = ""
    sheets: list[Handout] = []
    try:
        sheets = _sheets(made, library)
    except (DataError, KeyError) as error:  # an exercise that today's library has no more
        why_not = str(error)
    context = {
        **_standing(request, row), "version": found, "did": plans.told(found), "made": made, "sheets": sheets,
        "failed": plans.failed(made), "signed": row.signed == row.latest, "why_not": why_not,
        "now": plans.swaps_from(row, made, settings.CONFIG.today()),
        "library_changed": found.library != library.version, "today": settings.CONFIG.today(), "name": str(request.user), **more,
    }  # fmt: skip
    return render(request, "clinic/plan_sign.html", context, status=status)


def _sheets(made: Made, library: Library) -> list[Handout]:
    """Every week with its amounts; weeks that are alike stand together."""
    found: list[Handout] = []
    week = 1
    while week <= len(made.weeks):
        found.append(handout(made, library, week))
        week = found[-1].weeks[-1] + 1
    return found


# Paper and file


@login_required
def sheet(request: HttpRequest, code: str) -> HttpResponse:
    """The sheet for the person, of the version that is signed. What nobody signed does not leave the house on paper."""
    row = eyes.plan(request, code, "write", did="")
    if wrong := _only(request, "POST"):
        return wrong
    asked = request.POST
    paper: Paper = "us-letter" if asked.get("paper") == "us-letter" else "a4"
    problems: tuple[Problem, ...] = ()
    try:
        if row.signed is None:
            raise DataError([Problem("the sheet", "a plan that nobody signed", "a signed plan", "Sign it first.")])
        found, (library, _) = plans.version_of(row, row.signed), _library_of(row)
        made = plans.opened(found).plan
        signed = Signed(found.signature.name, asked.get("phone", "")[:MOST_NUMBER].strip())
        told = handout(made, library, _number(asked.get("week", "")), signed)
        told = dataclasses.replace(told, review=_review(made, told))
        exercises = "+".join(dict.fromkeys(entry.exercise for each in told.sessions for entry in each.entries))
        base = settings.CONFIG.url.rstrip("/")
        data = pdf(
            told, library, paper, "large" in asked, f"{base}/exercises/together/?these={exercises}" if base else ""
        )
    except DataError as error:
        problems = error.problems
    except KeyError as error:
        problems = (
            Problem(
                "the sheet", f"{error} is not in today's library", "a plan of today's library", "Make the plan again."
            ),
        )
    if problems:
        _seen(request, row)
        return _page(request, row, 400, problems=problems, typed={"do": "sheet"})
    events.record(
        "sheet made", by=request.user, clinic=row.clinic, patient=row.patient.code, about=row.code, request=request,
        version=row.signed, week=told.weeks[0],
    )  # fmt: skip
    return _file(data, "application/pdf", f"{row.code}-week-{told.weeks[0]}.pdf")


def _review(made: Made, told: Handout) -> str:
    """The day of the next test, counted by the weeks as they are: a pause moved them."""
    weeks = sorted({week for each in made.retests for week in each.weeks if week >= told.weeks[0]})
    return wording.date(changes.begins(made, weeks[0])).replace(wording.NO_BREAK, " ") if weeks else ""


@login_required
def printed(request: HttpRequest, code: str, number: int) -> HttpResponse:
    """One version with its reasons on paper, for the clinician: `?paper=us-letter`, `?large=1`."""
    row = eyes.plan(request, code, did="plan printed")
    if wrong := _only(request, "GET"):
        return wrong
    found, (library, _) = _version(row, number), _library_of(row)
    signature = getattr(found, "signature", None)
    standing = (
        f"signed by {signature.name} on {wording.date(signature.at)}"
        if signature
        else "signed by nobody: check it before it is used"
    )
    try:
        data = plan_paper.pdf(
            plans.opened(found).plan,
            library,
            on=settings.CONFIG.today(),
            signed=f"Version {number}, {standing}.",
            **wish(request),
        )
    except DataError as error:
        return refused(request, error)
    return sent(data, f"{row.code}-version-{number}.pdf")


@login_required
def export(request: HttpRequest, code: str) -> HttpResponse:
    """The newest version as a file: the plan as `neurodash plan` reads it."""
    row = eyes.plan(request, code, did="plan taken away")
    if wrong := _only(request, "GET"):
        return wrong
    made = plans.opened(plans.newest(row)).plan
    return _file(made.to_json().encode(), "application/json", f"{row.code}-version-{row.latest}.json")


def _file(data: bytes, kind: str, name: str) -> HttpResponse:
    response = HttpResponse(data, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response


def _only(request: HttpRequest, *methods: str) -> HttpResponse | None:
    """Asked after fetching: what is another clinic's is not there for any method."""
    allowed = [*methods, "HEAD"] if "GET" in methods else list(methods)
    return None if request.method in allowed else HttpResponseNotAllowed(allowed)


def _url(row: Plan) -> str:
    return f"/desk/plans/{row.code}/"
