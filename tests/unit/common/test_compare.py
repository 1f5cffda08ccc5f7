"""Runs side by side on the same test pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from common import compare
from common.errors import Refused
from common.store.memory import MemoryStore
from jobs.controller import history, runs
from jobs.controller.runs import Known
from tests.support import whole
from tests.support.pictures import make_folder

# Blind to direction, and so unable to tell bars from rows.
WEAK = (*whole.SMALL, "refine.backbone=gabor-texture", "svm_CVals=[0.01]")


def test_a_run_and_itself_differ_in_nothing(memory: MemoryStore, folder: Path) -> None:
    known = whole.submit(memory, folder)
    (pair,) = compare.compare(memory, [known, known])
    assert (pair.comparison.difference.value, pair.changed, pair.settings, pair.inputs) == (0, [], [], [])
    assert "no difference that the pictures could show" in compare.sentence(pair)


def test_what_changed_is_counted_named_and_shown(memory: MemoryStore, folder: Path) -> None:
    good, weak = whole.submit(memory, folder), whole.submit(memory, folder, WEAK)
    (pair,) = compare.compare(memory, [good, weak])
    found = pair.comparison
    assert found.pictures == good.records["evaluate"].items
    assert len(pair.changed) == found.gained + found.lost > 0
    accuracies = [_accuracy(memory, known) for known in (good, weak)]
    assert found.difference.value == pytest.approx(accuracies[1] - accuracies[0])
    assert sum(one.mended for one in pair.changed) == found.gained
    assert any("train.cValues" in line for line in pair.settings)
    assert any(line.startswith("train: ") and "input features" in line for line in pair.inputs)
    html = compare.page(memory, good, [pair]).decode()
    assert html.count("data:image/jpeg") == len(pair.changed)
    assert "default-src 'none'" in html


def _accuracy(store: MemoryStore, known: Known) -> float:
    document = history.document(store, known)
    value: float = document["metrics"]["test"]["accuracy"]["value"]
    return value


def test_runs_on_grown_data_are_compared_on_the_pictures_they_share(memory: MemoryStore, folder: Path) -> None:
    first = whole.submit(memory, folder)
    make_folder(folder, {"bars": 8, "rows": 8}, start=100)
    second = whole.submit(memory, folder)
    (pair,) = compare.compare(memory, [first, second])
    assert pair.comparison.pictures == first.records["evaluate"].items < second.records["evaluate"].items


def test_several_runs_are_each_held_against_the_first(memory: MemoryStore, folder: Path) -> None:
    known = [whole.submit(memory, folder, (*whole.SMALL, f"svm_CVals=[{c}]")) for c in (0.01, 1, 100)]
    pairs = compare.compare(memory, known)
    assert [(pair.first, pair.second) for pair in pairs] == [(known[0].run.run, other.run.run) for other in known[1:]]
    assert len(compare.document(pairs)["comparisons"]) == 2


def test_runs_without_a_picture_in_common_cannot_be_compared(memory: MemoryStore, folder: Path, tmp_path: Path) -> None:
    first = whole.submit(memory, folder)
    other = whole.submit(memory, make_folder(tmp_path / "other", {"spots": 12, "noise": 12}), dataset="other")
    with pytest.raises(Refused, match="no test picture in common"):
        compare.compare(memory, [first, other])


def test_a_run_that_was_not_evaluated_cannot_be_compared(memory: MemoryStore, folder: Path) -> None:
    first = whole.submit(memory, folder)
    begun = runs.read(memory, whole.request(memory, folder).run)
    with pytest.raises(Refused, match="was not evaluated"):
        compare.compare(memory, [first, begun])
