"""The gallery of a run of turbo, whose worker makes the pictures and may be killed meanwhile."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
from random_pipelines import save_pipeline
from waiting import until

from livestyle.config import Config
from livestyle.errors import LivestyleError
from livestyle.front import gallery
from livestyle.front.front import Front

LOADED = 240  # s, beside others on a small machine


def _worker() -> psutil.Process:
    (worker,) = [
        child for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())
    ]
    return worker


def test_the_presets_of_a_run_have_pictures_also_after_its_worker_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery, "_FRESH", 0.0)
    config = Config(
        source="testcard", stylizer="turbo", model=str(save_pipeline(tmp_path / "m", shape="pico")),
        output_size=(256, 256), size=(256, 256), fps=10.0, sink=("web",), port=0,
        recordings=str(tmp_path),
    )  # fmt: skip
    with Front(config, lambda _: None) as front:
        running = threading.Thread(target=front.run, args=(lambda _: None,), daemon=True)
        running.start()
        with pytest.raises(LivestyleError, match="no picture is made: "):  # nothing runs yet
            front.style_picture("anime")
        until(lambda: front.status().get("stylizer", {}).get("frames"), LOADED)
        styles = [one.name for one in front.styles() if one.has_picture]
        made = {front.style_picture(name) for name in styles}
        assert len(made) == len(styles) >= 12
        picture = cv2.imdecode(np.frombuffer(made.pop(), np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None and picture.shape == (180, 180, 3) and picture.std() > 10
        _killed_meanwhile(front)
        until(lambda: front._worker.restarts and front._worker.state == "running", LOADED)
        assert front.style_picture("anime")
        assert front.status()["worker_restarts"] == 1
        front._clock.stop()
        running.join(30)
        front.finish()


def _killed_meanwhile(front: Front) -> None:
    """The worker, while somebody waits for a picture: that one hears why there is none."""
    worker, told = _worker(), list[str]()
    worker.suspend()  # none is made before it is killed

    def ask() -> None:
        with pytest.raises(LivestyleError) as refused:
            front.style_picture("winter")
        told.append(str(refused.value))

    asking = threading.Thread(target=ask)
    asking.start()
    until(lambda: front._worker.commission.is_on)
    time.sleep(0.1)
    worker.kill()
    asking.join(30)
    assert len(told) == 1 and "'winter': no picture is made: the worker ended with" in told[0]
