"""Small pictures for pages, read one by one out of a snapshot's shards."""

from __future__ import annotations

import base64
import functools
import io

from common import images, shards
from common.artifact import Artifact, UnitReader
from common.errors import BadInput, Damaged

LARGE, SMALL = 160, 96


class Thumbnails:
    """Reads single pictures of a snapshot by range."""

    def __init__(self, snapshot: Artifact) -> None:
        self._snapshot = snapshot

    def __call__(self, image_id: str, *, small: bool = False) -> str:
        """Return a JPEG as a data URL, or "" where the picture cannot be shown."""
        if image_id not in self._places:
            return ""
        try:
            picture = images.decode(shards.read_picture(*self._places[image_id]))
        except BadInput:
            return ""
        data = images.thumbnail(picture, SMALL if small else LARGE, quality=60 if small else 70)
        return "data:image/jpeg;base64," + base64.b64encode(data).decode()

    def jpeg(self, image_id: str, side: int, quality: int = 75) -> bytes | None:
        """Return a JPEG whose long side is at most `side` pixels, or None where the picture cannot be shown."""
        if image_id not in self._places:
            return None
        try:
            picture = images.open_reduced(shards.read_picture(*self._places[image_id]), side).image
        except (BadInput, Damaged):
            return None
        picture.thumbnail((side, side))
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=quality)
        return buffer.getvalue()

    @functools.cached_property
    def _places(self) -> dict[str, tuple[UnitReader, shards.Entry]]:
        return {entry.id: (unit, entry) for unit in self._snapshot.units for entry in shards.read_index(unit)}
