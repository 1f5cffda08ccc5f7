"""Pictures that a service was unsure of, kept for people to look at.

    inbox/DATASET/entries/GGGG-ID.json   what the model thought of it
    inbox/DATASET/pictures/ID            its bytes; ID is their sha256

GGGG is how far the two best classes were apart, in ten-thousandths: the order of the keys is the
order in which people learn a model most. The picture is written before its entry and removed
after it, so that an entry always has its picture. An inbox has room for so many, and what tells
least goes first.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from common import records
from common.errors import AlreadyExists, BadInput, NotFound
from common.records import Document
from common.store.base import Store


class Entry(Document, frozen=True, kw_only=True, tag="inbox/1"):
    """What model `version` thought of picture `image` at the time `at` (ISO 8601, UTC); `format` is Pillow's name of the format."""

    dataset: str
    image: str
    version: str
    probabilities: dict[str, float]
    format: str
    at: str


def folder(dataset: str) -> str:
    return f"inbox/{dataset}/entries/"


def picture_place(dataset: str, image: str) -> str:
    return f"inbox/{dataset}/pictures/{image}"


def entry_place(entry: Entry) -> str:
    return f"{folder(entry.dataset)}{round(9999 * gap(entry.probabilities)):04d}-{entry.image}.json"


def gap(probabilities: dict[str, float]) -> float:
    """Return how far the two best classes are apart: 0 tells most, 1 least."""
    best = sorted(probabilities.values(), reverse=True)
    return min(1.0, max(0.0, best[0] - best[1])) if len(best) > 1 else 1.0


def read(store: Store, dataset: str) -> Iterator[Entry]:
    """Yield what is in the inbox, most telling first, each picture once; damaged entries are passed over."""
    seen = set()
    for found in list(store.list(folder(dataset))):
        with contextlib.suppress(NotFound, BadInput):
            entry = records.decode(store.get(found.key).data, Entry, found.key)
            if entry.image not in seen:
                seen.add(entry.image)
                yield entry


def picture(store: Store, dataset: str, image: str) -> bytes:
    """Return a picture's bytes. Raises NotFound."""
    return store.get(picture_place(dataset, image)).data


def remove(store: Store, dataset: str, image: str) -> None:
    """Take a picture out: somebody said what it is, or that it is nothing."""
    for key in [found.key for found in store.list(folder(dataset)) if _image_of(found.key) == image]:
        store.delete(key)
    store.delete(picture_place(dataset, image))


class Inbox:
    """Where a service puts what it was unsure of: at most `most` pictures; not for several threads at once."""

    def __init__(self, store: Store, dataset: str, most: int) -> None:
        self._store = store
        self._dataset = dataset
        self._most = most

    def keep(self, data: bytes, entry: Entry) -> bool:
        """Put a picture in, unless it is there already or everything there tells more; says whether it was put in."""
        key = entry_place(entry)
        known = [found.key for found in self._store.list(folder(self._dataset))]
        if any(_image_of(other) == entry.image for other in known):
            return False
        if len(known) >= self._most:
            if key >= known[-1]:
                return False
            for other in known[self._most - 1 :]:
                self._store.delete(other)
                self._store.delete(picture_place(self._dataset, _image_of(other)))
        self._store.put(picture_place(self._dataset, entry.image), data)
        with contextlib.suppress(AlreadyExists):
            self._store.put(key, records.encode(entry), "create")
        return True


def _image_of(key: str) -> str:
    return key.rpartition("/")[2].removesuffix(".json").partition("-")[2]
