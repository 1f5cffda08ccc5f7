"""A trainable network as data: what is read, what trains, what cannot be refined."""

from __future__ import annotations

import numpy as np
import pytest

from common.errors import BadInput
from common.model import FEATURES, IMAGE, Model
from jobs.refine import network
from jobs.refine.stage import shipped
from tests.support.refinable import normed_net, pattern_net


def test_layers_train_and_what_is_subtracted_stays() -> None:
    data, card = normed_net()
    found, weights = network.read(data, IMAGE, FEATURES, card.dimension)
    trained = network.trainable(found, weights)
    assert set(weights) - set(trained.parameters) - set(trained.statistics) == {"dull"}
    assert set(trained.statistics) == {f"{layer}/{part}" for layer in ("stem", "first", "second") for part in ("mean", "variance")}


def test_depths_count_layers_from_the_head() -> None:
    data, card = normed_net()
    depths = network.depths(*network.read(data, IMAGE, FEATURES, card.dimension))
    assert (depths["second/scale"], depths["second/kernel"], depths["stem/kernel"]) == (1, 2, 6)


def test_views_share_their_weights() -> None:
    data, card = pattern_net()
    nets = [network.read(data, trunk.entry, trunk.exit, trunk.dimension) for trunk in card.trunks]
    trained = [network.trainable(*one).parameters for one in nets]
    assert trained[0] == trained[1]


def test_put_back_changes_what_it_names_and_nothing_else() -> None:
    data, card = normed_net()
    found, weights = network.read(data, IMAGE, FEATURES, card.dimension)
    assert network.put_back(data, weights) == network.put_back(data, {})
    other = network.put_back(data, {"stem/shift": weights["stem/shift"] + 1, "unknown": np.zeros(1, np.float32)})
    pictures = np.zeros((1, 3, 64, 64), np.float32)
    assert not np.allclose(Model(other).run(pictures, FEATURES), Model(data).run(pictures, FEATURES))
    assert network.read(other, IMAGE, FEATURES, card.dimension)[0] == found


def test_a_head_begins_with_its_seed() -> None:
    first, again, other = (network.head(3, 12, seed)[network.HEAD_WEIGHTS] for seed in (0, 0, 1))
    assert first.shape == (3, 12)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.abs(first).max() <= (6 / 15) ** 0.5


def test_what_no_backend_trains_is_named() -> None:
    data, card = shipped("gabor-texture")
    with pytest.raises(BadInput, match="no backend trains the operator"):
        network.read(data, IMAGE, FEATURES, card.dimension)


def test_a_tensor_that_is_not_there_is_named() -> None:
    data, card = normed_net()
    with pytest.raises(BadInput, match="'image'"):
        network.read(data, "first", FEATURES, card.dimension)
    with pytest.raises(BadInput, match="'nowhere'"):
        network.read(data, IMAGE, "nowhere", card.dimension)
