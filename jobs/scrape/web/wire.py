"""Connections that count what arrives on them.

The body is not all that a server can send without end: a chunk's extension, trailers, interim answers never reach who reads the
body. So the cap on the wire stands where the bytes come in. aiohttp has no door for this: `counted` is the one place that reaches
into it, and tests/faults/test_hostile_servers.py fails if that ever stops working.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from aiohttp import ClientPayloadError, TCPConnector
from aiohttp.client_proto import ResponseHandler

BESIDE_THE_BODY = 256 * 1024


class TooMuch(ClientPayloadError):
    """A server sent more than it may for one answer."""


class Counted(ResponseHandler):
    """A connection that is cut when an answer takes more than `most` bytes, or what comes before its body more than 256 KiB."""

    def __init__(self, most: int, **settings: Any) -> None:
        super().__init__(**settings)
        self._most = most
        self._arrived = 0

    def set_response_params(self, **settings: Any) -> None:
        """Begin to count anew: the next answer is awaited."""
        self._arrived = 0
        super().set_response_params(**settings)

    def data_received(self, data: bytes) -> None:
        """Count, and cut."""
        self._arrived += len(data)
        in_body = self._payload is not None and not self._payload.is_eof()
        if self._arrived <= BESIDE_THE_BODY + (self._most if in_body else 0):
            super().data_received(data)
            return
        error = TooMuch(f"more than {self._most} bytes" if in_body else f"more than {BESIDE_THE_BODY} bytes before its body")
        if self._payload is not None:
            self._payload.set_exception(error)
        self.set_exception(error)
        if self.transport is not None:
            self.transport.abort()

    def set_exception(self, exc: BaseException, *cause: BaseException) -> None:
        """Keep the first reason: the lost connection that follows a cut is none of its own."""
        if not isinstance(self._exception, TooMuch):
            super().set_exception(exc, *cause)


def counted(connector: TCPConnector, most: int) -> TCPConnector:
    """Make a connector count what its connections receive."""
    factory: Any = partial(Counted, most, loop=connector._loop)  # noqa: SLF001 (see above)
    connector._factory = factory  # noqa: SLF001
    return connector
