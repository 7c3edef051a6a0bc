"""The screen, or a region of it, through mss: X11, Windows and macOS."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from livestyle.errors import ConfigError, SourceError, SourceLost
from livestyle.frame import Frame, Size
from livestyle.installation import adding_package
from livestyle.sources.session import session_note, unreachable
from livestyle.values import shown

try:
    import mss
except ImportError as missing:
    raise SourceError(f"mss: {missing}; run: {adding_package('mss')}") from missing

if TYPE_CHECKING:
    from livestyle.frame import Pixels

Region = tuple[int, int, int, int]  # left, top, width, height in pixels, from a monitor's corner
Box = tuple[int, int, int, int]  # left, top, right, bottom on the whole desktop

LOOK_EVERY = 1.0  # s between two looks at the monitors: 0.6 ms each (Xvfb, 1280x720, 2 cores)
# mss raises a bare AssertionError when the X server has gone
_FAILURES = (mss.ScreenShotError, AssertionError, OSError, ValueError)  # the last: no reply


@dataclass(frozen=True, slots=True)
class Monitor:
    """A monitor and where it is on the desktop, in pixels."""

    number: int  # 1 is the primary one; 0 is all of them together
    x: int
    y: int
    width: int
    height: int
    name: str

    def __str__(self) -> str:
        name = f" {self.name}" if self.name else ""
        return f"{self.number} ({self.width}x{self.height} at {self.x},{self.y}{name})"


class Screen:
    """A Source that samples a monitor, or a region of it, whenever it is read.

    monitor: its number, see `list_monitors`. region: a part of it, else all of it.
    display: the X11 display; None for the session's own. cursor: whether the pointer is seen, where
    mss can: on X11. `note` says what to expect, or is empty.

    A change of resolution is seen within LOOK_EVERY. Raises SourceError when it can't be opened.
    """

    fps = None

    def __init__(
        self,
        monitor: int = 1,
        region: Region | None = None,
        display: str | None = None,
        *,
        cursor: bool = False,
    ) -> None:
        self.name = ",".join(map(str, (f"screen:{monitor}", *(region or ()))))
        self._monitor, self._region, self._display = monitor, region, display
        blind = _blind(display) if cursor and _is_x11() else ""
        self.note = "; ".join(filter(None, (session_note(), blind)))
        self._cursor = cursor and _is_x11() and not blind
        self._capture, self._box = self._open()
        self.size: Size = self._box[2] - self._box[0], self._box[3] - self._box[1]
        self._seq = 0
        self._look_at = time.monotonic() + LOOK_EVERY

    def read(self) -> Frame:
        """The screen now: BGRA (H, W, 4).

        Raises SourceLost when the display is gone, or the monitor or region no longer on it.
        """
        if time.monotonic() >= self._look_at:
            self._look()
        try:
            pixels = self._grab()
        except SourceLost:
            if not self._look():
                raise
            pixels = self._grab()
        captured_at = time.monotonic_ns()
        self.size = pixels.shape[1], pixels.shape[0]
        self._seq += 1
        return Frame(pixels, self._seq - 1, captured_at)

    def __enter__(self) -> Screen:
        return self

    def __exit__(self, *exc_info: object) -> None:
        _close(self._capture)

    def _open(self) -> tuple[mss.MSS, Box]:
        capture = _connect(self._display, cursor=self._cursor)
        try:
            return capture, _locate(_monitors(capture), self._monitor, self._region)
        except _FAILURES as error:
            _close(capture)
            raise SourceError(f"cannot read {self._where()}: {_reason(error)}") from error
        except SourceError:
            _close(capture)
            raise

    def _grab(self) -> Pixels:
        try:
            # not .rgb or .bgra, which copy; mss leaves the memory alone while the array lives
            return np.asarray(self._capture.grab(self._box))
        except _FAILURES as error:
            raise SourceLost(f"cannot read {self._where()}: {_reason(error)}") from error

    def _look(self) -> bool:
        """Follow a change of the monitors; mss itself never looks twice. Returns whether any."""
        self._look_at = time.monotonic() + LOOK_EVERY
        try:
            capture, box = self._open()
        except SourceError as error:
            raise SourceLost(str(error)) from error
        if box == self._box:
            _close(capture)
            return False
        _close(self._capture)
        self._capture, self._box = capture, box
        return True

    def _where(self) -> str:
        display = self._display or os.environ.get("DISPLAY")
        return f"{self.name} of display {display}" if display else self.name


def parse_area(argument: str) -> tuple[int, Region | None]:
    """What stands after `screen:`, as (monitor, region): "", "N" or "N,X,Y,W,H".

    Raises ConfigError for anything else.
    """
    if not argument:
        return 1, None
    if not re.fullmatch(r"\d{1,4}(,-?\d{1,6}){4}|\d{1,4}", argument, re.ASCII):
        raise ConfigError(
            f"source {shown(f'screen:{argument}')}: write screen:N for a monitor, "
            "or screen:N,X,Y,W,H for a region of it in pixels"
        )
    monitor, *region = (int(number) for number in argument.split(","))
    return monitor, (region[0], region[1], region[2], region[3]) if region else None


def list_monitors(display: str | None = None) -> list[Monitor]:
    """The monitors, the primary one first. Raises SourceError when there is no screen to read."""
    capture = _connect(display)
    try:
        return _monitors(capture)[1:]
    except _FAILURES as error:
        raise SourceError(f"cannot list monitors: {_reason(error)}") from error
    finally:
        _close(capture)


def capture_notes(display: str | None = None) -> list[str]:
    """Why the screen is read slowly or not all of it is seen, one line each; none is well.

    Raises SourceError when there is no screen to read.
    """
    with Screen(display=display, cursor=True) as screen:
        screen.read()
        said = [" ".join(note.split()) for note in screen._capture.performance_status]
        notes = [note for note in said if "working correctly" not in note]
        return [*notes, screen.note] if screen.note else notes


def _connect(display: str | None, *, cursor: bool = False) -> mss.MSS:
    options: dict[str, Any] = {"display": display} if display else {}
    if cursor:  # of X11 alone; 0.1 ms for one of 32x32 (Xvfb, 1280x720, 2 cores; a grab takes 0.6)
        options["with_cursor"] = True
    try:
        return mss.MSS(**options)
    except _FAILURES as error:
        raise SourceError(unreachable(display, _reason(error))) from error


def _is_x11() -> bool:
    return sys.platform not in ("win32", "darwin")


def _blind(display: str | None) -> str:
    """Why the pointer can't be seen on X11, or ""."""
    capture = _connect(display, cursor=True)
    try:
        capture.grab((0, 0, 1, 1))
    except _FAILURES as error:
        return f"the pointer is not seen: {_reason(error)}"
    finally:
        _close(capture)
    return ""


