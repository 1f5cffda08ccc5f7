"""What is asked of the web, what comes back, and the limits of it all."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from common.images import Limits
from common.records import Value


class Request(Value, frozen=True, kw_only=True):
    """A picture to fetch; `sha256` (hex) is what its bytes must be, where that is known."""

    token: str
    url: str
    sha256: str = ""


@dataclass(frozen=True)
class Reply:
    """What became of a request: `data`, or the `reason` why there is none, in the same words for the same cause.

    `heals`: a later attempt may succeed. `status` is the last HTTP status (0: none), `url` the last one asked, after redirects;
    `fetched` is when, ISO 8601 in UTC.
    """

    token: str
    data: bytes
    reason: str
    heals: bool
    status: int
    url: str
    fetched: str


@dataclass(frozen=True)
class Answer:
    """A provider's answer; the names of `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]
    data: bytes


@dataclass(frozen=True)
class FetchLimits:
    """How much the fetcher takes, waits and tries.

    `deadline_s` is what one URL may take with all its redirects and retries, pauses aside; `connect_s` a connection.
    `max_bytes` holds on the wire and after decompression; `waiting_bytes` may be read and not yet taken from `fetch`.
    `retries` follow what may heal; the first pause is up to `first_pause_s`, and a server may ask for up to `longest_pause_s`.
    `host_first` to `host_most` requests go to one host at once, `total_first` to `total_most` to all.
    A host that did not answer `host_failures` times in a row is left alone for `aside_s`; `robots_s` is how long robots.txt is believed.
    """

    deadline_s: float = 30.0
    connect_s: float = 10.0
    max_bytes: int = Limits().max_bytes
    waiting_bytes: int = 32 * 1024 * 1024
    redirects: int = 10
    retries: int = 2
    first_pause_s: float = 0.5
    longest_pause_s: float = 60.0
    host_first: int = 4
    host_most: int = 16
    host_failures: int = 4
    total_first: int = 64
    total_most: int = 256
    aside_s: float = 600.0
    robots_s: float = 24 * 3600.0
    jitter: Callable[[], float] = random.random

    @property
    def enough_bytes(self) -> int:
        """How many bytes may wait before nothing new is asked for: what is under way gets the other half, and need not stop."""
        return self.waiting_bytes // 2

    def pause_s(self, tried: int, asked_s: float | None) -> float:
        """Return the pause after `tried` attempts: what the server asked for, else full jitter."""
        return self.jitter() * self.first_pause_s * 2.0 ** (tried - 1) if asked_s is None else asked_s
