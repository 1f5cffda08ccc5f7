"""Follows models/DATASET/current.json: what it names is loaded beside the model that answers, and then takes its place.

The pointer is looked at every few seconds, by its etag: one small question to the store. What
cannot be loaded changes nothing; the old model goes on answering, and the next look tries again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from common import records
from common.errors import DarkroomError, NotFound
from common.records import Pointer
from common.store.base import Store
from jobs.serve.loaded import Loaded, load
from jobs.serve.settings import Settings


def place(dataset: str) -> str:
    return f"models/{dataset}/current.json"


class Follower:
    """Knows which version of the pointer was seen last."""

    def __init__(self, store: Store, settings: Settings, tell: Callable[[str], None]) -> None:
        self._store = store
        self._settings = settings
        self._tell = tell
        self._etag = ""
        self._said = ""
        self.version = ""

    def look(self) -> Loaded | None:
        """Return the model that is to answer, if it is another than before; blocks while it loads.

        Raises:
            NotFound: no model of the dataset serves yet.
            BadInput, Retryable, …: the pointer or what it names cannot be used, now or at all.
        """
        key = place(self._settings.dataset)
        if self._store.head(key).etag == self._etag:
            return None
        found = self._store.get(key)
        pointer = records.decode(found.data, Pointer, f"{self._store.url}/{key}")
        loaded = None if pointer.version == self.version else load(self._store, pointer, self._settings)
        self._etag, self.version = found.etag, pointer.version
        return loaded

    async def follow(self, swap: Callable[[Loaded], None], failed: Callable[[], None]) -> None:
        """Look for ever, and hand over each model that is to answer."""
        while True:
            await asyncio.sleep(self._settings.poll_s)
            try:
                loaded = await asyncio.to_thread(self.look)
            except NotFound as error:
                self._say(f"no model yet: {error}")
            except DarkroomError as error:
                failed()
                self._say(f"the model stays as it is: {error}")
            else:
                self._said = ""
                if loaded is not None:
                    swap(loaded)

    def _say(self, words: str) -> None:
        """Tell it once, not at every look."""
        if words != self._said:
            self._said = words
            with contextlib.suppress(OSError):
                self._tell(words)
