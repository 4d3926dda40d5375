"""A copy of the record in one file, made while the site runs; and the record made anew from it.

The file is a zip: `manifest.json` (format, program, applied migrations, rows, SHA-256 of the rest, names of the keys it
needs) and the record itself, a SQLite file or what pg_dump writes. What is sealed stays sealed: the keys are not inside
unless somebody asks for them.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from pydantic import TypeAdapter, ValidationError

import neurodash
from neurodash.errors import DataError, Problem
from neurodash.web import config, record, sealed
from neurodash.wording import count

FORMAT = 1
MANIFEST = "manifest.json"
PARTS = {"sqlite": "record.sqlite3", "postgresql": "record.pgdump"}
KEYS, SECRET = "keys", "secret_key"  # inside only where they were asked for
SAMPLE = 50  # sealed values of each column that are opened before a restore
CHUNK = 2**20  # bytes
ACCEPTED = "a file that `neurodash backup` wrote"
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class Manifest:
    """What a backup says about itself. `parts`: SHA-256 of each file beside it; `keys`: names of the keys that open it."""

    format: int
    program: str
    made_at: str
    database: str
    schema: list[str]
    rows: dict[str, int]
    keys: list[str]
    parts: dict[str, str]


@dataclass(frozen=True)
class Restored:
    """What came of a restore: the manifest, and where the replaced record is kept, if there was one."""

    manifest: Manifest
    kept: Path | None


def write(path: Path, *, with_keys: bool = False) -> Manifest:
    """The record as it is now into `path`, whole or not at all; servers go on. Holds everything that was acknowledged
    before it began.

    Raises DataError where the record cannot be read, `path` is something that may not be replaced, or it cannot be written.
    """
    path = path.absolute()
    _refuse_target(path)
    record.refuse_unready()
    with _beside(path) as folder:
        copy = folder / PARTS[connection.vendor]
        rows, schema = _copy_sqlite(copy) if connection.vendor == "sqlite" else _dump_postgresql(copy)
        parts = {copy.name: copy}
        if with_keys:
            parts |= _secrets(folder)
        manifest = Manifest(
            format=FORMAT,
            program=neurodash.__version__,
            made_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            database=connection.vendor,
            schema=schema,
            rows=rows,
            keys=_keys_needed(copy) if connection.vendor == "sqlite" else [name.hex() for name in record.keys_in_use()],
            parts={name: _sha256(part) for name, part in parts.items()},
        )
        packed = folder / "packed"
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.writestr(MANIFEST, json.dumps(asdict(manifest), indent=1))
            for name, part in parts.items():
                archive.write(part, name)
        packed.chmod(0o600)
        _sync(packed)
        packed.replace(path)
        _sync(path.parent)
    _stamp(manifest, path)
    return manifest


def last_made() -> dt.datetime | None:
    """When a backup of this installation was last made, or None."""
    try:
        return dt.datetime.fromisoformat(_stamped()[0])
    except (OSError, ValueError):
        return None


def copies_left() -> list[Path]:
    """Copies of the record that a restore, or a backup to where the last one is, left when it was cut off."""
    found = left_behind(record.file() or settings.CONFIG.data / "record")
    with contextlib.suppress(OSError):  # a disk that is away now
        found += [each for path in _stamped()[1:2] if path for each in left_behind(Path(path))]
    return found


def restore(path: Path) -> Restored:
    """Put the record of a backup in the place of ours, whole or not at all; what was there is kept beside it.

    Everything is checked before anything is touched. Raises DataError telling what is wrong with the file, which key is
    missing, or who uses the record.
    """
    with record.alone(), _beside((record.file() or settings.CONFIG.data / "record").absolute()) as folder:
        manifest = _unpack(path, folder)
        ring = _ring_with(folder)
        _refuse_missing_keys(path, manifest, ring)
        kept = None
        if connection.vendor == "sqlite":
            copy = folder / PARTS["sqlite"]
            _check_sqlite(copy, manifest, ring)
            _take_keys(folder, ring)
            kept = _put_in_place(copy)
        else:
            _take_keys(folder, ring)
            _fill_postgresql(folder / PARTS["postgresql"], manifest)
        if (secret := folder / SECRET).exists():  # who was signed in still is
            sealed.write_file(settings.CONFIG.data / SECRET, [secret.read_text(encoding="ascii").strip()])
        return Restored(manifest, kept)


def _refuse_target(path: Path) -> None:
    """Raise DataError where a backup at `path` would take the place of something else than a backup."""
    place, data, ours = path.resolve(), settings.CONFIG.data.resolve(), record.file()
    accepted, mend = "a new file, or a backup made before, outside the data folder", "Nothing was changed."
    if ours and place in {ours.resolve().with_name(ours.name + tail) for tail in ("", "-wal", "-shm", "-journal")}:
        raise DataError([Problem(str(path), "a name of the record itself", accepted, mend)])
    if place.is_relative_to(data):
        raise DataError([Problem(str(path), f"in the data folder ({data})", accepted, mend)])
    if place.exists() and not place.is_file():
        raise DataError([Problem(str(path), "no plain file", accepted, mend)])


# Reading and writing the record


def _copy_sqlite(copy: Path) -> tuple[dict[str, int], list[str]]:
    """SQLite's own online backup: one moment of the record, while others write. Checked before it is believed."""
    source = cast(Path, record.file())
    with contextlib.closing(_open(source, "rw")) as ours, contextlib.closing(sqlite3.connect(copy)) as theirs:
        ours.backup(theirs, pages=-1)
        theirs.execute("PRAGMA journal_mode=DELETE")  # one file
        _refuse_unsound(theirs, "the record")
        return _rows(theirs), _schema(theirs)


