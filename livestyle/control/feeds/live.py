"""The live feed of one page, over a WebSocket: pictures and figures out, wishes in."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable

from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect

from livestyle.control.api.reply import SEND_SECONDS, refusal
from livestyle.control.feeds.preview import Preview

STATUS_SECONDS = 0.25
MAX_WISH = 1024  # bytes


class Live:
    """Answers /api/v1/live: figures (text, JSON) 4 times a second, and pictures as they come.

    figures: the status as JSON. A picture is 16 bytes, little endian: kind u8 (0 output, 1 source),
    3 bytes, change u32, seq u64; then JPEG. The client may say {"wipe": true} or false: pictures of
    the source are made and sent only where it is true.
    """

    def __init__(self, preview: Preview, figures: Callable[[], str]) -> None:
        self._preview = preview
        self._figures = figures

    async def serve(self, socket: WebSocket) -> None:
        """Serve it until its client has gone, takes nothing any more, or says what isn't meant."""
        if self._preview.output.full:
            await socket.send_denial_response(refusal(503, "too many previews are open"))
            return
        with self._preview.output.watch():
            await socket.accept()
            wipe = asyncio.Event()
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._send(socket, wipe))
                    tasks.create_task(self._hear(socket, wipe))
            except* (WebSocketDisconnect, TimeoutError):
                pass

    async def _hear(self, socket: WebSocket, wipe: asyncio.Event) -> None:
        with contextlib.ExitStack() as watching:
            while True:
                opened = _wish(await socket.receive())
                if opened is None:
                    await socket.close(1007, 'say {"wipe": true} or {"wipe": false}')
                    raise WebSocketDisconnect(1007)
                watching.close()
                wipe.clear()
                if opened:
                    watching.enter_context(self._preview.source.watch())
                    wipe.set()

    async def _send(self, socket: WebSocket, wipe: asyncio.Event) -> None:
        """What comes while the client is slow is skipped."""
        clock = asyncio.get_running_loop().time
        feeds = self._preview.output, self._preview.source
        sent = [feed.number for feed in feeds]
        figures_due = clock()

        def news() -> list[int]:
            seen = (0, 1) if wipe.is_set() else (0,)
            return [kind for kind in seen if feeds[kind].number > sent[kind]]

        while True:
            if clock() >= figures_due:
                figures_due = clock() + STATUS_SECONDS
                async with asyncio.timeout(SEND_SECONDS):
                    await socket.send_text(self._figures())
            if not wipe.is_set():  # the first of a wipe is none of the last one
                sent[1] = feeds[1].number
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(figures_due), self._preview.news:
                    await self._preview.news.wait_for(news)
            for kind in news():
                sent[kind] = feeds[kind].number
                async with asyncio.timeout(SEND_SECONDS):
                    await socket.send_bytes(feeds[kind].message)


def _wish(message: Message) -> bool | None:
    """Whether the wipe is open, by what the client says; None where it says something else.

    Raises WebSocketDisconnect where it has gone.
    """
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    text = message.get("text")
    if text is None or len(text) > MAX_WISH:
        return None
    try:
        wish = json.loads(text)
    except (ValueError, RecursionError):
        return None
    wipe = wish.get("wipe") if isinstance(wish, dict) and len(wish) == 1 else None
    return wipe if isinstance(wipe, bool) else None
