"""Saved protocols: keep a brief's, adapt it, share it, compare it with the brief of today, take it away and bring it in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from neurodash import wording
from neurodash.documents import protocol as paper
from neurodash.errors import DataError
from neurodash.library import Library, Mark
from neurodash.library.protocols import AMOUNTS, Amount, Protocol
from neurodash.planning import adapted
from neurodash.web.clinic import eyes, protocols
from neurodash.web.clinic.models import Plan, SavedProtocol
from neurodash.web.clinic.protocol_form import Form, from_adaptation, moved, to_adaptation
from neurodash.web.people import permissions
from neurodash.web.people.models import Clinic, User
from neurodash.web.reading.marks import References
from neurodash.web.reading.training import dosing, phases
from neurodash.web.shelf import shelf

A_PAGE = 50


def _by(request: HttpRequest) -> User:
    return request.user  # every view here asks for a sign-in


def _address(saved: SavedProtocol, *more: str) -> str:
    return "/".join(["/desk/protocols", saved.code, *more, ""])


# Keeping one


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Save a brief's protocol: into which clinic, and under what name."""
    library = shelf().current()
    answers = request.POST if request.method == "POST" else request.GET
    brief = library.briefs.get(answers.get("brief", ""))
    if brief is None or brief.slug not in library.protocols:
        raise Http404
    mine = list(Clinic.objects.filter(seats__user=_by(request)).order_by("name"))
    clinics = [each for each in mine if permissions.may(request.user, "write", each)]
    name, problem = answers.get("name", library.protocols[brief.slug].name), ""
    standing = permissions.standing(request.user)
    if request.method == "POST" and clinics:
        where = eyes.clinic(request, answers.get("clinic", ""), "write")
        try:
            saved = protocols.save(
                brief=brief.slug, name=name, clinic=where, library=library, by=_by(request), request=request
            )
        except DataError as error:
            problem = _told(error)
        else:
            messages.success(request, "Saved. It is yours alone until you share it; adapt it here.")
            return redirect(_address(saved, "edit"))
    context = {
        "brief": brief, "clinics": clinics, "mine": mine, "name": name, "problem": problem,
        "chosen": answers.get("clinic", ""), "why": standing.why, "is_member": standing.is_member,
        "longest": protocols.MAX_NAME, "clinic": clinics[0] if len(clinics) == 1 else None, "tab": "protocols",
    }  # fmt: skip
    return render(request, "clinic/protocol_new.html", context, status=400 if problem else 200 if clinics else 403)


# Looking


@login_required
@require_safe
def listed(request: HttpRequest, clinic: str) -> HttpResponse:
    """Your protocols and those that the clinic shares."""
    where, library = eyes.clinic(request, clinic), shelf().current()
    rows = (
        SavedProtocol.objects.visible_to(request.user).filter(clinic=where).select_related("by").order_by("name", "pk")
    )
    page = Paginator(rows, A_PAGE).get_page(request.GET.get("page"))
    shown = [
        {
            "saved": saved, "is_mine": saved.by_id == _by(request).pk,
            "brief": library.briefs.get(saved.brief), "open": len(protocols.differences(saved, library)),
        }
        for saved in page
    ]  # fmt: skip
    context = {
        "clinic": where, "tab": "protocols", "page": page, "rows": shown, "briefs": _briefs(library),
        "may_write": permissions.may(request.user, "write", where),
    }  # fmt: skip
    return render(request, "clinic/protocols.html", context)


def _briefs(library: Library) -> list[Any]:
    return [each for each in library.briefs.values() if each.slug in library.protocols and not each.draft]


@login_required
@require_safe
def protocol(request: HttpRequest, code: str) -> HttpResponse:
    """One protocol, to read and to print."""
    saved = eyes.protocol(request, code)
    return render(request, "clinic/protocol.html", _page(request, saved, shelf().current()))


def _context(request: HttpRequest, saved: SavedProtocol, library: Library) -> dict[str, Any]:
    return {
        "clinic": saved.clinic, "tab": "protocols", "saved": saved, "brief": library.briefs.get(saved.brief),
        "may_change": protocols.may_change(request.user, saved), "at": _address(saved),
        "may_write": permissions.may(request.user, "write", saved.clinic), "is_mine": saved.by_id == _by(request).pk,
    }  # fmt: skip


def _page(request: HttpRequest, saved: SavedProtocol, library: Library) -> dict[str, Any]:
    context = _context(request, saved, library)
    if saved.brief not in library.protocols:
        return {**context, "is_gone": True}
    own, published = protocols.adaptation_of(saved), library.protocols[saved.brief]
    fitted = adapted.fitted(own, saved.brief, library)
    context |= {
        "changes": adapted.changes(adapted.unchanged(published, library), fitted, saved.brief, library),
        "open": len(protocols.differences(saved, library)), "gone": adapted.gone(own, saved.brief, library),
        "note": own.note,
    }  # fmt: skip
    try:
        made = protocols.library_with(library, saved).protocols[saved.brief]
    except DataError as error:
        return {**context, "problems": [str(each) for each in error.problems]}
    references = References(library)
    shown = phases(made, library, references)
    for phase, each in zip(made.phases, shown, strict=True):
        each["amounts"] = [_amount(name, amount, references) for name, amount in phase.keys.amounts.items()]
        each["note"] = fitted.phases[phase.keys.id].note
    return context | {
        "phases": shown, "plan": _dosing(made, library, references), "targets": _ladders(made, fitted, library),
        "sources": references.sources, "has_expert": references.has_expert,
    }  # fmt: skip


