"""Motifs that repeat at points: lattices, jittered lattices, rosettes, blossoms.

Each pixel belongs to its nearest point, and a motif is drawn from the pixel's place relative to
that point. So a picture with 3 motifs costs as much as one with 3,000.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from common.textures.fields import Plane, Shape, axes

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

_COARSE_PX = 40.0
"""A pitch above this is looked up at a lower resolution: cell borders lie in the ground."""


@dataclass(frozen=True, slots=True)
class Cells:
    """The nearest point of every pixel."""

    y: Plane
    """(H, W) pixels below the nearest point."""
    x: Plane
    """(H, W) pixels right of the nearest point."""
    index: NDArray[np.int32]
    """(H, W) which point it is."""
    count: int
    """Number of points."""

    def spread(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give every pixel the value of its point: (count, ...) to (H, W, ...)."""
        return np.take(values, self.index, axis=0)

    def distance(self) -> Plane:
        """Give the distance to the nearest point in pixels, (H, W)."""
        return np.asarray(cv2.magnitude(self.x, self.y), dtype=np.float32)


def lattice(shape: Shape, pitch_px: float, *, angle_rad: float = 0.0, aspect: float = 1.0, hexagonal: bool) -> NDArray[np.float32]:
    """Lay points (N, 2) as y, x in pixels from the middle, over *shape* and one pitch beyond.

    Rows lie *pitch_px* times *aspect* apart; hexagonal shifts every other row by half a pitch.
    """
    reach = float(np.hypot(*shape)) / 2 + 1.5 * pitch_px * max(1.0, aspect)
    rows = np.arange(-np.ceil(reach / (pitch_px * aspect)), np.ceil(reach / (pitch_px * aspect)) + 1)
    columns = np.arange(-np.ceil(reach / pitch_px), np.ceil(reach / pitch_px) + 1)
    shift = 0.5 * (rows % 2)[:, None] if hexagonal else 0.0
    v, u = np.broadcast_arrays(rows[:, None] * aspect, columns[None, :] + shift)
    cosine, sine = np.cos(angle_rad), np.sin(angle_rad)
    y, x = (v * cosine + u * sine) * pitch_px, (u * cosine - v * sine) * pitch_px
    points = np.stack([y.ravel(), x.ravel()], axis=1).astype(np.float32)
    limit = np.array(shape, dtype=np.float32) / 2 + 1.2 * pitch_px * max(1.0, aspect)
    return points[(np.abs(points) < limit).all(axis=1)]


def jitter(rng: Generator, points: NDArray[np.float32], spread_px: float) -> NDArray[np.float32]:
    """Move every point by up to *spread_px* in y and in x."""
    return points + rng.uniform(-spread_px, spread_px, points.shape).astype(np.float32)


def cells(points: NDArray[np.float32], shape: Shape, pitch_px: float) -> Cells:
    """Find the nearest of *points* (N, 2: y, x from the middle) for every pixel of *shape*."""
    index = _nearest(points, shape, pitch_px)
    y, x = axes(shape)
    owner = np.take(points, index, axis=0)
    return Cells(y=y - owner[..., 0], x=x - owner[..., 1], index=index, count=len(points))


def _nearest(points: NDArray[np.float32], shape: Shape, pitch_px: float) -> NDArray[np.int32]:
    """Label every pixel with its nearest point through a distance transform."""
    scale = min(1.0, _COARSE_PX / pitch_px)
    margin = int(np.ceil(1.5 * pitch_px * scale))
    rows, columns = (int(np.ceil(side * scale)) + 2 * margin for side in shape)
    middle = np.array([(rows - 1) / 2, (columns - 1) / 2], dtype=np.float32)
    places = np.rint(points * np.float32(scale) + middle).astype(np.int32)
    places = np.clip(places, 0, [rows - 1, columns - 1])
    seeds = np.ones((rows, columns), dtype=np.uint8)
    seeds[places[:, 0], places[:, 1]] = 0
    _, found = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    labels = np.asarray(found, dtype=np.int32)
    owner = np.zeros(len(points) + 1, dtype=np.int32)
    owner[labels[places[:, 0], places[:, 1]]] = np.arange(len(points), dtype=np.int32)
    small = np.take(owner, labels[margin : rows - margin, margin : columns - margin])
    if small.shape == shape:
        return small
    size = (shape[1], shape[0])
    return np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_NEAREST), dtype=np.int32)
