"""How the running site does: whether it is well, what was asked of it, and how long that took.

Nothing here tells who asked or what about: no query, no address, no e-mail, and what is secret or about a person in a
path is masked.
"""

from __future__ import annotations

import datetime as dt
import hmac
import json
import logging
import re
import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import Resolver404, ResolverMatch, resolve
from django.views.decorators.http import require_safe

from neurodash.web import assets, codes, record
from neurodash.web.shelf import shelf

log = logging.getLogger("neurodash.requests")

UNKNOWN = "/…"  # an address that no page has: what somebody typed there is not repeated
PUBLIC = re.compile(r"<(?:slug|code|path):(\w+)>")  # parts of a path that name what everybody may read
E_MAIL = re.compile(r"[^\s@<>\"'(),;:=]+@[^\s@<>\"'(),;:=]+")
CODE = re.compile(rf"(?<![A-Za-z0-9]){codes.PATTERN}(?![A-Za-z0-9])")
UP_TO_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)  # of the histogram
FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP")

Start = Callable[..., Any]
App = Callable[[dict[str, Any], Start], Iterable[bytes]]


@require_safe
def health(request: HttpRequest) -> HttpResponse:
    """200 where library and record answer, 503 otherwise. For whoever watches over the server; nothing secret."""
    try:
        well = record.answers()
    except DatabaseError:
        well = False
    told = {"library": shelf().current().version, "record": "ok" if well else "does not answer"}
    return JsonResponse(told, status=200 if well else 503)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Counts for Prometheus, of all workers together; only where the host wants them, for this machine or a token."""
    config = settings.CONFIG
    if not config.metrics:
        raise Http404
    if not (_is_this_machine(request) or _brings(request, config.metrics_token)):
        return HttpResponse("Metrics are for this machine, or for whoever brings the token.\n", "text/plain", 403)
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest  # noqa: PLC0415  off by default
    from prometheus_client.multiprocess import MultiProcessCollector  # noqa: PLC0415

    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return HttpResponse(generate_latest(registry), CONTENT_TYPE_LATEST)


def _is_this_machine(request: HttpRequest) -> bool:
    """A proxy on this machine speaks from loopback too, for anybody: it names another host, or whom it speaks for."""
    host = request.get_host().rsplit(":", 1)[0]
    near = request.META.get("REMOTE_ADDR", "") in ("127.0.0.1", "::1") and host in ("localhost", "127.0.0.1", "[::1]")
    return near and not any(name in request.META for name in FORWARDED)


def _brings(request: HttpRequest, token: str) -> bool:
    return bool(token) and hmac.compare_digest(
        request.headers.get("Authorization", "").encode(), f"Bearer {token}".encode()
    )


def watched(app: App) -> App:
    """`app`, with a line in the log for each request and, where metrics are wanted, a count."""
    count = _counter() if settings.CONFIG.metrics else None

    def answer(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        status = "500"

        def told(line: str, *more: Any) -> Any:
            nonlocal status
            status = line[:3]
            return start(line, *more)

        began = time.perf_counter()
        body = app(environ, told)  # a page is whole when this returns; of a large file only its beginning is timed
        seconds = time.perf_counter() - began
        method, (path, page) = environ["REQUEST_METHOD"], masked(environ.get("PATH_INFO", "/"))
        if len(method) > 10 or not method.isalpha():
            method = "OTHER"
        if status == "404":
            path = page
        log.info("%s %s %s %.1f ms", method, path, status, seconds * 1000, extra={
            "request_line": {"method": method, "path": path, "status": int(status), "ms": round(seconds * 1000, 1)}
        })  # fmt: skip
        if count:
            count(method, page, status, seconds)
        return body

    return answer


def _counter() -> Callable[[str, str, str, float], None]:
    from prometheus_client import Counter, Histogram  # noqa: PLC0415  off by default

    requests = Counter("neurodash_requests", "Requests answered", ["method", "page", "status"])
    took = Histogram("neurodash_request_seconds", "Seconds to answer a request", ["page"], buckets=UP_TO_S)

    def count(method: str, page: str, status: str, seconds: float) -> None:
        requests.labels(method, page, status).inc()
        took.labels(page).observe(seconds)

    return count


@lru_cache(maxsize=4096)
def masked(path: str) -> tuple[str, str]:
    """A path as a log may hold it, and the kind of page it belongs to: /desk/{clinic}/, or /…  where there is none."""
    if path in assets.by_path():
        return path, "/static/…"
    try:
        found = resolve(path)
    except Resolver404:
        return UNKNOWN, UNKNOWN
    public = set(PUBLIC.findall(found.route))
    shown = _without(path, {name: value for name, value in _parts(found).items() if name not in public})
    return CODE.sub("{code}", shown), _without(path, _parts(found))


def _parts(found: ResolverMatch) -> dict[str, str]:
    parts = {name: str(value) for name, value in found.captured_kwargs.items()}
    return parts | {str(number): str(value) for number, value in enumerate(found.args)}


def _without(path: str, parts: dict[str, str]) -> str:
    """`path` with each value replaced by its name; where a value stands twice, both are."""
    for name, value in sorted(parts.items(), key=lambda each: -len(each[1])):
        if value:
            path = re.sub(rf"(?<=[/-]){re.escape(value)}(?=[/.-]|$)", f"{{{name}}}", path)
    return path


class Discreet(logging.Formatter):
    """Lines of the log without e-mails and codes: an error of a database may quote the row it is about."""

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        return line if hasattr(record, "request_line") else discreet(line, record)


class Json(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, Any] = {
            "at": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "by": record.name,
        }
        if line := getattr(record, "request_line", None):
            return json.dumps({**said, **line})
        said["says"] = discreet(record.getMessage(), record)
        if record.exc_info:
            said["trace"] = discreet(self.formatException(record.exc_info), record)
        return json.dumps(said, ensure_ascii=False)


def discreet(text: str, record: logging.LogRecord) -> str:
    """`text` of a line without what may name somebody."""
    if path := getattr(getattr(record, "request", None), "path", ""):
        text = text.replace(path, masked(path)[0])
    return CODE.sub("{code}", E_MAIL.sub("{e-mail}", text))
