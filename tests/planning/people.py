"""Made-up people: every profile a clinician could write, as Hypothesis draws them."""

from __future__ import annotations

import datetime as dt
from typing import Any

from hypothesis import strategies as st

from neurodash import library
from neurodash.library.planning import Situation

OURS = library.load()
ON = dt.date(2026, 11, 21)
WORDS = OURS.exercises.words
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
PARTS = {"anticipatory": 6, "reactive": 6, "sensory": 6, "gait": 10}


def _mild(situation: Situation) -> bool:
    return OURS.precautions[situation.precaution].severity in ("modify", "monitor")


MILD = sorted(code for code, each in OURS.planning.situations.items() if _mild(each))
HARD = sorted(code for code, each in OURS.planning.situations.items() if not _mild(each))


@st.composite
def windows(draw: st.DrawFn) -> list[str]:
    start = draw(st.integers(6, 20)) * 60 + draw(st.sampled_from([0, 15, 30]))
    end = min(start + draw(st.sampled_from([60, 45, 30, 90, 20, 120, 240, 10])), 24 * 60)
    return [f"{start // 60:02d}:{start % 60:02d}-{end // 60:02d}:{end % 60:02d}"]


GRADES = st.sampled_from(["0", "1", "2-", "2", "2+", "3-", "3", "3+", "4-", "4", "4+", "5"])
MOVEMENTS = sorted(OURS.planning.rules.movements)


@st.composite
def profiles(draw: st.DrawFn, hard: bool = True) -> dict[str, Any]:
    """A profile as plain data. With `hard`, stops and refers are among the precautions."""

    def maybe(name: str, strategy: st.SearchStrategy[Any]) -> None:
        if thorough or draw(st.booleans()):
            found[name] = draw(strategy)

    thorough = draw(st.integers(0, 2)) == 0  # somebody who was asked everything
    found: dict[str, Any] = {"code": "P-1", "condition": "ms"}
    disability = draw(st.sampled_from(["edss", "edss", "edss", "pdds", "neither"]))
    if disability == "edss":
        found["edss"] = draw(st.integers(0, 19)) / 2
    elif disability == "pdds":
        found["pdds"] = draw(st.integers(0, 8))
    maybe("age", st.integers(18, 90))
    maybe("months_since_relapse", st.integers(1 if not hard else 0, 200))
    maybe("falls_6_months", st.integers(0, 6 if hard else 3))
    if "falls_6_months" in found and draw(st.booleans()):
        found["falls_3_months"] = draw(st.integers(0, min(found["falls_6_months"], 6 if hard else 1)))
    maybe("setting", st.sampled_from(["home_alone", "home_with_partner", "clinic", "group"]))
    if found.get("setting") != "home_alone":
        maybe("helper", st.sampled_from(["none", "family", "trained"]))
    maybe("equipment", st.lists(st.sampled_from(sorted(WORDS.equipment)), unique=True))
    if thorough and "chair" not in found["equipment"]:
        found["equipment"].append("chair")
    maybe("available", st.dictionaries(st.sampled_from(DAYS), windows(), max_size=7))
    maybe("minutes_per_week", st.sampled_from([140, 90, 60, 200, 40, 300, 600, 20, 5, 0]))
    times = ["morning", "midday", "afternoon", "evening"]
    maybe("energy", st.fixed_dictionaries({"best": st.sampled_from(times)}))
    maybe(
        "experience",
        st.fixed_dictionaries(
            {"balance": st.sampled_from(["none", "some"]), "resistance": st.sampled_from(["none", "some"])}
        ),
    )
    maybe("enjoys", st.lists(st.sampled_from(sorted(WORDS.activities)), max_size=3))
    tasks = st.lists(st.sampled_from(sorted(OURS.planning.rules.tasks)), max_size=3, unique=True)
    maybe("goals", tasks.map(lambda chosen: [{"text": "walk to the shop", "tasks": chosen}]))
    maybe("precautions", st.lists(st.sampled_from(MILD + (HARD if hard else [])), max_size=4, unique=True))
    parts = draw(st.lists(st.sampled_from(sorted(PARTS)), unique=True))
    found["measures"] = [
        {"instrument": "MINIBEST", "part": part, "value": draw(st.integers(0, PARTS[part]))} for part in parts
    ]
    maybe(
        "strength",
        st.dictionaries(
            st.sampled_from([f"{m}-{s}" for m in MOVEMENTS for s in ("left", "right")]), GRADES, max_size=8
        ),
    )
    maybe(
        "spasticity",
        st.dictionaries(st.sampled_from(["calf-left", "calf-right"]), st.sampled_from(["0", "1", "1+", "2", "3"])),
    )
    focus = draw(st.sampled_from([["balance"], ["resistance"], ["balance", "resistance"]]))
    return {**found, "focus": focus}
