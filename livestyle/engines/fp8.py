"""fp8: the UNet's large linear layers in 8 bits (e4m3), as an engine may have them.

Those of the transformer blocks, which are two thirds of a frame's arithmetic at 512x512; the rest
stays in half precision. Scales are one for each tensor: of weights from the weights, of what comes
in from the largest value that was seen in a few frames, and what is larger later is cut off.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from livestyle.diffusion.unet import TransformerBlock, UNet

KIND = torch.float8_e4m3fn
LARGEST = float(torch.finfo(KIND).max)  # 448
TARGETS_FROM = 89  # the first compute capability that multiplies in it: sm_89

Seen = dict[str, float]  # a layer's name -> the largest absolute value that came into it


class Fp8Linear(nn.Module):
    """What nn.Linear computes, but for rounding to 8 bits."""

    def __init__(
        self, linear: nn.Linear, largest: float, *, fast_accumulation: bool = True
    ) -> None:
        """largest: absolute value that comes in. fast_accumulation: see Levers."""
        super().__init__()
        self.fast_accumulation = fast_accumulation
        weight = linear.weight.detach()
        scale = weight.abs().max().float() / LARGEST
        like: Any = {"dtype": weight.dtype, "device": weight.device}
        self.register_buffer("weight", (weight.float() / scale).to(KIND))
        self.register_buffer("weight_scale", scale.to(**like))
        self.register_buffer("scale", torch.tensor(max(largest, 1e-6) / LARGEST, **like))
        # the same, as the product takes them
        self.register_buffer("product_scale", self.scale.float())
        self.register_buffer("product_weight_scale", self.weight_scale.float())
        self.register_buffer("zero", torch.zeros((), dtype=KIND, device=weight.device))
        self.bias = linear.bias

    weight: Tensor
    weight_scale: Tensor
    scale: Tensor
    product_scale: Tensor
    product_weight_scale: Tensor
    zero: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """[..., in] -> [..., out]."""
        if torch.onnx.is_in_onnx_export():
            return self._as_onnx(x)
        rounded = (x / self.scale).clamp(-LARGEST, LARGEST).to(KIND)
        return self.product(rounded.flatten(0, -2), x.dtype).view(*x.shape[:-1], -1)

    def product(self, rounded: Tensor, dtype: torch.dtype) -> Tensor:
        """[N, in] in 8 bits -> [N, out] in dtype."""
        result: Tensor = torch._scaled_mm(
            rounded,
            self.weight.t(),
            scale_a=self.product_scale,
            scale_b=self.product_weight_scale,
            bias=self.bias,
            out_dtype=dtype,
            use_fast_accum=self.fast_accumulation,
        )
        return result

    def _as_onnx(self, x: Tensor) -> Tensor:
        """In the nodes from which compilers make a product in 8 bits."""
        symbolic: Any = torch.onnx.ops.symbolic
        rounded = symbolic(
            "QuantizeLinear", (x, self.scale, self.zero), dtype=KIND, shape=x.shape, version=19
        )
        x, weight = (
            symbolic(
                "DequantizeLinear", (tensor, scale, self.zero), dtype=x.dtype, shape=shape,
                version=19,
            )
            for tensor, scale, shape in (
                (rounded, self.scale, x.shape),
                (self.weight, self.weight_scale, self.weight.shape),
            )
        )  # fmt: skip
        return nn.functional.linear(x, weight, self.bias)


@contextlib.contextmanager
def watched(unet: UNet) -> Iterator[Seen]:
    """What comes into the layers that `quantise` takes, while the network runs."""
    seen: Seen = {}

    def watch(name: str) -> Any:
        def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            seen[name] = max(seen.get(name, 0.0), float(inputs[0].abs().max()))

        return hook

    hooks = [layer.register_forward_pre_hook(watch(name)) for name, _, _, layer in layers(unet)]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def quantise(unet: UNet, seen: Seen, *, fast_accumulation: bool = True) -> None:
    """Replace the layers, in their place. fast_accumulation: see Levers."""
    for name, block, attribute, layer in list(layers(unet)):
        fast = fast_accumulation
        setattr(block, attribute, Fp8Linear(layer, seen[name], fast_accumulation=fast))


def layers(unet: UNet) -> Iterator[tuple[str, nn.Module, str, nn.Linear]]:
    """Name, and where it is, of each linear layer of the blocks: those that `quantise` takes."""
    for number, block in enumerate(unet.parts(TransformerBlock)):
        for attribute, layer in block.named_children():
            if isinstance(layer, nn.Linear):
                yield f"{number}.{attribute}", block, attribute, layer
