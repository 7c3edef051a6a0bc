"""Drawing: pages draw on one board, over a WebSocket each, and the source canvas shows it."""

from __future__ import annotations

import asyncio
import json
import time

from starlette.websockets import WebSocket, WebSocketDisconnect

from livestyle.between.slot import Slot
from livestyle.control.api.reply import SEND_SECONDS, refusal
from livestyle.control.board import Board
from livestyle.control.feeds.png import png_of
from livestyle.control.feeds.preview import Preview

MAX_PAGES = 8
PUT_SECONDS = 1 / 120  # between two pictures for the worker; a fast pen sends more


class Drawing:
    """Answers /api/v1/canvas: says the size (text, JSON) and what is drawn so far (PNG), then takes
    rectangles, see `Board.draw`. A message that is none ends the connection, with a reason; what
    was drawn stays.
    """

    def __init__(self, board: Board, slot: Slot, preview: Preview) -> None:
        """slot: takes the board's pictures, BGRA."""
        self._board = board
        self._slot = slot
        self._preview = preview
        self._pages = 0
        self._next_at = 0.0  # by the loop's clock
        self._later: asyncio.TimerHandle | None = None

    async def serve(self, socket: WebSocket) -> None:
        """Serve one page until it has gone."""
        if self._pages >= MAX_PAGES:
            await socket.send_denial_response(refusal(503, "too many pages draw"))
            return
        self._pages += 1
        try:
            await socket.accept()
            await self._serve(socket)
        except (WebSocketDisconnect, TimeoutError):
            pass
        finally:
            self._pages -= 1

    async def _serve(self, socket: WebSocket) -> None:
        picture = self._board.copy()
        async with asyncio.timeout(SEND_SECONDS):
            await socket.send_text(json.dumps({"size": self._board.size}))
            await socket.send_bytes(await asyncio.to_thread(png_of, picture))
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            content = message.get("bytes")
            if content is None:
                await socket.close(1003, "rectangles are expected, in binary")
                return
            try:
                self._board.draw(content)
            except ValueError as error:
                await socket.close(1007, str(error))
                return
            self._preview.hurry()
            self._put_soon()

    def _put_soon(self) -> None:
        """Now, or together with what comes meanwhile."""
        if self._later is None:
            loop = asyncio.get_running_loop()
            self._later = loop.call_at(max(self._next_at, loop.time()), self._put)

    def _put(self) -> None:
        self._later = None
        self._next_at = asyncio.get_running_loop().time() + PUT_SECONDS
        self._slot.put(self._board.mark, time.monotonic_ns(), self._board.write)
