"""`neurodash evidence verify`: the same judgement on our files and on anybody's."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from neurodash.library import CONTENT
from tests.conftest import DAY, run

HEADER = [
    "result_id",
    "review_id",
    "citation",
    "year",
    "doi",
    "pmid",
    "search_end",
    "condition",
    "population",
    "intervention",
    "intervention_class",
    "comparator",
    "outcome_domain",
    "measure",
    "effect_metric",
    "unit",
    "estimate",
    "ci_low",
    "ci_high",
    "p_value",
    "k_studies",
    "n_participants",
    "i2_percent",
    "favours",
    "significant",
    "certainty",
    "row_kind",
    "dose_measure",
    "dose_direction",
    "moderator",
    "source_url",
    "source_part",
    "notes",
]
CLAIMS = """
findings:
  - id: one
    statement: Balance training improves balance.
    claim: {population: ms, intervention: [balance], outcome: balance, says: improves, size: [small, moderate],
            cites: [a-1], window: [2021, 2025]}
"""


def table(path: Path, *rows: dict[str, str]) -> Path:
    given = {
        "citation": "A", "year": "2023", "condition": "ms", "intervention_class": "balance", "outcome_domain": "balance",
        "effect_metric": "SMD", "favours": "intervention", "significant": "yes", "row_kind": "main",
    }  # fmt: skip
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, HEADER)
        writer.writeheader()
        for row in rows:
            writer.writerow({**given, "review_id": row["result_id"].split("-")[0], **row})
    return path


def verify(*words: str | Path):
    done = run("evidence", "verify", "--json", "--on", DAY, *words)
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr


def test_our_findings_as_json() -> None:
    code, report, _ = verify()
    assert code == 0
    assert report["checked_on"] == DAY
    assert [brief["slug"] for brief in report["briefs"]] == ["balance-training", "resistance-training"]
    first = report["briefs"][0]["findings"][0]
    assert {"id", "statement", "verdict", "agree", "disagree", "silent", "newest_search", "results", "why"} <= set(
        first
    )
    assert (first["verdict"], first["agree"], first["newest_search"]) == ("supported", 3, "2022-12-15")
    cited = next(r for r in first["results"] if r["result"] == "corrini2023-balance")
    assert (cited["vote"], cited["estimate"], cited["ci_low"], cited["ci_high"]) == ("agrees", 0.41, 0.22, 0.59)


def test_files_from_outside_with_the_plain_header(tmp_path: Path) -> None:
    (tmp_path / "claims.yaml").write_text(CLAIMS)
    reviews = table(
        tmp_path / "reviews.csv",
        {
            "result_id": "a-1",
            "estimate": "0.4",
            "ci_low": "0.2",
            "ci_high": "0.6",
            "k_studies": "10",
            "search_end": "2022-08",
        },
        {
            "result_id": "b-1",
            "estimate": "0.1",
            "ci_low": "-0.2",
            "ci_high": "0.4",
            "k_studies": "10",
            "significant": "no",
        },
    )
    code, report, _ = verify("--claims", tmp_path / "claims.yaml", "--reviews", reviews)
    found = report["briefs"][0]["findings"][0]
    assert code == 0
    assert report["briefs"][0]["slug"] == "claims"
    assert (found["verdict"], found["agree"], found["disagree"], found["silent"]) == ("contested", 1, 1, 0)


def test_an_unsupported_finding_exits_1(tmp_path: Path) -> None:
    (tmp_path / "claims.yaml").write_text(CLAIMS)
    reviews = table(tmp_path / "r.csv", {"result_id": "a-1", "ci_low": "-0.2", "ci_high": "0.6", "significant": "no"})
    code, report, _ = verify("--claims", tmp_path / "claims.yaml", "--reviews", reviews)
    assert (code, report["briefs"][0]["findings"][0]["verdict"]) == (1, "unsupported")


def test_a_retracted_source_exits_1(tmp_path: Path) -> None:
    (tmp_path / "claims.yaml").write_text(CLAIMS)
    (tmp_path / "x.csv").write_text(
        "doi,date,kind,source\n10.1000/A,2026-01-01,retraction,https://example.org/notice\n"
    )
    reviews = table(tmp_path / "r.csv", {"result_id": "a-1", "doi": "10.1000/a", "ci_low": "0.2", "ci_high": "0.6"})
    code, report, _ = verify(
        "--claims", tmp_path / "claims.yaml", "--reviews", reviews, "--retractions", tmp_path / "x.csv"
    )
    assert (code, report["briefs"][0]["findings"][0]["verdict"]) == (1, "withdrawn")


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        (CLAIMS.replace("a-1", "z-9"), "“z-9”, which is no result"),
        (CLAIMS.replace("improves, size", "improve, size"), "Did you mean improves?"),
        ("findings: {", "broken YAML"),
        ("just words", "a list"),
    ],
)
def test_input_that_cannot_be_used_exits_2_and_says_why(claims: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "claims.yaml").write_text(claims)
    reviews = table(tmp_path / "r.csv", {"result_id": "a-1", "ci_low": "0.2", "ci_high": "0.6"})
    code, report, errors = verify("--claims", tmp_path / "claims.yaml", "--reviews", reviews)
    assert (code, report) == (2, None)
    assert told in errors
    assert "claims.yaml:" in errors


def test_a_missing_file_exits_2(tmp_path: Path) -> None:
    code, _, errors = verify("--claims", tmp_path / "none.yaml")
    assert code == 2
    assert "no such file" in errors


def test_the_table_names_every_finding_and_says_that_votes_are_not_independent() -> None:
    done = run("evidence", "verify", "--on", DAY)
    assert done.returncode == 0
    words = " ".join(done.stdout.replace("│", " ").split())
    assert "Partly supported (lapsed)" in words
    assert "not independent" in words


def test_our_own_tables_pass_through_the_outside_door() -> None:
    own = CONTENT / "ms" / "balance-training" / "findings.yaml"
    _, outside, _ = verify("--claims", own, "--reviews", CONTENT / "evidence" / "reviews.csv")
    _, inside, _ = verify()
    assert outside["briefs"][0]["findings"] == inside["briefs"][0]["findings"]
