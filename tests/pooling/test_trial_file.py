"""Tables of trials as people keep them: what is read and said, and what is refused, with its line and column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from neurodash.errors import DataError
from neurodash.evidence.trial_columns import ALIASES, Trials, Wish, read_trials
from neurodash.evidence.trial_file import MAX_BYTES, UnusableFile
from tests.pooling.test_pool_command import as_json, notes, pool, write

MEANS = "trial,m1,sd1,n1,m2,sd2,n2\n"
GIVEN = "trial,yi,vi\nA,0.5,0.04\nB,0.2,0.09\n"


def read(text: str | bytes, **wish: Any) -> Trials:
    return read_trials(text.encode() if isinstance(text, str) else text, "file.csv", Wish(**wish))


def told(text: str | bytes, **wish: Any) -> list[str]:
    """What is wrong with a file."""
    with pytest.raises(DataError) as error:
        read(text, **wish)
    return [str(problem) for problem in error.value.problems]


def said(trials: Trials) -> dict[str, str]:
    return {note.code: note.text.replace("\u00a0", " ") for note in trials.notes}


# Files as a whole


@pytest.mark.parametrize(
    ("data", "where", "what"),
    [
        (b"", "file.csv:", "an empty file"),
        (b"\n\n  \n", "file.csv:", "an empty file"),
        (b"trial,yi,vi\n", "file.csv:", "no trial below the first line"),
        (b"PK\x03\x04rest", "file.csv:", "an Excel workbook"),
        (b"\xd0\xcf\x11\xe0rest", "file.csv:", "an old Excel workbook"),
        (b"%PDF-1.7", "file.csv:", "a PDF"),
        (b"trial,yi,vi\nA,1,1\nM\xfcller,1,1\n", "file.csv:3:", "byte 0xfc in place 2, which is not UTF-8"),
        (b"trial,yi,vi\rA,1,1\rM\xfcller,1,1\r", "file.csv:3:", "not UTF-8"),
        (b"trial,yi,vi\nA\x00,1,1\n", "file.csv:2:", "a NUL character"),
        ("trial,yi,vi\nA,1,1\n".encode("utf-16-le"), "file.csv:1:", "UTF-16 without its mark"),
        ("trial,yi,vi\nA,1,1\n".encode("utf-32"), "file.csv:", "UTF-32"),
        (b'trial,yi,vi\nA,1,1\n"B,2,1\n', "file.csv:3:", "broken CSV"),
        (b"1,2,3\n4,5,6\n", "file.csv:1:", "numbers in the first line"),
        (b"yi,vi,YI\n1,1,1\n", "file.csv:1:", "2 columns called “yi”"),
        (b"yi;vi,n\n1;1,1\n", "file.csv:1:", "comma and semicolon in the first line"),
        (b"yi,,vi\n1,2,1\n", "file.csv:1:", "no name above column 2"),
        (b"a,b\n1,2\n", "file.csv:1:", "no columns from which an effect can be made"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_its_line(data: bytes, where: str, what: str) -> None:
    (problem,) = told(data)
    assert problem.startswith(where)
    assert what in problem


def test_what_is_not_utf8_says_how_to_save_it() -> None:
    assert "CSV UTF-8" in told(b"trial,yi,vi\nM\xfcller,1,1\n")[0]


@pytest.mark.parametrize(
    "data",
    [
        GIVEN.encode("utf-8-sig"),
        GIVEN.encode("utf-16"),
        GIVEN.replace("\n", "\r\n").encode(),
        GIVEN.replace("\n", "\r").encode(),
        GIVEN.replace(",", ";").encode(),
        GIVEN.replace(",", "\t").encode(),
        GIVEN.replace(",", "|").encode(),
        b"sep=;\n" + GIVEN.replace(",", ";").encode(),
        GIVEN.replace("\n", ",,\n").encode(),
        GIVEN.replace("\n", "\n\n,,\n").encode(),
        GIVEN.replace(",", ";").replace(".", ",").encode(),
        GIVEN.replace("0.", ".").encode(),
        GIVEN.replace("trial", '"trial"').replace("A", '"A"').encode(),
    ],
)
def test_the_same_table_written_in_many_ways_is_the_same_table(data: bytes) -> None:
    found = read(data)
    assert found.effects.yi.tolist() == [0.5, 0.2]
    assert found.effects.vi.tolist() == [0.04, 0.09]
    assert found.effects.labels == ("A", "B")


def test_how_a_file_is_written_is_said() -> None:
    facts = read(GIVEN.replace(",", ";").replace(".", ",").encode("utf-16")).facts
    assert (facts["encoding"], facts["separator"], facts["decimal"]) == ("UTF-16", "semicolon", "comma")
    assert "encoding" in said(read(GIVEN.encode("utf-8-sig")))


def test_missing_files_folders_and_enormous_files_are_refused_before_reading(tmp_path: Path) -> None:
    huge = tmp_path / "huge.csv"
    with huge.open("wb") as file:
        file.truncate(2 * 2**30)  # a hole: it takes no room and would take minutes to read
    for path, what in ((tmp_path / "none.csv", "no such file"), (tmp_path, "a folder"), (huge, "2048 MB")):
        done = pool(path)
        assert (done.exit_code, what in done.stderr) == (2, True), done.stderr
    assert MAX_BYTES == 64 * 2**20


def test_line_breaks_inside_quotes_do_not_shift_the_lines() -> None:
    (problem,) = told('trial,yi,vi\n"A\nB",1,1\nC,x,1\n')
    assert problem.startswith("file.csv:4, yi: “x”")
    assert read('trial,yi,vi\n"A\nB",1,1\n').effects.labels == ("A B",)


# Decimal marks


def test_a_decimal_comma_is_found_and_said() -> None:
    found = read("yi;vi\n0,46;0,1\n1,234;0,1\n")
    assert found.effects.yi.tolist() == [0.46, 1.234]
    assert said(found)["decimal_comma"] == "Numbers were read with a decimal comma, as on line 2: “0,46”."


@pytest.mark.parametrize("text", ["yi;vi\n1,234;1\n", "yi;vi\n1,234;0.5\n", 'yi,vi\n"1,234",1\n'])
def test_a_comma_before_three_digits_is_refused_until_somebody_says_what_it_is(text: str) -> None:
    (problem,) = told(text)
    assert "this is 1.234 or 1234" in problem
    assert "--decimal" in problem
    assert read(text, decimal="point").effects.yi.tolist() == [1234]


def test_given_as_a_decimal_comma_three_digits_are_a_fraction() -> None:
    assert read("yi;vi\n1,234;1\n", decimal="comma").effects.yi.tolist() == [1.234]


def test_mixed_decimal_marks_are_refused_naming_both_lines() -> None:
    (problem,) = told("yi;vi\n0,46;1\n2;1\n0.2;1\n")
    assert problem.startswith("file.csv:2, yi: “0,46”")
    assert "line 4 has “0.2”" in problem
    assert "one decimal mark" in told("yi;vi\n0,46;1\n1.234;1\n")[0]


@pytest.mark.parametrize(
    ("cell", "value"),
    [("12,345,678", 12345678), ("1,234.5", 1234.5), ("1 234", 1234), ("1'234.5", 1234.5), ("1\u202f234", 1234)],
)
def test_thousands_separators_are_read_and_said(cell: str, value: float) -> None:
    found = read(f'yi,vi\n"{cell}",1\n')
    assert found.effects.yi.tolist() == [value]
    assert "thousands" in said(found)


def test_thousands_points_are_read_where_the_decimal_mark_is_a_comma() -> None:
    assert read("yi;vi\n1.234,5;0,1\n").effects.yi.tolist() == [1234.5]


@pytest.mark.parametrize("minus", "−–‒－")
def test_a_typographic_minus_is_read_and_said(minus: str) -> None:
    found = read(f"yi,vi\n{minus}0.3,1\n")
    assert found.effects.yi.tolist() == [-0.3]
    assert "minus_signs" in said(found)


# Cells


@pytest.mark.parametrize(
    ("cell", "hint"),
    [
        ("0", "above 0"), ("-0.1", "above 0"), ("NaN", "a number"), ("", "an empty cell"), ("NA", "a number"),
        ("n/a", "a number"), ("not reported", "a number"), ("inf", "An infinite number"), ("-Infinity", "An infinite"),
        ("1e999", "too large"), ("12%", "0.45 for 45 %"), ("<0.05", "A bound is no value"), ("0.5*", "a finite number"),
        ("=1+1", "a finite number"), ("=cmd|' /C calc'!A0", "a finite number"), ("1_000", "a finite number"),
        ("0x10", "a finite number"), ("１２", "a finite number"), ("1e-400", "above 0"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("column", ["vi", "sei"])
def test_a_cell_that_is_no_variance_or_standard_error_is_named(cell: str, hint: str, column: str) -> None:
    (problem,) = told(f'trial,yi,{column}\nA,0.1,0.2\nB,0.5,"{cell}"\n')
    assert problem.startswith(f"file.csv:3, {column}: ")
    assert hint in problem


def test_every_unusable_cell_is_named_at_once() -> None:
    text = MEANS + "A,5,0,1,4,1,12.5\nB,5,,10,4,-1,10\nC,5,x,-3,4,1,1\nD,5,1,10,4,1\nE,5,1,10,4,1,10\n"
    found = told(text, metric="SMD")
    assert [problem.split(": ")[0] for problem in found] == [
        "file.csv:2, n2", "file.csv:2, sd1", "file.csv:2, n1", "file.csv:3, sd1", "file.csv:3, sd2",
        "file.csv:4, sd1", "file.csv:4, n1", "file.csv:4, n2", "file.csv:5",
    ]  # fmt: skip
    assert "use the column se1 instead" in found[1]
    assert "at least 2 people" in found[2]
    assert "a whole number of people" in found[0]


def test_problems_are_bounded_and_counted(tmp_path: Path) -> None:
    done = pool(write(tmp_path, MEANS + "A,x,0,1,4,1,10\n" * 5000), "--metric", "SMD")
    lines = done.stderr.splitlines()
    assert (done.exit_code, done.stdout, len(lines)) == (2, "", 22)
    assert lines[0].startswith(f"{tmp_path / 'file.csv'}:2, ")
    assert lines[-2:] == ["… and 14,980 more.", "15,000 problems."]


def test_ragged_rows_are_named_and_a_comma_file_says_what_may_be_the_reason() -> None:
    found = told("trial,yi,vi\nA,0,46,1\nB,1\nC,1,1\n")
    assert found[0].startswith(
        "file.csv:2: 4 cells; accepted: 3, as the first line names. Numbers with a decimal comma"
    )
    assert found[1].startswith("file.csv:3: 2 cells")


def test_more_events_than_people_are_named() -> None:
    text = "trial,events1,n1,events2,n2\nA,1,10,2,10\nB,12,10,1,10\nC,1.5,10,1,10\n"
    found = told(text, metric="RR")
    assert found[0].startswith("file.csv:3, events1: 12 of 10")
    assert found[1].startswith("file.csv:4, events1: “1.5”; accepted: a whole number of events")


# Events that did not happen


def test_no_event_in_one_arm_adds_a_half_and_says_where() -> None:
    found = read("trial,events1,n1,events2,n2\nA,0,10,2,10\nB,3,10,1,10\n", metric="OR")
    assert [n.text for n in found.effects.notes if n.code == "added_to_cells"] == ["0.5 was added to each cell of: A."]


def test_no_event_in_both_arms_is_pooled_and_said() -> None:
    found = read("trial,events1,n1,events2,n2\nA,0,10,0,10\nB,3,10,1,10\n", metric="OR")
    assert "nobody had the event" in said(found)["nobody_in_both_arms"]


@pytest.mark.parametrize("metric", ["RR", "OR", "PETO", "RD"])
def test_no_event_in_any_trial_is_refused(metric: str) -> None:
    text = "trial,events1,n1,events2,n2\nA,0,10,0,10\nB,0,12,0,11\n"
    assert "no event in any trial" in told(text, metric=metric)[0]
    assert (
        "an event in everybody"
        in told(text.replace(",0,", ",10,").replace("10,12,10,11", "12,12,11,11"), metric=metric)[0]
    )


# Leaving out


def test_rows_that_cannot_be_used_are_left_out_only_when_asked_and_listed(tmp_path: Path) -> None:
    path = write(tmp_path, MEANS + "A,5,1,10,4,1,10\nB,5,0,10,4,1,10\nC,6,1,12\nD,5,2,20,4,1,20\n")
    assert pool(path, "--metric", "SMD").exit_code == 2
    found = as_json(path, "--metric", "SMD", "--leave-out-unusable")
    assert (found["k"], [t["line"] for t in found["trials"]]) == (2, [2, 5])
    assert [(row["line"], row["label"]) for row in found["left_out"]] == [(3, "B"), (4, "line 4")]
    assert found["left_out"][0]["why"] == "sd1: “0”; accepted: a standard deviation above 0"
    assert (found["file"]["rows"], found["file"]["rows_used"]) == (4, 2)
    page = pool(path, "--metric", "SMD", "--leave-out-unusable").stdout
    assert "line 3 (B): sd1: “0”" in page


def test_where_no_row_can_be_used_leaving_out_is_no_way_out() -> None:
    assert len(told(MEANS + "A,5,0,10,4,1,10\nB,5,0,10,4,1,10\n", metric="SMD", leave_out_unusable=True)) == 2


def test_a_missing_group_leaves_the_trial_in_the_main_result(tmp_path: Path) -> None:
    text = "trial,yi,vi,region,dose\nA,1,1,n,1\nB,2,1,s,2\nC,3,1,,3\nD,2,1,n,NA\nE,1,1,s,5\nF,1,2,s,4\n"
    path = write(tmp_path, text)
    done = pool(path, "--by", "region", "--moderator", "dose")
    assert done.exit_code == 2
    assert "file.csv:4, region: an empty cell" in done.stderr
    assert "file.csv:5, dose: “NA”" in done.stderr
    found = as_json(path, "--by", "region", "--moderator", "dose", "--leave-out-unusable")
    assert found["k"] == 6
    assert sum(g["k"] for g in found["subgroups"]["groups"]) == 5
    assert found["regression"]["k"] == 5
    assert "line 4, line 5" in notes(found)["not_in_every_part"]


def test_a_moderator_of_numbers_and_words_is_refused() -> None:
    (problem,) = told("trial,yi,vi,dose\nA,1,1,12\nB,2,1,6 weeks\n", moderators=("dose",))
    assert problem.startswith("file.csv:3, dose: “6 weeks”")
    assert "all numbers or all words" in problem


def test_a_column_of_names_is_no_group() -> None:
    rows = "".join(f"T{i},1,1\n" for i in range(101))
    assert "101 different words" in told("trial,yi,vi\n" + rows, by="trial")[0]


# Columns


def test_names_are_known_whatever_the_case_and_other_names_are_said() -> None:
    found = read("Study,M1I,SD1I,N1I,mean.c,SD_ctl,n control\nA,5,1,10,4,1,10\n", metric="SMD")
    assert found.facts["columns"] == {
        "m1": "M1I",
        "sd1": "SD1I",
        "n1": "N1I",
        "m2": "mean.c",
        "sd2": "SD_ctl",
        "n2": "n control",
    }
    assert "m2 from “mean.c”" in said(found)["columns"]


def test_the_columns_of_our_own_table_of_trials_are_known() -> None:
    from neurodash.library import CONTENT

    header = (CONTENT / "evidence" / "trials.csv").read_text().splitlines()[0]
    known = {other for others in ALIASES.values() for other in others}
    for name in ("mean_post_int", "sd_post_int", "n_int", "mean_post_ctl", "sd_post_ctl", "n_ctl", "events_int",
                 "events_ctl", "between_diff", "between_se", "between_ci_low", "between_ci_high"):  # fmt: skip
        assert name in header
        assert name in known


def test_no_other_name_means_two_columns() -> None:
    every = [name for key, others in ALIASES.items() for name in (key, *others)]
    assert len(every) == len(set(every))


def test_a_column_by_its_own_name_goes_before_another_name() -> None:
    found = read("trial,yi,effect,vi\nA,1,9,1\n")
    assert found.effects.yi.tolist() == [1]
    assert found.facts["not_used"] == ["effect"]


def test_two_other_names_for_one_column_are_refused() -> None:
    (problem,) = told("trial,te,effect,vi\nA,1,9,1\n", metric="GEN")
    assert "“te” and “effect”, which all mean yi" in problem


def test_a_column_nearly_named_is_offered() -> None:
    (problem,) = told("trial,m1,sdl,n1,m2,sd2,n2\nA,5,1,10,4,1,10\n", metric="SMD")
    assert "Did you mean sdl for sd1?" in problem


def test_columns_that_allow_one_metric_decide_and_several_are_named() -> None:
    assert said(read(GIVEN))["metric_found"].startswith("The columns allow one metric only")
    assert read("events1,time1,events2,time2\n3,100,5,90\n").effects.measure == "IRR"
    (problem,) = told(MEANS + "A,5,1,10,4,1,10\n")
    assert "SMD, SMDH, MD, ROM" in problem
    assert "--yi yi" in told("yi,vi,r,n\n1,1,.5,20\n")[0]


def test_labels_come_from_the_first_known_column_or_the_lines() -> None:
    assert read("author,study,yi,vi\nX,S1,1,1\n").effects.labels == ("S1",)
    assert read("author,study,yi,vi\nX,S1,1,1\n", label="author").effects.labels == ("X",)
    found = read("yi,vi\n1,1\n")
    assert found.effects.labels == ("line 2",)
    assert "no_labels" in said(found)
    assert read("trial,yi,vi\n,1,1\n").effects.labels == ("line 2",)


def test_the_same_label_twice_is_allowed_and_said() -> None:
    found = read("trial,yi,vi\nA,1,1\nA,2,1\n")
    assert found.effects.k == 2
    assert "each counts as a trial of its own: A." in said(found)["same_label"]


def test_control_characters_never_reach_the_terminal(tmp_path: Path) -> None:
    evil = "\x1b[31mA\x1b]0;title\x07\x9b31m\u202eB"
    path = write(tmp_path, f"trial,yi,vi,g\x1b[2J,x\n{evil},1,1,{evil},1\nC,2,1,c,x\n=cmd|'/C calc'!A0,2,1,c,2\n")
    for words in (["--leave-out-unusable", "--cumulative", "x"], ["--json", "--moderator", "x"], ["--by", "g"], ["--metric", evil], []):  # fmt: skip
        done = pool(path, *words)
        assert not set("\x1b\x07\x9b\u202e") & set(done.stdout + done.stderr), words
    assert "=cmd|'/C calc'!A0" in pool(path).stdout
    assert "cleaned" in notes(as_json(path))


# Conversions


def test_standard_errors_stand_in_for_missing_deviations_and_are_said() -> None:
    text = "trial,m1,sd1,se1,n1,m2,se2,n2\nA,5,2,,16,4,0.5,16\nB,5,NA,0.5,16,4,0.5,25\n"
    found = read(text, metric="MD")
    plain = read(MEANS + "A,5,2,16,4,2,16\nB,5,2,16,4,2.5,25\n", metric="MD")
    assert found.effects.vi.tolist() == pytest.approx(plain.effects.vi.tolist())
    assert said(found)["made_sd1"] == "sd1 of 1 row was made by the standard error times √n."
    assert said(found)["made_sd2"].startswith("sd2 of 2 rows")


def test_the_ends_of_an_interval_stand_in_for_a_variance() -> None:
    found = read("trial,yi,vi,ci_low,ci_high\nA,0.5,0.04,,\nB,0.5,,0.108007,0.891993\n")  # 0.5 ± 1.959964 × 0.2
    assert found.effects.vi.tolist() == pytest.approx([0.04, 0.04], rel=1e-5)
    assert "made_vi" in said(found)


def test_columns_that_are_not_needed_may_hold_anything() -> None:
    found = read("trial,yi,sei,ci_low,ci_high\nA,0.6,0.1,see text,9\nB,0.5,0.2,0.9,0.1\n")
    assert found.effects.vi.tolist() == pytest.approx([0.01, 0.04])
    assert found.facts["not_used"] == ["ci_low", "ci_high"]
    assert read("trial,m1,sd1,se1,n1,m2,sd2,n2\nA,5,1,?!,10,4,1,10\n", metric="MD").effects.k == 1


def test_an_interval_that_cannot_be_is_named() -> None:
    found = told("trial,yi,ci_low,ci_high\nA,0.5,0.9,0.1\nB,2,0.1,0.9\nC,0.5,0.1,\nD,0,-1,1\n")
    assert [problem.split(": ")[0] for problem in found] == [
        "file.csv:2, ci_high",
        "file.csv:3, yi",
        "file.csv:4, ci_low",
    ]


def test_an_effect_off_the_middle_of_its_interval_is_said() -> None:
    assert "B" in said(read("trial,yi,ci_low,ci_high\nA,0,-1,1\nB,0.6,-1,1\n"))["uneven_interval"]


def test_people_are_added_up_from_those_with_and_without_the_event() -> None:
    found = read("trial,ai,bi,ci,di\nA,4,119,11,128\n", metric="RR")
    assert found.effects.yi.tolist() == pytest.approx([-0.8893113339202054])  # metafor, first trial of dat.bcg


def test_an_unusable_file_is_a_data_error_that_knows_how_many_problems_there_are() -> None:
    with pytest.raises(UnusableFile) as error:
        read("yi,vi\n" + "x,1\n" * 30)
    assert (len(error.value.problems), error.value.in_all) == (20, 30)
