"""A crowd at the page, a process of its own: who watches, is slow, never reads, and who asks.

python load.py ADDRESS TOKEN VIEW SECONDS WATCHERS REQUESTS: what came is printed at the end, JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

PATHS = ("/api/v1/status", "/", "/page.js", "/api/v1/settings", "/metrics", "/api/v1/view")
UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)


@dataclass
class Crowd:
    """host, port: of the page. view: path of the view; "" where nobody watches that."""

    host: str
    port: int
    token: str
    view: str
    ends: float = 0.0
    kilobytes: list[int] = field(default_factory=list)  # that each who reads has got
    milliseconds: list[float] = field(default_factory=list)  # until each answer
    failed: int = 0
    ended: int = 0  # watchers whose connection was closed before the end

    async def come(self, seconds: float, watchers: int, requests: int) -> None:
        """So many watch and ask so often, for so long."""
        self.ends = time.monotonic() + seconds
        seeing = [self.watch(number) for number in range(watchers - 2)]
        await asyncio.gather(
            *seeing,
            self.watch(0, pause=0.5),
            self.never_read(),
            *(self.ask(requests / 10, number) for number in range(10)),
        )

    async def open(self, path: str, more: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(self.host, self.port, limit=1 << 17)
        head = f"GET {path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\n"
        writer.write(f"{head}Authorization: Bearer {self.token}\r\n{more}\r\n".encode())
        await writer.drain()
        return reader, writer

    async def watch(self, number: int, pause: float = 0.0) -> None:
        """A few watch the view, the others the page."""
        is_view = bool(self.view) and number % 6 == 5
        path = f"{self.view}/live" if is_view else "/api/v1/live"
        reader, writer = await self.open(path, UPGRADE)
        assert b" 101 " in await reader.readline()
        count = 0
        while time.monotonic() < self.ends:
            got = await reader.read(1 << 16)
            self.ended += not got
            if not got:
                break
            count += len(got)
            await asyncio.sleep(pause)
        self.kilobytes.append(count // 1000)
        writer.close()

    async def never_read(self) -> None:
        _, writer = await self.open("/api/v1/live", UPGRADE)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(self.ends - time.monotonic())
        writer.close()

    async def ask(self, per_second: float, number: int) -> None:
        """Over one connection, as long as it lasts."""
        reader, writer = await self.open("/api/v1/status", "")
        await self.answer(reader)
        due = time.monotonic() + number / 100
        while (due := due + 1 / per_second) < self.ends:
            await asyncio.sleep(due - time.monotonic())
            path = PATHS[number % len(PATHS)]
            number += 1
            began = time.monotonic()
            writer.write(
                f"GET {path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\n"
                f"Authorization: Bearer {self.token}\r\n\r\n".encode()
            )
            self.failed += await self.answer(reader) != 200
            self.milliseconds.append((time.monotonic() - began) * 1000)
        writer.close()

    async def answer(self, reader: asyncio.StreamReader) -> int:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        await reader.readexactly(int(head.partition("content-length: ")[2].split()[0]))
        return int(head.split()[1])


def main() -> None:
    """Come, and say what came."""
    address, token, view, seconds, watchers, requests = sys.argv[1:]
    where = urlsplit(address)
    crowd = Crowd(where.hostname or "", where.port or 80, token, view)
    asyncio.run(crowd.come(float(seconds), int(watchers), int(requests)))
    times = sorted(crowd.milliseconds)
    told = {
        "answers": len(times),
        "failed": crowd.failed,
        "ended": crowd.ended,
        "ms": {"p50": times[len(times) // 2], "p95": times[len(times) * 95 // 100]},
        "kilobytes": crowd.kilobytes,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
