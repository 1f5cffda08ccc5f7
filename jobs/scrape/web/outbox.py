"""Replies on their way from the event loop to the thread that takes them; it knows how many bytes wait."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from jobs.scrape.web.exchange import Reply


class Outbox:
    """A queue whose writer never blocks, and learns through `on_room` (called by the reader) when less than `most` bytes wait again."""

    def __init__(self, most: int, on_room: Callable[[], None]) -> None:
        self.waiting = 0
        self._most = most
        self._on_room = on_room
        self._replies: deque[Reply] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._error: BaseException | None = None

    def put(self, reply: Reply) -> None:
        """Add a reply."""
        with self._changed:
            self._replies.append(reply)
            self.waiting += len(reply.data)
            self._changed.notify()

    def end(self, error: BaseException | None = None) -> None:
        """Say that nothing more will come, because of an error perhaps."""
        with self._changed:
            self._ended, self._error = True, self._error or error
            self._changed.notify()

    def take(self) -> Reply | None:
        """Wait for a reply and return it; None at the end. Raises what the writer ended with, once all replies are taken."""
        with self._changed:
            while not self._replies and not self._ended:
                self._changed.wait()
            if not self._replies:
                if self._error is not None:
                    raise self._error
                return None
            reply = self._replies.popleft()
            before, self.waiting = self.waiting, self.waiting - len(reply.data)
            has_room = before >= self._most > self.waiting
        if has_room:
            self._on_room()
        return reply
