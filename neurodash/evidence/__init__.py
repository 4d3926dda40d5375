"""From evidence tables and claims to verdicts, and from trials to our own analysis.

    from neurodash.evidence import effect_sizes, pool, regress, bias

The numeric part (NumPy) is loaded when it is first asked for: a verdict needs none of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from neurodash.evidence.verdict import Judged, Verdict, Vote, failing, judge, judge_brief

if TYPE_CHECKING:
    from neurodash.evidence.clusters import multilevel, robust
    from neurodash.evidence.effects import Effects, effect_sizes
    from neurodash.evidence.pooling import Pooled, heterogeneity_interval, mantel_haenszel, peto, pool, pool_many
    from neurodash.evidence.regression import permutation_test, regress, subgroups
    from neurodash.evidence.sensitivity import cumulative, influence, leave_one_out
    from neurodash.evidence.small_studies import bias, egger, pet_peese, rank_test, trim_fill

_NUMERIC = {
    **dict.fromkeys(("Effects", "effect_sizes"), "effects"),
    **dict.fromkeys(("Pooled", "heterogeneity_interval", "mantel_haenszel", "peto", "pool", "pool_many"), "pooling"),
    **dict.fromkeys(("permutation_test", "regress", "subgroups"), "regression"),
    **dict.fromkeys(("multilevel", "robust"), "clusters"),
    **dict.fromkeys(("bias", "egger", "pet_peese", "rank_test", "trim_fill"), "small_studies"),
    **dict.fromkeys(("cumulative", "influence", "leave_one_out"), "sensitivity"),
}

__all__ = [
    "Effects", "Judged", "Pooled", "Verdict", "Vote", "bias", "cumulative", "effect_sizes", "egger", "failing",
    "heterogeneity_interval", "influence", "judge", "judge_brief", "leave_one_out", "mantel_haenszel", "multilevel",
    "permutation_test", "pet_peese", "peto", "pool", "pool_many", "rank_test", "regress", "robust", "subgroups", "trim_fill",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _NUMERIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_NUMERIC[name]}"), name)
