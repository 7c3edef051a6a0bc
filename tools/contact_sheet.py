"""Draw a contact sheet: pictures, and each of them in every bundled style, at the usual settings.

Usage: python tools/contact_sheet.py docs/styles.jpg game.png photograph.jpg …
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

import livestyle
from livestyle.sources.testcard import draw
from livestyle.stylizers.style import list_styles

TILE = (480, 270)
GAP = 6
LABEL = 26
PAPER = (245, 245, 245)


def read(path: Path) -> np.ndarray:
    """uint8 RGB (720, 1280, 3): styles are for what a screen shows."""
    picture = cv2.imread(str(path))
    if picture is None:
        raise SystemExit(f"cannot read {path}")
    return cv2.resize(picture, (1280, 720), interpolation=cv2.INTER_AREA)[..., ::-1].copy()


def rows_of(pictures: list[np.ndarray], names: list[str]) -> list[list[np.ndarray]]:
    """For each style the pictures in it, RGB, after a row of the pictures themselves."""
    rows = [pictures]
    for name in names:
        with livestyle.open_stylizer("lite", style=name) as stylize:
            rows.append([stylize(picture) for picture in pictures])
    return rows


def sheet(rows: list[list[np.ndarray]], labels: list[str]) -> np.ndarray:
    """All as tiles on one page, RGB, a label above each row."""
    width, height = TILE
    columns, step = len(rows[0]), height + LABEL + GAP
    page = np.full((len(rows) * step, columns * (width + GAP) - GAP, 3), PAPER, np.uint8)
    for index, (row, label) in enumerate(zip(rows, labels, strict=True)):
        top = index * step + LABEL
        cv2.putText(
            page, label, (2, top - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (40, 40, 40), 1, cv2.LINE_AA
        )
        for column, picture in enumerate(row):
            left = column * (width + GAP)
            tile = cv2.resize(picture, TILE, interpolation=cv2.INTER_AREA)
            page[top : top + height, left : left + width] = tile
    return page


def main() -> None:
    """Draw it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sheet", type=Path, help="a .jpg or .png")
    parser.add_argument("pictures", nargs="+", type=Path, help="each is a column")
    parser.add_argument("--style", action="append", help="of these alone, repeatable")
    arguments = parser.parse_args()
    pictures = [read(path) for path in arguments.pictures]
    pictures.append(np.ascontiguousarray(draw(40, (1280, 720))[..., 2::-1]))
    names = arguments.style or [style.name for style in list_styles()]
    page = sheet(rows_of(pictures, names), ["source", *names])
    cv2.imwrite(str(arguments.sheet), page[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()
