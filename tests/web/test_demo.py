"""The demonstration: a made-up clinic on this machine, links that work once, and nothing of it in a real installation."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path

import pytest

from tests.conftest import Server, run, text_of


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("demo"), "--demo")
    yield running
    running.stop()


def links(server: Server) -> dict[str, str]:
    return {name.strip(): url for name, url in re.findall(r"^  (\w+ \w+) +(http\S+)$", server.log.read_text(), re.M)}


def opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))


def test_each_part_has_a_link_that_signs_in_once(demo: Server) -> None:
    found = links(demo)
    assert list(found) == ["Mara Member", "Edda Editor", "Ade Administrator"]
    visitor = opener()
    desk = visitor.open(found["Mara Member"], timeout=20)
    page = text_of(desk.read())
    assert all(label in page for label in ("P-101", "P-102", "P-103"))
    account = visitor.open(f"{demo.url}/account/", timeout=20).read()
    assert "in 1 browser" in text_of(account)
    with pytest.raises(urllib.error.HTTPError, match="404") as used:
        opener().open(found["Mara Member"], timeout=20)
    assert "A link of the demonstration works once." in text_of(used.value.read())
    assert text_of(visitor.open(desk.url, timeout=20).read()) == page, "who came in stays in"


def test_the_editor_and_the_administrator_come_to_pages_of_their_own(demo: Server) -> None:
    found = links(demo)
    for name in ("Edda Editor", "Ade Administrator"):
        looked = urllib.request.Request(found[name], method="HEAD")  # noqa: S310
        assert opener().open(looked, timeout=20).status == 200, "whoever only looks does not use it up"
        assert opener().open(found[name], timeout=20).status == 200


def test_the_demonstration_never_leaves_this_machine_and_has_a_record_of_its_own(demo: Server, tmp_path: Path) -> None:
    refused = run("serve", "--demo", "--host", "0.0.0.0", env={"NEURODASH_DATA": str(tmp_path)})  # noqa: S104
    assert refused.returncode == 2
    assert "--demo" in refused.stderr
    data = demo.log.parent
    assert (data / "demo" / "record.sqlite3").exists()
    assert not (data / "record.sqlite3").exists()


def test_a_real_installation_knows_no_such_link(answer) -> None:  # type: ignore[no-untyped-def]
    assert answer("/account/demo/anything/")[0] == 404
