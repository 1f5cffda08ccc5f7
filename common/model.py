"""A model is one ONNX file and its card.

The card says everything that using the file takes: preprocessing, classes, output names. The
file must be the one that its card speaks of, and not huge; onnxruntime refuses one that points
outside itself or uses operators it does not know. Threads are fixed at one for each call, so that results do not depend on the
machine's size; whoever wants more cores makes calls in parallel.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

from common.errors import BadInput
from common.images import Preprocessing
from common.records import Document

if TYPE_CHECKING:
    import numpy as np
    import onnx
    from numpy.typing import NDArray

    from common.records import Ref

    Matrix = NDArray[np.float32]

IMAGE, FEATURES, MARGINS, PROBABILITIES = "image", "features", "margins", "probabilities"
MODEL_FILE, CARD_FILE = "model.onnx", "card.json"
MAX_MODEL_BYTES = 1 << 30
OPSET = 18
IR_VERSION = 8  # the one that came with opset 18; a newer one would shut out older runtimes


def version_of(model: Ref) -> str:
    """Return a model's short name."""
    return model.digest[:12]


class Trunk(msgspec.Struct, frozen=True):
    """The part of a graph that refinement trains: from what the network sees, (n, channels, side, side), to its features (n, dimension)."""

    entry: str
    exit: str
    side: int
    dimension: int


class Named(msgspec.Struct, frozen=True):
    """What a backbone knows by itself: the words that people call it, and the features whose mean is the logarithm of its probability."""

    words: tuple[str, ...]
    features: tuple[int, ...]


class Card(Document, frozen=True, kw_only=True, tag="card/1"):
    """What a model is and how to use it. A backbone has no classes; its output is `features`.

    `training` says how it came to be; `temperature` is what its margins were divided by. A backbone that looks at a picture in
    several ways has several `trunks`, which share their weights; one without is its own.
    """

    name: str
    kind: str
    onnx_sha256: str
    preprocessing: Preprocessing
    dimension: int
    classes: tuple[str, ...] = ()
    backbone: str = ""
    temperature: float = 1.0
    training: dict[str, Any] = msgspec.field(default_factory=dict)
    source: str = ""
    licence: str = ""
    trunks: tuple[Trunk, ...] = ()
    names: tuple[Named, ...] = ()


class Model:
    """A loaded ONNX graph; thread-safe, one thread for each call."""

    def __init__(self, data: bytes) -> None:
        self._session = _session(data)
        self._outputs = [output.name for output in self._session.get_outputs()]
        self._input = self._session.get_inputs()[0].name

    def run(self, batch: Matrix, output: str) -> Matrix:
        """Run a batch of inputs, shape (n, …), and return one output, shape (n, d)."""
        if output not in self._outputs:
            raise BadInput(f"The model has no output {output!r}, only {', '.join(self._outputs)}.")
        result: Matrix = self._session.run([output], {self._input: batch})[0]
        return result


def load(data: bytes, card: Card) -> Model:
    """Load a model that is the one its card speaks of.

    Raises:
        BadInput: another file, or one that may not or cannot be loaded.
    """
    if sha256(data).hexdigest() != card.onnx_sha256:
        raise BadInput(f"The model file of {card.name!r} is not the one that its card speaks of (sha256 differs).")
    return Model(data)


def _session(data: bytes) -> Any:
    import onnxruntime as ort

    if len(data) > MAX_MODEL_BYTES:
        raise BadInput(f"The model has {len(data)} bytes, more than {MAX_MODEL_BYTES}.")
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(data, options, providers=_providers(ort.get_available_providers()))
    except Exception as error:  # onnxruntime's errors share no base class below Exception
        raise BadInput(f"The model cannot be loaded: {str(error)[:200]}") from error


def _providers(available: list[str]) -> list[str | tuple[str, dict[str, str]]]:
    """Return what computes: a GPU where the library and the machine have one, in full float32; a processor otherwise."""
    gpu: list[str | tuple[str, dict[str, str]]] = [("CUDAExecutionProvider", {"use_tf32": "0"})]
    return [*(gpu if "CUDAExecutionProvider" in available else []), "CPUExecutionProvider"]


