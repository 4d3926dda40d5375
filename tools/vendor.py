"""Refresh the vendored fonts: fetch from npm, keep the characters and weights we use, write the manifests.

A brief must fit in 100 KB with its fonts, so each face of the site is cut to Latin text and to the weights the site sets.
Paper has no such limit, but Typst reads neither WOFF2 nor ranges of weights: it gets whole faces, one a weight, and the
extended Latin letters as a face of their own to fall back on.
The SIL Open Font License reserves the original names; our faces carry ours.
"""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
import tempfile
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont
from fontTools.varLib import instancer

ROOT = Path(__file__).resolve().parent.parent / "neurodash"
SITE, PAPER = ROOT / "web" / "static" / "fonts", ROOT / "documents" / "fonts"
CHARACTERS = (
    "U+0020-007E,U+00A0-00FF,U+0131,U+0152-0153,U+2013-2014,U+2018-201D,U+2022,U+2026,U+2032-2033,U+2190-2193,U+2212,"
    "U+2264-2265,U+00D7"
)
TEXT = ("@fontsource-variable/atkinson-hyperlegible-next", "5.3.0", "atkinson-hyperlegible-next-{}-wght-normal.woff2")
TITLE = ("@fontsource-variable/source-serif-4", "5.3.1", "source-serif-4-{}-wght-normal.woff2")
FACES = (
    # package, letters, folder, our file, our name, weights, characters
    (TEXT, "latin", SITE, "text.woff2", "NeuroDash Text", (400, 700), CHARACTERS),
    (TITLE, "latin", SITE, "title.woff2", "NeuroDash Title", (400, 600), CHARACTERS),
    (TEXT, "latin", PAPER, "regular.ttf", "NeuroDash Paper", (400,), "all"),
    (TEXT, "latin", PAPER, "bold.ttf", "NeuroDash Paper", (700,), "all"),
    (TEXT, "latin-ext", PAPER, "regular-ext.ttf", "NeuroDash Paper Ext", (400,), "all"),
    (TEXT, "latin-ext", PAPER, "bold-ext.ttf", "NeuroDash Paper Ext", (700,), "all"),
)


def main() -> None:
    manifests: dict[Path, list[dict[str, object]]] = {}
    licences: dict[Path, dict[str, str]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        for (package, version, pattern), letters, folder, ours, name, weights, characters in FACES:
            packed = subprocess.run(
                ["npm", "pack", "--silent", f"{package}@{version}"],
                cwd=temporary,
                check=True,
                capture_output=True,
                text=True,
            ).stdout.strip()
            inside = pattern.format(letters)
            with tarfile.open(Path(temporary, packed)) as archive:
                original = archive.extractfile(f"package/files/{inside}").read()  # type: ignore[union-attr]
                licence = archive.extractfile("package/LICENSE").read().decode()  # type: ignore[union-attr]
            made = _cut(original, name, weights, characters, ours.rpartition(".")[2])
            folder.mkdir(exist_ok=True)
            (folder / ours).write_bytes(made)
            licences.setdefault(folder, {})[package] = licence
            manifests.setdefault(folder, []).append(
                {
                    "file": ours, "package": package, "version": version, "original": inside, "licence": "OFL-1.1",
                    "original_sha256": hashlib.sha256(original).hexdigest(), "sha256": hashlib.sha256(made).hexdigest(),
                    "bytes": len(made), "weights": list(weights), "characters": characters,
                }
            )  # fmt: skip
    for folder, manifest in manifests.items():
        (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
        (folder / "LICENSE").write_text("\n\n----\n\n".join(licences[folder].values()))


def _cut(original: bytes, name: str, weights: tuple[int, ...], characters: str, form: str) -> bytes:
    """One face with the characters and weights we use: a range of weights as WOFF2, a single weight as TrueType."""
    font = TTFont(io.BytesIO(original), recalcTimestamp=False)
    if characters != "all":
        options = subset.Options()
        options.layout_features = ["kern", "liga", "calt", "locl", "mark", "mkmk", "ccmp"]
        subsetter = subset.Subsetter(options)
        subsetter.populate(unicodes=subset.parse_unicodes(characters))
        subsetter.subset(font)
    between = io.BytesIO()
    font.flavor = None
    font.save(between)
    font = TTFont(between, recalcTimestamp=False)
    at = {"wght": weights if len(weights) > 1 else weights[0]}
    font = instancer.instantiateVariableFont(font, at, updateFontNames=False)
    for record in font["name"].names:
        if record.nameID in (1, 3, 4, 6, 16, 25):
            record.string = name.replace(" ", "") if record.nameID in (6, 25) else name
    if form == "ttf":
        font["OS/2"].usWeightClass = weights[0]
    font.flavor = "woff2" if form == "woff2" else None
    made = io.BytesIO()
    font.save(made)
    return made.getvalue()


if __name__ == "__main__":
    main()