def _dump_postgresql(copy: Path) -> tuple[dict[str, int], list[str]]:
    """pg_dump of one snapshot, in which the rows are counted too."""
    tool = _tool("pg_dump")
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute("SELECT pg_export_snapshot()")
            snapshot = cursor.fetchone()[0]
        words = ["--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}", f"--file={copy}"]
        _run(tool, *words)
        return record.counts(), record.schema()


def _fill_postgresql(dump: Path, manifest: Manifest) -> None:
    """Into an empty database, in one transaction: the replaced record is the database that was used before."""
    tool = _tool("pg_restore")
    try:
        with connection.cursor() as cursor:
            there = connection.introspection.table_names(cursor)
    except DatabaseError as error:
        raise DataError([record.unreachable(error)]) from None
    if there:
        mend = "Make a new database, point DATABASE_URL to it, and restore again; the old one stays as it is."
        raise DataError([Problem("DATABASE_URL", f"a database that holds {len(there)} tables", "an empty one", mend)])
    connection.close()
    words = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]
    _run(tool, *words, f"--dbname={settings.DATABASES['default']['NAME']}", str(dump))
    if (found := record.counts()) != manifest.rows:
        wrong = sorted(name for name in manifest.rows if found.get(name) != manifest.rows[name])
        mend = "Drop this database and try again with a new one."
        raise DataError([Problem("the restored record", f"other rows in {', '.join(wrong)}", "those it had", mend)])


def _put_in_place(copy: Path) -> Path | None:
    """The copy where the record is; the record, if there is one, under another name beside it."""
    path = cast(Path, record.file())
    record.close()
    kept = None
    if path.exists() and path.stat().st_size:
        _settle(path)
        kept = path.with_name(f"{path.name}.before-{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S%f}")
        os.link(path, kept)  # a second name: at no moment is there no record
        for tail in ("-wal", "-shm"):  # only of a record that could not be settled
            if (log := path.with_name(path.name + tail)).exists():
                log.replace(kept.with_name(kept.name + tail))
        _sync(path.parent)
    copy.chmod(0o600)
    config.give_to_owner(copy, path.parent)
    _sync(copy)
    copy.replace(path)
    _sync(path.parent)
    return kept


def _settle(path: Path) -> None:
    """Bring the log of the record into its file, so that one name keeps all of it. Raises DataError if anybody has it open."""
    try:
        with contextlib.closing(_open(path, "rw", wait_s=2)) as ours:
            ours.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.DatabaseError as error:
        if "locked" in str(error):
            found = "open in another program"
            raise DataError([Problem(str(path), found, "a record that nobody holds", "Stop it first.")]) from None
        # Otherwise it cannot be read, which may be why a backup is restored: it is kept as it is.


# Checking


def _unpack(path: Path, folder: Path) -> Manifest:
    """The manifest, with every part unpacked into `folder` and its hash compared."""
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = _manifest(path, archive.read(MANIFEST))
            if manifest.database != connection.vendor:
                raise DataError([_of_another_database(path, manifest)])
            for name, expected in manifest.parts.items():
                with archive.open(name) as packed, (folder / name).open("xb") as part:
                    shutil.copyfileobj(packed, part, CHUNK)
                (folder / name).chmod(0o600)
                if _sha256(folder / name) != expected:
                    raise DataError([Problem(str(path), f"changed since it was written ({name})", ACCEPTED)])
    except OSError as error:
        if error.errno in NO_ROOM:  # not the fault of the file
            raise
        raise DataError([Problem(str(path), f"cannot be read ({error.strerror})", ACCEPTED)]) from None
    except (zipfile.BadZipFile, KeyError, EOFError, ValueError, NotImplementedError, zlib.error) as error:
        found = f"cut short, changed, or no backup ({str(error)[:100]})"
        raise DataError([Problem(str(path), found, ACCEPTED, "Take another backup.")]) from None
    record.refuse_newer(manifest.schema, str(path))
    return manifest


