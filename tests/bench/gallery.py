"""A web of pictures on this machine: every address of 127.0.0.0/8 is a server of its own, and each answer takes 20 ms.

Usage: python -m tests.bench.gallery [CERTIFICATE KEY]. It says its port when it is there, and ends with its standard input.
A plain protocol, not a framework: what it takes of the processor is taken from all contenders.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import sys

from tests.bench.photographs import photograph

HOSTS, LATENCY_S = 64, 0.02
SIZES = ((800, 600, 70), (1024, 768, 51))  # width, height, quality: some 64 KB
_PATH = re.compile(rb"GET /(\d+)\.jpg HTTP/1\.1\r\n")
_MISSING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


def url_of(number: int, port: int, scheme: str) -> str:
    """Return the URL of picture `number`; neighbours lie on different hosts."""
    return f"{scheme}://127.0.0.{1 + number % HOSTS}:{port}/{number:06d}.jpg"


def picture(number: int) -> bytes:
    """Return picture `number`, which is unlike all others."""
    return photograph(number, *SIZES[number % len(SIZES)]).data


class Guest(asyncio.Protocol):
    """A connection: one request after the other, each answered after the latency."""

    def __init__(self) -> None:
        self._asked = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._asked += data
        while b"\r\n\r\n" in self._asked:
            request, _, self._asked = self._asked.partition(b"\r\n\r\n")
            asyncio.get_running_loop().call_later(LATENCY_S, self._answer, request + b"\r\n")

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None

    def _answer(self, request: bytes) -> None:
        if self._transport is None:
            return
        found = _PATH.match(request)
        if found:
            body = picture(int(found[1]))
            head = b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(body)
            self._transport.write(head + body)
        else:
            self._transport.write(_MISSING)
        if b"connection: close" in request.lower():
            self._transport.close()


async def serve(certificate: str = "", key: str = "") -> None:
    """Serve until standard input ends."""
    for number in range(64):
        picture(number)  # all motifs in both sizes are drawn before anybody asks
    context = None
    if certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Guest, "0.0.0.0", 0, ssl=context, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))
