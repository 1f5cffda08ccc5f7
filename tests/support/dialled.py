"""Which addresses this process dials: seen where Python hands them to the system, whoever asks for it."""

from __future__ import annotations

import contextlib
import errno
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any

Dialled = list[tuple[str, int]]

_watching: list[tuple[Dialled, Callable[[str], bool]]] = []


def _seen(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "socket.connect" or not _watching or arguments[0].family not in (socket.AF_INET, socket.AF_INET6):
        return
    host, port = arguments[1][:2]
    for dialled, lets_through in _watching:
        dialled.append((host, port))
        if not lets_through(host):
            raise ConnectionRefusedError(errno.ECONNREFUSED, "refused by the test before any packet left")


sys.addaudithook(_seen)  # for good: hooks cannot be taken away


@contextlib.contextmanager
def watched(lets_through: Callable[[str], bool]) -> Iterator[Dialled]:
    """Yield the list of what is dialled; to an address that is not let through no packet leaves, the caller sees a refusal."""
    dialled: Dialled = []
    _watching.append((dialled, lets_through))
    try:
        yield dialled
    finally:
        _watching.clear()
