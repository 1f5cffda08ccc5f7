"""Why a URL gave nothing, in words, and what follows from it."""

from __future__ import annotations

import errno
import os
import socket
import ssl

import aiohttp
from aiohttp.http import HttpProcessingError

from common.retry import retry_after_s
from jobs.scrape.web.wire import TooMuch


class Failed(Exception):
    """A URL gave nothing.

    `heals`: a later attempt may succeed; `again`: one within seconds may. `silent`: its host, and not only this URL, gave no
    answer. `pause_s` is how long the server asked us to wait.
    """

    def __init__(
        self, reason: str, *, heals: bool = False, again: bool = False, silent: bool = False, status: int = 0, pause_s: float | None = None
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.heals = heals
        self.again = again
        self.silent = silent
        self.status = status
        self.pause_s = pause_s

    def retold(self, before: str = "") -> Failed:
        """Return the same for another URL: its words, and that nothing new was learned of the host."""
        return Failed(before + self.reason, heals=self.heals, status=self.status)


class NotPublic(OSError):
    """An address that must not be dialled was about to be."""


def inside(address: str, *, silent: bool) -> Failed:
    """Return what it means that a URL leads to an address that must not be dialled; `address` says which and why."""
    return Failed(f"not a URL that may be fetched: it leads to {address}", silent=silent)


# What aiohttp raises because of what a server sends.
CLIENT_ERRORS = (aiohttp.ClientError, HttpProcessingError, OSError, ValueError)
BREAKS_RULES = "its answer breaks the rules of HTTP"
HEALING = frozenset({408, 425, 429})

_UNREACHABLE = {
    errno.ECONNREFUSED: "it refuses connections",
    errno.ECONNRESET: "it resets connections",
    errno.EHOSTUNREACH: "there is no way to it",
    errno.ENETUNREACH: "there is no way to it",
}
_NO_SUCH_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


def explain(error: BaseException) -> Failed:
    """Return what an error of the HTTP client means."""
    match error:
        case Failed():
            return error
        case TooMuch():
            return Failed(str(error))
        case aiohttp.ClientConnectorDNSError():
            return _not_found(error.os_error)
        case aiohttp.ClientConnectorCertificateError():
            why = getattr(error.certificate_error, "verify_message", "") or "unknown"
            return Failed(f"its certificate is not valid ({why})", heals=True, silent=True)
        case aiohttp.ClientConnectorError():
            return _not_reached(error.os_error)
        case aiohttp.ConnectionTimeoutError():
            return Failed("its host could not be reached: no answer", heals=True, silent=True)
        case aiohttp.ClientResponseError() | HttpProcessingError():
            return Failed(f"{BREAKS_RULES} ({_first_line(error.message)})")
        case aiohttp.InvalidURL():
            return Failed("not a URL that may be fetched: the client refuses it")
        case aiohttp.ClientError() | OSError():
            return Failed("the connection broke", heals=True, again=True)
        case ValueError():
            return Failed(BREAKS_RULES)
        case _:
            raise error


def http_failure(response: aiohttp.ClientResponse) -> Failed:
    """Return what an answer that is no success means."""
    status = response.status
    heals = status in HEALING or status >= 500
    return Failed(f"HTTP {status}", heals=heals, again=heals, status=status, pause_s=retry_after_s(response.headers.get("Retry-After", "")))


def _not_found(error: OSError) -> Failed:
    if error.errno in _NO_SUCH_NAME:
        return Failed("its host name does not exist", silent=True)
    return Failed("its host name could not be looked up", heals=True, again=True, silent=True)


def _not_reached(error: OSError) -> Failed:
    if isinstance(error, NotPublic):
        return inside(str(error), silent=True)
    if isinstance(error, ssl.SSLError):
        return Failed("its host could not be reached: no TLS connection", heals=True, silent=True)
    why = _UNREACHABLE.get(error.errno or 0) or os.strerror(error.errno or 0).lower()
    return Failed(f"its host could not be reached: {why}", heals=True, again=True, silent=True)


def _first_line(message: str) -> str:
    return message.strip().split("\n", 1)[0].rstrip(":")[:80] or "no reason"
