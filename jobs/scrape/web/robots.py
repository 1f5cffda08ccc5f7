"""The robots.txt of each origin: asked for once, shared by all that wait for it, and believed for at most a day."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from yarl import URL

from jobs.scrape.web import bodies, rules
from jobs.scrape.web.client import MOVED, Client
from jobs.scrape.web.exchange import FetchLimits
from jobs.scrape.web.failures import Failed, http_failure
from jobs.scrape.web.rules import NO_RULES, Rules

REDIRECTS = 5
MOST_KEPT = 20_000


@dataclass(frozen=True)
class _Known:
    """What is known of an origin's rules: they, or why they could not be read; until when."""

    verdict: Rules | Failed
    until: float


class Robots:
    """Answers whether a URL may be asked for. Belongs to the event loop that it was made in."""

    def __init__(self, client: Client, limits: FetchLimits) -> None:
        self._client = client
        self._limits = limits
        self._known: dict[tuple[str, str | None, int | None], _Known] = {}
        self._asking: dict[tuple[str, str | None, int | None], asyncio.Task[_Known]] = {}

    async def check(self, url: URL) -> None:
        """Return if a URL may be asked for. Raises Failed if not, or if its robots.txt cannot be read (RFC 9309 §2.3.1.4)."""
        origin = (url.scheme, url.raw_host, url.port)
        known = self._known.get(origin)
        if known is None or known.until < asyncio.get_running_loop().time():
            known = await self._ask(origin, url)
        if isinstance(known.verdict, Failed):
            raise known.verdict.retold()
        if why := known.verdict.refusal(url.raw_path_qs):
            raise Failed(why)

    async def close(self) -> None:
        """End what is being asked."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, origin: tuple[str, str | None, int | None], url: URL) -> _Known:
        """Ask, or wait for who asks already; whoever stops waiting does not stop the asking."""
        task = self._asking.get(origin)
        if task is None:
            task = self._asking[origin] = asyncio.create_task(self._learn(origin, url.with_path("/robots.txt")))
        return await asyncio.shield(task)

    async def _learn(self, origin: tuple[str, str | None, int | None], url: URL) -> _Known:
        now = asyncio.get_running_loop().time
        try:
            known = _Known(await self._persist(url), now() + self._limits.robots_s)
        except Failed as failed:
            known = _Known(_in_words(failed), now() + self._limits.aside_s)
        finally:
            del self._asking[origin]
        while len(self._known) >= MOST_KEPT:
            del self._known[next(iter(self._known))]
        self._known[origin] = known
        return known

    async def _persist(self, url: URL) -> Rules:
        for attempt in range(self._limits.retries + 1):
            try:
                async with asyncio.timeout(self._limits.deadline_s):
                    return await self._read(url)
            except TimeoutError:
                raise Failed(f"no complete answer within {self._limits.deadline_s:g} s", heals=True) from None
            except Failed as failed:
                if attempt == self._limits.retries or not failed.again:
                    raise
                pause_s = self._limits.pause_s(attempt + 1, failed.pause_s)
                if pause_s > self._limits.longest_pause_s:
                    raise
                await asyncio.sleep(pause_s)
        raise AssertionError("the last attempt returns or raises")

    async def _read(self, url: URL) -> Rules:
        """Read it, wherever it lies; RFC 9309: not there (4xx, or too many redirects) means that everything is allowed."""
        for _ in range(REDIRECTS + 1):
            response = await self._client.get(url)
            try:
                if response.status in MOVED and (location := response.headers.get("Location")):
                    url = self._client.follow(url, location)
                    await bodies.drain(response)
                    continue
                if response.status == 429 or response.status >= 500:
                    raise http_failure(response)
                return rules.read(await bodies.beginning(response, rules.MAX_BYTES)) if response.status == 200 else NO_RULES
            finally:
                response.release()
        return NO_RULES


def _in_words(failed: Failed) -> Failed:
    """Return what a failure to read robots.txt means for each URL of the origin."""
    return failed.retold("" if failed.silent else "its robots.txt could not be read: ")
