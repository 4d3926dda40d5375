"""Saved protocols: a brief's protocol as a clinic adapted it, and what is done with one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from pydantic import AfterValidator, Field, TypeAdapter, with_config

from neurodash.errors import DataError, Problem, did_you_mean
from neurodash.library import Library
from neurodash.library.reading import LocatedJson, decode, in_order, read_json
from neurodash.library.rows import accepted
from neurodash.planning import adapted, since
from neurodash.planning.adapted import Adaptation
from neurodash.planning.plan import STRICT, printable
from neurodash.planning.since import Difference
from neurodash.web.clinic.models import SavedProtocol
from neurodash.web.people import events, permissions
from neurodash.web.people.models import Clinic, User

FORMAT = 1
MAX_FILE = 200_000  # bytes. Ours: our longest protocol makes a file of twenty thousand
MAX_NAME = 120  # characters
MAX_LIBRARY = 64
_POINT = re.compile(r"(\d)\.(\d)")


def library_with(library: Library, saved: SavedProtocol) -> Library:
    """The library with the brief's protocol replaced by the saved one; its version names both, so that a plan says what
    it was made from. Raises DataError where the two no longer fit: the brief is gone, or an amount left its rows."""
    return adapted.library_of(
        adaptation_of(saved), saved.brief, library,
        name=saved.name, version=f"{library.version}+{saved.code}.{saved.edition}",
    )  # fmt: skip


def adaptation_of(saved: SavedProtocol) -> Adaptation:
    return adapted.read(saved.document)


def differences(saved: SavedProtocol, library: Library) -> tuple[Difference, ...]:
    """What the brief changed since it was saved and nobody has settled; nothing where the brief is gone."""
    if saved.brief not in library.protocols:
        return ()
    return since.differences(adaptation_of(saved), saved.source, saved.brief, library)


def may_change(user: Any, saved: SavedProtocol) -> bool:
    """Its author and the clinic's owners change a protocol; everybody else makes a copy."""
    if not permissions.may(user, "write", saved.clinic):
        return False
    return saved.by_id == user.pk or permissions.may(user, "manage", saved.clinic)


class Stale(Exception):
    """Somebody changed the protocol since the edition that was being edited; `now` is what it is."""

    def __init__(self, now: SavedProtocol) -> None:
        super().__init__(f"edition {now.edition}")
        self.now = now


# What is done


def save(
    *, brief: str, name: str, clinic: Clinic, library: Library, by: User, request: HttpRequest | None = None
) -> SavedProtocol:
    """A brief's protocol, kept as it stands today. Raises DataError for a name that cannot be one."""
    protocol = library.protocols[brief]
    own = adapted.unchanged(protocol, library)
    return _new(
        "protocol saved", by, request, clinic=clinic, name=named(name), brief=brief, document=own.mapping,
        source=protocol.written, library=library.version,
    )  # fmt: skip


def copy(saved: SavedProtocol, *, by: User, request: HttpRequest | None = None) -> SavedProtocol:
    """One of one's own, with the same content; nobody else sees it yet."""
    return _new(
        "protocol copied", by, request, clinic=saved.clinic, name=f"{saved.name[: MAX_NAME - 7]}, a copy",
        brief=saved.brief, document=saved.document, source=saved.source, library=saved.library,
    )  # fmt: skip


def take_in(
    data: bytes, *, clinic: Clinic, library: Library, by: User, request: HttpRequest | None = None
) -> SavedProtocol:
    """A protocol from a file. Raises DataError with every problem; nothing is kept then."""
    file = read_file(data, library)
    return _new(
        "protocol imported", by, request, clinic=clinic, name=file.name, brief=file.brief,
        document=file.protocol.mapping, source=file.source, library=file.library,
    )  # fmt: skip


def change(
    saved: SavedProtocol, *, edition: int, name: str, own: Adaptation, library: Library, by: User,
    request: HttpRequest | None = None,
) -> SavedProtocol:  # fmt: skip
    """The protocol with another name and content. Raises Stale, or DataError with every problem."""
    name = named(name)
    if problems := list(adapted.problems(own, saved.brief, library)):
        raise DataError(problems)
    return _write("protocol changed", saved, edition, by, request, name=name, document=own.mapping)


def settle(
    saved: SavedProtocol, *, edition: int, place: str, take: bool, library: Library, by: User,
    request: HttpRequest | None = None,
) -> SavedProtocol:  # fmt: skip
    """One difference to the brief taken over, or one's own kept. Raises Stale, or DataError where nothing differs or what
    would come about cannot stand."""
    own, source = since.settle(adaptation_of(saved), saved.source, place, take, saved.brief, library)
    fits = adapted.fitted(own, saved.brief, library)
    if take and (problems := list(adapted.problems(fits, saved.brief, library))):
        raise DataError(problems)
    more = {} if since.differences(own, source, saved.brief, library) else {"library": library.version}
    return _write("protocol changed", saved, edition, by, request, document=own.mapping, source=source, **more)


