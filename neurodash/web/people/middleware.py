"""What is said on the way to signing in."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

LOST = (
    "Nothing was changed: you were no longer signed in. Your browser’s back button brings back what you typed: copy it, "
    "sign in, then send it again."
)


def say_what_was_not_taken(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Whoever sends something after their session has ended is told that it was not taken."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        to_sign_in = response.headers.get("Location", "").startswith(f"{reverse('account_login')}?next=")
        if request.method == "POST" and to_sign_in:
            messages.warning(request, LOST)
        return response

    return middleware
