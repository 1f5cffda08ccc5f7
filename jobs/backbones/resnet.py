"""A ResNet of torchvision's, from its weights alone: the ONNX graph of He et al. (2015), with the stride in the 3 x 3 convolution.

Depth, widths and groups are read off the weights' names and shapes. Normalisations stay nodes of their own, so that refinement
trains them, and weights keep their names. The classifier is left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import count
from typing import Any

from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from common.errors import BadInput
from jobs.backbones import onnx_files, torch_files
from jobs.backbones.torch_files import Weights
from jobs.backbones.wishes import Graph, Wish

EPSILON = 1e-5
LAYERS = (1, 2, 3, 4)
STEM = 7
PICTURE, POOLED = "picture", "pooled"
UNUSED = re.compile(r"fc\.(weight|bias)|.+\.num_batches_tracked")
ELSEWHERE = "Export the network to ONNX and add that file."


def read(data: bytes, wish: Wish) -> Graph:
    """Return the network of a .pth file. Raises BadInput where it is no ResNet that torchvision would make."""
    if wish.node:
        raise BadInput("Weights have no nodes to cut at: leave --node out.")
    return Graph(data=graph(torch_files.read(data)), notes=("a ResNet of torchvision's, without its classifier",))


def graph(weights: Weights) -> bytes:
    """Return the ONNX graph from pictures to what the classifier would see. Raises BadInput."""
    network = _Network(weights)
    maps = network.convolve(_Maps(PICTURE, 3), "conv1", "bn1", stride=2, side=STEM, relu=True)
    maps = _Maps(network.add("MaxPool", [maps.name], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4), maps.channels)
    for layer in LAYERS:
        for block in count():
            name = f"layer{layer}.{block}"
            if block > 0 and f"{name}.conv1.weight" not in weights:
                break
            maps = network.block(maps, name, 2 if layer > 1 and block == 0 else 1)
    pooled = network.add("GlobalAveragePool", [maps.name])
    network.nodes.append(helper.make_node("Flatten", [pooled], [POOLED], axis=1))
    strange = sorted(name for name in weights.keys() - network.used if not UNUSED.fullmatch(name))
    if strange:
        raise BadInput(f"It has {strange[0]!r}, which no ResNet of torchvision's has. {ELSEWHERE}")
    return onnx_files.written(network.nodes, network.tensors, PICTURE, POOLED)


@dataclass(frozen=True)
class _Maps:
    """A tensor (n, channels, h, w) in the graph."""

    name: str
    channels: int


class _Network:
    """Nodes and weights as they are added. A node's output is named by its number."""

    def __init__(self, weights: Weights) -> None:
        self.nodes: list[NodeProto] = []
        self.tensors: list[TensorProto] = []
        self.used: set[str] = set()
        self._weights = weights

    def add(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        output = f"{kind}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def block(self, maps: _Maps, name: str, stride: int) -> _Maps:
        """Two 3 x 3 convolutions, or one between two of 1 x 1, and a way around them."""
        if f"{name}.conv3.weight" in self._weights:
            inner = self.convolve(maps, f"{name}.conv1", f"{name}.bn1", side=1, relu=True)
            inner = self.convolve(inner, f"{name}.conv2", f"{name}.bn2", stride=stride, relu=True)
            inner = self.convolve(inner, f"{name}.conv3", f"{name}.bn3", side=1)
        else:
            inner = self.convolve(maps, f"{name}.conv1", f"{name}.bn1", stride=stride, relu=True)
            inner = self.convolve(inner, f"{name}.conv2", f"{name}.bn2")
        if f"{name}.downsample.0.weight" in self._weights:
            maps = self.convolve(maps, f"{name}.downsample.0", f"{name}.downsample.1", stride=stride, side=1)
        if maps.channels != inner.channels:
            raise BadInput(f"In {name!r}, {inner.channels} channels meet {maps.channels}. {ELSEWHERE}")
        return _Maps(self.add("Relu", [self.add("Add", [inner.name, maps.name])]), inner.channels)

    def convolve(self, maps: _Maps, name: str, norm: str, *, stride: int = 1, side: int = 3, relu: bool = False) -> _Maps:
        """Convolve with squares of *side*, and normalise."""
        kernels = self._take(f"{name}.weight")
        groups, rest = divmod(maps.channels, kernels.shape[1]) if kernels.ndim == 4 and kernels.shape[1] else (0, 1)
        if rest or kernels.shape[2:] != (side, side):
            raise BadInput(f"Its {name}.weight has the shape {kernels.shape}; torchvision's has squares of {side}. {ELSEWHERE}")
        outside = kernels.shape[0]
        parts = [f"{norm}.{part}" for part in ("weight", "bias", "running_mean", "running_var")]
        if any(self._take(part).shape != (outside,) for part in parts):
            raise BadInput(f"Its {norm} is not for {outside} channels.")
        shape = {"kernel_shape": [side, side], "strides": [stride, stride], "pads": [side // 2] * 4, "group": groups}
        x = self.add("Conv", [maps.name, f"{name}.weight"], **shape)
        x = self.add("BatchNormalization", [x, *parts], epsilon=EPSILON)
        return _Maps(self.add("Relu", [x]) if relu else x, outside)

    def _take(self, name: str) -> NDArray[Any]:
        if name not in self._weights:
            raise BadInput(f"It has no {name!r}, which a ResNet of torchvision's has. {ELSEWHERE}")
        values = torch_files.floats(self._weights[name])
        self.used.add(name)
        self.tensors.append(numpy_helper.from_array(values, name))
        return values
