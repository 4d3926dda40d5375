"""The free library as a folder of files that any static server serves."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

from neurodash.errors import DataError, Problem
from neurodash.library import CONTENT
from neurodash.web import config
from neurodash.web.ready import packed

MARKER = ".neurodash-export"  # in a folder we made, so that we never empty one that we did not
_LINK = re.compile(r'(?P<name> (?:href|src|action)=")(?P<path>/(?!/)[^"]*)"')


def export(folder: Path, folders: Sequence[Path], on: dt.date, url: str) -> int:
    """Write every free page, static file and picture; returns how many files.

    Links are made relative, so the folder works wherever it is put. `url` is where it will be found, for the
    addresses that must be whole (feed, sitemap, canonical). The old export is replaced only when the new one
    is complete. Raises DataError for a folder that is not empty and was not made by us.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).exists():
        raise DataError(
            [Problem(str(folder), "a folder that holds other files", "a new or empty folder, or an earlier export")]
        )
    if any(folder.resolve().is_relative_to(path.resolve()) for path in (CONTENT, *folders)):
        raise DataError([Problem(str(folder), "a folder inside the content", "a folder of its own")])
    os.environ["NEURODASH_CONTENT"] = json.dumps([str(path.resolve()) for path in folders])
    os.environ["NEURODASH_URL"] = url or os.environ.get("NEURODASH_URL", "")
    os.environ["NEURODASH_ON"] = on.isoformat()
    os.environ["NEURODASH_WATCH"] = "no"
    os.environ["NEURODASH_EXPORT"] = "yes"
    site = config.read()
    target = folder.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".export-") as draft:
        made = Path(draft, "site")
        made.mkdir(mode=0o755)
        count = _write(made, site)
        (made / MARKER).write_text(f"{on}\n")
        if target.exists():
            os.rename(target, Path(draft, "old"))
        os.rename(made, target)
    return count


def _write(made: Path, site: config.Config) -> int:
    # Django is set up here and not above: its settings are read when it is first imported.
    from django.http import HttpRequest  # noqa: PLC0415

    from neurodash.web import assets  # noqa: PLC0415
    from neurodash.web.reading import views  # noqa: PLC0415
    from neurodash.web.shelf import shelf  # noqa: PLC0415
    from neurodash.web.wsgi import door  # noqa: PLC0415

    paths = [*views.public_paths(), "/robots.txt"]
    if site.url:  # a feed and a sitemap need whole addresses
        paths += ["/feed.xml", "/sitemap.xml"]
    paths += [
        path[:-1] + ".csv"
        for path in views.public_paths()
        if re.fullmatch(r"/[^/]+/[^/]+/evidence/[^/]+/|/evidence/trials/[^/]+/[^/]+/", path)
    ]
    paths += list(assets.by_path()) + [f"/content/{name}" for name in shelf().current().images]
    for path in paths:
        status, body = _get(door, path)
        if status != 200:
            raise RuntimeError(f"{path} answered {status}")
        _save(made, path, body)
    # For the server's own use; they are shown at any address, so their links start at the root.
    _, body = _get(door, "/no-such-page/")
    _save(made, "/404.html", body, absolute=True)
    _save(made, "/500.html", views.broken(HttpRequest()).content, absolute=True)
    return sum(1 for path in made.rglob("*") if path.is_file())


def _get(app: Callable[..., Iterable[bytes]], path: str) -> tuple[int, bytes]:
    seen: list[str] = []
    environ: dict[str, Any] = {"PATH_INFO": path, "HTTP_HOST": "localhost"}
    setup_testing_defaults(environ)
    body = b"".join(app(environ, lambda status, _: seen.append(status)))
    return int(seen[0][:3]), body


def _save(made: Path, path: str, body: bytes, absolute: bool = False) -> None:
    name = path.lstrip("/") + ("index.html" if path.endswith("/") else "")
    file = made / name
    file.parent.mkdir(parents=True, exist_ok=True)
    if name.endswith(".html") and not absolute:
        body = _relative(body.decode(), path).encode()
    file.write_bytes(body)
    if file.suffix in (".html", ".css", ".js", ".csv", ".xml", ".svg", ".txt"):
        # For servers that send prepared files (nginx: gzip_static, brotli_static).
        Path(f"{file}.gz").write_bytes(gzip.compress(body, 9, mtime=0))
        Path(f"{file}.br").write_bytes(packed(body))


def _relative(html: str, page: str) -> str:
    """Links inside the site as seen from `page`, so that the folder may lie anywhere."""
    depth = page.count("/") - 1
    up = "../" * depth or "./"

    def rewrite(match: re.Match[str]) -> str:
        return f'{match["name"]}{up}{match["path"][1:]}"'

    return _LINK.sub(rewrite, html)
