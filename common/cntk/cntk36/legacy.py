"""Old models of CNTK: the graph from the picture to one of its nodes, as ONNX, with what CNTK itself computes for a few pictures."""

import arrays
import cntk as C
import numpy as np

LISTED = 40


class Commands(object):
    """What the other side may ask for."""

    def convert(self, source, target, node):
        """Write ONNX up to *node* ("": the rectifier before the last pooling), and return its name, the input's and its shape."""
        C.cntk_py.set_max_num_cputhreads(1)
        nodes = list(below(C.Function.load(source)))
        found = by_name(nodes, node) if node else before_last_pooling(nodes)
        if found is None:
            return {"candidates": [name_of(one) for one in nodes if is_rectifier(one)][:LISTED]}
        self._cut = C.combine([found.output])
        if len(self._cut.arguments) != 1:
            raise ValueError("it needs %d inputs, not one picture" % len(self._cut.arguments))
        self._cut.save(target, format=C.ModelFormat.ONNX)
        return {"node": name_of(found), "shape": list(self._cut.arguments[0].shape)}

    def check(self, out):
        """Write pictures drawn at random and the maps that CNTK computes from them."""
        picture = self._cut.arguments[0]
        shown = np.random.default_rng(0).uniform(-114, 141, (2,) + picture.shape).astype(np.float32)
        return arrays.write(out, {"pictures": shown, "maps": self._cut.eval({picture: shown})})


def below(model):
    """Yield the functions of a model from its output to its input, each once."""
    seen, waiting = set(), [model.root_function]
    while waiting:
        function = waiting.pop(0)
        if function.uid not in seen:
            seen.add(function.uid)
            yield function
            waiting += [one.owner for one in function.inputs if one.is_output]


def by_name(nodes, name):
    return next((one for one in nodes if name in (one.name, one.uid) and one.outputs[0].shape), None)


def before_last_pooling(nodes):
    """Return the rectifier that the last pooling reads."""
    for one in nodes:
        if "Pooling" in one.op_name or one.op_name == "ReduceElements":
            owners = [given.owner for given in one.inputs if given.is_output]
            if len(owners) == 1 and is_rectifier(owners[0]):
                return owners[0]
    return None


def is_rectifier(function):
    return function.op_name == "ReLU" and len(function.output.shape) == 3


def name_of(function):
    return function.name or function.uid
