"""The trained network as an ONNX graph from a picture to features, with its views inside.

The same as `network` in torch, with batch normalisation folded into the convolutions. No exporter
is involved, so equal weights give equal bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from common.model import Named, Trunk
from jobs.pretrain.expressions import Graph, Tensor, concat
from jobs.pretrain.patterns import KINDS, PATTERNS, WORDS_OF_FAMILIES, WORDS_OF_KINDS

Weights: TypeAlias = Mapping[str, NDArray[np.float32]]

RESOLUTION = 256
"""Of the pictures that the card asks for, pixels a side; the graph takes any."""
VIEWS = (64, 96, 144, 224)
"""Sides in pixels, multiples of 16: from far to near; chosen by measuring (docs/decisions/0022)."""
STRIDES = (2, 2, 2, 1)
GREY = (0.299, 0.587, 0.114)
EPSILON = 1e-5
"""Of torch's batch normalisation."""
FLOOR = 0.01
"""Added to probabilities before the logarithm: below it, differences are noise."""
KINDS_WEIGHT = 12
"""Chosen by measuring (docs/decisions/0022)."""


def build(name: str, weights: Weights, kinds: NDArray[np.float32], views: Sequence[int]) -> bytes:
    """Return the ONNX graph: image float32 (n, 3, h, w), RGB from 0 to 1, to features (n, `dimension(weights, kinds, views)`).

    *kinds* (families, kinds) says which family is of which kind. Features are, for each view, the
    logarithms of the kinds' probabilities, then those of the families, averaged over the views: a
    head that must learn from few garments finds what people name nearly ready-made. Heads standardise
    features, which gives each the same say; so the kinds come KINDS_WEIGHT times. Last come the maxima
    of the last maps, averaged over the views, for patterns that no family is like.
    """
    graph = Graph(name)
    maps = [look(graph.image(), weights, side, f"views/{number}") for number, side in enumerate(views)]
    families = [logits(one, weights).softmax(1) for one in maps]
    table = graph.constant(kinds)
    by_view = [(one @ table).log(FLOOR) for one in families]
    width = _width(weights)
    maxima = _mean(maps).pick(1, *range(width, 2 * width))
    features = concat([*by_view * KINDS_WEIGHT, _mean(families).log(FLOOR), maxima], axis=1)
    return graph.finish(features, dimension(weights, kinds, views))


def dimension(weights: Weights, kinds: NDArray[np.float32], views: Sequence[int]) -> int:
    """Count the features."""
    families, coarse = kinds.shape
    return int(coarse * len(views) * KINDS_WEIGHT + families + _width(weights))


def names(kinds: NDArray[np.float32], views: Sequence[int]) -> tuple[Named, ...]:
    """Say where among the features of `build` the kinds and families stand that people have words for."""
    coarse = kinds.shape[1]
    first = coarse * len(views) * KINDS_WEIGHT
    return (
        *(Named(words, tuple(range(KINDS.index(kind), coarse * len(views), coarse))) for kind, words in WORDS_OF_KINDS.items()),
        *(Named(words, (first + list(PATTERNS).index(family),)) for family, words in WORDS_OF_FAMILIES.items()),
    )


def trunks(weights: Weights, views: Sequence[int]) -> tuple[Trunk, ...]:
    """Name the parts that refinement trains, one for each view."""
    dimension = 3 * _width(weights)
    return tuple(Trunk(f"views/{number}/seen", f"views/{number}/maps", side, dimension) for number, side in enumerate(views))


def look(image: Tensor, weights: Weights, side: int, place: str) -> Tensor:
    """Look at *image* (n, 3, h, w) at one size: mean, maximum and attended mean of the last maps (n, 3 * width).

    Refinement trains what lies between the tensors *place*/seen and *place*/maps.
    """
    x = _normalise(image.resize(3, side, antialias=True)).named(f"{place}/seen")
    x = _convolve(x, weights, "stem", "stem_norm", 2).relu()
    for number, stride in enumerate(STRIDES):
        x = _block(x, weights, f"blocks.{number}.", stride)
    return _pool(x, weights).named(f"{place}/maps")


def logits(maps: Tensor, weights: Weights) -> Tensor:
    """Return the logits of families (n, k) from what `look` found."""
    graph = maps.graph
    head = graph.constant(np.asarray(weights["head.weight"], np.float64).T)
    return maps @ head + graph.constant(weights["head.bias"])


def _width(weights: Weights) -> int:
    """Count the channels of the last maps."""
    return int(weights["attention.weight"].shape[1])


def _mean(by_view: list[Tensor]) -> Tensor:
    return sum(by_view[1:], by_view[0]) * (1 / len(by_view))


def _normalise(image: Tensor) -> Tensor:
    graph = image.graph
    grey = (image * graph.constant(np.reshape(GREY, (1, 3, 1, 1)))).sum(1, keep=True)
    contrast = (grey - grey.mean(2, 3, keep=True)).square().mean(2, 3, keep=True).root(0.0) + 0.02
    colours = (image - image.mean(2, 3, keep=True)) / contrast * 0.6
    detail = grey - _around(grey)
    spread = graph.apply("Relu", _around(detail.square())).root(0.0) + 0.015
    return concat([colours, detail / spread], axis=1).between(-4, 4)


def _around(plane: Tensor) -> Tensor:
    return plane.pool(8, 8, edge=0).pool(5, 1).resize(1, plane)


def _block(x: Tensor, weights: Weights, name: str, stride: int) -> Tensor:
    short = x.pool(2, 2, edge=0) if stride == 2 else x
    y = _convolve(x, weights, f"{name}first", f"{name}first_norm", stride).relu()
    y = _convolve(y, weights, f"{name}second", f"{name}second_norm", 1)
    return (y + _convolve(short, weights, f"{name}short", f"{name}short_norm", 1)).relu()


def _convolve(x: Tensor, weights: Weights, name: str, norm: str, stride: int) -> Tensor:
    """Convolve, with the normalisation that follows folded in."""
    gain = weights[f"{norm}.weight"].astype(np.float64) / np.sqrt(weights[f"{norm}.running_var"].astype(np.float64) + EPSILON)
    kernels = weights[f"{name}.weight"] * gain[:, None, None, None]
    bias = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * gain
    return x.convolve(kernels, stride=stride, bias=bias)


def _pool(x: Tensor, weights: Weights) -> Tensor:
    """Join mean, maximum and attended mean of the maps."""
    share = x.convolve(weights["attention.weight"], bias=weights["attention.bias"]).reshape(0, 1, -1).softmax(2)
    attended = (x.reshape(0, _width(weights), -1) * share).sum(2)
    return concat([x.mean(2, 3), x.maximum(2, 3), attended], axis=1)
