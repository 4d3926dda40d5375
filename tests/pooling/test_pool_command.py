"""`neurodash evidence pool`: the same numbers as metafor from a file, and a page that says how it was read."""

from __future__ import annotations

import csv
import json
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from neurodash.cli import main
from tests.conftest import ROOT, run

REFERENCE = ROOT / "tests" / "evidence" / "reference"
RTOL = 1e-11  # both search tau2 down to the last digits; worst seen 2e-14
MEANS = "trial,m1,sd1,n1,m2,sd2,n2\n"
GIVEN = "trial,yi,vi\nA,0.5,0.04\nB,0.2,0.09\nC,0.9,0.05\nD,0.1,0.02\n"


def reference(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((REFERENCE / f"{name}.json").read_text())
    return found


def table(path: Path, columns: dict[str, list[Any]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "file.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def pool(*words: Any) -> Result:
    done = CliRunner().invoke(main, ["evidence", "pool", *map(str, words)])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def as_json(*words: Any) -> dict[str, Any]:
    done = pool(*words, "--json")
    assert done.exit_code == 0, done.output

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    found: dict[str, Any] = json.loads(done.stdout, parse_constant=refuse)
    return found


def notes(report: dict[str, Any]) -> dict[str, str]:
    return {note["code"]: note["text"] for note in report["notes"]}


def bcg(folder: Path) -> Path:
    data = reference("bcg")["data"]
    names = {"author": "author", "year": "year", "alloc": "alloc", "ablat": "ablat",
             "ai": "tpos", "bi": "tneg", "ci": "cpos", "di": "cneg"}  # fmt: skip
    return table(folder / "bcg.csv", {ours: data[theirs] for ours, theirs in names.items()})


# The numbers

FITS = [
    ("bcg", "RR", {"ai": "tpos", "bi": "tneg", "ci": "cpos", "di": "cneg"}),
    ("bangertdrowns2004", "SMD", {"yi": "yi", "vi": "vi"}),
    ("normand1999", "SMD", {name: name for name in ("m1i", "sd1i", "n1i", "m2i", "sd2i", "n2i")}),
    ("hahn2001", "OR", {name: name for name in ("ai", "n1i", "ci", "n2i")}),
    ("molloy2014", "ZCOR", {"ri": "ri", "ni": "ni"}),
    ("pritz1997", "PLO", {"xi": "xi", "ni": "ni"}),
]


@pytest.mark.parametrize(("name", "metric", "columns"), FITS, ids=[f[0] for f in FITS])
@pytest.mark.parametrize("fit", ["REML_knha", "REML_z", "DL_z", "PM_knha", "REML_adhoc"])
def test_a_file_gives_the_numbers_of_metafor(
    name: str, metric: str, columns: dict[str, str], fit: str, tmp_path: Path
) -> None:
    known = reference(name)
    expected = next(a for a in known["analyses"] if a["id"] == metric)["fits"][fit]
    path = table(tmp_path / "x.csv", {ours: known["data"][theirs] for ours, theirs in columns.items()})
    given = ["--yi", "yi"] if "yi" in columns else []
    method, test = fit.split("_")
    found = as_json(path, *given, "--metric", metric, "--method", method, "--test", test)
    pairs = {
        "estimate": expected["b"][0], "se": expected["se"][0], "ci_low": expected["ci_lb"][0], "ci_high": expected["ci_ub"][0],
        "pi_low": expected["pi_lb"], "pi_high": expected["pi_ub"], "tau2": expected["tau2"], "se_tau2": expected["se_tau2"],
        "i2": expected["I2_percent"], "h2": expected["H2"], "q": expected["QE"], "q_p": expected["QE_pval"],
        "statistic": expected["stat"][0], "p": expected["pval"][0],
    }  # fmt: skip
    assert (found["k"], found["q_df"]) == (expected["k"], expected["QE_df"])
    for key, value in pairs.items():
        assert found[key] == pytest.approx(value, rel=RTOL, abs=1e-12), key


def test_weights_and_the_interval_of_tau2_are_those_of_metafor(tmp_path: Path) -> None:
    expected = reference("bcg")["analyses"][0]
    found = as_json(bcg(tmp_path), "--metric", "RR")
    assert [t["weight"] for t in found["trials"]] == pytest.approx(expected["weights_percent_REML"], rel=RTOL)
    interval = expected["confint_tau2"]["REML"]
    for i, name in ((0, "tau2"), (2, "i2"), (3, "h2")):
        assert found[f"{name}_low"] == pytest.approx(interval["ci_lb"][i], rel=RTOL), name
        assert found[f"{name}_high"] == pytest.approx(interval["ci_ub"][i], rel=RTOL), name


def test_parts_that_are_asked_for_stand_in_the_json_and_others_are_null(tmp_path: Path) -> None:
    asked = [
        "--by",
        "alloc",
        "--moderator",
        "ablat",
        "--moderator",
        "alloc",
        "--bias",
        "--leave-one-out",
        "--influence",
    ]
    found = as_json(bcg(tmp_path), "--metric", "RR", *asked, "--cumulative", "year")
    assert [g["group"] for g in found["subgroups"]["groups"]] == ["alternate", "random", "systematic"]
    assert sum(g["k"] for g in found["subgroups"]["groups"]) == 13
    assert [t["term"] for t in found["regression"]["terms"]] == [
        "intercept",
        "ablat",
        "alloc: random",
        "alloc: systematic",
    ]
    assert len(found["leave_one_out"]) == len(found["influence"]) == len(found["cumulative"]) == 13
    assert found["cumulative"][0]["added"] == "Aronson"
    assert found["bias"]["egger"]["p"] == pytest.approx(0.1887, abs=1e-4)
    plain = as_json(bcg(tmp_path), "--metric", "RR")
    assert [plain[key] for key in ("subgroups", "regression", "bias", "leave_one_out", "forest")] == [None] * 5


def test_the_required_keys_stand_on_top_in_every_file_that_can_be_used(tmp_path: Path) -> None:
    wanted = "k estimate se ci_low ci_high pi_low pi_high tau2 se_tau2 i2 h2 q q_p statistic p"
    for rows in (2, 3, 5):
        path = write(tmp_path, "".join(GIVEN.splitlines(keepends=True)[:rows]))
        for method in ("REML", "CE", "DL", "SJ"):
            found = as_json(path, "--method", method)
            assert set(wanted.split()) <= set(found)
    assert as_json(path, "--method", "CE")["pi_low"] is None


# The page


def test_the_example_of_the_manual_says_what_the_manual_says(tmp_path: Path) -> None:
    manual = (ROOT / "docs" / "pooling.md").read_text()
    example = re.search(r"```csv\n(.*?)```", manual, re.DOTALL)
    command = re.search(r"```\nneurodash evidence pool gait.csv (.*?)\n```", manual)
    said = re.search(r"```\n(Pooled over.*?)```", manual, re.DOTALL)
    assert example and command and said
    (tmp_path / "gait.csv").write_text(example[1])
    done = run("evidence", "pool", "gait.csv", *command[1].split(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    page = done.stdout.replace("\u00a0", " ")
    assert page.split("\n\n")[1].strip() == said[1].strip()
    assert (tmp_path / "gait.pdf").read_bytes().startswith(b"%PDF")


def test_the_manual_names_every_metric_option_and_method() -> None:
    from neurodash.evidence.effects import MEASURES
    from neurodash.evidence.heterogeneity import METHODS

    manual = (ROOT / "docs" / "pooling.md").read_text()
    command = main.commands["evidence"].commands["pool"]  # type: ignore[attr-defined]
    options = [each for p in command.params for each in p.opts if each.startswith("--")]
    for word in (*(f"`{code}`" for code in MEASURES), *(f"`{m}`" for m in METHODS), *options):
        assert word in manual, word


def test_the_page_begins_with_a_sentence_that_takes_no_side(tmp_path: Path) -> None:
    page = pool(bcg(tmp_path), "--metric", "RR").stdout
    first = " ".join(page.split("\n\n")[1].split())
    assert first == (
        "Pooled over 13 trials, the average risk ratio is 0.49 (95 % confidence interval 0.33 to 0.73); the true risk "
        "ratio in a new trial is expected between 0.14 and 1.76 (95 % prediction interval). A risk ratio of 1 means no "
        "difference; the confidence interval does not include it."
    )
    for word in ("better", "worse", "favours", "benefit"):
        assert word not in page


def test_no_line_of_the_page_is_wider_than_100(tmp_path: Path) -> None:
    columns = {"trial": [f"A trial with a long name and many words in it {i}" for i in range(9)],
               "yi": list(range(9)), "vi": [0.1 * i + 1 for i in range(9)], "by": list("aaabbbccc"), "x": list(range(9))}  # fmt: skip
    path = table(tmp_path / "wide.csv", columns)
    asked = ["--by", "by", "--moderator", "x", "--bias", "--leave-one-out", "--influence", "--cumulative", "x"]
    page = pool(path, *asked).stdout
    assert max(map(len, page.splitlines())) <= 100
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", page)


def test_the_page_has_what_a_biostatistician_looks_for(tmp_path: Path) -> None:
    page = pool(bcg(tmp_path), "--metric", "RR").stdout
    for part in (
        "Knapp–Hartung",
        "REML",
        "prediction interval",
        "Q-profile",
        "I²",
        "H²",
        "152.2330 on 12 df",
        "weight %",
    ):
        assert part in page, part
    assert "events1 (ai)" in page
    assert "n1 of 13" in page.replace("\u00a0", " ")


def test_another_level_is_said_everywhere(tmp_path: Path) -> None:
    found = as_json(write(tmp_path, GIVEN), "--level", "80")
    wide = as_json(write(tmp_path, GIVEN))
    assert found["level"] == 80
    assert found["ci_low"] > wide["ci_low"]
    assert "80\u00a0% confidence interval" in found["sentence"]


# How many trials


def test_one_trial_is_its_own_effect_and_nothing_is_pooled(tmp_path: Path) -> None:
    found = as_json(write(tmp_path, "trial,yi,vi\nA,0.5,0.04\n"), "--bias", "--leave-one-out", "--influence")
    assert (found["k"], found["estimate"], found["pi_low"], found["se_tau2"]) == (1, 0.5, None, None)
    assert found["ci_high"] == pytest.approx(0.5 + 1.959963984540054 * 0.2)
    assert {"one_trial", "no_bias", "no_leave_one_out", "no_influence"} <= set(notes(found))
    assert "nothing is pooled" in found["sentence"]


def test_two_trials_are_pooled_and_the_reader_is_warned(tmp_path: Path) -> None:
    found = as_json(write(tmp_path, "trial,yi,vi\nA,0.5,0.04\nB,0.2,0.04\n"))
    assert found["k"] == 2
    assert "two_trials" in notes(found)


def test_200000_trials_are_pooled_in_seconds_and_the_page_stays_short(tmp_path: Path) -> None:
    rng = np.random.default_rng(20)
    k = 200_000
    numbers = np.column_stack([rng.normal(5, 1, k), rng.uniform(1, 3, k), rng.integers(5, 200, k)])
    rows = "".join(f"t{i},{a:.3f},{b:.2f},{n:.0f},5,2.1,20\n" for i, (a, b, n) in enumerate(numbers))
    path = write(tmp_path, MEANS + rows)
    start = time.monotonic()
    done = run("evidence", "pool", path, "--metric", "SMD")
    took = time.monotonic() - start
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) < 120
    assert "199,940 more" in done.stdout
    assert took < 15, "about 4 seconds alone; three times that on a busy machine"
    refused = pool(path, "--metric", "SMD", "--forest", tmp_path / "x.svg")
    assert (refused.exit_code, "at most 400" in refused.stderr) == (2, True)
    assert not (tmp_path / "x.svg").exists()
    small = write(tmp_path, MEANS + "".join(rows.splitlines(keepends=True)[:1200]))
    page = pool(small, "--metric", "SMD", "--leave-one-out", "--bias", "--influence").stdout
    assert page.count("1,200 trials; accepted: at most 1,000") == 3


def test_one_enormous_weight_is_named(tmp_path: Path) -> None:
    found = as_json(write(tmp_path, "trial,yi,vi\nA,0.5,0.0000001\nB,0.2,0.9\nC,0.3,0.8\n"), "--method", "CE")
    assert notes(found)["one_trial_dominates"] == "Trial A holds 100.0 % of the weight."


def test_equal_variances_pool_and_bias_says_why_it_cannot(tmp_path: Path) -> None:
    path = write(tmp_path, "trial,yi,vi\nA,0.5,0.04\nB,0.2,0.04\nC,0.3,0.04\n")
    found = as_json(path, "--bias")
    assert found["estimate"] == pytest.approx(1 / 3)
    assert found["bias"] is None
    assert "the same variance (0.04) in every trial" in notes(found)["no_bias"]
    assert "Not possible" in pool(path, "--bias").stdout


@pytest.mark.parametrize("rows", ["A,1e300,1e-300\nB,-1e300,1e-200\nC,1,1\n", "A,1,1e-320\nB,2,1e300\nC,1,1\n",
                                  "A,1,1e-30\nB,0.001,1\nC,1,1e30\n", "A,0,1\nB,0,1\nC,0,1\n"])  # fmt: skip
def test_numbers_too_far_apart_give_null_and_a_note_and_never_a_traceback(rows: str, tmp_path: Path) -> None:
    path = write(tmp_path, "trial,yi,vi\n" + rows)
    for method in ("REML", "DL", "PM", "SJ", "CE"):
        found = as_json(path, "--method", method, "--bias", "--leave-one-out", "--influence")
        assert found["estimate"] is not None or "not_finite" in notes(found)
        assert pool(path, "--method", method).exit_code == 0


# The figure


def test_a_forest_is_written_as_svg_or_as_a_tagged_pdf(tmp_path: Path) -> None:
    path = bcg(tmp_path)
    for name in ("a.svg", "a.pdf", "b.SVG"):
        done = pool(path, "--metric", "RR", "--by", "alloc", "--forest", tmp_path / name)
        assert done.exit_code == 0, done.stderr
        assert name in done.stdout
    assert (tmp_path / "a.svg").read_text().startswith("<?xml")
    assert "Stein &amp; Aronson" in (tmp_path / "a.svg").read_text()
    first = (tmp_path / "a.pdf").read_bytes()
    pool(path, "--metric", "RR", "--by", "alloc", "--forest", tmp_path / "a.pdf")
    assert (tmp_path / "a.pdf").read_bytes() == first
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.pdf", "a.svg", "b.SVG", "bcg.csv"]


@pytest.mark.parametrize("name", ["a.png", "a", "a.csv", "a.svg.gz"])
def test_a_forest_with_another_ending_is_refused_before_anything_is_read(name: str, tmp_path: Path) -> None:
    done = pool(tmp_path / "none.csv", "--forest", tmp_path / name)
    assert done.exit_code == 2
    assert ".svg or .pdf" in done.stderr


def test_a_forest_never_goes_over_the_file_of_trials(tmp_path: Path) -> None:
    path = tmp_path / "trials.svg"
    path.write_text(GIVEN)
    (tmp_path / "link.svg").symlink_to(path)
    for place in (path, tmp_path / "link.svg", tmp_path / "." / "trials.svg"):
        done = pool(path, "--forest", place)
        assert (done.exit_code, "the file of trials itself" in done.stderr) == (2, True)
    assert path.read_text() == GIVEN


def test_a_forest_into_a_missing_folder_leaves_nothing_behind(tmp_path: Path) -> None:
    done = pool(write(tmp_path, GIVEN), "--forest", tmp_path / "none" / "a.svg")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "a folder that exists" in done.stderr


# Settings


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--metric", "SDM"], "Did you mean SMD?"),
        (["--method", "REMLL"], "Did you mean REML?"),
        (["--test", "t"], "knha, z, adhoc"),
        (["--level", "0.95"], "from 50 to 99.99"),
        (["--level", "nan"], "from 50 to 99.99"),
        (["--by", "grup"], "Did you mean group?"),
        (["--moderator", "dose2"], "no column “dose2”"),
        (["--label", "nobody"], "columns: trial, yi, vi, group"),
        (["--yi", "y"], "no column “y”"),
        (["--vi", "vi", "--sei", "vi"], "one of them"),
        (["--decimal", "dot"], "point, comma"),
        (["--separator", ";"], "comma, semicolon, tab, pipe"),
        (["--metric", "SMD"], "If yi holds the effects: --yi yi."),
        (["--cumulative", "group"], "file.csv:2, group: “x”"),
    ],
)
def test_a_setting_that_cannot_be_used_exits_2_and_offers_the_nearest(
    words: list[str], told: str, tmp_path: Path
) -> None:
    done = pool(write(tmp_path, "trial,yi,vi,group\nA,0.5,0.04,x\nB,0.2,0.09,y\n"), *words, "--json")
    assert (done.exit_code, done.stdout) == (2, "")
    assert told in done.stderr


def test_effects_as_given_with_a_metric_are_shown_on_the_readers_scale(tmp_path: Path) -> None:
    path = write(tmp_path, "study,logrr,se\nA,-0.5,0.2\nB,-0.2,0.3\nC,0.1,0.25\n")
    found = as_json(path, "--yi", "logrr", "--metric", "rr")
    assert found["measure"] == "RR"
    assert found["back_transformed"]["estimate"] == pytest.approx(np.exp(found["estimate"]))
    assert {"taken_as", "made_vi"} <= set(notes(found))


def test_ratios_that_were_not_made_logarithms_are_noticed(tmp_path: Path) -> None:
    refused = pool(write(tmp_path, "trial,yi,ci_low,ci_high\nA,0.6,0.4,0.9\nB,1.2,1.0,1.44\n"))
    assert (refused.exit_code, "looks like a ratio" in refused.stderr) == (2, True)
    found = as_json(write(tmp_path, GIVEN), "--yi", "yi", "--metric", "OR")
    assert "all_logs_positive" in notes(found)


@pytest.mark.parametrize("metric", [[], ["--metric", "OR"]])
def test_a_column_named_for_a_ratio_is_not_pooled_as_if_it_held_logarithms(tmp_path: Path, metric: list[str]) -> None:
    """Below 0 it can only hold logarithms; a name that says so is believed."""
    table = "trial,{},se\nA,0.6,0.2\nB,1.2,0.3\nC,{},0.25\n"
    for name in ("OR", "hazard ratio", "RR"):
        refused = pool(write(tmp_path, table.format(name, 0.9)), "--yi", name, "--sei", "se", *metric)
        assert (refused.exit_code, f":1, {name}" in refused.stderr) == (2, True)
        assert f"call the column log_{name.lower().replace(' ', '_')}" in refused.stderr
    for name, third in (("log_or", 0.9), ("OR", -0.9)):
        assert pool(write(tmp_path, table.format(name, third)), "--yi", name, "--sei", "se", *metric).exit_code == 0
