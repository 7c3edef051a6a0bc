"""Engines on a CUDA device: built there or before, in the frame's graph, beside eager PyTorch."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from program_of import SIZE, program_of
from random_pipelines import save_pipeline

from livestyle.config import Config
from livestyle.diffusion.model import Model, load_model
from livestyle.engines.cache import Cache
from livestyle.engines.choice import flavours, this_device
from livestyle.engines.loading import open_engine
from livestyle.engines.tensorrt import RTX_TARGETS, library
from livestyle.models.loadable import StoredModel
from livestyle.models.plan import plan_model
from livestyle.sources.testcard import draw
from livestyle.stylizers.settle import settle_turbo

pytestmark = [
    pytest.mark.hardware,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_pipeline(tmp_path_factory.mktemp("model"), "sdxl", "middle")


def _build(folder: Path, root: Path, *flags: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "livestyle", "build", "sdxl-turbo", "--model", str(folder)]
    done = subprocess.run(
        [*command, "--size", "512x512", "--json", *flags],
        env={**os.environ, "LIVESTYLE_ENGINES": str(root)},
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def _models(folder: Path, root: Path) -> tuple[Model, Model]:
    """By the engine that is in the cache, and by PyTorch."""
    config = settle_turbo(Config(stylizer="turbo", model=str(folder)), print)
    choice = plan_model(config).fetch("cuda", print)
    (entry,) = Cache(root).entries()
    return open_engine(entry, StoredModel(str(folder), choice)), load_model(choice)


def _psnr(ours: Any, theirs: Any) -> float:
    error = float(((ours.astype(float) - theirs.astype(float)) ** 2).mean())
    return 99.0 if error == 0 else 10 * float(np.log10(255**2 / error))


def _check(folder: Path, root: Path, least: float) -> None:
    """Captured frames agree with PyTorch's, and cost no allocation and one wait each."""
    by_engine, by_torch = (program_of(model) for model in _models(folder, root))
    for seq in (1, 60):
        ours = by_engine.run(draw(seq, SIZE)).copy()
        assert _psnr(ours, by_torch.run(draw(seq, SIZE))) > least
        assert np.array_equal(ours, by_engine.run(draw(seq, SIZE)))
    picture = draw(5, SIZE)
    before = torch.cuda.memory_stats()["allocation.all.allocated"]
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(5):
            by_engine.run(picture)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.cuda.memory_stats()["allocation.all.allocated"] == before
    by_engine.set_prompt(by_engine._model.encode_prompt("winter"))
    assert not np.array_equal(by_engine.run(picture), by_torch.run(picture))
    # the second step's conditions do not lie where TensorRT wants what it reads
    by_engine, by_torch = (program_of(model, 2) for model in (by_engine._model, by_torch._model))
    assert _psnr(by_engine.run(picture).copy(), by_torch.run(picture)) > least - 6


@pytest.mark.timeout(500)
@pytest.mark.filterwarnings("ignore:Synchronization debug mode")
@pytest.mark.parametrize(("precision", "least"), [("fp16", 40.0), ("fp8", 20.0)])
def test_inductor(precision: str, least: float, folder: Path, tmp_path: Path) -> None:
    if precision == "fp8" and torch.cuda.get_device_capability() < (8, 9):
        pytest.skip("this GPU does not compute in fp8")
    _build(folder, tmp_path, "--engine", "torch-compiled", "--precision", precision)
    _check(folder, tmp_path, least)


@pytest.mark.timeout(500)
@pytest.mark.filterwarnings("ignore:Synchronization debug mode")
@pytest.mark.parametrize("flavour", ["rtx", "full"])
def test_tensorrt(flavour: str, folder: Path, tmp_path: Path) -> None:
    if not torch.cuda.is_available() or flavour not in flavours(this_device()):
        pytest.skip(f"TensorRT's flavour {flavour} is not installed, or not for this GPU")
    _build(folder, tmp_path, "--engine", "tensorrt", "--flavour", flavour)
    _check(folder, tmp_path, 40.0)


@pytest.mark.timeout(300)
def test_what_tensorrt_rtx_says_of_a_card_it_does_not_name(folder: Path, tmp_path: Path) -> None:
    """Its answer is printed: whether an engine for sm_80 is valid on, say, sm_90."""
    target = this_device().target if torch.cuda.is_available() else ""
    if importlib.util.find_spec("tensorrt_rtx") is None or target in RTX_TARGETS:
        pytest.skip("TensorRT-RTX is not installed, or names this GPU")
    _build(folder, tmp_path, "--engine", "tensorrt", "--flavour", "rtx", "--target", "sm_80")
    (entry,) = Cache(tmp_path).entries()
    trt = library("rtx")
    runtime = trt.Runtime(trt.Logger(trt.Logger.ERROR))
    validity = runtime.get_engine_validity(entry.read()[1]["unet.plan"])
    print(f"an engine for sm_80 on {target}: {validity}")
