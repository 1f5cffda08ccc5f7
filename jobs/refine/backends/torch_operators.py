"""ONNX's operators in torch, as many as `network.OPERATORS` names, at the opset of `common.model`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from common.errors import BadInput
from jobs.refine.network import Network, Node

Attributes = Mapping[str, Any]


def compute(network: Network, constants: Mapping[str, Tensor], pictures: Tensor, *, training: bool) -> Tensor:
    """Return the network's output for *pictures* (n, channels, h, w); *training*: batch normalisation counts."""
    values = {**constants, network.input: pictures}
    for node in network.nodes:
        given = [values[name] if name else None for name in node.inputs]
        if node.op == "BatchNormalization":
            values[node.output] = _normalise(node, given, training=training)
        else:
            values[node.output] = _OPERATORS[node.op](node.attributes, *given)
    return values[network.output]


def _normalise(node: Node, given: Sequence[Any], *, training: bool) -> Tensor:
    x, scale, bias, mean, variance = given
    epsilon = node.attributes.get("epsilon", 1e-5)
    # ONNX's momentum is the share of the old value, torch's that of the new one.
    return functional.batch_norm(x, mean, variance, scale, bias, training, 1 - node.attributes.get("momentum", 0.9), epsilon)


def _convolve(attributes: Attributes, x: Tensor, kernels: Tensor, bias: Tensor | None = None) -> Tensor:
    x, edges = _padded(attributes, x, 0.0)
    strides, dilations = attributes.get("strides", [1, 1]), attributes.get("dilations", [1, 1])
    return functional.conv2d(x, kernels, bias, strides, edges, dilations, attributes.get("group", 1))


def _pool_average(attributes: Attributes, x: Tensor) -> Tensor:
    top, left, bottom, right = _pads(attributes)
    counts = bool(attributes.get("count_include_pad", 0))
    if (top, left) != (bottom, right):
        if not counts:
            raise BadInput("The backbone cannot be refined: it averages over uneven edges that do not count.")
        x, (top, left) = functional.pad(x, (left, right, top, bottom)), (0, 0)
    side, strides = attributes["kernel_shape"], attributes.get("strides", [1, 1])
    return functional.avg_pool2d(x, side, strides, (top, left), bool(attributes.get("ceil_mode", 0)), counts)


def _pool_maximum(attributes: Attributes, x: Tensor) -> Tensor:
    x, edges = _padded(attributes, x, float("-inf"))
    strides, dilations = attributes.get("strides", [1, 1]), attributes.get("dilations", [1, 1])
    return functional.max_pool2d(x, attributes["kernel_shape"], strides, edges, dilations, bool(attributes.get("ceil_mode", 0)))


def _pads(attributes: Attributes) -> tuple[int, int, int, int]:
    if attributes.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        raise BadInput(f"The backbone cannot be refined: it pads by {attributes['auto_pad']}, which has no numbers.")
    top, left, bottom, right = attributes.get("pads", [0, 0, 0, 0])
    return top, left, bottom, right


def _padded(attributes: Attributes, x: Tensor, value: float) -> tuple[Tensor, tuple[int, int]]:
    """Return the maps, padded where the edges are uneven, and the even edges that are left to pad."""
    top, left, bottom, right = _pads(attributes)
    if (top, left) == (bottom, right):
        return x, (top, left)
    return functional.pad(x, (left, right, top, bottom), value=value), (0, 0)


def _multiply(attributes: Attributes, a: Tensor, b: Tensor, c: Tensor | None = None) -> Tensor:
    """Compute Gemm."""
    a = a.T if attributes.get("transA", 0) else a
    b = b.T if attributes.get("transB", 0) else b
    product = attributes.get("alpha", 1.0) * (a @ b)
    return product if c is None else product + attributes.get("beta", 1.0) * c


def _clip(_: Attributes, x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:
    return torch.clamp(x, low, high)


def _reshape(attributes: Attributes, x: Tensor, shape: Tensor) -> Tensor:
    wanted = shape.tolist()
    if not attributes.get("allowzero", 0):
        wanted = [x.shape[place] if size == 0 else size for place, size in enumerate(wanted)]
    return x.reshape(wanted)


def _flatten(attributes: Attributes, x: Tensor) -> Tensor:
    axis = attributes.get("axis", 1)
    return x.reshape(x.shape[:axis].numel(), -1)


def _over(attributes: Attributes, x: Tensor, axes: Tensor | None) -> tuple[list[int], bool]:
    """Return the axes that a reduction goes over, and whether they stay."""
    named = attributes.get("axes") if axes is None else axes.tolist()
    return list(named or range(x.ndim)), bool(attributes.get("keepdims", 1))


def _mean(attributes: Attributes, x: Tensor, axes: Tensor | None = None) -> Tensor:
    return x.mean(*_over(attributes, x, axes))


def _sum(attributes: Attributes, x: Tensor, axes: Tensor | None = None) -> Tensor:
    return x.sum(*_over(attributes, x, axes))


def _maximum(attributes: Attributes, x: Tensor, axes: Tensor | None = None) -> Tensor:
    return x.amax(*_over(attributes, x, axes))


_OPERATORS: dict[str, Callable[..., Tensor]] = {
    "Add": lambda _, a, b: a + b,
    "AveragePool": _pool_average,
    "Clip": _clip,
    "Concat": lambda attributes, *tensors: torch.cat(tensors, attributes["axis"]),
    "Conv": _convolve,
    "Div": lambda _, a, b: a / b,
    "Flatten": _flatten,
    "Gemm": _multiply,
    "GlobalAveragePool": lambda _, x: x.mean((2, 3), keepdim=True),
    "GlobalMaxPool": lambda _, x: x.amax((2, 3), keepdim=True),
    "Identity": lambda _, x: x,
    "MatMul": lambda _, a, b: a @ b,
    "MaxPool": _pool_maximum,
    "Mul": lambda _, a, b: a * b,
    "ReduceMax": _maximum,
    "ReduceMean": _mean,
    "ReduceSum": _sum,
    "Relu": lambda _, x: functional.relu(x),
    "Reshape": _reshape,
    "Softmax": lambda attributes, x: x.softmax(attributes.get("axis", -1)),
    "Sub": lambda _, a, b: a - b,
}
