"""A tiny backbone: mean colour of each quarter of a picture of 16 x 16, 12 numbers."""

from __future__ import annotations

from hashlib import sha256

from onnx import TensorProto, helper

from common.images import Preprocessing
from common.model import FEATURES, IMAGE, OPSET, Card

SIDE, DIMENSION = 16, 12


def backbone(opset: int = OPSET) -> bytes:
    nodes = [
        helper.make_node("AveragePool", [IMAGE], ["quarters"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Flatten", ["quarters"], [FEATURES], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(IMAGE, TensorProto.FLOAT, ["n", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, ["n", DIMENSION])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    return bytes(model.SerializeToString(deterministic=True))


def card(data: bytes, **changed: object) -> Card:
    fields: dict[str, object] = {
        "name": "tiny",
        "kind": "backbone",
        "onnx_sha256": sha256(data).hexdigest(),
        "preprocessing": Preprocessing(resolution=SIDE, fit="stretch"),
        "dimension": DIMENSION,
    }
    return Card(**{**fields, **changed})  # type: ignore[arg-type]
