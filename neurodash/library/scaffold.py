"""The folder of a new brief, sound but for its blanks."""

from __future__ import annotations

import datetime as dt
import os
import re
import tempfile
from collections.abc import Collection
from pathlib import Path

from neurodash.errors import DataError, Problem, did_you_mean
from neurodash.library.briefs import SECTIONS
from neurodash.library.loading import BLANK

_FRONT = """---
title: {blank} title
summary: {blank} one or two sentences
published: {day}
updated: {day}
checked: {day}
picture:
  draw: hamstring-stretch
  alt: {blank} what the picture tells somebody who cannot see it
  caption: {blank} one sentence
videos: []
related: []
draft: true
---
"""
_FINDINGS = """# One entry a finding; what each key means: docs/writing-a-brief.md
findings:
  - id: first-finding
    statement: {blank} one sentence without numbers
    claim:
      population: {condition}
      intervention: [exercise_any]
      outcome: balance
      says: improves
      cites: []
"""
_PROTOCOL = """# Every number cites guideline rows (source:) or is expert judgement; what each key means: docs/writing-a-brief.md
id: {slug}
name: {blank} name of the training
ladders: [stability-limits]
phases:
  - id: first
    name: {blank} name of the first phase
    exercises: []
    do: {blank} what the person does
    up: "{blank} when to move on {{{{ expert }}}}"
    back: "{blank} when to step back {{{{ expert }}}}"
doses:
  - edss: [0, 4.5]
    start:
      per_week: {{low: 2, high: 2}}
    says: "{blank} how much, and why {{{{ expert }}}}"
order:
  - "{blank} what comes first in a session {{{{ expert }}}}"
progress:
  - "{blank} what moves a person up, and back {{{{ expert }}}}"
retests:
  - {{instrument: TUG, weeks: 4}}
"""


def new_brief(content: Path, condition: str, slug: str, on: dt.date, known: Collection[str]) -> Path:
    """Make `content/<condition>/<slug>/` with brief.md and findings.yaml, and its protocol, whole or not at all.

    `known` are the conditions there are; the folders above are made where they are missing.
    Raises DataError for a slug that cannot be a folder's name, an unknown condition, or a brief that exists.
    """
    for name, value in (("SLUG", slug), ("--condition", condition)):
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", value):
            raise DataError([Problem(name, f"“{value}”", "small letters, digits and hyphens, such as gaze-training")])
    if condition not in known:
        raise DataError(
            [Problem("--condition", f"“{condition}”", ", ".join(sorted(known)), did_you_mean(condition, known))]
        )
    folder = content / condition / slug
    protocol = content / "protocols" / f"{slug}.yaml"
    for there in (folder, protocol):
        if there.exists():
            what = "a folder" if there == folder else "a file"
            raise DataError([Problem(str(there), f"{what} that exists", "a new name; nothing was touched")])
    folder.parent.mkdir(parents=True, exist_ok=True)
    protocol.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=content, prefix=".new-") as draft:
        made = Path(draft, slug)
        made.mkdir(mode=0o755)
        (made / "brief.md").write_text(_FRONT.format(blank=BLANK, day=on) + _body(), encoding="utf-8")
        (made / "findings.yaml").write_text(_FINDINGS.format(blank=BLANK, condition=condition), encoding="utf-8")
        Path(draft, protocol.name).write_text(_PROTOCOL.format(blank=BLANK, slug=slug), encoding="utf-8")
        os.rename(Path(draft, protocol.name), protocol)
        os.rename(made, folder)
    return folder


def _body() -> str:
    lines = []
    for title, parts in SECTIONS.items():
        lines.append(f"\n## {title}\n")
        if title == "Clinician's note":
            lines.append(f"{BLANK} one paragraph\n")
        for part in parts:
            lines.append(f"### {part}\n\n{BLANK}\n")
        if title == "Common mistakes":
            lines.append(f"### {BLANK} the mistake\n\n{BLANK} why it fails\n\n**Instead:** {BLANK} what to do\n")
        if title == "Questions":
            lines.append(f"### {BLANK} a question?\n\n{BLANK} its answer\n")
    return "\n".join(lines)
