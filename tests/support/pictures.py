"""Small pictures of two kinds that any backbone tells apart, and folders of them."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from common import images, shards


def drawing(kind: str, seed: int, side: int = 32) -> NDArray[np.uint8]:
    """Return an RGB picture: `bars` upright, `rows` level, `spots` scattered, anything else noise."""
    random = np.random.default_rng([seed, *kind.encode()])
    across, down = np.meshgrid(np.arange(side), np.arange(side))
    period, shift = random.uniform(5, 9), random.uniform(0, 9)
    if kind == "bars":
        grey = np.sin(2 * np.pi * (across + shift) / period)
    elif kind == "rows":
        grey = np.sin(2 * np.pi * (down + shift) / period)
    elif kind == "spots":
        grey = np.sin(2 * np.pi * (across + shift) / period) * np.sin(2 * np.pi * (down + shift) / period)
    else:
        grey = random.uniform(-1, 1, (side, side))
    shaded = 128 + 90 * grey + random.normal(0, 8, (side, side))
    tint = random.uniform(0.7, 1.0, 3)
    painted: NDArray[np.uint8] = np.clip(shaded[..., None] * tint, 0, 255).astype(np.uint8)
    return painted


def cloud(seed: int, width: int = 320, height: int = 240) -> NDArray[np.uint8]:
    """Return an RGB picture of light and shade at several scales, as photographs have them: no two seeds alike."""
    random = np.random.default_rng(seed)
    painted = np.full((height, width, 3), 128.0, np.float32)
    for cells, contrast in ((4, 35), (16, 25), (64, 15)):
        coarse = random.normal(0, contrast, (cells, cells, 3)).astype(np.float32)
        painted += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(painted, 0, 255).astype(np.uint8)


def encode(picture: NDArray[np.uint8], kind: str = "PNG", **options: object) -> bytes:
    """Return a picture's bytes in a format of Pillow's."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, kind, **options)
    return buffer.getvalue()


def make_folder(root: Path, counts: Mapping[str, int], start: int = 0) -> Path:
    """Write a folder of class folders; returns it."""
    for label, count in counts.items():
        (root / label).mkdir(parents=True, exist_ok=True)
        for index in range(start, start + count):
            (root / label / f"{index:04d}.png").write_bytes(encode(drawing(label, index)))
    return root


def shard_picture(data: bytes) -> shards.Picture:
    """Return a picture on its way into a shard."""
    image, kind = images.open_upright(data)
    return shards.Picture(images.image_id(data), images.EXTENSIONS[kind], data, image.width, image.height)
