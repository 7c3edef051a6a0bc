"""Viewing: the view's address over HTTP, and what is shown there: a page, or a stream of JPEG."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from livestyle.control.api.reply import SEND_SECONDS, body_of, refusal, reply
from livestyle.control.feeds.preview import Preview
from livestyle.control.feeds.view import ROOT, View
from livestyle.control.guard import Key
from livestyle.errors import LivestyleError

CLOSED = 1008  # WebSocket: it may not be seen any more
BOUNDARY = "picture"
MULTIPART = f"multipart/x-mixed-replace; boundary={BOUNDARY}"

Give = Callable[[bytes], Awaitable[None]]


class Viewing:
    """Answers /api/v1/view, and at the address it gives whoever has it."""

    def __init__(self, preview: Preview, view: View, key: Key) -> None:
        self._preview = preview
        self._view = view
        self._key = key

    async def show(self, _: Request) -> Response:
        """Where it is."""
        return self._told()

    async def renew(self, request: Request) -> Response:
        """Make an address, in place of the one before."""
        await body_of(request)
        return await self._change(self._view.renew)

    async def revoke(self, request: Request) -> Response:
        """Take it back."""
        await body_of(request)
        return await self._change(self._view.revoke)

    async def live(self, socket: WebSocket) -> None:
        """Pictures (binary, JPEG) as they come, until the client has gone, takes nothing any more,
        or the address is taken back.
        """
        if self._preview.whole.full:
            await socket.send_denial_response(refusal(503, "too many watch"))
            return
        await socket.accept()
        gone = await self._give(socket.send_bytes, socket.receive)
        if not gone:
            with contextlib.suppress(TimeoutError, WebSocketDisconnect):
                async with asyncio.timeout(SEND_SECONDS):
                    await socket.close(CLOSED)

    async def stream(self, request: Request) -> Response:
        """The same as multipart/x-mixed-replace, for what plays videos by their address."""
        if request.method == "HEAD":
            return Response(media_type=MULTIPART)
        if self._preview.whole.full:
            return refusal(503, "too many watch")
        return _Stream(self._give)

    async def _give(self, send: Give, receive: Callable[[], Awaitable[Any]]) -> bool:
        """Send pictures; what comes while the client is slow is skipped. Returns whether the client
        has gone; else it takes nothing, or may see nothing any more.
        """
        gone = False
        try:
            with self._preview.whole.watch():
                async with self._view.opened(), asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._send(send))
                    tasks.create_task(_until_gone(receive))
        except* WebSocketDisconnect:
            gone = True
        except* TimeoutError:
            pass
        return gone

    async def _send(self, send: Give) -> None:
        feed = self._preview.whole
        number = feed.number
        while True:
            jpeg = await feed.newer(number)
            number = feed.number
            async with asyncio.timeout(SEND_SECONDS):
                await send(jpeg)

    async def _change(self, change: Callable[[], Awaitable[None]]) -> Response:
        try:
            await change()
        except LivestyleError as error:
            return refusal(503, str(error))
        return self._told()

    def _told(self) -> Response:
        if self._view.key is None:
            return reply({"page": None, "stream": None})
        page = f"{self._key.address.rstrip('/')}{ROOT}{self._view.key}"
        return reply({"page": page, "stream": f"{page}/stream.mjpg"})


class _Stream(Response):
    """A response that goes on. give: sends pictures, see `Viewing`."""

    def __init__(self, give: Callable[[Give, Receive], Awaitable[bool]]) -> None:
        super().__init__(media_type=MULTIPART)
        del self.headers["content-length"]
        self._give = give

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""

        async def part(jpeg: bytes) -> None:
            # The boundary follows at once: what comes before the next one is what browsers show.
            head = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            await body(head.encode() + jpeg + f"\r\n--{BOUNDARY}\r\n".encode())

        async def body(content: bytes, more: bool = True) -> None:
            await send({"type": "http.response.body", "body": content, "more_body": more})

        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        await body(f"--{BOUNDARY}\r\n".encode())
        gone = await self._give(part, receive)
        if not gone:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SEND_SECONDS):
                    await body(b"", more=False)


async def _until_gone(receive: Callable[[], Awaitable[Any]]) -> None:
    """Raises WebSocketDisconnect once the client has gone; what it says means nothing."""
    while not (await receive())["type"].endswith("disconnect"):
        pass
    raise WebSocketDisconnect
