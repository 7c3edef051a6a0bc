"""Global hotkeys on a real X server, pressed by xdotool."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from display import Display

ROOT = Path(__file__).parents[2]
SCRIPT = """
    import json, sys
    from livestyle.between.slot import Slot, Slots
    from livestyle.config import Config
    from livestyle.control import StyleChoice
    from livestyle.control.hotkeys import Hotkeys
    from livestyle.stylizers.change import changed
    from tests.controls import FakeRun

    class Run(FakeRun):
        def change(self, values):
            self.config = changed(self.config, values)
            return super().change(values)

        def styles(self):
            chosen = self.config.style
            names = "ink", "comic", "oil"
            return [StyleChoice(name, "lite", "", name == chosen, False) for name in names]

    def told(*what):
        print(json.dumps(what), flush=True)

    config = Config(source="testcard", stylizer="lite", style="comic")
    run = Run(lambda: {}, told, config=config, slots=Slots(None))
    hotkeys = Hotkeys(json.loads(sys.argv[1]), run, lambda: told("snapshot"))
    with hotkeys:
        print("up", flush=True)
        for line in sys.stdin:
            told("recording", run.recording() is not None)
            told("notes", hotkeys.notes)
"""


class Pressed:
    """A process with hotkeys on a display, and what they did."""

    def __init__(self, display: Display, keys: str) -> None:
        script = textwrap.dedent(SCRIPT)
        self.display = display
        environment = {**display.environment, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
        for name in ("WAYLAND_DISPLAY", "XDG_SESSION_TYPE"):
            environment.pop(name, None)
        self.process = subprocess.Popen(
            [sys.executable, "-c", script, keys],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def press(self, *keys: str) -> None:
        self.display.run("xdotool", "key", "--delay", "40", *keys)

    def down(self, key: str) -> None:
        self.display.run("xdotool", "keydown", key)

    def up(self, key: str) -> None:
        self.display.run("xdotool", "keyup", key)

    def did(self) -> list[str]:
        """All, once it has ended in order."""
        time.sleep(0.3)  # the last event is on its way
        out, err = self.process.communicate("state\n", timeout=20)
        assert "Traceback" not in err, err
        return out.splitlines()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


Start = Callable[[str], Pressed]


@pytest.fixture
def start(display: Display) -> Iterator[Start]:
    with contextlib.ExitStack() as opened:

        def begin(keys: str) -> Pressed:
            pressed = Pressed(display, keys)
            opened.callback(pressed.close)
            assert pressed.process.stdout is not None
            assert pressed.process.stdout.readline() == "up\n"
            time.sleep(0.3)  # pynput says so a moment before it listens
            return pressed

        yield begin


END = ['["recording", false]', '["notes", []]']


@pytest.mark.parametrize(
    ("action", "key", "pressed", "did"),
    [
        ("off", "<ctrl>+<alt>+o", "ctrl+alt+o", '[{"off": true}]'),
        ("off", "<f9>", "F9", '[{"off": true}]'),
        ("snapshot", "<shift>+<f8>", "shift+F8", '["snapshot"]'),
        ("style-next", "<f10>", "F10", '[{"style": "oil"}]'),
        ("style-previous", "<f10>", "F10", '[{"style": "ink"}]'),
        ("mix=0.5", "<cmd>+m", "super+m", '[{"mix": 0.5}]'),
        ("keep=0,0,9,9", "k", "k", '[{"keep": ["0,0,9,9"]}]'),
    ],
)
def test_one_press_acts_once(start: Start, action: str, key: str, pressed: str, did: str) -> None:
    keys = start(f'{{"{action}": "{key}"}}')
    keys.press(pressed)
    assert keys.did() == [did, *END]


def test_a_key_that_is_held_acts_once_until_it_is_let_go(start: Start) -> None:
    keys = start('{"off": "<f9>"}')
    keys.down("F9")
    time.sleep(1.5)  # it repeats 25 times a second, after 0.66
    keys.up("F9")
    keys.press("F9")
    assert keys.did() == ['[{"off": true}]', '[{"off": false}]', *END]


@pytest.mark.parametrize("held", ["F9", "o", "ctrl"])
def test_a_key_that_is_held_at_the_start_is_no_press(
    display: Display, start: Start, held: str
) -> None:
    display.run("xdotool", "keydown", held)
    time.sleep(0.8)  # it repeats by now
    keys = start('{"off": "<f9>", "mix=1": "o", "mix=0": "<ctrl>+x"}')
    time.sleep(0.5)
    if held == "ctrl":  # it is half of a combination
        keys.press("x")
        keys.up(held)
        assert keys.did() == ['[{"mix": 0}]', *END]
        return
    keys.up(held)
    assert keys.did() == END


def test_the_combination_of_the_most_keys_acts_and_a_player_s_other_keys_do_not_matter(
    start: Start,
) -> None:
    keys = start('{"off": "<f9>", "snapshot": "<ctrl>+<f9>"}')
    keys.down("w")
    keys.press("F9", "ctrl+F9", "shift+F9", "alt+F10", "ctrl+shift+F9")
    keys.up("w")
    assert keys.did() == [
        '[{"off": true}]', '["snapshot"]', '[{"off": false}]', '["snapshot"]', *END
    ]  # fmt: skip


def test_a_key_whose_name_changes_while_it_is_down_is_not_lost(start: Start) -> None:
    keys = start('{"off": "!"}')
    for _ in range(3):  # pressed as "!", let go as "1"
        keys.down("shift")
        keys.down("1")
        keys.up("shift")
        keys.up("1")
    assert keys.did() == [
        '[{"off": true}]', '[{"off": false}]', '[{"off": true}]', *END
    ]  # fmt: skip


def test_a_recording_is_started_and_stopped_by_one_key(start: Start) -> None:
    keys = start('{"record": "<f9>"}')
    keys.press("F9")
    assert keys.did() == ['["recording", true]', '["notes", []]']
    keys = start('{"record": "<f9>"}')
    keys.press("F9", "F9")
    assert keys.did() == END


def test_what_is_refused_is_told_once_and_the_next_press_acts(start: Start) -> None:
    keys = start('{"prompt=a cat": "<f9>", "off": "<f10>"}')
    keys.press("F9", "F9", "F10")
    did = keys.did()
    assert did[:2] == ['[{"off": true}]', '["recording", false]']
    said = "hotkeys: stylizer 'lite' has no prompt; use --stylizer turbo"
    assert did[2] == f'["notes", ["{said}"]]'


def test_a_display_that_goes_away_ends_them_with_a_line(display: Display, start: Start) -> None:
    keys = start('{"off": "<f9>"}')
    display.kill()
    assert keys.did()[-1] == '["notes", ["hotkeys have ended: the display went away"]]'


def test_a_display_that_tells_of_no_keys_is_one_line(
    make_display: Callable[..., Display], tmp_path: Path
) -> None:
    display = make_display(320, 200, "-extension", "RECORD")
    environment = {**display.environment, "XDG_CONFIG_HOME": str(tmp_path)}
    said = "1 livestyle: hotkeys: the X server has no extension RECORD"
    assert _refused('off = "<f9>"', environment).startswith(said)


def _refused(keys: str, environment: dict[str, str]) -> str:
    """What is said where they can't be."""
    for name in ("WAYLAND_DISPLAY", "XDG_SESSION_TYPE"):
        environment.setdefault(name, "")
    settings = Path(environment["XDG_CONFIG_HOME"]) / "livestyle" / "settings.toml"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(f"[hotkeys]\n{keys}\n")
    words = "run --source testcard --stylizer passthrough --sink null --seconds 1"
    done = subprocess.run(
        [sys.executable, "-m", "livestyle", *words.split()],
        env=environment, capture_output=True, text=True, timeout=60, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode in (1, 2), done.stderr
    assert "Traceback" not in done.stderr
    return f"{done.returncode} {done.stderr.splitlines()[-1]}"


@pytest.mark.parametrize(
    ("setting", "of_display", "said"),
    [
        ('off = "<f9>"', {}, "1 livestyle: hotkeys: there is no display (DISPLAY is not set)"),
        ('off = "<f9>"', {"DISPLAY": ":19999"}, "1 livestyle: hotkeys: the display ':19999' can't"),
        (
            'off = "<f9>"',
            {"DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-0"},
            "1 livestyle: hotkeys: Wayland lets no program listen to all keys; leave them out",
        ),
        (
            'off = "<f99>"',
            None,
            "2 livestyle: hotkeys: off: '<f99>' is no key; write it as in <f9>",
        ),
        ('off = ""', None, "2 livestyle: "),
        ('fly = "<f9>"', None, "2 livestyle: hotkeys: 'fly' is none of off, snapshot, record, sty"),
        ('"fly=1" = "<f9>"', None, "2 livestyle: hotkeys: 'fly=1' is none of off, snapshot, recor"),
        ('"mix=7" = "<f9>"', None, "2 livestyle: hotkeys: 'mix=7': a number from 0 to 1 is expec"),
    ],
)
def test_where_there_can_be_none_is_one_line(
    setting: str,
    of_display: dict[str, str] | None,
    said: str,
    display: Display,
    tmp_path: Path,
) -> None:
    environment = {**display.environment, "XDG_CONFIG_HOME": str(tmp_path)}
    if of_display is not None:
        environment = {**environment, "DISPLAY": "", **of_display}
    assert _refused(setting, environment).startswith(said)
