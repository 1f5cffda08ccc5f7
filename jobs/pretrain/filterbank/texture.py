"""The bank for patterns: what is in the picture at which scale, blind to place and direction.

A pyramid of six octaves is filtered with Gabor filters of 8 orientations; the moduli ("energies")
are averaged over the picture, and over orientation by the modulus of a Fourier transform. Zoom
moves a pattern from one octave to another, so most statistics are also averaged over octaves,
weighted by each octave's share of the energy. Which statistics, was decided by measuring:
docstrings say what each is for.

Sources: Bruna and Mallat, Invariant scattering convolution networks, PAMI 2013 (energies of
energies); Sifre and Mallat, Rotation, scaling and deformation invariant scattering, CVPR 2013
(orders over orientation); Portilla and Simoncelli, IJCV 2000 (correlations of energies);
Koenderink and van Doorn, Image and Vision Computing 1992 (shape index).
"""

from __future__ import annotations

import numpy as np

from jobs.pretrain.expressions import Graph, Tensor, concat, stack
from jobs.pretrain.filterbank import kernels

NAME = "gabor-texture"
RESOLUTION = 256
DIMENSION = 135
OCTAVES = 6
WAVELENGTH_PX = 5.0
BANK = kernels.gabor_bank(WAVELENGTH_PX, 11)
FLOOR = 1e-6


def build() -> bytes:
    """Return the ONNX graph: image float32 (n, 3, h, w), RGB from 0 to 1 and sides of 8 or more, to features (n, 135)."""
    graph = Graph(NAME)
    octaves = _octaves(_even_light(graph.image().convolve(kernels.opponent_colours())))
    energies = [_energy(octave) for octave in octaves]
    strength = stack([energy.mean(2, 3) for energy in energies])
    share = strength.mean(2)
    share = share / (share.sum(1, keep=True) + FLOOR)
    parts = [
        *_direction(strength, share),
        _flat(stack([_direction_of_neighbourhoods(energy) for energy in energies])),
        _flat(stack([_junctions(energy) for energy in energies])),
        *_shapes(octaves, share),
        _companions(energies, share),
        _arrangement(energies),
        _contrast(octaves),
    ]
    return graph.finish(concat(parts, axis=1), DIMENSION)


def _even_light(colours: Tensor) -> Tensor:
    """Subtract the mean and divide by the spread of the surroundings (about 16 pixels), so that shadows count little."""
    away = colours - _surroundings(colours).resize(3, colours)
    spread = _surroundings(away.square().sum(1, keep=True)).root()
    return away / (spread.resize(1, colours) + 0.02)


def _surroundings(maps: Tensor) -> Tensor:
    return maps.pool(8, 8, edge=0).pool(5, 1).pool(5, 1)


def _octaves(colours: Tensor) -> list[Tensor]:
    octaves = [colours]
    while len(octaves) < OCTAVES:
        octaves.append(octaves[-1].convolve(np.tile(kernels.smoothing(), (3, 1, 1, 1)), stride=2, groups=3))
    return octaves


def _energy(colours: Tensor) -> Tensor:
    """Return the energies of one octave at half its resolution, (n, 8, h / 2, w / 2).

    The three colours add up, so that a pattern of one lightness is seen as well.
    """
    waves = colours.convolve(np.tile(BANK, (3, 1, 1, 1)), groups=3)
    return waves.square().convolve(np.tile(kernels.pair_sums(kernels.ORIENTATIONS), (1, 3, 1, 1))).root().pool(3, 2)


def _moduli(maps: Tensor, count: int, groups: int = 1) -> Tensor:
    """Return the moduli of (n, groups * 2 * count, h, w): in each group real parts, then imaginary parts."""
    pairs = np.tile(kernels.pair_sums(count), (groups, 1, 1, 1))
    return maps.square().convolve(pairs, groups=groups).root()


def _direction(strength: Tensor, share: Tensor) -> list[Tensor]:
    """Tell one direction from two and from all of them, and two that cross at right angles from two that do not.

    The moduli say how much; the phase of order 2 against order 1 (a bispectrum) says whether a
    second direction stands askew, as in zigzag.
    """
    graph = strength.graph
    waves = strength @ graph.constant(kernels.orientation_dft(4).T)
    pairs = graph.constant(kernels.pair_sums(4)[:, :, 0, 0].T)
    total = strength.sum(2, keep=True) + FLOOR
    moduli = (waves.square() @ pairs).root() / total
    x1, x2, y1, y2 = [waves.pick(2, index) for index in (0, 1, 4, 5)]
    phase = x2 * (x1.square() - y1.square()) + y2 * x1 * y1 * 2.0
    length = (x2.square() + y2.square()).root() * (x1.square() + y1.square())
    cosine = phase / (length + total.cube() * 1e-3)
    return [_flat(moduli.log(0.02)), _flat((phase / total.cube() * 100.0).asinh()), _pooled(cosine, share)]


