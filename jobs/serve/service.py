"""What the routes ask: pictures in, answers out, by the model that answers just now."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from common.errors import BadInput, DarkroomError, NotFound
from common.store.base import Store
from jobs.serve.answers import Answer, best_of, verdict
from jobs.serve.batching import Batcher
from jobs.serve.following import Follower
from jobs.serve.loaded import Loaded
from jobs.serve.metrics import Metrics
from jobs.serve.pigeonhole import Pigeonhole
from jobs.serve.refusals import Refusal
from jobs.serve.room import Room
from jobs.serve.settings import Settings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class Scored:
    """What the model says of one picture: probabilities in the order of its classes."""

    model: str
    version: str
    classes: tuple[str, ...]
    probabilities: tuple[float, ...]
    label: str
    known: bool
    width: int
    height: int

    def answer(self, top: int) -> Answer:
        best = best_of(self.probabilities, self.classes, top)
        return Answer(self.model, self.version, self.label, self.known, best, self.width, self.height)


class Service:
    """The model that answers, the room before it, and the threads that work for it."""

    def __init__(self, store: Store, settings: Settings, tell: Callable[[str], None] = print) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.room = Room(settings.queue, settings.queue_bytes)
        self.metrics.inside.set_function(lambda: self.room.pictures)
        self.draining = False
        self._tell = tell
        self._follower = Follower(store, settings, tell)
        self._pigeonhole = Pigeonhole(store, settings, self.metrics, tell) if settings.inbox else None
        self._decoding = ThreadPoolExecutor(settings.workers, "decode")
        self._inferring = ThreadPoolExecutor(settings.workers, "infer")
        self._closing = ThreadPoolExecutor(1, "close")
        self._current: tuple[Loaded, Batcher] | None = None
        self._first: Loaded | None = None
        self._following: asyncio.Task[None] | None = None

    @property
    def loaded(self) -> Loaded | None:
        return self._current[0] if self._current else None

    def load(self, *, wait: bool) -> None:
        """Load the model that is to answer; with `wait`, one that cannot be loaded yet is tried again later. Raises DarkroomError."""
        try:
            self._first = self._follower.look()
        except DarkroomError as error:
            if not wait:
                raise
            hint = "waiting for one" if isinstance(error, NotFound) else "trying again"
            self._tell(f"no model of {self.settings.dataset} to answer with, {hint}: {error}")

    async def start(self) -> None:
        """Begin to answer, and to follow the pointer."""
        if self._first is not None:
            self._swap(self._first)
        self._following = asyncio.create_task(self._follower.follow(self._swap, self.metrics.failed_swaps.inc))

    async def stop(self) -> None:
        """End all threads and children; every request has been answered by now."""
        if self._following is not None:
            self._following.cancel()
        self._retire()
        for pool in (self._decoding, self._inferring, self._closing):
            await asyncio.to_thread(pool.shutdown)
        if self._pigeonhole is not None:
            await asyncio.to_thread(self._pigeonhole.close)

    async def score(self, pictures: Sequence[bytes]) -> list[Scored | BadInput]:
        """Say of each picture what it is, or why it cannot be used; all by one model.

        Raises:
            Refusal: there is no room (429), or no model yet (503).
        """
        if self._current is None:
            raise Refusal(503, f"No model of {self.settings.dataset} can answer yet.", 5)
        loaded, batcher = self._current
        with self.room.of_pictures(len(pictures)), loaded:
            return await asyncio.gather(*(self._score_one(loaded, batcher, data) for data in pictures))

    async def _score_one(self, loaded: Loaded, batcher: Batcher, data: bytes) -> Scored | BadInput:
        began = time.perf_counter()
        loaded.expected += 1
        try:
            seen, tensor = await asyncio.get_running_loop().run_in_executor(self._decoding, loaded.prepare, data)
        except BadInput as error:
            self.metrics.refused.inc()
            return error
        finally:
            loaded.expected -= 1
        decoded = time.perf_counter()
        row = await batcher.score(tensor)
        self.metrics.step["decode"].observe(decoded - began)
        self.metrics.step["wait"].observe(time.perf_counter() - decoded)
        probabilities = tuple(float(value) for value in row)
        label, known = verdict(probabilities, loaded.classes, self.settings.unknown_under)
        best = max(probabilities)
        self.metrics.answers.labels(label, loaded.version).inc()
        self.metrics.confidence.observe(best)
        scored = Scored(self.settings.dataset, loaded.version, loaded.classes, probabilities, label, known, seen.width, seen.height)
        if self._pigeonhole is not None and best < self.settings.inbox_under:
            self._pigeonhole.offer(data, seen.format, loaded.version, dict(zip(loaded.classes, probabilities, strict=True)))
        return scored

    def _swap(self, loaded: Loaded) -> None:
        """Let a model answer from now on; the one before it ends when its last picture is answered."""
        if self._current is not None:
            self.metrics.swaps.inc()
        self._retire()
        settings = self.settings

        def run(tensors: list[Matrix]) -> Matrix:
            self.metrics.batch.observe(len(tensors))
            with self.metrics.step["infer"].time():
                return loaded.run(tensors)

        batcher = Batcher(run, self._inferring, settings.workers, settings.batch, settings.batch_wait_s, lambda: loaded.expected)
        self._current = (loaded, batcher)
        self.metrics.model.labels(settings.dataset, loaded.version).set(1)
        self._tell(f"{settings.dataset} {loaded.version} answers ({', '.join(loaded.classes)})")

    def _retire(self) -> None:
        if self._current is None:
            return
        old = self._current[0]
        self._current = None
        self.metrics.model.remove(self.settings.dataset, old.version)
        old.retire(lambda: self._closing.submit(old.close))
