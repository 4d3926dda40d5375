"""A table of trials as somebody keeps it: from bytes to cells and from cells to numbers, saying how they were read.

`read_sheet` finds the encoding and the separator, `Figures` the decimal mark. What can be read in one way only is read
and said; what can be read in two ways is refused, with both readings. Nothing here knows what a column means.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from neurodash.errors import DataError, Problem
from neurodash.evidence.analysis import Floats

MAX_BYTES = 64 * 2**20  # of a file. Ours: 500,000 trials take about 40 MB
MAX_ROWS = 500_000  # Ours: a hundred times the largest meta-analysis; the whole table is held in memory
MAX_COLUMNS = 1_000
LISTED = 20  # problems told one by one; the rest is counted
SHOWN = 60  # characters of a cell in a message
SEPARATORS: Mapping[str, str] = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
DECIMALS = ("point", "comma")
MISSING = frozenset(
    ("", "na", "n/a", "n.a.", "#n/a", "nan", "null", "none", "nr", "n.r.", "not reported", "not known", "unknown",
     "missing", "-", "–", "—", "−", ".", "?")
)  # fmt: skip
_NO_TEXT = (
    (b"PK\x03\x04", "an Excel workbook or another zip file", "In the spreadsheet: save as “CSV UTF-8”."),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "In the spreadsheet: save as “CSV UTF-8”."),
    (b"%PDF", "a PDF", "Copy the table into a spreadsheet and save it as “CSV UTF-8”."),
    (b"\x1f\x8b", "a compressed file", "Unpack it first."),
)
_SAVE_AS_UTF8 = "Save it again as UTF-8 (in Excel: “CSV UTF-8”; in LibreOffice: character set UTF-8)."


class UnusableFile(DataError):
    """The first problems of a file in the order of its lines, and how many there are `in_all`."""

    def __init__(self, problems: Sequence[Problem], in_all: int) -> None:
        super().__init__(problems)
        self.in_all = in_all


class Faults:
    """What is wrong with single rows. `rows` has each row's first fault by its line; `count` counts them all."""

    def __init__(self, name: str) -> None:
        self.name, self.count = name, 0
        self.rows: dict[int, Problem] = {}
        self._first: dict[tuple[str, str], list[tuple[int, int, Problem]]] = {}
        self._cells: set[tuple[int, str]] = set()

    def add(self, line: int, column: str, found: str, accepted: str, mend: str = "") -> None:
        """Name a fault; a cell has one. Those of one column and kind come in the order of lines: the first are kept."""
        if (line, column) in self._cells:
            return
        self._cells.add((line, column))
        self.count += 1
        kept = self._first.setdefault((column, accepted), [])
        if len(kept) >= LISTED and line in self.rows:
            return
        problem = Problem(f"{self.name}:{line}{f', {column}' if column else ''}", found, accepted, mend)
        self.rows.setdefault(line, problem)
        if len(kept) < LISTED:
            kept.append((line, self.count, problem))

    def error(self, before: Sequence[Problem] = ()) -> UnusableFile:
        """All faults as one error, after the problems of the whole file."""
        listed = [problem for _, _, problem in sorted(x for kept in self._first.values() for x in kept)]
        return UnusableFile([*before, *listed][:LISTED], len(before) + self.count)


@dataclass(frozen=True)
class Sheet:
    """The cells of a table as text, stripped; `lines` has the line each row begins on. Ragged rows are in `faults`."""

    name: str
    header: tuple[str, ...]
    rows: list[list[str]]
    lines: list[int]
    encoding: str
    separator: str
    faults: Faults

    def column(self, at: int) -> list[str]:
        return [row[at] for row in self.rows]


def clean(text: str) -> str:
    """Text that may reach a terminal: control and direction characters become spaces, runs of spaces one."""
    if text.isprintable():
        return " ".join(text.split())
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def quoted(cell: str) -> str:
    """A cell as a message shows it."""
    shown = clean(cell)
    return f"“{shown if len(shown) <= SHOWN else shown[: SHOWN - 1] + '…'}”" if shown else "an empty cell"


# From bytes to cells


