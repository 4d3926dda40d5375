"""The builder of plans as a server: answers, mistakes, swaps, sheets and files; nothing is stored."""

from __future__ import annotations

import io
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pypdf
import pytest

from tests.conftest import Server, text_of
from tests.planning.guarantees import ALL, read
from tests.planning.people import OURS

PAGE = "/plans/new/"
ANSWERS: list[tuple[str, str]] = [
    ("condition", "ms"), ("focus", "balance"), ("focus", "resistance"), ("code", "P-014"), ("edss", "3.5"), ("asked", "yes"),
    ("setting", "home_with_partner"), ("falls_6_months", "2"), ("falls_3_months", "1"), ("months_since_relapse", "14"),
    ("precautions", "heat-sensitivity"), ("equipment", "chair"), ("equipment", "worktop"), ("equipment", "band"),
    ("minutes_per_week", "140"), ("energy_best", "morning"), ("goal", "carry shopping up the path"), ("m_TUG", "11,2"),
    ("m_MINIBEST.sensory", "2"), ("measured_on", "2026-07-02"), ("s_dorsiflexion_left", "3"), ("s_dorsiflexion_right", "4"),
    ("from_mon", "09:00"), ("to_mon", "11:00"), ("from_wed", "09:00"), ("to_wed", "11:00"), ("from_fri", "10:00"),
    ("to_fri", "12:00"), ("from_sat", "10:00"), ("to_sat", "12:00"), ("start", "2026-08-03"),
]  # fmt: skip


@pytest.fixture
def post(server: Server) -> Callable[..., tuple[int, Any, bytes]]:
    def send(fields: list[tuple[str, str]]) -> tuple[int, Any, bytes]:
        request = urllib.request.Request(server.url + PAGE, urllib.parse.urlencode(fields).encode())  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=20) as found:  # noqa: S310
                return found.status, found.headers, found.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read()

    return send


def carried(body: bytes) -> list[tuple[str, str]]:
    """What a plan page would send along: the profile and the start."""
    from html import unescape

    fields = re.findall(r'<input type="hidden" name="(profile|start)" value="([^"]*)"', body.decode())
    return [(name, unescape(value)) for name, value in fields]


def kept(post: Callable[..., Any], body: bytes) -> dict[str, Any]:
    status, _, data = post([*carried(body), ("do", "keep")])
    assert status == 200
    found: dict[str, Any] = json.loads(data)
    return found


def test_answers_become_the_plan_that_the_command_makes(post: Callable[..., Any]) -> None:
    status, headers, body = post([*ANSWERS, ("do", "make")])
    assert status == 200
    assert headers["Cache-Control"] == "no-store"
    text = text_of(body)
    for told in ("Twelve weeks for P-014", "EDSS 3.5", "Heat makes symptoms worse", "3 August 2026", "Why each choice",
                 "Checked against the common mistakes", "Not chosen, and why", "carry shopping up the path"):  # fmt: skip
        assert told in text, told
    plan = kept(post, body)
    assert plan["start"] == "2026-08-03"
    assert plan["profile"]["measures"][0]["value"] in (2, 11.2)
    from neurodash.planning.build import make
    from neurodash.planning.plan import read_plan

    again = make(read(plan["profile"]), OURS, read_plan(json.dumps(plan), "plan").start)
    assert json.loads(again.to_json()) == plan
    assert [told for promise in ALL for told in promise(plan["profile"], again)] == []


def test_only_what_to_train_is_needed(post: Callable[..., Any]) -> None:
    status, _, body = post([("focus", "balance"), ("do", "make")])
    assert status == 200
    text = text_of(body)
    assert "Assumed, on the careful side" in text
    assert "Measure or ask next" in text
    assert "afety questions" in text


