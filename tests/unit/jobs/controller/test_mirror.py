"""The copy of what an API server has, kept beside a server that does all that servers do."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from common.errors import StoreUnavailable
from jobs.controller.mirror import Gone, Mirror, Resource

NO_PAUSES = (0.0,)
PATIENCE_S = 20.0
FAULTS = ("none", "none", "cut", "repeat", "bookmark", "gone", "gone in the stream", "error in the stream", "unavailable", "surprise")


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    """Or they go on asking beside all later tests: sixty of them made those five times slower."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE_S)
        assert not thread.is_alive(), thread


class Server:
    """Objects with versions, and a log of events that is cut from time to time. Faults come by the dice."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self._lock = threading.Lock()
        self._objects: dict[str, dict[str, Any]] = {}
        self._events: list[tuple[int, str, dict[str, Any]]] = []
        self._version = self._oldest = 1
        self.sound = self.ended = False
        self.met: set[str] = set()

    def change(self) -> None:
        """Add, change or remove an object; now and then forget the older events."""
        with self._lock:
            self._version += 1
            uid = f"u{self._dice.randrange(6)}"
            one = {"metadata": {"uid": uid, "resourceVersion": str(self._version)}}
            if uid in self._objects and self._dice.random() < 0.3:
                del self._objects[uid]
                self._events.append((self._version, "DELETED", one))
            else:
                kind = "MODIFIED" if uid in self._objects else "ADDED"
                self._objects[uid] = one
                self._events.append((self._version, kind, one))
            if self._dice.random() < 0.1:
                self._oldest = self._version

    def state(self) -> dict[str, str]:
        with self._lock:
            return versions(self._objects.values())

    def list(self) -> tuple[list[Resource], str]:
        with self._lock:
            self._stumble()
            return list(self._objects.values()), str(self._version)

    def watch(self, since: str) -> Iterator[Resource]:
        while not self.ended:
            with self._lock:
                fault = self._stumble()
                if int(since) < self._oldest and self._version > int(since):
                    yield {"type": "ERROR", "object": {"code": 410, "message": "too old"}}
                    return
                new = [event for event in self._events if event[0] > int(since)]
                version = self._version
            if fault == "cut" or (not new and self.sound is False):
                return
            if fault == "bookmark":
                yield (
                    {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": str(max(version, int(since)))}}}
                    if not new
                    else _event(new[0])
                )
                return
            if fault == "gone in the stream":
                yield {"type": "ERROR", "object": {"code": 410, "message": "gone"}}
            if fault == "error in the stream":
                yield {"type": "ERROR", "object": {"code": 500, "message": "later"}}
            for event in new:
                yield _event(event)
                if fault == "repeat":
                    yield _event(event)
                since = str(event[0])
            if not new:
                time.sleep(0.001)

    def _stumble(self) -> str:
        fault = "none" if self.sound else self._dice.choice(FAULTS)
        self.met.add(fault)
        if fault == "gone":
            raise Gone
        if fault == "unavailable":
            raise StoreUnavailable("not now")
        if fault == "surprise":
            raise KeyError("surprise")
        return fault


def _event(event: tuple[int, str, dict[str, Any]]) -> Resource:
    return {"type": event[1], "object": event[2]}


def versions(objects: Any) -> dict[str, str]:
    return {one["metadata"]["uid"]: one["metadata"]["resourceVersion"] for one in objects}


def test_whatever_the_server_does_the_copy_comes_to_be_what_it_has() -> None:
    met: set[str] = set()
    for seed in range(60):
        server, changed = Server(seed), threading.Event()
        mirror = Mirror(server.list, server.watch, changed.set, NO_PAUSES)
        try:
            for _ in range(60):
                server.change()
            server.sound = True
            server.change()
            until = time.monotonic() + PATIENCE_S
            while versions(mirror.objects(PATIENCE_S)) != server.state():
                assert time.monotonic() < until, (seed, versions(mirror.objects(1)), server.state())
                changed.wait(0.01)
                changed.clear()
        finally:
            mirror.stop()
            server.ended = True
        met |= server.met
    assert met == set(FAULTS)


def test_a_server_that_never_answers_is_named_to_who_waits() -> None:
    def no_list() -> tuple[list[Resource], str]:
        raise StoreUnavailable("nobody there")

    mirror = Mirror(no_list, lambda _: iter(()), lambda: None, NO_PAUSES)
    try:
        with pytest.raises(StoreUnavailable, match="nobody there"):
            mirror.objects(0.05)
    finally:
        mirror.stop()


def test_a_stream_that_always_ends_at_once_does_not_make_a_hot_loop() -> None:
    asked: list[str] = []

    def watch(version: str) -> Iterator[Resource]:
        asked.append(version)
        return iter(())

    mirror = Mirror(lambda: ([], "7"), watch, lambda: None, (0.05, 10.0))
    try:
        assert mirror.objects(PATIENCE_S) == []
        time.sleep(0.3)
        assert 1 <= len(asked) <= 3
    finally:
        mirror.stop()
