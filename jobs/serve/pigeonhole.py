"""Brings uncertain pictures to the inbox, behind the back of requests: nobody waits for it, and what is too much is left out."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from common.errors import DarkroomError
from common.images import image_id
from common.inbox import Entry, Inbox
from common.store.base import Store
from jobs.serve.metrics import Metrics
from jobs.serve.settings import Settings

_WAITING = 16
_Offer = tuple[bytes, Entry]


class Pigeonhole:
    """One thread that writes; a store that fails costs the picture, never the answer."""

    def __init__(self, store: Store, settings: Settings, metrics: Metrics, tell: Callable[[str], None]) -> None:
        self._inbox = Inbox(store, settings.dataset, settings.inbox)
        self._dataset = settings.dataset
        self._metrics = metrics
        self._tell = tell
        self._offers: queue.Queue[_Offer | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._write, name="inbox", daemon=True)
        self._thread.start()

    def offer(self, data: bytes, kind: str, version: str, probabilities: dict[str, float]) -> None:
        """Put a picture in if there is time for it."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        entry = Entry(dataset=self._dataset, image=image_id(data), version=version, probabilities=probabilities, format=kind, at=at)
        try:
            self._offers.put_nowait((data, entry))
        except queue.Full:
            self._metrics.inbox.labels("left out").inc()

    def close(self) -> None:
        """Write what waits, then end."""
        self._offers.put(None)
        self._thread.join()

    def _write(self) -> None:
        while (offer := self._offers.get()) is not None:
            try:
                kept = self._inbox.keep(*offer)
            except DarkroomError as error:
                self._metrics.inbox.labels("failed").inc()
                self._tell(f"a picture did not reach the inbox: {error}")
            else:
                self._metrics.inbox.labels("kept" if kept else "known or telling less").inc()
