"""Clients of a service on this machine: so many at once, or so many a second, over connections that stay open."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Found:
    """What clients met: replies by status, and the seconds that each success took."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    whole_s: float = 0.0

    @property
    def rate(self) -> float:
        return len(self.seconds) / self.whole_s

    def percentile(self, share: float) -> float:
        """Return the time under which this share of the successes stayed."""
        order = sorted(self.seconds)
        return order[min(len(order) - 1, int(share * len(order)))]


class _Client:
    """One connection; speaks as much HTTP as these servers do."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, body: bytes) -> int:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(body)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(head.partition(b"content-length:")[2].partition(b"\r\n")[0]))
        if b"connection: close" in head:
            self.close()
        return int(head.split(b" ", 2)[1])

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def request(picture: bytes) -> bytes:
    """Return a whole request: a form with one file."""
    head = b'--edge\r\nContent-Disposition: form-data; name="pictures"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    form = head + picture + b"\r\n--edge--\r\n"
    lines = b"POST /classify HTTP/1.1\r\nHost: bench\r\nContent-Type: multipart/form-data; boundary=edge\r\nContent-Length: %d\r\n\r\n"
    return lines % len(form) + form


def at_once(port: int, requests: Sequence[bytes], clients: int) -> Found:
    """Let so many clients ask one after the other until all requests are answered."""

    async def ask() -> Found:
        found, waiting = Found(), list(requests)

        async def go_on() -> None:
            client = _Client(port)
            while waiting:
                await _timed(client, waiting.pop(), found)
            client.close()

        began = time.perf_counter()
        await asyncio.gather(*(go_on() for _ in range(clients)))
        found.whole_s = time.perf_counter() - began
        return found

    return asyncio.run(ask())


def a_second(port: int, requests: Sequence[bytes], rate: float) -> Found:
    """Send so many requests a second, whatever becomes of those before."""

    async def ask() -> Found:
        found = Found()
        idle: list[_Client] = []

        async def once(body: bytes) -> None:
            client = idle.pop() if idle else _Client(port)
            await _timed(client, body, found)
            idle.append(client)

        began, tasks = time.perf_counter(), []
        for index, body in enumerate(requests):
            await asyncio.sleep(max(0.0, began + index / rate - time.perf_counter()))
            tasks.append(asyncio.create_task(once(body)))
        await asyncio.gather(*tasks)
        found.whole_s = time.perf_counter() - began
        for client in idle:
            client.close()
        return found

    return asyncio.run(ask())


async def _timed(client: _Client, body: bytes, found: Found) -> None:
    began = time.perf_counter()
    status = await client.post(body)
    found.statuses[status] += 1
    if status == 200:
        found.seconds.append(time.perf_counter() - began)
