"""Suspects that look the same, so that a person's one word may do for all of them."""

from __future__ import annotations

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage

from jobs.curate.signals import Floats, Ints

LIKE = 0.5
"""The least cosine between any two of a crowd."""
MOST = 4000


def crowds(vectors: Floats, labels: Ints) -> Ints:
    """Return the crowd of each suspect, counted from 0: same label, and every two alike (complete linkage).

    Only the first MOST of a label are compared; the rest are each alone.
    """
    standard = (vectors - vectors.mean(axis=0)) / np.maximum(vectors.std(axis=0), 1e-8) if len(vectors) else vectors
    unit = standard / np.maximum(np.linalg.norm(standard, axis=1, keepdims=True), 1e-12)
    found, first = np.zeros(len(labels), np.int64), 0
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        own = np.arange(len(places))
        if len(places) > 1:
            compared = places[:MOST]
            own[: len(compared)] = fcluster(linkage(unit[compared], "complete", "cosine"), 1 - LIKE, "distance") - 1
            own[len(compared) :] = own[: len(compared)].max() + 1 + np.arange(len(places) - len(compared))
        found[places] = first + own
        first += int(own.max()) + 1
    return found
