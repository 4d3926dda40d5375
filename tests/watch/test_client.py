"""The client is polite and bounded: pace, patience, size, and no way to be led elsewhere."""

from __future__ import annotations

import datetime as dt
import socket
import threading

import pytest

from neurodash.errors import DataError
from neurodash.watch import client as room
from neurodash.watch.client import Client, Unanswered
from neurodash.watch.pubmed import PubMed
from tests.conftest import free_port
from tests.watch.conftest import ADDRESS
from tests.watch.services import Answer, FakeTime, Services, esearch

DAY = dt.date(2026, 11, 21)


def search(pubmed: PubMed):
    return pubmed.search("made-up", DAY, DAY)


def refused(pubmed: PubMed) -> Unanswered:
    with pytest.raises(Unanswered) as raised:
        search(pubmed)
    return raised.value


def most_in_a_second(services: Services) -> int:
    times = [asked.at for asked in services.asked]
    return max(sum(start <= at < start + 1 for at in times) for start in times)


# Pace


def test_never_more_than_three_requests_in_any_second(pubmed: PubMed, services: Services) -> None:
    for _ in range(12):
        search(pubmed)
    assert len(services.asked) == 12
    assert most_in_a_second(services) == 3


def test_a_key_allows_ten_in_a_second_and_is_sent(client: Client, services: Services) -> None:
    with_key = PubMed(client, services.url, api_key="abc123")
    for _ in range(25):
        search(with_key)
    assert 9 <= most_in_a_second(services) <= 10
    assert all(asked.query["api_key"] == "abc123" for asked in services.asked)


def test_a_stricter_limit_in_the_headers_is_obeyed(pubmed: PubMed, services: Services) -> None:
    slow = {"X-Rate-Limit-Limit": "1", "X-Rate-Limit-Interval": "2s"}
    services.script["esearch.fcgi"] = [Answer(esearch([]), headers=slow)]
    for _ in range(4):
        search(pubmed)
    gaps = [later.at - earlier.at for earlier, later in zip(services.asked[1:], services.asked[2:], strict=False)]
    assert min(gaps) >= 2


def test_a_looser_limit_in_the_headers_does_not_hurry_us(pubmed: PubMed, services: Services) -> None:
    fast = {"X-Rate-Limit-Limit": "500", "X-Rate-Limit-Interval": "1s"}
    services.script["esearch.fcgi"] = [Answer(esearch([]), headers=fast) for _ in range(9)]
    for _ in range(9):
        search(pubmed)
    assert most_in_a_second(services) == 3


def test_every_request_says_who_asks(pubmed: PubMed, services: Services) -> None:
    search(pubmed)
    (asked,) = services.asked
    assert (asked.query["tool"], asked.query["email"]) == ("neurodash", ADDRESS)
    assert asked.agent.startswith("neurodash/")
    assert f"mailto:{ADDRESS}" in asked.agent


@pytest.mark.parametrize("address", ["", "nobody", "a@b", "a@b.org\r\nX-More: 1", "ä@example.org"])
def test_an_address_that_is_none_is_refused_before_anything_is_sent(address: str) -> None:
    with pytest.raises(DataError, match=r"you@example\.org"):
        Client(address)


# Patience


def test_throttling_without_a_hint_is_waited_out_longer_each_time(
    pubmed: PubMed, services: Services, time: FakeTime
) -> None:
    limit = Answer('{"error":"API rate limit exceeded","count":"11"}', status=429)
    services.script["esearch.fcgi"] = [limit, limit, limit]
    assert search(pubmed).total == 0
    assert [s for s in time.slept if s >= 1] == [1, 2, 4]


def test_retry_after_is_honoured(pubmed: PubMed, services: Services, time: FakeTime) -> None:
    services.script["esearch.fcgi"] = [Answer(status=429, headers={"Retry-After": "17"})]
    search(pubmed)
    assert 17 in time.slept


def test_retry_after_as_a_date_is_held_against_the_answers_own_date(
    pubmed: PubMed, services: Services, time: FakeTime
) -> None:
    # The server's own Date header is of now; a date long past means "at once".
    past = {"Retry-After": "Sat, 21 Nov 2015 10:00:00 GMT"}
    services.script["esearch.fcgi"] = [Answer(status=503, headers=past)]
    search(pubmed)
    assert 0 in time.slept


def test_a_wait_of_an_hour_is_told_instead_of_slept_through(pubmed: PubMed, services: Services, time: FakeTime) -> None:
    services.script["esearch.fcgi"] = [Answer(status=429, headers={"Retry-After": "3600"})]
    error = refused(pubmed)
    assert "come back after 3600 seconds" in str(error)
    assert error.down
    assert sum(time.slept) < 1


