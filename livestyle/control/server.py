"""The control page as an ASGI application: the page itself, its API and its live feed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from importlib import resources

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from livestyle.control import Controls
from livestyle.control.api.changes import Changes
from livestyle.control.api.openapi import describe
from livestyle.control.api.operation import Operation, Socket
from livestyle.control.api.pictures import Pictures
from livestyle.control.api.reply import refusal, reply
from livestyle.control.api.routes import operations, sockets
from livestyle.control.api.run import Run
from livestyle.control.board import Board
from livestyle.control.drawing import Drawing
from livestyle.control.feeds.live import Live
from livestyle.control.feeds.preview import Preview
from livestyle.control.feeds.view import ROOT, View
from livestyle.control.feeds.viewing import Viewing
from livestyle.control.guard import Guard, Key
from livestyle.control.policy import Policy
from livestyle.frame import Size, canvas_size

DESCRIPTION = "/api/openapi.json"
_KINDS = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
}

Endpoint = Callable[[Request], Awaitable[Response]]


def control_app(preview: Preview, size: Size, controls: Controls, key: Key, view: View) -> Guard:
    """The application, behind its guard. size: (width, height) of the output."""
    policy, slot = Policy(controls), controls.slots.canvas
    board = Board(canvas_size(size)) if slot is not None else None
    run = Run(controls, key, board.size if board else None)
    viewing = Viewing(preview, view, key)
    pictures = Pictures(preview, controls, policy)
    done = operations(run, Changes(controls, policy), pictures, viewing)
    drawing = Drawing(board, slot, preview) if board and slot else None
    opened = sockets(Live(preview, run.figures), drawing)
    description = describe(done, opened)

    async def described(_: Request) -> Response:
        return reply(description)

    pages = {path: _static(content, kind) for path, content, kind in _files()}
    shown = pages.pop("/view.html")
    public = {path: Route(path, page) for path, page in pages.items()}
    public[DESCRIPTION] = Route(DESCRIPTION, described)
    app = Starlette(
        routes=[
            *public.values(),
            *_routes(done),
            *_socket_routes(opened),
            Route("/metrics", run.metrics),
            Route(f"{ROOT}{{key}}", shown),
            Route(f"{ROOT}{{key}}/stream.mjpg", viewing.stream),
            WebSocketRoute(f"{ROOT}{{key}}/live", viewing.live),
        ],
        exception_handlers={HTTPException: _refused},
    )
    app.router.redirect_slashes = False
    return Guard(app, key, view, {*public, *(each.path for each in done if each.public)})


def _files() -> Iterable[tuple[str, bytes, str]]:
    """Path, content and media type of what the page is made of."""
    for file in (resources.files("livestyle.control") / "page").iterdir():
        stem, dot, ending = file.name.rpartition(".")
        if dot + ending in _KINDS:
            path = "/" if file.name == "index.html" else f"/{stem}{dot}{ending}"
            yield path, file.read_bytes(), _KINDS[dot + ending]


def _static(content: bytes, media_type: str) -> Endpoint:
    async def page(_: Request) -> Response:
        return Response(content, media_type=media_type)

    return page


def _routes(done: Iterable[Operation]) -> Iterable[BaseRoute]:
    """One for each path: it knows which methods there are."""
    paths: dict[str, dict[str, Endpoint]] = defaultdict(dict)
    for each in done:
        paths[each.path][each.method] = each.endpoint
    for path, endpoints in paths.items():
        yield Route(path, _by_method(endpoints), methods=list(endpoints))


def _by_method(endpoints: dict[str, Endpoint]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        return await endpoints["GET" if request.method == "HEAD" else request.method](request)

    return endpoint


def _socket_routes(opened: Iterable[Socket]) -> Iterable[BaseRoute]:
    async def upgrade(_: Request) -> Response:
        response = refusal(426, "open it as a WebSocket")
        response.headers["Upgrade"] = "websocket"
        return response

    for each in opened:
        yield Route(each.path, upgrade)
        yield WebSocketRoute(each.path, each.endpoint)


async def _refused(request: Request, error: Exception) -> Response:
    """What the endpoints and the router raise, in the API's form."""
    assert isinstance(error, HTTPException)
    why = error.detail
    if error.status_code == 404:
        why = "there is nothing of that name; /api/openapi.json tells what there is"
    if error.status_code == 405:
        why = f"it takes {(error.headers or {}).get('Allow')} alone"
    response = refusal(error.status_code, why)
    response.headers.update(error.headers or {})
    return response
