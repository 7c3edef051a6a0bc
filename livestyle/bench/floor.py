"""`livestyle bench floor`: the least time that a frame can take on this machine, and why.

The operations are counted by PyTorch, on networks without memory for their weights; what the
machine can do is measured where it runs. The floor is that of a perfect program: the UNet takes the
longer of its arithmetic and of reading its weights once, the autoencoder its arithmetic.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from livestyle.bench.gpu_state import wake
from livestyle.between.look import look_of
from livestyle.config import Config
from livestyle.diffusion.denoiser import Embedding, OwnUNet
from livestyle.diffusion.networks import take_networks, unet_of
from livestyle.diffusion.packed import pack_linears
from livestyle.diffusion.step import SAMPLERS
from livestyle.diffusion.unet import UNet
from livestyle.engines.fp8 import KIND, Fp8Linear, layers
from livestyle.frame import Size
from livestyle.machine import describe_machine
from livestyle.models.loadable import Loadable, random_model, stored_model
from livestyle.models.precision import choose_precision, dtype_of
from livestyle.recipe import DiffusionRecipe, load_recipe

_TOKENS = 77
_META = torch.device("meta")
_EDGE = {"cuda": 8192, "cpu": 2048}  # of the square matrices that are multiplied
_COPIED = {"cuda": 1 << 30, "cpu": 1 << 28}  # bytes
_ROUNDS = 8


@dataclass(frozen=True)
class Work:
    """What a frame asks for. macs: multiply-accumulates; the UNet's without its conditions, which
    are those of another prompt or timestep alone."""

    encoder_macs: int
    unet_macs: int
    decoder_macs: int
    conditions_macs: int
    unet_parameters: int  # those that a frame reads
    conditions_parameters: int
    autoencoder_parameters: int
    conditions: int  # numbers that a frame reads beside the weights
    fp8_macs: int  # of the UNet's: in those layers that are in 8 bits in an engine in fp8
    fp8_parameters: int

    @property
    def flop(self) -> int:
        """Floating-point operations of a frame: two for each multiply-accumulate."""
        return 2 * (self.encoder_macs + self.unet_macs + self.decoder_macs)


@dataclass(frozen=True)
class Ceilings:
    """What a device reached: operations a second in large matrix products, bytes a second read and
    written in a copy. fp8_flops: of products in fp8, where these were asked for."""

    flops: float
    bytes: float
    fp8_flops: float | None = None


def bench_floor(
    config: Config, *, random_weights: bool, say: Callable[[str], None]
) -> dict[str, Any]:
    """The floor of the settings' model on this machine. Raises LivestyleError."""
    recipe = load_recipe(config.recipe, DiffusionRecipe)
    size = recipe.size_inside(recipe.size, config.size)
    model: Loadable = random_model(config) if random_weights else stored_model(config, say)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    precision = recipe.precision_for(config.precision)
    if precision == "auto":
        precision = choose_precision(precision, device.type, model.stored)
    look = look_of(config)
    steps = len(SAMPLERS[model.sampler].steps(look.strength, look.steps))
    ceilings = measure_ceilings(device, precision)
    return {
        "bench": "floor",
        "machine": describe_machine() | {"device": str(device)},
        "model": model.title,
        "size": list(size),
        "steps": steps,
        "precision": precision,
        **floor_of(count_work(model.skeleton(), size, steps), ceilings, precision, steps),
    }


