"""A worker whose GPU fails ends by itself, at once, and says so by its exit code."""

from __future__ import annotations

import time

import pytest

from livestyle.between.messages import Change, Failed
from livestyle.between.slot import Slot, Slots
from livestyle.config import Config
from livestyle.front.child import Child
from livestyle.worker.process import GPU_FAILED, main

SIZE = (320, 180)


def test_by_its_own_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVESTYLE_FAULT", "gpu.lost@1s")
    config = Config(source="testcard", stylizer="lite", style="noir", detail=0.0)
    with Slot(SIZE[0] * SIZE[1] * 3 // 2) as slot:
        child = Child("worker", main, Change(0, config), SIZE, Slots(slot), False)
        heard = []
        with pytest.raises((EOFError, OSError)):
            while child.pipe.poll(60):
                heard.append((child.pipe.recv(), time.monotonic()))
        ended = time.monotonic()
        assert child.exit_code() == GPU_FAILED
        child.end()
        child.pipe.close()
    failed, told = heard[-1]
    assert isinstance(failed, Failed) and failed.gpu == "lost" and "GPU" in failed.error
    assert ended - told < 1
