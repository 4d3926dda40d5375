"""No picture changes unseen: the contact sheet is held to the one a person looked at."""

from __future__ import annotations

from playwright.sync_api import Browser

from neurodash import library
from tests.chromium import needs_chromium
from tests.exercises import sheet

pytestmark = needs_chromium
MAX_SHARE = 0.004  # of a frame's pixels: what another version of the browser may smooth differently


def test_every_picture_is_the_one_that_was_looked_at(browser: Browser) -> None:
    ours = library.load()
    order = [name for name, _ in sheet.cells(ours)]
    shares = sheet.changed(browser, sheet.draw(browser, ours), order)
    unseen = {name: f"{share:.1%}" for name, share in shares.items() if share > MAX_SHARE}
    assert unseen == {}, "look at these on /exercises/pictures/, then: make pictures"


def test_a_changed_picture_is_noticed(browser: Browser) -> None:
    ours = library.load()
    order = [name for name, _ in sheet.cells(ours)]
    other = order[1:2] + order[:1] + order[2:]  # the first two frames, swapped
    shares = sheet.changed(browser, sheet.draw(browser, ours), other)
    assert min(shares[order[0]], shares[order[1]]) > MAX_SHARE
    assert max(share for name, share in shares.items() if name not in order[:2]) <= MAX_SHARE
