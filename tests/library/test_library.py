"""The library as it ships: whole, typed, and the same for everybody."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurodash import library
from neurodash.errors import DataError
from neurodash.evidence import judge_brief
from neurodash.evidence.direction import align
from neurodash.library.reading import read_table, read_yaml
from neurodash.library.rows import Result
from neurodash.pictures import charts
from tests.conftest import clinic_brief

ON = dt.date(2026, 11, 21)


@pytest.fixture(scope="module")
def ours() -> library.Library:
    return library.load()


def test_the_tables_came_in_whole(ours: library.Library) -> None:
    # Counted in the tables as they were handed over.
    assert (len(ours.results), len(ours.reviews), len(ours.trials)) == (287, 107, 239)
    assert (len(ours.guidelines), len(ours.precautions), len(ours.instruments)) == (86, 62, 194)


def test_a_number_keeps_the_decimals_it_was_printed_with(ours: library.Library) -> None:
    assert str(ours.results["mcmanaman2024-gaitspeed"].estimate) == "0.10"
    assert charts.estimate(ours.results["corrini2023-balance"]) == "SMD\u00a00.41 (95\u00a0%\u00a0CI 0.22 to 0.59)"


def test_what_was_not_read_is_none_and_never_zero(ours: library.Library) -> None:
    wallin = ours.results["wallin2024-balancecomposite"]
    assert (wallin.search_end, wallin.k_studies, wallin.n_participants) == (None, None, None)


def test_the_two_rows_that_contradict_themselves_are_open_doubts(ours: library.Library) -> None:
    assert {r.result_id for r in ours.results.values() if r.doubts} == {
        "alashram2025-bbs",
        "lirioromero2025-balance-exergame",
    }


def test_both_briefs_have_every_part(ours: library.Library) -> None:
    assert set(ours.briefs) == {"balance-training", "resistance-training"}
    for brief in ours.briefs.values():
        assert [s.title for s in brief.action_plan] == ["Assess", "Choose", "Monitor"]
        assert len(brief.videos) == 2
        assert len(brief.mistakes) >= 5
        assert all(mistake.instead and mistake.instead.plain for mistake in brief.mistakes)
        assert len(brief.questions) >= 6
        assert "<table>" in next(s for s in brief.deep_dive if s.title == "Dosing by EDSS band").prose.html(
            lambda m: ""
        )
    assert [p.keys.name for p in ours.protocols["balance-training"].phases] == [
        "Static",
        "Dynamic",
        "Reactive",
        "Dual-task",
    ]
    assert [p.keys.name for p in ours.protocols["resistance-training"].phases] == [
        "Familiarise", "Build", "Strengthen", "Power and motor control",
    ]  # fmt: skip


def test_no_published_finding_of_ours_is_unsupported(ours: library.Library) -> None:
    keys = {v.finding.id: v.key for brief in ours.briefs.values() for v in judge_brief(brief, ours, ON)}
    assert keys == {
        "balance-scores": "supported",
        "mobility-tests": "supported",
        "session-length": "supported",
        "weekly-minutes": "partly_supported",
        "dual-task-mobility": "supported",
        "stepping": "supported",
        "gait-speed": "supported",
        "exergames": "supported",
        "strength": "supported",
        "walking-speed": "supported",
        "functional-mobility": "supported",
        "motor-control": "not_checkable",
        "fatigue": "supported",
        "quality-of-life": "not_checkable",
    }


def test_the_walking_speed_picture_takes_every_number_from_its_row(ours: library.Library) -> None:
    row = ours.results["mcmanaman2024-gaitspeed"]
    changed = row.model_copy(
        update={"estimate": Decimal("0.37"), "ci_low": Decimal("0.30"), "ci_high": Decimal("0.44")}
    )
    drawn = charts.walking_speed([changed], "alt")
    assert "0.37 m/s faster" in drawn
    assert "0.30 to 0.44" in drawn
    assert "0.10" not in drawn


def test_no_text_of_a_row_can_break_out_of_a_picture(ours: library.Library) -> None:
    row = ours.results["mcmanaman2024-gaitspeed"]
    nasty = row.model_copy(update={"unit": "m/s</text></svg><script>x</script>", "citation": "<b>A</b> et al. 2024"})
    drawn = charts.walking_speed([nasty], '"><script>')
    assert "<script" not in drawn
    assert drawn.count("</svg>") == 1


def test_a_ratio_of_zero_is_not_drawn_on_a_logarithmic_axis(ours: library.Library) -> None:
    row = ours.results["abou2022-fallers-home"]
    assert align(row, False) is not None
    assert align(row.model_copy(update={"ci_low": Decimal(0)}), False) is None


def test_the_version_changes_with_any_byte_and_with_nothing_else(content: Path) -> None:
    first = library.load([content]).version
    assert library.load([content]).version == first == library.load().version
    file = content / "ms" / "condition.yaml"
    file.write_text(file.read_text().replace("Multiple sclerosis", "Multiple Sclerosis"))
    assert library.load([content]).version != first


def test_a_clinic_s_folder_stands_beside_ours(tmp_path: Path) -> None:
    brief = clinic_brief(tmp_path / "clinic", "gaze-training") / "brief.md"
    brief.write_text(brief.read_text().replace("related: [resistance-training]", "related: [balance-training]"))
    both = library.load([library.CONTENT, tmp_path / "clinic"])
    assert set(both.briefs) == {"balance-training", "resistance-training", "gaze-training"}
    assert both.version != library.load().version


def test_a_slug_that_both_folders_use_is_named(tmp_path: Path) -> None:
    own = tmp_path / "clinic" / "ms" / "balance-training"
    own.mkdir(parents=True)
    for name in ("brief.md", "findings.yaml"):
        (own / name).write_text((library.CONTENT / "ms" / "balance-training" / name).read_text())
    with pytest.raises(DataError, match="the brief “balance-training” again"):
        library.load([library.CONTENT, tmp_path / "clinic"])


def test_everything_loaded_is_frozen(ours: library.Library) -> None:
    for thing, name in (
        (ours, "version"),
        (ours.briefs["balance-training"], "title"),
        (next(iter(ours.results.values())), "year"),
    ):
        with pytest.raises((AttributeError, TypeError, ValueError)):
            setattr(thing, name, "other")


# Whatever is thrown at the readers, they answer with rows and problems, never with a traceback.


@given(st.text(max_size=400))
def test_any_text_read_as_a_table_gives_rows_or_problems(text: str) -> None:
    rows, problems = read_table(text, "t.csv", Result)
    assert rows == [] or not any(problem.where == "t.csv:1" for problem in problems)
    assert all(str(problem).startswith("t.csv:") for problem in problems)


@given(st.text(alphabet="ab:-[]{}\n '\"#&*!|>%@`,?\t1", max_size=120))
def test_any_text_read_as_yaml_is_data_or_a_problem_with_a_line(text: str) -> None:
    try:
        read_yaml(text, "f.yaml")
    except DataError as error:
        assert all(str(problem).startswith("f.yaml:") for problem in error.problems)
