"""What to do next, as a pure function of what is observed."""

from __future__ import annotations

import dataclasses

import pytest

from common.records import Failure, Manifest, Pointer, Recipe, Ref, StageRecord, Task
from common.stage import Input, Stage, Step
from jobs.controller.launcher import Ending, JobStatus, Trouble
from jobs.controller.plan import (
    MOST_ATTEMPTS,
    End,
    Forget,
    Judge,
    Keep,
    Launch,
    Observed,
    Repair,
    Scale,
    Seal,
    StepState,
    decide,
    judge,
    why,
)
from jobs.controller.render import mark

SINGLE = Step("one", "does one thing")
WIDE = Step("wide", "does many", inputs=(Input("parts", "one"),), fan_out="parts")
STAGE = Stage("room", "", (SINGLE, WIDE))
RECIPE = Recipe(step="one", parameters={}, inputs={}, code="")
TASKS = tuple(Task(unit=f"u{number}", recipe=RECIPE, key=f"k{number}") for number in range(3))


def manifest(**info: object) -> Manifest:
    recipe = Recipe(step="gate", parameters={}, inputs={"incumbent": str(info.pop("incumbent", ""))}, code="")
    return Manifest(step="gate", key="k", recipe=recipe, content=(), info=dict(info), digest="d", writer="w")


def state(step: Step = SINGLE, **changed: object) -> StepState:
    fields: dict[str, object] = {"recipe": RECIPE, "tasks": TASKS[:1], "missing": TASKS[:1]}
    return StepState(STAGE, step, **{**fields, **changed})  # type: ignore[arg-type]


def job(condition: str = "", reason: str = "", *endings: Ending) -> JobStatus:
    return JobStatus("j", {}, condition=condition, reason=reason, endings=endings)


def record(step: str = "one") -> StageRecord:
    return StageRecord(step=step, state="done", cached=False, ref=Ref(step=step, key="k", digest="d"), recipe=RECIPE)


def damaged(step: str = "one", key: str = "k9") -> Ending:
    return Ending(0, 10, Failure(error="Damaged", message="a part is gone", exit_code=10, damaged=(step, key)))


def test_a_step_without_its_inputs_waits() -> None:
    assert decide(Observed((state(recipe=None),))) == []


def test_a_step_whose_artifact_is_missing_is_launched() -> None:
    one = state()
    assert decide(Observed((one,))) == [Launch(one, nodes=1)]


def test_a_step_whose_artifact_is_there_is_kept_and_was_cached_if_this_run_made_no_plan() -> None:
    made = manifest()
    found, own = state(manifest=made), state(manifest=made, attempts=1)
    assert decide(Observed((found,))) == [Keep(found, made, cached=True)]
    assert decide(Observed((own,))) == [Keep(own, made, cached=False)]


def test_a_working_job_is_waited_for() -> None:
    assert decide(Observed((state(job=job(), attempts=1),))) == []


def test_what_a_job_s_processes_made_is_taken_before_the_job_says_that_it_is_complete() -> None:
    made = manifest()
    worked = dataclasses.replace(job("", "", Ending(0, 0), Ending(1, 10), Ending(1, 0), Ending(2, 0)), completions=3)
    one = state(job=worked, attempts=1, manifest=made)
    assert decide(Observed((one,))) == [Keep(one, made, cached=False)]
    wide = state(WIDE, tasks=TASKS, missing=(), job=worked, attempts=1)
    assert decide(Observed((wide,), nodes=3)) == [Seal(wide)]
    assert decide(Observed((state(WIDE, tasks=TASKS, missing=TASKS[:1], job=worked, attempts=1),), nodes=3)) == []


@pytest.mark.parametrize("endings", [(Ending(0, 0),), (Ending(0, 0), Ending(1, 10)), (Ending(0, 0), Ending(0, 0))])
def test_a_job_with_an_index_that_has_not_ended_well_still_works(endings: tuple[Ending, ...]) -> None:
    assert not dataclasses.replace(job("", "", *endings), completions=2).has_worked