def test_every_mistake_is_named_at_its_field_and_nothing_is_lost(post: Callable[..., Any]) -> None:
    wrong = [(n, v) for n, v in ANSWERS if n not in ("m_TUG", "to_mon", "edss", "minutes_per_week", "code")]
    wrong += [
        ("m_TUG", "11200"),
        ("to_mon", "08:00"),
        ("edss", "9.7"),
        ("minutes_per_week", "lots"),
        ("code", "Anna Müller"),
    ]
    status, _, body = post([*wrong, ("do", "make")])
    assert status == 400
    html, text = body.decode(), text_of(body)
    assert "Milliseconds? Then it is 11.2 s." in text
    for name in ("m_TUG", "from_mon", "minutes_per_week", "code"):
        assert f'href="#f-{name}"' in html, name
        assert f'id="f-{name}"' in html, name
    for value in ("11200", "lots", "Anna Müller", "carry shopping up the path"):
        assert f'value="{value}"' in html
    assert re.search(r'name="precautions" value="heat-sensitivity" checked', html)
    assert "Traceback" not in html


@pytest.mark.parametrize("precaution", ["suspected-relapse", "pregnancy"])
def test_stop_and_refer_say_what_to_do_now_and_offer_no_sheet(precaution: str, post: Callable[..., Any]) -> None:
    status, _, body = post([*ANSWERS, ("precautions", precaution), ("do", "make")])
    assert status == 200
    text = text_of(body)
    assert ("Stop: no training today" in text) or ("Refer first" in text)
    assert "Make the sheet" not in text
    assert "Exercises of the first week" not in text
    status, headers, _ = post([*carried(body), ("do", "sheet")])
    assert status == 400
    assert headers["Content-Type"].startswith("text/html")


def test_a_swap_a_leaving_out_and_the_way_back(post: Callable[..., Any]) -> None:
    _, _, body = post([*ANSWERS, ("do", "make")])
    plan = kept(post, body)
    target = next(t for t in plan["targets"] if t["trained"] and t["focus"] == "resistance")["target"]
    options = re.findall(rf'value="swap {target} (\S+ \d+)"', body.decode())
    assert options
    _, _, swapped = post([*carried(body), ("do", f"swap {target} {options[0]}")])
    ladder, rung = options[0].split()
    items = [i for s in kept(post, swapped)["weeks"][0]["sessions"] for i in s["items"] if i["target"] == target]
    assert (items[0]["ladder"], items[0]["rung"]) == (ladder, int(rung))
    assert "was chosen by the clinician" in text_of(swapped)
    _, _, without = post([*carried(swapped), ("do", f"swap {target} out")])
    assert not next(t for t in kept(post, without)["targets"] if t["target"] == target)["trained"]
    _, _, back = post([*carried(without), ("do", f"swap {target} back")])
    assert kept(post, back)["weeks"] == plan["weeks"]


def test_the_sheet_is_a_pdf_with_the_name_that_signs(post: Callable[..., Any]) -> None:
    _, _, body = post([*ANSWERS, ("do", "make")])
    fields = [
        *carried(body),
        ("do", "sheet"),
        ("week", "5"),
        ("clinician", "Dr. A. Example"),
        ("paper", "us-letter"),
        ("large", "yes"),
    ]
    status, headers, data = post(fields)
    assert (status, headers["Content-Type"]) == (200, "application/pdf")
    assert headers["Content-Disposition"] == 'attachment; filename="P-014-week-5.pdf"'
    reader = pypdf.PdfReader(io.BytesIO(data))
    assert reader.pages[0].mediabox.width == 612
    text = " ".join(page.extract_text() for page in reader.pages)
    assert "Dr. A. Example" in text
    assert "week 5" in text


