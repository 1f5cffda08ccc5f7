"""Two or more threads that take turns at every store call, in an order that a seed decides."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

from common.store.faults import Call, FaultyStore, When
from common.store.memory import MemoryStore

PATIENCE_S = 60.0


class Turns:
    """Lets one thread at a time pass, and only when all that still run are waiting: so a seed is an interleaving."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self._condition = threading.Condition()
        self._running: set[str] = set()
        self._waiting: dict[object, str] = {}
        self._chosen: object | None = None
        self.order: list[str] = []

    def run(self, work: dict[str, Callable[[], None]]) -> dict[str, BaseException]:
        """Run the named pieces of work to their end; returns what they raised."""
        errors: dict[str, BaseException] = {}
        self._running = set(work)

        def go(name: str) -> None:
            try:
                work[name]()
            except BaseException as error:  # noqa: BLE001 - whatever a thread died of is the result
                errors[name] = error
            finally:
                with self._condition:
                    self._running.discard(name)
                    self._choose()

        threads = [threading.Thread(target=go, args=(name,)) for name in work]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive(), "the threads wait for each other"
        return errors

    def store(self, name: str, inner: MemoryStore) -> FaultyStore:
        """Return a store whose every call waits for the turn of `name`."""

        def script(_: Call, when: When) -> None:
            if when == "before":
                self._wait(name)

        return FaultyStore(inner, script)

    def _wait(self, name: str) -> None:
        with self._condition:
            ticket = object()
            self._waiting[ticket] = name
            self._choose()
            assert self._condition.wait_for(lambda: self._chosen is ticket, PATIENCE_S), f"{name} never had its turn"
            self._chosen = None
            del self._waiting[ticket]
            self.order.append(name)
            self._choose()

    def _choose(self) -> None:
        """Let one name pass, and of several calls under it (from a pool of threads) the one that came first."""
        names = set(self._waiting.values())
        if self._chosen is None and names and names == self._running:
            name = self._dice.choice(sorted(names))
            self._chosen = next(ticket for ticket, owner in self._waiting.items() if owner == name)
            self._condition.notify_all()
