"""The arithmetic of few-step image-to-image diffusion, over plain callables.

It knows no tensor library: latents may be floats, NumPy arrays or torch tensors. Symbols as in Ho
et al. 2020 (arXiv:2006.11239): a latent at timestep t is x = sqrt(abar_t) z + sqrt(1 - abar_t) eps,
and abar follows the scaled-linear schedule that Stable Diffusion was trained with.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

TRAINING_STEPS = 1000
BETA_START, BETA_END = 0.00085, 0.012  # scaled linear: linear in the square root

# Luo et al. 2023 (arXiv:2310.04378), latent consistency models: what they were distilled with.
LCM_GRID = 50  # timesteps of the teacher's grid
LCM_SIGMA = 0.5  # sigma_data of the boundary condition
LCM_SCALING = 10.0  # of the timestep in it

Latents = Any  # a float, an array or a tensor
Number = Any  # a number, or a tensor of one


@dataclass(frozen=True, slots=True)
class Step:
    """One evaluation of the network, and where it leads.

    With eps predicted for x at `timestep`:
    z = (x - noise * eps) / signal, then x' = keep * x + clean * z + fresh * (new noise).
    """

    timestep: Number
    signal: Number  # sqrt(abar)
    noise: Number  # sqrt(1 - abar)
    keep: Number = 0.0
    clean: Number = 1.0
    fresh: Number = 0.0


@functools.cache
def abar(timestep: int) -> float:
    """How much of the picture's variance is left at a timestep, 0 … 999."""
    low, high = math.sqrt(BETA_START), math.sqrt(BETA_END)
    betas = (
        (low + (high - low) * step / (TRAINING_STEPS - 1)) ** 2 for step in range(timestep + 1)
    )
    return math.prod(1 - beta for beta in betas)


def timestep_of(strength: float) -> int:
    """How far to noise the picture: round(1000 * strength) - 1, at least 1.

    Raises ValueError outside of 0 < strength <= 1.
    """
    if not 0 < strength <= 1:
        raise ValueError(f"a strength is above 0 and at most 1, not {strength}")
    return max(1, round(TRAINING_STEPS * strength) - 1)


def turbo_steps(strength: float, count: int) -> tuple[Step, ...]:
    """The steps of SDXL-Turbo and SD-Turbo (Sauer et al. 2023, arXiv:2311.17042).

    Their timesteps are the trailing grid below the strength's; between two steps noise is added
    as the Euler-ancestral sampler does (Karras et al. 2022, arXiv:2206.00364, and k-diffusion).
    At a very low strength there are fewer timesteps than `count`, then each is taken once.
    """
    first = timestep_of(strength)
    grid = [first] + [
        max(1, round(TRAINING_STEPS * strength * (count - taken) / count) - 1)
        for taken in range(1, count)
    ]
    timesteps = list(dict.fromkeys(grid))
    steps = [_ancestral(here, below) for here, below in itertools.pairwise(timesteps)]
    return (*steps, _last(timesteps[-1]))


def lcm_steps(strength: float, count: int) -> tuple[Step, ...]:
    """The steps of a latent consistency model: every 20th timestep, evenly spaced ones of them.

    At a very low strength there are fewer timesteps than `count`, then each is taken once.
    """
    stride = TRAINING_STEPS // LCM_GRID
    timestep_of(strength)
    reached = max(1, int(LCM_GRID * strength))
    grid = [stride * (reached - place) - 1 for place in range(reached)]
    timesteps = [grid[taken * reached // count] for taken in range(count)]
    timesteps = list(dict.fromkeys(timesteps))
    steps = [_consistent(here, below) for here, below in itertools.pairwise(timesteps)]
    return (*steps, _consistent(timesteps[-1], None))


@dataclass(frozen=True)
class Sampler:
    """A way to take few steps.

    steps: (strength, how many at most) -> the steps.
    pure: (noise, first step) -> the latents that text to image starts from.
    """

    steps: Callable[[float, int], tuple[Step, ...]]
    pure: Callable[[Latents, Step], Latents]


SAMPLERS = {
    "turbo": Sampler(turbo_steps, lambda noise, step: step.noise * noise),
    "lcm": Sampler(lcm_steps, lambda noise, step: noise),
}


def noised(latents: Latents, noise: Latents, step: Step) -> Latents:
    """The latents at the step's timestep."""
    return step.signal * latents + step.noise * noise


def denoise(
    x: Latents,
    fresh: Sequence[Latents],
    steps: Sequence[Step],
    predict: Callable[[Latents, int], Latents],
) -> Latents:
    """From latents at the first step's timestep to clean ones.

    fresh: the noise that is added after each step but the last.
    predict: (x, number of the step) -> the noise in x, by the network.
    """
    for number, step in enumerate(steps):
        eps = predict(x, number)
        clean = (x - step.noise * eps) / step.signal
        x = step.keep * x + step.clean * clean
        if number + 1 < len(steps):
            x = x + step.fresh * fresh[number]
    return x


def _last(timestep: int) -> Step:
    return Step(timestep, math.sqrt(abar(timestep)), math.sqrt(1 - abar(timestep)))


def _ancestral(timestep: int, below: int) -> Step:
    """In k-diffusion's variable x / signal, noise has the deviation sigma = noise / signal."""
    here, there = _last(timestep), _last(below)
    sigma, target = here.noise / here.signal, there.noise / there.signal
    up = math.sqrt(target**2 * (sigma**2 - target**2) / sigma**2)
    down = math.sqrt(target**2 - up**2)
    return Step(
        timestep,
        here.signal,
        here.noise,
        keep=there.signal / here.signal * down / sigma,
        clean=there.signal * (1 - down / sigma),
        fresh=there.signal * up,
    )


def _consistent(timestep: int, below: int | None) -> Step:
    """The boundary condition makes the model the identity at timestep 0."""
    here = _last(timestep)
    scaled = LCM_SCALING * timestep
    norm = scaled**2 + LCM_SIGMA**2
    skip, out = LCM_SIGMA**2 / norm, scaled / math.sqrt(norm)
    there = None if below is None else _last(below)
    signal, fresh = (1.0, 0.0) if there is None else (there.signal, there.noise)
    return Step(timestep, here.signal, here.noise, signal * skip, signal * out, fresh)
