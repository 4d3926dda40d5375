"""Every way a library can be broken is one clear line: file, line, what is wrong, what is accepted."""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from neurodash import library
from neurodash.errors import DataError
from tests.conftest import run

BRIEF = "ms/balance-training/brief.md"
FINDINGS = "ms/balance-training/findings.yaml"
REVIEWS = "evidence/reviews.csv"


def edit(name: str, old: str, new: str) -> Callable[[Path], None]:
    def apply(content: Path) -> None:
        file = content / name
        text = file.read_text(encoding="utf-8")
        assert old in text, f"{old!r} is no longer in {name}"
        file.write_text(text.replace(old, new, 1), encoding="utf-8")

    return apply


def write(name: str, data: bytes) -> Callable[[Path], None]:
    def apply(content: Path) -> None:
        (content / name).parent.mkdir(parents=True, exist_ok=True)
        (content / name).write_bytes(data)

    return apply


def cell(row: str, column: str, value: str) -> Callable[[Path], None]:
    """Put `value` into one cell of reviews.csv."""

    def apply(content: Path) -> None:
        import csv

        file = content / REVIEWS
        with file.open(newline="", encoding="utf-8") as table:
            rows = list(csv.DictReader(table))
        next(r for r in rows if r["result_id"] == row)[column] = value
        with file.open("w", newline="", encoding="utf-8") as table:
            writer = csv.DictWriter(table, rows[0].keys(), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)

    return apply


def big(content: Path) -> None:
    with (content / BRIEF).open("ab") as file:
        file.truncate(50 * 2**20)


def leaving_link(content: Path) -> None:
    (content.parent / "secret.png").write_bytes(b"x")
    os.symlink(content.parent / "secret.png", content / "ms/balance-training/inside.png")


