"""Briefs and their protocols as PDFs, made for the member who asks and never kept."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from neurodash.documents import brief as brief_paper
from neurodash.documents import protocol as protocol_paper
from neurodash.errors import DataError
from neurodash.web.papers import refused, sent, wish
from neurodash.web.people.permissions import may_use
from neurodash.web.reading import pages
from neurodash.web.reading.members import members
from neurodash.web.reading.views import find_brief
from neurodash.web.shelf import shelf


@require_safe
@members("pdf")
def brief_pdf(request: HttpRequest, code: str, slug: str) -> HttpResponse:
    """With the deep dive for who may read it."""
    brief = find_brief(code, slug)
    verdicts = shelf().verdicts(brief)
    badge = pages.badge(verdicts)
    try:
        file = brief_paper.pdf(
            brief, verdicts, shelf().current(), standing=f"{badge.headline} {badge.against}. {badge.exceptions}".strip(),
            on=settings.CONFIG.today(), deep_dive=may_use(request.user, "deep-dive"), address=settings.CONFIG.url, **wish(request),
        )  # fmt: skip
    except DataError as error:
        return refused(request, error)
    return sent(file, f"{slug}.pdf")


@require_safe
@members("pdf")
def protocol_pdf(request: HttpRequest, code: str, slug: str) -> HttpResponse:
    """The action plan of a brief, as it is published."""
    brief = find_brief(code, slug)
    try:
        file = protocol_paper.pdf(
            brief.slug, shelf().current(), on=settings.CONFIG.today(), address=settings.CONFIG.url, **wish(request)
        )
    except DataError as error:
        return refused(request, error)
    return sent(file, f"{slug}-protocol.pdf")
