"""bench-views: at which sizes the own backbone should look at pictures, and what of that a classifier should be told.

From the weights that `make pretrain` leaves, on renderings of its own: scenes of kinds that people name, cloth from near, and families
that no training saw. Each choice is judged by SVMs on few pictures of a class. It prints a table and writes nothing; what was chosen by
it stands in docs/decisions/0022.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import Pool

import cv2
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from common.images import Preprocessing, preprocess
from common.model import FEATURES, Model
from common.textures import FAMILIES, Streams
from jobs.pretrain import graph
from jobs.pretrain.graph import RESOLUTION, VIEWS
from jobs.pretrain.patterns import HELD_OUT, PATTERNS, kinds_of_families
from jobs.pretrain.scenes import SCENES, show
from jobs.train import svm
from tests.bench import caches
from tests.bench.rows import machine, say

Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]
Weights = Mapping[str, NDArray[np.float32]]

EACH, DRAWS, SHOWN, BATCH = 170, 16, (10, 30), 16
MANY = (64, 80, 96, 112, 144, 192)
OTHERS: Sequence[tuple[int, ...]] = (
    (64, 112, 224),
    (64, 96, 128, 192),
    (64, 96, 160, 256),
    (48, 64, 96, 144, 224),
    MANY,
)
OPTIONS = svm.Options(c_values=(0.001, 0.01, 0.1, 1.0), folds=5, unit_length=True)


def families_of(*kinds: str) -> list[list[str]]:
    """Return the families of each kind that the backbone is trained on."""
    return [[name for name, pattern in PATTERNS.items() if pattern.kind == kind] for kind in kinds]


@dataclass(frozen=True)
class Task:
    """Classes, each of some families of patterns, shown in some scenes."""

    name: str
    classes: Sequence[Sequence[str]]
    scenes: Sequence[str]

    def jobs(self, each: int) -> list[tuple[str, str, int, str]]:
        """Return what `render` takes, for so many pictures of each class: its families and the scenes in turn."""
        numbered = enumerate(self.classes)
        return [
            (f"views.{self.name}.{label}", families[n % len(families)], n, self.scenes[n % len(self.scenes)])
            for label, families in numbered
            for n in range(each)
        ]


TASKS = (
    Task("scenes", families_of("dotted", "floral", "geometric", "striped"), tuple(SCENES)),
    Task("near", families_of("animal", "checkered", "dotted", "floral", "striped", "zigzag"), ("near", "near", "whole")),
    Task("unseen", [[name] for name in HELD_OUT if name != "leopard"], ("near", "whole", "worn")),
)
"""Leopard is the demo's, which stays a test."""


@dataclass(frozen=True)
class Seen:
    """What one view gives for n pictures: probabilities of kinds and families, and the maxima of the last maps, each (n, ...)."""

    kinds: Floats
    families: Floats
    maxima: Floats


@dataclass(frozen=True)
class Choice:
    """Sizes of the views, how often the kinds come, and whether the maxima of the last maps do."""

    sides: tuple[int, ...]
    kinds_weight: int
    maxima: bool

    @property
    def pixels(self) -> int:
        """Count what the network sees of a picture, which is what it costs."""
        return sum(side * side for side in self.sides)

    def features(self, seen: Mapping[int, Seen]) -> Floats:
        """Return what a classifier would be told, (n, d), as `graph.build` orders it."""
        views = [seen[side] for side in self.sides]
        kinds = [np.log(view.kinds + graph.FLOOR) for view in views]
        families = np.log(np.mean([view.families for view in views], axis=0) + graph.FLOOR)
        maxima = [np.mean([view.maxima for view in views], axis=0)] if self.maxima else []
        return np.concatenate([*kinds * self.kinds_weight, families, *maxima], axis=1)


CHOICES = (
    Choice(MANY, 4, maxima=False),
    *(Choice(VIEWS, weight, maxima) for weight in (4, graph.KINDS_WEIGHT) for maxima in (False, True)),
    *(Choice(sides, graph.KINDS_WEIGHT, maxima=True) for sides in OTHERS),
)
"""Nearly what was chosen first; the shipped sizes told in four ways; other sizes told as the shipped ones are."""


