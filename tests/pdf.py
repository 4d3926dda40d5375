"""A PDF opened again: its pages, and its tags in the order in which they are read."""

from __future__ import annotations

import io
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
