"""Refresh the vendored fonts: fetch from npm, keep the characters and weights we use, write the manifest.

A brief must fit in 100 KB with its fonts, so each face is cut to Latin text and to the weights the site sets.
The SIL Open Font License reserves the original names; the cut faces carry ours.
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

FONTS = Path(__file__).resolve().parent.parent / "neurodash" / "web" / "static" / "fonts"
CHARACTERS = (
    "U+0020-007E,U+00A0-00FF,U+0131,U+0152-0153,U+2013-2014,U+2018-201D,U+2022,U+2026,U+2032-2033,U+2190-2193,U+2212,"
    "U+2264-2265,U+00D7"
)
FACES = (
    # package, version, file in it, our file, our name, weights
    (
        "@fontsource-variable/atkinson-hyperlegible-next",
        "5.3.0",
        "atkinson-hyperlegible-next-latin-wght-normal.woff2",
        "text.woff2",
        "NeuroDash Text",
        (400, 700),
    ),
    (
        "@fontsource-variable/source-serif-4",
        "5.3.1",
        "source-serif-4-latin-wght-normal.woff2",
        "title.woff2",
        "NeuroDash Title",
        (400, 600),
    ),
)


def main() -> None:
    manifest, licences = [], []
    with tempfile.TemporaryDirectory() as folder:
        for package, version, inside, ours, name, weights in FACES:
            packed = subprocess.run(
                ["npm", "pack", "--silent", f"{package}@{version}"],
                cwd=folder,
                check=True,
                capture_output=True,
                text=True,
            ).stdout.strip()
            with tarfile.open(Path(folder, packed)) as archive:
                original = archive.extractfile(f"package/files/{inside}").read()  # type: ignore[union-attr]
                licences.append(archive.extractfile("package/LICENSE").read().decode())  # type: ignore[union-attr]
            made = _cut(original, name, weights)
            (FONTS / ours).write_bytes(made)
            manifest.append(
                {
                    "file": ours, "package": package, "version": version, "original": inside, "licence": "OFL-1.1",
                    "original_sha256": hashlib.sha256(original).hexdigest(), "sha256": hashlib.sha256(made).hexdigest(),
                    "bytes": len(made), "weights": list(weights), "characters": CHARACTERS,
                }
            )  # fmt: skip
    (FONTS / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    (FONTS / "LICENSE").write_text("\n\n----\n\n".join(licences))


def _cut(original: bytes, name: str, weights: tuple[int, int]) -> bytes:
    font = TTFont(io.BytesIO(original), recalcTimestamp=False)
    options = subset.Options()
    options.layout_features = ["kern", "liga", "calt", "locl", "mark", "mkmk", "ccmp"]
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=subset.parse_unicodes(CHARACTERS))
    subsetter.subset(font)
    between = io.BytesIO()
    font.flavor = None
    font.save(between)
    font = instancer.instantiateVariableFont(TTFont(between, recalcTimestamp=False), {"wght": weights})
    for record in font["name"].names:
        if record.nameID in (1, 3, 4, 6, 16, 25):
            record.string = name.replace(" ", "") if record.nameID in (6, 25) else name
    font.flavor = "woff2"
    made = io.BytesIO()
    font.save(made)
    return made.getvalue()


if __name__ == "__main__":
    main()
