"""Questions to any store that more than one caller has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from common.errors import NotFound
from common.store.base import Store

T = TypeVar("T")
R = TypeVar("R")

_FEW, _AT_ONCE = 8, 16


def exists(store: Store, key: str) -> bool:
    """Is there an object under this key?"""
    try:
        store.head(key)
    except NotFound:
        return False
    return True


def ask_all(ask: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """Return the answer for each item, in order; many are asked for side by side, few are not worth threads."""
    if len(items) <= _FEW:
        return [ask(item) for item in items]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(ask, items))