def _manifest(path: Path, written: bytes) -> Manifest:
    told = json.loads(written)
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        found = f"format {told.get('format') if isinstance(told, dict) else '?'}"
        raise DataError([Problem(f"{path}: {MANIFEST}", found[:100], f"format {FORMAT}")])
    try:
        manifest: Manifest = TypeAdapter(Manifest).validate_json(written, strict=True)
    except ValidationError:
        raise DataError([Problem(f"{path}: {MANIFEST}", "not what we write", ACCEPTED)]) from None
    known = {PARTS.get(manifest.database), KEYS, SECRET}
    if PARTS.get(manifest.database) not in manifest.parts or set(manifest.parts) - known:
        raise DataError([Problem(f"{path}: {MANIFEST}", "parts that we do not write", ACCEPTED)])
    return manifest


def _check_sqlite(copy: Path, manifest: Manifest, ring: sealed.Keyring) -> None:
    try:
        with contextlib.closing(_open(copy, "ro")) as theirs:
            _refuse_unsound(theirs, "the backup")
            record.refuse_newer(_schema(theirs), "the backup")
            if _rows(theirs) != manifest.rows:
                raise DataError([Problem("the backup", "other rows than its manifest says", ACCEPTED)])
            for column in _sealed_columns_of(theirs):
                values = theirs.execute(
                    f'SELECT "{column.column}" FROM "{column.table}" WHERE "{column.column}" IS NOT NULL '  # noqa: S608  our own names
                    f"ORDER BY random() LIMIT {SAMPLE}"
                )
                for (value,) in values:
                    ring.open(bytes(value), column.where)
    except sqlite3.DatabaseError as error:
        raise DataError([Problem("the backup", f"no sound record ({error})", ACCEPTED)]) from None
    except sealed.Unopened as error:
        mend = "Put the key it was sealed with into the keys of this installation."
        raise DataError([Problem("the backup", str(error), "keys at hand that open it", mend)]) from None


def _refuse_missing_keys(path: Path, manifest: Manifest, ring: sealed.Keyring) -> None:
    have = {name.hex() for name in ring.names}
    if missing := sorted(set(manifest.keys) - have):
        mend = "Add it to NEURODASH_KEYS or to the file `keys` in the data folder. Nothing was changed."
        found = f"sealed with {count(len(missing), 'key')} not at hand ({', '.join(missing)})"
        raise DataError([Problem(str(path), found, "keys that open it", mend)])


def _refuse_unsound(opened: sqlite3.Connection, where: str) -> None:
    if (found := opened.execute("PRAGMA integrity_check(5)").fetchall()) != [("ok",)]:
        told = "; ".join(row[0] for row in found)
        mend = "`neurodash restore` a backup made before." if where == "the record" else "Take another backup."
        raise DataError([Problem(where, f"damaged ({told})", "a sound SQLite file", mend)])


def _rows(opened: sqlite3.Connection) -> dict[str, int]:
    names = opened.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    ).fetchall()
    return {name: opened.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for (name,) in sorted(names)}  # noqa: S608


def _schema(opened: sqlite3.Connection) -> list[str]:
    return [f"{app}.{name}" for app, name in opened.execute("SELECT app, name FROM django_migrations ORDER BY id")]


def _sealed_columns_of(opened: sqlite3.Connection) -> Iterator[record.SealedColumn]:
    """Those of our sealed columns that a record of this or an older shape has."""
    for column in record.sealed_columns():
        if column.column in {row[1] for row in opened.execute(f'PRAGMA table_info("{column.table}")')}:
            yield column


def _keys_needed(copy: Path) -> list[str]:
    with contextlib.closing(_open(copy, "ro")) as theirs:
        found: set[bytes] = set()
        for column in _sealed_columns_of(theirs):
            found |= {bytes(row[0]) for row in theirs.execute(column.names_query) if row[0] is not None}
        return sorted(name.hex() for name in found)


# Keys


def _secrets(folder: Path) -> dict[str, Path]:
    """The secret of this installation, and its keys where it has some by now, as files to pack."""
    data, words = settings.CONFIG.data, settings.CONFIG.keys.replace(",", " ").split()
    if not words and sealed.key_file(data).exists():
        words = sealed.key_file(data).read_text(encoding="ascii").split()
    sealed.write_file(folder / SECRET, [settings.SECRET_KEY])
    if not words:
        return {SECRET: folder / SECRET}
    sealed.write_file(folder / KEYS, words)
    return {KEYS: folder / KEYS, SECRET: folder / SECRET}


