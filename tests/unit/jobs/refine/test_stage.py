"""Refine with 0 epochs prepares a backbone that comes with Darkroom."""

from __future__ import annotations

from pathlib import Path

import pytest

from common import model, records
from common.errors import BadInput
from common.model import CARD_FILE, MODEL_FILE, Card
from common.stage import Resources
from common.store.memory import MemoryStore
from jobs.refine import stage
from jobs.refine.spec import PARAMETERS, SHIPPED, STAGE, used
from jobs.refine.stage import shipped
from tests.support import networks
from tests.support.rooms import commit, defaults, run_step


@pytest.mark.parametrize("name", ["gabor-texture", "gabor-layout", "pattern-net"])
def test_a_shipped_backbone_is_the_one_its_card_speaks_of(name: str, memory: MemoryStore) -> None:
    made = run_step(memory, "refine", values=defaults(refine_backbone=name))
    card = records.decode(made.read(CARD_FILE), Card, "card")
    assert card.kind == "backbone"
    assert made.info["dimension"] == card.dimension
    model.load(made.read(MODEL_FILE), card)


def test_another_resolution_changes_the_card_and_not_the_network(memory: MemoryStore) -> None:
    plain = run_step(memory, "refine")
    other = run_step(memory, "refine", values=defaults(refine_inputResolution=96))
    assert other.part(MODEL_FILE).sha256 == plain.part(MODEL_FILE).sha256
    assert records.decode(other.read(CARD_FILE), Card, "card").preprocessing.resolution == 96


def test_a_backbone_of_the_store_is_taken_as_it_is(memory: MemoryStore) -> None:
    data = networks.backbone()
    given = commit(memory, "run/backbone", {MODEL_FILE: data, CARD_FILE: records.encode(networks.card(data))})
    made = run_step(memory, "refine", {"backbone": given}, defaults(refine_backbone="theirs"))
    assert made.part(MODEL_FILE).sha256 == given.part(MODEL_FILE).sha256
    assert made.info["dimension"] == networks.DIMENSION


@pytest.mark.parametrize("resolution", [8, 32])
def test_a_resolution_that_a_backbone_cannot_see_is_refused(resolution: int, memory: MemoryStore) -> None:
    data = networks.backbone()
    given = commit(memory, "run/backbone", {MODEL_FILE: data, CARD_FILE: records.encode(networks.card(data))})
    settings = defaults(refine_backbone="theirs", refine_inputResolution=resolution)
    with pytest.raises(BadInput, match=r"set refine\.inputResolution=0"):
        run_step(memory, "refine", {"backbone": given}, settings)


def test_those_that_come_with_darkroom_are_the_ones_in_its_folder() -> None:
    folder = Path(stage.__file__).parent / "backbones"
    assert sorted(SHIPPED) == sorted(path.stem for path in folder.glob("*.onnx"))


def test_an_unknown_backbone_gets_the_nearest_name() -> None:
    with pytest.raises(BadInput, match=r"Did you mean 'gabor-texture'\?"):
        shipped("gabor-textures")


def test_the_recipe_of_refinement_does_not_matter_to_a_fixed_backbone() -> None:
    assert used(defaults()) == ("refine.backbone", "refine.inputResolution")
    both = [set(used(defaults(classifier="dnn", refine_recipe=name))) for name in ("original", "modern")]
    assert both[0] | both[1] == {parameter.name for parameter in PARAMETERS} - {"classifier"}
    assert used(defaults(classifier="svmDnnRefined")) == used(defaults(classifier="dnn"))
    assert "refine.lrPerMb" in both[0] - both[1]
    assert "refine.peakRate" in both[1] - both[0]


def test_a_resolution_at_which_maps_would_vanish_is_refused_in_words() -> None:
    assert STAGE.check(defaults(refine_inputResolution=16)) == []
    assert "needs 32 pixels or more" in STAGE.check(defaults(classifier="svmDnnRefined", refine_inputResolution=16))[0]


def test_a_pod_asks_for_what_its_settings_need() -> None:
    assert STAGE.resources_for(defaults()) == Resources(cpu="1", memory="1Gi")
    refining = STAGE.resources_for(defaults(classifier="dnn", refine_gpuCount=2, refine_threads=3))
    assert (refining.cpu, refining.gpus) == ("3", 2)
    assert STAGE.resources_for(defaults(classifier="dnn", refine_gpu="none")).gpus == 0


def test_a_fixed_backbone_reads_no_pictures_and_a_refined_one_does() -> None:
    (step,) = STAGE.steps
    for classifier, names in (("svm", []), ("dnn", ["dataset", "snapshot"]), ("svmDnnRefined", ["dataset", "snapshot"])):
        assert [one.name for one in step.inputs if one.when(defaults(classifier=classifier))] == names


def test_a_bank_of_filters_cannot_be_refined_and_says_what_can() -> None:
    from jobs.refine.front import Front

    with pytest.raises(BadInput, match=r"Use refine\.backbone=pattern-net"):
        Front(*shipped("gabor-texture")).network()
