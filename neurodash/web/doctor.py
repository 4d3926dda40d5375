"""What is not ready on this installation, each with its mend."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import django
from django.apps import apps
from django.core import mail
from django.db import DatabaseError, connection

from neurodash import library
from neurodash.errors import DataError, Problem
from neurodash.web import backup, config, record, sealed
from neurodash.wording import count

State = Literal["well", "note", "wrong"]
DISK_SPARE = 500 * 2**20  # bytes. Ours: the record, a backup and a log for a while
BACKUP_OLD = dt.timedelta(days=7)  # ours: what a clinic can enter again in a day off
CLOCK_OFF = dt.timedelta(minutes=2)  # ours: one-time codes hold for 30 s either way
SET_CLOCK = "Let the machine set its clock (timedatectl set-ntp true): one-time codes and certificates go by it."
POSTGRESQL = 14  # the oldest that Django 5.2 speaks to


@dataclass(frozen=True)
class Finding:
    """One thing looked at. A note is worth knowing and keeps nothing from working."""

    about: str
    state: State
    found: str
    mend: str = ""


def examine() -> Iterator[Finding]:
    """Look at everything, the ground first; where the ground is missing, what stands on it is not looked at."""
    try:
        settings = config.read()
    except DataError as error:
        yield from _wrong("settings", error)
        return
    yield from _addresses(settings)
    yield from _mail(settings)
    if not settings.data.is_dir():
        yield Finding("data folder", "wrong", f"{settings.data} is not there", "`neurodash migrate` makes it.")
        return
    yield _folder(settings.data)
    yield _disk(settings)
    yield from _library(settings)
    try:
        config.secret_key(settings.data)
        yield Finding("secret key", "well", "there, and readable by its owner alone")
    except DataError as error:
        yield from _wrong("secret key", error)
        return
    django.setup()  # not before its settings can be read
    try:
        yield from _record(settings)
    except DataError as error:
        yield from _wrong("record", error)
    except (DatabaseError, sqlite3.Error) as error:
        yield from _wrong("record", DataError([record.unreachable(error)]))


def send_mail(address: str) -> Finding:
    """Send one mail to `address` the way the site would; none where mail goes to the console."""
    if config.read().mail == "console":
        mend = "Set NEURODASH_MAIL=smtp://user:password@host:587 first."
        return Finding("mail sent", "wrong", "no mail was sent: NEURODASH_MAIL is the console", mend)
    try:
        mail.send_mail("NeuroDash can send mail", "You asked for this with `neurodash doctor --mail`.", None, [address])
    except (OSError, ValueError) as error:  # smtplib's errors are OSErrors
        told = " ".join(str(error).split())[:200]
        return Finding("mail sent", "wrong", f"not taken ({told})", "Check NEURODASH_MAIL and NEURODASH_MAIL_FROM.")
    return Finding("mail sent", "well", f"handed on for {address}; look whether it arrives")


def is_public(settings: config.Config) -> bool:
    """Whether the site is meant for more than this machine."""
    return bool({*settings.hosts} - {*config.LOOPBACK, "::1"})


def _wrong(about: str, error: DataError) -> Iterator[Finding]:
    for problem in error.problems:
        yield Finding(about, "wrong", f"{problem.where}: {problem.found}", _mend(problem))


def _mend(problem: Problem) -> str:
    return " ".join(part for part in (f"Accepted: {problem.accepted}.", problem.mend) if part)


def _addresses(settings: config.Config) -> Iterator[Finding]:
    if not is_public(settings):
        yield Finding("public address", "note", "none: the site answers on this machine alone",
                      "For others: NEURODASH_URL=https://desk.example.org/ (see docs/hosting.md).")  # fmt: skip
        return
    yield Finding("hosts", "well", ", ".join(host for host in settings.hosts if host not in config.LOOPBACK))
    near = urlsplit(settings.url).hostname in {None, "localhost", "127.0.0.1", "::1"}
    if near:
        yield Finding("public address", "wrong", "hosts without an address",
                      "Set NEURODASH_URL to what people type, such as https://desk.example.org/.")  # fmt: skip
    elif not settings.is_secure:
        yield Finding("TLS", "wrong", f"{settings.url} is not https: passwords would cross the network in the clear",
                      "Put a TLS proxy in front and set NEURODASH_URL to its https:// address.")  # fmt: skip
    else:
        yield Finding("TLS", "well", settings.url)
    if not settings.proxies:
        yield Finding("proxies", "note", "NEURODASH_PROXIES is 0: every visitor seems to come from the proxy",
                      "Set it to the number of proxies of yours in front, mostly 1.")  # fmt: skip


def _mail(settings: config.Config) -> Iterator[Finding]:
    if settings.mail == "console":
        state: State = "wrong" if is_public(settings) else "note"
        yield Finding("mail", state, "written to the console: nobody receives it",
                      "Set NEURODASH_MAIL=smtp://user:password@host:587, then `neurodash doctor --mail you@example.org`.")  # fmt: skip
    else:
        yield Finding("mail", "well", f"by {urlsplit(settings.mail).hostname}, from {settings.mail_from}")


def _folder(folder: Path) -> Finding:
    told = folder.stat()
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        mend = f"chown it to who runs the site, or set NEURODASH_DATA. It belongs to user {told.st_uid}."
        return Finding("data folder", "wrong", f"{folder} cannot be written to", mend)
    if others := [path for path in sorted(folder.iterdir()) if path.lstat().st_uid != told.st_uid]:
        names = " ".join(map(str, others))
        mend = f"chown --reference={folder} {names}, and run commands as the user of the site."
        return Finding("data folder", "wrong", f"belongs to another user than {names}", mend)
    open_to_others = [path for path in (folder, *sorted(folder.glob("record.sqlite3*"))) if _others_may_read(path)]
    if open_to_others:
        names = " ".join(map(str, open_to_others))
        return Finding("data folder", "wrong", f"others may read {names}", f"chmod go= {names}")
    return Finding("data folder", "well", str(folder))


def _others_may_read(path: Path) -> bool:
    return bool(stat.S_IMODE(path.stat().st_mode) & 0o077)


def _copies() -> Iterator[Finding]:
    if left := backup.copies_left():
        names = " ".join(map(str, left))
        found = f"copies of the record that a backup or a restore left when it was cut off: {names}"
        yield Finding("copies", "wrong", found, f"rm -r {names}, or run it again: the next run takes them away.")


def _disk(settings: config.Config) -> Finding:
    size = sum(path.stat().st_size for path in settings.data.glob("record.sqlite3*"))
    free, wanted = shutil.disk_usage(settings.data).free, max(DISK_SPARE, 3 * size)
    told = f"{free / 2**30:.1f} GB free, the record has {size / 2**20:.1f} MB"
    if free < wanted:
        return Finding("disk", "wrong", told, f"Make room: {wanted / 2**30:.1f} GB let a backup and a restore succeed.")
    return Finding("disk", "well", told)


def _library(settings: config.Config) -> Iterator[Finding]:
    try:
        found = library.load([library.CONTENT, *settings.content], on=settings.today())
    except DataError as error:
        mend = "`neurodash library check` tells all of them."
        told = f"{count(len(error.problems), 'problem')}, such as {error.problems[0]}"
        yield Finding("library", "wrong", told, mend)
    else:
        yield Finding("library", "well", f"version {found.version}")


def _record(settings: config.Config) -> Iterator[Finding]:
    path = record.file()
    if record.has_vanished():
        raise DataError([record.absent()])
    if path is not None and not path.exists():
        yield Finding("record", "wrong", f"{path} is not there", "`neurodash migrate` makes a new one.")
        return
    yield from _copies()
    waiting = record.waiting()
    if told := record.damage():
        raise DataError([record.damaged(told)])
    if waiting:
        yield Finding("record", "wrong", f"{len(waiting)} steps behind this program", "`neurodash migrate`")
        return
    rows = record.counts()
    held = f"{count(rows['people_user'], 'account')}, {count(rows['clinic_patient'], 'patient')}"
    yield Finding("record", "well", f"{'SQLite' if path else 'PostgreSQL'}, {held}")
    if path is None:
        yield from _postgresql()
    yield from _keys(settings)
    yield _clock()
    yield from _administrator()
    yield _backup(any(rows[name] for name in ("people_user", "people_clinic")))


def _postgresql() -> Iterator[Finding]:
    version = connection.pg_version // 10_000
    if version < POSTGRESQL:
        yield Finding("PostgreSQL", "wrong", f"version {version}", f"Version {POSTGRESQL} or newer is needed.")
    else:
        yield Finding("PostgreSQL", "well", f"version {version}")
    for tool in ("pg_dump", "pg_restore"):
        if not shutil.which(tool):
            mend = "On Debian: apt-get install postgresql-client."
            yield Finding("backup", "wrong", f"{tool} is not on this machine: no backup can be made or restored", mend)


def _keys(settings: config.Config) -> Iterator[Finding]:
    used = record.keys_in_use()
    if not settings.keys.strip() and not sealed.key_file(settings.data).exists():
        if used:
            mend = "Put the file `keys` back from where you keep it apart; without it nobody can read what is sealed."
            yield Finding("keys", "wrong", "none, and the record is sealed with some", mend)
        else:
            yield Finding("keys", "well", "none yet; made with the first patient")
        return
    try:
        ring = sealed.load(settings.data, settings.keys)
    except DataError as error:
        yield from _wrong("keys", error)
        return
    if missing := used - set(ring.names):
        yield from _wrong("keys", DataError([record.missing_keys(missing)]))
        return
    unopened = _unopened(ring)
    if unopened:
        yield Finding("keys", "wrong", unopened, "Restore a backup in which it is sound.")
    elif used - {ring.current}:
        yield Finding("keys", "note", "some values are still sealed with an old key", "`neurodash keys rotate`")
    else:
        where = "in the environment" if settings.keys.strip() else "in the data folder"
        yield Finding("keys", "well", f"{len(ring.keys)} {where}, and a sample of what is sealed opens")


def _unopened(ring: sealed.Keyring) -> str:
    """What a sample of each sealed column says that does not open; nothing where all of it does."""
    with connection.cursor() as cursor:
        for column in record.sealed_columns():
            cursor.execute(
                f'SELECT "{column.column}" FROM "{column.table}" WHERE "{column.column}" IS NOT NULL '  # noqa: S608  our own names
                f'ORDER BY "{column.key}" DESC LIMIT 20'
            )
            for (value,) in cursor.fetchall():
                try:
                    ring.open(bytes(value), column.where)
                except sealed.Unopened as error:
                    return str(error)
    return ""


def _clock() -> Finding:
    """Events are only added, so the newest one is never in the future; a database server has a clock of its own."""
    now = dt.datetime.now(dt.UTC)
    newest = apps.get_model("people", "Event").objects.order_by("-id").values_list("at", flat=True).first()
    if newest is not None and newest - now > CLOCK_OFF:
        return Finding("clock", "wrong", f"it says {now:%Y-%m-%d %H:%M} UTC, before the newest event", SET_CLOCK)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            if abs(cursor.fetchone()[0] - now) > CLOCK_OFF:
                return Finding("clock", "wrong", "the database's clock says something else", SET_CLOCK)
    return Finding("clock", "well", f"{now:%Y-%m-%d %H:%M} UTC")


def _administrator() -> Iterator[Finding]:
    if not apps.get_model("people", "User").objects.filter(is_administrator=True, is_active=True).exists():
        mend = "`neurodash people add` (see docs/hosting.md): an administrator grants memberships."
        yield Finding("administrator", "note", "nobody yet", mend)


def _backup(holds_anything: bool) -> Finding:
    last = backup.last_made()
    mend = "`neurodash backup FILE`, each night by cron (see docs/hosting.md)."
    if last is None:
        state: State = "wrong" if holds_anything else "note"
        return Finding("backup", state, "none was made yet", mend)
    age = dt.datetime.now(dt.UTC) - last
    told = f"the last one on {last:%Y-%m-%d %H:%M} UTC"
    if -age > CLOCK_OFF:
        return Finding("backup", "wrong", f"{told}, which is in the future", f"{SET_CLOCK} Then make a backup.")
    return Finding("backup", "wrong", told, mend) if age > BACKUP_OLD else Finding("backup", "well", told)
