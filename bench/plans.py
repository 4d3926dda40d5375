"""How fast a plan is made, how many a minute, whether memory stays flat, and the promises held over many made-up people.

`python bench/plans.py [PEOPLE]`: 10,000 unless told. The promises are those of tests/planning/guarantees.py, the people those
of tests/planning/people.py, drawn in as many processes as there are cores. A promise that is broken ends this with 1.
"""

from __future__ import annotations

import collections
import concurrent.futures
import os
import resource
import statistics
import sys
import time
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from neurodash.planning.build import make
from tests.planning import guarantees
from tests.planning.people import ON, OURS, profiles
from tests.planning.test_people import HOME

PEOPLE = 10_000
FULL: dict[str, Any] = {**HOME, "edss": 3, "focus": ["balance", "resistance"], "minutes_per_week": 200}


def drawn(people: int, start: int) -> tuple[collections.Counter[str], list[str]]:
    """What became of `people` people, and every broken promise."""
    count: collections.Counter[str] = collections.Counter()
    broken: list[str] = []

    @seed(start)
    @settings(
        max_examples=people,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.booleans().flatmap(lambda hard: profiles(hard=hard)))
    def one(data: dict[str, Any]) -> None:
        plan = guarantees.planned(data)
        count[plan.status] += 1
        found = [f"{promise.__name__}: {told}" for promise in guarantees.ALL for told in promise(data, plan)]
        broken.extend(f"{each}  {data}" for each in found)

    one()
    return count, broken


def resident() -> float:
    """Megabytes in use now."""
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize() / 2**20


def main(people: int) -> int:
    profile = guarantees.read(FULL)
    make(profile, OURS, ON)
    times = []
    for _ in range(60):
        begun = time.perf_counter()
        plan = make(profile, OURS, ON)
        times.append(time.perf_counter() - begun)
    begun = time.perf_counter()
    text = plan.to_json()
    written = time.perf_counter() - begun

    first, began, made = 0.0, time.perf_counter(), 0
    while (spent := time.perf_counter() - began) < 20:
        make(guarantees.read({**FULL, "edss": made % 13 / 2}), OURS, ON)
        made += 1
        if made == 200:
            first = resident()
    print(f"\nplans: balance and strength together, {len(plan.sessions)} sessions, one core")
    print(f"  one plan, warm                       {statistics.median(times) * 1000:6.1f} ms  (aim: under 30)")
    print(f"  written as JSON                      {written * 1000:6.1f} ms  ({len(text) / 1024:.0f} KB)")
    print(f"  profiles read and planned a minute   {made / spent * 60:6.0f}     (aim: 2,000)")
    print(f"  memory after 200, after {made:5}        {first:6.0f} MB, {resident():.0f} MB")

    began = time.perf_counter()
    cores = os.cpu_count() or 1
    with concurrent.futures.ProcessPoolExecutor(cores) as pool:
        found = list(pool.map(drawn, [people // cores] * cores, range(cores)))
    total = sum((count for count, _ in found), collections.Counter[str]())
    broken = [told for _, every in found for told in every]
    became = ", ".join(f"{number:,} {status}" for status, number in sorted(total.items()))
    print(
        f"  {len(guarantees.ALL)} promises over {total.total():,} people: {len(broken)} broken ({became}; {time.perf_counter() - began:.0f} s)"
    )
    for told in broken[:10]:
        print(f"    {told}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else PEOPLE))
