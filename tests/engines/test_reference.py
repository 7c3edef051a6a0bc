"""What an engine is compared with: what is near enough, and what is not whatever the model is."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from random_pipelines import save_pipeline
from torch import Tensor

from livestyle.diffusion.model import Model
from livestyle.diffusion.networks import take_networks
from livestyle.diffusion.step import SAMPLERS
from livestyle.engines.reference import (
    LIMITS,
    Agreement,
    agreement,
    chain_of,
    error_of,
    make_reference,
    psnr,
)
from livestyle.errors import EngineError
from livestyle.models.folder import ModelFolder
from livestyle.models.pipeline import load_pipeline
from livestyle.models.plan import Choice
from livestyle.models.precision import DTYPES
from livestyle.models.random_weights import random_autoencoder

SIZE = (256, 256)


@torch.no_grad()
def _decoded(precision: str) -> Tensor:
    """By the autoencoder of the exact architecture, with the random weights of `--random-weights`,
    at full size."""
    latents = torch.randn(1, 4, 64, 64, generator=torch.Generator().manual_seed(2))
    autoencoder = random_autoencoder(device="cpu", precision=precision)
    picture: Tensor = autoencoder.decode(latents.to(DTYPES[precision])).sample.float()
    return picture


@pytest.fixture(scope="module")
def exact() -> Tensor:
    return _decoded("fp32")


@pytest.mark.parametrize("precision", LIMITS)
def test_a_picture_of_one_colour_is_refused_at_full_size(precision: str, exact: Tensor) -> None:
    """Even of the very mean of what is wanted, channel by channel."""
    flat = exact.clamp(-1, 1).mean((2, 3), keepdim=True).expand_as(exact)
    found = Agreement(cosine=1.0, error=error_of(flat, exact), psnr=psnr(flat, exact))
    assert found.error == pytest.approx(1, abs=1e-4)
    with pytest.raises(EngineError, match=r"error of the picture 1\.000 \(below 0"):
        found.require(precision, "a grey wall")


@pytest.mark.slow
@pytest.mark.timeout(
    1800
)  # a CPU that has no half precision of its own takes minutes for a picture
@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_a_decoder_in_half_precision_is_near_enough_at_full_size(
    precision: str, exact: Tensor
) -> None:
    found = error_of(_decoded(precision), exact)
    assert 1e-4 < found < 0.5 * LIMITS[precision][1]


def test_a_wanted_picture_of_one_colour_says_nothing() -> None:
    grey = torch.zeros(1, 3, 8, 8)
    for picture in (grey, grey + 0.1):
        found = Agreement(cosine=1.0, error=error_of(picture, grey), psnr=99.0)
        with pytest.raises(EngineError, match="does not agree with PyTorch"):
            found.require("fp8", "what can't be told")


def test_networks_with_a_grey_decoder_do_not_agree(tmp_path: Path) -> None:
    folder = save_pipeline(tmp_path, "sdxl", "nano")
    choice = Choice(weights=ModelFolder(folder), sampler="turbo", device="cpu", precision="fp32")
    pipeline, dtype = load_pipeline(choice)
    networks = take_networks(pipeline, torch.device("cpu"), dtype, packed=False)
    reference = make_reference(Model(pipeline, networks, SAMPLERS["turbo"]), SIZE)
    agreement(reference, chain_of(networks)).require("fp32", "the same networks")
    flat = reference["styled"].mean((2, 3), keepdim=True).expand_as(reference["styled"])
    grey = dataclasses.replace(networks, decode=lambda _: flat)
    for precision in LIMITS:
        with pytest.raises(EngineError, match="error of the picture"):
            agreement(reference, chain_of(grey)).require(precision, "a grey wall")
