"""Stages with faults: a source and a sink that fail as they are told."""

from __future__ import annotations

import errno
import os
import time
from typing import TYPE_CHECKING, Any, TypeVar, cast

from livestyle.chaos import Fault, Plan, plan_of
from livestyle.errors import FrameRefused, SinkError, SinkLost, SourceLost

if TYPE_CHECKING:
    from livestyle.frame import Frame

Stage = TypeVar("Stage")


class Faulty:
    """All of what it stands before, but for one call. `points`: which faults it may have."""

    points: tuple[str, ...] = ()

    def __init__(self, stage: Any, plan: Plan) -> None:
        self.stage = stage
        self.plan = plan
        self.faults = {point: plan.of(point) for point in self.points}

    @classmethod
    def around(cls, stage: Stage) -> Stage:
        """The stage with the faults that the environment asks for; itself where it asks for none.
        Raises what they are.
        """
        plan = plan_of(os.environ)
        return stage if plan is None else cast("Stage", cls(stage, plan))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stage, name)

    def __enter__(self) -> Any:
        self.stage.__enter__()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stage.__exit__(*exc_info)

    def on(self, point: str) -> list[Fault]:
        """Those that go on."""
        now = self.plan.now()
        return [fault for fault in self.faults[point] if fault.is_on(now)]

    def comes(self, point: str) -> bool:
        """Whether this call is to fail."""
        now = self.plan.now()
        return any([fault.comes(now) or fault.is_on(now) for fault in self.faults[point]])

    def _hang(self, point: str) -> None:
        for fault in self.on(point):
            time.sleep(fault.seconds if fault.at is None else fault.left(self.plan.now()))


class FaultySource(Faulty):
    """A Source."""

    points = "capture.hang", "capture.lost"

    def __init__(self, source: Any, plan: Plan) -> None:
        super().__init__(source, plan)
        if self.on("capture.lost"):
            source.__exit__(None, None, None)
            raise SourceLost(f"{source.name} is gone, as {asked('capture.lost')}")

    def read(self) -> Frame:
        self._hang("capture.hang")
        if self.on("capture.lost"):
            raise SourceLost(f"{self.stage.name} is gone, as {asked('capture.lost')}")
        frame: Frame = self.stage.read()
        return frame


class FaultySink(Faulty):
    """A Sink."""

    points: tuple[str, ...] = ("sink.hang", "sink.error")

    def write(self, frame: Frame) -> None:
        self._hang("sink.hang")
        if self.comes("sink.error"):
            raise SinkError(f"{self.stage.name} takes no more frames: {os.strerror(errno.EIO)}")
        self.stage.write(frame)


class FaultyCamera(FaultySink):
    """A Reopenable."""

    points = (*FaultySink.points, "sink.refused", "sink.lost")

    def __init__(self, camera: Any, plan: Plan) -> None:
        super().__init__(camera, plan)
        if self.on("sink.lost"):
            camera.__exit__(None, None, None)
            raise SinkError(f"{camera.name} is gone, as {asked('sink.lost')}")

    def write(self, frame: Frame) -> None:
        if self.on("sink.lost"):
            raise SinkLost(os.strerror(errno.ENODEV))
        if self.comes("sink.refused"):
            raise FrameRefused(os.strerror(errno.EIO))
        super().write(frame)

    def again(self, fps: float) -> FaultyCamera:
        return FaultyCamera(self.stage.again(fps), self.plan)


def asked(point: str) -> str:
    """Why, for messages."""
    return f"LIVESTYLE_FAULT has {point}"
