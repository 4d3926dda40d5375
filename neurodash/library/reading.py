"""From bytes to rows and mappings, with the line of everything that is wrong.

Nothing here knows what the library holds. A file is read whole, as UTF-8, up to a size; CSV rows, YAML mappings
and JSON are checked against a pydantic shape, and pydantic's findings are put into our words at this door.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn, TypeVar, get_type_hints

import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError

from neurodash.errors import DataError, Problem, did_you_mean

MAX_BYTES = 8 * 2**20  # of one file. Ours: the largest table is 0.2 MB; a larger file is a mistake, not content
MAX_DEPTH = 20  # levels of YAML. Ours: a brief has five
MAX_DIGITS = 100  # of a number in YAML. Ours: nothing that is measured has more
MAX_VALUES, MAX_MAPPINGS = 200_000, 20_000  # in a JSON file. Ours: a plan of two years has half of each
MOST_PROBLEMS = 300  # told of one file. Ours: nobody mends more at a time
# Without waiting: some files of /proc look regular and have nothing for hours.
OPENED_BY = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
csv.field_size_limit(100_000)

Model = TypeVar("Model", bound=BaseModel)
Shape = TypeVar("Shape")
Loc = tuple[str | int, ...]


def read_bytes(path: Path, where: str, limit: int = MAX_BYTES) -> bytes:
    """The bytes of a file. Raises DataError if it is missing, no plain file or larger than `limit`."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise DataError([Problem(where, "not a regular file", "a plain file")])
        with os.fdopen(os.open(path, OPENED_BY), "rb") as file:
            data = file.read(limit + 1) or b""
    except FileNotFoundError:
        raise DataError([Problem(where, "no such file", "a plain file")]) from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise DataError([Problem(where, f"cannot be read ({why})", "a readable file")]) from None
    if len(data) > limit:
        raise DataError(
            [Problem(where, f"a file of {_size(max(found.st_size, limit + 1))}", f"at most {_size(limit)}")]
        )
    return data


def _size(of: int) -> str:
    return f"{of / 2**20:.0f} MB" if of >= 2**20 else f"{of // 1024} KB"


def decode(data: bytes, where: str) -> str:
    """UTF-8 text with plain line ends. Raises DataError naming the line of the first bad byte."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = f"not UTF-8: byte 0x{data[error.start]:02x}"
        raise DataError([Problem(f"{where}:{line}", found, "text saved as UTF-8")]) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError([Problem(f"{where}:{line}", "a NUL character", "plain text")])
    return text.replace("\r\n", "\n").replace("\r", "\n")


# CSV


def read_table(text: str, where: str, model: type[Model]) -> tuple[list[Model], list[Problem]]:
    """The rows of a CSV table as `model`, and every problem in it.

    The first line names the columns; unknown, repeated or missing ones are problems, columns with a
    default are optional. A row that cannot be used is named by its line and left out.
    """
    problems: list[Problem] = []
    columns = {
        info.alias or name: info for name, info in model.model_fields.items() if name not in ("source_file", "line")
    }
    lines = iter(_csv_lines(text, where, problems))
    _, header = next(lines, (1, []))
    header = [name.strip() for name in header]
    if not header:
        return [], [
            *problems,
            Problem(f"{where}:1", "an empty file", "a first line naming the columns: " + ", ".join(columns)),
        ]
    for name in header:
        if name not in columns:
            problems.append(
                Problem(
                    f"{where}:1",
                    f"an unknown column “{name}”",
                    ", ".join(columns),
                    did_you_mean(name, columns),
                )
            )
        elif header.count(name) > 1:
            problems.append(Problem(f"{where}:1", f"the column “{name}” twice", "each column once"))
    for name, info in columns.items():
        if info.is_required() and name not in header:
            problems.append(Problem(f"{where}:1", f"no column “{name}”", ", ".join(columns)))
    if problems:
        return [], sorted(set(problems))

    rows: list[Model] = []
    for line, cells in lines:
        if len(cells) != len(header):
            problems.append(
                Problem(f"{where}:{line}", f"{len(cells)} cells", f"{len(header)}, as the first line names")
            )
            continue
        values: dict[str, Any] = dict(zip(header, (cell.strip() for cell in cells), strict=True))
        try:
            rows.append(model.model_validate({**values, "source_file": where, "line": line}))
        except ValidationError as error:
            problems += [_problem(detail, where, line, model) for detail in error.errors(include_url=False)]
    return rows, problems


def _csv_lines(text: str, where: str, problems: list[Problem]) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problems.append(
                Problem(f"{where}:{line}", f"broken CSV ({error})", "cells divided by commas, quotes in pairs")
            )
            return
        if cells and any(cell.strip() for cell in cells):
            yield line, cells
        line = reader.line_num + 1


# YAML


@dataclass(frozen=True)
class Located:
    """Plain data read from YAML and the line of every key and item in it."""

    data: Any
    lines: Mapping[Loc, int]

    def line(self, loc: Sequence[str | int]) -> int:
        """The line of the nearest enclosing thing that is really in the file."""
        path = tuple(loc)
        while path not in self.lines and path:
            path = path[:-1]
        return self.lines.get(path, 1)


class _PlainLoader(yaml.SafeLoader):
    """Reads `yes` and `2026-11-21` as words: what they mean is for the field's type to say, with its line.

    Numbers are those of YAML 1.2 and JSON: 047 is 47, while 1:30, 0x3 and 1_000 are words.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012
        key: [(tag, regexp) for tag, regexp in resolvers if tag.endswith(":null")]
        for key, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


