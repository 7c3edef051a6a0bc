"""Draw docs/styles.jpg: every bundled style on a game frame, a photograph and the testcard.

Usage: python tools/contact_sheet.py game.png photograph.jpg
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from livestyle.recipe import Recipe, load_recipe
from livestyle.sources.testcard import draw
from livestyle.stylizers.lite import compile_network
from livestyle.stylizers.style import find_style

SIZE = (640, 360)
GAP = 8
LABEL = 34
PAPER = (245, 245, 245)


def read(path: Path) -> np.ndarray:
    """uint8 BGR, scaled to SIZE."""
    picture = cv2.imread(str(path))
    if picture is None:
        raise SystemExit(f"cannot read {path}")
    return cv2.resize(picture, SIZE, interpolation=cv2.INTER_AREA)


def tiles(pictures: list[np.ndarray], names: list[str]) -> list[list[np.ndarray]]:
    """Rows of uint8 BGR tiles: the picture itself, then the picture in each style."""
    rows = [[picture] for picture in pictures]
    for name in names:
        network = compile_network(find_style(name), SIZE, load_recipe("lite", Recipe))
        for row in rows:
            pixels = cv2.cvtColor(row[0], cv2.COLOR_BGR2BGRA)
            row.append(cv2.cvtColor(network([pixels[None]])[0][0], cv2.COLOR_RGB2BGR))
    return rows


def sheet(rows: list[list[np.ndarray]], labels: list[str]) -> np.ndarray:
    """All tiles on one page, a label above each column."""
    width, height = SIZE
    page = np.full(
        (LABEL + len(rows) * (height + GAP), len(labels) * (width + GAP) - GAP, 3), PAPER, np.uint8
    )
    for column, label in enumerate(labels):
        left = column * (width + GAP)
        cv2.putText(
            page, label, (left + 4, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (40, 40, 40), 1, cv2.LINE_AA
        )
        for index, row in enumerate(rows):
            top = LABEL + index * (height + GAP)
            page[top : top + height, left : left + width] = row[column]
    return page


def write(page: np.ndarray, path: Path, limit: int) -> None:
    """As good a JPEG as fits into `limit` bytes."""
    for quality in range(92, 40, -4):
        _, data = cv2.imencode(".jpg", page, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if len(data) <= limit:
            path.write_bytes(data.tobytes())
            return
    raise SystemExit(f"{path} does not fit into {limit} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw the contact sheet of the bundled styles.")
    parser.add_argument("pictures", type=Path, nargs="+", help="a game frame, a photograph, ...")
    parser.add_argument("--styles", nargs="+", default=["wave", "starry_night", "udnie"])
    parser.add_argument("--output", type=Path, default=Path("docs/styles.jpg"))
    parser.add_argument("--width", type=int, default=1920, help="of the page, in pixels")
    args = parser.parse_args()
    pictures = [read(path) for path in args.pictures]
    pictures.append(draw(200, SIZE)[:, :, :3])
    page = sheet(
        tiles(pictures, args.styles),
        ["original", *(find_style(name).title for name in args.styles)],
    )
    scale = args.width / page.shape[1]
    page = cv2.resize(page, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    write(page, args.output, limit=600_000)


if __name__ == "__main__":
    main()
