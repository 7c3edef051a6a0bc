"""Training a lite style on a CUDA device: it never waits for the device, and it learns."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict
from pathlib import Path

import cv2
import pytest
import torch
from lite_losses import MARGIN, Vgg, style_target
from lite_network import LiteNetwork
from lite_pictures import DeviceCrops, read_painting
from random_features import write_features
from train_lite import Record, Weights, train

from livestyle.sources.testcard import draw

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")

DEVICE = torch.device("cuda")


def test_steps_follow_each_other_without_waiting_and_losses_fall(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for seq in (0, 60):
        cv2.imwrite(str(pictures / f"{seq}.png"), draw(seq, (640, 360))[:, :, :3])
    cv2.imwrite(str(tmp_path / "painting.png"), draw(300, (640, 360))[:, :, 2::-1])
    write_features(tmp_path / "vgg.safetensors")
    args = Namespace(
        **asdict(Weights()), name="x", work=tmp_path, preview=[], device=DEVICE, seed=1
    )
    args.iterations, args.seconds, args.batch, args.side = 60, 60, 4, 128
    args.learning_rate, args.content_layer = 1e-3, "conv3_1"
    network = LiteNetwork().to(DEVICE).to(memory_format=torch.channels_last)
    vgg = Vgg(tmp_path / "vgg.safetensors", DEVICE)
    target = style_target(vgg, read_painting(tmp_path / "painting.png", 320).to(DEVICE))
    crops = DeviceCrops([pictures], args.side + 2 * MARGIN, 1, DEVICE)
    record = Record(network, [{}], args)
    kept = []
    try:
        for iteration, seconds, parts in train(network, vgg, target, crops, args):
            torch.cuda.set_sync_debug_mode("error")  # the first step may wait
            record.add(iteration, seconds, parts)
            kept.append(parts["style"])
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert len(kept) == 60
    assert torch.stack(kept[-10:]).mean() < 0.9 * torch.stack(kept[:10]).mean()
    record.save()
    assert (tmp_path / "x.safetensors").exists()
