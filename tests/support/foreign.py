"""Somebody else's networks, small: what may be in a file that is to become a backbone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

MAPS, CLASSES = 6, 4

Shape = Sequence[int | str]


def weights() -> dict[str, Any]:
    random = np.random.default_rng(0)
    return {
        "conv": random.standard_normal((MAPS, 3, 3, 3), np.float32),
        "fc": random.standard_normal((CLASSES, MAPS), np.float32),
        "fc_bias": np.zeros(CLASSES, np.float32),
    }


def body() -> list[NodeProto]:
    """The nodes from `picture` to the vector `pooled`."""
    return [
        helper.make_node("Conv", ["picture", "conv"], ["maps"], name="first", pads=[1] * 4),
        helper.make_node("Relu", ["maps"], ["kept"], name="relu"),
        helper.make_node("GlobalAveragePool", ["kept"], ["means"], name="pool"),
        helper.make_node("Flatten", ["means"], ["pooled"], name="flat"),
    ]


def classifier() -> list[NodeProto]:
    """The same, with dropout, a linear layer and probabilities upon it."""
    return [
        *body(),
        helper.make_node("Dropout", ["pooled"], ["dropped"], name="dropout"),
        helper.make_node("Gemm", ["dropped", "fc", "fc_bias"], ["logits"], name="fc", transB=1),
        helper.make_node("Softmax", ["logits"], ["probabilities"], name="softmax"),
    ]


def file(
    nodes: Sequence[NodeProto] | None = None,
    outputs: Sequence[str] = ("probabilities",),
    shape: Shape = ("n", 3, 16, 16),
    kind: int = TensorProto.FLOAT,
    opset: int = 17,
    more: dict[str, Any] | None = None,
    inputs: Sequence[str] = ("picture",),
) -> bytes:
    """Return an ONNX file of these nodes."""
    graph = helper.make_graph(
        list(nodes if nodes is not None else classifier()),
        "theirs",
        [helper.make_tensor_value_info(name, kind, list(shape)) for name in inputs],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", "k"]) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in {**weights(), **(more or {})}.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    return bytes(model.SerializeToString())
