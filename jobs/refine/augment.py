"""Variations of training pictures: crops, turns, mirror images, colours. RGB uint8 in and out; pure functions of a generator."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from common.images import resize
from jobs.refine.recipe import PAD, Augmentation

Pixels = NDArray[np.uint8]
GREY = np.asarray([0.299, 0.587, 0.114], np.float32)


def vary(picture: Pixels, side: int, how: Augmentation, rng: Generator) -> Pixels:
    """Return a variation (side, side, 3) of a square picture (s, s, 3)."""
    share = rng.uniform(how.least_crop, how.most_crop)
    turned = _turned(picture, rng.uniform(-how.rotation, how.rotation)) if how.rotation else picture
    cut = resize(_crop(turned, round(share * len(picture)), rng), side, side)
    return _coloured(_mirrored(cut, how.flips, rng), how.colours, rng)


def mixed(pictures: NDArray[np.float32], targets: NDArray[np.float32], alpha: float, rng: Generator) -> tuple[NDArray[np.float32], ...]:
    """Mix each picture, and its target, with another of the minibatch (Zhang et al., 2017)."""
    share = np.float32(rng.beta(alpha, alpha))
    other = rng.permutation(len(pictures))
    return share * pictures + (1 - share) * pictures[other], share * targets + (1 - share) * targets[other]


def _turned(picture: Pixels, degrees: float) -> Pixels:
    middle = (len(picture) - 1) / 2
    matrix = cv2.getRotationMatrix2D((middle, middle), degrees, 1.0)
    turned = cv2.warpAffine(picture, matrix, (len(picture), len(picture)), flags=cv2.INTER_LINEAR, borderValue=(PAD, PAD, PAD))
    return np.asarray(turned, np.uint8)


def _crop(picture: Pixels, cut: int, rng: Generator) -> Pixels:
    top, left = rng.integers(0, len(picture) - cut + 1, 2)
    return picture[top : top + cut, left : left + cut]


def _mirrored(picture: Pixels, flips: str, rng: Generator) -> Pixels:
    across, down = rng.random(2) < 0.5
    if flips != "none" and across:
        picture = picture[:, ::-1]
    return picture[::-1] if flips == "both" and down else picture


def _coloured(picture: Pixels, most: float, rng: Generator) -> Pixels:
    """Change brightness, contrast (about the picture's mean grey) and saturation, each by a factor within 1 ± *most*."""
    brighter, sharper, stronger = rng.uniform(1 - most, 1 + most, 3).astype(np.float32)
    values = picture.astype(np.float32)
    grey = values @ GREY
    mean = np.float32(grey.mean())
    # grey + stronger * (value - grey), then mean + sharper * (that - mean), then brighter * that: linear, so in one go
    values *= brighter * sharper * stronger
    values += (brighter * sharper * (1 - stronger) * grey + brighter * (1 - sharper) * mean)[..., None]
    coloured: Pixels = np.clip(values + np.float32(0.5), 0, 255).astype(np.uint8)
    return coloured
