"""Old `.model` files of CNTK as backbones: cut at the rectifier before the last pooling, with a card that says how they saw pictures.

A file from anywhere is read by a worker with limits on time and memory, and refused where it brings
functions of its own. CNTK's ONNX is mended (one picture only, weights among the inputs, edges for one size), and must then compute
what CNTK computes.
"""

from __future__ import annotations

import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
from onnx import TensorProto, helper, version_converter

from common.errors import BadInput, Retryable
from common.images import Preprocessing
from common.model import FEATURES, IMAGE, MAX_MODEL_BYTES, OPSET, Card, Model
from jobs.refine.backends.interpreter import Failed, Memory, Worker

SETTING = "--node"
MEMORY_BYTES, SECONDS = 3 << 30, 300.0
TOLERANCE = 1e-4
"""Of the largest value: how far onnxruntime's features may be from CNTK's."""
GREY = 114.0
PER_POSITION = frozenset(
    {"Add", "AveragePool", "BatchNormalization", "Clip", "Conv", "Div", "Identity", "MaxPool", "Mul", "Relu", "Sub", "Sum"}
)
"""Operators that take pictures of any size."""
_FOREIGN = ("UserDefined", "deserialize_method")


def from_cntk(path: Path, node: str | None = None, *, seconds: float = SECONDS) -> tuple[bytes, Card]:
    """Return the ONNX graph from `image` (n, 3, h, w; BGR, 0 to 255 less 114) to pooled `features`, and its card.

    *node* names where to cut instead of at the rectifier before the last pooling.

    Raises:
        BadInput: CNTK is not set up here, the file is none of its models, or has no such node; the message lists those that there are.
    """
    _look(path)
    with tempfile.TemporaryDirectory(prefix="darkroom-") as folder:
        target = Path(folder) / "model.onnx"
        try:
            with Worker("legacy", memory_bytes=MEMORY_BYTES, seconds=seconds) as worker:
                told = worker.ask("convert", source=str(path.resolve()), target=str(target), node=node or "")
                if "candidates" in told:
                    raise BadInput(_choices(path, node, told["candidates"]))
                if not isinstance(told["shape"], list) or len(told["shape"]) != 3 or told["shape"][0] != 3:
                    raise BadInput(f"{path.name} takes {told['shape']}, not pictures of three colours.")
                seen = worker.fetch("check")
        except (Failed, Memory) as error:
            raise BadInput(f"{path.name} cannot be read as a model of CNTK: {error}") from error
        except Retryable as error:
            raise BadInput(f"{path.name} cannot be read as a model of CNTK. {error}") from error
        data = _mended(onnx.load(target), path.stem, told["shape"])
    return data, _checked(data, path.stem, told, seen)


def _look(path: Path) -> None:
    """Refuse what need not be tried."""
    size = path.stat().st_size
    if size > MAX_MODEL_BYTES:
        raise BadInput(f"{path.name} has {size} bytes, more than {MAX_MODEL_BYTES}.")
    data = path.read_bytes()
    if any(word.encode(code) in data for word in _FOREIGN for code in ("utf-8", "utf-16-le", "utf-32-le")):
        raise BadInput(f"{path.name} brings functions of its own, which would be run; only models without are read.")


def _choices(path: Path, node: str | None, names: list[str]) -> str:
    wanted = f"no node {node!r}" if node else "no rectifier before a pooling"
    listed = (
        f"It has {', '.join(names)}: name one with {SETTING}." if names else "It has no rectifier at all, so it is no network of this kind."
    )
    return f"{path.name} has {wanted}. {listed}"


def _mended(model: onnx.ModelProto, name: str, shape: list[int]) -> bytes:
    """Return the graph with `image` going in and pooled `features` coming out, for any number of pictures."""
    model = version_converter.convert_version(model, OPSET)
    graph, weights = model.graph, {tensor.name for tensor in model.graph.initializer}
    given = next(value.name for value in graph.input if value.name not in weights)
    maps = graph.output[0]
    dimension = maps.type.tensor_type.shape.dim[1].dim_value
    for node in graph.node:
        node.input[:] = [IMAGE if one == given else one for one in node.input]
        _widen(node)
    nodes = [
        *graph.node,
        helper.make_node("GlobalAveragePool", [maps.name], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], [FEATURES], axis=1),
    ]
    sides: list[Any] = ["h", "w"] if {node.op_type for node in graph.node} <= PER_POSITION else shape[1:]
    whole = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info(IMAGE, TensorProto.FLOAT, ["n", 3, *sides])],
        [helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, ["n", dimension])],
        list(graph.initializer),
    )
    mended = helper.make_model(whole, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8, producer_name="darkroom")
    return bytes(mended.SerializeToString(deterministic=True))


def _widen(node: onnx.NodeProto) -> None:
    """Write the edges of every size: CNTK centres odd kernels on the first pixel, and its file lacks what its own size does not reach."""
    attributes = {one.name: one for one in node.attribute}
    if node.op_type not in {"Conv", "MaxPool"} or "pads" not in attributes:
        return
    halves = [side // 2 for side in helper.get_attribute_value(attributes["kernel_shape"])]
    pads = list(attributes["pads"].ints)
    if pads[: len(halves)] == halves and all(pad <= half for pad, half in zip(pads[len(halves) :], halves, strict=True)):
        attributes["pads"].ints[:] = halves * 2


def _checked(data: bytes, name: str, told: dict[str, Any], seen: dict[str, Any]) -> Card:
    """Return the card of a graph that computes what CNTK does."""
    graph = onnx.load_from_string(data).graph
    expected = seen["maps"].mean(axis=(2, 3))
    found = Model(data).run(seen["pictures"], FEATURES)
    if found.shape != expected.shape or not np.allclose(found, expected, atol=TOLERANCE * max(1.0, float(np.abs(expected).max()))):
        raise BadInput(f"{name} became another network as ONNX: its features are not those that CNTK computes.")
    subtracts = any(node.op_type == "Sub" and IMAGE in node.input for node in graph.node)
    how = Preprocessing(resolution=told["shape"][-1], fit="letterbox", pad=int(GREY), colour="BGR", scale=1.0)
    return Card(
        name=name,
        kind="backbone",
        onnx_sha256=sha256(data).hexdigest(),
        preprocessing=how if subtracts else msgspec.structs.replace(how, mean=(GREY,) * 3),
        dimension=int(expected.shape[1]),
        training={"library": "CNTK", "cut": told["node"]},
    )
