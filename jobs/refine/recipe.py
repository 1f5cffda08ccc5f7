"""The recipes of refinement, as numbers: what is learned from when, and at what rate."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import msgspec

from common.images import Preprocessing
from common.parameters import Values

USUAL_MINIBATCH = 16
PAD = 114
"""Grey of the letterbox, as in the original."""
RISE = 0.25
"""Share of a cycle over which the rate rises (Smith, 2018)."""


@dataclass(frozen=True)
class Augmentation:
    """How pictures are varied. `room` is how much larger than the network's side they are kept, `least_crop` and `most_crop` the shares of
    their side that a crop has; `colours` the most that brightness, contrast and saturation change by; `rotation` is in degrees.
    """

    room: float
    least_crop: float
    most_crop: float
    colours: float = 0.2
    flips: str = "none"
    rotation: float = 0.0


ORIGINAL = Augmentation(room=1 / 0.9, least_crop=0.9, most_crop=0.9)
"""As in 2017, which scaled pictures to twice the side, cut 0.9 of that and scaled it down: here a cut has its size already."""


@dataclass(frozen=True)
class Recipe:
    """All that decides the weights, beside pictures, network and library.

    `minibatch` 0: as large as memory allows, up to the usual. `trunk_rate` 0: what the network bears.
    """

    modern: bool
    epochs: int
    minibatch: int
    most_pictures: int
    balance: bool
    seed: int
    momentum: float
    l2: float
    dropout: float
    frozen: bool
    rates: tuple[float, ...]
    augmentation: Augmentation
    trunk_rate: float = 0.0
    peak: float = 0.0
    warm_up: int = 0
    depth_factor: float = 1.0
    smoothing: float = 0.0
    mixup: float = 0.0
    average: float = 0.0

    @property
    def size(self) -> int:
        """Return how many pictures a minibatch has."""
        return self.minibatch or USUAL_MINIBATCH

    def is_frozen(self, epoch: int) -> bool:
        """Say whether an epoch, counted from 0, trains the head alone."""
        return self.frozen or epoch < min(self.warm_up, self.epochs - 1)

    def rate(self, epoch: int, step: int, steps: int) -> float:
        """Return the learning rate of one of an epoch's steps."""
        if not self.modern:
            return self.rates[min(epoch, len(self.rates) - 1)]
        warm = min(self.warm_up, self.epochs - 1)
        if epoch < warm:
            return self.peak
        at = ((epoch - warm) * steps + step + 0.5) / ((self.epochs - warm) * steps)
        if at < RISE:
            return self.peak * (0.04 + 0.96 * (0.5 - 0.5 * math.cos(math.pi * at / RISE)))
        return self.peak * (0.5 + 0.5 * math.cos(math.pi * (at - RISE) / (1 - RISE)))

    def preprocessing(self, own: Preprocessing) -> Preprocessing:
        """Return how pictures to train on become the network's input: the original letterboxed them."""
        if self.modern:
            return own
        return msgspec.structs.replace(own, fit="letterbox", pad=PAD)


def read(values: Values) -> Recipe:
    """Return the recipe that the settings ask for."""
    modern = values.text("refine.recipe") == "modern"
    recipe = Recipe(
        modern=modern,
        epochs=values.integer("refine.epochs"),
        minibatch=values.integer("refine.mbSize"),
        most_pictures=values.integer("refine.maxTrainImages"),
        balance=values.flag("refine.balanceTrainingSet"),
        seed=values.integer("refine.seed"),
        momentum=values.number("refine.momentumPerMb"),
        l2=values.number("refine.l2RegWeight"),
        dropout=values.number("refine.dropoutRate"),
        frozen=values.flag("refine.freezeWeights"),
        rates=() if modern else values.numbers("refine.lrPerMb"),
        augmentation=ORIGINAL,
        trunk_rate=values.number("refine.trunkRate"),
    )
    return _modern(recipe, values) if modern else recipe


def _modern(recipe: Recipe, values: Values) -> Recipe:
    varied = Augmentation(
        room=1.25, least_crop=0.6, most_crop=1.0, flips=values.text("refine.flips"), rotation=values.number("refine.rotation")
    )
    return dataclasses.replace(
        recipe,
        augmentation=varied,
        peak=values.number("refine.peakRate"),
        warm_up=values.integer("refine.warmUpEpochs"),
        depth_factor=values.number("refine.depthFactor"),
        smoothing=values.number("refine.labelSmoothing"),
        mixup=values.number("refine.mixup"),
        average=values.number("refine.average"),
    )
