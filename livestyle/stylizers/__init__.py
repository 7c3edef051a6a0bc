"""Stylizers restyle one frame: lite style networks, or none at all (passthrough)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from livestyle.errors import ConfigError
from livestyle.frame import Frame, Size

if TYPE_CHECKING:
    from livestyle.canvas import Canvas


class Stylizer(Protocol):
    """Restyles one frame at a time. Opened and called on one thread, closed by `with`.

    `engine` says what computes it (openvino, …); `size` is (width, height) of the picture inside.
    """

    @property
    def name(self) -> str: ...

    @property
    def engine(self) -> str: ...

    @property
    def size(self) -> Size: ...

    def stylize(self, frame: Frame) -> Frame:
        """BGRA (h, w, 4) of any size in, RGB (H, W, 3) of the output size out.

        The pixels belong to the stylizer and change at the next call.
        The same frame always gives the same pixels: nothing is carried over to the next one.

        Raises StylizerError.
        """
        ...

    def __enter__(self) -> Stylizer: ...

    def __exit__(self, *exc_info: object) -> None: ...


def open_stylizer(name: str, canvas: Canvas, *, style: str, size: Size | None) -> Stylizer:
    """Open the stylizer `name` (lite, passthrough) that paints on `canvas`.

    style: the bundled style (lite). size: of the picture inside the stylizer, None: its choice.

    Raises ConfigError for an unknown name or style, StylizerError when it can't be opened.
    """
    if name == "lite":
        from livestyle.stylizers.lite import Lite
        from livestyle.stylizers.style import find_style

        return Lite(find_style(style), canvas, size)
    if name == "passthrough":
        from livestyle.stylizers.passthrough import Passthrough

        return Passthrough(canvas)
    raise ConfigError(f"unknown stylizer {name!r}; choose from: lite, passthrough")


def choose_stylizer() -> tuple[str, str]:
    """What `auto` stands for on this machine, and why in words."""
    return "lite", "the bundled style networks run on any CPU"
