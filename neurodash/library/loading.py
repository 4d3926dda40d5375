"""Folders of content files -> one checked `Library`, or every problem at once.

A folder holds any of these; later folders add to earlier ones (a clinic's own beside ours):

    evidence/   reviews.csv trials.csv retractions.csv vocabulary.yaml
    clinical/   guidelines.csv precautions.csv instruments.csv
    exercises/  vocabulary.yaml poses.yaml rules.yaml, and a file for each family of exercises with its ladders
    protocols/  a file for each protocol, named like the brief it belongs to
    <condition>/condition.yaml
    <condition>/<brief>/brief.md findings.yaml and its pictures
"""

from __future__ import annotations

import datetime as dt
import gc
import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from neurodash.errors import DataError, Problem, did_you_mean
from neurodash.library.briefs import picture_problems, read_brief, read_findings
from neurodash.library.crosschecks import cross_checks
from neurodash.library.exercises import Exercise, ExerciseShelf, ExerciseWords
from neurodash.library.ladders import Ladder, Rule
from neurodash.library.pictures import PoseSpec
from neurodash.library.planning import PlanningRules, PlanningShelf, Situation
from neurodash.library.protocols import Protocol, read_protocol
from neurodash.library.reading import MAX_BYTES, Located, check, decode, read_bytes, read_table, read_yaml
from neurodash.library.rows import (
    Guideline,
    InstrumentValue,
    Precaution,
    Result,
    Retraction,
    TableRow,
    Trial,
)
from neurodash.library.shapes import Brief, Condition, Finding, Library, Term, Vocabulary

CONTENT = Path(__file__).resolve().parent.parent / "content"
BLANK = "TO FILL"  # what `library new` leaves for an editor; the check names every one that is left
IMAGE_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".avif": "image/avif",
}
IMAGE_SIGNS = ((0, b"\x89PNG"), (0, b"\xff\xd8\xff"), (8, b"WEBP"), (4, b"ftypavi"))  # where a picture names its kind
MAX_IMAGE_BYTES = 2 * 2**20  # ours: a page should stay under 100 KB; a larger file is an original, not a web picture
# Names that are pages of the site.
RESERVED = frozenset(
    {
        "about",
        "accessibility",
        "content",
        "evidence",
        "exercises",
        "how-checking-works",
        "planning",
        "plans",
        "protocols",
        "privacy",
        "sources",
        "static",
    }
)
MAX_TEXT_BYTES = 2**18  # of a brief or a YAML file. Ours: our longest brief has 33 KB
MAX_FILES = 20_000  # ours: far above any library, far below what would exhaust a small server

TABLES: Mapping[str, type[TableRow]] = {
    "evidence/reviews.csv": Result,
    "evidence/trials.csv": Trial,
    "evidence/retractions.csv": Retraction,
    "clinical/guidelines.csv": Guideline,
    "clinical/precautions.csv": Precaution,
    "clinical/instruments.csv": InstrumentValue,
}
R = TypeVar("R", bound=TableRow)


def load(folders: Sequence[Path] = (CONTENT,), on: dt.date | None = None, blanks_allowed: bool = False) -> Library:
    """Read the folders into one library.

    `on` is the day, where dates should be held against it. With `blanks_allowed`, what is still to fill in a draft
    does not fail: an editor sees the page grow (`Library.blanks` has the list).
    Raises DataError with every problem, in the order of the files.
    """
    shelf = _Shelf(on=on)
    with _without_collecting():
        for folder in folders:
            shelf.gather(Path(folder))
        library = shelf.library()
        problems = [*shelf.problems, *cross_checks(library, shelf.condition_folders)]
    blanks = [] if blanks_allowed else shelf.blanks
    if problems or blanks:
        raise DataError(sorted({*problems, *blanks}, key=_by_file_and_line))
    return library


