"""Ready-made pages: rendered once per library and day, then answered from memory before Django is asked.

The only door to the site. It checks the host, bounds the request, puts the same security headers on every
answer and keeps what a view marks as ready. A response that is not marked is never kept.
"""

from __future__ import annotations

import gzip
import hashlib
import logging
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import brotli
from django.http import HttpRequest, HttpResponse
from django.http.request import split_domain_port, validate_host

from neurodash.web import assets

log = logging.getLogger(__name__)

MARK = "X-Neurodash-Ready"  # from a view to this door; never sent
MAX_HOST, MAX_WISHES = 255, 50  # characters of a host's name, parts of a query
MAX_PATH, MAX_BODY = 2_000, 1_000_000  # characters, bytes. Ours: no page of the site comes near either
MAX_PAGES = 20_000  # of memory's sake; a library has a few hundred
MAX_DRAINED = 16 * MAX_BODY  # bytes that are heard and dropped
CHARSET = re.compile(r"""charset\s*=\s*["']?([^\s;"']*)""", re.IGNORECASE)
METHODS = ("GET", "HEAD", "POST")  # no page takes another one
MIN_PACKED = 1_500  # bytes below which compressing saves nothing: one packet of the network
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
Headers = list[tuple[str, str]]
Start = Callable[..., Any]
Environ = dict[str, Any]


def packed(body: bytes) -> bytes:
    """Brotli at its best that is still quick. It clears memory for the window it looks back through: a window no larger than
    a usual page spares 4 ms of 4."""
    return brotli.compress(body, quality=9, lgwin=16 if len(body) <= 2**16 else 22)


