"""The network as ONNX: views are exact, bytes repeat, features mean what their order says."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from common.model import FEATURES, Model
from jobs.pretrain import graph
from jobs.pretrain.views import RESOLUTION, View
from tests.support.refinable import KINDS, VIEWS, pattern_weights


@pytest.fixture(scope="module")
def weights() -> dict[str, NDArray[np.float32]]:
    return pattern_weights()


@pytest.fixture(scope="module")
def pictures() -> NDArray[np.float32]:
    return np.random.default_rng(1).random((3, 3, RESOLUTION, RESOLUTION), dtype=np.float32)


def test_equal_weights_give_equal_bytes(weights: dict[str, NDArray[np.float32]]) -> None:
    assert graph.build("net", weights, KINDS, VIEWS) == graph.build("net", dict(weights), KINDS, VIEWS)


def test_features_are_logarithms_of_probabilities(weights: dict[str, NDArray[np.float32]], pictures: NDArray[np.float32]) -> None:
    features = Model(graph.build("net", weights, KINDS, VIEWS)).run(pictures, FEATURES)
    assert features.shape == (3, graph.dimension(KINDS, VIEWS)) == (3, 4 * graph.KINDS_WEIGHT + 3)
    probabilities = np.exp(features) - graph.FLOOR
    first, second, families = probabilities[:, :2], probabilities[:, 2:4], probabilities[:, -3:]
    assert np.allclose(first.sum(axis=1), 1, atol=1e-4)
    assert np.allclose(second.sum(axis=1), 1, atol=1e-4)
    assert np.allclose((first + second) / 2, families @ KINDS, atol=1e-4)


def test_a_view_sees_its_part_and_no_more(weights: dict[str, NDArray[np.float32]], pictures: NDArray[np.float32]) -> None:
    model = Model(graph.build("net", weights, KINDS, VIEWS[1:]))
    changed = pictures.copy()
    changed[:, :, : RESOLUTION // 2 - 8] = 0
    changed[:, :, :, RESOLUTION // 2 + 8 :] = 0
    assert np.allclose(model.run(pictures, FEATURES), model.run(changed, FEATURES), atol=1e-5)
    changed[:, :, -20:, :20] = 0
    assert not np.allclose(model.run(pictures, FEATURES), model.run(changed, FEATURES), atol=1e-3)


def test_brightness_hardly_matters(weights: dict[str, NDArray[np.float32]], pictures: NDArray[np.float32]) -> None:
    model = Model(graph.build("net", weights, KINDS, VIEWS))
    assert np.abs(model.run(pictures, FEATURES) - model.run(pictures * 0.5 + 0.2, FEATURES)).max() < 0.2


def test_a_view_of_everything_at_full_size_changes_nothing() -> None:
    assert np.allclose(View(RESOLUTION).rows(), np.eye(RESOLUTION))


@pytest.mark.parametrize("view", VIEWS)
def test_scaling_keeps_the_mean_of_even_cloth(view: View) -> None:
    assert view.rows().shape == (view.side, RESOLUTION)
    assert np.allclose(view.rows().sum(axis=1), 1)
    assert np.allclose(view.columns().sum(axis=0), 1)
