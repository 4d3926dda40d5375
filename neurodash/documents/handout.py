"""The sheet of a person as a tagged PDF (PDF/UA-1) on A4 or US Letter, in 14 or 18 point, readable in black and white.

The words go to Typst as data and are never part of its source. The fonts are our own and those inside Typst, so that
nothing is looked up, and the file carries no date: the same sheet is the same file, byte for byte.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import segno

from neurodash import wording
from neurodash.documents import press
from neurodash.errors import DataError, Problem
from neurodash.library import Library
from neurodash.pictures import figures
from neurodash.planning.handout import Entry, Handout, SheetSession
from neurodash.planning.profile import DAYS

HERE = Path(__file__).parent
Paper = Literal["a4", "us-letter"]
PAPERS: tuple[Paper, ...] = ("a4", "us-letter")
TIERS = (
    ("green", "Green", "Do the green amount."),
    ("amber", "Amber", "Do the amber amount."),
    ("red", "Red", "Do not train. Rest, and call us."),
)
WORDS = {
    "safety": "What is normal, and when to do less", "call": "Call us:", "before": "Before you start", "kit": "You need:",
    "you": "For you:", "care": "Take care:", "hard": "How hard:", "near": "Who is with you:", "mistake": "Watch for:",
    "moves": "How it goes on", "up": "Going up:", "back": "Going back:", "date": "Date", "done": "Tick what you did",
    "signed": "The green, amber and red amounts were set beforehand by:", "note": "What we should know:",
}  # fmt: skip
LOG = ("Colour of the day: G, A or R", "How hard, 0 to 10", "Falls, or grabbed to hold")


def pdf(sheet: Handout, library: Library, paper: Paper = "a4", large: bool = False, address: str = "") -> bytes:
    """The whole sheet. `large` is 18 point; `address` is a page with the same exercises, printed as a QR code.

    Raises DataError for a paper not known and for letters without a font (Latin, Greek and Cyrillic have one).
    """
    if paper not in PAPERS:
        raise DataError([Problem("paper", f"“{paper}”", ", ".join(PAPERS))])
    data = json.dumps(_data(sheet, library, paper, large, address))
    source = (HERE / "handout.typ").read_bytes()
    return press.printed(source, data, where="the sheet", mend="Change that text, in the goal or the names.")


def _data(sheet: Handout, library: Library, paper: str, large: bool, address: str) -> dict[str, Any]:
    span = f"{wording.date(sheet.begins)} to {wording.date(sheet.ends)}"
    weeks = wording.joined([str(number) for number in sheet.weeks])
    title = f"Your exercises, week {weeks}" if len(sheet.weeks) == 1 else f"Your exercises, weeks {weeks}"
    signed = sheet.signed
    head = [("Code", sheet.code), ("When", span), ("How much", sheet.time), ("What you want", sheet.goal)]
    head += [("Somebody with you", _company(sheet)), ("We look again on", sheet.review), ("From", signed.clinician)]
    return {
        "title": title, "paper": paper, "large": large, "running": f"{sheet.code} · {title}", "version": f"NeuroDash {sheet.version}",
        "contact": f"{WORDS['call']} {signed.phone}" if signed.phone else "", "phone": signed.phone, "clinician": signed.clinician,
        "head": [{"name": name, "says": says} for name, says in head if says], "words": WORDS,
        "code-picture": _qr(address) if address else "", "code-says": "The same on your phone",
        "tiers": [
            {"kind": kind, "word": word, "do": do, "title": told.title, "says": told.says}
            for (kind, word, do), told in zip(TIERS, (sheet.words.green, sheet.words.amber, sheet.words.red), strict=True)
        ],
        "normal": sheet.words.normal.model_dump(), "ease-off": sheet.words.ease_off.model_dump(), "stop": sheet.words.stop.model_dump(),
        "remember": sheet.remember, "kit": ", ".join(sheet.kit),
        "sessions": [_session(each, library) for each in sheet.sessions],
        "moves": [{"name": name, "up": up, "back": back} for name, up, back in sheet.moves],
        "lessons": [each.model_dump() for each in sheet.lessons],
        "weeks": [_log(number, sheet.sessions) for number in sheet.weeks],
    }  # fmt: skip


def _company(sheet: Handout) -> str:
    """For which exercises somebody has to be there: what a person who falls needs to know before anything else."""
    numbers = [str(entry.number) for session in sheet.sessions for entry in session.entries if entry.near]
    every = sum(len(session.entries) for session in sheet.sessions)
    if not numbers:
        return ""
    return "for every exercise" if len(numbers) == every else f"for {wording.joined(numbers)}"


def _session(session: SheetSession, library: Library) -> dict[str, Any]:
    when = f"{wording.joined(list(session.when))}. About {session.minutes} minutes."
    hard = list(dict.fromkeys(each.hard for each in session.entries if each.hard))
    return {
        "title": session.title, "when": when, "hard": hard, "entries": [_entry(each, library) for each in session.entries]
    }  # fmt: skip


def _entry(entry: Entry, library: Library) -> dict[str, Any]:
    frames = library.exercises.frames
    drawn = [
        {"svg": svg, "says": frame.says}
        for frame, svg in zip(
            frames[entry.exercise], figures.on_paper(frames[entry.exercise], entry.mirrored), strict=True
        )
    ]
    easier = None
    if entry.easier:
        own = frames[entry.easier]
        easier = {"svg": list(figures.on_paper(own, entry.mirrored))[-1], "says": own[-1].says}
    told = {
        name: getattr(entry, name)
        for name in ("number", "name", "steps", "today", "cautions", "green", "amber", "red", "near", "mistake")
    }
    return {**told, "frames": drawn, "easier": easier}


def _log(number: int, sessions: Sequence[SheetSession]) -> dict[str, Any]:
    planned = {day for session in sessions for day in session.days}
    rows = [
        {"name": f"{entry.number}. {entry.name}", "boxes": [day in entry.days for day in range(7)]}
        for session in sessions
        for entry in session.entries
    ]
    rows += [{"name": name, "boxes": [day in planned for day in range(7)]} for name in LOG]
    return {"title": f"Week {number}: what you did", "days": [day.capitalize() for day in DAYS], "rows": rows}


def _qr(address: str) -> str:
    made = io.BytesIO()
    segno.make(address, error="m", micro=False).save(made, kind="svg", xmldecl=False, border=1)
    return made.getvalue().decode()
