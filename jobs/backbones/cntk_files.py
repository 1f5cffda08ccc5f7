"""Old `.model` files of CNTK as backbones: cut at the rectifier before the last pooling, with the way that they saw pictures.

A file from anywhere is read by a worker with limits on time and memory, and refused where it brings
functions of its own. CNTK's ONNX is mended (one picture only, weights among the inputs, edges for one size), and must then compute
what CNTK computes.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
from onnx import helper, version_converter

from common.cntk.interpreter import Failed, Memory, Worker
from common.errors import BadInput, Retryable
from common.images import Preprocessing
from common.model import FEATURES, OPSET, Model
from jobs.backbones import onnx_files
from jobs.backbones.wishes import Graph, Wish

MEMORY_BYTES, SECONDS = 3 << 30, 240.0
"""What the worker may take; what reads a file leaves it room for that (`reading`)."""
TOLERANCE = 1e-4
"""Of the largest value: how far onnxruntime's maps may be from CNTK's."""
GREY = 114.0
PER_POSITION = frozenset(
    {"Add", "AveragePool", "BatchNormalization", "Clip", "Conv", "Div", "Identity", "MaxPool", "Mul", "Relu", "Sub", "Sum"}
)
"""Operators that take pictures of any size."""
_FOREIGN = ("UserDefined", "deserialize_method")


def read(data: bytes, wish: Wish, *, seconds: float = SECONDS) -> Graph:
    """Return the network of a model file up to its last maps, and how it saw pictures: BGR, 0 to 255 less 114.

    Raises:
        BadInput: CNTK is not set up here, the file is none of its models, or has no such node; the message lists those that there are.
    """
    if any(word.encode(code) in data for word in _FOREIGN for code in ("utf-8", "utf-16-le", "utf-32-le")):
        raise BadInput("It brings functions of its own, which would be run; only models without are read.")
    with tempfile.TemporaryDirectory(prefix="darkroom-") as folder:
        source, target = Path(folder) / "old.model", Path(folder) / "model.onnx"
        source.write_bytes(data)
        try:
            with Worker("legacy", memory_bytes=MEMORY_BYTES, seconds=seconds) as worker:
                told = worker.ask("convert", source=str(source), target=str(target), node=wish.node)
                if "candidates" in told:
                    raise BadInput(_choices(wish.node, told["candidates"]))
                shape = told["shape"]
                if not isinstance(shape, list) or len(shape) != 3 or shape[0] != 3 or shape[1] != shape[2]:
                    raise BadInput(f"It takes {shape}, not square pictures of three colours.")
                seen = worker.fetch("check")
        except (Failed, Memory) as error:
            raise BadInput(f"It cannot be read as a model of CNTK: {error}") from error
        except Retryable as error:
            raise BadInput(f"It cannot be read as a model of CNTK. {error}") from error
        model = version_converter.convert_version(onnx.load(target), OPSET)
    return _mended(model, shape[-1], seen, f"cut at {told['node']!r}")


def _choices(node: str, names: list[str]) -> str:
    wanted = f"no node {node!r}" if node else "no rectifier before a pooling"
    listed = (
        f"It has {', '.join(names)}: name one with --node." if names else "It has no rectifier at all, so it is no network of this kind."
    )
    return f"It has {wanted}. {listed}"


def _mended(model: onnx.ModelProto, side: int, seen: dict[str, Any], note: str) -> Graph:
    """Return the graph in our form, for any number of pictures, once it computes what CNTK does."""
    graph, weights = model.graph, {tensor.name for tensor in model.graph.initializer}
    picture = next(value.name for value in graph.input if value.name not in weights)
    for node in graph.node:
        _widen(node)
    only = 0 if {node.op_type for node in graph.node} <= PER_POSITION else side
    data = onnx_files.written(graph.node, graph.initializer, picture, graph.output[0].name, only)
    found, expected = Model(data).run(seen["pictures"], FEATURES), seen["maps"]
    if found.shape != expected.shape or not np.allclose(found, expected, atol=TOLERANCE * max(1.0, float(np.abs(expected).max()))):
        raise BadInput("It became another network as ONNX: its maps are not those that CNTK computes.")
    how = Preprocessing(resolution=side, fit="letterbox", pad=int(GREY), colour="BGR", scale=1.0)
    if not any(node.op_type == "Sub" and picture in node.input for node in graph.node):
        how = msgspec.structs.replace(how, mean=(GREY,) * 3)
    return Graph(data=data, side=only, notes=(note,), preprocessing=how)


def _widen(node: onnx.NodeProto) -> None:
    """Write the edges of every size: CNTK centres odd kernels on the first pixel, and its file lacks what its own size does not reach."""
    attributes = {one.name: one for one in node.attribute}
    if node.op_type not in {"Conv", "MaxPool"} or "pads" not in attributes:
        return
    halves = [side // 2 for side in helper.get_attribute_value(attributes["kernel_shape"])]
    pads = list(attributes["pads"].ints)
    if pads[: len(halves)] == halves and all(pad <= half for pad, half in zip(pads[len(halves) :], halves, strict=True)):
        attributes["pads"].ints[:] = halves * 2