def test_a_kept_file_opens_again_with_all_that_it_holds(
    post: Callable[..., Any], server: Server, tmp_path: Path
) -> None:
    profile = {
        "code": "P-9", "condition": "ms", "edss": 2, "focus": ["balance"], "precautions": [],
        "goals": [{"text": "walk to the shop"}, {"text": "dance at the wedding"}],
        "measures": [{"instrument": "BBS", "value": 50, "on": "2026-01-10"}, {"instrument": "TUG", "value": 12, "on": "2026-01-10"},
                     {"instrument": "TUG", "value": 11, "on": "2026-03-10"}],
        "available": {"mon": ["09:00-10:00", "15:00-16:00"]},
    }  # fmt: skip
    _, _, body = post([("profile", json.dumps(profile)), ("do", "make")])
    _, _, form = post([*carried(body), ("do", "edit")])
    html = form.decode()
    assert 'value="walk to the shop"' in html
    assert 'value="11"' in html
    fields = [("do", "make"), ("focus", "balance"), ("code", "P-9"), ("edss", "2"), ("goal", "walk to the shop"), ("asked", "yes"),
              ("from_mon", "09:00"), ("to_mon", "10:00"), ("more_mon", "15:00-16:00"), ("m_TUG", "11"),
              ("base", re.search(r'name="base" value="([^"]*)"', html)[1].replace("&quot;", '"'))]  # type: ignore[index]  # fmt: skip
    _, _, again = post(fields)
    found = kept(post, again)["profile"]
    assert [goal["text"] for goal in found["goals"]] == ["walk to the shop", "dance at the wedding"]
    assert sorted((m["instrument"], m["value"], m["on"]) for m in found["measures"]) == [
        ("BBS", 50, "2026-01-10"), ("TUG", 11, "2026-03-10"), ("TUG", 12, "2026-01-10"),
    ]  # fmt: skip
    assert found["available"]["mon"] == ["09:00-10:00", "15:00-16:00"]


HOSTILE = [
    [("profile", "{}")], [("profile", "[1]")], [("profile", "{")], [("profile", "[" * 100_000)],
    [("profile", '{"code": "P", "condition": "ms", "swaps": 5}'), ("do", "swap calf out")],
    [("profile", '{"code": "P", "condition": "ms", "goals": 5, "measures": "x", "available": [1]}'), ("do", "edit")],
    [("profile", '{"code": "P", "condition": "ms", "available": {"mon": []}, "measures": [{"a": 1}], "strength": 3}'), ("do", "edit")],
    [("profile", '{"code": "P", "condition": "ms"}'), ("start", "9999-12-31")],
    [("profile", '{"code": "P", "condition": "ms"}'), ("do", "sheet"), ("week", "99")],
    [("profile", '{"code": "P", "condition": "ms"}'), ("do", "sheet"), ("week", "²")],
    [("base", "[[["), ("focus", "balance")], [("base", '{"measures": 5, "goals": {"a": 1}}'), ("focus", "balance")],
    [("edss", "1" * 5000), ("focus", "balance")], [("s_<script>_left", "3"), ("focus", "balance")],
    [("code", "<script>alert(1)</script>")], [("do", "open")], [("do", "\x00")], [("from_mon", "x" * 300)],
]  # fmt: skip


@pytest.mark.parametrize("fields", HOSTILE, ids=range(len(HOSTILE)))
def test_whatever_is_sent_no_traceback_and_no_script_comes_back(
    fields: list[tuple[str, str]], post: Callable[..., Any]
) -> None:
    status, _, body = post(fields)
    assert status in (200, 400)
    assert b"Traceback" not in body
    assert b"<script>alert" not in body


@pytest.mark.parametrize(
    "base",
    [
        '{"measures":[{"instrument":[],"value":1}]}', '{"measures":[{"instrument":{},"part":[]}]}',
        f'{{"measures":[{{"instrument":"TUG","value":1{"0" * 400}}}]}}', f'{{"edss":1{"0" * 400}}}',
    ],
)  # fmt: skip
def test_an_opened_profile_that_is_none_is_no_error_of_ours(base: str, post: Callable[..., Any]) -> None:
    for fields in ([("base", base), ("focus", "balance"), ("do", "make")], [("profile", base), ("do", "edit")]):
        assert post([("condition", "ms"), *fields])[0] in (200, 400)


def test_nothing_about_a_person_is_written_or_set(post: Callable[..., Any], server: Server) -> None:
    before = {path: path.stat().st_mtime_ns for path in server.log.parent.rglob("*")}
    status, headers, _ = post([*ANSWERS, ("code", "SECRET-7"), ("do", "make")])
    assert status == 200
    assert headers["Set-Cookie"] is None
    after = {path: path.stat().st_mtime_ns for path in server.log.parent.rglob("*")}
    assert set(after) == set(before)
    assert "SECRET-7" not in server.log.read_text()


