"""Chain: FFmpeg's filters, one after the other."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from av.filter import Graph

if TYPE_CHECKING:
    from av.video.frame import VideoFrame


def chain(picture: VideoFrame, *filters: tuple[str, dict[str, str]]) -> Graph:
    """A graph to push frames to that are like this one. filters: name and options of each.

    Raises what PyAV does where FFmpeg refuses one.
    """
    graph = Graph()
    source = graph.add_buffer(
        width=picture.width,
        height=picture.height,
        format=picture.format,
        time_base=picture.time_base or Fraction(1, 1000),  # a picture may have none
    )
    nodes = [graph.add(name, **options) for name, options in filters]
    graph.link_nodes(source, *nodes, graph.add("buffersink")).configure()
    return graph
