"""Keep: rectangles that show the source, byte for byte."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from livestyle.finish.planes import ONE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from livestyle.frame import Pixels
    from livestyle.values import Rectangle


def keep_rectangles(
    rectangles: Iterable[Rectangle], source: Sequence[Pixels], into: Sequence[Pixels]
) -> None:
    """Copy them, in place. source, into: planes of one picture; the first has its size, the others
    may have half of it. What lies outside of the picture is left out.
    """
    for rectangle in rectangles:
        for plane, out in zip(source, into, strict=True):
            halved = 1 if plane.shape[0] == source[0].shape[0] else 2
            rows, columns, mask = _place(rectangle, out.shape[:2], halved)
            if not out[rows, columns].size:
                continue
            kept, seen = plane[rows, columns], out[rows, columns]
            if mask is None:
                np.copyto(seen, kept)
                continue
            share = mask if out.ndim == 2 else mask[..., None]
            change = (kept.astype(np.int16) - seen) * share >> 6
            np.copyto(seen, seen + change, casting="unsafe")


@functools.lru_cache(maxsize=256)
def _place(
    rectangle: Rectangle, shape: tuple[int, int], halved: int
) -> tuple[slice, slice, NDArray[np.int16] | None]:
    """Where it is in a plane of (height, width), and how much of the source is shown there."""
    x, y, width, height, feather = rectangle
    spans = []
    for start, length, most in ((y, height, shape[0]), (x, width, shape[1])):
        # a colour of 2 x 2 pixels is kept where any of them is
        first, last = start // halved, -(-(start + length) // halved)
        reach = -(-feather // halved)
        inside = np.arange(max(0, first - reach), min(most, last + reach))
        away = np.maximum(np.maximum(first - inside, inside - last + 1), 0)
        spans.append((inside, away, reach))
    (down, above, reach), (across, beside, _) = spans
    rows, columns = (slice(at[0], at[-1] + 1) if len(at) else slice(0, 0) for at in (down, across))
    if not feather:
        return rows, columns, None
    away = np.hypot(above[:, None], beside[None])
    share = (1 - away / (reach + 1)).clip(0, 1)
    return rows, columns, (share * ONE).astype(np.int16)
