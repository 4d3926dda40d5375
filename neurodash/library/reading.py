"""From bytes to rows and mappings, with the line of everything that is wrong.

Nothing here knows what the library holds. A file is read whole, as UTF-8, up to a size; CSV rows and YAML
mappings are checked against a pydantic model, and pydantic's findings are put into our words at this door.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from neurodash.errors import DataError, Problem, did_you_mean

MAX_BYTES = 8 * 2**20  # of one file. Ours: the largest table is 0.2 MB; a larger file is a mistake, not content
MAX_DEPTH = 20  # levels of YAML. Ours: a brief has five
csv.field_size_limit(100_000)

Model = TypeVar("Model", bound=BaseModel)
Loc = tuple[str | int, ...]


def read_bytes(path: Path, where: str, limit: int = MAX_BYTES) -> bytes:
    """The bytes of a file. Raises DataError if it is missing, no plain file or larger than `limit`."""
    try:
        if not path.is_file():
            raise DataError([Problem(where, "no such file", "a plain file")])
        size = path.stat().st_size
        if size > limit:
            found = f"a file of {size / 2**20:.0f} MB" if size >= 2**20 else f"a file of {size // 1024} KB"
            most = f"{limit // 2**20} MB" if limit >= 2**20 else f"{limit // 1024} KB"
            raise DataError([Problem(where, found, f"at most {most}")])
        return path.read_bytes()
    except OSError as error:
        raise DataError([Problem(where, f"cannot be read ({error.strerror})", "a readable file")]) from None


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
            problems += [_problem(detail, f"{where}:{line}", model) for detail in error.errors(include_url=False)]
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
    """Reads `yes` and `2026-11-21` as words: what they mean is for the field's type to say, with its line."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        key: [
            (tag, regexp) for tag, regexp in resolvers if tag.rpartition(":")[2] not in ("bool", "merge", "timestamp")
        ]
        for key, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_PlainLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))


