"""Training a lite style on a CUDA device: it never waits for the device, and it learns."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
import torch

from livestyle.sources.testcard import draw
from livestyle.training.checkpoint import load_checkpoint
from livestyle.training.trainer import Course
from livestyle.training.training import Subject, Training

pytestmark = [
    pytest.mark.hardware,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


def test_steps_follow_each_other_without_waiting_and_losses_fall(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "painting.png"), draw(300, (640, 360))[:, :, :3])
    pictures = [draw(seq, (640, 360))[:, :, 2::-1].copy() for seq in (0, 60)]
    course = Course(iterations=60, seconds=60, freeze_at=1.0)
    subject = Subject("x", tmp_path / "painting.png", 320, [pictures])
    path = tmp_path / "x.safetensors"
    training = Training(subject, course, path, None, torch.device("cuda"))
    kept = []
    try:
        for _ in training.run():
            torch.cuda.set_sync_debug_mode("error")  # the first step may wait
            kept.append(training.record.average["style"])
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert len(kept) == 60
    assert kept[-1] < 0.9 * kept[5]
    training.record.save()
    assert load_checkpoint(path).reached.iteration == 60
