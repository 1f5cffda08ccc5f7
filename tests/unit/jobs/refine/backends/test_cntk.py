"""Training with CNTK, for real: its forward pass is onnxruntime's, its steps are the formula's, and it goes on where it was."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from common.errors import BadInput, BadParameters
from common.model import FEATURES, IMAGE, Card, Trunk
from jobs.refine import network as networks
from jobs.refine.backends.base import Floats, OutOfMemory, Settings
from jobs.refine.backends.cntk import Cntk
from jobs.refine.network import HEAD_BIAS, HEAD_WEIGHTS, Network, Node, Weights
from tests.support import refinable, resnet18

SETTINGS = Settings(classes=3, seed=1, momentum=0.9, l2=5e-3, dropout=0.0, frozen=False)
NETWORKS = {
    "resnet18": lambda: resnet18.resnet18(64),
    "pattern": refinable.pattern_net,
    "normed": refinable.normed_net,
}


@dataclasses.dataclass(frozen=True)
class Case:
    data: bytes
    trunk: Trunk
    network: Network
    weights: Weights
    channels: int


def case(name: str) -> Case:
    data, card = NETWORKS[name]()
    trunk = card.trunks[0] if card.trunks else Trunk(IMAGE, FEATURES, card.preprocessing.resolution, card.dimension)
    network, weights = networks.read(data, trunk.entry, trunk.exit, trunk.dimension)
    return Case(data, trunk, network, {**weights, **networks.head(3, trunk.dimension, 1)}, channels(card))


def channels(card: Card) -> int:
    return 4 if card.trunks else 3


def pictures(of: Case, count: int = 8, seed: int = 0) -> tuple[Floats, Floats]:
    chance = np.random.default_rng(seed)
    shown = chance.normal(size=(count, of.channels, of.trunk.side, of.trunk.side)).astype(np.float32)
    return shown, np.eye(3, dtype=np.float32)[chance.integers(0, 3, count)]


def features(of: Case, data: bytes, shown: Floats) -> Floats:
    """What onnxruntime computes from what the network sees."""
    model = onnx.load_from_string(data)
    given = onnx.helper.make_tensor_value_info(of.trunk.entry, onnx.TensorProto.FLOAT, ["n", of.channels, of.trunk.side, of.trunk.side])
    wanted = onnx.helper.make_tensor_value_info(of.trunk.exit, onnx.TensorProto.FLOAT, ["n", of.trunk.dimension])
    read = {name for node in of.network.nodes for name in node.inputs}
    graph = onnx.helper.make_graph(
        [node for node in model.graph.node if node.output[0] in {one.output for one in of.network.nodes}],
        "part",
        [given],
        [wanted],
        [tensor for tensor in model.graph.initializer if tensor.name in read],
    )
    cut = onnx.helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    session = onnxruntime.InferenceSession(cut.SerializeToString(), providers=["CPUExecutionProvider"])
    found: Floats = session.run([of.trunk.exit], {of.trunk.entry: shown})[0]
    return found


def expect_parity(backend: Cntk, of: Case, shown: Floats) -> None:
    exported = backend.weights()
    seen = features(of, networks.put_back(of.data, exported), shown)
    expected = seen @ exported[HEAD_WEIGHTS].T + exported[HEAD_BIAS]
    np.testing.assert_allclose(backend.predict(shown), expected, atol=1e-4)


Open = Callable[..., Cntk]


@pytest.fixture
def train(cntk: None) -> Iterator[Open]:
    """Open backends that are closed afterwards."""
    with contextlib.ExitStack() as stack:

        def opened(of: Case, settings: Settings, **more: int) -> Cntk:
            return stack.enter_context(contextlib.closing(Cntk(of.network, of.weights, settings, **more)))

        yield opened


@pytest.mark.parametrize("name", NETWORKS)
def test_exported_weights_give_the_same_in_onnxruntime_before_and_after_training(train: Open, name: str) -> None:
    of = case(name)
    shown, targets = pictures(of)
    backend = train(of, dataclasses.replace(SETTINGS, average=0.9))
    expect_parity(backend, of, shown)
    steps = [backend.step(shown, targets, 0.01) for _ in range(3)]
    assert steps[-1].loss < steps[0].loss
    assert steps[0].pictures == 8
    expect_parity(backend, of, shown)


def test_five_steps_of_the_head_are_the_formula(train: Open) -> None:
    of = case("pattern")
    backend = train(of, dataclasses.replace(SETTINGS, frozen=True))
    weights, bias = of.weights[HEAD_WEIGHTS].astype(np.float64), of.weights[HEAD_BIAS].astype(np.float64)
    speeds = [np.zeros_like(weights), np.zeros_like(bias)]
    for number in range(5):
        shown, targets = pictures(of, seed=number)
        seen = features(of, of.data, shown)
        logits = seen @ weights.T + bias
        likely = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        step = backend.step(shown, targets, 0.05)
        assert step.loss == pytest.approx(-np.log((likely * targets).sum(axis=1)).sum(), rel=1e-5)
        assert step.errors == np.count_nonzero(logits.argmax(axis=1) != targets.argmax(axis=1))
        slopes = [(likely - targets).T @ seen / len(seen), (likely - targets).mean(axis=0)]
        speeds = [0.9 * speed + slope + 5e-3 * value for speed, slope, value in zip(speeds, slopes, (weights, bias), strict=True)]
        weights, bias = weights - 0.05 * speeds[0], bias - 0.05 * speeds[1]
    kept = backend.weights()
    np.testing.assert_allclose(kept[HEAD_WEIGHTS], weights, atol=1e-5)
    np.testing.assert_allclose(kept[HEAD_BIAS], bias, atol=1e-5)
    assert all(np.array_equal(kept[name], of.weights[name]) for name in kept if not name.startswith("head/"))


def test_layers_nearer_to_the_picture_move_less(train: Open) -> None:
    of = case("pattern")
    moves = {}
    for factor in (1.0, 0.5):
        backend = train(of, dataclasses.replace(SETTINGS, depth_factor=factor))
        backend.step(*pictures(of), 0.1)
        kept = backend.weights()
        moves[factor] = {name: np.abs(kept[name] - of.weights[name]).max() for name in kept}
    for name, depth in {HEAD_WEIGHTS: 0, **networks.depths(of.network, of.weights)}.items():
        assert moves[0.5][name] == pytest.approx(moves[1.0][name] * 0.5**depth, rel=0.02, abs=1e-7)


def test_running_statistics_follow_the_minibatch(train: Open) -> None:
    of = case("normed")
    shown, targets = pictures(of)
    backend = train(of, SETTINGS)
    backend.step(shown, targets, 0.0)
    first = next(node for node in of.network.nodes if node.op == "BatchNormalization")
    to_it = dataclasses.replace(of, trunk=Trunk(of.trunk.entry, first.inputs[0], of.trunk.side, 0))
    seen = features(to_it, of.data, shown)
    kept, mean, variance = backend.weights(), first.inputs[3], first.inputs[4]
    np.testing.assert_allclose(kept[mean], 0.9 * of.weights[mean] + 0.1 * seen.mean(axis=(0, 2, 3)), atol=1e-5)
    np.testing.assert_allclose(kept[variance], 0.9 * of.weights[variance] + 0.1 * seen.var(axis=(0, 2, 3), ddof=1), atol=1e-5)


def test_parts_of_a_minibatch_add_up(train: Open) -> None:
    of = case("pattern")
    shown, targets = pictures(of, 7)
    whole, parted = (train(of, dataclasses.replace(SETTINGS, dropout=0.5)) for _ in range(2))
    assert parted.step(shown, targets, 0.05, parts=3).loss == pytest.approx(whole.step(shown, targets, 0.05).loss, rel=1e-5)
    for name, value in whole.weights().items():
        np.testing.assert_allclose(parted.weights()[name], value, atol=1e-6)


def test_seeded_training_repeats_and_goes_on_where_it_was(train: Open) -> None:
    of = case("normed")
    settings = dataclasses.replace(SETTINGS, dropout=0.5, average=0.9)
    shown, targets = pictures(of)
    once, again = (train(of, settings) for _ in range(2))
    for number in range(4):
        first = once.step(shown, targets, 0.05)
        if number == 2:
            state = again.state()
            again = train(of, settings)
            again.restore(state)
        assert again.step(shown, targets, 0.05) == first
    ended, other = once.state(), again.state()
    assert set(ended) == set(other)
    assert all(np.array_equal(ended[name], other[name]) for name in ended)
    assert np.array_equal(once.predict(shown), again.predict(shown))


def test_what_does_not_fit_changes_nothing(train: Open) -> None:
    of = case("pattern")
    backend = train(of, SETTINGS, memory_bytes=700_000_000)
    shown, targets = pictures(of, 8)
    with pytest.raises(OutOfMemory):
        backend.step(np.repeat(shown, 400, axis=0), np.repeat(targets, 400, axis=0), 0.05)
    kept = backend.weights()
    assert all(np.array_equal(kept[name], of.weights[name]) for name in kept)
    assert backend.step(shown, targets, 0.05).pictures == 8


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"op": "Conv", "attributes": {"dilations": [2, 2]}}, "does not dilate"),
        ({"op": "Sin"}, "the operator Sin"),
    ],
)
def test_a_network_that_it_cannot_build_is_refused(train: Open, change: dict[str, Any], says: str) -> None:
    of = case("pattern")
    first = of.network.nodes[0]
    other = Node(change["op"], first.inputs, first.output, change.get("attributes", {}))
    network = Network((other, *of.network.nodes[1:]), of.network.input, of.network.output, of.network.dimension)
    with pytest.raises(BadInput, match=says):
        train(dataclasses.replace(of, network=network), SETTINGS)


def test_a_gpu_is_refused(train: Open) -> None:
    of = case("pattern")
    with pytest.raises(BadParameters, match="set refine"):
        train(of, dataclasses.replace(SETTINGS, gpus=1))
