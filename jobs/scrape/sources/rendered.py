"""The demo's listing: rendered photographs of cloth, with the faults that web data has.

Some pictures fit two classes, some are there twice (encoded anew, resized), and a few stand under
two labels. Every item follows from the seed, its label and its index alone, so a longer list or
one with more classes begins with the same items, and anybody can make any picture.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import cv2
import numpy as np

from common.textures import DEMO, DEMO_COARSE, Streams, encode_jpeg, find_family, render

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.random import Generator

AMBIGUOUS_SHARE = 0.03
"""Of a class; shared pictures are ambiguous too and add about 0.01."""
DUPLICATE_SHARE = 0.05
"""Of a class: pictures that repeat an earlier one of the class."""
SHARED_EVERY = 45
"""A class takes at most one shared picture in so many items ..."""
SHARED_CHANCE = 0.5
"""... and this often does: so about 0.7 % of three classes stand under two labels."""

QUALITIES = (40, 95)
"""Lowest and highest JPEG quality."""
RESIZED = (0.8, 1.25)
"""Smallest and largest factor between a picture and its duplicate."""

MIXTURES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "dotted": ("dot_rows", "dots_on_stripes", "round_spots"),
        "leopard": ("round_spots",),
        "striped": ("dashed", "dot_rows", "dots_on_stripes"),
    }
)
"""Families that people label so or otherwise; any label's own family seen very near is one more."""
SHARED_FAMILIES = ("dashed", "dot_rows", "dots_on_stripes", "round_spots")


@dataclass(frozen=True)
class Rendering:
    """How one picture of the listing is made. Plain values only: it is stored as JSON."""

    label: str
    name: str
    """LABEL/INDEX.jpg."""
    family: str
    seed: int
    quality: int
    """JPEG quality, 0 to 100."""
    ambiguous: bool = False
    """Whether another label would be as right."""
    coarse: bool = False
    """Whether it is seen so near that a motif or two fill it."""
    copy_of: str = ""
    """Name of the picture that this one repeats: an earlier one of its class, or shared/N.jpg for
    one that several classes show. Family, seed and quality are that picture's."""
    copy_quality: int = 0
    """JPEG quality of the repetition, encoded from the decoded JPEG."""
    copy_scale: float = 1.0
    """Its size relative to the picture that it repeats."""


def listing(counts: Mapping[str, int], seed: int) -> list[Rendering]:
    """List *counts* pictures of each class, class by class.

    The first n items of a class do not depend on its count or on the other classes.

    Raises:
        BadParameters: a label is no pattern family.
    """
    for label in counts:
        find_family(label)
    return [item for label, count in counts.items() for item in _class_items(label, count, seed)]


def picture(item: Rendering) -> bytes:
    """Make the picture: the bytes of a JPEG."""
    image = render(item.family, item.seed, DEMO_COARSE if item.coarse else DEMO)
    data = encode_jpeg(image, item.quality)
    return _repeat(data, item) if item.copy_of else data


def _class_items(label: str, count: int, seed: int) -> list[Rendering]:
    items: list[Rendering] = []
    for index in range(count):
        items.append(_item(label, index, seed, items))
    return items


def _item(label: str, index: int, seed: int, earlier: list[Rendering]) -> Rendering:
    """Draw item *index* of a class; *earlier* are the items before it."""
    name = f"{label}/{index:05d}.jpg"
    if _takes_shared(label, index, seed):
        return _shared(label, name, seed, index // SHARED_EVERY)
    rng = Streams(f"recipes/{label}", seed).named(f"item/{index}")
    if rng.random() < DUPLICATE_SHARE and earlier:
        return _duplicate(rng, name, earlier[int(rng.integers(index))])
    if rng.random() >= AMBIGUOUS_SHARE:
        return _drawn(rng, label, name, label)
    family = str(rng.choice([label, *MIXTURES.get(label, ())]))
    return replace(_drawn(rng, label, name, family), ambiguous=True, coarse=family == label)


def _drawn(rng: Generator, label: str, name: str, family: str) -> Rendering:
    seed, quality = int(rng.integers(2**48)), int(rng.integers(QUALITIES[0], QUALITIES[1] + 1))
    return Rendering(label, name, family, seed, quality)


def _duplicate(rng: Generator, name: str, of: Rendering) -> Rendering:
    """Repeat *of* (or what it repeats) at another quality, mostly at another size."""
    scale = round(float(rng.uniform(*RESIZED)), 2) if rng.random() < 0.7 else 1.0
    lower = of.quality - QUALITIES[0] >= QUALITIES[1] - of.quality
    ends = (QUALITIES[0], of.quality - 5) if lower else (of.quality + 5, QUALITIES[1])
    return replace(
        of,
        name=name,
        copy_of=of.copy_of or of.name,
        copy_quality=int(rng.integers(ends[0], ends[1] + 1)),
        copy_scale=scale,
    )


def _takes_shared(label: str, index: int, seed: int) -> bool:
    """Tell whether the class shows a shared picture here: at one place of some blocks of items."""
    block, place = divmod(index, SHARED_EVERY)
    rng = Streams(f"recipes/{label}", seed).named(f"shared/{block}")
    return bool(rng.random() < SHARED_CHANCE) and int(rng.integers(SHARED_EVERY)) == place


def _shared(label: str, name: str, seed: int, block: int) -> Rendering:
    """Show the picture that all classes share in this block, as it is or encoded anew.

    Its recipe is the block's own: were it an item of another class, that class's count would
    decide whether it exists.
    """
    shared = f"shared/{block:05d}.jpg"
    rng = Streams("recipes/shared", seed).named(f"item/{block}")
    item = _drawn(rng, label, shared, str(rng.choice(SHARED_FAMILIES)))
    item = replace(item, ambiguous=True)
    own = Streams(f"recipes/{label}", seed).named(f"copy/{block}")
    return replace(item, name=name) if own.random() < 0.5 else _duplicate(own, name, item)


def _repeat(data: bytes, item: Rendering) -> bytes:
    """Decode a JPEG, resize it, and encode it again."""
    coded = np.frombuffer(data, dtype=np.uint8)
    image = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR_RGB), dtype=np.uint8)
    if item.copy_scale != 1.0:
        method = cv2.INTER_AREA if item.copy_scale < 1 else cv2.INTER_CUBIC
        size = tuple(max(1, round(side * item.copy_scale)) for side in image.shape[1::-1])
        image = np.asarray(cv2.resize(image, size, interpolation=method), dtype=np.uint8)
    return encode_jpeg(image, item.copy_quality)
