"""Refine with 0 epochs prepares a backbone that comes with Darkroom."""

from __future__ import annotations

import pytest

from common import model, records
from common.errors import BadInput
from common.model import CARD_FILE, MODEL_FILE, Card
from common.store.memory import MemoryStore
from jobs.refine.spec import PARAMETERS, STAGE, used
from jobs.refine.stage import shipped
from tests.support.rooms import defaults, run_step


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


def test_an_unknown_backbone_gets_the_nearest_name() -> None:
    with pytest.raises(BadInput, match=r"Did you mean 'gabor-texture'\?"):
        shipped("gabor-textures")


def test_the_recipe_of_refinement_does_not_matter_to_a_fixed_backbone() -> None:
    assert used(defaults()) == ("classifier", "refine.backbone", "refine.inputResolution")
    assert set(used(defaults(classifier="dnn"))) == {parameter.name for parameter in PARAMETERS}


def test_what_this_version_cannot_do_is_refused_in_words() -> None:
    assert STAGE.check(defaults()) == []
    assert "does not have yet" in STAGE.check(defaults(classifier="svmDnnRefined"))[0]
