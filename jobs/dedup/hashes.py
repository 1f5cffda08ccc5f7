"""Which pictures are the same: what is kept of each to tell, and which of them lie close.

Exact: equal bytes (the id) or equal pixels. Near: 256-bit hashes at most so many bits apart. The hash is of our own making (`dct`)
or imagehash's dHash of 16 x 16 (`dhash`; Krawetz, 2013), bit for bit. A picture with next to nothing in it
has a hash of noise, so it is the same as another only where their pixels are equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

from common import images
from common.records import Value
from jobs.dedup import frequencies

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

HASHES = "hashes.parquet"
DCT, DHASH = "dct", "dhash"
KINDS = (DCT, DHASH)
BITS = 256
BYTES = BITS // 8
# Hash and measures need no more of a picture; a decoder that knows scales leaves the rest out.
LOOKED_AT = 128
# Of 256 frequencies so many must stand out of the noise. Plain cloth, blank paper and two halves of two tones have fewer.
LEAST_CONTENT = 40
_DHASH_SIDE = 16


class Hash(Value, frozen=True, kw_only=True):
    """What tells a picture from others. `bits` is its hash (hex, 256 bits); `content` says how many frequencies stand out of the noise.

    `pixels` is the sha256 of its RGB pixels as decoded for the hash, with its size in full. Pictures without content are decoded in full
    for it, and so are all that know no scales: then equal pixels have equal sums whatever the format.
    """

    id: str
    pixels: str
    bits: str
    content: int
    width: int
    height: int
    size: int

    @property
    def plain(self) -> bool:
        """Say whether the hash says nothing, because the picture shows next to nothing."""
        return self.content < LEAST_CONTENT


def look_at(data: bytes, kind: str = DCT) -> images.Reduced:
    """Decode a picture as small as the hash allows. Raises BadInput."""
    return images.open_reduced(data, LOOKED_AT if kind == DCT else 0)


def hash_picture(image_id: str, data: bytes, seen: images.Reduced, kind: str = DCT) -> Hash:
    """Hash a picture that was looked at; `data` are its bytes. Raises BadInput."""
    found = frequencies.of(seen.image)
    content = frequencies.content(found)
    scaled = (seen.width, seen.height) != seen.image.size
    whole = images.open_reduced(data, 0) if scaled and content < LEAST_CONTENT else seen
    return Hash(
        id=image_id,
        pixels=_sum(whole),
        bits=(frequencies.signs(found) if kind == DCT else _dhash(seen.image)).hex(),
        content=content,
        width=seen.width,
        height=seen.height,
        size=len(data),
    )


def matrix(hashes: Sequence[Hash]) -> NDArray[np.uint8]:
    """Return the bits of hashes, uint8 (n, 32)."""
    import numpy as np

    raw = b"".join(bytes.fromhex(one.bits) for one in hashes)
    return np.frombuffer(raw, np.uint8).reshape(len(hashes), BYTES)


def _sum(seen: images.Reduced) -> str:
    digest = sha256(f"{seen.width}x{seen.height} {seen.image.size}:".encode())
    digest.update(seen.image.tobytes())
    return digest.hexdigest()


def _dhash(picture: Image.Image) -> bytes:
    """Return whether each of 16 x 16 pixels is darker than its right neighbour, as imagehash.dhash does."""
    import numpy as np
    from PIL import Image

    grey = np.asarray(picture.convert("L").resize((_DHASH_SIDE + 1, _DHASH_SIDE), Image.Resampling.LANCZOS))
    return np.packbits(grey[:, 1:] > grey[:, :-1]).tobytes()
