"""The few operations on picture-sized arrays that patterns, cloth and camera share.

All is float32. Each operation works on every pixel alone or through OpenCV filters that split
their work by rows, so the number of threads never shows in a result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from numpy.random import Generator

Plane: TypeAlias = NDArray[np.float32]
"""(H, W): one number a pixel."""
Image: TypeAlias = NDArray[np.float32]
"""(H, W, 3): RGB, 0 to 1."""
Colour: TypeAlias = NDArray[np.float32]
"""(3,): RGB, 0 to 1."""
Shape: TypeAlias = tuple[int, int]
"""(H, W) in pixels."""


def axes(shape: Shape) -> tuple[Plane, Plane]:
    """Give the pixel centres' y as (H, 1) and x as (1, W), in pixels from the middle."""
    height, width = shape
    y = np.arange(height, dtype=np.float32)[:, None] - np.float32((height - 1) / 2)
    x = np.arange(width, dtype=np.float32)[None, :] - np.float32((width - 1) / 2)
    return y, x


def rotate(y: Plane, x: Plane, angle_rad: float) -> tuple[Plane, Plane]:
    """Turn coordinates; at angle 0 open axes (H, 1) and (1, W) come back as they are."""
    if angle_rad == 0.0:
        return y, x
    cosine, sine = np.float32(np.cos(angle_rad)), np.float32(np.sin(angle_rad))
    return y * cosine - x * sine, x * cosine + y * sine


def smooth_noise(rng: Generator, shape: Shape, cells: float, stretch: float = 1.0) -> Plane:
    """Draw smooth noise (H, W) of mean 0 and spread about 0.7.

    *cells* bumps lie across the longer side; each is *stretch* times longer in x than in y.
    """
    per_px = cells / max(shape)
    rows = max(2, round(shape[0] * per_px)) + 2
    columns = max(2, round(shape[1] * per_px / stretch)) + 2
    return enlarge(rng.standard_normal((rows, columns), dtype=np.float32), shape)


def enlarge(plane: Plane, shape: Shape) -> Plane:
    """Resample a smooth field to *shape* by cubic interpolation."""
    size = (shape[1], shape[0])
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def soften(pixels: NDArray[np.float32], sigma_px: float) -> NDArray[np.float32]:
    """Blur with a Gaussian; one too small to see returns the array itself."""
    if sigma_px < 0.15:
        return pixels
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma_px), dtype=np.float32)


def cover(distance_px: Plane, softness_px: float = 1.2) -> Plane:
    """Turn a signed distance (negative inside) into the covered share of the pixel, 0 to 1."""
    share: Plane = np.clip(0.5 - distance_px / np.float32(softness_px), 0.0, 1.0)
    return share


def blend(under: Image | Colour, over: Image | Colour, amount: Plane) -> Image:
    """Lay *over* on *under* where *amount* (H, W) is 1; either may be one colour."""
    blended: Image = under + (over - under) * amount[..., None]
    return blended


def triangle(phase: Plane) -> Plane:
    """Give the triangle wave of period 1: 1 at whole numbers, 0 halfway between."""
    wave: Plane = np.abs((phase % np.float32(1.0)) * 2 - 1)
    return wave
