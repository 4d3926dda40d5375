"""What the running site tells about itself: health, metrics, and a log that names nobody."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from neurodash.web import vitals
from tests.conftest import Server
from tests.web.writers import seeded

pytestmark = pytest.mark.record
CODE = "0123456789abcdef"


def get(url: str, **headers: str) -> tuple[int, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=named), timeout=20) as answer:  # noqa: S310
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that counts, behind a token, and logs in JSON."""
    data = seeded(tmp_path_factory.mktemp("watched"))
    env = {"NEURODASH_LOG": "json", "NEURODASH_METRICS": "yes", "NEURODASH_METRICS_TOKEN": "let-me-see"}
    running = Server(data, "--url", "https://desk.example.org/", env=env)
    yield running
    running.stop()


def lines(server: Server) -> list[dict[str, object]]:
    return [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]


def test_health_says_which_library_and_that_the_record_answers(watched: Server) -> None:
    status, told = get(f"{watched.url}/-/health")
    assert status == 200
    assert json.loads(told).keys() == {"library", "record"}
    assert json.loads(told)["record"] == "ok"


def test_health_takes_milliseconds(watched: Server) -> None:
    took = []
    for _ in range(30):
        began = time.perf_counter()
        assert get(f"{watched.url}/-/health")[0] == 200
        took.append(time.perf_counter() - began)
    assert sorted(took)[15] < 0.05  # the median: others use this machine too


def test_without_its_record_the_site_is_not_well_and_goes_on_reading(tmp_path: Path) -> None:
    server = Server(tmp_path, env={"DATABASE_URL": ""})
    try:
        assert get(f"{server.url}/-/health")[0] == 200
        for file in tmp_path.glob("record.sqlite3*"):
            file.unlink()
        status, told = get(f"{server.url}/-/health")
        assert (status, json.loads(told)["record"]) == (503, "does not answer")
        assert get(f"{server.url}/ms/balance-training/")[0] == 200
    finally:
        server.stop()


def test_metrics_are_not_there_unless_they_are_wanted(server: Server) -> None:
    assert get(f"{server.url}/-/metrics")[0] == 404


def test_metrics_are_for_this_machine_or_the_token(watched: Server) -> None:
    address = f"{watched.url}/-/metrics"
    assert get(address)[0] == 200
    # A proxy on this machine speaks for anybody.
    assert get(address, X_Forwarded_For="203.0.113.7")[0] == 403
    assert get(address, Host="desk.example.org")[0] == 403
    assert get(address, Host="desk.example.org", Authorization="Bearer let-me-se")[0] == 403
    assert get(address, Host="desk.example.org", Authorization="Bearer let-me-see")[0] == 200


def test_metrics_are_the_sum_of_all_workers(watched: Server) -> None:
    def counted() -> float:
        _, text = get(f"{watched.url}/-/metrics")
        name = 'neurodash_requests_total{method="GET",page="/{code}/",status="200"}'
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name))

    before = counted()
    for _ in range(60):  # new connections: both workers answer
        assert get(f"{watched.url}/ms/")[0] == 200
    assert {counted() for _ in range(6)} == {before + 60}


def test_a_line_of_the_log_says_what_was_asked_and_how_long_it_took(watched: Server) -> None:
    get(f"{watched.url}/ms/balance-training/?from=mail")
    line = [each for each in lines(watched) if each.get("path") == "/ms/balance-training/"][-1]
    assert line.keys() == {"at", "level", "by", "method", "path", "status", "ms"}
    assert (line["method"], line["status"]) == ("GET", 200)


def test_the_log_holds_no_query_no_e_mail_no_code_and_no_address(watched: Server) -> None:
    for path in (
        f"/desk/{CODE}/people/?q=word-in-a-query", f"/desk/{CODE}/", "/account/confirm-email/secret-of-a-mail/",
        "/account/password/reset/key/3-secret-of-a-mail/", "/nobody@example.org/", f"/nowhere/at/all/{CODE}/",
        "/ms/somebody-typed-a-name/", "/account/login/?next=/secret-of-a-mail/",
    ):  # fmt: skip
        get(watched.url + path)
    log = watched.log.read_text()
    for secret in (CODE, "word-in-a-query", "secret-of-a-mail", "nobody@", "somebody-typed", "203.0.113.7"):
        assert secret not in log, secret
    assert any(each.get("path") == "/desk/{clinic}/people/" for each in lines(watched))


def test_an_error_that_quotes_a_row_is_logged_without_it() -> None:
    import logging

    said = f"Key (email)=(reader@example.org) already exists; patient {CODE}"
    record = logging.LogRecord("django.db", logging.ERROR, "x.py", 1, said, (), None)
    for form in (vitals.Discreet(), vitals.Json()):
        line = form.format(record)
        assert "reader@" not in line
        assert CODE not in line
        assert "already exists" in line