class _FastLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The same on libyaml, which reads ten times as fast; where it is missing, the plain one does its work."""

    yaml_implicit_resolvers = _PlainLoader.yaml_implicit_resolvers


def read_yaml(text: str, where: str, first_line: int = 1) -> Located:
    """YAML as plain data with lines. Raises DataError for broken YAML, a key given twice, an anchor or a tag."""
    try:
        return _read_yaml(text, where, first_line, _FastLoader)
    except (DataError, yaml.YAMLError, ValueError, LookupError, AttributeError):
        pass  # the plain loader says better what is wrong
    try:
        return _read_yaml(text, where, first_line, _PlainLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = (mark.line if mark else 0) + first_line
        found = f"broken YAML ({(error.problem or error.context or 'cannot be read').strip()})"
        raise DataError(
            [Problem(f"{where}:{line}", found, "valid YAML; quote a text that holds “: ” or begins with a sign")]
        ) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + first_line
        raise DataError([Problem(f"{where}:{line}", "a control character", "plain text")]) from None
    except (yaml.YAMLError, ValueError, LookupError, AttributeError) as error:
        found = f"broken YAML ({str(error).splitlines()[0] if str(error) else 'a value that cannot be read'})"
        raise DataError([Problem(f"{where}:{first_line}", found, "valid YAML")]) from None


def _read_yaml(text: str, where: str, first_line: int, kind: type[yaml.SafeLoader]) -> Located:
    _refuse_what_grows(text, where, first_line, kind)
    lines: dict[Loc, int] = {}
    problems: list[Problem] = []
    loader = kind(text)
    try:
        node = loader.get_single_node()
        data = None if node is None else _plain(loader, node, (), lines, problems, where, first_line)
    finally:
        loader.dispose()
    if problems:
        raise DataError(problems)
    return Located(data, lines)


def _plain(
    loader: yaml.SafeLoader,
    node: yaml.Node,
    loc: Loc,
    lines: dict[Loc, int],
    problems: list[Problem],
    where: str,
    first_line: int,
) -> Any:
    line = node.start_mark.line + first_line
    lines.setdefault(loc, line)
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            key_line = key_node.start_mark.line + first_line
            if key in found:
                problems.append(Problem(f"{where}:{key_line}", f"the key “{key}” twice", "each key once"))
            lines[(*loc, key)] = key_line
            found[key] = _plain(loader, value_node, (*loc, key), lines, problems, where, first_line)
        return found
    if isinstance(node, yaml.SequenceNode):
        return [
            _plain(loader, child, (*loc, index), lines, problems, where, first_line)
            for index, child in enumerate(node.value)
        ]
    if not node.tag.startswith("tag:yaml.org,2002:"):
        problems.append(Problem(f"{where}:{line}", f"the tag {node.tag}", "plain values"))
        return None
    return loader.construct_object(node)


def _refuse_what_grows(text: str, where: str, first_line: int, kind: type[yaml.SafeLoader]) -> None:
    """Raise DataError for anchors (a few lines of them can grow into gigabytes) and for nesting without end."""
    depth = 0
    try:
        for event in yaml.parse(text, kind):
            line = (event.start_mark.line if event.start_mark else 0) + first_line
            if tag := getattr(event, "tag", None):
                raise DataError([Problem(f"{where}:{line}", f"the tag {tag}", "plain values")])
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise DataError([Problem(f"{where}:{line}", "a YAML anchor or alias", "the text written out")])
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise DataError([Problem(f"{where}:{line}", "YAML nested too deeply", f"at most {MAX_DEPTH} levels")])
    except yaml.YAMLError:
        return  # said by read_yaml, with its line


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
        details = error.errors(include_url=False)
        deeper = {detail["loc"][: len(detail["loc"]) - depth] for detail in details for depth in range(1, 9)}
        return None, [
            _problem(detail, f"{where}:{located.line((*loc, *detail['loc']))}", model)
            for detail in details
            if not (detail["type"] == "too_short" and detail["loc"] in deeper)  # an echo of what is wrong inside it
        ]


# pydantic's findings in our words


def _keys(model: type[BaseModel]) -> list[str]:
    return [info.alias or name for name, info in model.model_fields.items() if name not in ("source_file", "line")]


def _shown(value: object) -> str:
    if value is None or value == "":
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    try:
        text = " ".join(str(value).split())
    except ValueError:  # an integer of thousands of digits
        return "a number that is too long"
    return f"“{text if len(text) <= 60 else text[:59] + '…'}”"


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
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "string_too_short": "a text that is not empty",
    "date_type": "a date such as 2026-11-21",
    "date_parsing": "a date such as 2026-11-21",
    "date_from_datetime_parsing": "a date such as 2026-11-21",
    "date_from_datetime_inexact": "a date such as 2026-11-21",
}


def _problem(detail: Any, where: str, model: type[BaseModel]) -> Problem:
    kind, context = detail["type"], detail.get("ctx", {})
    steps = [str(step) for step in detail["loc"] if not (isinstance(step, str) and step.startswith("function-"))]
    name = ".".join(steps)
    place = f"{where}: {name}" if name else where
    found = _shown(detail["input"])
    if kind == "extra_forbidden":
        known = _keys(model) if len(steps) == 1 else _keys_at(model, detail["loc"][:-1])
        return Problem(where, f"an unknown key “{name}”", ", ".join(known), did_you_mean(steps[-1], known))
    if kind == "missing":
        return Problem(where, f"“{name}” is missing", f"a value for {name}")
    if kind == "accepted":
        return Problem(place, str(context.get("found") or found), str(context["accepted"]))
    if kind == "literal_error":
        words = re.findall(r"'([^']*)'", context["expected"])
        return Problem(place, found, ", ".join(words), did_you_mean(str(detail["input"]), words))
    bounds = {
        "greater_than_equal": ("ge", "at least"),
        "greater_than": ("gt", "more than"),
        "less_than_equal": ("le", "at most"),
        "less_than": ("lt", "less than"),
    }
    if kind in bounds:
        key, words_ = bounds[kind]
        return Problem(place, found, f"a number of {words_} {context[key]}")
    if kind == "too_short":
        return Problem(place, found, f"at least {context['min_length']} of them")
    if kind == "string_too_long":
        return Problem(place, f"a text of {len(str(detail['input']))} characters", f"at most {context['max_length']}")
    return Problem(place, found, _ACCEPTED.get(kind, detail["msg"]))


def _keys_at(model: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    """The keys a nested mapping may have, found by following the model's fields."""
    current: type[BaseModel] | None = model
    for step in loc:
        if isinstance(step, str) and current and step in current.model_fields:
            current = _model_in(current.model_fields[step].annotation)
    return _keys(current) if current else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        if found := _model_in(part):
            return found
    return None
