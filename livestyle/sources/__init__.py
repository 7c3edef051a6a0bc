"""Sources give frames: a screen, a window, the testcard, a video file, a camera, or blank ones."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable
from typing import Protocol, TypeVar

from livestyle.aside import run_aside
from livestyle.errors import ConfigError, SourceError
from livestyle.frame import Frame, Size
from livestyle.values import shown


class Source(Protocol):
    """Gives frames. Opened on one thread, read from one other, closed by `with`.

    `size` is (width, height) of the frames that `read` gives; it may change between two reads when
    the screen's resolution does. `fps` is the source's own rate, or None where it is sampled as
    often as it is asked (a screen).
    """

    @property
    def name(self) -> str: ...

    @property
    def size(self) -> Size: ...

    @property
    def fps(self) -> float | None: ...

    def read(self) -> Frame:
        """The picture now: BGRA (H, W, 4); blocks until there is one.

        The caller owns the pixels; the source writes to them no more.

        Raises SourceLost when the source went away and opening it again may help,
        SourceError when it won't.
        """
        ...

    def __enter__(self) -> Source: ...

    def __exit__(self, *exc_info: object) -> None: ...


SOURCES = (
    "auto",
    "screen",
    "screen:N",
    "screen:N,X,Y,W,H",
    "window:TITLE",
    "testcard",
    "file:PATH",
    "camera:N",
    "canvas",
    "blank",
)


PATIENCE = 10.0  # s; a webcam takes two or three to open


def open_source(
    spec: str,
    size: Size | None = None,
    fps: float = 30,
    tell: Callable[[str], None] = lambda line: None,
    *,
    cursor: bool = False,
) -> Source:
    """Open the source that `spec` names (one of SOURCES but `auto`, see `choose_source`, and
    `canvas`, see `Drawing`); a window by its whole title, see `settled_source`.

    size: what to draw or ask for where the source leaves the choice (testcard, camera, blank); a
    file larger than that and than 4K is scaled down. fps: the rate to ask a camera for. tell: told
    in a line each of what a file or a screen does not show as it is. cursor: whether a screen shows
    the pointer.

    Raises ConfigError for an unknown or malformed `spec`, SourceError when it can't be opened.
    """
    kind, _, argument = spec.partition(":")
    if kind == "screen":
        from livestyle.sources.screen import Screen, parse_area

        screen = Screen(*parse_area(argument), cursor=cursor)
        if screen.note:
            tell(screen.note)
        return screen
    if kind == "window" and argument:
        return _open_window(argument)
    if kind == "testcard" and not argument:
        from livestyle.sources.testcard import Testcard

        return Testcard(size or (1280, 720))
    if spec == "blank":
        from livestyle.sources.blank import Blank

        return Blank(size or (512, 512))
    if kind == "file" and argument:
        from livestyle.sources.file import VideoFile

        return VideoFile(argument, size, tell)
    if kind == "camera":
        return _open_camera(argument, size, fps)
    raise ConfigError(f"unknown source {shown(spec)}; choose from: {', '.join(SOURCES)}")


def _open_window(title: str) -> Source:
    if sys.platform == "darwin":
        raise ConfigError(f"source {shown(f'window:{title}')}: not on macOS; use screen:N")
    if sys.platform == "win32":
        from livestyle.sources import window_win as window
    else:
        from livestyle.sources import window
    source: Source = window.Window(title)
    return source


def _open_camera(number: str, size: Size | None, fps: float) -> Source:
    from livestyle.sources.camera import Camera

    if not re.fullmatch(r"\d{1,4}", number, re.ASCII):
        raise ConfigError(
            f"source {shown(f'camera:{number}')}: a camera has a number, as in camera:0"
        )
    return Camera(int(number), size, fps)


_MODULES = "screen", "testcard", "blank", "file", "camera"  # by what they open


def source_size(
    spec: str,
    size: Size | None = None,
    fps: float = 30,
    tell: Callable[[str], None] = lambda line: None,
    *,
    cursor: bool = False,
) -> Size:
    """The size of the source's frames now; arguments and errors are those of `open_source`."""

    def look() -> Size:
        with open_source(spec, size, fps, tell, cursor=cursor) as source:
            return source.size

    if (kind := spec.partition(":")[0]) in _MODULES:
        # which takes longer on a slow machine than any source takes to answer
        importlib.import_module(f"livestyle.sources.{kind}")
    return answered(look, f"source {spec!r}")


def settled_source(spec: str) -> str:
    """The source with what it leaves open decided now: of a window its whole title, on X11.

    Raises SourceError where there is no such window.
    """
    kind, _, words = spec.partition(":")
    if kind != "window" or not words or sys.platform in ("win32", "darwin"):
        return spec
    from livestyle.sources import window

    found = answered(lambda: window.choose_window(window.list_windows(), words), "the display")
    return f"window:{found.title}"


def choose_source() -> tuple[str, str]:
    """What `auto` stands for on this machine, and why in words."""
    try:
        return "screen", "a screen of {}x{}".format(*source_size("screen"))
    except SourceError as error:
        return "testcard", f"no screen to capture ({error})"


T = TypeVar("T")


def answered(look: Callable[[], T], what: str) -> T:
    """What `look` returns or raises, from a thread: a display that hangs can't be interrupted.

    Raises SourceError when there is no answer within PATIENCE.
    """
    try:
        return run_aside(look, "looking", PATIENCE)
    except TimeoutError:
        raise SourceError(
            f"{what} does not answer within {PATIENCE:g} s; see whether its display or device hangs"
        ) from None
