"""`neurodash plan`: from a terminal, with real files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import ROOT, run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plan")
    (folder / "p.yaml").write_text(run("plan", "example").stdout)
    done = run("plan", "make", folder / "p.yaml", "--start", "2026-11-24", "--json")
    assert done.returncode == 0, done.stderr
    (folder / "plan.json").write_text(done.stdout)
    return folder


def test_the_example_makes_a_page_with_its_days_checks_and_reasons(made: Path) -> None:
    done = run("plan", "make", made / "p.yaml", "--start", "2026-11-24")
    assert done.returncode == 0
    for told in ("P-014: Ready", "Week 1, from 30", "Mon 09:00", "P29", "Test again", "Two kinds of tired", "CERT"):
        assert told in done.stdout, told
    assert "\x1b" not in done.stdout


def test_the_plan_as_json_can_be_checked_and_explained(made: Path) -> None:
    checked = run("plan", "check", made / "plan.json")
    assert checked.returncode == 0, checked.stderr
    assert "✓ Every exercise has a rule" in checked.stdout
    told = json.loads(run("plan", "check", made / "plan.json", "--json").stdout)
    assert len(told["cert"]) == 16
    assert {each["result"] for each in told["checks"]} <= {"passes", "does not apply"}
    explained = run("plan", "explain", made / "plan.json").stdout
    for part in ("measure MRC", "finding balance-training#", "expert judgement", "Not chosen, and why"):
        assert part in explained, part


def test_a_plan_written_by_hand_is_checked_too(made: Path) -> None:
    item = {
        "exercise": "feet-together", "name": "Feet together", "target": "sensory", "ladder": "narrow-standing", "rung": 3,
        "dose": {"sets": 2, "low": 30, "high": 30, "unit": "seconds"},
    }  # fmt: skip
    session = {"date": "2026-11-30", "day": "mon", "focus": ["balance"], "minutes": 10, "items": [item]}
    week = {
        "number": 1,
        "begins": "2026-11-30",
        "lighter": False,
        "phases": [],
        "minutes": {"balance": 10},
        "sets": {},
        "sessions": [session],
    }
    plan = {
        "code": "H-1",
        "condition": "ms",
        "status": "ready",
        "start": "2026-11-30",
        "focus": ["balance"],
        "weeks": [week],
    }
    (made / "hand.json").write_text(json.dumps(plan))
    done = run("plan", "check", made / "hand.json")
    assert done.returncode == 1
    for told in (
        "✕ Balance is more than standing still",
        "✕ Every exercise has a rule",
        "✕ A second task",
        "✕ Teaches",
        "– Strength comes with speed",
    ):
        assert told in done.stdout, told
    item["exercise"] = "feet-togther"
    (made / "hand.json").write_text(json.dumps(plan))
    done = run("plan", "check", made / "hand.json")
    assert done.returncode == 2
    assert "week 1, session 1, exercise 1" in done.stderr
    assert "Did you mean feet-together?" in done.stderr


@pytest.mark.parametrize("text", ["", "{}", "[]", "{", '{"code": 1}', "null", '{"format": 1, "extra": true}'])
def test_what_is_no_plan_exits_2_with_every_problem(text: str, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(text)
    for command in ("check", "explain"):
        done = run("plan", command, tmp_path / "p.json")
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
        assert "problem" in done.stderr


def test_a_profile_that_cannot_be_used_exits_2(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("code: P-1\ncondition: ms\nedss: 11\n")
    done = run("plan", "make", tmp_path / "p.yaml")
    assert done.returncode == 2
    assert "p.yaml:3: edss" in done.stderr
    assert run("plan", "make", tmp_path / "none.yaml").returncode == 2


def test_a_stop_is_told_first_and_has_no_session(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("code: P-1\ncondition: ms\nprecautions: [suspected_relapse]\n")
    done = run("plan", "make", tmp_path / "p.yaml")
    assert done.returncode == 0
    assert "P-1: Stop: no training." in done.stdout
    assert "What to do now" in done.stdout
    assert "Week 1" not in done.stdout


@pytest.mark.parametrize("what", ["profile", "plan"])
def test_the_schemas_in_the_documents_are_those_of_the_program(what: str) -> None:
    kept = (ROOT / "docs" / "schemas" / f"{what}.schema.json").read_text(encoding="utf-8")
    assert run("plan", "schema", what).stdout == kept, f"neurodash plan schema {what} > docs/schemas/{what}.schema.json"


def test_what_the_program_writes_fits_its_schemas(made: Path) -> None:
    from jsonschema import Draft202012Validator

    from neurodash.library.reading import read_yaml

    plan = json.loads((made / "plan.json").read_text())
    profile = json.loads(json.dumps(read_yaml((made / "p.yaml").read_text(), "p").data, default=str))
    for what, data in (("plan", plan), ("profile", profile)):
        schema = json.loads((ROOT / "docs" / "schemas" / f"{what}.schema.json").read_text())
        Draft202012Validator.check_schema(schema)
        assert [error.message for error in Draft202012Validator(schema).iter_errors(data)] == []
    plan["weeks"][0]["sessions"][0]["items"][0]["dose"]["unit"] = "hours"
    schema = json.loads((ROOT / "docs" / "schemas" / "plan.schema.json").read_text())
    assert list(Draft202012Validator(schema).iter_errors(plan))
