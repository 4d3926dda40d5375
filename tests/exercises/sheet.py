"""The contact sheet as it was last looked at: every frame of every picture, 96 px wide, in black and white.

`make pictures` draws it anew into reviewed.png. Run it only after you looked at /exercises/pictures/: the file says
that a person has seen every picture as it is now.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from neurodash import library
from neurodash.library import Library
from neurodash.pictures import figures
from neurodash.web.assets import FOLDER
from tests.chromium import CHROMIUM, FLAGS

HERE = Path(__file__).resolve().parent
REVIEWED, ORDER = HERE / "reviewed.png", HERE / "reviewed.json"
COLUMNS, WIDTH = 12, 96
HEIGHT = round(WIDTH * figures.HEIGHT / figures.WIDTH)


def cells(ours: Library) -> list[tuple[str, str]]:
    """(`exercise 1`, SVG) of every frame, by name."""
    return [
        (f"{name} {number}", svg)
        for name in sorted(ours.exercises.exercises)
        for number, svg in enumerate(figures.svgs(ours.exercises.frames[name]), start=1)
    ]


def html(ours: Library) -> str:
    styles = "".join((FOLDER / name).read_text(encoding="utf-8") for name in ("tokens.css", "training.css"))
    font = base64.b64encode((FOLDER / "fonts/text.woff2").read_bytes()).decode()
    frames = "".join(f"<i>{svg}</i>" for _, svg in cells(ours))
    return (
        f'<!doctype html><meta charset="utf-8"><style>{styles}'
        f'@font-face{{font-family:"Atkinson Hyperlegible Next Variable";src:url(data:font/woff2;base64,{font});font-weight:200 800}}'
        f"body{{margin:0;width:{COLUMNS * WIDTH}px;display:flex;flex-wrap:wrap;background:var(--sunken);filter:grayscale(1)}}"
        f"i{{width:{WIDTH}px;height:{HEIGHT}px;overflow:hidden}}svg{{display:block;width:{WIDTH}px}}</style>{frames}"
    )


def draw(browser: Browser, ours: Library) -> bytes:
    """The sheet as PNG."""
    page = browser.new_page(viewport={"width": COLUMNS * WIDTH, "height": 800}, color_scheme="light")
    page.set_content(html(ours))
    page.evaluate("document.fonts.ready")
    made = page.screenshot(full_page=True)
    page.close()
    return made


def changed(browser: Browser, drawn: bytes, order: list[str]) -> dict[str, float]:
    """The share of pixels that differ clearly from the reviewed sheet, by frame; frames that are new count as 1."""
    seen = json.loads(ORDER.read_text())
    page = browser.new_page()
    shares: list[float] = page.evaluate(
        """async ([sheets, at, size]) => {
          const [w, h, columns] = size;
          const [one, other] = await Promise.all(sheets.map(async (data) => {
            const image = new Image();
            image.src = "data:image/png;base64," + data;
            await image.decode();
            const canvas = new OffscreenCanvas(image.width, image.height);
            const context = canvas.getContext("2d", { willReadFrequently: true });
            context.drawImage(image, 0, 0);
            return context;
          }));
          const cell = (context, i) => context.getImageData((i % columns) * w, Math.floor(i / columns) * h, w, h).data;
          return at.map((was, now) => {
            if (was < 0) return 1;
            const a = cell(one, was), b = cell(other, now);
            let differ = 0;
            for (let i = 0; i < a.length; i += 4) if (Math.abs(a[i] - b[i]) > 64) differ++;
            return differ / (w * h);
          });
        }""",
        [
            [base64.b64encode(REVIEWED.read_bytes()).decode(), base64.b64encode(drawn).decode()],
            [seen.index(name) if name in seen else -1 for name in order],
            [WIDTH, HEIGHT, COLUMNS],
        ],
    )
    page.close()
    return dict(zip(order, shares, strict=True))


def main() -> None:
    ours = library.load()
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        REVIEWED.write_bytes(draw(browser, ours))
        browser.close()
    ORDER.write_text(json.dumps([name for name, _ in cells(ours)], indent=0) + "\n")
    print(
        f"{len(cells(ours))} frames are now the reviewed ones. You have looked at each of them on /exercises/pictures/."
    )


if __name__ == "__main__":
    main()
