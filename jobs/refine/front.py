"""What of a backbone is trained, what lies before it, and the refined backbone as a file.

A card without trunks: the whole graph is trained, and sees pictures as they are. With trunks: each is one view of the
picture; they share their weights. What lies before them stays as it is and is computed by onnxruntime. A minibatch is seen
through one of the views, drawn anew each time; the refined features are the mean over the views.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from common.model import FEATURES, IMAGE, Card, Model, Trunk
from jobs.refine import network as networks
from jobs.refine.network import Network, Weights

Floats = NDArray[np.float32]


class Front:
    """A backbone, taken apart for training."""

    def __init__(self, data: bytes, card: Card) -> None:
        self._data, self.card = data, card
        self._whole = not card.trunks
        self.trunks = card.trunks or (Trunk(IMAGE, FEATURES, card.preprocessing.resolution, card.dimension),)
        self.dimension = self.trunks[0].dimension
        self._eyes = [] if self._whole else [Model(networks.cut(data, [trunk.entry])) for trunk in self.trunks]

    def network(self) -> tuple[Network, dict[str, NDArray[Any]]]:
        """Return what is trained, and its constants."""
        first = self.trunks[0]
        return networks.read(self._data, first.entry, first.exit, first.dimension)

    def see(self, pictures: Floats, view: int) -> Floats:
        """Return what the trained part sees of *pictures* (n, 3, h, w) through a view."""
        return pictures if self._whole else self._eyes[view].run(pictures, self.trunks[view].entry)

    def refined(self, weights: Weights) -> bytes:
        """Return the graph from pictures to the refined features, the mean over the views."""
        data = networks.put_back(self._data, weights)
        if self._whole:
            return data
        model = onnx.load_from_string(networks.cut(data, [trunk.exit for trunk in self.trunks]))
        model.graph.node.append(helper.make_node("Mean", [trunk.exit for trunk in self.trunks], [FEATURES], name="refined/mean"))
        del model.graph.output[:]
        model.graph.output.append(helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, ["n", self.dimension]))
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString(deterministic=True))
