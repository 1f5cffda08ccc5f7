"""Refinement around a backend: what is written, where it goes on, what it says when it cannot."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import msgspec
import numpy as np
import pytest

from common import model, named, records, refined
from common.artifact import Artifact
from common.dataset import TEST, TRAIN, entries_of
from common.errors import BadInput
from common.model import CARD_FILE, FEATURES, MODEL_FILE, Card, Named
from common.parameters import Values
from common.stage import Stopping
from common.store.memory import MemoryStore
from jobs.refine import stage
from jobs.refine.backends import choice
from jobs.refine.pictures import Squares, Wanted, keep
from jobs.refine.training import Diverged, TooLarge
from tests.support.plainly import Machine
from tests.support.refinable import normed_net, pattern_net, version_of
from tests.support.rooms import defaults, run_step
from tests.support.scraped import snapshot_of

Inputs = dict[str, Artifact]
STEPS_AN_EPOCH, STEPS = 4, 12


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Put our plain backend in a library's place, and a small network in the shipped one's."""
    made = Machine()
    monkeypatch.setattr(choice, "choose", lambda name: "plain")
    monkeypatch.setattr(choice, "open_backend", made.open)
    monkeypatch.setattr(stage, "shipped", lambda name: pattern_net())
    return made


@pytest.fixture
def inputs(memory: MemoryStore, folder: Path) -> Inputs:
    snapshot = snapshot_of(memory, folder)
    return {"snapshot": snapshot, "dataset": version_of(memory, snapshot)}


def settings(**changed: object) -> Values:
    return defaults(classifier="dnn", **{"refine_epochs": 3, "refine_mbSize": 4, "refine_gpu": "none", "refine_lrPerMb": [0.5], **changed})


def curve(made: Artifact) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(made.read("curve.csv").decode())))


def test_a_refined_backbone_comes_with_its_head_its_card_and_its_curve(memory: MemoryStore, inputs: Inputs, machine: Machine) -> None:
    made = run_step(memory, "refine", inputs, settings())
    card = records.decode(made.read(CARD_FILE), Card, "card")
    weights, bias = refined.head_of(made)
    features = model.load(made.read(MODEL_FILE), card).run(np.zeros((2, 3, 64, 64), np.float32), FEATURES)
    assert features.shape == (2, card.dimension) == (2, weights.shape[1])
    assert (weights.shape[0], bias.shape) == (2, (2,))
    assert card.preprocessing == pattern_net()[1].preprocessing
    assert card.training["refined"]["library"] == "plain"
    assert len(curve(made)) == 3
    assert [part.name for part in made.manifest.evidence] == ["curve.csv", "curve.json", "curve.png", "state.safetensors"]


def test_features_are_the_mean_over_the_views(memory: MemoryStore, inputs: Inputs, machine: Machine) -> None:
    from jobs.refine import network

    made = run_step(memory, "refine", inputs, settings())
    data, card = pattern_net()
    each = [trunk.exit for trunk in card.trunks]
    pictures = np.random.default_rng(0).random((2, 3, 64, 64), dtype=np.float32)
    views = [model.Model(network.cut(data, [name])).run(pictures, name) for name in each]
    found = model.Model(made.read(MODEL_FILE)).run(pictures, FEATURES)
    np.testing.assert_allclose(found, np.mean(views, axis=0), atol=1e-5)  # the plain backend trains the head alone


def test_only_what_is_trained_on_is_letterboxed(
    memory: MemoryStore, inputs: Inputs, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Wanted] = []

    def looking(snapshot: Artifact, wanted: list[Wanted], threads: int) -> list[Squares]:
        seen.extend(wanted)
        return keep(snapshot, wanted, threads)

    monkeypatch.setattr("jobs.refine.pictures.keep", looking)
    run_step(memory, "refine", inputs, settings())
    own = pattern_net()[1].preprocessing
    trained, *others = (one.how for one in seen)
    assert (trained.fit, trained.pad, trained.resolution) == ("letterbox", 114, round(own.resolution / 0.9))
    assert others == [own, own]