def test_a_wide_step_whose_units_are_all_there_is_sealed() -> None:
    one = state(WIDE, tasks=TASKS, missing=())
    assert decide(Observed((one,))) == [Seal(one)]
    empty = state(WIDE, tasks=(), missing=())
    assert decide(Observed((empty,))) == [Seal(empty)]


def test_a_failed_job_ends_the_run_with_the_words_of_the_process() -> None:
    words = Failure(error="BadInput", message="Class 'a' has 1 group.", exit_code=20)
    one = state(job=job("Failed", "PodFailurePolicy", Ending(0, 20, words)), attempts=1)
    assert decide(Observed((one,))) == [End("failed", "one: Class 'a' has 1 group.", one)]


def test_other_steps_do_not_hide_a_failure() -> None:
    bad = state(job=job("Failed", "DeadlineExceeded"), attempts=1)
    actions = decide(Observed((state(), bad)))
    assert len(actions) == 1
    assert isinstance(actions[0], End)


def test_all_steps_done_means_judging() -> None:
    assert decide(Observed((state(record=record()),))) == [Judge()]


def test_a_wish_to_cancel_comes_before_everything() -> None:
    (action,) = decide(Observed((state(record=record()),), cancelled=True))
    assert isinstance(action, End)
    assert action.state == "cancelled"


def test_damage_found_by_a_step_is_repaired_once_and_the_step_is_launched_again() -> None:
    failed = job("Failed", "FailedIndexes", damaged())
    one = state(job=failed, attempts=1)
    address = ("one", mark("k9"))
    assert decide(Observed((one,))) == [Repair(("one", "k9"))]
    assert decide(Observed((one,), repairs={address: job()})) == []
    assert decide(Observed((one,), repairs={address: job("Complete")})) == [Forget((failed.name, job().name))]
    (action,) = decide(Observed((one,), repairs={address: job("Failed", "PodFailurePolicy", Ending(0, 20))}))
    assert isinstance(action, End)
    assert "exit code 20" in action.reason


def test_a_cache_hit_that_is_not_whole_is_repaired_before_it_is_believed() -> None:
    one = state(manifest=manifest(), lost=(("one", "k9"),))
    assert decide(Observed((one,))) == [Repair(("one", "k9"))]
    assert decide(Observed((one,), repairs={("one", mark("k9")): job()})) == []
    assert decide(Observed((one,), repairs={("one", mark("k9")): job("Complete")})) == [Forget((job().name,))]


def test_a_job_that_says_it_is_done_without_an_artifact_is_not_believed_for_ever() -> None:
    one = state(job=job("Complete"), attempts=1)
    assert decide(Observed((one,))) == [Launch(one, nodes=1)]
    (action,) = decide(Observed((dataclasses.replace(one, attempts=MOST_ATTEMPTS),)))
    assert isinstance(action, End)


def test_trouble_ends_a_run_only_when_its_patience_is_over() -> None:
    trouble = Trouble("image", "There is no image i:1.", patience_s=90, held_s=89)
    assert decide(Observed((state(job=dataclasses.replace(job(), trouble=trouble)),))) == []
    over = dataclasses.replace(job(), trouble=dataclasses.replace(trouble, held_s=90))
    (action,) = decide(Observed((state(job=over),)))
    assert isinstance(action, End)
    assert action.reason == "one: There is no image i:1. Waited 1 min 30 s for it."


