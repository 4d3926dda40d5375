"""Build a plan without an account: a form, the plan, the sheet and a file to keep. Nothing is stored here.

Every answer is worked out from what came with the request and forgotten, so there is nothing that a forged request could
change, and no token is needed.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from neurodash import wording
from neurodash.documents.handout import PAPERS, Paper, pdf
from neurodash.errors import DataError, Problem
from neurodash.library import Library
from neurodash.planning.build import make
from neurodash.planning.handout import Signed, handout
from neurodash.planning.plan import Plan
from neurodash.planning.profile import Profile, read_profile
from neurodash.web.planning import pages
from neurodash.web.planning.form import STEPS, Form, errors_by_field, from_profile, questions, to_profile
from neurodash.web.shelf import shelf

WHERE = "your answers"
MAX_PROFILE = 40_000  # characters. Ours: a full profile has three thousand
MAX_FILE = 900_000  # bytes, below what the door lets in
MAX_NAME = 80  # characters of a name or a number on the sheet


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def plan(request: HttpRequest) -> HttpResponse:
    """The form, or what was asked of it: make, edit, swap, clear, sheet, keep, open."""
    library = shelf().current()
    if request.method != "POST":
        focus = [code for code in request.GET.getlist("focus") if code in library.planning.rules.focuses]
        return _form(request, Form(library, {"focus": focus or list(library.planning.rules.focuses)}))
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        return HttpResponseForbidden(
            "A plan is asked for on this site only.\n", content_type="text/plain; charset=utf-8"
        )
    do, _, detail = request.POST.get("do", "make").partition(" ")
    if do != "open" and not request.POST.get("profile"):
        return _from_form(request, library)
    data: dict[str, Any] = {}
    problems: Sequence[Problem] = ()
    try:
        data, start = _opened(request) if do == "open" else _carried(request)
        data = _swapped(data, detail) if do == "swap" else _cleared(data, detail) if do == "clear" else data
        if do != "edit":
            profile, made = _made(data, start, library)
    except DataError as error:
        problems = error.problems
    if problems:
        errors = errors_by_field(problems, {})
        return _form(
            request, Form(library, from_profile(data, library), errors, json.dumps(data) if data else ""), status=400
        )
    if do == "edit":
        return _form(
            request, Form(library, {**from_profile(data, library), "start": [start.isoformat()]}, base=json.dumps(data))
        )
    if do == "sheet":
        return _sheet(request, made, profile, library)
    if do == "keep":
        return _file(made.to_json().encode(), "application/json", f"{made.code}-plan.json")
    return _page(request, made, profile, library, swapped=detail.partition(" ")[0] if do == "swap" else "")


def _from_form(request: HttpRequest, library: Library) -> HttpResponse:
    answers = request.POST
    data, fields = to_profile(answers, library)
    problems: list[Problem] = []
    if not data.get("focus"):
        problems.append(Problem("focus", "nothing ticked", "what to train"))
    try:
        start = _day(answers.get("start", ""))
        profile, made = _made(data, start, library)
    except DataError as error:
        problems += error.problems
    if problems:
        form = Form(
            library,
            {key: answers.getlist(key) for key in answers},
            errors_by_field(problems, fields),
            answers.get("base", ""),
        )
        return _form(request, form, status=400)
    return _page(request, made, profile, library)


def _made(data: Mapping[str, Any], start: dt.date, library: Library) -> tuple[Profile, Plan]:
    text = json.dumps(data)
    if len(text) > MAX_PROFILE:
        raise DataError([Problem(WHERE, f"{len(text):,} characters", f"at most {MAX_PROFILE:,}")])
    profile = read_profile(text, WHERE, library, settings.CONFIG.today())
    return profile, make(profile, library, start)


def _day(text: str) -> dt.date:
    today: dt.date = settings.CONFIG.today()
    try:
        day = dt.date.fromisoformat(text.strip()) if text.strip() else today
    except ValueError:
        raise DataError([Problem("start", f"“{text[:20]}”", "a day, such as 2026-11-30")]) from None
    if abs((day - today).days) > 3 * 365:
        raise DataError([Problem("start", wording.date(day), "a day within three years of today")])
    return day


def _carried(request: HttpRequest) -> tuple[dict[str, Any], dt.date]:
    """The profile that travels in the page."""
    return _data(request.POST["profile"], "the page"), _day(request.POST.get("start", ""))


def _opened(request: HttpRequest) -> tuple[dict[str, Any], dt.date]:
    """The profile in a file: of a plan that was kept, or a profile as `neurodash plan example` prints it."""
    file = request.FILES.get("file")
    if file is None:
        raise DataError([Problem("the file", "nothing", "a plan that was saved here, or a profile")])
    if (file.size or 0) > MAX_FILE:
        raise DataError([Problem("the file", f"{file.size} bytes", f"at most {MAX_FILE:,}")])
    text = file.read().decode("utf-8", "replace")
    if not text.lstrip().startswith("{"):
        if len(text) > MAX_PROFILE:
            raise DataError(
                [Problem("the file", f"{len(text):,} characters", f"at most {MAX_PROFILE:,} for a profile")]
            )
        return _plain(read_profile(text, "the file", shelf().current(), settings.CONFIG.today())), _day("")
    data = _data(text, "the file")
    if "weeks" in data:
        kept = data.get("profile")
        if not isinstance(kept, dict) or not kept:
            raise DataError(
                [Problem("the file", "a plan without the profile it was made from", "a plan that was saved here")]
            )
        return kept, _day(str(data.get("start", "")))
    return data, _day("")


def _plain(profile: Profile) -> dict[str, Any]:
    data: dict[str, Any] = profile.keys.model_dump(mode="json", exclude_unset=True)
    return data


def _data(text: str, where: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise DataError([Problem(where, "no JSON", "a plan that was saved here, or a profile")]) from None
    if not isinstance(found, dict):
        raise DataError([Problem(where, "a list or a single value", "a plan that was saved here, or a profile")])
    return found


def _cleared(data: dict[str, Any], row: str) -> dict[str, Any]:
    """The profile with one precaution seen to, which is named too: other answers may have met it."""

    def with_it(name: str) -> list[Any]:
        kept = data.get(name)
        return list(dict.fromkeys([*(kept if isinstance(kept, list) else []), row[:20]]))

    return {**data, "precautions": with_it("precautions"), "cleared": with_it("cleared")}


def _swapped(data: dict[str, Any], detail: str) -> dict[str, Any]:
    """The profile with one swap more: `target ladder rung`, `target out`, or `target back`."""
    target, _, what = detail.partition(" ")
    kept = data.get("swaps")
    swaps = dict(kept) if isinstance(kept, dict) else {}
    swaps.pop(target, None)
    if what == "out":
        swaps[target] = {}
    elif found := re.fullmatch(r"(\S+) (\d{1,2})", what):
        swaps[target] = {"ladder": found[1], "rung": int(found[2])}
    return {**data, "swaps": swaps}


def _form(request: HttpRequest, form: Form, status: int = 200) -> HttpResponse:
    context = {"form": form, "steps": STEPS, **questions()}
    return render(request, "plan_form.html", context, status=status)


def _page(
    request: HttpRequest, made: Plan, profile: Profile, library: Library, problem: str = "", status: int = 200,
    swapped: str = "",
) -> HttpResponse:  # fmt: skip
    sheet = {name: request.POST.get(name, "")[:MAX_NAME] for name in ("week", "clinician", "phone", "paper", "large")}
    context = {
        **pages.page(made, profile, library), "papers": PAPERS, "problem": problem, "sheet": sheet,
        "swapped": swapped, "said": pages.swapped(made, swapped) if swapped else "",
    }  # fmt: skip
    return render(request, "plan.html", context, status=status)


def _sheet(request: HttpRequest, made: Plan, profile: Profile, library: Library) -> HttpResponse:
    answers = request.POST
    week = answers.get("week", "1")
    signed = Signed(answers.get("clinician", "")[:MAX_NAME].strip(), answers.get("phone", "")[:MAX_NAME].strip())
    paper: Paper = "us-letter" if answers.get("paper") == "us-letter" else "a4"
    problem = ""
    try:
        told = handout(made, library, int(week) if re.fullmatch("[0-9]{1,2}", week) else 0, signed)
        exercises = "+".join(dict.fromkeys(entry.exercise for session in told.sessions for entry in session.entries))
        base = settings.CONFIG.url.rstrip("/")
        address = f"{base}/exercises/together/?these={exercises}" if base else ""
        made_pdf = pdf(told, library, paper, "large" in answers, address)
    except DataError as error:
        problem = " ".join(map(str, error.problems))
    if problem:
        return _page(request, made, profile, library, problem, status=400)
    return _file(made_pdf, "application/pdf", f"{made.code}-week-{week}.pdf")


def _file(data: bytes, kind: str, name: str) -> HttpResponse:
    response = HttpResponse(data, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