def test_what_other_answers_met_can_be_cleared_from_the_page_that_refers(post: Callable[..., Any]) -> None:
    aided = [*[a for a in ANSWERS if a[0] not in ("edss", "falls_3_months")], ("edss", "6"), ("walking_aid", "stick")]
    _, _, body = post([*aided, ("do", "make")])
    assert "Refer first" in text_of(body)
    assert 'value="clear P32"' in body.decode()
    _, _, again = post([*carried(body), ("do", "clear P32")])
    assert "Twelve weeks" in text_of(again)
    assert "refer, cleared" in text_of(again)


def test_what_cannot_wait_is_said_first(post: Callable[..., Any]) -> None:
    _, _, body = post([*ANSWERS, ("precautions", "infection-or-fever"), ("precautions", "chest-pain"), ("do", "make")])
    text = text_of(body)
    assert text.index("emergency") < text.index("fever-free")


def test_that_everything_was_asked_survives_a_swap_an_edit_and_a_file(post: Callable[..., Any]) -> None:
    _, _, body = post([("focus", "balance"), ("asked", "yes"), ("edss", "2"), ("do", "make")])
    assert "afety questions were not asked" not in text_of(body)
    _, _, swapped = post([*carried(body), ("do", "swap gait out")])
    assert "afety questions" not in text_of(swapped)
    _, _, form = post([*carried(swapped), ("do", "edit")])
    assert re.search(r'name="asked" value="yes" checked', form.decode())
    _, _, hasty = post([("focus", "balance"), ("do", "make")])
    assert "The safety questions were not asked." in text_of(hasty)


def test_another_site_cannot_have_a_plan_made(server: Server) -> None:
    request = urllib.request.Request(server.url + PAGE, b"focus=balance", {"Sec-Fetch-Site": "cross-site"})  # noqa: S310
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request, timeout=10)  # noqa: S310
    with error.value:
        assert error.value.code == 403


def test_large_things_are_refused_at_once(post: Callable[..., Any]) -> None:
    import time

    deep = '{"code":"x","condition":"ms","focus":[' + ",".join(["[[[[[[]]]]]]"] * 20_000) + "]}"
    begun = time.perf_counter()
    status, _, _ = post([("profile", deep)])
    assert status == 400
    assert time.perf_counter() - begun < 2


def test_a_slow_sender_does_not_hold_up_the_others(server: Server) -> None:
    import socket
    import time

    slow = []
    for _ in range(24):
        link = socket.create_connection(("127.0.0.1", server.port), timeout=5)
        link.sendall(
            f"POST {PAGE} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 90000\r\n\r\ndo=".encode()
        )
        slow.append(link)
    time.sleep(0.3)
    try:
        for _ in range(6):
            with urllib.request.urlopen(server.url + "/robots.txt", timeout=3) as found:  # noqa: S310
                assert found.status == 200
    finally:
        for link in slow:
            link.close()


def test_what_is_too_large_is_refused_on_a_page_that_says_how_much_is_taken(post: Callable[..., Any]) -> None:
    status, headers, body = post([("do", "make"), ("goal", "x" * 1_000_001)])
    assert status == 413
    assert "1 MB" in text_of(body)
    assert headers["Content-Security-Policy"]


def test_what_a_file_names_in_other_words_survives_a_change_of_the_answers(post: Callable[..., Any]) -> None:
    profile = {
        "code": "P-9", "condition": "ms", "edss": 3, "focus": ["balance"], "precautions": ["heat_sensitivity", "P22"],
        "equipment": ["foam_pad", "counter"],
    }  # fmt: skip
    _, _, form = post([("do", "edit"), ("profile", json.dumps(profile))])
    ticked = re.findall(r'name="(?:precautions|equipment)" value="([^"]+)"[^>]* checked', form.decode())
    assert set(ticked) == {"heat-sensitivity", "bladder-urgency", "pad", "worktop"}
