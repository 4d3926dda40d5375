"""What a brief has changed since a protocol was saved from it, and what its reader does about each difference.

The brief's text, its phases and its gates are in force at once. Where one has amounts or an order of one's own, the
difference stays open until it is taken over or one's own is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from neurodash import wording
from neurodash.errors import DataError, Problem
from neurodash.library import Library
from neurodash.library import prose as markdown
from neurodash.library.protocols import read_mapping
from neurodash.planning.adapted import ENDS, Adaptation, Place, Span, amounts_of, dose_name, span_of_amount, unit_of


@dataclass(frozen=True)
class Difference:
    """One thing that the brief has changed. `place` names it; `is_choice` where one may keep what one has, else it is in
    force already."""

    place: str
    what: str
    before: str
    now: str
    yours: str = ""
    is_choice: bool = False


def differences(own: Adaptation, source: Mapping[str, Any], brief: str, library: Library) -> tuple[Difference, ...]:
    """What is different in the brief of today from `source`, and not settled yet, in words."""
    protocol = library.protocols[brief]
    before, now = _nested(source), _nested(protocol.written)
    published = dict(amounts_of(protocol))
    found = []
    for path in _changed(before, now):
        was, there = _at(before, path), _at(now, path)
        place = _amount_place(path)
        mine, is_choice = "", False
        if place and was is not None and there is not None and place in published:
            span = own.amount(place) or span_of_amount(published[place])
            is_choice = (was["low"], was["high"]) != (there["low"], there["high"])
            if is_choice and (span.low, span.high) == (there["low"], there["high"]):
                continue
            if (span.low, span.high) != (was["low"], was["high"]):
                mine = span.told
        if path == ("ladders",):
            is_choice = True
            order = [name for name in own.ladders if name in there]
            if order == there:
                continue
            mine = _told(path, order, library) if order != [name for name in was if name in there] else ""
        found.append(
            Difference("/".join(path), _what(path, now, before), _told(path, was, library), _told(path, there, library), mine, is_choice)
        )  # fmt: skip
    return tuple(found)


def settle(
    own: Adaptation, source: Mapping[str, Any], place: str, take: bool, brief: str, library: Library
) -> tuple[Adaptation, dict[str, Any]]:
    """The adaptation and its source with one difference settled: taken over, or one's own kept. Raises DataError for a
    place where nothing differs."""
    path = tuple(place.split("/"))
    protocol = library.protocols[brief]
    before, now = _nested(source), _nested(protocol.written)
    if path not in set(_changed(before, now)):
        raise DataError([Problem("the difference", f"“{place[:80]}”", "one that is still open")])
    there, at = _at(now, path), _amount_place(path)
    if take and path == ("ladders",):
        rest = [name for name in own.ladders if name not in there]
        own = replace(own, ladders=(*there, *rest))
    elif take and at and there is not None:
        own = own.with_amount(at, Span(float(there["low"]), float(there["high"])))
    return own, _flat(_with(before, path, there, now))


def _nested(written: Mapping[str, Any]) -> dict[str, Any]:
    """Phases by their id and doses by band and experience, so that each is compared with itself."""
    made = dict(written)
    made["phases"] = {phase["id"]: phase for phase in written.get("phases", ())}
    made["doses"] = {_dose_key(dose): dose for dose in written.get("doses", ())}
    return made


def _dose_key(dose: Mapping[str, Any]) -> str:
    low, high = dose["edss"]
    return f"{low:g}-{high:g}-{dose.get('experience', 'any')}"


def _flat(nested: Mapping[str, Any]) -> dict[str, Any]:
    return {**nested, "phases": list(nested["phases"].values()), "doses": list(nested["doses"].values())}


BRANCHES = {"phases", "doses", "amounts", "start", "aim"}  # below these each entry is compared by itself


def _changed(before: Mapping[str, Any], now: Mapping[str, Any], path: Place = ()) -> Iterator[Place]:
    """Where the two differ, no deeper than one thing a reader would call one."""
    for key in dict.fromkeys([*now, *before]):
        was, there = before.get(key), now.get(key)
        at = (*path, key)
        is_branch = key in BRANCHES or (path and path[-1] in ("phases", "doses"))
        if is_branch and isinstance(was, Mapping) and isinstance(there, Mapping):
            yield from _changed(was, there, at)
        elif is_branch and key in BRANCHES and (was or there):
            yield from _changed(was or {}, there or {}, at)
        elif was != there:
            yield at


def _at(nested: Any, path: Place) -> Any:
    for key in path:
        nested = nested.get(key) if isinstance(nested, Mapping) else None
    return nested


def _with(nested: Mapping[str, Any], path: Place, value: Any, now: Any) -> dict[str, Any]:
    """`nested` with the value at `path` (None: without it), its keys in the order in which `now` has them."""
    key, *rest = path
    below = now.get(key) if isinstance(now, Mapping) else None
    made = dict(nested)
    if rest:
        made[key] = _with(nested.get(key) or {}, tuple(rest), value, below)
    elif value is None:
        made.pop(key, None)
    else:
        made[key] = value
    order = list(now) if isinstance(now, Mapping) else []
    return dict(sorted(made.items(), key=lambda item: order.index(item[0]) if item[0] in order else len(order)))


def _amount_place(path: Place) -> Place | None:
    """The place of an amount that a path of the written protocol leads to."""
    if len(path) == 4 and path[0] == "phases" and path[2] == "amounts":
        return "phases", path[1], path[3]
    if len(path) == 4 and path[0] == "doses" and path[2] in ("start", "aim"):
        return path
    return None


PARTS = {
    "name": "Name", "ladders": "Ladders, in their order", "order": "In one session", "dose_notes": "Notes on the dose",
    "progress": "Progress", "retests": "Test again", "weeks": "usual weeks", "edss": "for whom", "opens": "what it opens",
    "exercises": "such as", "do": "what is done", "up": "what moves up", "back": "what brings back", "says": "what is said of it",
}  # fmt: skip


def _what(path: Place, now: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    if path[0] == "phases":
        phase = now["phases"].get(path[1]) or before["phases"].get(path[1]) or {}
        name = f"Phase “{phase.get('name', path[1])}”"
        if len(path) == 2:
            return name
        return f"{name}: {unit_of(path[3]) if path[2] == 'amounts' else PARTS.get(path[2], path[2])}"
    if path[0] == "doses":
        name = f"Dose, {dose_name(path[1])}"
        if len(path) == 2:
            return name
        return f"{name}: {f'{unit_of(path[3])} {ENDS[path[2]]}' if len(path) == 4 else PARTS.get(path[2], path[2])}"
    return PARTS.get(path[0], path[0])


def _told(path: Place, value: Any, library: Library) -> str:
    """A value of the written protocol in words."""
    if value is None:
        return "nothing"
    if _amount_place(path):
        source = value.get("source", ())
        rows = wording.joined([source] if isinstance(source, str) else list(source))
        return f"{wording.span(value['low'], value['high'])} ({rows or 'expert judgement'})"
    match path[-1]:
        case "ladders":
            return ", ".join(library.ladders[name].name if name in library.ladders else name for name in value)
        case "exercises":
            known = library.exercises.exercises
            return ", ".join(known[name].name if name in known else name for name in value) or "nothing"
        case "weeks" | "edss":
            return f"{'weeks' if path[-1] == 'weeks' else 'EDSS'} {wording.span(*value)}"
        case "opens":
            return ", ".join(value) or "nothing"
        case "retests":
            return "; ".join(f"{each['instrument']} every {each['weeks']} weeks" for each in value)
    if len(path) == 2 and path[0] == "phases":
        return _plain(str(value.get("do", "")))
    if len(path) == 2 and path[0] == "doses":
        return _plain(str(value.get("says", "")))
    return " ".join(_plain(str(each)) for each in (value if isinstance(value, list) else [value]))


def _plain(text: str) -> str:
    return " ".join(markdown.parse(text, 1, "")[0].plain.split())


def read_source(data: object, brief: str, where: str) -> tuple[Mapping[str, Any] | None, list[Problem]]:
    """What a file says the brief had, or every problem in it."""
    protocol, wrong = read_mapping(data, where)
    if protocol is None or wrong:
        return None, wrong
    if protocol.id != brief:
        wrong = [Problem(f"{where}: id", f"“{protocol.id}”", f"the brief of this file, “{brief}”")]
    if odd := next((text for text in _texts(data) if not text.replace("\n", " ").isprintable()), None):
        shown = odd.encode("ascii", "backslashreplace").decode()[:40]
        wrong.append(Problem(where, f"“{shown}”", "texts without control characters"))
    return (None if wrong else protocol.written), wrong


def _texts(data: object) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, Mapping):
        for key, value in data.items():
            yield str(key)
            yield from _texts(value)
    elif isinstance(data, list | tuple):
        for each in data:
            yield from _texts(each)
