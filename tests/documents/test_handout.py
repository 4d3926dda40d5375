"""The sheet that a person takes home: tagged, readable without colour or phone, and never more than the plan."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from neurodash.documents.handout import PAPERS, pdf
from neurodash.errors import DataError
from neurodash.library import reading_level
from neurodash.planning.handout import Handout, Signed, amount, handout
from neurodash.planning.plan import Dose
from tests.conftest import run
from tests.pdf import opened, tags
from tests.planning.guarantees import planned
from tests.planning.people import OURS, profiles
from tests.planning.test_people import HOME

ANNA: dict[str, Any] = {
    **HOME, "edss": 3.5, "focus": ["balance", "resistance"], "goals": [{"text": "carry shopping up the path"}],
    "precautions": ["heat-sensitivity"], "strength": {"dorsiflexion-left": "3+", "dorsiflexion-right": "4"},
}  # fmt: skip
SIGNED = Signed("Dr. A. Example", "+49 30 123456")


def sheet(week: int = 1, **known: Any) -> Handout:
    return handout(planned({**ANNA, **known}), OURS, week, SIGNED)


def text_of(data: bytes) -> str:
    return re.sub(r"\s+", " ", " ".join(page.extract_text() for page in opened(data).pages))


@pytest.fixture(scope="module")
def printed() -> bytes:
    return pdf(sheet(), OURS)


def test_the_file_has_title_language_and_tags_in_the_order_of_reading(printed: bytes) -> None:
    reader = opened(printed)
    root = reader.trailer["/Root"]
    assert reader.metadata is not None and reader.metadata.title == "Your exercises, week 1"
    assert root["/Lang"] == "en"
    assert root["/MarkInfo"]["/Marked"]
    assert b"pdfuaid" in root["/Metadata"].get_object().get_data()
    kinds = [kind for kind, _ in tags(root["/StructTreeRoot"])]
    heads = [kind for kind in kinds if kind in ("/H1", "/H2", "/H3")]
    assert heads[:3] == ["/H1", "/H2", "/H2"]
    assert heads.count("/H1") == 1
    entries = [entry for session in sheet().sessions for entry in session.entries]
    assert kinds.count("/H3") >= len(entries)
    assert kinds.index("/H1") < kinds.index("/Figure") < len(kinds)
    text = text_of(printed)
    found = [text.index(f"{entry.number}. {entry.name}") for entry in entries]
    assert found == sorted(found)


def test_every_picture_has_its_instruction_as_words(printed: bytes) -> None:
    alternatives = [alt for kind, alt in tags(opened(printed).trailer["/Root"]["/StructTreeRoot"]) if kind == "/Figure"]
    expected = [
        frame.says
        for session in sheet().sessions
        for entry in session.entries
        for frame in (*OURS.exercises.frames[entry.exercise], *OURS.exercises.frames.get(entry.easier, ())[-1:])
    ]
    assert sorted(filter(None, alternatives)) == sorted(expected)


def test_what_a_person_needs_stands_on_it(printed: bytes) -> None:
    text = text_of(printed)
    for told in (
        "carry shopping up the path", "Dr. A. Example", "+49 30 123456", "minutes a day", "How is today?", "Green", "Amber",
        "Red", "Stop and call", "gone in 2 days", "Two kinds of tired", "Going up:", "Going back:", "Tick what you did",
        "Keep the room cool", "You need:", "set beforehand by:", "Begin with the left side",
    ):  # fmt: skip
        assert told in text, told


@pytest.mark.parametrize("paper", PAPERS)
@pytest.mark.parametrize("large", [False, True])
def test_both_papers_and_sizes(paper: Any, large: bool) -> None:
    reader = opened(pdf(sheet(), OURS, paper, large))
    width, height = {"a4": (595.28, 841.89), "us-letter": (612, 792)}[paper]
    assert {(round(float(p.mediabox.width), 2), round(float(p.mediabox.height), 2)) for p in reader.pages} == {
        (width, height)
    }
    sizes: list[float] = []
    for page in reader.pages:
        page.extract_text(
            visitor_text=lambda text, _, tm, __, size: sizes.extend([abs(tm[3] * size)] * len(text.strip()))
        )
    body = sorted(sizes)[len(sizes) // 2]
    assert body == pytest.approx(18 if large else 14, abs=0.1)
    assert all(len(page.extract_text().strip()) > 100 for page in reader.pages), "an empty page"


def test_the_same_sheet_is_the_same_file_and_carries_no_date(printed: bytes) -> None:
    assert pdf(sheet(), OURS) == printed
    assert not {"/CreationDate", "/ModDate"} & set(opened(printed).metadata or {})


def test_words_are_never_part_of_the_source() -> None:
    goal = '#panic("x") *not bold* $x$ @ref ]#eval("1")'
    assert '#panic("x") *not bold* $x$ @ref ]#eval("1")' in text_of(pdf(sheet(goals=[{"text": goal}]), OURS))


def test_letters_of_many_languages_are_printed_and_those_without_a_font_named() -> None:
    for goal in ("Żółty", "čšž", "Ђорђе", "Ωμέγα", "½ “walk”", "naïve"):
        assert goal in text_of(pdf(sheet(goals=[{"text": goal}]), OURS))
    with pytest.raises(DataError) as error:
        pdf(sheet(goals=[{"text": "hike ⛰ again"}]), OURS)
    assert "for which there is no font" in str(error.value.problems[0])


def test_a_code_to_the_same_exercises_only_where_there_is_a_page() -> None:
    def figures(address: str) -> list[str | None]:
        root = opened(pdf(sheet(), OURS, address=address)).trailer["/Root"]
        return [alt for kind, alt in tags(root["/StructTreeRoot"]) if kind == "/Figure"]

    assert "The same on your phone" not in figures("")
    assert "The same on your phone" in figures("https://desk.example.org/exercises/")


def test_an_exercise_that_is_the_same_on_several_days_stands_on_the_sheet_once() -> None:
    made = sheet(week=5)
    for session in made.sessions:
        told = [(entry.exercise, entry.green) for entry in session.entries]
        assert len(told) == len(set(told))
    assert sum(len(session.entries) for session in made.sessions) < sum(
        len(session.items) for session in planned(ANNA).weeks[4].sessions
    )


def test_weeks_with_the_same_sessions_share_a_sheet_and_each_has_its_log() -> None:
    plan = planned({"code": "P-1", "condition": "ms", "focus": ["balance"]})  # nothing known: the same for long
    first = handout(plan, OURS)
    assert len(first.weeks) > 1
    assert first.ends == plan.start + dt.timedelta(days=7 * len(first.weeks) - 1)
    text = text_of(pdf(first, OURS))
    assert all(f"Week {number}: what you did" in text for number in first.weeks)


def test_more_than_five_exercises_are_a_warning_to_the_clinician_and_not_on_paper() -> None:
    day = {"mon": ["08:00-10:00"]}
    crowded = sheet(available=day, minutes_per_week=120)
    assert any("above 5" in each for each in crowded.warnings)
    assert "people do fewer" not in text_of(pdf(crowded, OURS))


def test_who_may_not_train_gets_no_sheet_and_is_told_what_to_do() -> None:
    with pytest.raises(DataError) as error:
        sheet(precautions=["suspected-relapse"])
    assert "stop" in str(error.value.problems[0])
    with pytest.raises(DataError):
        sheet(week=13)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(profiles(hard=False))
def test_amber_is_less_than_green_red_is_nothing_and_the_words_are_plain(data: dict[str, Any]) -> None:
    plan = planned(data)
    if not plan.weeks:
        return
    made = handout(plan, OURS)
    entries = [entry for session in made.sessions for entry in session.entries]
    pairs = []
    for session in plan.weeks[0].sessions:
        day = session.date.weekday()
        for item in session.items:
            own = [e for e in entries if e.exercise == item.exercise and day in e.days]
            assert own, f"{item.exercise} on {session.day} is not on the sheet"
            pairs += [(e, item) for e in own if len(own) == 1]
    for entry, item in pairs:
        assert entry.red == ("Do not do it",)
        assert item.amber is not None
        assert item.amber.dose.volume < item.dose.volume
        told = amount(item.dose, OURS.exercises.exercises[item.exercise])
        assert entry.green[-len(told) :] == told
        assert (item.says.rstrip(".") in entry.green) == bool(item.says)
        if item.says and item.amber.exercise == item.exercise and item.amber.rung < item.rung:
            assert entry.amber[0] != entry.green[0], "the easier form has words of its own"
        for line in entry.today:
            plain = re.sub(r"\b(Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b", "day", line)  # everybody knows these
            assert reading_level.grade(plain) <= reading_level.MAX_GRADE + 2, line


@pytest.mark.parametrize(
    ("dose", "told"),
    [
        (Dose(2, 8, 12, "reps", rest=150), ("8 to 12 times", "2 rounds", "Rest 2½ minutes between")),
        (Dose(1, 10, 10, "reps", hold=3), ("10 times", "Hold for 3 seconds")),
        (Dose(3, 20, 20, "seconds", rest=45), ("20 seconds", "3 rounds", "Rest 45 seconds between")),
        (Dose(1, 2, 2, "minutes", rest=60, bouts=3), ("2 minutes", "3 short turns", "Rest 1 minute between")),
        (Dose(1, 1, 1, "reps"), ("1 time",)),
        (Dose(1, 1, 1, "minutes"), ("1 minute",)),
    ],
)
def test_an_amount_in_plain_words(dose: Dose, told: tuple[str, ...]) -> None:
    assert amount(dose, OURS.exercises.exercises["bridge"]) == told


def test_the_command_writes_it_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(json.dumps(ANNA))
    done = run(
        "plan",
        "make",
        tmp_path / "p.json",
        "--pdf",
        tmp_path / "s.pdf",
        "--large-print",
        "--paper",
        "us-letter",
        "--clinician",
        "Dr. B",
    )
    assert done.returncode == 0, done.stderr
    assert "Dr. B" in text_of((tmp_path / "s.pdf").read_bytes())
    done = run("plan", "make", tmp_path / "p.json", "--pdf", tmp_path / "none" / "s.pdf")
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    (tmp_path / "p.json").write_text(json.dumps({**ANNA, "precautions": ["pregnancy", "suspected-relapse"]}))
    done = run("plan", "make", tmp_path / "p.json", "--pdf", tmp_path / "t.pdf")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "t.pdf").exists()
    assert "What to do now" in done.stdout
