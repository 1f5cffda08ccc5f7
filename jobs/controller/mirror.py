"""A copy of what the API server has of one kind of object, kept by list and watch.

Level-triggered: what counts is the copy, events only say that it is worth a look. A stream that
ends, stalls, repeats or says 410 costs a new list, never an object (facts on list and watch:
https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes).
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from common.errors import Retryable

Resource = Mapping[str, Any]

RELIST_S = 300.0
PAUSES_S = (0.2, 1.0, 5.0, 15.0)


class Gone(Exception):
    """The server no longer knows the version to watch from."""


class Mirror:
    """Keeps the copy in a thread of its own; `changed` is called after each change of it.

    `list_all` returns all objects and the version of the list; `watch` yields events from a
    version on, until the server or a timeout ends the stream. Both may raise Retryable, `watch`
    also Gone.
    """

    def __init__(
        self,
        list_all: Callable[[], tuple[list[Resource], str]],
        watch: Callable[[str], Iterable[Resource]],
        changed: Callable[[], None],
        pauses_s: Sequence[float] = PAUSES_S,
    ) -> None:
        self._list = list_all
        self._watch = watch
        self._changed = changed
        self._pauses_s = pauses_s
        self._objects: dict[str, Resource] = {}
        self._lock = threading.Lock()
        self._filled = threading.Event()
        self._stopped = threading.Event()
        self._trouble: Exception | None = None
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._thread.start()

    def objects(self, patience_s: float) -> list[Resource]:
        """Return the copy, as soon as there is one.

        Raises:
            Exception: what kept the first list from succeeding for so long.
        """
        if not self._filled.wait(patience_s):
            raise self._trouble or TimeoutError("the API server did not answer")
        with self._lock:
            return list(self._objects.values())

    def stop(self) -> None:
        self._stopped.set()

    # --- the thread ---

    def _keep(self) -> None:
        idle = 0  # turns in a row that told nothing
        version, listed = "", 0.0
        while not self._stopped.is_set():
            idle += 1
            try:
                if not version or time.monotonic() - listed > RELIST_S:
                    version, listed = self._fill(), time.monotonic()
                for reached in self._follow(version):
                    version, idle = reached, 0
            except Gone:
                version = ""
            except Exception as error:  # noqa: BLE001 - a thread that dies would freeze the copy; who waits for the first list is told
                self._trouble = error
                if not isinstance(error, Retryable):
                    version = ""
            if idle:
                pause = self._pauses_s[min(idle, len(self._pauses_s)) - 1]
                self._stopped.wait(pause * random.uniform(0.5, 1.5))  # noqa: S311 - not a secret

    def _fill(self) -> str:
        found, version = self._list()
        with self._lock:
            self._objects = {_uid(one): one for one in found}
        self._filled.set()
        self._changed()
        return version

    def _follow(self, version: str) -> Iterator[str]:
        """Take over what the stream tells; yields the version that each event reaches."""
        for event in self._watch(version):
            if self._stopped.is_set():
                return
            kind, one = event["type"], event["object"]
            if kind == "ERROR":
                if one.get("code") == 410:
                    raise Gone
                raise ConnectionError(f"the watch ended: {one.get('message', one)}")
            if kind != "BOOKMARK":
                with self._lock:
                    if kind == "DELETED":
                        self._objects.pop(_uid(one), None)
                    else:
                        self._objects[_uid(one)] = one
                self._changed()
            yield one["metadata"]["resourceVersion"]


def _uid(one: Resource) -> str:
    return str(one["metadata"]["uid"])
