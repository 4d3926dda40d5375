"""A polite HTTP client: a pace per host, a limit on time and size, and a bounded number of tries.

`Client.ask` is all it offers. It gives back what `read` made of the answer, or raises `Unanswered` with one sentence
for people. Neither the e-mail address nor the key ever stands in such a sentence.
"""

from __future__ import annotations

import email.utils
import http.client
import re
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.message import Message
from typing import TypeVar

from neurodash import __version__
from neurodash.errors import DataError, NeuroDashError, Problem

TIMEOUT_S = 30.0  # for one whole answer. Ours: both services answer within seconds
MAX_BYTES = 16 * 2**20  # of one answer. Ours: a hundred full PubMed records have about 2 MB
ATTEMPTS = 4  # of one request, the first included. Ours: with BACKOFF_S a service has seven seconds to recover
BACKOFF_S = 1.0  # before the second attempt, doubled before each further one
MARGIN = 1.1  # on every gap: requests that leave evenly may arrive a little closer together. Ours
MAX_WAIT_S = 120.0  # a longer Retry-After is not slept through: we stop and say so
TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

T = TypeVar("T")


class Unanswered(NeuroDashError):
    """A service gave no answer that can be used. `down` where asking it for something else would fail too."""

    def __init__(self, problem: Problem, down: bool) -> None:
        self.problem, self.down = problem, down
        super().__init__(str(problem))


class Garbled(NeuroDashError):
    """An answer arrived but is not what the interface documents; `read` raises it with what was found instead."""


class _Failed(Exception):
    """One attempt failed: why, whether another may help, how long to wait first, and whether the host is down."""

    accepted = "an answer as its interface documents"

    def __init__(self, found: str, again: bool, down: bool, wait_s: float | None = None) -> None:
        self.found, self.again, self.down, self.wait_s = found, again, down, wait_s
        super().__init__(found)


@dataclass
class _Pace:
    """The shortest time between two requests to one host, in seconds, and when the next may leave."""

    gap_s: float
    next_at: float = 0.0


class Client:
    """Asks over HTTPS; plain HTTP only on this machine, because an address and a key travel in the query.

    `clock` (seconds, monotonic) and `sleep` are parameters so that a test need not wait.
    """

    def __init__(
        self,
        address: str,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        timeout_s: float = TIMEOUT_S,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        """`address` is the e-mail address both services ask for. Raises DataError if it is none."""
        if not re.fullmatch(r"[!-?A-~]+@[!-?A-~]+\.[!-?A-~]+", address) or len(address) > 254:
            raise DataError(
                [
                    Problem(
                        "--email", f"“{address[:60]}”" if address else "nothing", "an address such as you@example.org"
                    )
                ]
            )
        self.address = address
        self._clock, self._sleep = clock, sleep
        self._timeout_s, self._max_bytes = timeout_s, max_bytes
        self._paces: dict[str, _Pace] = {}
        self._opener = _opener()

    def ask(self, service: str, url: str, query: Mapping[str, str], per_second: float, read: Callable[[bytes], T]) -> T:
        """GET `url?query`, at most `per_second` requests to that host, and what `read` makes of the bytes.

        Throttling, faults of the server, broken connections and answers that `read` calls Garbled are tried again
        after 1, 2 and 4 seconds, or after what Retry-After says. Raises Unanswered.
        """
        _refuse_open_address(url, service)
        pace = self._paces.setdefault(urllib.parse.urlsplit(url).netloc, _Pace(0.0))
        pace.gap_s = max(pace.gap_s, MARGIN / per_second)
        whole = f"{url}?{urllib.parse.urlencode(query, quote_via=urllib.parse.quote)}"
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return read(self._get(whole, pace))
            except Garbled as error:
                failed = _Failed(f"an answer that cannot be used ({error})", again=True, down=False)
            except _Failed as error:
                failed = error
            wait_s = BACKOFF_S * 2 ** (attempt - 1) if failed.wait_s is None else failed.wait_s
            if not failed.again or attempt == ATTEMPTS or wait_s > MAX_WAIT_S:
                if failed.again and wait_s > MAX_WAIT_S:
                    failed.found += f"; it asks us to come back after {wait_s:.0f} seconds"
                break
            self._sleep(wait_s)
        mend = "Run the same command again later."
        raise Unanswered(Problem(service, failed.found, failed.accepted, mend), failed.down)

    def _get(self, url: str, pace: _Pace) -> bytes:
        now = self._clock()
        if now < pace.next_at:
            self._sleep(pace.next_at - now)
        pace.next_at = max(now, pace.next_at) + pace.gap_s
        agent = f"neurodash/{__version__} (mailto:{self.address})"
        request = urllib.request.Request(url, headers={"User-Agent": agent})  # noqa: S310  the scheme was checked
        deadline = self._clock() + self._timeout_s
        try:
            with self._opener.open(request, timeout=self._timeout_s) as answer:
                _obey_announced_limit(answer.headers, pace)
                return self._body(answer, deadline)
        except urllib.error.HTTPError as error:
            with error:
                raise _refused(error) from None
        except (OSError, http.client.HTTPException) as error:
            raise _unreachable(error) from None

    def _body(self, answer: http.client.HTTPResponse, deadline: float) -> bytes:
        said = answer.headers.get("Content-Length", "")
        expected = int(said) if re.fullmatch(r"\d{1,15}", said) else None
        parts: list[bytes] = []
        size = 0
        if expected is None or expected <= self._max_bytes:
            while part := answer.read1(2**16):
                parts.append(part)
                size += len(part)
                if size > self._max_bytes:
                    break
                if self._clock() > deadline:
                    raise TimeoutError
        if max(size, expected or 0) > self._max_bytes:
            raise _Failed(f"an answer of more than {self._max_bytes / 2**20:.0f} MB", again=False, down=False)
        if expected is not None and size < expected:
            raise _Failed(f"an answer that broke off after {size} of {expected} bytes", again=True, down=True)
        return b"".join(parts)


def _opener() -> urllib.request.OpenerDirector:
    """HTTP and HTTPS, proxies as the system says, and nothing else.

    There is no handler for redirects: elsewhere our address and key would reach a stranger, and neither service
    documents any.
    """
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def _refuse_open_address(url: str, service: str) -> None:
    parts = urllib.parse.urlsplit(url)
    if not (parts.hostname and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK))):
        raise Unanswered(
            Problem(service, f"the address {parts.scheme}://{parts.netloc}", "an address that begins with https://"),
            down=True,
        )


