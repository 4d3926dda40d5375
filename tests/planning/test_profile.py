"""Profiles that cannot be used: every problem at once, with its line, what was found and what is accepted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from neurodash.errors import DataError
from neurodash.library import CONTENT
from neurodash.planning.profile import Profile, read_profile
from tests.planning.people import ON, OURS

EXAMPLE = (CONTENT / "planning" / "example.yaml").read_text(encoding="utf-8")


def problems(text: str) -> list[str]:
    with pytest.raises(DataError) as caught:
        read_profile(text, "p.yaml", OURS, ON)
    return [str(problem) for problem in caught.value.problems]


def one(**wrong: Any) -> str:
    (told,) = problems(json.dumps({"code": "P-1", "condition": "ms", **wrong}))
    return told


def test_the_example_can_be_used_as_it_is() -> None:
    profile = read_profile(EXAMPLE, "p.yaml", OURS, ON)
    assert profile.support == "near"
    assert profile.equipment and {"band", "pad"} <= profile.equipment
    assert profile.situations == ("heat-sensitivity", "bladder-urgency")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"edss": 11}, "edss: “11”; accepted: a number of at most 10"),
        ({"edss": 3.3}, "0 to 10 in steps of 0.5"),
        ({"code": "Anna Müller"}, "code"),
        ({"condition": "mss"}, "Did you mean ms?"),
        ({"equipment": ["foam_padd"]}, "Did you mean foam-pad?"),
        ({"precautions": ["heat_sensitive"]}, "Did you mean heat-sensitivity?"),
        ({"cleared": ["pregnancy"]}, "a precaution that is named too"),
        ({"focus": ["balanse"]}, "Did you mean balance?"),
        ({"falls_6_months": 1, "falls_3_months": 2}, "no more than falls_6_months, 1"),
        ({"setting": "home_alone", "helper": "trained"}, "none, where somebody trains at home alone"),
        ({"edss": 6.5, "walking_aid": "none"}, "EDSS 6.5 means that one is needed"),
        ({"edss": 1, "pdds": 7}, "two that fit each other"),
        ({"energy": {"best": "morning", "worst": "morning"}}, "another time of day than best"),
        ({"available": {"mon": ["9-11"]}}, "a time such as 09:00-11:00"),
        ({"available": {"mon": ["11:00-09:00"]}}, "the earlier first"),
        ({"available": {"mon": ["09:00-11:00", "10:00-12:00"]}}, "times that do not overlap"),
        ({"available": {"someday": ["09:00-11:00"]}}, "available"),
        ({"measures": [{"instrument": "TUG", "value": 11200}]}, "Milliseconds? Then it is 11.2 s."),
        ({"measures": [{"instrument": "TUG", "value": -3}]}, "no plausible Timed Up and Go; accepted: 2 to 300 s"),
        ({"measures": [{"instrument": "MFIS", "value": 90}]}, "accepted: 0 to 84"),
        ({"measures": [{"instrument": "MINIBEST", "part": "reactive", "value": 7}]}, "0 to 6 points"),
        ({"measures": [{"instrument": "MINIBEST", "part": "reactiv", "value": 1}]}, "Did you mean reactive?"),
        ({"measures": [{"instrument": "TUGG", "value": 10}]}, "Did you mean TUG?"),
        ({"measures": [{"instrument": "TUG", "value": 10, "on": "2027-01-01"}]}, "in the future"),
        (
            {"measures": [{"instrument": "TUG", "value": v, "on": "2026-11-02"} for v in (10, 12)]},
            "12 and 10 of 2 November 2026; accepted: one value a day",
        ),
        (
            {"measures": [{"instrument": "TUG", "value": 10}, {"instrument": "TUG", "value": 10, "on": "2026-11-02"}]},
            "measures.0: TUG without a day; accepted: a day for each, where there are several",
        ),
        ({"measures": [{"instrument": "EDSS", "value": 6}]}, "Give it as edss:"),
        ({"measures": [{"instrument": "pdds", "value": 4}]}, "Give it as pdds:"),
        ({"measures": [{"instrument": "FALLS", "value": 4}]}, "Give it as falls_6_months:"),
        ({"measures": [{"instrument": "TUG", "value": True}]}, "value: true; accepted: a number"),
        ({"measures": [{"instrument": "TUG", "value": "10"}]}, "value: “10”; accepted: a number"),
        (
            {"measures": [{"instrument": "TUG", "value": 10, "on": 1794441600}]},
            "on: “1794441600”; accepted: a date from 1950",
        ),
        ({"measures": [{"instrument": "TUG", "value": 10, "on": "1949-12-31"}]}, "accepted: a date from 1950 on"),
        ({"measures": [{"instrument": "TUG", "value": 10, "on": "20261102"}]}, "accepted: a date from 1950 on"),
        ({"edss": True}, "edss: true; accepted: a number"),
        ({"edss": "6"}, "edss: “6”; accepted: a number"),
        ({"age": True}, "age: true; accepted: a whole number"),
        ({"months_since_relapse": "3"}, "months_since_relapse: “3”; accepted: a number"),
        ({"minutes_per_week": "90"}, "minutes_per_week: “90”; accepted: a whole number"),
        ({"falls_6_months": False}, "falls_6_months: false; accepted: a whole number"),
        ({"edss": 4.5, "walking_aid": "wheelchair"}, "EDSS 5 or more, from which a wheelchair is used, or another aid"),
        ({"pdds": 4, "walking_aid": "wheelchair"}, "PDDS 5 or more, from which a wheelchair is used, or another aid"),
        ({"pdds": 5, "walking_aid": "none"}, "an aid: PDDS 5 means that one is needed to walk"),
        ({"edss": 2, "pdds": 4}, "pdds: 4 beside EDSS 2; accepted: two that fit each other"),
        ({"strength": {"knee_extension_left": 3, "knee-extension-left": 4}}, "“knee-extension-left” again"),
        ({"strength": {"dorsiflexion_left": 3, "ankle_dorsiflexion_left": 4}}, "“ankle_dorsiflexion_left” again"),
        ({"spasticity": {"calf_left": 3, "plantarflexors_left": 1}}, "each movement or muscle and side once"),
        ({"spasticity": {"banana_left": 4}}, "“banana_left”; accepted: calf_left, toe_flexors_left, hamstrings_left"),
        ({"goals": [{"text": "walk\u202eback"}]}, "goals.0.text"),
        ({"enjoys": ["garden\x9b2Jing"]}, "enjoys.0"),
        ({"code": "P\u202e1"}, "a code, never a name"),
        ({"strength": {"knee_extension_left": "6"}}, "0 to 5, with + or -"),
        ({"strength": {"kne_extension_left": "4"}}, "Did you mean knee_extension_left?"),
        ({"strength": {"knee_extension": "4"}}, "_left or _right"),
        ({"spasticity": {"calf_left": "2+"}}, "0, 1, 1+, 2, 3 or 4"),
        ({"name": "Anna"}, "name"),
        ({"minutes_per_week": 100000}, "minutes_per_week"),
        ({"experience": {"yoga": "some"}}, "balance, resistance"),
    ],
)
def test_each_wrong_value_names_its_field_and_what_is_accepted(wrong: dict[str, Any], told: str) -> None:
    assert told in one(**wrong)


def test_all_problems_come_at_once_in_the_order_of_the_file() -> None:
    wrong = (
        EXAMPLE.replace("foam_pad", "foam_padd").replace("value: 11.2,", "value: 11200,").replace("mon: [\"09:00", "mon: [\"12:00")
        .replace("calf_left: 2", "calf_left: 9").replace("heat_sensitivity", "heat")
    )  # fmt: skip
    found = problems(wrong)
    lines = [int(each.split(":")[1]) for each in found]
    assert len(found) == 5
    assert lines == sorted(lines)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "code: [",
        "- 1",
        "code: &a x\ncondition: *a",
        "null",
        '{"code": "P-1"}',
        "code: P-1\ncode: P-2\ncondition: ms",
        "\x00",
        "a" * 100_000,
    ],
)
def test_what_is_no_profile_is_told_and_never_a_traceback(text: str) -> None:
    assert problems(text)


def profile(**keys: Any) -> Profile:
    return read_profile(json.dumps({"code": "P-1", "condition": "ms", **keys}), "p.yaml", OURS, ON)


def test_every_key_is_held_against_the_library_where_another_has_the_wrong_shape() -> None:
    found = problems("code: P-1\nage: 500\ncondition: xx\nedss: 7\nequipment: [zzz]\nwalking_aid: none\n")
    assert [each.split(": ")[:2] for each in found] == [
        ["p.yaml:2", "age"],
        ["p.yaml:3", "condition"],
        ["p.yaml:5", "equipment.0"],
        ["p.yaml:6", "walking_aid"],
    ]


def test_what_clears_a_precaution_of_the_wrong_shape_is_not_held_against_it() -> None:
    assert "precautions" in one(precautions=3, cleared=["pregnancy"])


def test_an_aid_goes_with_its_step_of_the_pdds_as_with_the_edss() -> None:
    assert [profile(pdds=step).has_aid for step in range(9)] == [False] * 4 + [True] * 5
    assert profile(edss=6).has_aid
    assert not profile(edss=5.5).has_aid
    assert profile(pdds=4, walking_aid="none").has_aid  # at times, outside: no contradiction


@pytest.mark.parametrize(
    ("edss", "pdds", "counts"), [(3.5, 4, (6.0, "pdds")), (6.5, 4, (6.5, "edss")), (6.0, 4, (6.0, "edss"))]
)
def test_of_edss_and_pdds_the_more_severe_counts(edss: float, pdds: int, counts: tuple[float, str]) -> None:
    read = profile(edss=edss, pdds=pdds)
    assert (read.edss, read.edss_from) == counts


@pytest.mark.parametrize("named", ["pregnancy", OURS.planning.situations["pregnancy"].precaution])
@pytest.mark.parametrize("cleared", ["Pregnancy", OURS.planning.situations["pregnancy"].precaution.lower()])
def test_a_precaution_is_cleared_by_row_or_by_code_however_it_was_named(named: str, cleared: str) -> None:
    assert profile(precautions=[named], cleared=[cleared]).cleared == {"pregnancy"}


def test_another_name_of_a_muscle_is_that_muscle() -> None:
    assert profile(spasticity={"Plantarflexors_left": "1+"}).spasticity == {"calf": {"left": 1.5}}


def test_a_huge_profile_is_refused_by_its_lists() -> None:
    measures = [{"instrument": "TUG", "value": 10}] * 500
    assert "measures" in " ".join(problems(json.dumps({"code": "P-1", "condition": "ms", "measures": measures})))


def test_the_newest_value_counts() -> None:
    measures = [
        {"instrument": "TUG", "value": 10, "on": "2026-10-01"},
        {"instrument": "TUG", "value": 12, "on": "2026-11-01"},
    ]
    for order in (measures, measures[::-1]):
        profile = read_profile(json.dumps({"code": "P-1", "condition": "ms", "measures": order}), "p", OURS, ON)
        assert profile.value("TUG") == 12
