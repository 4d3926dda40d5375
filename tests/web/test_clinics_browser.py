"""From the owner's invitation to the invited person's seat, in a real browser."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.chromium import axe, needs_chromium, tab_to
from tests.conftest import Server
from tests.web.conftest import link_in, mail_to

pytestmark = needs_chromium
Enter = Callable[..., Page]


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_an_owner_invites_and_the_invited_person_signs_up_and_takes_the_seat(
    width: int, scheme: str, enter: Enter, desk: Server
) -> None:
    email = f"new-{secrets.token_hex(3)}@example.org"
    owner = enter("owner", f"/desk/{desk.lakeside}/people/", width=width, color_scheme=scheme)
    owner.get_by_role("link", name="Invite somebody").click()
    owner.get_by_label("E-mail").fill(email)
    owner.get_by_label("Read only").check()
    owner.get_by_role("button", name="Send the invitation").click()
    expect(owner.get_by_role("status")).to_contain_text(f"An invitation went to {email}.")
    expect(owner.get_by_role("row", name=email)).to_contain_text("waiting")

    link = link_in(mail_to(email, desk))
    page = enter("", link, width=width, color_scheme=scheme)
    secret = link.partition("secret=")[2]
    expect(page).to_have_url(f"{desk.url}/desk/invitation/")
    expect(page.get_by_role("heading", name="Lakeside Neuro")).to_be_visible()
    assert secret not in page.content()
    assert secret not in page.evaluate("document.referrer")
    page.get_by_role("link", name="Make an account").click()
    page.get_by_label("E-mail", exact=True).fill(email)
    page.get_by_label("Password", exact=True).fill("nine patient otters")
    page.locator("form:has(input[name=password1]) button:is([type=submit], :not([type]))").click()
    page.wait_for_url("**/account/confirm-email/")
    page.goto(link_in(mail_to(email, desk)))
    page.locator("form[action*=confirm-email] button").click()
    page.wait_for_url("**/desk/**")
    page.goto("/desk/")
    button = page.get_by_role("button", name="Take the seat in Lakeside Neuro")
    expect(button).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    button.click()
    page.wait_for_url(f"{desk.url}/desk/{desk.lakeside}/")
    page.goto(f"/desk/{desk.lakeside}/people/")
    expect(page.get_by_role("row", name=email)).to_contain_text("you")

    late = enter("", link, width=width)
    expect(late.get_by_role("heading", name="This invitation is closed")).to_be_visible()
    assert not [line for line in desk.log.read_text().splitlines() if secret in line and line.strip() != link]


def test_by_keyboard_alone_an_owner_invites_changes_a_role_and_ends_a_seat(enter: Enter, desk: Server) -> None:
    page = enter("owner", f"/desk/{desk.lakeside}/people/")
    email = f"key-{secrets.token_hex(3)}@example.org"
    tab_to(page, "Invite somebody", "A")
    page.keyboard.press("Enter")
    tab_to(page, "E-mail")
    page.keyboard.type("not an address")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Write one e-mail address")
    tab_to(page, "Write one e-mail address", "A")
    page.keyboard.press("Enter")
    expect(page.get_by_label("E-mail")).to_be_focused()
    expect(page.get_by_label("E-mail")).to_have_value("not an address")
    page.keyboard.press("Control+A")
    page.keyboard.type(email)
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("row", name=email)).to_contain_text("Student")
    tab_to(page, f"Take back the invitation to {email}")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("was taken back")
    tab_to(page, "Change the seat of Onlooker")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Onlooker")).to_be_visible()
    tab_to(page, "Read only")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.get_by_role("row", name="onlooker@example.org")).to_contain_text("Student")
    tab_to(page, "Change the seat of Onlooker")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Onlooker")).to_be_visible()
    tab_to(page, "Student")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("row", name="onlooker@example.org")).to_contain_text("Read only")


def test_the_events_are_found_and_taken_away(enter: Enter, desk: Server) -> None:
    page = enter("owner", f"/desk/{desk.lakeside}/events/", java_script_enabled=False)
    page.get_by_label("From day").fill("2026-11-22")
    page.get_by_label("To day").fill("2026-11-21")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("alert")).to_contain_text("The last day lies before the first one.")
    expect(page.get_by_label("From day")).to_have_value("2026-11-22")
    page.get_by_role("link", name="Show all").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="as a table (CSV)").click()
    text = download.value.path().read_text()
    assert text.startswith("at_utc,who,who_code,did")
    assert "events exported" in text
    page.reload()
    expect(page.get_by_role("row", name="Events exported").first).to_contain_text("Owner")


PAGES = [
    ("owner", "/desk/{lakeside}/people/"),
    ("onlooker", "/desk/{lakeside}/people/"),
    ("owner", "/desk/{lakeside}/people/leave/"),
    ("owner", "/desk/{lakeside}/events/"),
    ("owner", "/desk/{lakeside}/events/?since=x&patient=nobody"),
    ("owner", "/desk/clinics/"),
    ("member", "/desk/clinics/new/"),
    ("reader", "/desk/clinics/"),
    ("reader", "/desk/clinics/new/"),
    ("", "/desk/invitation/?secret=unknown"),
]


@pytest.mark.parametrize(("who", "path"), PAGES)
def test_the_pages_are_accessible_and_fit_the_screen_in_light_and_dark(
    who: str, path: str, enter: Enter, desk: Server
) -> None:
    page = enter(who, path.format(lakeside=desk.lakeside))
    for width, scheme in ((1280, "light"), (360, "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        assert axe(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_of_a_seat_and_of_an_invitation_are_accessible(scheme: str, enter: Enter, desk: Server) -> None:
    email = f"axe-{secrets.token_hex(3)}@example.org"
    owner = enter("owner", f"/desk/{desk.lakeside}/people/", width=390, color_scheme=scheme)
    owner.get_by_role("link", name="Change the seat of Student").click()
    expect(owner.get_by_role("heading", name="Student")).to_be_visible()
    assert axe(owner) == []
    owner.goto(f"/desk/{desk.lakeside}/people/")
    owner.get_by_label("E-mail").fill(email)
    owner.get_by_role("button", name="Send the invitation").click()
    assert axe(owner) == []
    link = link_in(mail_to(email, desk))
    for who in ("", "administrator"):
        page = enter(who, link, width=390, color_scheme=scheme)
        expect(page.get_by_text(email).first).to_be_visible()
        assert axe(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("button", name="Take the seat").click()
    expect(page.get_by_role("alert")).to_contain_text("Tick that you take the seat with this account")
    assert axe(page) == []
