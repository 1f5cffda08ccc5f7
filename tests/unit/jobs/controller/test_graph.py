"""The graph is derived from the rooms, and keys hold what they must."""

from __future__ import annotations

import pytest

from common.errors import UnknownName
from common.records import Ref, Unit
from common.stage import Input, Stage, Step
from jobs.controller import graph
from tests.support.rooms import defaults

ORDER = ["scrape", "dedup", "refine", "featurize", "curate", "train", "evaluate", "gate"]

# facts of the original: every parameter that PARAMETERS.py had, and two spellings that people use.
ORIGINAL = [
    "classifier", "ratioTrainTest", "imagesSplitBy", "rf_pretrainedModelFilename", "rf_inputResoluton", "rf_dropoutRate",
    "rf_mbSize", "rf_maxEpochs", "rf_maxTrainImages", "rf_lrPerMb", "rf_momentumPerMb", "rf_l2RegWeight", "rf_boFreezeWeights",
    "rf_boBalanceTrainingSet", "svm_boL2Normalize", "run_mbSize", "svm_CVals", "rf_inputResolution", "cntk_mb_size",
]  # fmt: skip


def test_stages_come_in_the_order_of_the_design() -> None:
    assert [stage.name for stage in graph.load().stages] == ORDER


def test_a_prediction_has_the_stages_that_its_last_one_needs_and_no_others() -> None:
    assert [stage.name for stage in graph.load(graph.PREDICTION).stages] == ["scrape", "predict"]
    assert {stage.name for stage in graph.rooms().stages} == {*ORDER, "predict"}


@pytest.mark.parametrize("goal", [graph.TRAINING, graph.PREDICTION])
def test_a_run_ends_with_its_goal(goal: str) -> None:
    assert graph.load(goal).stages[-1].name == goal


def test_every_input_is_made_by_an_earlier_step_or_frozen_with_the_run() -> None:
    made: set[str] = set()
    for _, step in graph.rooms().steps:
        for one in step.inputs:
            assert one.source in made or one.source.startswith("run/")
        made.add(step.name)


@pytest.mark.parametrize(("classifier", "read"), [("svm", set()), ("dnn", {"dedup/dataset", "scrape/snapshot"})])
def test_with_given_settings_a_step_reads_only_what_they_make_it_read(classifier: str, read: set[str]) -> None:
    under = graph.load().under(defaults(classifier=classifier))
    assert {one.source for one in under.stage("refine").steps[0].inputs} == read
    assert [step.name for _, step in under.steps] == [step.name for _, step in graph.load().steps]


def test_a_fan_out_names_an_input() -> None:
    for _, step in graph.rooms().steps:
        assert not step.fan_out or step.fan_out in {one.name for one in step.inputs}


def test_stages_that_wait_for_each_other_are_named() -> None:
    one = Stage("one", "", (Step("one", "", inputs=(Input("x", "two"),)),))
    two = Stage("two", "", (Step("two", "", inputs=(Input("x", "one"),)),))
    with pytest.raises(UnknownName, match="one, two wait for each other"):
        graph._ordered([one, two])


@pytest.mark.parametrize("name", ORIGINAL)
def test_every_parameter_of_the_original_has_a_home(name: str) -> None:
    found = [one for one in graph.load().parameters if name == one.name or name in one.aliases]
    assert len(found) == 1


def test_parameters_are_declared_once_with_a_default_that_is_valid_and_an_explanation() -> None:
    from common.parameters import check

    parameters = graph.rooms().parameters
    names = [name for one in parameters for name in (one.name, *one.aliases)]
    assert len(set(names)) == len(names)
    for one in parameters:
        assert check(one, one.default) == one.default
        assert one.help.endswith(".")


def test_the_key_of_a_step_depends_on_its_own_parameters_alone() -> None:
    step = graph.load().stage("train").steps[0]
    inputs = {"features": Ref(step="featurize", key="k", digest="d")}
    base = graph.recipe(step, defaults(), inputs, "code").key
    assert graph.recipe(step, defaults(evaluate_resamples=500), inputs, "code").key == base
    assert graph.recipe(step, defaults(train_folds=3), inputs, "code").key != base
    assert graph.recipe(step, defaults(), inputs, "other code").key != base
    assert graph.recipe(step, defaults(), {"features": Ref(step="featurize", key="k", digest="e")}, "code").key != base


def test_where_an_input_lies_does_not_enter_the_key() -> None:
    step = graph.load().stage("train").steps[0]
    here, there = ({"features": Ref(step="featurize", key=key, digest="d")} for key in ("a", "b"))
    assert graph.recipe(step, defaults(), here, "c").key == graph.recipe(step, defaults(), there, "c").key


def test_the_key_of_a_shard_s_work_does_not_depend_on_the_other_shards() -> None:
    step = graph.load().stage("featurize").steps[0]
    units = [Unit(name=f"u{number}", digest=f"d{number}", content=()) for number in range(3)]
    backbone = Ref(step="refine", key="k", digest="b")
    small = graph.recipe(step, defaults(), {"snapshot": Ref(step="s", key="k", digest="1"), "backbone": backbone}, "c")
    large = graph.recipe(step, defaults(), {"snapshot": Ref(step="s", key="k", digest="2"), "backbone": backbone}, "c")
    assert small.key != large.key
    assert [one.key for one in graph.tasks(step, small, units[:2])] == [one.key for one in graph.tasks(step, large, units)][:2]
    other = graph.recipe(step, defaults(), {"snapshot": backbone, "backbone": Ref(step="refine", key="k", digest="other")}, "c")
    assert graph.tasks(step, other, units)[0].key != graph.tasks(step, small, units)[0].key


def test_an_unknown_stage_gets_the_nearest_name() -> None:
    with pytest.raises(UnknownName, match=r"Did you mean 'featurize'\?"):
        graph.load().stage("featurise")