@contextmanager
def _without_collecting() -> Iterator[None]:
    """All of a library is kept: looking for garbage while it is read would take a quarter of the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def read_results(path: Path) -> Mapping[str, Result]:
    """Results of a table from outside, with the columns of reviews.csv. Raises DataError."""
    rows = _outside_table(path, Result)
    return _unique(rows)


def read_retractions(path: Path) -> tuple[Retraction, ...]:
    """Retraction notices of a table from outside. Raises DataError."""
    return tuple(_outside_table(path, Retraction))


def read_claims(path: Path) -> tuple[Finding, ...]:
    """Findings of a YAML file from outside: `findings:` and a list, or the list alone. Raises DataError."""
    where = str(path)
    text = decode(read_bytes(path, where, MAX_TEXT_BYTES), where)
    findings, problems = read_findings(text, where)
    if problems:
        raise DataError(problems)
    return findings


def _outside_table(path: Path, model: type[R]) -> list[R]:
    where = str(path)
    rows, problems = read_table(decode(read_bytes(path, where), where), where, model)
    if problems:
        raise DataError(problems)
    return rows


def _unique(rows: Sequence[R]) -> Mapping[str, R]:
    found: dict[str, R] = {}
    problems = []
    for row in rows:
        if row.id in found:
            problems.append(_twice(row, found[row.id]))
        found.setdefault(row.id, row)
    if problems:
        raise DataError(problems)
    return found


def _twice(row: TableRow, first: TableRow) -> Problem:
    accepted = f"each id once; it stands at {first.source_file}:{first.line}"
    return Problem(f"{row.source_file}:{row.line}", f"the id “{row.id}” again", accepted)


def _by_file_and_line(problem: Problem) -> tuple[str, int, str]:
    file, _, rest = problem.where.partition(":")
    number = re.match(r"\d+", rest)
    return file, int(number.group()) if number else 0, problem.found


@dataclass
class _Shelf:
    """Collects files, rows and problems from folder after folder."""

    on: dt.date | None = None
    problems: list[Problem] = field(default_factory=list)
    blanks: list[Problem] = field(default_factory=list)  # in drafts
    tables: dict[type[TableRow], dict[str, Any]] = field(default_factory=dict)
    conditions: dict[str, Condition] = field(default_factory=dict)
    condition_folders: set[str] = field(default_factory=set)
    briefs: dict[str, Brief] = field(default_factory=dict)
    images: dict[str, bytes] = field(default_factory=dict)
    interventions: dict[str, Term] = field(default_factory=dict)
    outcomes: dict[str, Term] = field(default_factory=dict)
    exercise_words: dict[str, dict[str, Any]] = field(default_factory=dict)
    poses: dict[str, PoseSpec] = field(default_factory=dict)
    exercises: dict[str, Exercise] = field(default_factory=dict)
    ladders: dict[str, Ladder] = field(default_factory=dict)
    rules: dict[str, Rule] = field(default_factory=dict)
    protocols: dict[str, Protocol] = field(default_factory=dict)
    planning: PlanningRules = field(default_factory=PlanningRules)
    situations: dict[str, Situation] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)  # of exercises and ladders: file:line
    digest: Any = field(default_factory=hashlib.sha256)

    def gather(self, root: Path) -> None:
        shown = _shown_path(root)
        try:
            there = root.is_dir()
            base = root.resolve()
        except (OSError, RuntimeError):
            there = False
        if not there:
            self.problems.append(Problem(shown, "no such folder", "a folder of content files that can be read"))
            return
        files: dict[str, bytes] = {}
        for count, (name, path) in enumerate(_walk(root, self.problems), start=1):
            if count > MAX_FILES:
                self.problems.append(Problem(shown, f"more than {MAX_FILES} files", "a folder of content files"))
                break
            where = f"{shown}/{name}"
            if not name.isprintable():
                plain = where.encode("ascii", "backslashreplace").decode()
                self.problems.append(Problem(plain, "a file name that cannot be printed", "plain letters and digits"))
                continue
            try:
                leaves = not path.resolve().is_relative_to(base)
            except (OSError, RuntimeError):  # a link to itself
                leaves = True
            if leaves:
                self.problems.append(Problem(where, "a link that leaves the folder", "files inside the folder"))
                continue
            if problem := _unknown_file(name, where):
                self.problems.append(problem)
                continue
            suffix = path.suffix.lower()
            limit = MAX_BYTES if suffix == ".csv" else MAX_IMAGE_BYTES if suffix in IMAGE_TYPES else MAX_TEXT_BYTES
            try:
                files[name] = read_bytes(path, where, limit)
            except DataError as error:
                self.problems += error.problems
        for name in sorted(files):
            self.digest.update(f"{name}\0{len(files[name])}\0".encode())
            self.digest.update(files[name])
        self._read(files, shown)

    def _read(self, files: Mapping[str, bytes], shown: str) -> None:
        for name in sorted(files):
            where, folder, file = f"{shown}/{name}", *os.path.split(name)
            try:
                if name in TABLES:
                    self._table(decode(files[name], where), where, TABLES[name])
                elif name == "evidence/vocabulary.yaml":
                    self._vocabulary(decode(files[name], where), where)
                elif folder == "exercises" and name.endswith(".yaml"):
                    self._exercises(file, read_yaml(decode(files[name], where), where), where)
                elif folder == "protocols" and name.endswith(".yaml"):
                    self._protocol(decode(files[name], where), where, file.removesuffix(".yaml"))
                elif folder == "planning" and file != "example.yaml":
                    self._planning(file, read_yaml(decode(files[name], where), where), where)
                elif file == "condition.yaml":
                    self._condition(decode(files[name], where), where, folder)
                elif file == "brief.md":
                    self._brief(files, folder, shown)
                elif file == "findings.yaml" and f"{folder}/brief.md" not in files:
                    self.problems.append(
                        Problem(where, "findings without a brief", f"{shown}/{folder}/brief.md beside them")
                    )
                elif Path(file).suffix.lower() in IMAGE_TYPES:
                    self._image(name, files[name], where)
            except DataError as error:
                self.problems += error.problems

    def _table(self, text: str, where: str, model: type[TableRow]) -> None:
        rows, problems = read_table(text, where, model)
        self.problems += problems
        known = self.tables.setdefault(model, {})
        for row in rows:
            if row.id in known:
                self.problems.append(_twice(row, known[row.id]))
            known.setdefault(row.id, row)

    def _vocabulary(self, text: str, where: str) -> None:
        found, problems = check(Vocabulary, read_yaml(text, where), where)
        self.problems += problems
        if found:
            self.interventions.update(found.interventions)
            self.outcomes.update(found.outcomes)

    def _exercises(self, file: str, located: Located, where: str) -> None:
        if file == "vocabulary.yaml":
            words, problems = check(ExerciseWords, located, where)
            self.problems += problems
            if words:
                for kind in ExerciseWords.model_fields:
                    self.exercise_words.setdefault(kind, {}).update(getattr(words, kind))
        elif file in ("poses.yaml", "rules.yaml"):
            kept: dict[str, Any] = self.poses if file == "poses.yaml" else self.rules
            model = PoseSpec if file == "poses.yaml" else Rule
            for name in located.data if isinstance(located.data, dict) else ():
                found, problems = check(model, located, where, (name,))
                self.problems += problems
                if found:
                    kept[name] = found
        else:
            self._family(located, where)

    def _protocol(self, text: str, where: str, name: str) -> None:
        located = read_yaml(text, where)
        protocol, problems = read_protocol(located, where)
        self.problems += problems
        self.blanks += _blanks(text, where)
        if protocol is None:
            return
        if protocol.id != name:
            self.problems.append(
                Problem(f"{where}:{located.line(('id',))}: id", f"“{protocol.id}”", f"the file's name, “{name}”")
            )
        if protocol.id in self.protocols:
            accepted = f"each protocol once; it stands in {self.protocols[protocol.id].where}"
            self.problems.append(Problem(where, f"the protocol “{protocol.id}” again", accepted))
        self.protocols.setdefault(protocol.id, protocol)

    def _planning(self, file: str, located: Located, where: str) -> None:
        if file == "rules.yaml":
            rules, problems = check(PlanningRules, located, where)
            self.problems += problems
            self.planning = rules or self.planning
            return
        for code in located.data if isinstance(located.data, dict) else ():
            found, problems = check(Situation, located, where, (code,))
            self.problems += problems
            if found:
                self.situations[code] = found

    def _family(self, located: Located, where: str) -> None:
        kinds: tuple[tuple[str, type[Exercise] | type[Ladder], dict[str, Any]], ...] = (
            ("exercises", Exercise, self.exercises),
            ("ladders", Ladder, self.ladders),
        )
        data = located.data if isinstance(located.data, dict) else {"": None}
        for key in data:
            if key not in ("exercises", "ladders") or not isinstance(data[key], list):
                self.problems.append(
                    Problem(f"{where}:{located.line((key,))}", f"“{key}”", "exercises: and a list, ladders: and a list")
                )
        for key, model, kept in kinds:
            items = data.get(key)
            for index in range(len(items) if isinstance(items, list) else 0):
                found, problems = check(model, located, where, (key, index))
                self.problems += problems
                if found is None:
                    continue
                place = f"{where}:{located.line((key, index))}"
                if found.id in kept:
                    self.problems.append(
                        Problem(
                            place,
                            f"“{found.id}” again",
                            f"each id once; it stands at {self.places[f'{key}/{found.id}']}",
                        )
                    )
                kept.setdefault(found.id, found)
                self.places.setdefault(f"{key}/{found.id}", place)

    def _condition(self, text: str, where: str, folder: str) -> None:
        self.condition_folders.add(folder)
        if folder in RESERVED:
            self.problems.append(
                Problem(where, f"a condition named “{folder}”, where the site has a page", "another name")
            )
        located = read_yaml(text, where)
        condition, problems = check(Condition, located, where)
        self.problems += problems
        if condition is None:
            return
        if condition.id != folder:
            line = located.line(("id",))
            self.problems.append(Problem(f"{where}:{line}: id", f"“{condition.id}”", f"the folder's name, “{folder}”"))
        if condition.id in self.conditions:
            self.problems.append(Problem(where, f"the condition “{condition.id}” again", "each condition once"))
        self.conditions.setdefault(condition.id, condition)
        self.problems += _blanks(text, where)

    def _brief(self, files: Mapping[str, bytes], folder: str, shown: str) -> None:
        where = f"{shown}/{folder}/brief.md"
        text = decode(files[f"{folder}/brief.md"], where)
        blanks = _blanks(text, where)
        findings: tuple[Finding, ...] = ()
        findings_where = f"{shown}/{folder}/findings.yaml"
        if (data := files.get(f"{folder}/findings.yaml")) is None:
            self.problems.append(Problem(findings_where, "no such file", "the brief's findings"))
        else:
            try:
                findings_text = decode(data, findings_where)
                findings, problems = read_findings(findings_text, findings_where)
                self.problems += problems
                blanks += _blanks(findings_text, findings_where)
            except DataError as error:
                self.problems += error.problems
        brief, problems = read_brief(text, where, findings, findings_where, folder, self.on)
        self.problems += problems
        if brief is not None and brief.draft:
            self.blanks += blanks
        else:
            self.problems += blanks
        if brief is None:
            return
        self.problems += picture_problems(brief, files, where)
        if brief.slug in self.briefs:
            other = self.briefs[brief.slug].folder
            self.problems.append(
                Problem(where, f"the brief “{brief.slug}” again", f"each brief once; it stands in {other}")
            )
        self.briefs.setdefault(brief.slug, brief)

    def _image(self, name: str, data: bytes, where: str) -> None:
        if not any(data[at : at + len(sign)] == sign for at, sign in IMAGE_SIGNS):
            self.problems.append(Problem(where, "a file that is no picture", "a PNG, JPEG, WebP or AVIF picture"))
        self.images[name] = data

    def library(self) -> Library:
        def rows(model: type[R]) -> dict[str, R]:
            return self.tables.get(model, {})

        return Library(
            version=self.digest.hexdigest()[:16],
            vocabulary=Vocabulary(interventions=self.interventions, outcomes=self.outcomes),
            conditions=self.conditions,
            briefs=self.briefs,
            results=rows(Result),
            trials=rows(Trial),
            retractions=tuple(rows(Retraction).values()),
            guidelines=rows(Guideline),
            precautions=rows(Precaution),
            instruments=rows(InstrumentValue),
            exercises=ExerciseShelf(
                words=ExerciseWords(**self.exercise_words),
                poses=self.poses,
                exercises=self.exercises,
                places={name: self.places[f"exercises/{name}"] for name in self.exercises},
            ),
            ladders=self.ladders,
            ladder_places={name: self.places[f"ladders/{name}"] for name in self.ladders},
            rules=self.rules,
            protocols=self.protocols,
            planning=PlanningShelf(rules=self.planning, situations=self.situations),
            images=self.images,
            blanks=tuple(sorted(self.blanks, key=_by_file_and_line)),
        )


# Files


def _walk(root: Path, problems: list[Problem]) -> Iterator[tuple[str, Path]]:
    """Every visible file below the folder as (name with /, path), in a stable order."""

    def unreadable(error: OSError) -> None:
        problems.append(Problem(str(error.filename), f"cannot be read ({error.strerror})", "a folder we may read"))

    for parent, folders, names in os.walk(root, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__")))
        for name in [*names, *(f for f in folders if (Path(parent) / f).is_symlink())]:
            if not name.startswith(".") and not name.endswith(("~", ".swp", ".tmp")):
                path = Path(parent) / name
                yield path.relative_to(root).as_posix(), path


def _unknown_file(name: str, where: str) -> Problem | None:
    parts = name.split("/")
    file = parts[-1]
    if file in ("README.md", "LICENSE") or name in TABLES or name == "evidence/vocabulary.yaml":
        return None
    if Path(file).suffix.lower() in IMAGE_TYPES and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", file):
        return Problem(where, f"a picture named “{file}”", "letters, digits, - and _")
    known: tuple[str, ...]
    if parts[0] in ("exercises", "protocols") and len(parts) == 2 and re.fullmatch(r"[a-z0-9-]+\.yaml", file):
        return None
    if parts[0] in ("evidence", "clinical"):
        known = tuple(t.split("/")[1] for t in (*TABLES, "evidence/vocabulary.yaml") if t.startswith(parts[0] + "/"))
    elif parts[0] == "planning":
        known = ("rules.yaml", "situations.yaml", "example.yaml")
    elif len(parts) == 2:
        known = ("condition.yaml",)
    elif len(parts) == 3:
        known = ("brief.md", "findings.yaml", *(f"a picture ending in {suffix}" for suffix in IMAGE_TYPES))
    else:
        known = (
            "evidence/…",
            "clinical/…",
            "exercises/….yaml",
            "protocols/….yaml",
            "<condition>/condition.yaml",
            "<condition>/<brief>/…",
        )
    if file in known or (len(parts) == 3 and Path(file).suffix.lower() in IMAGE_TYPES):
        return None
    return Problem(where, "an unknown file", ", ".join(known), did_you_mean(file, known))


def _shown_path(root: Path) -> str:
    """The folder as a person at this prompt would name it."""
    try:
        return root.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return root.as_posix()


def _blanks(text: str, where: str) -> list[Problem]:
    return [
        Problem(f"{where}:{number}", f"a blank: “{line.strip()}”", f"your own words in place of {BLANK}")
        for number, line in enumerate(text.split("\n"), start=1)
        if BLANK in line
    ]
