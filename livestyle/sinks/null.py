"""The null sink takes every frame and keeps none: for measuring and for tests."""

from __future__ import annotations

from livestyle.frame import Frame


class Null:
    """A Sink that does nothing; it comes back as a camera does, so that this can be tried on it."""

    name = "null"
    note = ""
    is_watched = True

    def write(self, frame: Frame) -> None:
        """Drop the frame."""

    def again(self, fps: float) -> Null:
        """Another one."""
        return Null()

    def __enter__(self) -> Null:
        return self

    def __exit__(self, *exc_info: object) -> None:
        pass
