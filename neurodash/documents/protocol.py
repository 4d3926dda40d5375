"""A protocol on paper, as a brief publishes it or as a clinician adapted it: phases, doses, ladders, notes, what was changed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from neurodash import wording
from neurodash.documents.paper import References, amount_told, dosing, made, phases, pictures, version_line
from neurodash.library import Library
from neurodash.library.protocols import Amount, Protocol
from neurodash.planning import adapted
from neurodash.planning.adapted import Adaptation


def pdf(
    brief: str, library: Library, *, on: dt.date, document: Mapping[str, Any] | None = None, name: str = "", by: str = "",
    paper: str = "a4", large: bool = False, address: str = "",
) -> bytes:  # fmt: skip
    """The protocol of a brief (its slug) as a tagged PDF; with a `document` (`Adaptation.mapping`), as it was adapted.

    An adapted one has a `name` and says who made it (`by`). `on` is the day it is printed, `large` is 18 point, `address`
    is where the site can be found. Raises DataError where the document no longer fits the brief, for a paper not known, and
    for letters without a font.
    """
    published, of = library.protocols[brief], library.briefs[brief]
    own = adapted.fitted(adapted.read(document), brief, library) if document is not None else None
    protocol = adapted.protocol_of(own, brief, library, name) if own else published
    references = References(library, address.rstrip("/"))
    title = name or f"{published.name}: the protocol"
    found = phases(protocol, library, references)
    for shown, phase in zip(found, protocol.phases, strict=True):
        shown["note"] = own.phases[phase.keys.id].note.split("\n") if own and own.phases[phase.keys.id].note else []
    data = {
        "title": title, "running": title, "version": version_line(library.version, on), "brief": of.title, "by": by,
        "adapted": own is not None, "note": own.note.split("\n") if own and own.note else [],
        "changes": list(_changes(own, published, library)) if own else [], "phases": found,
        "dosing": dosing(protocol, library, references), "ladders": [_ladder(each, protocol.exercises_left_out, library, references) for each in protocol.ladders],
        "sources": references.sources, "has-expert": True,  # the usual weeks of a phase are
        "page": f"{address.rstrip('/')}/{of.condition}/{of.slug}/" if address else "",
    }  # fmt: skip
    return made("protocol.typ", data, where="the protocol", paper=paper, large=large)


def _ladder(name: str, left_out: frozenset[str], library: Library, references: References) -> dict[str, Any]:
    ladder, shelf = library.ladders[name], library.exercises.exercises
    rule = library.rules[ladder.rule]
    return {
        "name": ladder.name, "target": library.exercises.words.targets[ladder.target].label, "why": ladder.why,
        "frames": pictures(library, next((rung.exercise for rung in ladder.rungs if rung.exercise not in left_out), ladder.rungs[0].exercise)),
        "rungs": [
            f"{shelf[rung.exercise].name}{f': {rung.says}' if rung.says else ''}{' (left out)' if rung.exercise in left_out else ''}"
            for rung in ladder.rungs
        ],
        "rule": {"name": rule.name, "up": rule.up, "hold": rule.hold, "back": rule.back, "after": rule.after_a_break},
        "source": references.guideline(ladder.source) if ladder.source else {"kind": "expert"},
    }  # fmt: skip


def _changes(own: Adaptation, published: Protocol, library: Library) -> Iterator[str]:
    """What is different from the brief, in words."""
    phases_ = {phase.keys.id: phase.keys.name for phase in published.phases}
    for place, amount in adapted.amounts_of(published):
        span = own.amount(place)
        if span and (span.low, span.high) != (float(amount.low), float(amount.high)):
            where = f"Phase “{phases_[place[1]]}”" if place[0] == "phases" else f"Dose, {adapted.dose_name(place[1])}"
            end = f" {adapted.ENDS[place[2]]}" if place[0] == "doses" else ""
            yield f"{where}: {amount_told(place[-1], span.low, span.high)}{end}; in the brief {_told(amount)}."
    usual = [each.id for each in adapted.ladders_of(published, library)]
    if list(own.ladders) != usual:
        names = [library.ladders[each].name for each in own.ladders if each not in own.ladders_left_out]
        yield f"Ladders in another order: {wording.joined(names)}."
    for each in own.ladders_left_out:
        yield f"Left out: the ladder “{library.ladders[each].name}”."
    for each in own.exercises_left_out:
        yield f"Left out: the exercise “{library.exercises.exercises[each].name}”."


def _told(amount: Amount) -> str:
    return wording.span(float(amount.low), float(amount.high))
