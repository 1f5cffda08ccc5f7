"""From a backbone and a dataset version to a refined backbone, with its head, its curve and its last state."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np

from common import dataset
from common import refined as results
from common.dataset import Entry, entries_of
from common.images import Preprocessing
from common.model import Card, Model
from common.parameters import Values
from common.stage import Work
from jobs.refine import curve, pictures, recipe, samples
from jobs.refine import network as networks
from jobs.refine.backends import choice
from jobs.refine.backends.base import Backend, Settings
from jobs.refine.checkpoint import STATE, encoded
from jobs.refine.front import Front
from jobs.refine.network import HEAD_BIAS, HEAD_WEIGHTS, Network
from jobs.refine.pictures import Wanted
from jobs.refine.recipe import Recipe
from jobs.refine.samples import Sides
from jobs.refine.training import AHEAD, Known, Material, Opener, Outcome, Training

UNNORMALISED = 0.1
"""Rate of a trunk that does not normalise batches, relative to the head's: at the head's own it forgets in an epoch what it knew."""


def train(work: Work, data: bytes, card: Card) -> tuple[bytes, Card]:
    """Refine a network and return it cut at its features, with its card.

    Content: its head and which pictures chose the epoch; evidence: curve.csv, .json and .png, and the last state.
    """
    library = Library.choose(work.parameters)
    plan = recipe.read(work.parameters)
    version = work.inputs["dataset"]
    classes = tuple(version.info["classes"])
    sides = samples.divide(entries_of(version), work.parameters.number("refine.validation"), plan.seed)
    front = Front(data, card)
    network, weights = front.network()
    opener = library.opener(network, weights | networks.head(len(classes), front.trained, plan.seed), plan, len(classes))
    work.log(f"refining {card.name} with {library.words}; pictures: {_counts(sides)}")
    material = _material(work, sides, classes, front, card.preprocessing, plan)
    outcome = Training(work, plan, material, opener, AHEAD if library.gpus else 0).run()
    refined = front.refined(outcome.weights)
    Model(refined)  # which refuses what cannot be served
    _write(work, sides, outcome, front)
    best = curve.best(outcome.curve)
    work.out.info |= {"items": len(sides.train), "library": library.name, "epoch": best.epoch, "validation_error": best.validation_error}
    return refined, _card(card, front, plan, best.epoch, library)


@dataclass(frozen=True)
class Library:
    """What trains, and on what."""

    name: str
    gpus: int
    threads: int

    @classmethod
    def choose(cls, values: Values) -> Library:
        name = choice.choose(values.text("refine.backend"))
        count = choice.gpus(name, values.text("refine.gpu"), values.integer("refine.gpuCount"))
        return cls(name, count, values.integer("refine.threads"))

    @property
    def words(self) -> str:
        return f"{self.name} on {self.gpus} GPU(s)" if self.gpus else f"{self.name} on {self.threads} processor(s)"

    def opener(self, network: Network, weights: networks.Weights, plan: Recipe, classes: int) -> Opener:
        """Return what opens a backend on the network and its fresh head."""

        def open_(frozen: bool) -> Backend:
            settings = Settings(
                classes=classes,
                seed=plan.seed,
                momentum=plan.momentum,
                l2=plan.l2,
                dropout=plan.dropout,
                frozen=frozen,
                trunk_rate=plan.trunk_rate or (1.0 if networks.normalises(network) else UNNORMALISED),
                depth_factor=plan.depth_factor,
                average=plan.average,
                threads=self.threads,
                gpus=self.gpus,
            )
            return choice.open_backend(self.name, network, weights, settings)

        return open_


def _material(work: Work, sides: Sides, classes: tuple[str, ...], front: Front, how: Preprocessing, plan: Recipe) -> Material:
    """Decode all pictures: those to train on as the recipe says and with room for crops, the others as the network will see pictures."""
    room = round(how.resolution * plan.augmentation.room)
    trained_on = msgspec.structs.replace(plan.preprocessing(how), resolution=room)
    wanted = [Wanted(sides.train, trained_on), Wanted(sides.validation, how), Wanted(sides.test, how)]
    squares = pictures.keep(work.inputs["snapshot"], wanted, work.threads)
    train, validation, test = (Known(kept, dataset.targets(one.entries, classes)) for kept, one in zip(squares, wanted, strict=True))
    return Material(train, validation, test, len(classes), how, front)


def _write(work: Work, sides: Sides, outcome: Outcome, front: Front) -> None:
    weights = np.pad(outcome.weights[HEAD_WEIGHTS], ((0, 0), (0, front.dimension - front.trained)))
    results.write_head(work.out, weights, outcome.weights[HEAD_BIAS])
    results.write_validation(work.out, [entry.id for entry in sides.validation])
    work.out.write("curve.csv", curve.to_csv(outcome.curve), evidence=True)
    work.out.write("curve.json", curve.to_json(outcome.curve), evidence=True)
    work.out.write("curve.png", curve.plot(outcome.curve), evidence=True)
    work.out.write(STATE, encoded(outcome.state), evidence=True)


def _card(card: Card, front: Front, plan: Recipe, epoch: int, library: Library) -> Card:
    training = {
        **card.training,
        "refined": {"recipe": "modern" if plan.modern else "original", "epoch": epoch, "epochs": plan.epochs, "library": library.name},
    }
    name = f"{card.name}, refined"
    return msgspec.structs.replace(card, name=name, dimension=front.dimension, training=training, names=front.names)


def _counts(sides: Sides) -> str:
    def words(entries: list[Entry]) -> str:
        counts = {label: sum(1 for entry in entries if entry.label == label) for label in sorted({entry.label for entry in entries})}
        return ", ".join(f"{count} {label}" for label, count in counts.items())

    return f"{words(sides.train)} to train on; {words(sides.validation)} to choose the epoch on"
