"""PyMARE and statsmodels, kept running for bench/pool.py in an environment of their own.

One word in, one line of JSON out: an engine's figures, or its seconds a call.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from pymare import Dataset
from pymare.estimators import VarianceBasedLikelihoodEstimator
from statsmodels.stats.meta_analysis import combine_effects


def pymare(y: Any, v: Any) -> Any:
    """REML and Knapp-Hartung of the columns of y and v: rows of tau2 and both limits."""
    results = VarianceBasedLikelihoodEstimator("REML").fit_dataset(Dataset(y, v)).summary()
    stats = results.get_fe_stats()
    return np.column_stack([results.tau2.ravel(), stats["ci_l"].ravel(), stats["ci_u"].ravel()])


def statsmodels(y: Any, v: Any) -> Any:
    """Paule and Mandel's tau2 (there is no REML) and the limits by Knapp and Hartung."""
    results = combine_effects(y, v, method_re="iterated", use_t=True, atol=1e-12)
    return [[results.tau2, *results.conf_int()[3]]]


def seconds(times: int, call: Callable[[], Any]) -> float:
    call()
    begun = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - begun) / times


def main() -> None:
    data = np.load(Path(sys.argv[1]) / "sets.npz")
    y, v, sets, set_v = data["y"], data["v"], data["sets_y"].T, data["sets_v"].T
    answers: dict[str, Callable[[], Any]] = {
        "versions": lambda: {name: metadata.version(name) for name in ("pymare", "statsmodels")},
        "pymare_figures": lambda: np.vstack([pymare(y, v), pymare(sets[:, :100], set_v[:, :100])]).tolist(),
        "statsmodels_figures": lambda: [[float(x) for x in row] for row in statsmodels(y, v)],
        "pymare": lambda: seconds(20, lambda: pymare(y, v)),
        "statsmodels": lambda: seconds(20, lambda: statsmodels(y, v)),
        "pymare_batch": lambda: seconds(1, lambda: pymare(sets, set_v)),
    }
    for line in sys.stdin:
        print(json.dumps(answers[line.strip()]()), flush=True)


if __name__ == "__main__":
    main()
