"""ResNet-50 as ONNX with random weights, so that a bench needs neither a download nor torch.

The graph is that of He et al. (2015), stride in the 3 x 3 convolution as timm and torchvision have
it, cut after the pooling; batch normalisation is folded into the convolutions, as exporters do.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from common.images import Preprocessing
from common.model import FEATURES, IMAGE, OPSET, Card

BLOCKS = ((3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2))  # how many, how wide, the first one's stride
EXPANSION, DIMENSION, RESOLUTION = 4, 2048, 224


def resnet50() -> bytes:
    """Return the graph from `image` (n, 3, 224, 224) to `features` (n, 2048); the same bytes at every call."""
    network = _Network()
    last = network.convolve(IMAGE, 3, 64, 7, 2)
    last = network.add("MaxPool", [last], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    inside = 64
    for count, width, first_stride in BLOCKS:
        for number in range(count):
            last = network.bottleneck(last, inside, width, first_stride if number == 0 else 1)
            inside = width * EXPANSION
    last = network.add("GlobalAveragePool", [last])
    network.nodes.append(helper.make_node("Flatten", [last], [FEATURES], axis=1))
    graph = helper.make_graph(
        network.nodes,
        "resnet50",
        [helper.make_tensor_value_info(IMAGE, TensorProto.FLOAT, ["n", 3, RESOLUTION, RESOLUTION])],
        [helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, ["n", DIMENSION])],
        network.weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    return bytes(model.SerializeToString(deterministic=True))


def card(data: bytes) -> Card:
    """Return its card, with the preprocessing that ImageNet's networks are fed with."""
    how = Preprocessing(resolution=RESOLUTION, fit="cover", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    return Card(name="resnet50", kind="backbone", onnx_sha256=sha256(data).hexdigest(), preprocessing=how, dimension=DIMENSION)


class _Network:
    """Nodes and weights as they are added; each node's output is named by its number."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.weights: list[TensorProto] = []
        self._random = np.random.default_rng(0)

    def add(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        name = f"{kind}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def convolve(self, source: str, inside: int, outside: int, side: int, stride: int = 1, *, relu: bool = True, gain: float = 2.0) -> str:
        """Convolve with weights of He's spread, so that values keep their size from layer to layer."""
        name, pad = f"w{len(self.nodes)}", side // 2
        spread = np.sqrt(gain / (inside * side * side))
        weights = self._random.standard_normal((outside, inside, side, side), np.float32) * np.float32(spread)
        self.weights += [numpy_helper.from_array(weights, name), numpy_helper.from_array(np.zeros(outside, np.float32), f"{name}b")]
        last = self.add("Conv", [source, name, f"{name}b"], kernel_shape=[side, side], strides=[stride, stride], pads=[pad] * 4)
        return self.add("Relu", [last]) if relu else last

    def bottleneck(self, source: str, inside: int, width: int, stride: int) -> str:
        last = self.convolve(source, inside, width, 1)
        last = self.convolve(last, width, width, 3, stride)
        last = self.convolve(last, width, width * EXPANSION, 1, relu=False, gain=0.25)
        beside = source
        if stride > 1 or inside != width * EXPANSION:
            beside = self.convolve(source, inside, width * EXPANSION, 1, stride, relu=False, gain=1.0)
        return self.add("Relu", [self.add("Add", [last, beside])])
