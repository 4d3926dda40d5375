"""The deep dive of a brief, for members."""

from __future__ import annotations

import re
from dataclasses import replace

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_safe

from neurodash.web.people.permissions import may_use
from neurodash.web.reading import pages
from neurodash.web.reading.marks import References
from neurodash.web.reading.members import members
from neurodash.web.reading.views import find_brief
from neurodash.web.shelf import shelf


@require_safe
@members("deep-dive")
def deep_dive(request: HttpRequest, code: str, slug: str) -> HttpResponse:
    brief = find_brief(code, slug)
    library = shelf().current()
    references = References(library, f"{code}/{slug}")
    context = {
        "brief": brief,
        "condition": library.conditions[code],
        "parts": [_outward(part, f"/{code}/{slug}/") for part in pages.parts(brief.deep_dive, references)],
        "badge": pages.badge(shelf().verdicts(brief)),
        "may_print": may_use(request.user, "pdf"),
        "references": references,
    }
    return render(request, "deep_dive.html", context)


def _outward(part: pages.Part, brief: str) -> pages.Part:
    """Links to other parts of the brief lead to its page."""
    html = re.sub(r'href="#(?!source-)', f'href="{brief}#', part.html)
    return replace(part, html=mark_safe(html))  # noqa: S308  cleaned before, and only an address of ours was added