def test_the_rate_limit_told_inside_a_sound_answer_is_waited_out_too(
    pubmed: PubMed, services: Services, time: FakeTime
) -> None:
    services.script["esearch.fcgi"] = [Answer('{"error":"API rate limit exceeded","count":"4"}')]
    assert search(pubmed).total == 0
    assert 1 in time.slept


def test_a_fault_of_the_server_that_passes_is_not_noticed(pubmed: PubMed, services: Services) -> None:
    services.script["esearch.fcgi"] = [Answer("oops", status=500), Answer("oops", status=502)]
    assert search(pubmed).total == 0
    assert len(services.asked) == 3


def test_a_fault_that_stays_ends_after_four_attempts(pubmed: PubMed, services: Services) -> None:
    services.script["esearch.fcgi"] = [Answer("oops", status=500) for _ in range(99)]
    error = refused(pubmed)
    assert error.down
    assert "status 500" in str(error)
    assert len(services.asked) == room.ATTEMPTS == 4


def test_a_refusal_is_not_asked_again_and_its_reason_is_told(pubmed: PubMed, services: Services) -> None:
    services.script["esearch.fcgi"] = [Answer('{"error":"API key invalid","api-key":"abc123"}', status=400)]
    error = refused(pubmed)
    assert "status 400: API key invalid" in str(error)
    assert not error.down
    assert "abc123" not in str(error)
    assert len(services.asked) == 1


def test_an_answer_that_breaks_off_is_asked_for_again(pubmed: PubMed, services: Services) -> None:
    whole = esearch(["990000001"])
    services.script["esearch.fcgi"] = [Answer(whole[:40], claims=len(whole))]
    services.found = lambda term: ["990000001"]
    assert search(pubmed).pmids == ("990000001",)


def test_a_server_that_does_not_answer_in_time_is_left(services: Services, time: FakeTime) -> None:
    hold = threading.Event()
    services.script["esearch.fcgi"] = [Answer(esearch([]), hold=hold) for _ in range(room.ATTEMPTS)]
    hurried = PubMed(Client(ADDRESS, clock=time.clock, sleep=time.sleep, timeout_s=0.05), services.url)
    error = refused(hurried)
    hold.set()
    assert "could not be reached: no answer in time" in str(error)
    assert error.down


def test_a_machine_without_a_network_is_told_so_plainly(
    client: Client, time: FakeTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_name(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_name)
    error = refused(PubMed(client, "https://pubmed.example"))
    assert str(error).startswith(
        "PubMed (search): could not be reached: its name was not found (is this machine offline?)"
    )
    assert time.slept == []


def test_a_refused_connection_is_told_at_once(client: Client) -> None:
    error = refused(PubMed(client, f"http://127.0.0.1:{free_port()}"))
    assert "the connection was refused" in str(error)


# Bounds


def test_a_huge_answer_is_refused_whatever_its_length_says(services: Services, time: FakeTime) -> None:
    small = PubMed(Client(ADDRESS, clock=time.clock, sleep=time.sleep, max_bytes=1000), services.url)
    services.script["esearch.fcgi"] = [Answer(" " * 5000), Answer(b"", claims=10**12)]
    for _ in range(2):
        assert "more than" in str(refused(small))
    assert len(services.asked) == 2


def test_a_redirect_is_never_followed(pubmed: PubMed, services: Services) -> None:
    for target in ("http://127.0.0.1:9/", "https://elsewhere.example/", "file:///etc/passwd", "/works"):
        services.script["esearch.fcgi"] = [Answer(status=302, headers={"Location": target})]
        error = refused(pubmed)
        assert "status 302: it sends us to another place" in str(error)
    assert len(services.asked) == 4


@pytest.mark.parametrize(
    "address", ["http://pubmed.example", "file:///etc", "ftp://pubmed.example", "pubmed.example", "http://10.0.0.1"]
)
def test_only_https_or_this_machine_may_be_asked(client: Client, address: str) -> None:
    assert "an address that begins with https://" in str(refused(PubMed(client, address)))


def test_neither_address_nor_key_stands_in_a_problem(client: Client, services: Services) -> None:
    services.script["esearch.fcgi"] = [Answer("<html>busy</html>") for _ in range(9)]
    told = str(refused(PubMed(client, services.url, api_key="abc123")))
    assert "abc123" not in told
    assert ADDRESS not in told