def read_sheet(data: bytes, name: str, separator: str | None = None) -> Sheet:
    """The table in `data`; `name` is what messages call it, `separator` a key of SEPARATORS or None to find it out.

    Raises DataError where the file as a whole cannot be read: not text, not UTF-8 or UTF-16 with its mark, no first
    line with names, names twice, quotes that do not close. Rows with too few or too many cells go into `faults`.
    """
    text, encoding = _decoded(data, name)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    first_line = 1
    if hint := re.match(r"sep=(.)\n", text):  # a line that Excel writes and reads for itself
        text, first_line = text[hint.end() :], 2
        separator = separator or next((key for key, sign in SEPARATORS.items() if sign == hint[1]), None)
    sign = SEPARATORS[separator] if separator else _separator(text, name)
    records = _records(text, name, sign, first_line)
    line, header = next(records, (0, []))
    if not header:
        raise DataError([Problem(name, "an empty file", "a first line naming the columns, then a line for each trial")])
    names = [clean(cell) for cell in header]
    while names and not names[-1]:
        names.pop()
    _refuse_bad_header(names, f"{name}:{line}")
    faults = Faults(name)
    rows, lines, width = [], [], len(names)
    for at, cells in records:
        stripped = [cell.strip() for cell in cells]
        if len(stripped) != width:
            if len(stripped) > width and not any(stripped[width:]):
                stripped = stripped[:width]  # a spreadsheet may write empty cells at the end of a line
            else:
                _ragged(faults, at, len(stripped), width, sign)
                continue
        rows.append(stripped)
        lines.append(at)
        if len(rows) > MAX_ROWS:
            raise DataError([Problem(name, f"more than {MAX_ROWS:,} rows", f"at most {MAX_ROWS:,}")])
    unnamed = [i for i, each in enumerate(names) if not each and any(row[i] for row in rows)]
    if unnamed:
        found = f"no name above column {unnamed[0] + 1}, which has cells"
        raise DataError([Problem(f"{name}:{line}", found, "a name for each column that is used")])
    word = next(key for key, each in SEPARATORS.items() if each == sign)
    return Sheet(name, tuple(names), rows, lines, encoding, word, faults)


def _decoded(data: bytes, name: str) -> tuple[str, str]:
    for magic, what, mend in _NO_TEXT:
        if data.startswith(magic):
            raise DataError([Problem(name, what, "a table as plain text (CSV)", mend)])
    if data.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        raise DataError([Problem(name, "UTF-32", "UTF-8, or UTF-16 with its mark", _SAVE_AS_UTF8)])
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return _without_nul(data.decode("utf-16"), name, ""), "UTF-16"
        except UnicodeDecodeError as error:
            line = len(data[: error.start].decode("utf-16", "replace").splitlines()) or 1
            raise DataError([Problem(f"{name}:{line}", "broken UTF-16", "UTF-8", _SAVE_AS_UTF8)]) from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = len(re.findall(rb"\r\n|\r|\n", before)) + 1
        column = error.start - max(before.rfind(b"\n"), before.rfind(b"\r"))
        found = f"byte 0x{data[error.start]:02x} in place {column}, which is not UTF-8"
        raise DataError([Problem(f"{name}:{line}", found, "text saved as UTF-8", _SAVE_AS_UTF8)]) from None
    alternate = "It looks like UTF-16 without its mark. " if text.count("\0") > len(text) // 4 else ""
    return _without_nul(text, name, alternate), "UTF-8 with a mark" if data.startswith(b"\xef\xbb\xbf") else "UTF-8"


def _without_nul(text: str, name: str, hint: str) -> str:
    if "\0" in text:
        line = len(re.findall(r"\r\n|\r|\n", text[: text.index("\0")])) + 1
        raise DataError([Problem(f"{name}:{line}", "a NUL character", "plain text", f"{hint}{_SAVE_AS_UTF8}")])
    return text


def _separator(text: str, name: str) -> str:
    """The only separator in the first line that holds anything, outside of quotes; a comma where there is none."""
    first = next((line for line in text.split("\n", 50) if line.strip()), "")
    bare = re.sub(r'"[^"]*"', "", first)
    seen = [key for key, sign in SEPARATORS.items() if sign in bare]
    if len(seen) > 1:
        found = f"{' and '.join(seen)} in the first line"
        raise DataError([Problem(f"{name}:1", found, "one separator", f"Say which it is: --separator {seen[0]}.")])
    return SEPARATORS[seen[0]] if seen else ","


