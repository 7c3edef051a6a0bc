"""The web preview: the output and its figures on a page of this machine's browser."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from collections.abc import Iterable

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from livestyle.control import Controls
from livestyle.control.feeds.preview import Preview
from livestyle.control.feeds.view import View, view_file
from livestyle.control.guard import Key
from livestyle.control.server import control_app
from livestyle.errors import LivestyleError, SinkError, reason
from livestyle.frame import Frame, Size
from livestyle.runs import RunFile

LOOPBACK = "127.0.0.1"
USUAL_PORTS = range(7878, 7894)
MAX_CONNECTIONS = 64
SEND_BUFFER = 2**18  # bytes on their way to a client: one that is slow sees what is new, not old
MAX_MESSAGE = 2**22  # bytes that a WebSocket takes at once: all of a canvas, and not much more
REQUEST_SECONDS = 5.0  # for a new client to have asked for something, its body included
IDLE_SECONDS = 10.0  # the same, since the last answer; uvicorn closes one that is idle after 5
STOP_SECONDS = 2.0


class WebPreview:
    """A Sink that shows frames, figures and controls on a local page.

    The server runs on a thread of its own, from `with` to its end. `name` is the page's address.
    """

    def __init__(
        self,
        size: Size,
        *,
        port: int | None,
        controls: Controls,
        listen: str = LOOPBACK,
        names: Iterable[str] = (),
    ) -> None:
        """size: (width, height) of every frame, both even. port: TCP port, 0 for any free one,
        None for the first of USUAL_PORTS that is. listen: the IP address to serve on. names: see
        `Key`.

        Raises SinkError when they can't be had.
        """
        self._socket = _listen(listen, port)
        here = self._socket.getsockname()[1]
        key = Key(here, listen, names)
        self.name = f"{key.address}#token={key.token}"
        self.note = ""
        self._file = RunFile(key.address, key.token)
        self._preview = Preview(size, controls.slots.source)
        self._server = uvicorn.Server(
            uvicorn.Config(
                control_app(self._preview, size, controls, key, View(view_file(here))),
                http=_Connection,
                lifespan="off",
                log_config=None,
                log_level="critical",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                ws_max_size=MAX_MESSAGE,
                ws_per_message_deflate=False,
                timeout_graceful_shutdown=1,
            )
        )
        self._thread = threading.Thread(target=self._serve, name="web preview", daemon=True)

    @property
    def is_watched(self) -> bool:
        """Whether a page, or a view of the picture, is open, or a picture is asked for."""
        return self._preview.is_watched

    def write(self, frame: Frame) -> None:
        """Take one frame, I420 (H * 3 / 2, W): at most one copy, and none while nobody watches."""
        self._preview.offer(frame)

    def __enter__(self) -> WebPreview:
        self._thread.start()
        try:
            self._file.publish()
        except LivestyleError as error:  # all else goes on
            self.note = f"`livestyle ctl` won't find this run: {error}"
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._file.remove()
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
    """One client's connection. Whoever has no token may open them, too: it's dropped when its
    client takes too long, whatever it sends meanwhile, and for a newer one when there are too many.
    """

    _limit: asyncio.TimerHandle | None = None
    opened_at = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.opened_at = self.loop.time()
        self._allow(REQUEST_SECONDS)
        if len(self.connections) > MAX_CONNECTIONS:
            asking = [each for each in self.connections if isinstance(each, _Connection)]
            min(asking, key=lambda each: (each.is_answered, each.opened_at)).drop()

    @property
    def is_answered(self) -> bool:
        """Whether there is an answer on its way, as a stream is."""
        return self.cycle is not None and not self.cycle.response_complete

    def pause_writing(self) -> None:
        super().pause_writing()
        self._allow(IDLE_SECONDS)  # it takes nothing

    def resume_writing(self) -> None:
        super().resume_writing()
        self._end_limit()
        if not self._has_asked():
            self._allow(IDLE_SECONDS)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        is_other = self.transport.get_protocol() is not self  # a WebSocket by now
        if is_other or (self._has_asked() and not self.flow.write_paused):
            self._end_limit()

    def on_response_complete(self) -> None:
        super().on_response_complete()  # the next request may wait already
        if not self._has_asked():
            self._allow(IDLE_SECONDS)

    def send_400_response(self, msg: str) -> None:
        try:
            super().send_400_response(msg)
        except h11.LocalProtocolError:  # it has its answer already, and goes on with nonsense
            self.drop()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_limit()
        super().connection_lost(exc)

    def drop(self) -> None:
        """End it now, and make room."""
        self.connections.discard(self)
        self.transport.abort()

    def _has_asked(self) -> bool:
        return self.conn.their_state not in (h11.IDLE, h11.SEND_BODY)

    def _allow(self, seconds: float) -> None:
        self._end_limit()
        self._limit = self.loop.call_later(seconds, self.drop)

    def _end_limit(self) -> None:
        if self._limit is not None:
            self._limit.cancel()


def _listen(address: str, port: int | None) -> socket.socket:
    if port is None:
        return _listen_usually(address)
    try:
        return _server(address, port)
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise SinkError(_not_here(address)) from error
        raise SinkError(
            f"the web preview can't use port {port} ({error.strerror}); "
            "choose another one with --port N (0: any free one)"
        ) from error


def _listen_usually(address: str) -> socket.socket:
    for usual in USUAL_PORTS:
        try:
            return _server(address, usual)
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise SinkError(_not_here(address)) from error
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):  # the latter: kept for others
                raise SinkError(f"the web preview can't be served: {reason(error)}") from error
    raise SinkError(
        f"the web preview's ports {USUAL_PORTS[0]} to {USUAL_PORTS[-1]} are taken; "
        "name another with --port N (0: any free one)"
    )


def _server(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    opened = socket.create_server((address, port), family=family)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)  # of all that it accepts
    return opened


def _not_here(address: str) -> str:
    return f"{address} is no address of this machine; name one of its own by --listen"