def test_a_running_job_follows_the_wish_for_another_width() -> None:
    wide = dataclasses.replace(job(), completions=6, parallelism=2)
    assert decide(Observed((state(job=wide),), nodes=2)) == []
    assert decide(Observed((state(job=wide),), nodes=4)) == [Scale("j", 4)]
    assert decide(Observed((state(job=wide),), nodes=8)) == [Scale("j", 6)]
    assert decide(Observed((state(job=job("Complete"), manifest=manifest()),), nodes=8)) != [Scale("j", 1)]


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (job("Failed", "DeadlineExceeded"), "did not end before its deadline"),
        (job("Failed", "X", Ending(0, 137)), "exit code 137 (signal 9)"),
        (job("Failed", "X", Ending(0, 139)), "exit code 139 (signal 11)"),
        (job("Failed", "X", Ending(0, 10), Ending(0, 10, Failure(error="E", message="no room left", exit_code=10))), "one: no room left"),
        (
            job("Failed", "X", Ending(0, 137, Failure(error="Killed", message="It had 61 MiB.", exit_code=10), "OOMKilled at 64Mi.")),
            "one: OOMKilled at 64Mi. It had 61 MiB. Give its stage more memory",
        ),
        (job("Failed", "PodFailurePolicy"), "failed (PodFailurePolicy)"),
        (
            dataclasses.replace(job("Failed", "FailedIndexes", Ending(2, 20)), succeeded=frozenset({0, 1}), failed=frozenset({2})),
            "one (index 2) ended with exit code 20",
        ),
    ],
)
def test_why_a_job_failed_is_said_in_words(status: JobStatus, text: str) -> None:
    assert text in why("one", status)


def test_whose_memory_was_exceeded_is_told_what_needs_less() -> None:
    killed = job("Failed", "X", Ending(0, 137, None, "OOMKilled at 4Gi."))
    assert why("refine", killed, "Or halve the minibatch.").endswith("in the chart's values. Or halve the minibatch.")
    running = state(job=killed)
    refining = dataclasses.replace(running, stage=dataclasses.replace(running.stage, lighter="Or halve the minibatch."))
    assert isinstance(ended := decide(Observed((refining,)))[0], End)
    assert "Or halve the minibatch." in ended.reason


# --- the pointer ---

CANDIDATE = Ref(step="train", key="k", digest="new")


def pointer(digest: str = "old", snapshot: int = 1, run: str = "earlier", *, pinned: bool = False) -> Pointer:
    model, gate = Ref(step="train", key="k", digest=digest), Ref(step="gate", key="k", digest="d")
    return Pointer(dataset="d", sequence=3, run=run, snapshot=snapshot, version="v", model=model, gate=gate, pinned=pinned, writer="w")


def gate(*, promote: bool = True, incumbent: str = "old") -> Manifest:
    return manifest(promote=promote, reason="because", incumbent=incumbent)


def test_a_passed_candidate_is_promoted() -> None:
    verdict = judge("r", CANDIDATE, gate(), pointer(), 1)
    assert (verdict.promote, verdict.serves, verdict.reason) == (True, True, "promoted: because")


def test_the_first_model_is_promoted() -> None:
    assert judge("r", CANDIDATE, gate(incumbent=""), None, 1).promote


def test_a_refused_candidate_is_not() -> None:
    verdict = judge("r", CANDIDATE, gate(promote=False), pointer(), 1)
    assert (verdict.promote, verdict.serves, verdict.reason) == (False, False, "refused: because")


def test_a_pin_is_respected() -> None:
    assert judge("r", CANDIDATE, gate(), pointer(pinned=True), 1).reason == "not promoted: model v is pinned"


def test_an_older_snapshot_never_replaces_a_newer_one() -> None:
    verdict = judge("r", CANDIDATE, gate(), pointer(snapshot=5), 4)
    assert not verdict.promote
    assert "snapshot 5" in verdict.reason


def test_the_gate_is_asked_again_when_another_model_serves_by_now() -> None:
    verdict = judge("r", CANDIDATE, gate(incumbent="older still"), pointer(), 1)
    assert verdict.ask_again
    assert judge("r", CANDIDATE, gate(incumbent=""), pointer(), 1).ask_again


def test_a_model_that_serves_already_changes_nothing() -> None:
    verdict = judge("r", CANDIDATE, gate(), pointer(digest="new"), 9)
    assert (verdict.promote, verdict.serves) == (False, True)
    assert verdict.reason.startswith("nothing changed")


def test_a_run_that_died_after_moving_the_pointer_says_that_it_promoted() -> None:
    assert judge("r", CANDIDATE, gate(), pointer(digest="new", run="r"), 1).reason == "promoted: because"