@transaction.atomic
def share(saved: SavedProtocol, *, shared: bool, by: User, request: HttpRequest | None = None) -> None:
    """Show the protocol to the clinic, or to its author alone."""
    if SavedProtocol.objects.filter(pk=saved.pk, shared=not shared).update(shared=shared):
        did = "protocol shared" if shared else "protocol no longer shared"
        events.record(did, by=by, clinic=saved.clinic, about=saved.code, request=request)


@transaction.atomic
def delete(saved: SavedProtocol, *, by: User, request: HttpRequest | None = None) -> None:
    """Remove the protocol. Plans made from it keep every version."""
    if SavedProtocol.objects.filter(pk=saved.pk).delete()[0]:
        events.record("protocol deleted", by=by, clinic=saved.clinic, about=saved.code, request=request)


@transaction.atomic
def _new(did: str, by: User, request: HttpRequest | None, **content: Any) -> SavedProtocol:
    saved: SavedProtocol = SavedProtocol.objects.create(by=by, **content)
    events.record(did, by=by, clinic=saved.clinic, about=saved.code, request=request)
    return saved


@transaction.atomic
def _write(
    did: str, saved: SavedProtocol, edition: int, by: User, request: HttpRequest | None, **content: Any
) -> SavedProtocol:
    content |= {"edition": edition + 1, "changed_at": timezone.now()}
    if not SavedProtocol.objects.filter(pk=saved.pk, edition=edition).update(**content):
        raise Stale(SavedProtocol.objects.select_related("clinic", "by").get(pk=saved.pk))
    events.record(did, by=by, clinic=saved.clinic, about=saved.code, request=request)
    return SavedProtocol.objects.select_related("clinic", "by").get(pk=saved.pk)


def named(name: str) -> str:
    """A name as it is kept. Raises DataError."""
    plain = " ".join(name.split())
    if not plain or len(plain) > MAX_NAME or not plain.isprintable():
        found = "nothing" if not plain else f"{len(plain)} characters" if plain.isprintable() else "control characters"
        raise DataError([Problem("name", found, f"a name of 1 to {MAX_NAME} characters")])
    return plain


# The file


def _is_ours(number: int) -> int:
    if number != FORMAT:
        raise accepted(f"format {FORMAT}: another version of the program made this file")
    return number


def _is_name(text: str) -> str:
    printable(text)
    if text != " ".join(text.split()) or not text:
        raise accepted("a name without spaces around it")
    return text


@with_config(STRICT)
@dataclass(frozen=True)
class ProtocolFile:
    """A saved protocol as a file. `library` is the hash of the library whose brief `source` is."""

    format: Annotated[int, AfterValidator(_is_ours)]
    name: Annotated[str, Field(max_length=MAX_NAME), AfterValidator(_is_name)]
    brief: Annotated[str, Field(max_length=100), AfterValidator(_is_name)]
    library: Annotated[str, Field(pattern=r"^[A-Za-z0-9.+-]+$", max_length=MAX_LIBRARY)]
    protocol: Adaptation
    source: Mapping[str, Any] = field(default_factory=dict)


_SHAPE: TypeAdapter[ProtocolFile] = TypeAdapter(ProtocolFile)


def to_file(saved: SavedProtocol) -> bytes:
    """The protocol to keep or to give away: the same content is the same bytes, wherever it was kept."""
    content = {
        "format": FORMAT, "name": saved.name, "brief": saved.brief, "library": saved.library,
        "protocol": adaptation_of(saved).mapping, "source": saved.source,
    }  # fmt: skip
    return (json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def read_file(data: bytes, library: Library, where: str = "the file") -> ProtocolFile:
    """What `to_file` wrote, here or elsewhere. Raises DataError with every problem and its line."""
    if len(data) > MAX_FILE:
        raise DataError([Problem(where, f"{len(data):,} bytes", f"at most {MAX_FILE:,}")])
    text = decode(data, where)
    file = read_json(text, where, ProtocolFile, _SHAPE, version="format")
    lines = LocatedJson(text)

    def problem(loc: tuple[str | int, ...], each: Problem) -> Problem:
        return Problem(f"{where}:{lines.line(loc)}: {'.'.join(map(str, loc))}", each.found, each.accepted, each.mend)

    if file.brief not in library.protocols:
        mend = did_you_mean(file.brief, library.protocols)
        unknown = Problem("", f"“{file.brief}”, a brief that is not here", ", ".join(library.protocols), mend)
        raise DataError([problem(("brief",), unknown)])
    found = [
        problem(("protocol", *_path(each.where)), each) for each in adapted.problems(file.protocol, file.brief, library)
    ]
    source, wrong = since.read_source(file.source, file.brief, where)
    found += [problem(("source", *_path(each.where.partition(": ")[2])), each) for each in wrong]
    if found or source is None:
        raise DataError(in_order(found, where))
    return ProtocolFile(file.format, file.name, file.brief, file.library, file.protocol, source)


def _path(where: str) -> tuple[str | int, ...]:
    """The keys in a place such as `doses.0-4.5-none.start.minutes`: a point inside a number parts nothing."""
    parts = [part.replace("\0", ".") for part in _POINT.sub("\\1\0\\2", where).split(".") if part]
    return tuple(int(part) if part.isdecimal() else part for part in parts)
