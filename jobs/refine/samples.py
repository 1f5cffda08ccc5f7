"""Which pictures are trained on, which choose the epoch, and in what order they come: pure functions of rows and seed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.dataset import TEST, TRAIN, Entry
from common.errors import BadInput
from jobs.refine.recipe import Recipe

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Sides:
    """Rows to train on, to choose the epoch on, and those that nothing is decided by."""

    train: list[Entry]
    validation: list[Entry]
    test: list[Entry]


def divide(entries: Sequence[Entry], share: float, seed: int) -> Sides:
    """Take a share of each class's groups on the training side for validation, at least one where there are two.

    A group goes as a whole, with pictures of other classes too, so one that is the last of another class stays.

    Raises:
        BadInput: there is nothing to choose an epoch on, or nothing to test on for some class.
    """
    kept = sorted((entry for entry in entries if entry.kept), key=lambda entry: entry.id)
    inside = [entry for entry in kept if entry.side == TRAIN]
    test = [entry for entry in kept if entry.side == TEST]
    _require_tests(kept, test)
    groups_of: dict[str, set[str]] = defaultdict(set)
    for entry in inside:
        groups_of[entry.label].add(entry.group)
    rng = np.random.default_rng([seed, 1])
    taken: set[str] = set()
    for label in sorted(groups_of):
        names = sorted(groups_of[label])
        wanted = max(1, round(share * len(names))) - len(groups_of[label] & taken)
        for name in rng.permutation(np.asarray(names, dtype=object)):
            if wanted > 0 and name not in taken and all(len(one - taken) > 1 for one in groups_of.values() if name in one):
                taken.add(name)
                wanted -= 1
    validation = [entry for entry in inside if entry.group in taken]
    if not validation:
        raise BadInput(
            "No class has two groups of pictures on the training side, so there is nothing to choose the epoch of refinement on. "
            "Add pictures of other things of the classes, or use classifier=svm."
        )
    return Sides([entry for entry in inside if entry.group not in taken], validation, test)


def _require_tests(kept: Sequence[Entry], test: Sequence[Entry]) -> None:
    """A network that is refined cannot be scored by leaving groups out, which would refine it anew for each (docs/decisions/0024)."""
    untested = sorted({entry.label for entry in kept} - {entry.label for entry in test})
    if untested:
        raise BadInput(
            f"Class {', '.join(map(repr, untested))} has no picture on the test side, and a refined network is tested on nothing else. "
            "Add pictures of other things of the class, lower split.ratio, or use classifier=svm, which can leave out one group at a time."
        )


def epoch_order(targets: Indices, recipe: Recipe, epoch: int) -> Indices:
    """Return the rows of an epoch, shuffled; with balance, rarer classes' rows come again until each class has as many."""
    rng = np.random.default_rng([recipe.seed, 2, epoch])
    rows = np.arange(len(targets))
    if recipe.balance:
        most = int(np.bincount(targets).max())
        rows = np.concatenate([_repeated(rng, np.flatnonzero(targets == label), most) for label in np.unique(targets)])
    order: Indices = rng.permutation(rows)
    return order[: recipe.most_pictures] if recipe.most_pictures else order


def _repeated(rng: np.random.Generator, rows: Indices, count: int) -> Indices:
    whole, rest = divmod(count, len(rows))
    return np.concatenate([np.tile(rows, whole), rng.choice(rows, rest, replace=False)])


def minibatches(order: Indices, size: int) -> list[Indices]:
    """Cut an epoch into minibatches of at most *size*, as equal as can be: batch normalisation dislikes a last one of few."""
    return np.array_split(order, -(-len(order) // size))
