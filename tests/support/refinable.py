"""Small networks of random weights that can be refined: ours with its views, and one with batch normalisation as nodes."""

from __future__ import annotations

from hashlib import sha256
from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from common.artifact import Artifact
from common.dataset import TEST, TRAIN, Entry, rows_of
from common.images import Preprocessing
from common.model import FEATURES, IMAGE, OPSET, Card
from common.store import Store
from jobs.pretrain import graph
from tests.support import trained

CHANNELS = (4, 4, 6, 6, 8, 8)
KINDS = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
VIEWS = (64, 32)


def pattern_weights(families: int = len(KINDS)) -> dict[str, NDArray[np.float32]]:
    """Return the weights of a small pattern-net for so many families, with names and shapes as in torch."""
    rng = np.random.default_rng(0)
    made: dict[str, NDArray[np.float32]] = {}

    def convolution(name: str, inside: int, outside: int, side: int) -> None:
        made[f"{name}.weight"] = rng.normal(0, (inside * side * side) ** -0.5, (outside, inside, side, side)).astype(np.float32)

    def norm(name: str, width: int) -> None:
        for part in ("weight", "bias", "running_mean", "running_var"):
            made[f"{name}.{part}"] = rng.uniform(0.5, 1.5, width).astype(np.float32)

    convolution("stem", 4, CHANNELS[1], 5)
    norm("stem_norm", CHANNELS[1])
    for number, (inside, outside) in enumerate(pairwise(CHANNELS[1:])):
        for part, before, side in (("first", inside, 3), ("second", outside, 3), ("short", inside, 1)):
            convolution(f"blocks.{number}.{part}", before, outside, side)
            norm(f"blocks.{number}.{part}_norm", outside)
    convolution("attention", CHANNELS[-1], 1, 1)
    made["attention.bias"] = np.zeros(1, np.float32)
    made["head.weight"] = rng.normal(0, 1, (families, 3 * CHANNELS[-1])).astype(np.float32)
    made["head.bias"] = np.zeros(families, np.float32)
    return made


def pattern_net() -> tuple[bytes, Card]:
    """Return a small pattern-net of two views."""
    weights = pattern_weights()
    data = graph.build("small", weights, KINDS, VIEWS)
    card = _card(data, Preprocessing(resolution=64), graph.dimension(weights, KINDS, VIEWS))
    return data, msgspec.structs.replace(card, trunks=graph.trunks(weights, VIEWS))


def version_of(store: Store, snapshot: Artifact, *, test_every: int = 4, groups_of: int = 1) -> Artifact:
    """Return a dataset version of a snapshot: of each class every so many groups are tests."""
    entries: list[Entry] = []
    rows = sorted(rows_of(snapshot), key=lambda row: row.name)
    for label in sorted({row.label for row in rows}):
        for number, row in enumerate(one for one in rows if one.label == label):
            group = number // groups_of
            side = TEST if group % test_every == test_every - 1 else TRAIN
            entries.append(trained.entry(row.id, row.name, label, f"{label}-g{group}", side))
    return trained.version(store, entries)


def normed_net(side: int = 64, width: int = 8) -> tuple[bytes, Card]:
    """Return a small residual network with batch normalisation, uneven edges and a mean to subtract; it has no trunks."""
    rng = np.random.default_rng(1)
    weights: dict[str, NDArray[np.float32]] = {"dull": np.asarray(0.5, np.float32)}

    def convolve(name: str, source: str, inside: int, outside: int, stride: int) -> list[NodeProto]:
        weights[f"{name}/kernel"] = rng.normal(0, (inside * 9) ** -0.5, (outside, inside, 3, 3)).astype(np.float32)
        for part, low in (("scale", 0.8), ("shift", -0.2), ("mean", -0.2), ("variance", 0.8)):
            weights[f"{name}/{part}"] = rng.uniform(low, low + 0.4, outside).astype(np.float32)
        counted = [f"{name}/{part}" for part in ("scale", "shift", "mean", "variance")]
        return [
            helper.make_node("Conv", [source, f"{name}/kernel"], [f"{name}/conv"], pads=[1] * 4, strides=[stride, stride]),
            helper.make_node("BatchNormalization", [f"{name}/conv", *counted], [name], epsilon=1e-5, momentum=0.9),
        ]

    nodes = [
        helper.make_node("Sub", [IMAGE, "dull"], ["seen"]),
        *convolve("stem", "seen", 3, width, 2),
        helper.make_node("Relu", ["stem"], ["stem/on"]),
        helper.make_node("MaxPool", ["stem/on"], ["pooled"], kernel_shape=[3, 3], strides=[2, 2], pads=[0, 0, 1, 1]),
        *convolve("first", "pooled", width, width, 1),
        helper.make_node("Relu", ["first"], ["first/on"]),
        *convolve("second", "first/on", width, width, 1),
        helper.make_node("Add", ["second", "pooled"], ["joined"]),
        helper.make_node("Relu", ["joined"], ["joined/on"]),
        helper.make_node("GlobalAveragePool", ["joined/on"], ["mean"]),
        helper.make_node("Flatten", ["mean"], [FEATURES], axis=1),
    ]
    made = helper.make_graph(
        nodes,
        "normed",
        [helper.make_tensor_value_info(IMAGE, TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, ["n", width])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    data = bytes(model.SerializeToString(deterministic=True))
    return data, _card(data, Preprocessing(resolution=side), width)


def _card(data: bytes, how: Preprocessing, dimension: int) -> Card:
    return Card(name="small", kind="backbone", onnx_sha256=sha256(data).hexdigest(), preprocessing=how, dimension=dimension)
