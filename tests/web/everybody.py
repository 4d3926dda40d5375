"""Every address of the site and who may open it.

The addresses come from the URL table itself (`routes`), so that a new page cannot be forgotten: one that no rule below
names fails the test. A rule says what each of the cast gets for a GET, and whether the address takes a POST.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from tests.web.cast import Cast

METHODS = ("GET", "HEAD", "POST")  # the door lets no other in (test_door.py)
MADE = count(1)
NOBODY = ""  # who has not signed in


@dataclass(frozen=True)
class Rule:
    """Who may open an address, and what it takes.

    `needs`: nothing (everybody), `account` (signed in), `member`, `administrator`, `editor`, or read, write, sign, manage
    (in the clinic it belongs to). `get`: the statuses that somebody allowed may get; `post`: the same for a POST without
    a word in it, or () where none is taken. `exempt`: takes a POST from elsewhere, without our token, and why.
    """

    needs: str
    get: tuple[int, ...] = (200,)
    post: tuple[int, ...] = ()
    exempt: str = ""


def routes() -> dict[str, URLPattern]:
    """Every route of the URL table as it is written there."""

    def below(patterns: list[Any], before: str) -> Iterator[tuple[str, URLPattern]]:
        for each in patterns:
            here = before + str(each.pattern)
            if isinstance(each, URLResolver):
                yield from below(each.url_patterns, here)
            else:
                yield "/" + re.sub(r"[\^$]|\\Z", "", here).lstrip("/"), each

    return dict(below(get_resolver().url_patterns, ""))


def filled(route: str, values: dict[str, str]) -> str:
    """A route with its parts filled in: `<own:code>` and `(?P<key>…)` alike. Raises KeyError naming a part without a value."""
    path = re.sub(
        r"<(?:\w+:)?(\w+)>",
        lambda found: values[found[1]],
        re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", r"<\1>", route),
    )
    return path.replace("\\", "")


def values_for(route: str, cast: Cast) -> dict[str, str]:
    """What to fill a route in with: things of Lakeside, made on the way by the actions a clinician's clicks call."""
    things = _things(cast) if "<own:" in route else {}
    by_place = {
        "/desk/patients/": "patient", "/desk/plans/": "plan", "/desk/protocols/": "protocol",
        "/administration/people/": "reader",
    }  # fmt: skip
    kind = next((kind for place, kind in by_place.items() if route.startswith(place)), "")
    if "/invitations/" in route:
        kind = "invitation"
    if kind == "" and route.startswith("/desk/<own:code>"):
        kind = "lakeside"
    own = things.get(kind, "ms")
    if route.startswith("/evidence/trials/"):
        reading = {"intervention": "balance", "outcome": "balance"}
    else:
        reading = {"outcome": "balance"}
    slug = {"/exercises/ladders/<slug:slug>/": "calf", "/exercises/<slug:slug>/": "wall-slide"}
    return {
        "code": own, "clinic": cast.lakeside.code, "score": things.get("score", ""), "person": cast["student"].code,
        "number": "1", "slug": slug.get(route, "balance-training"), "table": "guidelines", "result_id": RESULT, "path": "nothing.svg",
        "pk": "1", "key": "nonsense", "uidb36": "1", **reading,
    }  # fmt: skip


def _things(cast: Cast) -> dict[str, str]:
    from neurodash.web.clinic import patients, plans, protocols
    from neurodash.web.clinic.models import Score
    from neurodash.web.people.models import Invitation
    from neurodash.web.shelf import shelf

    by, clinic, library = cast["clinician"], cast.lakeside, shelf().current()
    today = dt.date(2026, 11, 21)
    profile = {"edss": 3, "falls_6_months": 0, "precautions": [], "setting": "home_with_partner", "focus": ["balance"]}
    number = next(MADE)  # fresh for everybody: what one visitor deletes is there for the next
    patient = patients.add_patient(by=by, clinic=clinic, label=f"P-{number}", profile=profile)
    patients.add_scores(by=by, patient=patient, scores=[patients.Taken("TUG", "", today, 11.0)])
    document = plans.made(patients.planner_profile(patient), library, today, today)
    plan = plans.keep(by=by, patient=patient, document=document)
    failed = [check.id for check in plans.failed(document.plan)]
    plans.sign(by=by, plan=plan, on_version=1, ticked=failed)
    saved = protocols.save(by=by, clinic=clinic, brief="balance-training", name="Ours", library=library)
    protocols.share(saved, shared=True, by=by)
    invitation = Invitation.objects.create(
        clinic=clinic, email=f"new{number}@example.org", role="reader", proof=f"{number:064}"
    )
    return {
        "patient": patient.code, "plan": plan.code, "protocol": saved.code, "invitation": invitation.code,
        "score": Score.objects.get(patient=patient).code, "lakeside": clinic.code, "reader": cast["reader"].code,
    }  # fmt: skip


