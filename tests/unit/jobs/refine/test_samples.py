"""Which pictures are trained on, choose, and come when: by group, by seed, by nothing else."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from common.dataset import TEST, TRAIN, Entry
from common.errors import BadInput
from jobs.refine import recipe, samples
from tests.support import trained
from tests.support.rooms import defaults

PLAIN = recipe.read(defaults(classifier="dnn"))


def rows(groups: dict[str, list[str]], pictures: int = 3) -> list[Entry]:
    """Return rows of so many groups for each class, the last one of each on the test side; a group's name may come in several classes."""
    made = []
    for label, names in groups.items():
        for group in names:
            side = TEST if group == names[-1] else TRAIN
            made += [trained.entry(f"{label}-{group}-{n}", "", label, group, side) for n in range(pictures)]
    return made


def named(label: str, count: int) -> list[str]:
    return [f"{label}{number}" for number in range(count)]


def test_a_group_is_on_one_side_and_each_class_gives_its_share() -> None:
    found = samples.divide(rows({"a": named("a", 11), "b": named("b", 6)}), 0.2, 0)
    sides = [{entry.group for entry in side} for side in (found.train, found.validation, found.test)]
    assert not sides[0] & sides[1]
    assert sum(1 for group in sides[1] if group.startswith("a")) == 2
    assert sum(1 for group in sides[1] if group.startswith("b")) == 1
    assert sides[2] == {"a10", "b5"}


def test_the_division_follows_from_the_seed_and_not_from_the_order_of_rows() -> None:
    given = rows({"a": named("a", 11), "b": named("b", 11)})
    first, again, other = (samples.divide(one, 0.2, seed) for one, seed in ((given, 0), (given[::-1], 0), (given, 1)))
    assert first == again
    assert first.validation != other.validation


def test_the_last_group_of_a_class_is_trained_on() -> None:
    found = samples.divide(rows({"a": named("a", 3), "b": ["b0", "b1"]}), 0.5, 0)
    assert {entry.label for entry in found.train} == {"a", "b"}
    assert {entry.label for entry in found.validation} == {"a"}


def test_a_group_that_another_class_needs_stays() -> None:
    for seed in range(20):
        found = samples.divide(rows({"a": ["shared", "a1", "a2"], "b": ["shared", "b2"]}), 0.5, seed)
        assert "shared" not in {entry.group for entry in found.validation}


def test_a_class_without_tests_is_named() -> None:
    given = [entry for entry in rows({"a": named("a", 3), "b": named("b", 3)}) if (entry.label, entry.side) != ("b", TEST)]
    with pytest.raises(BadInput, match=r"Class 'b' has no picture on the test side.*use classifier=svm"):
        samples.divide(given, 0.2, 0)


def test_each_epoch_has_an_order_of_its_own_that_repeats() -> None:
    targets = np.arange(20) % 2
    orders = [samples.epoch_order(targets, PLAIN, epoch).tolist() for epoch in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[2]) == list(range(20))


def test_balance_repeats_the_rarer_class_evenly() -> None:
    targets = np.array([0] * 9 + [1] * 4)
    order = samples.epoch_order(targets, dataclasses.replace(PLAIN, balance=True), 0)
    counts = np.bincount(order, minlength=13)
    assert set(counts[:9]) == {1}
    assert counts[9:].sum() == 9
    assert counts[9:].max() - counts[9:].min() == 1


def test_an_epoch_may_be_cut_short() -> None:
    assert len(samples.epoch_order(np.zeros(20, np.int64), dataclasses.replace(PLAIN, most_pictures=7), 0)) == 7


def test_minibatches_are_nearly_equal_and_never_too_large() -> None:
    sizes = [len(one) for one in samples.minibatches(np.arange(49), 16)]
    assert sizes == [13, 12, 12, 12]
