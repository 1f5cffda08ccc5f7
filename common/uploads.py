"""Files that somebody's machine has sent to the store, because pods cannot read that machine.

They lie under the sha256 of their bytes, so none is sent twice. Whoever sends one hashes the very
bytes that are sent, and whoever reads one hashes them again: no upload is half believed.
"""

from __future__ import annotations

from hashlib import sha256

from common.errors import NotFound, StoreRefused
from common.store.base import Store

FOLDER = "uploads/"
LOCATOR = "uploads"  # in a plan: the source's files lie here, not in a folder (whose path would be absolute)


def key(digest: str) -> str:
    """Return where a file of this sha256 (hex) lies."""
    return f"{FOLDER}{digest[:2]}/{digest}"


class Uploads:
    """What a stage may see of a store's uploads: it can read the one whose sha256 it knows."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self, digest: str) -> bytes:
        """Return a file's bytes.

        Raises:
            StoreRefused: it is not there, or is not what was sent. No word on the picture, so no row: the run ends.
        """
        place = key(digest)
        try:
            data = self._store.get(place).data
        except NotFound as error:
            raise NotFound(f"{place} is not in {self._store.url}. Submit again: it is sent again.") from error
        if sha256(data).hexdigest() != digest:
            raise StoreRefused(f"{place} in {self._store.url} is not what was sent (sha256 differs). Delete it and submit again.")
        return data
