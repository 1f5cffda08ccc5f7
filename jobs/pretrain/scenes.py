"""Pictures to learn from: cloth near and far, prints on paper, clothes in scenes, cloths side by side.

Picture number N is a pure function of N: which family, in which scene, how large. So pictures can
be made in any order, on any number of machines, and again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from common.textures import (
    Canvas,
    ClothSettings,
    LightSettings,
    PatternSettings,
    PoseSettings,
    SensorSettings,
    Settings,
    Span,
    Streams,
    photograph_of,
)
from common.textures.camera import CANVAS_SIDE, photograph
from common.textures.cloth import weave
from common.textures.drape import drape
from common.textures.fields import axes, blend, cover, rotate, smooth_noise, soften
from jobs.pretrain import garments
from jobs.pretrain.patterns import KINDS, PATTERNS

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from common.textures import Family
    from common.textures.fields import Image

    Pixels = NDArray[np.uint8]

SIDE = 160
FAMILIES = tuple(PATTERNS)

NEAR = Settings(
    pattern=PatternSettings(motifs=Span(0.9, 14), contrast=Span(0.12, 0.9), diagonal_chance=0.3),
    cloth=ClothSettings(yarns=Span(14, 160), relief=Span(0.0, 0.6), melange=Span(0.0, 0.2), fold_slope=Span(0.1, 0.8)),
    pose=PoseSettings(tilt_deg=Span(0, 50), any_rotation_chance=0.6),
    light=LightSettings(falloff=Span(0.0, 1.1)),
    sensor=SensorSettings(defocus_px=Span(0.0, 4.0), noise=Span(0.0, 0.06)),
)
"""A hand's breadth of cloth."""
WHOLE = Settings(
    pattern=PatternSettings(motifs=Span(4, 34), contrast=Span(0.18, 0.9)),
    cloth=ClothSettings(yarns=Span(80, 400), folds=Span(0, 8), fold_slope=Span(0.1, 0.9), creases=Span(0, 12), edge_chance=0.4),
    pose=PoseSettings(tilt_deg=Span(0, 50)),
    sensor=SensorSettings(defocus_px=Span(0.0, 2.2)),
)
"""A whole cloth, hung or thrown down."""
WORN = replace(
    WHOLE,
    cloth=replace(WHOLE.cloth, edge_chance=0.0, seam_chance=0.05),
    pose=PoseSettings(tilt_deg=Span(0, 20), any_rotation_chance=0.1, quarter_turn_chance=0.1),
    sensor=SensorSettings(exposure_stops=Span(-0.6, 0.5), defocus_px=Span(0.0, 0.8), motion_px=Span(0.0, 1.0), noise=Span(0.0, 0.02)),
)
"""What clothes in a scene are cut from."""

SCENES = {"near": 0.36, "whole": 0.16, "print": 0.13, "worn": 0.27, "beside": 0.08}
_KIND_SHARES = {
    "striped": 1.2,
    "checkered": 1.2,
    "dotted": 1.2,
    "zigzag": 1.0,
    "floral": 1.3,
    "plain": 1.0,
    "geometric": 1.3,
    "animal": 0.6,
    "pictorial": 0.9,
}


def picture(number: int, side: int = SIDE) -> tuple[Pixels, int]:
    """Make picture *number*: (side, side, 3) uint8 RGB, and the place of its family in FAMILIES."""
    streams = Streams("pretrain", number)
    rng = streams.named("plan")
    family = _family(rng)
    scene = str(rng.choice(list(SCENES), p=list(SCENES.values())))
    return show(PATTERNS[family].draw, streams, scene, side), FAMILIES.index(family)


def show(draw: Family, streams: Streams, scene: str, side: int = SIDE) -> Pixels:
    """Show cloth that *draw* draws in a *scene* of SCENES: (side, side, 3) uint8 RGB."""
    rng = streams.named("scene")
    frame = Span(side, side)
    if scene in {"near", "whole"}:
        pixels = photograph_of(draw, streams, replace(NEAR if scene == "near" else WHOLE, side_px=frame))
    elif scene == "print":
        pixels = _print(rng, draw, streams, side)
    elif scene == "worn":
        pixels = _worn(rng, draw, streams, side)
    else:
        pixels = _beside(rng, draw, streams, frame)
    return _publish(streams.named("publish"), pixels)


