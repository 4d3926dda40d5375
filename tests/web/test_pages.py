"""The site over a real socket: every page, its headers, and what it refuses."""

from __future__ import annotations

import contextlib
import csv
import gzip
import http.client
import io
import json
import os
import re
import signal
import stat
import time
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import brotli
import pytest

from tests.conftest import DAY, Server, free_port, run, text_of

PAGES = [
    "/", "/ms/", "/ms/balance-training/", "/ms/resistance-training/", "/ms/balance-training/evidence/balance/",
    "/ms/resistance-training/evidence/gait-speed/", "/evidence/", "/evidence/corrini2023-balance/",
    "/evidence/alashram2025-bbs/", "/sources/guidelines/", "/sources/precautions/", "/sources/instruments/",
    "/how-checking-works/", "/about/", "/accessibility/", "/privacy/",
]  # fmt: skip


class Links(HTMLParser):
    """Every address a page names, and every id on it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[tuple[str, str]] = []
        self.ids: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src", "action"):
                self.links.append((tag, value or ""))
            if name == "id":
                self.ids.append(value or "")


@pytest.mark.parametrize("path", PAGES)
def test_each_page_is_whole_titled_and_free_of_cookies(path: str, answer) -> None:
    status, headers, body = answer(path)
    assert status == 200
    html = body.decode()
    assert html.startswith("<!doctype html>")
    assert re.search(r"<title>[^<]{8,}</title>", html)
    assert html.count("<h1") == 1
    assert "Set-Cookie" not in headers
    ids = Links(html).ids
    assert len(ids) == len(set(ids)), "an id stands twice"


def test_every_link_inside_the_site_leads_somewhere_and_every_anchor_exists(answer) -> None:
    seen: dict[str, str] = {}
    wanted: list[tuple[str, str, str]] = []
    waiting = ["/"]
    while waiting:
        path = waiting.pop()
        # behind the door: tests/web/test_everybody.py
        if (
            path in seen
            or path.startswith(("/desk/", "/account/", "/membership/yours/"))
            or path.endswith(("/deep-dive/", ".pdf"))
        ):
            continue
        status, headers, body = answer(path)
        assert status == 200, path
        seen[path] = body.decode() if "html" in headers["Content-Type"] else ""
        for _, link in Links(seen[path]).links:
            parts = urlsplit(urljoin(path, link))
            if not parts.netloc:
                wanted.append((path, parts.path, parts.fragment))
                waiting.append(parts.path)
    assert len(seen) > 300
    ids = {path: set(Links(html).ids) for path, html in seen.items()}
    broken = [(source, path, part) for source, path, part in wanted if part and part not in ids[path]]
    assert not broken


@pytest.mark.parametrize("path", PAGES)
def test_nothing_is_loaded_from_another_site(path: str, answer) -> None:
    html = answer(path)[2].decode()
    for tag, link in Links(html).links:
        if tag not in ("a",) and not (tag == "link" and ("canonical" in html.split(link)[0][-60:])):
            assert not urlsplit(link).netloc, f"<{tag}> {link}"
    assert "<style" not in html
    assert not re.search(r"<[^>]+\s(style|on\w+)=", html)
    scripts = re.findall(r"<script(?![^>]*src=)(?![^>]*ld\+json)", html)
    assert not scripts


def test_the_brief_reads_in_full_without_a_script(answer) -> None:
    words = text_of(answer("/ms/balance-training/")[2])
    for part in (
        "7 of 8 findings hold", "against 9 systematic reviews", "Lapses on", "Clinician’s note", "Clinic action plan",
        "Static", "Dual-task", "Assess", "Monitor", "Common mistakes", "Instead:", "Will I walk faster?", "dosing by EDSS band",
        "EDSS 7 to 8.5", "special populations", "SMD 0.41 (95 % CI 0.22 to 0.59)", "Evidence to March 2024",
        "Checked on 21 November 2026",
    ):  # fmt: skip
        assert part in words, part


def test_a_number_in_a_brief_links_to_its_row(answer) -> None:
    html = answer("/ms/balance-training/")[2].decode()
    assert re.search(r'<a class="figure" href="/evidence/hayes2019-fallrate/"[^>]*>IRR', html)


def test_the_strip_is_described_in_words(answer) -> None:
    html = answer("/ms/balance-training/")[2].decode()
    strips = re.findall(r'<svg class="strip".*?</svg>', html, re.DOTALL)
    assert len(strips) >= 4
    for strip in strips:
        assert 'role="img"' in strip
        assert re.search(r"<title>[^<]+</title><desc>[^<]+</desc>", strip)


def test_the_csv_holds_every_matched_row_with_its_vote(answer) -> None:
    status, headers, body = answer("/ms/balance-training/evidence/balance.csv")
    assert status == 200
    assert "attachment" in headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(body.decode())))
    assert {row["finding"] for row in rows} == {"balance-scores", "session-length", "weekly-minutes", "exergames"}
    cited = next(row for row in rows if row["result_id"] == "corrini2023-balance")
    assert (cited["vote"], cited["estimate"], cited["ci_low"], cited["cited"]) == ("agrees", "0.41", "0.22", "yes")
    assert {"agrees", "not counted"} <= {row["vote"] for row in rows}


def test_the_evidence_page_filters_and_sorts_without_a_script(answer) -> None:
    base = "/ms/balance-training/evidence/balance/"
    every = answer(base)[2].decode()
    shown = answer(base + "?vote=not+counted")[2].decode()
    rows = r"<tbody>.*?</tbody>"
    assert "Gunn 2015" in "".join(re.findall(rows, shown, re.DOTALL))
    assert "Choobsaz 2024" in "".join(re.findall(rows, every, re.DOTALL))
    assert "Choobsaz 2024" not in "".join(re.findall(rows, shown, re.DOTALL))
    assert "Show all" in answer(base + "?words=zebra")[2].decode()
    by_trials = re.findall(r'data-label="Trials" data-value="(\d*)"', answer(base + "?sort=trials")[2].decode())
    first_table = [int(n or 0) for n in by_trials[:8]]
    assert first_table == sorted(first_table, reverse=True)
    assert answer(base + "?sort=%3Cscript%3E&words=%3Cscript%3Ealert(1)%3C/script%3E&vote=none")[0] == 200
    assert b"<script>alert" not in answer(base + "?words=%3Cscript%3Ealert(1)%3C/script%3E")[2]


def test_a_filtered_page_is_never_kept_for_the_next_reader(answer) -> None:
    base = "/ms/resistance-training/evidence/fatigue/"
    answer(base + "?words=zebra")
    assert b"Show all" not in answer(base)[2]
    assert answer(base + "?words=zebra")[1]["Cache-Control"] == "no-store"


def test_the_page_is_the_same_in_every_encoding_and_answers_304(answer) -> None:
    path = "/ms/balance-training/"
    _, plain_headers, plain = answer(path)
    _, br_headers, br = answer(path, Accept_Encoding="gzip, deflate, br")
    _, gz_headers, gz = answer(path, Accept_Encoding="gzip")
    assert plain_headers["Content-Encoding"] is None
    assert (br_headers["Content-Encoding"], gz_headers["Content-Encoding"]) == ("br", "gzip")
    assert brotli.decompress(br) == gzip.decompress(gz) == plain
    assert br_headers["Vary"] == "Accept-Encoding"
    assert answer(path, Accept_Encoding="br;q=0, gzip;q=0")[1]["Content-Encoding"] is None
    status, headers, body = answer(path, If_None_Match=br_headers["ETag"])
    assert (status, body) == (304, b"")
    assert headers["ETag"] == plain_headers["ETag"]


def test_head_has_the_headers_and_no_body(answer) -> None:
    _, get, body = answer("/ms/balance-training/")
    status, head, nothing = answer("/ms/balance-training/", method="HEAD")
    assert (status, nothing) == (200, b"")
    assert head["Content-Length"] == get["Content-Length"] == str(len(body))


def test_a_brief_and_all_it_loads_stay_under_100_kb(answer) -> None:
    for brief in ("/ms/balance-training/", "/ms/resistance-training/"):
        _, _, page = answer(brief, Accept_Encoding="br")
        links = Links(brotli.decompress(page).decode()).links
        css = next(link for _, link in links if link.endswith(".css"))
        style = answer(css, Accept_Encoding="br")[2]
        fonts = re.findall(r"url\(\.\./static/([^)]+)\)", brotli.decompress(style).decode())
        assert len(fonts) == 2
        loaded = [link for tag, link in links if tag == "script" or link.endswith(".svg")] + [
            f"/static/{font}" for font in fonts
        ]
        total = len(page) + len(style) + sum(len(answer(link, Accept_Encoding="br")[2]) for link in loaded)
        assert total < 100_000, total


def test_static_files_may_be_kept_for_ever_because_their_names_change(answer) -> None:
    links = Links(answer("/")[2].decode()).links
    for _, link in links:
        if link.startswith("/static/"):
            status, headers, _ = answer(link)
            assert status == 200
            assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert re.search(r"\.[0-9a-f]{10}\.\w+$", link)


# Safety


def raw(port: int, path: str, host: str | None = None) -> tuple[int, http.client.HTTPMessage, bytes]:
    """A request exactly as written, also one that a well-behaved client would not send."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.putrequest("GET", path, skip_host=host is not None, skip_accept_encoding=True)
        if host is not None:
            connection.putheader("Host", host)
        connection.endheaders()
        found = connection.getresponse()
        return found.status, found.headers, found.read()


