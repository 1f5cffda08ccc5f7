"""The one HTTP client: it dials nothing but validated addresses, and follows nothing by itself.

The resolver gives out a name's addresses only if every one of them may be dialled, and those are
what is dialled: there is no second look-up to rebind. Where sockets are made each address is checked
once more, so that no other way leads to one; addresses in URLs skip the resolver.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from jobs.scrape.web import addresses, urls
from jobs.scrape.web.exchange import FetchLimits
from jobs.scrape.web.failures import CLIENT_ERRORS, NotPublic, explain, inside
from jobs.scrape.web.permits import Permits
from jobs.scrape.web.wire import counted

MAX_HEADER_BYTES, MAX_HEADERS = 8190, 128
MOVED = frozenset({301, 302, 303, 307, 308})
LOOKUPS, NAMES_KEPT_S, IDLE_KEPT_S = 128, 300, 5


class Client:
    """Asks for URLs, one hop at a time. Belongs to the event loop that it was made in."""

    def __init__(self, permits: Permits, limits: FetchLimits) -> None:
        self._permits = permits
        self._resolver = Resolver(permits)
        connector = aiohttp.TCPConnector(
            resolver=self._resolver,
            socket_factory=self._socket,
            ssl=ssl.create_default_context(),
            limit=0,
            ttl_dns_cache=NAMES_KEPT_S,
            keepalive_timeout=IDLE_KEPT_S,
        )
        self._session = aiohttp.ClientSession(
            connector=counted(connector, limits.max_bytes),
            headers={"User-Agent": permits.user_agent, "Accept": "*/*", "Accept-Encoding": "identity"},
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=limits.connect_s),
            trust_env=False,
            auto_decompress=False,
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
            max_headers=MAX_HEADERS,
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()
        self._resolver.stop()

    def check(self, url: str) -> URL:
        """Return a URL that may be asked. Raises Failed."""
        return self._judged(urls.parse(url, self._permits.ports))

    def follow(self, base: URL, location: str) -> URL:
        """Return where a redirect leads, if that may be asked. Raises Failed."""
        return self._judged(urls.join(base, location, self._permits.ports))

    async def get(self, url: URL, headers: Mapping[str, str] | None = None) -> aiohttp.ClientResponse:
        """Ask for a checked URL and return the answer, whose body is not read yet. Raises Failed."""
        try:
            return await self._session.get(url, headers=headers, allow_redirects=False)
        except CLIENT_ERRORS as error:
            raise explain(error) from error

    def _judged(self, url: URL) -> URL:
        address = urls.literal(url)
        if address is not None and (why := addresses.why_not(str(address), self._permits.networks)):
            raise inside(why, silent=False)
        return url

    def _socket(self, address: tuple[Any, ...]) -> socket.socket:
        """Make the socket for an address that is about to be dialled: the last check before it is."""
        family, kind, protocol, _, place = address
        if why := addresses.why_not(str(place[0]), self._permits.networks):
            raise NotPublic(why)
        return socket.socket(family, kind, protocol)


class Resolver(AbstractResolver):
    """Looks names up in threads of its own, and gives out addresses only if all of them may be dialled."""

    def __init__(self, permits: Permits) -> None:
        self._networks = permits.networks
        self._threads = ThreadPoolExecutor(LOOKUPS, "lookup")

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:
        """Return a name's addresses. Raises OSError where there are none, Failed where one may not be dialled."""
        found = await asyncio.get_running_loop().run_in_executor(self._threads, self._look_up, host, port, family)
        for address in found:
            if why := addresses.why_not(address["host"], self._networks):
                raise inside(why, silent=True)
        return found

    async def close(self) -> None:
        """The connector does not close a resolver that was given to it; `stop` does."""

    def stop(self) -> None:
        """Let the threads go; a look-up under way ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _look_up(self, host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
        # Where nothing but the internet is allowed the name is absolute: a pod's search list costs five questions for each host.
        name = host if self._networks else f"{host}."
        found = socket.getaddrinfo(name, port, family=family, type=socket.SOCK_STREAM)
        return [
            ResolveResult(hostname=host, host=str(place[0]), port=int(place[1]), family=kind, proto=protocol, flags=socket.AI_NUMERICHOST)
            for kind, _, protocol, _, place in found
        ]
