"""The inbox on the table: pictures that a service was unsure of, for people to say what they are.

They are not of the dataset yet. A word on one is an edit like any other and holds when the picture comes in by the
source; those that were labelled can be saved as class folders, to be put where the source is.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any

from common import images, inbox
from common.errors import BadInput, NotFound
from common.images import EXTENSIONS
from common.records import Edit
from common.store import Store

MOST_ZIP_BYTES = 256 * 1024 * 1024


class Incoming:
    """The inbox of a dataset as last read."""

    def __init__(self, store: Store, dataset: str) -> None:
        self._store = store
        self._dataset = dataset
        self._entries: dict[str, inbox.Entry] = {}

    def document(self) -> dict[str, Any]:
        """Read the inbox anew; return it most telling first, each picture with the model's three likeliest classes."""
        self._entries = {entry.image: entry for entry in inbox.read(self._store, self._dataset)}
        found = list(self._entries.values())
        best = [sorted(entry.probabilities.items(), key=lambda one: -one[1])[:3] for entry in found]
        return {
            "ids": [entry.image for entry in found],
            "names": [f"asked {entry.at}, model {entry.version[:12]}" for entry in found],
            "top": [[name for name, _ in row] for row in best],
            "chance": [[round(chance, 3) for _, chance in row] for row in best],
        }

    def knows(self, image: str) -> bool:
        """Was this picture in the inbox when it was read?"""
        return image in self._entries

    def jpeg(self, image: str, side: int) -> bytes | None:
        """Return a picture as JPEG, or None where it cannot be shown."""
        try:
            picture = images.open_reduced(self._read(image), side).image
        except (NotFound, BadInput):
            return None
        picture.thumbnail((side, side))
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=80)
        return buffer.getvalue()

    def labelled(self, words: Mapping[str, Edit]) -> bytes:
        """Return a ZIP of class folders with the pictures that have a label. Raises BadInput where there are too many bytes."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for image, entry in self._entries.items():
                word = words.get(image)
                if word is None or word.action != "label":
                    continue
                try:
                    data = self._read(image)
                except (NotFound, BadInput):
                    continue
                if buffer.tell() + len(data) > MOST_ZIP_BYTES:
                    raise BadInput(f"The labelled pictures have more than {MOST_ZIP_BYTES} bytes: put some aside (X) first.")
                name = zipfile.ZipInfo(f"{_folder(word.label)}/{image[:24]}.{EXTENSIONS.get(entry.format, 'jpg')}")
                archive.writestr(name, data)
        return buffer.getvalue()

    def put_aside(self, chosen: list[str]) -> None:
        """Take pictures out of the inbox."""
        for image in chosen:
            if self._entries.pop(image, None) is not None:
                inbox.remove(self._store, self._dataset, image)

    def _read(self, image: str) -> bytes:
        if image not in self._entries:
            raise NotFound(f"{image[:70]!r} is not in the inbox.")
        data = inbox.picture(self._store, self._dataset, image)
        if images.image_id(data) != image:
            raise BadInput(f"picture {image[:12]} of the inbox is not what was kept.")
        return data


def _folder(label: str) -> str:
    """Return a label as a folder's name that climbs out of nothing."""
    return label.replace("/", "_").replace("\\", "_").replace(":", "_").lstrip(".") or "_"