@pytest.mark.parametrize(
    "path", ["/", "/nope/", "/static/none.css", "/ms/balance-training/evidence/balance/?vote=agrees"]
)
def test_every_answer_carries_the_security_headers(path: str, answer) -> None:
    _, headers, _ = answer(path)
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "script-src 'self';" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Strict-Transport-Security"] is None  # only where the public address is https


def test_hsts_is_sent_where_the_public_address_is_https(tmp_path: Path) -> None:
    running = Server(tmp_path / "data", "--url", "https://desk.example.org/")
    try:
        status, headers, body = raw(running.port, "/", host="desk.example.org")
        assert status == 200
        assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
        assert b'<link rel="canonical" href="https://desk.example.org/">' in body
    finally:
        running.stop()


@pytest.mark.parametrize("host", ["evil.example.org", "127.0.0.1.evil.example", "", "127.0.0.1:80:80", "a b"])
def test_another_host_is_refused_also_for_a_page_that_is_ready(host: str, server: Server) -> None:
    for _ in range(2):
        assert raw(server.port, "/", host=host)[0] == 400


@pytest.mark.parametrize(
    "path",
    [
        "/static/../settings.py", "/static/..%2f..%2fcli.py", "/static/%2e%2e/%2e%2e/cli.py", "/content/../../../etc/passwd",
        "/content/ms/balance-training/brief.md", "/content//etc/passwd", "/ms/../../etc/passwd", "/ms/balance-training/%00",
    ],
)  # fmt: skip
def test_no_path_leads_out_of_the_site(path: str, server: Server) -> None:
    status, _, body = raw(server.port, path)
    assert status in (301, 400, 404), status
    assert b"root:" not in body and b"import" not in body and b"{{ expert }}" not in body


