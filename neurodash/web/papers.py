"""PDFs as answers: what was asked for, the file made for whoever asked, and what stood in the way. The door keeps none."""

from __future__ import annotations

from typing import TypedDict

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from neurodash.errors import DataError


class Wish(TypedDict):
    """Paper and print as documents take them."""

    paper: str
    large: bool


def wish(request: HttpRequest) -> Wish:
    """What was asked for: `?paper=us-letter`, `?large=1`."""
    paper = "us-letter" if request.GET.get("paper") == "us-letter" else "a4"
    return {"paper": paper, "large": bool(request.GET.get("large"))}


def sent(file: bytes, name: str) -> HttpResponse:
    return HttpResponse(
        file, content_type="application/pdf", headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


def refused(request: HttpRequest, error: DataError) -> HttpResponse:
    """The letters that no font has, named."""
    says = f"The PDF was not made. {' '.join(map(str, error.problems))}"
    return render(request, "refused.html", {"says": says}, status=422)
