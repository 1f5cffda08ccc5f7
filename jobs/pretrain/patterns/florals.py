"""Flowers beyond common's: crowded, strewn, roses, outlines, small ones by the hundred, painted ones, leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from common.textures.fields import Image, blend, cover, enlarge, smooth_noise
from common.textures.patterns import Canvas, Flat
from common.textures.patterns.colours import hsv, palette
from jobs.pretrain.patterns import motifs

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from common.textures import PatternSettings
    from jobs.pretrain.patterns.motifs import Rim


def _start(rng: Generator, canvas: Canvas, settings: PatternSettings) -> tuple[float, NDArray[np.float32], Image]:
    pitch = canvas.pitch_px(rng, settings)
    colours = palette(rng, 5, settings)
    return pitch, colours, motifs.dyed(canvas, colours[0])


def _greens(rng: Generator, colours: NDArray[np.float32]) -> NDArray[np.float32]:
    """Leaves are green, or of the cloth's own colours."""
    if rng.random() < 0.3:
        return colours[1:4]
    return np.stack([hsv(rng.uniform(0.18, 0.48), rng.uniform(0.15, 0.8), rng.uniform(0.15, 0.75)) for _ in range(3)])


def _leafy(rng: Generator, canvas: Canvas, face: Image, pitch: float, colours: NDArray[np.float32], size: tuple[float, float]) -> Image:
    rims = [motifs.lens(rng.uniform(0.2, 0.5)), motifs.frond(int(rng.integers(3, 8)), rng.uniform(0.3, 0.6), rng.uniform(0.1, 0.5))]
    found = motifs.toss(rng, canvas, pitch * rng.uniform(0.45, 0.9), loose=0.4)
    low, high = (share * pitch for share in size)
    return motifs.lay(
        rng, face, found, rims[: int(rng.integers(1, 3))], _greens(rng, colours), radius_px=(low, high), turn=motifs.all_ways(rng)
    )


def _flower_rims(rng: Generator, count: int) -> list[Rim]:
    return [motifs.petals(int(rng.integers(4, 9)), rng.uniform(0.2, 0.75), rng.uniform(0.3, 1.2)) for _ in range(count)]


def _blossoms(
    rng: Generator, canvas: Canvas, face: Image, pitch: float, colours: NDArray[np.float32], *, share: float, loose: float
) -> Image:
    """Lay blossoms in up to three rings of petals with an eye."""
    found = motifs.toss(rng, canvas, pitch, loose=loose, points_share=share)
    rim = _flower_rims(rng, 1)[0]
    size = (rng.uniform(0.25, 0.52) * pitch * rng.uniform(0.6, 1.05, found.count)).astype(np.float32)
    turn = motifs.all_ways(rng)(found.count)
    kinds = int(rng.choice([1, 1, 2, 3]))
    tint = found.spread(colours[1 + rng.integers(0, kinds, found.count)])
    away = motifs.outside(found, rim, size, turn)
    face = blend(face, tint, cover(away))
    if rng.random() < 0.5:
        inner = motifs.outside(found, rim, size * np.float32(rng.uniform(0.45, 0.8)), turn + np.float32(rng.choice([0.0, 0.4])))
        face = blend(face, np.clip(tint * np.float32(rng.uniform(0.5, 1.4)), 0, 1), cover(inner))
    if rng.random() < 0.4:
        thin = np.float32(max(1.0, pitch * 0.02))
        face = blend(face, colours[0] * np.float32(0.3), cover(np.abs(away) - thin / 2) * np.float32(rng.uniform(0.4, 1)))
    eye = found.distance() - found.spread(size * np.float32(rng.uniform(0.12, 0.3)))
    return blend(face, colours[4], cover(eye))