for _tag, _pattern, _first in (
    ("bool", r"(?:true|false)\Z", "tf"),
    ("int", r"[-+]?[0-9]+\Z", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z", "-+.0123456789"),
):
    _PlainLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))


class _FastLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The same on libyaml, which reads ten times as fast; where it is missing, the plain one does its work."""

    yaml_implicit_resolvers = _PlainLoader.yaml_implicit_resolvers


PLAIN_SAYS_UP_TO = 2**16  # characters in which the plain loader looks for what is wrong: it takes a second for 100 KB


def read_yaml(text: str, where: str, first_line: int = 1) -> Located:
    """YAML as plain data with lines. Raises DataError for broken YAML, a key given twice, an anchor or a tag."""
    try:
        return _read_yaml(text, where, first_line, _FastLoader)
    except (yaml.YAMLError, ValueError, OverflowError, LookupError, AttributeError) as error:
        broken: Exception = error
    if len(text) <= PLAIN_SAYS_UP_TO:  # the plain loader says better what is wrong
        try:
            return _read_yaml(text, where, first_line, _PlainLoader)
        except yaml.YAMLError as error:
            broken = error
        except (ValueError, OverflowError, LookupError, AttributeError):
            pass
    if isinstance(broken, yaml.reader.ReaderError):
        bad = yaml.reader.Reader.NON_PRINTABLE.search(text)
        line = text.count("\n", 0, bad.start() if bad else 0) + first_line
        raise DataError([Problem(f"{where}:{line}", "a control character", "plain text")])
    line, why = first_line, "a value that cannot be read"
    if isinstance(broken, yaml.MarkedYAMLError):
        mark = broken.problem_mark or broken.context_mark
        line += mark.line if mark else 0
        why = (broken.problem or broken.context or why).strip()[:200]
    mend = "valid YAML; quote a text that holds “: ” or begins with a sign"
    raise DataError([Problem(f"{where}:{line}", f"broken YAML ({why})", mend)])


def _read_yaml(text: str, where: str, first_line: int, kind: type[yaml.SafeLoader]) -> Located:
    loader: Any = kind(text)
    try:
        return _Document(loader, where, first_line).read()
    finally:
        loader.dispose()


class _Document:
    """Plain data from the events of a parser, in one pass. Anchors are refused (a few lines of them can grow into
    gigabytes) before anything is built from them, and so is nesting without end."""

    def __init__(self, loader: Any, where: str, first_line: int) -> None:
        self.loader, self.where, self.first_line = loader, where, first_line
        self.lines: dict[Loc, int] = {}
        self.problems: list[Problem] = []

    def read(self) -> Located:
        loader = self.loader
        loader.get_event()  # the stream begins
        data = None
        if not loader.check_event(yaml.StreamEndEvent):
            loader.get_event()  # the document begins
            data = self._value(loader.get_event(), ())
            loader.get_event()  # and ends
            if not loader.check_event(yaml.StreamEndEvent):
                second = loader.get_event()
                raise yaml.MarkedYAMLError(problem="a second document", problem_mark=second.start_mark)
        if self.problems:
            raise DataError(self.problems[:MOST_PROBLEMS])
        return Located(data, self.lines)

    def _line(self, event: Any) -> int:
        return int(event.start_mark.line) + self.first_line

    def _refuse(self, event: Any, found: str, accepted: str) -> NoReturn:
        raise DataError([Problem(f"{self.where}:{self._line(event)}", found, accepted)])

    def _value(self, event: Any, loc: Loc) -> Any:
        if isinstance(event, yaml.AliasEvent) or event.anchor:
            self._refuse(event, "a YAML anchor or alias", "the text written out")
        if event.tag:
            self._refuse(event, f"the tag {_short(event.tag)}", "plain values")
        self.lines.setdefault(loc, self._line(event))
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, loc)
        if len(loc) >= MAX_DEPTH:
            self._refuse(event, "YAML nested too deeply", f"at most {MAX_DEPTH} levels")
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(loc)
        found: list[Any] = []
        while not isinstance(child := self.loader.get_event(), yaml.SequenceEndEvent):
            found.append(self._value(child, (*loc, len(found))))
        return found

    def _mapping(self, loc: Loc) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(event := self.loader.get_event(), yaml.MappingEndEvent):
            place = f"{self.where}:{self._line(event)}"
            key = event.value if isinstance(event, yaml.ScalarEvent) else None
            if key is None or event.anchor or event.tag:
                shown = _shown(self._value(event, (*loc, "")))
                self.problems.append(Problem(place, f"{shown} as a key", "a text"))
                self._value(self.loader.get_event(), (*loc, ""))
                continue
            if key in found:
                self.problems.append(Problem(place, f"the key {_shown(key)} twice", "each key once"))
            self.lines[(*loc, key)] = self._line(event)
            found[key] = self._value(self.loader.get_event(), (*loc, key))
        return found

    def _scalar(self, event: Any, loc: Loc) -> Any:
        text = event.value
        tag = self.loader.resolve(yaml.ScalarNode, text, event.implicit) if event.implicit[0] else ""
        kind = tag.rpartition(":")[2]
        if kind == "int":
            if len(text) <= MAX_DIGITS:
                return int(text)
            found = f"a number of {len(text):,} digits"
            self.problems.append(Problem(_place(self.where, self._line(event), loc), found, f"at most {MAX_DIGITS}"))
            return None
        if kind in ("", "str"):
            return text if text.isascii() else _whole(text)
        return float(text) if kind == "float" else text == "true" if kind == "bool" else None


def _whole(text: str) -> str:
    """JSON may write a character beyond the first 65,536 as two halves; YAML reads them apart."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def check(model: type[Model], located: Located, where: str, loc: Loc = ()) -> tuple[Model | None, list[Problem]]:
    """The data at `loc` as `model`, or every problem in it with its line."""
    data = located.data
    for step in loc:
        data = data[step]
    if not isinstance(data, dict):
        line = located.line(loc)
        return None, [
            Problem(f"{where}:{line}", f"{_shown(data)}", "a mapping with the keys " + ", ".join(_keys(model)))
        ]
    try:
        return model.model_validate(data), []
    except ValidationError as error:
        return None, _problems(error.errors(include_url=False), model, where, lambda at: located.line((*loc, *at)))