def _ring_with(folder: Path) -> sealed.Keyring:
    """Our keys, and behind them those that came with the backup; keys in the environment stand alone, as they will later."""
    data, came = settings.CONFIG.data, folder / KEYS
    if settings.CONFIG.keys.strip():
        return sealed.load(data, settings.CONFIG.keys)
    written = came.read_text(encoding="ascii", errors="replace").split() if came.exists() else []
    theirs = sealed.read_keys(written, f"{came.name} in the backup").keys if written else ()
    ours = sealed.load(data).keys if sealed.key_file(data).exists() else ()
    return sealed.Keyring((*ours, *(key for key in theirs if key not in ours)))


def _take_keys(folder: Path, ring: sealed.Keyring) -> None:
    """Where the backup brought keys: behind ours in the file, unless the environment keeps them."""
    if (folder / KEYS).exists() and not settings.CONFIG.keys.strip():
        sealed.write_file(sealed.key_file(settings.CONFIG.data), [sealed.word(key) for key in ring.keys])


# Files


@contextlib.contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A folder of our own on the same disk as `path`, gone afterwards; those of runs that were cut off go now."""
    accepted = "a place we may write to, with room for the record"
    try:
        for old in left_behind(path):
            shutil.rmtree(old, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as name, _held(Path(name)):
            yield Path(name)
    except OSError as error:
        if error.errno in NO_ROOM:
            raise DataError([_no_room(path, str(error.strerror))]) from None
        raise DataError([Problem(str(path), f"cannot be written ({error.strerror})", accepted)]) from None
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode not in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE):
            raise
        raise DataError([_no_room(path, str(error))]) from None


def _no_room(path: Path, told: str) -> Problem:
    mend = "Make room there. Nothing was changed."
    return Problem(str(path.parent), f"no room for what is written ({told})", "a disk with room", mend)


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Say that a folder is in use as long as this process lives."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


def left_behind(path: Path) -> list[Path]:
    """Folders beside `path` that runs left which were cut off: they hold whole copies, perhaps with the keys."""
    name = re.compile(rf"\.{re.escape(path.name)}-[a-z0-9_]{{8}}")
    beside = [each for each in path.parent.iterdir() if name.fullmatch(each.name) and each.is_dir()]
    return sorted(each for each in beside if _is_ours(each) and not _is_held(each))


def _is_ours(folder: Path) -> bool:
    ours = re.compile("|".join(map(re.escape, (KEYS, SECRET, "packed", *PARTS.values()))) + "|[.]keys-.*")
    try:
        return all(ours.fullmatch(re.sub("-(wal|shm|journal)$", "", each.name)) for each in folder.iterdir())
    except OSError:
        return False


def _is_held(folder: Path) -> bool:
    opened = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(opened)
    return False


def _open(path: Path, mode: str, wait_s: float = 20) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=wait_s)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    """To the disk, not only to the system's memory."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _stamped() -> list[str]:
    return (settings.CONFIG.data / record.STAMP).read_text(encoding="utf-8", errors="surrogateescape").split("\n")


def _stamp(manifest: Manifest, path: Path) -> None:
    with contextlib.suppress(OSError):  # the backup stands all the same
        stamp = settings.CONFIG.data / record.STAMP
        stamp.write_text(f"{manifest.made_at}\n{path}\n", encoding="utf-8", errors="surrogateescape")
        config.give_to_owner(stamp, stamp.parent)


def _tool(name: str) -> str:
    if found := shutil.which(name):
        return found
    mend = "On Debian: apt-get install postgresql-client, of the server's version or newer."
    raise DataError([Problem(name, "not on this machine", f"{name}, which comes with PostgreSQL", mend)])


def _run(tool: str, *words: str) -> None:
    """A tool of PostgreSQL against our database; the password goes by the environment, where no list of processes shows it."""
    ran = subprocess.run([tool, *words], env={**os.environ, **libpq(settings.DATABASES["default"])}, capture_output=True, text=True, check=False)  # fmt: skip
    if ran.returncode:
        raise DataError([Problem(Path(tool).name, " ".join(ran.stderr.split())[:300], "a run without errors")])


def libpq(database: Mapping[str, Any]) -> dict[str, str]:
    """A database of Django's settings as libpq's environment variables."""
    options = database.get("OPTIONS", {})
    named = {
        "PGHOST": database.get("HOST"),
        "PGPORT": database.get("PORT"),
        "PGUSER": database.get("USER"),
        "PGPASSWORD": database.get("PASSWORD"),
        "PGDATABASE": database.get("NAME"),
        "PGSSLMODE": options.get("sslmode"),
        "PGSSLROOTCERT": options.get("sslrootcert"),
    }
    return {name: str(value) for name, value in named.items() if value}


def _of_another_database(path: Path, manifest: Manifest) -> Problem:
    mend = (
        "Restore it without DATABASE_URL, then `neurodash migrate-to` the PostgreSQL."
        if manifest.database == "sqlite"
        else "Set DATABASE_URL to an empty PostgreSQL database first."
    )
    return Problem(str(path), f"a record of {manifest.database}", f"one of {connection.vendor}", mend)
