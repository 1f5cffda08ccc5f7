"""Reading an answer's body: never more than the cap, on the wire or after decompression, and nothing that is no picture."""

from __future__ import annotations

import re
import zlib
from collections.abc import Awaitable, Callable, Iterator

from aiohttp import ClientResponse

from jobs.scrape.web.failures import CLIENT_ERRORS, Failed, explain

HEAD, STEP, SMALL = 16, 256 * 1024, 64 * 1024
_PICTURE = re.compile(rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|RIFF....WEBP|GIF8[79]a|BM|II[*+]\0|MM\0[*+]", re.DOTALL)

Grow = Callable[[int], Awaitable[None]]


def looks_like_a_picture(head: bytes) -> bool:
    """Tell by the first bytes whether it may be a picture in one of the formats of common.images."""
    return _PICTURE.match(head) is not None


async def read(response: ClientResponse, most: int, grow: Grow, *, picture: bool = True) -> bytes:
    """Return a whole body; `grow` is awaited for each piece that is kept. Raises Failed."""
    try:
        return await _read(response, most, grow, picture=picture)
    except CLIENT_ERRORS as error:
        raise explain(error) from error


async def beginning(response: ClientResponse, most: int) -> bytes:
    """Return the first `most` bytes of a body. Raises Failed."""
    inflate = _decompressor(response)
    data = bytearray()
    try:
        while len(data) < most and (piece := await response.content.readany()):
            for part in _inflated(inflate, piece) if inflate else (piece,):
                data += part
                if len(data) >= most:
                    break
    except CLIENT_ERRORS as error:
        raise explain(error) from error
    return bytes(data[:most])


async def drain(response: ClientResponse) -> None:
    """Read a small body to its end, so that its connection can be used again; another is cut off by whoever closes it."""
    try:
        if (response.content_length or 0) <= SMALL and not response.content.is_eof():
            await beginning(response, SMALL)
    except Failed:
        response.close()


async def _read(response: ClientResponse, most: int, grow: Grow, *, picture: bool) -> bytes:
    _check_length(response.content_length, most)
    inflate = _decompressor(response)
    pieces: list[bytes] = []
    on_wire = size = 0
    while arrived := await response.content.readany():
        on_wire += len(arrived)
        _check_length(on_wire, most)
        for piece in _inflated(inflate, arrived) if inflate else (arrived,):
            before, size = size, size + len(piece)
            _check_length(size, most)
            pieces.append(piece)
            if picture and before < HEAD <= size:
                _check_picture(b"".join(pieces)[:HEAD])
            await grow(len(piece))
    if inflate and not inflate.eof:
        raise Failed("the connection broke", heals=True, again=True)
    if picture and size < HEAD:
        raise Failed("not a picture" if size else "an empty answer")
    return b"".join(pieces)


def _decompressor(response: ClientResponse) -> zlib._Decompress | None:
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding in ("", "identity"):
        return None
    if encoding in ("gzip", "x-gzip"):
        return zlib.decompressobj(wbits=31)
    raise Failed("it is sent in an encoding that was not asked for")


def _inflated(inflate: zlib._Decompress, arrived: bytes) -> Iterator[bytes]:
    """Yield what bytes decompress to, in pieces that are small however much it is."""
    try:
        while piece := inflate.decompress(arrived, STEP):
            yield piece
            arrived = inflate.unconsumed_tail
    except zlib.error as error:
        raise Failed("its compression is broken", heals=True) from error


def _check_length(size: int | None, most: int) -> None:
    if size is not None and size > most:
        raise Failed(f"more than {most} bytes")


def _check_picture(head: bytes) -> None:
    if not looks_like_a_picture(head):
        raise Failed("not a picture")
