"""The run's figures in the text form that Prometheus reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE
from prometheus_client.registry import Collector

from livestyle.control import STATES
from livestyle.version import __version__

__all__ = ["CONTENT_TYPE", "exposition"]

QUANTILES = {"p50": "0.5", "p95": "0.95", "p99": "0.99", "max": "1"}


def exposition(status: dict[str, Any]) -> bytes:
    """The text for one scrape of `status`; a figure that is not there yet is left out."""
    registry = CollectorRegistry()
    registry.register(_Figures(status))
    return generate_latest(registry)


class _Figures(Collector):
    def __init__(self, status: dict[str, Any]) -> None:
        self._status = status

    def collect(self) -> Iterable[Metric]:
        yield InfoMetricFamily("livestyle_build", "What runs.", value={"version": __version__})
        state = GaugeMetricFamily("livestyle_state", "1 for the present one.", labels=["state"])
        for name in STATES:
            state.add_metric([name], float(self._status.get("state") == name))
        yield state
        yield from self._gauges()
        yield from self._counters()
        yield from self._durations()

    def _gauges(self) -> Iterator[Metric]:
        recording = self._status.get("recording") is not None
        for name, meaning, value in (
            ("off", "1 while the source is shown as it is.", self._figure("stylizer", "off")),
            ("recording", "1 while a recording begun on the page goes on.", float(recording)),
            ("recording_bytes", "How long it is.", self._figure("recording", "bytes")),
            (
                "change_pending",
                "1 while the newest change of settings is not taken yet.",
                self._figure("changed", "pending"),
            ),
            ("sinks_away", "Cameras that are away, and opened again.", self._of_sinks("away")),
        ):
            gauge = GaugeMetricFamily(f"livestyle_{name}", meaning, labels=[])
            _add(gauge, [], value)
            yield gauge

    def _counters(self) -> Iterator[Metric]:
        frames = CounterMetricFamily(
            "livestyle_frames", "Frames that left each stage.", labels=["stage"]
        )
        for stage, part in (("capture", "source"), ("model", "stylizer"), ("output", "output")):
            _add(frames, [stage], self._figure(part, "frames"))
        yield frames
        dropped = CounterMetricFamily(
            "livestyle_frames_dropped", "Frames not used, or too late.", labels=["stage", "reason"]
        )
        _add(dropped, ["model", "superseded"], self._figure("stylizer", "superseded"))
        _add(dropped, ["model", "spoilt"], self._figure("stylizer", "spoilt"))
        _add(dropped, ["output", "late"], self._figure("output", "late"))
        yield dropped
        for name, meaning, path in (
            ("output_duplicates", "Frames sent again for want of newer.", ("output", "repeated")),
            ("freezes", "Times that no new picture came for over 1 s.", ("output", "freezes")),
            ("frozen_seconds", "How long those lasted together.", ("output", "frozen_s")),
            ("source_reconnects", "Times the source came back.", ("source", "reconnects")),
            ("resizes", "Times the picture inside was resized.", ("stylizer", "resizes")),
            ("changes", "Changes of settings that were asked for.", ("change",)),
            ("worker_restarts", "Times the worker was started again.", ("worker_restarts",)),
        ):
            family = CounterMetricFamily(f"livestyle_{name}", meaning, labels=[])
            _add(family, [], self._figure(*path))
            yield family
        for name, meaning in (
            ("reconnects", "Times a camera came back."),
            ("write_errors", "Frames that a camera did not take."),
        ):
            family = CounterMetricFamily(f"livestyle_sink_{name}", meaning, labels=[])
            _add(family, [], self._of_sinks(name))
            yield family

    def _durations(self) -> Iterator[Metric]:
        """Percentiles as quantiles, in seconds; the status has no sums and buckets."""
        stage = Metric("livestyle_stage_duration_seconds", "Time in a stage.", "summary")
        latency = Metric(
            "livestyle_frame_latency_seconds", "From capture end to write end.", "summary"
        )
        for name, quantile in QUANTILES.items():
            for family, labels, path in (
                (stage, {"stage": "model"}, ("stylizer", "ms", name)),
                (latency, {}, ("output", "latency_ms", name)),
            ):
                figure = self._figure(*path)
                if figure is not None:
                    labels = {**labels, "quantile": quantile}
                    family.add_sample(family.name, labels, figure / 1000)
        yield stage
        yield latency

    def _of_sinks(self, name: str) -> float:
        """That figure of all of them together."""
        return float(sum(sink.get(name, 0) for sink in self._status.get("sinks", [])))

    def _figure(self, *path: str) -> float | None:
        """The number at `path` in the status, or None where it is missing or null."""
        value: Any = self._status
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        return value if isinstance(value, int | float) else None


def _add(
    family: CounterMetricFamily | GaugeMetricFamily, labels: list[str], figure: float | None
) -> None:
    if figure is not None:
        family.add_metric(labels, figure)
