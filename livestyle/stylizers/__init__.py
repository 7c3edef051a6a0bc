"""Stylizers restyle one frame: lite style networks, SDXL-Turbo and its kind, or none at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from livestyle.between.look import Look, Refusal
from livestyle.config import Config
from livestyle.errors import ConfigError
from livestyle.frame import Frame, Size
from livestyle.stylizers.blend import find_blend
from livestyle.stylizers.style import USUAL, find_style

if TYPE_CHECKING:
    from livestyle.canvas import Canvas
    from livestyle.finish.device import DeviceFinish


class Stylizer(Protocol):
    """Restyles one frame at a time. Opened and called on one thread, closed by `with`.

    `is_plain` says whether its pictures are shown as they are, whatever the settings of the finish;
    `is_settled` whether the next frame is made as the last one was: no change waits for it.
    `engine` says what computes it (openvino, …), `why` that one, or "" where there is no choice;
    `size` is (width, height) of the picture inside; its sides are out of `grid`, or there is no
    other size where that is None. `look` is that of the last frame, or
    None where there are none. `finish` is what finishes its pictures where they are made; None:
    they are finished in host memory. `refusal` is of the look that was asked for last, where that
    can't be taken; `note` what there is to say of its look, in one line, or "".
    """

    @property
    def name(self) -> str: ...

    @property
    def engine(self) -> str: ...

    @property
    def why(self) -> str: ...

    @property
    def size(self) -> Size: ...

    @property
    def grid(self) -> range | None: ...

    @property
    def is_plain(self) -> bool: ...

    @property
    def is_settled(self) -> bool: ...

    @property
    def finish(self) -> DeviceFinish | None: ...

    @property
    def look(self) -> Look | None: ...

    @property
    def refusal(self) -> Refusal | None: ...

    @property
    def note(self) -> str: ...

    def stylize(self, frame: Frame) -> Frame:
        """BGRA (h, w, 4) of any size in, RGB (H, W, 3) of the output size out.

        Where the canvas asks for I420, (H * 3 / 2, W), lite returns that, and so does a stylizer
        that has the picture on a device of its own. The pixels belong to the stylizer and change at
        the next call.
        The same frame always gives the same pixels, and nothing is carried over to the next one;
        but where `finish` has taken something for this frame, on this thread, what comes out is
        finished, and holds what stands still.

        Raises StylizerError, SpoiltFrame among them.
        """
        ...

    def change(self, look: Look, *, wait: bool = False) -> None:
        """Take another look, from a frame to come on; called on any thread. wait: until that is the
        next frame. Where it can't be taken the look stays as it was, see `refusal`.

        Raises ConfigError where the stylizer has none, StylizerError where one was waited for that
        can't be taken.
        """
        ...

    def glimpse(self, look: Look) -> Callable[[Frame], Frame]:
        """Make ready a picture in another look, beside the frames: called on any thread, one at a
        time, which waits until its prompt is encoded.

        Returns what stylizes a frame so, to be called between two frames, on their thread; those
        are as if it had not been. It raises StylizerError where it can't. Raises StylizerError.
        """
        ...

    def paint_on(self, canvas: Canvas) -> None:
        """Paint on another canvas, of any size, from the next frame on. It may take as long as
        opening did but for loading; called between two frames, on their thread.
        """
        ...

    def prepare(self, size: Size) -> Callable[[], bool]:
        """Make ready another size of the picture inside, or that of now, with sides out of `grid`.

        Returns what takes it into use, to be called between two frames on their thread as often as
        one likes; it returns whether it did: not where it was prepared for what no longer is, and
        has to be prepared anew.

        Called on any thread, beside frames; where `prepares_beside` is False only while there are
        none: before the first, or between two. Raises StylizerError.
        """
        ...

    @property
    def prepares_beside(self) -> bool: ...

    def __enter__(self) -> Stylizer: ...

    def __exit__(self, *exc_info: object) -> None: ...


def _open_lite(named: str, canvas: Canvas, size: Size | None) -> Stylizer:
    if blend := find_blend(named):
        from livestyle.stylizers.blended import Blended

        return Blended(blend, canvas, size)
    style = find_style(named)
    if style.filter:
        from livestyle.stylizers.filtered import Filtered

        return Filtered(style.filter, canvas, size)
    from livestyle.stylizers.lite import Lite

    return Lite(style, canvas, size)


def open_stylizer(config: Config, canvas: Canvas, say: Callable[[str], None]) -> Stylizer:
    """Open the stylizer that settled settings name; it paints on `canvas`.

    say: told what is being loaded, as a noun, and how far a download is.

    Raises StylizerError when it can't be opened.
    """
    if config.stylizer == "lite":
        return _open_lite(config.style or USUAL, canvas, config.size)
    if config.stylizer == "turbo":
        from livestyle.stylizers.turbo import open_turbo

        return open_turbo(config, canvas, say)
    if config.stylizer == "passthrough":
        from livestyle.stylizers.passthrough import Passthrough

        return Passthrough(canvas)
    raise ConfigError(
        f"unknown stylizer {config.stylizer!r}; choose from: lite, turbo, passthrough"
    )
