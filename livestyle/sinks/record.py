"""The recorder: a video file of what the camera showed, at the same steady rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from livestyle.encoder import Encoder
from livestyle.errors import SinkError
from livestyle.files import Wanted
from livestyle.frame import Frame, Size
from livestyle.sinks.background import BackgroundWriter

if TYPE_CHECKING:
    from livestyle.frame import Pixels

_PATIENCE = 30.0  # s, at the end: for what is in the encoder, and the disk


class Recorder:
    """A Sink: H.264 in .mp4, or lossless FFV1 in .mkv.

    The encoder works on a thread of its own and never holds up the output clock: frames that it
    has no time for are left out (the player shows the one before for longer) and counted in `note`.
    """

    def __init__(self, file: str, size: Size, fps: float, *, overwrite: bool = False) -> None:
        """Raises ConfigError and LivestyleError, see `Encoder`."""
        self.name = f"recording {file}"
        self._encoder = Encoder(Wanted("recording", file, "part"), size, fps, overwrite=overwrite)
        self._background = BackgroundWriter(size, self._encode, self._finish)

    is_watched = True  # by whoever will see it

    @property
    def note(self) -> str:
        """How many frames were left out, if any."""
        return self._background.note

    def write(self, frame: Frame) -> None:
        """Take a frame. Raises SinkError once the file could not be written."""
        self._background.put(frame.pixels)

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if not self._background.close(_PATIENCE):
            file = self._encoder.file
            raise SinkError(
                f"recording {file!r} is not finished: its disk takes nothing; {file + '.part'!r} "
                "has what it took"
            )

    def _finish(self) -> None:
        try:
            self._encoder.close()
        except SinkError as error:
            self._encoder.give_up()
            raise SinkError(f"recording stopped: {error}") from error

    def _encode(self, pixels: Pixels, tick: int) -> None:
        try:
            self._encoder.write(pixels, tick)
        except SinkError as error:
            self._encoder.give_up()
            raise SinkError(f"recording stopped: {error}") from error
