"""Pictures for the testcard's walls, ground, roof and sky, drawn from arithmetic.

All are uint8 BGRA, (height, width, 4), and repeat without a seam where they are tiled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from livestyle.frame import Pixels

    Floats = NDArray[np.float32]
    Colour = tuple[int, int, int]  # blue, green, red
    Points = list[tuple[int, int]]

WALL = 128  # texels a side of a wall


def walls(rng: np.random.Generator, materials: str) -> Pixels:
    """The named materials side by side, each WALL x WALL, darker at the foot."""
    sand = bricks(rng, WALL, (4, 2), ((122, 170, 206), (86, 118, 142)))
    drawn = {
        "s": sand,
        "t": _torch(sand),
        "b": _tiles(rng),
        "r": bricks(rng, WALL, (8, 4), ((72, 84, 172), (120, 132, 140))),
        "h": _leaves(rng),
    }
    strip = np.hstack([drawn[letter] for letter in materials])
    foot = np.interp(np.arange(WALL), [0, 8, 90, WALL], [0.82, 1, 1, 0.6])[:, None, None]
    return _bgra((strip * foot).astype(np.float32))


def bricks(
    rng: np.random.Generator, side: int, courses: tuple[int, int], colours: tuple[Colour, Colour]
) -> Floats:
    """Bricks in `courses` (rows, bricks a row) and `colours` (brick, mortar), in running bond."""
    rows, columns = courses
    y, x = np.mgrid[:side, :side].astype(np.float32) / side
    row = (y * rows).astype(int)
    across = x * columns + (row % 2) * 0.5
    column = across.astype(int) % columns
    down, over = y * rows - row, across - np.floor(across)
    tone = rng.uniform(0.82, 1.12, (rows, columns))[row, column]
    tone = tone * np.interp(down, [0, 0.14, 0.8, 1], [1.16, 1, 0.96, 0.74])
    tone = tone * (0.88 + 0.24 * noise(rng, side, (8, 24, 64)))
    gap = np.minimum(
        np.minimum(down, 1 - down) * side / rows, np.minimum(over, 1 - over) * side / columns
    )
    mortar = np.clip(2.2 - gap, 0, 1)[..., None]
    brick = tone[..., None] * np.array(colours[0], np.float32)
    return np.asarray(brick * (1 - mortar) + mortar * np.array(colours[1]), np.float32)


def planks(rng: np.random.Generator, side: int) -> Pixels:
    """Boards, four to a cell, on a beam."""
    y, x = np.mgrid[:side, :side].astype(np.float32) / side
    board = (x * 4).astype(int)
    edge = np.minimum(x * 4 - board, 1 - (x * 4 - board))
    grain = noise(rng, side, (6, 24))
    tone = rng.uniform(0.75, 1.05, 4)[board] * (0.8 + 0.4 * grain)
    tone = tone * np.clip(0.35 + edge * 9, 0.35, 1) * np.where(y < 0.16, 0.62, 1.0)
    return _bgra(tone[..., None] * np.array([52, 92, 138], np.float32))


def ground(rng: np.random.Generator, letters: NDArray[np.str_], side: int) -> Pixels:
    """What lies on the cells of a map, `side` texels a cell."""
    rows, columns = letters.shape
    slabs = _bgra(bricks(rng, side, (2, 2), ((132, 164, 182), (84, 104, 112))))
    paved = np.tile(slabs, (rows, columns, 1))
    blades = noise(rng, 512, (8, 64, 200))[..., None]
    lawn = _bgra((0.45 + 0.9 * blades) * np.array([48, 140, 92], np.float32))
    across, down = columns * side, rows * side
    meadow = np.tile(lawn, (down // 512 + 1, across // 512 + 1, 1))[:down, :across].copy()
    _strew_flowers(rng, meadow, letters, side)
    return blended(paved, meadow, np.kron(letters == "g", np.ones((16, 16), np.float32)), 1.3)


def blended(under: Pixels, over: Pixels, share: Floats, softness: float) -> Pixels:
    """`over` on `under`, as far as `share` (any size, 0..1, blurred by `softness`) says."""
    size = under.shape[1], under.shape[0]
    soft = cv2.resize(cv2.GaussianBlur(share, (0, 0), softness), size)
    return np.asarray(cv2.blendLinear(under, over, 1 - soft, soft), np.uint8)


def sky(rng: np.random.Generator) -> Pixels:
    """(256, 1024, 4): all round, overhead to horizon, with clouds, a sun and hills."""
    height, width = 256, 1024
    low = (np.linspace(0, 1, height, dtype=np.float32) ** 1.6)[:, None, None]
    drawn = (1 - low) * np.array([196, 120, 58], np.float32) + low * np.array(HAZE, np.float32)
    puffs = cv2.resize(noise(rng, 512, (6, 14, 40, 90))[:height], (width, height))
    clouds = np.clip((puffs - 0.5) * 4.5, 0, 1)[..., None] * (0.25 + 0.75 * low)
    drawn = drawn * (1 - clouds) + clouds * np.array([236, 240, 250], np.float32)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    away = np.hypot(np.abs(x - 640), (y - 150) * 1.3)
    glow = (np.exp(-away / 42) + (away < 15))[..., None].clip(0, 1)
    drawn = drawn * (1 - glow) + glow * np.array([190, 235, 255], np.float32)
    for depth, colour in ((46, (190, 165, 140)), (26, (150, 140, 104))):
        ridge = cv2.resize(noise(rng, 128, (5, 16, 50))[:1], (width, 1)) * depth
        hill = (y > height - ridge)[..., None]
        drawn = np.where(hill, np.array(colour, np.float32), drawn)
    return _bgra(drawn)


HAZE = (206, 200, 196)  # the colour of far things


def noise(rng: np.random.Generator, side: int, scales: tuple[int, ...]) -> Floats:
    """(side, side) in 0..1, smooth, repeating; `scales`: bumps along a side, large to small."""
    total = np.zeros((side, side), np.float32)
    weight = 1.0
    for scale in scales:
        coarse = np.pad(rng.random((scale, scale)).astype(np.float32), 2, mode="wrap")
        step = side / scale
        at = (np.arange(side, dtype=np.float32) + 0.5) / step + 1.5
        grid = np.broadcast_to(at, (side, side))
        total += weight * cv2.remap(coarse, grid.copy(), grid.T.copy(), cv2.INTER_CUBIC)
        weight *= 0.6
    low, high = np.percentile(total[::4, ::4], (1, 99))
    return np.asarray((total - low) / (high - low), np.float32).clip(0, 1)


def _leaves(rng: np.random.Generator) -> Floats:
    leaf = noise(rng, WALL, (10, 30, 60))[..., None]
    dark, lit = np.array([26, 62, 30], np.float32), np.array([74, 176, 112], np.float32)
    drawn = _bgra(dark + (lit - dark) * leaf**1.3)
    for x, y in rng.integers(8, WALL - 8, (9, 2)):
        cv2.circle(drawn, (int(x), int(y)), 3, (170, 130, 235), -1, cv2.LINE_AA)
        cv2.circle(drawn, (int(x), int(y)), 1, (120, 225, 250), -1, cv2.LINE_AA)
    return np.asarray(drawn[..., :3], np.float32)


def _tiles(rng: np.random.Generator) -> Floats:
    small = bricks(rng, WALL, (4, 4), ((150, 104, 44), (196, 190, 178)))
    flat = bricks(rng, WALL, (1, 1), ((150, 104, 44), (150, 104, 44)))
    step = WALL // 4
    drawn = _bgra(np.vstack([flat[:step], small[step:]]))
    for row in range(1, 4):
        for column in range(4):
            centre = (column * step + step // 2, row * step + step // 2)
            star = np.array(cv2.ellipse2Poly(centre, (step // 3, step // 3), 0, 0, 360, 90))
            colour = (84, 176, 222) if (row + column) % 2 else (206, 190, 120)
            cv2.fillPoly(drawn, [star], colour, cv2.LINE_AA)
            cv2.circle(drawn, centre, step // 9, (120, 70, 30), -1, cv2.LINE_AA)
    cv2.rectangle(drawn, (0, 8), (WALL, 22), (70, 160, 214), -1)
    for x in range(0, WALL, 16):
        cv2.circle(drawn, (x + 8, 15), 4, (60, 60, 150), -1, cv2.LINE_AA)
    return np.asarray(drawn[..., :3], np.float32)


def _torch(wall: Floats) -> Floats:
    """A torch on `wall`, drawn four times as large for smooth edges."""
    y, x = np.mgrid[:WALL, :WALL].astype(np.float32)
    glow = np.exp(-(((x - 64) / 30) ** 2 + ((y - 40) / 34) ** 2))[..., None]
    large = cv2.resize(_bgra(wall + glow * (20, 60, 100)), (4 * WALL, 4 * WALL))
    shapes: list[tuple[Colour, Points]] = [
        ((30, 44, 60), [(58, 56), (70, 56), (66, 92), (62, 92)]),
        ((60, 70, 84), [(53, 52), (75, 52), (73, 58), (55, 58)]),
    ]
    for reach, colour in ((12, (30, 100, 250)), (8, (50, 185, 255)), (5, (190, 245, 255))):
        tip, side = 54 - reach * 3, 42 + reach // 3
        flame = [(64, tip), (64 + reach // 2, 36), (64 + reach, side), (64 + reach // 2, 53)]
        shapes.append((colour, [*flame, *((128 - x, y) for x, y in reversed(flame[1:]))]))
    for colour, points in shapes:
        corners = np.array([points], np.int32) * 4
        cv2.fillPoly(large, list(corners), (*colour, 255), cv2.LINE_AA)
    small = cv2.resize(large, (WALL, WALL), interpolation=cv2.INTER_AREA)
    return np.asarray(small[..., :3], np.float32)


def _strew_flowers(
    rng: np.random.Generator, meadow: Pixels, letters: NDArray[np.str_], side: int
) -> None:
    for row, column in np.argwhere(letters == "g"):
        for x, y, kind in rng.random((7, 3)):
            centre = (int((column + x) * side), int((row + y) * side))
            colour = ((90, 90, 235), (80, 220, 250), (240, 200, 220))[int(kind * 3)]
            cv2.circle(meadow, centre, 2, (*colour, 255), -1, cv2.LINE_AA)


def _bgra(drawn: Floats) -> Pixels:
    pixels = np.full((*drawn.shape[:2], 4), 255, np.uint8)
    pixels[..., :3] = np.clip(drawn, 0, 255)
    return pixels
