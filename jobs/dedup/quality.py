"""How good a picture is to look at: measures of each, and the words for what is amiss.

Measures are taken where pictures are hashed, once for each; what counts as amiss is decided from them in the small step, so that
another threshold costs seconds. The first seven kinds are cleanvision's, measured as it does (0.3.7) on a smaller decoding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.records import Value

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    from common.images import Reduced

    Grey = NDArray[np.uint8]

MEASURES = "quality.parquet"
_BLUR_SIDE = 64
_SAMPLED = 128
_DRAWN_SIDE = 128
_SHADES, _PAINTS = 32, 4
_LEVELS = 256


class Measure(Value, frozen=True, kw_only=True):
    """What is measured of a picture, in full where no more is said.

    `brightest` and `darkest` are the 99th and the 5th percentile of perceived brightness (0-1); `information` is the entropy of the
    levels of all three channels (bits); `sharpness` goes from 0 (a blur) to 1; `colour` is the 99th percentile of how far a pixel's
    channels lie apart (0-255); `flat` is the share of pixels like their neighbours, `paints` that of the four commonest shades (0-1).
    """

    id: str
    width: int
    height: int
    brightest: float
    darkest: float
    information: float
    sharpness: float
    colour: float
    flat: float
    paints: float


def measure(image_id: str, seen: Reduced) -> Measure:
    """Measure a picture as it was decoded for its hash."""
    import numpy as np

    sample = np.asarray(_sampled(seen.image))
    darkest, brightest = _brightness(sample)
    flat, paints = _drawn(seen.image)
    return Measure(
        id=image_id,
        width=seen.width,
        height=seen.height,
        brightest=brightest,
        darkest=darkest,
        information=_rounded(seen.image.entropy()),
        sharpness=_sharpness(seen.image),
        colour=_rounded(np.percentile(sample.max(axis=2) - sample.min(axis=2), 99)),
        flat=flat,
        paints=paints,
    )


def _sampled(picture: Image.Image) -> Image.Image:
    """Return single pixels of a picture, not their means: what is the brightest must stay so."""
    from PIL import Image

    ratio = min(1.0, _SAMPLED / min(picture.size))
    return picture.resize((round(picture.width * ratio), round(picture.height * ratio)), Image.Resampling.NEAREST)


def _brightness(sample: Grey) -> tuple[float, float]:
    """Return the 5th and 99th percentile of the perceived brightness (0-1) of RGB pixels; weights by Finley (2006)."""
    import numpy as np

    squares = np.square(np.arange(_LEVELS, dtype=np.float32) / 255)
    bright = np.sqrt(0.241 * squares[sample[..., 0]] + 0.691 * squares[sample[..., 1]] + 0.068 * squares[sample[..., 2]])
    low, high = np.percentile(bright, (5, 99))
    return _rounded(low), _rounded(high)


def _sharpness(picture: Image.Image) -> float:
    """Return how much the edges of a picture of 64 pixels vary, and how unevenly its greys are used, as one figure (0-1)."""
    import numpy as np
    from PIL import ImageFilter

    ratio = max(picture.size) / _BLUR_SIDE
    small = picture.resize((max(1, int(picture.width // ratio)), max(1, int(picture.height // ratio)))) if ratio > 1 else picture
    grey = small.convert("L")
    edges = float(np.std(np.asarray(grey.filter(ImageFilter.FIND_EDGES), np.float32)))
    uneven = 1 - np.exp(-float(np.std(grey.histogram())) / 100)
    return _rounded(min(1.0, 1 - np.exp(-edges / 100) + (uneven if uneven > 0.18 else 0)))


def _drawn(picture: Image.Image) -> tuple[float, float]:
    """Return the share of pixels that are as their right and lower neighbours, and that of the commonest shades."""
    import numpy as np

    ratio = min(picture.size) / _DRAWN_SIDE
    small = picture.reduce(int(ratio)) if ratio >= 2 else picture
    grey = np.asarray(small.convert("L"), np.int16)
    across, down = abs(grey[:-1, 1:] - grey[:-1, :-1]), abs(grey[1:, :-1] - grey[:-1, :-1])
    flat = float(((across <= 2) & (down <= 2)).mean()) if across.size else 0.0
    counts = np.bincount(grey.ravel() * _SHADES // _LEVELS, minlength=_SHADES)
    return _rounded(flat), _rounded(np.sort(counts)[-_PAINTS:].sum() / counts.sum())


def _rounded(value: float) -> float:
    """Return six decimals: the last bits are the processor's, not the picture's."""
    return round(float(value), 6)
