"""TensorRT, both flavours: TensorRT-RTX for GeForce and RTX cards, TensorRT for data centres.

One API; what differs is where an engine may be built. TensorRT-RTX builds for the cards that are
named, several at once and without any; TensorRT builds for the card it runs on.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from livestyle.engines.export import INPUTS, NETWORKS
from livestyle.errors import EngineError, MissingPackage

if TYPE_CHECKING:
    from livestyle.engines.entry import Memory

_MODULES = {"rtx": "tensorrt_rtx", "full": "tensorrt"}
_EXTRAS = {"rtx": "rtx", "full": "tensorrt"}
# The capabilities that TensorRT-RTX 1.7 compiles for: no Hopper, no B200.
RTX_TARGETS = ("sm_75", "sm_80", "sm_86", "sm_89", "sm_120", "sm_121")
_SUFFIX = ".plan"
_ALIGNMENT = 256  # bytes, of every address (ICudaEngine's documentation)


def package(flavour: str) -> str:
    """What pip calls a flavour."""
    return _MODULES[flavour].replace("_", "-")


def installed() -> list[str]:
    """The flavours that are."""
    return [flavour for flavour, name in _MODULES.items() if importlib.util.find_spec(name)]


def library(flavour: str) -> Any:
    """The module of a flavour. Raises MissingPackage."""
    try:
        return importlib.import_module(_MODULES[flavour])
    except ImportError as missing:
        raise MissingPackage(package(flavour), _EXTRAS[flavour]) from missing


def compile_networks(
    folder: Path, flavour: str, targets: tuple[str, ...], report: Callable[[float], None]
) -> None:
    """Each NETWORK.onnx in a folder to NETWORK.plan.

    targets: sm_75 …, for the flavour rtx; the other one builds for this machine's GPU. report:
    told what part is done, from 0 to 1. Raises EngineError with TensorRT's own words.
    """
    trt = library(flavour)
    for done, name in enumerate(NETWORKS):
        progress = _progress(trt, functools.partial(_advance, report, done))
        plan = _compile(trt, folder / f"{name}.onnx", targets if flavour == "rtx" else (), progress)
        with (folder / f"{name}{_SUFFIX}").open("wb") as written:
            written.write(plan)
        del plan


def _advance(report: Callable[[float], None], done: int, part: float) -> None:
    report((done + part) / len(NETWORKS))


def _compile(trt: Any, file: Path, targets: tuple[str, ...], progress: Any) -> Any:
    logger = _logger(trt)
    builder = _started(trt.Builder, logger)
    config = builder.create_builder_config()
    config.progress_monitor = progress
    if targets:
        config.num_compute_capabilities = len(targets)
        for place, target in enumerate(targets):
            capability = getattr(trt.ComputeCapability, target.replace("sm_", "SM"))
            config.set_compute_capability(capability, place)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse_from_file(str(file)):
        raise EngineError(f"TensorRT can't read {file.name}: {parser.get_error(0).desc()}")
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise EngineError(f"TensorRT can't compile {file.name}: {logger.last}")
    return plan


def load(files: Mapping[str, Memory], flavour: str) -> dict[str, Network]:
    """The networks by name on this machine's GPU, from the verified files of a cache entry.

    Raises EngineError.
    """
    trt = library(flavour)
    logger = _logger(trt)
    runtime = _started(trt.Runtime, logger)
    loaded = {}
    for name in NETWORKS:
        engine = runtime.deserialize_cuda_engine(files[f"{name}{_SUFFIX}"])
        if engine is None:
            raise EngineError(f"TensorRT can't load the {name}: {logger.last}")
        loaded[name] = Network(trt, (logger, runtime, engine), INPUTS[name])
    return loaded


class Network:
    """One network: tensors of the GPU in, one out, which changes at the next call.

    A call only enqueues, on the stream of PyTorch that is current, and can be captured into a CUDA
    graph: what is given lies where it lay when it was captured. An input is read where it lies, if
    it has the dtype and the alignment that TensorRT needs; else it is copied.
    """

    def __init__(self, trt: Any, made: tuple[Any, Any, Any], inputs: tuple[str, ...]) -> None:
        """made: logger, runtime and engine; each must outlive the next, and all the context."""
        self._made = made
        engine = made[-1]
        self._context = engine.create_execution_context()
        if self._context is None:
            raise EngineError(f"TensorRT can't set its engine up: {made[0].last}")
        self._names = inputs
        self._dtypes = [_dtype(trt, engine.get_tensor_dtype(name)) for name in inputs]
        self._given = [0] * len(inputs)
        self._aligned = [
            torch.empty(tuple(engine.get_tensor_shape(name)), dtype=dtype, device="cuda")
            for name, dtype in zip(inputs, self._dtypes, strict=True)
        ]
        shape = tuple(engine.get_tensor_shape("result"))
        dtype = _dtype(trt, engine.get_tensor_dtype("result"))
        self._result = torch.empty(shape, dtype=dtype, device="cuda")
        self._set_address("result", self._result)

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Raises EngineError where TensorRT refuses to run."""
        held = [
            tensor.to(dtype).contiguous()
            for tensor, dtype in zip(inputs, self._dtypes, strict=True)
        ]
        for place, tensor in enumerate(held):
            if tensor.data_ptr() % _ALIGNMENT:  # a step's row of the conditions, say
                tensor = held[place] = self._aligned[place].copy_(tensor)
            if tensor.data_ptr() != self._given[place]:
                self._set_address(self._names[place], tensor)
                self._given[place] = tensor.data_ptr()
        if not self._context.execute_async_v3(torch.cuda.current_stream().cuda_stream):
            raise EngineError("TensorRT does not run its engine; use --engine torch")
        return self._result

    def _set_address(self, name: str, tensor: Tensor) -> None:
        if not self._context.set_tensor_address(name, tensor.data_ptr()):
            raise EngineError(f"TensorRT does not take its {name}: {self._made[0].last}")


