"""Which pictures are the same: hashes, and the pairs that lie close.

Exact: equal bytes (the id) or equal pixels. Near: imagehash's dHash of 16 x 16 bits
(difference hash; Krawetz, 2013), at most so many bits apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import TYPE_CHECKING

from common.records import Value

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from common.images import Pixels

HASHES = "hashes.parquet"
HASH_SIDE = 16
_BLOCK = 1024


class Hash(Value, frozen=True, kw_only=True):
    """A picture's hashes. `pixels` is the sha256 of its decoded RGB; `dhash` has 256 bits (hex)."""

    id: str
    pixels: str
    dhash: str
    width: int
    height: int
    size: int


def hash_picture(image_id: str, pixels: Pixels, size: int) -> Hash:
    """Hash a decoded picture (RGB uint8, height x width x 3) of `size` bytes."""
    import imagehash
    from PIL import Image

    height, width = pixels.shape[:2]
    shape = f"{width}x{height}:".encode()
    return Hash(
        id=image_id,
        pixels=sha256(shape + pixels.tobytes()).hexdigest(),
        dhash=str(imagehash.dhash(Image.fromarray(pixels), hash_size=HASH_SIDE)),
        width=width,
        height=height,
        size=size,
    )


def pairs(hashes: list[Hash], distance: int) -> Iterator[tuple[int, int]]:
    """Yield the index pairs (i < j) of pictures that are the same, by pixels or within `distance` bits."""
    import numpy as np

    bits = _as_words([one.dhash for one in hashes])
    pixels = np.unique([one.pixels for one in hashes], return_inverse=True)[1] if hashes else np.zeros(0, np.int64)
    for start in range(0, len(hashes), _BLOCK):
        block = bits[start : start + _BLOCK]
        apart = np.bitwise_count(block[:, None, :] ^ bits[None, :, :]).sum(axis=2, dtype=np.int64)
        same = (apart <= distance) | (pixels[start : start + _BLOCK, None] == pixels[None, :])
        rows, columns = np.nonzero(same)
        later = columns > rows + start
        yield from zip((rows[later] + start).tolist(), columns[later].tolist(), strict=True)


def _as_words(hashes: list[str]) -> NDArray[np.uint64]:
    """Return hex hashes as 64-bit words, shape (n, 4)."""
    import numpy as np

    words = HASH_SIDE * HASH_SIDE // 64
    raw = b"".join(bytes.fromhex(one) for one in hashes)
    return np.frombuffer(raw, dtype=np.uint64).reshape(-1, words)
