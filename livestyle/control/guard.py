"""Who may ask the page for what: pixels are the secret, and any web page can reach a local port."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PUBLIC = {
    "/",
    "/page.js",
    "/plot.js",
    "/page.css",
    "/icon.svg",
    "/api/session",
}  # no pixels, no figures
MAX_BODY = 8192  # bytes; a prompt of 1000 characters is 6000 at most

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


@dataclass(frozen=True)
class Key:
    """What opens the page on `port` of this machine: a secret, made anew at every start."""

    token: str
    port: int

    @property
    def hosts(self) -> set[str]:
        """What a Host header may say. A name that an attacker's DNS points here is not among it."""
        suffix = "" if self.port == 80 else f":{self.port}"
        return {f"{host}{suffix}" for host in ("127.0.0.1", "localhost", "[::1]")}

    @property
    def cookie(self) -> str:
        """The cookie's name. Cookies know no ports: the name keeps two livestyles apart."""
        return f"livestyle_{self.port}"

    def fits(self, token: str | None) -> bool:
        """Compare in a time that says nothing about the token."""
        return token is not None and secrets.compare_digest(
            token.encode(errors="replace"), self.token.encode()
        )


class Refusal(Exception):
    """A request that isn't answered: the HTTP status and why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Guard:
    """ASGI middleware: every request passes it first, every response leaves with its headers."""

    def __init__(self, app: ASGIApp, key: Key) -> None:
        self._app = app
        self._key = key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_guarded(message: Message) -> None:
            if message["type"].endswith((".start", ".accept")):
                message["headers"] = [*message.get("headers", ()), *HEADERS]
            await send(message)

        app = self._app
        try:
            self._check(HTTPConnection(scope))
        except Refusal as refusal:
            app = PlainTextResponse(str(refusal), refusal.status)
        await app(scope, receive, send_guarded)

    def _check(self, request: HTTPConnection) -> None:
        """Raise Refusal unless the request comes from our page, or from a script with the token."""
        websocket = request.scope["type"] == "websocket"
        if request.headers.get("host") not in self._key.hosts:
            raise Refusal(421, "this is not the address of livestyle")
        self._check_origin(request, changes=websocket or not _is_read(request))
        if not websocket and not _is_read(request):
            _check_body(request)
        if request.scope["path"] not in PUBLIC and not self._has_token(request):
            raise Refusal(401, "open the address that livestyle printed")

    def _check_origin(self, request: HTTPConnection, *, changes: bool) -> None:
        """SameSite does not keep out other ports of this machine; this does."""
        if request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            raise Refusal(403, "asked by another page: type or paste the address instead")
        origin = request.headers.get("origin")
        if origin is not None and origin != f"http://{request.headers['host']}":
            raise Refusal(403, "asked by another page")
        if changes and origin is None and not self._key.fits(_bearer(request)):
            raise Refusal(403, "no Origin: scripts send Authorization: Bearer")

    def _has_token(self, request: HTTPConnection) -> bool:
        if "authorization" in request.headers:
            return self._key.fits(_bearer(request))
        return self._key.fits(request.cookies.get(self._key.cookie))


def _is_read(request: HTTPConnection) -> bool:
    return request.scope.get("method") in ("GET", "HEAD")


def _bearer(request: HTTPConnection) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else None


def _check_body(request: HTTPConnection) -> None:
    """JSON only: a form or text/plain is what a foreign page can send without asking."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refusal(415, "send application/json")
    length = request.headers.get("content-length", "")
    if not length.isdecimal():
        raise Refusal(411, "send a Content-Length")
    if int(length) > MAX_BODY:
        raise Refusal(413, f"send at most {MAX_BODY} bytes")
