"""How fast the papers for clinicians are made, each time with other words, as visitors ask for them; and what stays in memory."""

from __future__ import annotations

import datetime as dt
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from neurodash.documents import brief, plan, protocol
from neurodash.evidence import judge_brief
from neurodash.planning import adapted
from tests.planning.guarantees import planned
from tests.planning.people import OURS
from tests.planning.test_people import HOME

ROUNDS = 9
ON = dt.date(2026, 11, 21)
ANNA = {**HOME, "edss": 3.5, "focus": ["balance", "resistance"]}


def median(work: Callable[[int], bytes]) -> tuple[float, int]:
    """Milliseconds of one paper, warm, and its bytes. Each round prints other words, so that nothing is taken from memory."""
    found = []
    size = len(work(-1))
    for number in range(ROUNDS):
        begun = time.perf_counter()
        work(number)
        found.append((time.perf_counter() - begun) * 1000)
    return statistics.median(found), size


def resident() -> int:
    """MB of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 2**20


def main() -> None:
    of = OURS.briefs["balance-training"]
    verdicts = judge_brief(of, OURS, ON)
    document = adapted.unchanged(OURS.protocols[of.slug], OURS).mapping
    made = planned(ANNA)
    before = resident()
    papers: dict[str, tuple[int, Callable[[int], bytes]]] = {
        "a brief with its deep dive": (300, lambda n: brief.pdf(of, verdicts, OURS, standing=f"{n} of 7 hold.", on=ON)),
        "the same in large print": (1000, lambda n: brief.pdf(of, verdicts, OURS, standing=f"{n}", on=ON, large=True)),
        "a saved protocol": (
            1000,
            lambda n: protocol.pdf(of.slug, OURS, on=ON, document=document, name=f"Lakeside {n}"),
        ),
        "a plan of twelve weeks": (500, lambda n: plan.pdf(made, OURS, on=ON, signed=f"Version {n}")),
    }
    for name, (aim, work) in papers.items():
        took, size = median(work)
        print(f"  {name:<36} {took:6.0f} ms  (aim: under {aim})  {size // 1024} KB")
    print(f"  memory, before and after {len(papers) * (ROUNDS + 1)} papers     {before} -> {resident()} MB")


if __name__ == "__main__":
    main()
