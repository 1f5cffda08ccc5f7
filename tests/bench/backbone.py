"""bench-backbone: our own backbone with its views against ResNet-18, both in onnxruntime on one core.

`pattern-net` looks at each picture in several sizes; all of them are in its figure. ResNet-18 sees 224 pixels, with random weights, which
cost what trained ones do; its graph is the one that `darkroom backbone add resnet18` makes. Batches lie ready, both take turns, and
what counts is the processor's time, not the clock's: others may work on the machine.
"""

from __future__ import annotations

import time
from functools import partial

import numpy as np

from common.model import FEATURES, Model
from jobs.backbones import resnet
from jobs.refine.stage import shipped
from tests.bench.rounds import alternate, best
from tests.bench.rows import Bench, emit, machine, more, say
from tests.support import weights

BATCH, BATCHES, ROUNDS, RESOLUTION = 16, 3, 7, 224
OURS, PEER = "pattern-net", "ResNet-18 at 224, onnxruntime"

LIMITS = (
    "Both are convolutions in float32, so the figure is the number of their multiplications: fewer or smaller views of pattern-net "
    "would be faster and see less (docs/decisions/0022)."
)


def main() -> None:
    say("backbone: writing ResNet-18")
    own, card = shipped(OURS)
    sides = {OURS: (Model(own), card.preprocessing.resolution), PEER: (Model(resnet.graph(weights.resnet(classes=1))), RESOLUTION)}
    contenders = {name: partial(infer, network, side) for name, (network, side) in sides.items()}
    for contender in contenders.values():
        contender()  # the first pass lays out memory
    times = best(alternate(contenders, ROUNDS))
    rates = {name: BATCH * BATCHES / taken for name, taken in times.items()}
    what = f"features of a picture, all views of {OURS}, one core"
    emit(Bench("backbone", machine(), (more(what, rates[OURS], rates[PEER], PEER, "pictures/s", 1.0),)))


def infer(network: Model, side: int) -> float:
    """Compute the features of all batches; return the processor's seconds."""
    pictures = np.random.default_rng(0).random((BATCH, 3, side, side), np.float32)
    begun = time.process_time()
    for _ in range(BATCHES):
        network.run(pictures, FEATURES)
    return time.process_time() - begun


if __name__ == "__main__":
    main()
