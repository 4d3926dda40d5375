"""People who write at the same time, through the site: each opens clinics, which are three rows of one transaction."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.parse
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import psycopg

from tests import postgres
from tests.conftest import DAY, Server, environment
from tests.web.conftest import signed_in

SEED = "seed"  # the folder that is copied
HALF = (
    "SELECT count(*) FROM people_clinic c WHERE name LIKE 'Opened %' AND NOT ("
    "EXISTS (SELECT 1 FROM people_seat s WHERE s.clinic_id = c.id) AND "
    "EXISTS (SELECT 1 FROM people_event e WHERE e.clinic_id = c.id AND e.did = 'clinic opened'))"
)


@cache
def _seed() -> Path:
    return seeded(Path(os.environ["NEURODASH_DATA"], SEED))


def seeded(data: Path, **env: str) -> Path:
    """A data folder whose record has the cast in it. In a file it is made once and copied."""
    if not env and "DATABASE_URL" not in os.environ and data.name != SEED:
        shutil.copytree(_seed(), data, dirs_exist_ok=True)
        return data
    told = environment({"NEURODASH_DATA": str(data), "NEURODASH_ON": DAY, **env})
    subprocess.run([sys.executable, "-m", "tests.web.cast"], env=told, capture_output=True, check=True)
    return data


def ask(data: Path, query: str) -> list[Any]:
    """What the record of a data folder says, asked past our own program."""
    if url := postgres.own(data).get("DATABASE_URL"):
        with closing(psycopg.connect(url)) as opened:
            return opened.execute(query).fetchall()
    with closing(sqlite3.connect(data / "record.sqlite3")) as opened:
        return opened.execute(query).fetchall()


def opened(data: Path) -> set[str]:
    """The clinics that the writers opened, as the record has them."""
    return {name for (name,) in ask(data, "SELECT name FROM people_clinic WHERE name LIKE 'Opened %'")}


def kill(server: Server) -> None:
    """SIGKILL to the server and its workers at once: nobody is asked, nothing is tidied."""
    main = server.process.pid
    workers = Path(f"/proc/{main}/task/{main}/children").read_text().split()
    os.kill(main, signal.SIGSTOP)  # it would start new workers
    for pid in (*map(int, workers), main):
        os.kill(pid, signal.SIGKILL)
    server.process.wait(10)


class Writers:
    """Several people, signed in once; `begin` sets them writing, and `acknowledged` holds what the site said it kept."""

    def __init__(self, url: str, number: int = 8) -> None:
        self.url = url
        self.cookies = [signed_in(url, "member") for _ in range(number)]
        self.tried: set[str] = set()
        self.acknowledged: set[str] = set()
        self.refused: list[str] = []  # answers other than "kept"
        self.dropped = 0  # connections that ended without an answer
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def begin(self, url: str = "") -> None:
        self.url = url or self.url
        self._stop.clear()
        self._threads = [threading.Thread(target=self._write, args=(who,)) for who in range(len(self.cookies))]
        for thread in self._threads:
            thread.start()

    def until(self, acknowledged: int, seconds: float = 60) -> None:
        """Wait until this many are acknowledged in all."""
        end = time.monotonic() + seconds
        while len(self.acknowledged) < acknowledged:
            assert time.monotonic() < end, f"only {len(self.acknowledged)} kept; {self.refused[:3]}"
            assert not self.refused, self.refused[:3]
            time.sleep(0.005)

    def end(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def _write(self, who: int) -> None:
        host = urllib.parse.urlsplit(self.url).netloc
        cookies = {each["name"]: each["value"] for each in self.cookies[who]}
        headers = {
            "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": self.url,
        }
        connection = http.client.HTTPConnection(host, timeout=30)
        while not self._stop.is_set():
            name = f"Opened {who}-{time.monotonic_ns()}"
            self.tried.add(name)
            body = urllib.parse.urlencode({"name": name, "csrfmiddlewaretoken": cookies["csrftoken"]})
            try:
                connection.request("POST", "/desk/clinics/new/", body, headers)
                answer = connection.getresponse()
                text = answer.read()
            except (OSError, http.client.HTTPException):
                self.dropped += 1
                connection.close()
                return
            if answer.status == 302:
                self.acknowledged.add(name)
            else:
                self.refused.append(f"{answer.status} {text[:200]!r}")
        connection.close()
