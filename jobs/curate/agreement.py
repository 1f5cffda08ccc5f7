"""How well two pictures agree once one of them is cut, turned or mirrored as people do it, by their thumbnails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.aligned import Variation, directions, variation
from common.cells import LIGHT, planes
from jobs.curate.signals import Floats, Ints

Floats32 = NDArray[np.float32]

SHARES = (1.0, 0.95, 0.9, 0.8)
"""Of a picture's sides, what a cut leaves of them."""
TURNS = (2, 4, 7, 10)
"""Degrees, either way."""
_GREY = 6.0
_ROOM = 0.02
_AT_A_TIME = 8192


@dataclass(frozen=True)
class Agreement:
    """Of pairs of pictures, in the variation that does best: how alike the light is (more is more), and how far colours differ."""

    light: Floats
    colour: Floats


def agreement(thumbnails: NDArray[np.uint8], ones: Ints, others: Ints) -> Agreement:
    """Compare pairs of rows of thumbnails (n, cells.SIZE); either picture of a pair may be the one that was varied."""
    plain = planes(thumbnails).reshape(len(thumbnails), 3, LIGHT**2)
    light, colour = np.full(len(ones), -np.inf), np.full(len(ones), np.inf)
    for way in _ways():
        varied, kept = _side(way.of(plain)), _side(way.beside(plain))
        for these, those in ((ones, others), (others, ones)):
            for start in range(0, len(ones), _AT_A_TIME):
                some = slice(start, start + _AT_A_TIME)
                here, there = _compared(varied, kept, these[some], those[some])
                better = here - there > light[some] - colour[some]
                light[some][better], colour[some][better] = here[better], there[better]
    return Agreement(light, colour)


@dataclass(frozen=True)
class _Side:
    """What pairs are compared by: light (n, cells) about its mean and of length one, colours (n, 2 cells), their mean square (n,)."""

    light: Floats32
    colours: Floats32
    power: Floats32


def _side(shown: Floats32) -> _Side:
    colours = np.ascontiguousarray(shown[:, 1:].reshape(len(shown), -1))
    return _Side(directions(shown[:, 0]), colours, np.einsum("nc,nc->n", colours, colours) / shown.shape[-1])


def _compared(varied: _Side, plain: _Side, these: Ints, those: Ints) -> tuple[Floats, Floats]:
    """Return both figures of pairs of rows."""
    together = np.einsum("nc,nc->n", varied.light[these], plain.light[those])
    product = np.einsum("nc,nc->n", varied.colours[these], plain.colours[those]) / varied.light.shape[1]
    apart = np.sqrt(np.maximum(0, varied.power[these] + plain.power[those] - 2 * product))
    strength = (np.sqrt(varied.power[these]) + np.sqrt(plain.power[those])) / 2
    light, colour = -np.log(1 + _ROOM - np.minimum(together, 1)), apart / (_GREY + strength)
    return light.astype(np.float64), colour.astype(np.float64)


def _ways() -> Iterator[Variation]:
    for mirrored in (False, True):
        yield from (variation(share, mirrored=mirrored) for share in SHARES)
        yield from (variation(degrees=way, mirrored=mirrored) for degrees in TURNS for way in (degrees, -degrees))
