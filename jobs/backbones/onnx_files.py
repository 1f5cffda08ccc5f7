"""Somebody's ONNX file as a backbone: checked, cut before its classifier, in the one form that stages expect.

That form: opset of `common.model`, one input `image` (n, 3, h, w) float32, one output `features` (n, d), every other name under
`net/` so that none meets the names of a head. What comes out has been run; what a file cannot be used for is said in words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

from common.errors import BadInput, did_you_mean
from common.model import FEATURES, IMAGE, IR_VERSION, OPSET
from jobs.backbones.wishes import Graph, Wish

MOST_NODES = 50_000
PREFIX = "net/"
FINAL = frozenset({"Softmax", "LogSoftmax", "Sigmoid", "Identity"})
"""What may follow a classifier's last layer."""
IDLE = frozenset({"Dropout", "Identity"})

Makers = Mapping[str, NodeProto]


def read(data: bytes, wish: Wish) -> Graph:
    """Return the part of an ONNX file that makes features of pictures; its output is whatever the cut gives (see `probing`).

    Raises:
        BadInput: it cannot be read, or not be used, with the reason.
    """
    model = _at_our_opset(_parse(data))
    graph = model.graph
    picture, side = _picture(graph)
    makers = {output: node for node in graph.node for output in node.output if output}
    constants = {tensor.name for tensor in graph.initializer} | {node.output[0] for node in graph.node if node.op_type == "Constant"}
    exit_, notes = _cut(graph, makers, constants, wish.node)
    if exit_ not in makers:
        raise BadInput(f"The node {exit_!r} computes nothing; name one between the picture and the output with --node.")
    nodes = _needed(graph, makers, exit_)
    if not any(picture in node.input for node in nodes):
        raise BadInput(f"What {exit_!r} computes does not depend on the picture; name another with --node.")
    if _has_fixed_batch(graph, picture):
        _free_batch(graph, nodes)
    return Graph(data=written(nodes, graph.initializer, picture, exit_, side), side=side, notes=tuple(notes))


def written(nodes: Iterable[NodeProto], weights: Iterable[TensorProto], picture: str, exit_: str, side: int = 0) -> bytes:
    """Write a graph in our form, from its input's and its output's names in *nodes*."""
    nodes = list(nodes)
    used = {name for node in nodes for name in node.input}
    renamed = {picture: IMAGE, exit_: FEATURES, "": ""}

    def ours(name: str) -> str:
        return renamed.get(name, f"{PREFIX}{name}")

    made = []
    for number, node in enumerate(nodes):
        one = NodeProto()
        one.CopyFrom(node)
        one.ClearField("doc_string")
        one.name = f"{PREFIX}{number}"
        one.input[:] = [ours(name) for name in node.input]
        one.output[:] = [ours(name) for name in node.output]
        made.append(one)
    kept = []
    for tensor in weights:
        if tensor.name in used:
            one_weight = TensorProto()
            one_weight.CopyFrom(tensor)
            one_weight.name = ours(tensor.name)
            kept.append(one_weight)
    sides = [side, side] if side else ["h", "w"]
    graph = helper.make_graph(
        made,
        "backbone",
        [helper.make_tensor_value_info(IMAGE, TensorProto.FLOAT, ["n", 3, *sides])],
        [helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, None)],
        kept,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="darkroom")
    return bytes(model.SerializeToString(deterministic=True))


def pooled(data: bytes) -> bytes:
    """Return the graph with the mean of each map in place of maps (n, c, h, w)."""
    model = onnx.load_from_string(data)
    _rename_output(model.graph, "pool/maps")
    nodes = [
        helper.make_node("GlobalAveragePool", ["pool/maps"], ["pool/means"], name="pool/mean"),
        helper.make_node("Flatten", ["pool/means"], [FEATURES], name="pool/flat", axis=1),
    ]
    model.graph.node.extend(nodes)
    return bytes(model.SerializeToString(deterministic=True))


def sized(data: bytes, dimension: int) -> bytes:
    """Return the graph with its output's shape written down."""
    model = onnx.load_from_string(data)
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, ["n", dimension]))
    return bytes(model.SerializeToString(deterministic=True))


# --- what may be in a file --------------------------------------------------------------------


def _parse(data: bytes) -> onnx.ModelProto:
    try:
        model = onnx.load_from_string(data)
    except Exception as error:  # protobuf's errors share no base class below Exception
        raise BadInput(f"It is no ONNX file, or a part of one ({str(error)[:100]}).") from error
    graph = model.graph
    if not graph.node:
        raise BadInput("It is no ONNX file, or one without a network.")
    if len(graph.node) > MOST_NODES:
        raise BadInput(f"Its network has {len(graph.node)} nodes; at most {MOST_NODES} are read.")
    tensors = [*graph.initializer, *(one.t for node in graph.node for one in node.attribute if one.HasField("t"))]
    outside = next((tensor.name for tensor in tensors if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data), None)
    if outside is not None:
        raise BadInput(f"It keeps {outside!r} in another file. Save it as one file (save_as_external_data=False) and add that.")
    if graph.sparse_initializer or model.functions:
        raise BadInput("It has sparse weights or functions of its own. Export it without.")
    strange = sorted({f"{node.domain}.{node.op_type}" for node in graph.node if node.domain not in ("", "ai.onnx")})
    if strange:
        raise BadInput(f"It uses operators that are not of ONNX itself: {', '.join(strange[:5])}. Export it without.")
    inner = sorted({node.op_type for node in graph.node for one in node.attribute if one.HasField("g") or one.graphs})
    if inner:
        raise BadInput(f"It has parts that run again or not at all ({', '.join(inner)}). Export it for a fixed course.")
    try:
        onnx.checker.check_model(model)
    except Exception as error:  # as above
        raise BadInput(f"Its network is not well formed: {_first_line(error)}") from error
    return model


