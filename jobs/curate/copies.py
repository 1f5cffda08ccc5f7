"""Pictures that may be copies of each other in spite of a cut, a turn or a mirror, which no hash of the whole picture survives.

Two pictures are likelier copies the nearer the backbone's vectors point the same way and the more they look alike. Neither alone
tells: one shirt in two prints looks alike, and two plaids have like vectors. What is found is shown to people and leaves nothing out.
"""

from __future__ import annotations

import numpy as np

from jobs.curate.signals import CHUNK, Floats, Ints, Pictures, whiten

MOST = 30_000
"""Of more pictures it would take many minutes."""
NEAREST = 5
"""Of so many, by vectors, looks are compared."""
DIRECTION, LOOKS, LEAST = 11.1, -3.2, 0.05
SURE = 13.0
"""Weights of the cosine and of the logarithm of how far looks lie apart, fitted on photographs and renderings (bench-duplicates)."""

Pair = tuple[int, int, float]


def likely(of: Pictures) -> list[Pair]:
    """Return (i, j, how sure), i < j, surest first: pictures of different groups, each the other's likeliest copy."""
    count = len(of.targets)
    if not 2 < count <= MOST:
        return []
    vectors = whiten(of.features, np.ones(count, bool))
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    spread = of.looks.std(axis=0)
    looks = of.looks / np.where(spread > 1e-8, spread, 1.0)
    parts = [_best(vectors, looks, of.groups, np.arange(at, min(at + CHUNK, count))) for at in range(0, count, CHUNK)]
    other, sure = (np.concatenate(part) for part in zip(*parts, strict=True))
    mutual = np.flatnonzero((other[other] == np.arange(count)) & (np.arange(count) < other) & (sure >= SURE))
    return sorted(((int(i), int(other[i]), float(sure[i])) for i in mutual), key=lambda pair: (-pair[2], pair[:2]))


def _best(vectors: Floats, looks: Floats, groups: Ints, rows: Ints) -> tuple[Ints, Floats]:
    """Return the likeliest copy of each row in other groups, and how sure that is."""
    cosines = vectors[rows] @ vectors.T
    cosines[groups[rows][:, None] == groups] = -np.inf
    most = min(NEAREST, len(vectors) - 1)
    near = np.argpartition(-cosines, most - 1, axis=1)[:, :most]
    apart = np.sqrt((np.clip(looks[rows][:, None] - looks[near], -4, 4) ** 2).mean(axis=2))
    sure = DIRECTION * np.take_along_axis(cosines, near, axis=1) + LOOKS * np.log(apart + LEAST)
    best = sure.argmax(axis=1)[:, None]
    return np.take_along_axis(near, best, axis=1)[:, 0], np.take_along_axis(sure, best, axis=1)[:, 0]
