"""Files that nobody sane writes: each is refused in our words with its line, soon, and in little memory."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from neurodash import wording
from neurodash.cli import plan_page
from neurodash.errors import DataError
from neurodash.library import CONTENT
from neurodash.library.reading import LocatedJson, read_bytes, read_yaml
from neurodash.planning.audit import audited, checks, strangers
from neurodash.planning.build import make
from neurodash.planning.plan import Check, Plan, read_plan
from neurodash.planning.profile import read_profile
from tests.conftest import run
from tests.planning.guarantees import planned
from tests.planning.people import ON, OURS, profiles

SECONDS = 2.0  # of CPU, for anything that fits into a file
EXAMPLE = (CONTENT / "planning" / "example.yaml").read_text(encoding="utf-8")
MADE = make(read_profile(EXAMPLE, "p.yaml", OURS, ON), OURS, ON)


def data() -> dict[str, Any]:
    return dict(json.loads(MADE.to_json()))


def item(plan: dict[str, Any]) -> dict[str, Any]:
    return dict(plan["weeks"][0]["sessions"][0]["items"][0])


def problems(text: str) -> list[str]:
    with pytest.raises(DataError) as caught:
        read_plan(text, "plan.json")
    return [str(problem) for problem in caught.value.problems]


def wrong(text: str) -> list[str]:
    with pytest.raises(DataError) as caught:
        read_profile(text, "p.yaml", OURS, ON)
    return [str(problem) for problem in caught.value.problems]


# A plan, value by value

DOSE = ("weeks", 0, "sessions", 0, "items", 0, "dose")


@pytest.mark.parametrize(
    ("at", "value", "told"),
    [
        ((*DOSE, "sets"), -1, "dose.sets: “-1”; accepted: a number of at least 1"),
        ((*DOSE, "sets"), 101, "a number of at most 100"),
        ((*DOSE, "sets"), True, "dose.sets: true; accepted: a whole number"),
        ((*DOSE, "sets"), "2", "dose.sets: “2”; accepted: a whole number"),
        ((*DOSE, "low"), 10_001, "a number of at most 10000"),
        ((*DOSE, "low"), float("nan"), "a finite number"),
        ((*DOSE, "high"), float("inf"), "a finite number"),
        ((*DOSE, "rest"), 3601, "a number of at most 3600"),
        ((*DOSE, "unit"), "rep", "Did you mean reps?"),
        (("weeks", 0, "begins"), 1794441600, "weeks.0.begins: “1794441600”; accepted: a date"),
        (("weeks", 0, "begins"), "1794441600", "weeks.0.begins: “1794441600”; accepted: a date"),
        (("start",), 0, "start: “0”; accepted: a date from 1950 on"),
        (("weeks", 0, "sessions", 0, "minutes"), 1441, "a number of at most 1440"),
        (("weeks", 0, "number"), 105, "a number of at most 104"),
        (("weeks", 0, "lighter"), 1, "weeks.0.lighter: “1”; accepted: true or false"),
        (("weeks", 0, "sessions", 0, "extra"), 1, "an unknown key “weeks.0.sessions.0.extra”; accepted: date, day"),
        (("focus",), ["balance"] * 2, "focus: balance, balance; accepted: each once"),
        (("focus",), [str(n) for n in range(11)], "focus: more than 10 of them; accepted: at most 10"),
        (("weeks", 0, "sessions", 0, "items", 0, "because"), ["r1"] * 51, "because: more than 50 of them"),
        (("summary",), "x" * 1001, "summary: a text of 1,001 characters; accepted: at most 1,000"),
        (("summary",), "a\u202eb", "summary: “a b”; accepted: a text of one line without control characters"),
        (("code",), "a\x9b2J", "code: “a 2J”; accepted: a text of one line"),
        (("status",), "redy", "Did you mean ready?"),
        (("weeks",), {}, "weeks: a mapping; accepted: a list"),
        (("weeks", 0, "sessions", 0, "items", 0, "guard"), "a dog", "alone, near, hands-on"),
    ],
)
def test_each_value_of_a_plan_is_bounded_and_told_with_its_line(at: tuple[Any, ...], value: Any, told: str) -> None:
    plan = data()
    inner: Any = plan
    for step in at[:-1]:
        inner = inner[step]
    inner[at[-1]] = value
    text = json.dumps(plan, indent=1, ensure_ascii=False)
    (found,) = problems(text)
    assert told in found
    line = int(found.split(":")[1])
    assert f'"{at[-1]}"' in text.split("\n")[line - 1] or told.startswith("summary")


def test_a_plan_of_another_format_is_told_as_that_and_nothing_else() -> None:
    told = problems(json.dumps({**data(), "format": 2, "status": 3, "new": 1}))
    assert told == [
        "plan.json:1: format: “2”; accepted: format 1: a plan of another format was made by another version of the program"
    ]


def test_a_key_given_twice_is_told_with_its_line() -> None:
    text = MADE.to_json().replace('"status": "ready"', '"status": "stop",\n "st\\u0061tus": "ready"')
    assert problems(text) == ["plan.json:5: the key “status” twice; accepted: each key once"]


def test_broken_json_names_line_and_column() -> None:
    assert problems('{"code": "x",\n "start" 1}') == [
        "plan.json:2: broken JSON in column 10 (expected `:`); accepted: valid JSON"
    ]
    assert "recursion" in problems('{"profile":' + "[" * 5000)[0]
    assert "number out of range" in problems('{"format":' + "9" * 5000 + "}")[0]


def test_problems_come_in_the_order_of_the_file() -> None:
    found = problems('{\n"status": 1,\n"code": 2,\n"weeks": [],\n"focus": [],\n"start": 3,\n"condition": "ms"}')
    assert [each.split(": ")[:2] for each in found] == [
        ["plan.json:2", "status"],
        ["plan.json:3", "code"],
        ["plan.json:6", "start"],
    ]


# Large files


def many(**keys: Any) -> str:
    return json.dumps({**data(), **keys}, separators=(",", ":"))


def weeks(of: Callable[[int], dict[str, Any]], number: int, sessions: int, items: int) -> list[dict[str, Any]]:
    week, counter = data()["weeks"][0], iter(range(10**9))
    session = week["sessions"][0]
    return [
        {**week, "sessions": [{**session, "items": [of(next(counter)) for _ in range(items)]} for _ in range(sessions)]}
        for _ in range(number)
    ]


def small(n: int, **keys: Any) -> dict[str, Any]:
    dose = {"sets": 1, "low": 1, "high": 1, "unit": "reps"}
    return {"exercise": f"e{n}", "name": "n", "target": "t", "ladder": "l", "rung": 1, "dose": dose, **keys}


def reasons(number: int, length: int) -> dict[str, Any]:
    return {f"r{n}": {"id": f"r{n}", "kind": "goal", "ref": "", "says": "x " * (length // 2)} for n in range(number)}


def because(n: int) -> list[str]:
    return [f"r{(n * 7 + each) % 1500}" for each in range(50)]


LARGE = {
    "eight megabytes of lists": lambda: '{"weeks":[' + "[]," * 2_600_000 + "[]]}",
    "eight megabytes of brackets": lambda: "[" * 8_000_000,
    "eight megabytes of quotes": lambda: '{"code":"' + '\\"' * 4_000_000,
    "one text": lambda: '{"code":"' + "a" * 8_000_000 + '"}',
    "empty mappings": lambda: '{"weeks":[' + "{}," * 19_000 + "{}]}",
    "numbers for texts": lambda: '{"focus":[' + "1," * 190_000 + "1]}",
    "unknown keys": lambda: "{" + ",".join(f'"k{n}":1' for n in range(190_000)) + "}",
    "the same key": lambda: "{" + ",".join('"code":1' for _ in range(190_000)) + "}",
    "as many exercises as there may be": lambda: many(weeks=weeks(small, 40, 8, 29)),
    "as many reasons as there may be": lambda: many(
        reasons=reasons(1500, 3980), weeks=weeks(lambda n: small(n, because=because(n)), 80, 1, 20)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LARGE)
def test_a_large_file_is_refused_or_explained_soon(name: str) -> None:
    text = LARGE[name]()
    assert len(text) < 2**23
    began = time.process_time()
    try:
        told = plan_page.explained(read_plan(text, "plan.json"))
    except DataError as error:
        assert 0 < len(error.problems) <= 600
        told = str(error)
    assert len(told) < 4_000_000
    assert time.process_time() - began < SECONDS


@pytest.mark.parametrize("name", ["numbers for texts", "unknown keys", "as many reasons as there may be"])
def test_a_large_file_needs_less_than_a_gigabyte(name: str, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(LARGE[name]())
    code = "import resource; resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30)); from neurodash.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "plan", "explain", tmp_path / "plan.json"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 2), done.stderr
    assert "Traceback" not in done.stderr


def test_the_first_hundred_problems_are_printed_and_the_others_counted(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(many(weeks=weeks(small, 40, 8, 29)))
    done = run("plan", "check", tmp_path / "plan.json")
    lines = done.stderr.splitlines()
    assert done.returncode == 2
    assert lines[100:] == ["… and 200 more.", "At least 300 problems."]
    (tmp_path / "plan.json").write_text(many(weeks=weeks(small, 1, 1, 30)))
    assert run("plan", "check", tmp_path / "plan.json").stderr.splitlines()[-1] == "60 problems."


@pytest.mark.parametrize("kind", ["fifo", "folder", "device"])
def test_what_is_no_file_is_called_what_it_is(kind: str, tmp_path: Path) -> None:
    path = tmp_path / kind
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path = Path("/dev/zero")
    with pytest.raises(DataError, match="not a regular file"):
        read_bytes(path, str(path))


def test_of_a_file_that_hides_its_size_no_more_is_read_than_may_be() -> None:
    with pytest.raises(DataError, match="at most 0 KB"):
        read_bytes(Path("/proc/self/maps"), "maps", 10)


# Profiles


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("setting: 0x" + "F" * 5000, "p.yaml:3: setting: “0xFFF"),
        ("age: " + "9" * 5000, "p.yaml:3: age: a number of 5,000 digits; accepted: at most 100"),
        ("age: 1" + ":00" * 500 + ".5", "accepted: a whole number"),
        ("age: 0b_", "age: “0b_”; accepted: a whole number"),
        ("age: 1:30", "age: “1:30”; accepted: a whole number"),
        ("age: 0x3", "age: “0x3”; accepted: a whole number"),
        ("minutes_per_week: 1_000", "“1_000”; accepted: a whole number"),
        ("edss: .inf", "edss: “.inf”; accepted: a number"),
        ("edss: 1e999", "edss: “inf”; accepted: a finite number"),
        ('enjoys: ["\\U00110000"]', "p.yaml:3: broken YAML (found invalid Unicode character escape code)"),
        ('enjoys: ["\\ud800"]', "p.yaml:3: enjoys.0: “ ”; accepted: a text of one line"),
        ("? [a, b]\n: 1", "p.yaml:3: a list as a key; accepted: a text"),
        ("? " + "k" * 5000 + "\n: 1", "an unknown key “" + "k" * 59 + "…”; accepted: code, condition"),
        ("a: 1\na: 2", "p.yaml:4: the key “a” twice"),
    ],
)
def test_what_yaml_makes_of_a_value_is_told_in_our_words(line: str, told: str) -> None:
    (found,) = wrong(f"code: P-1\ncondition: ms\n{line}\n")
    assert told in found
    assert len(found) < 500


def test_numbers_are_those_of_yaml_1_2() -> None:
    read = read_yaml("[047, 0140, 010, -1, +2, 1.50, .5, 1e3, 1:30, 2:20, 0x3, 0b1, 0o7, 1_000, 1.2.3]", "x").data
    assert read == [47, 140, 10, -1, 2, 1.5, 0.5, 1000.0, "1:30", "2:20", "0x3", "0b1", "0o7", "1_000", "1.2.3"]


def test_a_profile_of_json_may_write_a_character_in_two_halves() -> None:
    text = json.dumps({"code": "P-1", "condition": "ms", "enjoys": ["music \U0001f3b5"]})
    assert "\\ud83c" in text
    assert read_profile(text, "p.json", OURS, ON).keys.enjoys == ("music \U0001f3b5",)


KB = 2**18 - 2000
LOUD = {
    "unknown keys": lambda: "".join(f"k{n}: 1\n" for n in range(KB // 10)),
    "energy": lambda: "energy:\n" + "".join(f"  k{n}: 1\n" for n in range(KB // 12)),
    "experience": lambda: "experience:\n" + "".join(f"  k{n}: zz\n" for n in range(KB // 13)),
    "days": lambda: "available:\n" + "".join(f"  k{n}: 1\n" for n in range(KB // 12)),
    "times": lambda: "available:\n" + "".join(f"  {day}: [{'x, ' * 190}]\n" for day in ("mon", "tue", "wed", "thu")),
    "one key again": lambda: "age: 1\n" * (KB // 7),
    "near misses": lambda: "".join(
        f"{key}: [{', '.join(f'heat-sensitivty-{n}' for n in range(190))}]\n"
        for key in ("precautions", "cleared", "equipment", "focus")
    ),
    "an open list": lambda: "age: [" + "x, " * (KB // 3),
    "a broken end": lambda: "".join(f"k{n}: [1, 2]\n" for n in range(KB // 15)) + "x: [",
    "a broken end of 64 KB": lambda: "".join(f"k{n}: [1, 2]\n" for n in range(4000)) + "x: [",
}


@pytest.mark.parametrize("name", LOUD)
def test_256_kilobytes_of_garbage_are_refused_soon(name: str) -> None:
    text = "code: P-1\ncondition: ms\n" + LOUD[name]()
    assert len(text) < 2**18
    began = time.process_time()
    found = wrong(text)
    assert time.process_time() - began < SECONDS
    assert 0 < len(found) <= 300
    assert all(len(each) < 2000 for each in found)


# Plans that are wrong


def strange(plan: Plan) -> list[str]:
    return [str(problem) for problem in strangers(plan, OURS, "plan.json")]


def changed(plan: Plan, **keys: Any) -> Plan:
    """With other keys of the first exercise."""
    week = plan.weeks[0]
    session = week.sessions[0]
    session = replace(session, items=(replace(session.items[0], **keys), *session.items[1:]))
    return replace(plan, weeks=(replace(week, sessions=(session, *week.sessions[1:])), *plan.weeks[1:]))


def test_a_plan_of_ours_holds_nothing_strange() -> None:
    assert strange(MADE) == []


def test_what_an_amber_day_names_has_to_be_there_too() -> None:
    amber = MADE.weeks[0].sessions[0].items[0].amber
    assert amber
    (told,) = strange(changed(MADE, amber=replace(amber, exercise="sitting-talll")))
    assert "“sitting-talll”; accepted: the id of an exercise" in told
    (told,) = strange(changed(MADE, amber=replace(amber, rung=99)))
    assert "rung 99" in told


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"target": "sensry"}, "Did you mean sensory?"),
        ({"rule": "balanze"}, "the rule “balanze”; accepted: a key of rules"),
        ({"ladder": "no-ladder"}, "“no-ladder”; accepted: the id of a ladder"),
        ({"rung": 0}, "rung 0"),
    ],
)
def test_what_an_exercise_names_has_to_be_there(keys: dict[str, Any], told: str) -> None:
    assert told in strange(changed(MADE, **keys))[0]


def test_sessions_lie_in_their_week_and_weeks_follow_each_other() -> None:
    first, second, *others = MADE.weeks
    session = first.sessions[0]
    moved = replace(first, sessions=(replace(session, date=session.date + dt.timedelta(7)), *first.sessions[1:]))
    assert "accepted: a day of the week from" in strange(replace(MADE, weeks=(moved, second)))[0]
    named = replace(first, sessions=(replace(session, day="sun"), *first.sessions[1:]))
    assert "“sun” on" in strange(replace(MADE, weeks=(named,)))[0]
    assert "week 2 in place 1; accepted: 1, 2, 3" in strange(replace(MADE, weeks=(second, *others)))[0]
    late = replace(second, begins=second.begins + dt.timedelta(7), sessions=())
    assert "accepted: weeks one after the other" in strange(replace(MADE, weeks=(first, late)))[0]


@pytest.mark.parametrize("status", ["stop", "refer"])
def test_a_plan_that_stops_or_refers_has_no_session(status: str) -> None:
    assert f"{status}, and there are sessions" in strange(replace(MADE, status=status))[0]  # type: ignore[arg-type]


def test_a_ready_plan_met_no_stop_and_no_refer_that_nobody_cleared() -> None:
    met = MADE.screening[0]
    stop, refer = replace(met, severity="stop"), replace(met, severity="refer")
    assert "of severity stop, and the plan is ready" in strange(replace(MADE, screening=(stop,)))[0]
    assert "of severity refer" in strange(replace(MADE, screening=(refer,)))[0]
    assert strange(replace(MADE, screening=(replace(refer, cleared=True),))) == []


def test_a_strange_word_is_told_with_its_line() -> None:
    text = changed(MADE, target="sensry").to_json()
    (told,) = (str(each) for each in strangers(read_plan(text, "p"), OURS, "p.json", LocatedJson(text)))
    line = next(n for n, each in enumerate(text.split("\n"), start=1) if "sensry" in each)
    assert told.startswith(f"p.json:{line}: week 1, session 1, exercise 1: “sensry”")


# Precautions first


def looked_at(plan: Plan) -> Check:
    return next(each for each in checks(plan, OURS) if each.id == "precautions")


def test_a_plan_says_which_precautions_were_met() -> None:
    assert looked_at(MADE).result == "passes"
    assert looked_at(MADE).place == wording.joined(sorted(each.precaution for each in MADE.screening))
    bare = replace(OURS, planning=replace(OURS.planning, situations={}))
    person = replace(MADE, profile={"code": "P-1", "condition": "ms", "precautions": []})
    assert next(checks(person, bare)).place == "none met"


def test_a_precaution_that_was_taken_out_of_a_plan_is_missed() -> None:
    lost = looked_at(replace(MADE, screening=MADE.screening[1:]))
    assert lost.result == "fails"
    assert lost.place == f"{MADE.screening[0].precaution} is met and not in the plan"


def test_sessions_for_somebody_who_may_not_train_are_found() -> None:
    found = looked_at(replace(MADE, profile={**MADE.profile, "precautions": ["suspected_relapse"]}))
    assert (found.result, found.place) == ("fails", "the profile says stop, and there are sessions")


def test_a_profile_in_a_plan_that_cannot_be_used_fails_the_check() -> None:
    assert "cannot be used: edss: “11”" in looked_at(replace(MADE, profile={**MADE.profile, "edss": 11})).place
    assert looked_at(replace(MADE, profile={**MADE.profile, "z": "x" * 2**18})).result == "fails"
    assert looked_at(replace(MADE, profile={**MADE.profile, "helper": "\u202e\x9b"})).place.isprintable()


def test_without_a_profile_the_check_does_not_apply() -> None:
    found = looked_at(replace(MADE, profile={}))
    assert (found.result, found.place) == ("does not apply", "the plan does not say for whom it is")


def test_the_setting_of_a_profile_in_a_plan_is_one_of_ours_on_the_page() -> None:
    held = audited(replace(MADE, profile={"setting": "home\x9b2J" * 1000}), OURS)
    assert all(each.place.isprintable() and len(each.place) < 300 for each in held.cert)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(profiles())
def test_every_plan_of_ours_passes_and_holds_nothing_strange(profile: dict[str, Any]) -> None:
    assert planned(profile).sessions == () or "precautions" in profile or looked_at(planned(profile)).result == "fails"
    plan = planned({"precautions": [], **profile})
    assert looked_at(plan).result == "passes"
    assert strange(read_plan(plan.to_json(), "plan.json")) == []


# The calendar


@pytest.mark.parametrize("start", ["9999-12-20", "9999-12-31", "9999-01-01"])
def test_a_start_too_near_the_end_of_the_calendar_is_a_usage_problem(start: str, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(EXAMPLE)
    done = run("plan", "make", tmp_path / "p.yaml", "--start", start)
    assert done.returncode == 2
    assert "Invalid value for --start" in done.stderr
    assert "Traceback" not in done.stderr
    assert run("plan", "make", tmp_path / "p.yaml", "--start", "9998-12-20").returncode == 0
