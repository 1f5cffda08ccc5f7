"""A renderer of fabric patterns: photographs of cloth that nobody has to own, label or license.

It has two users, which differ only in their `Settings`: the demo dataset, and pretraining of the
shipped backbone. The way is a pipeline: a family draws flat cloth (`patterns`), the cloth gets
yarns (`cloth`) and is laid (`drape`), a camera photographs it (`camera`).

Invariants: the same (family, seed, settings) give the same bytes on the same kind of processor,
whatever the number of threads or the order of calls; each step draws from a stream of its own,
so changing one step does not reshuffle the others; there is no global state.
"""

from common.textures.camera import encode_jpeg
from common.textures.patterns import FAMILIES, Canvas, Family, Flat
from common.textures.rendering import DEMO, DEMO_COARSE, find_family, photograph_of, render
from common.textures.settings import (
    ClothSettings,
    LightSettings,
    PatternSettings,
    PoseSettings,
    SensorSettings,
    Settings,
    Span,
)
from common.textures.streams import Streams

__all__ = [
    "DEMO",
    "DEMO_COARSE",
    "FAMILIES",
    "Canvas",
    "ClothSettings",
    "Family",
    "Flat",
    "LightSettings",
    "PatternSettings",
    "PoseSettings",
    "SensorSettings",
    "Settings",
    "Span",
    "Streams",
    "encode_jpeg",
    "find_family",
    "photograph_of",
    "render",
]
