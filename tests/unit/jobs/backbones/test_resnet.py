"""A ResNet from its weights: the numbers are those of torchvision's own network with the same weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest

from common.errors import BadInput
from common.model import FEATURES, Model
from jobs.backbones import probing, resnet
from jobs.backbones.wishes import Wish
from tests.support import weights
from tests.support.weights import State, saved

WISH = Wish(name="theirs", kind="PyTorch file")
# What torchvision 0.29's ResNet(BasicBlock | Bottleneck, [1, 2, 1, 1]).eval() without its last layer computes of `picture()`
# with the weights of `weights.resnet((1, 2, 1, 1))`: the first six features, and the mean of all.
TORCHVISION = {
    False: (512, [9.80423, 0.0, 2.93852, 12.03551, 7.52681, 10.34993], 9.905113),
    True: (2048, [2.61129, 59.05519, 0.0, 0.0, 14.71936, 47.77881], 15.19681),
}


def picture() -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(1).standard_normal((1, 3, 64, 64), np.float32)


@pytest.mark.parametrize("deep", [False, True])
def test_it_computes_what_torchvision_s_does(deep: bool) -> None:
    data, card, _ = probing.backbone(resnet.read(saved(weights.resnet((1, 2, 1, 1), deep=deep)), WISH), WISH)
    dimension, first, mean = TORCHVISION[deep]
    found = Model(data).run(picture(), FEATURES)[0]
    assert card.dimension == len(found) == dimension
    np.testing.assert_allclose(found[:6], first, rtol=1e-4, atol=1e-4)
    assert float(found.mean()) == pytest.approx(mean, rel=1e-4)


def test_its_card_is_that_of_torchvision_s_networks() -> None:
    _, card, _ = probing.backbone(resnet.read(saved(weights.resnet(narrow=16)), WISH), WISH)
    how = card.preprocessing
    assert (how.resolution, how.fit, how.colour) == (224, "cover", "RGB")
    assert (how.mean, how.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert card.trunks == ()


def test_normalisations_stay_nodes_and_every_weight_its_own() -> None:
    graph = onnx.load_from_string(resnet.graph(weights.resnet(narrow=16))).graph
    kinds = [node.op_type for node in graph.node]
    assert kinds.count("BatchNormalization") == kinds.count("Conv") == 20
    assert {node.op_type for node in graph.node} <= {
        "Conv", "BatchNormalization", "Relu", "MaxPool", "Add", "GlobalAveragePool", "Flatten"
    }  # fmt: skip
    assert len(graph.initializer) == 20 * 5
    assert "net/layer1.0.bn1.bias" in {tensor.name for tensor in graph.initializer}


def without(name: str) -> Callable[[State], State]:
    return lambda state: {key: value for key, value in state.items() if key != name}


def instead(name: str, *shape: int) -> Callable[[State], State]:
    return lambda state: {**state, name: np.ones(shape, np.float32)}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without("layer3.0.bn1.weight"), "has no 'layer3.0.bn1.weight'"),
        (without("layer4.0.conv1.weight"), "has no 'layer4.0.conv1.weight'"),
        (lambda _: {"encoder.weight": np.ones(3, np.float32)}, "has no 'conv1.weight'"),
        (instead("layer1.0.se.weight", 3), "has 'layer1.0.se.weight', which no ResNet of torchvision's has"),
        (instead("conv1.weight", 4, 3, 3, 3), r"shape \(4, 3, 3, 3\); torchvision's has squares of 7"),
        (instead("bn1.weight", 5), "bn1 is not for 4 channels"),
        (instead("layer2.0.downsample.0.weight", 7, 4, 1, 1), "is not for 7 channels"),
        (instead("layer1.0.conv1.weight", 4, 0, 3, 3), "squares of 3"),
    ],
)
def test_other_weights_are_refused_by_name(change: Callable[[State], State], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        resnet.graph(change(weights.resnet(narrow=16)))


def test_a_node_cannot_be_named_in_weights() -> None:
    with pytest.raises(BadInput, match="no nodes to cut at"):
        resnet.read(b"", Wish(name="x", kind="PyTorch file", node="layer3"))
