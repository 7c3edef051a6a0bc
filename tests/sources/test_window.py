"""A window, read from real X servers."""

from __future__ import annotations

import gc
import os
import subprocess
import threading

import numpy as np
import pytest
from pattern_window import PatternWindow
from waiting import until

from livestyle.commands.devices import list_devices
from livestyle.errors import ConfigError, SourceError, SourceLost
from livestyle.sources import open_source, settled_source
from livestyle.sources.window import Window, choose_window, find_window, list_windows
from livestyle.sources.x11 import WindowInfo
from livestyle.values import spec


@pytest.fixture
def shown(display):
    """Opens windows on the display; those are closed with the test."""
    opened = []

    def show(title="Pattern", size=(200, 120), seed=1, **more):
        opened.append(PatternWindow(display.name, title, size, seed, **more))
        return opened[-1]

    yield show
    for window in opened:
        window.close()


def agrees(frame, window, size):
    """Whether a frame is of that size and shows the window's pattern, and nothing else."""
    height, width, _ = frame.pixels.shape
    return (width, height) == size and np.array_equal(
        frame.pixels[..., :3], window.pattern[:height, :width, :3]
    )


def test_pixels_are_the_windows_own(display, shown):
    pattern = shown()
    with Window("Pattern", display.name) as window:
        assert (window.size, window.fps, window.name) == ((200, 120), None, "window:Pattern")
        frame = window.read()
        assert frame.pixels.dtype == np.uint8 and frame.pixels.flags.c_contiguous
        assert agrees(frame, pattern, (200, 120))


def test_is_followed_when_moved_also_off_the_screen(display, shown):
    pattern = shown()
    with Window("Pattern", display.name) as window:
        for x, y in [(0, 0), (333, 200), (-150, -70), (630, 390), (-500, 10)]:
            pattern.move(x, y)
            assert agrees(window.read(), pattern, (200, 120)), (x, y)


def test_is_followed_when_resized(display, shown):
    pattern = shown()
    with Window("Pattern", display.name) as window:
        for step in range(10):
            size = (60 + 57 * step, 390 - 37 * step)
            pattern.resize(*size)
            frame = window.read()
            assert window.size == size and agrees(frame, pattern, size), size


def test_what_was_on_the_screen_is_not_seen_while_it_paints_itself(display, shown):
    """A window without a background is what lay there, until its program has painted it."""
    shown("Secret", (640, 480), None, at=(0, 0))
    pattern = shown()
    pattern.strip()
    pattern.hide()
    pattern.show()
    for size in [(200, 120), (260, 150), (330, 210)]:
        pattern.resize(*size)
        painter = threading.Timer(0.1, pattern.paint)
        painter.start()
        if size == (200, 120):  # it has just been shown
            window = Window("Pattern", display.name)
        assert agrees(window.read(), pattern, size)
        painter.join()
    window.__exit__(None, None, None)


def test_what_lies_over_it_is_not_seen(display, shown):
    pattern = shown()
    with Window("Pattern", display.name) as window:
        cover = shown("Cover", (300, 300), None, at=(0, 0))
        assert agrees(window.read(), pattern, (200, 120))
        pattern.move(40, 40)
        pattern.resize(240, 160)
        assert agrees(window.read(), pattern, (240, 160))
        pattern.lift()
        cover.lift()
        assert agrees(window.read(), pattern, (240, 160))


def test_one_that_was_covered_before_it_is_read_is_seen_whole(display, shown):
    """Its program paints it anew then: what was covered was kept nowhere."""
    pattern = shown()
    shown("Cover", (300, 300), None, at=(0, 0))
    with Window("Pattern", display.name) as window:
        assert agrees(window.read(), pattern, (200, 120))


def test_one_in_a_frame_of_a_window_manager(display, shown):
    pattern = shown()
    pattern.frame(border=7)
    shown("Not listed", seed=3)
    assert [window.title for window in list_windows(display.name)] == ["Pattern"]
    with Window("Pattern", display.name) as window:
        shown("Cover", (300, 300), None, at=(0, 0))
        assert agrees(window.read(), pattern, (200, 120))


def test_minimised_and_back(display, shown):
    pattern = shown()
    with Window("Pattern", display.name) as window:
        pattern.hide()
        for _ in range(2):
            with pytest.raises(SourceLost, match="is minimised or hidden"):
                window.read()
        with pytest.raises(SourceError, match="there is no window 'Pattern'"):
            Window("Pattern", display.name)
        pattern.show()
        assert agrees(window.read(), pattern, (200, 120))
        pattern.hide()  # unseen
        pattern.resize(100, 90)
        pattern.show()
        assert agrees(window.read(), pattern, (100, 90))


