"""The run over HTTP: who may see it, how it stands, what it may take and show, its recording."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from livestyle.control import Controls
from livestyle.control.api.metrics import CONTENT_TYPE, exposition
from livestyle.control.api.operation import JSON
from livestyle.control.api.reply import body_of, refusal, reply
from livestyle.control.api.turn import Turn
from livestyle.control.guard import Key
from livestyle.errors import ConfigError, LivestyleError, NotNow
from livestyle.frame import Size

WAIT_SECONDS = 15.0  # the longest wait for a list, or for a recording to begin or end

T = TypeVar("T")


class Run:
    """Answers what is neither a setting nor a picture."""

    def __init__(self, controls: Controls, key: Key, board: Size | None) -> None:
        """board: (width, height) of what is drawn on, or None."""
        self._controls = controls
        self._key = key
        self._board = board
        self._turn = Turn()
        self._recording_turn = Turn()  # which must not wait for a list

    async def session(self, request: Request) -> Response:
        """Change the token, {"token": "…"}, for a session's cookie, which no script can read."""
        token = (await body_of(request)).get("token")
        if not isinstance(token, str) or not self._key.fits(token):
            return refusal(401, "open the address that livestyle printed")
        response = Response(status_code=204)
        secret = self._key.begin_session()
        response.set_cookie(self._key.cookie, secret, httponly=True, samesite="strict")
        return response

    async def status(self, _: Request) -> Response:
        """The figures as JSON."""
        return Response(self.figures(), media_type=JSON)

    async def metrics(self, _: Request) -> Response:
        """The figures for Prometheus."""
        return Response(exposition(self._status()), headers={"content-type": CONTENT_TYPE})

    def figures(self) -> str:
        """The live report, with what the page adds to it, as JSON."""
        # The name of this very sink is the page's address: the token in it stays here.
        return json.dumps(self._status(), allow_nan=False).replace(self._key.token, "…")

    def _status(self) -> dict[str, Any]:
        recording = self._controls.recording()
        draws = self._controls.config.source == "canvas" and self._board
        return self._controls.status() | {
            "recording": recording and dataclasses.asdict(recording),
            "canvas": {"size": self._board} if draws else None,
        }

    async def styles(self, _: Request) -> Response:
        """Those that may be chosen."""
        return await self._told(self._turn, self._styles)

    async def sources(self, _: Request) -> Response:
        """Those that may be chosen."""
        return await self._told(
            self._turn, lambda: {"sources": list(map(dataclasses.asdict, self._controls.sources()))}
        )

    async def sinks(self, _: Request) -> Response:
        """Those that may be chosen."""
        return await self._told(
            self._turn, lambda: {"sinks": list(map(dataclasses.asdict, self._controls.sinks()))}
        )

    async def recording(self, _: Request) -> Response:
        """The one that goes on."""
        recording = self._controls.recording()
        return reply(recording and dataclasses.asdict(recording))

    async def start_recording(self, request: Request) -> Response:
        """Begin one."""
        await body_of(request)
        start = self._controls.start_recording
        return await self._told(self._recording_turn, lambda: dataclasses.asdict(start()))

    async def stop_recording(self, request: Request) -> Response:
        """End the one that goes on."""
        await body_of(request)
        stop = self._controls.stop_recording
        return await self._told(self._recording_turn, lambda: dataclasses.asdict(stop()))

    async def _told(self, turn: Turn, work: Callable[[], dict[str, Any]]) -> Response:
        try:
            return reply(await turn.take(work, WAIT_SECONDS))
        except ConfigError as error:
            return refusal(400, str(error))
        except NotNow as error:
            return refusal(409, str(error))
        except LivestyleError as error:
            return refusal(503, str(error))
        except TimeoutError:
            return refusal(503, f"no answer within {WAIT_SECONDS:g} s; try again")

    def _styles(self) -> dict[str, Any]:
        return {
            "styles": [
                {
                    "name": style.name,
                    "stylizer": style.stylizer,
                    "description": style.description,
                    "picture": style.has_picture and _picture(style.name) or None,
                    "chosen": style.chosen,
                }
                for style in self._controls.styles()
            ]
        }


def _picture(name: str) -> str:
    return f"/api/v1/styles/{quote(name, safe='')}.jpg"