def _refused(error: urllib.error.HTTPError) -> _Failed:
    code = error.code
    if 300 <= code < 400:
        return _Failed(f"status {code}: it sends us to another place, where we do not go", again=False, down=True)
    try:
        said = re.search(rb'"error"\s*:\s*"([^"\\]{1,80})"', error.read(4096))
    except (OSError, http.client.HTTPException):
        said = None
    found = f"status {code}: {said[1].decode(errors='replace')}" if said else f"status {code}"
    return _Failed(found, again=code in TRANSIENT, down=code in TRANSIENT, wait_s=_retry_after(error.headers))


class _NotReached(_Failed):
    accepted = "a network on which it can be reached"

    def __init__(self, why: str, again: bool) -> None:
        super().__init__(f"could not be reached: {why}", again, down=True)


def _unreachable(error: OSError | http.client.HTTPException) -> _NotReached:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, TimeoutError):
        return _NotReached("no answer in time", again=True)
    if isinstance(reason, socket.gaierror):
        return _NotReached("its name was not found (is this machine offline?)", again=False)
    if isinstance(reason, ConnectionRefusedError):
        return _NotReached("the connection was refused", again=False)
    told = reason.strerror if isinstance(reason, OSError) and reason.strerror else type(reason).__name__
    return _NotReached(told, again=True)


def _retry_after(headers: Message) -> float | None:
    """Seconds to wait; a date is held against the answer's own Date, so that no clock of ours matters."""
    said = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}", said):
        return float(said)
    try:
        then, now = (email.utils.parsedate_to_datetime(text) for text in (said, headers.get("Date", "")))
        return max(0.0, (then - now).total_seconds())
    except (TypeError, ValueError):
        return None


def _obey_announced_limit(headers: Message, pace: _Pace) -> None:
    """Slow down to X-Rate-Limit-Limit requests in X-Rate-Limit-Interval (such as `1s`), never speed up."""
    limit = re.fullmatch(r"\d{1,6}", headers.get("X-Rate-Limit-Limit", "").strip())
    interval = re.fullmatch(r"(\d{1,4})s", headers.get("X-Rate-Limit-Interval", "").strip())
    if limit and interval and int(limit[0]):
        pace.gap_s = max(pace.gap_s, min(MARGIN * int(interval[1]) / int(limit[0]), MAX_WAIT_S))
