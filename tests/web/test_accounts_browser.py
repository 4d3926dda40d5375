"""An account in a real browser: making one, a second factor, a passkey, by keyboard, narrow, in light and dark."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, expect

from tests.chromium import axe, needs_chromium
from tests.conftest import Server
from tests.web.cast import PASSWORD, address
from tests.web.test_accounts import code_of

pytestmark = needs_chromium
NEW = "four slow green boats"
SOMEBODY = itertools.count(1)


def mails(desk: Server, since: int, subject: str) -> str:
    """What the server's log says after `since` characters, once a mail of this subject stands there."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        log = desk.log.read_text()[since:]
        if f"Subject: {subject}" in log:
            return log
        time.sleep(0.05)
    raise AssertionError(f"no mail “{subject}” in:\n{desk.log.read_text()[since:]}")


@pytest.fixture
def newcomer(enter: Callable[..., Page], desk: Server) -> Callable[..., tuple[Page, str]]:
    """Make an account as a person does, up to the first signed-in page; the page and the e-mail."""

    def sign_up(**options: object) -> tuple[Page, str]:
        email, since = f"newcomer{next(SOMEBODY)}-{desk.port}@example.org", len(desk.log.read_text())
        page = enter("", "/account/signup/", **options)
        page.get_by_label("E-mail").fill(email)
        page.get_by_label("Password", exact=True).fill(NEW)
        page.get_by_role("button", name="Make an account").click()
        expect(page.get_by_role("heading", name="Look into your mail")).to_be_visible()
        link = re.search(
            r"http\S+(/account/confirm-email/\S+)", mails(desk, since, "Confirm your e-mail for NeuroDash")
        )
        assert link
        page.goto(link[1])
        page.get_by_role("button", name="Confirm").click()
        page.goto("/account/")
        return page, email

    return sign_up


@contextmanager
def with_a_device(page: Page) -> Iterator[Page]:
    """Another tab of the same browser, on a device that makes passkeys and unlocks them without being asked."""
    other = page.context.new_page()
    session = page.context.new_cdp_session(other)
    session.send("WebAuthn.enable")
    told = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    session.send("WebAuthn.addVirtualAuthenticator", {"options": told})
    yield other
    other.close()


def sign_in(page: Page, email: str, password: str) -> None:
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def still_you(page: Page, password: str) -> None:
    expect(page.get_by_role("heading", name="Is it still you?")).to_be_visible()
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Go on").click()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
def test_a_newcomer_makes_an_account_and_adds_an_app(
    width: int, scheme: str, newcomer: Callable[..., tuple[Page, str]], desk: Server
) -> None:
    page, email = newcomer(width=width, color_scheme=scheme, accept_downloads=True)

    def looks_right() -> None:
        assert axe(page) == [], page.url
        assert page.evaluate("document.documentElement.scrollWidth") <= width, page.url

    looks_right()
    page.get_by_role("link", name="Add a second factor").click()
    looks_right()
    page.get_by_role("link", name="Set up an app").click()
    looks_right()
    still_you(page, NEW)
    looks_right()
    page.get_by_text("You cannot scan it?").click()
    secret = page.locator("#authenticator_secret").inner_text()
    assert page.locator("svg.qr").bounding_box()["width"] >= 200  # type: ignore[index]
    page.get_by_label("Code", exact=True).fill("12")
    page.get_by_role("button", name="Switch it on").click()
    expect(page.locator("#mend")).to_be_focused()
    looks_right()
    since = len(desk.log.read_text())
    page.get_by_label("Code", exact=True).fill(code_of(secret, time.time()))
    page.get_by_role("button", name="Switch it on").click()
    expect(page.get_by_text("You see them only now.")).to_be_visible()
    told = mails(desk, since, "An authenticator app was added to your account at NeuroDash")
    assert "127.0.0.1" in told
    looks_right()
    codes = page.locator(".codes code").all_inner_texts()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as a file").click()
    saved = download.value.path().read_text()
    assert all(each in saved for each in codes)
    page.get_by_role("link", name="back to your account").click()
    expect(page.get_by_text("10 left")).to_be_visible()
    looks_right()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    sign_in(page, email, NEW)
    expect(page.get_by_role("heading", name="One more step")).to_be_visible()
    looks_right()
    page.get_by_label("Code", exact=True).fill(codes[3])
    page.get_by_role("button", name="Sign in").click()
    page.goto("/account/")
    expect(page.get_by_text("9 left")).to_be_visible()


def test_a_passkey_is_added_and_signs_in_alone(newcomer: Callable[..., tuple[Page, str]], desk: Server) -> None:
    site = desk.url
    first, email = newcomer()
    with with_a_device(first) as page:
        page.goto(f"{site}/account/2fa/webauthn/add/")
        still_you(page, NEW)
        assert axe(page) == []
        page.get_by_label("Name").fill("test bench")
        page.get_by_role("button", name="Add the passkey").click()
        expect(page.get_by_text("You see them only now.")).to_be_visible()
        page.goto(f"{site}/account/2fa/webauthn/")
        expect(page.get_by_role("row", name="test bench")).to_contain_text("Signs you in alone")
        assert axe(page) == []
        page.get_by_role("link", name="Rename").click()
        page.get_by_label("Name").fill("blue key")
        page.get_by_role("button", name="Save the name").click()
        expect(page.get_by_role("row", name="blue key")).to_be_visible()
        page.goto(f"{site}/account/logout/")
        page.get_by_role("button", name="Sign out").click()
        page.get_by_role("button", name="Sign in with a passkey").click()
        page.wait_for_url(f"{site}/desk/**")
        page.goto(f"{site}/account/logout/")
        page.get_by_role("button", name="Sign out").click()
        sign_in(page, email, NEW)
        expect(page.get_by_role("heading", name="One more step")).to_be_visible()
        page.get_by_role("button", name="Use a passkey").click()
        page.wait_for_url(f"{site}/desk/**")
        page.goto(f"{site}/account/2fa/webauthn/reauthenticate/?next=/account/2fa/webauthn/")
        page.get_by_role("button", name="Use a passkey").click()
        page.get_by_role("link", name="Remove").click()
        page.get_by_role("button", name="Remove it").click()
        expect(page.get_by_text("The passkey is removed.")).to_be_visible()


