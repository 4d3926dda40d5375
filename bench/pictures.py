"""How fast the exercises are read, solved and drawn, and what their index weighs over the wire with all pictures.

Cold: the first time in a new process, as after a start. Warm: the median of ROUNDS. One picture: the median over all
exercises of solving and drawing its frames. The index is asked of `neurodash serve` with Brotli.
"""

from __future__ import annotations

import statistics
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from bench.serve import serve
from neurodash import library
from neurodash.library.pictures import frames
from neurodash.pictures import figures

ROUNDS = 5


def seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def main() -> None:
    begun = time.perf_counter()
    shelf = library.load().exercises
    read = time.perf_counter() - begun

    def draw(name: str) -> None:
        list(figures.svgs(frames(shelf.exercises[name].picture, shelf.poses)))

    def draw_all() -> None:
        for name in shelf.exercises:
            draw(name)

    cold = seconds(draw_all)
    warm = statistics.median(seconds(draw_all) for _ in range(ROUNDS))
    one = statistics.median(
        min(seconds(lambda name=name: draw(name)) for _ in range(ROUNDS)) for name in shelf.exercises
    )
    drawn = sum(len(each.picture.frames) for each in shelf.exercises.values())
    print(f"\npictures: {len(shelf.exercises)} exercises, {drawn} frames, solved and drawn")
    print(f"  the whole library read and checked   {read:6.2f} s")
    print(f"  all pictures, cold                   {cold:6.2f} s   (aim: under 2)")
    print(f"  all pictures, warm                   {warm:6.2f} s")
    print(f"  one picture                          {one * 1000:6.2f} ms  (aim: under 5)")
    with tempfile.TemporaryDirectory() as folder:
        _, running = serve(Path(folder), "neurodash.web.wsgi:app", None)
        try:
            for path in ("/exercises/", "/exercises/?position=sitting"):
                request = urllib.request.Request(
                    f"http://127.0.0.1:{running.port}{path}", headers={"Accept-Encoding": "br"}
                )
                with urllib.request.urlopen(request) as answer:
                    print(f"  {path:36} {len(answer.read()) / 1000:6.0f} KB over the wire (aim: under 200)")
        finally:
            running.stop()


if __name__ == "__main__":
    main()
