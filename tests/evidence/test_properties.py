"""What always holds, whatever the trials."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from neurodash.evidence import conversions as convert
from neurodash.evidence import (
    cumulative,
    effect_sizes,
    heterogeneity_interval,
    leave_one_out,
    mantel_haenszel,
    multilevel,
    permutation_test,
    peto,
    pool,
    pool_many,
    regress,
    robust,
    subgroups,
)
from neurodash.evidence.effects import BACK, MEASURES
from neurodash.evidence.heterogeneity import METHODS
from neurodash.evidence.pooling import TESTS

NUMBERS = (
    "estimate",
    "se",
    "ci_low",
    "ci_high",
    "pi_low",
    "pi_high",
    "statistic",
    "p",
    "tau2",
    "se_tau2",
    "i2",
    "h2",
    "q",
    "q_p",
)
SAME = 1e-9  # relative: the same numbers added in another order
quick = settings(derandomize=True, max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def whole(low: int, high: int) -> st.SearchStrategy[int]:
    return st.integers(low, high)


@st.composite
def trials(draw: st.DrawFn, least: int = 2, most: int = 15) -> tuple[np.ndarray, np.ndarray]:
    """Effects between -3 and 3 with variances from 0.001 to 10, no two effects the same."""
    k = draw(whole(least, most))
    y = draw(st.lists(whole(-3000, 3000), min_size=k, max_size=k, unique=True))
    v = draw(st.lists(st.floats(-3, 1), min_size=k, max_size=k))
    return np.array(y) / 1000, 10 ** np.round(np.array(v), 3)


methods = st.sampled_from(METHODS)
tests = st.sampled_from(TESTS)


def close(a: Any, b: Any, rel: float = SAME, size: float = 1.0) -> bool:
    return bool(np.allclose(np.asarray(a, float), np.asarray(b, float), rtol=rel, atol=rel * size, equal_nan=True))


# Pooling


@quick
@given(trials(), methods, tests, st.randoms(use_true_random=False))
def test_the_order_of_the_trials_changes_nothing(some: Any, method: str, test: str, random: Any) -> None:
    y, v = some
    order = list(range(y.size))
    random.shuffle(order)
    before, after = pool(y, v, method=method, test=test), pool(y[order], v[order], method=method, test=test)
    for name in NUMBERS:
        assert close(getattr(before, name), getattr(after, name), 1e-7), name
    assert close(before.weights[order], after.weights, 1e-7, 100)


@quick
@given(trials(), methods, tests, st.sampled_from([-5.0, 0.25, 40.0]))
def test_a_shift_of_every_effect_shifts_the_result_alone(some: Any, method: str, test: str, shift: float) -> None:
    y, v = some
    before, after = pool(y, v, method=method, test=test), pool(y + shift, v, method=method, test=test)
    for name in ("estimate", "ci_low", "ci_high", "pi_low", "pi_high"):
        assert close(getattr(before, name) + shift, getattr(after, name), 1e-7, 50), name
    for name in ("se", "tau2", "i2", "q"):
        assert close(getattr(before, name), getattr(after, name), 1e-7), name


@quick
@given(trials(), methods, tests, st.sampled_from([1e-6, 0.01, 7.0, 1e6]))
def test_another_unit_scales_the_result(some: Any, method: str, test: str, unit: float) -> None:
    y, v = some
    before, after = pool(y, v, method=method, test=test), pool(y * unit, v * unit**2, method=method, test=test)
    for name in ("estimate", "se", "ci_low", "ci_high", "pi_low", "pi_high"):
        assert close(getattr(before, name) * unit, getattr(after, name), 1e-7, unit), name
    for name in ("tau2", "se_tau2"):
        assert close(getattr(before, name) * unit**2, getattr(after, name), 1e-7, unit**2), name
    for name in ("i2", "h2", "q", "p"):
        assert close(getattr(before, name), getattr(after, name), 1e-7), name


@quick
@given(trials(), methods, tests)
def test_mirrored_effects_give_the_mirrored_result(some: Any, method: str, test: str) -> None:
    y, v = some
    before, after = pool(y, v, method=method, test=test), pool(-y, v, method=method, test=test)
    assert close(before.estimate, -after.estimate)
    assert close(before.ci_low, -after.ci_high)
    assert close(before.tau2, after.tau2)


@quick
@given(trials(), st.sampled_from(["CE", "ML", "HS"]))
def test_every_trial_twice_halves_the_variance_and_leaves_the_estimate(some: Any, method: str) -> None:
    """Where tau2 does not depend on k - 1: the likelihood, or Q - k, is only doubled."""
    y, v = some
    once, twice = pool(y, v, method=method, test="z"), pool(np.tile(y, 2), np.tile(v, 2), method=method, test="z")
    assert close(once.estimate, twice.estimate, 1e-7)
    assert close(once.tau2, twice.tau2, 1e-7)
    assert close(once.se / math.sqrt(2), twice.se, 1e-7)


@quick
@given(trials(), st.sampled_from(["CE", "ML", "REML"]))
def test_a_trial_with_a_huge_variance_has_no_say(some: Any, method: str) -> None:
    y, v = some
    without = pool(y, v, method=method, test="z")
    with_it = pool(np.append(y, 1.0), np.append(v, 1e14), method=method, test="z")
    assert close(without.estimate, with_it.estimate, 1e-6)
    assert close(without.tau2, with_it.tau2, 1e-6)
    assert with_it.weights[-1] < 1e-9


@quick
@given(trials(), methods, tests)
def test_every_result_keeps_its_bounds(some: Any, method: str, test: str) -> None:
    found = pool(*some, method=method, test=test)
    assert found.tau2 >= 0
    assert 0 <= found.i2 <= 100
    assert 0 <= found.p <= 1
    assert found.ci_low < found.estimate < found.ci_high
    assert found.weights.sum() == pytest.approx(100)
    assert (found.weights > 0).all()
    assert found.tau == pytest.approx(math.sqrt(found.tau2))
    assert some[0].min() <= found.estimate <= some[0].max()
    if method == "CE":
        assert math.isnan(found.pi_low)
        assert found.tau2 == 0
    else:
        assert found.pi_low <= found.ci_low
        assert found.pi_high >= found.ci_high


@quick
@given(trials(), methods)
def test_the_guarded_test_is_never_narrower_than_the_others(some: Any, method: str) -> None:
    wald, knapp, guarded = (pool(*some, method=method, test=test).se for test in ("z", "knha", "adhoc"))
    assert guarded == pytest.approx(max(wald, knapp))


@quick
@given(trials(), methods, tests)
def test_a_higher_level_is_a_wider_interval(some: Any, method: str, test: str) -> None:
    widths = [
        f.ci_high - f.ci_low
        for f in (pool(*some, method=method, test=test, level=level) for level in (50, 80, 95, 99.9))
    ]
    assert widths == sorted(widths)
    assert widths[0] < widths[-1]


@quick
@given(trials(), tests)
def test_a_common_effect_is_any_random_one_without_tau2(some: Any, test: str) -> None:
    y, v = some
    same = y.mean() + (y - y.mean()) * 1e-4 * np.sqrt(v.min())  # spread far below chance
    common = pool(same, v, method="CE", test=test)
    for method in ("DL", "REML", "ML", "PM"):
        random = pool(same, v, method=method, test=test)
        assert random.tau2 == 0
        assert close([random.estimate, random.se, random.p], [common.estimate, common.se, common.p])


@quick
@given(trials())
def test_paule_and_mandel_lies_inside_the_q_profile(some: Any) -> None:
    interval = heterogeneity_interval(*some)
    assert interval.tau2_low <= pool(*some, method="PM").tau2 <= interval.tau2_high
    assert 0 <= interval.i2_low <= interval.i2_high <= 100


@quick
@given(trials())
def test_paule_and_mandels_and_the_empirical_bayes_estimate_are_one(some: Any) -> None:
    """Both solve Q(tau2) = k - 1 (Viechtbauer et al. 2015, Psychol Methods 20:360)."""
    assert pool(*some, method="PM").tau2 == pool(*some, method="EB").tau2


# Extremes


@settings(quick, max_examples=60)
@given(
    st.lists(st.tuples(st.floats(-8, 8), st.sampled_from([-1, 0, 1]), st.floats(-8, 8)), min_size=1, max_size=8),
    methods,
    tests,
)
def test_no_scale_gives_a_number_that_is_none(rows: list[tuple[float, int, float]], method: str, test: str) -> None:
    """Effects and variances from 1e-8 to 1e8 in one set: estimate, error, interval, p and heterogeneity all exist."""
    y = [sign * 10**size for size, sign, _ in rows]
    v = [10**size for _, _, size in rows]
    found = pool(y, v, method=method, test=test)
    for name in ("estimate", "se", "ci_low", "ci_high", "statistic", "p", "tau2", "i2", "h2", "q", "q_p"):
        assert math.isfinite(getattr(found, name)), name
    if len(rows) > 1:
        assert math.isfinite(heterogeneity_interval(y, v).tau2_high)


# One call for many


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("test", TESTS)
def test_many_sets_in_one_call_are_each_set_by_itself(method: str, test: str) -> None:
    rng = np.random.default_rng(5)
    table = np.full((2, 70, 12), np.nan)  # more than 64 sets: another way through the search
    sizes = [1, 2, 3, *rng.integers(1, 13, 67)]
    for i, k in enumerate(sizes):
        places = np.sort(rng.permutation(12)[:k])  # the trials a set does not have lie anywhere
        table[0, i, places] = rng.normal(0, 1, k)
        table[1, i, places] = 10 ** rng.uniform(-3, 0, k)
    many = pool_many(table[0], table[1], method=method, test=test)
    assert len(many) == 70
    for i, k in enumerate(sizes):
        there = ~np.isnan(table[0, i])
        one = pool(table[0, i, there], table[1, i, there], method=method, test=test)
        assert many.k[i] == k == one.k
        assert close(many.df[i], math.nan if one.df is None else one.df)
        for name in NUMBERS:
            assert close(getattr(many, name)[i], getattr(one, name), 1e-9), f"set {i}, {name}"


def test_more_sets_than_fit_a_chunk_keep_their_order() -> None:
    rng = np.random.default_rng(6)
    y, v = rng.normal(0, 1, (2500, 5)), 10 ** rng.uniform(-2, 0, (2500, 5))
    many = pool_many(y, v, method="DL", test="z")
    for i in (0, 1023, 1024, 2047, 2048, 2499):
        assert many.estimate[i] == pytest.approx(pool(y[i], v[i], method="DL", test="z").estimate, rel=1e-12)


@quick
@given(trials(least=2, most=9), methods, tests)
def test_leaving_one_out_is_pooling_the_others(some: Any, method: str, test: str) -> None:
    y, v = some
    left = leave_one_out(y, v, method=method, test=test)
    for i in range(y.size):
        others = np.arange(y.size) != i
        one = pool(y[others], v[others], method=method, test=test)
        for name in NUMBERS:
            assert close(getattr(left.without, name)[i], getattr(one, name), 1e-8), name
        clear = not left.all_trials.ci_low <= 0 <= left.all_trials.ci_high
        assert left.turns_direction[i] == (clear and np.sign(one.estimate) != np.sign(left.all_trials.estimate))


@quick
@given(trials(least=2, most=9), methods)
def test_the_last_cumulative_result_is_the_pooled_one_and_the_first_the_first_trial(some: Any, method: str) -> None:
    y, v = some
    steps = cumulative(y, v, order=y, method=method, test="z")
    order = np.argsort(y, kind="stable")
    assert steps.order == tuple(order)
    assert steps.after.estimate[0] == pytest.approx(y[order[0]])
    assert steps.after.tau2[0] == 0
    assert close(steps.after.estimate[-1], pool(y, v, method=method, test="z").estimate, 1e-8)


# Regression, groups, clusters


@quick
@given(trials(least=2), st.sampled_from(["CE", "DL", "HE", "HS", "SJ", "PM", "ML", "REML", "EB"]), tests)
def test_a_meta_regression_without_moderators_is_pooling(some: Any, method: str, test: str) -> None:
    model, one = regress(*some, {}, method=method, test=test), pool(*some, method=method, test=test)
    assert close(
        [model.b[0], model.se[0], model.tau2, model.i2, model.qe], [one.estimate, one.se, one.tau2, one.i2, one.q], 1e-7
    )
    assert close(model.log_likelihood, one.log_likelihood, 1e-8)


@quick
@given(trials(least=6), st.floats(0.01, 100), st.floats(-50, 50))
def test_a_moderator_in_another_unit_changes_its_coefficient_alone(some: Any, unit: float, shift: float) -> None:
    y, v = some
    x = np.sin(np.arange(y.size) * 1.7)
    before, after = regress(y, v, {"x": x}), regress(y, v, {"x": x * unit + shift})
    assert close(before.b[1], after.b[1] * unit, 1e-6)
    assert close(before.p[1], after.p[1], 1e-6)
    assert close(before.tau2, after.tau2, 1e-6)


@quick
@given(trials(least=5))
def test_each_group_is_pooled_by_itself(some: Any) -> None:
    y, v = some
    by = ["ab"[i % 2] for i in range(y.size)]
    found = subgroups(y, v, by)
    for name, group in zip(found.names, found.groups, strict=True):
        own = [i for i, g in enumerate(by) if g == name]
        assert close(group.estimate, pool(y[own], v[own]).estimate)
    assert found.qb_df == 1
    assert 0 <= found.qb_p <= 1


@settings(quick, max_examples=15)
@given(trials(least=4, most=10), st.randoms(use_true_random=False))
def test_the_order_and_the_names_of_clusters_change_nothing(some: Any, random: Any) -> None:
    y, v = some
    cluster = [str(i // 2) for i in range(y.size)]
    assume(np.ptp([y[i : i + 2].mean() for i in range(0, y.size, 2)]) > 0.01)  # else nothing varies between clusters
    order = list(range(y.size))
    random.shuffle(order)
    before = multilevel(y, v, cluster)
    after = multilevel(y[order], v[order], [f"site {9 - int(cluster[i])}" for i in order])
    assert close(
        [before.estimate, before.se, before.log_likelihood], [after.estimate, after.se, after.log_likelihood], 1e-5
    )
    for estimator in ("CR0", "CR1", "CR2"):
        one = robust(before, estimator=estimator)
        two = robust(after, estimator=estimator)
        assert close([one.se[0], one.df[0]], [two.se[0], two.df[0]], 1e-4)


@settings(quick, max_examples=15)
@given(trials(least=3, most=10))
def test_a_three_level_model_with_one_effect_a_cluster_is_a_random_effects_model(some: Any) -> None:
    y, v = some
    nested, flat = multilevel(y, v, [str(i) for i in range(y.size)]), pool(y, v, test="z")
    assert close(nested.between + nested.within, flat.tau2, 1e-5)
    assert close(nested.log_likelihood, flat.log_likelihood, 1e-8)
    assert any(note.code == "one_effect_a_cluster" for note in nested.notes)


def test_a_permutation_test_is_the_same_for_the_same_seed() -> None:
    rng = np.random.default_rng(8)
    model = regress(rng.normal(size=14), rng.uniform(0.05, 0.5, 14), {"dose": rng.normal(size=14)}, method="DL")
    first, again, other = (permutation_test(model, iterations=300, seed=seed) for seed in (4, 4, 5))
    assert first.p.tolist() == again.p.tolist()
    assert first.p.tolist() != other.p.tolist()
    assert not first.exact
    assert (first.p >= 1 / 300).all()  # the observed order is among those counted
    assert abs(first.p[1] - other.p[1]) < 0.12  # 4 standard errors of the difference of two shares of 300


# Effect sizes


@st.composite
def arms(draw: st.DrawFn) -> dict[str, list[float]]:
    mean, sd, n = st.floats(-50, 50), st.floats(0.1, 30), st.integers(2, 500)
    return {
        name: [draw(kind)] for name, kind in zip(("m1", "sd1", "n1", "m2", "sd2", "n2"), (mean, sd, n) * 2, strict=True)
    }


def swapped(columns: dict[str, Any]) -> dict[str, Any]:
    return {name[:-1] + {"1": "2", "2": "1"}[name[-1]]: values for name, values in columns.items()}


@quick
@given(
    arms(), st.sampled_from([("SMD", "LS"), ("SMD", "UB"), ("SMD", "LS2"), ("SMDH", "LS"), ("MD", "LS"), ("MD", "HO")])
)
def test_swapped_groups_turn_the_sign_of_a_difference(columns: dict[str, Any], kind: tuple[str, str]) -> None:
    measure, variance = kind
    one, two = (effect_sizes(measure, variance=variance, **c) for c in (columns, swapped(columns)))
    assert close(one.yi, -two.yi)
    assert close(one.vi, two.vi)


@quick
@given(arms(), st.floats(0.01, 100), st.floats(-100, 100))
def test_a_standardised_difference_has_no_unit(columns: dict[str, Any], unit: float, shift: float) -> None:
    other = {
        name: [x * unit + shift * (name[0] == "m") for x in values] if name[0] in "ms" else values
        for name, values in columns.items()
    }
    one, two = effect_sizes("SMD", **columns), effect_sizes("SMD", **other)
    assert close(one.yi, two.yi, 1e-6, 10)
    assert close(one.vi, two.vi, 1e-6)


@st.composite
def tables(draw: st.DrawFn, k: int = 1) -> dict[str, list[int]]:
    n1, n2 = ([draw(st.integers(2, 400)) for _ in range(k)] for _ in range(2))
    return {
        "events1": [draw(st.integers(0, n)) for n in n1],
        "n1": n1,
        "events2": [draw(st.integers(0, n)) for n in n2],
        "n2": n2,
    }


@quick
@given(tables(), st.sampled_from(["RR", "OR", "RD", "PETO"]))
def test_swapped_arms_turn_the_sign_of_a_ratio(columns: dict[str, Any], measure: str) -> None:
    one, two = effect_sizes(measure, **columns), effect_sizes(measure, **swapped(columns))
    assert close(one.yi, -two.yi)
    assert close(one.vi, two.vi)


@quick
@given(tables(k=4))
def test_swapped_arms_turn_the_sign_of_a_pooled_table(columns: dict[str, Any]) -> None:
    columns = {
        name: [*values, 20 if name[0] == "n" else 7] for name, values in columns.items()
    }  # one trial with events
    for measure in ("OR", "RR", "RD"):
        one, two = mantel_haenszel(measure, **columns), mantel_haenszel(measure, **swapped(columns))
        assert close([one.estimate, one.se, one.p], [-two.estimate, two.se, two.p], 1e-8)
    one, two = peto(**columns), peto(**swapped(columns))
    assert close([one.estimate, one.se], [-two.estimate, two.se], 1e-8)


@quick
@given(tables())
def test_the_odds_ratio_of_staying_well_is_the_inverse(columns: dict[str, Any]) -> None:
    turned = {
        **columns,
        "events1": [columns["n1"][0] - columns["events1"][0]],
        "events2": [columns["n2"][0] - columns["events2"][0]],
    }
    assert close(effect_sizes("OR", **columns).yi, -effect_sizes("OR", **turned).yi, 1e-8)


@pytest.mark.parametrize("back", BACK)
def test_the_way_back_to_the_readers_scale_keeps_the_order(back: str) -> None:
    values = np.linspace(0, math.pi / 2, 200) if back == "sin2" else np.linspace(-5, 5, 200)
    assert (np.diff(BACK[back](values)) > 0).all()


@pytest.mark.parametrize(
    ("measure", "columns", "value"),
    [
        ("RR", {"events1": [10], "n1": [40], "events2": [5], "n2": [40]}, 2.0),
        ("OR", {"events1": [10], "n1": [40], "events2": [10], "n2": [70]}, 2.0),
        ("IRR", {"events1": [10], "time1": [100], "events2": [5], "time2": [200]}, 4.0),
        ("ROM", {"m1": [6.0], "sd1": [1.0], "n1": [9], "m2": [4.0], "sd2": [1.0], "n2": [9]}, 1.5),
        ("ZCOR", {"r": [0.3], "n": [20]}, 0.3),
        ("PLO", {"events": [3], "n": [12]}, 0.25),
        ("PLN", {"events": [3], "n": [12]}, 0.25),
        ("PAS", {"events": [3], "n": [12]}, 0.25),
        ("PR", {"events": [3], "n": [12]}, 0.25),
    ],
)
def test_there_and_back_is_the_number_a_reader_knows(measure: str, columns: dict[str, Any], value: float) -> None:
    made = effect_sizes(measure, **columns)
    assert made.back(made.yi[0]) == pytest.approx(value)
    assert pool(made).back(made.yi[0]) == pytest.approx(value)


def test_every_measure_has_a_way_back_that_exists() -> None:
    assert {measure.back for measure in MEASURES.values()} <= set(BACK)


# Conversions

some_numbers = st.floats(-20, 20)
positive = st.floats(0.01, 20)


@quick
@given(some_numbers, positive, st.sampled_from([80, 90, 95, 99]), st.sampled_from([None, 3, 40]))
def test_a_standard_error_survives_its_interval(estimate: float, se: float, level: float, df: float | None) -> None:
    from scipy import stats

    reach = (stats.norm if df is None else stats.t(df)).ppf(0.5 + level / 200)
    assert convert.se_from_interval(estimate - reach * se, estimate + reach * se, level, df) == pytest.approx(se)


@quick
@given(st.floats(0.5, 20), positive, st.sampled_from([None, 8, 60]))
def test_a_standard_error_survives_its_p(estimate: float, se: float, df: float | None) -> None:
    from scipy import stats

    ratio = min(estimate / se, 6.0)
    p = 2 * (stats.norm if df is None else stats.t(df)).sf(ratio)
    assert convert.se_from_p(-estimate, p, df) == pytest.approx(estimate / ratio, rel=1e-6)


@quick
@given(positive, st.integers(2, 500), some_numbers)
def test_an_sd_survives_its_standard_error_and_its_interval(sd: float, n: int, mean: float) -> None:
    from scipy import stats

    se = sd / math.sqrt(n)
    reach = stats.t(n - 1).ppf(0.975) * se
    assert convert.sd_from_se(se, n) == pytest.approx(sd)
    assert convert.sd_from_interval(mean - reach, mean + reach, n) == pytest.approx(sd, rel=1e-6)


@quick
@given(arms())
def test_an_smd_is_the_same_from_means_t_difference_and_p(columns: dict[str, Any]) -> None:
    from scipy import stats

    made = effect_sizes("SMD", **columns)
    m1, sd1, n1, m2, sd2, n2 = (columns[name][0] for name in ("m1", "sd1", "n1", "m2", "sd2", "n2"))
    se = convert.sd_pooled(sd1, n1, sd2, n2) * math.sqrt(1 / n1 + 1 / n2)
    t = (m1 - m2) / se
    assert close(convert.smd_from_t(t, n1, n2), (made.yi[0], made.vi[0]))
    assert close(convert.smd_from_difference(m1 - m2, se, n1, n2), (made.yi[0], made.vi[0]))
    p = 2 * stats.t(n1 + n2 - 2).sf(abs(t))
    if 1e-200 < p < 0.99:
        assert close(convert.smd_from_p(p, n1, n2, sign=math.copysign(1, t)), (made.yi[0], made.vi[0]), 1e-6)


@quick
@given(some_numbers, positive)
def test_an_odds_ratio_and_an_smd_lead_to_each_other(value: float, variance: float) -> None:
    assert close(convert.log_or_from_smd(*convert.smd_from_log_or(value, variance)), (value, variance))


@quick
@given(st.floats(-0.98, 0.98), st.integers(4, 1000))
def test_a_correlation_and_an_smd_lead_to_each_other(r: float, n: int) -> None:
    """With groups of equal size the variance comes back too, as that of the correlation, (1 - r^2)^2 / (n - 1)."""
    smd, variance = convert.smd_from_r(r, n)
    again, spread = convert.r_from_smd(smd, variance, 50, 50)
    assert close(again, r)
    assert close(spread, (1 - r**2) ** 2 / (n - 1), 1e-8)


def test_conversions_of_a_column_are_those_of_its_numbers() -> None:
    low, high = [0.1, -0.5, 1.0], [0.9, 0.5, 4.0]
    assert convert.se_from_interval(low, high).tolist() == [
        convert.se_from_interval(a, b) for a, b in zip(low, high, strict=True)
    ]


def test_worked_conversions() -> None:
    # Cochrane Handbook 6.5.2.2: n 25, 95 % interval 30.0 to 34.2: sqrt(25) x (34.2 - 30.0) / 4.128 = 5.09
    assert convert.sd_from_interval(30.0, 34.2, 25) == pytest.approx(5.09, abs=0.005)
    # Cochrane Handbook 6.5.2.8: SDs 4.0 and 4.4 with a correlation of 0.80: sqrt(16 + 19.36 - 2 x 0.8 x 4 x 4.4) = 2.68
    assert convert.sd_of_change(4.0, 4.4, 0.80) == pytest.approx(2.68, abs=0.005)
    # by hand: 1.96 standard errors to either side of 0.5
    assert convert.se_from_interval(0.304, 0.696) == pytest.approx(0.1, abs=1e-5)
    # by hand: z of a two-sided 0.05 is 1.96
    assert convert.se_from_p(0.196, 0.05) == pytest.approx(0.1, abs=1e-5)
    # Borenstein 2009, chapter 7: log odds ratio 0.9069, variance 0.0676 -> d 0.5000, variance 0.0205
    assert convert.smd_from_log_or(0.9069, 0.0676) == pytest.approx((0.5000, 0.0205), abs=5e-5)
    # the same chapter: r 0.50, variance 0.0058 with n 97.98 -> d 1.1547, variance 0.0550
    assert convert.smd_from_r(0.50, 1 + 0.75**2 / 0.0058) == pytest.approx((1.1547, 0.0550), abs=5e-5)
