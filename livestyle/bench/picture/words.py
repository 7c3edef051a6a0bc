"""Words on panels over a picture, as a game's HUD has them, and how many a reader of text finds."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from livestyle.errors import LivestyleError, MissingPackage

try:
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont
except ImportError as missing:
    raise MissingPackage(missing.name or "matplotlib", "bench") from missing

if TYPE_CHECKING:
    from livestyle.frame import Pixels, Size

_WORDS = [
    "health", "mana", "shield", "armor", "quest", "score", "level", "target", "enemy", "castle",
    "forest", "bridge", "dragon", "silver", "golden", "potion", "sword", "arrow", "north",
    "south", "menu", "inventory", "settings", "controls", "volume", "resume", "restart",
    "checkpoint", "objective", "reload", "rocket", "player", "winter", "summer", "village",
    "merchant", "treasure", "dungeon", "captain", "soldier", "wizard", "knight", "engine",
    "throttle", "distance", "altitude",
]  # fmt: skip
_COLOURS = [(255, 255, 255), (255, 230, 120), (200, 240, 255), (160, 255, 160)]
_EDGE = 12  # px between a panel's sides and its words
_SECONDS = 100  # for a page


class _Panel(NamedTuple):
    """px; letters: their size."""

    left: int
    top: int
    width: int
    height: int
    letters: int

    def at(self, size: Size) -> _Panel:
        """The same on a picture of that size; letters stay as large as they are."""
        across, down = size[0] / 1280, size[1] / 720
        left, width = int(self.left * across), int(self.width * across)
        return _Panel(left, int(self.top * down), width, int(self.height * down), self.letters)


_PANELS = [  # on 1280x720
    _Panel(24, 20, 360, 120, 14), _Panel(440, 20, 380, 120, 18), _Panel(880, 24, 380, 150, 22),
    _Panel(24, 560, 420, 140, 28), _Panel(470, 590, 400, 110, 16), _Panel(900, 560, 360, 140, 20),
]  # fmt: skip


def font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib. size: of the letters in px."""
    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSans.ttf"), size)


def can_read() -> bool:
    """Whether there is a reader: tesseract, a program."""
    return shutil.which("tesseract") is not None


def write_words(rgb: Pixels) -> tuple[Pixels, Counter[str]]:
    """The picture, RGB (H, W, 3), with dark panels of words of 14 to 28 px on it, and these: none
    where it has no room for any. The same for the same size.
    """
    size = rgb.shape[1], rgb.shape[0]
    chance = random.Random(1)
    over = Image.new("RGBA", size)
    draw = ImageDraw.Draw(over)
    written: Counter[str] = Counter()
    for panel in (panel.at(size) for panel in _PANELS):
        left, top, width, height, letters = panel
        draw.rounded_rectangle((left, top, left + width, top + height), 10, fill=(10, 14, 24, 190))
        face, colour, y = font(letters), chance.choice(_COLOURS), top + 10
        while y + letters + 6 < top + height:
            x, end = left + float(_EDGE), left + width - _EDGE
            while x + draw.textlength(word := chance.choice(_WORDS), font=face) < end:
                draw.text((x, y), word, font=face, fill=colour)
                written[word] += 1
                x += draw.textlength(word, font=face) + letters * 0.5
            y += int(letters * 1.5)
    picture = Image.alpha_composite(Image.fromarray(rgb).convert("RGBA"), over).convert("RGB")
    return np.array(picture), written


def read_words(rgb: Pixels, written: Counter[str]) -> Counter[str]:
    """Those of the words on the panels, RGB (H, W, 3), that the reader finds.

    Raises LivestyleError where tesseract fails.
    """
    panels = [panel.at((rgb.shape[1], rgb.shape[0])) for panel in _PANELS]
    crops = [
        cv2.resize(
            rgb[top : top + height, left : left + width], None, fx=2, fy=2,
            interpolation=cv2.INTER_CUBIC,
        )
        for left, top, width, height, _ in panels
    ]  # fmt: skip
    wide = max(crop.shape[1] for crop in crops)
    page = np.vstack([
        cv2.copyMakeBorder(crop, 0, 0, 0, wide - crop.shape[1], cv2.BORDER_REPLICATE)
        for crop in crops
    ])  # fmt: skip
    return written & Counter(re.findall("[a-z]+", _read(np.asarray(page, np.uint8)).lower()))


def _read(page: Pixels) -> str:
    """All text in an RGB picture, as one block."""
    png = cv2.imencode(".png", page[..., ::-1])[1].tobytes()
    command = ["tesseract", "-", "-", "--psm", "6"]
    # its threads spin where others compute
    environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}
    try:
        done = subprocess.run(
            command, env=environment, input=png, capture_output=True, timeout=_SECONDS, check=True
        )
    except subprocess.TimeoutExpired as error:
        raise LivestyleError(f"tesseract took more than {_SECONDS} s and was ended") from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip().splitlines() or ["it does not say why"]
        raise LivestyleError(f"tesseract failed: {said[-1]}; see whether it runs alone") from error
    return done.stdout.decode(errors="replace")
