"""The rooms of the house: who may import whom, and what no core room may touch."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parents[2] / "neurodash"
MAY_IMPORT = {
    "errors": set(),
    "wording": {"errors"},
    "body": {"errors"},
    "library": {"errors", "wording", "body"},
    "evidence": {"errors", "wording", "library"},
    "planning": {"errors", "wording", "library"},
    "pictures": {"errors", "wording", "body", "library", "evidence"},
    "documents": {"errors", "wording", "library", "evidence", "planning", "pictures"},
    "watch": {"errors", "wording", "library", "evidence"},
    "web": {"errors", "wording", "library", "evidence", "planning", "pictures", "documents"},
    "cli": {"errors", "wording", "library", "evidence", "planning", "pictures", "documents", "watch", "web"},
    "__main__": {"cli"},
    "__init__": set(),
}
CORE = ("errors", "wording", "body", "library", "evidence", "planning", "pictures", "documents")
NOT_IN_THE_CORE = {
    "django",
    "random",
    "secrets",
    "time",
    "socket",
    "ssl",
    "urllib",
    "http",
    "requests",
    "uuid",
    "asyncio",
}
CLOCK = {"now", "today", "utcnow", "fromtimestamp"}
FILES = sorted(HOUSE.rglob("*.py"))


def room(path: Path) -> str:
    part = path.relative_to(HOUSE).parts[0]
    return part.removesuffix(".py")


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= (
                {f"{node.module}.{alias.name}" for alias in node.names} if node.module == "neurodash" else {node.module}
            )
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(HOUSE)))
def test_a_room_imports_only_the_rooms_below_it(path: Path) -> None:
    here = room(path)
    ours = {name.split(".")[1] for name in imports(path) if name.startswith("neurodash.")}
    assert ours - {here, "__version__"} <= MAY_IMPORT[here]


@pytest.mark.parametrize("path", [p for p in FILES if room(p) in CORE], ids=lambda p: str(p.relative_to(HOUSE)))
def test_no_core_room_knows_a_request_the_clock_the_network_or_chance(path: Path) -> None:
    assert not {name.split(".")[0] for name in imports(path)} & NOT_IN_THE_CORE
    calls = {
        node.func.attr
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert not calls & CLOCK


def test_every_room_is_named_in_the_map() -> None:
    assert {room(path) for path in FILES} <= set(MAY_IMPORT)


JOURNEYS = {  # of the site: whom each may import besides itself. Everybody needs people; nobody needs the whole
    "people": set(),
    "reading": {"people"},
    "planning": {"people", "reading"},
    "clinic": {"people", "planning", "reading"},
}


@pytest.mark.parametrize(
    "path",
    [p for p in FILES if p.parent.parent.name == "web" and p.parent.name in JOURNEYS],
    ids=lambda p: str(p.relative_to(HOUSE)),
)
def test_a_journey_of_the_site_imports_only_those_it_stands_on(path: Path) -> None:
    found = {name.split(".")[2] for name in imports(path) if name.startswith("neurodash.web.")}
    assert found & set(JOURNEYS) - {path.parent.name} <= JOURNEYS[path.parent.name]
