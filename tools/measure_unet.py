"""Time livestyle's UNet beside diffusers', on the same weights and inputs, in pairs.

    python tools/measure_unet.py FILE.json --model FOLDER [--precision fp32] [--pairs 20]

The prompt's keys and values are there before for livestyle's; diffusers' computes them each time.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from written import parse

from livestyle.diffusion.denoiser import Conditions, Denoiser, DiffusersUNet, Embedding, OwnUNet
from livestyle.engines.reference import STEP
from livestyle.machine import describe_machine
from livestyle.models.folder import ModelFolder
from livestyle.models.pipeline import load_pipeline
from livestyle.models.plan import Choice

_WARM_UP = 3
SIZE = 512


@torch.inference_mode()
def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", help="the figures go there, as JSON")
    parser.add_argument("--model", required=True, help="a folder in diffusers' layout")
    parser.add_argument("--precision", default="fp32", choices=("fp32", "bf16"))
    parser.add_argument("--pairs", type=int, default=20)
    arguments = parse(parser, "file")
    folder = ModelFolder(Path(arguments.model))
    choice = Choice(
        weights=folder, sampler=folder.sampler, device="cpu", precision=arguments.precision
    )
    pipeline, _ = load_pipeline(choice)
    unet = pipeline.unet.to(memory_format=torch.channels_last)
    packed = OwnUNet.of(copy.deepcopy(unet))
    packed.pack()
    contestants: dict[str, Denoiser] = {
        "diffusers": DiffusersUNet(unet),
        "own": OwnUNet.of(unet),
        "own, packed": packed,
    }
    encoded = pipeline.encode_prompt("a cat", device="cpu", do_classifier_free_guidance=False)
    runs = {name: _run(denoiser, encoded[0], encoded[2]) for name, denoiser in contestants.items()}
    times: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(_WARM_UP + arguments.pairs):
        for name, run in runs.items():
            started = time.perf_counter()
            run()
            if number >= _WARM_UP:
                times[name].append((time.perf_counter() - started) * 1000)
    medians = {name: round(statistics.median(spent), 3) for name, spent in times.items()}
    figures = {
        "machine": describe_machine(),
        "precision": arguments.precision,
        "parameters": sum(weight.numel() for weight in unet.parameters()),
        "size": [SIZE, SIZE],
        "pairs": arguments.pairs,
        "ms": medians,
        "ratio": {name: round(ms / medians["diffusers"], 3) for name, ms in medians.items()},
    }
    arguments.file.write_json(figures)
    print(json.dumps(figures))


def _run(
    denoiser: Denoiser, context: torch.Tensor, pooled: torch.Tensor
) -> Callable[[], torch.Tensor]:
    x = torch.randn(1, 4, SIZE // 8, SIZE // 8, generator=torch.Generator().manual_seed(0))
    ids = torch.tensor([[SIZE, SIZE, 0, 0, SIZE, SIZE]], dtype=torch.float32)
    timesteps = torch.tensor([STEP.timestep])
    conditions: Conditions = denoiser.conditions(Embedding(context, pooled), timesteps, ids)
    return lambda: denoiser.predict(x, 0, conditions)


if __name__ == "__main__":
    main()
