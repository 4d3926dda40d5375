"""What the tests share: small claims and results, a copy of the library to break, the site running for real."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from neurodash.library import CONTENT
from tests import postgres
from tests.chromium import CHROMIUM, FLAGS

ROOT = Path(__file__).resolve().parent.parent
DAY = "2026-11-21"  # the day the tests judge by, so that no test changes its mind at midnight


# A test that asks for one of these reads or writes a record, so `make test-postgres` runs it a second time.
RECORD = {"db", "transactional_db", "cast", "desk", "enter"}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "record: reads or writes the record; run on both databases")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if RECORD & set(getattr(item, "fixturenames", ())) or item.get_closest_marker("django_db"):
            item.add_marker(pytest.mark.record)


@pytest.fixture
def content(tmp_path: Path) -> Path:
    """A copy of the library that a test may break."""
    return Path(shutil.copytree(CONTENT, tmp_path / "content"))


def clinic_brief(clinic: Path, slug: str) -> Path:
    """A clinic's folder with a brief of its own, made from ours on balance with its protocol; returns the brief's folder."""
    own, source = clinic / "ms" / slug, CONTENT / "ms" / "balance-training"
    own.mkdir(parents=True)
    for name in ("brief.md", "findings.yaml"):
        (own / name).write_text((source / name).read_text())
    protocol = (CONTENT / "protocols" / "balance-training.yaml").read_text()
    (clinic / "protocols").mkdir()
    (clinic / "protocols" / f"{slug}.yaml").write_text(protocol.replace("id: balance-training", f"id: {slug}", 1))
    return own


def run(
    *words: str | Path, env: dict[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """The real command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "neurodash", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=cwd,
        env=environment(env or {}),
        check=False,
    )


def environment(more: dict[str, str]) -> dict[str, str]:
    """This process's environment and `more`; a site with a data folder of its own has a database of its own too."""
    own = postgres.own(more["NEURODASH_DATA"]) if "NEURODASH_DATA" in more and "DATABASE_URL" not in more else {}
    return {**os.environ, **own, **more}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """`neurodash serve` on a free loopback port, ended by its own process id."""

    def __init__(self, data: Path, *words: str, env: dict[str, str] | None = None) -> None:
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self.log = data / f"serve-{self.port}.log"
        data.mkdir(parents=True, exist_ok=True)
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "neurodash", "serve", "--port", str(self.port), *words],
                stdout=log,
                stderr=log,
                env=environment({"NEURODASH_DATA": str(data), "NEURODASH_ON": DAY, **(env or {})}),
            )
        try:
            self.wait()
        except RuntimeError:
            self.process.kill()
            self.process.wait(10)
            raise

    def wait(self, seconds: float = 60) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                urllib.request.urlopen(self.url + "/robots.txt", timeout=1)  # noqa: S310  our own loopback address
                return
            except urllib.error.HTTPError:
                return
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.05)
        raise RuntimeError(f"the server did not start:\n{self.log.read_text()}")

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
            raise


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The real site over the real library, for the whole test run."""
    running = Server(tmp_path_factory.mktemp("data"))
    yield running
    running.stop()


@pytest.fixture
def answer(server: Server):
    """Ask the running site: `answer("/ms/", accept="br")` -> (status, headers, body)."""

    def ask(path: str, method: str = "GET", **headers: str):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(server.url + path, method=method, headers=named)  # noqa: S310
        try:
            with urllib.request.build_opener(_NoRedirect).open(request, timeout=10) as found:
                return found.status, found.headers, found.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    return ask


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def text_of(html: bytes | str) -> str:
    """The words of a page without its tags."""
    page = html.decode() if isinstance(html, bytes) else html
    page = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as play:
        running = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def visit(browser: Browser, server: Server) -> Iterator[Callable[..., Page]]:
    """Open a page in a context of its own; fails if the page logs an error or asks another site for anything."""
    contexts, wrong = [], []

    def open_(path: str, width: int = 1280, **options: object) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, base_url=server.url, **options)
        contexts.append(context)
        page = context.new_page()
        page.on(
            "console",
            lambda message: (
                wrong.append(message.text)
                if message.type == "error" and not any(code in message.text for code in ("404", "400 (Bad Request)"))
                else None
            ),
        )
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "request",
            lambda request: None if request.url.startswith((server.url, "data:")) else wrong.append(request.url),
        )
        page.goto(path)
        return page

    yield open_
    for context in contexts:
        assert context.cookies() == []
        context.close()
    assert wrong == []
