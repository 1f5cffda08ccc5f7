"""What a service may be told. None of it changes what the model computes, only what is made of it and what is let in."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from common.images import Limits

UNKNOWN = "unknown"
PER_REQUEST = 16


def usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Settings:
    """A service's settings.

    `unknown_under`: a best class less probable than this is answered as "unknown" (0: never).
    `top`: how many classes an answer lists unless the request says otherwise.
    `workers`: processes that decode, and calls of the network at once.
    `queue`: pictures that may be inside at once; the next ones are told 429. `queue_bytes` bounds their bodies together.
    `batch`: pictures in one call of the network; `batch_wait_s`: how long the first of them waits for others that are being decoded.
    `per_request`: pictures in one request; `body_bytes`, `picture_bytes`: its size and that of each of them.
    `read_s`: how long a body may take to arrive.
    `decode_s`, `decode_bytes`: what decoding one picture may take.
    `poll_s`: how often the pointer is looked at. `linger_s`: how long a service that is to end still takes requests.
    `keys`: one of them is asked for (none: nobody is asked).
    `inbox`: how many uncertain pictures are kept for people (0: none); `inbox_under`: those whose best class is less probable.
    """

    dataset: str
    unknown_under: float = 0.5
    top: int = 5
    workers: int = field(default_factory=usable_cores)
    queue: int = 24
    queue_bytes: int = 256 << 20
    batch: int = 4
    batch_wait_s: float = 0.002
    per_request: int = PER_REQUEST
    body_bytes: int = 64 << 20
    picture_bytes: int = Limits().max_bytes
    read_s: float = 30.0
    decode_s: float = 5.0
    decode_bytes: int = 1 << 30
    poll_s: float = 5.0
    linger_s: float = 5.0
    keys: tuple[str, ...] = field(default=(), repr=False)
    inbox: int = 0
    inbox_under: float = 0.7
