"""An editor's server shows each saved change; an export is the same library without a server."""

from __future__ import annotations

import functools
import http.server
import re
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest

from tests.conftest import DAY, Server, clinic_brief, free_port, run, text_of
from tests.web.test_pages import Links


def get(url: str) -> str:
    try:
        return urllib.request.urlopen(url, timeout=10).read().decode()  # noqa: S310  our own loopback address
    except urllib.error.HTTPError as error:
        return error.read().decode()


def soon(found: Callable[[], bool], seconds: float = 6) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found():
            return True
        time.sleep(0.1)
    return False


@pytest.fixture
def clinic(tmp_path: Path) -> Path:
    """A clinic's own folder with one brief."""
    brief = clinic_brief(tmp_path / "clinic", "gaze-training") / "brief.md"
    brief.write_text(brief.read_text().replace("title: Balance", "title: Gaze"))
    return tmp_path / "clinic"


def test_an_editor_sees_each_saved_change_and_its_problems(clinic: Path, tmp_path: Path) -> None:
    brief = clinic / "ms" / "gaze-training" / "brief.md"
    running = Server(tmp_path / "data", "--watch", "--content", str(clinic))
    try:
        page = f"{running.url}/ms/gaze-training/"
        assert "The library is sound" in get(page)
        before = get(f"{running.url}/-/watched")
        sound = brief.read_text()
        brief.write_text(sound.replace("title: Gaze", "title: Looking"))
        assert soon(lambda: "Looking training" in get(page))
        assert get(f"{running.url}/-/watched") != before
        brief.write_text(sound.replace("summary:", "sumary:"))
        assert soon(lambda: "Did you mean summary?" in get(page))
        assert "Looking training" in get(page)  # the last sound page stays below the problems
        brief.write_text(sound)
        assert soon(lambda: "The library is sound" in get(page) and "Gaze training" in get(page))
    finally:
        running.stop()


def test_an_editor_can_start_with_a_broken_library_and_mend_it(clinic: Path, tmp_path: Path) -> None:
    brief = clinic / "ms" / "gaze-training" / "brief.md"
    sound = brief.read_text()
    brief.write_text(sound.replace("summary:", "sumary:"))
    running = Server(tmp_path / "data", "--watch", "--content", str(clinic))
    try:
        assert "Did you mean summary?" in text_of(get(f"{running.url}/"))
        assert "Traceback" not in running.log.read_text()
        brief.write_text(sound)
        assert soon(lambda: "Gaze training" in get(f"{running.url}/ms/"))
    finally:
        running.stop()


def test_a_draft_is_shown_with_its_blanks_while_it_is_written(tmp_path: Path) -> None:
    own = tmp_path / "clinic"
    made = run("library", "new", "brief", "gaze-training", "--in", own)
    assert made.returncode == 0, made.stderr
    running = Server(tmp_path / "data", "--watch", "--content", str(own))
    try:
        page = text_of(get(f"{running.url}/ms/gaze-training/"))
        assert "a blank: “title: TO FILL title”" in page
        assert "TO FILL one or two sentences" in page
        assert "Balance training" in get(f"{running.url}/ms/")
        assert "Traceback" not in running.log.read_text()
    finally:
        running.stop()
    plain = run("serve", "--port", str(free_port()), "--content", own, env={"NEURODASH_DATA": str(tmp_path / "data")})
    assert plain.returncode == 1
    assert "a blank: " in plain.stderr


def test_an_editor_hears_of_a_finding_that_the_evidence_does_not_carry(clinic: Path, tmp_path: Path) -> None:
    findings = clinic / "ms" / "gaze-training" / "findings.yaml"
    findings.write_text(findings.read_text().replace("says: no_clear_effect", "says: improves"))
    checked = run("library", "check", "--content", clinic)
    assert checked.returncode == 0  # the files are sound; `evidence verify` is what fails
    assert "gaze-training/findings.yaml" in checked.stderr and "is unsupported" in checked.stderr
    assert run("evidence", "verify", "--content", clinic, "--on", DAY).returncode == 1
    running = Server(tmp_path / "data", "--watch", "--content", str(clinic))
    try:
        assert "that the evidence does not carry" in get(f"{running.url}/ms/gaze-training/")
    finally:
        running.stop()


