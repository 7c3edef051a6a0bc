"""The UNet's large layers in 8 bits: by PyTorch, and by what is exported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from random_pipelines import random_diffusers_unet
from torch import Tensor, nn

from livestyle.diffusion.denoiser import Embedding, OwnUNet
from livestyle.diffusion.unet import TransformerBlock, UNet
from livestyle.engines.export import INPUTS, write_onnx
from livestyle.engines.fp8 import KIND, LARGEST, Fp8Linear, quantise, watched


def _unet() -> tuple[UNet, list[Tensor]]:
    torch.manual_seed(6)
    unet: Any = random_diffusers_unet("nano", True).eval()
    own = OwnUNet.of(unet)
    assert isinstance(own.run, UNet)
    context, pooled = torch.randn(1, 77, unet.config.cross_attention_dim), torch.randn(1, 48)
    ids = torch.tensor([[256.0, 256, 0, 0, 256, 256]])
    conditions = own.conditions(Embedding(context, pooled), torch.tensor([499]), ids)
    return own.run, [torch.randn(1, 4, 32, 32), *conditions]


@torch.no_grad()
def test_a_layer_is_near_what_it_was() -> None:
    torch.manual_seed(1)
    linear, x = nn.Linear(64, 128).requires_grad_(False), torch.randn(1, 32, 64)
    layer = Fp8Linear(linear, float(x.abs().max()))
    assert layer.weight.dtype is torch.float8_e4m3fn
    wanted, error = linear(x), layer(x) - linear(x)
    # 3 bits of mantissa: each of two factors is off by a part of 2**-5 on average
    assert 0.005 < float(error.norm() / wanted.norm()) < 0.06
    assert layer(100 * x).isfinite().all()  # cut off, not overflown


@torch.no_grad()
@pytest.mark.parametrize("fast", [True, False])
def test_a_product_is_that_of_the_rounded_numbers(fast: bool) -> None:
    """The layer beside the same arithmetic in float32 on what was rounded to 8 bits."""
    torch.manual_seed(1)
    linear, x = nn.Linear(64, 128).requires_grad_(False), torch.randn(1, 32, 64)
    largest = float(x.abs().max())
    layer = Fp8Linear(linear, largest, fast_accumulation=fast)
    scale, weight_scale = largest / LARGEST, float(linear.weight.abs().max()) / LARGEST
    weight = (linear.weight / weight_scale).to(KIND).float() * weight_scale
    simulated = nn.functional.linear((x / scale).to(KIND).float() * scale, weight, linear.bias)
    assert float((layer(x) - simulated).norm() / simulated.norm()) < 1e-3


@torch.no_grad()
def test_all_layers_of_the_blocks_and_no_others_are_replaced() -> None:
    unet, inputs = _unet()
    exact = unet(*inputs)
    with watched(unet) as seen:
        unet(*inputs)
    quantise(unet, seen)
    blocks = unet.parts(TransformerBlock)
    assert len(unet.parts(Fp8Linear)) == 6 * len(blocks) == len(seen)
    assert not any(isinstance(layer, nn.Linear) for block in blocks for layer in block.children())
    rounded = unet(*inputs)
    assert torch.cosine_similarity(rounded.flatten(), exact.flatten(), 0) > 0.99
    assert not torch.equal(rounded, exact)


@torch.no_grad()
def test_what_is_exported_rounds_as_pytorch_does(tmp_path: Path) -> None:
    unet, inputs = _unet()
    exact = unet(*inputs)
    with watched(unet) as seen:
        unet(*inputs)
    quantise(unet, seen)
    wanted = unet(*inputs).numpy()
    write_onnx(unet, inputs, "unet", tmp_path)
    session = onnxruntime.InferenceSession(tmp_path / "unet.onnx")
    given = {name: tensor.numpy() for name, tensor in zip(INPUTS["unet"], inputs, strict=True)}
    (result,) = session.run(None, given)
    rounding = np.linalg.norm(wanted - exact.numpy())
    # a value on the edge of two rounds to either, and then is as far off as rounding is
    assert np.linalg.norm(result - wanted) < 0.5 * rounding
    nodes = [node.op_type for node in onnx.load(tmp_path / "unet.onnx").graph.node]
    assert nodes.count("QuantizeLinear") == len(seen)
    assert nodes.count("DequantizeLinear") == 2 * len(seen)
