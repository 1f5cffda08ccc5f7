"""What of a backbone is trained, what lies before it, and the refined backbone as a file.

A card without trunks: the whole graph is trained, and sees pictures as they are. With trunks: each is one view of the
picture; they share their weights. What lies before them stays as it is and is computed by onnxruntime. A minibatch is seen
through one of the views, drawn anew each time; the refined features are the mean over the views. What the backbone knows by name
(`Card.names`) stands behind them, computed by the refined network.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from common.model import FEATURES, IMAGE, Card, Model, Named, Trunk
from jobs.refine import network as networks
from jobs.refine.network import Network, Weights

Floats = NDArray[np.float32]
_MEAN, _OWN, _KNOWING, _KNOWN = "refined/mean", "refined/own", "refined/knowing", "refined/known"


class Front:
    """A backbone, taken apart for training."""

    def __init__(self, data: bytes, card: Card) -> None:
        self._data, self._names, self._whole = data, card.names, not card.trunks
        self._knowing = sorted({feature for one in card.names for feature in one.features})
        self.trunks = card.trunks or (Trunk(IMAGE, FEATURES, card.preprocessing.resolution, card.dimension),)
        self.trained = self.trunks[0].dimension  # so many features, the first ones, the last layer is trained on
        self._eyes = [] if self._whole else [Model(networks.cut(data, [trunk.entry])) for trunk in self.trunks]

    def network(self) -> tuple[Network, dict[str, NDArray[Any]]]:
        """Return what is trained, and its constants."""
        first = self.trunks[0]
        return networks.read(self._data, first.entry, first.exit, first.dimension)

    @property
    def dimension(self) -> int:
        """Return how many features the refined graph has."""
        return self.trained if self._whole else self.trained + len(self._knowing)

    @property
    def names(self) -> tuple[Named, ...]:
        """Return what the refined graph knows by name, by its features."""
        if self._whole:
            return self._names
        places = {feature: self.trained + place for place, feature in enumerate(self._knowing)}
        return tuple(Named(one.words, tuple(places[feature] for feature in one.features)) for one in self._names)

    def see(self, pictures: Floats, view: int) -> Floats:
        """Return what the trained part sees of *pictures* (n, 3, h, w) through a view."""
        return pictures if self._whole else self._eyes[view].run(pictures, self.trunks[view].entry)

    def refined(self, weights: Weights) -> bytes:
        """Return the graph from pictures to the refined features (n, dimension): the mean over the views, and what is known by name."""
        data = networks.put_back(self._data, weights)
        if self._whole:
            return data
        exits = [trunk.exit for trunk in self.trunks]
        model = onnx.load_from_string(networks.cut(data, [*exits, FEATURES] if self._knowing else exits))
        mean = _MEAN if self._knowing else FEATURES
        model.graph.node.append(helper.make_node("Mean", exits, [mean], name=_MEAN))
        if self._knowing:
            self._append_known(model.graph)
        del model.graph.output[:]
        model.graph.output.append(helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, ["n", self.dimension]))
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString(deterministic=True))

    def _append_known(self, graph: onnx.GraphProto) -> None:
        """Give the backbone's own features another name, and put those that names are made of behind the mean."""
        last = next(node for node in graph.node if FEATURES in node.output)
        last.output[:] = [_OWN if name == FEATURES else name for name in last.output]
        graph.initializer.append(numpy_helper.from_array(np.asarray(self._knowing, np.int64), _KNOWING))
        graph.node.append(helper.make_node("Gather", [_OWN, _KNOWING], [_KNOWN], name=_KNOWN, axis=1))
        graph.node.append(helper.make_node("Concat", [_MEAN, _KNOWN], [FEATURES], name="refined/features", axis=1))