# JSON

_STRING = r'"(?:[^"\\]++|\\.?)*+"?'  # to its end, or to that of a broken file
_STRINGS = re.compile(_STRING, re.DOTALL)
_KEYS = re.compile(rf"({_STRING})(\s*+:)?|[{{}}]", re.DOTALL)
_GAP = re.compile(r"[\s,:]*")
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)


def read_json(text: str, where: str, shape: type[Shape], adapter: TypeAdapter[Shape], version: str) -> Shape:
    """JSON as the dataclass `shape`. Raises DataError for broken JSON, a key given twice and all that does not fit.

    `version` is the key that numbers what a reader must expect: where it is wrong, nothing else is told.
    """
    bones = _STRINGS.sub("", text)
    mappings = bones.count("{")
    values = mappings + bones.count("[") + bones.count(",")
    for found, most, what in ((mappings, MAX_MAPPINGS, "mappings"), (values, MAX_VALUES, "values")):
        if found > most:
            raise DataError([Problem(where, f"{found:,} {what}", f"at most {most:,}")])
    located = LocatedJson(text)
    made, problems = None, []
    try:
        made = adapter.validate_json(text)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        if details[0]["type"] == "json_invalid":
            raise DataError([_broken_json(details[0]["ctx"]["error"], where)]) from None
        details = [detail for detail in details if detail["loc"] == (version,)] or details[:MOST_PROBLEMS]
        with_input = [{**detail, "input": located.value(detail["loc"])} for detail in details]
        problems = _problems(with_input, shape, where, located.line)
    for line, key in islice(_twice(text), MOST_PROBLEMS):
        problems.append(Problem(f"{where}:{line}", f"the key {_shown(key)} twice", "each key once"))
    if made is None or problems:
        raise DataError(in_order(problems, where))
    return made


