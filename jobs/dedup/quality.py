"""How good a picture is to look at: measures of each, and the words for what is amiss.

Measures are taken where pictures are hashed, once for each; what counts as amiss is decided from them in the small step, so that
another threshold costs seconds. The first seven kinds are cleanvision's, measured as it does (0.3.7) on a smaller decoding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common.records import Value

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    from common.images import Reduced

    Levels = NDArray[np.uint8]

MEASURES = "quality.parquet"
_BLUR_SIDE = 64
_SAMPLED = 128
_DRAWN_SIDE = 128
_SHADES, _PAINTS, _ALIKE, _CONTRAST = 32, 4, 2, 100
_LEVELS, _STEPS = 256, 4095


class Measure(Value, frozen=True, kw_only=True):
    """What is measured of a picture, in full where no more is said.

    `brightest` and `darkest` are the 99th and the 5th percentile of perceived brightness (0-1); `information` is the entropy of the
    levels of all three channels (bits); `sharpness` goes from 0 (a blur) to 1; `colour` is the 99th percentile of how far a pixel's
    channels lie apart (0-255); `drawn` goes from 0 (a photograph) to 1 (flat, in a few shades that differ much).
    """

    id: str
    width: int
    height: int
    brightest: float
    darkest: float
    information: float
    sharpness: float
    colour: int
    drawn: float


def measure(image_id: str, seen: Reduced) -> Measure:
    """Measure a picture as it was decoded for its hash."""
    import numpy as np

    sample = np.asarray(_sampled(seen.image))
    darkest, brightest = _brightness(sample)
    return Measure(
        id=image_id,
        width=seen.width,
        height=seen.height,
        brightest=brightest,
        darkest=darkest,
        information=_rounded(seen.image.entropy()),
        sharpness=_sharpness(seen.image),
        colour=_colour(sample),
        drawn=_drawn(seen.image),
    )


def _sampled(picture: Image.Image) -> Image.Image:
    """Return single pixels of a picture, not their means: what is the brightest must stay so."""
    from PIL import Image

    ratio = min(1.0, _SAMPLED / min(picture.size))
    return picture.resize((round(picture.width * ratio), round(picture.height * ratio)), Image.Resampling.NEAREST)


def _brightness(sample: Levels) -> tuple[float, float]:
    """Return the 5th and 99th percentile of the perceived brightness (0-1) of RGB pixels; weights by Finley (2006)."""
    import numpy as np

    squares = np.square(np.arange(_LEVELS, dtype=np.float32) / (_LEVELS - 1))
    weighted = (0.241 * squares)[sample[..., 0]] + (0.691 * squares)[sample[..., 1]] + (0.068 * squares)[sample[..., 2]]
    steps = (np.sqrt(weighted) * _STEPS).astype(np.int64)
    return _rounded(_percentile(steps, 5) / _STEPS), _rounded(_percentile(steps, 99) / _STEPS)


def _colour(sample: Levels) -> int:
    """Return the 99th percentile of how far the channels of a pixel lie apart."""
    import numpy as np

    red, green, blue = sample[..., 0], sample[..., 1], sample[..., 2]
    widest = np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue)
    return _percentile(widest, 99)


def _percentile(values: NDArray[np.integer[Any]], percent: float) -> int:
    """Return a percentile of small whole numbers by counting, which is far faster than sorting them."""
    import numpy as np

    until = np.cumsum(np.bincount(values.ravel()))
    return int(np.searchsorted(until, until[-1] * percent / 100))


def _sharpness(picture: Image.Image) -> float:
    """Return how much the edges of a picture of 64 pixels vary, and how unevenly its greys are used, as one figure (0-1)."""
    import numpy as np
    from PIL import ImageFilter

    grey = picture.convert("L")
    ratio = max(grey.size) / _BLUR_SIDE
    if ratio > 1:
        grey = grey.resize((max(1, int(grey.width // ratio)), max(1, int(grey.height // ratio))))
    edges = float(np.std(np.asarray(grey.filter(ImageFilter.FIND_EDGES), np.float32)))
    uneven = 1 - np.exp(-float(np.std(grey.histogram())) / 100)
    return _rounded(min(1.0, 1 - np.exp(-edges / 100) + (uneven if uneven > 0.18 else 0)))


def _drawn(picture: Image.Image) -> float:
    """Return the share of pixels that are as their right and lower neighbours, or that of the four commonest shades if it is less.

    It is 0 without strong contrast: plain cloth is no drawing.
    """
    import numpy as np

    ratio = int(min(picture.size) / _DRAWN_SIDE)
    grey = np.asarray((picture.reduce(ratio) if ratio > 1 else picture).convert("L")).astype(np.int16)
    if np.ptp(grey) < _CONTRAST:
        return 0.0
    alike = (abs(grey[:-1, 1:] - grey[:-1, :-1]) <= _ALIKE) & (abs(grey[1:, :-1] - grey[:-1, :-1]) <= _ALIKE)
    shades = np.sort(np.bincount(grey.ravel() // (_LEVELS // _SHADES), minlength=_SHADES))
    return _rounded(min(alike.mean(), shades[-_PAINTS:].sum() / grey.size))


def _rounded(value: float) -> float:
    """Return six decimals: the last bits are the processor's, not the picture's."""
    return round(float(value), 6)
