"""A payment service on loopback that speaks Stripe's interface for what we use of it: checkout and portal sessions,
subscriptions, signed messages. It keeps what it was asked, and can be slow, broken or silent on demand."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import itertools
import json
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY, SECRET, PRICE = "sk_test_of_nobody", "whsec_of_nobody", "price_of_a_year"
YEAR = 365 * 24 * 3600


@dataclass
class Service:
    """The service and the levers of a test. `hook` is where its messages go."""

    hook: str = ""
    mode: str = "well"  # well, broken (500), slow (sleeps for `sleeps` seconds), limited (429)
    sleeps: float = 0
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)
    subscriptions: dict[str, dict[str, Any]] = field(default_factory=dict)
    by_key: dict[str, dict[str, Any]] = field(default_factory=dict)  # idempotency key -> what was answered
    held: list[threading.Event] = field(default_factory=list)  # each keeps one answer about a subscription back
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        class Handler(_Handler):
            service = self

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def env(self) -> dict[str, str]:
        """The settings of a site that is paid through this service."""
        return {
            "NEURODASH_MEMBERSHIP": "stripe", "NEURODASH_STRIPE_KEY": KEY, "NEURODASH_STRIPE_WEBHOOK_SECRET": SECRET,
            "NEURODASH_STRIPE_PRICE_ID": PRICE, "NEURODASH_STRIPE_API": self.url,
        }  # fmt: skip

    # What happens at the service

    def subscribe(self, user: str, status: str = "active", **more: Any) -> dict[str, Any]:
        """A subscription made for an account, as a checkout makes it."""
        n, now = next(self._numbers), int(time.time())
        found = self.subscriptions[f"sub_{n}"] = {
            "id": f"sub_{n}", "object": "subscription", "status": status, "customer": f"cus_{n}",
            "metadata": {"user": user}, "cancel_at_period_end": False, "cancel_at": None, "canceled_at": None,
            "ended_at": None, "cancellation_details": {"reason": None},
            "items": {"object": "list", "data": [
                {"id": f"si_{n}", "object": "subscription_item", "current_period_start": now, "current_period_end": now + YEAR}
            ]},
            **more,
        }  # fmt: skip
        return found

    def period(self, subscription: dict[str, Any], start: int, end: int) -> None:
        subscription["items"]["data"][0].update(current_period_start=start, current_period_end=end)

    def end(self, subscription: dict[str, Any], reason: str = "cancellation_requested") -> None:
        now = int(time.time())
        subscription.update(status="canceled", ended_at=now, canceled_at=now, cancellation_details={"reason": reason})

    def pay(self, session: str) -> dict[str, Any]:
        """Somebody pays on the page of a checkout; its messages come in no good order."""
        asked = self.sessions[session]
        subscription = self.subscribe(asked["subscription_data[metadata][user]"])
        about = {
            "id": session,
            "object": "checkout.session",
            "subscription": subscription["id"],
            "customer": subscription["customer"],
        }
        self.tell("customer.subscription.created", {**subscription, "status": "incomplete"})
        self.tell("checkout.session.completed", about)
        return subscription

    # What it tells

    def message(self, kind: str, about: dict[str, Any], **more: Any) -> bytes:
        n = next(self._numbers)
        event = {
            "id": f"evt_{n}",
            "object": "event",
            "type": kind,
            "created": int(time.time()),
            "data": {"object": about},
        }
        return json.dumps({**event, **more}).encode()

    def invoice(self, subscription: dict[str, Any]) -> dict[str, Any]:
        details = {"type": "subscription_details", "subscription_details": {"subscription": subscription["id"]}}
        return {"id": f"in_{next(self._numbers)}", "object": "invoice", "parent": details}

    def tell(self, kind: str, about: dict[str, Any], **more: Any) -> int:
        return self.send(self.message(kind, about, **more))

    def send(self, body: bytes, at: float | None = None, secret: str = SECRET, signature: str | None = None) -> int:
        """Post a message to the site, signed; the status of its answer."""
        headers = {"Content-Type": "application/json; charset=utf-8"}
        headers["Stripe-Signature"] = sign(body, at, secret) if signature is None else signature
        request = urllib.request.Request(self.hook, body, headers)  # noqa: S310  our own loopback address
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    def storm(self, bodies: list[bytes]) -> list[int]:
        """Send all of them at once."""
        with ThreadPoolExecutor(40) as many:
            return list(many.map(self.send, bodies))


def sign(body: bytes, at: float | None = None, secret: str = SECRET) -> str:
    """The header of a message, by the service's documented scheme: HMAC-SHA256 of the time, a dot and the raw body."""
    moment = int(time.time() if at is None else at)
    proof = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={proof}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service: Service

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        path = urllib.parse.urlsplit(self.path).path
        if path.startswith("/pay/"):
            return self._page(f"<h1>Pay</h1><form method=post action='{path}'><button>Pay</button></form>")
        if path.startswith("/portal/"):
            return self._page("<h1>Your subscription</h1>")
        if self._fails():
            return None
        if path.startswith("/v1/subscriptions/"):
            found = json.loads(json.dumps(self.service.subscriptions.get(path.rsplit("/", 1)[1])))
            if self.service.held:
                self.service.held.pop().wait(20)  # what was read before is what is told
            return self._give(found)
        return self._give(None)

    def do_POST(self) -> None:
        path = urllib.parse.urlsplit(self.path).path
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        if path.startswith("/pay/"):
            session = path.rsplit("/", 1)[1]
            self.service.pay(session)
            self.send_response(303)
            self.send_header("Location", self.service.sessions[session]["success_url"])
            self.send_header("Content-Length", "0")
            return self.end_headers()
        asked = dict(urllib.parse.parse_qsl(body))
        self.service.asked.append((path, self.headers.get("Idempotency-Key", ""), asked))
        if self._fails():
            return None
        key = self.headers.get("Idempotency-Key", "")
        if key in self.service.by_key:
            return self._give(self.service.by_key[key])
        if path == "/v1/checkout/sessions" and asked.get("line_items[0][price]") == PRICE:
            code = f"cs_{next(self.service._numbers)}"
            self.service.sessions[code] = asked
            made = {"id": code, "object": "checkout.session", "url": f"{self.service.url}/pay/{code}"}
        elif path == "/v1/billing_portal/sessions" and asked.get("customer", "").startswith("cus_"):
            made = {"id": "bps_1", "object": "billing_portal.session", "url": f"{self.service.url}/portal/1"}
        else:
            return self._give({"error": {"type": "invalid_request_error", "code": "parameter_invalid"}}, 400)
        self.service.by_key[key] = made
        return self._give(made)

    def do_DELETE(self) -> None:
        if self._fails():
            return
        found = self.service.subscriptions.get(self.path.rsplit("/", 1)[1])
        if found is not None and found["status"] == "canceled":
            found = None
        if found is not None:
            self.service.end(found)
        self._give(found)

    def _fails(self) -> bool:
        if self.headers.get("Authorization") != f"Bearer {KEY}":
            self._give({"error": {"type": "invalid_request_error"}}, 401)
        elif self.service.mode == "broken":
            self._give({"error": {"type": "api_error"}}, 500)
        elif self.service.mode == "limited":
            self._give({"error": {"type": "invalid_request_error", "code": "rate_limit"}}, 429)
        else:
            time.sleep(self.service.sleeps if self.service.mode == "slow" else 0)
            return False
        return True

    def _give(self, found: dict[str, Any] | None, status: int = 200) -> None:
        if found is None:
            found, status = {"error": {"type": "invalid_request_error", "code": "resource_missing", "param": "id"}}, 404
        self._send(json.dumps(found).encode(), "application/json", status)

    def _page(self, html: str) -> None:
        self._send(f"<!doctype html><html lang=en><title>Pay</title>{html}</html>".encode(), "text/html")

    def _send(self, body: bytes, kind: str, status: int = 200) -> None:
        with contextlib.suppress(ConnectionError):  # who asked has given up waiting
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
