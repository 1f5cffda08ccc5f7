"""Pictures that may be copies of each other in spite of a cut, a turn or a mirror, which no hash of the whole picture survives.

Two pictures are likelier copies the nearer the backbone's vectors point the same way, the more they look alike, and the better
their thumbnails agree once one of them is cut, turned or mirrored. No one of these tells: one shirt in two prints looks alike,
and two plaids have like vectors. What is found is shown to people and leaves nothing out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jobs.curate.agreement import agreement
from jobs.curate.signals import CHUNK, Floats, Ints, Pictures, whiten

MOST = 30_000
"""Of more pictures it would take many minutes."""
NEAREST = 10
"""Of so many, by vectors, looks and thumbnails are compared."""
DIRECTION, LOOKS, LEAST = 16.1, -0.32, 0.05
LIGHT, COLOUR = 3.0, -21.5
SURE = 13.0
"""Weights of the cosine, of the logarithm of how far looks lie apart, and of how thumbnails agree, fitted on photographs and renderings
(bench-duplicates)."""

Pair = tuple[int, int, float]


def likely(of: Pictures, thumbnails: NDArray[np.uint8]) -> list[Pair]:
    """Return (i, j, how sure), i < j, surest first: pictures of different groups, each the other's likeliest copy."""
    count = len(of.targets)
    if not 2 < count <= MOST:
        return []
    near, cosines = _nearest(of)
    both = np.sort(np.stack([np.repeat(np.arange(count), near.shape[1]), near.ravel()]), axis=0)
    (ones, others), places = np.unique(both, axis=1, return_inverse=True)
    spread = of.looks.std(axis=0)
    looks = of.looks / np.where(spread > 1e-8, spread, 1.0)
    apart = np.sqrt((np.clip(looks[ones] - looks[others], -4, 4) ** 2).mean(axis=1))
    agree = agreement(thumbnails, ones, others)
    alike = LOOKS * np.log(apart + LEAST) + LIGHT * agree.light + COLOUR * agree.colour
    sure = DIRECTION * cosines + alike[places.ravel()].reshape(near.shape)
    best = sure.argmax(axis=1)[:, None]
    other, surest = (np.take_along_axis(values, best, axis=1)[:, 0] for values in (near, sure))
    mutual = np.flatnonzero((other[other] == np.arange(count)) & (np.arange(count) < other) & (surest >= SURE))
    return sorted(((int(i), int(other[i]), float(surest[i])) for i in mutual), key=lambda pair: (-pair[2], pair[:2]))


def _nearest(of: Pictures) -> tuple[Ints, Floats]:
    """Return of each picture those of other groups whose vectors point the same way most, (n, k), and their cosines."""
    count = len(of.targets)
    vectors = whiten(of.features, np.ones(count, bool))
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    most = min(NEAREST, count - 1)
    parts = []
    for start in range(0, count, CHUNK):
        rows = np.arange(start, min(start + CHUNK, count))
        cosines = vectors[rows] @ vectors.T
        cosines[of.groups[rows][:, None] == of.groups] = -np.inf
        near = np.argpartition(-cosines, most - 1, axis=1)[:, :most]
        parts.append((near, np.take_along_axis(cosines, near, axis=1)))
    found, how = (np.concatenate(part) for part in zip(*parts, strict=True))
    return found, how
