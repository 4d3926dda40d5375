"""The WSGI application that `neurodash serve` runs: our door before Django, and the log before the door."""

import gc
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "neurodash.web.settings")

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.template.loader import render_to_string

from neurodash.web import vitals
from neurodash.web.ready import Door
from neurodash.web.shelf import shelf


def make() -> Door:
    """A door with the library already on the shelf. Raises DataError if the library is broken."""
    config = settings.CONFIG
    application = get_wsgi_application()
    if not config.watch:
        shelf().current()
        gc.freeze()  # the library stays: no collection has to walk through it

    def refusal(says: str) -> str:
        return render_to_string("refused.html", {"says": says})

    return Door(
        application,
        config.hosts,
        shelf().version,
        config.is_secure,
        keep=not (config.watch or config.exported),
        refusal=refusal,
    )


door = make()
app = vitals.watched(door)
