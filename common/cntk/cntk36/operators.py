"""The operators of ONNX that a network in training consists of, as CNTK computes them.

ONNX counts the batch as axis 0; in CNTK it has no number, so axis k there is k - 1 here. Tensors have fixed sides.
"""

import cntk as C
import numpy as np


def check(node):
    """Raise ValueError for an operator that is not here, or not in this way."""
    if not hasattr(Graph, "_" + node["op"]):
        raise ValueError("the operator %s (at %r) is not there" % (node["op"], node["output"]))
    if node["attributes"].get("transA", 0):
        raise ValueError("Gemm at %r transposes its first input" % node["output"])
    if any(step != 1 for step in node["attributes"].get("dilations", ())):
        raise ValueError("on processors CNTK does not dilate kernels, as %s at %r does" % (node["op"], node["output"]))


class Graph(object):
    """Nodes written as CNTK's functions, by the names of what they give; `normed` are the batch normalisations' statistics."""

    def __init__(self, nodes, constants, parameters, values):
        self.constants, self.parameters, self.values = constants, parameters, dict(values)
        self.normed = []  # names, constants that hold them, momentum
        for node in nodes:
            self.values[node["output"]] = getattr(self, "_" + node["op"])(node, node["attributes"])

    def _in(self, node, number):
        """Return an input: a value, or a constant without its axis of the batch."""
        name = node["inputs"][number]
        if name in self.values:
            return self.values[name]
        weight = self.parameters.get(name)
        constant = C.constant(self.constants[name].astype(np.float32)) if weight is None else weight
        return C.reshape(constant, constant.shape[1:]) if len(constant.shape) > 1 and constant.shape[0] == 1 else constant

    def _weight(self, node, number):
        name = node["inputs"][number]
        if name in self.parameters:
            return self.parameters[name]
        if name in self.constants:
            return C.constant(self.constants[name].astype(np.float32))
        raise ValueError("%s at %r: its input %r must be a constant" % (node["op"], node["output"], name))

    def _numbers(self, node, number, attribute, default=None):
        """Return numbers that an attribute or a constant input gives."""
        if attribute in node["attributes"]:
            return node["attributes"][attribute]
        if len(node["inputs"]) > number and node["inputs"][number]:
            return self.constants[node["inputs"][number]].tolist()
        return default

    # --- arithmetic -------------------------------------------------------------------------

    def _Add(self, node, _):
        return C.plus(self._in(node, 0), self._in(node, 1))

    def _Sub(self, node, _):
        return C.minus(self._in(node, 0), self._in(node, 1))

    def _Mul(self, node, _):
        return C.element_times(self._in(node, 0), self._in(node, 1))

    def _Div(self, node, _):
        return C.element_divide(self._in(node, 0), self._in(node, 1))

    def _Relu(self, node, _):
        return C.relu(self._in(node, 0))

    def _Identity(self, node, _):
        return self._in(node, 0)

    def _Clip(self, node, _):
        low, high = self._numbers(node, 1, "min", -3e38), self._numbers(node, 2, "max", 3e38)
        return C.clip(self._in(node, 0), float(np.ravel(low)[0]), float(np.ravel(high)[0]))

    def _Softmax(self, node, attributes):
        x = self._in(node, 0)
        return C.softmax(x, axis=_axis(attributes.get("axis", -1), x))

    # --- matrices ---------------------------------------------------------------------------

    def _MatMul(self, node, _):
        left, right = (
            self.values[name] if name in self.values else self._weight(node, number) for number, name in enumerate(node["inputs"])
        )
        return C.times(left, right)

    def _Gemm(self, node, attributes):
        matrix = self._weight(node, 1)
        matrix = C.transpose(matrix, (1, 0)) if attributes.get("transB", 0) else matrix
        product = C.times(self._in(node, 0), matrix) * attributes.get("alpha", 1.0)
        return product + self._weight(node, 2) * attributes.get("beta", 1.0) if len(node["inputs"]) > 2 else product

    # --- maps -------------------------------------------------------------------------------

    def _Conv(self, node, attributes):
        x, kernels = self._in(node, 0), self._weight(node, 1)
        sides = kernels.shape[2:]
        strides = attributes.get("strides", [1] * len(sides))
        x, auto = _padded(x, sides, strides, attributes, 0)
        padding, groups = [False] + [auto] * len(sides), attributes.get("group", 1)
        found = C.convolution(kernels, x, strides=tuple(strides), auto_padding=padding, groups=groups)
        return found + C.reshape(self._weight(node, 2), (-1, 1, 1)) if len(node["inputs"]) > 2 else found

    def _MaxPool(self, node, attributes):
        return self._pool(node, attributes, C.MAX_POOLING, -3e38, True)

    def _AveragePool(self, node, attributes):
        return self._pool(node, attributes, C.AVG_POOLING, 0, bool(attributes.get("count_include_pad", 0)))

    def _pool(self, node, attributes, kind, value, include):
        sides = attributes["kernel_shape"]
        strides = attributes.get("strides", [1] * len(sides))
        x, auto = _padded(self._in(node, 0), sides, strides, attributes, value if include else None)
        ceil = bool(attributes.get("ceil_mode", 0))
        padding = [False] + [auto] * len(sides)
        return C.pooling(x, kind, tuple(sides), strides=tuple(strides), auto_padding=padding, ceil_out_dim=ceil, include_pad=include)

    def _BatchNormalization(self, node, attributes):
        x = self._in(node, 0)
        scale, bias = (self._weight(node, number) for number in (1, 2))
        mean, variance = counted = [C.constant(self.constants[name]) for name in node["inputs"][3:5]]
        self.normed.append((node["inputs"][3:5], counted, attributes.get("momentum", 0.9)))
        # With a time constant of 0 the statistics become the minibatch's own: how they are averaged is then ours to say.
        return C.batch_normalization(
            x,
            scale,
            bias,
            mean,
            variance,
            spatial=len(x.shape) > 1,
            normalization_time_constant=0,
            epsilon=attributes.get("epsilon", 1e-5),
            use_cudnn_engine=False,
            running_count=C.constant(0.0, shape=()),
        )

    def _GlobalAveragePool(self, node, _):
        x = self._in(node, 0)
        return C.reduce_mean(x, axis=tuple(range(1, len(x.shape))))

    def _GlobalMaxPool(self, node, _):
        x = self._in(node, 0)
        return C.reduce_max(x, axis=tuple(range(1, len(x.shape))))

    def _ReduceMean(self, node, attributes):
        return self._reduce(node, attributes, C.reduce_mean)

    def _ReduceMax(self, node, attributes):
        return self._reduce(node, attributes, C.reduce_max)

    def _ReduceSum(self, node, attributes):
        return self._reduce(node, attributes, C.reduce_sum)

    def _reduce(self, node, attributes, how):
        x = self._in(node, 0)
        axes = [_axis(axis, x) for axis in self._numbers(node, 1, "axes", range(1, len(x.shape) + 1))]
        reduced = how(x, axis=tuple(axes))
        kept = tuple(side for axis, side in enumerate(x.shape) if axis not in axes)
        return reduced if attributes.get("keepdims", 1) else C.reshape(reduced, kept)

    # --- shapes -----------------------------------------------------------------------------

    def _Concat(self, node, attributes):
        parts = [self._in(node, number) for number in range(len(node["inputs"]))]
        return C.splice(*parts, axis=_axis(attributes["axis"], parts[0]))

    def _Flatten(self, node, attributes):
        x = self._in(node, 0)
        if attributes.get("axis", 1) != 1:
            raise ValueError("Flatten at %r must keep the batch and nothing else" % node["output"])
        return C.reshape(x, (int(np.prod(x.shape)),))

    def _Reshape(self, node, _):
        x = self._in(node, 0)
        first, *shape = self._numbers(node, 1, "shape")
        sides = [x.shape[axis] if side == 0 else side for axis, side in enumerate(shape)]
        if -1 in sides:
            sides[sides.index(-1)] = int(np.prod(x.shape)) // -int(np.prod(sides))
        if first not in (0, -1) or int(np.prod(sides)) != int(np.prod(x.shape)):
            raise ValueError("Reshape at %r must keep the batch" % node["output"])
        return C.reshape(x, tuple(sides))


