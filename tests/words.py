"""Words on panels over a picture, as a game's HUD has them, and how many a reader of text finds."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import cv2
import matplotlib
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

_WORDS = [
    "health", "mana", "shield", "armor", "quest", "score", "level", "target", "enemy", "castle",
    "forest", "bridge", "dragon", "silver", "golden", "potion", "sword", "arrow", "north",
    "south", "menu", "inventory", "settings", "controls", "volume", "resume", "restart",
    "checkpoint", "objective", "reload", "rocket", "player", "winter", "summer", "village",
    "merchant", "treasure", "dungeon", "captain", "soldier", "wizard", "knight", "engine",
    "throttle", "distance", "altitude",
]  # fmt: skip
_PANELS = [  # left, top, width, height, size of the letters in px
    (24, 20, 360, 120, 14), (440, 20, 380, 120, 18), (880, 24, 380, 150, 22),
    (24, 560, 420, 140, 28), (470, 590, 400, 110, 16), (900, 560, 360, 140, 20),
]  # fmt: skip
_COLOURS = [(255, 255, 255), (255, 230, 120), (200, 240, 255), (160, 255, 160)]


def with_words(rgb: np.ndarray) -> tuple[np.ndarray, Counter[str]]:
    """The picture, RGB (720, 1280, 3), with dark panels of words on it, and these."""
    chance = random.Random(1)
    over = Image.new("RGBA", (1280, 720))
    draw = ImageDraw.Draw(over)
    written: Counter[str] = Counter()
    file = Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSans.ttf")
    for left, top, width, height, size in _PANELS:
        draw.rounded_rectangle((left, top, left + width, top + height), 10, fill=(10, 14, 24, 190))
        font, colour, y = ImageFont.truetype(str(file), size), chance.choice(_COLOURS), top + 10
        while y + size + 6 < top + height:
            x = left + 12.0
            while x + draw.textlength(word := chance.choice(_WORDS), font=font) < left + width - 12:
                draw.text((x, y), word, font=font, fill=colour)
                written[word] += 1
                x += draw.textlength(word, font=font) + size * 0.5
            y += int(size * 1.5)
    picture = Image.alpha_composite(Image.fromarray(rgb).convert("RGBA"), over).convert("RGB")
    return np.array(picture), written


def found(rgb: np.ndarray, written: Counter[str]) -> float:
    """Which part of the words tesseract reads."""
    if not shutil.which("tesseract"):
        pytest.skip("tesseract is not installed")
    crops = [
        cv2.resize(
            rgb[top : top + height, left : left + width], None, fx=2, fy=2,
            interpolation=cv2.INTER_CUBIC,
        )
        for left, top, width, height, _ in _PANELS
    ]  # fmt: skip
    wide = max(crop.shape[1] for crop in crops)
    page = np.vstack([
        cv2.copyMakeBorder(crop, 0, 0, 0, wide - crop.shape[1], cv2.BORDER_REPLICATE)
        for crop in crops
    ])  # fmt: skip
    png = cv2.imencode(".png", page[..., ::-1])[1].tobytes()
    read = subprocess.run(
        ["tesseract", "-", "-", "--psm", "6"],
        env={**os.environ, "OMP_THREAD_LIMIT": "1"},  # its threads spin where others compute
        input=png,
        capture_output=True,
        timeout=100,
    )
    read.check_returncode()
    there = Counter(re.findall("[a-z]+", read.stdout.decode().lower()))
    return (there & written).total() / written.total()
