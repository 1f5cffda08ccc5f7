"""Pictures as other people pass them on, and pictures with something amiss: what bench-duplicates looks at.

Photographs are those of the folder FABRICS; without it there are renderings only.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

from common.textures import FAMILIES, render
from jobs.pretrain.garments import dress

Picture = Image.Image
FIRST_SEED = 900_000  # far from the demo's
CLOTH = 320


def originals(renderings: int) -> Iterator[Picture]:
    """Yield every photograph of FABRICS, then renderings of all families but plain cloth, in turns."""
    for file in sorted(Path(os.environ.get("FABRICS", "../shared/data/fabrics")).glob("*/*.jpg")):
        yield Image.open(file).convert("RGB")
    families = sorted(FAMILIES.keys() - {"plain"})
    for number in range(renderings):
        yield Image.fromarray(render(families[number % len(families)], FIRST_SEED + number))


def two_prints(number: int) -> tuple[Picture, Picture]:
    """Return one garment before one ground in two prints, as shops show what they sell: two pictures, not copies."""
    families = sorted(FAMILIES.keys() - {"plain"})
    rng = np.random.default_rng([FIRST_SEED, number])
    first, second = (_dressed(families[rng.integers(len(families))], 2 * number + print_, number) for print_ in range(2))
    return first, second


def _dressed(family: str, seed: int, garment: int) -> Picture:
    cloth = ImageOps.fit(Image.fromarray(render(family, FIRST_SEED + seed)), (CLOTH, CLOTH))
    pixels = np.asarray(cloth, np.float32) / np.float32(255)
    scene, _ = dress(np.random.default_rng(FIRST_SEED + garment), pixels, np.ascontiguousarray(pixels.transpose(1, 0, 2)))
    return Image.fromarray((scene * 255).astype(np.uint8))


def jpeg(picture: Picture, quality: int = 90) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _scaled(share: float) -> Callable[[Picture], bytes]:
    return lambda one: jpeg(one.resize((round(one.width * share), round(one.height * share)), Image.Resampling.LANCZOS))


def _encoded(quality: int) -> Callable[[Picture], bytes]:
    return lambda one: jpeg(one, quality)


def _gamma(power: float) -> Callable[[Picture], bytes]:
    return lambda one: jpeg(one.point(lambda level: round(255 * (level / 255) ** power)))


def _noise(share: float) -> Callable[[Picture], bytes]:
    def noisy(one: Picture) -> bytes:
        pixels = np.asarray(one, np.float32)
        grain = np.random.default_rng(one.width).normal(0, 255 * share, pixels.shape)
        return jpeg(Image.fromarray(np.clip(pixels + grain, 0, 255).astype(np.uint8)))

    return noisy


def _crop(share: float) -> Callable[[Picture], bytes]:
    def cropped(one: Picture) -> bytes:
        across, down = round(one.width * share / 2), round(one.height * share / 2)
        return jpeg(one.crop((across, down, one.width - across, one.height - down)))

    return cropped


def _pad(share: float) -> Callable[[Picture], bytes]:
    return lambda one: jpeg(ImageOps.expand(one, (round(one.width * share / 2), round(one.height * share / 2)), fill="black"))


def _rotate(degrees: float) -> Callable[[Picture], bytes]:
    return lambda one: jpeg(one.rotate(degrees, Image.Resampling.BICUBIC))


def _watermark(one: Picture) -> bytes:
    marked = one.copy()
    font = ImageFont.load_default(one.height // 9)
    ImageDraw.Draw(marked).text((one.width * 0.15, one.height * 0.45), "WATERMARK", fill="white", font=font)
    return jpeg(Image.blend(one, marked, 0.6))


TRANSFORMS: Mapping[str, Callable[[Picture], bytes]] = {
    **{f"JPEG {quality}": _encoded(quality) for quality in (30, 50, 75, 95)},
    **{f"resize {share:g}": _scaled(share) for share in (0.25, 0.5, 1.5)},
    "blur 2": lambda one: jpeg(one.filter(ImageFilter.GaussianBlur(2))),
    **{f"gamma {power:g}": _gamma(power) for power in (0.6, 1.7)},
    **{f"noise {share:g}": _noise(share) for share in (0.05, 0.1, 0.2)},
    "watermark": _watermark,
    **{f"crop {share:.0%}": _crop(share) for share in (0.05, 0.1, 0.2)},
    **{f"pad {share:.0%}": _pad(share) for share in (0.1, 0.2)},
    **{f"rotate {degrees}°": _rotate(degrees) for degrees in (2, 4, 10)},
    "mirror": lambda one: jpeg(ImageOps.mirror(one)),
}


def _page(one: Picture) -> Picture:
    paper = Image.new("RGB", one.size, "white")
    for line in range(12):
        words = "spots and stripes and checks"[: 8 + line * 2]
        ImageDraw.Draw(paper).text((30, 20 + line * one.height // 13), words, fill="navy", font=ImageFont.load_default(one.height // 16))
    return paper


def _dull(one: Picture) -> Picture:
    """A soft picture whose levels are all used alike: what cleanvision calls blurry."""
    across = np.linspace(0, 255, one.width)[None, :, None]
    tint = np.asarray(one.resize((1, 1)), np.float32) / 255
    return Image.fromarray((np.broadcast_to(across, (one.height, one.width, 1)) * (0.5 + tint / 2)).astype(np.uint8))


BAD: Mapping[str, Callable[[Picture], Picture]] = {
    "dark": lambda one: one.point(lambda level: level // 5),
    "light": lambda one: one.point(lambda level: 255 - (255 - level) // 25),
    "blurred": lambda one: one.filter(ImageFilter.GaussianBlur(12)),
    "dull": _dull,
    "grey": lambda one: one.convert("L"),
    "flat": lambda one: one.resize((one.width, one.height // 4)),
    "tiny": lambda one: one.resize((48, 48)),
    "plain": lambda one: Image.new("RGB", one.size, one.resize((1, 1)).getpixel((0, 0))),
    "text": _page,
}
