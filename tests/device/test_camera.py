"""The camera sinks and `livestyle run` on a real v4l2loopback device, inside a micro-VM."""

from __future__ import annotations

import json
import sys
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from vm import Guest

from livestyle.finish.planes import Planes

pytestmark = pytest.mark.timeout(1300)  # the first test waits for the VM

LOAD = "sudo modprobe v4l2loopback exclusive_caps=1 card_label=livestyle video_nr=20"
CAMERA = "livestyle (/dev/video20)"
FREE = {"label": "livestyle", "driver": "v4l2 loopback", "loopback": True, "writable": True}


def _frames(file: Path) -> tuple[NDArray[np.int64], list[str]]:
    """The time stamps (µs) and checksums in a log of ffmpeg's framecrc."""
    lines = [line.split(",") for line in file.read_text().splitlines() if line[0] != "#"]
    return np.array([int(line[2]) for line in lines]), [line[5].strip() for line in lines]


def _checksum(pixels: bytes) -> str:
    return f"0x{zlib.adler32(pixels, 0):08x}"


def _worst_difference(folder: Path, name: str) -> int:
    """From the bars, in any channel, where they are flat for 4 pixels around."""
    picture, bars = (cv2.imread(str(folder / file)) for file in (name, "bars.png"))
    assert picture is not None and bars is not None and picture.shape == bars.shape
    around = np.ones((9, 9), np.uint8)
    flat = (cv2.dilate(bars, around) == cv2.erode(bars, around)).all(axis=2)
    assert flat.mean() > 0.5
    return int(cv2.absdiff(picture, bars)[flat].max())


def test_says_what_is_missing_before_there_is_a_camera(guest: Guest) -> None:
    figures = guest.figures("not_there")
    not_loaded = f"the kernel module v4l2loopback is not loaded; run: {LOAD}"
    assert figures["not_loaded"] == f"SinkError: {not_loaded}"
    assert guest.figures("not_a_loopback")["unloaded"] == f"SinkError: {not_loaded}"


def test_takes_the_camera_of_obs_only_when_told_to(guest: Guest) -> None:
    figures = guest.figures("not_there")
    assert "only: /dev/video20 'OBS Virtual Camera'; name one with" in figures["other_label"]
    assert f"modprobe -r v4l2loopback && {LOAD}" in figures["other_label"]
    assert figures["explicit"] == "OBS Virtual Camera (/dev/video20)"


def test_readers_get_exactly_what_was_written(guest: Guest) -> None:
    figures = guest.figures("colours")
    bars = (guest.folder / "bars.i420").read_bytes()
    assert figures["name"] == CAMERA
    assert figures["ffmpeg"] == 0
    assert (guest.folder / "colours.i420").read_bytes() == bars * 2
    assert _frames(guest.folder / "colours.crc")[1] == [_checksum(bars)] * 20
    assert figures["opencv"]["opened"] and figures["opencv"]["read"] == 10
    assert _worst_difference(guest.folder, "colours.png") <= 4


def test_readers_are_told_the_frame_rate(guest: Guest) -> None:
    assert "Frames per second: 15.000" in guest.figures("colours")["rate"]


def test_a_second_writer_is_told_who_has_the_camera(guest: Guest) -> None:
    for figures in guest.figures("colours"), guest.figures("shared_device"):
        writer = f"{figures['pid']} ({Path(sys.executable).name})"
        in_use = f"is in use by another livestyle: {writer}; stop it first"
        assert figures["second"] == f"SinkError: /dev/video20 {in_use}"
        assert figures["during"] == FREE | {"writable": False, "users": [writer]}
    assert in_use in guest.figures("shared_device")["elsewhere"]  # by another name of the device


def test_a_camera_that_was_closed_or_whose_writer_was_killed_opens_again(guest: Guest) -> None:
    assert guest.figures("colours")["before"] == FREE | {"users": []}
    assert guest.figures("colours")["after"] == FREE | {"users": []}
    assert guest.figures("shared_device")["after"] == CAMERA
    assert guest.figures("killed")["after"] == FREE | {"users": []}


