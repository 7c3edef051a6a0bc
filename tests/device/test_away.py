"""A run whose camera fails, is taken away and comes back, inside the micro-VM."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from vm import Guest

pytestmark = pytest.mark.timeout(1300)  # the first test waits for the VM

FRAME = 320 * 240 * 3 // 2


def test_frames_that_are_not_taken_are_counted_and_a_reader_stays(guest: Guest) -> None:
    figures = guest.figures("away")
    assert figures["refused"] == {"reader": 255, "log": ""}, "ended by its SIGINT"
    log = (guest.folder / "away.log").read_text()
    told = "livestyle (/dev/video20): {} frames not taken: No space left on device"
    assert any(told.format(count) in log for count in range(3, 9))


def test_a_module_that_is_loaded_again_is_found_by_the_label(guest: Guest) -> None:
    figures = guest.figures("away")
    assert figures["loaded_again"]["back_after"] < 2
    log = (guest.folder / "away.log").read_text()
    away = "degraded: livestyle (/dev/video20) is away, and opened again when it is back: "
    for why in (
        "there is no /dev/video20; run: sudo modprobe v4l2loopback ",
        "the kernel module v4l2loopback is not loaded; run: sudo modprobe v4l2loopback ",
    ):
        assert away + why in log


def test_the_format_of_another_program_is_refused_until_that_is_gone(guest: Guest) -> None:
    figures = guest.figures("away")
    assert figures["format"]["back_after"] < 2
    log = (guest.folder / "away.log").read_text()
    away = "degraded: livestyle (/dev/video21) is away, and opened again when it is back: "
    assert away + "/dev/video21 stays at 640x480 YU12 (460800 bytes a frame), not 320x240" in log


def test_what_is_shown_after_that_is_the_same_whole_picture(guest: Guest) -> None:
    guest.figures("away")
    pictures = (guest.folder / "away.i420").read_bytes()
    assert len(pictures) == 3 * FRAME
    first = pictures[:FRAME]
    assert pictures == first * 3
    picture = cv2.cvtColor(np.frombuffer(first, np.uint8).reshape(360, 320), cv2.COLOR_YUV2BGR_I420)
    bars = cv2.imread(str(guest.folder / "bars.png"))
    assert bars is not None and np.median(cv2.absdiff(np.asarray(picture), bars)) < 4


def test_the_run_goes_on_meanwhile(guest: Guest) -> None:
    figures = guest.figures("away")
    assert figures["ended"] == 130
    report = json.loads((guest.folder / "away.json").read_text())
    camera, raw = report["sinks"]
    assert camera["name"] == "livestyle (/dev/video21)" and not camera["away"]
    assert camera["reconnects"] == 2
    assert 5 <= camera["write_errors"] <= 10
    output = report["output"]
    dropped = int(raw["note"].split()[0]) if raw["note"] else 0  # a busy machine's affair
    assert figures["raw_frames"] + dropped == output["frames"]
    assert output["frames"] + output["lost"] == pytest.approx(report["seconds"] * 10, rel=0.02)
    assert report["worker_restarts"] == 0 and report["ended"] == []
