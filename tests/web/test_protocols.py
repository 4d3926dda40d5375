"""Saved protocols: keep a brief's, adapt it, share it, compare it, take it away and bring it in."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pypdf import PdfReader

from neurodash.errors import DataError
from neurodash.planning import adapted
from neurodash.planning.adapted import Span
from neurodash.planning.build import make
from neurodash.web.clinic import protocols
from neurodash.web.clinic.models import Patient, Plan, PlanVersion, SavedProtocol
from neurodash.web.people.models import Event, Seat
from tests.conftest import text_of
from tests.planning import guarantees
from tests.planning.people import ON, OURS
from tests.planning.test_adapted_protocols import SOMEBODY
from tests.web.cast import Cast

BALANCE, STRENGTH = "balance-training", "resistance-training"
AIM = "doses:0-4.5-none:aim:minutes"


def browser(cast: Cast, who: str) -> Client:
    client = Client()
    client.force_login(cast[who])
    return client


def saved(cast: Cast, who: str = "clinician", brief: str = BALANCE, **more: Any) -> SavedProtocol:
    made = protocols.save(brief=brief, name="Our balance", clinic=cast.lakeside, library=OURS, by=cast[who])
    SavedProtocol.objects.filter(pk=made.pk).update(**more)
    made.refresh_from_db()
    return made


def answers(client: Client, protocol: SavedProtocol, **more: Any) -> dict[str, Any]:
    """The form as it stands, with some answers changed: what a browser would send."""
    form = client.get(f"/desk/protocols/{protocol.code}/edit/").context["form"]
    edition = protocol.edition
    return {"edition": edition, "do": "save", **{key: list(value) for key, value in form.values.items()}, **more}


def at(protocol: SavedProtocol, *more: str) -> str:
    return "/".join(["/desk/protocols", protocol.code, *more, ""])


# Keeping one


def test_a_brief_offers_to_save_its_protocol_on_a_page_that_is_the_same_for_everybody(cast: Cast) -> None:
    link = '<a class="button quiet" href="/desk/protocols/new/?brief=balance-training">Save this protocol</a>'
    assert link in Client().get("/ms/balance-training/").content.decode()


def test_who_is_not_signed_in_signs_in_first_and_comes_back(cast: Cast) -> None:
    answer = Client().get(f"/desk/protocols/new/?brief={BALANCE}")
    assert answer.status_code == 302
    assert answer["Location"] == f"/account/login/?next=/desk/protocols/new/%3Fbrief%3D{BALANCE}"


def test_saving_keeps_the_briefs_protocol_and_leaves_an_event(cast: Cast) -> None:
    client = browser(cast, "clinician")
    page = client.get(f"/desk/protocols/new/?brief={BALANCE}")
    assert page.context["name"] == "Balance training"
    answer = client.post(
        "/desk/protocols/new/", {"brief": BALANCE, "name": " Our  balance ", "clinic": cast.lakeside.code}
    )
    kept = SavedProtocol.objects.get()
    assert answer["Location"] == at(kept, "edit")
    assert (kept.name, kept.by, kept.clinic, kept.shared) == ("Our balance", cast["clinician"], cast.lakeside, False)
    assert kept.source == OURS.protocols[BALANCE].written
    assert kept.library == OURS.version
    event = Event.objects.get()
    assert (event.did, event.about, event.who, event.more) == ("protocol saved", kept.code, cast["clinician"].code, {})


def test_who_has_several_clinics_is_asked_which(cast: Cast) -> None:
    Seat.objects.create(clinic=cast.harbour, user=cast["clinician"], role="student")
    page = browser(cast, "clinician").get(f"/desk/protocols/new/?brief={BALANCE}")
    assert "Lakeside Neuro" in text_of(page.content)
    assert "Harbour Practice" in text_of(page.content)


@pytest.mark.parametrize("who", ["reader", "member", "lapsed", "onlooker"])
def test_who_may_not_save_is_told_why_and_nothing_is_kept(who: str, cast: Cast) -> None:
    client = browser(cast, who)
    page = client.get(f"/desk/protocols/new/?brief={BALANCE}")
    assert page.status_code == 403
    assert "/desk/" in page.content.decode()
    sent = client.post("/desk/protocols/new/", {"brief": BALANCE, "name": "X", "clinic": cast.lakeside.code})
    assert sent.status_code == 403
    assert not SavedProtocol.objects.exists()


def test_another_clinic_cannot_be_saved_into(cast: Cast) -> None:
    sent = {"brief": BALANCE, "name": "X", "clinic": cast.harbour.code}
    assert browser(cast, "clinician").post("/desk/protocols/new/", sent).status_code == 404
    assert not SavedProtocol.objects.exists()


@pytest.mark.parametrize("name", ["", "   ", "x" * 121, "a\u202eb"])
def test_a_name_that_cannot_be_one_comes_back_with_what_is_accepted(name: str, cast: Cast) -> None:
    sent = {"brief": BALANCE, "name": name, "clinic": cast.lakeside.code}
    page = browser(cast, "clinician").post("/desk/protocols/new/", sent)
    assert page.status_code == 400
    assert "a name of 1 to 120 characters" in text_of(page.content)
    assert page.context["name"] == name


@pytest.mark.parametrize("brief", ["", "no-such", "../etc"])
def test_a_brief_that_is_not_there_is_not_found(brief: str, cast: Cast) -> None:
    assert browser(cast, "clinician").get("/desk/protocols/new/", {"brief": brief}).status_code == 404


# Adapting


@pytest.mark.parametrize("brief", [BALANCE, STRENGTH])
def test_a_form_sent_as_it_came_changes_nothing_but_the_edition(brief: str, cast: Cast) -> None:
    kept, client = saved(cast, brief=brief), browser(cast, "clinician")
    assert client.post(at(kept, "edit"), answers(client, kept)).status_code == 302
    now = SavedProtocol.objects.get()
    assert (now.document, now.name, now.edition) == (kept.document, kept.name, 2)
    assert Event.objects.filter(did="protocol changed", about=kept.code).count() == 1


def test_what_is_adapted_is_kept_and_a_plan_goes_by_it(cast: Cast) -> None:
    kept, client = saved(cast), browser(cast, "clinician")
    use = [name for name in answers(client, kept)["use"] if name not in ("gait", "stability-limits")]
    sent = answers(client, kept, use=use, note="Fans on.", out=["foam-stand"]) | {
        "name": "Tuesday group", "note:static": "Rail first", f"{AIM}:low": "45", f"{AIM}:high": "45", f"{AIM}:why": "45-minute slots",
    }  # fmt: skip
    assert client.post(at(kept, "edit"), sent).status_code == 302
    now = SavedProtocol.objects.get()
    own = protocols.adaptation_of(now)
    assert now.name == "Tuesday group"
    assert set(own.ladders_left_out) == {"gait", "stability-limits"}
    assert own.exercises_left_out == ("foam-stand",)
    assert (own.note, own.phases["static"].note) == ("Fans on.", "Rail first")
    library = protocols.library_with(OURS, now)
    assert library.version == f"{OURS.version}+{now.code}.2"
    plan = make(guarantees.read(SOMEBODY), library, ON)
    assert plan.library == library.version
    assert not {"gait", "stability-limits"} & {i.ladder for s in plan.sessions for i in s.items}
    page = text_of(client.get(at(now)).content)
    for told in ("Tuesday group", "Fans on.", "Rail first", "clinician, outside 60 by BAL-HIBAL23", "45-minute slots"):
        assert told in page


def test_an_amount_outside_its_rows_is_refused_with_them_and_nothing_typed_is_lost(cast: Cast) -> None:
    kept, client = saved(cast), browser(cast, "clinician")
    sent = answers(client, kept) | {f"{AIM}:low": "45", f"{AIM}:high": "45", "note": "Typed in a hurry"}
    page = client.post(at(kept, "edit"), sent)
    told = text_of(page.content)
    assert page.status_code == 400
    assert "inside the rows cited, 60 by BAL-HIBAL23" in told
    assert OURS.guidelines["BAL-HIBAL23"].statement_own_words.split("’")[0][:40] in told
    assert f'name="{AIM}:why"' in page.content.decode()
    assert "Typed in a hurry" in told
    assert f'name="{AIM}:low" value="45"' in page.content.decode()
    now = SavedProtocol.objects.get()
    assert (now.edition, now.document) == (1, kept.document)


@pytest.mark.parametrize("low", ["", "many", "-3", "1e9", "9" * 400, "٣", "0"])
def test_what_is_no_number_is_named_at_its_field(low: str, cast: Cast) -> None:
    kept, client = saved(cast), browser(cast, "clinician")
    page = client.post(at(kept, "edit"), answers(client, kept) | {f"{AIM}:low": low})
    assert page.status_code == 400
    assert list(page.context["form"].errors) == [AIM]
    assert f'href="#f-{AIM}"' in page.content.decode()
    assert SavedProtocol.objects.get().edition == 1


def test_fields_that_nobody_asked_for_change_nothing(cast: Cast) -> None:
    kept, client = saved(cast), browser(cast, "clinician")
    sent = answers(client, kept) | {
        "by": cast["stranger"].pk, "clinic": cast.harbour.code, "shared": "yes", "brief": STRENGTH, "source": "{}",
        "phases:static:weeks": "1", "phases:reactive:edss": "9", "library": "x", "code": "x" * 16,
    }  # fmt: skip
    client.post(at(kept, "edit"), sent)
    now = SavedProtocol.objects.get()
    for name in ("by_id", "clinic_id", "shared", "brief", "source", "library", "code", "document"):
        assert getattr(now, name) == getattr(kept, name)


def test_a_ladder_moves_before_its_neighbour_and_nothing_is_saved_yet(cast: Cast) -> None:
    kept, client = saved(cast), browser(cast, "clinician")
    page = client.post(at(kept, "edit"), answers(client, kept, do="down anticipatory") | {"note": "still here"})
    order = page.context["form"].values["ladder"]
    assert order.index("onto-one-leg") < order.index("anticipatory")
    assert "still here" in text_of(page.content)
    assert SavedProtocol.objects.get().edition == 1
    client.post(at(kept, "edit"), answers(client, kept, ladder=order))
    assert list(protocols.adaptation_of(SavedProtocol.objects.get()).ladders) == order


@pytest.mark.parametrize("note", ["<script>alert(1)</script>", "{{ note }}", "‮abc", "a" * 2001, "a\x00b", "\ud800"])
def test_hostile_notes_are_shown_as_text_or_refused(note: str, cast: Cast) -> None:
    kept, client = saved(cast), browser(cast, "clinician")
    sent = answers(client, kept) | {"note": note.encode("utf-8", "replace").decode()}
    answer = client.post(at(kept, "edit"), sent)
    assert answer.status_code in (302, 400)
    assert b"<script>alert" not in client.get(at(kept)).content


# Two at once


def test_a_stale_edition_is_refused_both_are_shown_and_what_was_typed_stays(cast: Cast) -> None:
    kept = saved(cast, shared=True)
    first, second = browser(cast, "clinician"), browser(cast, "owner")
    mine, theirs = answers(second, kept), answers(first, kept)
    assert first.post(at(kept, "edit"), {**theirs, "note": "Theirs", "name": "A"}).status_code == 302
    page = second.post(at(kept, "edit"), {**mine, "note": "Mine", "name": "B"})
    assert page.status_code == 409
    told = text_of(page.content)
    assert "it changed while you were writing" in told
    assert ("Name", "A", "B") in page.context["conflict"]["rows"]
    assert ("Notes", "Theirs", "Mine") in page.context["conflict"]["rows"]
    assert SavedProtocol.objects.get().name == "A"
    again = {**mine, "note": "Mine", "name": "B", "edition": page.context["edition"]}
    assert second.post(at(kept, "edit"), again).status_code == 302
    assert (SavedProtocol.objects.get().name, SavedProtocol.objects.get().edition) == ("B", 3)


def test_a_protocol_deleted_meanwhile_is_not_found(cast: Cast) -> None:
    kept, client = saved(cast), browser(cast, "clinician")
    sent = answers(client, kept)
    protocols.delete(SavedProtocol.objects.get(), by=cast["clinician"])
    assert client.post(at(kept, "edit"), sent).status_code == 404


# Sharing, copying, deleting


def test_only_its_author_sees_a_protocol_until_it_is_shared(cast: Cast) -> None:
    kept = saved(cast)
    for who in ("owner", "student", "onlooker"):
        assert browser(cast, who).get(at(kept)).status_code == 404
    assert browser(cast, "clinician").post(at(kept, "share"), {"shared": "yes"}).status_code == 302
    for who in ("owner", "student", "onlooker", "lapsed"):
        assert browser(cast, who).get(at(kept)).status_code == 200
    assert browser(cast, "stranger").get(at(kept)).status_code == 404
    browser(cast, "clinician").post(at(kept, "share"), {"shared": "no"})
    assert browser(cast, "owner").get(at(kept)).status_code == 404
    assert list(Event.objects.order_by("id").values_list("did", flat=True)) == [
        "protocol saved", "protocol shared", "protocol no longer shared",
    ]  # fmt: skip


def test_of_a_shared_one_everybody_makes_a_copy_and_only_author_and_owner_change_it(cast: Cast) -> None:
    kept = saved(cast, shared=True)
    student = browser(cast, "student")
    assert student.get(at(kept, "edit")).status_code == 403
    assert b"Make a copy" in student.post(at(kept, "delete")).content
    assert student.post(at(kept, "copy")).status_code == 302
    made = SavedProtocol.objects.exclude(pk=kept.pk).get()
    assert (made.by, made.shared, made.document, made.name) == (
        cast["student"],
        False,
        kept.document,
        "Our balance, a copy",
    )
    assert student.get(at(made, "edit")).status_code == 200
    assert browser(cast, "owner").get(at(kept, "edit")).status_code == 200


def test_deleting_asks_first_and_plans_keep_their_versions(cast: Cast) -> None:
    kept, client = saved(cast), browser(cast, "clinician")
    patient = Patient.objects.create(clinic=cast.lakeside, label="P-1")
    plan = Plan.objects.create(clinic=cast.lakeside, patient=patient, protocol=kept, starts_on=ON, weeks=12)
    PlanVersion.objects.create(plan=plan, number=1, document={"format": 1}, library="x")
    assert "1\u00a0plan made from it keeps every version" in client.get(at(kept, "delete")).content.decode()
    assert SavedProtocol.objects.exists()
    client.post(at(kept, "delete"))
    plan.refresh_from_db()
    assert not SavedProtocol.objects.exists()
    assert plan.protocol is None
    assert plan.versions.get().document == {"format": 1}
    assert Event.objects.filter(did="protocol deleted", about=kept.code).exists()


PAGES = ("", "edit", "compare", "delete", "file", "pdf", "share", "copy")


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("who", ["stranger", "member", "reader"])
def test_another_clinics_protocol_is_not_there_for_any_method(page: str, who: str, cast: Cast) -> None:
    kept = saved(cast, shared=True)
    client, address = browser(cast, who), at(kept, *filter(None, [page]))
    for method in (client.get, client.post, client.put, client.delete):
        assert method(address).status_code in (404, 405)
    assert SavedProtocol.objects.get().edition == 1
    assert client.get(f"/desk/{cast.lakeside.code}/protocols/").status_code == 404
    assert client.post(f"/desk/{cast.lakeside.code}/protocols/import/").status_code == 404


def test_when_membership_has_ended_reading_and_taking_away_stay(cast: Cast) -> None:
    kept, client = saved(cast, "lapsed"), browser(cast, "lapsed")
    for page in ("", "compare", "file"):
        assert client.get(at(kept, *filter(None, [page]))).status_code == 200
    assert b"Build a plan from this" not in client.get(at(kept)).content
    assert client.get(f"/desk/{cast.lakeside.code}/protocols/").status_code == 200
    for page in ("edit", "compare", "delete", "share", "copy"):
        assert client.post(at(kept, page)).status_code == 403
    assert client.get(f"/desk/{cast.lakeside.code}/protocols/import/").status_code == 403
    assert SavedProtocol.objects.get().document == kept.document


def test_a_post_without_its_token_is_refused(cast: Cast) -> None:
    kept = saved(cast)
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast["clinician"])
    for page in ("edit", "compare", "delete", "share", "copy"):
        assert client.post(at(kept, page)).status_code == 403
    assert SavedProtocol.objects.filter(shared=False).count() == 1


# The brief since then


def older(cast: Cast, **more: Any) -> SavedProtocol:
    """Saved from another edition of the brief: the first dose began with 15 to 25 minutes, and a text was another."""
    kept = saved(cast, **more)
    source = json.loads(json.dumps(kept.source))
    source["doses"][0]["start"]["minutes"] = {"low": 15, "high": 25}
    source["phases"][0]["do"] = "Stand. {{ expert }}"
    own = protocols.adaptation_of(kept).with_amount(("doses", "0-4.5-none", "start", "minutes"), Span(15, 25))
    SavedProtocol.objects.filter(pk=kept.pk).update(source=source, document=own.mapping, library="before")
    kept.refresh_from_db()
    return kept


def test_what_the_brief_changed_is_told_in_the_list_on_the_page_and_each_in_words(cast: Cast) -> None:
    kept, client = older(cast), browser(cast, "clinician")
    assert "2\u00a0differences" in client.get(f"/desk/{cast.lakeside.code}/protocols/").content.decode()
    assert "The brief changed since you saved this: 2\u00a0differences." in client.get(at(kept)).content.decode()
    told = text_of(client.get(at(kept, "compare")).content)
    assert (
        "Dose, EDSS 0 to 4.5, new to it: minutes a session at the start Before 15 to 25 (expert judgement) Now 20 to 30"
        in told
    )
    assert "Phase “Static”: what is done Before Stand. Now Stand with feet apart" in told


@pytest.mark.parametrize(("do", "minutes"), [("take", Span(20, 30)), ("keep", Span(15, 25))])
def test_one_press_takes_over_or_keeps_and_it_is_not_asked_again(do: str, minutes: Span, cast: Cast) -> None:
    kept, client = older(cast), browser(cast, "clinician")
    place = "doses/0-4.5-none/start/minutes"
    assert client.post(at(kept, "compare"), {"edition": 1, "do": f"{do} {place}"}).status_code == 302
    now = SavedProtocol.objects.get()
    assert protocols.adaptation_of(now).amount(("doses", "0-4.5-none", "start", "minutes")) == minutes
    assert [each.place for each in protocols.differences(now, OURS)] == ["phases/static/do"]
    assert client.post(at(kept, "compare"), {"edition": 2, "do": "take phases/static/do"}).status_code == 302
    now = SavedProtocol.objects.get()
    assert protocols.differences(now, OURS) == ()
    assert (now.library, now.edition) == (OURS.version, 3)


def test_settling_an_old_edition_is_refused(cast: Cast) -> None:
    kept, client = older(cast), browser(cast, "clinician")
    SavedProtocol.objects.update(edition=5)
    page = client.post(at(kept, "compare"), {"edition": 1, "do": "take doses/0-4.5-none/start/minutes"})
    assert page.status_code == 409
    assert "changed this protocol while you were looking" in text_of(page.content)
    assert SavedProtocol.objects.get().document == kept.document


@pytest.mark.parametrize(("do", "status"), [("take nothing/here", 400), ("burn it", 404), ("", 404), ("take ", 400)])
def test_what_is_not_open_cannot_be_settled(do: str, status: int, cast: Cast) -> None:
    kept, client = older(cast), browser(cast, "clinician")
    assert client.post(at(kept, "compare"), {"edition": 1, "do": do}).status_code == status
    assert SavedProtocol.objects.get().source == kept.source


def test_a_protocol_whose_amounts_left_their_rows_says_what_to_mend_and_makes_no_plan(cast: Cast) -> None:
    kept = saved(cast)
    own = protocols.adaptation_of(kept).with_amount(("doses", "0-4.5-none", "aim", "minutes"), Span(90, 90))
    SavedProtocol.objects.update(document=own.mapping)
    page = browser(cast, "clinician").get(at(kept))
    assert page.status_code == 200
    assert "No plan can be made from it until this is mended" in text_of(page.content)
    assert b"Build a plan from this" not in page.content
    with pytest.raises(DataError, match="inside the rows cited, 60"):
        protocols.library_with(OURS, SavedProtocol.objects.get())


def test_a_protocol_whose_brief_is_gone_stays_readable(cast: Cast) -> None:
    kept, client = saved(cast, brief=BALANCE), browser(cast, "clinician")
    SavedProtocol.objects.update(brief="swimming")
    assert "no longer in the library" in text_of(client.get(at(kept)).content)
    assert client.get(f"/desk/{cast.lakeside.code}/protocols/").status_code == 200
    assert client.get(at(kept, "file")).status_code == 200
    assert client.get(at(kept, "edit")).status_code == 302
    assert client.get(at(kept, "compare")).status_code == 200


# As a file


def sent(client: Client, cast: Cast, data: bytes) -> Any:
    file = SimpleUploadedFile("p.json", data)
    return client.post(f"/desk/{cast.lakeside.code}/protocols/import/", {"file": file})


@pytest.mark.parametrize("brief", [BALANCE, STRENGTH])
def test_the_file_of_a_file_is_the_same_bytes(brief: str, cast: Cast) -> None:
    kept = saved(cast, brief=brief)
    own = protocols.adaptation_of(kept).with_amount(
        ("phases", next(iter(kept.document["phases"])), "reserve" if brief == STRENGTH else "difficulty"), Span(2.5, 6)
    )
    SavedProtocol.objects.update(document={**own.mapping, "note": "Zwölf\nfans “on” 😀"}, name="Group – Tüesday")
    client = browser(cast, "clinician")
    first = client.get(at(kept, "file"))
    assert first["Content-Disposition"] == 'attachment; filename="group-t-esday.json"'
    answer = sent(browser(cast, "owner"), cast, first.content)
    assert answer.status_code == 302
    made = SavedProtocol.objects.exclude(pk=kept.pk).get()
    assert (made.by, made.shared, made.name) == (cast["owner"], False, "Group – Tüesday")
    assert browser(cast, "owner").get(at(made, "file")).content == first.content
    assert Event.objects.filter(did="protocol imported", about=made.code).exists()


def written(cast: Cast) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(protocols.to_file(saved(cast)))
    SavedProtocol.objects.all().delete()
    return found


def deep(of: Any, path: str, value: Any) -> Any:
    """A copy with one thing in it changed."""
    key, _, rest = path.partition("/")
    made = dict(of) if isinstance(of, dict) else list(of)
    at_ = int(key) if isinstance(of, list) else key
    made[at_] = deep(made[at_], rest, value) if rest else value
    return made


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("format", 2, "format 1: another version of the program"),
        ("brief", "balance-trainning", "balance-training, resistance-training. Did you mean balance-training?"),
        ("name", "", "a name without spaces"),
        ("name", "x" * 121, "at most 120"),
        ("library", "../x", "library"),
        ("colour", "red", "an unknown key “colour”"),
        ("protocol/ladderz", [], "Did you mean ladders?"),
        ("protocol/ladders", ["gaitt"], "Did you mean gait?"),
        ("protocol/exercises_left_out", ["foam-stan"], "Did you mean foam-stand?"),
        ("protocol/phases/static/amounts/difficulty", {"low": 0, "high": 6}, "more than 0"),
        ("protocol/phases/static/amounts/difficulty", {"low": "3", "high": 6}, "protocol.phases.static.amounts.difficulty.low"),
        ("protocol/phases/static/weeks", [1, 2], "an unknown key"),
        ("protocol/doses/0-4.5-none/aim/minutes", {"low": 90, "high": 90}, "inside the rows cited, 60"),
        ("protocol/doses/0-4.5-none/aim/minuts", {"low": 60, "high": 60}, "Did you mean minutes?"),
        ("protocol/note", "a\u0000b", "control characters"),
        ("protocol/note", "x" * 2001, "at most 2,000"),
        ("source/id", "resistance-training", "the brief of this file"),
        ("source/phases/0/weeks", "soon", "source"),
        ("source/name", "a\u202eb", "texts without control characters"),
        ("source", [], "a mapping"),
        ("protocol", None, "protocol"),
    ],
)  # fmt: skip
def test_a_file_that_is_wrong_says_where_and_nothing_is_kept(path: str, value: Any, told: str, cast: Cast) -> None:
    data = json.dumps(deep(written(cast), path, value), indent=1).encode()
    page = sent(browser(cast, "clinician"), cast, data)
    assert page.status_code == 400
    assert told in " ".join(page.context["problems"])
    assert "the file:" in page.context["problems"][0]
    assert not SavedProtocol.objects.exists()


def test_every_problem_of_a_file_is_told_at_once_with_its_line(cast: Cast) -> None:
    data = deep(written(cast), "protocol/doses/0-4.5-none/aim/minutes", {"low": 90, "high": 90})
    data = deep(data, "protocol/exercises_left_out", ["foam-stan"])
    text = json.dumps(data, indent=1)
    lines = [number for number, line in enumerate(text.splitlines(), start=1) if '"minutes"' in line]
    told = sent(browser(cast, "clinician"), cast, text.encode()).context["problems"]
    assert len(told) == 2
    assert any(each.startswith(f"the file:{number}: protocol.doses") for each in told for number in lines)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b"[]", b"null", b"\xff\xfe", b"{}", b'{"format": 1}', b'{"format": 1, "format": 1}', b"[" * 100_000,
        b'{"a":' * 50_000, b"1" * 300_000, b'{"format": 1e999}', b'{"format": NaN}', b'{"name": "\\ud800"}', b"PK\x03\x04",
    ],
    ids=range(15),
)  # fmt: skip
def test_no_hostile_file_is_taken_in_or_breaks_anything(data: bytes, cast: Cast) -> None:
    page = sent(browser(cast, "clinician"), cast, data)
    assert page.status_code == 400
    assert page.context["problems"]
    assert not SavedProtocol.objects.exists()


def test_a_file_cannot_move_a_gate(cast: Cast) -> None:
    """What a file says of the brief is for comparing alone: plans take phases and their weeks from the brief of today."""
    data = written(cast)
    for phase in data["source"]["phases"]:
        phase["weeks"], phase["edss"], phase["opens"] = [1, 1], [0, 9.5], ["attention", "speed", "movement"]
    sent(browser(cast, "clinician"), cast, json.dumps(data).encode())
    made = protocols.library_with(OURS, SavedProtocol.objects.get()).protocols[BALANCE]
    assert [p.keys.model_dump(exclude={"amounts"}) for p in made.phases] == [
        p.keys.model_dump(exclude={"amounts"}) for p in OURS.protocols[BALANCE].phases
    ]


def test_a_file_with_script_in_it_is_shown_as_text(cast: Cast) -> None:
    data = deep(written(cast), "name", "<script>alert(1)</script>")
    data = deep(data, "source/phases/0/do", "<img src=x onerror=alert(1)> {{ expert }}")
    client = browser(cast, "clinician")
    answer = sent(client, cast, json.dumps(data).encode())
    if answer.status_code == 302:
        kept = SavedProtocol.objects.get()
        for page in ("", "compare", "edit", "delete"):
            shown = client.get(at(kept, *filter(None, [page]))).content
            assert b"<script>alert" not in shown
            assert b"<img src=x" not in shown


# Lists


def test_the_list_asks_the_database_no_more_often_for_many(cast: Cast, django_assert_max_num_queries: Any) -> None:
    client = browser(cast, "clinician")
    for _ in range(30):
        saved(cast, "owner", shared=True)
    saved(cast, "owner")
    with django_assert_max_num_queries(12):
        page = client.get(f"/desk/{cast.lakeside.code}/protocols/")
    assert len(page.context["rows"]) == 30


def test_an_empty_list_tells_the_next_step(cast: Cast) -> None:
    page = browser(cast, "clinician").get(f"/desk/{cast.lakeside.code}/protocols/").content.decode()
    assert "No protocol is saved yet" in page
    assert f"/desk/protocols/new/?brief={BALANCE}" in page


def test_the_adaptation_in_the_database_is_the_one_that_was_read(cast: Cast) -> None:
    kept = saved(cast, brief=STRENGTH)
    assert protocols.adaptation_of(kept) == adapted.unchanged(OURS.protocols[STRENGTH], OURS)


def test_a_protocol_is_printed_with_what_is_its_own(cast: Cast) -> None:
    kept = saved(cast, shared=True)
    SavedProtocol.objects.update(document={**kept.document, "note": "Fans on in summer."})
    answer = browser(cast, "lapsed").get(at(kept, "pdf"))
    assert answer["Content-Disposition"] == 'attachment; filename="our-balance.pdf"'
    pages = "".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages)
    assert "Our balance" in pages
    assert "Fans on in summer." in pages
    assert browser(cast, "stranger").get(at(kept, "pdf")).status_code == 404
