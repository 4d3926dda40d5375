"""The documents tell the truth: commands exist, files exist, the README stays short."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from neurodash.cli import main
from neurodash.library import CONTENT
from neurodash.library.briefs import SECTIONS
from neurodash.library.prose import MARK_KINDS
from tests.conftest import ROOT

DOCS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
TEXT = {doc: doc.read_text(encoding="utf-8") for doc in DOCS}


def commands(group: click.Group, before: str = "") -> dict[str, click.Command]:
    found = {}
    for name, command in group.commands.items():
        found[f"{before}{name}"] = command
        if isinstance(command, click.Group):
            found |= commands(command, f"{before}{name} ")
    return found


@pytest.mark.parametrize("doc", DOCS, ids=lambda d: d.name)
def test_every_command_and_option_in_a_document_exists(doc: Path) -> None:
    known = commands(main)
    for line in re.findall(r"neurodash ((?:serve|export|library|evidence|plan)\b[^`\n#]*)", TEXT[doc]):
        words = line.split()
        depth = max(n for n in range(1, 4) if " ".join(words[:n]) in known)
        command = known[" ".join(words[:depth])]
        options = {name for parameter in command.params for name in parameter.opts} | {"--help"}
        used = {word.rstrip(".,;:)") for word in words if word.startswith("--")}
        assert used <= options, f"{doc.name}: neurodash {line}"


@pytest.mark.parametrize("doc", DOCS, ids=lambda d: d.name)
def test_every_file_a_document_links_to_exists(doc: Path) -> None:
    shown_as_code = re.compile(r"`[^`]*`")
    for target in re.findall(r"\]\(([^)#]+)\)", shown_as_code.sub("", TEXT[doc])):
        if not target.startswith("http"):
            assert (doc.parent / target).exists(), f"{doc.name}: {target}"


@pytest.mark.parametrize("doc", DOCS, ids=lambda d: d.name)
def test_every_make_target_a_document_names_exists(doc: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z]+)`", TEXT[doc])) <= targets


def test_the_readme_is_under_two_screens_and_its_picture_is_real() -> None:
    text = TEXT[ROOT / "README.md"]
    assert text.count("\n") < 50
    assert (ROOT / "docs" / "brief.png").stat().st_size > 50_000
    assert text.index("make serve") < 1200


def test_the_methods_list_every_note_of_the_engine() -> None:
    engine = [f for f in (ROOT / "neurodash" / "evidence").glob("*.py") if not f.name.startswith("trial_")]
    codes = {code for file in engine for code in re.findall(r'Note\(\s*"(\w+)"', file.read_text(encoding="utf-8"))}
    assert len(codes) > 15
    assert not {code for code in codes if f"`{code}`" not in TEXT[ROOT / "docs" / "methods.md"]}


def test_writing_a_brief_names_every_mark_section_and_file() -> None:
    text = TEXT[ROOT / "docs" / "writing-a-brief.md"]
    for word in (*MARK_KINDS, *SECTIONS, *(part for parts in SECTIONS.values() for part in parts)):
        assert word in text, word


def test_the_licences_are_stated_where_they_hold() -> None:
    assert "CC BY 4.0" in (CONTENT / "LICENSE").read_text()
    whole = (ROOT / "LICENSE").read_text()
    assert "neurodash/content/" in whole
    assert "Apache License" in whole
