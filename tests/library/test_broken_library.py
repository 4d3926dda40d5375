"""Every way a library can be broken is one clear line: file, line, what is wrong, what is accepted."""

from __future__ import annotations

import datetime as dt
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from neurodash import library
from neurodash.errors import DataError
from tests.conftest import run

BRIEF = "ms/balance-training/brief.md"
PROTOCOL = "protocols/balance-training.yaml"
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


EXERCISE = """exercises:
  - id: test-exercise
    name: Lift one arm
    clinical: Shoulder flexion, sitting
    kind: range
    purpose: Helps you reach the shelf.
    position: sitting
    equipment: [chair]
    trains: [shoulders]
    sides: each
    demand: {base: sitting}
    guard: alone
    edss: [0, 8]
    precautions:
      - {id: P16, does: changes, how: "Slowly."}
    set_up: Sit well back in the chair.
    guarding: No helper is needed once it is learnt.
    steps: [Sit tall., Lift this arm., Lower it slowly.]
    mistakes: [{wrong: Leaning back, instead: Stay tall.}]
    dose: {form: reps, usual: [8, 12]}
    picture:
      things: [{thing: chair, at: 50}]
      frames:
        - {says: Sit tall, pose: sit}
        - {says: Lift this arm, right_arm: [80, 85], arrows: [{of: right_hand}]}
"""
TEST_FILE = "exercises/zz-test.yaml"


def exercise(old: str = "", new: str = "", more: str = "") -> Callable[[Path], None]:
    """Our exercises with one more, something in it changed."""
    assert old in EXERCISE
    return write(TEST_FILE, (EXERCISE.replace(old, new, 1) + more).encode())


def ladder(rungs: str, starts: str = "[{edss: [0, 8], rung: 1}]", rule: str = "range") -> str:
    return f"""
ladders:
  - {{id: test-ladder, name: A ladder, target: shoulders, kind: range, rule: {rule}, why: To reach., rungs: {rungs}, starts: {starts}}}
"""


