"""What whoever runs the site may set, read from the environment. A wrong value is refused by name."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast, get_args
from urllib.parse import SplitResult, urlsplit

from neurodash.errors import DataError, Problem

Membership = Literal["granted", "everyone", "stripe"]
CHOICES: Mapping[str, tuple[str, ...]] = {  # the first is what holds where nothing is set
    "NEURODASH_WATCH": ("no", "yes"),
    "NEURODASH_MEMBERSHIP": get_args(Membership),
    "NEURODASH_METRICS": ("no", "yes"),
    "NEURODASH_LOG": ("plain", "json"),
    "NEURODASH_DEMO": ("no", "yes"),
}
DATABASES = ("sqlite", "postgres", "postgresql")
STRIPE: Mapping[str, str] = {
    "key": "the secret key of the account",
    "webhook_secret": "the signing secret of the webhook",
    "price_id": "the id of the price of a year",
    "api": "another address of the service, for tests",
}
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]+\]")
IN_PASSWORDS = "In a user or a password write # as %23, @ as %40, / as %2F and % as %25."


@dataclass(frozen=True)
class Config:
    """The site's settings.

    content: folders beside ours · url: the public address, ending in /, or nothing where it is not known · hosts: names it answers to ·
    data: where its own files are kept · watch: an editor's server · on: a fixed day instead of today · exported: pages for a static server
    database: a URL, or nothing for a SQLite file in `data` · keys: what the record is sealed with, or nothing for a file in `data`
    mail: console, or smtp://user:password@host:587 (smtps:// for TLS from the first byte) · mail_from: its sender
    membership: who has it: `granted` by an administrator, `everyone` signed in, or `stripe` · price: a year of it, in words
    proxies: how many of our own stand before us, each adding the address it saw · metrics: whether they are served,
    to this machine or to whoever brings `metrics_token` · log: how lines are written, plain or json
    demo: a made-up clinic, on loopback
    """

    content: tuple[Path, ...]
    url: str
    hosts: tuple[str, ...]
    data: Path
    watch: bool
    on: dt.date | None
    exported: bool = False
    database: str = ""
    keys: str = field(default="", repr=False)
    mail: str = field(default="console", repr=False)
    mail_from: str = "NeuroDash <desk@localhost>"
    membership: Membership = "granted"
    price: str = "$99"
    stripe: Mapping[str, str] = field(default_factory=dict, repr=False)
    proxies: int = 0
    metrics: bool = False
    metrics_token: str = field(default="", repr=False)
    log: str = "plain"
    demo: bool = False

    @property
    def is_secure(self) -> bool:
        return self.url.startswith("https://")

    def today(self) -> dt.date:
        """The day by which verdicts are judged, in UTC so that every worker agrees."""
        return self.on or dt.datetime.now(dt.UTC).date()


def read(environ: os._Environ[str] | dict[str, str] = os.environ) -> Config:
    """The settings of this process. Raises DataError naming every wrong variable and what it accepts."""
    problems: list[Problem] = []
    url = environ.get("NEURODASH_URL", "").strip()
    exported = environ.get("NEURODASH_EXPORT") == "yes"
    parts = _split(url if url.isprintable() else "")
    if url and (
        parts.scheme not in ("http", "https")
        or not _is_host(parts.hostname or "")
        or parts.query
        or parts.fragment
        or parts.username
        or not (exported or parts.path in ("", "/"))
    ):
        accepted = "an address without a path, such as https://desk.example.org/"
        problems.append(Problem("NEURODASH_URL", f"“{url}”", accepted))
    named = [host.strip().lower() for host in environ.get("NEURODASH_HOSTS", "").split(",") if host.strip()]
    for host in named:
        if not HOST.fullmatch(host):
            accepted = "names of hosts, such as desk.example.org, without https:// and port"
            problems.append(Problem("NEURODASH_HOSTS", f"“{host}”", accepted))
    on = None
    if day := environ.get("NEURODASH_ON"):
        try:
            on = dt.date.fromisoformat(day)
        except ValueError:
            problems.append(Problem("NEURODASH_ON", f"“{day}”", "a date such as 2026-11-21"))
    chosen = {name: _one_of(environ, name, values, problems) for name, values in CHOICES.items()}
    mail, database = environ.get("NEURODASH_MAIL", "console").strip(), environ.get("DATABASE_URL", "").strip()
    relay = _split(mail)
    if mail != "console" and (
        relay.scheme not in ("smtp", "smtps")
        or not relay.hostname
        or relay.path not in ("", "/")
        or relay.query not in ("", "tls=no")
        or relay.fragment
    ):
        accepted = "console, or smtp://user:password@host:587"
        problems.append(Problem("NEURODASH_MAIL", "something else", accepted, IN_PASSWORDS))
    if database and not is_database(database):
        accepted = "postgresql://user:password@host:5432/name"
        problems.append(Problem("DATABASE_URL", "something else", accepted, IN_PASSWORDS))
    content = _folders(environ.get("NEURODASH_CONTENT", ""), problems)
    proxies = environ.get("NEURODASH_PROXIES", "0")
    if not re.fullmatch("[0-9]", proxies):
        problems.append(Problem("NEURODASH_PROXIES", f"“{proxies}”", "0 to 9"))
    stripe = {name: environ.get(f"NEURODASH_STRIPE_{name.upper()}", "").strip() for name in STRIPE}
    if chosen["NEURODASH_MEMBERSHIP"] == "stripe":
        for name in ("key", "webhook_secret", "price_id"):
            if not stripe[name]:
                found = Problem(f"NEURODASH_STRIPE_{name.upper()}", "nothing", STRIPE[name])
                problems.append(found)
    if problems:
        raise DataError(problems)
    return Config(
        content=content,
        url=url if not url or url.endswith("/") else url + "/",
        hosts=tuple(dict.fromkeys([*LOOPBACK, *([parts.hostname] if parts.hostname else []), *named])),
        data=_data_folder(environ),
        watch=chosen["NEURODASH_WATCH"] == "yes",
        on=on,
        exported=exported,
        database=database,
        keys=environ.get("NEURODASH_KEYS", ""),
        mail=mail,
        mail_from=environ.get("NEURODASH_MAIL_FROM") or f"NeuroDash <desk@{parts.hostname or 'localhost'}>",
        membership=cast(Membership, chosen["NEURODASH_MEMBERSHIP"]),
        price=environ.get("NEURODASH_PRICE", "$99"),
        stripe=stripe,
        proxies=int(proxies),
        metrics=chosen["NEURODASH_METRICS"] == "yes",
        metrics_token=environ.get("NEURODASH_METRICS_TOKEN", "").strip(),
        log=chosen["NEURODASH_LOG"],
        demo=chosen["NEURODASH_DEMO"] == "yes",
    )


def _one_of(
    environ: os._Environ[str] | dict[str, str], name: str, values: tuple[str, ...], problems: list[Problem]
) -> str:
    value = environ.get(name, values[0])
    if value not in values:
        problems.append(Problem(name, f"“{value}”", " or ".join(values)))
    return value


def _split(url: str) -> SplitResult:
    """The parts of a URL; nothing in them where it is none."""
    try:
        parts = urlsplit(url)
        return urlsplit("") if parts.port == 0 else parts  # asking for the port reads it
    except ValueError:
        return urlsplit("")


def _is_host(name: str) -> bool:
    return bool(HOST.fullmatch(f"[{name}]" if ":" in name else name))


def is_database(url: str) -> bool:
    """Whether `url` can be read as a database of ours."""
    parts = _split(url)
    if parts.scheme == "sqlite":
        return True
    return parts.scheme in DATABASES and not parts.fragment and "@" not in parts.path + parts.query


def _folders(value: str, problems: list[Problem]) -> tuple[Path, ...]:
    try:
        found = json.loads(value or "[]")
    except ValueError:
        found = None
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        problems.append(Problem("NEURODASH_CONTENT", "something else", 'a list of folders such as ["/srv/own"]'))
        return ()
    return tuple(map(Path, found))


def give_to_owner(made: int | Path, folder: Path) -> None:
    """What root makes in `folder` belongs to whom the folder belongs to: the service reads it later."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.chown(made, owner.st_uid, owner.st_gid)