def test_oversized_requests_are_refused(answer) -> None:
    assert answer("/" + "a" * 3000)[0] == 414
    assert answer("/?" + "a" * 3000)[0] == 414
    assert answer("/nope/?" + "a" * 3000)[0] == 414
    assert answer("/nope/", method="POST", Content_Length="50000000")[0] == 413


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_the_free_pages_are_only_read(method: str, answer) -> None:
    assert answer("/ms/balance-training/", method=method)[0] == 405


def test_a_lost_reader_finds_a_way_on(answer) -> None:
    status, _, body = answer("/ms/no-such-brief/")
    assert status == 404
    assert "There is no page here" in text_of(body)
    assert answer("/ms")[0] == 301


def test_the_secret_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    first = Server(data)
    first.stop()
    key = data / "secret_key"
    secret = key.read_text()
    assert len(secret) >= 50
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    second = Server(data)
    second.stop()
    assert key.read_text() == secret
    key.chmod(0o644)
    refused = run("serve", "--port", str(free_port()), env={"NEURODASH_DATA": str(data)})
    assert refused.returncode == 2
    assert "mode 0600" in refused.stderr


def test_it_does_not_listen_to_the_world_before_its_host_is_named(tmp_path: Path) -> None:
    refused = run("serve", "--host", "0.0.0.0", "--port", str(free_port()), env={"NEURODASH_DATA": str(tmp_path)})  # noqa: S104
    assert refused.returncode == 2
    assert "--url" in refused.stderr


def test_a_lost_worker_is_replaced_and_nobody_notices(tmp_path: Path) -> None:
    running = Server(tmp_path / "data")
    try:
        children = Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children").read_text().split()
        workers = [int(pid) for pid in children if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()]
        os.kill((workers or [int(children[-1])])[-1], signal.SIGKILL)
        time.sleep(1)
        assert all(raw(running.port, "/about/")[0] == 200 for _ in range(20))
        assert running.process.poll() is None
    finally:
        running.stop()


def test_a_taken_port_is_told_in_one_line(server: Server, tmp_path: Path) -> None:
    refused = run("serve", "--port", str(server.port), env={"NEURODASH_DATA": str(tmp_path)})
    assert refused.returncode == 2
    assert f"cannot listen on 127.0.0.1:{server.port}" in refused.stderr
    assert "Traceback" not in refused.stderr


# For machines


def test_the_feed_the_sitemap_and_the_robots_file(answer, server: Server) -> None:
    channel = ET.fromstring(answer("/feed.xml")[2]).find("channel")  # noqa: S314  our own answer
    titles = [item.findtext("title") for item in channel.findall("item")]
    assert "Balance training in multiple sclerosis" in titles
    assert all(
        item.findtext("link").startswith(f"http://localhost:{server.port}/ms/") for item in channel.findall("item")
    )
    space = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
    places = [place.text for place in ET.fromstring(answer("/sitemap.xml")[2]).iter(f"{space}loc")]  # noqa: S314
    assert len(places) == len(set(places)) > 290
    assert answer(urlsplit(places[-1]).path)[0] == 200
    assert f"Sitemap: http://localhost:{server.port}/sitemap.xml" in answer("/robots.txt")[2].decode()


def test_a_brief_tells_machines_what_it_is(answer) -> None:
    html = answer("/ms/balance-training/")[2].decode()
    data = json.loads(re.search(r'<script type="application/ld\+json">(.*?)</script>', html, re.DOTALL)[1])
    assert data["@type"] == "MedicalWebPage"
    assert (data["lastReviewed"], data["isAccessibleForFree"]) == (DAY, True)
    assert '<meta property="og:title" content="Balance training in multiple sclerosis">' in html
    assert '<meta property="og:type" content="article">' in html
