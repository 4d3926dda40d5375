"""A PDF opened again: its pages, and its tags in the order in which they are read."""

from __future__ import annotations

import io
import re
from typing import Any

import pypdf


def opened(data: bytes) -> pypdf.PdfReader:
    return pypdf.PdfReader(io.BytesIO(data))


def tags(node: Any) -> list[tuple[str, str | None]]:
    """(kind, text alternative) of every tag in the order of reading."""
    node = node.get_object() if hasattr(node, "get_object") else node
    if isinstance(node, list):
        return [tag for child in node for tag in tags(child)]
    if not isinstance(node, dict):
        return []
    own = [(str(node["/S"]), node.get("/Alt"))] if "/S" in node else []
    return own + (tags(node["/K"]) if "/K" in node else [])


def words(data: bytes) -> str:
    """All its text in one line, without the places at which a long word may break."""
    text = " ".join(page.extract_text() for page in opened(data).pages)
    return re.sub(r"\s+", " ", text.replace("\u200b", ""))


def print_sizes(data: bytes) -> list[float]:
    """The size of each letter in points, the smallest first."""
    sizes: list[float] = []
    for page in opened(data).pages:
        page.extract_text(
            visitor_text=lambda text, _, tm, __, size: sizes.extend([round(abs(tm[3] * size), 1)] * len(text.strip()))
        )
    return sorted(sizes)