def _data_folder(environ: os._Environ[str] | dict[str, str]) -> Path:
    if named := environ.get("NEURODASH_DATA"):
        return Path(named)
    try:
        return Path(environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share", "neurodash")
    except RuntimeError:
        accepted = "a folder for our own files, where there is no home"
        raise DataError([Problem("NEURODASH_DATA", "nothing", accepted)]) from None


def secret_key(folder: Path) -> str:
    """The installation's secret, made at the first start and readable by its owner alone.

    Raises DataError where it cannot be kept, or where others can read it.
    """
    path = folder / "secret_key"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            # Written beside and linked, so that nobody ever reads half a secret.
            with tempfile.NamedTemporaryFile("w", dir=folder, prefix=".secret-") as draft:
                draft.write(secrets.token_urlsafe(64))
                draft.flush()
                give_to_owner(draft.fileno(), folder)
                with contextlib.suppress(FileExistsError):
                    os.link(draft.name, path)
        if not path.is_file():
            raise DataError([Problem(str(path), "no plain file", "a plain file", "Delete it; a new secret is made.")])
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise DataError(
                [
                    Problem(
                        str(path),
                        "a secret that others may read",
                        "mode 0600",
                        f"chmod 600 {path}, and delete it if somebody may have read it.",
                    )
                ]
            )
        key = path.read_text(encoding="ascii", errors="replace").strip()
    except OSError as error:
        raise DataError(
            [
                Problem(
                    str(path),
                    f"the secret cannot be kept ({error.strerror})",
                    "a folder we may write to",
                    "Set NEURODASH_DATA.",
                )
            ]
        ) from None
    if len(key) < 50:
        raise DataError(
            [
                Problem(
                    str(path),
                    "a secret that is too short",
                    "50 characters or more",
                    "Delete the file; a new one is made.",
                )
            ]
        )
    return key
