"""Variations of training pictures: crops, turns, mirror images, colours. RGB uint8 in and out; pure functions of a generator."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from jobs.refine.recipe import PAD, Augmentation

Pixels = NDArray[np.uint8]
GREY = np.asarray([0.299, 0.587, 0.114])


def vary(picture: Pixels, side: int, how: Augmentation, rng: Generator) -> Pixels:
    """Return a variation (side, side, 3) of a square picture (s, s, 3) that is at most some quarter larger."""
    share = rng.uniform(how.least_crop, how.most_crop)
    turned = _turned(picture, rng.uniform(-how.rotation, how.rotation)) if how.rotation else picture
    cut = cv2.resize(_crop(turned, round(share * len(picture)), rng), (side, side), interpolation=cv2.INTER_LINEAR)
    return _coloured(_mirrored(np.asarray(cut, np.uint8), how.flips, rng), how.colours, rng)


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
    brighter, sharper, stronger = rng.uniform(1 - most, 1 + most, 3)
    # grey + stronger * (value - grey), then mean + sharper * (that - mean), then brighter * that: one linear map of the three colours
    colours = brighter * sharper * (stronger * np.eye(3) + (1 - stronger) * GREY)
    shift = brighter * (1 - sharper) * (GREY @ cv2.mean(picture)[:3])
    return np.asarray(cv2.transform(picture, np.column_stack([colours, np.full(3, shift)])), np.uint8)
