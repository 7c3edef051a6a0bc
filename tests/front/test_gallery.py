"""The gallery: pictures of the current input in each style, by a process apart."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import cv2
import numpy as np
import psutil
import pytest
from waiting import until

from livestyle.between.slot import Slot
from livestyle.config import Config
from livestyle.errors import ConfigError, LivestyleError
from livestyle.front import gallery, painters
from livestyle.front.gallery import Gallery
from livestyle.front.painters import Apart
from livestyle.sources.testcard import draw

SIZE = (320, 180)
LITE = Config(stylizer="lite", style="comic")
TURBO = Config(stylizer="turbo", style="oil_painting")


@pytest.fixture
def slot() -> Iterator[Slot]:
    """Gets a picture of the source whenever one is wanted, as from a worker."""
    ending = threading.Event()
    with Slot(SIZE[0] * SIZE[1] * 3 // 2) as slot:

        def work() -> None:
            picture = cv2.cvtColor(draw(30, SIZE), cv2.COLOR_BGRA2YUV_I420)
            while not ending.wait(0.02):
                if slot.is_wanted:
                    slot.put(1, time.monotonic_ns(), lambda into: _fill(into, picture))

        worker = threading.Thread(target=work)
        worker.start()
        yield slot
        ending.set()
        worker.join()


def _fill(into: memoryview, picture: np.ndarray) -> None:
    into[:] = picture.tobytes()


def _processes() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):  # it ends just now
            if child.status() != psutil.STATUS_ZOMBIE and "spawn_main" in " ".join(child.cmdline()):
                found.append(child)
    return found


def test_every_style_has_a_picture_of_its_own(slot: Slot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery, "_IDLE", 1.0)
    monkeypatch.setattr(gallery, "_FRESH", 600.0)
    made = Gallery(Apart(slot, SIZE))
    styles = made.styles(LITE)
    assert [one.name for one in styles if one.chosen] == ["comic"]
    assert all(one.has_picture for one in styles) and len(styles) >= 15
    pictures = {one.name: made.picture(LITE, one.name) for one in styles}
    assert len(set(pictures.values())) == len(pictures)
    for jpeg in pictures.values():
        decoded = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert decoded is not None and decoded.shape == (180, 320, 3) and decoded.std() > 10
    assert made.picture(LITE, "wave") is pictures["wave"]  # still good
    deadline = time.monotonic() + 20
    while _processes():  # nobody asks any more
        assert time.monotonic() < deadline
        time.sleep(0.1)
    made.close()


def test_the_process_leaves_the_machine_to_others_and_serves_again(
    slot: Slot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(painters, "list_styles", lambda: [])  # no round makes any
    monkeypatch.setattr(gallery, "find_style", lambda name: None)
    made = Gallery(Apart(slot, SIZE))
    with pytest.raises(LivestyleError, match="'mine': no picture is made"):
        made.picture(LITE, "mine")
    (process,) = _processes()
    assert process.nice() == 19
    with pytest.raises(LivestyleError):
        made.picture(LITE, "mine")
    assert _processes() == [process]
    made.close()
    psutil.wait_procs([process], timeout=10)
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_without_a_picture_of_the_source_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(painters, "_PATIENCE", 0.2)
    with Slot(SIZE[0] * SIZE[1] * 3 // 2) as slot:
        made = Gallery(Apart(slot, SIZE))
        with pytest.raises(LivestyleError, match="the source gives no picture now"):
            made.picture(LITE, "comic")
        made.close()


def test_the_end_of_a_run_waits_for_no_picture(slot: Slot) -> None:
    made = Gallery(Apart(slot, SIZE))
    failed: list[str] = []

    def ask() -> None:
        try:
            made.picture(LITE, "wave")
        except LivestyleError as error:
            failed.append(str(error))

    asking = threading.Thread(target=ask)
    asking.start()
    deadline = time.monotonic() + 30
    while not _processes():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    made.close()
    asking.join(10)
    assert not asking.is_alive() and len(failed) == 1


def test_what_there_is_to_choose_from(slot: Slot) -> None:
    made = Gallery(Apart(slot, SIZE))
    presets = made.styles(TURBO)
    assert [one.name for one in presets if one.chosen] == ["oil_painting"]
    assert made.styles(Config(stylizer="passthrough")) == []
    for config in (LITE, TURBO):
        with pytest.raises(ConfigError, match="unknown style 'foo'"):
            made.picture(config, "foo")
    nothing = Gallery(None)
    assert not any(one.has_picture for one in nothing.styles(LITE))
    with pytest.raises(LivestyleError, match="'ink': this run has no pictures of its styles"):
        nothing.picture(LITE, "ink")
    nothing.close()


def test_who_waits_for_a_picture_hears_that_the_run_ends() -> None:
    with Slot(SIZE[0] * SIZE[1] * 3 // 2) as empty:  # the source gives no picture
        made, told = Gallery(Apart(empty, SIZE)), list[str]()

        def ask() -> None:
            with pytest.raises(LivestyleError) as refused:
                made.picture(LITE, "ink")
            told.append(str(refused.value))

        asking = threading.Thread(target=ask)
        asking.start()
        until(lambda: empty.is_wanted)
        made.close()
        asking.join(2)
        assert told == ["style 'ink': no picture is made: the run ends"]
