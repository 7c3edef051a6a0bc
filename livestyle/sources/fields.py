"""Interlaced frames, which hold two moments in every other row each, made whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import av

from livestyle.sources.chain import chain

if TYPE_CHECKING:
    from av.filter import Graph
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_INTERLACED = range(2, 6)  # of FFmpeg's AVFieldOrder


def deinterlaced(pictures: Iterator[VideoFrame], stream: VideoStream) -> Iterator[VideoFrame]:
    """The frames, as many and at the same times; those that are interlaced through FFmpeg's bwdif.
    Nothing is done before the first of these comes.
    """
    all_are = _says_so(stream)
    # a frame for a frame; those between that are whole stay as they are
    options = {"mode": "send_frame", "deint": "all" if all_are else "interlaced"}
    graph, form = None, None
    for picture in pictures:
        if graph and _form(picture) != form:
            graph.push(None)
            yield from _ready(graph)
            graph = None
        if graph is None:
            if not (all_are or picture.interlaced_frame):
                yield picture
                continue
            graph, form = chain(picture, ("bwdif", options)), _form(picture)
        graph.push(picture)
        yield from _ready(graph)
    if graph:
        graph.push(None)
        yield from _ready(graph)


def _says_so(stream: VideoStream) -> bool:
    """Whether all frames are interlaced, by what the stream says. Of codecs between whose frames
    something is predicted the frames say it better: one may be whole where another is not.
    """
    context = stream.codec_context
    return context.codec.intra_only and context.field_order in _INTERLACED


def _form(picture: VideoFrame) -> tuple[int, int, str]:
    return picture.width, picture.height, picture.format.name


def _ready(graph: Graph) -> Iterator[VideoFrame]:
    while True:
        try:
            yield graph.vpull()
        except (av.BlockingIOError, av.EOFError):
            return
