"""Which of the things that a backbone knows by itself a class is, by the words in its name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from common.model import Named

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def place(label: str, names: Sequence[Named]) -> int | None:
    """Return which of *names* a class is: by its whole name, or else by a word in it if the words agree."""
    words = re.findall(r"[^\W_]+", label.casefold())
    if not words:
        return None
    whole = [number for number, named in enumerate(names) if {"".join(words), words[-1]} & set(named.words)]
    if len(set(whole)) == 1:
        return whole[0]
    some = {number for number, named in enumerate(names) if set(words) & set(named.words)}
    return some.pop() if len(some) == 1 else None


def rows(chosen: Sequence[Named], dimension: int) -> NDArray[np.float64]:
    """Return what turns features into the log-probability of each, (k, dimension)."""
    import numpy as np

    found = np.zeros((len(chosen), dimension))
    for row, named in zip(found, chosen, strict=True):
        row[list(named.features)] = 1 / len(named.features)
    return found
