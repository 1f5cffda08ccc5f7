"""Refinement on a GPU: in mixed precision with channels last it learns, predicts as its exported file does, and goes on."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from common.model import FEATURES, IMAGE, Model
from jobs.refine import network as networks
from jobs.refine.backends import choice
from jobs.refine.backends.base import OutOfMemory, Settings
from jobs.refine.network import HEAD_BIAS, HEAD_WEIGHTS
from tests.support.refinable import normed_net

pytest.importorskip("torch", reason="torch is not set up: make torch")
pytestmark = pytest.mark.gpu

ONE_GPU = Settings(classes=3, seed=7, momentum=0.9, l2=5e-4, dropout=0.0, frozen=False, gpus=1)
Floats = NDArray[np.float32]


def backend(settings: Settings = ONE_GPU, width: int = 32) -> tuple[Any, bytes]:
    data, card = normed_net(width=width)
    network, weights = networks.read(data, IMAGE, FEATURES, card.dimension)
    head = networks.head(settings.classes, card.dimension, settings.seed)
    return choice.open_backend("torch", network, weights | head, settings), data


def minibatch(count: int = 48) -> tuple[Floats, Floats]:
    """Return pictures whose mean colour says their class."""
    rng = np.random.default_rng(5)
    labels = np.arange(count) % 3
    pictures = rng.random((count, 3, 64, 64), dtype=np.float32) * 0.5
    pictures[np.arange(count), labels] += 0.5
    return pictures, np.eye(3, dtype=np.float32)[labels]


def test_a_required_gpu_is_found() -> None:
    assert choice.gpus("torch", "required", 1) == 1


def test_it_learns_in_mixed_precision_and_its_file_says_the_same() -> None:
    import torch

    made, data = backend()
    pictures, targets = minibatch()
    losses = [made.step(pictures, targets, 0.05).loss for _ in range(60)]
    assert losses[-1] < losses[0] / 5
    weights = made.weights()
    assert made._model.value("first/kernel").is_contiguous(memory_format=torch.channels_last)
    features = Model(networks.put_back(data, weights)).run(pictures, FEATURES)
    np.testing.assert_allclose(made.predict(pictures), features @ weights[HEAD_WEIGHTS].T + weights[HEAD_BIAS], atol=1e-3)


def test_a_state_moves_from_a_gpu_to_processors_and_back() -> None:
    first, _ = backend()
    first.step(*minibatch(), 0.05)
    second, _ = backend(dataclasses.replace(ONE_GPU, gpus=0))
    second.restore(first.state())
    third, _ = backend()
    third.restore(second.state())
    for name, value in first.state().items():
        np.testing.assert_array_equal(value, third.state()[name])
    np.testing.assert_allclose(first.predict(minibatch()[0]), second.predict(minibatch()[0]), atol=1e-3)


def test_a_minibatch_that_does_not_fit_leaves_the_network_as_it_was() -> None:
    import torch

    made, _ = backend(width=256)
    before = made.state()
    torch.cuda.set_per_process_memory_fraction(0.01)
    try:
        with pytest.raises(OutOfMemory):
            made.step(*minibatch(3000), 0.05)
        made.step(*minibatch(6), 0.0)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert all(np.array_equal(value, made.state()[name]) for name, value in before.items() if name.startswith("weights/stem/kernel"))
