"""The library of this process, and what every page needs of it.

Read once; in an editor's server, read again whenever a file changed. A library that has become broken leaves
the last sound one on the shelf, with the problems beside it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from neurodash import library as core
from neurodash.errors import DataError, Problem
from neurodash.evidence import Verdict, failing, judge_brief
from neurodash.evidence.reanalysis import Reanalysis, reanalyses
from neurodash.library import Brief, Library


@dataclass
class Shelf:
    """Holds the library and the verdicts of the day."""

    folders: Sequence[Path]
    watch: bool = False
    library: Library | None = None
    problems: tuple[Problem, ...] = ()
    stamp: int = 0
    _verdicts: dict[tuple[str, str, str], tuple[Verdict, ...]] = field(default_factory=dict)
    _analyses: dict[tuple[str, str], tuple[Reanalysis, ...]] = field(default_factory=dict)

    def current(self) -> Library:
        """The library, read anew in an editor's server if a file changed. Raises DataError if there is no sound one."""
        if self.library is None or (self.watch and self.stamp != _stamp(self.folders)):
            self.stamp = _stamp(self.folders) if self.watch else 0
            try:
                self.library = core.load(self.folders, blanks_allowed=self.watch)
                self.problems = self.library.blanks
                self._verdicts.clear()
                self._analyses.clear()
            except DataError as error:
                if self.library is None and not self.watch:
                    raise
                self.problems = error.problems
        if self.library is None:
            raise DataError(self.problems)
        return self.library

    def verdicts(self, brief: Brief) -> tuple[Verdict, ...]:
        library, day = self.current(), settings.CONFIG.today()
        key = (library.version, brief.slug, day.isoformat())
        if key not in self._verdicts:
            if len(self._verdicts) > 1000:
                self._verdicts.clear()
            self._verdicts[key] = judge_brief(brief, library, day)
        return self._verdicts[key]

    def analyses(self) -> tuple[Reanalysis, ...]:
        """Every question our own analysis has trials for."""
        library, day = self.current(), settings.CONFIG.today()
        key = (library.version, day.isoformat())
        if key not in self._analyses:
            self._analyses.clear()
            self._analyses[key] = tuple(reanalyses(library, day))
        return self._analyses[key]

    def version(self) -> str:
        """Changes whenever a page could: the library, its problems, the day."""
        library = self.library.version if self.library else "none"
        return f"{library}-{hash(self.problems) & 0xFFFFFFFF:x}-{settings.CONFIG.today()}"

    def briefs(self, condition: str) -> tuple[Brief, ...]:
        """The briefs a visitor sees; an editor's server shows drafts too."""
        library = self.current()
        if not self.watch:
            return library.briefs_of(condition)
        return tuple(sorted((b for b in library.briefs.values() if b.condition == condition), key=lambda b: b.title))


def _stamp(folders: Sequence[Path]) -> int:
    """A number that changes with any file's name, size or time."""
    found = []
    for folder in folders:
        for parent, names, files in os.walk(folder):
            names[:] = sorted(n for n in names if not n.startswith("."))
            for file in files:
                try:
                    status = os.stat(os.path.join(parent, file))
                except OSError:
                    continue
                found.append((parent, file, status.st_mtime_ns, status.st_size))
    return hash(tuple(sorted(found)))


WATCHED = "/-/watched"  # where an editor's page asks whether something changed
_shelf: list[Shelf] = []


def shelf() -> Shelf:
    """The shelf of this process."""
    if not _shelf:
        config = settings.CONFIG
        _shelf.append(Shelf((core.CONTENT, *config.content), watch=config.watch))
    return _shelf[0]


def context(request: Any) -> dict[str, Any]:
    """What base.html needs on every page."""
    own = shelf()
    config = settings.CONFIG
    return {
        "request": request,
        "site_url": config.url,
        "canonical": config.url.rstrip("/") + request.path if config.url and request.path else "",
        "today": config.today(),
        "library": own.library,
        "watch": own.watch,
        "problems": own.problems,
        "failing": failing(own.library, config.today()) if own.watch and own.library else (),
        "exported": config.exported,
        "conditions": own.library.conditions if own.library else {},
    }


def library_first(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: where there is no sound library yet, its problems are the page. Only an editor's server starts so."""

    def answer(request: HttpRequest) -> HttpResponse:
        try:
            shelf().current()
        except DataError as error:
            if request.path != WATCHED:
                return render(request, "500.html", {"problems": error.problems}, status=503)
        return get_response(request)

    return answer
