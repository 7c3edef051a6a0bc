"""The arithmetic of a step, on numbers and arrays; diffusers' schedulers are the reference."""

import numpy as np
import pytest
import torch
from diffusers import EulerAncestralDiscreteScheduler, LCMScheduler
from random_pipelines import BETAS

from livestyle.diffusion.step import SAMPLERS, Step, abar, denoise, noised, timestep_of

RANDOM = np.random.default_rng(1)
CLEAN, *NOISE = RANDOM.standard_normal((6, 1, 4, 8, 8))


def test_the_schedule_is_that_of_stable_diffusion() -> None:
    expected = LCMScheduler(**BETAS).alphas_cumprod.double().numpy()
    ours = [abar(timestep) for timestep in range(1000)]
    np.testing.assert_allclose(ours, expected, rtol=2e-5)


@pytest.mark.parametrize("strength", [0.001, 0.0014, 0.002, 0.01, 0.25, 0.5, 0.999, 1.0])
def test_every_strength_is_one_step_at_the_stated_timestep(strength: float) -> None:
    (step,) = SAMPLERS["turbo"].steps(strength, 1)
    assert step.timestep == timestep_of(strength) == max(1, round(1000 * strength) - 1)


@pytest.mark.parametrize("strength", [0.0, -0.1, 1.001, float("nan")])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_strength_out_of_range_is_refused(sampler: str, strength: float) -> None:
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        SAMPLERS[sampler].steps(strength, 1)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("count", [1, 2, 4, 8])
@pytest.mark.parametrize("strength", [0.001, 0.02, 0.1, 0.5, 1.0])
def test_timesteps_fall_and_each_is_taken_once(sampler: str, count: int, strength: float) -> None:
    timesteps = [step.timestep for step in SAMPLERS[sampler].steps(strength, count)]
    assert 1 <= len(timesteps) <= count
    assert timesteps == sorted(set(timesteps), reverse=True)
    assert timesteps[-1] >= 1


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("strength", [0.1, 0.5, 0.9])
def test_who_knows_the_noise_gets_the_picture_back(
    sampler: str, count: int, strength: float
) -> None:
    steps = SAMPLERS[sampler].steps(strength, count)

    def true_noise(x: np.ndarray, number: int) -> np.ndarray:
        return (x - steps[number].signal * CLEAN) / steps[number].noise

    back = denoise(noised(CLEAN, NOISE[0], steps[0]), NOISE[1:], steps, true_noise)
    # the consistency model's boundary condition leaves a little of the noise in its last step
    np.testing.assert_allclose(back, CLEAN, atol=1e-12 if sampler == "turbo" else 2e-3)


@pytest.mark.parametrize(("strength", "count"), [(0.5, 1), (0.25, 1), (0.5, 2), (1.0, 4), (1.0, 2)])
def test_turbo_takes_the_steps_of_the_euler_ancestral_scheduler(
    strength: float, count: int
) -> None:
    scheduler = EulerAncestralDiscreteScheduler(
        **BETAS, timestep_spacing="trailing", steps_offset=1
    )
    scheduler.set_timesteps(round(count / strength))
    timesteps = scheduler.timesteps[-count:]
    steps = SAMPLERS["turbo"].steps(strength, count)
    assert [step.timestep for step in steps] == timesteps.tolist()
    scheduler.set_begin_index(len(scheduler.timesteps) - count)
    clean, start = torch.tensor(CLEAN), _draws(1)[0]
    x = scheduler.add_noise(clean, start, timesteps[:1])
    generator = torch.Generator().manual_seed(5)
    for timestep in timesteps:
        eps = _predicted(scheduler.scale_model_input(x, timestep))
        x = scheduler.step(eps, timestep, x, generator=generator).prev_sample
    _agree(steps, x)


@pytest.mark.parametrize(("strength", "count"), [(0.5, 1), (0.5, 2), (1.0, 4), (0.3, 3)])
def test_lcm_takes_the_steps_of_its_scheduler(strength: float, count: int) -> None:
    scheduler = LCMScheduler(**BETAS)
    scheduler.set_timesteps(count, strength=strength)
    steps = SAMPLERS["lcm"].steps(strength, count)
    assert [step.timestep for step in steps] == scheduler.timesteps.tolist()
    x = scheduler.add_noise(torch.tensor(CLEAN), _draws(1)[0], scheduler.timesteps[:1])
    generator = torch.Generator().manual_seed(5)
    for timestep in scheduler.timesteps:
        x = scheduler.step(_predicted(x), timestep, x, generator=generator).prev_sample
    _agree(steps, x)


def _predicted(x: torch.Tensor) -> torch.Tensor:
    return torch.sin(3 * x) + 0.2


def _draws(count: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    return [torch.randn(CLEAN.shape, generator=generator, dtype=torch.double) for _ in range(count)]


def _agree(steps: tuple[Step, ...], expected: torch.Tensor) -> None:
    """The scheduler drew its noise from the same seed, in the same order."""
    draws = _draws(len(steps))
    x = noised(torch.tensor(CLEAN), draws[0], steps[0])
    ours = denoise(x, draws, steps, lambda x, _: _predicted(x))
    np.testing.assert_allclose(ours.numpy(), expected.numpy(), atol=2e-4)
