"""Program: everything that happens to a frame on the device, on buffers that are made once.

uint8 BGRA in host memory -> device -> crop, resize -> encode -> noise -> steps -> decode -> resize
-> finish -> uint8 in host memory. On CUDA all of it is one captured graph; what changes while
running (the prompt, the noise, the timesteps) is written into its buffers between two frames.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from livestyle.diffusion.denoiser import Conditions, Embedding
from livestyle.diffusion.download import Download
from livestyle.diffusion.model import Model
from livestyle.diffusion.pixels import Resize, ToI420, planes_of, to_rgb
from livestyle.diffusion.step import Step, denoise, noised
from livestyle.frame import Size
from livestyle.placement import Placement

if TYPE_CHECKING:
    from livestyle.finish.device import DeviceFinish
    from livestyle.frame import Pixels


@dataclass(frozen=True)
class Form:
    """What of a program cannot change while it runs."""

    steps: int
    i420: bool  # the result is I420 (H * 3 / 2, W), else RGB (H, W, 3)
    from_text: bool  # the source is not looked at: text to image
    lane: int = 0  # programs that are computed at once have one each, see Model.lane


Lap = Callable[[str], None]

_WARM_UP = 3  # runs before a capture: cuDNN and cuBLAS choose and allocate in them


class Program:
    """One frame's work for one source size, one model size and one number of steps."""

    def __init__(
        self,
        model: Model,
        size: Size,
        placement: Placement,
        form: Form,
        finish: DeviceFinish | None = None,
    ) -> None:
        """size: (width, height) of the model's picture. placement: of the source on the output.

        finish: of I420 of the output's size, on the model's device; it finishes what it has taken
        something for.
        """
        self.source_size = placement.source_size
        self.form = form
        self._model = model
        self._finish = finish
        self._on_gpu = model.device.type == "cuda"
        self._make_ends(placement, size)
        self._make_middle(size)
        self.lane = model.lane(form.lane) if self._on_gpu else None
        self._graph: torch.cuda.CUDAGraph | None = None
        self._changed, self._done = (
            torch.cuda.Event() if self._on_gpu else None  # type: ignore[no-untyped-call]
            for _ in range(2)
        )

    def _make_ends(self, placement: Placement, size: Size) -> None:
        """What lies between host memory and the model's picture, on both sides."""
        device = self._model.device
        width, height = placement.source_size
        self._incoming = torch.zeros(height, width, 4, dtype=torch.uint8, pin_memory=self._on_gpu)
        self._source = self._incoming.to(device)
        x, y, shown_width, shown_height = placement.source_rectangle
        self._shown = self._source[y : y + shown_height, x : x + shown_width]
        x, y, *room = placement.rectangle
        output_width, output_height = placement.output_size
        self._canvas = torch.zeros(3, output_height, output_width, device=device)
        self._room = self._canvas[:, y : y + room[1], x : x + room[0]]
        self._shrink = Resize((shown_width, shown_height), size, device)
        self._grow = Resize(size, (room[0], room[1]), device)
        self._to_output = ToI420(device) if self.form.i420 else to_rgb
        shape = tuple(self._to_output(self._canvas).shape)
        self._download = Download(shape, device, finishes=self._finish is not None)
        self._result = self._download.styled  # where the next one comes to be

    def _make_middle(self, size: Size) -> None:
        """What the steps read beside the latents; the steps are views of it."""
        model, steps = self._model, self.form.steps
        reduction = model.traits.reduction
        latents = (model.traits.channels, size[1] // reduction, size[0] // reduction)
        self._noise = torch.zeros(steps, *latents, device=model.device)
        self._numbers = torch.zeros(steps, 5, device=model.device)
        self._timesteps = torch.zeros(steps, dtype=torch.int64, device=model.device)
        self._steps = [
            Step(self._timesteps[number : number + 1], *self._numbers[number].unbind())
            for number in range(steps)
        ]
        self._fresh = [self._noise[number : number + 1] for number in range(1, steps)]
        self._time_ids = model.time_ids(size)
        self._prompt: Embedding | None = None
        self._conditions: Conditions | None = None

    def set_prompt(self, prompt: Embedding) -> None:
        """Take another prompt for the frames to come."""
        self._prompt = prompt
        self._set_conditions()

    def set_steps(self, steps: Sequence[Step]) -> None:
        """Take other timesteps, as many as the program was made for."""
        self._timesteps.copy_(torch.tensor([step.timestep for step in steps]))
        self._numbers.copy_(torch.tensor([astuple(step)[1:] for step in steps]))
        self._set_conditions()

    def _set_conditions(self) -> None:
        """What the UNet is told, into buffers that stay: a captured graph reads them."""
        if self._prompt is None:  # it comes before the first frame
            return
        made = self._model.conditions(self._prompt, self._timesteps, self._time_ids)
        if self._conditions is None:
            self._conditions = tuple(condition.clone() for condition in made)
        else:
            for buffer, condition in zip(self._conditions, made, strict=True):
                buffer.copy_(condition)

    def set_noise(self, seed: int) -> None:
        """Draw the noise of a seed: the same for every frame, so that a still picture is still."""
        generator = torch.Generator("cpu").manual_seed(seed)
        for noise in self._noise:
            noise.copy_(torch.randn((1, *noise.shape), generator=generator)[0])

    def warm_up(self) -> None:
        """Do once what the first frame would have to wait for."""
        with contextlib.nullcontext() if self._finish is None else self._finish.resting():
            self.run(self._incoming.numpy())

    def run(self, pixels: Pixels) -> Pixels:
        """BGRA (h, w, 4) of the source's size -> the result; it changes at the next call."""
        self.submit(pixels)
        return self.collect()

    def submit(self, pixels: Pixels) -> None:
        """Begin a frame; on CUDA this does not wait for it. It is collected before the next."""
        if self._graph is None and self._on_gpu:
            self._graph = self.capture()
        self._incoming.copy_(torch.from_numpy(pixels))
        self._on_device(self._graph.replay if self._graph is not None else self._compute)

    def is_done(self) -> bool:
        """Whether `collect` would not wait."""
        return self._done is None or self._done.query()  # type: ignore[no-untyped-call]

    def collect(self) -> Pixels:
        """The result of the frame that was begun; it changes when the next one begins."""
        if self._done is not None:
            self._done.synchronize()
        return self._result.numpy()

    @property
    def is_finite(self) -> bool:
        """Whether the networks gave neither NaN nor infinity for the frame collected last."""
        return self._download.is_finite

    def run_in_stages(
        self, pixels: Pixels, lap: Lap, graph: torch.cuda.CUDAGraph | None = None
    ) -> None:
        """What `run` does. lap: called with the name of each stage at its end.

        graph: what `capture` gave with the laps of the stages on the device, to be replayed; else
        these run without one.
        """
        self._incoming.copy_(torch.from_numpy(pixels))
        compute = graph.replay if graph is not None else lambda: self._compute(lap)
        self._on_device(compute, lap)
        self.collect()

    def _on_device(self, compute: Callable[[], None], lap: Lap | None = None) -> None:
        """Upload, compute, download; on CUDA on this program's lane, without waiting for it."""
        lap = lap or _no_lap
        if self.lane is not None and self._changed is not None:
            self._changed.record()  # prompt, noise and steps were written on the current stream
            self.lane.wait_event(self._changed)
        with torch.cuda.stream(self.lane):  # of None: as it is
            self._source.copy_(self._incoming, non_blocking=True)
            finished = self._finish is not None and self._finish.begin()
            lap("upload")
            compute()
            self._result = self._download.start(finished=finished)
            lap("download")
            if self._done is not None:
                self._done.record()

    @torch.inference_mode()
    def _compute(self, lap: Lap | None = None) -> None:
        """Source to output, on the device."""
        lap = lap or _no_lap
        first = self._steps[0]
        if self.form.from_text:
            x = self._model.sampler.pure(self._noise[:1], first)
        else:
            picture = self._shrink(planes_of(self._shown))[None] / 127.5 - 1
            x = noised(self._model.encode(picture), self._noise[:1], first)
        lap("encode")
        x = denoise(x, self._fresh, self._steps, self._predict)
        lap("unet")
        decoded = self._model.decode(x)[0]
        self._download.add_up(x, decoded)
        self._room.copy_(self._grow((decoded / 2 + 0.5).clamp(0, 1) * 255))
        self._download.styled.copy_(self._to_output(self._canvas))
        if self._finish is not None:
            self._finish.compute(self._download.styled, self._download.finished)
        lap("decode")

    def _predict(self, x: Tensor, number: int) -> Tensor:
        assert self._conditions is not None  # set_prompt comes before the first frame
        return self._model.predict(x, number, self._conditions)

    def capture(self, lap: Lap | None = None) -> torch.cuda.CUDAGraph:
        """The frame on the device, as a graph. lap: called at the end of each stage, once, while it
        is captured: an external event that it records is recorded at every replay.
        """
        assert self.lane is not None  # a CPU has no graphs
        self.lane.wait_stream(torch.cuda.current_stream())  # which the buffers are written on
        return self._model.capture(lambda: self._capture(lap))

    def _capture(self, lap: Lap | None) -> torch.cuda.CUDAGraph:
        assert self.lane is not None
        with torch.cuda.stream(self.lane):
            for _ in range(_WARM_UP):
                self._compute()
        self.lane.synchronize()
        graph = torch.cuda.CUDAGraph()
        # thread_local: other threads may allocate meanwhile, as the prompts' does
        with torch.cuda.graph(graph, stream=self.lane, capture_error_mode="thread_local"):
            self._compute(lap)
        return graph


def _no_lap(_: str) -> None:
    """Nobody times the stages."""
