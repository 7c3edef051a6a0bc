"""The control page as an ASGI application: the page itself, its API and its live feed."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib import resources
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket, WebSocketDisconnect

from livestyle.control import Controls
from livestyle.control.guard import Guard, Key
from livestyle.control.metrics import CONTENT_TYPE, exposition
from livestyle.control.preview import Preview, png_of
from livestyle.errors import ConfigError

STATUS_SECONDS = 0.25
FRAME_SECONDS = 2.0  # the longest wait for a picture
BODY_SECONDS = 2.0
ANSWER_SECONDS = 2.0  # the longest wait for what becomes of a prompt
SEND_SECONDS = 10.0  # a client that takes nothing for so long is dropped

PAGE = {
    "/": ("index.html", "text/html"),
    "/page.js": ("page.js", "text/javascript"),
    "/plot.js": ("plot.js", "text/javascript"),
    "/page.css": ("page.css", "text/css"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}


def control_app(preview: Preview, controls: Controls, key: Key) -> ASGIApp:
    """The application, behind its guard."""
    control = Control(preview, controls, key)
    folder = resources.files("livestyle.control") / "page"
    pages = [
        Route(path, _static((folder / name).read_bytes(), media_type))
        for path, (name, media_type) in PAGE.items()
    ]
    routes = [
        *pages,
        Route("/api/session", control.session, methods=["POST"]),
        Route("/api/status", control.status),
        Route("/api/look", control.look, methods=["POST"]),
        Route("/api/frame.jpg", control.frame),
        Route("/api/frame.png", control.still),
        Route("/metrics", control.metrics),
        WebSocketRoute("/api/live", control.live),
    ]
    return Guard(Starlette(routes=routes), key)


async def _object(request: Request) -> dict[str, Any] | None:
    """The request's JSON object, an empty one for other JSON, None where there is no JSON."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = await request.json()
    except (ValueError, RecursionError, TimeoutError):
        return None
    return body if isinstance(body, dict) else {}


def _static(content: bytes, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    async def page(_: Request) -> Response:
        return Response(content, media_type=media_type)

    return page


class Control:
    """What the API answers; the guard has let the request through."""

    def __init__(self, preview: Preview, controls: Controls, key: Key) -> None:
        self._preview = preview
        self._controls = controls
        self._key = key

    async def session(self, request: Request) -> Response:
        """Change the token, {"token": "…"}, for a session's cookie, which no script can read."""
        body = await _object(request)
        if body is None:
            return PlainTextResponse("send the token as JSON", 400)
        token = body.get("token")
        if not isinstance(token, str) or not self._key.fits(token):
            return PlainTextResponse("open the address that livestyle printed", 401)
        response = Response(status_code=204)
        secret = self._key.begin_session()
        response.set_cookie(self._key.cookie, secret, httponly=True, samesite="strict")
        return response

    async def status(self, _: Request) -> Response:
        """The figures as JSON."""
        return Response(self._figures(), media_type="application/json")

    async def metrics(self, _: Request) -> Response:
        """The figures for Prometheus."""
        figures = exposition(self._controls.status())
        return Response(figures, headers={"content-type": CONTENT_TYPE})

    async def look(self, request: Request) -> Response:
        """Change what of the look may change, as {"prompt": "…", "strength": 0.4}.

        A prompt is waited for until it is encoded, a little while: it may be one that can't be.
        """
        body = await _object(request)
        if body is None:
            return PlainTextResponse("send what is to change as JSON", 400)
        try:
            self._controls.change(body)
        except ConfigError as error:
            return PlainTextResponse(str(error), 400)
        refused = await self._answer() if "prompt" in body else ""
        return PlainTextResponse(refused, 400) if refused else Response(status_code=204)

    async def _answer(self) -> str:
        """Why a change was refused; "" where it was not, or no answer came."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_SECONDS):
                while (answer := self._controls.answer()) is None:
                    await asyncio.sleep(ANSWER_SECONDS / 40)
                return answer
        return ""

    async def frame(self, request: Request) -> Response:
        """The next picture as JPEG, as the page shows it."""
        async with self._watching():
            _, jpeg = await self._preview.newer(self._preview.number)
        return Response(jpeg, media_type="image/jpeg")

    async def still(self, request: Request) -> Response:
        """The next picture as PNG, whole."""
        async with self._watching():
            i420 = await self._preview.still()
        return Response(await asyncio.to_thread(png_of, i420), media_type="image/png")

    @contextlib.asynccontextmanager
    async def _watching(self) -> AsyncIterator[None]:
        """Within, one waits for a picture. Raises HTTPException where none may or does come."""
        if self._preview.full:
            raise HTTPException(503, "too many previews are open")
        with self._preview.watched():
            try:
                async with asyncio.timeout(FRAME_SECONDS):
                    yield
            except TimeoutError as error:
                raise HTTPException(503, "there is no picture yet") from error

    async def live(self, socket: WebSocket) -> None:
        """Pictures (binary, JPEG) as they come and figures (text, JSON) 4 times a second."""
        if self._preview.full:
            refusal = PlainTextResponse("too many previews are open", 503)
            await socket.send_denial_response(refusal)
            return
        with self._preview.watched():
            await socket.accept()
            try:
                await self._feed(socket)
            except (WebSocketDisconnect, TimeoutError):
                return

    async def _feed(self, socket: WebSocket) -> None:
        """Send until the client has gone or takes nothing any more; what it's slow for is skipped.

        Raises WebSocketDisconnect or TimeoutError.
        """
        clock = asyncio.get_running_loop().time
        number, figures_due = self._preview.number, clock()
        while True:
            if clock() >= figures_due:
                figures_due = clock() + STATUS_SECONDS
                async with asyncio.timeout(SEND_SECONDS):
                    await socket.send_text(self._figures())
            try:
                async with asyncio.timeout_at(figures_due):
                    number, jpeg = await self._preview.newer(number)
            except TimeoutError:
                continue
            async with asyncio.timeout(SEND_SECONDS):
                await socket.send_bytes(jpeg)

    def _figures(self) -> str:
        # The name of this very sink is the page's address: the token in it stays here.
        return json.dumps(self._controls.status(), allow_nan=False).replace(self._key.token, "…")
