"""Geometry: tilings, lattices, mazes, nested figures, and figures strewn about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from common.textures.fields import Image, blend, cover, triangle
from common.textures.patterns import Canvas, Flat
from common.textures.patterns.colours import palette
from common.textures.patterns.scatter import cells, lattice
from jobs.pretrain.patterns import motifs

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from common.textures import PatternSettings
    from common.textures.fields import Plane


def _start(rng: Generator, canvas: Canvas, settings: PatternSettings) -> tuple[float, NDArray[np.float32], Plane, Plane]:
    """Give pitch, five colours, and y and x in pitches (H, W)."""
    pitch = canvas.pitch_px(rng, settings)
    y, x = np.broadcast_arrays(*canvas.axes(rng, settings))
    shift = rng.uniform(-9, 9, 2).astype(np.float32)
    return pitch, palette(rng, 5, settings), y / np.float32(pitch) + shift[0], x / np.float32(pitch) + shift[1]


def _pick(rng: Generator, number: NDArray[np.int64], colours: NDArray[np.float32]) -> Image:
    """Give every tile one of *colours* by its number, in order or at random."""
    kinds = len(colours)
    if rng.random() < 0.5:
        return colours[number % kinds]
    order = rng.integers(0, kinds, 1009)
    return colours[order[number % 1009]]


def triangles(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """A plane of triangles."""
    pitch, colours, y, x = _start(rng, canvas, settings)
    height = np.float32(rng.choice([np.sqrt(3) / 2, 0.6, 1.0]))
    row = np.floor(y / height)
    up = y / height - row
    u = x + (row % 2) * np.float32(0.5)
    inside = np.abs((u % 1) - np.float32(0.5)) * 2 < up
    tile = np.floor(u) * 3 + row * 7
    tile = np.where(inside, tile * 2, np.floor(u + np.float32(0.5)) * 6 + row * 14 + 1).astype(np.int64)
    face = colours[:2][inside.astype(np.int64)] if rng.random() < 0.4 else _pick(rng, tile, colours)
    return Flat(face, pitch)


def hexagons(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Honeycomb: filled, outlined, or nested."""
    pitch, colours, _, _ = _start(rng, canvas, settings)
    points = lattice(canvas.shape, pitch, angle_rad=float(rng.choice([0.0, np.pi / 2])), aspect=float(np.sqrt(3) / 2), hexagonal=True)
    found = cells(points, canvas.shape, pitch)
    tiles = _pick(rng, found.index.astype(np.int64), colours[: int(rng.integers(1, 5))])
    size = np.full(found.count, pitch * 0.5 * 2 / np.sqrt(3), np.float32)
    turn = np.full(found.count, np.pi / 6, np.float32)
    face: Image = tiles
    for share in np.linspace(0.94, 0.25, int(rng.integers(1, 4))):
        away = motifs.outside(found, motifs.polygon(6), size * np.float32(share), turn)
        width = np.float32(max(1.2, pitch * rng.uniform(0.03, 0.12)))
        face = blend(face, colours[4], cover(np.abs(away) - width / 2))
    return Flat(face, pitch)


def diamonds(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Lozenges, with the fine crossing lines of argyle or without."""
    pitch, colours, y, x = _start(rng, canvas, settings)
    tall = np.float32(rng.uniform(0.5, 0.8))
    a, b = x + y * tall, x - y * tall
    tile = (np.floor(a).astype(np.int64) % 2) + 2 * (np.floor(b).astype(np.int64) % 2)
    face: Image = colours[:4][tile] if rng.random() < 0.3 else colours[:3][np.array([0, 1, 2, 0])][tile]
    if rng.random() < 0.6:
        thin = np.float32(rng.uniform(0.02, 0.05) + 0.6 / pitch)
        lines = np.maximum(triangle(a + np.float32(0.5)), triangle(b + np.float32(0.5)))
        face = blend(face, colours[4], cover((1 - 2 * thin - lines) * np.float32(pitch / 3)))
    return Flat(face, pitch)


def overlapping_rings(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Circles through each other's middles, as in Japanese shippo."""
    pitch, colours, y, x = _start(rng, canvas, settings)
    face: Image = motifs.dyed(canvas, colours[0])
    radius = np.float32(rng.choice([np.sqrt(0.5), 0.6, 0.5]))
    thin = np.float32(rng.uniform(0.04, 0.14) + 0.6 / pitch)
    for shift in (0.0, 0.5):
        for across, down in ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)):
            u, v = (x + np.float32(shift)) % 1 - np.float32(across), (y + np.float32(shift)) % 1 - np.float32(down)
            away = np.abs(np.sqrt(u * u + v * v) - radius) - thin / 2
            face = blend(face, colours[1], cover(away * np.float32(pitch)))
    return Flat(face, pitch)


