"""bench-refine: pictures a second of an epoch of refinement, against a bare torch loop on tensors that are ready.

Ours varies each picture (the original recipe), looks at it through a view of pattern-net and trains; the peer is handed what the same
network sees, as tensors in memory, and takes the same steps with torch.optim.SGD. Both use the same processors. CNTK trains the same
network where it is set up (`make cntk`), against the same loop.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from common.artifact import Draft
from common.parameters import Values
from common.progress import silent
from common.records import Recipe as Made
from common.stage import Work
from common.store.memory import MemoryStore
from jobs.refine import network as networks
from jobs.refine import recipe
from jobs.refine.backends import choice
from jobs.refine.backends.base import Backend, Floats, Settings
from jobs.refine.front import Front
from jobs.refine.samples import epoch_order, minibatches
from jobs.refine.spec import PARAMETERS
from jobs.refine.stage import shipped
from jobs.refine.training import Known, Material, Training
from tests.bench.rounds import alternate, best, seconds
from tests.bench.rows import Bench, Row, emit, machine, more

PICTURES, CLASSES, ROUNDS, THREADS, RATE, GOAL = 96, 3, 5, 2, 1e-4, 0.9
PEER = "bare torch loop, tensors ready"
LIMITS = (
    "Making pictures ready takes the processors' time, which nothing hides where they train, too; a GPU trains beside them. "
    "CNTK 2.7 takes the rest of its epoch in its own steps, whose convolutions on processors are slower than torch's."
)


def main() -> None:
    emit(Bench("refine", machine(), tuple(bench(name) for name in choice.NAMES)))


def bench(library: str) -> Row:
    """Return a library's row."""
    if not choice.available(library):
        reason = f"not applicable: {library} is not set up here (`make {library}`)"
        return Row(f"epoch, {library}, pattern-net", None, None, PEER, "pictures/s", None, reason)
    training, plan, backend = prepared(library)
    ready = list(training._ready(plan, 0, 0))
    peer = Bare(training._material.front)
    contenders = {
        "ours": lambda: seconds(lambda: ours(training, plan, backend)),
        "peer": lambda: seconds(lambda: peer.epoch(ready)),
    }
    taken = best(alternate(contenders, ROUNDS))
    return more(f"epoch, {library}, pattern-net", PICTURES / taken["ours"], PICTURES / taken["peer"], PEER, "pictures/s", GOAL)


def prepared(library: str) -> tuple[Training, list[Any], Backend]:
    """Return a refinement of the shipped network on random pictures, an epoch's minibatches, and the network in training."""
    values = Values({parameter.name: parameter.default for parameter in PARAMETERS} | {"classifier": "dnn"})
    plan, (data, card) = recipe.read(values), shipped("pattern-net")
    front, how = Front(data, card), card.preprocessing
    side = round(how.resolution * plan.augmentation.room)
    squares = np.random.default_rng(0).integers(0, 256, (PICTURES, side, side, 3)).astype(np.uint8)
    known = Known(squares, np.arange(PICTURES) % CLASSES)
    draft = Draft(MemoryStore(), Made(step="refine", parameters={}, inputs={}, code=""))
    work = Work(values, {}, draft, silent, THREADS, log=lambda _: None)
    network, constants = front.network()
    settings = Settings(CLASSES, plan.seed, plan.momentum, plan.l2, plan.dropout, frozen=False, threads=THREADS)

    def open_(_: bool) -> Backend:
        return choice.open_backend(library, network, constants | networks.head(CLASSES, front.trained, 0), settings)

    training = Training(work, plan, Material(known, known, known, CLASSES, how, front), open_)
    return training, minibatches(epoch_order(known.targets, plan, 0), plan.size), open_(False)


def ours(training: Training, plan: list[Any], backend: Backend) -> None:
    """Train one epoch, pictures made ready for each minibatch."""
    for pictures, targets in training._ready(plan, 0, 0):
        backend.step(pictures, targets, RATE)


class Bare:
    """The same network in a plain torch loop."""

    def __init__(self, front: Front) -> None:
        import torch

        from jobs.refine.backends.torch import Classifier

        torch.set_num_threads(THREADS)
        network, constants = front.network()
        settings = Settings(CLASSES, 0, 0.9, 5e-4, 0.5, frozen=False)
        self._model = Classifier(network, constants | networks.head(CLASSES, front.trained, 0), settings)
        self._optimiser = torch.optim.SGD(self._model.parameters(), RATE, 0.9, weight_decay=5e-4)

    def epoch(self, ready: list[tuple[Floats, Floats]]) -> None:
        import torch

        for pictures, targets in ready:
            self._optimiser.zero_grad()
            logits = self._model(torch.from_numpy(pictures))
            torch.nn.functional.cross_entropy(logits, torch.from_numpy(targets)).backward()
            self._optimiser.step()


if __name__ == "__main__":
    main()
