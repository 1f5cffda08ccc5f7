"""A model is one ONNX file and its card: checked load, a head that can be attached and cut off again."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from scipy.special import softmax

from common import model, records
from common.errors import BadInput
from common.model import FEATURES, IMAGE, MARGINS, PROBABILITIES, Card, Head, Model
from tests.support import networks

RANDOM = np.random.default_rng(0)
PICTURES = RANDOM.uniform(0, 1, (5, 3, networks.SIDE, networks.SIDE)).astype(np.float32)


def head(classes: int = 3, *, unit_length: bool = True) -> Head:
    def values(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return RANDOM.normal(size=shape).astype(np.float32)

    return Head(
        mean=values(networks.DIMENSION),
        scale=np.abs(values(networks.DIMENSION)) + np.float32(0.1),
        weights=values(classes, networks.DIMENSION),
        bias=values(classes),
        unit_length=unit_length,
        temperature=0.5,
    )


@pytest.mark.parametrize("unit_length", [True, False])
def test_a_head_computes_what_its_numbers_say(unit_length: bool) -> None:
    parts = head(unit_length=unit_length)
    whole = Model(model.attach_head(networks.backbone(), parts))
    features = whole.run(PICTURES, FEATURES)
    expected = (features - parts.mean) / parts.scale
    if unit_length:
        expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    expected = expected @ parts.weights.T + parts.bias
    np.testing.assert_allclose(whole.run(PICTURES, MARGINS), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(whole.run(PICTURES, PROBABILITIES), softmax(expected / 0.5, axis=1), rtol=1e-4, atol=1e-6)


def test_a_prior_is_added_to_what_the_margins_say() -> None:
    parts = head()
    parts.known = RANDOM.normal(size=(3, networks.DIMENSION)).astype(np.float32)
    data = model.attach_head(networks.backbone(), parts)
    whole, cut = Model(data), Model(model.cut_head(data, networks.DIMENSION))
    features, margins = whole.run(PICTURES, FEATURES), whole.run(PICTURES, MARGINS)
    expected = softmax(margins / 0.5 + features @ parts.known.T, axis=1)
    np.testing.assert_allclose(whole.run(PICTURES, PROBABILITIES), expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(cut.run(features, PROBABILITIES), whole.run(PICTURES, PROBABILITIES))


def test_a_head_cut_off_again_gives_the_same_numbers_from_features() -> None:
    data = model.attach_head(networks.backbone(), head())
    whole, cut = Model(data), Model(model.cut_head(data, networks.DIMENSION))
    features = whole.run(PICTURES, FEATURES)
    np.testing.assert_array_equal(cut.run(features, PROBABILITIES), whole.run(PICTURES, PROBABILITIES))


def test_features_of_nought_do_not_divide_by_nought() -> None:
    parts = head()
    parts.mean = Model(networks.backbone()).run(PICTURES[:1], FEATURES)[0]
    probabilities = Model(model.attach_head(networks.backbone(), parts)).run(PICTURES[:1], PROBABILITIES)
    assert np.isfinite(probabilities).all()


def test_a_backbone_of_an_older_opset_takes_a_head() -> None:
    parts = head()
    older = Model(model.attach_head(networks.backbone(model.OPSET - 1), parts))
    ours = Model(model.attach_head(networks.backbone(), parts))
    np.testing.assert_array_equal(older.run(PICTURES, PROBABILITIES), ours.run(PICTURES, PROBABILITIES))


def test_attaching_is_deterministic() -> None:
    parts = head()
    assert model.attach_head(networks.backbone(), parts) == model.attach_head(networks.backbone(), parts)


def test_a_batch_gives_the_same_rows_as_single_pictures() -> None:
    whole = Model(model.attach_head(networks.backbone(), head()))
    single = np.concatenate([whole.run(one[None], PROBABILITIES) for one in PICTURES])
    np.testing.assert_allclose(whole.run(PICTURES, PROBABILITIES), single, atol=1e-6)


def test_a_model_is_loaded_only_with_its_own_card() -> None:
    data = networks.backbone()
    assert model.load(data, networks.card(data)).run(PICTURES, FEATURES).shape == (5, networks.DIMENSION)
    with pytest.raises(BadInput, match="sha256 differs"):
        model.load(data + b" ", networks.card(data))


@pytest.mark.parametrize("data", [b"", b"not onnx", b"\x80\x04\x95pickle", networks.backbone()[:-30]])
def test_what_is_no_model_is_refused(data: bytes) -> None:
    with pytest.raises(BadInput, match="cannot be loaded"):
        Model(data)


def test_a_model_that_keeps_data_outside_its_file_is_refused() -> None:
    weight = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    weight.ClearField("float_data")
    weight.data_location = TensorProto.EXTERNAL
    entry = weight.external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd"
    graph = helper.make_graph(
        [helper.make_node("Mul", [IMAGE, "w"], [FEATURES])],
        "outside",
        [helper.make_tensor_value_info(IMAGE, TensorProto.FLOAT, ["n"])],
        [helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, ["n"])],
        [weight],
    )
    with pytest.raises(BadInput):
        Model(helper.make_model(graph, ir_version=8).SerializeToString())


def test_an_operator_of_another_domain_is_refused() -> None:
    graph = helper.make_graph(
        [helper.make_node("Run", [IMAGE], [FEATURES], domain="evil.example")],
        "custom",
        [helper.make_tensor_value_info(IMAGE, TensorProto.FLOAT, ["n"])],
        [helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, ["n"])],
    )
    custom = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("evil.example", 1)])
    with pytest.raises(BadInput):
        Model(custom.SerializeToString())


def test_a_giant_model_is_refused_before_it_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "MAX_MODEL_BYTES", 10)
    with pytest.raises(BadInput, match="more than 10"):
        Model(networks.backbone())


def test_an_output_that_is_not_there_is_named() -> None:
    with pytest.raises(BadInput, match="no output 'probabilities', only features"):
        Model(networks.backbone()).run(PICTURES, PROBABILITIES)


def test_a_card_comes_back_as_it_was() -> None:
    card = networks.card(networks.backbone(), classes=("a", "b"), training={"c": 0.1})
    assert records.decode(records.encode(card), Card, "card") == card


def test_an_attached_model_is_valid_onnx() -> None:
    onnx.checker.check_model(onnx.load_from_string(model.attach_head(networks.backbone(), head(2))), full_check=True)


def test_a_gpu_computes_where_there_is_one_and_in_full_precision() -> None:
    assert model._providers(["CPUExecutionProvider"]) == ["CPUExecutionProvider"]
    gpu, processor = model._providers(["CUDAExecutionProvider", "CPUExecutionProvider"])
    assert (gpu, processor) == (("CUDAExecutionProvider", {"use_tf32": "0"}), "CPUExecutionProvider")