def _direction_of_neighbourhoods(energy: Tensor) -> Tensor:
    """Return the moduli of orders 1 to 4 over orientation in windows of about four wavelengths, (n, 4).

    A wavy stripe has one direction in each window, though not in the whole.
    """
    moduli = _moduli(energy.pool(11, 4).convolve(kernels.orientation_dft(4)[:, :, None, None]), 4)
    return (moduli.mean(2, 3) / (energy.sum(1, keep=True).mean(2, 3) + FLOOR)).log(0.02)


def _junctions(energy: Tensor) -> Tensor:
    """Return the shares of energy that lies on straight edges, on crossings, on blobs and on bends, (n, 4)."""
    total = energy.sum(1, keep=True) + FLOOR
    moduli = _moduli(energy.convolve(kernels.orientation_dft(2)[:, :, None, None]), 2) / total
    # What a single sharp direction reaches in orders 1 and 2 is taken as 1.
    one, two = (moduli.pick(1, 0) / 0.8).at_most(1.0), (moduli.pick(1, 1) / 0.5).at_most(1.0)
    kinds = concat([one.square() * two, (1.0 - one) * two, (1.0 - one) * (1.0 - two), one * (1.0 - two)], axis=1)
    return ((kinds * total).mean(2, 3) / total.mean(2, 3)).log(0.01)


def _shapes(octaves: list[Tensor], share: Tensor) -> list[Tensor]:
    """Return histograms of the shape index (pit, valley, saddle, ridge, peak): of size, and of how unlike light and dark are."""
    graph = share.graph
    table = stack([_shape_index(octave) for octave in octaves])
    folded = (table @ graph.constant(_folding(1.0))).log(0.01)
    unlike = (table @ graph.constant(_folding(-1.0)[:, 1:])).abs()
    return [_flat(folded), _pooled(folded, share), _pooled(unlike, share)]


def _shape_index(colours: Tensor) -> Tensor:
    """Return the histogram of one octave's lightness over 7 soft bins from pit to peak, weighted by curvedness, (n, 7)."""
    curvature = colours.pick(1, 0).convolve(kernels.hessian_bank(1.0, 9))
    curvedness = curvature.square().sum(1, keep=True).root(1e-10)
    index = curvature.pick(1, 0) / curvedness
    centres = colours.graph.constant(np.linspace(-1, 1, 7).reshape(1, 7, 1, 1))
    bins = ((index - centres).square() * -16.0).exp()
    return (bins * curvedness).mean(2, 3) / curvedness.mean(2, 3)


def _folding(sign: float) -> kernels.Floats:
    """Return the matrix (7, 4) that adds, or subtracts, the bins as far above the middle as below it."""
    above = np.eye(7)[:, 3:]
    matrix = above + sign * above[::-1]
    matrix[3, 0] = 1.0
    return matrix


def _companions(energies: list[Tensor], share: Tensor) -> Tensor:
    """Return which orientations are strong at the same places, pooled over octaves, the strongest above all, (n, 4)."""
    strongest = share.cube()
    strongest = strongest / (strongest.sum(1, keep=True) + FLOOR)
    return _pooled(stack([_correlations(energy) for energy in energies]), strongest)


def _correlations(energy: Tensor) -> Tensor:
    """Return the correlations over the picture of energies 1 to 4 orientations apart, (n, 4)."""
    graph = energy.graph
    rows = energy.reshape(0, kernels.ORIENTATIONS, -1)
    rows = rows - rows.mean(2, keep=True)
    rows = rows / (rows.square().sum(2, keep=True).root(1e-6))
    table = (rows @ rows.swap_last()).reshape(0, kernels.ORIENTATIONS**2)
    return table @ graph.constant(kernels.circular_means())


def _arrangement(energies: list[Tensor]) -> Tensor:
    """Return the second layer: energies, at each coarser octave, of where an octave's energy is, (n, 15)."""
    totals: list[Tensor] = []
    found = []
    for energy in energies[:-1]:
        totals = [total.convolve(kernels.smoothing(), stride=2) for total in totals]
        totals.append(energy.sum(1, keep=True))
        maps = concat(totals, axis=1)
        level = maps.mean(2, 3, keep=True)
        count = len(totals)
        waves = (maps - level).convolve(np.tile(BANK, (count, 1, 1, 1)), groups=count)
        moduli = _moduli(waves, kernels.ORIENTATIONS, count).mean(2, 3).reshape(0, count, -1).mean(2)
        found.append((moduli / (level.reshape(0, count) + FLOOR)).log(0.005))
    return concat(found, axis=1)


def _contrast(octaves: list[Tensor]) -> Tensor:
    """Return how much of the evened picture is left at each octave, (n, 6)."""
    return concat([octave.variance(2, 3).sum(1, keep=True).root() for octave in octaves], axis=1).log(0.02)


def _pooled(table: Tensor, weights: Tensor) -> Tensor:
    """Average (n, octaves, k) over octaves with weights (n, octaves)."""
    return (table * weights.reshape(0, OCTAVES, 1)).sum(1)


def _flat(table: Tensor) -> Tensor:
    return table.reshape(0, -1)
