"""What may be said of a file that is to become a backbone, and how the network expects its pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from common.images import Preprocessing
from common.model import Trunk
from common.records import Value

MOST_BYTES = 768 * 1024 * 1024
"""Of a file that is read."""
RESOLUTION = 224
IMAGENET = "imagenet"

_EIGHT_BITS = 1 / 255
PICTURES: Mapping[str, Mapping[str, Any]] = {
    IMAGENET: {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
    "half": {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)},
    "clip": {"mean": (0.48145466, 0.4578275, 0.40821073), "std": (0.26862954, 0.26130258, 0.27577711)},
    "unit": {},
    "cntk": {"colour": "BGR", "scale": 1.0, "mean": (114.0, 114.0, 114.0)},
}
"""What networks are fed with, by name: `imagenet` (torchvision and most of timm), `half` (from -1 to 1), `clip`, `unit` (from 0 to 1),
`cntk` (blue first, from 0 to 255, less 114)."""


class Wish(Value, frozen=True, kw_only=True):
    """How a file is to be read.

    `node` is where to cut ("": before the classifier), `resolution` the side of pictures in pixels (0: the file's own); `known` is how
    its pictures are prepared where that was told with the network.
    """

    name: str
    kind: str
    node: str = ""
    resolution: int = 0
    pictures: str = IMAGENET
    source: str = ""
    licence: str = ""
    known: Preprocessing | None = None


class Graph(Value, frozen=True, kw_only=True):
    """What was found in a file beside the network: the only side of pictures it takes (0: any), and what a person should know."""

    data: bytes
    side: int = 0
    notes: tuple[str, ...] = ()
    preprocessing: Preprocessing | None = None
    trunks: tuple[Trunk, ...] = ()


def preprocessing(wish: Wish, side: int) -> Preprocessing:
    """Return how pictures are prepared for a network that takes only this side (0: any)."""
    if wish.known is not None:
        return wish.known.at(side or wish.resolution)
    return msgspec.convert({"resolution": side or wish.resolution or RESOLUTION, **PICTURES[wish.pictures]}, Preprocessing, strict=False)
