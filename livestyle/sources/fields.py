"""Interlaced frames, which hold two moments in every other row each, made whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import av

if TYPE_CHECKING:
    from av.video.frame import VideoFrame


def deinterlaced(pictures: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
    """The frames, as many and at the same times; those that say they are interlaced through
    FFmpeg's bwdif. Nothing is done before the first of these comes.
    """
    graph, form = None, None
    for picture in pictures:
        if graph and _form(picture) != form:
            graph.push(None)
            yield from _ready(graph)
            graph = None
        if graph is None:
            if not picture.interlaced_frame:
                yield picture
                continue
            graph, form = _graph(picture), _form(picture)
        graph.push(picture)
        yield from _ready(graph)
    if graph:
        graph.push(None)
        yield from _ready(graph)


def _form(picture: VideoFrame) -> tuple[int, int, str]:
    return picture.width, picture.height, picture.format.name


def _graph(picture: VideoFrame) -> av.filter.Graph:
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=picture.width,
        height=picture.height,
        format=picture.format,
        time_base=picture.time_base,
    )
    # a frame for a frame; those between that are whole stay as they are
    filtering = graph.add("bwdif", mode="send_frame", deint="interlaced")
    graph.link_nodes(source, filtering, graph.add("buffersink")).configure()
    return graph


def _ready(graph: av.filter.Graph) -> Iterator[VideoFrame]:
    while True:
        try:
            yield graph.vpull()
        except (av.BlockingIOError, av.EOFError):
            return
