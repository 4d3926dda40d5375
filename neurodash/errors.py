"""What can go wrong, told so that the reader can mend it.

    NeuroDashError
    └── DataError          something a person gave us cannot be used; shown as it is, with every problem at once

Any other exception is a fault of ours and keeps its traceback for the log.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong: `where` (file:line, then the field), what was `found`, what is `accepted`."""

    where: str
    found: str
    accepted: str
    mend: str = ""

    def __str__(self) -> str:
        line = f"{self.where}: {self.found}; accepted: {self.accepted}"
        told = f"{line}. {self.mend}" if self.mend else line
        return " ".join("".join(char if char.isprintable() else " " for char in told).split(" "))


class NeuroDashError(Exception):
    """The root of every error we raise on purpose."""


class DataError(NeuroDashError):
    """Data from outside cannot be used. Carries every problem found, in the order of the files."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A sentence offering the nearest known word, or an empty string."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"Did you mean {near[0]}?" if near else ""
