"""Screenshots of every page type at 1440, 820 and 390 px, light and dark, into var/screenshots.

tools/screenshots.py [ADDRESS]      default: the site that `neurodash serve` shows on this machine
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

PAGES = {
    "home": "/",
    "condition": "/ms/",
    "balance": "/ms/balance-training/",
    "resistance": "/ms/resistance-training/",
    "evidence": "/ms/balance-training/evidence/balance/",
    "result": "/evidence/corrini2023-balance/",
    "results": "/evidence/",
    "analyses": "/evidence/trials/",
    "analysis": "/evidence/trials/exergame-vr/balance/",
    "what-if": "/evidence/trials/exergame-vr/mobility/?out=nilsagard2013",
    "retractions": "/evidence/retractions/",
    "checking": "/how-checking-works/",
    "guidelines": "/sources/guidelines/",
    "lost": "/no-such-page/",
}
WIDTHS = (1440, 820, 390)


def main() -> None:
    address = (sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000").rstrip("/")
    folder = Path("var/screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"])
        for width in WIDTHS:
            for scheme in ("light", "dark"):
                context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
                page = context.new_page()
                for name, path in PAGES.items():
                    page.goto(address + path)
                    page.screenshot(
                        path=folder / f"{name}-{width}-{scheme}.png",
                        full_page=name not in ("guidelines", "results"),
                    )
                context.close()
        browser.close()
    print(f"{len(PAGES) * len(WIDTHS) * 2} pictures in {folder}")


if __name__ == "__main__":
    main()
