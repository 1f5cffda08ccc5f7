"""Small pictures for pages."""

from __future__ import annotations

import base64
from pathlib import Path

from common import images
from common.dataset import rows_of
from common.store.memory import MemoryStore
from common.thumbnails import LARGE, SMALL, Thumbnails
from tests.support.scraped import snapshot_of


def test_thumbnails_are_small_and_a_picture_that_cannot_be_shown_leaves_a_gap(memory: MemoryStore, folder: Path) -> None:
    snapshot = snapshot_of(memory, folder)
    thumbnail = Thumbnails(snapshot)
    image = rows_of(snapshot)[0].id
    for small, side in ((False, LARGE), (True, SMALL)):
        data = base64.b64decode(thumbnail(image, small=small).partition(",")[2])
        assert max(images.decode(data).shape) <= side
    assert thumbnail("no such picture") == ""
    small_jpeg = thumbnail.jpeg(image, 20)
    assert small_jpeg is not None
    assert max(images.decode(small_jpeg).shape[:2]) == 20
    assert thumbnail.jpeg("no such picture", 20) is None
