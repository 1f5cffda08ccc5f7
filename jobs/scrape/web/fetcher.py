"""Fetches pictures for a thread: an event loop in a thread of its own, with one client and what it knows of hosts.

Host states, connections and the rules of robots.txt last from one call of `fetch` to the next.
"""

from __future__ import annotations

import asyncio
import resource
import threading
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

from yarl import URL

from common.errors import BadInput, Retryable
from jobs.scrape.web import bodies
from jobs.scrape.web.client import MOVED, Client
from jobs.scrape.web.exchange import Answer, FetchLimits, Reply, Request
from jobs.scrape.web.failures import Failed
from jobs.scrape.web.hosts import Hosts, Window
from jobs.scrape.web.outbox import Outbox
from jobs.scrape.web.permits import Permits
from jobs.scrape.web.robots import Robots
from jobs.scrape.web.run import Run, Web, reply

T = TypeVar("T")

MOST_FILES, FEWEST_AT_ONCE = 16_384, 16


class Fetcher:
    """Fetches what may be fetched, and says of the rest why not; use as a context manager, one `fetch` at a time."""

    def __init__(self, permits: Permits, limits: FetchLimits | None = None) -> None:
        self._permits = permits
        self._limits = limits or FetchLimits()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fetcher", daemon=True)
        self._web: Web

    def __enter__(self) -> Self:
        _allow_many_sockets()
        self._thread.start()
        self._web = self._wait(self._open())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._wait(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def fetch(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """Yield one reply for each request, in the order of completion.

        At most `waiting_bytes` are read ahead of what is taken; ending the iteration early ends all that is under way.
        """
        refused, targets = [], []
        for request in requests:
            try:
                targets.append((request, self._web.client.check(request.url)))
            except Failed as failed:
                refused.append(reply(request, b"", failed, 0, request.url))
        yield from refused

        def go_on() -> None:
            self._loop.call_soon_threadsafe(run.on_room)

        outbox = Outbox(self._limits.enough_bytes, go_on)
        run = self._wait(self._start(outbox, targets))
        try:
            while (one := outbox.take()) is not None:
                yield one
        finally:
            self._wait(run.close())

    def ask(self, url: str, headers: Mapping[str, str]) -> Answer:
        """Ask a provider: one GET to an address that may be dialled, whatever its robots.txt says of crawlers.

        Raises:
            Retryable: no answer, or it broke off.
            BadInput: the URL may not be fetched, or the answer is a redirect or too large.
        """
        try:
            return self._wait(self._ask(url, headers))
        except Failed as failed:
            where = url.partition("?")[0]
            raise (Retryable if failed.heals else BadInput)(f"{where}: {failed.reason}") from failed

    async def _open(self) -> Web:
        client = Client(self._permits, self._limits)
        total = Window(self._limits.total_first, self._limits.total_most, FEWEST_AT_ONCE)
        return Web(client, Robots(client, self._limits), Hosts(self._limits), self._limits, total)

    async def _close(self) -> None:
        await self._web.robots.close()
        await self._web.client.close()

    async def _start(self, outbox: Outbox, targets: list[tuple[Request, URL]]) -> Run:
        self._web.hosts.forget()
        run = Run(self._web, outbox)
        run.start(targets)
        return run

    async def _ask(self, url: str, headers: Mapping[str, str]) -> Answer:
        target = self._web.client.check(url)
        try:
            async with asyncio.timeout(self._limits.deadline_s), self._answer(target, headers) as response:
                if response.status in MOVED:
                    raise Failed("it redirects")
                data = await bodies.read(response, self._limits.max_bytes, _keep, picture=False)
                return Answer(response.status, {name.lower(): value for name, value in response.headers.items()}, data)
        except TimeoutError:
            raise Failed(f"no complete answer within {self._limits.deadline_s:g} s", heals=True) from None

    @asynccontextmanager
    async def _answer(self, url: URL, headers: Mapping[str, str]) -> AsyncIterator[Any]:
        response = await self._web.client.get(url, {"Accept-Encoding": "gzip", **headers})
        try:
            yield response
        finally:
            response.release()

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


async def _keep(_: int) -> None:
    """Nothing else waits for room."""


def _allow_many_sockets() -> None:
    """Raise the soft limit of open files: connections to many hosts stay open for a few seconds each."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = MOST_FILES if hard == resource.RLIM_INFINITY else min(MOST_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < enough:
        resource.setrlimit(resource.RLIMIT_NOFILE, (enough, hard))