TAKES = (200, 302, 303, 400, 409)  # what a POST without a word in it may come to
FREE = Rule("")
ACCOUNT = Rule("account", get=(200, 302), post=TAKES)
ADMIN = Rule("administrator", get=(), post=TAKES)
RESULT = "aancbt2025-fatigue"
RULES: dict[str, Rule] = {
    # the free library
    **dict.fromkeys(
        ("/", "/about/", "/accessibility/", "/how-checking-works/", "/privacy/", "/robots.txt", "/evidence/",
         "/evidence/trials/", "/evidence/retractions/", "/exercises/", "/exercises/pictures/", "/exercises/together/",
         "/exercises/ladders/", "/exercises/ladders/<slug:slug>/", "/exercises/<slug:slug>/", "/sources/<slug:table>/",
         "/evidence/trials/<slug:intervention>/<slug:outcome>/", "/evidence/trials/<slug:intervention>/<slug:outcome>.csv",
         "/evidence/<code:result_id>/", "/<slug:code>/", "/<slug:code>/<slug:slug>/", "/membership/",
         "/<slug:code>/<slug:slug>/evidence/<slug:outcome>/", "/<slug:code>/<slug:slug>/evidence/<slug:outcome>.csv"),
        FREE,
    ),
    "/-/health": Rule("", get=(200, 503)), "/-/metrics": Rule("", get=(404,)),
    "/feed.xml": Rule("", get=(200, 404)), "/sitemap.xml": Rule("", get=(200, 404)),
    "/-/watched": Rule("", get=(404,), post=(404,), exempt="there is nothing"), "/content/<path:path>": Rule("", get=(404,)),
    "/plans/": Rule("", get=(302,), post=(302,), exempt="it only leads on"),
    "/plans/new/": Rule("", post=(200, 400), exempt="nothing is stored"),
    # members
    "/<slug:code>/<slug:slug>/deep-dive/": Rule("member"), "/<slug:code>/<slug:slug>/brief.pdf": Rule("member"),
    "/<slug:code>/<slug:slug>/protocol.pdf": Rule("member"),
    "/membership/yours/": Rule("account"), "/membership/join/": Rule("account", get=(), post=(*TAKES, 404)),
    "/membership/manage/": Rule("account", get=(), post=(*TAKES, 404)),
    "/membership/thanks/": Rule("account", get=(200, 302, 404)), "/membership/left/": Rule("account", get=(200, 302, 404)),
    "/membership/stripe/": Rule("", get=(405, 404), post=(400, 404), exempt="signed by the payment service"),
    # administration
    "/administration/": Rule("administrator", get=(200, 302)), "/administration/library/": Rule("editor"),
    "/administration/people/<own:code>/": Rule("administrator", get=(200, 302)),
    **{f"/administration/people/<own:code>/{act}/": ADMIN for act in ("grant", "end", "roles", "close", "open", "forget-factors")},
    # the account
    **dict.fromkeys(
        ("/account/", "/account/delete/", "/account/email/", "/account/password/change/", "/account/password/set/",
         "/account/reauthenticate/", "/account/sessions/", "/account/2fa/", "/account/2fa/reauthenticate/",
         "/account/2fa/totp/activate/", "/account/2fa/totp/deactivate/", "/account/2fa/recovery-codes/",
         "/account/2fa/recovery-codes/generate/", "/account/2fa/recovery-codes/download/", "/account/2fa/webauthn/",
         "/account/2fa/webauthn/add/", "/account/2fa/webauthn/reauthenticate/",
         "/account/2fa/webauthn/keys/<int:pk>/remove/", "/account/2fa/webauthn/keys/<int:pk>/edit/"),
        Rule("account", get=(200, 302, 404, 405), post=(*TAKES, 404, 405)),
    ),
    "/account/export/": Rule("account", get=(), post=(200,)),
    **dict.fromkeys(
        ("/account/login/", "/account/logout/", "/account/inactive/", "/account/signup/", "/account/confirm-email/",
         "/account/password/reset/", "/account/password/reset/done/", "/account/password/reset/key/done/",
         "/account/login/code/confirm/", "/account/confirm-email/(?P<key>[-:\\w]+)/",
         "/account/password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/", "/account/2fa/authenticate/",
         "/account/2fa/webauthn/login/"),
        Rule("", get=(200, 302, 404, 405), post=(200, 302, 400, 403, 404, 405)),
    ),
    # the desk
    "/desk/": Rule("account", get=(200, 302)), "/desk/clinics/": Rule("account", get=(200, 302)), "/desk/clinics/new/": Rule("account", get=(200, 302, 403), post=(*TAKES, 403)),
    "/desk/invitation/": Rule("", get=(200, 302, 404), post=(302, 400, 404)),
    "/desk/<own:clinic>/": Rule("read"), "/desk/<own:clinic>/patients/new/": Rule("write", post=TAKES),
    "/desk/<own:clinic>/record/": Rule("manage", post=TAKES), "/desk/<own:clinic>/people/": Rule("read"),
    **{f"/desk/<own:clinic>/people/{page}": Rule("manage", get=(200, 302), post=(*TAKES, 404))
       for page in ("name/", "invitations/", "invitations/<own:code>/", "<own:person>/")},
    "/desk/<own:clinic>/people/leave/": Rule("read", post=TAKES),
    "/desk/<own:clinic>/events/": Rule("manage"), "/desk/<own:clinic>/events.csv": Rule("manage"),
    "/desk/<own:code>/signing/": Rule("read"),
    "/desk/patients/<own:code>/": Rule("read"), "/desk/patients/<own:code>/scores/": Rule("read"),
    **{f"/desk/patients/<own:code>/{act}/": Rule("write", get=(), post=(*TAKES, 404)) for act in ("looked-at", "care")},
    **{f"/desk/patients/<own:code>/{page}/": Rule("write", post=TAKES) for page in ("notes", "profile", "plans/new")},
    "/desk/patients/<own:code>/scores/new/": Rule("write", get=(200, 302), post=TAKES),
    "/desk/patients/<own:code>/scores/<own:score>/back/": Rule("write", get=(200, 404), post=(*TAKES, 404)),
    "/desk/patients/<own:code>/delete/": Rule("manage", post=TAKES),
    "/desk/<own:clinic>/protocols/": Rule("read"), "/desk/<own:clinic>/protocols/import/": Rule("write", post=TAKES),
    "/desk/protocols/new/": Rule("account", get=(200, 302, 403, 404), post=(*TAKES, 403, 404)),
    "/desk/protocols/<own:code>/": Rule("read"), "/desk/protocols/<own:code>/compare/": Rule("read", post=(*TAKES, 403, 404)),
    "/desk/protocols/<own:code>/file/": Rule("read"), "/desk/protocols/<own:code>/pdf/": Rule("read"),
    "/desk/protocols/<own:code>/plan/": Rule("write"),
    **{f"/desk/protocols/<own:code>/{page}/": Rule("write", get=(200, 403, 404), post=(*TAKES, 403, 404))
       for page in ("edit", "delete")},
    **{f"/desk/protocols/<own:code>/{act}/": Rule("write", get=(), post=(*TAKES, 403)) for act in ("share", "copy")},
    "/desk/plans/<own:code>/": Rule("read"), "/desk/plans/<own:code>/versions/": Rule("read"),
    "/desk/plans/<own:code>/versions/<int:number>/": Rule("read"),
    "/desk/plans/<own:code>/versions/<int:number>/plan.pdf": Rule("read"), "/desk/plans/<own:code>/plan.json": Rule("read"),
    "/desk/plans/<own:code>/change/": Rule("write", get=(), post=TAKES),
    "/desk/plans/<own:code>/sheet.pdf": Rule("write", get=(), post=TAKES),
    "/desk/plans/<own:code>/sign/": Rule("write", post=(*TAKES, 403)),
}  # fmt: skip
