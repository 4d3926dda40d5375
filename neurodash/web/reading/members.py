"""Pages of the library for members. Who may not open one is led to what membership gives, and back after signing in or joining."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse

from neurodash.web.people.membership import way_to
from neurodash.web.people.permissions import may_use


def members(feature: str) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """Mark a view as a feature of membership (a key of permissions.FEATURES)."""

    def marked(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def opened(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not may_use(request.user, feature):
                return way_to(feature, request)
            return view(request, *args, **kwargs)

        return opened

    return marked