def in_order(problems: Iterable[Problem], where: str) -> list[Problem]:
    """Problems of one file by their lines."""

    def line(problem: Problem) -> int:
        found = re.match(r":(\d+)", problem.where.removeprefix(where))
        return int(found[1]) if found else 0

    return sorted(problems, key=line)


def _broken_json(told: str, where: str) -> Problem:
    found = re.fullmatch(r"(.*) at line (\d+) column (\d+)", told, re.DOTALL)
    why, line, column = found.groups() if found else (told, 1, 1)
    return Problem(f"{where}:{line}", f"broken JSON in column {column} ({why})", "valid JSON")


def _twice(text: str) -> Iterator[tuple[int, str]]:
    """Every key that a mapping has already, with its line."""
    open_: list[set[str]] = []
    line = at = 0
    for found in _KEYS.finditer(text):
        if found[0] == "{":
            open_.append(set())
        elif found[0] == "}":
            open_.pop()
        elif found[2]:
            key = json.loads(found[1]) if "\\" in found[1] else found[1][1:-1]
            if key in open_[-1]:
                line, at = line + text.count("\n", at, found.start()), found.start()
                yield line + 1, key
            open_[-1].add(key)


@dataclass(frozen=True)
class LocatedJson:
    """Where things stand in JSON that is not broken. A mapping or a list is looked through when somebody asks for it."""

    text: str
    inside: dict[int, dict[str | int, tuple[int, int]]] = dataclasses.field(default_factory=dict)

    def line(self, loc: Sequence[str | int]) -> int:
        """The line of the nearest enclosing thing that is really in the file."""
        return self.text.count("\n", 0, self._find(loc)[0]) + 1

    def value(self, loc: Sequence[str | int]) -> Any:
        """A plain value, or the key that is asked about; an empty mapping or list in place of a full one."""
        if loc and loc[-1] == "[key]":
            return loc[-2]
        _, at, there = self._find(loc)
        if not there:
            return None
        empty: dict[str, Any] = {"{": {}, "[": []}
        return empty[self.text[at]] if self.text[at] in empty else json.JSONDecoder().raw_decode(self.text, at)[0]

    def _find(self, loc: Sequence[str | int]) -> tuple[int, int, bool]:
        """Where its key and its value begin, and whether it is there itself and not only what encloses it."""
        shown = at = self._skip(0)
        for step in loc:
            if at not in self.inside:
                self.inside[at] = self._children(at)
            if step not in self.inside[at]:
                return shown, at, False
            shown, at = self.inside[at][step]
        return shown, at, True

    def _skip(self, at: int) -> int:
        return _GAP.match(self.text, at).end()  # type: ignore[union-attr]  # it matches nothing as well

    def _children(self, at: int) -> dict[str | int, tuple[int, int]]:
        text = self.text
        found: dict[str | int, tuple[int, int]] = {}
        if text[at] not in "{[":
            return found
        is_mapping = text[at] == "{"
        at = self._skip(at + 1)
        while text[at] not in "}]":
            shown = at
            key: str | int = len(found)
            if is_mapping:
                key, at = _DECODER.raw_decode(text, at)
                at = self._skip(at)
            found[key] = shown, at
            at = self._skip(_DECODER.raw_decode(text, at)[1])
        return found


# pydantic's findings in our words


@cache
def _fields(shape: type) -> dict[str, Any]:
    """The keys of a model or a dataclass as they are written, and their types."""
    if issubclass(shape, BaseModel):
        every = shape.model_fields.items()
        return {info.alias or name: info.annotation for name, info in every if name not in ("source_file", "line")}
    return get_type_hints(shape) if dataclasses.is_dataclass(shape) else {}


