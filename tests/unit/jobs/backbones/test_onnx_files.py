"""Somebody's ONNX file: where it is cut, what it may hold, and what it becomes."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper

from common.errors import BadInput
from common.model import FEATURES, IMAGE, OPSET, Card, Head, Model, attach_head, cut_head
from jobs.backbones import onnx_files, probing
from jobs.backbones.wishes import Wish
from tests.support import foreign
from tests.support.foreign import MAPS

PICTURES = np.random.default_rng(1).standard_normal((3, 3, 16, 16), np.float32)


def made(data: bytes, **said: object) -> tuple[bytes, Card, tuple[str, ...]]:
    wish = Wish(name="theirs", kind="ONNX file", **said)  # type: ignore[arg-type]
    return probing.backbone(onnx_files.read(data, wish), wish)


def expected() -> NDArray[np.float32]:
    """The vector before the classifier, without ONNX: a 3 x 3 convolution with zeros around, what is positive, the mean."""
    kernels = foreign.weights()["conv"]
    padded = np.pad(PICTURES, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    means: NDArray[np.float32] = np.maximum(np.einsum("nchwij,ocij->nohw", windows, kernels), 0).mean(axis=(2, 3))
    return means


def test_a_classifier_is_cut_before_its_last_layer_and_the_cut_is_told() -> None:
    data, card, notes = made(foreign.file())
    assert card.dimension == MAPS
    np.testing.assert_allclose(Model(data).run(PICTURES, FEATURES), expected(), rtol=1e-4)
    assert "cut at 'pooled', before the classifier that makes 'probabilities'" in notes[0]
    assert [(one.name, len(one.type.tensor_type.shape.dim)) for one in onnx.load_from_string(data).graph.input] == [(IMAGE, 4)]


@pytest.mark.parametrize(("node", "dimension"), [("pooled", MAPS), ("flat", MAPS), ("kept", MAPS), ("logits", 4), ("fc", 4)])
def test_a_node_or_an_output_may_be_named_and_maps_are_averaged(node: str, dimension: int) -> None:
    data, card, _ = made(foreign.file(), node=node)
    assert card.dimension == dimension
    if dimension == MAPS:
        np.testing.assert_allclose(Model(data).run(PICTURES, FEATURES), expected(), rtol=1e-4)


def test_a_network_without_a_classifier_is_taken_whole() -> None:
    _, card, notes = made(foreign.file(foreign.body(), ["pooled"]))
    assert card.dimension == MAPS
    assert "its output 'pooled' is taken as the features" in notes


def test_a_bias_of_its_own_is_part_of_the_classifier() -> None:
    nodes = [
        *foreign.body(),
        helper.make_node("MatMul", ["pooled", "matrix"], ["product"]),
        helper.make_node("Add", ["fc_bias", "product"], ["sum"]),
    ]
    _, card, _ = made(foreign.file(nodes, ["sum"], more={"matrix": np.ones((MAPS, 4), np.float32)}))
    assert card.dimension == MAPS


def test_a_file_for_one_picture_takes_any_number_of_them() -> None:
    nodes = [*foreign.body()[:-1], helper.make_node("Reshape", ["means", "shape"], ["pooled"])]
    data, _, _ = made(foreign.file(nodes, ["pooled"], (1, 3, 16, 16), more={"shape": np.array([1, MAPS])}))
    np.testing.assert_allclose(Model(data).run(PICTURES, FEATURES), expected(), rtol=1e-4)


@pytest.mark.parametrize("opset", [11, 13, 17, 18, 20])
def test_another_opset_becomes_ours(opset: int) -> None:
    data, card, _ = made(foreign.file(opset=opset))
    assert card.dimension == MAPS
    assert onnx.load_from_string(data).opset_import[0].version == OPSET


@pytest.mark.parametrize("opset", [18, 20])
def test_a_mean_as_newer_opsets_write_it_becomes_ours(opset: int) -> None:
    """So torch's exporter writes a global pooling."""
    nodes = [*foreign.body()[:2], helper.make_node("ReduceMean", ["kept", "axes"], ["pooled"], keepdims=0, noop_with_empty_axes=0)]
    data, _, _ = made(foreign.file(nodes, ["pooled"], opset=opset, more={"axes": np.array([2, 3])}))
    np.testing.assert_allclose(Model(data).run(PICTURES, FEATURES), expected(), rtol=1e-4)