def main() -> None:
    path = caches.place("pretrain") / "run" / "weights.npz"
    if not path.exists():
        raise SystemExit(f"{path} is not there: `make pretrain` leaves it. The shipped file has its views built in.")
    with np.load(path, allow_pickle=False) as arrays:
        weights = dict(arrays)
    say(f"views: {machine()}")
    with threadpool_limits(1), Pool() as pool:
        for line in table(weights, pool.map, EACH):
            print(line, flush=True)


def table(weights: Weights, spread: Callable[..., list[Pixels]], each: int) -> Iterator[str]:
    """Yield a table's lines, from so many pictures of each class; *spread* is the `map` that renders them."""
    say("views: rendering")
    seen = [look(weights, spread(render, task.jobs(each))) for task in TASKS]
    heads = [f"{task.name}, {shown} a class" for task in TASKS for shown in SHOWN]
    yield f"| sizes | kinds | maxima | pixels | {' | '.join(heads)} |"
    yield "|---" * (4 + len(heads)) + "|"
    for choice in CHOICES:
        figures = [
            accuracy(choice.features(one), len(task.classes), shown) for task, one in zip(TASKS, seen, strict=True) for shown in SHOWN
        ]
        cells = [", ".join(map(str, choice.sides)), f"{choice.kinds_weight} times", "yes" if choice.maxima else "no", f"{choice.pixels:,}"]
        yield f"| {' | '.join([*cells, *(f'{100 * figure:.1f} %' for figure in figures)])} |"


def render(job: tuple[str, str, int, str]) -> Pixels:
    """Render one picture of a job: streams of random numbers by name and number, a family, and the scene that shows it."""
    streams, family, number, scene = job
    cv2.setNumThreads(1)
    draw = PATTERNS[family].draw if family in PATTERNS else FAMILIES[family]
    return show(draw, Streams(streams, number), scene, RESOLUTION)


def look(weights: Weights, pictures: Sequence[Pixels]) -> dict[int, Seen]:
    """Look at pictures at each size."""
    batch, kinds, found = np.stack([preprocess(one, Preprocessing(resolution=RESOLUTION)) for one in pictures]), kinds_of_families(), {}
    for side in sorted({side for choice in CHOICES for side in choice.sides}):
        say(f"views: looking at {len(pictures)} pictures at {side} pixels")
        model = Model(graph.build("view", weights, kinds, (side,)))
        features = np.concatenate([model.run(batch[at : at + BATCH], FEATURES) for at in range(0, len(batch), BATCH)]).astype(np.float64)
        first = kinds.shape[1] * graph.KINDS_WEIGHT
        probabilities = np.exp(features[:, : first + len(kinds)]) - graph.FLOOR
        found[side] = Seen(probabilities[:, : kinds.shape[1]], probabilities[:, first:], features[:, first + len(kinds) :])
    return found


def accuracy(features: Floats, classes: int, shown: int) -> float:
    """Return how often SVMs that were *shown* so many pictures of each class are right on the others: the mean of DRAWS draws.

    Pictures are in the order of their classes, of which each has as many.
    """
    each, found = len(features) // classes, []
    data = svm.Data(features, np.repeat(np.arange(classes), each), np.arange(len(features)), classes)
    for seed in range(DRAWS):
        rng = np.random.default_rng([seed, shown])
        inside = np.concatenate([label * each + rng.permutation(each)[:shown] for label in range(classes)])
        few, others = data.take(inside), data.take(np.setdiff1d(np.arange(len(features)), inside))
        fitted = svm.fit(few, svm.choose(few, OPTIONS).best.c, unit_length=OPTIONS.unit_length)
        found.append(svm.class_average(fitted.margins(others.features).argmax(axis=1), others.targets))
    return float(np.mean(found))


if __name__ == "__main__":
    main()
