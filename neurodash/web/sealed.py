"""What is written about a person, sealed before it reaches the database.

AES-256 in Galois/Counter Mode (NIST SP 800-38D) over compressed JSON, each value with a fresh nonce and bound to the column
it stands in, so that a value moved to another column no longer opens. Keys come from NEURODASH_KEYS (one or more, the
first one seals, all open) or from a file of mode 0600 in the data folder.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import json
import os
import secrets
import stat
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import models

from neurodash.errors import DataError, Problem
from neurodash.web import config

FORMAT = b"\x01"
KEY_BYTES, NONCE_BYTES, NAME_BYTES = 32, 12, 4
MAX_OPENED = 16 * 2**20  # bytes of one value. Ours: a plan of a year has a million
FILE = "keys"
ACCEPTED = "32 random bytes in URL-safe base64, as `neurodash keys new` prints them"


class Unopened(Exception):
    """A sealed value that no key at hand opens: a key is missing, or the value was changed."""


@dataclass(frozen=True)
class Keyring:
    """Keys by name; the first one seals, all of them open."""

    keys: tuple[bytes, ...]

    def seal(self, value: Any, where: str) -> bytes:
        """`value` (anything JSON can say) as bytes that only this ring opens, and only as `where`."""
        plain = zlib.compress(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(), 6)
        nonce = secrets.token_bytes(NONCE_BYTES)
        head = FORMAT + _name(self.keys[0]) + nonce
        return head + AESGCM(self.keys[0]).encrypt(nonce, plain, where.encode())

    def open(self, sealed: bytes, where: str) -> Any:
        """What was sealed as `where`. Raises Unopened."""
        key = next((key for key in self.keys if _name(key) == self.name_of(sealed)), None)
        if key is None:
            raise Unopened(f"{where}: sealed with a key that is not here ({self.name_of(sealed).hex()})")
        at = len(FORMAT) + NAME_BYTES
        try:
            packed = AESGCM(key).decrypt(sealed[at : at + NONCE_BYTES], sealed[at + NONCE_BYTES :], where.encode())
        except InvalidTag:
            raise Unopened(f"{where}: not what was sealed here") from None
        unpacker = zlib.decompressobj()
        plain = unpacker.decompress(packed, MAX_OPENED)
        if unpacker.unconsumed_tail:
            raise Unopened(f"{where}: too large")
        return json.loads(plain)

    @staticmethod
    def name_of(sealed: bytes) -> bytes:
        return sealed[len(FORMAT) : len(FORMAT) + NAME_BYTES]

    @property
    def names(self) -> tuple[bytes, ...]:
        """Of all keys, the one that seals first. A name tells nothing about its key."""
        return tuple(_name(key) for key in self.keys)

    @property
    def current(self) -> bytes:
        """The name of the key that seals."""
        return _name(self.keys[0])


def _name(key: bytes) -> bytes:
    return hashlib.sha256(b"neurodash key " + key).digest()[:NAME_BYTES]


def new_key() -> str:
    return word(secrets.token_bytes(KEY_BYTES))


def word(key: bytes) -> str:
    """A key as it is written down."""
    return base64.urlsafe_b64encode(key).decode()


def read_keys(words: Sequence[str], where: str) -> Keyring:
    """A ring of the keys written in `words`, the first one sealing. Raises DataError without repeating any of them."""
    keys = []
    for number, word in enumerate(words, start=1):
        try:
            key = base64.b64decode(word.strip(), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != KEY_BYTES:
            raise DataError([Problem(f"{where}: key {number}", "not a key", ACCEPTED)])
        keys.append(key)
    if not keys:
        raise DataError([Problem(where, "no key", ACCEPTED)])
    return Keyring(tuple(keys))


def key_file(folder: Path) -> Path:
    return folder / FILE


def load(folder: Path, environment: str = "", *, make: bool = False) -> Keyring:
    """The ring of this installation: the environment's, or else that of the file. Only with `make` a file that is not there
    is made: new keys beside sealed values would hide that the old ones are gone. Raises DataError."""
    if environment.strip():
        return read_keys(environment.replace(",", " ").split(), "NEURODASH_KEYS")
    path = key_file(folder)
    try:
        if make:
            write_file(path, [new_key()], replace=False)
        if not path.exists():
            mend = "Put it back from where you keep it apart. For a new record it is made with the first patient."
            raise DataError([Problem(str(path), "not there", "the keys that the record is sealed with", mend)])
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            found = "keys that others may read"
            raise DataError([Problem(str(path), found, "mode 0600", f"chmod 600 {path}, then rotate the keys.")])
        return read_keys(path.read_text(encoding="ascii", errors="replace").split(), str(path))
    except OSError as error:
        found = f"the keys cannot be kept ({error.strerror})"
        raise DataError([Problem(str(path), found, "a folder we may write to", "Set NEURODASH_DATA.")]) from None


def write_file(path: Path, words: Sequence[str], *, replace: bool = True) -> None:
    """The keys, whole or not at all, for the owner's eyes alone. Without `replace` a file that is there stays."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".keys-", delete=False)  # noqa: SIM115  closed below
    try:
        with draft:
            draft.write("\n".join(words) + "\n")
            draft.flush()
            config.give_to_owner(draft.fileno(), path.parent)
            os.fsync(draft.fileno())
        if replace:
            os.replace(draft.name, path)
        else:
            with contextlib.suppress(FileExistsError):
                os.link(draft.name, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft.name)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # nothing is sealed with a key that a power cut could take away
    finally:
        os.close(folder)


@cache
def ring() -> Keyring:
    """The ring of this process; the first one makes the key file, while nothing is sealed."""
    from neurodash.web import record  # noqa: PLC0415  it imports us

    data, words = settings.CONFIG.data, settings.CONFIG.keys
    is_first = not words.strip() and not key_file(data).exists() and not record.keys_in_use()
    return load(data, words, make=is_first)


class Sealed(models.BinaryField):
    """A column for anything JSON can say, sealed. It cannot be searched or sorted by; what must be is a column of its own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["editable"] = False
        super().__init__(*args, **kwargs)

    @property
    def where(self) -> str:
        return f"{self.model._meta.label_lower}.{self.attname}"

    def get_default(self) -> Any:
        return models.Field.get_default(self)  # BinaryField's own makes bytes of an empty text

    def get_prep_value(self, value: Any) -> Any:
        return None if value is None else ring().seal(value, self.where)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        sealed = value if prepared else self.get_prep_value(value)
        return None if sealed is None else connection.Database.Binary(sealed)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return None if value is None else ring().open(bytes(value), self.where)

    def value_to_string(self, obj: Any) -> str:
        return json.dumps(self.value_from_object(obj))

    def to_python(self, value: Any) -> Any:
        return value

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("editable", None)
        return name, path, args, kwargs