CASES = {
    "broken YAML": (edit(FINDINGS, "findings:\n", "findings: [\n"), FINDINGS, "broken YAML"),
    "a tab in YAML": (edit(FINDINGS, "    claim:", "\tclaim:"), FINDINGS, "broken YAML"),
    "a key twice": (edit(FINDINGS, "      says: improves\n", "      says: improves\n      says: improves\n"), FINDINGS, "the key “says” twice"),
    "a YAML bomb": (edit("ms/condition.yaml", "name: Multiple sclerosis", "name: &a [x]\nshort: *a"), "ms/condition.yaml:2", "anchor"),
    "a YAML tag": (edit("ms/condition.yaml", "id: ms", "id: !!python/object/apply:os.system [echo]"), "ms/condition.yaml:1", "accepted"),
    "a wrong type": (edit(BRIEF, "videos:\n", "videos: none\nold:\n"), BRIEF, "videos"),
    "an unknown key": (edit(BRIEF, "summary:", "sumary:"), BRIEF + ":3", "Did you mean summary?"),
    "a date that is none": (edit(BRIEF, "published: 2026-11-21", "published: 2026-13-01"), BRIEF, "published"),
    "updated before published": (edit(BRIEF, "updated: 2026-11-21", "updated: 2020-01-01"), BRIEF + ":5", "not before published"),
    "no front matter": (edit(BRIEF, "---\n", ""), BRIEF + ":1", "no front matter"),
    "an unknown says": (edit(FINDINGS, "says: improves", "says: improve"), FINDINGS, "Did you mean improves?"),
    "an unknown training": (edit(FINDINGS, "intervention: [balance]", "intervention: [balanse]"), FINDINGS, "Did you mean balance?"),
    "an unknown outcome": (edit(FINDINGS, "outcome: stepping", "outcome: steping"), FINDINGS, "Did you mean stepping?"),
    "a cited result that does not exist": (edit(FINDINGS, "corrini2023-balance]", "corrini2023-balanse]"), FINDINGS, "Did you mean corrini2023-balance?"),
    "a cited result about something else": (edit(FINDINGS, "cites: [wallin2024-mobility]", "cites: [wallin2024-stepping]"), FINDINGS, "about something else"),
    "sizes that are not neighbours": (edit(FINDINGS, "size: [small, moderate]", "size: [small, large]"), FINDINGS, "two that are neighbours"),
    "a dose where none belongs": (edit(FINDINGS, "says: improves\n", "says: improves\n      dose: weeks\n"), FINDINGS, "only there"),
    "a finding twice": (edit(FINDINGS, "- id: stepping", "- id: gait-speed"), FINDINGS, "“gait-speed” again"),
    "a number in a statement": (edit(FINDINGS, "Tests of mobility improve a little at most.", "Tests of mobility improve by 0.19."), FINDINGS, "a number is typed"),
    "a size word the claim does not make": (edit(FINDINGS, "Tests of mobility improve a little at most.", "Tests of mobility improve by a large amount."), FINDINGS, "the word “large”"),
    "a dangling related brief": (edit(BRIEF, "related: [resistance-training]", "related: [resistence-training]"), BRIEF, "Did you mean resistance-training?"),
    "missing alt text": (edit(BRIEF, "  alt: ", "  nothing: "), BRIEF, "accepted"),
    "an empty alt text": (edit(BRIEF, "## Questions", "![](x.png)\n\n## Questions"), BRIEF, "a picture without alt text"),
    "HTML in Markdown": (edit(BRIEF, "Screen first", "Screen <b>first</b>"), BRIEF, "HTML in Markdown: <b>"),
    "a script in Markdown": (edit(BRIEF, "## Questions", "<script>alert(1)</script>\n\n## Questions"), BRIEF, "HTML in Markdown"),
    "a link that runs code": (edit(BRIEF, "Screen first", "Screen [first](data:text/html,x)"), BRIEF, "accepted"),
    "an image outside the folder": (edit(BRIEF, "## Questions", "![a](../../evidence/x.png)\n\n## Questions"), BRIEF, "the name of a file beside brief.md"),
    "an image elsewhere on the web": (edit(BRIEF, "## Questions", "![a](https://example.org/x.png)\n\n## Questions"), BRIEF, "the name of a file beside brief.md"),
    "a link that leaves the folder": (leaving_link, "ms/balance-training/inside.png", "a link that leaves the folder"),
    "a 50 MB file": (big, BRIEF, "a file of 50 MB; accepted: at most 256 KB"),
    "invalid UTF-8": (write(FINDINGS, b"findings:\n  - id: \xff\n"), FINDINGS + ":2", "not UTF-8: byte 0xff"),
    "a NUL character": (write(FINDINGS, b"findings:\n\0\n"), FINDINGS + ":2", "a NUL character"),
    "an unknown mark": (edit(BRIEF, "{{ expert }}", "{{ exprt }}"), BRIEF, "Did you mean expert?"),
    "a mark to a row that does not exist": (edit(BRIEF, "{{ precaution P01 }}", "{{ precaution P99 }}"), BRIEF, "which does not exist"),
    "a result mark without a number": (edit(BRIEF, "{{ review corrini2023 }}", "{{ result wallin2024-stepping }}"), BRIEF, "which has no number"),
    "a result mark in doubt": (edit(BRIEF, "{{ review corrini2023 }}", "{{ result alashram2025-bbs }}"), BRIEF, "whose row is in doubt"),
    "an instrument value that was not read": (edit(BRIEF, "{{ instrument TUG-mcid-improve-1 }}", "{{ instrument BBS-mdc95-1 }}"), BRIEF, "was not read"),
    "a missing section": (edit(BRIEF, "## Common mistakes", "## Frequent mistakes"), BRIEF, "no section “Common mistakes”"),
    "a missing part": (edit(BRIEF, "### Monitor", "### Watch"), BRIEF, "Assess, Choose, Dose, Progress, Monitor"),
    "a mistake without a way out": (edit(BRIEF, "**Instead:**", "Rather:"), BRIEF, "a mistake without a way out"),
    "an unknown file": (write("ms/balance-training/findings.yml", b""), "ms/balance-training/findings.yml", "an unknown file"),
    "a file name that is not UTF-8": (lambda c: (c / "ms" / os.fsdecode(b"x\xff.md")).touch(), "ms/x", "a file name that cannot be printed"),
    "no findings": (lambda c: (c / FINDINGS).unlink(), FINDINGS, "no such file"),
    "no condition": (lambda c: (c / "ms/condition.yaml").unlink(), BRIEF, "a condition.yaml in its folder"),
    "an unknown column": (edit(REVIEWS, "search_end,", "search_ended,"), REVIEWS + ":1", "Did you mean search_end?"),
    "a missing column": (edit(REVIEWS, "effect_metric,", "metric,"), REVIEWS + ":1", "no column “effect_metric”"),
    "a row with too many cells": (edit(REVIEWS, "aancbt2025-fatigue,", "aancbt2025-fatigue,extra,"), REVIEWS + ":2", "cells; accepted"),
    "a duplicate id": (cell("aancbt2025-qol", "result_id", "aancbt2025-fatigue"), REVIEWS + ":3", "the id “aancbt2025-fatigue” again"),
    "a text in a number column": (cell("aancbt2025-qol", "k_studies", "four"), REVIEWS + ":3: k_studies", "“four”; accepted: a whole number"),
    "a number that is not finite": (cell("aancbt2025-qol", "estimate", "NaN"), REVIEWS + ":3: estimate", "a finite number"),
    "a number that would fill a page": (cell("aancbt2025-qol", "estimate", "1e999999999"), REVIEWS + ":3: estimate", "a number below 1,000,000,000"),
    "YAML nested without end": (write("ms/condition.yaml", b"[" * 20_000), "ms/condition.yaml:1", "accepted"),
    "an interval upside down": (cell("aancbt2025-qol", "ci_low", "0.9"), REVIEWS + ":3", "ci_low not above ci_high"),
    "a wrong word": (cell("aancbt2025-qol", "favours", "interventon"), REVIEWS + ":3: favours", "Did you mean intervention?"),
    "a date read wrongly": (cell("aancbt2025-qol", "search_end", "Sept 2024"), REVIEWS + ":3: search_end", "2024-08"),
    "an unknown class": (cell("aancbt2025-qol", "intervention_class", "cbd"), REVIEWS + ":3: intervention_class", "Did you mean cbt?"),
    "years that differ in one review": (cell("aancbt2025-qol", "year", "2024"), REVIEWS + ":3: year", "2025"),
    "an open quote": (write("evidence/retractions.csv", b'doi,date,kind,source\n"10.1000/x,2024-01-01\n'), "evidence/retractions.csv:2", "broken CSV"),
    "an empty table": (write("evidence/retractions.csv", b""), "evidence/retractions.csv:1", "an empty file"),
    "a mark that is not closed": (edit(BRIEF, "{{ precaution P01 }}", "{{ precaution P01 }"), BRIEF, "a mark that is not closed"),
    "no finding at all": (write(FINDINGS, b"findings: []\n"), FINDINGS + ":1", "no findings"),
    "a text that calls itself a picture": (write("ms/balance-training/x.png", b"words"), "ms/balance-training/x.png", "a file that is no picture"),
    "an unknown population": (edit(FINDINGS, "population: ms", "population: mss"), FINDINGS + ":5: balance-scores: population", "Did you mean ms?"),
    "an unknown measure": (edit(FINDINGS, "says: improves\n", "says: improves\n      measures: [Berg Balance Scal]\n"), FINDINGS + ":9: balance-scores: measures", "Did you mean berg balance scale?"),
    "a stage without its way back": (edit(BRIEF, "    back: ", "    bakc: "), BRIEF, "“stages.0.back” is missing"),
    "a date that only a parser understands": (cell("aancbt2025-qol", "search_end", "20240831"), REVIEWS + ":3: search_end", "2024-08"),
    "text that no part of the page would show": (edit(BRIEF, "## Questions\n", "## Questions\n\nSomething {{ result nope }}.\n"), BRIEF, "and its first part"),
    "a block of code": (edit(BRIEF, "## Questions", "```\nSMD 0.46 (0.18 to 0.74)\n```\n\n## Questions"), BRIEF, "a block of code"),
    "an effect in the title": (edit(BRIEF, "title: Balance training", "title: Balance improves by 46% with training"), BRIEF + ":2: title", "an effect is typed"),
    "a control character in YAML": (edit(FINDINGS, "Tests of mobility", "Tests\x0c of mobility"), FINDINGS, "a control character"),
    "a value that YAML cannot make": (edit(FINDINGS, "says: improves", "says: !!int ''"), FINDINGS, "the tag"),
    "a picture with a name no address can carry": (write("ms/balance-training/é.png", b"\x89PNG"), "ms/balance-training/é.png", "a picture named"),
    "a condition where the site has a page": (lambda c: (c / "ms").rename(c / "about"), "about/condition.yaml", "where the site has a page"),
    "a link to itself": (lambda c: os.symlink("loop.png", c / "ms/balance-training/loop.png"), "ms/balance-training/loop.png", "accepted"),
    "an effect typed": (edit(BRIEF, "Screen first", "The effect is SMD 0.46 {{ expert }}. Screen first"), BRIEF, "an effect is typed: “SMD 0.46"),
    "a number without a source": (edit(BRIEF, "## Questions", "Rest for 90 seconds.\n\n## Questions"), BRIEF, "a number without a source"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_broken_library_is_one_clear_line(name: str, content: Path) -> None:
    spoil, where, told = CASES[name]
    spoil(content)
    with pytest.raises(DataError) as caught:
        library.load([content])
    lines = [str(problem) for problem in caught.value.problems]
    assert any(f"{content}/{where}" in line and told in line for line in lines), "\n".join(lines)
    assert all(re.search(r"; accepted: \S", line) for line in lines)
    assert all("\n" not in line for line in lines)


def test_a_day_that_has_not_come_is_named_where_the_day_is_known(content: Path) -> None:
    edit(BRIEF, "checked: 2026-11-21", "checked: 2030-11-21")(content)
    library.load([content])
    with pytest.raises(DataError, match=r"brief\.md:6: checked: 2030-11-21; accepted: a day that has come"):
        library.load([content], on=dt.date(2026, 11, 21))


def test_a_wrong_word_inside_a_list_is_told_once(content: Path) -> None:
    CASES["a stage without its way back"][0](content)
    with pytest.raises(DataError) as caught:
        library.load([content])
    assert not [line for line in map(str, caught.value.problems) if "at least 1 of them" in line]


def test_every_problem_is_told_at_once_in_the_order_of_the_files(content: Path) -> None:
    for name in ("an unknown key", "an unknown says", "a wrong word"):
        CASES[name][0](content)
    with pytest.raises(DataError) as caught:
        library.load([content])
    files = [problem.where.removeprefix(f"{content}/").split(":")[0] for problem in caught.value.problems]
    assert {REVIEWS, BRIEF, FINDINGS} <= set(files)
    assert files == sorted(files)


def test_check_exits_1_and_prints_the_list_without_a_traceback(content: Path) -> None:
    CASES["an unknown key"][0](content)
    (content / "ms").rename(content / "nn")  # no clash with our own condition
    done = run("library", "check", "--content", content)
    assert done.returncode == 1
    assert "Did you mean summary?" in done.stderr
    assert "Traceback" not in done.stderr


def test_serve_refuses_with_the_same_list(content: Path, tmp_path: Path) -> None:
    CASES["an unknown key"][0](content)
    checked = run("library", "check", "--content", content)
    served = run("serve", "--port", "1", "--content", content, env={"NEURODASH_DATA": str(tmp_path / "data")})
    assert served.returncode == checked.returncode == 1
    assert served.stderr == checked.stderr


def test_check_lists_open_doubts_and_passes() -> None:
    done = run("library", "check")
    assert done.returncode == 0
    assert "2 open doubts" in done.stdout
    assert "reviews.csv:9: alashram2025-bbs: marked not significant" in done.stdout


def test_a_new_brief_passes_the_check_but_for_its_blanks(tmp_path: Path) -> None:
    made = run("library", "new", "brief", "gaze-training", "--in", tmp_path / "own")
    assert made.returncode == 0, made.stderr
    checked = run("library", "check", "--content", tmp_path / "own")
    assert checked.returncode == 1
    lines = checked.stderr.strip().splitlines()[:-1]
    assert lines
    assert all("a blank: " in line for line in lines), checked.stderr
    for file in (tmp_path / "own").rglob("*.*"):
        file.write_text(file.read_text().replace("TO FILL", "Words"))
    assert run("library", "check", "--content", tmp_path / "own").returncode == 0


def test_a_new_brief_never_writes_over_one_that_exists(tmp_path: Path) -> None:
    (tmp_path / "ms" / "gaze").mkdir(parents=True)
    (tmp_path / "ms" / "gaze" / "brief.md").write_text("mine")
    done = run("library", "new", "brief", "gaze", "--in", tmp_path)
    assert done.returncode == 2
    assert (tmp_path / "ms" / "gaze" / "brief.md").read_text() == "mine"
    assert run("library", "new", "brief", "../../evil", "--in", tmp_path).returncode == 2
    unknown = run("library", "new", "brief", "gaze-2", "--condition", "msx", "--in", tmp_path)
    assert unknown.returncode == 2
    assert "Did you mean ms?" in unknown.stderr
