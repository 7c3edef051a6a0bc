"""Global hotkeys: keys that act on this run whatever window has the keyboard."""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from livestyle import values
from livestyle.config import live_settings
from livestyle.control import Controls
from livestyle.errors import ConfigError, LivestyleError, MissingPackage
from livestyle.installation import command
from livestyle.words import value_of

if TYPE_CHECKING:
    from pynput.keyboard import Listener

_STOP_SECONDS = 2.0


class Hotkeys:
    """Acts from `with` to its end, on threads of its own. Where several fit what is held down, that
    of the most keys acts. `notes` tells what went wrong, each line once.
    """

    def __init__(
        self, keys: Mapping[str, str], controls: Controls, snapshot: Callable[[], object]
    ) -> None:
        """keys: what is pressed, as in "<ctrl>+<alt>+o", by action: off, snapshot, record,
        style-next, style-previous, or KEY=VALUE. snapshot: writes one.

        Raises ConfigError for another action or key, MissingPackage, LivestyleError where there
        can be none.
        """
        self._controls = controls
        self._snapshot = snapshot
        actions = {action: self._action(action) for action in keys}
        self._keyboard = _keyboard()
        self._combinations = [
            (self._parse(action, text), actions[action]) for action, text in keys.items()
        ]
        self._told: dict[str, None] = {}
        self._down: set[str] = set()
        self._pressed: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._listener: Listener = self._keyboard.Listener(
            on_press=self._press, on_release=self._release
        )
        self._listening = threading.Thread(target=self._listen, name="hotkeys", daemon=True)
        self._acting = threading.Thread(target=self._act, name="hotkeys act", daemon=True)

    @property
    def notes(self) -> list[str]:
        """What went wrong."""
        return list(self._told)

    def __enter__(self) -> Hotkeys:
        self._down = _held()  # what is held already is not pressed
        self._listening.start()
        self._acting.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        with contextlib.suppress(*_display_errors()):
            self._listener.stop()  # its thread ends with the next key, or the process
        self._pressed.put(None)
        self._acting.join(_STOP_SECONDS)

    def _action(self, action: str) -> Callable[[], object]:
        """Raises ConfigError."""
        actions: dict[str, Callable[[], object]] = {
            "off": lambda: self._change({"off": not self._controls.config.off}),
            "snapshot": self._snapshot,
            "record": self._record,
            "style-next": lambda: self._step(1),
            "style-previous": lambda: self._step(-1),
        }
        if action in actions:
            return actions[action]
        key, equals, word = action.partition("=")
        settings = live_settings()
        if not equals or key not in settings:
            raise ConfigError(
                f"hotkeys: {values.shown(action)} is none of {', '.join(actions)}, nor KEY=VALUE "
                f"of what may change while running: {', '.join(settings)}"
            )
        parse = settings[key][1].parse
        try:
            value = value_of(parse.schema, [word])
            parse(value)
        except ValueError as error:
            raise ConfigError(f"hotkeys: {values.shown(action)}: {error}") from None
        return lambda: self._change({key: value})

    def _parse(self, action: str, text: str) -> frozenset[str]:
        """The keys of a combination. Raises ConfigError."""
        try:
            return frozenset(map(_name, self._keyboard.HotKey.parse(text)))
        except ValueError:
            raise ConfigError(
                f"hotkeys: {action}: {values.shown(text)} is no key; write it as in <f9>, or "
                "<ctrl>+<alt>+o"
            ) from None

    def _listen(self) -> None:
        try:
            self._listener.run()
        except _display_errors():
            self._tell("hotkeys have ended: the display went away")

    def _press(self, key: Any) -> None:
        if key is None:  # one that has no name
            return
        name = _name(self._listener.canonical(key))
        if name in self._down:  # a key that is held repeats
            return
        self._down.add(name)
        fit = [each for each in self._combinations if name in each[0] and each[0] <= self._down]
        most = max((len(keys) for keys, _ in fit), default=0)
        for keys, action in fit:
            if len(keys) == most:
                self._pressed.put(action)

    def _release(self, key: Any) -> None:
        if key is None:
            return
        name = _name(self._listener.canonical(key))
        if name not in self._down:  # pressed as another, as "!" is without the shift: start over
            self._down.clear()
        self._down.discard(name)

    def _act(self) -> None:
        while (action := self._pressed.get()) is not None:
            try:
                action()
            except LivestyleError as error:
                self._tell(f"hotkeys: {error}")

    def _tell(self, line: str) -> None:
        self._told[line] = None

    def _change(self, changes: dict[str, Any]) -> None:
        self._controls.change(changes)

    def _record(self) -> None:
        if self._controls.recording() is None:
            self._controls.start_recording()
        else:
            self._controls.stop_recording()

    def _step(self, by: int) -> None:
        """Choose the style so far after this one, around the end."""
        styles = self._controls.styles()
        names = [style.name for style in styles]
        if not names:
            raise ConfigError("there is no style to choose")
        chosen = next((at for at, style in enumerate(styles) if style.chosen), min(0, -by))
        self._change({"style": names[(chosen + by) % len(names)]})


def _name(key: Any) -> str:
    """One key under one name, whatever object stands for it: its character, or its number."""
    code = getattr(key, "value", key)
    return code.char.lower() if code.char else str(code.vk)


def _keyboard() -> Any:
    """pynput's. Raises MissingPackage, LivestyleError where no program may listen to the keys."""
    if sys.platform.startswith("linux"):
        if os.environ.get("WAYLAND_DISPLAY") or os.environ.get("XDG_SESSION_TYPE") == "wayland":
            raise LivestyleError(
                "hotkeys: Wayland lets no program listen to all keys; leave them out, and bind "
                f"commands in your desktop's settings, as in: {command('ctl off')}"
            )
        if not os.environ.get("DISPLAY"):
            raise LivestyleError(
                "hotkeys: there is no display (DISPLAY is not set); leave them out"
            )
    try:
        from pynput import keyboard
    except ModuleNotFoundError as error:
        raise MissingPackage("pynput", "hotkeys") from error
    except ImportError as error:  # it looks for the display as early as this
        display = os.environ.get("DISPLAY")
        raise LivestyleError(
            f"hotkeys: the display {display!r} can't be listened to; leave them out"
        ) from error
    if sys.platform.startswith("linux"):
        with _display() as opened:
            if not opened.has_extension("RECORD"):
                raise LivestyleError(
                    "hotkeys: the X server has no extension RECORD, which tells of keys; leave "
                    "them out"
                )
    return keyboard


@contextlib.contextmanager
def _display() -> Iterator[Any]:
    """The X server, asked something."""
    from Xlib.display import Display

    display = Display()
    try:
        yield display
    finally:
        display.close()


def _display_errors() -> tuple[type[Exception], ...]:
    """What is raised where the display goes away."""
    if not sys.platform.startswith("linux"):
        return (OSError,)
    from Xlib.error import ConnectionClosedError

    return OSError, ConnectionClosedError


def _held() -> set[str]:
    """The keys that are down now, where the system tells: on X."""
    if not sys.platform.startswith("linux"):
        return set()
    with _display() as opened:
        down = opened.query_keymap()
        codes = [code for code in range(8, 256) if down[code // 8] >> code % 8 & 1]
        symbols = [opened.keycode_to_keysym(code, 0) for code in codes]
    return {chr(one).lower() if one < 256 else str(one) for one in symbols if one}
