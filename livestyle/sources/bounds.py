"""Bounds: how large a picture of a file may say that it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from livestyle.errors import SourceError

if TYPE_CHECKING:
    from livestyle.frame import Size

_ALWAYS = 2**25  # pixels; a little more than 8K has
_OF_A_BYTE = 128  # photographs have 2 to 30, a JPEG of one colour 64


def most_pixels(path: str) -> int:
    """How many a picture of that file may have: what is made of one takes 50 bytes for each, and a
    small file that says more is damaged, or made to fill the memory.
    """
    return max(_ALWAYS, _OF_A_BYTE * Path(path).stat().st_size)


def check_pixels(path: str, size: Size) -> None:
    """Raise SourceError for a picture of a file that says it is larger than that."""
    if size[0] * size[1] > (most := most_pixels(path)):
        raise SourceError(
            f"{path} is {size[0]}x{size[1]}, and of a file of its size {most} pixels are taken at "
            "most: it is damaged, or make it smaller first"
        )
