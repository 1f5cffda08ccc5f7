"""Training with torch, for real: what it computes is what ONNX computes, steps are the formula's, runs repeat."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from common.errors import BadInput
from common.model import FEATURES, IMAGE, Model
from jobs.refine import network as networks
from jobs.refine.backends.base import OutOfMemory, Settings
from jobs.refine.network import HEAD_BIAS, HEAD_WEIGHTS
from tests.support.refinable import normed_net, pattern_net

pytest.importorskip("torch", reason="torch is not set up: make torch")

PLAIN = Settings(classes=3, seed=7, momentum=0.9, l2=5e-4, dropout=0.0, frozen=False)
Floats = NDArray[np.float32]


def changed(**settings: Any) -> Settings:
    return dataclasses.replace(PLAIN, **settings)


def backend(settings: Settings = PLAIN) -> Any:
    from jobs.refine.backends.torch import Torch

    data, card = normed_net()
    network, weights = networks.read(data, IMAGE, FEATURES, card.dimension)
    return Torch(network, weights | networks.head(settings.classes, card.dimension, settings.seed), settings)


def minibatch(number: int = 0, count: int = 8) -> tuple[Floats, Floats]:
    rng = np.random.default_rng([5, number])
    targets = np.eye(3, dtype=np.float32)[rng.integers(0, 3, count)]
    return rng.random((count, 3, 64, 64), dtype=np.float32), targets


def trained(settings: Settings = PLAIN, steps: int = 3, parts: int = 1) -> Any:
    made = backend(settings)
    for number in range(steps):
        made.step(*minibatch(number), 0.05, parts)
    return made


def same(one: Any, other: Any) -> bool:
    first, second = one.state(), other.state()
    return first.keys() == second.keys() and all(np.array_equal(value, second[name]) for name, value in first.items())


@pytest.mark.parametrize("settings", [PLAIN, changed(average=0.9), changed(frozen=True), changed(dropout=0.5)])
def test_predictions_are_those_of_the_exported_file(settings: Settings) -> None:
    made = trained(settings)
    weights = made.weights()
    features = Model(networks.put_back(normed_net()[0], weights)).run(minibatch()[0], FEATURES)
    logits = features @ weights[HEAD_WEIGHTS].T + weights[HEAD_BIAS]
    np.testing.assert_allclose(made.predict(minibatch()[0]), logits, atol=1e-4)


def test_our_own_network_computes_alike_in_torch_and_in_onnx_for_each_view() -> None:
    import onnx

    from jobs.refine.backends.torch import Torch

    data, card = pattern_net()
    model = onnx.load_from_string(data)
    for trunk in card.trunks:
        for name in (trunk.entry, trunk.exit):
            model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    both = Model(model.SerializeToString())
    pictures = np.random.default_rng(2).random((3, 3, 64, 64), dtype=np.float32)
    for trunk in card.trunks:
        network, weights = networks.read(data, trunk.entry, trunk.exit, trunk.dimension)
        head = networks.head(3, trunk.dimension, 0)
        made = Torch(network, weights | head, PLAIN)
        logits = both.run(pictures, trunk.exit) @ head[HEAD_WEIGHTS].T
        np.testing.assert_allclose(made.predict(both.run(pictures, trunk.entry)), logits, atol=1e-4)


def test_runs_of_one_seed_repeat_bit_for_bit() -> None:
    settings = changed(dropout=0.5, average=0.9)
    assert same(trained(settings), trained(settings))
    assert not same(trained(settings), trained(dataclasses.replace(settings, seed=8)))


def test_a_restored_state_goes_on_as_if_nothing_had_happened() -> None:
    settings = changed(dropout=0.5, average=0.9)
    whole, first, second = backend(settings), backend(settings), backend(settings)
    for number in range(4):
        whole.step(*minibatch(number), 0.05)
    for number in range(2):
        first.step(*minibatch(number), 0.05)
    second.restore(first.state())
    for number in range(2, 4):
        second.step(*minibatch(number), 0.05)
    assert same(whole, second)


def test_momentum_and_penalty_follow_the_formula() -> None:
    """The head's bias, of which the gradient is known: the mean over the pictures of probability minus target."""
    made = backend(changed(frozen=True))
    bias, speed = np.zeros(3), np.zeros(3)
    for number in range(3):
        pictures, targets = minibatch(number)
        logits = made.predict(pictures).astype(np.float64)
        likely = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        step = made.step(pictures, targets, 0.1)
        assert step.loss == pytest.approx(-np.log(likely[targets == 1]).sum(), rel=1e-5)
        assert (step.errors, step.pictures) == (int((logits.argmax(1) != targets.argmax(1)).sum()), 8)
        speed = 0.9 * speed + (likely - targets).mean(axis=0) + 5e-4 * bias
        bias = bias - 0.1 * speed
        np.testing.assert_allclose(made.weights()[HEAD_BIAS], bias, atol=1e-6)


