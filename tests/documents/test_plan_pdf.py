"""A plan on paper for the clinician: every week, every exercise, every reason, and who signed it."""

from __future__ import annotations

import datetime as dt
import json
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from neurodash.documents.paper import PAGE_SIZES
from neurodash.documents.plan import pdf
from neurodash.planning.plan import Plan
from tests.conftest import run
from tests.documents.test_handout import ANNA
from tests.pdf import opened, print_sizes, tags, words
from tests.planning.guarantees import planned
from tests.planning.people import ON, OURS, profiles

SIGNED = "Version 3, signed by Dr A. Example on 20 November 2026."


@cache
def annas() -> Plan:
    return planned(ANNA)


@cache
def printed() -> bytes:
    return pdf(annas(), OURS, on=ON, signed=SIGNED)


def test_it_is_tagged_and_read_in_the_order_in_which_a_clinician_thinks() -> None:
    reader = opened(printed())
    root = reader.trailer["/Root"]
    assert reader.metadata is not None and reader.metadata.title == "Twelve weeks for P-1"
    assert root["/Lang"] == "en-GB"
    assert b"pdfuaid" in root["/Metadata"].get_object().get_data()
    kinds = [kind for kind, _ in tags(root["/StructTreeRoot"])]
    assert kinds.count("/H1") == 1
    told = words(printed())
    parts = ("Precautions that apply", "Targets", "The weeks", "Exercises", "Why all of it", "Not chosen, and why", "Checked against",
             "Doses that were tested", "Up, stay, back", "Test again", "What to teach", "What a report would need")  # fmt: skip
    found = [told.index(each) for each in parts]
    assert found == sorted(found)


def test_every_week_exercise_amount_and_bad_day_is_on_it() -> None:
    plan, told = annas(), words(printed())
    for week in plan.weeks:
        assert f"Week {week.number}, from" in told
        for session in week.sessions:
            for item in session.items:
                assert item.name in told
                assert item.dose.told in told
                assert not item.says or item.says.rstrip(".") in told
                assert item.amber is None or item.amber.dose.told in told


def test_every_second_task_and_every_effort_is_on_it_with_its_weeks() -> None:
    told = words(printed())
    items = [item for session in annas().sessions for item in session.items]
    assert {item.dual_task for item in items} - {""}
    for each in {item.dual_task.rstrip(".") for item in items} | {item.effort.rstrip(".") for item in items}:
        assert each in told


def test_each_exercise_has_its_pictures_once_with_their_words() -> None:
    alternatives = [
        alt for kind, alt in tags(opened(printed()).trailer["/Root"]["/StructTreeRoot"]) if kind == "/Figure"
    ]
    used = dict.fromkeys(item.exercise for session in annas().sessions for item in session.items)
    expected = [frame.says for name in used for frame in OURS.exercises.frames[name]]
    assert [alt for alt in alternatives if alt in set(expected)] == expected


def test_every_reason_check_and_refusal_is_told() -> None:
    plan, told = annas(), words(printed()).casefold()
    names = {n for s in plan.sessions for n in (*s.because, *(r for i in s.items for r in i.because))}
    for name in names & plan.reasons.keys():
        assert re.sub(r"\s+", " ", plan.reasons[name].says.rstrip(".")).casefold() in told
    for each in plan.not_chosen:
        assert each.what.casefold() in told
    for check in plan.checks:
        assert check.name.casefold() in told
    for item in plan.cert:
        assert item.name.casefold() in told
    for test in plan.retests:
        assert test.name.casefold() in told
    for target in plan.targets:
        assert target.name.casefold() in told


def test_what_is_different_from_the_week_before_is_marked_in_words() -> None:
    plan, told = annas(), words(printed())
    first, second = told.index("Week 1, from"), told.index("Week 2, from")
    assert " new " not in told[first:second]
    assert " changed " not in told[first:second]
    new = next(
        (week.number, item.name)
        for before, week in zip(plan.weeks, plan.weeks[1:], strict=False)
        for session in week.sessions
        for item in session.items
        if item.exercise not in {i.exercise for s in before.sessions for i in s.items}
    )
    stretch = told[told.index(f"Week {new[0]}, from") : told.index(f"Week {new[0] + 1}, from")]
    assert re.search(rf"new \d+\. {re.escape(new[1])}", stretch)
    still = replace(plan, weeks=(plan.weeks[0], replace(plan.weeks[0], number=2)))
    assert "The exercises and amounts of week 1." in words(pdf(still, OURS, on=ON))


