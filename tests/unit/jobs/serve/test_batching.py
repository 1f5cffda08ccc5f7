"""Pictures share calls of the network when they come together, and do not wait when they are alone."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from jobs.serve.batching import Batcher


class Network:
    """Answers each input with itself; notes the call, then waits at the gate."""

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.called = threading.Semaphore(0)
        self.gate = threading.Event()

    def __call__(self, tensors: list[Any]) -> Any:
        self.calls.append(len(tensors))
        self.called.release()
        self.gate.wait(30)
        return np.stack(tensors)


def inputs(count: int) -> list[Any]:
    return [np.full(2, index, np.float32) for index in range(count)]


def run(scenario: Any) -> None:
    asyncio.run(scenario())


def test_what_comes_while_all_are_busy_is_shared_out_in_order() -> None:
    network = Network()

    async def scenario() -> None:
        with ThreadPoolExecutor(2) as pool:
            batcher = Batcher(network, pool, callers=2, most=4, wait_s=0, expected=lambda: 0)
            futures = [batcher.score(one) for one in inputs(12)]
            assert network.called.acquire(timeout=30)
            assert network.called.acquire(timeout=30)
            assert network.calls == [1, 1]
            network.gate.set()
            rows = await asyncio.gather(*futures)
        assert [row[0] for row in rows] == list(range(12))

    run(scenario)
    assert sum(network.calls) == 12
    assert max(network.calls) <= 4
    assert len(network.calls) < 12


def test_the_first_waits_for_others_on_their_way_but_not_beyond_its_deadline() -> None:
    network = Network()
    network.gate.set()

    async def scenario() -> None:
        with ThreadPoolExecutor(1) as pool:
            batcher = Batcher(network, pool, callers=1, most=8, wait_s=0.2, expected=lambda: 1)
            await asyncio.gather(*(batcher.score(one) for one in inputs(3)))
            await batcher.score(inputs(1)[0])  # nobody comes: the deadline ends the wait

    run(scenario)
    assert network.calls == [3, 1]


def test_a_full_batch_waits_for_nobody() -> None:
    network = Network()
    network.gate.set()

    async def scenario() -> None:
        with ThreadPoolExecutor(1) as pool:
            batcher = Batcher(network, pool, callers=1, most=2, wait_s=3600, expected=lambda: 1)
            await asyncio.gather(*(batcher.score(one) for one in inputs(2)))

    run(scenario)
    assert network.calls == [2]


def test_each_who_waits_is_told_what_the_network_raised_and_the_next_are_answered() -> None:
    calls = []

    def failing_once(tensors: list[Any]) -> Any:
        calls.append(len(tensors))
        if len(calls) == 1:
            raise ValueError("broken")
        return np.stack(tensors)

    async def scenario() -> None:
        with ThreadPoolExecutor(1) as pool:
            batcher = Batcher(failing_once, pool, callers=1, most=4, wait_s=0, expected=lambda: 0)
            with pytest.raises(ValueError, match="broken"):
                await batcher.score(inputs(1)[0])
            assert (await batcher.score(inputs(1)[0]))[0] == 0

    run(scenario)
