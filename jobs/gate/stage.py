"""The work of the gate: both models on the same test pictures, paired, and a decision."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from common import dataset, images, metrics, model, records, shards
from common.artifact import Artifact
from common.dataset import TEST, Entry, entries_of
from common.features import matrix, vectors_of
from common.model import CARD_FILE, MODEL_FILE, PROBABILITIES, Card, Model
from common.progress import track
from common.records import Value, canonical
from common.stage import StepFunction, Work

DECISION = "decision.json"


class Decision(Value, frozen=True, kw_only=True):
    """What the gate says. `difference` is candidate minus incumbent, accuracy, with its interval."""

    promote: bool
    reason: str
    pictures: int = 0
    difference: metrics.Figure | None = None


def decide(work: Work) -> None:
    """Write the decision; content: decision.json."""
    decision = _first_model() if "incumbent" not in work.inputs else _compare(work)
    work.out.write(DECISION, canonical(decision))
    work.out.info |= {"items": decision.pictures, "promote": decision.promote, "reason": decision.reason}
    work.log(decision.reason)


STEPS: Mapping[str, StepFunction] = {"gate": decide}


def _first_model() -> Decision:
    return Decision(promote=True, reason="it is the first model of this dataset")


def _compare(work: Work) -> Decision:
    classes = tuple(work.inputs["dataset"].info["classes"])
    tests = [entry for entry in entries_of(work.inputs["dataset"]) if entry.kept and entry.side == TEST]
    if not tests:
        return Decision(promote=True, reason="there is no test picture to compare on")
    candidate, incumbent = (_Contender(work.inputs[name]) for name in ("candidate", "incumbent"))
    difference = metrics.difference(
        dataset.targets(tests, classes),
        candidate.predict(work, tests, classes, candidate.card.backbone),
        incumbent.predict(work, tests, classes, candidate.card.backbone),
        dataset.groups(tests),
        work.parameters.integer("gate.resamples"),
    )
    least = work.parameters.number("gate.minDifference")
    return Decision(
        promote=difference.low >= least,
        reason=_reason(difference, least, len(tests)),
        pictures=len(tests),
        difference=difference,
    )


def _reason(difference: metrics.Figure, least: float, pictures: int) -> str:
    points = f"{100 * difference.value:+.1f} points of accuracy ({100 * difference.low:+.1f} to {100 * difference.high:+.1f})"
    verb = "is not below" if difference.low >= least else "is below"
    return f"{points} against the serving model on {pictures} test pictures; the lower bound {verb} {100 * least:+.1f}"


class _Contender:
    """A model that is asked about the test pictures."""

    def __init__(self, artifact: Artifact) -> None:
        self._data = artifact.read(MODEL_FILE)
        self.card = records.decode(artifact.read(CARD_FILE), Card, "the model's card")

    def predict(self, work: Work, tests: list[Entry], classes: tuple[str, ...], backbone: str) -> NDArray[np.int64]:
        """Return an index in `classes` for each picture (-1: a class that is no more).

        The features at hand serve a model on the same backbone; another model sees the pictures.
        """
        if self.card.backbone == backbone:
            head = Model(model.cut_head(self._data, self.card.dimension))
            scores = head.run(matrix((entry.id for entry in tests), vectors_of(work.inputs["features"])), PROBABILITIES)
        else:
            scores = self._score_pictures(work, tests)
        names = np.asarray([classes.index(label) if label in classes else -1 for label in self.card.classes])
        found: NDArray[np.int64] = names[scores.argmax(axis=1)]
        return found

    def _score_pictures(self, work: Work, tests: list[Entry]) -> NDArray[np.float32]:
        network = model.load(self._data, self.card)
        wanted = {entry.id for entry in tests}
        scores: dict[str, NDArray[np.float32]] = {}
        for shard in track(work.inputs["snapshot"].units, work.progress, note="shards"):
            for entry, data in shards.read_pictures(shard):
                if entry.id in wanted:
                    pixels = images.preprocess(images.decode(data), self.card.preprocessing)
                    scores[entry.id] = network.run(pixels[None], PROBABILITIES)[0]
        return np.stack([scores[entry.id] for entry in tests])
