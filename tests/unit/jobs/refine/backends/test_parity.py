"""Both libraries take the same steps: what one began, the other can go on with."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from common.model import FEATURES, IMAGE, Card, Trunk
from jobs.refine import network as networks
from jobs.refine.backends.base import Settings
from jobs.refine.backends.cntk import Cntk
from tests.support import refinable, resnet18

pytestmark = pytest.mark.usefixtures("cntk")
CASES: dict[str, tuple[Callable[[], tuple[bytes, Card]], dict[str, Any]]] = {
    "resnet18": (lambda: resnet18.resnet18(64, width=16), {}),
    "normed, averaged, some layers slower": (refinable.normed_net, {"trunk_rate": 0.3, "depth_factor": 0.7, "average": 0.9}),
    "pattern": (refinable.pattern_net, {}),
    "normed, frozen": (refinable.normed_net, {"frozen": True}),
}


@pytest.mark.parametrize("name", CASES)
def test_five_steps_with_torch_and_with_cntk_lead_to_the_same_state(name: str) -> None:
    pytest.importorskip("torch", reason="torch is not set up: make torch")
    from jobs.refine.backends.torch import Torch

    make, changes = CASES[name]
    data, card = make()
    trunk = card.trunks[0] if card.trunks else Trunk(IMAGE, FEATURES, 64, card.dimension)
    network, weights = networks.read(data, trunk.entry, trunk.exit, trunk.dimension)
    given = {**weights, **networks.head(3, trunk.dimension, 1)}
    plain: dict[str, Any] = {"classes": 3, "seed": 1, "momentum": 0.9, "l2": 5e-3, "dropout": 0.0, "frozen": False}
    chance = np.random.default_rng(5)
    with contextlib.ExitStack() as stack:
        both = [stack.enter_context(contextlib.closing(kind(network, given, Settings(**plain | changes)))) for kind in (Torch, Cntk)]
        for number in range(5):
            shown = chance.normal(size=(12, 4 if card.trunks else 3, trunk.side, trunk.side)).astype(np.float32)
            targets = np.eye(3, dtype=np.float32)[chance.integers(0, 3, 12)] * np.float32(0.9) + np.float32(0.1 / 3)
            steps = [backend.step(shown, targets, 0.02, parts=1 + number % 3) for backend in both]
            assert steps[0].loss == pytest.approx(steps[1].loss, abs=1e-3)
        ours, theirs = (backend.state() for backend in both)
        assert set(ours) == set(theirs)
        for key, value in ours.items():
            np.testing.assert_allclose(theirs[key], value, atol=1e-3, err_msg=key)
        both[1].restore(ours)
        np.testing.assert_allclose(both[0].predict(shown), both[1].predict(shown), atol=1e-4)
