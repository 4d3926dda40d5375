"""What of the desk is a person's own: taken away with their account, gone with it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from neurodash.web.clinic.models import SavedProtocol
from neurodash.web.clinic.protocols import to_file
from neurodash.web.people.models import User


def files(user: User) -> Mapping[str, bytes]:
    """The saved protocols that somebody wrote, each as the file that the desk takes in again."""
    return {
        f"protocols/{re.sub('[^A-Za-z0-9]+', '-', saved.name).strip('-') or 'protocol'}-{saved.code}.json": to_file(
            saved
        )
        for saved in SavedProtocol.objects.filter(by=user)
    }


def leave(user: User) -> None:
    """What only its author saw goes; what was shared stays with the clinic."""
    SavedProtocol.objects.filter(by=user, shared=False).delete()
