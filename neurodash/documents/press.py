"""The one way from Typst source to a tagged PDF (PDF/UA-1): our fonts and those inside Typst, nothing looked up."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import typst

from neurodash import wording
from neurodash.errors import DataError, Problem

FONTS = Path(__file__).parent / "fonts"
# Typst keeps the parts of a file for its next ten. Our choice where a file is large: 12 ms to forget about 30 MB.
FORGOTTEN_AFTER, EMPTY = 11, b'#set document(title: "-")'


def printed(source: bytes, data: str, *, where: str, mend: str, forget: bool = False) -> bytes:
    """The PDF of `source`, which reads `data` (JSON) as `sys.inputs.data`. `forget`: keep nothing of it in memory.

    Raises DataError, about `where` and with `mend`, for letters without a font (Latin, Greek and Cyrillic have one): a text
    with a hole in it would be worse. Raises typst.TypstError for everything else.
    """
    try:
        return _compiled(source, data=data)
    except typst.TypstError as error:
        if letters := re.search(r"the text `\"(.+?)\"` could not be displayed", str(error), re.DOTALL):
            accepted = wording.joined(["Latin", "Greek", "Cyrillic letters"])
            found = f"“{letters[1]}”, for which there is no font"
            raise DataError([Problem(where, found, accepted, mend)]) from None
        raise
    finally:
        for _ in range(FORGOTTEN_AFTER if forget else 0):
            _compiled(EMPTY)


def _compiled(source: bytes, **inputs: str) -> bytes:
    # A named file: each nameless one would take another of the 65,535 numbers that Typst has for files in a process.
    compiler = typst.Compiler({"main.typ": source}, font_paths=_fonts(), ignore_system_fonts=True)  # type: ignore[type-var]
    file = compiler.compile(sys_inputs=inputs, pdf_standards=["ua-1"], format="pdf")
    assert isinstance(file, bytes)  # noqa: S101  one PDF is one file
    return file


@cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(include_system_fonts=False, font_paths=[str(FONTS)])
