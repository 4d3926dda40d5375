"""How fast trials are pooled, side by side in one run: REML with Knapp and Hartung's test, k = 20.

    ours         `pool`, one analysis a call; `pool_many`, 10,000 in one call; `leave_one_out` at k = 40
    metafor      rma and leave1out in R, at its default settings
    PyMARE       REML and Knapp-Hartung, one a call and 10,000 in one call
    statsmodels  combine_effects; it has no REML, so its time is of Paule and Mandel's simpler equation

Also: what 10,000 analyses add to the memory, and seconds of `neurodash evidence verify` in a new process. The engines
have to agree on the numbers before they are timed; one that does not is named. What is missing is said and left out.
R and metafor come from Debian (r-base-core, r-cran-metafor), the others from requirements-bench.lock in
.cache/bench-venv.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.engine import Engine, bench_python
from neurodash.evidence.pooling import pool, pool_many
from neurodash.evidence.sensitivity import leave_one_out

SETS, K, K_LEFT = 10_000, 20, 40
CHECKED = 100  # sets of the batch whose numbers are compared as well
ROUNDS, SEED = 15, 20
METAFOR_AGREES, PYMARE_AGREES = 1e-6, 1e-5  # in tau2 and both limits; PyMARE's search stops at about 1e-8


def main() -> None:
    random = np.random.default_rng(SEED)
    one, forty, sets = simulated(random, K), simulated(random, K_LEFT), simulated(random, SETS, K)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, one, forty, sets)
        metafor, others = start_metafor(folder), start_python_engines(folder)
        try:
            agrees = compare_numbers(one, forty, sets, metafor, others)
            seconds = compare_times(one, forty, sets, metafor, others)
        finally:
            for engine in (metafor, others):
                if engine:
                    engine.stop()
        report(seconds, agrees)
        print(f"memory added by the batch at its peak: {memory_of_batch(folder)}")
        judge("`neurodash evidence verify` in a new process", verify_seconds(), "s", "under 1 s", lambda s: s < 1)


def simulated(random: np.random.Generator, *shape: int) -> tuple[Any, Any]:
    """Standardised mean differences around 0.3 with tau2 = 0.04, 8 to 79 people an arm: yi and vi of that shape."""
    n = random.integers(8, 80, shape)
    v = 2 / n + 0.3**2 / (4 * n)
    return random.normal(0.3, np.sqrt(v + 0.04)), v


def write(folder: Path, one: Any, forty: Any, sets: Any) -> None:
    np.savez(folder / "sets.npz", y=one[0], v=one[1], sets_y=sets[0], sets_v=sets[1])
    named = {"one": one, "forty": forty, **{str(i): (sets[0][i], sets[1][i]) for i in range(CHECKED)}}
    rows = [f"{name},{y:.17g},{v:.17g}" for name, own in named.items() for y, v in zip(*own, strict=True)]
    (folder / "sets.csv").write_text("\n".join(["set,yi,vi", *rows]))


# The other engines


def start_metafor(folder: Path) -> Engine | None:
    def here() -> bool:
        look = ["Rscript", "-e", "quit(status = !requireNamespace('metafor', quietly = TRUE))"]
        return bool(shutil.which("Rscript")) and not subprocess.run(look, check=False, capture_output=True).returncode

    if not here() and os.geteuid() == 0 and shutil.which("apt-get"):
        print("Installing R and metafor ...", flush=True)
        packages = ["r-base-core", "r-cran-metafor"]
        subprocess.run(["apt-get", "update", "-qq"], check=False)
        subprocess.run(["apt-get", "install", "-y", "-qq", *packages], check=False, stdout=subprocess.DEVNULL)
    if not here():
        print("metafor is not here, so it is left out: apt-get install r-base-core r-cran-metafor")
        return None
    engine = Engine(["Rscript", str(Path(__file__).with_name("metafor.R")), str(folder)])
    print(engine.ask("version"))
    return engine


def start_python_engines(folder: Path) -> Engine | None:
    python = bench_python()
    if python is None:
        return None
    engine = Engine([str(python), str(Path(__file__).with_name("python_engines.py")), str(folder)])
    print(", ".join(f"{name} {version}" for name, version in engine.ask("versions").items()))
    return engine


# Numbers first


def compare_numbers(one: Any, forty: Any, sets: Any, metafor: Engine | None, others: Engine | None) -> dict[str, bool]:
    """Whether each REML engine finds our tau2 and both limits; every difference is printed."""
    single, many, left = pool(*one), pool_many(sets[0][:CHECKED], sets[1][:CHECKED]), leave_one_out(*forty).without
    ours = np.array(
        [[single.tau2, single.ci_low, single.ci_high], *zip(many.tau2, many.ci_low, many.ci_high, strict=True)]
    )
    ours_left = np.column_stack([left.tau2, left.ci_low, left.ci_high])
    agrees = {}
    if metafor or others:
        print(f"\nlargest difference from ours in tau² and the limits, {CHECKED + 1} sets of k = {K}")
    if metafor:
        theirs, theirs_left = (np.array(metafor.ask(word), dtype=float) for word in ("figures", "figures_left"))
        agrees["metafor"] = tell("metafor, at tight control", ours, theirs, METAFOR_AGREES)
        agrees["leave1out"] = tell(f"its leave1out, k = {K_LEFT}", ours_left, theirs_left, METAFOR_AGREES)
    if others:
        agrees["PyMARE"] = tell("PyMARE", ours, np.array(others.ask("pymare_figures")), PYMARE_AGREES)
        found, moment = others.ask("statsmodels_figures")[0][0], pool(*one, method="PM").tau2
        print(f"  statsmodels has no REML: its tau² is {found:.6f}, Paule and Mandel's (ours by PM: {moment:.6f}),")
        print(f"  where REML's is {single.tau2:.6f}")
    return agrees


def tell(name: str, ours: Any, theirs: Any, within: float) -> bool:
    gap = np.abs(ours - theirs).max(axis=1)
    gave_up, worst = int(np.isnan(gap).sum()), float(np.nanmax(gap, initial=0))
    agrees = worst <= within and gave_up < len(gap)
    print(f"  {name:<26}{worst:.0e}   {'agrees' if agrees else 'DIFFERS'} (allowed: {within:.0e})", end="")
    print(f"; it found no answer for {gave_up}" if gave_up else "")
    return agrees


# Then times


def compare_times(
    one: Any, forty: Any, sets: Any, metafor: Engine | None, others: Engine | None
) -> dict[str, list[float]]:
    """Seconds a call, a list of ROUNDS each. Interleaved rounds, so that a noisy moment hits all alike."""
    runs: dict[str, Callable[[], float]] = {
        "ours": lambda: clock(100, lambda: pool(*one)),
        "ours, batch": lambda: clock(1, lambda: pool_many(*sets)),
        "ours, leave-one-out": lambda: clock(20, lambda: leave_one_out(*forty)),
    }
    if metafor:
        runs["metafor"] = lambda: metafor.ask("pool")
        runs["metafor, leave1out"] = lambda: metafor.ask("leave_one_out")
    if others:
        runs["PyMARE"] = lambda: others.ask("pymare")
        runs["PyMARE, batch"] = lambda: others.ask("pymare_batch")
        runs["statsmodels (no REML)"] = lambda: others.ask("statsmodels")
    seen: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            seen[name].append(run())
    return seen


def clock(times: int, call: Callable[[], Any]) -> float:
    call()
    begun = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - begun) / times


def report(seconds: dict[str, list[float]], agrees: dict[str, bool]) -> None:
    """Medians; a ratio is the median of the rounds' own ratios."""
    busy = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} (1.0 is this run)"
    print(f"\n{busy}; medians of {ROUNDS} interleaved rounds, the fastest in brackets")
    for name, runs in seconds.items():
        many = SETS if "batch" in name else 1
        unit, scale = ("µs an analysis", 1e6 / many) if many > 1 else ("ms", 1e3)
        print(f"  {name:<24}{statistics.median(runs) * scale:>8.3f} {unit}  ({min(runs) * scale:.3f})")
    print()
    each = [s / SETS for s in seconds["ours, batch"]]

    def ratio(
        what: str, slow: str, ours: list[float], checked: str, aim: str, met: Callable[[float], bool] | None
    ) -> None:
        if slow not in seconds:
            print(f"{what}: not measured (aim: {aim})")
        elif not agrees[checked]:
            print(f"{what}: not told, because the numbers differ")
        else:
            rounds = [theirs / own for theirs, own in zip(seconds[slow], ours, strict=True)]
            judge(what, statistics.median(rounds), "times", aim, met)

    ratio("one analysis, metafor / ours", "metafor", seconds["ours"], "metafor", "at least 15", lambda x: x >= 15)
    ratio("one analysis, PyMARE / ours", "PyMARE", seconds["ours"], "PyMARE", "over 1", lambda x: x > 1)
    ratio("metafor's one / ours in the batch", "metafor", each, "metafor", "at least 800", lambda x: x >= 800)
    judge(
        "one analysis in the batch", statistics.median(each) * 1e6, "µs", "under 5 µs on an idle core", lambda x: x < 5
    )
    ratio("the batch, PyMARE / ours", "PyMARE, batch", seconds["ours, batch"], "PyMARE", "none", None)
    ratio(
        "leave-one-out, metafor / ours", "metafor, leave1out", seconds["ours, leave-one-out"], "leave1out", "none", None
    )


