"""The loop that anybody would write: aiohttp reads, and each body is hashed and decoded in the same process.

Usage: python -m tests.bench.bare LIST. It keeps nothing and guards nothing. Its answer is one line, the pictures that it decoded.
"""

from __future__ import annotations

import asyncio
import io
import sys
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import aiohttp
from PIL import Image

AT_ONCE = 64


async def fetch_all(urls: list[str], threads: int) -> int:
    """Return how many of the URLs were pictures."""
    loop, waiting = asyncio.get_running_loop(), iter(urls)
    seen: set[str] = set()

    async def work() -> None:
        for url in waiting:
            async with session.get(url) as response:
                data = await response.read()
            seen.add(await loop.run_in_executor(pool, decode, data))

    with ThreadPoolExecutor(threads) as pool:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_ONCE)) as session:
            await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return len(seen)


def decode(data: bytes) -> str:
    Image.open(io.BytesIO(data)).load()
    return sha256(data).hexdigest()


if __name__ == "__main__":
    print(asyncio.run(fetch_all(Path(sys.argv[1]).read_text().split(), int(sys.argv[2]))), flush=True)