def _family(rng: Generator) -> str:
    weights = np.array([_KIND_SHARES[kind] for kind in KINDS])
    kind = str(rng.choice(list(KINDS), p=weights / weights.sum()))
    names = [name for name, pattern in PATTERNS.items() if pattern.kind == kind]
    shares = np.array([PATTERNS[name].share for name in names])
    return str(rng.choice(names, p=shares / shares.sum()))


def _print(rng: Generator, draw: Family, streams: Streams, side: int) -> Pixels:
    """A drawing or wallpaper: the pattern as it is, perhaps on a part of the page."""
    canvas = Canvas((side, side), side)
    pattern = PatternSettings(motifs=Span(1.2, 30), contrast=Span(0.2, 1.0), irregularity=Span(0, 0.5))
    flat = draw(streams.named("pattern"), canvas, pattern)
    face = flat.face if flat.weft is None else (flat.face + flat.weft) * np.float32(0.5)
    if rng.random() < 0.3:
        margin = rng.integers(0, side // 5, 4)
        page = np.full_like(face, rng.uniform(0.75, 1.0))
        inside = (slice(margin[0], side - margin[1]), slice(margin[2], side - margin[3]))
        page[inside] = face[inside]
        face = page
    face = soften(face, rng.uniform(0, 0.9))
    return _to_bytes(face)


def _worn(rng: Generator, draw: Family, streams: Streams, side: int) -> Pixels:
    """Clothes, or things made of cloth, in a scene."""
    body, sleeves = _twice(draw, streams, WORN, side)
    scene, _ = garments.dress(rng, body, sleeves)
    return _to_bytes(soften(scene, rng.uniform(0, 0.9)))


def _twice(draw: Family, streams: Streams, settings: Settings, side: int) -> tuple[Image, Image]:
    """Photograph one cloth twice, laid in two ways: float32 RGB, 0 to 1."""
    canvas_side = round(CANVAS_SIDE * side)
    canvas = Canvas((canvas_side, canvas_side), side)
    cloth = weave(streams, draw(streams.named("pattern"), canvas, settings.pattern), canvas, settings.cloth)
    turned = np.ascontiguousarray(cloth[::-1].transpose(1, 0, 2)) if streams.named("turn").random() < 0.5 else cloth
    views = []
    for number, laid in enumerate((cloth, turned)):
        own = Streams(f"{streams.family}.{number}", streams.seed)
        views.append(_to_floats(photograph(own, laid, drape(own, (side, side), settings.cloth), settings)))
    return views[0], views[1]


def _beside(rng: Generator, draw: Family, streams: Streams, frame: Span) -> Pixels:
    """The cloth with another one at its side or over a corner of it."""
    settings = NEAR if rng.random() < 0.4 else WHOLE
    settings = replace(settings, side_px=frame, cloth=replace(settings.cloth, edge_chance=0.0))
    side = round(frame.low)
    first = _to_floats(photograph_of(draw, streams, settings))
    other = PATTERNS[_family(rng)] if rng.random() < 0.5 else PATTERNS["plain"]
    second = _to_floats(photograph_of(other.draw, Streams("pretrain.beside", streams.seed), settings))
    y, _ = rotate(*axes((side, side)), float(rng.uniform(0, 2 * np.pi)))
    edge = y + smooth_noise(rng, (side, side), 2) * np.float32(rng.uniform(0, 8)) - np.float32(side * rng.uniform(0.15, 0.35))
    shade = np.exp(-np.maximum(-edge, 0) / np.float32(3)) * np.float32(rng.uniform(0, 0.5))
    first = first * (1 - shade)[..., None]
    return _to_bytes(blend(second, first, cover(edge)))


def _publish(rng: Generator, pixels: Pixels) -> Pixels:
    """Pass the picture on as the web does: scaled down and up, compressed."""
    side = pixels.shape[0]
    if rng.random() < 0.25:
        small = round(side * rng.uniform(0.5, 0.95))
        shrunk = cv2.resize(pixels, (small, small), interpolation=cv2.INTER_AREA)
        pixels = np.asarray(cv2.resize(shrunk, (side, side), interpolation=cv2.INTER_LINEAR), np.uint8)
    if rng.random() < 0.4:
        quality = int(rng.integers(35, 96))
        coded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        pixels = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    return pixels


def _to_floats(pixels: Pixels) -> Image:
    return pixels.astype(np.float32) / np.float32(255)


def _to_bytes(image: Image) -> Pixels:
    return (np.clip(image, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
