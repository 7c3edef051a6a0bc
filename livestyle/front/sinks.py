"""The sinks of a run: opened, changed and closed while its clock ticks."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Container

from livestyle.chaos.stages import FaultyCamera, FaultySink
from livestyle.config import Config
from livestyle.control import Controls
from livestyle.errors import ConfigError, SinkError
from livestyle.files import check_targets
from livestyle.frame import Size
from livestyle.front.output import OutputClock
from livestyle.front.reopening import Reopening
from livestyle.sinks import Reopenable, Sink, choose_sinks, files_of, open_sink


class Sinks:
    """Those that are open, by what they were asked for as."""

    def __init__(self, clock: OutputClock, size: Size, controls: Controls) -> None:
        self.open: dict[str, Sink] = {}
        self.ended: list[str] = []  # a line for each that failed in its last act
        self._clock = clock
        self._size = size
        self._controls = controls

    def begin(self, config: Config) -> None:
        """Open those of a run that begins, one after the other. Raises LivestyleError."""
        for spec in config.sink:
            self._take(spec, open_sink(spec, self._size, config, self._controls).__enter__())

    def change(self, config: Config) -> tuple[str, ...]:
        """Open those that are new, then close those that are not wanted; the others stay as they
        are. Returns the ones there are. Raises LivestyleError where one can't be opened: then none
        is changed.
        """
        specs = with_chosen(config.sink, lambda _: None, self.open)
        if "web" in self.open and "web" not in specs:
            raise ConfigError("sink 'web' is what asks for this, and stays; name it, too")
        check_targets(list(files_of(set(specs) - set(self.open))), config.overwrite)
        opened: dict[str, Sink] = {}
        with contextlib.ExitStack() as undo:
            for spec in specs:
                if spec not in self.open:
                    sink = open_sink(spec, self._size, config, self._controls)
                    opened[spec] = undo.enter_context(sink)
            undo.pop_all()
        for spec, sink in opened.items():
            self._take(spec, sink)
        for spec in set(self.open) - set(specs):
            sink = self.open.pop(spec)
            self._clock.remove(sink)
            self._close(sink)
        return specs

    @property
    def has_file(self) -> bool:
        """Whether one is made for one rate."""
        return any(spec.startswith(("record:", "raw:")) for spec in self.open)

    def close(self) -> None:
        """Close all of them; the clock has stopped. Their notes may still be read."""
        for sink in reversed(list(self.open.values())):
            self._close(sink)
            if isinstance(sink, Reopening) and sink.trouble:
                self.ended.append(f"{sink.name} was away at the end: {sink.trouble}")

    def _take(self, spec: str, sink: Sink) -> None:
        if isinstance(sink, Reopenable):
            sink = Reopening(FaultyCamera.around(sink), lambda: self._clock.fps)
        else:
            sink = FaultySink.around(sink)
        self.open[spec] = sink
        self._clock.add(sink)

    def _close(self, sink: Sink) -> None:
        try:
            sink.__exit__()
        except SinkError as error:  # a recording may fail as late as this
            self.ended.append(str(error))


def with_chosen(
    specs: tuple[str, ...], announce: Callable[[str], None], opened: Container[str] = ()
) -> tuple[str, ...]:
    """The sinks, each once, with what "auto" stands for: a camera that is opened stays the one."""
    if "auto" in specs:
        cameras = tuple(spec for spec in ("v4l2", "virtualcam") if spec in opened)
        is_open = (*cameras, "web"), "a camera is open"
        chosen, why = is_open if cameras else choose_sinks()
        announce(f"sink {' and '.join(chosen)}, chosen by auto: {why}")
        at = specs.index("auto")
        specs = (*specs[:at], *chosen, *(spec for spec in specs[at:] if spec != "auto"))
    return tuple(dict.fromkeys(specs))
