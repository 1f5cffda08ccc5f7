"""Does this store keep its one strong promise?

"Supports If-None-Match" is not "is atomic": several S3 servers were found letting many
concurrent writers win. So before a store is trusted, writers released by a barrier fight for
one key, and exactly one may win; then the same for a replacement. The verdict is remembered in
the store, because it holds for the store and not for the person who asks.
"""

from __future__ import annotations

import secrets
import threading
from concurrent.futures import ThreadPoolExecutor

from common.errors import AlreadyExists, PreconditionFailed, UnsafeStore
from common.store.asking import exists
from common.store.base import IfMatch, PutMode, Store

WRITERS = 32
REMEMBERED = "probe/conditional-writes-v1"


def probe(store: Store, rounds: int = 2, writers: int = WRITERS) -> None:
    """Let `writers` fight for one key, `rounds` times by create and by replacement.

    Raises:
        UnsafeStore: a number of winners other than one, or an object that is not the winner's.
    """
    for _ in range(rounds):
        key = f"probe/{secrets.token_hex(8)}"
        try:
            _fight(store, key, "create", writers)
            _fight(store, key, IfMatch(store.head(key).etag), writers)
        finally:
            store.delete(key)


def probe_once(store: Store) -> bool:
    """Probe a store that was not probed before; True when it had to be."""
    if exists(store, REMEMBERED):
        return False
    probe(store)
    store.put(REMEMBERED, b"one winner in every round\n")
    return True


def _fight(store: Store, key: str, mode: PutMode, writers: int) -> None:
    barrier = threading.Barrier(writers)

    def write(number: int) -> bytes | None:
        data = f"writer {number} {secrets.token_hex(8)}".encode()
        barrier.wait()
        try:
            store.put(key, data, mode)
        except (AlreadyExists, PreconditionFailed):
            return None
        return data

    with ThreadPoolExecutor(writers) as pool:
        outcomes = list(pool.map(write, range(writers)))
    winners = [data for data in outcomes if data is not None]
    verb = "create" if mode == "create" else "replace"
    if len(winners) != 1:
        raise UnsafeStore(
            f"{store.url} let {len(winners)} of {writers} writers {verb} one key; it must be exactly 1. "
            "Do not use it for Darkroom: runs could overwrite each other."
        )
    if store.get(key).data != winners[0]:
        raise UnsafeStore(f"{store.url} told one writer that it won and kept the bytes of another. Do not use it.")
