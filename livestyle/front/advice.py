"""Advice: what would help a stylizer that can't keep up."""

from __future__ import annotations

from livestyle.between.messages import Running
from livestyle.config import Config
from livestyle.installation import command
from livestyle.pacing import SECOND
from livestyle.stats import Recent, Timings

_SLOW = 2.0  # times as long as there is for a frame: half of the frames asked for, and fewer
_MEASURED = 1.03  # times as long as there is, from which on it is no error of the percentiles
_SECONDS = 5.0  # that it must have been so: a start, or another program's, is over by then


class Advice:
    """One line, from when frames have taken too long for some seconds until they no longer do."""

    def __init__(self) -> None:
        self.latest = ""  # that was given, whatever came after it
        self.limit = ""  # why there are fewer unique fps than were asked for, now
        self._recent = Recent()
        self._slow_since: int | None = None

    def update(self, now: int, config: Config, running: Running | None, timings: Timings) -> str:
        """The line, or "". now: ns. config: as asked for now. timings: of all frames styled so far,
        in ns. Call it a few times a second.
        """
        wanted = config.hold_fps or config.fps
        lately = self._recent.update(now, timings).percentile(50)
        self.limit = "" if running is None else _limit(config, running, lately)
        is_slow = lately is not None and lately > _SLOW * SECOND / wanted
        if running is None or running.loading or running.fresh or not is_slow:
            self._slow_since = None
            return ""
        if self._slow_since is None:
            self._slow_since = now
        if lately is None or now - self._slow_since < _SECONDS * SECOND:
            return ""
        self.latest = (
            f"{running.stylizer} takes {lately / 1e6:.0f} ms for a frame, of which {wanted:g} fps "
            f"leaves {1000 / wanted:.0f}; what helps: {_cure(config, running)}"
        )
        return self.latest


def _limit(config: Config, running: Running, lately: int | None) -> str:
    if config.off:
        return ""
    if running.fresh:
        return "no first frame yet"
    asked = config.hold_fps or config.fps
    wanted = min(asked, running.source_fps or asked)
    if lately is not None and lately > _MEASURED * SECOND / wanted:
        return f"a frame takes {lately / 1e6:.0f} of {1000 / wanted:.0f} ms"
    return f"the source has {wanted:.3g} fps" if wanted < asked else ""


def _cure(config: Config, running: Running) -> str:
    if running.stylizer == "passthrough":
        return "a smaller --output-size"
    smaller = "a smaller --size (it is {}x{})".format(*running.stylizer_size)
    if running.stylizer == "turbo":
        return f"{smaller}, fewer --steps, an engine ({command('build')}), or --stylizer lite"
    itself = "" if config.hold_fps else ", or --hold-fps N, which finds the size itself"
    return f"{smaller}, another --style{itself}"