def count_work(skeleton: Any, size: Size, steps: int) -> Work:
    """Of a frame with so many steps.

    skeleton: a pipeline whose networks are on the "meta" device. size: (width, height).
    """
    config = skeleton.unet.config
    autoencoder_parameters = _parameters(skeleton.vae)
    networks = take_networks(skeleton, _META, torch.float32, packed=False)
    denoiser, traits = networks.denoiser, networks.traits
    unet = unet_of(networks)
    assert isinstance(denoiser, OwnUNet)
    width, height = size
    latents = (1, traits.channels, height // traits.reduction, width // traits.reduction)
    prompt = Embedding(_empty(1, _TOKENS, config.cross_attention_dim), None)
    if traits.is_xl:
        numbers = 6 * config.addition_time_embed_dim
        pooled = _empty(1, config.projection_class_embeddings_input_dim - numbers)
        prompt = Embedding(prompt.context, pooled)
    conditions: list[Tensor] = []
    timesteps, time_ids = _empty(1), _empty(1, 6)
    conditions_macs = _macs(
        lambda: conditions.extend(denoiser.conditions(prompt, timesteps, time_ids))
    )
    with _counted(unet) as products:
        unet_macs = _macs(lambda: unet(_empty(*latents), *conditions))
    in_fp8 = [layer for _, _, _, layer in layers(unet)]
    return Work(
        encoder_macs=_macs(lambda: networks.encode(_empty(1, 3, height, width))),
        unet_macs=steps * unet_macs,
        decoder_macs=_macs(lambda: networks.decode(_empty(*latents))),
        conditions_macs=conditions_macs,
        unet_parameters=_parameters(unet),
        conditions_parameters=_parameters(denoiser.conditioner),
        autoencoder_parameters=autoencoder_parameters,
        conditions=sum(condition.numel() for condition in conditions),
        fp8_macs=steps * sum(products),
        fp8_parameters=sum(layer.weight.numel() for layer in in_fp8),
    )


@contextlib.contextmanager
def _counted(unet: UNet) -> Iterator[list[int]]:
    """Multiply-accumulates of the layers that fp8 takes, one by one, while the network runs."""
    macs: list[int] = []

    def count(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(layer, nn.Linear)
        macs.append(inputs[0].numel() * layer.out_features)

    hooks = [layer.register_forward_pre_hook(count) for _, _, _, layer in layers(unet)]
    try:
        yield macs
    finally:
        for hook in hooks:
            hook.remove()


def measure_ceilings(device: torch.device, precision: str) -> Ceilings:
    """Best of 8 rounds each; on a CPU of both ways that PyTorch multiplies matrices."""
    wake(device)
    edge = _EDGE[device.type]
    kind: Any = {"device": device, "dtype": dtype_of(precision)}
    a, b = torch.randn(edge, edge, **kind), torch.randn(edge, edge, **kind)
    products: list[Callable[[], object]] = [lambda: a @ b]
    if device.type == "cpu":
        packed = nn.Sequential(nn.Linear(edge, edge, False, **kind)).requires_grad_(False)
        pack_linears(packed)
        products.append(lambda: packed(a))
    source = torch.empty(_COPIED[device.type], dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    fastest = min(_seconds(product, device) for product in products)
    copied = _seconds(lambda: target.copy_(source), device)
    fp8_flops = None
    if precision == "fp8":
        layer = Fp8Linear(nn.Linear(edge, edge, False, **kind), largest=4.0)
        rounded = a.to(KIND)
        fp8_flops = 2 * edge**3 / _seconds(lambda: layer.product(rounded, a.dtype), device)
    return Ceilings(2 * edge**3 / fastest, 2 * source.numel() / copied, fp8_flops)


def floor_of(work: Work, ceilings: Ceilings, precision: str, steps: int) -> dict[str, Any]:
    """The floor of a frame in ms, and what it comes from, as JSON can hold it.

    In fp8 the layers that are in 8 bits are that much smaller, and multiplied as fast as that goes.
    """
    itemsize = dtype_of(precision).itemsize
    unet_bytes = itemsize * (steps * work.unet_parameters + work.conditions)
    unet_flop, fp8_ms, fp8 = 2 * work.unet_macs, 0.0, {}
    if ceilings.fp8_flops is not None:
        unet_bytes -= (itemsize - 1) * steps * work.fp8_parameters
        unet_flop -= 2 * work.fp8_macs
        fp8_ms = 2 * work.fp8_macs / ceilings.fp8_flops * 1000
        fp8 = {"measured_fp8_tflops": round(ceilings.fp8_flops / 1e12, 3)}
    arithmetic = unet_flop / ceilings.flops * 1000 + fp8_ms
    reading = unet_bytes / ceilings.bytes * 1000
    autoencoder = 2 * (work.encoder_macs + work.decoder_macs) / ceilings.flops * 1000
    frame = max(arithmetic, reading) + autoencoder
    return {
        "gmac": {
            "encoder": round(work.encoder_macs / 1e9, 3),
            "unet": round(work.unet_macs / 1e9, 3),
            "decoder": round(work.decoder_macs / 1e9, 3),
            "per_prompt": round(work.conditions_macs / 1e9, 3),
        },
        "parameters": {
            "unet": work.unet_parameters,
            "conditions": work.conditions_parameters,
            "autoencoder": work.autoencoder_parameters,
        },
        "frame_tflop": round(work.flop / 1e12, 4),
        "unet_gb_read": round(unet_bytes / 1e9, 3),
        "measured_tflops": round(ceilings.flops / 1e12, 3),
        "measured_gb_s": round(ceilings.bytes / 1e9, 1),
        **fp8,
        "unet_arithmetic_ms": round(arithmetic, 3),
        "unet_reading_ms": round(reading, 3),
        "autoencoder_ms": round(autoencoder, 3),
        "floor_ms": round(frame, 3),
        "floor_fps": round(1000 / frame, 2),
    }


def _macs(run: Callable[[], object]) -> int:
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        run()
    return int(counter.get_total_flops()) // 2


def _parameters(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


def _empty(*shape: int) -> Tensor:
    return torch.empty(shape, device=_META)


@torch.inference_mode()
def _seconds(run: Callable[[], object], device: torch.device) -> float:
    best = float("inf")
    for _ in range(_ROUNDS):
        _wait(device)
        started = time.perf_counter()
        run()
        _wait(device)
        best = min(best, time.perf_counter() - started)
    return best


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