def test_what_the_backbone_knows_by_name_stands_behind_the_features_that_were_trained(
    memory: MemoryStore, inputs: Inputs, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, card = pattern_net()
    card = msgspec.structs.replace(card, names=(Named(("bars",), (1, 3)), Named(("rows",), (0, 3))))
    monkeypatch.setattr(stage, "shipped", lambda name: (data, card))
    made = run_step(memory, "refine", inputs, settings())
    trained = card.trunks[0].dimension
    refined_card = records.decode(made.read(CARD_FILE), Card, "card")
    pictures = np.random.default_rng(0).random((2, 3, 64, 64), dtype=np.float32)
    features = model.load(made.read(MODEL_FILE), refined_card).run(pictures, FEATURES)
    assert features.shape == (2, refined_card.dimension) == (2, trained + 3)
    before = model.Model(data).run(pictures, FEATURES) @ named.rows(card.names, card.dimension).T
    after = features @ named.rows(refined_card.names, refined_card.dimension).T
    np.testing.assert_allclose(after, before, atol=1e-5)  # the plain backend trains the head alone
    assert not refined.head_of(made)[0][:, trained:].any()


def test_the_epoch_is_chosen_on_pictures_that_are_neither_trained_nor_tested_on(
    memory: MemoryStore, inputs: Inputs, machine: Machine
) -> None:
    made = run_step(memory, "refine", inputs, settings())
    validation = refined.validation_of(made)
    sides = {entry.id: entry.side for entry in entries_of(inputs["dataset"])}
    assert validation
    assert {sides[one] for one in validation} == {TRAIN}
    trained_on = sum(count for count, _, _ in machine.steps) / 3
    assert trained_on == sum(1 for side in sides.values() if side == TRAIN) - len(validation)
    assert made.info["items"] == trained_on


def test_test_pictures_decide_nothing(memory: MemoryStore, inputs: Inputs, machine: Machine) -> None:
    """The labels of the tests are wrong, and all but the record of the test error stays the same."""
    from tests.support import trained

    first = run_step(memory, "refine", inputs, settings())
    swap = {"bars": "rows", "rows": "bars"}
    harmed = [
        msgspec.structs.replace(entry, label=swap[entry.label]) if entry.side == TEST else entry for entry in entries_of(inputs["dataset"])
    ]
    second = run_step(memory, "refine", {**inputs, "dataset": trained.version(memory, harmed)}, settings())
    assert second.manifest.digest == first.manifest.digest
    ours, theirs = curve(first), curve(second)
    errors = [[float(row.pop("test_error")) for row in rows] for rows in (ours, theirs)]
    np.testing.assert_allclose(np.sum(errors, axis=0), 1)
    assert ours == theirs


def test_refining_again_gives_the_same_bytes(folder: Path, machine: Machine) -> None:
    digests = set()
    for store in (MemoryStore(), MemoryStore()):
        snapshot = snapshot_of(store, folder)
        made = run_step(store, "refine", {"snapshot": snapshot, "dataset": version_of(store, snapshot)}, settings())
        digests.add((made.manifest.digest, made.read("curve.csv")))
    assert len(digests) == 1


class Killed(BaseException):
    """The process is gone."""


def nothing() -> None:
    pass


def die() -> None:
    raise Killed


@pytest.mark.parametrize("step", range(1, STEPS))
def test_a_refinement_that_is_killed_at_any_step_has_the_curve_that_it_would_have_had(
    step: int, memory: MemoryStore, inputs: Inputs, machine: Machine
) -> None:
    whole = run_step(MemoryStore(), "refine", inputs, settings())
    machine.before_step = [*[nothing] * step, die]
    with pytest.raises(Killed):
        run_step(memory, "refine", inputs, settings())
    before = len(machine.steps)
    made = run_step(memory, "refine", inputs, settings())
    assert made.manifest.digest == whole.manifest.digest
    assert made.read("curve.csv") == whole.read("curve.csv")
    assert len(machine.steps) - before == STEPS - step // STEPS_AN_EPOCH * STEPS_AN_EPOCH


def test_a_refinement_that_is_asked_to_end_checkpoints_at_the_next_step(memory: MemoryStore, inputs: Inputs, machine: Machine) -> None:
    whole = run_step(MemoryStore(), "refine", inputs, settings())
    stopping = Stopping()
    machine.before_step = [*[nothing] * 5, lambda: stopping.ask(15)]
    with pytest.raises(SystemExit, match="143"):
        run_step(memory, "refine", inputs, settings(), stopping=stopping)
    before = len(machine.steps)
    said: list[str] = []
    made = run_step(memory, "refine", inputs, settings(), said=said)
    assert len(machine.steps) - before == STEPS - 6
    assert "going on after epoch 1, step 2" in said
    assert made.read("curve.csv") == whole.read("curve.csv")
    assert made.manifest.digest == whole.manifest.digest


def test_only_the_newest_checkpoint_is_kept_and_one_that_is_damaged_is_passed_over(
    memory: MemoryStore, inputs: Inputs, machine: Machine
) -> None:
    machine.before_step = [*[nothing] * (2 * STEPS_AN_EPOCH + 1), die]
    with pytest.raises(Killed):
        run_step(memory, "refine", inputs, settings())
    pieces = [one.key for one in memory.list("artifacts/refine/") if "/pieces/" in one.key]
    parts = [one.key for one in memory.list("artifacts/refine/") if "/parts/" in one.key]
    assert (len(pieces), len(parts)) == (1, 3)
    (state,) = [key for key in parts if key.endswith("state.safetensors")]
    memory.put(state, b"x" * len(memory.get(state).data))
    said: list[str] = []
    run_step(memory, "refine", inputs, settings(), said=said)
    assert not [line for line in said if line.startswith("going on")]


def test_a_minibatch_that_does_not_fit_names_the_one_that_does(memory: MemoryStore, inputs: Inputs, machine: Machine) -> None:
    machine.room = 3
    with pytest.raises(TooLarge, match=r"A minibatch of 4 pictures does not fit into memory; 2 fit\. Use refine\.mbSize=2"):
        run_step(memory, "refine", inputs, settings())
    machine.room = 0
    with pytest.raises(TooLarge, match="Not even one picture fits"):
        run_step(memory, "refine", inputs, settings())


def test_an_automatic_minibatch_is_worked_off_in_parts(memory: MemoryStore, inputs: Inputs, machine: Machine) -> None:
    machine.room = 5
    run_step(memory, "refine", inputs, settings(refine_mbSize=0))
    assert {parts for _, parts, _ in machine.steps} == {4}
    assert sum(count for count, _, _ in machine.steps) == 3 * 14
    machine.room = 0
    with pytest.raises(TooLarge, match="Not even one"):
        run_step(memory, "refine", inputs, settings(refine_mbSize=0, refine_epochs=2))


def test_a_rate_that_diverges_is_named_with_a_tenth_of_it(memory: MemoryStore, inputs: Inputs, machine: Machine) -> None:
    machine.loses_its_way_at = STEPS_AN_EPOCH + 2
    with pytest.raises(Diverged, match=r"diverged at epoch 2: try a tenth of the rates in refine\.lrPerMb, such as 0\.05\."):
        run_step(memory, "refine", inputs, settings())
    with pytest.raises(Diverged, match=r"at epoch 2: try a tenth of the rate, refine\.peakRate=0\.02\."):
        run_step(memory, "refine", inputs, settings(refine_recipe="modern", refine_peakRate=0.2))


def test_the_modern_recipe_trains_the_head_first_and_cycles_its_rate(memory: MemoryStore, inputs: Inputs, machine: Machine) -> None:
    run_step(memory, "refine", inputs, settings(refine_recipe="modern", refine_peakRate=0.2, refine_warmUpEpochs=1))
    assert [(one.frozen, one.depth_factor, one.average) for one in machine.opened] == [(True, 0.95, 0.98), (False, 0.95, 0.98)]
    rates = [rate for _, _, rate in machine.steps]
    assert rates[:STEPS_AN_EPOCH] == [0.2] * STEPS_AN_EPOCH
    assert max(rates[STEPS_AN_EPOCH:]) > 10 * rates[-1]


@pytest.mark.parametrize(("normed", "asked", "used"), [(True, 0, 1.0), (False, 0, 0.1), (True, 0.5, 0.5), (False, 1.0, 1.0)])
def test_a_trunk_that_does_not_normalise_batches_moves_less_unless_told(
    normed: bool, asked: float, used: float, memory: MemoryStore, inputs: Inputs, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "shipped", lambda name: normed_net() if normed else pattern_net())
    run_step(memory, "refine", inputs, settings(refine_trunkRate=asked))
    assert {one.trunk_rate for one in machine.opened} == {used}


def test_it_tells_how_far_it_is(memory: MemoryStore, inputs: Inputs, machine: Machine) -> None:
    said: list[str] = []
    run_step(memory, "refine", inputs, settings(), said=said)
    assert said[0].startswith("refining small with plain on 2 processor(s); pictures: 7 bars, 7 rows to train on; 2 bars, 2 rows to choose")
    assert re.fullmatch(r"epoch 3 of 3: loss \d\.\d+, \d+\.\d % of training wrong, \d+\.\d % of validation, \d+\.\d pictures/s", said[-1])


def test_a_class_without_a_test_picture_is_refused_before_work(memory: MemoryStore, folder: Path, machine: Machine) -> None:
    snapshot = snapshot_of(memory, folder)
    with pytest.raises(BadInput, match="Class 'bars', 'rows' has no picture on the test side"):
        run_step(memory, "refine", {"snapshot": snapshot, "dataset": version_of(memory, snapshot, test_every=99)}, settings())
    assert machine.opened == []


def test_one_group_a_class_leaves_nothing_to_choose_the_epoch_on(memory: MemoryStore, folder: Path, machine: Machine) -> None:
    snapshot = snapshot_of(memory, folder)
    version = version_of(memory, snapshot, test_every=2, groups_of=6)
    with pytest.raises(BadInput, match="nothing to choose the epoch of refinement on"):
        run_step(memory, "refine", {"snapshot": snapshot, "dataset": version}, settings())
