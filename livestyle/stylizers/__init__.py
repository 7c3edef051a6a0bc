"""Stylizers restyle one frame: lite style networks, SDXL-Turbo and its kind, or none at all."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from livestyle.between.look import Look
from livestyle.config import Config
from livestyle.errors import ConfigError
from livestyle.frame import Frame, Size

if TYPE_CHECKING:
    from livestyle.canvas import Canvas


class Stylizer(Protocol):
    """Restyles one frame at a time. Opened and called on one thread, closed by `with`.

    `engine` says what computes it (openvino, …), `why` that one, or "" where there is no choice;
    `size` is (width, height) of the picture inside.
    """

    @property
    def name(self) -> str: ...

    @property
    def engine(self) -> str: ...

    @property
    def why(self) -> str: ...

    @property
    def size(self) -> Size: ...

    def stylize(self, frame: Frame) -> Frame:
        """BGRA (h, w, 4) of any size in, RGB (H, W, 3) of the output size out.

        Where the canvas asks for I420, (H * 3 / 2, W), a stylizer that has the picture on a device
        of its own returns that. The pixels belong to the stylizer and change at the next call.
        The same frame always gives the same pixels: nothing is carried over to the next one.

        Raises StylizerError.
        """
        ...

    def change(self, look: Look) -> None:
        """Take another look, from a frame to come on; called on any thread, and does not wait.

        Raises ConfigError where the stylizer has none.
        """
        ...

    def __enter__(self) -> Stylizer: ...

    def __exit__(self, *exc_info: object) -> None: ...


def settle_stylizer(config: Config, announce: Callable[[str], None]) -> Config:
    """The settings with all that concerns the stylizer decided and checked; nothing is loaded.

    announce: told in one line what was chosen or corrected.

    Raises ConfigError for an unknown style, ModelError for a model that can't be used.
    """
    if config.source == "blank" and config.stylizer not in ("auto", "turbo"):
        raise ConfigError(
            f"source 'blank' shows nothing to stylizer {config.stylizer!r}; use --stylizer turbo"
        )
    if config.stylizer == "auto":
        name, why = choose_stylizer(config)
        announce(f"stylizer {name}: {why}")
        config = dataclasses.replace(config, stylizer=name)
    if config.stylizer == "lite":
        from livestyle.stylizers.style import find_style

        return dataclasses.replace(config, style=find_style(config.style or "wave").name)
    if config.stylizer == "turbo":
        from livestyle.stylizers.settle import settle_turbo

        return settle_turbo(config, announce)
    return config


def open_stylizer(config: Config, canvas: Canvas, say: Callable[[str], None]) -> Stylizer:
    """Open the stylizer that settled settings name; it paints on `canvas`.

    say: told what is being loaded, as a noun, and how far a download is.

    Raises StylizerError when it can't be opened.
    """
    if config.stylizer == "lite":
        from livestyle.stylizers.lite import Lite
        from livestyle.stylizers.style import find_style

        return Lite(find_style(config.style or "wave"), canvas, config.size)
    if config.stylizer == "turbo":
        from livestyle.stylizers.turbo import open_turbo

        return open_turbo(config, canvas, say)
    if config.stylizer == "passthrough":
        from livestyle.stylizers.passthrough import Passthrough

        return Passthrough(canvas)
    raise ConfigError(
        f"unknown stylizer {config.stylizer!r}; choose from: lite, turbo, passthrough"
    )


def choose_stylizer(config: Config) -> tuple[str, str]:
    """What `auto` stands for on this machine with these settings, and why in words."""
    from livestyle.stylizers.settle import choose_turbo

    if config.source == "blank":
        return "turbo", "it alone makes pictures from nothing"
    if why_not := choose_turbo(config):
        return "lite", why_not
    return "turbo", "there is a CUDA GPU, and the model is on this disk"
