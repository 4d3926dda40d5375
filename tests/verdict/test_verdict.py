"""The rules of a verdict: cases a clinician can read (cases.toml), and what holds for every table."""

from __future__ import annotations

import datetime as dt
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurodash.evidence import judge
from neurodash.evidence.verdict import size_class
from neurodash.library import Claim, Finding, Result, Retraction

BOOK = tomllib.loads(Path(__file__).with_name("cases.toml").read_text(encoding="utf-8"))
ON = dt.date(2026, 11, 21)


def result(short: dict) -> Result:
    cells = {**BOOK["defaults"]["result"], **short}
    name = cells.pop("id")
    low, high = cells.pop("ci", (None, None))
    interval = {"ci_low": low, "ci_high": high} if low is not None else {}
    trials = cells.pop("k", None)
    cells = {**cells, **interval, "k_studies": trials}
    text = {key: str(value) for key, value in cells.items() if value is not None}
    return Result.model_validate({**text, "result_id": name, "review_id": name.split("-")[0], "citation": name})


def finding(changes: dict | None = None) -> Finding:
    claim = {**BOOK["defaults"]["claim"], **(changes or {})}
    claim = {key: value for key, value in claim.items() if value != ""}
    return Finding(id="it", statement="It works.", claim=Claim.model_validate(claim))


@pytest.mark.parametrize("case", BOOK["case"], ids=lambda case: case["name"])
def test_each_rule_as_written_in_the_case_book(case: dict) -> None:
    notices = [
        Retraction(doi=doi, date=ON, kind="retraction", source="https://example.org/")
        for doi in case.get("retracted", [])
    ]
    verdict = judge(finding(case.get("claim")), [result(r) for r in case["results"]], ON, notices)
    assert {vote.review_id: vote.voice for vote in verdict.votes} == case["votes"]
    assert verdict.key == case["verdict"]
    assert case.get("because", "") in verdict.why
    for review, weight in case.get("weights", {}).items():
        assert next(vote.weight for vote in verdict.votes if vote.review_id == review) == weight


def test_the_case_book_shows_every_verdict_every_says_and_every_voice() -> None:
    verdicts = {case["verdict"] for case in BOOK["case"]}
    assert verdicts == {"withdrawn", "not_checkable", "unsupported", "contested", "partly_supported", "supported"}
    says = {case.get("claim", {}).get("says", "improves") for case in BOOK["case"]}
    assert says == {"improves", "may_improve", "no_clear_effect", "more_with_dose", "not_more_harm", "narrative"}
    for kind in says - {"narrative"}:
        heard = {
            v for c in BOOK["case"] if c.get("claim", {}).get("says", "improves") == kind for v in c["votes"].values()
        }
        assert heard == {"agrees", "disagrees", "silent"} or kind in ("no_clear_effect",), kind


# What always holds

numbers = st.decimals(min_value=-3, max_value=3, places=2, allow_nan=False)


@st.composite
def results(draw: st.DrawFn, review: str | None = None) -> Result:
    low, high = sorted((draw(numbers), draw(numbers)))
    read = draw(st.booleans())
    return result(
        {
            "id": f"{review or draw(st.sampled_from('abcdef'))}-{draw(st.integers(1, 10**9))}",
            "estimate": (low + high) / 2,
            **({"ci": (low, high)} if read else {}),
            "favours": draw(st.sampled_from(["intervention", "control", "neither", ""])),
            "significant": draw(st.sampled_from(["yes", "no", "unclear"])),
            "year": draw(st.sampled_from(["", 2015, 2021, 2023, 2025, 2026])),
            "k": draw(st.sampled_from([None, 1, 2, 3, 10, 40])),
            "row_kind": draw(st.sampled_from(["main", "main", "main", "subgroup", "follow_up", "moderator"])),
            "effect_metric": draw(st.sampled_from(["SMD", "SMD", "MD", "RR", "narrative"])),
        }
    )


tables = st.lists(results(), max_size=12, unique_by=lambda r: r.result_id)
claims = st.sampled_from(["improves", "may_improve", "no_clear_effect", "not_more_harm"])


