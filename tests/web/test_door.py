"""The door before Django: what it keeps, for how long, and what it never keeps."""

from __future__ import annotations

import pytest

from neurodash.web.ready import MARK, Door


class App:
    """Stands for Django: counts how often it is asked, and answers what it is told."""

    def __init__(self, headers: list[tuple[str, str]], status: str = "200 OK") -> None:
        self.headers, self.status, self.asked = headers, status, 0

    def __call__(self, environ, start):
        self.asked += 1
        start(self.status, [("Content-Type", "text/html"), *self.headers])
        return [f"page {self.asked}".encode()]


class Moment:
    version = "one"

    def __call__(self) -> str:
        return self.version


def ask(door: Door, path: str = "/", **environ: str) -> tuple[str, dict[str, str], bytes]:
    seen = []
    base = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "HTTP_HOST": "localhost", "QUERY_STRING": ""}
    body = b"".join(door({**base, **environ}, lambda status, headers: seen.append((status, dict(headers)))))
    return *seen[0], body


def door(app: App, moment: Moment | None = None, keep: bool = True) -> Door:
    return Door(app, ["localhost"], moment or Moment(), secure=False, keep=keep)


def test_a_page_marked_ready_is_made_once() -> None:
    app = App([(MARK, "whole")])
    site = door(app)
    assert [ask(site)[2] for _ in range(3)] == [b"page 1"] * 3
    assert app.asked == 1
    assert MARK not in ask(site)[1]


def test_a_new_library_or_a_new_day_makes_every_page_anew() -> None:
    app, moment = App([(MARK, "whole")]), Moment()
    site = door(app, moment)
    ask(site)
    moment.version = "two"
    site.checked_at = 0.0  # as if a second had passed
    assert ask(site)[2] == b"page 2"


def test_what_is_not_marked_is_never_kept() -> None:
    app = App([])
    site = door(app)
    assert [ask(site)[2] for _ in range(2)] == [b"page 1", b"page 2"]
    assert ask(site)[1]["Cache-Control"] == "no-store"


def test_an_editor_s_server_keeps_nothing() -> None:
    app = App([(MARK, "whole")])
    site = door(app, keep=False)
    assert [ask(site)[2] for _ in range(2)] == [b"page 1", b"page 2"]


def test_a_query_is_ignored_or_kept_apart_as_the_page_says() -> None:
    whole = door(App([(MARK, "whole")]))
    ask(whole)
    assert ask(whole, QUERY_STRING="utm=x")[2] == b"page 1"
    plain = door(App([(MARK, "plain")]))
    assert ask(plain, QUERY_STRING="sort=year")[2] == b"page 1"
    assert ask(plain)[2] == b"page 2"
    assert ask(plain)[2] == b"page 2"
    assert ask(plain, QUERY_STRING="sort=year")[2] == b"page 3"


def test_no_long_wish_is_ever_remembered() -> None:
    site = door(App([(MARK, "whole")]))
    assert ask(site, HTTP_HOST="a" * 300)[0].startswith("400")
    for n in range(600):
        ask(site, HTTP_ACCEPT_ENCODING="br" * 200 + str(n))
        ask(site, HTTP_HOST=f"host{n}.example")
    assert len(site.known_encodings) == 0
    assert len(site.known_hosts) <= 256
    assert ask(site, path="/other", QUERY_STRING="&" * 60)[0].startswith("400")
    assert ask(site, path="/other", REQUEST_METHOD="POST", CONTENT_LENGTH="0" * 5000 + "3")[0].startswith("413")


def test_a_fault_of_ours_is_a_plain_500_with_the_security_headers() -> None:
    def broken(environ, start):
        raise RuntimeError("secret detail")

    status, headers, body = ask(Door(broken, ["localhost"], Moment(), secure=True))
    assert status.startswith("500")
    assert b"secret" not in body
    assert "Content-Security-Policy" in headers
    assert "Strict-Transport-Security" in headers


def test_what_is_too_large_to_gather_goes_out_as_it_is_made() -> None:
    made: list[int] = []

    class File:
        streaming = True

        def __init__(self, environ, start):
            start("200 OK", [("Content-Type", "text/csv")])

        def __iter__(self):
            for number in range(3):
                made.append(number)
                yield b"line\n"

        def close(self):
            made.append(-1)

    told = []
    asked = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_HOST": "localhost"}
    answer = iter(Door(File, ["localhost"], Moment(), secure=False)(asked, lambda *words: told.append(words)))
    next(answer)
    assert made == [0]
    assert b"".join(answer) == b"line\nline\n"
    assert made[-1] == -1
    ((status, headers),) = told
    assert status == "200 OK"
    assert {"Cache-Control", "Content-Security-Policy"} <= {name for name, _ in headers}


@pytest.mark.parametrize("own", [("Set-Cookie", "sessionid=x"), ("Vary", "Cookie")])
def test_a_page_that_looked_at_its_visitor_is_never_kept_for_others(own: tuple[str, str]) -> None:
    site = door(App([(MARK, "whole"), own]))
    assert ask(site)[2] == b"page 1"
    assert ask(site)[2] == b"page 2"
    assert ask(site)[1]["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("environ", "status"),
    [
        ({"QUERY_STRING": "after=%00"}, "400"),
        ({"REQUEST_METHOD": "POST", "CONTENT_TYPE": "application/x-www-form-urlencoded; charset=utf-16"}, "415"),
        ({"REQUEST_METHOD": "POST", "CONTENT_TYPE": 'multipart/form-data; boundary=x; charset="rot13"'}, "415"),
    ],
)
def test_what_no_page_can_read_does_not_come_in(environ: dict[str, str], status: str) -> None:
    app = App([])
    assert ask(door(app), "/other", **environ)[0].startswith(status)
    assert app.asked == 0
    assert ask(door(app), "/other", REQUEST_METHOD="POST", CONTENT_TYPE="text/plain; charset=UTF-8")[0] == "200 OK"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", ""])
def test_no_method_comes_in_but_three(method: str) -> None:
    def never(environ, start):
        raise AssertionError("it came in")

    assert ask(Door(never, ["localhost"], Moment(), secure=False), REQUEST_METHOD=method)[0].startswith("405")
