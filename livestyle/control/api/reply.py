"""What the API answers with, and what it reads: JSON; an error is {"error": "one line"}."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

BODY_SECONDS = 2.0
SEND_SECONDS = 10.0  # a client that takes nothing for so long is dropped


def reply(content: Any, status: int = 200) -> Response:
    """The content as JSON, in ASCII: half a character in a message is no reason to fail."""
    return Response(json.dumps(content, allow_nan=False), status, media_type="application/json")


def refusal(status: int, why: str) -> Response:
    """Why not, in one line."""
    return reply({"error": why}, status)


async def body_of(request: Request) -> dict[str, Any]:
    """The request's JSON object; an empty one where there is no body.

    Raises HTTPException for other bodies, and for one that does not come.
    """
    try:
        async with asyncio.timeout(BODY_SECONDS):
            content = await request.body()
        body = json.loads(content) if content else {}
    except TimeoutError as error:
        raise HTTPException(400, "the body did not come; send it at once") from error
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "send a JSON object") from error
    if not isinstance(body, dict):
        raise HTTPException(400, "send a JSON object")
    return body
