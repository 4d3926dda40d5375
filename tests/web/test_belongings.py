"""What of the desk goes with a person: their protocols in the zip, and what nobody else sees when the account goes."""

from __future__ import annotations

import zipfile

import pytest

from neurodash.web.clinic import belongings, protocols
from neurodash.web.clinic.models import SavedProtocol
from neurodash.web.people import taking_away
from neurodash.web.shelf import shelf
from tests.web.cast import Cast

pytestmark = pytest.mark.django_db


def test_protocols_are_in_the_zip_as_files_that_the_desk_takes_in_again(cast: Cast) -> None:
    by, library = cast["clinician"], shelf().current()
    saved = protocols.save(by=by, clinic=cast.lakeside, brief="balance-training", name="Mine: ../../x", library=library)
    with taking_away.take_away(by) as file, zipfile.ZipFile(file) as archive:
        names = [name for name in archive.namelist() if name.startswith("protocols/")]
        assert names == [f"protocols/Mine-x-{saved.code}.json"]
        again = protocols.take_in(archive.read(names[0]), clinic=cast.lakeside, library=library, by=by)
    assert again.document == saved.document


def test_what_only_its_author_saw_goes_and_what_was_shared_stays(cast: Cast) -> None:
    by, library = cast["clinician"], shelf().current()
    for name, shared in (("mine", False), ("ours", True)):
        saved = protocols.save(by=by, clinic=cast.lakeside, brief="balance-training", name=name, library=library)
        if shared:
            protocols.share(saved, shared=True, by=by)
    belongings.leave(by)
    assert [each.name for each in SavedProtocol.objects.all()] == ["ours"]