def test_who_signed_which_version_stands_on_the_first_page_and_that_nobody_did_too() -> None:
    assert SIGNED in re.sub(r"\s+", " ", opened(printed()).pages[0].extract_text())
    assert "Not signed." in words(pdf(annas(), OURS, on=ON))


def test_the_library_of_the_plan_and_the_day_stand_on_each_page() -> None:
    adapted = replace(annas(), library="0123456789abcdef+abcdefgh.2")
    for page in opened(pdf(adapted, OURS, on=dt.date(2026, 12, 1))).pages:
        assert "library 0123456789abcdef+abcdefgh.2 · 1 December 2026" in re.sub(r"\s+", " ", page.extract_text())


def test_a_plan_that_stops_says_what_to_do_now_and_has_no_week() -> None:
    told = words(pdf(planned({**ANNA, "precautions": ["suspected-relapse"]}), OURS, on=ON))
    assert "Stop: no training today" in told
    assert "Week 1" not in told
    assert "Exercises" not in told


def test_safety_questions_that_were_not_asked_are_a_warning() -> None:
    told = words(pdf(planned({"code": "P-1", "condition": "ms", "focus": ["balance"]}), OURS, on=ON))
    assert "The safety questions were not asked." in told
    assert "The safety questions were not asked." not in words(printed())


def test_words_are_never_part_of_the_source_and_what_the_library_does_not_know_is_told_without_a_picture() -> None:
    hostile = '#panic("x") *not bold* $x$ @ref ]#eval("1")'
    plan = planned({**ANNA, "goals": [{"text": hostile}]})
    week = plan.weeks[0]
    session = week.sessions[0]
    stranger = replace(session.items[0], exercise="no-such-exercise", name="Something of our own", because=("no-such",))
    plan = replace(
        plan,
        weeks=(replace(week, sessions=(replace(session, items=(stranger,)),)),),
        rules={**plan.rules, "own": next(iter(plan.rules.values()))},
    )
    told = words(pdf(plan, OURS, on=ON))
    assert hostile in told
    assert "Something of our own" in told


@pytest.mark.parametrize("paper", PAGE_SIZES)
@pytest.mark.parametrize("large", [False, True])
def test_both_papers_and_both_sizes_of_print(paper: str, large: bool) -> None:
    made = pdf(annas(), OURS, on=ON, paper=paper, large=large)
    pages = opened(made).pages
    assert round(float(pages[0].mediabox.width)) == {"a4": 595, "us-letter": 612}[paper]
    assert all(len(page.extract_text().strip()) > 60 for page in pages), "an empty page"
    letters = print_sizes(made)
    assert letters.count(18 if large else 11) > len(letters) / 4


def test_the_same_plan_of_the_same_day_is_the_same_file() -> None:
    assert pdf(annas(), OURS, on=ON, signed=SIGNED) == printed()
    assert not {"/CreationDate", "/ModDate"} & set(opened(printed()).metadata or {})


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(profiles())
def test_any_plan_that_we_make_can_be_printed(data: dict[str, Any]) -> None:
    plan = planned(data)
    told = words(pdf(plan, OURS, on=ON))
    assert all(f"Week {week.number}, from" in told for week in plan.weeks)


def test_the_command_writes_it_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(json.dumps(ANNA))
    done = run("plan", "make", tmp_path / "p.json", "--report", tmp_path / "r.pdf", "--paper", "us-letter")
    assert done.returncode == 0, done.stderr
    assert "Twelve weeks for P-1" in words((tmp_path / "r.pdf").read_bytes())
    done = run("plan", "make", tmp_path / "p.json", "--report", tmp_path / "none" / "r.pdf")
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
