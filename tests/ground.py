"""Set before Django reads its settings: a data folder of this run's own, and the day the tests judge by."""

import atexit
import os
import shutil
import tempfile

_FOLDER = tempfile.mkdtemp(prefix="neurodash-tests-")
atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)
os.environ["NEURODASH_DATA"] = _FOLDER
os.environ.setdefault("NEURODASH_ON", "2026-11-21")
# A browser that Playwright drives keeps a loop in this thread, and Django would take our own calls for asynchronous ones.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