def _dosing(made: Protocol, library: Library, references: References) -> dict[str, Any]:
    plan = dosing(made, library, references)
    for dose, shown in zip(made.doses, plan["doses"], strict=True):
        for end in ("start", "aim"):
            shown[end] = [_amount(name, amount, references) for name, amount in getattr(dose.keys, end).items()]
    return plan


def _amount(name: str, amount: Amount, references: References) -> SafeString:
    """`2 to 3 sessions a week` with its references, EJ, or whose it is and why."""
    if isinstance(amount, adapted.Outside):
        head, _, tail = amount.says.partition(": ")
        return format_html('{} <strong class="outside">{}</strong>', head, tail)
    told = wording.span(float(amount.low), float(amount.high))
    unit = AMOUNTS[name][0]
    marks = [Mark("guideline", source, 0) for source in amount.source] or [Mark("expert", "", 0)]
    sources = format_html_join(" ", "{}", ((references.mark(mark),) for mark in marks))
    return format_html("{} {}", unit.format(told) if "{}" in unit else f"{told} {unit}", sources)


def _ladders(made: Protocol, own: adapted.Adaptation, library: Library) -> list[tuple[str, list[Any]]]:
    """Each target with the ladders that plans train it on, in their order; none: it is left out."""
    words = library.exercises.words.targets
    there = {each.id: each for each in adapted.ladders_of(library.protocols[made.id], library)}
    shown = []
    for target in dict.fromkeys(each.target for each in there.values()):
        names = [name for name in own.ladders if there[name].target == target and name not in made.ladders_left_out]
        shown.append((words[target].label, [there[name] for name in names]))
    return shown


# Adapting


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, code: str) -> HttpResponse:
    """Adapt and rename. What somebody else saved meanwhile is shown beside what was typed; neither is lost."""
    saved, library = _changeable(request, code), shelf().current()
    if saved.brief not in library.protocols:
        messages.error(request, "Its brief is no longer in the library, so there is nothing to adapt it to.")
        return redirect(_address(saved))
    if request.method != "POST":
        values: Mapping[str, Sequence[str]] = from_adaptation(
            protocols.adaptation_of(saved), saved.name, saved.brief, library
        )
        return _form(request, saved, Form(saved.brief, library, values), saved.edition)
    answers, do = request.POST, request.POST.get("do", "save")
    edition = _edition(answers.get("edition", ""))
    if do != "save":
        return _form(
            request, saved, Form(saved.brief, library, moved(answers, do, saved.brief, library)), edition, moved=do
        )
    own, errors = to_adaptation(answers, saved.brief, library)
    try:
        protocols.named(answers.get("name", ""))
    except DataError as error:
        errors = {"name": [_told(error)], **errors}
    form = Form(saved.brief, library, {key: answers.getlist(key) for key in answers}, errors)
    if errors:
        return _form(request, saved, form, edition, status=400)
    try:
        protocols.change(
            saved, edition=edition, name=answers["name"], own=own, library=library, by=_by(request), request=request
        )
    except protocols.Stale as stale:
        theirs = adapted.fitted(protocols.adaptation_of(stale.now), saved.brief, library)
        rows = adapted.changes(theirs, own, saved.brief, library)
        if stale.now.name != protocols.named(answers["name"]):
            rows = [("Name", stale.now.name, answers["name"]), *rows]
        return _form(request, stale.now, form, stale.now.edition, status=409, conflict={"now": stale.now, "rows": rows})
    except SavedProtocol.DoesNotExist:
        raise Http404 from None
    messages.success(request, "Saved. Plans made from now on go by it; those made before keep what they have.")
    return redirect(_address(saved))


def _form(
    request: HttpRequest, saved: SavedProtocol, form: Form, edition: int, status: int = 200, **more: Any
) -> HttpResponse:
    context = {**_context(request, saved, shelf().current()), "form": form, "edition": edition, **more}
    context["longest"] = protocols.MAX_NAME
    return render(request, "clinic/protocol_edit.html", context, status=status)


def _changeable(request: HttpRequest, code: str) -> SavedProtocol:
    saved = eyes.protocol(request, code, "write")
    if not protocols.may_change(request.user, saved):
        raise PermissionDenied(
            "Its author and the owners of the clinic change a protocol. Make a copy: it is yours to adapt."
        )
    return saved


def _edition(text: str) -> int:
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else 0


def _told(error: DataError) -> str:
    return " ".join(
        f"{each.found[:1].upper()}{each.found[1:]}. Accepted: {each.accepted}. {each.mend}".strip()
        for each in error.problems
    )


