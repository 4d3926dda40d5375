"""A real PostgreSQL for the tests: started on a free loopback port in a folder of its own, gone afterwards.

`python -m tests.postgres pytest -m record` runs a command with DATABASE_URL pointing to it. Where no PostgreSQL is
installed it says so and exits 77; `--install` installs Debian's before, where we may.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

SKIPPED = 77  # exit code that says: not run here
HOW_TO = "no PostgreSQL on this machine: apt-get install postgresql, then make test-postgres"
# It holds nothing that must outlive the tests, so it never waits for a disk.
SPEED = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200")


def programs() -> Path | None:
    """The folder of PostgreSQL's own programs, or None."""
    debian = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3].split(".")[0])
    )
    found = debian[-1] if debian else shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def install() -> None:
    """Debian's PostgreSQL, without the cluster it would start by itself. Only where we may."""
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if programs() or not shutil.which("apt-get") or (root and subprocess.run([*root, "true"], check=False).returncode):
        return
    conf = Path("/etc/postgresql-common/createcluster.conf")
    if not conf.exists():
        subprocess.run([*root, "mkdir", "-p", str(conf.parent)], check=True)
        subprocess.run([*root, "tee", str(conf)], input=b"create_main_cluster = false\n", stdout=subprocess.DEVNULL, check=True)  # fmt: skip
    quiet = {"env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, "check": False, "stdout": subprocess.DEVNULL}
    subprocess.run([*root, "apt-get", "update", "-qq"], **quiet)
    subprocess.run([*root, "apt-get", "install", "-y", "-qq", "postgresql"], **quiet)


@contextlib.contextmanager
def running() -> Iterator[str]:
    """The URL of a PostgreSQL of our own, as an owner who may make databases. Raises RuntimeError where none is installed."""
    where = programs()
    if where is None:
        raise RuntimeError(HOW_TO)
    user = _unprivileged()
    password = secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="neurodash-postgres-", ignore_cleanup_errors=True) as name:
        folder, secret = Path(name), Path(name, "password")
        secret.write_text(password)
        if user:
            for path in (folder, secret):
                shutil.chown(path, user)
        as_user = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
        quiet = {"cwd": name, "stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT, **as_user}
        words = [
            "--auth=scram-sha-256",
            f"--pwfile={secret}",
            "--username=owner",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
        ]
        subprocess.run([where / "initdb", "-D", folder / "data", *words], check=True, **quiet)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        options = [f"port={port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", *SPEED]
        flags = [word for option in options for word in ("-c", option)]
        process = subprocess.Popen([where / "postgres", "-D", folder / "data", *flags], **quiet)
        url = f"postgresql://owner:{password}@127.0.0.1:{port}/postgres"
        try:
            _wait(url, process)
            yield url
        finally:
            process.send_signal(signal.SIGINT)  # fast: open sessions are ended
            process.wait(30)


def _unprivileged() -> str | None:
    """Whom PostgreSQL runs as: it refuses to be root."""
    if os.geteuid():
        return None
    known = {each.pw_name for each in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(url, connect_timeout=2).close()
            return
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > until:
                raise
            time.sleep(0.1)


def own(data: str | Path, environ: dict[str, str] | os._Environ[str] = os.environ) -> dict[str, str]:
    """What to add to the environment of a site whose files are in `data`: a database of its own, made when first asked for.

    Nothing where DATABASE_URL is not set: the record is a file in `data` then.
    """
    base = environ.get("DATABASE_URL")
    if not base:
        return {}
    name = "site_" + hashlib.sha256(str(Path(data).resolve()).encode()).hexdigest()[:16]
    parts = urlsplit(base)
    if parts.path == f"/{name}":
        return {}
    with psycopg.connect(base, autocommit=True) as connection, contextlib.suppress(psycopg.errors.DuplicateDatabase):
        connection.execute(f'CREATE DATABASE "{name}"')
    return {"DATABASE_URL": urlunsplit(parts._replace(path=f"/{name}"))}


def main(words: list[str]) -> int:
    if words[:1] == ["--install"]:
        install()
        words = words[1:]
    if programs() is None:
        print(f"SKIPPED: {HOW_TO}", file=sys.stderr)
        return SKIPPED
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ended from outside, it still ends what it started
    with running() as url:
        return subprocess.run(words, env={**os.environ, "DATABASE_URL": url}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
