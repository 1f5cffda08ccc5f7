"""Several pictures in one call of the network, if they come at about the same time.

Whoever may call the network takes a share of what waits, at most `most` pictures. It waits for more
only while others are on their way, and never beyond the deadline of the first: a picture that is
alone does not wait at all.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Row = NDArray[np.float32]
    Waiting = tuple[Row, asyncio.Future[Row]]

Run = Callable[[list["Row"]], "Row"]


class Batcher:
    """Inputs (3, side, side) in, rows (k,) out; `run` turns n inputs into (n, k). Lives in one event loop.

    `callers`: calls of `run` at once, each in a thread of `pool`. `expected` tells how many pictures are on their way.
    """

    def __init__(self, run: Run, pool: Executor, callers: int, most: int, wait_s: float, expected: Callable[[], int]) -> None:
        self._run = run
        self._pool = pool
        self._idle = callers
        self._most = most
        self._wait_s = wait_s
        self._expected = expected
        self._waiting: deque[Waiting] = deque()
        self._deadline: asyncio.TimerHandle | None = None

    def score(self, tensor: Row) -> asyncio.Future[Row]:
        """Return what will be the picture's row, or raise whatever the network raised."""
        future: asyncio.Future[Row] = asyncio.get_running_loop().create_future()
        self._waiting.append((tensor, future))
        self._dispatch()
        return future

    def _dispatch(self) -> None:
        """Start as many calls as may be started now."""
        while self._idle and self._waiting:
            if self._wait_s and len(self._waiting) < self._most and self._expected():
                if self._deadline is None:
                    self._deadline = asyncio.get_running_loop().call_later(self._wait_s, self._call)
                return
            self._call()

    def _call(self) -> None:
        """Start one call, if there is something to call for and somebody to call."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if not (self._idle and self._waiting):
            return
        share = min(self._most, -(-len(self._waiting) // self._idle))
        taken = [self._waiting.popleft() for _ in range(share)]
        self._idle -= 1
        called = asyncio.get_running_loop().run_in_executor(self._pool, self._run, [tensor for tensor, _ in taken])
        called.add_done_callback(lambda done: self._answer(taken, done))

    def _answer(self, taken: list[Waiting], done: asyncio.Future[Row]) -> None:
        self._idle += 1
        error = done.exception()
        for index, (_, future) in enumerate(taken):
            if future.done():  # who waited has gone
                continue
            if error is None:
                future.set_result(done.result()[index])
            else:
                future.set_exception(error)
        self._dispatch()
