"""The Python API: a stylizer for pictures of one's own, and a whole run."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from livestyle.between.look import look_of, with_look
from livestyle.canvas import Canvas
from livestyle.config import Config, key
from livestyle.errors import ConfigError, PictureError, StylizerError
from livestyle.frame import Frame
from livestyle.settings import checked
from livestyle.stylizers import Stylizer
from livestyle.stylizers import open_stylizer as open_settled
from livestyle.stylizers.settle import settle_stylizer

if TYPE_CHECKING:
    from livestyle.frame import Pixels, Size

_LOG = logging.getLogger("livestyle")
_FIRST: Size = (1280, 720)  # of the pictures that are expected before one has come


class OpenStylizer:
    """A stylizer for pictures: call it. Opened by `with`, and used on the thread that opened it."""

    def __init__(self, config: Config) -> None:
        """config: settled, see `settle_stylizer`."""
        self._config = config
        self._stylizer: Stylizer | None = None
        self._size = config.output_size or _FIRST
        self._seq = 0

    def __enter__(self) -> OpenStylizer:
        self._stylizer = open_settled(self._config, Canvas(self._size, "stretch"), _LOG.info)
        return self

    def __exit__(self, *exc_info: object) -> None:
        stylizer, self._stylizer = self._opened, None
        stylizer.__exit__(*exc_info)

    def __call__(self, picture: Pixels) -> Pixels:
        """The picture restyled: RGB, uint8, (H, W, 3) in and out; what comes out is the caller's.

        Raises PictureError where it is no such picture, StylizerError where it can't be restyled.
        """
        bgra: Pixels = cv2.cvtColor(_checked(picture), cv2.COLOR_RGB2BGRA)  # type: ignore[assignment]
        size = bgra.shape[1], bgra.shape[0]
        if size != self._size:
            self._opened.paint_on(Canvas(size, "stretch"))
            self._size = size
        self._seq += 1
        styled: Pixels = self._opened.stylize(Frame(bgra, self._seq, 0)).pixels.copy()
        return styled

    def change(self, **look: Any) -> None:
        """Change what may change, from the next picture on: prompt, strength, steps, seed,
        prompt_fade.

        Raises ConfigError for anything else, a value out of its limits, or a stylizer without.
        """
        if self._config.stylizer != "turbo":
            raise ConfigError(
                f"stylizer {self._config.stylizer!r} has no prompt to change; open 'turbo'"
            )
        changed = with_look(self._config, {key(name): value for name, value in look.items()})
        self._opened.change(look_of(changed), wait=True)
        self._config = changed

    @property
    def _opened(self) -> Stylizer:
        if self._stylizer is None:
            raise StylizerError("the stylizer is not open; use it inside its `with`")
        return self._stylizer


def open_stylizer(stylizer: str = "auto", **settings: Any) -> OpenStylizer:
    """A stylizer to open by `with`, which loads it, and then to call with pictures.

    stylizer: lite, turbo, passthrough, or auto. settings: those of the TOML file that concern it:
    style, prompt, strength, seed, steps, size, model, recipe, lora, engine and so on; output_size
    is that of the pictures that are expected, so that the first of them does not wait. What is
    decided, or has to be fetched, is logged as a warning of the logger "livestyle"; what is being
    loaded as info.

    Raises ConfigError, MissingPackage, ModelError.
    """
    given = {"stylizer": stylizer, **settings}
    config = Config(**checked({key(name): value for name, value in given.items()}, ""))
    return OpenStylizer(settle_stylizer(config, _LOG.warning))


def run(*, announce: Callable[[str], None] = _LOG.warning, **settings: Any) -> dict[str, Any]:
    """What `livestyle run` does, until `seconds` are over or Ctrl-C (KeyboardInterrupt).

    settings: those of the TOML file; a user's own file is not read. announce: told in one line what
    was chosen and where the result can be seen. Starts a worker process as `multiprocessing` does:
    a script must have it under `if __name__ == "__main__":`.

    Returns the run's report. Raises LivestyleError.
    """
    from livestyle.front.front import Front

    config = Config(**checked({key(name): value for name, value in settings.items()}, ""))
    with Front(config, announce) as front:
        for sink in front.sinks:
            announce(f"output: {sink.name}")
        front.run(lambda status: None)
        return front.finish()


def _checked(picture: Pixels) -> Pixels:
    if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8:
        kind = getattr(picture, "dtype", type(picture).__name__)
        raise PictureError(f"a picture of {kind}; RGB as a numpy array of uint8 is expected")
    if picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
        raise PictureError(f"a picture of shape {picture.shape}; RGB, (H, W, 3), is expected")
    return np.ascontiguousarray(picture)
