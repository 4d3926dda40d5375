"""Static files under names that change with their content, so that a browser may keep them for ever."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib.resources import files as files_of
from pathlib import Path

FOLDER = Path(__file__).parent / "static"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".woff2": "font/woff2",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
# One stylesheet: fewer requests, and the order of the cascade in one place.
STYLES = (
    "tokens.css",
    "base.css",
    "parts.css",
    "training.css",
    "plan.css",
    "pages.css",
    "people.css",
    "membership.css",
    "clinic.css",
    "desk.css",
    "protocols.css",
    "kept.css",
    "print.css",
)
# Scripts of allauth's that speak with passkeys, from the installed package.
BORROWED = {
    "passkeys/webauthn-json.js": "mfa/static/mfa/js/webauthn-json.js",
    "passkeys/webauthn.js": "mfa/static/mfa/js/webauthn.js",
    "passkeys/onload.js": "account/static/account/js/onload.js",
}


@cache
def files() -> dict[str, tuple[str, bytes]]:
    """Every static file by its plain name, as (hashed path below /static/, bytes)."""
    found: dict[str, tuple[str, bytes]] = {}
    for path in sorted(FOLDER.rglob("*")):
        name = path.relative_to(FOLDER).as_posix()
        if path.suffix in TYPES and path.suffix != ".css":
            found[name] = _named(name, path.read_bytes())
    for name, place in BORROWED.items():
        found[name] = _named(name, files_of("allauth").joinpath(place).read_bytes())
    sheet = "\n".join((FOLDER / name).read_text(encoding="utf-8") for name in STYLES)
    sheet = re.sub(r"url\((fonts/[^)]+)\)", lambda m: f"url(../static/{found[m[1]][0]})", sheet)
    found["site.css"] = _named("site.css", _slim(sheet).encode())
    return found


def url(name: str) -> str:
    """The address of a static file, below the site's root. Raises KeyError for one that is not there."""
    return f"/static/{files()[name][0]}"


def by_path() -> dict[str, tuple[str, bytes]]:
    """Every static file by its address, as (content type, bytes)."""
    return {f"/static/{path}": (TYPES[Path(path).suffix], data) for path, data in files().values()}


def _named(name: str, data: bytes) -> tuple[str, bytes]:
    stem, dot, suffix = name.rpartition(".")
    return f"{stem}.{hashlib.sha256(data).hexdigest()[:10]}{dot}{suffix}", data


def _slim(css: str) -> str:
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    return re.sub(r"\n\s*", "\n", css).strip() + "\n"