def _at_our_opset(model: onnx.ModelProto) -> onnx.ModelProto:
    version = next((one.version for one in model.opset_import if one.domain in ("", "ai.onnx")), 0)
    if version == OPSET:
        return model
    try:
        return onnx.version_converter.convert_version(model, OPSET)
    except Exception as error:  # as above
        raise BadInput(
            f"It has opset {version}, which cannot be made {OPSET} ({_first_line(error)}). Export it at opset {OPSET}."
        ) from error


def _picture(graph: onnx.GraphProto) -> tuple[str, int]:
    """Return the input's name and its only side (0: any)."""
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [one for one in graph.input if one.name not in weights]
    if len(inputs) != 1:
        raise BadInput(f"It has {len(inputs)} inputs ({', '.join(one.name for one in inputs[:5])}); a backbone has one, the picture.")
    kind = inputs[0].type.tensor_type
    shape = [one.dim_value if one.HasField("dim_value") else 0 for one in kind.shape.dim]
    if kind.elem_type != TensorProto.FLOAT or len(shape) != 4:
        raise BadInput(f"Its input {inputs[0].name!r} is no picture of shape (n, 3, height, width) in float32.")
    if shape[1] not in (0, 3):
        last = " Its channels come last: export it with channels first." if shape[3] == 3 else ""
        raise BadInput(f"Its input {inputs[0].name!r} has {shape[1]} channels; pictures have 3.{last}")
    if shape[2] != shape[3]:
        raise BadInput(f"Its input {inputs[0].name!r} is {shape[3]} wide and {shape[2]} high; pictures are square here.")
    return inputs[0].name, shape[2]


def _has_fixed_batch(graph: onnx.GraphProto, picture: str) -> bool:
    return any(one.name == picture and one.type.tensor_type.shape.dim[0].dim_value > 0 for one in graph.input)


# --- where to cut -----------------------------------------------------------------------------


def _cut(graph: onnx.GraphProto, makers: Makers, constants: set[str], node: str) -> tuple[str, list[str]]:
    """Return the tensor that is to be the features, and what to tell of it."""
    if node:
        return _named(graph, makers, node), []
    outputs = [one.name for one in graph.output]
    output = FEATURES if FEATURES in outputs else outputs[0]
    if len(outputs) > 1 and output != FEATURES:
        raise BadInput(f"It has {len(outputs)} outputs ({', '.join(outputs[:8])}). Name one, or a node before it, with --node.")
    before = _before_classifier(makers, constants, output)
    if before is None:
        return output, [f"its output {output!r} is taken as the features"]
    return before, [f"cut at {before!r}, before the classifier that makes {output!r}; --node {output} takes that instead"]


def _named(graph: onnx.GraphProto, makers: Makers, node: str) -> str:
    """Return the output of a node, by the node's name or the output's."""
    if node in makers:
        return node
    by_name = {one.name: one.output[0] for one in graph.node if one.name}
    if node in by_name:
        return str(by_name[node])
    known = [*by_name, *makers]
    last = ", ".join(one.output[0] for one in list(graph.node)[-6:])
    raise BadInput(f"It has no node {node!r}.{did_you_mean(node, known)} Its last ones are {last}.")


def _before_classifier(makers: Makers, constants: set[str], output: str) -> str | None:
    """Return what a classifier's last linear layer sees; None where the graph does not end in one."""
    node = makers.get(output)
    while node is not None and node.op_type in FINAL:
        node = makers.get(node.input[0])
    if node is not None and node.op_type == "Add":  # the bias of a MatMul
        node = next((makers[name] for name in node.input if name in makers and name not in constants), None)
    if node is None or node.op_type not in ("Gemm", "MatMul") or node.input[1] not in constants:
        return None
    seen = node.input[0]
    while seen in makers and makers[seen].op_type in IDLE:
        seen = makers[seen].input[0]
    return seen if seen in makers else None


def _needed(graph: onnx.GraphProto, makers: Makers, exit_: str) -> list[NodeProto]:
    """Return the nodes that the output needs, in their order."""
    found: set[str] = set()
    waiting = [exit_]
    while waiting:
        name = waiting.pop()
        if name in makers and name not in found:
            found.update(makers[name].output)
            waiting += makers[name].input
    return [node for node in graph.node if any(output in found for output in node.output)]


# --- batches ----------------------------------------------------------------------------------


def _free_batch(graph: onnx.GraphProto, nodes: Iterable[NodeProto]) -> None:
    """Let shapes that were written down for one batch copy the batch they get."""
    weights = {tensor.name: tensor for tensor in graph.initializer}
    values = {node.output[0]: node.attribute[0].t for node in graph.node if node.op_type == "Constant" and node.attribute[0].HasField("t")}
    for node in nodes:
        tensor = weights.get(node.input[1]) or values.get(node.input[1]) if node.op_type == "Reshape" else None
        if tensor is not None:
            shape = numpy_helper.to_array(tensor).copy()
            if shape.size > 1 and shape[0] > 0:
                shape[0] = 0
                tensor.CopyFrom(numpy_helper.from_array(shape, tensor.name))


def _rename_output(graph: onnx.GraphProto, name: str) -> None:
    for node in graph.node:
        node.output[:] = [name if one == FEATURES else one for one in node.output]


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
