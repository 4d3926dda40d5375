"""Everybody against every address and method: who gets in, who is sent to sign in, for whom there is nothing."""

from __future__ import annotations

from collections import deque
from itertools import count

import pytest
from allauth.account.internal.flows.login import record_authentication
from django.http import HttpRequest
from django.test import Client

from tests.web import cast as casting
from tests.web.everybody import METHODS, NOBODY, RULES, Rule, filled, routes, values_for

pytestmark = pytest.mark.django_db
IN_LAKESIDE = {"read": {"owner", "clinician", "lapsed", "student", "onlooker"}, "write": {"owner", "clinician", "student"},
               "sign": {"owner", "clinician"}, "manage": {"owner"}}  # fmt: skip
LAKESIDE = IN_LAKESIDE["read"]
MEMBERS = ("member", "owner", "clinician", "stranger")
ASKED = count()


def test_no_address_is_without_a_rule_and_no_rule_without_an_address() -> None:
    assert set(routes()) - set(RULES) == set()
    assert set(RULES) - set(routes()) == set()


def sign_in(client: Client, user: object) -> None:
    """As somebody who has just typed their password."""
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")  # type: ignore[arg-type]
    request = HttpRequest()
    request.session = client.session
    record_authentication(request, user, method="password")
    request.session.save()


@pytest.fixture
def clients(cast: casting.Cast) -> dict[str, Client]:
    found = {NOBODY: Client(raise_request_exception=True)}
    for name, user in cast.people.items():
        found[name] = Client(raise_request_exception=True)
        sign_in(found[name], user)
    return found


def refusal(rule: Rule, who: str) -> tuple[int, ...]:
    """What somebody gets who may not open an address of this rule; nothing for somebody who may."""
    if rule.needs == "":
        return ()
    if rule.needs in ("administrator", "editor"):  # for everybody else there is nothing to know
        return () if who in (rule.needs, "administrator") else (404,)
    if who == NOBODY:
        return (302,)
    if rule.needs == "account":
        return ()
    if rule.needs == "member":
        return () if who in MEMBERS else (302,)
    if who not in LAKESIDE:
        return (404,)
    return () if who in IN_LAKESIDE[rule.needs] else (403,)


def ask(client: Client, method: str, path: str) -> int:
    """The status of an answer, each asked from an address of its own: limits on tries are tested elsewhere."""
    number = next(ASKED)
    answer = client.generic(method, path, REMOTE_ADDR=f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}")
    if answer.streaming:
        deque(answer, maxlen=0)  # read to its end, what it holds open is let go
    return answer.status_code


@pytest.mark.parametrize("route", sorted(RULES))
def test_everybody_gets_what_they_may_see_and_nothing_else(
    route: str, clients: dict[str, Client], cast: casting.Cast
) -> None:
    rule = RULES[route]
    wrong, path = [], ""
    for who, client in clients.items():
        if rule.post or not path:  # what one visitor deletes is there for the next
            path = filled(route, values_for(route, cast))
        refused = refusal(rule, who)
        for method in METHODS:
            takes = rule.post if method == "POST" else rule.get
            allowed = (*refused, 405) if refused else takes or (405,)
            if (status := ask(client, method, path)) not in allowed:
                wrong.append(f"{method} {path} as {who or 'nobody'}: {status}, not {allowed}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("route", sorted(route for route, rule in RULES.items() if rule.post and not rule.exempt))
def test_nothing_is_taken_without_our_own_token(route: str, cast: casting.Cast) -> None:
    path = filled(route, values_for(route, cast))
    for who in ("owner", "administrator", "editor"):
        client = Client(enforce_csrf_checks=True)
        sign_in(client, cast[who])
        assert ask(client, "POST", path) in (403, 404), f"{path} as {who}"


@pytest.mark.parametrize("route", sorted(route for route, rule in RULES.items() if rule.needs in IN_LAKESIDE))
def test_another_clinics_things_are_not_there_for_any_method(route: str, cast: casting.Cast) -> None:
    """The owner of another clinic, a member, asks for Lakeside's addresses."""
    client = Client()
    sign_in(client, cast["stranger"])
    path = filled(route, values_for(route, cast))
    found = {method: ask(client, method, path) for method in METHODS}
    assert {method: status for method, status in found.items() if status not in (404, 405)} == {}
