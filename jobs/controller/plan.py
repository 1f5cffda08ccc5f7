"""What to do next: a pure function of what is observed. No clock, no I/O.

The controller is crash-only: it remembers nothing that it could not observe again, so starting
after a crash and going on are the same thing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from common.progress import duration
from common.records import Manifest, Pointer, Recipe, Ref, StageRecord, Task
from common.stage import Stage, Step
from jobs.controller.launcher import COMPLETE, FAILED, Ending, JobStatus
from jobs.controller.render import mark

MOST_ATTEMPTS = 3


@dataclass(frozen=True)
class StepState:
    """What is known of one step of the run.

    `recipe` is None while an input is not there yet. `missing` are the tasks whose artifact
    does not exist, `made` the units' artifacts that do, by key. `attempts` counts the plans
    that this run wrote for the step; `job` is the Job of the newest. `lost` are the artifacts
    that `manifest` needs and that are not whole.
    """

    stage: Stage
    step: Step
    recipe: Recipe | None = None
    inputs: Mapping[str, Ref] = field(default_factory=dict)
    manifest: Manifest | None = None
    tasks: tuple[Task, ...] = ()
    missing: tuple[Task, ...] = ()
    made: Mapping[str, Manifest] = field(default_factory=dict)
    attempts: int = 0
    job: JobStatus | None = None
    record: StageRecord | None = None
    lost: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Observed:
    """The whole run as observed.

    `nodes` are how many processes at once are wished for; `repairs` are the Jobs that make damaged
    artifacts again, by (step, mark of the key).
    """

    steps: tuple[StepState, ...]
    cancelled: bool = False
    nodes: int = 1
    repairs: Mapping[tuple[str, str], JobStatus] = field(default_factory=dict)


@dataclass(frozen=True)
class Launch:
    """Write a plan for the missing tasks and create its Job."""

    state: StepState
    nodes: int


@dataclass(frozen=True)
class Scale:
    """Let a running Job work with more or fewer processes at once."""

    job: str
    parallelism: int


@dataclass(frozen=True)
class Seal:
    """Make a fan-out step's artifact from its units'."""

    state: StepState


@dataclass(frozen=True)
class Keep:
    """Record that a step is done."""

    state: StepState
    manifest: Manifest
    cached: bool


@dataclass(frozen=True)
class Repair:
    """Make a damaged artifact again."""

    damaged: tuple[str, str]


@dataclass(frozen=True)
class Forget:
    """Forget finished Jobs, so that what they did is done anew."""

    jobs: tuple[str, ...]


@dataclass(frozen=True)
class Judge:
    """All steps are done: let the gate's decision take effect and end the run."""


@dataclass(frozen=True)
class End:
    """End the run, stopping what still runs."""

    state: str
    reason: str
    failed: StepState | None = None


Action = Launch | Scale | Seal | Keep | Repair | Forget | Judge | End


def decide(seen: Observed) -> list[Action]:
    """Return what is to be done now; nothing where only waiting helps."""
    if seen.cancelled:
        return [End("cancelled", "cancelled by a person")]
    actions: list[Action] = []
    for one in seen.steps:
        action = _next(one, seen)
        if isinstance(action, End):
            return [action]
        if action is not None:
            actions.append(action)
    if all(one.record is not None for one in seen.steps):
        return [Judge()]
    return actions


def _next(one: StepState, seen: Observed) -> Action | None:
    if one.record is not None or one.recipe is None:
        return None
    if one.lost:
        return _mend(one, one.lost[0], seen, f"{one.step.name} was there and is damaged.")
    if one.manifest is not None:
        return Keep(one, one.manifest, cached=one.attempts == 0)
    if one.job is not None and not one.job.has_worked:
        return _while_it_runs(one, one.job, seen)
    if one.step.fan_out and not one.missing:
        return Seal(one)
    if one.job is not None and not one.job.condition:
        return None  # its pods say that they did it, and it is not there: how the Job ends decides
    if one.job is not None and one.job.condition == FAILED:
        return _after_failure(one, one.job, seen)
    if one.job is not None and one.job.condition == COMPLETE and one.attempts >= MOST_ATTEMPTS:
        return End("failed", f"{one.step.name} says that it is done, and its artifact is not there.", one)
    return Launch(one, seen.nodes)


