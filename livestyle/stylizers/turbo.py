"""Turbo: SDXL-Turbo and its kind, one or a few denoising steps a frame."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import threading
import time
from collections.abc import Callable, Iterator

import torch

from livestyle.between.look import Look, Refusal, look_of
from livestyle.canvas import Canvas
from livestyle.config import Config
from livestyle.diffusion.denoiser import Embedding
from livestyle.diffusion.model import Model, load_model
from livestyle.diffusion.program import Form, Program
from livestyle.diffusion.prompt import Prompts, note_of
from livestyle.diffusion.step import Step
from livestyle.engines.choice import Wanted, choose_engine_for
from livestyle.engines.loading import open_engine
from livestyle.errors import EngineError, GpuMemory, SpoiltFrame, StylizerError
from livestyle.finish.device import DeviceFinish
from livestyle.frame import Frame, Size
from livestyle.models.loadable import stored_model
from livestyle.pacing import SECOND
from livestyle.placement import Placement
from livestyle.recipe import DiffusionRecipe, load_recipe

# (width, height) of the picture inside for an output of that size, out of the recipe's GRID.
Fit = Callable[[Size], Size]


class Turbo:
    """A Stylizer: image to image at low strength, or text to image, as its look says.

    The same frame gives the same pixels, however often and whatever came before, once a fade from
    one prompt to another is over.
    """

    name = "turbo"
    is_plain = False
    grid: range | None = DiffusionRecipe.GRID

    def __init__(self, model: Model, canvas: Canvas, fit: Fit, look: Look) -> None:
        """The first frame is made here: what is allocated, compiled or captured once is ready
        then.
        """
        self.size = fit(canvas.size)
        self.title = "the model"  # what people call it
        self._fit = fit
        self.engine = model.networks.engine
        self.why = model.networks.why
        self._model = model
        self._canvas = canvas
        self._look = self._wanted = look
        self._changing = threading.Lock()  # protects `_look`, `_wanted` and `refusal`
        self.refusal: Refusal | None = None
        self._prompts = Prompts(model.encode_prompt, look.prompt, self._refuse)
        self._shown = self._from = self._to = self._prompts.newest[1]
        self._fade_began = 0  # ns
        self._took = False
        try:
            self.finish = self._finish_for(canvas)
            self._program = self._make(canvas.size, canvas, self.size, self.finish)
        except BaseException:
            self._prompts.close()
            raise

    def change(self, look: Look, *, wait: bool = False) -> None:
        """Take another look, whole: from the next frame on, or when its prompt is encoded.

        wait: until it is. Raises StylizerError then where it can't be.
        """
        with self._changing:
            known = look.prompt == self._wanted.prompt == self._prompts.newest[0]
            self._wanted, self.refusal = look, None
        if not known:
            self._prompts.ask(look.prompt)
        if wait:
            self._prompts.wait_for(look.prompt)
            if self.refusal is not None:
                raise StylizerError(self.refusal.why)

    @property
    def look(self) -> Look:
        """That of the last frame."""
        return self._look

    @property
    def note(self) -> str:
        """What of the prompt is not read, or not as it may be meant, in a line; or ""."""
        text, embedding = self._prompts.newest
        return note_of(text, embedding.unread)

    @property
    def is_settled(self) -> bool:
        """Whether no look, prompt or part of a fade waits, nor was taken in the last frame: it may
        have come after this was asked.
        """
        waits = self._wanted is not self._look or self._shown is not self._to
        return not waits and not self._took

    def stylize(self, frame: Frame) -> Frame:
        """BGRA (h, w, 4) in; RGB (H, W, 3) or I420 (H * 3 / 2, W) of the canvas out."""
        before = self._look
        self._take_look()
        self._took = self._look is not before
        self._fade()
        return self._run(frame)

    def glimpse(self, look: Look) -> Callable[[Frame], Frame]:
        """See Stylizer; not where the look takes a program of its own."""
        embedding = self._prompts.encoded(look.prompt)
        return functools.partial(self._paint, look, embedding)

    def paint_on(self, canvas: Canvas) -> None:
        """Go on with another canvas; the first frame on it is made here."""
        size = self._fit(canvas.size)
        with _told_of_memory(self.title, size):
            finish = self._finish_for(canvas)
            program = self._make(canvas.size, canvas, size, finish)
        self.size, self._canvas, self._program, self.finish = size, canvas, program, finish

    def prepare(self, size: Size) -> Callable[[], bool]:
        """Make the frame's program for that size; it shares the networks, and has buffers of its
        own. It is of no use any more once the source's size or the number of steps is another.

        On CUDA not beside frames: a graph would be captured on the stream on which they run, and
        cuDNN would time its convolutions against them. There it is for the start, and stalls the
        frames when it has to be done anew.
        """
        canvas = self._canvas
        with _told_of_memory(self.title, size):
            program = self._program if size == self.size else self._make_for(size)

        def take() -> bool:
            now = self._program
            other = (program.source_size, program.form) != (now.source_size, now.form)
            if other or self._canvas is not canvas:
                return False
            if program is not now:
                self._tell_look(program)
                self._program, self.size = program, size
            return True

        return take

    @property
    def prepares_beside(self) -> bool:
        """Whether `prepare` may be called while there are frames."""
        return self._model.device.type != "cuda"

    def __enter__(self) -> Turbo:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._prompts.close()
        on_gpu = self._model.device.type == "cuda"
        del self._program, self._model
        self.finish = None
        if on_gpu:  # PyTorch would keep the memory, and an engine that takes over has its own
            torch.cuda.empty_cache()

    def _finish_for(self, canvas: Canvas) -> DeviceFinish | None:
        """On a GPU, of the pictures that come from it as they are shown."""
        device = self._model.device
        if device.type != "cuda" or not canvas.i420:
            return None
        return DeviceFinish(canvas.size, device)

    def _make(
        self, source_size: Size, canvas: Canvas, size: Size, finish: DeviceFinish | None
    ) -> Program:
        steps = self._steps(self._look)
        placement = Placement(source_size, canvas.size, canvas.aspect)
        form = Form(len(steps), canvas.i420, self._look.from_text)
        program = Program(self._model, size, placement, form, finish)
        self._tell_look(program)
        program.warm_up()
        return program

    def _make_for(self, size: Size) -> Program:
        return self._make(self._program.source_size, self._canvas, size, self.finish)

    def _run(self, frame: Frame) -> Frame:
        height, width = frame.pixels.shape[:2]
        if (width, height) != self._program.source_size:
            self._program = self._make((width, height), self._canvas, self.size, self.finish)
        pixels = self._program.run(frame.pixels)
        if not self._program.is_finite:
            raise SpoiltFrame(f"{self.title} gives NaN or infinity, no picture; {self._cure()}")
        return frame.with_pixels(pixels)

    def _paint(self, look: Look, embedding: Embedding, frame: Frame) -> Frame:
        count, form = len(self._steps(look)), self._program.form
        if (count, look.from_text) != (form.steps, form.from_text):
            raise StylizerError(f"it takes {count} steps, and the run's look {form.steps}")
        resting = contextlib.nullcontext() if self.finish is None else self.finish.resting()
        try:
            with resting:
                self._tell(self._program, look, embedding)
                return self._run(frame)
        finally:
            self._tell_look(self._program)

    def _cure(self) -> str:
        if self._model.networks.dtype is torch.float16:
            return "fp16 overflows with it: use --precision bf16"
        return "get it again, or another --lora"

    def _tell_look(self, program: Program) -> None:
        self._tell(program, self._look, self._shown)

    def _tell(self, program: Program, look: Look, prompt: Embedding) -> None:
        program.set_steps(self._steps(look))
        program.set_noise(look.seed)
        program.set_prompt(prompt)

    def _steps(self, look: Look) -> tuple[Step, ...]:
        strength = 1.0 if look.from_text else look.strength  # there is nothing to keep
        return self._model.sampler.steps(strength, look.steps)

    def _take_look(self) -> None:
        if self._wanted is self._look:
            return
        with self._changing:
            before, wanted = self._look, self._wanted
            text, embedding = self._prompts.newest
            is_other = wanted.prompt != before.prompt
            if is_other and text != wanted.prompt:
                return
            self._look = wanted
        steps = self._steps(wanted)
        form = self._program.form
        if (len(steps), wanted.from_text) != (form.steps, form.from_text):
            try:
                with _told_of_memory(self.title, self.size):
                    self._program = self._make_for(self.size)
            except StylizerError as error:
                self._go_back(before, str(error))
                return
        else:
            self._program.set_steps(steps)
            if wanted.seed != before.seed:
                self._program.set_noise(wanted.seed)
        if is_other:
            self._from, self._to = self._shown, embedding
            self._fade_began = time.monotonic_ns()

    def _refuse(self, prompt: str, why: str) -> None:
        """Leave the look as it is where that prompt is still wanted; on the prompts' thread."""
        with self._changing:
            if self._wanted.prompt == prompt:
                self.refusal = Refusal(self._wanted, self._look, why)
                self._wanted = self._look

    def _go_back(self, before: Look, why: str) -> None:
        """To the look before the one that was just taken."""
        with self._changing:
            if self._wanted is self._look:
                self.refusal = Refusal(self._wanted, before, why)
                self._wanted = before
            self._look = before

    def _fade(self) -> None:
        if self._shown is self._to:
            return
        now = time.monotonic_ns()
        passed = (now - self._fade_began) / SECOND
        over = passed >= self._look.fade
        self._shown = self._to if over else self._between(passed / self._look.fade)
        self._program.set_prompt(self._shown)

    def _between(self, weight: float) -> Embedding:
        return self._from.blended(self._to, weight)