HARDER = '{exercise: test-exercise, with: {vision: closed}, says: "Eyes closed."}'
BOTH_AT_ONCE = '{exercise: test-exercise, with: {vision: closed, speed: fast}, says: "Fast, eyes closed."}'


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
    "a missing part": (edit(BRIEF, "### Monitor", "### Watch"), BRIEF, "Assess, Choose, Monitor"),
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
    "a phase without its way back": (edit(PROTOCOL, "    back: ", "    bakc: "), PROTOCOL, "“phases.0.back” is missing"),
    "a date that only a parser understands": (cell("aancbt2025-qol", "search_end", "20240831"), REVIEWS + ":3: search_end", "2024-08"),
    "text that no part of the page would show": (edit(BRIEF, "## Questions\n", "## Questions\n\nSomething {{ result nope }}.\n"), BRIEF, "and its first part"),
    "a block of code": (edit(BRIEF, "## Questions", "```\nSMD 0.46 (0.18 to 0.74)\n```\n\n## Questions"), BRIEF, "a block of code"),
    "an effect in the title": (edit(BRIEF, "title: Balance training", "title: Balance improves by 46% with training"), BRIEF + ":2: title", "an effect is typed"),
    "a control character in YAML": (edit(FINDINGS, "Tests of mobility", "Tests\x0c of mobility"), FINDINGS, "a control character"),
    "a value that YAML cannot make": (edit(FINDINGS, "says: improves", "says: !!int ''"), FINDINGS, "the tag"),
    "a picture with a name no address can carry": (write("ms/balance-training/é.png", b"\x89PNG"), "ms/balance-training/é.png", "a picture named"),
    "a condition where the site has a page": (lambda c: (c / "ms").rename(c / "about"), "about/condition.yaml", "where the site has a page"),
    "a link to itself": (lambda c: os.symlink("loop.png", c / "ms/balance-training/loop.png"), "ms/balance-training/loop.png", "accepted"),
    "an exercise with unknown equipment": (exercise("[chair]", "[chiar]"), TEST_FILE + ":2: test-exercise: equipment", "Did you mean chair?"),
    "a precaution that does not exist": (exercise("P16", "P99"), TEST_FILE + ":2: test-exercise: precautions", "the id of a precaution"),
    "a precaution that changes nothing": (exercise(', how: "Slowly."', ""), TEST_FILE, "how: what changes"),
    "a body through the floor": (exercise("pose: sit}", "pose: sit, hip: 2}"), TEST_FILE + ":2: test-exercise: picture: frame 1", "below the floor"),
    "an elbow bent past its range": (exercise("[80, 85]", "[-90, 80]"), TEST_FILE + ":2: test-exercise: picture: frame 2", "the right elbow at 170°"),
    "a knee bent backwards": (exercise("right_arm: [80, 85]", "right_arm: [80, 85], right_leg: [-60, -10, 60]"), TEST_FILE, "the right knee at -50°"),
    "a hand out of reach": (exercise("right_arm: [80, 85]", "right_arm: {to: [118, 110]}"), TEST_FILE, "the right hand is"),
    "a pose nobody knows": (exercise("pose: sit}", "pose: sitt}"), TEST_FILE, "Did you mean sit?"),
    "a step above grade 6": (exercise("Lift this arm., Lower", "Progressively elevate the extremity overhead., Lower"), TEST_FILE + ":2: test-exercise: steps.2", "reading grade"),
    "a step that is too long": (exercise("Lower it slowly.", "Let it go down to the seat at the side of you and then rest it there."), TEST_FILE, "words: “Let it go"),
    "a word of the trade": (exercise("Lift this arm., Lower", "Lift for abduction., Lower"), TEST_FILE, "a word of the trade"),
    "a missing mirror": (exercise("sides: each", "sides: both"), TEST_FILE + ":2: test-exercise: picture", "one side moves and the other does not"),
    "a side named in a mirrored exercise": (exercise("Lower it slowly.", "Lower your right arm."), TEST_FILE + ":2: test-exercise: steps.3", "a side is named"),
    "a demand without a base": (exercise("{base: sitting}", "{speed: slow}"), TEST_FILE, "no base"),
    "eyes closed on the feet, alone": (exercise("{base: sitting}", "{base: apart, vision: closed}"), TEST_FILE, "near or hands-on"),
    "near, but nobody is needed": (exercise("guard: alone", "guard: near"), TEST_FILE + ":2: test-exercise: guard", "guarding says that nobody is needed"),
    "more bouts first": (exercise("usual: [8, 12]", "usual: [8, 12], bouts: [5, 3]"), TEST_FILE, "bouts: [5, 3]"),
    "an exercise with the name of a page": (exercise("id: test-exercise", "id: ladders"), TEST_FILE + ":2: id", "the address of a page"),
    "two exercises with one id": (exercise(more=EXERCISE.partition("\n")[2]), TEST_FILE + ":26", "“test-exercise” again"),
    "strength on no ladder": (exercise("kind: range", "kind: strength"), TEST_FILE, "on no ladder"),
    "a rung harder in two things": (exercise(more=ladder(f"[{{exercise: test-exercise}}, {BOTH_AT_ONCE}]")), TEST_FILE, "vision, speed harder than on the rung below"),
    "a rung that is not harder": (exercise(more=ladder(f"[{HARDER}, {HARDER}]")), TEST_FILE, "nothing harder than on the rung below"),
    "a rung that is easier": (exercise(more=ladder(f"[{HARDER}, {{exercise: test-exercise, with: {{speed: brisk}}, says: Brisk.}}]")), TEST_FILE, "vision easier than on the rung below"),
    "a rung of an unknown exercise": (exercise(more=ladder("[{exercise: test-exercise}, {exercise: nope}]")), TEST_FILE, "“nope”"),
    "a rung with unknown equipment": (exercise(more=ladder(f"[{{exercise: test-exercise}}, {HARDER[:-1]}, equipment: [bandd]}}]")), TEST_FILE + ":28: test-ladder: rung 2: equipment", "Did you mean band?"),
    "a start above the ladder": (exercise(more=ladder(f"[{{exercise: test-exercise}}, {HARDER}]", "[{edss: [0, 8], rung: 9}]")), TEST_FILE, "rung 9; accepted: 1 to 2"),
    "no start for an unknown score": (exercise(more=ladder(f"[{{exercise: test-exercise}}, {HARDER}]", "[{edss: [0, 8], score: {instrument: TUG, from: 0, to: 12}, rung: 1}]")), TEST_FILE, "no start without a score"),
    "a rung nobody can reach": (exercise(more=ladder(f"[{{exercise: test-exercise}}, {HARDER}]", "[{edss: [8.5, 9], rung: 1}]")), TEST_FILE, "nobody who may start"),
    "an unknown rule": (exercise(more=ladder(f"[{{exercise: test-exercise}}, {HARDER}]", rule="strenght")), TEST_FILE, "Did you mean strength?"),
    "a dose outside its rows": (edit(PROTOCOL, "per_week: {low: 2, high: 3, source: [BAL-HIBAL23", "per_week: {low: 2, high: 9, source: [BAL-HIBAL23"), PROTOCOL, "2 to 9; accepted: inside the rows cited"),
    "a dose of a row for others": (edit(PROTOCOL, "minutes: {low: 20, high: 20}", "minutes: {low: 30, high: 30, source: SEV-FES20}"), PROTOCOL, "which is about EDSS 7 to 8.5"),
    "a dose whose row gives none": (edit(PROTOCOL, "minutes: {low: 20, high: 20}", "minutes: {low: 20, high: 20, source: KALB-02}"), PROTOCOL, "which gives no minutes a session"),
    "a protocol with an unknown ladder": (edit(PROTOCOL, "ladders: [biomechanical", "ladders: [biomechanicle"), PROTOCOL, "Did you mean biomechanical?"),
    "a number without a source in a protocol": (edit(PROTOCOL, "Reach further, march", "Reach 30 cm further, march"), PROTOCOL, "a number without a source"),
    "a brief without a protocol": (lambda c: (c / PROTOCOL).unlink(), BRIEF, "a brief without a protocol"),
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
    CASES["a phase without its way back"][0](content)
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
    (content / "ms").rename(content / "nn")  # no clash with our own condition, nor with what it is made of
    for folder in content.iterdir():
        if folder.is_dir() and folder.name != "nn":
            shutil.rmtree(folder)
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


def test_equipment_that_stands_in_for_something_unknown_is_named(content: Path) -> None:
    edit("exercises/vocabulary.yaml", "serves: [chair]", "serves: [chiar]")(content)
    with pytest.raises(DataError, match=r"vocabulary.yaml: equipment.armchair: serves.*Did you mean chair\?"):
        library.load([content])


def test_a_situation_that_stops_says_what_is_done_now(content: Path) -> None:
    edit("planning/situations.yaml", "  now: Stop. Call the emergency services now.\n", "")(content)
    with pytest.raises(
        DataError, match=r"situations\.yaml: rapid-neurological-decline\.now: nothing; accepted: what is"
    ):
        library.load([content])
