"""New keys for what is sealed, and old ones taken out when nothing needs them.

Every step can be interrupted at any moment and run again: until the end both keys are at hand, and a value that was
sealed anew is known by the name of its key.
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.db import connection, transaction

from neurodash.errors import DataError, Problem
from neurodash.web import record, sealed

BATCH = 500  # rows of one transaction. Ours: a fraction of a second

Progress = Callable[[str, int], None]  # a column, and how many of its values were sealed anew so far


def rotate(*, drop_old: bool = False, progress: Progress = lambda column, done: None) -> tuple[int, int]:
    """Seal every value with a new key; with `drop_old`, take the old keys out of the file afterwards.

    A rotation that was interrupted is gone on with instead of begun anew; with `drop_old` none is begun.
    Returns how many values were sealed anew and how many keys were taken out. Raises DataError where a server holds the
    record, a value cannot be opened (nothing is taken out then), or the keys stand in the environment and must be changed
    there first.
    """
    with record.alone():
        record.refuse_unready()
        ring = sealed.load(settings.CONFIG.data, settings.CONFIG.keys)
        if not _is_under_way(ring) and not drop_old:
            ring = _with_new_key(ring)
        done = sum(_seal_anew(column, ring, progress) for column in record.sealed_columns())
        if record.keys_in_use() - {ring.current}:
            raise DataError([Problem("the record", "values sealed with an old key", "none", "Run it again.")])
        return done, _drop(ring) if drop_old else 0


def _is_under_way(ring: sealed.Keyring) -> bool:
    """Whether values wait to be sealed with the first key. Raises DataError for values that no key at hand opens."""
    used = record.keys_in_use()
    if missing := used - set(ring.names):
        raise DataError([record.missing_keys(missing)])
    return len(ring.keys) > 1 and bool(used - {ring.current})


def _with_new_key(ring: sealed.Keyring) -> sealed.Keyring:
    new = sealed.new_key()
    if settings.CONFIG.keys.strip():
        mend = f"Set NEURODASH_KEYS={new},$NEURODASH_KEYS for this command and the server, then run it again."
        raise DataError([Problem("NEURODASH_KEYS", "no new key in front", "a new key before the ones it has", mend)])
    words = [new, *(sealed.word(key) for key in ring.keys)]
    sealed.write_file(sealed.key_file(settings.CONFIG.data), words)
    return sealed.read_keys(words, "the keys")


def _seal_anew(column: record.SealedColumn, ring: sealed.Keyring, progress: Progress) -> int:
    """Batch by batch, by primary key. A value is only replaced as it was read."""
    done, last = 0, None
    select = f'SELECT "{column.key}", "{column.column}" FROM "{column.table}"'  # noqa: S608  our own names
    update = f'UPDATE "{column.table}" SET "{column.column}" = %s WHERE "{column.key}" = %s AND "{column.column}" = %s'  # noqa: S608
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            after = f' WHERE "{column.key}" > %s' if last is not None else ""
            cursor.execute(f'{select}{after} ORDER BY "{column.key}" LIMIT {BATCH}', [] if last is None else [last])
            rows = cursor.fetchall()
            for key, value in rows:
                if value is not None and ring.name_of(bytes(value)) != ring.current:
                    new = ring.seal(_opened(ring, bytes(value), column), column.where)
                    binary = connection.Database.Binary
                    cursor.execute(update, [binary(new), key, binary(bytes(value))])
                    done += cursor.rowcount
        if not rows:
            return done
        last = rows[-1][0]
        progress(column.where, done)


def _opened(ring: sealed.Keyring, value: bytes, column: record.SealedColumn) -> object:
    try:
        return ring.open(value, column.where)
    except sealed.Unopened as error:
        mend = "Restore a backup in which it is sound. What was sealed anew so far stays, and no key was taken out."
        raise DataError([Problem("the record", str(error), "a value that its key opens", mend)]) from None


def _drop(ring: sealed.Keyring) -> int:
    """Take out all keys but the first. Only called where nothing needs them."""
    old = len(ring.keys) - 1
    if old and settings.CONFIG.keys.strip():
        mend = "Set NEURODASH_KEYS to its first key alone. Nothing in the record needs the others; older backups do."
        raise DataError([Problem("NEURODASH_KEYS", f"{old} old keys", "the first key alone", mend)])
    if old:
        if connection.vendor == "sqlite":  # what was sealed anew is on the disk before its old key goes
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        sealed.write_file(sealed.key_file(settings.CONFIG.data), [sealed.word(ring.keys[0])])
    return old
