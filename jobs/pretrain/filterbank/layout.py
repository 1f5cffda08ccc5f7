"""The bank for shapes: which orientations are where, on a grid that the picture fills.

Gabor energies at two scales are averaged over 5 x 5 overlapping cells, orientations apart, and
divided by the picture's own mean energy. Small by design: for figures such as digits.

Sources: Oliva and Torralba, Modeling the shape of the scene (GIST), IJCV 2001; Dalal and Triggs,
Histograms of oriented gradients, CVPR 2005 (square roots of normalised cells).
"""

from __future__ import annotations

import numpy as np

from jobs.pretrain.expressions import Graph, Tensor, concat
from jobs.pretrain.filterbank import kernels

NAME = "gabor-layout"
RESOLUTION = 32
DIMENSION = 400
BANKS = (kernels.gabor_bank(8.0, 13), kernels.gabor_bank(14.0, 23))


def build() -> bytes:
    """Return the ONNX graph: image float32 (n, 3, h, w), RGB from 0 to 1, to features (n, 400)."""
    graph = Graph(NAME)
    grey = graph.image().resize(3, RESOLUTION).convolve(np.reshape(kernels.GREY, (1, 3, 1, 1)))
    grey = grey - _ground(grey)
    return graph.finish(concat([_cells(grey, bank) for bank in BANKS], axis=1), DIMENSION)


def _ground(grey: Tensor) -> Tensor:
    """Return the mean grey of the border, (n, 1, 1, 1): with it at 0 the zeros that convolution adds go on with the ground."""
    first_and_last = 0, RESOLUTION - 1
    rows, columns = grey.pick(2, *first_and_last), grey.pick(3, *first_and_last)
    return (rows.mean(2, 3, keep=True) + columns.mean(2, 3, keep=True)) * 0.5


def _cells(grey: Tensor, bank: kernels.Floats) -> Tensor:
    """Return the energies of 8 orientations in 5 x 5 cells, (n, 200)."""
    energy = grey.convolve(bank).square().convolve(kernels.pair_sums(kernels.ORIENTATIONS)).root()
    cells = energy.pool(8, 6, edge=0)
    return (cells / (cells.square().mean(1, 2, 3, keep=True).root() + 1e-3)).root().reshape(0, -1)
