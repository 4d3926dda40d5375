"""REML and ML end at the highest point of the likelihood, whatever its shape: no set of trials is given up or stopped short.

The judge is a grid of 2,000 points and a golden section (grid.py), which knows nothing of the engine. `make test` tries
a few hundred sets; NEURODASH_GRID_SETS=10000, or `python -m tests.evidence.grid 10000`, tries as many as wanted.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from neurodash.evidence import pool, pool_many, regress
from neurodash.evidence.heterogeneity import Linear, estimate
from tests.evidence.agreement import document, used
from tests.evidence.grid import ALLOWED, KINDS, WRONG, compare, fisher_scoring, highest, log_likelihood, simulated

SETS = int(os.environ.get("NEURODASH_GRID_SETS", "300"))
GRID_SEES = 1e-5  # relative: a likelihood is flat at its top, so a grid knows the height far better than the place
HARD = json.loads(Path(__file__).with_name("hard_cases.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("method", ["REML", "ML"])
def test_the_estimate_is_never_lower_on_the_likelihood_than_a_dense_grid(method: str) -> None:
    outcome = compare(simulated(seed=1, count=SETS), restricted=method == "REML")
    assert outcome.sets == SETS
    assert outcome.worst <= ALLOWED
    assert outcome.several <= outcome.several_on_grid  # a flag is raised only where a grid sees the maxima too
    assert outcome.zero > SETS / 20  # the boundary was met often enough to be tested


def test_plain_fisher_scoring_gets_some_of_the_same_sets_wrong() -> None:
    """Why the engine brackets first: of 300 simulated sets scoring misses the maximum of several."""
    sets = simulated(seed=1, count=300)
    missed = [compare(sets, restricted) for restricted in (True, False)]
    assert sum(outcome.scoring_lower for outcome in missed) >= 5
    assert sum(outcome.scoring_never for outcome in missed) >= 2
    assert max(outcome.worst for outcome in missed) <= ALLOWED


def test_the_simulated_sets_are_as_varied_as_promised() -> None:
    sets = simulated(seed=1, count=600)
    sizes = {y.size for _, y, _ in sets}
    assert min(sizes) == 2
    assert max(sizes) == 40
    assert {kind for kind, _, _ in sets} == set(KINDS)
    assert max(v.max() / v.min() for _, _, v in sets) > 1e8
    assert all((v > 0).all() and np.isfinite(y).all() for _, y, v in sets)


# Sets found by search, each with the maximum of a grid of 20,000 points


@pytest.mark.parametrize("case", HARD, ids=lambda case: case["name"])
def test_a_hard_case_ends_at_the_highest_maximum(case: dict) -> None:
    y, v = np.array(case["yi"]), np.array(case["vi"])
    found = pool(y, v, method=case["method"], test="z")
    assert found.tau2 == pytest.approx(case["tau2"], rel=GRID_SEES, abs=1e-12)
    restricted = case["method"] == "REML"
    assert log_likelihood(y, v, found.tau2, restricted)[0] == pytest.approx(case["log_likelihood"], rel=1e-12)
    assert any(note.code == "several_maxima" for note in found.notes) == (case["maxima"] > 1)


@pytest.mark.parametrize("case", HARD, ids=lambda case: case["name"])
def test_scoring_fails_in_every_hard_case(case: dict) -> None:
    y, v, restricted = np.array(case["yi"]), np.array(case["vi"]), case["method"] == "REML"
    scored = fisher_scoring(y, v, restricted)
    if case["scoring"] == "never settles":
        assert scored is None
    else:
        assert scored == pytest.approx(case["scoring"], rel=1e-4)
        assert case["log_likelihood"] - log_likelihood(y, v, scored, restricted)[0] > WRONG


@pytest.mark.parametrize("case", HARD, ids=lambda case: case["name"])
def test_a_hard_case_stays_itself_in_another_unit(case: dict) -> None:
    """Effects in thousandths or thousands are the same trials: no fixed tolerance hides in the search."""
    y, v = np.array(case["yi"]), np.array(case["vi"])
    for unit in (1e-4, 1e4):
        found = pool(y * unit, v * unit**2, method=case["method"], test="z")
        assert found.tau2 == pytest.approx(case["tau2"] * unit**2, rel=GRID_SEES, abs=1e-12 * unit**2)


@pytest.mark.parametrize("case", HARD, ids=lambda case: case["name"])
def test_a_meta_regression_on_an_intercept_alone_finds_the_same_maximum(case: dict) -> None:
    found = regress(case["yi"], case["vi"], {}, method=case["method"], test="z")
    assert found.tau2 == pytest.approx(case["tau2"], rel=GRID_SEES, abs=1e-12)


@pytest.mark.parametrize("method", ["REML", "ML"])
def test_hard_cases_pooled_together_do_not_disturb_each_other(method: str) -> None:
    cases = [case for case in HARD if case["method"] == method]
    table = np.full((2, len(cases), 12), np.nan)
    for i, case in enumerate(cases):
        table[:, i, : len(case["yi"])] = case["yi"], case["vi"]
    many = pool_many(table[0], table[1], method=method)
    assert many.tau2 == pytest.approx([case["tau2"] for case in cases], rel=GRID_SEES, abs=1e-12)
    assert many.several_maxima.tolist() == [case["maxima"] > 1 for case in cases]


# Meta-regression


def test_a_meta_regression_ends_at_the_highest_point_of_its_likelihood() -> None:
    """The restricted likelihood of a model with moderators, from its definition, over a dense grid of tau2."""
    rng = np.random.default_rng(3)
    for _ in range(60):
        k = int(rng.integers(5, 25))
        v = 10 ** rng.uniform(-3, 0, k)
        x = np.column_stack([np.ones(k), rng.normal(size=k), rng.integers(0, 2, k) + 0.1 * rng.normal(size=k)])
        y = x @ rng.normal(size=3) + rng.normal(0, np.sqrt(v + rng.choice([0, 0.01, 1])))
        for restricted in (True, False):
            found = estimate(Linear(y[:, None], v[:, None], x), "REML" if restricted else "ML").value[0]
            grid = np.concatenate([[0.0], np.geomspace(v.min() * 1e-3, 10 * np.ptp(y) ** 2, 500)])
            best = max(_with_moderators(y, v, x, t, restricted) for t in grid)
            assert _with_moderators(y, v, x, found, restricted) >= best - ALLOWED


def _with_moderators(y: np.ndarray, v: np.ndarray, x: np.ndarray, t: float, restricted: bool) -> float:
    w = 1 / (v + t)
    gram = x.T @ (w[:, None] * x)
    residual = y - x @ np.linalg.solve(gram, x.T @ (w * y))
    found = -0.5 * np.log(v + t).sum() - 0.5 * (w * residual**2).sum()
    return float(found - 0.5 * np.linalg.slogdet(gram)[1] if restricted else found)


# Where metafor has no value

UNSETTLED = [
    # data set, analysis, the trials of it (from 1), tau2 of a grid of 20,000 points
    ("nielweise2007", "OR", "first 8", 0.0518946),
    ("nielweise2007", "RR", "first 8", 0.0572712),
    ("nielweise2007", "RR", "first 12", 0.1659600),
    ("normand1999", "MD_HO", "without 3", 460.648),
    ("normand1999", "MD_HO", "without 6", 757.264),
    ("normand1999", "MD_HO", "without 8", 799.824),
]


@pytest.mark.parametrize(("dataset", "name", "which", "tau2"), UNSETTLED)
def test_where_metafor_does_not_settle_the_value_is_the_highest_of_the_likelihood(
    dataset: str, name: str, which: str, tau2: float
) -> None:
    analysis = next(a for a in document(dataset)["analyses"] if a["id"] == name)
    y, v = used(analysis)
    word, number = which.split()
    if word == "first":
        rows = np.array(analysis["cumul"]["order_of_used_rows_one_based"])[: int(number)] - 1
    else:
        rows = np.array([i for i in range(y.size) if i != int(number) - 1])
    found = pool(y[rows], v[rows], method="REML").tau2
    assert found == pytest.approx(tau2, rel=GRID_SEES)
    best = highest(y[rows], v[rows], restricted=True, points=20_000)
    assert best.maxima == 1
    assert found == pytest.approx(best.tau2, rel=GRID_SEES)
    assert log_likelihood(y[rows], v[rows], found, True)[0] >= best.log_likelihood - 1e-12
