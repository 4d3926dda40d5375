"""The ground of the record: what the database itself refuses, and what sealing promises."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.db import DatabaseError, connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from neurodash.errors import DataError
from neurodash.web import codes, sealed
from neurodash.web.clinic.models import Patient
from neurodash.web.people import events
from neurodash.web.people.models import Clinic, Event, User

GOOD = "q7hZ0cUeT4pXbq1mG2s9vW5yR8nK3fLdJ6aCxEiOuB0="
WORDS = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.django_db
@pytest.mark.parametrize("change", [lambda rows: rows.update(did="nothing"), lambda rows: rows.delete()])
def test_the_database_refuses_to_change_or_take_away_an_event(change: object) -> None:
    events.record("patient seen", patient="0" * 16)
    with pytest.raises(DatabaseError, match="only ever added"), transaction.atomic():
        change(Event.objects.all())  # type: ignore[operator]
    assert [event.did for event in Event.objects.all()] == ["patient seen"]


@pytest.mark.django_db
def test_nothing_about_a_person_can_be_read_in_the_database_itself() -> None:
    clinic = Clinic.objects.create(name="Lakeside")
    Patient.objects.create(clinic=clinic, label="P-1", profile={"edss": 3.5, "goals": ["walk"]}, notes="tired at noon")
    with connection.cursor() as cursor:
        cursor.execute("SELECT profile, notes FROM clinic_patient")
        raw = b"".join(bytes(cell) for cell in cursor.fetchone())
    assert b"edss" not in raw
    assert b"tired" not in raw
    kept = Patient.objects.get()
    assert Patient.objects.create(clinic=clinic, label="P-2").notes == ""
    assert (kept.profile, kept.notes) == ({"edss": 3.5, "goals": ["walk"]}, "tired at noon")


@given(WORDS)
def test_what_is_sealed_opens_again_and_only_where_it_was_sealed(value: object) -> None:
    ring = sealed.read_keys([sealed.new_key()], "test")
    closed = ring.seal(value, "clinic.patient.profile")
    assert ring.open(closed, "clinic.patient.profile") == json.loads(json.dumps(value))
    with pytest.raises(sealed.Unopened):
        ring.open(closed, "clinic.patient.notes")
    with pytest.raises(sealed.Unopened):
        ring.open(closed[:-1] + bytes([closed[-1] ^ 1]), "clinic.patient.profile")


def test_an_old_key_still_opens_and_the_new_one_seals() -> None:
    old, new = sealed.new_key(), sealed.new_key()
    closed = sealed.read_keys([old], "test").seal("x", "a")
    both = sealed.read_keys([new, old], "test")
    assert both.open(closed, "a") == "x"
    assert both.seal("x", "a")[1:5] == both.current != closed[1:5]
    with pytest.raises(sealed.Unopened, match="a key that is not here"):
        sealed.read_keys([new], "test").open(closed, "a")


def test_a_key_file_is_made_once_for_its_owner_alone_and_refused_when_others_may_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not there"):
        sealed.load(tmp_path)
    assert not (tmp_path / "keys").exists()
    first = sealed.load(tmp_path, make=True)
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o600
    assert sealed.load(tmp_path) == first
    (tmp_path / "keys").chmod(0o640)
    with pytest.raises(DataError, match="others may read"):
        sealed.load(tmp_path)


@pytest.mark.parametrize("words", ["", "short", "A" * 44, "ä" * 44, f"{GOOD} nonsense"])
def test_a_key_that_is_none_is_refused_without_being_repeated(words: str) -> None:
    with pytest.raises(DataError) as caught:
        sealed.read_keys(words.split(), "NEURODASH_KEYS")
    assert not any(word in str(caught.value) for word in words.split())


def test_codes_are_long_and_never_alike() -> None:
    made = {codes.new() for _ in range(1000)}
    assert len(made) == 1000
    assert all(len(code) == codes.LENGTH and set(code) <= set(codes.LETTERS) for code in made)


@pytest.mark.django_db
def test_an_address_is_one_account_however_it_is_written() -> None:
    user = User.objects.create_user("Ada@Example.org ", "a long password")
    assert User.objects.get_by_natural_key("ADA@example.ORG") == user
