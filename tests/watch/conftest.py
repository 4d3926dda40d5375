"""What the tests of the watch share: both services on this machine, and a clock that nobody waits for."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from neurodash import library
from neurodash.library import Library
from neurodash.watch.client import Client
from neurodash.watch.crossref import Crossref
from neurodash.watch.pubmed import PubMed
from tests.watch.services import FakeTime, Services

ADDRESS = "editor@example.org"


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def services(time: FakeTime) -> Iterator[Services]:
    running = Services(time.clock)
    yield running
    running.stop()


@pytest.fixture
def client(time: FakeTime) -> Client:
    return Client(ADDRESS, clock=time.clock, sleep=time.sleep, timeout_s=5)


@pytest.fixture
def pubmed(client: Client, services: Services) -> PubMed:
    return PubMed(client, services.url)


@pytest.fixture
def crossref(client: Client, services: Services) -> Crossref:
    return Crossref(client, services.url)


@pytest.fixture(scope="session")
def ours() -> Library:
    return library.load()


@pytest.fixture
def two_findings(ours: Library) -> Library:
    """Our library with one brief of two findings: few questions, the same answers."""
    brief = ours.briefs["balance-training"]
    short = dataclasses.replace(
        brief, findings=brief.findings[:2], action_plan=(), mistakes=(), questions=(), deep_dive=(), notes={}
    )
    return dataclasses.replace(ours, briefs={"balance-training": short})


@pytest.fixture
def inbox_file(tmp_path: Path) -> Path:
    return tmp_path / "inbox.jsonl"