@given(tables, claims, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_never_matters(table: list[Result], says: str, random: object) -> None:
    cites = [r.result_id for r in table[::2]]
    shuffled = list(table)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    claim = finding({"says": says, "cites": cites})
    assert judge(claim, table, ON) == judge(claim, shuffled, ON)


@given(tables)
def test_an_agreeing_significant_result_never_turns_support_into_its_opposite(table: list[Result]) -> None:
    order = ["unsupported", "contested", "partly_supported", "supported"]
    cites = [r.result_id for r in table[::2]]
    before = judge(finding({"cites": cites}), table, ON).key
    more = result({"id": "new-1", "ci": (Decimal("0.1"), Decimal("0.5")), "k": 10, "year": 2024})
    after = judge(finding({"cites": cites}), [*table, more], ON).key
    if before in order:
        assert order.index(after) >= order.index(before)


@given(tables)
def test_a_silent_review_changes_no_verdict(table: list[Result]) -> None:
    claim = finding({"cites": [r.result_id for r in table[::2]]})
    silent = result({"id": "new-1", "effect_metric": "narrative", "significant": "yes"})
    assert judge(claim, table, ON).key == judge(claim, [*table, silent], ON).key


@given(tables)
def test_every_review_votes_at_most_once_and_every_matched_row_says_why(table: list[Result]) -> None:
    verdict = judge(finding({"cites": [r.result_id for r in table[::2]]}), table, ON)
    reviews = [vote.review_id for vote in verdict.votes]
    assert len(reviews) == len(set(reviews))
    assert verdict.agree + verdict.disagree + verdict.silent == len(reviews)
    assert all(row.reason for row in verdict.rows)
    assert verdict.why


@given(numbers)
def test_a_size_class_is_the_same_on_both_sides_of_zero(value: Decimal) -> None:
    assert size_class(value) == size_class(-value)


# Age


def test_a_verdict_lapses_five_years_after_the_newest_search_that_counts() -> None:
    table = [
        result({"id": "a-1", "ci": (0.1, 0.5), "search_end": "2022-12-15"}),
        result({"id": "b-1", "ci": (0.1, 0.5), "search_end": "2021"}),
        result({"id": "c-1", "effect_metric": "narrative", "search_end": "2025-06"}),
    ]
    verdict = judge(finding(), table, dt.date(2027, 12, 14))
    assert (verdict.evidence_to, verdict.lapses) == ("2022-12-15", dt.date(2027, 12, 15))
    assert verdict.newest_search == "2025-06"  # seen, though its review is silent
    assert verdict.holds
    the_next_day = judge(finding(), table, dt.date(2027, 12, 15))
    assert the_next_day.lapsed
    assert not the_next_day.holds


def test_where_no_search_date_was_read_the_first_day_of_the_year_of_publication_stands_in() -> None:
    verdict = judge(finding(), [result({"id": "a-1", "ci": (0.1, 0.5), "year": 2023})], ON)
    assert verdict.newest_search is verdict.evidence_to is None
    assert verdict.lapses == dt.date(2028, 1, 1)


def test_a_search_on_29_february_lapses_on_1_march() -> None:
    verdict = judge(finding(), [result({"id": "a-1", "ci": (0.1, 0.5), "search_end": "2024-02-29"})], ON)
    assert verdict.lapses == dt.date(2029, 3, 1)


def test_a_notice_counts_from_its_day() -> None:
    table = [result({"id": "a-1", "doi": "10.1000/a", "ci": (0.1, 0.5)})]
    notice = [Retraction(doi="10.1000/a", date=ON, kind="retraction", source="https://example.org/")]
    assert judge(finding(), table, ON, notice).key == "withdrawn"
    assert judge(finding(), table, ON - dt.timedelta(days=1), notice).key == "supported"


def test_results_that_disagree_are_counted_also_where_their_review_agrees() -> None:
    table = [
        result({"id": "a-1", "row_kind": "subgroup", "ci": (0.2, 0.6), "k": 3}),
        result({"id": "a-2", "ci": (-0.1, 0.6), "k": 40}),
    ]
    verdict = judge(finding(), table, ON)
    assert (verdict.key, verdict.disagree, verdict.disagreeing_results) == ("supported", 0, 1)


@given(tables, st.permutations(range(12)))
def test_the_spelling_of_the_ids_never_matters(table: list[Result], order: list[int]) -> None:
    """The same rows under other names give the same verdict, votes and age."""

    def judged(names: list[str]) -> tuple:
        rows = [row.model_copy(update={"result_id": name}) for name, row in zip(names, table, strict=False)]
        verdict = judge(finding({"cites": [row.result_id for row in rows][::2]}), rows, ON)
        ages = (verdict.newest_search, verdict.evidence_to, verdict.lapses)
        return verdict.key, verdict.agree, verdict.disagree, verdict.silent, verdict.why, ages

    assert judged([f"r-{n:02}" for n in range(12)]) == judged([f"r-{n:02}" for n in order])