class Head:
    """A linear classifier on features: standardise, scale to unit length, weigh, divide by a temperature, add what a prior knows.

    Shapes: `mean`, `scale` (d,); `weights` (k, d); `bias` (k,); `known` (k, d) acts on the features as they are. float32.
    """

    def __init__(
        self,
        mean: Matrix,
        scale: Matrix,
        weights: Matrix,
        bias: Matrix,
        *,
        unit_length: bool,
        temperature: float,
        known: Matrix | None = None,
    ) -> None:
        self.mean, self.scale, self.weights, self.bias = mean, scale, weights, bias
        self.unit_length, self.temperature, self.known = unit_length, temperature, known


def attach_head(backbone: bytes, head: Head) -> bytes:
    """Return one ONNX graph from image to features, margins and probabilities."""
    import onnx
    from onnx import TensorProto, helper

    model = onnx.load_from_string(backbone)
    nodes, weights = _head_graph(head)
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(weights)
    width = head.weights.shape[0]
    for name in (MARGINS, PROBABILITIES):
        model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width]))
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def cut_head(data: bytes, dimension: int) -> bytes:
    """Return the graph from features to margins and probabilities, cut out of a classifier."""
    import onnx
    from onnx import TensorProto, helper

    model = onnx.load_from_string(data)
    nodes = [node for node in model.graph.node if node.name.startswith("head/")]
    used = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        "head",
        [helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, ["n", dimension])],
        [output for output in model.graph.output if output.name in (MARGINS, PROBABILITIES)],
        [weight for weight in model.graph.initializer if weight.name in used],
    )
    cut = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    return bytes(cut.SerializeToString(deterministic=True))


def _head_graph(head: Head) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """Write the head in operators that are the same in every opset from 13 on: the backbone's may be older than ours."""
    import numpy as np
    from onnx import helper, numpy_helper

    constants: dict[str, NDArray[Any]] = {
        "mean": head.mean,
        "scale": head.scale,
        "weights": head.weights,
        "bias": head.bias,
        "temperature": np.asarray([head.temperature], np.float32),
        "tiny": np.asarray([1e-12], np.float32),
        "across": np.asarray([1]),
    }
    if head.known is not None:
        constants["known"] = head.known
    names = {name: f"head/{name}" for name in constants}
    nodes = [
        helper.make_node("Sub", [FEATURES, names["mean"]], ["head/centred"], name="head/centre"),
        helper.make_node("Div", ["head/centred", names["scale"]], ["head/standard"], name="head/standardise"),
    ]
    last = "head/standard"
    if head.unit_length:
        nodes += [
            helper.make_node("Mul", [last, last], ["head/squares"], name="head/square"),
            helper.make_node("ReduceSum", ["head/squares", names["across"]], ["head/sum"], name="head/sum", keepdims=1),
            helper.make_node("Sqrt", ["head/sum"], ["head/norm"], name="head/length"),
            helper.make_node("Max", ["head/norm", names["tiny"]], ["head/length_"], name="head/floor"),
            helper.make_node("Div", [last, "head/length_"], ["head/unit"], name="head/unit_length"),
        ]
        last = "head/unit"
    nodes += [
        helper.make_node("Gemm", [last, names["weights"], names["bias"]], [MARGINS], name="head/linear", transB=1),
        helper.make_node("Div", [MARGINS, names["temperature"]], ["head/tempered"], name="head/temper"),
    ]
    last = "head/tempered"
    if head.known is not None:
        nodes += [
            helper.make_node("Gemm", [FEATURES, names["known"]], ["head/prior"], name="head/know", transB=1),
            helper.make_node("Add", [last, "head/prior"], ["head/both"], name="head/add"),
        ]
        last = "head/both"
    nodes.append(helper.make_node("Softmax", [last], [PROBABILITIES], name="head/softmax", axis=1))
    used = {name for node in nodes for name in node.input}
    kinds = {"i": np.int64, "f": np.float32}
    tensors = [numpy_helper.from_array(np.asarray(value, kinds[value.dtype.kind]), names[name]) for name, value in constants.items()]
    return nodes, [tensor for tensor in tensors if tensor.name in used]