def _while_it_runs(one: StepState, job: JobStatus, seen: Observed) -> Action | None:
    if job.trouble is not None and job.trouble.is_over_patience:
        waited = f" Waited {duration(job.trouble.held_s)} for it." if job.trouble.patience_s else ""
        return End("failed", f"{one.step.name}: {job.trouble.text}{waited}", one)
    parallelism = min(seen.nodes, job.completions)
    return Scale(job.name, parallelism) if parallelism != job.parallelism else None


def _after_failure(one: StepState, job: JobStatus, seen: Observed) -> Action | None:
    damaged = next((ending.words.damaged for ending in job.endings if ending.words and ending.words.damaged), None)
    if damaged is None:
        return End("failed", why(one.step.name, job, one.stage.lighter), one)
    repair = seen.repairs.get((damaged[0], mark(damaged[1])))
    if repair is not None and repair.condition == COMPLETE:
        return Forget((job.name, repair.name))
    return _mend(one, damaged, seen, why(one.step.name, job, one.stage.lighter))


def _mend(one: StepState, damaged: tuple[str, str], seen: Observed, reason: str) -> Action | None:
    """Repair an artifact; wait for its repair; give up where that failed. (The driver counts how often.)"""
    repair = seen.repairs.get((damaged[0], mark(damaged[1])))
    if repair is None:
        return Repair(damaged)
    if repair.condition == COMPLETE:
        return Forget((repair.name,))
    if repair.condition == FAILED:
        return End("failed", f"{reason} {why(damaged[0], repair)}", one)
    return None


def why(step: str, job: JobStatus, lighter: str = "") -> str:
    """Say in a few sentences why a Job failed; *lighter* tells with which settings its stage needs less memory."""
    if job.reason == "DeadlineExceeded":
        return f"{step} did not end before its deadline."
    bad = [ending for ending in job.endings if ending.exit_code]
    told = next((ending for ending in reversed(bad) if ending.words or ending.evidence), None)
    if told is not None:
        words = [told.evidence, told.words.message if told.words else "", _help(told, lighter)]
        return f"{step}{_where(told, job)}: {' '.join(filter(None, words))}"
    if not bad:
        return f"{step} failed ({job.reason})."
    last = bad[-1]
    return f"{step}{_where(last, job)} ended with exit code {last.exit_code}{_meaning(last.exit_code)}. `darkroom logs` shows what it said."


def _help(ending: Ending, lighter: str) -> str:
    return f"Give its stage more memory: `resources` in the chart's values. {lighter}".strip() if ending.evidence else ""


def _where(ending: Ending, job: JobStatus) -> str:
    return f" (index {ending.index})" if len(job.succeeded | job.failed) > 1 else ""


def _meaning(code: int) -> str:
    return f" (signal {code - 128})" if 128 < code < 160 else ""


# --- the pointer ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """What becomes of the candidate. `ask_again`: the serving model changed since the gate looked."""

    promote: bool
    serves: bool
    reason: str
    ask_again: bool = False


def judge(run: str, candidate: Ref, gate: Manifest, pointer: Pointer | None, snapshot: int) -> Verdict:
    """Apply the gate's decision to the pointer as it is now.

    An older snapshot never replaces a newer one, and a person's pin is respected.
    """
    reason = str(gate.info["reason"])
    if pointer is not None and pointer.model.digest == candidate.digest:
        mine = f"promoted: {reason}" if pointer.run == run else "nothing changed: this model serves already"
        return Verdict(promote=False, serves=True, reason=mine)
    compared = gate.recipe.inputs.get("incumbent", "")
    if compared != (pointer.model.digest if pointer else ""):
        return Verdict(promote=False, serves=False, reason="the serving model changed meanwhile", ask_again=True)
    if not gate.info["promote"]:
        return Verdict(promote=False, serves=False, reason=f"refused: {reason}")
    if pointer is not None and pointer.pinned:
        return Verdict(promote=False, serves=False, reason=f"not promoted: model {pointer.version} is pinned")
    if pointer is not None and pointer.snapshot > snapshot:
        return Verdict(
            promote=False, serves=False, reason=f"not promoted: the serving model knows snapshot {pointer.snapshot}, this one {snapshot}"
        )
    return Verdict(promote=True, serves=True, reason=f"promoted: {reason}")
