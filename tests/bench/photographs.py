"""JPEG pictures like a telephone's after a messenger: some 64 KB, the same at every run."""

from __future__ import annotations

import functools
import io

import cv2
import numpy as np
from PIL import Image

from common import shards
from common.images import image_id

WIDTH, HEIGHT, QUALITY, MOTIFS = 640, 480, 83, 32


def photograph(number: int, width: int = WIDTH, height: int = HEIGHT, quality: int = QUALITY) -> shards.Picture:
    """Return picture `number` on its way into a shard.

    There are MOTIFS motifs; a comment with the number makes each file one of its own.
    """
    note = b"%08d" % number
    plain = _motif(number % MOTIFS, width, height, quality)
    data = plain[:2] + b"\xff\xfe" + (len(note) + 2).to_bytes(2, "big") + note + plain[2:]
    return shards.Picture(image_id(data), "jpg", data, width, height)


@functools.cache
def _motif(seed: int, width: int, height: int, quality: int) -> bytes:
    """Return light and shade at four scales with the grain of a sensor."""
    random = np.random.default_rng(seed)
    picture = np.full((height, width, 3), 128, np.float32)
    for cells, contrast in ((4, 45), (16, 25), (64, 15), (160, 9)):
        coarse = random.normal(0, contrast, (cells * 3 // 4, cells, 3)).astype(np.float32)
        picture += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    picture += random.normal(0, 5, (height, width, 1)).astype(np.float32)
    buffer = io.BytesIO()
    Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
