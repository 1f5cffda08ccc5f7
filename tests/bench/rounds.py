"""Times taken in turns, and the best round of each counts.

A machine that others share is now fast and now slow; the best round is the one they disturbed least.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from tests.bench.rows import say


def seconds(work: Callable[[], object]) -> float:
    """Return how long the work takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def alternate(contenders: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Let all have a turn in each round; each returns its seconds. The order turns round from one round to the next."""
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds):
        names = list(contenders)
        for name in names if number % 2 == 0 else reversed(names):
            found[name].append(contenders[name]())
            say(f"  round {number + 1} of {rounds}: {name} {found[name][-1]:.2f} s")
    return found


def best(times: Mapping[str, list[float]]) -> dict[str, float]:
    """Return each contender's shortest time."""
    return {name: min(taken) for name, taken in times.items()}