def crowded_flowers(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Layers of flowers and leaves that leave little ground."""
    pitch, colours, face = _start(rng, canvas, settings)
    face = _leafy(rng, canvas, face, pitch, colours, (0.25, 0.5))
    for _ in range(int(rng.integers(2, 4))):
        colours = np.concatenate([colours[:1], palette(rng, 5, settings)[1:]])
        face = _blossoms(rng, canvas, face, pitch * rng.uniform(0.6, 1.2), colours, share=rng.uniform(0.5, 0.9), loose=0.35)
    return Flat(face, pitch)


def strewn_flowers(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Single flowers, each with some leaves, on plain ground."""
    pitch, colours, face = _start(rng, canvas, settings)
    found = motifs.toss(rng, canvas, pitch, loose=float(rng.uniform(0, 0.25)))
    greens = _greens(rng, colours)
    for number in range(int(rng.integers(1, 4))):
        turn = motifs.all_ways(rng)(found.count)
        radius = np.full(found.count, pitch * rng.uniform(0.35, 0.55), np.float32)
        away = motifs.outside(found, motifs.lens(rng.uniform(0.15, 0.4)), radius, turn)
        face = blend(face, greens[number % 3], cover(away))
    rim = _flower_rims(rng, 1)[0]
    radius = (pitch * rng.uniform(0.18, 0.38) * rng.uniform(0.7, 1.1, found.count)).astype(np.float32)
    away = motifs.outside(found, rim, radius, motifs.all_ways(rng)(found.count))
    face = blend(face, found.spread(colours[1 + rng.integers(0, int(rng.integers(1, 4)), found.count)]), cover(away))
    eye = cover(found.distance() - found.spread(radius * np.float32(rng.uniform(0.15, 0.4))))
    return Flat(blend(face, colours[4], eye), pitch)


def roses(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Round flowers of petals rolled around each other."""
    pitch, colours, face = _start(rng, canvas, settings)
    face = _leafy(rng, canvas, face, pitch, colours, (0.25, 0.45))
    found = motifs.toss(rng, canvas, pitch, loose=float(rng.uniform(0.05, 0.3)), points_share=float(rng.uniform(0.6, 1)))
    size = (rng.uniform(0.32, 0.5) * pitch * rng.uniform(0.6, 1, found.count)).astype(np.float32)
    tint = found.spread(colours[1 + rng.integers(0, int(rng.integers(1, 3)), found.count)])
    for number, share in enumerate(np.linspace(1, 0.15, int(rng.integers(4, 7)))):
        rim = motifs.blob(rng, 0.25)
        away = motifs.outside(found, rim, size * np.float32(share), motifs.all_ways(rng)(found.count))
        tone = np.float32(rng.uniform(0.75, 1.3) if number % 2 else rng.uniform(0.45, 0.9))
        face = blend(face, np.clip(tint * tone, 0, 1), cover(away))
    return Flat(face, pitch)


def drawn_flowers(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Outlines of flowers and leaves: pen drawings, toile, embroidery."""
    pitch, colours, face = _start(rng, canvas, settings)
    thick = np.float32(max(1.2, pitch * rng.uniform(0.015, 0.05)))
    for rims, size, step in (
        ([motifs.lens(rng.uniform(0.2, 0.5))], rng.uniform(0.3, 0.5), rng.uniform(0.5, 1)),
        (_flower_rims(rng, 2), rng.uniform(0.3, 0.5), 1.0),
    ):
        found = motifs.toss(rng, canvas, pitch * step, loose=0.25)
        turn = motifs.all_ways(rng)(found.count)
        for share in (1.0, float(rng.uniform(0.2, 0.6))):
            away = motifs.outside(found, rims[-1], np.full(found.count, pitch * step * size * share, np.float32), turn)
            face = blend(face, colours[0], cover(away))
            face = blend(face, colours[1], cover(np.abs(away) - thick / 2))
    return Flat(face, pitch)


def small_flowers(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Little flowers and leaves strewn close together, as on summer dresses."""
    pitch, colours, face = _start(rng, canvas, settings)
    pitch = pitch * 0.6
    face = _leafy(rng, canvas, face, pitch, colours, (0.12, 0.3))
    face = _blossoms(rng, canvas, face, pitch, colours, share=rng.uniform(0.5, 1), loose=0.35)
    return Flat(face, pitch)


def painted_flowers(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Large flowers in watercolour: edges run, tones change within a petal."""
    pitch, colours, face = _start(rng, canvas, settings)
    run = smooth_noise(rng, canvas.shape, min(60, 6 * max(canvas.shape) / pitch)) * np.float32(0.06 * pitch)
    face = _leafy(rng, canvas, face, pitch, colours, (0.3, 0.6))
    for _ in range(2):
        found = motifs.toss(rng, canvas, pitch, loose=0.35, points_share=0.7)
        size = (rng.uniform(0.3, 0.55) * pitch * rng.uniform(0.6, 1, found.count)).astype(np.float32)
        turn = motifs.all_ways(rng)(found.count)
        tint = found.spread(colours[1 + rng.integers(0, 3, found.count)])
        rim = motifs.petals(int(rng.integers(4, 7)), rng.uniform(0.2, 0.5), rng.uniform(0.4, 1))
        for share in (1.0, 0.7, 0.4):
            away = motifs.outside(found, rim, size * np.float32(share), turn + np.float32(rng.uniform(0, 0.6))) + run
            tone = np.float32(rng.uniform(0.6, 1.3))
            face = blend(face, np.clip(tint * tone, 0, 1), cover(away, max(1.2, pitch * 0.05)) * np.float32(rng.uniform(0.5, 1)))
    return Flat(face, pitch)


def leaves(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Leaves alone: foliage, palm fronds, ferns, with midribs."""
    pitch, colours, face = _start(rng, canvas, settings)
    greens = _greens(rng, colours)
    for layer in range(int(rng.integers(1, 4))):
        step = pitch * (1.0 if layer == 0 else rng.uniform(0.6, 1))
        found = motifs.toss(rng, canvas, step, loose=float(rng.uniform(0.1, 0.4)))
        turn = motifs.any_turn(rng)(found.count)
        radius = (step * rng.uniform(0.4, 0.62) * rng.uniform(0.6, 1, found.count)).astype(np.float32)
        rim = (
            motifs.lens(rng.uniform(0.2, 0.5))
            if rng.random() < 0.6
            else motifs.frond(int(rng.integers(3, 9)), rng.uniform(0.35, 0.7), rng.uniform(0.2, 0.6))
        )
        tint = found.spread(greens[rng.integers(0, 3, found.count)])
        face = blend(face, tint, cover(motifs.outside(found, rim, radius, turn)))
        rib = motifs.outside(found, motifs.lens(0.03 + 1.0 / max(step, 30)), radius * np.float32(0.85), turn)
        face = blend(face, np.clip(tint * np.float32(rng.choice([0.6, 1.4])), 0, 1), cover(rib) * np.float32(rng.uniform(0, 1)))
    return Flat(face, pitch)


def branches(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Winding stems with leaves and flowers on them."""
    pitch, colours, face = _start(rng, canvas, settings)
    greens = _greens(rng, colours)
    half = (canvas.shape[0] // 2, canvas.shape[1] // 2)
    winding = enlarge(smooth_noise(rng, half, max(canvas.shape) / pitch), canvas.shape)
    y = np.arange(canvas.shape[0], dtype=np.float32)[:, None] + winding * np.float32(0.5 * pitch)
    stem = np.abs((y / np.float32(1.3 * pitch)) % 1 - np.float32(0.5)) * np.float32(1.3 * pitch) - np.float32(max(0.7, 0.03 * pitch))
    face = blend(face, greens[0], cover(np.broadcast_to(stem, canvas.shape)))
    face = _leafy(rng, canvas, face, pitch * 0.8, colours, (0.15, 0.35))
    face = _blossoms(rng, canvas, face, pitch, colours, share=rng.uniform(0.4, 0.9), loose=0.3)
    return Flat(face, pitch)