def open_turbo(config: Config, canvas: Canvas, say: Callable[[str], None]) -> Turbo:
    """The stylizer that settled settings describe. Raises StylizerError.

    say: told what is being loaded.
    """
    recipe = load_recipe(config.recipe, DiffusionRecipe)
    stored = stored_model(config, say)
    fit: Fit = functools.partial(recipe.size_inside, wanted=config.size)
    size = fit(canvas.size)
    wanted = Wanted(stored, size, stored.choice.precision)
    with _told_of_memory(stored.title, size):
        entry, why = choose_engine_for(config, wanted)
        if entry is not None and config.hold_fps is not None:
            label = entry.manifest().spec.label
            raise EngineError(
                f"--hold-fps: the engine {label!r} is made for {size[0]}x{size[1]} alone; leave it "
                "out, or take --engine torch"
            )
        say(f"the model {stored.title}")
        model = load_model(stored.choice) if entry is None else open_engine(entry, stored)
        model.networks = dataclasses.replace(model.networks, why=why)
        if entry is not None:  # it is made for one size
            fit = functools.partial(_always, size)
        turbo = Turbo(model, canvas, fit, look_of(config))
        if entry is not None:
            turbo.grid = None
    turbo.title = stored.title
    return turbo


@contextlib.contextmanager
def _told_of_memory(title: str, size: Size) -> Iterator[None]:
    """Make a GPU's full memory an error that says what to do."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise GpuMemory(
            f"the GPU's memory does not hold {title} at {size[0]}x{size[1]}; close what else uses "
            "it, or choose a smaller --size or --recipe sd-turbo"
        ) from error


def _always(size: Size, _: Size) -> Size:
    return size