def test_the_card_says_how_pictures_are_prepared() -> None:
    _, card, _ = made(foreign.file(shape=("n", 3, "h", "w")), resolution=32, pictures="cntk")
    how = card.preprocessing
    assert (how.resolution, how.colour, how.scale, how.mean, how.std) == (32, "BGR", 1.0, (114.0,) * 3, (1.0,) * 3)
    _, card, _ = made(foreign.file())
    assert (card.preprocessing.resolution, card.preprocessing.colour) == (16, "RGB")
    assert card.preprocessing.mean == (0.485, 0.456, 0.406)


def test_their_names_never_meet_a_head_s() -> None:
    nodes = [helper.make_node("Identity", ["picture"], ["features"], name="head/linear"), *foreign.classifier()]
    data, card, _ = made(foreign.file(nodes))
    floats = np.ones(MAPS, np.float32)
    head = Head(floats, floats, np.ones((2, MAPS), np.float32), np.ones(2, np.float32), unit_length=True, temperature=1.0)
    whole = attach_head(data, head)
    assert Model(whole).run(PICTURES, "probabilities").shape == (3, 2)
    assert Model(cut_head(whole, card.dimension)).run(np.ones((1, MAPS), np.float32), "margins").shape == (1, 2)


def bad_batch() -> bytes:
    """A network whose features of a picture depend on what is beside it."""
    nodes = [
        *foreign.body(),
        helper.make_node("ReduceMean", ["pooled"], ["mean"], axes=[0], keepdims=1),
        helper.make_node("Sub", ["pooled", "mean"], ["centred"]),
    ]
    return foreign.file(nodes, ["centred"])


def looped() -> bytes:
    inner = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [], [helper.make_tensor_value_info("y", 1, None)])
    return foreign.file([helper.make_node("If", ["flag"], ["y"], then_branch=inner, else_branch=inner)], ["y"])


def tokens() -> list[NodeProto]:
    return [*foreign.body()[:2], helper.make_node("Reshape", ["kept", "shape"], ["tokens"])]


BAD: list[tuple[bytes, dict[str, object], str]] = [
    (b"", {}, "without a network"),
    (b"PK\x03\x04 a zip", {}, "no ONNX file"),
    (foreign.file()[:-300], {}, "no ONNX file|not well formed"),
    (foreign.file(shape=("n", 16, 16, 3)), {}, "channels come last"),
    (foreign.file(shape=("n", 1, 16, 16)), {}, "has 1 channels; pictures have 3"),
    (foreign.file(shape=("n", 3, 16, 24)), {}, "24 wide and 16 high"),
    (foreign.file(shape=("n", 3)), {}, "no picture of shape"),
    (foreign.file(kind=TensorProto.FLOAT16), {}, "no picture of shape|not well formed"),
    (foreign.file(inputs=("picture", "other")), {}, "has 2 inputs"),
    (foreign.file(outputs=("pooled", "logits")), {}, "2 outputs .pooled, logits.. Name one"),
    (foreign.file(), {"node": "poold"}, "no node 'poold'. Did you mean 'pooled'"),
    (foreign.file(), {"node": "picture"}, "no node 'picture'"),
    (foreign.file(), {"resolution": 32}, "pictures of 16 pixels only"),
    (foreign.file(shape=("n", 3, "h", "w"), nodes=[helper.make_node("Flatten", ["picture"], ["y"])], outputs=["y"]), {}, "150528 features"),
    (foreign.file(tokens(), ["tokens"], more={"shape": np.array([0, MAPS, -1])}), {}, "no vector for each"),
    (foreign.file([helper.make_node("Relu", ["conv"], ["y"])], ["y"]), {}, "does not depend on the picture"),
    (foreign.file([*foreign.body(), helper.make_node("Log", ["pooled"], ["logs"]), helper.make_node("Div", ["logs", "zero"], ["y"])], ["y"],
                  more={"zero": np.zeros(MAPS, np.float32)}), {}, "not finite"),
    (bad_batch(), {}, "alone than beside another"),
    (looped(), {}, "run again or not at all"),
    (foreign.file([helper.make_node("Run", ["picture"], ["y"], domain="evil")], ["y"]), {}, "not of ONNX itself: evil.Run"),
    (foreign.file([helper.make_node("Conv", ["picture", "fc"], ["y"])], ["y"]), {}, "cannot be loaded|cannot be run|well formed"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "said", "words"), BAD, ids=[words for *_, words in BAD])
def test_what_cannot_be_used_is_refused_in_words(data: bytes, said: dict[str, object], words: str) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        made(data, **said)
    assert len(str(caught.value)) < 500
