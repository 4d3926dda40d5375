"""The examples of docs/engine.md are run as they stand."""

from __future__ import annotations

import doctest

from tests.conftest import ROOT


def test_the_examples_of_the_engine_give_what_they_say() -> None:
    failed, tried = doctest.testfile(str(ROOT / "docs" / "engine.md"), module_relative=False)
    assert tried >= 6
    assert failed == 0
