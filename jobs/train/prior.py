"""What the backbone knows of the classes before it saw a picture of them: a prior, by the words in their names.

A backbone may name what it tells apart by itself (`Card.names`). Where the name of each class of a dataset is
one of these, and no two are the same, their logarithms of probabilities stand beside the SVM's margins.
How much they count is fitted on pictures that the SVM did not see, from a start where both count: with few groups
the fit hardly moves from there, with many it goes where the pictures say.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

from common import named
from common.model import Named

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SPREAD_OF_SHARE, SPREAD_OF_SCALE = 0.5, 3.0
"""How far from its start (1, and the logarithm 0) each is expected; in units of one group's log-likelihood."""
MOST_SHARE = 3.0


def matrix(classes: Sequence[str], names: Sequence[Named], dimension: int) -> Floats | None:
    """Return what turns features into each class's log-probability, (k, dimension); None where a class is not known by name."""
    found = [named.place(label, names) for label in classes]
    known = [number for number in found if number is not None]
    if len(known) < len(classes) or len(set(known)) < len(known):
        return None
    return named.rows([names[number] for number in known], dimension)


def weigh(margins: Floats, known: Floats, targets: Ints, groups: int) -> tuple[float, float]:
    """Return the temperature of *margins* (n, k) and the share of what is *known* (n, k) that make the *targets* (n,) likeliest.

    Probabilities are the softmax of margins / temperature + share * known. *groups* is how many
    independent pieces of evidence the pictures are.
    """
    rows = np.arange(len(targets))

    def loss(values: Floats) -> float:
        logs = log_softmax(margins * np.exp(values[0]) + known * values[1], axis=1)
        doubt = ((values[1] - 1) / SPREAD_OF_SHARE) ** 2 + (values[0] / SPREAD_OF_SCALE) ** 2
        return float(doubt / 2 - groups * logs[rows, targets].mean())

    bounds = [(np.log(0.01), np.log(100)), (0.0, MOST_SHARE)]
    found = minimize(loss, np.array([0.0, 1.0]), method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-12, "gtol": 1e-8})
    return float(np.exp(-found.x[0])), float(found.x[1])
