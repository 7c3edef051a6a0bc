"""Settings over HTTP: what they are, and changes of them that are taken whole or not at all."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from livestyle.config import Config, live_settings, plain
from livestyle.control import Controls
from livestyle.control.api.reply import body_of, refusal, reply
from livestyle.control.api.turn import Turn
from livestyle.control.policy import Policy
from livestyle.errors import LivestyleError

ANSWER_SECONDS = 10.0  # the longest wait for what becomes of a change
_LOOK_SECONDS = 0.02  # between two looks at that


class Changes:
    """Answers /api/v1/settings."""

    def __init__(self, controls: Controls, policy: Policy) -> None:
        self._controls = controls
        self._policy = policy
        self._turn = Turn()
        self._newest = 0

    async def show(self, _: Request) -> Response:
        """What may change while the run goes on: what it is, and what it may be."""
        config = self._controls.config
        now, usual = plain(config), plain(Config())
        told = {
            key: {
                "value": now.get(key),
                "default": usual.get(key),
                "schema": setting.parse.schema,
                "help": setting.help,
                "group": setting.group,
                "stylizers": setting.live,
                "applies": config.stylizer in setting.live,
            }
            for key, (_, setting) in live_settings().items()
        }
        return reply({"settings": told})

    async def change(self, request: Request) -> Response:
        """Change some, all or none; wait a while for the answer."""
        values = await body_of(request)
        ends = asyncio.get_running_loop().time() + ANSWER_SECONDS
        try:
            before, number = await self._turn.take(lambda: self._ask(values), ANSWER_SECONDS)
        except LivestyleError as error:
            return refusal(400, str(error))
        except TimeoutError:
            return refusal(503, f"no answer within {ANSWER_SECONDS:g} s; the status may tell more")
        self._newest = max(self._newest, number)
        refused = await self._answer(number, ends)
        if refused:
            return refusal(400, refused + await self._undo(before, number))
        now = plain(self._controls.config)
        return reply(
            {
                "change": number,
                "pending": refused is None,
                "settings": {key: now.get(key) for key in live_settings()},
            }
        )

    def _ask(self, values: dict[str, Any]) -> tuple[Config, int]:
        self._policy.check(values)
        before = self._controls.config
        return before, self._controls.change(values)

    async def _answer(self, number: int, ends: float) -> str | None:
        """Why it was refused, "" where it is taken; None where no answer came, or a newer change
        did, which has the answer.
        """
        loop = asyncio.get_running_loop()
        while number == self._newest:
            if (answer := self._controls.answer()) is not None:
                return answer
            if loop.time() > ends:
                return None
            await asyncio.sleep(_LOOK_SECONDS)
        return None

    async def _undo(self, before: Config, number: int) -> str:
        """Take back what was taken of a change that is refused in part, unless a newer one came.
        Returns what to add where that fails, or "".
        """
        now, then = self._controls.config, plain(before)
        back = {
            key: then[key]
            for key, (name, _) in live_settings().items()
            if getattr(now, name) != getattr(before, name) and key in then
        }
        if not back or number != self._newest:
            return ""
        try:
            undone = await self._turn.take(lambda: self._controls.change(back), ANSWER_SECONDS)
        except (LivestyleError, TimeoutError) as error:
            return f"; {', '.join(back)} can't be taken back: {error}"
        self._newest = max(self._newest, undone)
        return ""
