"""A contact sheet: pictures across, what each contestant made of them down."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image, ImageDraw

from livestyle.bench.picture.words import font

if TYPE_CHECKING:
    from livestyle.frame import Pixels

ENDINGS = (".png", ".jpg", ".jpeg")
_WIDTH = 480  # px of a picture
_GAP, _LABEL, _LETTERS = 6, 28, 18
_PAPER, _INK = (245, 245, 245), (40, 40, 40)
_QUALITY = 88  # of a JPEG


def tile(picture: Pixels) -> Pixels:
    """A picture, RGB (H, W, 3), as large as it is on a sheet."""
    height = round(_WIDTH * picture.shape[0] / picture.shape[1])
    small = cv2.resize(picture, (_WIDTH, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def draw_sheet(rows: Mapping[str, Sequence[Pixels]], columns: Sequence[str], ending: str) -> bytes:
    """The file. rows: tiles by the name of their row, all of one size. columns: what they are of.
    ending: one of ENDINGS.
    """
    height, width = next(iter(rows.values()))[0].shape[:2]
    step = height + _LABEL + _GAP
    page_size = len(columns) * (width + _GAP) - _GAP, _LABEL + len(rows) * step
    page = Image.new("RGB", page_size, _PAPER)
    draw, face = ImageDraw.Draw(page), font(_LETTERS)
    for column, name in enumerate(columns):
        draw.text((column * (width + _GAP) + 2, 3), name, _INK, face)
    for row, (name, tiles) in enumerate(rows.items()):
        top = _LABEL + row * step
        draw.text((2, top + 3), name, _INK, face)
        for column, picture in enumerate(tiles):
            page.paste(Image.fromarray(picture), (column * (width + _GAP), top + _LABEL))
    file = io.BytesIO()
    page.save(file, Image.registered_extensions()[ending], quality=_QUALITY)
    return file.getvalue()
