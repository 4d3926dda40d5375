"""Starting the site: the environment its workers read, then granian."""

from __future__ import annotations

import atexit
import importlib
import json
import logging
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import click
import django
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels

from neurodash.errors import DataError, Problem
from neurodash.web import config

# A worker that is still starting can miss the signal to stop; after this long it is ended. Requests take milliseconds.
STOP_AFTER_S = 3
THREADS = 32  # of a worker: each of them may be held by somebody who sends a form slowly
LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def configure(folders: Sequence[Path], host: str, port: int, url: str, watch: bool) -> None:
    """Put what was asked for where this process and its workers read it. Raises DataError for what cannot work."""
    if host not in LOOPBACK and not (url or os.environ.get("NEURODASH_URL") or os.environ.get("NEURODASH_HOSTS")):
        raise DataError(
            [
                Problem(
                    "--host",
                    f"{host}, which others can reach, without a public address",
                    "--url https://desk.example.org/ or NEURODASH_HOSTS=desk.example.org",
                )
            ]
        )
    os.environ["NEURODASH_CONTENT"] = json.dumps([str(folder.resolve()) for folder in folders])
    os.environ["NEURODASH_URL"] = url or os.environ.get("NEURODASH_URL") or _local(host, port)
    os.environ["NEURODASH_WATCH"] = "yes" if watch else "no"
    settings = config.read()
    config.secret_key(settings.data)  # made here, once, before several workers want it
    if settings.metrics:
        _count_together()


def _count_together() -> None:
    """A folder in which the workers of this server keep their counts, so that any of them can tell the sum."""
    folder = os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="neurodash-metrics-")
    atexit.register(_remove, folder, os.getpid())


def _remove(folder: str, of: int) -> None:
    if os.getpid() == of:  # a worker that ends leaves the counts of the others alone
        shutil.rmtree(folder, ignore_errors=True)


def demonstrate(host: str) -> None:
    """A record of its own for the made-up clinic. Raises DataError for a host that others can reach."""
    if host not in LOOPBACK:
        found = f"{host}, which others can reach, with --demo"
        raise DataError([Problem("--host", found, "127.0.0.1", "Leave --demo out for a real installation.")])
    os.environ["NEURODASH_DATA"] = str(config.read().data / "demo")
    os.environ["NEURODASH_DEMO"] = "yes"


def demo_links(host: str, port: int) -> list[tuple[str, str]]:
    """The made-up clinic, made where it is not there yet; a name and a link to sign in for each of its cast."""
    links = importlib.import_module("neurodash.web.demo").prepare()
    importlib.import_module("neurodash.web.record").close()
    return [(name, _local(host, port).rstrip("/") + path) for name, path in links]


def preload() -> None:
    """Read the library here, once: the workers are forked from this process and share it. Raises DataError."""
    importlib.import_module("neurodash.web.wsgi")  # not before the environment is set


def open_record() -> list[str]:
    """Hold the record while this process or a worker of it lives, and bring it to this program's shape; what was done.

    Raises DataError where it cannot be reached, is gone or newer than this program, is being restored, or is sealed with a
    key that is not at hand.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "neurodash.web.settings")
    django.setup()
    record = importlib.import_module("neurodash.web.record")
    record.hold()
    applied: list[str] = record.migrate()
    record.refuse_missing_keys()
    record.close()
    return applied


def serve(host: str, port: int, workers: int) -> None:
    """Serve until stopped. Raises DataError where the address cannot be listened on."""
    host = "127.0.0.1" if host == "localhost" else host
    _refuse_taken_port(host, port)
    _granian(host, port, workers, _local(host, port), config.read().url)


def _local(host: str, port: int) -> str:
    """By name where it has one: a browser keeps passkeys for names, never for numbers."""
    name = "localhost" if host == "127.0.0.1" else f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}/"


def _refuse_taken_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise DataError(
                [
                    Problem(
                        f"--port {port}",
                        f"cannot listen on {host}:{port} ({error.strerror})",
                        "a free port",
                        f"Try --port {port + 1}.",
                    )
                ]
            ) from None


def _granian(host: str, port: int, workers: int, local: str, public: str) -> None:
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    server = Granian(
        "neurodash.web.wsgi:app",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=THREADS,
        websockets=False,
        log_level=LogLevels.error,  # it warns of as many threads as we want
        workers_kill_timeout=STOP_AFTER_S,
        respawn_failed_workers=True,
        http=HTTPModes.http1,  # idle connections are dropped in this mode; no proxy speaks HTTP/2 to us
    )

    def tell() -> None:
        click.echo(
            f"NeuroDash is at {local}"
            + (f" (public: {public})" if urlsplit(public).netloc != urlsplit(local).netloc else "")
        )
        click.echo("Stop it with Ctrl-C.")
        sys.stdout.flush()

    server.on_startup(tell)
    server.serve()
