"""Arithmetic on planes, fused by OpenVINO's compiler into one pass over memory.

A chain of calls goes over memory anew with each. What Detail joins at 1280x720 takes NumPy 1.5 ms,
and this 0.3 to 0.6, on two cores of a Xeon.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from livestyle.finish.planes import ONE, Room

if TYPE_CHECKING:
    import openvino as ov  # here alone: the front, which finishes nothing, does without

    from livestyle.frame import Pixels, Size

Formula = Callable[[Sequence["ov.Node"], Sequence["ov.Node"]], "ov.Node"]
"""Of planes in 0..255 and of gains, float32 all; the result is rounded and cut off to 0..255.
"""

_WIDTH = 1024  # OpenVINO fuses best what has two dimensions, and little whose size it does not know
_THREADS = 2  # such short work gains little by more, and the rest of the cores is the game's
_FEW = 200_000  # pixels that one thread has done before another is awake
_PARTS = 1, 3 / 4, 1 / 2, 1 / 4
"""Of the largest shape, that are compiled where that is not small; a smaller shape takes the least
of them that holds it.
"""


class Fused:
    """A formula of planes of one shape, up to a largest."""

    def __init__(
        self,
        formula: Formula,
        planes: int,
        gains: int,
        shape: tuple[int, ...],
        *,
        parts: Sequence[float] = _PARTS,
    ) -> None:
        """planes, gains: how many of them it takes. shape: of the largest, (height, width)."""
        import openvino as ov

        rows = -(-math.prod(shape) // _WIDTH)
        self._rooms = [Room((rows, _WIDTH)) for _ in range(planes + 1)]
        self._gains = np.zeros((gains, 1), np.float32)
        self._requests: dict[int, ov.InferRequest] = {}  # by their pixels, the fewest last
        for part in parts if rows * _WIDTH >= _FEW else (1,):
            whole = math.ceil(rows * part), _WIDTH
            request = _compile(formula, planes, gains, whole).create_infer_request()
            *given, result = (room.of(whole) for room in self._rooms)
            for number, values in enumerate([*given, *self._gains]):
                request.set_input_tensor(number, ov.Tensor(values, shared_memory=True))
            request.set_output_tensor(ov.Tensor(result, shared_memory=True))
            self._requests[math.prod(whole)] = request
        self._pixels = 0

    def planes(self, shape: tuple[int, ...]) -> list[Pixels]:
        """Where pictures of (height, width) are put in, and the result comes out, last. They are
        what is computed until others are asked for.
        """
        self._pixels = math.prod(shape)
        return [room.of(shape) for room in self._rooms]

    def __call__(self, *gains: float) -> None:
        """Compute what the planes hold."""
        self._gains[:, 0] = gains
        enough = [pixels for pixels in self._requests if pixels >= self._pixels]
        self._requests[enough[-1]].infer()


@functools.lru_cache(maxsize=64)
def _compile(formula: Formula, planes: int, gains: int, shape: Size) -> ov.CompiledModel:
    import openvino as ov
    from openvino import opset13 as ops

    given = [ops.parameter(shape, np.uint8) for _ in range(planes)]
    factors = [ops.parameter([1], np.float32) for _ in range(gains)]
    result = formula([ops.convert(plane, "f32") for plane in given], factors)
    rounded = ops.add(ops.clamp(result, 0.0, 255.0), np.float32(0.5))  # conversion cuts off
    options = {
        "INFERENCE_PRECISION_HINT": "f32",
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": 1 if math.prod(shape) < _FEW else _THREADS,
        "ENABLE_CPU_PINNING": False,
    }
    return ov.Core().compile_model(
        ov.Model([ops.convert(rounded, "u8")], given + factors), "CPU", options
    )


def blended(planes: Sequence[ov.Node], _: Sequence[ov.Node]) -> ov.Node:
    """Of what was, what is new and a share of that: 0 for nothing of it, ONE for all."""
    was, new, share = planes
    return was + in_parts(share) * (new - was)


def in_parts(share: ov.Node) -> ov.Node:
    """A share that is given in parts of ONE."""
    return share * np.array([1 / ONE], np.float32)
