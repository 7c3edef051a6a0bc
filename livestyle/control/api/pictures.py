"""Pictures, one at a time: of the output, of the source, and of the styles."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from livestyle.control import Controls
from livestyle.control.api.operation import JPEG, PNG
from livestyle.control.api.reply import refusal
from livestyle.control.api.turn import Turn
from livestyle.control.feeds.feed import Feed
from livestyle.control.feeds.preview import Preview
from livestyle.control.feeds.snapshot import snapshot_of
from livestyle.control.policy import Policy
from livestyle.errors import ConfigError, LivestyleError

FRAME_SECONDS = 2.0  # the longest wait for a picture
STYLE_SECONDS = 60.0  # the same for one in another style, and for those asked for before it


class Pictures:
    """Answers what ends in .jpg and .png."""

    def __init__(self, preview: Preview, controls: Controls, policy: Policy) -> None:
        self._preview = preview
        self._controls = controls
        self._policy = policy
        self._turn = Turn()

    async def frame(self, _: Request) -> Response:
        """The next picture of the output, as the page shows it."""
        return await self._next(self._preview.output)

    async def source(self, _: Request) -> Response:
        """The next picture of the source, in the same form."""
        if not self._preview.has_source:
            return refusal(503, "this run began without a page, and has no pictures of its source")
        return await self._next(self._preview.source)

    async def snapshot(self, _: Request) -> Response:
        """The next picture of the output, whole, and with it what makes it look so."""
        async with _watching(self._preview.output):
            i420 = await self._preview.still()

        def make() -> bytes:
            return snapshot_of(i420, self._controls.config, self._policy)

        try:
            return Response(await asyncio.to_thread(make), media_type=PNG)
        except LivestyleError as error:  # what it is a picture of can't be said
            return refusal(503, str(error))

    async def style(self, request: Request) -> Response:
        """The source as a style would show it."""
        name = request.path_params["name"]
        try:
            jpeg = await self._turn.take(lambda: self._styled(name), STYLE_SECONDS)
        except LivestyleError as error:
            return refusal(503, str(error))
        except TimeoutError:
            return refusal(503, f"no picture within {STYLE_SECONDS:g} s; try again")
        return (
            refusal(404, "there is no such style")
            if jpeg is None
            else Response(jpeg, media_type=JPEG)
        )

    def _styled(self, name: str) -> bytes | None:
        try:
            return self._controls.style_picture(name)
        except ConfigError:
            return None

    async def _next(self, feed: Feed) -> Response:
        async with _watching(feed):
            jpeg = await feed.newer(feed.number)
        return Response(jpeg, media_type=JPEG)


@contextlib.asynccontextmanager
async def _watching(feed: Feed) -> AsyncIterator[None]:
    """Within, one waits for a picture. Raises HTTPException where none may or does come."""
    if feed.full:
        raise HTTPException(503, "too many previews are open")
    with feed.watch():
        try:
            async with asyncio.timeout(FRAME_SECONDS):
                yield
        except TimeoutError as error:
            raise HTTPException(503, "there is no picture yet") from error