# Comparing


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def compare(request: HttpRequest, code: str) -> HttpResponse:
    """What the brief changed since, each to take over or to leave."""
    library = shelf().current()
    if request.method != "POST":
        return _compared(request, eyes.protocol(request, code), library)
    saved = _changeable(request, code)
    if saved.brief not in library.protocols:
        raise Http404
    take, _, place = request.POST.get("do", "").partition(" ")
    if take not in ("take", "keep"):
        raise Http404
    try:
        protocols.settle(
            saved, edition=_edition(request.POST.get("edition", "")), place=place, take=take == "take", library=library,
            by=_by(request), request=request,
        )  # fmt: skip
    except protocols.Stale as stale:
        told = "Somebody changed this protocol while you were looking. This is how it stands now; choose again."
        return _compared(request, stale.now, library, told, 409)
    except DataError as error:
        return _compared(request, saved, library, f"Nothing was changed. {_told(error)}", 400)
    except SavedProtocol.DoesNotExist:
        raise Http404 from None
    messages.success(request, "The brief’s is taken over." if take == "take" else "Noted. You are not asked again.")
    return redirect(_address(saved, "compare"))


def _compared(
    request: HttpRequest, saved: SavedProtocol, library: Library, problem: str = "", status: int = 200
) -> HttpResponse:
    context = {
        **_context(request, saved, library), "differences": protocols.differences(saved, library), "problem": problem,
    }  # fmt: skip
    return render(request, "clinic/protocol_compare.html", context, status=status)


# Sharing, copying, deleting


@login_required
@require_POST
def share(request: HttpRequest, code: str) -> HttpResponse:
    saved = _changeable(request, code)
    shared = request.POST.get("shared") == "yes"
    protocols.share(saved, shared=shared, by=_by(request), request=request)
    told = f"Everybody in {saved.clinic.name} sees it now." if shared else "Only its author sees it now."
    messages.success(request, told)
    is_seen = shared or saved.by_id == _by(request).pk
    return redirect(_address(saved) if is_seen else f"/desk/{saved.clinic.code}/protocols/")


@login_required
@require_POST
def copy(request: HttpRequest, code: str) -> HttpResponse:
    saved = eyes.protocol(request, code, "write")
    made = protocols.copy(saved, by=_by(request), request=request)
    messages.success(request, "This copy is yours. Give it a name of its own.")
    return redirect(_address(made, "edit"))


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, code: str) -> HttpResponse:
    """Ask, then delete. Plans keep their versions."""
    saved = _changeable(request, code)
    if request.method == "POST":
        clinic, name = saved.clinic, saved.name
        protocols.delete(saved, by=_by(request), request=request)
        messages.success(request, f"“{name}” is deleted. Plans made from it are as they were.")
        return redirect(f"/desk/{clinic.code}/protocols/")
    context = {**_context(request, saved, shelf().current()), "plans": Plan.objects.filter(protocol=saved).count()}
    return render(request, "clinic/protocol_delete.html", context)


# As a file


@login_required
@require_safe
def file(request: HttpRequest, code: str) -> HttpResponse:
    """The protocol as a file."""
    saved = eyes.protocol(request, code)
    response = HttpResponse(protocols.to_file(saved), content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{_file_name(saved)}.json"'
    return response


def _file_name(saved: SavedProtocol) -> str:
    return re.sub(r"[^a-z0-9]+", "-", saved.name.lower()).strip("-")[:60] or "protocol"


@login_required
@require_safe
def pdf(request: HttpRequest, code: str) -> HttpResponse:
    """The protocol on paper, for whoever may read it: `?paper=us-letter`, `?large=1`."""
    saved, library = eyes.protocol(request, code), shelf().current()
    if saved.brief not in library.protocols:
        raise Http404
    try:
        made = paper.pdf(
            saved.brief, library, on=settings.CONFIG.today(), document=saved.document, name=saved.name,
            by=saved.by.name if saved.by else "", address=settings.CONFIG.url,
            paper="us-letter" if request.GET.get("paper") == "us-letter" else "a4", large=bool(request.GET.get("large")),
        )  # fmt: skip
    except DataError as error:
        told = f"The PDF was not made. {' '.join(map(str, error.problems))}"
        return render(request, "refused.html", {"says": told}, status=422)
    response = HttpResponse(made, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{_file_name(saved)}.pdf"'
    return response


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def bring_in(request: HttpRequest, clinic: str) -> HttpResponse:
    """A protocol from a file, or everything that is wrong with it."""
    where, library = eyes.clinic(request, clinic, "write"), shelf().current()
    problems: Sequence[str] = ()
    if request.method == "POST":
        sent = request.FILES.get("file")
        if sent is None:
            problems = [
                "No file was chosen. Accepted: a protocol that was taken away from here or from another clinic."
            ]
        else:
            try:
                saved = protocols.take_in(
                    sent.read(protocols.MAX_FILE + 1), clinic=where, library=library, by=_by(request), request=request
                )
            except DataError as error:
                problems = [str(each) for each in error.problems]
            else:
                messages.success(request, "The protocol is here. It is yours alone until you share it.")
                return redirect(_address(saved))
    context = {"clinic": where, "tab": "protocols", "problems": problems}
    return render(request, "clinic/protocol_import.html", context, status=400 if problems else 200)