def test_readers_have_no_editor_s_door(answer) -> None:
    assert answer("/-/watched")[0] == 404


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "below" / "site"
    env = {"NEURODASH_DATA": str(folder.parent.parent / "data")}
    done = run("export", folder, "--on", DAY, "--url", "https://example.org/below/site/", env=env)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def static(exported: Path) -> Iterator[str]:
    """Any static server: here Python's own, with the export two folders below its root."""
    handler = functools.partial(_Quiet, directory=exported.parent.parent)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/below/site/"
        running.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def test_every_link_of_an_export_works_wherever_it_is_put(static: str) -> None:
    seen: set[str] = set()
    waiting = [static]
    while waiting:
        url = waiting.pop()
        if url in seen:
            continue
        seen.add(url)
        with urllib.request.urlopen(url, timeout=10) as found:  # noqa: S310
            body = found.read()
        html = body.decode() if url.endswith("/") else ""
        css = re.findall(r"url\(([^)]+)\)", body.decode()) if url.endswith(".css") else []
        for link in [link for _, link in Links(html).links] + css:
            target = urljoin(url, link).split("#")[0].split("?")[0]
            if urlsplit(target).netloc == urlsplit(static).netloc:
                assert target.startswith(static), f"{url} leaves the export: {link}"
                waiting.append(target)
    assert len(seen) > 300


def test_an_export_says_where_it_lies_and_is_the_page_that_is_served(exported: Path, answer) -> None:
    page = (exported / "ms" / "balance-training" / "index.html").read_text()
    assert '<link rel="canonical" href="https://example.org/below/site/ms/balance-training/">' in page
    assert page.index('http-equiv="Content-Security-Policy" content="default-src') < page.index("<link")
    served = answer("/ms/balance-training/")[2].decode()
    needs_a_server = "|".join((
        '<a href="/plans/new/">Plans</a>', '<a href="/desk/">Desk</a>', '<p class="actions"><a class="button" href="/plans/new/.*?stored\\.</p>',
        '<section aria-labelledby="deep-dive">.*?</section>', '<li><a href="#deep-dive">.*?</li>', '<div class="card"><h2>On paper</h2>.*?</div>',
    ))  # fmt: skip
    without, links = re.subn(needs_a_server, "", served, flags=re.DOTALL)
    assert links == 7
    assert not re.search('href="/(plans|desk|account|membership)/|deep-dive', page)
    assert text_of(page.split("<footer")[0]) == text_of(without.split("<footer")[0])
    assert "https://example.org/below/site/ms/balance-training/" in (exported / "feed.xml").read_text()
    assert (exported / "ms" / "balance-training" / "evidence" / "balance.csv").exists()


def test_an_export_brings_the_pages_a_server_shows_when_something_is_wrong(exported: Path) -> None:
    assert "There is no page here" in text_of((exported / "404.html").read_text())
    broken = (exported / "500.html").read_text()
    assert "Something went wrong on our side Nothing of yours was lost." in text_of(broken)
    assert 'href="/static/site.' in broken


def test_an_export_replaces_an_earlier_one_and_nothing_else(tmp_path: Path) -> None:
    env = {"NEURODASH_DATA": str(tmp_path / "data")}
    assert run("export", tmp_path / "site", env=env).returncode == 0
    (tmp_path / "own" / "ms").mkdir(parents=True)
    (tmp_path / "site" / "old.html").write_text("old")
    assert run("export", tmp_path / "site", env=env).returncode == 0
    assert not (tmp_path / "site" / "old.html").exists()
    inside = run("export", tmp_path / "own" / "out", "--content", tmp_path / "own", env=env)
    assert inside.returncode != 0
    assert not (tmp_path / "own" / "out").exists()
    unwritable = run("export", "/proc/out", env=env)
    assert unwritable.returncode == 2
    assert "Traceback" not in unwritable.stderr
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "photo.jpg").write_text("mine")
    refused = run("export", tmp_path / "mine", env=env)
    assert refused.returncode == 2
    assert "a folder that holds other files" in refused.stderr
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["photo.jpg"]
