"""The network that refinement trains, as data: what a backend builds, and an ONNX file can be written from.

It is read from a backbone's ONNX graph: the nodes between what a picture looks like when the
network sees it (`input`) and the features, with their weights. Each backend builds it from the same few operators.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from common.errors import BadInput

Weights: TypeAlias = Mapping[str, NDArray[Any]]

OPERATORS = frozenset({
    "Add", "AveragePool", "BatchNormalization", "Clip", "Concat", "Conv", "Div", "Flatten", "Gemm", "GlobalAveragePool", "GlobalMaxPool",
    "Identity", "MatMul", "MaxPool", "Mul", "ReduceMax", "ReduceMean", "ReduceSum", "Relu", "Reshape", "Softmax", "Sub",
})  # fmt: skip
"""What every backend can train; pictures in, maps, and vectors out."""


class Node(msgspec.Struct, frozen=True):
    """One operator, as ONNX defines it at the opset of `common.model`; attributes are numbers, words and lists of numbers."""

    op: str
    inputs: tuple[str, ...]
    output: str
    attributes: dict[str, Any]


class Network(msgspec.Struct, frozen=True):
    """Nodes in the order of computing, from `input` (n, channels, h, w) to `output` (n, dimension)."""

    nodes: tuple[Node, ...]
    input: str
    output: str
    dimension: int


class Trainable(msgspec.Struct, frozen=True):
    """Names of constants: what gradients change, and what batch normalisation counts. Every other constant stays."""

    parameters: tuple[str, ...]
    statistics: tuple[str, ...]


HEAD_WEIGHTS, HEAD_BIAS = "head/weights", "head/bias"
"""(classes, features) and (classes,): the last layer, after dropout on the features."""

_TRAINED_INPUTS = {"Conv": (1, 2), "Gemm": (1, 2), "MatMul": (0, 1), "BatchNormalization": (1, 2)}


def trainable(network: Network, weights: Weights) -> Trainable:
    """Say what trains: kernels, matrices and biases of layers, scale and bias of batch normalisation."""
    parameters = {name: None for node in network.nodes for name in _parameters(node, weights)}
    counted = {name: None for node in network.nodes if node.op == "BatchNormalization" for name in node.inputs[3:5]}
    return Trainable(tuple(parameters), tuple(counted))


def depths(network: Network, weights: Weights) -> dict[str, int]:
    """Return for each parameter of how many layers its own is the last; the head's depth is 0."""
    layers = [names for node in network.nodes if (names := _parameters(node, weights))]
    return {name: len(layers) - number for number, names in enumerate(layers) for name in names}


def rates(network: Network, weights: Weights, trunk_rate: float, depth_factor: float) -> dict[str, float]:
    """Return by parameter what the rate is multiplied with: 1 for the head's, *trunk_rate* before it, *depth_factor* for each layer."""
    before = {name: trunk_rate * depth_factor**depth for name, depth in depths(network, weights).items()}
    return {HEAD_WEIGHTS: 1.0, HEAD_BIAS: 1.0, **before}


def normalises(network: Network) -> bool:
    """Say whether the network normalises batches as it trains; one that has that folded into its kernels does not."""
    return any(node.op == "BatchNormalization" for node in network.nodes)


def head(classes: int, dimension: int, seed: int) -> dict[str, NDArray[np.float32]]:
    """Return a last layer to begin with (Glorot & Bengio, 2010, uniform)."""
    most = (6 / (classes + dimension)) ** 0.5
    weights = np.random.default_rng([seed, 0]).uniform(-most, most, (classes, dimension))
    return {HEAD_WEIGHTS: weights.astype(np.float32), HEAD_BIAS: np.zeros(classes, np.float32)}


def _parameters(node: Node, weights: Weights) -> tuple[str, ...]:
    places = _TRAINED_INPUTS.get(node.op, ())
    return tuple(node.inputs[place] for place in places if place < len(node.inputs) and node.inputs[place] in weights)


def read(data: bytes, entry: str, exit_: str, dimension: int) -> tuple[Network, dict[str, NDArray[Any]]]:
    """Return the part of an ONNX graph between two tensors, and its constants by name.

    Raises:
        BadInput: no such tensors, something else flows in, or an operator that cannot be trained.
    """
    graph = onnx.load_from_string(data).graph
    makers = {output: node for node in graph.node for output in node.output}
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    constants |= {node.output[0]: _constant(node) for node in graph.node if node.op_type == "Constant"}
    needed = _between(makers, constants, entry, exit_)
    nodes = tuple(_node(node) for node in graph.node if node.output and node.output[0] in needed)
    used = {name for node in nodes for name in node.inputs}
    return Network(nodes, entry, exit_, dimension), {name: value for name, value in constants.items() if name in used}


def put_back(data: bytes, weights: Weights) -> bytes:
    """Return the ONNX file with some of its constants replaced; names that it does not have are left out."""
    model = onnx.load_from_string(data)
    for tensor in model.graph.initializer:
        if tensor.name in weights:
            held = numpy_helper.to_array(tensor)
            tensor.CopyFrom(numpy_helper.from_array(np.reshape(weights[tensor.name], held.shape).astype(held.dtype), tensor.name))
    return bytes(model.SerializeToString(deterministic=True))


def cut(data: bytes, outputs: Sequence[str]) -> bytes:
    """Return the part of an ONNX graph that computes the named tensors, which become its outputs."""
    model = onnx.load_from_string(data)
    makers = {output: node for node in model.graph.node for output in node.output}
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    needed, waiting = set[str](), list(outputs)
    while waiting:
        name = waiting.pop()
        if name and name not in needed:
            needed.add(name)
            waiting += makers[name].input if name in makers else ()
    graph = helper.make_graph(
        [node for node in model.graph.node if needed & {*node.output}],
        model.graph.name,
        list(model.graph.input),
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [tensor for name, tensor in constants.items() if name in needed],
    )
    made = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version, producer_name=model.producer_name)
    return bytes(made.SerializeToString(deterministic=True))


def _between(makers: Mapping[str, onnx.NodeProto], constants: Mapping[str, Any], entry: str, exit_: str) -> set[str]:
    """Name what is computed on the way from *entry* to *exit_*."""
    needed: set[str] = set()
    waiting = [exit_]
    while waiting:
        name = waiting.pop()
        if name in needed or name in constants or name in ("", entry):
            continue
        if name not in makers:
            raise BadInput(f"The backbone cannot be refined: its part from {entry!r} to {exit_!r} also reads {name!r}.")
        node = makers[name]
        if node.op_type not in OPERATORS:
            raise BadInput(
                f"The backbone cannot be refined: no backend trains the operator {node.op_type} (at {name!r}). "
                "Use refine.backbone=pattern-net, or classifier=svm."
            )
        needed.add(name)
        waiting += node.input
    return needed


def _node(node: onnx.NodeProto) -> Node:
    attributes = {one.name: _plain(onnx.helper.get_attribute_value(one)) for one in node.attribute}
    return Node(node.op_type, tuple(node.input), node.output[0], attributes)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value


def _constant(node: onnx.NodeProto) -> NDArray[Any]:
    return numpy_helper.to_array(node.attribute[0].t)
