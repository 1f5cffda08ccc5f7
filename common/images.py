"""Pictures: safe decoding, orientation, and the one definition of preprocessing.

Every stage that turns bytes into pixels, or pixels into a network's input, does it here, so
that training, evaluation and serving cannot drift apart. What a model expects is written in
its card (`Preprocessing`) and applied by `preprocess`, nowhere else.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from common.errors import BadInput
from common.records import Value

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    Pixels = NDArray[np.uint8]
    Tensor = NDArray[np.float32]

# The formats that Pillow may try; EPS, PDF, FITS and the like are never opened.
EXTENSIONS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif", "BMP": "bmp", "TIFF": "tif"}
FORMATS = tuple(EXTENSIONS)
_SAME = {"MPO": "JPEG"}  # several JPEGs one after the other, as telephones write them; the first is the picture
ORIENTATION = 0x0112
MAX_RESOLUTION = 2048
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")


@dataclass(frozen=True)
class Limits:
    """What a picture may be, checked before it is decoded."""

    max_bytes: int = 20 * 1024 * 1024
    max_pixels: int = 50_000_000
    max_side: int = 16_384
    min_side: int = 8


class Preprocessing(Value, frozen=True, kw_only=True):
    """How a picture becomes a network's input: size, then colour order, then (x * scale - mean) / std.

    `fit`: "cover" resizes the short side to `resolution` and cuts the middle; "letterbox"
    resizes the long side and pads with `pad` (0-255); "stretch" ignores the aspect.
    `mean` and `std` have one entry for each channel, in the network's order.
    """

    resolution: Annotated[int, msgspec.Meta(ge=1, le=MAX_RESOLUTION)]
    fit: Literal["cover", "letterbox", "stretch"] = "cover"
    pad: int = 114
    colour: Literal["RGB", "BGR"] = "RGB"
    scale: float = 1.0 / 255.0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def at(self, resolution: int) -> Preprocessing:
        """Return the same at another resolution (0: unchanged)."""
        return msgspec.structs.replace(self, resolution=resolution) if resolution else self


def check_bytes(size: int, limits: Limits | None = None) -> None:
    """Refuse a file by its size, perhaps before it is read. Raises BadInput."""
    bounds = limits or Limits()
    if size > bounds.max_bytes:
        raise BadInput(f"{size} bytes, more than {bounds.max_bytes}")


def image_id(data: bytes) -> str:
    """Return a picture's identity: the sha256 (hex) of its bytes."""
    return sha256(data).hexdigest()


def decode(data: bytes, limits: Limits | None = None) -> Pixels:
    """Decode the first frame, upright, as RGB uint8 of shape (height, width, 3).

    Transparency is laid over white. Raises BadInput with the reason in a few words.
    """
    import numpy as np

    return np.asarray(open_upright(data, limits)[0], dtype=np.uint8)


def open_upright(data: bytes, limits: Limits | None = None) -> tuple[Image.Image, str]:
    """Decode the first frame, upright, as Pillow's RGB image, and return its format's name as well.

    Memory: at most three bytes a pixel beside what the decoder itself holds. Raises BadInput.
    """
    reduced = open_reduced(data, 0, limits)
    return reduced.image, reduced.format


@dataclass(frozen=True)
class Reduced:
    """The first frame, upright, in RGB, perhaps smaller than it is; `width` and `height` are what it measures in full."""

    image: Image.Image
    width: int
    height: int
    format: str


def open_reduced(data: bytes, side: int, limits: Limits | None = None) -> Reduced:
    """Decode as `open_upright` does, at a scale that leaves the short side at least `side` pixels (0: in full).

    JPEG alone knows scales (a half, a quarter, an eighth). They cost less, and the decoder reads every byte all the same:
    what is accepted at one scale is accepted at any. Raises BadInput with the reason in a few words.
    """
    from PIL import Image, ImageOps

    bounds = limits or Limits()
    if not data:
        raise BadInput("the file is empty")
    check_bytes(len(data), bounds)
    with warnings.catch_warnings():
        # Everything that Pillow only warns of (a bomb, broken EXIF) is decided by our own limits.
        warnings.simplefilter("ignore")
        try:
            image: Image.Image = Image.open(io.BytesIO(data), formats=FORMATS)
            _check_size(image.size, bounds)
            kind = _SAME.get(str(image.format), str(image.format))
            full = _reduce(image, side)
            image.load()
            width, height = reversed(full or image.size) if _lies(image) else (full or image.size)
            ImageOps.exif_transpose(image, in_place=True)
            return Reduced(_to_rgb(image), width, height, kind)
        except BadInput:
            raise
        except MemoryError as error:
            raise BadInput("decoding needs more memory than it may have") from error
        except Exception as error:  # a decoder may raise anything on hostile bytes
            raise BadInput(f"cannot be decoded ({_words(error)})") from error


def shrink(reduced: Reduced, side: int) -> tuple[int, int, bytes]:
    """Return width, height and bytes of a JPEG of quality 95 whose short side is `side`, shrunk by area as `resize` does.

    Only pixels are kept, no EXIF and no colour profile. The same bytes on any machine of a type.
    """
    from PIL import Image

    ratio = side / min(reduced.width, reduced.height)
    size = (max(side, round(reduced.width * ratio)), max(side, round(reduced.height * ratio)))
    buffer = io.BytesIO()
    reduced.image.resize(size, Image.Resampling.BOX).save(buffer, "JPEG", quality=95)
    return (*size, buffer.getvalue())


