"""The eight promises of a plan, over made-up people."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from neurodash.planning.plan import read_plan
from tests.planning import guarantees
from tests.planning.people import profiles

quick = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("promise", guarantees.ALL, ids=lambda each: each.__name__)
def test_a_promise_holds_for_everybody(promise: Any) -> None:
    @quick
    @given(profiles(hard=promise is guarantees.stops))
    def holds(data: dict[str, Any]) -> None:
        assert list(promise(data, guarantees.planned(data))) == []

    holds()


@quick
@given(profiles())
def test_the_same_profile_gives_the_same_plan_byte_for_byte_and_it_can_be_read_again(data: dict[str, Any]) -> None:
    first = guarantees.planned(data)
    assert guarantees.planned(data).to_json() == first.to_json()
    assert read_plan(first.to_json(), "plan") == first
