"""Pictures as a browser gets them: always decoded and encoded by us, small ones kept in memory."""

from __future__ import annotations

import threading
from collections import OrderedDict

from common.artifact import Artifact
from common.thumbnails import Thumbnails

SMALL, LARGE = 240, 1280
KEPT_BYTES = 128 * 1024 * 1024


class Pictures:
    """The pictures of a snapshot as JPEG."""

    def __init__(self, snapshot: Artifact) -> None:
        self._thumbnails = Thumbnails(snapshot)
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def small(self, image: str) -> bytes | None:
        """Return a picture for the contact sheet; None where it cannot be shown."""
        with self._lock:
            if image in self._kept:
                self._kept.move_to_end(image)
                return self._kept[image]
        data = self._thumbnails.jpeg(image, SMALL)
        if data is not None:
            self._keep(image, data)
        return data

    def large(self, image: str) -> bytes | None:
        """Return a picture to look at; None where it cannot be shown."""
        return self._thumbnails.jpeg(image, LARGE, quality=85)

    def _keep(self, image: str, data: bytes) -> None:
        with self._lock:
            self._bytes += len(data) - len(self._kept.get(image, b""))
            self._kept[image] = data
            while self._bytes > KEPT_BYTES:
                self._bytes -= len(self._kept.popitem(last=False)[1])
