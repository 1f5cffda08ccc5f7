"""The doctor's findings say what is wrong."""

from __future__ import annotations

import pytest

from common import code
from common.store import PutMode
from common.store.memory import MemoryStore
from jobs.controller.doctor import diagnose


class LetsAllWin(MemoryStore):
    def put(self, key: str, data: bytes, mode: PutMode = "overwrite") -> str:
        return super().put(key, data)


def findings(store: MemoryStore) -> dict[str, tuple[bool, str]]:
    return {one["check"]: (one["ok"], one["finding"]) for one in diagnose(store)}


def test_a_good_installation_is_said_to_be_one(memory: MemoryStore) -> None:
    found = findings(memory)
    assert all(ok for ok, _ in found.values())
    assert "lets one writer win" in found["store"][1]
    assert "fashionTexture" in found["datasets"][1]


def test_a_store_that_cannot_be_trusted_is_a_finding() -> None:
    assert findings(LetsAllWin())["store"][0] is False


def test_other_libraries_than_the_lock_s_are_named(memory: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "pinned", lambda extra: {"numpy": "0.1", "not-installed": "1"})
    ok, finding = findings(memory)["libraries"]
    assert not ok
    assert finding.startswith("not what the lock says: numpy ")