def _keys(shape: type) -> list[str]:
    return list(_fields(shape))


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"


def _place(where: str, line: int, loc: Iterable[str | int]) -> str:
    steps = [str(step) for step in loc if not (isinstance(step, str) and step.startswith(("function-", "[key]")))]
    name = ".".join(map(_short, steps))
    return f"{where}:{line}: {name}" if name else f"{where}:{line}"


def _shown(value: object) -> str:
    if value is None or value == "":
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, bool):
        return "true" if value else "false"
    try:
        return f"“{_short(' '.join(str(value).split()))}”"
    except ValueError:  # an integer of thousands of digits
        return "a number that is too long"


_ACCEPTED = {
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "int_type": "a whole number",
    "decimal_parsing": "a number with a point, such as 0.46",
    "decimal_type": "a number with a point, such as 0.46",
    "finite_number": "a finite number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "string_type": "a text",
    "string_unicode": "a text of one line without control characters",
    "float_type": "a number",
    "float_parsing": "a number",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "dataclass_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "string_too_short": "a text that is not empty",
    "date_type": "a date such as 2026-11-21",
    "date_parsing": "a date such as 2026-11-21",
    "date_from_datetime_parsing": "a date such as 2026-11-21",
    "date_from_datetime_inexact": "a date such as 2026-11-21",
}


def _problems(details: Sequence[Any], shape: type, where: str, line: Callable[[Loc], int]) -> list[Problem]:
    deeper = {detail["loc"][: len(detail["loc"]) - depth] for detail in details for depth in range(1, 9)}
    real = (
        detail
        for detail in details
        if not (detail["type"] == "too_short" and detail["loc"] in deeper)  # an echo of what is wrong inside it
    )
    return [_problem(detail, where, line(detail["loc"]), shape) for detail in islice(real, MOST_PROBLEMS)]


def _problem(detail: Any, where: str, line: int, shape: type) -> Problem:
    kind, context, loc = detail["type"], detail.get("ctx", {}), detail["loc"]
    place = _place(where, line, loc)
    name = place.removeprefix(f"{where}:{line}").removeprefix(": ")
    found = _shown(detail["input"])
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        known = _keys_at(shape, loc[:-1])
        return Problem(
            f"{where}:{line}", f"an unknown key “{name}”", ", ".join(known), did_you_mean(_short(str(loc[-1])), known)
        )
    if kind in ("missing", "missing_argument"):
        return Problem(f"{where}:{line}", f"“{name}” is missing", f"a value for {name}")
    if kind == "accepted":
        return Problem(place, str(context.get("found") or found), str(context["accepted"]))
    if kind == "literal_error":
        words = re.findall(r"'([^']*)'", context["expected"])
        return Problem(place, found, ", ".join(words), did_you_mean(found.strip("“”"), words))
    bounds = {
        "greater_than_equal": ("ge", "at least"),
        "greater_than": ("gt", "more than"),
        "less_than_equal": ("le", "at most"),
        "less_than": ("lt", "less than"),
    }
    if kind in bounds:
        key, words_ = bounds[kind]
        most = f"{context[key]:g}" if isinstance(context[key], float) else str(context[key])
        return Problem(place, found, f"a number of {words_} {most}")
    if kind == "too_short":
        return Problem(place, found, f"at least {context['min_length']} of them")
    if kind == "too_long":
        return Problem(place, f"more than {context['max_length']:,} of them", f"at most {context['max_length']:,}")
    if kind == "string_too_long":
        length = f"{len(str(detail['input'])):,}"
        return Problem(place, f"a text of {length} characters", f"at most {context['max_length']:,}")
    return Problem(place, found, _ACCEPTED.get(kind, detail["msg"]))


def _keys_at(shape: type, loc: Sequence[str | int]) -> list[str]:
    """The keys a nested mapping may have, found by following the fields of the shape."""
    current: type | None = shape
    for step in loc:
        if current and step in (fields := _fields(current)):
            current = _shape_in(fields[str(step)])
    return _keys(current) if current else []


def _shape_in(annotation: Any) -> type | None:
    if isinstance(annotation, type) and (issubclass(annotation, BaseModel) or dataclasses.is_dataclass(annotation)):
        return annotation
    return next(filter(None, map(_shape_in, getattr(annotation, "__args__", ()))), None)
