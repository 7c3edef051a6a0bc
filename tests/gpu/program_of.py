"""A frame's program as the GPU tests run it."""

from __future__ import annotations

from livestyle.diffusion.model import Model
from livestyle.diffusion.program import Form, Program
from livestyle.finish.device import DeviceFinish
from livestyle.placement import Placement

SIZE = (512, 512)


def program_of(
    model: Model, steps: int = 1, lane: int = 0, finish: DeviceFinish | None = None
) -> Program:
    form = Form(steps, True, False, lane)
    program = Program(model, SIZE, Placement(SIZE, SIZE, "fit"), form, finish)
    program.set_steps(model.sampler.steps(0.5, steps))
    program.set_noise(3)
    program.set_prompt(model.encode_prompt("an oil painting"))
    program.warm_up()
    return program
