"""What whoever runs the site may set, read from the environment. A wrong value is refused by name."""

from __future__ import annotations

import datetime as dt
import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from neurodash.errors import DataError, Problem

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True)
class Config:
    """The site's settings.

    content: folders beside ours · url: the public address, ending in /, or nothing where it is not known · hosts: names it answers to ·
    data: where its own files are kept · watch: an editor's server · on: a fixed day instead of today · exported: pages for a static server
    """

    content: tuple[Path, ...]
    url: str
    hosts: tuple[str, ...]
    data: Path
    watch: bool
    on: dt.date | None
    exported: bool = False

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
    parts = urlsplit(url)
    if url and (
        parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username
    ):
        problems.append(Problem("NEURODASH_URL", f"“{url}”", "an address such as https://desk.example.org/"))
    on = None
    if day := environ.get("NEURODASH_ON"):
        try:
            on = dt.date.fromisoformat(day)
        except ValueError:
            problems.append(Problem("NEURODASH_ON", f"“{day}”", "a date such as 2026-11-21"))
    watch = environ.get("NEURODASH_WATCH", "no")
    if watch not in ("yes", "no"):
        problems.append(Problem("NEURODASH_WATCH", f"“{watch}”", "yes or no"))
    if problems:
        raise DataError(problems)
    named = [host.strip() for host in environ.get("NEURODASH_HOSTS", "").split(",") if host.strip()]
    home = environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Config(
        content=tuple(Path(p) for p in environ.get("NEURODASH_CONTENT", "").split(os.pathsep) if p),
        url=url if not url or url.endswith("/") else url + "/",
        hosts=tuple(dict.fromkeys([*LOOPBACK, *([parts.hostname] if parts.hostname else []), *named])),
        data=Path(environ.get("NEURODASH_DATA") or Path(home, "neurodash")),
        watch=watch == "yes",
        on=on,
        exported=environ.get("NEURODASH_EXPORT") == "yes",
    )


def secret_key(folder: Path) -> str:
    """The installation's secret, made at the first start and readable by its owner alone.

    Raises DataError where it cannot be kept, or where others can read it.
    """
    path = folder / "secret_key"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(64))
        except FileExistsError:
            pass
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
        key = path.read_text().strip()
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