def test_a_reader_outlives_its_writer_and_reads_the_next_one(guest: Guest) -> None:
    figures = guest.figures("killed")
    assert figures["names"] == [CAMERA, CAMERA]
    assert 10 < figures["silent_from"] < 60
    assert figures["reader"] == 0
    assert len(_frames(guest.folder / "killed.crc")[1]) == 60


def test_another_size_is_refused_while_a_program_reads(guest: Guest) -> None:
    error = guest.figures("killed")["other_size"]
    assert "/dev/video20 stays at 320x240 YU12 (115200 bytes a frame)" in error
    assert "not 640x480 YU12 (460800) (open in: " in error and " (ffmpeg)); close" in error


def test_pyvirtualcam_writes_and_ours_gives_way(guest: Guest) -> None:
    figures = guest.figures("pyvirtualcam")
    bars = (guest.folder / "bars.i420").read_bytes()
    assert figures["name"] == "/dev/video20 (pyvirtualcam)"
    assert figures["ffmpeg"] == 0
    assert (guest.folder / "pyvirtualcam.i420").read_bytes() == bars * 2
    assert "/dev/video20 is in use by another program (open in: " in figures["second"]


def test_a_camera_that_another_program_left_dead_comes_back(guest: Guest) -> None:
    figures = guest.figures("pyvirtualcam")
    if figures["capabilities_after"] == 0:  # driver 0.12; pyvirtualcam itself needs a new module
        assert "no virtual camera could be opened: " in figures["pyvirtualcam_again"]
        assert f"sudo modprobe -r v4l2loopback && {LOAD}" in figures["pyvirtualcam_again"]
    assert figures["revived"] == CAMERA
    assert figures["revived_ffmpeg"] == 0
    assert len(_frames(guest.folder / "revived.crc")[1]) == 10


def test_a_webcam_is_not_written_to(guest: Guest) -> None:
    figures = guest.figures("not_a_loopback")
    path = figures["path"]
    assert (
        f"{path} is 'vivid' of the driver 'vivid', not a v4l2loopback camera" in figures["webcam"]
    )
    assert figures["cameras"] == [
        [path, "vivid", "vivid", False, False],
        ["/dev/video20", "livestyle", "v4l2 loopback", True, True],
    ]


def test_a_user_without_permission_learns_the_group(guest: Guest) -> None:
    figures = guest.figures("not_a_loopback")
    cure = "run: sudo usermod -aG video $USER, log in again"
    assert figures["no_permission"] == (
        f"SinkError: no permission to write to /dev/video20; {cure}"
    )
    assert ["/dev/video20", "livestyle", "", True, False] in figures["listed"]


def test_run_shows_the_source_in_its_colours(guest: Guest) -> None:
    figures = guest.figures("live")
    assert figures["opencv"]["opened"] and figures["opencv"]["read"] == 20
    assert figures["ffmpeg_picture"] == 0
    assert _worst_difference(guest.folder, "live.png") <= 4
    assert _worst_difference(guest.folder, "live_ffmpeg.png") <= 4


def test_a_killed_worker_costs_no_frame_of_the_camera(guest: Guest) -> None:
    figures = guest.figures("live")
    times, pictures = _frames(guest.folder / "reader.crc")
    assert figures["reader"] == 255, "ended by its SIGINT"
    assert (guest.folder / "reader.log").read_text() == ""
    seconds = float(times[-1] - times[0]) / 1e6
    assert seconds > 10
    assert len(times) - 1 == pytest.approx(seconds * 10, rel=0.02)
    killed_at = figures["worker_killed_at"]
    # the first is the card of a run that rested until there was a reader
    assert len(set(pictures[1 : killed_at - 1])) == 1
    assert len(set(pictures[killed_at:])) == 2, "the last picture, then a card, then pictures again"
    assert pictures[-1] == pictures[1]