def scales(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Rows of half discs over each other: fish scales, waves."""
    pitch, colours, y, x = _start(rng, canvas, settings)
    rings = int(rng.integers(1, 5))
    face: Image = motifs.dyed(canvas, colours[0])
    height = np.float32(0.5)
    row = np.floor(y / height)
    for behind in (0, -1, -2):
        shift = ((row + behind) % 2) * np.float32(0.5)
        u = (x + shift) % 1 - np.float32(0.5)
        v = y - (row + behind) * height - height
        away = np.sqrt(u * u + v * v)
        inside = cover((away - np.float32(0.5)) * np.float32(pitch))
        ring = np.clip((away * 2 * rings).astype(np.int64), 0, rings)
        face = blend(face, colours[1:3][ring % 2] if rings > 1 else np.broadcast_to(colours[1], face.shape), inside)
        rim = cover((np.abs(away - np.float32(0.48)) - np.float32(0.03 + 0.5 / pitch)) * np.float32(pitch))
        face = blend(face, colours[3], rim)
    return Flat(face, pitch)


def maze(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Tiles turned by chance or in turn: Truchet's arcs and slants, keys and meanders."""
    pitch, colours, y, x = _start(rng, canvas, settings)
    pitch = max(pitch, 6.0)
    v, u = y - np.floor(y), x - np.floor(x)
    row, column = np.floor(y).astype(np.int64), np.floor(x).astype(np.int64)
    order = rng.integers(0, 2, 1009) if rng.random() < 0.6 else np.arange(1009) % 2
    flip = order[(row * 31 + column * 17) % 1009] == 1
    u = np.where(flip, 1 - u, u)
    kind = rng.random()
    if kind < 0.4:
        away = np.minimum(np.abs(np.hypot(u, v) - np.float32(0.5)), np.abs(np.hypot(1 - u, 1 - v) - np.float32(0.5)))
    elif kind < 0.7:
        away = np.minimum(np.abs(u + v - np.float32(0.5)), np.abs(u + v - np.float32(1.5))) * np.float32(0.7)
    else:
        ring = np.maximum(np.abs(u - np.float32(0.5)), np.abs(v - np.float32(0.5)))
        away = np.where(
            (u > np.float32(0.5)) & (np.abs(v - np.float32(0.5)) < np.float32(0.1)), 0.0, np.abs(ring % np.float32(0.2) - np.float32(0.1))
        )
        away = away.astype(np.float32)
    thick = np.float32(rng.uniform(0.05, 0.2) if kind < 0.7 else 0.05)
    return Flat(blend(colours[0], colours[1], cover((away - thick) * np.float32(pitch))), pitch)


def nested_figures(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Squares, diamonds or hexagons within each other, in a lattice."""
    pitch, colours, _, _ = _start(rng, canvas, settings)
    found = motifs.toss(rng, canvas, pitch, loose=0.0)
    rim = motifs.polygon(int(rng.choice([3, 4, 4, 6, 8])))
    turn = np.full(found.count, float(rng.choice([0.0, np.pi / 4, np.pi / 6])), np.float32)
    face: Image = motifs.dyed(canvas, colours[0])
    for number, share in enumerate(np.linspace(rng.uniform(0.45, 0.7), 0.08, int(rng.integers(2, 6)))):
        away = motifs.outside(found, rim, np.full(found.count, pitch * share, np.float32), turn)
        face = blend(face, colours[(number + 1) % int(rng.integers(2, 5))], cover(away))
    return Flat(face, pitch)


def strewn_figures(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Triangles, squares, crosses, bars and rings strewn about, as in the nineteen-eighties."""
    pitch, colours, _, _ = _start(rng, canvas, settings)
    face: Image = motifs.dyed(canvas, colours[0])
    every = [
        motifs.polygon(3),
        motifs.polygon(4),
        motifs.cross(0.3),
        motifs.lens(0.12),
        motifs.polygon(6),
        motifs.ellipse(0.2),
        motifs.star(4, 0.5),
    ]
    chosen = [every[i] for i in rng.choice(len(every), int(rng.integers(1, 5)), replace=False)]
    found = motifs.toss(rng, canvas, pitch, loose=float(rng.choice([0.0, 0.3])))
    radius = (pitch * rng.uniform(0.15, 0.3), pitch * rng.uniform(0.3, 0.48))
    face = motifs.lay(rng, face, found, chosen, colours[1 : int(rng.integers(2, 6))], radius_px=radius, turn=motifs.any_turn(rng))
    return Flat(face, pitch)


def crosses(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Plus signs and little crosses in a lattice."""
    pitch, colours, _, _ = _start(rng, canvas, settings)
    face: Image = motifs.dyed(canvas, colours[0])
    found = motifs.toss(rng, canvas, pitch, loose=0.0)
    turn = float(rng.choice([0.0, np.pi / 4]))
    size = pitch * rng.uniform(0.2, 0.5)
    rim = motifs.cross(rng.uniform(0.12, 0.4))
    face = motifs.lay(rng, face, found, [rim], colours[1:2], radius_px=(size, size), turn=lambda count: np.full(count, turn, np.float32))
    return Flat(face, pitch)


def trellis(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Ogees and quatrefoils: lines that swing between two lattices, as on Moorish tiles."""
    pitch, colours, y, x = _start(rng, canvas, settings)
    bend = np.float32(rng.uniform(-0.3, 0.5))
    wave = np.cos(2 * np.pi * x) + np.cos(2 * np.pi * y) + bend * np.cos(2 * np.pi * x) * np.cos(2 * np.pi * y)
    wave = wave + np.float32(rng.uniform(-0.3, 0.3)) * (np.cos(4 * np.pi * x) + np.cos(4 * np.pi * y))
    level = np.float32(rng.uniform(-0.5, 0.5))
    thick = np.float32(rng.uniform(0.15, 0.5))
    steep = np.float32(pitch / 6)
    face = blend(colours[0], colours[1], cover((np.abs(wave - level) - thick) * steep))
    if rng.random() < 0.5:
        face = blend(face, colours[2], cover((level + thick * 2 - wave) * steep))
    return Flat(face, pitch)


def patches(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Rectangles of unequal sizes and colours: colour blocks, patchwork, Mondrian."""
    pitch, colours, y, x = _start(rng, canvas, settings)
    column = np.floor(x + np.float32(0.25) * np.sin(np.floor(y * np.float32(0.7)) * np.float32(12.9)))
    row = np.floor(y * np.float32(rng.uniform(0.6, 1.4)) + np.float32(0.5) * np.sin(column * np.float32(78.2)))
    tile = (row * 131 + column * 37).astype(np.int64)
    return Flat(colours[rng.integers(0, 5, 1009)[tile % 1009]], pitch)
