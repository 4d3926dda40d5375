"""How fast a sheet becomes a PDF, beside the same sheet by WeasyPrint, in one run.

The sheet has four pages and twelve pictures. WeasyPrint gets the same words and the same pictures as a page of HTML; its
system libraries (Pango) have to be there, otherwise only our own figure is printed.
"""

from __future__ import annotations

import dataclasses
import io
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from html import escape
from pathlib import Path

import pypdf

from bench.engine import Engine, bench_python
from neurodash.documents.handout import _data, pdf
from neurodash.planning.handout import Handout, handout
from tests.planning.guarantees import planned
from tests.planning.people import OURS
from tests.planning.test_people import HOME

ROUNDS = 9
PICTURES = 12


def short_sheet() -> Handout:
    """A sheet of one session with six exercises, and no easier pictures: twelve pictures."""
    made = handout(planned({**HOME, "edss": 3, "focus": ["resistance"], "minutes_per_week": 200}), OURS)
    session = made.sessions[0]
    entries = [
        dataclasses.replace(each, easier="", cautions=(), near="", mistake="")
        for each in (*session.entries, *session.entries)
    ]
    kept = [each for each in entries if len(OURS.exercises.frames[each.exercise]) == 2][: PICTURES // 2]
    only = dataclasses.replace(session, entries=tuple(kept))
    return dataclasses.replace(made, sessions=(only,), lessons=(), moves=(), weeks=(), remember=())


def as_html(sheet: Handout) -> str:
    """The same words and pictures for a browser's engine."""
    data = _data(sheet, OURS, "a4", False, "")
    parts = [
        f"<h1>{escape(data['title'])}</h1>",
        *(f"<p><b>{e['name']}:</b> {escape(e['says'])}</p>" for e in data["head"]),
    ]
    for tier in data["tiers"]:
        parts.append(
            f"<h3>{tier['word']}</h3><p>{escape(tier['title'])} {escape(' '.join(tier['says']))} {tier['do']}</p>"
        )
    for box in ("normal", "ease-off", "stop"):
        says = "".join(f"<li>{escape(each)}</li>" for each in data[box]["says"])
        parts.append(f"<h3>{escape(data[box]['title'])}</h3><ul>{says}</ul>")
    for session in data["sessions"]:
        parts.append(f"<h2>{escape(session['title'])}</h2><p>{escape(session['when'])}</p>")
        for one in session["entries"]:
            pictures = "".join(
                f["svg"].replace("<svg ", '<svg style="width:36mm;height:auto" ', 1) for f in one["frames"]
            )
            steps = "".join(f"<li>{escape(step)}</li>" for step in one["steps"])
            cells = "".join(f"<td>{'<br>'.join(map(escape, one[t['kind']]))}</td>" for t in data["tiers"])
            heads = "".join(f"<th>{t['word']}</th>" for t in data["tiers"])
            parts.append(
                f"<section><h3>{one['number']}. {escape(one['name'])}</h3>{pictures}<ol>{steps}</ol>"
                f"<table><thead><tr>{heads}</tr></thead><tbody><tr>{cells}</tr></tbody></table></section>"
            )
    style = "@page{size:A4;margin:16mm 14mm}body{font:14pt sans-serif}section{break-inside:avoid}td,th{border:1px solid;width:33%}"
    return f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(data["title"])}</title><style>{style}</style>{"".join(parts)}</html>'


def seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def start_weasyprint(folder: Path, page: str) -> Engine | None:
    python = bench_python()
    if python is None:
        return None
    there = subprocess.run([str(python), "-c", "import weasyprint"], check=False, capture_output=True)
    if there.returncode:
        print(
            "WeasyPrint is left out: its system libraries are missing (apt-get install libpango-1.0-0 libpangoft2-1.0-0)"
        )
        return None
    (folder / "sheet.html").write_text(page, encoding="utf-8")
    engine = Engine([str(python), str(Path(__file__).with_name("weasyprint_engine.py")), str(folder / "sheet.html")])
    print(f"WeasyPrint {engine.ask('version')}")
    return engine


def main() -> None:
    sheet = short_sheet()
    made = pdf(sheet, OURS)
    pages, pictures = (
        len(pypdf.PdfReader(io.BytesIO(made)).pages),
        sum(len(OURS.exercises.frames[e.exercise]) for e in sheet.sessions[0].entries),
    )
    with tempfile.TemporaryDirectory() as name:
        weasyprint = start_weasyprint(Path(name), as_html(sheet))
        try:
            if weasyprint:
                weasyprint.ask("warm")
            ours, theirs = [], []
            for _ in range(ROUNDS):
                ours.append(seconds(lambda: pdf(sheet, OURS)))
                if weasyprint:
                    theirs.append(float(weasyprint.ask("sheet")))
        finally:
            if weasyprint:
                weasyprint.stop()
    print(f"\nsheets: {pages} pages, {pictures} pictures, {len(made) / 1024:.0f} KB, tagged (PDF/UA-1)")
    print(f"  one sheet, warm                      {statistics.median(ours) * 1000:6.1f} ms  (aim: under 60)")
    if theirs:
        ratio = statistics.median(their / our for their, our in zip(theirs, ours, strict=True))
        print(
            f"  the same by WeasyPrint               {statistics.median(theirs) * 1000:6.1f} ms  ({ratio:.1f} x; aim: 10 x)"
        )


if __name__ == "__main__":
    main()
