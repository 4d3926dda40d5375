"""A picture on a page of its own, as a tagged PDF (PDF/UA-1) with a title, a language and a description.

The words go to Typst as data and are never part of its source. The fonts are those inside Typst, so that nothing is
looked up or downloaded, and the page carries no date: the same picture is the same file, byte for byte.
"""

from __future__ import annotations

import json

import typst

from neurodash.documents import press
from neurodash.errors import DataError, Problem

PAPERS = ("a4", "a3", "a5", "us-letter")
PAGE = b"""
#let it = json(bytes(sys.inputs.data))
#set document(title: it.title, date: none)
#set page(paper: it.paper, margin: 16mm)
#set text(lang: "en", size: 11pt)
#show heading: set text(size: 14pt)
#heading(level: 1, it.title)
#let picture(..size) = image(bytes(it.svg), format: "svg", alt: it.description, ..size)
#block(height: 1fr, width: 100%, layout(room => {
  if measure(picture(width: room.width)).height > room.height { align(center, picture(height: room.height)) } else { picture(width: room.width) }
}))
"""


def pdf(svg: str, title: str, description: str, on_paper: str = "a4") -> bytes:
    """One page with the picture `svg` (a standalone SVG text), as large as it fits.

    `title` stands above it and in the file; `description` is its text alternative; `on_paper` is one of PAPERS.
    Raises DataError for an empty title or description, a paper not known, a picture that is no SVG, and letters for
    which there is no font (Latin, Greek and Cyrillic have one): dropped letters would be worse.
    """
    problems = [
        Problem(f"pdf, {name}", "nothing", "a few words")
        for name, text in (("title", title), ("description", description))
        if not text.strip()
    ]
    if on_paper not in PAPERS:
        problems.append(Problem("pdf, on_paper", f"“{on_paper}”", ", ".join(PAPERS)))
    if problems:
        raise DataError(problems)
    data = json.dumps({"title": title, "description": description, "svg": svg, "paper": on_paper})
    try:
        return press.printed(PAGE, data, where="pdf", mend="Write an .svg instead.")
    except typst.TypstError as error:
        told = str(error).splitlines()[0] if str(error) else "a picture that cannot be read"
        raise DataError([Problem("pdf", told, "a standalone SVG")]) from None