def fit(image: Pixels, how: Preprocessing) -> Pixels:
    """Bring RGB uint8 (H, W, 3) to (resolution, resolution, 3)."""
    return _FITS[how.fit](image, how.resolution, how.pad)


def preprocess(image: Pixels, how: Preprocessing) -> Tensor:
    """Turn RGB uint8 (H, W, 3) into a network's input, float32 (3, resolution, resolution)."""
    return values(fit(image, how), how)


def values(fitted: Pixels, how: Preprocessing) -> Tensor:
    """Turn RGB uint8 (H, W, 3) that has its size already into a network's input, float32 (3, H, W)."""
    import cv2
    import numpy as np

    planes = cv2.split(fitted)
    made = np.empty((3, *fitted.shape[:2]), np.float32)
    # A channel has 256 levels: looking each one's value up is exact, and several times faster than arithmetic on every pixel.
    for plane, levels, floats in zip(planes if how.colour == "RGB" else planes[::-1], _values_of_levels(how).T, made, strict=True):
        cv2.LUT(plane, np.ascontiguousarray(levels), floats)
    return made


def resize(image: Pixels, width: int, height: int) -> Pixels:
    """Resize to width x height: by area where it shrinks, linearly where it grows."""
    import cv2
    import numpy as np

    shrinks = width * height < image.shape[0] * image.shape[1]
    size = (max(1, width), max(1, height))
    resized = cv2.resize(image, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.asarray(resized, np.uint8)


def thumbnail(image: Pixels, side: int, quality: int = 70) -> bytes:
    """Return a JPEG whose long side is at most `side` pixels."""
    from PIL import Image

    picture = Image.fromarray(image)
    picture.thumbnail((side, side))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _values_of_levels(how: Preprocessing) -> Tensor:
    """Return what each level (256,) of each channel (3,), in the network's order, becomes."""
    import numpy as np

    levels = np.arange(256, dtype=np.float32)[:, None]
    mean, std = np.asarray(how.mean, np.float32), np.asarray(how.std, np.float32)
    values: Tensor = (levels * np.float32(how.scale) - mean) / std
    return values


def _check_size(size: tuple[int, int], bounds: Limits) -> None:
    width, height = size
    if width * height > bounds.max_pixels or max(size) > bounds.max_side:
        raise BadInput(f"{width} x {height} pixels, more than {bounds.max_pixels} in all or {bounds.max_side} a side")
    if min(size) < bounds.min_side:
        raise BadInput(f"{width} x {height} pixels, a side is under {bounds.min_side}")


def _reduce(image: Image.Image, side: int) -> tuple[int, int] | None:
    """Let the decoder work at a scale that leaves `side` pixels; return the size in full, or None where it knows no scales."""
    if not side or image.format not in ("JPEG", "MPO"):
        return None
    full, short = image.size, min(image.size)
    image.draft(None, (max(1, full[0] * side // short), max(1, full[1] * side // short)))
    return full


def _lies(image: Image.Image) -> bool:
    """Say whether EXIF turns the picture on its side."""
    return image.getexif().get(ORIENTATION) in (5, 6, 7, 8)


def _to_rgb(image: Image.Image) -> Image.Image:
    """Convert any of Pillow's modes to RGB; 16-bit greys are scaled, alpha is laid over white."""
    from PIL import Image

    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return _scale_to_8_bits(image).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layer = image if image.mode == "RGBA" else image.convert("RGBA")
        paper = Image.new("RGB", layer.size, "white")
        paper.paste(layer, mask=layer)
        return paper
    if image.mode == "RGB":
        image.load()
        return image
    return image.convert("RGB")


def _scale_to_8_bits(image: Image.Image) -> Image.Image:
    import numpy as np
    from PIL import Image

    values = np.asarray(image, dtype=np.float64)
    top = 65535.0 if values.max(initial=0) > 255 else 255.0
    return Image.fromarray(np.clip(values * (255.0 / top), 0, 255).astype(np.uint8))


def _cover(image: Pixels, side: int, _: int) -> Pixels:
    height, width = image.shape[:2]
    ratio = side / min(height, width)
    resized = resize(image, max(side, round(width * ratio)), max(side, round(height * ratio)))
    top, left = (resized.shape[0] - side) // 2, (resized.shape[1] - side) // 2
    return resized[top : top + side, left : left + side]


def _letterbox(image: Pixels, side: int, pad: int) -> Pixels:
    import numpy as np

    height, width = image.shape[:2]
    ratio = side / max(height, width)
    resized = resize(image, min(side, max(1, round(width * ratio))), min(side, max(1, round(height * ratio))))
    canvas = np.full((side, side, 3), pad, np.uint8)
    top, left = (side - resized.shape[0]) // 2, (side - resized.shape[1]) // 2
    canvas[top : top + resized.shape[0], left : left + resized.shape[1]] = resized
    return canvas


def _stretch(image: Pixels, side: int, _: int) -> Pixels:
    return resize(image, side, side)


_FITS = {"cover": _cover, "letterbox": _letterbox, "stretch": _stretch}


def _words(error: BaseException) -> str:
    text = str(error).partition("<")[0].strip() or type(error).__name__
    return text[:120]
