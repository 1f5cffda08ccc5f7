"""Takes bodies in: bounded in size and time, and with room for them before they come."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

import msgspec
from starlette.requests import Request

from jobs.serve.refusals import Refusal
from jobs.serve.service import Service

T = TypeVar("T")


@asynccontextmanager
async def body_of(request: Request, service: Service, most: int) -> AsyncIterator[bytes]:
    """Read a request's body; its bytes count as inside until the block ends.

    Raises:
        Refusal: too many bytes (413), too slow (408), no room (429).
    """
    room, taken = service.room, 0
    try:
        if declared := _declared(request, most):
            room.take_bytes(declared)
            taken = declared
        with service.metrics.step["read"].time():
            pieces, size = [], 0
            try:
                async with asyncio.timeout(service.settings.read_s):
                    async for piece in request.stream():
                        size += len(piece)
                        _check_size(size, most)
                        if size > taken:
                            room.take_bytes(size - taken)
                            taken = size
                        pieces.append(piece)
            except TimeoutError as error:
                raise Refusal(408, f"The body took longer than {service.settings.read_s:g} s to arrive.") from error
        yield b"".join(pieces)
    finally:
        room.give_bytes(taken)


def _declared(request: Request, most: int) -> int:
    text = request.headers.get("content-length", "0")
    size = int(text) if text.isascii() and text.isdigit() else 0  # the server has refused what is no number
    _check_size(size, most)
    return size


def _check_size(size: int, most: int) -> None:
    if size > most:
        raise Refusal(413, f"The body has more than {most} bytes.")


def read_json(data: bytes, kind: type[T]) -> T:
    """Read a JSON document of a kind. Raises Refusal: no JSON (400), or another document (422)."""
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        raise Refusal(422, f"The request is not of the expected form: {error}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(400, f"The body is not JSON: {error}.") from error


def from_base64(text: str, service: Service) -> bytes:
    """Return a picture's bytes. Raises Refusal: not base64 (422), too many bytes (413)."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refusal(422, f"A picture is not base64: {error}.") from error
    check_picture(data, service)
    return data


def check_picture(data: bytes, service: Service) -> None:
    """Refuse a picture by its size. Raises Refusal (413)."""
    most = service.settings.picture_bytes
    if len(data) > most:
        raise Refusal(413, f"A picture has {len(data)} bytes, more than {most}.")


def check_count(count: int, service: Service) -> None:
    """Refuse too many pictures at once. Raises Refusal (422)."""
    most = service.settings.per_request
    if count > most:
        raise Refusal(422, f"{count} pictures in one request, more than {most}; send several requests.")