def _axis(axis, x):
    counted = axis if axis >= 0 else axis + len(x.shape) + 1
    if counted == 0:
        raise ValueError("an operator works across the pictures of a batch")
    return counted - 1


def _padded(x, sides, strides, attributes, value):
    """Return *x* with its edges, and whether CNTK is to put them there itself: it can for odd kernels in their middle.

    Edges hold *value*; None stands for edges that do not count, which only CNTK itself can do.
    """
    if attributes.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        pads = _same(x.shape[1:], sides, strides, attributes["auto_pad"] == "SAME_LOWER")
    else:
        pads = attributes.get("pads", [0] * 2 * len(sides))
    if not any(pads):
        return x, False
    fits = all(side % 2 and side <= size for side, size in zip(sides, x.shape[1:]))
    if fits and list(pads) == [side // 2 for side in sides] * 2:
        return x, True
    if value is None:
        raise ValueError("an average over such edges, without them, is not there in CNTK: pads %s of a kernel %s" % (pads, sides))
    half = len(sides)
    return C.pad(x, [(0, 0)] + list(zip(pads[:half], pads[half:])), mode=C.ops.CONSTANT_PAD, constant_value=value), False


def _same(shape, sides, strides, lower):
    missing = [max(0, (-(-size // step) - 1) * step + side - size) for size, side, step in zip(shape, sides, strides)]
    less, more = [one // 2 for one in missing], [one - one // 2 for one in missing]
    return more + less if lower else less + more
