"""Many write at once and the server is killed: nothing acknowledged is lost, nothing is half-written, nobody is turned away."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Server
from tests.web.writers import HALF, Writers, ask, kill, opened, seeded

pytestmark = pytest.mark.record


def test_eight_writers_at_once_are_all_served(tmp_path: Path) -> None:
    server = Server(seeded(tmp_path))
    try:
        writers = Writers(server.url, number=8)
        writers.begin()
        writers.until(400)
        writers.end()
    finally:
        server.stop()
    assert writers.refused == []
    assert writers.dropped == 0
    assert opened(tmp_path) == writers.acknowledged
    assert "locked" not in server.log.read_text()


def test_killed_again_and_again_during_a_thousand_writes_it_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    seeded(tmp_path)
    writers = None
    for wanted in (250, 500, 750, 1000):
        server = Server(tmp_path)
        writers = writers or Writers(server.url, number=8)
        writers.begin(server.url)
        try:
            writers.until(wanted)
        finally:
            kill(server)  # in the middle of eight requests
            writers.end()
        assert writers.refused == []
        kept = opened(tmp_path)
        assert writers.acknowledged <= kept
        assert kept <= writers.tried
        assert ask(tmp_path, HALF) == [(0,)]
    assert writers.dropped >= 8  # they were cut off while they wrote


def test_a_worker_that_is_killed_is_replaced_and_the_record_goes_on(tmp_path: Path) -> None:
    import os
    import signal
    import time

    server = Server(seeded(tmp_path))
    try:
        writers = Writers(server.url, number=2)
        writers.begin()
        writers.until(10)
        main = server.process.pid
        children = Path(f"/proc/{main}/task/{main}/children")
        before = children.read_text().split()
        os.kill(int(before[-1]), signal.SIGKILL)
        writers.end()
        until = time.monotonic() + 15
        while len(set(children.read_text().split()) - set(before)) < 1:
            assert time.monotonic() < until, "no worker took its place"
            time.sleep(0.1)
        server.wait()
        again = len(writers.acknowledged)
        writers.begin()
        writers.until(again + 10)
        writers.end()
    finally:
        server.stop()
    assert writers.acknowledged <= opened(tmp_path)