def judge(what: str, value: float, unit: str, aim: str, met: Callable[[float], bool] | None) -> None:
    figure = f"{value:.0f}" if value >= 100 else f"{value:.2f}"
    print(f"{what:<46}{figure:>7} {unit}" + (f"   (aim: {aim}: {'met' if met(value) else 'NOT MET'})" if met else ""))


# Memory and a cold start, each in processes of their own

BATCH = """
import sys
from pathlib import Path
import numpy as np
from bench.engine import Engine, bench_python
from neurodash.evidence.pooling import pool, pool_many

def kilobytes(name):
    return next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))

data = np.load(sys.argv[1])
y, v = data["sets_y"], data["sets_v"]
pool(y[0], v[0])
Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
before = kilobytes("VmRSS:")
found = pool_many(y, v)
print((kilobytes("VmHWM:") - before) / 1024, y.nbytes * 2 / 1024**2)
"""


def memory_of_batch(folder: Path) -> str:
    if not Path("/proc/self/clear_refs").exists():
        return "not measured, it needs Linux"
    words = [sys.executable, "-c", BATCH, str(folder / "sets.npz")]
    run = subprocess.run(words, capture_output=True, text=True, check=False)
    if run.returncode:
        return f"not measured: {run.stderr.splitlines()[-1]}"
    grown, given = map(float, run.stdout.split())
    return f"{grown:.1f} MB resident (its input is {given:.1f} MB)"


def verify_seconds() -> float:
    """The median of 5 new processes."""
    taken = []
    for _ in range(5):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-m", "neurodash", "evidence", "verify"], check=True, stdout=subprocess.DEVNULL)
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


if __name__ == "__main__":
    main()
