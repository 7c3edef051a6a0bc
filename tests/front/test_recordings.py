"""Recordings that are begun and ended while a clock ticks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest

from livestyle.between.slot import Slot
from livestyle.errors import LivestyleError, NotNow
from livestyle.front.output import OutputClock
from livestyle.front.recordings import Recordings
from livestyle.places import videos_folder
from livestyle.sinks.null import Null

SIZE = (64, 36)


@pytest.fixture
def clock() -> Iterator[OutputClock]:
    with Slot(SIZE[0] * SIZE[1] * 3 // 2) as slot:
        clock = OutputClock(slot, SIZE, 30)
        clock.add(Null())
        clock.start(None)
        yield clock
        clock.stop()


def _frames(file: str) -> int:
    with av.open(file) as opened:
        return sum(1 for _ in opened.decode(video=0))


def test_a_recording_is_a_file_of_the_users_alone(clock: OutputClock, tmp_path: Path) -> None:
    folder = tmp_path / "videos" / "of mine"
    recordings = Recordings(str(folder), clock, SIZE)
    assert recordings.state() is None and recordings.finished() == []
    begun = recordings.start()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert Path(begun.file).parent == folder
    with pytest.raises(NotNow, match="is being recorded already"):
        recordings.start()
    time.sleep(1)
    now = recordings.state()
    assert now is not None and now.file == begun.file and now.seconds >= 0.9 and now.bytes > 0
    assert recordings.finished() == []
    ended = recordings.stop()
    assert ended.file == begun.file and recordings.state() is None
    assert ended.bytes == Path(ended.file).stat().st_size
    assert 25 <= _frames(ended.file) <= 60
    assert recordings.finished() == [Path(ended.file)]
    with pytest.raises(NotNow, match="nothing is being recorded"):
        recordings.stop()


def test_a_name_that_is_taken_is_left_alone(
    clock: OutputClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "strftime", lambda form: "livestyle-then")
    (tmp_path / "livestyle-then.mp4").write_text("mine")
    (tmp_path / "livestyle-then-2.mp4.part").symlink_to("nowhere")
    recordings = Recordings(str(tmp_path), clock, SIZE)
    assert recordings.start().file == str(tmp_path / "livestyle-then-3.mp4")
    time.sleep(0.2)
    recordings.close()
    assert (tmp_path / "livestyle-then.mp4").read_text() == "mine"
    assert _frames(str(tmp_path / "livestyle-then-3.mp4")) > 0


def test_a_full_disk_ends_the_recording_alone(clock: OutputClock, small_disk: Path) -> None:
    filler = small_disk / "filler"
    filler.write_bytes(bytes(1_000_000))
    recordings = Recordings(str(small_disk), clock, SIZE)
    recordings.start()
    with filler.open("ab") as opened, pytest.raises(OSError):
        opened.write(bytes(100_000))
    deadline = time.monotonic() + 30
    while recordings.state():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    (line,) = clock.notes
    assert "recording stopped: " in line and "No space left" in line
    before = clock.counts.frames
    time.sleep(0.5)
    assert clock.running and clock.counts.frames > before
    recordings.close()
    assert recordings.ended == [] and len(clock.notes) == 1  # told once
    filler.unlink()
    recordings.start()  # there is room again
    time.sleep(0.2)
    recordings.stop()


def test_a_folder_that_cannot_be_made_is_named(clock: OutputClock, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    recordings = Recordings(str(tmp_path / "file" / "folder"), clock, SIZE)
    with pytest.raises(LivestyleError, match="cannot make the folder .*file/folder"):
        recordings.start()
    assert recordings.state() is None


def test_without_a_frame_none_is_kept(tmp_path: Path) -> None:
    slot: Any = None
    recordings = Recordings(str(tmp_path), OutputClock(slot, SIZE, 30), SIZE)  # does not tick
    recordings.start()
    with pytest.raises(LivestyleError, match="had no frame yet; none is kept"):
        recordings.stop()
    assert list(tmp_path.iterdir()) == []


def test_they_are_among_the_users_videos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_VIDEOS_DIR", str(tmp_path))
    assert videos_folder() == tmp_path / "livestyle"
