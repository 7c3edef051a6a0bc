"""Who may ask the page for what: pixels are the secret, and any web page can reach a local port."""

from __future__ import annotations

import ipaddress
import secrets
from collections import deque
from collections.abc import Iterable, Set

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from livestyle.control.api.reply import refusal as error_reply
from livestyle.control.feeds.view import ROOT, View

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
MAX_BODY = 16384  # bytes; a prompt of 1000 characters is 6000 at most, a look with it some more
MAX_SESSIONS = 64  # browsers that hold a cookie; the newest

HEADERS = [
    (b"cache-control", b"no-store"),
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
        b"connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
]


class Key:
    """What opens the page on `port` of this machine: a token, made anew at every start, and for a
    browser the secret of its session. Cookies are sent to every port of a machine: they don't
    carry the token, and what they carry opens nothing once this run has ended.
    """

    def __init__(self, port: int, listen: str = "127.0.0.1", names: Iterable[str] = ()) -> None:
        """listen: the IP address that the page is served on. names: NAME or NAME:PORT, what else a
        Host header may say.
        """
        self.token = secrets.token_urlsafe(32)
        self.port = port
        self._listen = ipaddress.ip_address(listen)
        self._sessions: deque[str] = deque(maxlen=MAX_SESSIONS)
        self._hosts = {*map(self._at_port, LOOPBACK), *map(self._at_port, names)}

    @property
    def address(self) -> str:
        """Where the page is, without what opens it."""
        host = self._listen
        if host.is_unspecified:  # on all of the machine's: by the one that it always has
            host = ipaddress.ip_address("::1" if host.version == 6 else "127.0.0.1")
        return f"http://{_literal(str(host))}:{self.port}/"

    def answers_to(self, host: str | None, came_to: str) -> bool:
        """Whether a Host header may say that: one of the names, or came_to, the address by which
        the request came. A name that an attacker's DNS points here is neither.
        """
        return host in self._hosts or host == self._at_port(_literal(came_to))

    def _at_port(self, host: str) -> str:
        """As browsers spell it."""
        has_port = ":" in host.rpartition("]")[2]
        return host if has_port or self.port == 80 else f"{host}:{self.port}"

    @property
    def cookie(self) -> str:
        """The cookie's name. Cookies know no ports: the name keeps two livestyles apart."""
        return f"livestyle_{self.port}"

    def fits(self, token: str | None) -> bool:
        """Whether it is the token."""
        return _same(token, self.token)

    def begin_session(self) -> str:
        """The secret of a new one."""
        secret = secrets.token_urlsafe(32)
        self._sessions.append(secret)
        return secret

    def is_session(self, secret: str | None) -> bool:
        """Whether it is that of a session of this run."""
        return any([_same(secret, session) for session in self._sessions])


def _same(given: str | None, secret: str) -> bool:
    """In a time that says nothing about the secret."""
    return given is not None and secrets.compare_digest(
        given.encode(errors="replace"), secret.encode()
    )


class Refusal(Exception):
    """A request that isn't answered: the HTTP status and why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def _literal(address: str) -> str:
    """An IP address as in a URL."""
    return f"[{address}]" if ":" in address else address


class Guard:
    """ASGI middleware: every request passes it first, every response leaves with its headers."""

    def __init__(self, app: ASGIApp, key: Key, view: View, public: Set[str]) -> None:
        """public: paths that need no token: no pixels, no figures."""
        self.app = app
        self._key = key
        self._view = view
        self._public = public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_guarded(message: Message) -> None:
            if message["type"].endswith((".start", ".accept")):
                message["headers"] = [*message.get("headers", ()), *HEADERS]
            await send(message)

        app = self.app
        try:
            self._check(HTTPConnection(scope))
        except Refusal as refusal:
            app = _told(scope["path"], refusal)
        await app(scope, receive, send_guarded)

    def _check(self, request: HTTPConnection) -> None:
        """Raise Refusal unless the request comes from our page, or from a script with the token."""
        websocket = request.scope["type"] == "websocket"
        path = request.scope["path"]
        if not self._key.answers_to(request.headers.get("host"), request.scope["server"][0]):
            raise Refusal(421, _elsewhere(self._key))
        self._check_origin(request, changes=websocket or not _is_read(request))
        if not websocket and not _is_read(request):
            _check_body(request)
        if path.startswith(ROOT):
            if not self._view.opens(path):
                raise Refusal(404, "there is no such view: it was renewed, or taken back")
        elif path not in self._public and not self._has_token(request):
            raise Refusal(401, "open the address that livestyle printed")

    def _check_origin(self, request: HTTPConnection, *, changes: bool) -> None:
        """SameSite does not keep out other ports of this machine; this does."""
        if request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            raise Refusal(403, "asked by another page: type or paste the address instead")
        origin = request.headers.get("origin")
        if origin is not None and origin != f"http://{request.headers['host']}":
            raise Refusal(403, "asked by another page")
        is_known = self._key.fits(_bearer(request)) or self._view.opens(request.scope["path"])
        if changes and origin is None and not is_known:
            raise Refusal(403, "no Origin: scripts send Authorization: Bearer")

    def _has_token(self, request: HTTPConnection) -> bool:
        if "authorization" in request.headers:
            return self._key.fits(_bearer(request))
        return self._key.is_session(request.cookies.get(self._key.cookie))


def _told(path: str, refusal: Refusal) -> Response:
    """As what asks reads it: people where it is no API."""
    if path.startswith("/api/"):
        return error_reply(refusal.status, str(refusal))
    return PlainTextResponse(f"{refusal}\n", refusal.status)


def _elsewhere(key: Key) -> str:
    """For who comes under another name or port: the likeliest is the owner, through a tunnel."""
    port = key.port
    return (
        f"livestyle's page answers as {key.address} alone. Through a tunnel, use the same port at "
        f"both ends, as in: ssh -L {port}:127.0.0.1:{port} HOST; then open the address that "
        "livestyle printed. Where that port is taken on your side, run livestyle with --port and "
        "one that is free on both. A name of this machine is one that it answers to by "
        "--page-host NAME."
    )


def _is_read(request: HTTPConnection) -> bool:
    return request.scope.get("method") in ("GET", "HEAD")


def _bearer(request: HTTPConnection) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else None


def _check_body(request: HTTPConnection) -> None:
    """JSON only: a form or text/plain is what a foreign page can send without asking."""
    length = request.headers.get("content-length", "0")
    if length == "0" and not {"content-type", "transfer-encoding"} & set(request.headers):
        return  # there is none
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refusal(415, "send application/json")
    if "transfer-encoding" in request.headers or not length.isdecimal():
        raise Refusal(411, "send a Content-Length, and nothing in chunks")
    if int(length) > MAX_BODY:
        raise Refusal(413, f"send at most {MAX_BODY} bytes")