def test_renamed_it_is_the_same_closed_it_is_lost(display, shown):
    pattern = shown()
    with Window("Pattern", display.name) as window:
        pattern.rename("Level 2")
        assert agrees(window.read(), pattern, (200, 120))
        shown("Pattern", seed=2)  # another of that name
        assert agrees(window.read(), pattern, (200, 120))
        pattern.close()
        with pytest.raises(SourceLost, match="window:Pattern is closed"):
            window.read()


def test_frames_are_the_callers(display, shown):
    pattern = shown()
    with Window("Pattern", display.name) as window:
        first = window.read()
        pattern.resize(400, 300)  # more memory is shared
        second = window.read()
    gc.collect()
    assert agrees(first, pattern, (200, 120)) and agrees(second, pattern, (400, 300))
    assert [first.seq, second.seq] == [0, 1] and first.captured_at < second.captured_at


def test_nothing_is_left_behind(display, shown):
    """Neither descriptors nor shared memory, of which the system has little."""
    shown()

    def left():
        mine = subprocess.run(["ipcs", "-m", "-p"], capture_output=True, text=True, check=True)
        pid = str(os.getpid())
        segments = [line for line in mine.stdout.splitlines() if pid in line.split()]
        return len(os.listdir("/proc/self/fd")), len(segments)

    with Window("Pattern", display.name) as window:
        window.read()
    before = left()
    for _ in range(20):
        with Window("Pattern", display.name) as window:
            window.read()
            window.read()
        with pytest.raises(SourceError):
            Window("None such", display.name)
    assert left() == before and before[1] == 0


def test_a_display_that_is_gone(display, shown):
    shown()
    with Window("Pattern", display.name) as window:
        display.kill()
        for _ in range(2):
            with pytest.raises(SourceLost, match="the display is gone"):
                window.read()
    with pytest.raises(SourceError, match="cannot be opened"):
        list_windows(display.name)


def test_a_display_without_xcomposite_is_told(make_display):
    display = make_display(320, 200, "-extension", "Composite")
    window = PatternWindow(display.name, "Pattern", (100, 80), 1)
    with pytest.raises(SourceError, match="no Composite extension; use screen:N"):
        Window("Pattern", display.name)
    window.close()


def test_a_display_of_another_depth_is_told(make_display):
    display = make_display(320, 200, depth=16)
    with subprocess.Popen(["xmessage", "hello"], env=display.environment) as program:
        until(lambda: list_windows(display.name))
        with pytest.raises(SourceError, match="it has 16 bits a pixel, not 24 as can be read"):
            Window("xmessage", display.name)
        program.kill()


KNOWN = [
    WindowInfo(id, title, (640, 480))
    for id, title in enumerate(["Mail", "SuperTux 0.6.3", "supertux forum — Browser", "Mail"])
]


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("SuperTux 0.6.3", 1),  # exactly
        ("supertux", 2),  # the topmost that has it
        ("FORUM — b", 2),
        ("supertux  0.6.3", 1),
        ("Mail", 3),  # the topmost of two
        ("0.6", 1),
    ],
)
def test_finds_by_title(title, expected):
    assert choose_window(KNOWN, title).id == expected


def test_says_what_there_is():
    with pytest.raises(SourceError) as caught:
        choose_window(KNOWN[:2], "Doom")
    assert str(caught.value) == ("there is no window 'Doom'; choose from: 'Mail', 'SuperTux 0.6.3'")


def test_is_listed_as_it_is_named(display, shown, monkeypatch):
    monkeypatch.setenv("DISPLAY", display.name)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    pattern = shown("It's  a\tgame; $HOME")
    shown("tiny", (8, 8))
    found = {device.flag: device.description for device in list_devices()}
    (flag,) = (flag for flag in found if "window:" in flag)
    assert found[flag] == "It's a game; $HOME, 200x120"
    written = subprocess.run(
        ["sh", "-c", f"printf %s {flag.split(' ', 1)[1]}"], capture_output=True, text=True
    ).stdout
    with open_source(written) as window:
        assert agrees(window.read(), pattern, (200, 120))


def test_needs_a_title():
    with pytest.raises(ConfigError, match="unknown source 'window:'"):
        open_source("window:")


def test_a_part_of_a_title_is_settled_once_and_no_other_takes_its_place(
    display, shown, monkeypatch
):
    monkeypatch.setenv("DISPLAY", display.name)
    game = shown("Pattern 2", seed=1)
    assert settled_source("window:pattern") == "window:Pattern 2"
    shown("About Pattern 2", seed=2)
    game.hide()
    with pytest.raises(SourceError, match="there is no window 'Pattern 2'"):
        open_source("window:Pattern 2")
    with pytest.raises(SourceError, match="there is no window 'about'"):
        find_window(list_windows(display.name), "about")
    game.show()
    with open_source("window:Pattern 2") as window:
        assert agrees(window.read(), game, (200, 120))


def test_a_title_is_no_path():
    assert settled_source("testcard") == "testcard"
    assert spec("window:~/src") == "window:~/src"
    assert spec("file:~/src") != "file:~/src"
