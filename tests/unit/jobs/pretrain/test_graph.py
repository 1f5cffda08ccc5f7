"""The network as ONNX: views are exact, bytes repeat, features mean what their order says."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from common.model import FEATURES, Model
from jobs.pretrain import graph
from jobs.pretrain.expressions import Graph
from jobs.pretrain.graph import RESOLUTION
from jobs.refine import network
from tests.support.refinable import CHANNELS, KINDS, VIEWS, pattern_weights


@pytest.fixture(scope="module")
def weights() -> dict[str, NDArray[np.float32]]:
    return pattern_weights()


@pytest.fixture(scope="module")
def pictures() -> NDArray[np.float32]:
    return np.random.default_rng(1).random((3, 3, RESOLUTION, RESOLUTION), dtype=np.float32)


def test_equal_weights_give_equal_bytes(weights: dict[str, NDArray[np.float32]]) -> None:
    assert graph.build("net", weights, KINDS, VIEWS) == graph.build("net", dict(weights), KINDS, VIEWS)


def test_features_are_logarithms_of_probabilities_and_maxima_of_maps(
    weights: dict[str, NDArray[np.float32]], pictures: NDArray[np.float32]
) -> None:
    data, width, kinds = graph.build("net", weights, KINDS, VIEWS), CHANNELS[-1], 4 * graph.KINDS_WEIGHT
    features = Model(data).run(pictures, FEATURES)
    assert features.shape == (3, graph.dimension(weights, KINDS, VIEWS)) == (3, kinds + 3 + width)
    probabilities = np.exp(features[:, : kinds + 3]) - graph.FLOOR
    first, second, families = probabilities[:, :2], probabilities[:, 2:4], probabilities[:, kinds:]
    assert np.allclose(first.sum(axis=1), 1, atol=1e-4)
    assert np.allclose(second.sum(axis=1), 1, atol=1e-4)
    assert np.allclose((first + second) / 2, families @ KINDS, atol=1e-4)
    exits = [trunk.exit for trunk in graph.trunks(weights, VIEWS)]
    maps = [Model(network.cut(data, exits)).run(pictures, one) for one in exits]
    assert maps[0].shape == (3, 3 * width)
    assert np.allclose(features[:, -width:], np.mean(maps, axis=0)[:, width : 2 * width], atol=1e-4)


def test_views_see_different_sizes(weights: dict[str, NDArray[np.float32]]) -> None:
    cloth = np.zeros((1, 3, RESOLUTION, RESOLUTION), np.float32)
    cloth[..., ::2] = 1
    entries = [trunk.entry for trunk in graph.trunks(weights, (RESOLUTION, 64))]
    eyes = Model(network.cut(graph.build("net", weights, KINDS, (RESOLUTION, 64)), entries))
    near, far = (eyes.run(cloth, one) for one in entries)
    assert near.shape[-1] == RESOLUTION
    assert far.shape[-1] == 64
    assert np.abs(near[..., 3:-3]).max() > 0.5  # lines one pixel wide, which the far view cannot tell apart
    assert np.abs(far[..., 3:-3]).max() < 0.1


def test_brightness_hardly_matters(weights: dict[str, NDArray[np.float32]], pictures: NDArray[np.float32]) -> None:
    model = Model(graph.build("net", weights, KINDS, VIEWS))
    assert np.abs(model.run(pictures, FEATURES) - model.run(pictures * 0.5 + 0.2, FEATURES)).max() < 0.2


def seen(pictures: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """What a view shows of pictures, before it is normalised."""
    formulas = Graph("eye")
    eye = formulas.image().resize(3, side, antialias=True)
    return Model(formulas.finish(eye.reshape(0, -1), 3 * side * side)).run(pictures, FEATURES).reshape(-1, 3, side, side)


def test_a_view_at_full_size_changes_nothing(pictures: NDArray[np.float32]) -> None:
    assert np.array_equal(seen(pictures, RESOLUTION), pictures)


@pytest.mark.parametrize("side", [*VIEWS, 96, 224])
def test_a_view_averages_what_meets_in_a_pixel_and_nothing_outside(pictures: NDArray[np.float32], side: int) -> None:
    step = RESOLUTION / side
    middles = (np.arange(side)[:, None] + 0.5) * step
    shares = np.maximum(1 - np.abs(np.arange(RESOLUTION) + 0.5 - middles) / max(step, 1), 0)
    shares /= shares.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(seen(pictures, side), shares @ pictures @ shares.T, atol=2e-5)


def test_a_smaller_picture_is_seen_as_large() -> None:
    even = np.full((1, 3, 48, 48), 0.25, np.float32)
    np.testing.assert_allclose(seen(even, 64), 0.25, rtol=1e-6)
