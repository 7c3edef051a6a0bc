"""The web preview: the output and its figures on a page of this machine's browser."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import threading

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from livestyle.control import Controls
from livestyle.control.guard import Key
from livestyle.control.preview import Preview
from livestyle.control.server import control_app
from livestyle.errors import SinkError
from livestyle.frame import Frame, Size

ADDRESS = "127.0.0.1"  # pixels never leave this machine
USUAL_PORTS = range(7878, 7894)
MAX_CONNECTIONS = 32
REQUEST_SECONDS = 5.0  # for a new client to ask for something
STOP_SECONDS = 2.0


class WebPreview:
    """A Sink that shows frames, figures and controls on a local page.

    The server runs on a thread of its own, from `with` to its end. `name` is the page's address.
    """

    def __init__(self, size: Size, *, port: int | None, controls: Controls) -> None:
        """size: (width, height) of every frame, both even. port: TCP port, 0 for any free one,
        None for the first of USUAL_PORTS that is.

        Raises SinkError when the port can't be had.
        """
        self._socket = _listen(port)
        key = Key(secrets.token_urlsafe(32), self._socket.getsockname()[1])
        self.name = f"http://{ADDRESS}:{key.port}/#token={key.token}"
        self.note = ""
        self._preview = Preview(size)
        self._server = uvicorn.Server(
            uvicorn.Config(
                control_app(self._preview, controls, key),
                http=_Connection,
                lifespan="off",
                log_config=None,
                log_level="critical",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                ws_max_size=1024,
                ws_per_message_deflate=False,
                timeout_graceful_shutdown=1,
            )
        )
        self._thread = threading.Thread(target=self._serve, name="web preview", daemon=True)

    def write(self, frame: Frame) -> None:
        """Take one frame, I420 (H * 3 / 2, W): at most one copy, and none while nobody watches."""
        self._preview.offer(frame.pixels)

    def __enter__(self) -> WebPreview:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.should_exit = True
        self._thread.join(STOP_SECONDS)
        self._socket.close()

    def _serve(self) -> None:
        try:
            asyncio.run(self._run())
        finally:
            if not self._server.should_exit:
                self.note = "the page has stopped"

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            encoding = tasks.create_task(self._preview.run())
            await self._server.serve(sockets=[self._socket])
            encoding.cancel()
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()  # it takes no more, so it would never close
        await asyncio.sleep(0)  # asyncio closes them in its next round


class _Connection(H11Protocol):
    """One client's connection: dropped when there are too many, or when it asks for nothing."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
        else:
            self.loop.call_later(REQUEST_SECONDS, self._drop_if_idle)

    def _drop_if_idle(self) -> None:
        if self.cycle is None and self.transport.get_protocol() is self:
            self.transport.abort()


def _listen(port: int | None) -> socket.socket:
    if port is None:
        for usual in USUAL_PORTS[:-1]:
            with contextlib.suppress(OSError):
                return socket.create_server((ADDRESS, usual))
        port = USUAL_PORTS[-1]
    try:
        return socket.create_server((ADDRESS, port))
    except OSError as error:
        raise SinkError(
            f"the web preview can't use port {port} ({error.strerror}); "
            "choose another one with --port N (0: any free one)"
        ) from error