def _close(capture: mss.MSS) -> None:
    with contextlib.suppress(*_FAILURES):  # raised when the display has gone; all is freed
        capture.close()


def _monitors(capture: mss.MSS) -> list[Monitor]:
    """All together as number 0, then each, the primary one first."""
    whole, *single = capture.monitors
    single.sort(key=lambda entry: not _field(entry, "is_primary"))
    return [_monitor(number, entry) for number, entry in enumerate([whole, *(single or [whole])])]


def _monitor(number: int, entry: object) -> Monitor:
    x, y, width, height = (int(_field(entry, key)) for key in ("left", "top", "width", "height"))
    return Monitor(
        number, x, y, width, height, _field(entry, "name") or _field(entry, "output") or ""
    )


def _field(entry: object, key: str) -> Any:
    """Monitors are dictionaries in mss 10 and objects from 11 on."""
    return entry.get(key) if isinstance(entry, dict) else getattr(entry, key, None)


def _locate(monitors: list[Monitor], number: int, region: Region | None) -> Box:
    """Where a region of a monitor is on the desktop. Raises SourceError unless it is all there."""
    if number >= len(monitors):
        there = ", ".join(map(str, monitors[1:]))
        raise SourceError(f"there is no monitor {number}; choose from: {there}, or 0 for all")
    monitor = monitors[number]
    left, top, width, height = region or (0, 0, monitor.width, monitor.height)
    written = f"region {left},{top},{width},{height}"
    if width <= 0 or height <= 0:
        raise SourceError(f"{written} is empty; give a width and a height of 1 or more")
    if min(left, top) < 0 or left + width > monitor.width or top + height > monitor.height:
        raise SourceError(
            f"{written} is not all on monitor {number}, which is {monitor.width}x{monitor.height}; "
            "give X,Y,W,H inside it"
        )
    left, top = left + monitor.x, top + monitor.y
    return left, top, left + width, top + height


def _reason(error: BaseException) -> str:
    """One line of why mss failed."""
    return str(error).partition("\n")[0].strip() or "the connection was closed"
