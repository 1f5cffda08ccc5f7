"""Formulas that write themselves down as an ONNX graph.

`Tensor` stands for a value inside the graph: arithmetic on it appends nodes, so that a bank of
filters reads like its formula. Names count up in the order of writing and equal constants are
stored once; the same formulas therefore give the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike, NDArray
from onnx import TensorProto, helper, numpy_helper

from common.model import FEATURES, IMAGE, IR_VERSION, OPSET


@dataclass
class Graph:
    """The nodes and constants written so far."""

    name: str
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[bytes, onnx.TensorProto] = field(default_factory=dict)

    def image(self) -> Tensor:
        """Return the input: float32 (n, 3, h, w)."""
        return Tensor(self, IMAGE)

    def constant(self, values: ArrayLike) -> Tensor:
        """Store numbers computed in float64 as float32, integers as int64."""
        array: NDArray[Any] = np.asarray(values)
        array = array.astype(np.int64 if array.dtype.kind == "i" else np.float32)
        key = repr((array.dtype.str, array.shape)).encode() + array.tobytes()
        if key not in self.constants:
            self.constants[key] = numpy_helper.from_array(array, f"constant_{len(self.constants)}")
        return Tensor(self, self.constants[key].name)

    def apply(self, operator: str, *inputs: Tensor, **attributes: Any) -> Tensor:
        """Append one node and return its first output."""
        output = f"value_{len(self.nodes)}"
        names = [tensor.name for tensor in inputs]
        self.nodes.append(helper.make_node(operator, names, [output], name=f"bank/{len(self.nodes)}", **attributes))
        return Tensor(self, output)

    def finish(self, features: Tensor, dimension: int) -> bytes:
        """Name the output and return the model's bytes."""
        self.nodes.append(helper.make_node("Identity", [features.name], [FEATURES], name="bank/features"))
        graph = helper.make_graph(
            self.nodes,
            self.name,
            [helper.make_tensor_value_info(IMAGE, TensorProto.FLOAT, ["n", 3, "h", "w"])],
            [helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, ["n", dimension])],
            list(self.constants.values()),
        )
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="darkroom")
        onnx.checker.check_model(model)
        data: bytes = model.SerializeToString(deterministic=True)
        return data


