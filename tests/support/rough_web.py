"""A rough web, as a process of its own: any path is a picture of its own, and some requests go wrong.

`python -m tests.support.rough_web` prints its port. Of all requests for pictures 2 % are answered with 429, 2 % with 503, and
1 % are cut off; the next request for the same path may well succeed. `/count` says how many requests there were for pictures.
"""

from __future__ import annotations

import asyncio
import random
import struct

from aiohttp import web

from tests.support.pictures import drawing, encode

TOO_MANY, BUSY, RESET = 0.02, 0.02, 0.01


def picture_of(path: str) -> bytes:
    """Return a JPEG that differs from that of any other path, in a comment."""
    words = path.encode()
    return _BASE[:2] + b"\xff\xfe" + struct.pack(">H", len(words) + 2) + words + _BASE[2:]


_BASE = encode(drawing("bars", 1, side=16), "JPEG")


async def _serve() -> None:
    chance = random.Random(7)
    counted = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal counted
        if request.path == "/robots.txt":
            return web.Response(status=404)
        if request.path == "/count":
            return web.Response(text=str(counted))
        counted += 1
        drawn = chance.random()
        if drawn < TOO_MANY:
            return web.Response(status=429, headers={"Retry-After": "1"})
        if drawn < TOO_MANY + BUSY:
            return web.Response(status=503)
        if drawn < TOO_MANY + BUSY + RESET:
            assert request.transport is not None
            request.transport.abort()
        return web.Response(body=picture_of(request.path), content_type="image/jpeg")

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "0.0.0.0", 0, backlog=4096)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve())
