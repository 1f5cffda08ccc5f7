"""Looking: what the store and the launcher say about a run.

Artifacts never change, so what was found is kept; everything else is asked anew each time.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from common import artifact
from common.parameters import Values
from common.records import Manifest, Recipe, Ref, Run, StageRecord, Task
from common.stage import Step
from common.store import Store
from common.store.asking import ask_all, exists
from jobs.controller import graph, pointer, runs
from jobs.controller.graph import Graph
from jobs.controller.launcher import JobStatus, Launcher
from jobs.controller.plan import Observed, StepState
from jobs.controller.render import ATTEMPT, KEY, REPAIRS, STEP, mark

INCUMBENT, CANDIDATE = "run/incumbent", "candidate"


class Observer:
    """Observes one run."""

    def __init__(self, store: Store, launcher: Launcher, run: Run, steps: Graph) -> None:
        self._store = store
        self._launcher = launcher
        self._run = run
        self._values = Values(run.settings)
        self._graph = steps.under(self._values)
        self._manifests: dict[tuple[str, str], Manifest] = {}
        self._attempts: dict[str, int] = {}
        self._doubted: set[tuple[str, str]] = set()

    def __call__(self, records: Mapping[str, StageRecord], forgotten: Iterable[str] = ()) -> Observed:
        """Look at every step that has no record yet, and at the wish to cancel."""
        jobs = [job for job in self._launcher.observe(self._run.run) if job.name not in forgotten]
        refs: dict[str, Ref | None] = {f"{graph.FROZEN}{name}": ref for name, ref in self._run.frozen.items()}
        states = []
        for stage, step in self._graph.steps:
            record = records.get(step.name)
            if record is not None:
                refs[step.name] = record.ref
                states.append(StepState(stage, step, record=record))
            else:
                states.append(self._look(StepState(stage, step), refs, jobs))
        repairs = {_repaired(job): job for job in jobs if REPAIRS in job.labels}
        return Observed(tuple(states), self._cancelled(), self._nodes(), repairs)

    def manifest(self, step: str, key: str) -> Manifest | None:
        """Return an artifact's manifest if there is one that can be believed."""
        if (step, key) not in self._manifests:
            found = artifact.find_sound(self._store, step, key)
            if found is None:
                return None
            self._manifests[step, key] = found
        return self._manifests[step, key]

    def note(self, manifest: Manifest) -> None:
        """Take note of an artifact that was just made."""
        self._manifests[manifest.step, manifest.key] = manifest

    def forget(self, step: str, key: str) -> None:
        """Look at an artifact anew, and at all of it: it was not whole."""
        self._manifests.pop((step, key), None)
        self._doubted.add((step, key))

    def note_attempt(self, whole: Recipe) -> None:
        """Take note of a plan that was just written."""
        self._attempts[whole.key] = self._count_attempts(whole) + 1

    def plan_of(self, records: Mapping[str, StageRecord], name: str, key: str) -> tuple[Step, Recipe, dict[str, Ref], Task] | None:
        """Return how this run itself would make an artifact of a step, if it is one of the run's."""
        refs: dict[str, Ref | None] = {f"{graph.FROZEN}{frozen}": ref for frozen, ref in self._run.frozen.items()}
        refs |= {step: record.ref for step, record in records.items()}
        for stage, step in self._graph.steps:
            inputs = self._inputs(step, refs) if step.name == name else None
            if inputs is None:
                continue
            whole = graph.recipe(step, self._values, inputs, self._run.code[stage.name])
            tasks = self._tasks(StepState(stage, step, whole, inputs), whole)
            found = next((task for task in tasks if task.key == key), None)
            if found is not None:
                return step, whole, inputs, found
        return None

    def _look(self, state: StepState, refs: Mapping[str, Ref | None], jobs: list[JobStatus]) -> StepState:
        inputs = self._inputs(state.step, refs)
        if inputs is None:
            return state
        serving = self._gate_of_serving(inputs)
        if serving is not None:
            return dataclasses.replace(state, recipe=serving.recipe, manifest=serving, lost=artifact.missing(self._store, serving))
        whole = graph.recipe(state.step, self._values, inputs, self._run.code[state.stage.name])
        job = _newest(jobs, whole)
        state = dataclasses.replace(state, recipe=whole, inputs=inputs, attempts=self._count_attempts(whole), job=job)
        if state.job is not None and not state.job.has_worked:
            return state  # its artifact will be there when it has
        return self._look_for_artifact(state, whole)

    def _inputs(self, step: Step, refs: Mapping[str, Ref | None]) -> dict[str, Ref] | None:
        """Return the artifacts that the step reads, or None while one is not there yet."""
        found = {}
        for one in step.inputs:
            ref = self._incumbent() if one.source == INCUMBENT else refs.get(one.source)
            if ref is not None:
                found[one.name] = ref
            elif not one.optional:
                return None
        return found

    def _incumbent(self) -> Ref | None:
        held = pointer.read(self._store, self._run.dataset).pointer
        return held.model if held else None

    def _gate_of_serving(self, inputs: Mapping[str, Ref]) -> Manifest | None:
        """A candidate that serves already was let through by an earlier gate: that one counts."""
        if CANDIDATE not in inputs:
            return None
        held = pointer.read(self._store, self._run.dataset).pointer
        if held is None or held.model.digest != inputs[CANDIDATE].digest:
            return None
        return self.manifest(held.gate.step, held.gate.key)

    def _look_for_artifact(self, state: StepState, whole: Recipe) -> StepState:
        manifest = self.manifest(whole.step, whole.key)
        if manifest is None:
            return self._look_for_units(state, whole)
        doubted = state.attempts == 0 or (whole.step, whole.key) in self._doubted
        return dataclasses.replace(state, manifest=manifest, lost=artifact.missing(self._store, manifest) if doubted else ())

    def _look_for_units(self, state: StepState, whole: Recipe) -> StepState:
        tasks = self._tasks(state, whole)
        if not state.step.fan_out:
            return dataclasses.replace(state, tasks=tasks, missing=tasks)
        found = self._find_all(tasks)
        made = {task.key: manifest for task, manifest in zip(tasks, found, strict=True) if manifest is not None}
        missing = tuple(task for task in tasks if task.key not in made)
        return dataclasses.replace(state, tasks=tasks, missing=missing, made=made)

    def _tasks(self, state: StepState, whole: Recipe) -> tuple[Task, ...]:
        if not state.step.fan_out:
            return graph.tasks(state.step, whole, ())
        ref = state.inputs[state.step.fan_out]
        source = self.manifest(ref.step, ref.key)
        return graph.tasks(state.step, whole, source.units if source else ())

    def _find_all(self, tasks: tuple[Task, ...]) -> list[Manifest | None]:
        def find(task: Task) -> Manifest | None:
            return self.manifest(task.recipe.step, task.key)

        return ask_all(find, tasks)

    def _count_attempts(self, whole: Recipe) -> int:
        """Return how many plans this run has written for a recipe."""
        if whole.key not in self._attempts:
            prefix = f"{artifact.folder(whole.step, whole.key)}/plan-{self._run.run}-a"
            self._attempts[whole.key] = sum(1 for _ in self._store.list(prefix))
        return self._attempts[whole.key]

    def _cancelled(self) -> bool:
        return exists(self._store, runs.cancel_key(self._run.run))

    def _nodes(self) -> int:
        """Return how many processes are wished for now."""
        wish = runs.read_scale(self._store, self._run.run)
        return wish.nodes if wish is not None else self._run.nodes


def _newest(jobs: list[JobStatus], whole: Recipe) -> JobStatus | None:
    """Return the newest Job that makes just this; a step whose input changed meanwhile may have an older one."""
    mine = [job for job in jobs if (job.labels[STEP], job.labels[KEY]) == (whole.step.replace("/", "."), mark(whole.key))]
    return max((job for job in mine if REPAIRS not in job.labels), key=lambda job: int(job.labels[ATTEMPT]), default=None)


def _repaired(job: JobStatus) -> tuple[str, str]:
    return job.labels[STEP].replace(".", "/"), job.labels[REPAIRS]
