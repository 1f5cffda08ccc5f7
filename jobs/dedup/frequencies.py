"""The default hash: the signs of a picture's lowest frequencies, after PDQ (Davis and Rosen, 2019).

The picture is made grey, shrunk by area to 64 x 64 and transformed (DCT-II); kept are 16 x 16 frequencies, the
constant row and column left out, so that neither brightness nor a gradient of light counts. A bit says whether a frequency
is positive. PDQ compares with their median, which moves when a picture is mirrored; signs do not: the hash of a
picture turned or mirrored follows from its own (`turned`), bit for bit but for ties.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    Frequencies = NDArray[np.float64]

SIDE, KEPT = 64, 16
# A frequency stands out where its amplitude is at least so many of 256 grey levels: what rounding and JPEG leave is less.
NOISE = 0.2
# What turning does: the axes change places first, then odd frequencies across and down change their signs. Degrees go against the clock.
_WAYS = {
    "upright": (False, False, False),
    "mirrored": (False, True, False),
    "upside down": (False, True, True),
    "mirrored and upside down": (False, False, True),
    "turned by 90": (True, False, True),
    "turned by 270": (True, True, False),
    "mirrored and turned by 90": (True, False, False),
    "mirrored and turned by 270": (True, True, True),
}
# Which ways a dataset's setting allows. A way and its reverse are always both there: each pair is looked for in one direction.
WAYS = {"upright": ("upright",), "mirrored": ("upright", "mirrored"), "all": tuple(_WAYS)}
UPRIGHT = WAYS["upright"]


def of(picture: Image.Image) -> Frequencies:
    """Return the frequencies 1 to 16 down and across of an RGB picture, float64 (16, 16), as amplitudes in grey levels."""
    import numpy as np
    from PIL import Image

    grey = picture.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
    return _basis() @ np.asarray(grey, np.float64) @ _basis().T


def signs(found: Frequencies) -> bytes:
    """Return the hash: 256 bits, row by row, 1 where a frequency is positive."""
    import numpy as np

    return np.packbits(found > 0).tobytes()


def content(found: Frequencies) -> int:
    """Return how many of the 256 frequencies stand out of the noise: the measure of what there is to see."""
    return int((abs(found) >= NOISE).sum())


def turned(hashes: NDArray[np.uint8], way: str) -> NDArray[np.uint8]:
    """Return what hashes, uint8 (n, 32), would be were their pictures turned or mirrored that way."""
    import numpy as np

    if way == "upright":
        return hashes
    transposed, across, down = _WAYS[way]
    bits = np.unpackbits(hashes, axis=1).reshape(-1, KEPT, KEPT).astype(bool)
    if transposed:
        bits = bits.transpose(0, 2, 1)
    odd = np.arange(1, KEPT + 1) % 2 == 1
    if across:
        bits = bits ^ odd[None, None, :]
    if down:
        bits = bits ^ odd[None, :, None]
    return np.packbits(bits.reshape(len(hashes), -1), axis=1)


def turned_planes(planes: NDArray[np.uint8], way: str) -> NDArray[np.uint8]:
    """Return planes of pixels, (n, side, side), turned or mirrored that way."""
    transposed, across, down = _WAYS[way]
    turned = planes.transpose(0, 2, 1) if transposed else planes
    return turned[:, :: -1 if down else 1, :: -1 if across else 1]


@functools.cache
def _basis() -> Frequencies:
    """Return the cosines 1 to 16 over 64 points, float64 (16, 64); a cosine of amplitude 1 has frequency 1."""
    import numpy as np

    waves, points = np.arange(1, KEPT + 1)[:, None], np.arange(SIDE)[None, :]
    cosines: Frequencies = 2.0 / SIDE * np.cos(np.pi * (2 * points + 1) * waves / (2 * SIDE))
    return cosines
