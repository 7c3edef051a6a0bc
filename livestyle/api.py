"""The Python API: a stylizer for pictures of one's own, and a whole run."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from livestyle.between.look import finishing_of, look_of
from livestyle.canvas import Canvas
from livestyle.config import FINISH, STYLIZER, Config, key
from livestyle.errors import ConfigError, PictureError, SinkError, StylizerError
from livestyle.finish.picture import PictureFinish
from livestyle.frame import Frame
from livestyle.places import check_current_folder, settle_caches, settle_home
from livestyle.settings import checked
from livestyle.stylizers import Stylizer
from livestyle.stylizers import open_stylizer as open_settled
from livestyle.stylizers.change import LOOK, changed
from livestyle.stylizers.settle import settle_stylizer

if TYPE_CHECKING:
    from livestyle.frame import Pixels, Size

_LOG = logging.getLogger("livestyle")
_FIRST: Size = (1280, 720)  # of the pictures that are expected before one has come
_SETTINGS = (*STYLIZER, *FINISH, "keep_sets", "prompt_fade", "output_size")


class OpenStylizer:
    """A stylizer for pictures: call it. Opened by `with`, and used on the thread that opened it."""

    def __init__(self, config: Config) -> None:
        """config: settled, see `settle_stylizer`."""
        self._config = config
        self._stylizer: Stylizer | None = None
        self._finish: PictureFinish | None = None
        self._thread = 0
        self._size = _FIRST
        self._seq = 0
        self._note = ""

    def __enter__(self) -> OpenStylizer:
        """Load it. Raises StylizerError; or where it is open already."""
        if self._stylizer is not None:
            raise StylizerError("the stylizer is open already; open another for another use")
        self._size, self._finish = self._config.output_size or _FIRST, None
        self._stylizer = open_settled(self._config, Canvas(self._size, "stretch"), _LOG.info)
        self._thread = threading.get_ident()
        self._tell_note(self._stylizer)
        return self

    def __exit__(self, *exc_info: object) -> None:
        stylizer, self._stylizer = self._stylizer, None
        if stylizer is not None:
            stylizer.__exit__(*exc_info)

    def __call__(self, picture: Pixels) -> Pixels:
        """The picture restyled: RGB, uint8, (H, W, 3) in and out; what comes out is the caller's.

        Raises PictureError where it is no such picture, StylizerError where it can't be restyled.
        """
        stylizer = self._opened
        if threading.get_ident() != self._thread:
            raise StylizerError("a stylizer is used on the thread that opened it; open one on each")
        picture = _checked(picture)
        bgra: Pixels = cv2.cvtColor(picture, cv2.COLOR_RGB2BGRA)  # type: ignore[assignment]
        size = bgra.shape[1], bgra.shape[0]
        if size != self._size:
            stylizer.paint_on(Canvas(size, "stretch"))
            self._size = size
            self._finish = None
        self._seq += 1

        def style() -> Pixels:
            return stylizer.stylize(Frame(bgra, self._seq, 0)).pixels

        if stylizer.is_plain:
            return style().copy()
        if self._finish is None:
            self._finish = PictureFinish(picture, finishing_of(self._config))
        elif not stylizer.is_settled:
            self._finish.forget()
        return self._finish(picture, style)

    def change(self, **look: Any) -> None:
        """Change what may change: detail, hold, colour, mix, keep; of turbo prompt, strength,
        steps, seed, prompt_fade, too. The next picture has it, or begins to where there is a fade.

        Raises ConfigError for anything else, a value out of its limits, or a stylizer without;
        StylizerError where a prompt can't be encoded.
        """
        stylizer = self._opened
        after = changed(self._config, {key(name): value for name, value in look.items()}, LOOK)
        if after.stylizer == "turbo":
            stylizer.change(look_of(after), wait=True)
            self._tell_note(stylizer)
        self._config, self._finish = after, None

    def _tell_note(self, stylizer: Stylizer) -> None:
        if stylizer.note and stylizer.note != self._note:
            _LOG.warning(stylizer.note)
        self._note = stylizer.note

    @property
    def _opened(self) -> Stylizer:
        if self._stylizer is None:
            raise StylizerError("the stylizer is not open; use it inside its `with`")
        return self._stylizer


def open_stylizer(stylizer: str = "auto", **settings: Any) -> OpenStylizer:
    """A stylizer to open by `with`, which loads it, and then to call with pictures.

    stylizer: lite, turbo, passthrough, or auto. settings: those of the TOML file that concern it:
    style, prompt, strength, seed, steps, size, model, recipe, lora, engine and so on; output_size
    is that of the pictures that are expected, so that the first of them does not wait. An engine is
    made for one size: one is used only where size or output_size is given. hold, which carries over
    from one picture to the next, is 0 unless it is given. What is decided, or has
    to be fetched, is logged as a warning of the logger "livestyle"; what is being loaded as info.

    Raises ConfigError, MissingPackage, ModelError.
    """
    _settle(_LOG.warning)
    config = _config({"stylizer": stylizer, "hold": 0.0, **settings}, _SETTINGS)
    if config.size is None and config.output_size is None:
        if config.engine not in ("auto", "torch"):
            raise ConfigError(
                f"engine {config.engine!r} is made for one size; give size or output_size"
            )
        config = dataclasses.replace(config, engine="torch")
    return OpenStylizer(settle_stylizer(config, _LOG.warning))


def run(*, announce: Callable[[str], None] = _LOG.warning, **settings: Any) -> dict[str, Any]:
    """What `livestyle run` does, until `seconds` are over or Ctrl-C, which is how it ends without.

    settings: those of the TOML file; a user's own file is not read. announce: told in one line what
    was chosen, where the result can be seen, and what the worker is about. Starts a worker process
    as `multiprocessing` does: a script must have it under `if __name__ == "__main__":`.

    Returns the run's report. Raises LivestyleError.
    """
    from livestyle.front.front import Front

    _settle(announce)
    config = _config(settings, None)
    told = "starting", ""

    def show(status: dict[str, Any]) -> None:
        nonlocal told
        state = status["state"], status["message"]
        if state != told and state[1]:
            announce(f"{state[0]}: {state[1]}")
        told = state

    with Front(config, announce) as front:
        for sink in front.outputs:
            announce(f"output: {sink.name}")
        failure = None
        try:
            front.run(show)
        except KeyboardInterrupt:
            pass
        except SinkError as error:
            failure = error
        report = front.finish()
    front.write_report(report)
    if failure:
        raise failure
    return report


def _config(given: dict[str, Any], names: Iterable[str] | None) -> Config:
    """Settings as Python spells them, checked. names: those that may be given; None: all."""
    known = set(given) if names is None else set(names)
    if unknown := sorted(set(given) & set(Config.__dataclass_fields__) - known):
        raise ConfigError(
            f"{', '.join(map(repr, unknown))} does not concern a stylizer; what does: "
            f"{', '.join(sorted(known))}"
        )
    return Config(**checked(given, "", spell=str))


def _settle(announce: Callable[[str], None]) -> None:
    """As every command begins. Raises LivestyleError."""
    for line in (*settle_home(), *settle_caches()):
        announce(line)
    check_current_folder()


def _checked(picture: Pixels) -> Pixels:
    if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8:
        kind = getattr(picture, "dtype", type(picture).__name__)
        raise PictureError(f"a picture of {kind}; RGB as a numpy array of uint8 is expected")
    if picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
        raise PictureError(f"a picture of shape {picture.shape}; RGB, (H, W, 3), is expected")
    return np.ascontiguousarray(picture)
