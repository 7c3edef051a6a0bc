"""The testcard: always the same, moving, looping, and readable at any size."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from hashlib import sha256

import cv2
import numpy as np
import pytest

from livestyle.sources import open_source
from livestyle.sources.testcard import draw
from livestyle.sources.testcard.hud import DIGITS, Hud
from livestyle.sources.testcard.maze import CORNERS, FRAMES, MAP, WALLS, maze

SIZES = [(320, 180), (640, 640), (854, 480), (360, 640), (1280, 720)]


@pytest.mark.parametrize("size", [*SIZES, (2, 2), (64, 1080), (1920, 1080), (3840, 2160)])
def test_any_even_size(size):
    pixels = draw(3, size)
    assert pixels.shape == (size[1], size[0], 4)
    assert pixels.dtype == np.uint8 and pixels.flags.c_contiguous


@pytest.mark.parametrize("size", SIZES)
def test_same_arguments_same_picture(size):
    first = draw(77, size)
    draw(500, size)
    assert np.array_equal(draw(77, size), first)


def test_same_picture_in_another_process():
    code = (
        "from hashlib import sha256; from livestyle.sources.testcard import draw;"
        "print(sha256(draw(123, (640, 360))).hexdigest())"
    )
    command = [sys.executable, "-c", code]
    there = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert there.stdout.strip() == sha256(draw(123, (640, 360))).hexdigest()


def test_frames_are_fresh():
    first = draw(1, (320, 180))
    kept = first.copy()
    second = draw(2, (320, 180))
    assert not np.shares_memory(first, second)
    assert np.array_equal(first, kept)


def test_threads_do_not_disturb_each_other():
    expected = [draw(seq, (320, 180)) for seq in range(20)]
    same = []

    def work():
        same.extend(np.array_equal(draw(seq, (320, 180)), expected[seq]) for seq in range(20))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(same) == 80 and all(same)


def test_every_frame_moves():
    frames = [draw(seq, (320, 180)).astype(np.int16) for seq in range(0, FRAMES, 10)]
    for seq, before in zip(range(0, FRAMES, 10), frames, strict=True):
        change = np.abs(draw(seq + 1, (320, 180)) - before)[..., :3]
        assert change.mean() > 0.5, f"nothing moves after frame {seq}"


def test_the_scene_loops_without_a_jump():
    """One round later only the frame number differs; the last step is as small as the others."""
    size = (640, 360)
    now, later = draw(5, size), draw(5 + FRAMES, size)
    hud = Hud(size)
    for place in range(DIGITS):
        now[hud.digit_box(place)] = later[hud.digit_box(place)] = 0
    assert np.array_equal(now, later)
    walk = maze().walk
    steps = np.linalg.norm(np.diff(walk[:, :2], axis=0, append=walk[:1, :2]), axis=1)
    assert steps.max() < 1.05 * steps.mean()
    turns = np.abs(np.angle(np.exp(1j * np.diff(walk[:, 2], append=walk[:1, 2]))))
    assert turns.max() < 0.12


def test_the_walk_keeps_away_from_walls():
    walk = maze().walk
    for turn in np.linspace(0, 2 * np.pi, 16, endpoint=False):
        near = walk[:, :2] + 0.2 * np.array([np.cos(turn), np.sin(turn)])
        x, y = np.floor(near).astype(int).T
        assert not maze().solid[y, x].any()


def test_the_map_is_closed_and_its_corners_are_free():
    assert len({len(row) for row in MAP}) == 1
    border = MAP[0] + MAP[-1] + "".join(row[0] + row[-1] for row in MAP)
    assert set(border) <= set(WALLS)
    assert all(MAP[y][x] not in WALLS for x, y in CORNERS)


def test_a_round_is_colourful():
    """Styles need something to show on: many hues, dark and light."""
    frames = np.stack([draw(seq, (320, 180))[..., :3] for seq in range(0, FRAMES, 60)])
    hsv = cv2.cvtColor(frames.reshape(-1, 320, 3), cv2.COLOR_BGR2HSV).reshape(-1, 3)
    vivid = hsv[hsv[:, 1] > 60]
    hues = np.bincount(vivid[:, 0] // 15, minlength=12) / len(hsv)
    assert (hues > 0.01).sum() >= 4
    assert hsv[:, 2].std() > 40


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("seq", [0, 7, 123456, 999_999, 208_345])
def test_the_frame_number_can_be_read(seq, size):
    """Each digit matches its own glyph best, drawn here by OpenCV alone."""
    hud, pixels = Hud(size), draw(seq, size)
    read = ""
    for place in range(DIGITS):
        seen = pixels[hud.digit_box(place)][..., 2].astype(float)
        read += max("0123456789", key=lambda digit: _likeness(seen, digit, hud.unit))
    assert int(read) == seq


def _likeness(seen, digit, unit):
    glyph = np.zeros(seen.shape, np.uint8)
    at, thick = (1, round(24 * unit)), max(1, round(1.4 * unit))
    cv2.putText(glyph, digit, at, cv2.FONT_HERSHEY_DUPLEX, 0.8 * unit, 255, thick, cv2.LINE_AA)
    return np.corrcoef(seen.ravel(), glyph.ravel())[0, 1]


def test_the_roofs_edge_is_clean():
    """Where the roof ends against the sky there is nothing lighter than either."""
    edge = draw(260, (640, 640))[190:240, 320:520, :3]
    assert edge.max() < 236


def test_crosshair_and_health_stay_in_place():
    size = (1280, 720)
    frames = [draw(seq, size) for seq in range(0, FRAMES, 37)]
    for pixels in frames:
        assert pixels[360, 640 + 12 : 640 + 16, :3].min() > 200, "the crosshair's right arm"
        bar = pixels[720 - 16 - 25, 16 + 56, :3].astype(int)
        assert bar[2] > 150 > bar[0], "the bar begins red"
    lengths = {int((np.ptp(pixels[679, 70:326, :3], axis=1) > 60).sum()) for pixels in frames}
    assert len(lengths) > 3, "the bar goes up and down"


def test_source_gives_frames_in_order_at_once():
    with open_source("testcard", (640, 360)) as source:
        assert (source.name, source.size, source.fps) == ("testcard", (640, 360), None)
        started = time.monotonic_ns()
        frames = [source.read() for _ in range(5)]
        ended = time.monotonic_ns()
    assert [frame.seq for frame in frames] == [0, 1, 2, 3, 4]
    times = [started, *(frame.captured_at for frame in frames), ended]
    assert times == sorted(times)
    for frame in frames:
        assert np.array_equal(frame.pixels, draw(frame.seq, (640, 360)))
