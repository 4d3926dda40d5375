"""The form in which a protocol is adapted: what it asks, and how the answers become an adaptation and come back from one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.http import QueryDict

from neurodash.errors import Problem
from neurodash.library import Library
from neurodash.library.protocols import Amount, Protocol
from neurodash.planning import adapted
from neurodash.planning.adapted import MAX_NOTE, MAX_WHY, PLANNED, Adaptation, OfPhase, Place, Span
from neurodash.web.reading.training import pictures

MOST_ERRORS = 30


@dataclass(frozen=True)
class LadderRow:
    """A ladder, and the exercises on it that do not stand on one above."""

    id: str
    name: str
    why: str
    is_used: bool
    is_first: bool
    is_last: bool
    is_own: bool  # the brief names it
    exercises: Sequence[tuple[str, str, bool]]  # id, name, left out
    also: Sequence[str]


@dataclass(frozen=True)
class AmountRow:
    """An amount as two fields, from and to, and a third for a reason once one is asked for."""

    name: str
    label: str
    low: str
    high: str
    why: str
    hint: str
    errors: Sequence[str]
    asks_why: bool


@dataclass
class Form:
    """Everything the page shows: what was answered, and what is wrong with it, by the name of the field."""

    brief: str
    library: Library
    values: Mapping[str, Sequence[str]]
    errors: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def one(self, name: str) -> str:
        return next(iter(self.values.get(name, ())), "")

    @property
    def protocol(self) -> Protocol:
        return self.library.protocols[self.brief]

    @property
    def name(self) -> str:
        return self.one("name")

    @property
    def note(self) -> str:
        return self.one("note")

    @property
    def summary(self) -> Iterator[tuple[str, str]]:
        """The field and the first sentence of each mistake, beginning with where it stands."""
        for name, told in self.errors.items():
            kind, _, rest = name.partition(":")
            key = rest.partition(":")[0]
            phase = next((p.keys.name for p in self.protocol.phases if p.keys.id == key), "")
            place = f"{adapted.dose_name(key)}, " if kind == "doses" else f"{phase}, " if phase else ""
            place += {"start": "start: ", "aim": "aim: "}.get(
                rest.partition(":")[2].partition(":")[0], ": " if place else ""
            )
            yield name, place.replace(", : ", ": ") + told[0]

    @property
    def targets(self) -> Iterator[tuple[str, list[LadderRow]]]:
        """Each target and its ladders, in the order given."""
        words = self.library.exercises.words.targets
        there = {each.id: each for each in adapted.ladders_of(self.protocol, self.library)}
        names = [*dict.fromkeys(name for name in self.values.get("ladder", ()) if name in there)]
        names += [name for name in there if name not in names]
        seen: set[str] = set()
        for target in dict.fromkeys(each.target for each in there.values()):
            own = [there[name] for name in names if there[name].target == target]
            rows = []
            for place, each in enumerate(own):
                every = adapted.exercises_of(each, self.library)
                new = [e for e in every if e.id not in seen]
                rows.append(
                    LadderRow(
                        each.id, each.name, each.why, each.id in self.values.get("use", ()), place == 0,
                        place == len(own) - 1, each.id in self.protocol.ladders,
                        [(e.id, e.name, e.id in self.values.get("out", ())) for e in new],
                        [e.name for e in every if e.id in seen],
                    )
                )  # fmt: skip
                seen |= {e.id for e in new}
            yield words[target].label, rows

    @property
    def phases(self) -> Iterator[dict[str, Any]]:
        for phase in self.protocol.phases:
            places = [(at, a) for at, a in adapted.amounts_of(self.protocol) if at[:2] == ("phases", phase.keys.id)]
            first = phase.keys.exercises[:1]
            name = f"note:{phase.keys.id}"
            yield {
                "id": phase.keys.id, "name": phase.keys.name, "weeks": phase.keys.weeks, "do": phase.do.plain,
                "amounts": [self._row(at, a) for at, a in places], "note_name": name, "note": self.one(name),
                "errors": self.errors.get(name, ()), "picture": pictures(self.library, first[0])[-1] if first else "",
            }  # fmt: skip

    @property
    def doses(self) -> Iterator[dict[str, Any]]:
        for dose in self.protocol.doses:
            key = adapted.key_of(dose.keys)
            ends = []
            for end, title in (("start", "Where it starts"), ("aim", "What it aims for")):
                own = [(at, a) for at, a in adapted.amounts_of(self.protocol) if at[:3] == ("doses", key, end)]
                if own:
                    ends.append((title, [self._row(at, a) for at, a in own]))
            is_open = any(name.startswith(f"doses:{key}:") for name in self.errors)
            yield {"key": key, "name": adapted.dose_name(key), "ends": ends, "is_open": is_open}

    def _row(self, place: Place, amount: Amount) -> AmountRow:
        name = ":".join(place)
        within = adapted.bounds(place, amount, self.protocol, self.library)
        published = f"{adapted.span_of_amount(amount).told}"
        hint = f"brief: {published}, {f'rows: {within.told}' if within.rows else 'expert judgement'}"
        if place[-1] not in PLANNED:
            hint += "; for the reader, no plan goes by it"
        errors, why = self.errors.get(name, ()), self.one(f"{name}:why")
        return AmountRow(
            name, adapted.unit_of(place[-1]), self.one(f"{name}:low"), self.one(f"{name}:high"), why, hint, errors,
            bool(why) or any("with a reason" in each for each in errors),
        )  # fmt: skip


def from_adaptation(own: Adaptation, name: str, brief: str, library: Library) -> dict[str, list[str]]:
    """The answers that give this adaptation again."""
    protocol = library.protocols[brief]
    own = adapted.fitted(own, brief, library)
    made = {
        "name": [name], "note": [own.note], "ladder": list(own.ladders), "out": list(own.exercises_left_out),
        "use": [each for each in own.ladders if each not in own.ladders_left_out],
    }  # fmt: skip
    for key, phase in own.phases.items():
        made[f"note:{key}"] = [phase.note]
    for place, _ in adapted.amounts_of(protocol):
        if span := own.amount(place):
            at = ":".join(place)
            made |= {f"{at}:low": [f"{span.low:g}"], f"{at}:high": [f"{span.high:g}"], f"{at}:why": [span.why]}
    return made


def to_adaptation(answers: QueryDict, brief: str, library: Library) -> tuple[Adaptation, dict[str, list[str]]]:
    """What was answered, and by the name of the field what is wrong with it."""
    protocol = library.protocols[brief]
    errors: dict[str, list[str]] = {}
    there = [each.id for each in adapted.ladders_of(protocol, library)]
    order = [name for name in dict.fromkeys(answers.getlist("ladder")) if name in there]
    order += [name for name in there if name not in order]
    used, out = set(answers.getlist("use")), dict.fromkeys(answers.getlist("out"))
    own = Adaptation(
        ladders=tuple(order),
        ladders_left_out=tuple(name for name in there if name not in used),
        exercises_left_out=tuple(sorted(out)),
        phases={
            phase.keys.id: OfPhase(note=_note(answers, f"note:{phase.keys.id}", errors)) for phase in protocol.phases
        },
        note=_note(answers, "note", errors),
    )
    for place, amount in adapted.amounts_of(protocol):
        at = ":".join(place)
        low, high = (_number(answers.get(f"{at}:{end}", "")) for end in ("low", "high"))
        why = " ".join(answers.get(f"{at}:why", "").split())
        if low is None or high is None:
            label = adapted.unit_of(place[-1])
            errors[at] = [f"{label.capitalize()}: two numbers, from and to, such as 2 and 3."]
            continue
        if len(why) > MAX_WHY or not why.isprintable():
            errors[at] = [f"The reason: at most {MAX_WHY} plain characters."]
            continue
        span = Span(low, high, why)
        if why and not adapted.bounds(place, amount, protocol, library).leaves(span):
            span = replace(span, why="")  # inside its rows an amount needs none
        own = own.with_amount(place, span)
    for problem in list(adapted.problems(own, brief, library)):
        name = field_of(problem, protocol)
        said = f"{problem.found[:1].upper()}{problem.found[1:]}. Accepted: {problem.accepted}."
        errors.setdefault(name, []).extend(filter(None, (said, problem.mend)))
    return own, dict(list(errors.items())[:MOST_ERRORS])


def moved(answers: QueryDict, do: str, brief: str, library: Library) -> dict[str, list[str]]:
    """The answers with one ladder before or after its neighbour of the same target: `up gait`, `down gait`."""
    made: dict[str, list[str]] = {key: answers.getlist(key) for key in answers}
    way, _, name = do.partition(" ")
    targets = {each.id: each.target for each in adapted.ladders_of(library.protocols[brief], library)}
    order = [each for each in dict.fromkeys(made.get("ladder", [])) if each in targets]
    own = [each for each in order if targets[each] == targets.get(name)]
    if name in own:
        other = own.index(name) + (-1 if way == "up" else 1)
        if 0 <= other < len(own):
            one, two = order.index(name), order.index(own[other])
            order[one], order[two] = order[two], order[one]
    made["ladder"] = order
    return made


def field_of(problem: Problem, protocol: Protocol) -> str:
    """The field that a problem of an adaptation is about."""
    for place, _ in adapted.amounts_of(protocol):
        if problem.where == ".".join(place):
            return ":".join(place)
    return {"ladders": "use", "ladders_left_out": "use", "exercises_left_out": "use", "name": "name"}.get(
        problem.where, ""
    )


def _note(answers: QueryDict, name: str, errors: dict[str, list[str]]) -> str:
    text = answers.get(name, "").replace("\r\n", "\n").replace("\r", "\n").strip()
    if len(text) > MAX_NOTE:
        errors[name] = [f"The note has {len(text):,} characters. Accepted: at most {MAX_NOTE:,}."]
    elif not text.replace("\n", " ").replace("\t", " ").isprintable():
        errors[name] = ["The note has control characters. Accepted: plain text."]
    return "" if name in errors else text


def _number(text: str) -> float | None:
    plain = text.strip().replace(",", ".")
    return float(plain) if re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,2})?", plain) and float(plain) > 0 else None
