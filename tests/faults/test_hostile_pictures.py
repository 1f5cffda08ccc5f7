"""More than 5,000 harmful and harmed pictures: each is accepted or refused with a reason, in time and memory."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from common import shards
from common.dataset import rows_of
from common.errors import BadInput
from common.sandbox import SECONDS, Sandbox, Verdict
from common.store.memory import MemoryStore
from tests.support.hostile import corpus
from tests.support.pictures import make_folder
from tests.support.scraped import snapshot_of

MEMORY_BYTES = 512 * 1024 * 1024


def test_every_picture_is_accepted_or_refused_with_a_reason_in_time_and_memory() -> None:
    accepted = refused = biggest = 0
    slowest = 0.0
    with Sandbox() as sandbox:
        for name, data in corpus():
            started = time.monotonic()
            verdict = _verdict(sandbox, data)
            slowest = max(slowest, time.monotonic() - started)
            biggest = max(biggest, _peak(sandbox))
            if isinstance(verdict, str):
                refused += 1
                assert 3 < len(verdict) < 300, name
            else:
                accepted += 1
                assert min(verdict.width, verdict.height) >= 8, name
                assert verdict.width * verdict.height <= 50_000_000, name
    print(f"{accepted} accepted, {refused} refused, slowest {slowest:.2f} s, biggest {biggest / 2**20:.0f} MiB")
    assert accepted + refused >= 5000
    assert min(accepted, refused) > 1000
    assert slowest <= SECONDS + 2  # the decision itself, and a new child
    assert biggest <= MEMORY_BYTES


def _verdict(sandbox: Sandbox, data: bytes) -> Verdict | str:
    """Return what the sandbox says: a picture, or the reason why it is none."""
    try:
        return sandbox.check(data)
    except BadInput as error:
        return str(error)


def _peak(sandbox: Sandbox) -> int:
    """Return the most memory that the child ever held, in bytes (Linux; elsewhere nought)."""
    status = Path(f"/proc/{sandbox._child.process.pid}/status") if sandbox._child else None
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status and status.exists() else None
    return int(found[1]) * 1024 if found else 0


def test_no_shard_fails_for_one(memory: MemoryStore, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "pictures", {"bars": 4, "rows": 4})
    nasty = [data for number, (_, data) in enumerate(corpus()) if number % 17 == 0]
    for number, data in enumerate(nasty):
        (folder / "bars" / f"nasty-{number:04d}.jpg").write_bytes(data)
    snapshot = snapshot_of(memory, folder, shard_pictures=100)
    rows = rows_of(snapshot)
    assert len(rows) == len(nasty) + 8
    assert all(bool(row.id) != bool(row.reason) for row in rows)
    assert sum(1 for row in rows if row.label == "rows" and row.id) == 4
    held = {entry.id for unit in snapshot.units for entry in shards.read_index(unit)}
    assert {row.id for row in rows if row.id} == held


@pytest.mark.parametrize("name", ["1 PNG of 16000 x 16000", "EPS", "PDF", "PNG header of 65535", "JPEG header of 65535", "AVIF", "pickle"])
def test_what_must_not_be_opened_is_refused(name: str) -> None:
    data = dict(corpus())[name]
    with Sandbox() as sandbox, pytest.raises(BadInput):
        sandbox.check(data)
