"""Take the pictures of the page that docs/ shows: a game on it, on a desktop, a phone and in 4K.

    python tools/page_pictures.py docs/pictures --overwrite

The game is SuperTux as tools/moving_picture.py records it, or --clip, played as the source. Needs
Chromium and, without --clip, what that tool needs.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from live_page import live_page
from moving_picture import LEVEL, RUN_UP, TITLE, record
from playwright.sync_api import Page

from livestyle.errors import ConfigError
from livestyle.files import Target

STYLE = "starry_night"
PLAYED = 14  # s of the game
FADE = 2.0  # s in which it becomes light
DESKTOP: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}}
LARGE: dict[str, Any] = {"viewport": {"width": 3840, "height": 2160}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}
# name: the browser, its colours, whether the wipe is open
PICTURES = {
    "page-dark": (DESKTOP, "dark", True),
    "page-light": (DESKTOP, "light", False),
    "page-phone-dark": (PHONE, "dark", False),
    "page-phone-light": (PHONE, "light", False),
    "page-4k": (LARGE, "dark", False),
}
DRAWING = "page-drawing"
SETTLED = 4000  # ms
BARE = "#cards button:not(:has(img[src]))"  # a style that has no picture yet
ROUND = tuple((math.cos(angle * math.pi / 8), math.sin(angle * math.pi / 8)) for angle in range(17))
# a hill, a house, a tree and a sun: colour and points, as shares of the canvas
STROKES = (
    ("green", ((0.01, 0.85), (0.2, 0.76), (0.45, 0.83), (0.72, 0.74), (0.99, 0.84))),
    ("red", ((0.36, 0.8), (0.36, 0.5), (0.6, 0.5), (0.6, 0.79), (0.36, 0.8))),
    ("brown", ((0.33, 0.5), (0.48, 0.3), (0.63, 0.5), (0.33, 0.5))),
    ("blue", ((0.45, 0.8), (0.45, 0.62), (0.52, 0.62), (0.52, 0.8))),
    ("brown", ((0.16, 0.77), (0.16, 0.55))),
    ("green", tuple((0.16 + 0.06 * x, 0.45 + 0.12 * y) for x, y in ROUND)),
    ("orange", tuple((0.84 + 0.06 * x, 0.22 + 0.1 * y) for x, y in ROUND)),
)


def main() -> None:
    """Run, look, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clip", help="a video in place of the game")
    parser.add_argument("--overwrite", action="store_true", help="replace pictures that are there")
    options = parser.parse_args()
    try:
        files = {
            name: Target(name, str(options.folder / f"{name}.jpg"), options.overwrite)
            for name in (*PICTURES, DRAWING)
        }
    except ConfigError as error:
        parser.error(str(error))
    with tempfile.TemporaryDirectory() as folder:
        clip = options.clip
        if not clip:
            recorded, clip = Path(folder, "recorded.mkv"), str(Path(folder, "game.mkv"))
            record(recorded, LEVEL, RUN_UP + FADE + PLAYED)
            begins = [
                "ffmpeg",
                "-v",
                "error",
                "-ss",
                str(TITLE + RUN_UP + FADE),
                "-i",
                str(recorded),
            ]
            subprocess.run([*begins, "-c:v", "libx264", "-qp", "0", clip], check=True)
        with live_page("--source", f"file:{clip}", "--style", STYLE) as live:
            for name, (browser, colours, is_wiped) in PICTURES.items():
                page = live.open(**browser, color_scheme=colours)
                if is_wiped:
                    page.keyboard.press("w")
                page.locator("#cards button").first.wait_for()
                page.locator(BARE).first.wait_for(state="detached", timeout=60_000)
                page.wait_for_timeout(SETTLED)
                files[name].write(_taken(page))
    with live_page("--source", "canvas", "--style", "ink") as live:
        page = live.open(**DESKTOP, color_scheme="dark")
        _draw(page)
        page.wait_for_timeout(10_000)  # pictures of before are good for so long
        page.get_by_role("button", name="New pictures").click()  # of what is drawn by now
        page.wait_for_timeout(10_000)
        files[DRAWING].write(_taken(page))


def _taken(page: Page) -> bytes:
    picture = page.screenshot(type="jpeg", quality=85)
    page.context.close()
    return picture


def _draw(page: Page) -> None:
    page.get_by_label("Size").fill("14")
    box = page.locator("#drawing").bounding_box()
    assert box
    for colour, points in STROKES:
        page.get_by_role("button", name=colour, exact=True).click()
        for number, (x, y) in enumerate(points):
            page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=12)
            if not number:
                page.mouse.down()
        page.mouse.up()


if __name__ == "__main__":
    main()
