"""Whole runs over a real S3 server behind a proxy that fails: done or a clear end, never a false state."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from common import artifact
from common.errors import StoreUnavailable
from common.records import Run
from common.retry import Clock, Policy
from common.store import Store
from common.store import s3 as s3_module
from common.store.memory import MemoryStore
from common.store.retrying import RetryingStore
from common.store.s3 import S3Store
from jobs.controller import pointer, runs
from jobs.controller.runs import Known
from tests.support import servers, whole
from tests.support.proxy import KINDS, Proxy, faulty_proxy, from_request, often

SERVERS = ["versitygw", pytest.param("moto", marks=pytest.mark.full)]
RARE, FREQUENT = 0.1, 0.4
SEEDS = 3
PATIENCE_S = 0.5
NO_WAITING = Clock(sleep=lambda _: None)


class Rig:
    """A bucket that is reached twice: past the proxy to see what is true, and through it."""

    def __init__(self, endpoint: str, behind: str, proxy: Proxy) -> None:
        self._endpoint, self._behind, self.proxy = endpoint, behind, proxy
        self.empty()

    def empty(self) -> None:
        """Begin anew, in another bucket and with other clients."""
        bucket = f"test-{uuid4().hex[:12]}"
        servers.make_bucket(self._behind, bucket)
        self.truth = RetryingStore(S3Store(bucket, "", self._behind))  # a busy machine may be slower than PATIENCE_S
        self._through = S3Store(bucket, "", self._endpoint)
        self.proxy.heal()

    @property
    def store(self) -> Store:
        return RetryingStore(self._through, Policy(clock=NO_WAITING))


@pytest.fixture(params=SERVERS)
def rig(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    monkeypatch.setattr(s3_module, "READ_TIMEOUT_S", PATIENCE_S)
    behind: str = request.getfixturevalue(f"{request.param}_endpoint")
    with faulty_proxy(behind) as (endpoint, proxy):
        yield Rig(endpoint, behind, proxy)


@pytest.fixture
def expected(folder: Path) -> dict[str, str]:
    """The digests of a run that nothing disturbs."""
    return whole.digests(whole.submit(MemoryStore(), folder))


def attempt(store: Store, run: Run) -> None:
    """Drive a run until it is over or the store is given up."""
    with contextlib.suppress(StoreUnavailable):
        whole.drive(store, run)


def look(truth: Store, run: Run) -> Known:
    """Read what the store says of a run, and hold every word of it against what is there."""
    known = runs.read(truth, run.run)
    for record in known.records.values():
        if record.state == runs.DONE:
            assert record.ref is not None
            found = artifact.read_ref(truth, record.ref)
            for reader in (found, *found.units):
                assert all(reader.read(name) is not None for name in reader.names())
    held = pointer.read(truth, run.dataset).pointer
    if held is not None:
        assert truth.get(f"models/{run.dataset}/{held.version}/model.onnx").data
    if known.condition == runs.DONE:
        assert set(known.records) == set(whole.digests(known))
        assert held is not None
    if known.condition == runs.FAILED:
        assert known.state is not None
        assert known.state.reason
    return known


def finish(rig: Rig, run: Run, expected: dict[str, str]) -> None:
    """Once the store answers again, the run can be taken to its end, with the content it always has."""
    rig.proxy.heal()
    known = look(rig.truth, run)
    if known.condition != runs.DONE:
        known = whole.resume(rig.store, run)
    assert known.condition == runs.DONE, known.state
    assert whole.digests(known) == expected


def test_a_run_whose_requests_sometimes_fail_is_done_as_ever(rig: Rig, folder: Path, expected: dict[str, str]) -> None:
    for seed in range(SEEDS):
        rig.empty()
        run = whole.request(rig.store, folder)
        rig.proxy.script = often(seed, RARE)
        attempt(rig.store, run)
        known = look(rig.truth, run)
        assert known.condition == runs.DONE, known.state
        finish(rig, run, expected)
    assert set(rig.proxy.fired) == set(KINDS), "a kind of fault was never tried"


@pytest.mark.parametrize("seeds", [1, pytest.param(SEEDS, marks=pytest.mark.full)])
def test_a_run_whose_requests_often_fail_is_done_or_ends_clearly(rig: Rig, folder: Path, expected: dict[str, str], seeds: int) -> None:
    for seed in range(seeds):
        rig.empty()
        run = whole.request(rig.store, folder)
        rig.proxy.script = often(seed, FREQUENT)
        attempt(rig.store, run)
        finish(rig, run, expected)


@pytest.mark.parametrize("quarters", [(0, 2), pytest.param((1, 3), marks=pytest.mark.full)])
@pytest.mark.parametrize("kind", ["503", "refused", "lost"])
def test_an_outage_ends_a_run_clearly_and_costs_nothing_that_was_done(
    rig: Rig, folder: Path, expected: dict[str, str], kind: str, quarters: tuple[int, ...]
) -> None:
    run = whole.request(rig.store, folder)
    before = rig.proxy.requests
    whole.drive(rig.store, run)
    length = rig.proxy.requests - before
    for quarter in quarters:
        rig.empty()
        run = whole.request(rig.store, folder)
        rig.proxy.script = from_request(rig.proxy.requests + 1 + length * quarter // 4, kind)
        attempt(rig.store, run)
        assert look(rig.truth, run).condition != runs.DONE
        finish(rig, run, expected)