def ready(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Mark a view's page as the same for everybody for this library and day.

    Its query string is ignored, unless the view sets the header itself to "plain": then only the page
    without a query is kept.
    """

    @wraps(view)
    def marked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        if response.status_code == 200:
            response.headers.setdefault(MARK, "whole")
        return response

    marked.csrf_exempt = True  # type: ignore[attr-defined]  # such a page takes nothing: a POST is refused as one
    return marked


@dataclass(frozen=True, slots=True)
class Ready:
    """A kept page in the encodings a browser may ask for, each with its finished headers."""

    variants: dict[str, tuple[Headers, bytes]]
    not_modified: Headers
    etag: str
    ignores_query: bool


class Door:
    """The WSGI application. `version` tells when every kept page has become stale, `refusal` is the page that says why a
    request was not taken."""

    def __init__(
        self,
        app: Callable[..., Iterable[bytes]],
        hosts: Iterable[str],
        version: Callable[[], str],
        secure: bool,
        keep: bool = True,
        refusal: Callable[[str], str] | None = None,
    ) -> None:
        self.app, self.hosts, self.version, self.keep = app, list(hosts), version, keep
        self.refusal, self.secure = refusal, secure
        self.security: Headers = [
            ("Content-Security-Policy", POLICY),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "same-origin"),
            ("Cross-Origin-Opener-Policy", "same-origin"),
            ("Permissions-Policy", "camera=(), microphone=(), geolocation=(), browsing-topics=()"),
            *([("Strict-Transport-Security", "max-age=31536000; includeSubDomains")] if secure else []),
        ]
        self.fixed = {
            path: self._make(
                [("Content-Type", kind), ("Cache-Control", "public, max-age=31536000, immutable")], data, True
            )
            for path, (kind, data) in assets.by_path().items()
        }
        self.pages: dict[str, Ready] = {}
        self.seen_version, self.checked_at = "", 0.0
        self.known_hosts: dict[str, bool] = {}
        self.known_encodings: dict[str, str] = {}

    def __call__(self, environ: Environ, start: Start) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "/")
        if self.secure:  # a proxy before us speaks TLS with the browser
            environ["wsgi.url_scheme"] = "https"
        if not self._host_is_ours(environ.get("HTTP_HOST", "")):
            return self._plain(start, "400 Bad Request", "This site does not answer to that name.\n")
        if len(path) + len(environ.get("QUERY_STRING", "")) > MAX_PATH:
            return self._refuse(start, "414 URI Too Long", f"An address here has at most {MAX_PATH:,} characters.")
        if method not in METHODS:
            return self._plain(start, "405 Method Not Allowed", f"This site takes {', '.join(METHODS)}.\n")
        if method in ("GET", "HEAD"):
            self._drop_stale()
            page = self.fixed.get(path) or self.pages.get(path)
            if page and (page.ignores_query or not environ.get("QUERY_STRING")):
                return self._answer(page, environ, start, method)
        length = environ.get("CONTENT_LENGTH") or "0"
        if (
            not (length.isascii() and length.isdigit() and len(length) <= 10)
            or int(length) > MAX_BODY
            or "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
        ):
            self._drain(environ, length)
            return self._refuse(
                start,
                "413 Content Too Large",
                f"What was sent is too large: at most {MAX_BODY // 1_000_000} MB. Nothing was kept.",
            )
        if "%00" in environ.get("QUERY_STRING", ""):
            return self._refuse(start, "400 Bad Request", "The address holds a null character, which no page takes.")
        if (charset := CHARSET.search(environ.get("CONTENT_TYPE", ""))) and charset[1].lower() not in ("utf-8", "utf8"):
            return self._refuse(
                start, "415 Unsupported Media Type", "What is sent here is read as UTF-8. Nothing was kept."
            )
        if environ.get("QUERY_STRING", "").count("&") > MAX_WISHES:
            return self._refuse(
                start, "400 Bad Request", f"The address asks for too much at once: at most {MAX_WISHES} things."
            )
        if method in ("GET", "HEAD"):
            environ.pop("CONTENT_TYPE", None)  # it would choose how the query is decoded
        return self._ask(environ, start, method, path)

    def _answer(self, page: Ready, environ: Environ, start: Start, method: str) -> Iterable[bytes]:
        if page.etag in environ.get("HTTP_IF_NONE_MATCH", ""):
            start("304 Not Modified", page.not_modified)
            return []
        accepted = environ.get("HTTP_ACCEPT_ENCODING", "")
        encoding = self.known_encodings.get(accepted) or self._encoding(accepted)
        headers, body = page.variants.get(encoding) or page.variants["identity"]
        start("200 OK", headers)
        return [body] if method == "GET" else []

    def _ask(self, environ: Environ, start: Start, method: str, path: str) -> Iterable[bytes]:
        """Let Django answer, and keep what it marked as ready."""
        seen: list[tuple[str, Headers]] = []
        try:
            answer = self.app(environ, lambda status, headers, exc_info=None: seen.append((status, headers)))
            if getattr(answer, "streaming", False):
                start(seen[0][0], [*seen[0][1], *self.security, ("Cache-Control", "no-store")])
                return self._flowing(answer, method)
            body = b"".join(answer)
            if close := getattr(answer, "close", None):
                close()
            status, headers = seen[0]
        except Exception:
            log.exception("a page could not be made")
            return self._plain(
                start, "500 Internal Server Error", "Something went wrong on our side. Nothing was lost.\n"
            )
        mark = next((value for name, value in headers if name == MARK), None)
        headers = [(name, value) for name, value in headers if name not in (MARK, "Content-Length")]
        if mark and (own := [name for name, value in headers if name == "Set-Cookie" or value == "Cookie"]):
            log.error("%s is marked as the same for everybody and looks at the visitor (%s)", path, own[0])
            mark = None
        if mark and method == "GET" and self.keep and (mark == "whole" or not environ.get("QUERY_STRING")):
            headers.append(("Cache-Control", "public, max-age=300"))
            page = self._make(headers, body, mark == "whole")
            if len(self.pages) < MAX_PAGES:
                self.pages[path] = page
            return self._answer(page, environ, start, method)
        if mark and len(body) > MIN_PACKED:  # the same for everybody, so nothing secret can be guessed from its length
            encoding = self._encoding(environ.get("HTTP_ACCEPT_ENCODING", ""))
            headers.append(("Vary", "Accept-Encoding"))
            if encoding != "identity":
                body = brotli.compress(body, quality=4) if encoding == "br" else gzip.compress(body, 4)
                headers.append(("Content-Encoding", encoding))
        start(
            status,
            [*headers, *self.security, ("Cache-Control", "no-store"), ("Content-Length", str(len(body)))],
        )
        return [body] if method != "HEAD" else []

    @staticmethod
    def _flowing(answer: Any, method: str) -> Iterable[bytes]:
        """What is too large to be gathered first. Where it breaks off, it ends without its proper end."""
        try:
            if method != "HEAD":
                yield from answer
        except Exception:
            log.exception("a file broke off")
            raise
        finally:
            answer.close()

    def _make(self, headers: Headers, body: bytes, ignores_query: bool) -> Ready:
        etag = f'W/"{hashlib.sha256(body).hexdigest()[:20]}"'
        shared = [*headers, *self.security, ("ETag", etag), ("Vary", "Accept-Encoding")]
        kind = dict(headers).get("Content-Type", "")
        bodies = {"identity": body}
        if kind.startswith(("text/", "application/")) or "svg" in kind:
            bodies["br"] = packed(body)
            bodies["gzip"] = gzip.compress(body, 9, mtime=0)
        variants = {
            name: (
                [
                    *shared,
                    ("Content-Length", str(len(data))),
                    *([("Content-Encoding", name)] if name != "identity" else []),
                ],
                data,
            )
            for name, data in bodies.items()
        }
        return Ready(variants, shared, etag, ignores_query)

    def _encoding(self, accepted: str) -> str:
        weights = {}
        for part in accepted.lower().split(","):
            name, _, q = part.strip().partition(";")
            weights[name.strip()] = q.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
        chosen = next((name for name in ("br", "gzip") if weights.get(name)), "identity")
        if len(self.known_encodings) < 256 and len(accepted) < 200:
            self.known_encodings[accepted] = chosen
        return chosen

    def _host_is_ours(self, host: str) -> bool:
        if len(host) > MAX_HOST:
            return False
        known = self.known_hosts.get(host)
        if known is None:
            domain, _ = split_domain_port(host)
            known = bool(domain) and validate_host(domain, self.hosts)
            if len(self.known_hosts) < 256:
                self.known_hosts[host] = known
        return known

    def _drop_stale(self) -> None:
        """Once a second is often enough to notice midnight."""
        now = time.monotonic()
        if now - self.checked_at >= 1:
            self.checked_at = now
            if (version := self.version()) != self.seen_version:
                self.seen_version = version
                self.pages.clear()

    @staticmethod
    def _drain(environ: Environ, length: str) -> None:
        """Hear out what is somewhat too large: a browser that is cut off while it speaks does not listen."""
        left = int(length) if length.isascii() and length.isdigit() and len(length) <= 10 else 0
        while 0 < left <= MAX_DRAINED and (heard := environ["wsgi.input"].read(min(left, 2**16))):
            left -= len(heard)

    def _refuse(self, start: Start, status: str, says: str) -> Iterable[bytes]:
        kind = "text/html; charset=utf-8" if self.refusal else "text/plain; charset=utf-8"
        return self._plain(start, status, self.refusal(says) if self.refusal else f"{says}\n", kind)

    def _plain(self, start: Start, status: str, text: str, kind: str = "text/plain; charset=utf-8") -> Iterable[bytes]:
        body = text.encode()
        start(
            status,
            [
                ("Content-Type", kind),
                *self.security,
                ("Cache-Control", "no-store"),
                ("Content-Length", str(len(body))),
            ],
        )
        return [body]
