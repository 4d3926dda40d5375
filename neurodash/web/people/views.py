"""An account's own pages."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def forged(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that did not come from one of our pages, or from one that was open too long."""
    return render(request, "people/forged.html", status=403)


def denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """What this visitor may not do, and who may."""
    return render(request, "people/denied.html", {"why": str(exception)}, status=403)
