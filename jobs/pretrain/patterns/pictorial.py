"""Other prints: hearts, stars, paisley, camouflage, marble, dye, brush strokes, letters, damask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from common.textures.fields import Image, blend, cover, smooth_noise
from common.textures.patterns import Canvas, Flat
from common.textures.patterns.colours import palette
from jobs.pretrain.patterns import motifs

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from common.textures import PatternSettings


def _start(rng: Generator, canvas: Canvas, settings: PatternSettings) -> tuple[float, NDArray[np.float32], Image]:
    pitch = canvas.pitch_px(rng, settings)
    colours = palette(rng, 5, settings)
    return pitch, colours, motifs.dyed(canvas, colours[0])


def hearts(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Hearts in rows or strewn."""
    pitch, colours, face = _start(rng, canvas, settings)
    found = motifs.toss(rng, canvas, pitch, loose=float(rng.choice([0.0, 0.25])))
    size = pitch * rng.uniform(0.28, 0.5)
    turn = motifs.upright if rng.random() < 0.6 else motifs.any_turn(rng)
    kinds = int(rng.choice([2, 2, 4]))
    return Flat(motifs.lay(rng, face, found, [motifs.heart()], colours[1:kinds], radius_px=(size * 0.7, size), turn=turn), pitch)


def stars(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Stars and snowflakes."""
    pitch, colours, face = _start(rng, canvas, settings)
    found = motifs.toss(rng, canvas, pitch, loose=float(rng.choice([0.0, 0.3])))
    size = pitch * rng.uniform(0.25, 0.5)
    rim = motifs.star(int(rng.choice([4, 5, 5, 6, 8])), rng.uniform(0.5, 0.75))
    kinds = int(rng.choice([2, 2, 4]))
    return Flat(
        motifs.lay(rng, face, found, [rim], colours[1:kinds], radius_px=(size * rng.uniform(0.4, 1), size), turn=motifs.any_turn(rng)),
        pitch,
    )


def paisley(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Bent drops within drops, edged with little dots."""
    pitch, colours, face = _start(rng, canvas, settings)
    for step in [1.0, 0.5] if rng.random() < 0.5 else [1.0]:
        found = motifs.toss(rng, canvas, pitch * step, loose=float(rng.uniform(0, 0.2)))
        turn = motifs.any_turn(rng)(found.count)
        rim = motifs.drop(rng.choice([-1, 1]) * rng.uniform(0.3, 0.8))
        for number, share in enumerate((1.0, 0.72, 0.5, 0.28)):
            size = np.full(found.count, 0.6 * pitch * step * share, np.float32)
            away = motifs.outside(found, rim, size, turn)
            face = blend(face, colours[1 + number % 4], cover(away))
            if number == 0:
                beads = np.cos(np.arctan2(found.y, found.x) * np.float32(24)) * np.float32(0.5)
                face = blend(face, colours[2], cover(np.abs(away - np.float32(0.05 * pitch * step)) + beads - np.float32(0.02 * pitch)))
    return Flat(face, pitch)


def camouflage(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Patches of three or four tones over each other."""
    pitch, colours, face = _start(rng, canvas, settings)
    cells = max(canvas.shape) / pitch
    for number in range(1, 4):
        field = smooth_noise(rng, canvas.shape, max(1.5, cells * rng.uniform(0.6, 1.2)), stretch=rng.uniform(1, 2.5))
        field = field + smooth_noise(rng, canvas.shape, min(cells * 3, 90)) * np.float32(0.35)
        face = blend(face, colours[number], cover((np.float32(rng.uniform(0.1, 0.5)) - field) * np.float32(pitch / 4)))
    return Flat(face, pitch)


def marble(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Veins and clouds: marbled paper, batik."""
    pitch, colours, face = _start(rng, canvas, settings)
    cells = max(1.5, max(canvas.shape) / pitch / 2)
    field = sum(smooth_noise(rng, canvas.shape, min(cells * 2**k, 100)) * np.float32(0.6**k) for k in range(4))
    wave = np.sin(field * np.float32(rng.uniform(2, 7)))
    face = blend(face, colours[1], np.clip(np.float32(0.5) + wave * np.float32(0.5), 0, 1))
    return Flat(blend(face, colours[2], cover((np.abs(wave) - np.float32(0.12)) * 6) * np.float32(rng.uniform(0, 1))), pitch)


def tie_dye(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Rings and spirals of dye that ran."""
    pitch, colours, face = _start(rng, canvas, settings)
    pitch = max(pitch, canvas.picture_px / 3)
    found = motifs.toss(rng, canvas, pitch * 1.5, loose=0.3)
    run = smooth_noise(rng, canvas.shape, 12) * np.float32(0.08) + smooth_noise(rng, canvas.shape, 40) * np.float32(0.04)
    spiral = np.float32(rng.choice([0.0, 1.0, 2.0])) / np.float32(2 * np.pi)
    phase = found.distance() / np.float32(pitch * rng.uniform(0.2, 0.6)) + np.arctan2(found.y, found.x) * spiral + run * 4
    for number in range(1, 4):
        amount = np.clip(np.cos((phase + np.float32(number / 3)) * np.float32(2 * np.pi)) * np.float32(0.8), 0, 1)
        face = blend(face, colours[number], amount)
    return Flat(face, pitch)


def brush_strokes(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Strokes in all directions: abstract prints."""
    pitch, colours, face = _start(rng, canvas, settings)
    side = canvas.shape[0]
    for _ in range(int(min(160, 3 * (side / pitch) ** 2)) + 6):
        start = rng.uniform(0, side, 2)
        angle, length = rng.uniform(0, 2 * np.pi), pitch * rng.uniform(0.3, 1.6)
        middle = start + np.array([np.cos(angle), np.sin(angle)]) * length / 2 + rng.normal(0, 0.15, 2) * length
        end = start + np.array([np.cos(angle), np.sin(angle)]) * length
        points = np.round(np.stack([start, middle, end]) * 8).astype(np.int32)
        colour = tuple(float(value) for value in colours[1 + int(rng.integers(0, 4))])
        cv2.polylines(face, [points], False, colour, max(1, round(pitch * rng.uniform(0.05, 0.35))), cv2.LINE_AA, 3)
    return Flat(face, pitch)


def letters(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Words and signs all over, or one large word."""
    pitch, colours, face = _start(rng, canvas, settings)
    side, font = canvas.shape[0], int(rng.choice([0, 2, 3, 4, 6]))
    pitch = max(pitch, 10.0)
    alphabet = np.array(list("ABCDEFGHKLMNOPRSTUVXYZabdeghknop&?!0123456789"))
    ink = np.zeros((2, side, side), np.uint8)
    for top in np.arange(0, side + pitch, pitch):
        text = "".join(rng.choice(alphabet, int(side / pitch * 2) + 2))
        place = (int(rng.uniform(-pitch, 0)), int(top))
        cv2.putText(ink[rng.integers(0, 2)], text, place, font, pitch / 32, 255, max(1, round(pitch / 14)), cv2.LINE_AA)
    for number in range(2):
        face = blend(face, colours[1 + number], ink[number] / np.float32(255))
    return Flat(face, pitch)


def damask(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Mirrored ornaments, tone on tone."""
    pitch, colours, face = _start(rng, canvas, settings)
    found = motifs.toss(rng, canvas, pitch, loose=0.0)
    u, v = np.abs(found.x) / np.float32(pitch), found.y / np.float32(pitch)
    field = np.zeros(canvas.shape, np.float32)
    for _ in range(6):
        a, b = rng.uniform(2, 14, 2)
        field += np.cos(u * np.float32(a) + np.float32(rng.uniform(0, 6))) * np.cos(v * np.float32(b) + np.float32(rng.uniform(0, 6)))
    return Flat(blend(face, colours[1], cover((np.float32(rng.uniform(-0.3, 0.8)) - field) * np.float32(pitch / 10))), pitch)


def silhouettes(rng: Generator, canvas: Canvas, settings: PatternSettings) -> Flat:
    """Things strewn about: each a few ragged shapes together, such as fruit, beasts and boats are."""
    pitch, colours, face = _start(rng, canvas, settings)
    found = motifs.toss(rng, canvas, pitch, loose=float(rng.uniform(0, 0.2)))
    turn = motifs.upright(found.count) if rng.random() < 0.5 else motifs.any_turn(rng)(found.count)
    for number in range(int(rng.integers(1, 4))):
        size = np.full(found.count, pitch * rng.uniform(0.3, 0.5) / (1 + number), np.float32)
        away = motifs.outside(found, motifs.blob(rng, rng.uniform(0.7, 1.6)), size, turn)
        face = blend(face, colours[1 + number], cover(away))
    return Flat(face, pitch)
