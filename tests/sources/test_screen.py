"""The screen, read from real X servers."""

from __future__ import annotations

import gc
import os
import random
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from livestyle.errors import ConfigError, SourceError, SourceLost
from livestyle.sources import choose_source, open_source
from livestyle.sources.screen import (
    LOOK_EVERY,
    Screen,
    capture_notes,
    list_monitors,
    parse_area,
)

FOREGROUND, BACKGROUND = (0x20, 0x60, 0xE0), (0xF0, 0xC0, 0x10)  # red, green, blue


def paint(display, tmp_path, seed=1):
    """Paint a random pattern of two colours on the root window; returns its pixels, RGB."""
    width, height = display.size
    random.seed(seed)
    rows = [random.randbytes((width + 7) // 8) for _ in range(height)]
    picture = tmp_path / "picture.xbm"
    numbers = ",\n".join(hex(byte) for row in rows for byte in row)
    picture.write_text(
        f"#define p_width {width}\n#define p_height {height}\n"
        f"static unsigned char p_bits[] = {{\n{numbers}}};\n"
    )
    colours = [f"#{bytes(colour).hex()}" for colour in (FOREGROUND, BACKGROUND)]
    display.run("xsetroot", "-bitmap", str(picture), "-fg", colours[0], "-bg", colours[1])
    bits = np.unpackbits(
        np.array([list(row) for row in rows], np.uint8), axis=1, count=width, bitorder="little"
    )
    return np.where(bits[..., None], FOREGROUND, BACKGROUND).astype(np.uint8)


def rgb(frame):
    return frame.pixels[..., 2::-1]


@pytest.fixture(autouse=True)
def _no_session(monkeypatch):
    """Tests see no display but their own."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "XDG_SESSION_TYPE"):
        monkeypatch.delenv(name, raising=False)


def test_pixels_are_what_was_painted(display, tmp_path):
    painted = paint(display, tmp_path)
    with Screen(display=display.name) as screen:
        assert (screen.size, screen.fps, screen.name) == ((640, 400), None, "screen:1")
        frame = screen.read()
    assert frame.pixels.shape == (400, 640, 4) and frame.pixels.dtype == np.uint8
    assert frame.pixels.flags.c_contiguous
    assert np.array_equal(rgb(frame), painted)


@pytest.mark.parametrize("monitor", [0, 1])
def test_region(display, tmp_path, monitor):
    painted = paint(display, tmp_path)
    with Screen(monitor, (33, 47, 301, 155), display=display.name) as screen:
        assert screen.size == (301, 155)
        assert screen.name == f"screen:{monitor},33,47,301,155"
        assert np.array_equal(rgb(screen.read()), painted[47 : 47 + 155, 33 : 33 + 301])


def test_same_as_ffmpeg_reads(display, tmp_path):
    if not shutil.which("ffmpeg"):
        pytest.skip("ffmpeg is not installed")
    paint(display, tmp_path)
    theirs = display.run(
        *("ffmpeg", "-loglevel", "error", "-f", "x11grab", "-draw_mouse", "0"),
        *("-grab_x", "20", "-grab_y", "10", "-video_size", "320x240", "-i", display.name),
        *("-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "bgr0", "-"),
    )
    with Screen(1, (20, 10, 320, 240), display=display.name) as screen:
        ours = screen.read().pixels
    theirs = np.frombuffer(theirs, np.uint8).reshape(240, 320, 4)
    assert np.array_equal(ours[..., :3], theirs[..., :3])


def test_opens_by_its_written_form(display, tmp_path, monkeypatch):
    painted = paint(display, tmp_path)
    monkeypatch.setenv("DISPLAY", display.name)
    with open_source("screen:1,8,16,64,32") as screen:
        assert np.array_equal(rgb(screen.read()), painted[16:48, 8:72])
    assert choose_source()[0] == "screen"


def test_frames_are_the_callers(display, tmp_path):
    """What was read stays as it is while more is read, and after the screen is closed."""
    with Screen(display=display.name) as screen:
        frames, pictures = [], []
        for seed in range(4):
            pictures.append(paint(display, tmp_path, seed))
            frames.append(screen.read())
    gc.collect()
    for frame, picture in zip(frames, pictures, strict=True):
        assert np.array_equal(rgb(frame), picture)
    assert [frame.seq for frame in frames] == [0, 1, 2, 3]


def test_captured_at_is_after_the_grab(display):
    with Screen(display=display.name) as screen:
        times = [time.monotonic_ns()]
        for _ in range(5):
            times += [screen.read().captured_at, time.monotonic_ns()]
    assert times == sorted(times)


def test_opened_on_one_thread_read_on_another(display, tmp_path):
    painted = paint(display, tmp_path)
    same = []
    with Screen(display=display.name) as screen:
        thread = threading.Thread(target=lambda: same.append((rgb(screen.read()) == painted).all()))
        thread.start()
        thread.join(timeout=20)
    assert same == [True]


def test_killed_server_is_lost_and_found_again(display, tmp_path):
    paint(display, tmp_path)
    with Screen(display=display.name) as screen:
        screen.read()
        display.kill()
        with pytest.raises(SourceLost, match=rf"display {display.name} cannot be opened") as lost:
            screen.read()
        assert "\n" not in str(lost.value)
        with pytest.raises(SourceLost):
            screen.read()
    with pytest.raises(SourceError, match=f"display {display.name} cannot be opened"):
        Screen(display=display.name)
    display.start((320, 240))
    painted = paint(display, tmp_path)
    with Screen(display=display.name) as screen:
        assert screen.size == (320, 240)
        assert np.array_equal(rgb(screen.read()), painted)


def test_server_restarted_between_two_reads(display, tmp_path):
    """A screen of another size is simply there; one of the same size is lost first."""
    with Screen(display=display.name) as screen:
        screen.read()
        display.kill()
        display.start((320, 240))
        painted = paint(display, tmp_path)
        assert np.array_equal(rgb(screen.read()), painted)
        display.kill()
        display.start()
        with pytest.raises(SourceLost):
            screen.read()


def set_mode(display, width, height):
    """Change the resolution of a display, to at most its first one."""
    mode = f"{width}x{height}-test"
    timing = [str(value) for value in [0, *[width] * 4, *[height] * 4]]
    display.run("xrandr", "--newmode", mode, *timing)
    display.run("xrandr", "--addmode", "screen", mode)
    display.run("xrandr", "--output", "screen", "--mode", mode)
    display.size = width, height


def read_until(screen, size):
    deadline = time.monotonic() + 5 * LOOK_EVERY
    while time.monotonic() < deadline:
        frame = screen.read()
        if screen.size == size:
            return frame
        time.sleep(0.05)
    raise AssertionError(f"the screen is still {screen.size}")


def test_resolution_changes_are_followed(display, tmp_path):
    if not shutil.which("xrandr"):
        pytest.skip("xrandr is not installed")
    with Screen(display=display.name) as screen:
        screen.read()
        set_mode(display, 320, 200)
        painted = paint(display, tmp_path)
        # smaller: seen at once, for the old area can't be read
        frame = screen.read()
        assert screen.size == (320, 200)
        assert np.array_equal(rgb(frame), painted)
        set_mode(display, 600, 400)
        painted = paint(display, tmp_path)
        assert np.array_equal(rgb(read_until(screen, (600, 400))), painted)


def test_region_that_fell_off_the_screen(display):
    if not shutil.which("xrandr"):
        pytest.skip("xrandr is not installed")
    with Screen(1, (500, 300, 100, 100), display=display.name) as screen:
        screen.read()
        set_mode(display, 320, 200)
        with pytest.raises(SourceLost, match="not all on monitor 1, which is 320x200"):
            screen.read()


@pytest.mark.parametrize(
    ("monitor", "region", "message"),
    [
        (2, None, r"there is no monitor 2; choose from: 1 \(640x400 at 0,0 screen\), or 0 for all"),
        (9, (0, 0, 1, 1), r"there is no monitor 9"),
        (1, (600, 0, 41, 10), r"region 600,0,41,10 is not all on monitor 1, which is 640x400"),
        (1, (0, 400, 10, 10), r"region 0,400,10,10 is not all on monitor 1"),
        (1, (-1, 0, 10, 10), r"region -1,0,10,10 is not all on monitor 1"),
        (0, (0, -5, 10, 10), r"region 0,-5,10,10 is not all on monitor 0"),
        (1, (0, 0, 0, 10), r"region 0,0,0,10 is empty"),
        (1, (0, 0, 10, -10), r"region 0,0,10,-10 is empty"),
    ],
)
def test_wrong_areas(display, monitor, region, message):
    with pytest.raises(SourceError, match=message) as error:
        Screen(monitor, region, display=display.name)
    assert not isinstance(error.value, SourceLost)


@pytest.mark.parametrize(
    ("written", "area"),
    [
        ("", (1, None)),
        ("0", (0, None)),
        ("3", (3, None)),
        ("2,10,20,30,40", (2, (10, 20, 30, 40))),
        ("1,-10,0,30,40", (1, (-10, 0, 30, 40))),
    ],
)
def test_parse_area(written, area):
    assert parse_area(written) == area


@pytest.mark.parametrize(
    "written",
    [
        "9" * 5000,
        "1," + "9" * 5000 + ",0,8,8",
        "x",
        "-1",
        "1,2",
        "1,2,3,4",
        "1,2,3,4,5,6",
        "1.5",
        " 1",
        "1,2,3,4,",
        "1;2;3;4;5",
        "²",
        "1\n",
    ],
)
def test_parse_area_refuses(written):
    with pytest.raises(ConfigError, match="screen:N,X,Y,W,H") as refused:
        parse_area(written)
    assert len(str(refused.value)) < 400


def test_no_display():
    with pytest.raises(SourceError, match="DISPLAY is not set") as error:
        Screen()
    assert "testcard" in str(error.value) and "\n" not in str(error.value)
    chosen, why = choose_source()
    assert chosen == "testcard" and why.startswith("no screen to capture (")
    assert "DISPLAY is not set" in why


def test_unreachable_display(monkeypatch):
    monkeypatch.setenv("DISPLAY", ":19999")
    with pytest.raises(SourceError, match="display :19999 cannot be opened") as error:
        Screen()
    assert "\n" not in str(error.value)


def test_wayland_without_xwayland(monkeypatch):
    monkeypatch.setenv("XDG_SESSION_TYPE", "wayland")
    with pytest.raises(SourceError, match="Wayland") as error:
        Screen()
    for way_out in ("X11", "OBS", "camera:N", "file:PATH"):
        assert way_out in str(error.value)


def test_wayland_with_xwayland_opens_with_a_note(display, monkeypatch):
    with Screen(display=display.name) as screen:
        assert screen.note == ""
    monkeypatch.setenv("XDG_SESSION_TYPE", "wayland")
    with Screen(display=display.name) as screen:
        assert "only X11 (XWayland) programs can be seen" in screen.note
        screen.read()


def test_list_monitors(display, monkeypatch):
    (monitor,) = list_monitors(display.name)
    assert (monitor.number, monitor.x, monitor.y) == (1, 0, 0)
    assert (monitor.width, monitor.height, monitor.name) == (640, 400, "screen")
    assert str(monitor) == "1 (640x400 at 0,0 screen)"
    monkeypatch.setenv("DISPLAY", display.name)
    assert list_monitors() == [monitor]
    display.kill()
    with pytest.raises(SourceError, match=f"display {display.name} cannot be opened"):
        list_monitors()


def test_two_monitors(display, tmp_path):
    """The primary monitor is number 1, wherever it stands; regions count from its corner."""
    if not shutil.which("xrandr"):
        pytest.skip("xrandr is not installed")
    painted = paint(display, tmp_path)
    display.run("xrandr", "--setmonitor", "left", "400/100x400/100+0+0", "screen")
    display.run("xrandr", "--setmonitor", "*right", "240/60x400/100+400+0", "none")
    monitors = list_monitors(display.name)
    assert [(m.number, m.x, m.width, m.height) for m in monitors] == [
        (1, 400, 240, 400),
        (2, 0, 400, 400),
    ]
    with Screen(1, (10, 20, 30, 40), display=display.name) as screen:
        assert np.array_equal(rgb(screen.read()), painted[20:60, 410:440])
    with Screen(0, display=display.name) as screen:
        assert np.array_equal(rgb(screen.read()), painted)


def test_capture_notes(display, monkeypatch):
    assert capture_notes(display.name) == []
    monkeypatch.setenv("XDG_SESSION_TYPE", "wayland")
    (note,) = capture_notes(display.name)
    assert "Wayland" in note


def test_capture_notes_without_shared_memory(make_display):
    """Reading is slower then, and mss says so."""
    slow = make_display(320, 240, "-extension", "MIT-SHM")
    (note,) = capture_notes(slow.name)
    assert "MIT-SHM" in note and "\n" not in note
    with Screen(display=slow.name) as screen:
        assert screen.read().pixels.shape == (240, 320, 4)


@pytest.mark.parametrize("depth", [8, 15, 16, 30])
def test_another_depth_says_what_helps(make_display, depth):
    display = make_display(320, 240, depth=depth)
    with pytest.raises(SourceError, match=f"display {display.name} cannot be opened") as error:
        Screen(display=display.name)
    for said in (f"not {depth}; start the X server with a depth of 24", "x24 for Xvfb", "testcard"):
        assert said in str(error.value)
    assert "X11 session" not in str(error.value) and "\n" not in str(error.value)


def pointer_at(display, x, y):
    """White all over; the pointer, black, there."""
    if not shutil.which("xdotool"):
        pytest.skip("xdotool is not installed")
    display.run("xsetroot", "-solid", "#ffffff", "-cursor_name", "gumby")
    display.run("xdotool", "mousemove", str(x), str(y))


def dark(frame):
    """Rows and columns of what is dark."""
    rows, columns = np.nonzero(rgb(frame).min(axis=2) < 128)
    return set(zip(rows.tolist(), columns.tolist(), strict=True))


@pytest.mark.parametrize(("x", "y"), [(100, 80), (500, 300), (639, 399)])
def test_the_pointer_is_where_it_is(display, x, y):
    pointer_at(display, x, y)
    with Screen(display=display.name, cursor=True) as screen:
        assert screen.note == ""
        seen = dark(screen.read())
        assert seen and all(abs(row - y) < 20 and abs(column - x) < 20 for row, column in seen)
        display.run("xdotool", "mousemove", "320", "200")
        moved = dark(screen.read())
        assert moved and all(abs(column - 320) < 20 for _, column in moved)
    with Screen(1, (x - 10, y - 10, 11, 11), display=display.name, cursor=True) as region:
        display.run("xdotool", "mousemove", str(x), str(y))
        assert dark(region.read()) == {
            (row - y + 10, column - x + 10)
            for row, column in seen
            if -10 <= row - y <= 0 and -10 <= column - x <= 0
        }
    with Screen(display=display.name) as without:
        assert not dark(without.read())


def test_the_pointer_as_ffmpeg_shows_it(display):
    if not shutil.which("ffmpeg"):
        pytest.skip("ffmpeg is not installed")
    pointer_at(display, 200, 150)
    theirs = display.run(
        *("ffmpeg", "-loglevel", "error", "-f", "x11grab", "-draw_mouse", "1"),
        *("-video_size", "640x400", "-i", display.name),
        *("-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "bgr0", "-"),
    )
    with Screen(display=display.name, cursor=True) as screen:
        ours = screen.read().pixels
    theirs = np.frombuffer(theirs, np.uint8).reshape(400, 640, 4)
    assert np.array_equal(ours[..., :3], theirs[..., :3])


def test_a_display_that_tells_no_pointer_is_shown_without(make_display, tmp_path):
    display = make_display(320, 240, "-extension", "XFIXES")
    painted = paint(display, tmp_path)
    with Screen(display=display.name, cursor=True) as screen:
        assert screen.note.startswith("the pointer is not seen: ") and "XFixes" in screen.note
        assert np.array_equal(rgb(screen.read()), painted)
    (note,) = capture_notes(display.name)
    assert "the pointer is not seen" in note


def open_files():
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
def test_nothing_leaks(display):
    def open_and_fail():
        with Screen(display=display.name) as screen:
            screen.read()
        with pytest.raises(SourceError):
            Screen(7, display=display.name)
        with pytest.raises(SourceError):
            Screen(display=":19999")

    open_and_fail()
    gc.collect()
    before = open_files()
    for _ in range(200):
        open_and_fail()
    gc.collect()
    assert open_files() <= before


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
def test_nothing_leaks_when_the_server_dies(display):
    before = None
    for _ in range(6):
        with Screen(display=display.name) as screen:
            screen.read()
            display.kill()
            with pytest.raises(SourceLost):
                screen.read()
        display.start()
        gc.collect()
        before = before or open_files()
    assert open_files() <= before