@dataclass(frozen=True, eq=False)
class Tensor:
    """A value in a graph. Shapes broadcast as in numpy; a plain number becomes a constant."""

    graph: Graph
    name: str

    def __add__(self, other: Tensor | float) -> Tensor:
        return self._with("Add", other)

    def __sub__(self, other: Tensor | float) -> Tensor:
        return self._with("Sub", other)

    def __rsub__(self, other: float) -> Tensor:
        return self * -1.0 + other

    def __mul__(self, other: Tensor | float) -> Tensor:
        return self._with("Mul", other)

    def __truediv__(self, other: Tensor | float) -> Tensor:
        return self._with("Div", other)

    def __matmul__(self, matrix: Tensor) -> Tensor:
        return self.graph.apply("MatMul", self, matrix)

    def named(self, name: str) -> Tensor:
        """Return the same under a name that others may rely on."""
        self.graph.nodes.append(helper.make_node("Identity", [self.name], [name], name=f"bank/{len(self.graph.nodes)}"))
        return Tensor(self.graph, name)

    def between(self, low: float, high: float) -> Tensor:
        return self.graph.apply("Clip", self, self.graph.constant(float(low)), self.graph.constant(float(high)))

    def relu(self) -> Tensor:
        return self.graph.apply("Relu", self)

    def softmax(self, axis: int) -> Tensor:
        return self.graph.apply("Softmax", self, axis=axis)

    def at_most(self, limit: float) -> Tensor:
        return self._with("Min", limit)

    def square(self) -> Tensor:
        return self * self

    def cube(self) -> Tensor:
        return self * self * self

    def abs(self) -> Tensor:
        return self.graph.apply("Abs", self)

    def exp(self) -> Tensor:
        return self.graph.apply("Exp", self)

    def asinh(self) -> Tensor:
        return self.graph.apply("Asinh", self)

    def root(self, floor: float = 1e-12) -> Tensor:
        """Return the square root of x + floor, which has no corner at 0."""
        return self.graph.apply("Sqrt", self + floor)

    def log(self, floor: float) -> Tensor:
        """Return the logarithm of x + floor: below the floor, differences fade."""
        return self.graph.apply("Log", self + floor)

    def mean(self, *axes: int, keep: bool = False) -> Tensor:
        return self._over("ReduceMean", axes, keep=keep)

    def maximum(self, *axes: int) -> Tensor:
        return self._over("ReduceMax", axes, keep=False)

    def sum(self, *axes: int, keep: bool = False) -> Tensor:
        return self._over("ReduceSum", axes, keep=keep)

    def variance(self, *axes: int) -> Tensor:
        return (self - self.mean(*axes, keep=True)).square().mean(*axes)

    def reshape(self, *shape: int) -> Tensor:
        """Reshape; 0 keeps an axis, -1 takes what is left."""
        return self.graph.apply("Reshape", self, self.graph.constant(list(shape)))

    def swap_last(self) -> Tensor:
        """Transpose (n, a, b) to (n, b, a)."""
        return self.graph.apply("Transpose", self, perm=[0, 2, 1])

    def pick(self, axis: int, *indices: int) -> Tensor:
        """Return some entries along an axis, which stays."""
        return self.graph.apply("Gather", self, self.graph.constant(list(indices)), axis=axis)

    def convolve(self, kernels: ArrayLike, *, bias: ArrayLike | None = None, stride: int = 1, groups: int = 1) -> Tensor:
        """Convolve with *kernels* (out, in / groups, k, k), k odd, zeros around the picture; *bias* is (out,)."""
        weights = np.asarray(kernels)
        edge = weights.shape[-1] // 2
        inputs = [self.graph.constant(weights)] + ([] if bias is None else [self.graph.constant(bias)])
        return self.graph.apply("Conv", self, *inputs, pads=[edge] * 4, strides=[stride, stride], group=groups)

    def pool(self, side: int, stride: int, edge: int | None = None) -> Tensor:
        """Average over squares; what lies outside the picture does not count."""
        pads = [side // 2 if edge is None else edge] * 4
        return self.graph.apply("AveragePool", self, kernel_shape=[side] * 2, strides=[stride] * 2, pads=pads, count_include_pad=0)

    def resize(self, channels: int, like: Tensor | int, *, antialias: bool = False) -> Tensor:
        """Resize *channels* maps linearly: to a square of that side, or to the height and width of another tensor.

        With *antialias*, what becomes smaller is averaged over as many pixels as meet in one; those outside do not count.
        """
        graph = self.graph
        batch = graph.apply("Shape", self, start=0, end=1)
        sides = graph.constant([like, like]) if isinstance(like, int) else graph.apply("Shape", like, start=2, end=4)
        shape = concat([batch, graph.constant([channels]), sides], axis=0)
        absent = Tensor(graph, "")
        how = {"antialias": 1, "exclude_outside": 1} if antialias else {}
        return graph.apply("Resize", self, absent, absent, shape, mode="linear", coordinate_transformation_mode="half_pixel", **how)

    def _over(self, reduction: str, axes: tuple[int, ...], *, keep: bool) -> Tensor:
        return self.graph.apply(reduction, self, self.graph.constant(list(axes)), keepdims=int(keep))

    def _with(self, operator: str, other: Tensor | float) -> Tensor:
        right = other if isinstance(other, Tensor) else self.graph.constant(float(other))
        return self.graph.apply(operator, self, right)


def concat(tensors: list[Tensor], axis: int) -> Tensor:
    """Join along an axis that is there."""
    return tensors[0].graph.apply("Concat", *tensors, axis=axis)


def stack(tensors: list[Tensor]) -> Tensor:
    """Stack (n, k) tensors as (n, len, k)."""
    graph = tensors[0].graph
    return concat([graph.apply("Unsqueeze", tensor, graph.constant([1])) for tensor in tensors], axis=1)