def test_a_minibatch_in_parts_is_the_same_minibatch_where_nothing_counts_pictures() -> None:
    settings = changed(frozen=True, dropout=0.5)
    whole, parts = trained(settings), trained(settings, parts=3)
    for name, value in whole.weights().items():
        np.testing.assert_allclose(parts.weights()[name], value, atol=1e-6)


def test_a_frozen_network_trains_its_head_alone() -> None:
    before, after = backend().weights(), trained(changed(frozen=True)).weights()
    assert {name for name, value in after.items() if not np.array_equal(value, before[name])} == {HEAD_WEIGHTS, HEAD_BIAS}
    moved = trained().weights()
    assert {name for name, value in moved.items() if np.array_equal(value, before[name])} == set()


def test_deeper_layers_move_less_where_rates_are_told_apart() -> None:
    before, slow, fast = backend().weights(), trained(changed(depth_factor=0.1), 1).weights(), trained(PLAIN, 1).weights()
    for name, depth in (("stem/kernel", 6), ("second/scale", 1), (HEAD_WEIGHTS, 0)):
        ratio = np.abs(slow[name] - before[name]).max() / np.abs(fast[name] - before[name]).max()
        assert ratio == pytest.approx(0.1**depth, rel=0.2, abs=1e-6)


def test_the_trunk_moves_less_than_the_head_where_it_is_to() -> None:
    before, slow, fast = backend().weights(), trained(changed(trunk_rate=0.1), 1).weights(), trained(PLAIN, 1).weights()
    for name, factor in (("stem/kernel", 0.1), ("second/scale", 0.1), (HEAD_WEIGHTS, 1.0), (HEAD_BIAS, 1.0)):
        ratio = np.abs(slow[name] - before[name]).max() / np.abs(fast[name] - before[name]).max()
        assert ratio == pytest.approx(factor, rel=0.01)


def test_the_average_is_what_predicts() -> None:
    sluggish, plain = trained(changed(average=0.999), 1), trained(PLAIN, 1)
    start = backend().weights()[HEAD_WEIGHTS]
    middle = 0.1 * start + 0.9 * plain.weights()[HEAD_WEIGHTS]
    np.testing.assert_allclose(sluggish.weights()[HEAD_WEIGHTS], middle, atol=1e-6)
    assert not np.array_equal(sluggish.predict(minibatch()[0]), plain.predict(minibatch()[0]))


@pytest.mark.parametrize("words", ["[enforce fail] . DefaultCPUAllocator: can't allocate memory", "CUDA out of memory. Tried to allocate"])
def test_a_minibatch_that_does_not_fit_leaves_the_network_as_it_was(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from jobs.refine.backends.torch import Classifier

    made, untouched = backend(), backend()
    real = Classifier.forward

    def forward(*given: Any) -> Any:
        real(*given)  # which counts in batch normalisation
        raise RuntimeError(words)

    monkeypatch.setattr(Classifier, "forward", forward)
    with pytest.raises(OutOfMemory):
        made.step(*minibatch(), 0.05)
    assert same(made, untouched)


def test_another_failure_is_not_taken_for_memory() -> None:
    made = backend()
    with pytest.raises(RuntimeError, match="channels"):
        made.step(minibatch()[0][:, :2], minibatch()[1], 0.05)


def test_gpus_that_are_not_there_are_counted_in_words() -> None:
    with pytest.raises(BadInput, match="99 GPUs were asked for, and torch sees"):
        backend(changed(gpus=99))