def _records(text: str, name: str, sign: str, first_line: int) -> Iterator[tuple[int, list[str]]]:
    """Each record with the line it begins on; lines without anything are left out."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=sign, strict=True)
    line = first_line
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            accepted = f"cells divided by a {_word(sign)}, quotes in pairs"
            raise DataError([Problem(f"{name}:{line}", f"broken CSV ({error})", accepted)]) from None
        if len(cells) > 1 or (cells and cells[0].strip()):
            if not any(cell.strip() for cell in cells):
                line = first_line + reader.line_num
                continue
            yield line, cells
        line = first_line + reader.line_num


def _word(sign: str) -> str:
    return next(key for key, each in SEPARATORS.items() if each == sign)


def _refuse_bad_header(names: Sequence[str], where: str) -> None:
    problems = []
    if len(names) > MAX_COLUMNS:
        raise DataError([Problem(where, f"{len(names):,} columns", f"at most {MAX_COLUMNS:,}")])
    folded = [name.casefold() for name in names]
    for name in dict.fromkeys(folded):
        if name and folded.count(name) > 1:
            same = [each for each in names if each.casefold() == name]
            problems.append(Problem(where, f"{len(same)} columns called {quoted(same[0])}", "each column once"))
    if all(not name or _POINT.fullmatch(name) or _COMMA.fullmatch(name) for name in names):
        mend = "Put the names of the columns into a line above the numbers."
        problems.append(Problem(where, "numbers in the first line", "the names of the columns", mend))
    if problems:
        raise DataError(problems)


def _ragged(faults: Faults, line: int, cells: int, width: int, sign: str) -> None:
    mend = ""
    if cells > width and sign == ",":
        mend = "Numbers with a decimal comma, and texts with a comma, must stand in quotes here."
    faults.add(line, "", f"{cells} cell{'' if cells == 1 else 's'}", f"{width}, as the first line names", mend)


# From cells to numbers

_POINT = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_COMMA = re.compile(r"[+-]?(?:\d+(?:,\d*)?|,\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_GROUPED = {
    "point": re.compile(r"[+-]?[1-9]\d{0,2}(?:(?:,\d{3})+|(?: \d{3})+|(?:['’]\d{3})+)(?:\.\d+)?", re.ASCII),
    "comma": re.compile(r"[+-]?[1-9]\d{0,2}(?:(?:\.\d{3})+|(?: \d{3})+|(?:['’]\d{3})+)(?:,\d+)?", re.ASCII),
}
_INFINITE = re.compile(r"[+-]?(?:inf|infinity|∞)", re.IGNORECASE)
_SIGNS = str.maketrans({**dict.fromkeys("−‐‑‒–﹣－", "-"), **dict.fromkeys("\u00a0\u2007\u2009\u202f", " ")})
A_NUMBER = "a finite number"


def is_missing(cell: str) -> bool:
    """Whether a cell says that nothing was reported."""
    return cell.casefold() in MISSING


def is_number(cell: str) -> bool:
    """Whether a cell can be read as a number with one of the decimal marks."""
    return bool(_POINT.fullmatch(cell)) or any(_value(cell, decimal) is not None for decimal in DECIMALS)


def _value(cell: str, decimal: str) -> float | None:
    """The number a cell holds where `decimal` is the decimal mark, or None."""
    tidy = cell.translate(_SIGNS)
    plain = _POINT if decimal == "point" else _COMMA
    if plain.fullmatch(tidy):
        return float(tidy.replace(",", "."))
    if _GROUPED[decimal].fullmatch(tidy):
        bare = re.sub("[ '’" + (",]" if decimal == "point" else ".]"), "", tidy)
        return float(bare.replace(",", "."))
    return None


@dataclass
class _Seen:
    """The first cells that settle the decimal mark, as (line, column, cell): read with a point only, with a comma
    only, and in both ways with two values, written with a comma ("1,234") or a point ("1.234")."""

    point: tuple[int, str, str] | None = None
    comma: tuple[int, str, str] | None = None
    two_by_comma: tuple[int, str, str] | None = None
    two_by_point: tuple[int, str, str] | None = None


@dataclass
class Odd:
    """How often something was read that is no plain number, and the first case."""

    count: int = 0
    line: int = 0
    cell: str = ""

    def add(self, line: int, cell: str) -> None:
        if not self.count:
            self.line, self.cell = line, cell
        self.count += 1


class Figures:
    """The numbers of some columns of a sheet, read with one decimal mark for the whole file.

    `decimal` is "point", "comma" or None to find it out; afterwards the one that was used, and `because` the line and
    cell that settled it. `problems` says why it could not be settled. Cells that are no number go into `faults`.
    """

    def __init__(self, sheet: Sheet, columns: Sequence[int], decimal: str | None, faults: Faults) -> None:
        self.sheet, self.faults, self.given = sheet, faults, decimal
        self.mend = ""  # said of a cell that is no number, where nothing better is known
        self.problems: list[Problem] = []
        self.because: tuple[int, str] | None = None
        self.grouped, self.signs = Odd(), Odd()
        seen = self._look(columns)
        self.decimal = decimal or self._settle(seen)

    def read(self, at: int) -> Floats:
        """The numbers of a column, shape (rows,); NaN where the cell is missing, or no number and in `faults`."""
        column = self.sheet.header[at]
        cells = self.sheet.column(at)
        found = np.full(len(cells), math.nan)
        by_comma = self.decimal == "comma"
        plain = (_COMMA if by_comma else _POINT).fullmatch
        for i, cell in enumerate(cells):
            if plain(cell):
                found[i] = float(cell.replace(",", ".") if by_comma else cell)
            elif not is_missing(cell):
                found[i] = self._odd(cell, self.sheet.lines[i], column)
        for i in map(int, np.flatnonzero(np.isinf(found))):
            self.faults.add(self.sheet.lines[i], column, quoted(cells[i]), A_NUMBER, "It is too large for a number.")
            found[i] = math.nan
        return found

    def _odd(self, cell: str, line: int, column: str) -> float:
        value = _value(cell, self.decimal)
        if value is None:
            self._refuse(cell, line, column)
            return math.nan
        if _GROUPED[self.decimal].fullmatch(tidy := cell.translate(_SIGNS)) and not _is_plain(tidy, self.decimal):
            self.grouped.add(line, cell)
        if tidy[:1] == "-" != cell[:1]:
            self.signs.add(line, cell)
        return value

    def _refuse(self, cell: str, line: int, column: str) -> None:
        if self.problems and is_number(cell):
            return  # the decimal mark is not settled: said once for the file
        accepted, mend = A_NUMBER, self.mend
        if _INFINITE.fullmatch(cell):
            mend = "An infinite number cannot be pooled: leave the row out, or find the value."
        elif "%" in cell:
            mend = "Write the number itself: 0.45 for 45 %, or the count of people."
        elif is_number(cell):
            accepted = f"a number with a decimal {self.decimal}" + (", as --decimal says" if self.given else "")
        elif re.match(r"[<>≤≥~≈]", cell):
            mend = "A bound is no value: leave the cell empty, or find the number."
        self.faults.add(line, column, quoted(cell), accepted, mend)

    def _look(self, columns: Sequence[int]) -> _Seen:
        seen = _Seen()
        if self.given:
            return seen
        for at in columns:
            name = self.sheet.header[at]
            for line, row in zip(self.sheet.lines, self.sheet.rows, strict=True):
                cell = row[at]
                if not ("." in cell and (not seen.point or "," in cell)) and not ("," in cell and not seen.comma):
                    continue
                kind = _kind(cell)
                if kind and getattr(seen, kind) is None:
                    setattr(seen, kind, (line, name, cell))
                if seen.point and seen.comma:
                    return seen
        return seen

    def _settle(self, seen: _Seen) -> str:
        name = self.sheet.name
        say = "Say which it is: --decimal point or --decimal comma."
        if seen.point and seen.comma:
            line, column, cell = seen.comma
            accepted = f"one decimal mark in the file: line {seen.point[0]} has {quoted(seen.point[2])}"
            mend = "Write both with the same mark."
            self.problems.append(Problem(f"{name}:{line}, {column}", quoted(cell), accepted, mend))
        elif seen.two_by_comma and not seen.comma:
            line, column, cell = seen.two_by_comma
            readings = " or ".join(f"{_value(cell, decimal):g}" for decimal in ("comma", "point"))
            accepted = f"a number that can be read in one way; this is {readings}"
            self.problems.append(Problem(f"{name}:{line}, {column}", quoted(cell), accepted, say))
        elif seen.comma and seen.two_by_point:
            line, column, cell = seen.two_by_point
            accepted = f"one decimal mark in the file: line {seen.comma[0]} has {quoted(seen.comma[2])}"
            self.problems.append(Problem(f"{name}:{line}, {column}", quoted(cell), accepted, say))
        if seen.comma:
            self.because = seen.comma[0], seen.comma[2]
            return "comma"
        return "point"


def _is_plain(tidy: str, decimal: str) -> bool:
    return bool((_POINT if decimal == "point" else _COMMA).fullmatch(tidy))


def _kind(cell: str) -> str | None:
    """What a cell says about the decimal mark: the name of a field of _Seen."""
    point, comma = _value(cell, "point"), _value(cell, "comma")
    if point is None and comma is None:
        return None
    if comma is None:
        return "point"
    if point is None:
        return "comma"
    if point == comma:
        return None
    return "two_by_comma" if "," in cell else "two_by_point"