def test_a_wall_clock_that_jumps_changes_nothing(guest: Guest) -> None:
    figures = guest.figures("live")
    times, pictures = _frames(guest.folder / "reader.crc")
    jumps = slice(figures["clock_set_at"], figures["worker_killed_at"] - 1)
    assert len(times[jumps]) > 60 and len(set(pictures[jumps])) == 1
    gaps = np.diff(times[jumps]) / 1e6
    assert gaps.min() > 0 and gaps.max() < 1


def test_the_report_tells_of_the_killed_worker(guest: Guest) -> None:
    report = json.loads((guest.folder / "live.json").read_text())
    assert report["worker_restarts"] == 1
    assert report["output"]["size"] == [320, 240]
    assert report["output"]["frames"] == _awake(report)
    (sink,) = report["sinks"]
    assert sink["name"] == CAMERA and sink["note"] == "" and not sink["away"]
    assert sink["reconnects"] == sink["write_errors"] == 0


def test_a_second_run_on_the_camera_ends_with_one_line(guest: Guest) -> None:
    assert guest.figures("live")["second"] == 1
    (line,) = (guest.folder / "second.log").read_text().splitlines()
    assert line.startswith("livestyle: /dev/video20 is in use by another livestyle: ")


def test_a_kept_rectangle_is_what_passthrough_shows_to_the_byte(guest: Guest) -> None:
    guest.figures("live")
    plain, kept = (
        Planes.of_i420(np.fromfile(guest.folder / f"{name}.yuv", np.uint8).reshape(360, 320))
        for name in ("plain", "kept")
    )
    assert (kept.y[21:74, 41:140] == plain.y[21:74, 41:140]).all()
    for mine, theirs in zip(kept[1:], plain[1:], strict=True):
        assert (mine[10:37, 20:70] == theirs[10:37, 20:70]).all()
        assert (mine[:8] == 128).all() and (theirs[:8] != 128).any()


def test_sigterm_closes_the_camera_and_the_next_run_gets_it(guest: Guest) -> None:
    figures = guest.figures("live")
    assert figures["ended"] == 130
    assert figures["writable_after"]
    assert figures["again"] == 130
    report = json.loads((guest.folder / "again.json").read_text())
    assert report["output"]["frames"] == _awake(report)


def test_a_run_that_nobody_watches_rests_until_somebody_does(guest: Guest) -> None:
    figures = guest.figures("idle")
    assert figures["watched"] == "running"
    assert figures["rests_after_s"] < 12  # emulated: 5 are meant
    assert figures["captured_at_rest"] == 0
    assert figures["resting_cpu"] < 0.5 * figures["working_cpu"]  # which is passthrough's
    assert figures["first_frames"] <= 12 and figures["back_s"] < 2  # at 10 fps, emulated
    assert figures["ended"] == 130


def test_ten_readers_and_a_slow_one_change_nothing(guest: Guest) -> None:
    figures = guest.figures("crowd")
    assert figures["frames"] == pytest.approx(figures["seconds"] * 10, abs=2)
    slow, readers = figures["slow"], figures["readers"]
    assert len(readers) == 10
    one_alone = figures["version"] == "0.15.0"  # it lets one read; 0.12 does not say its version
    for reader in (slow, *readers):
        if one_alone and reader is not slow:
            assert reader["error"] == "[Errno 16] Device or resource busy"
        else:
            assert (reader["kinds"], reader["broken"], reader["error"]) == (1, 0, "")
    assert slow["frames"] >= 8
    if not one_alone:
        assert all(reader["frames"] == pytest.approx(120, abs=12) for reader in readers)


def _awake(report: dict[str, Any]) -> Any:
    """How many frames there are to be, at 10 fps."""
    rested = report["output"]["rested_s"]
    return pytest.approx((report["seconds"] - rested) * 10 + rested, rel=0.03)  # at rest 1 a second