def _started(kind: Any, logger: Any) -> Any:
    try:
        return kind(logger)
    except TypeError as error:  # so the bindings say that there is none
        raise EngineError(f"TensorRT can't start: {logger.last}") from error


def _dtype(trt: Any, kind: Any) -> torch.dtype:
    known = {trt.float32: torch.float32, trt.float16: torch.float16}
    return known[kind]


def _logger(trt: Any) -> Any:
    class Logger(trt.ILogger):  # type: ignore[misc]
        """TensorRT's words: errors are kept for who reports them, the rest goes to logging."""

        def __init__(self) -> None:
            super().__init__()
            self.last = "no reason given"

        def log(self, severity: Any, message: str) -> None:
            if severity <= trt.ILogger.Severity.ERROR:
                self.last = message.strip().splitlines()[0]
            else:
                logging.getLogger(__name__).debug(message)

    return Logger()


def _progress(trt: Any, report: Callable[[float], None]) -> Any:
    class Progress(trt.IProgressMonitor):  # type: ignore[misc]
        """What part of the outermost phases is done; those inside count by their steps."""

        def __init__(self) -> None:
            super().__init__()
            self._phases: dict[str, tuple[str | None, int, int]] = {}  # parent, steps, done

        def phase_start(self, name: str, parent: str | None, steps: int) -> None:
            self._phases[name] = parent, max(1, steps), 0
            self._tell(name)

        def step_complete(self, name: str, step: int) -> bool:
            if name in self._phases:
                parent, steps, _ = self._phases[name]
                self._phases[name] = parent, steps, min(steps, step + 1)
                self._tell(name)
            return True

        def phase_finish(self, name: str) -> None:
            self._phases.pop(name, None)

        def _tell(self, name: str) -> None:
            part = 0.0
            while name in self._phases:
                parent, steps, done = self._phases[name]
                part = min(1.0, (done + part) / steps)
                name = parent or ""
            report(part)

    return Progress()