def test_a_passkey_under_a_bare_address_says_what_is_wrong(enter: Callable[..., Page], desk: Server) -> None:
    page = enter("", "/account/login/", at=f"http://127.0.0.1:{desk.port}")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("A passkey belongs to a name")
    expect(page.locator("#passkey-wrong")).to_be_focused()


def test_by_keyboard_alone_and_the_way_back_from_a_mistake(enter: Callable[..., Page]) -> None:
    page = enter("", "/account/login/")

    def tab_to(name: str) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.innerText || document.activeElement.name") == name:
                return
        raise AssertionError(f"the keyboard never reaches “{name}”")

    tab_to("login")
    page.keyboard.type(address("reader"))
    page.keyboard.press("Tab")
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(page.locator("#mend")).to_be_focused()
    expect(page.get_by_label("E-mail")).to_have_value(address("reader"))
    tab_to("password")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Show the password")).to_be_focused()
    page.keyboard.press("Space")
    expect(page.get_by_label("Password", exact=True)).to_have_attribute("type", "text")
    tab_to("Sign in")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/desk/|/membership/"))
    page.goto("/account/")
    tab_to("name")
    page.keyboard.press("Control+a")
    page.keyboard.type("Robin Reader")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Your name is saved.")).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("Robin Reader")


def test_without_a_script_one_signs_in_and_out(enter: Callable[..., Page]) -> None:
    page = enter("", "/account/login/", java_script_enabled=False)
    sign_in(page, address("member"), PASSWORD)
    page.goto("/account/sessions/")
    expect(page.get_by_text("this one")).to_be_visible()
    page.get_by_role("button", name="Sign out here").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()


def test_the_zip_comes_down_and_the_account_goes(newcomer: Callable[..., tuple[Page, str]], desk: Server) -> None:
    page, _ = newcomer(accept_downloads=True)
    with page.expect_download() as download:
        page.get_by_role("button", name="Take your data (zip)").click()
    assert download.value.path().read_bytes().startswith(b"PK")
    page.get_by_role("link", name="Delete the account").click()
    still_you(page, NEW)
    expect(page.get_by_role("heading", name="What goes, at once and for good")).to_be_visible()
    since = len(desk.log.read_text())
    page.get_by_role("button", name="Delete the account").click()
    expect(page.get_by_text("Your account is deleted.")).to_be_visible()
    mails(desk, since, "Your account at NeuroDash is deleted")


ENTRANCE = (
    "login/", "signup/", "password/reset/", "password/reset/done/", "confirm-email/", "inactive/",
    "password/reset/key/1-x-y/", "confirm-email/none/",
)  # fmt: skip
INSIDE = ("", "email/", "password/change/", "2fa/", "2fa/webauthn/", "sessions/", "logout/", "reauthenticate/")
BEHIND = ("delete/", "2fa/totp/activate/", "2fa/webauthn/add/")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_sound_narrow_and_in_both_schemes(scheme: str, enter: Callable[..., Page]) -> None:
    """No finding of axe, nothing wider than 360 px, every target at least 24 px tall."""
    out = enter("", "/account/login/", width=360, color_scheme=scheme)
    inside = enter("stranger", "/account/", width=360, color_scheme=scheme)

    def look(page: Page, path: str) -> None:
        page.goto(f"/account/{path}")
        assert axe(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
        small = page.evaluate(
            "[...document.querySelectorAll('main button, main .button, main input:not([type=hidden]):not(.unseen)')]"
            ".filter((each) => each.checkVisibility() && !each.closest('.unseen'))"
            ".filter((each) => each.getBoundingClientRect().height < 24).map((each) => each.outerHTML)"
        )
        assert small == [], path

    for path in ENTRANCE:
        look(out, path)
    for path in INSIDE:
        look(inside, path)
    inside.goto("/account/delete/")
    still_you(inside, PASSWORD)
    for path in BEHIND:
        look(inside, path)
    out.goto("/account/signup/")
    out.get_by_role("button", name="Make an account").click()
    expect(out.locator("#mend")).to_be_focused()
    assert axe(out) == []


def test_a_long_name_stays_within_the_page(enter: Callable[..., Page], desk: Server) -> None:
    for path, place, width in (
        (f"/desk/{desk.lakeside}/people/", ".at-clinic strong", 390),  # type: ignore[attr-defined]
        (f"/desk/{desk.lakeside}/people/leave/", ".button", 390),  # type: ignore[attr-defined]
        ("/account/", ".facts dd span", 410),
    ):
        page = enter("owner", path, width)
        page.locator(place).first.evaluate("each => { each.textContent = 'm'.repeat(53); }")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_on_paper_there_is_nothing_to_press(enter: Callable[..., Page]) -> None:
    page = enter("administrator", "/administration/?q=onlooker")
    page.get_by_role("link", name="onlooker@example.org").click()
    page.get_by_role("button", name="Save the roles").click()
    expect(page.get_by_text("The roles are saved.")).to_be_visible()
    page.emulate_media(media="print")
    for gone in (page.get_by_role("button"), page.locator(".messages"), page.get_by_role("heading", name="Roles")):
        expect(gone.filter(visible=True)).to_have_count(0)
    expect(page.get_by_role("heading", name="onlooker@example.org")).to_be_visible()
