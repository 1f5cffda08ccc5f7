"""ResNet-18 as ONNX with its batch normalisations and random weights: what the original refined."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from common.images import Preprocessing
from common.model import FEATURES, IMAGE, OPSET, Card

PARTS = ("scale", "bias", "mean", "variance")


def resnet18(side: int, width: int = 64) -> tuple[bytes, Card]:
    """Return He et al.'s (2015) graph from `image` (n, 3, side, side) to `features` (n, 8 * width) and its card; always the same."""
    network = _Network()
    last = network.convolve(IMAGE, 3, width, 7, 2)
    last = network.add("MaxPool", [last], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    inside = width
    for outside in (width, width * 2, width * 4, width * 8):
        last = network.block(last, inside, outside, 1 if outside == inside else 2)
        last = network.block(last, outside, outside, 1)
        inside = outside
    last = network.add("GlobalAveragePool", [last])
    network.nodes.append(helper.make_node("Flatten", [last], [FEATURES], axis=1))
    graph = helper.make_graph(
        network.nodes,
        "resnet18",
        [helper.make_tensor_value_info(IMAGE, TensorProto.FLOAT, ["n", 3, side, side])],
        [helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, ["n", inside])],
        network.weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    data = bytes(model.SerializeToString(deterministic=True))
    how = Preprocessing(resolution=side, fit="letterbox", mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    card = Card(name="resnet18", kind="backbone", onnx_sha256=sha256(data).hexdigest(), preprocessing=how, dimension=inside)
    return data, card


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

    def convolve(self, source: str, inside: int, outside: int, side: int, stride: int = 1, *, relu: bool = True) -> str:
        """Convolve and normalise, by statistics that are not those of any pictures, so that they have somewhere to go."""
        name = f"layer{len(self.nodes)}"
        spread = np.float32(np.sqrt(2.0 / (inside * side * side)))
        kernels = self._random.standard_normal((outside, inside, side, side), np.float32) * spread
        self.weights.append(numpy_helper.from_array(kernels, f"{name}/kernels"))
        filled = dict(zip(PARTS, (0.8, 0.0, 0.0, 1.5), strict=True))
        self.weights += [numpy_helper.from_array(np.full(outside, value, np.float32), f"{name}/{part}") for part, value in filled.items()]
        last = self.add("Conv", [source, f"{name}/kernels"], pads=[side // 2] * 4, kernel_shape=[side, side], strides=[stride, stride])
        last = self.add("BatchNormalization", [last, *(f"{name}/{part}" for part in PARTS)], epsilon=1e-5)
        return self.add("Relu", [last]) if relu else last

    def block(self, source: str, inside: int, outside: int, stride: int) -> str:
        last = self.convolve(source, inside, outside, 3, stride)
        last = self.convolve(last, outside, outside, 3, relu=False)
        short = source if inside == outside else self.convolve(source, inside, outside, 1, stride, relu=False)
        return self.add("Relu", [self.add("Add", [last, short])])
