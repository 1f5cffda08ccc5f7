"""The driver: observe, plan, apply, until the run has ended.

All it knows lies in the store and with the launcher. A driver that dies is replaced by another
that looks and goes on; two that meet are told apart by the writer token in state.json.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import assert_never

import msgspec

from common import artifact, log, records
from common.errors import AlreadyExists, BadInput, Damaged, NotFound, Permanent, PreconditionFailed, StoreRefused, Superseded
from common.records import Held, Manifest, Plan, Pointer, Recipe, Ref, Run, StageRecord, State, Task, Waiting
from common.stage import Step
from common.store import IfMatch, Store
from jobs.controller import backbones, gc, graph, history, pointer, runs, snapshots
from jobs.controller.launcher import Launcher
from jobs.controller.observe import Observer
from jobs.controller.plan import Action, End, Forget, Judge, Keep, Launch, Observed, Repair, Scale, Seal, StepState, decide, judge
from jobs.controller.render import render
from jobs.controller.site import Site

LOOK_EVERY_S = 1.0
MOST_REPAIRS = 3


@dataclass
class Drive:
    """Drives one run. `watch` is called in each turn with what was observed, for people to see."""

    store: Store
    launcher: Launcher
    run: Run
    site: Site
    watch: Callable[[Observed], None] = lambda _: None
    now: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._token = secrets.token_hex(8)
        self._observer = Observer(self.store, self.launcher, self.run, graph.load(self.run.goal))
        self._records: dict[str, StageRecord] = {}
        self._forgotten: set[str] = set()
        self._started: dict[str, float] = {}
        self._fresh: dict[str, set[str]] = {}
        self._etag = ""
        self._held: dict[str, Held] = {}
        self._mended: Counter[tuple[str, str]] = Counter()

    def __call__(self) -> State:
        """Drive the run to its end and return how it ended.

        Raises:
            Superseded: another driver has taken over.
        """
        self._state = self._claim()
        self._records = {step: record for step, record in runs.sound_records(self.store, self.run.run).items() if record.state == runs.DONE}
        while self._state.state == runs.RUNNING:
            try:
                self._turn()
            except StoreRefused:  # it can write down nothing either
                raise
            except Permanent as error:
                self._finish(runs.FAILED, str(error))
        return self._state

    @property
    def _trains(self) -> bool:
        """Does the run make a model of its dataset, and not only use one?"""
        return self.run.goal == graph.TRAINING

    def _turn(self) -> None:
        """Look, decide and act once; wait where there is nothing to do."""
        self._check_that_it_is_mine()
        seen = self._observer(self._records, self._forgotten)
        self.watch(seen)
        self._tell_what_waits(seen)
        actions = decide(seen)
        for action in actions:
            try:
                self._apply(action)
            except Damaged as error:  # what the driver itself reads, a gc or a disk may have taken
                self._repair(error.step, error.key)
        if not actions:
            self.launcher.wait(LOOK_EVERY_S)

    def _claim(self) -> State:
        """Write down that this process drives the run."""
        place = runs.state_key(self.run.run)
        try:
            held = self.store.get(place)
        except NotFound:
            state = State(state=runs.RUNNING, driver=runs.me(), started=runs.now_text(), writer=self._token)
            return self._write_state(state, None)
        before = records.decode(held.data, State, f"{self.store.url}/{place}")
        if before.state == runs.RUNNING and runs.lives(before.driver) and before.driver != runs.me():
            raise Superseded(f"Run {self.run.run} is driven by another process ({before.driver}).")
        return self._write_state(State(state=runs.RUNNING, driver=runs.me(), started=before.started, writer=self._token), held.etag)

    def _check_that_it_is_mine(self) -> None:
        """A driver that was given up for lost, and lives, must notice before it acts.

        Raises:
            Superseded: another has written the run's state.
        """
        with contextlib.suppress(NotFound):
            if self.store.head(runs.state_key(self.run.run)).etag == self._etag:
                return
        raise Superseded(f"Another process has taken over run {self.run.run}.")

    def _tell_what_waits(self, seen: Observed) -> None:
        """Keep what steps wait for where every command can read it; since when is told by the first sight of a cause."""
        held: dict[str, Held] = {}
        for one in seen.steps:
            trouble = one.job.trouble if one.job is not None and one.record is None else None
            if trouble is not None:
                before = self._held.get(one.step.name)
                since = before.since if before is not None and before.cause == trouble.cause else runs.now_text()
                held[one.step.name] = Held(cause=trouble.cause, text=trouble.text, since=since)
        if held != self._held:
            self._held = held
            self.store.put(runs.waiting_key(self.run.run), records.encode(Waiting(steps=held)))

    def _write_state(self, state: State, etag: str | None) -> State:
        try:
            self._etag = self.store.put(runs.state_key(self.run.run), records.encode(state), IfMatch(etag) if etag else "create")
        except (AlreadyExists, PreconditionFailed):
            raise Superseded(f"Another process has taken over run {self.run.run}.") from None
        return state

    # --- apply ------------------------------------------------------------------------------

    def _apply(self, action: Action) -> None:
        match action:
            case Launch(state, nodes):
                self._launch(state, nodes)
            case Scale(job, parallelism):
                self.launcher.scale(job, parallelism)
            case Seal(state):
                self._seal(state)
            case Keep(state, manifest, cached):
                self._keep(state, manifest, cached=cached)
            case Repair(damaged):
                self._repair(*damaged)
            case Forget(names):
                self._forgotten.update(names)
            case Judge() if self._trains:
                self._judge()
            case Judge():
                self._finish(runs.DONE, str(self._records[history.TABLE].info["reason"]))
            case End(state, reason, failed):
                self._end(state, reason, failed)
            case _:
                assert_never(action)

    def _launch(self, state: StepState, nodes: int) -> None:
        """Write the plan, then create the Job: a Job never stands without its plan."""
        assert state.recipe is not None  # noqa: S101 - decide() launches only what has one
        step, whole = state.step, state.recipe
        plan = self._plan(step, whole, state.inputs, state.missing, state.attempts + 1)
        place = f"{artifact.folder(step.name, whole.key)}/plan-{self.run.run}-a{plan.attempt:03d}.json"
        with contextlib.suppress(AlreadyExists):
            self.store.put(place, records.encode(plan), "create")
        self._observer.note_attempt(whole)
        self._started.setdefault(step.name, self.now())
        self._fresh.setdefault(step.name, set()).update(task.key for task in plan.tasks)
        self.launcher.create(render(state.stage, plan, place, nodes, self.site))

    def _seal(self, state: StepState) -> None:
        assert state.recipe is not None  # noqa: S101
        made = [(task.unit, state.made[task.key]) for task in state.tasks]
        self._observer.note(artifact.seal(self.store, state.recipe, made, self._token))

    def _keep(self, state: StepState, manifest: Manifest, *, cached: bool) -> None:
        if state.step.name == history.SNAPSHOT and self._trains:
            snapshots.number(self.store, self.run, manifest.ref, int(manifest.info["snapshot"]), self._token)
        self._write_record(state, runs.DONE, manifest=manifest, cached=cached)
        if not self._is_whole(manifest):
            self._take_back(state.step.name, manifest.ref)
            return
        log.compact(self.store, self.run.run, state.step.name)
        if state.job is not None:
            self.launcher.delete(state.job.name)

    def _is_whole(self, manifest: Manifest) -> bool:
        """Is all of an artifact there, now that it is written down that this run needs it?

        A gc that began before it was written down may take it still: it is waited for.
        """
        gc.wait_until_removed(self.store, lambda: self.launcher.wait(LOOK_EVERY_S), self.now)
        found = artifact.find_sound(self.store, manifest.step, manifest.key)
        return found is not None and not artifact.missing(self.store, found)

    def _write_record(
        self, state: StepState, word: str, *, manifest: Manifest | None = None, cached: bool = False, reason: str = ""
    ) -> None:
        name = state.step.name
        items = int(manifest.info.get("items", 0)) if manifest else 0
        record = StageRecord(
            step=name,
            state=word,
            cached=cached,
            ref=manifest.ref if manifest else None,
            recipe=state.recipe,
            seconds=round(self.now() - self._started[name], 3) if name in self._started else 0.0,
            items=items,
            fresh=0 if cached else self._count_fresh(state, items),
            retries=state.job.retries if state.job else 0,
            reason=reason,
            finished=runs.now_text(),
            info=manifest.info if manifest else {},
        )
        self.store.put(runs.record_key(self.run.run, name), records.encode(record))
        if word == runs.DONE:
            self._records[name] = record

    def _take_back(self, step: str, made: Ref) -> None:
        """Forget that a step is done."""
        del self._records[step]
        self.store.delete(runs.record_key(self.run.run, step))
        self._observer.forget(made.step, made.key)

    def _count_fresh(self, state: StepState, items: int) -> int:
        """Return how many items this run computed itself."""
        if not state.step.fan_out:
            return items
        found = [self._observer.manifest(state.step.name, key) for key in self._fresh.get(state.step.name, ())]
        return sum(int(one.info.get("items", 0)) for one in found if one)

    def _repair(self, step: str, key: str) -> None:
        """See to it that a damaged artifact is whole again."""
        if step.startswith(graph.FROZEN):
            raise BadInput(f"{artifact.folder(step, key)} is damaged, and no run can make it again. {backbones.cure(step)}")
        self._mended[step, key] += 1
        if self._mended[step, key] > MOST_REPAIRS:
            raise BadInput(f"{artifact.folder(step, key)} was made again {MOST_REPAIRS} times and is damaged still. Is the disk sound?")
        manifest = artifact.find_sound(self.store, step, key)
        record = self._records.get(step)
        if manifest is None and record is not None and record.ref is not None and record.ref.key == key:
            self._take_back(step, record.ref)
            self._forget_who_found_it(step, key)
        elif manifest is not None and not manifest.plan:
            self._forget_who_found_it(step, key)  # sealed by a driver: it was only its manifest, which is back
        else:
            self._make_again(step, key, manifest)

    def _forget_who_found_it(self, step: str, key: str) -> None:
        """Let the steps that failed because of an artifact begin anew."""
        for job in self.launcher.observe(self.run.run):
            if any(ending.words is not None and ending.words.damaged == (step, key) for ending in job.endings):
                self._forgotten.add(job.name)

    def _make_again(self, step: str, key: str, manifest: Manifest | None) -> None:
        """Do again what once made an artifact: by its own plan, or as this run would make it."""
        stage = graph.rooms().stage(step.partition("/")[0])  # a prediction's model was made by a stage that is none of its own
        made = self._plan_that_made(step, key, manifest)
        plan = msgspec.structs.replace(
            made, run=self.run.run, attempt=self._mended[step, key], code=self.run.code.get(stage.name, made.code), repair=True
        )
        place = f"{artifact.folder(step, key)}/repair-{self.run.run}-a{plan.attempt:03d}.json"
        self.store.put(place, records.encode(plan))
        self._observer.forget(step, key)
        self.launcher.create(render(stage, plan, place, self.run.nodes, self.site))

    def _plan_that_made(self, step: str, key: str, manifest: Manifest | None) -> Plan:
        """Return a plan whose one task is the artifact.

        Raises:
            BadInput: its manifest or plan is lost, and it is none that this run would make.
        """
        with contextlib.suppress(NotFound):
            if manifest is not None:
                made = records.decode(self.store.get(manifest.plan).data, Plan, manifest.plan)
                return msgspec.structs.replace(made, tasks=tuple(task for task in made.tasks if task.key == key))
        ours = self._observer.plan_of(self._records, step, key)
        if ours is None:
            raise BadInput(f"{artifact.folder(step, key)} is damaged and says no longer how it was made. Submit again with other settings.")
        spec, whole, inputs, task = ours
        return self._plan(spec, whole, inputs, (task,), attempt=1)

    def _plan(self, step: Step, whole: Recipe, inputs: Mapping[str, Ref], tasks: tuple[Task, ...], attempt: int) -> Plan:
        return Plan(
            run=self.run.run,
            step=step.name,
            attempt=attempt,
            key=whole.key,
            inputs=dict(inputs),
            parameters=whole.parameters,
            tasks=tasks,
            fan_out=step.fan_out,
            locator=self.run.locator,
            code=whole.code,
        )

    def _judge(self) -> None:
        candidate, gate = self._records[history.TRAIN].ref, self._records[history.GATE].ref
        assert candidate is not None and gate is not None  # noqa: S101, PT018 - both are done
        decision = self._observer.manifest(gate.step, gate.key)
        assert decision is not None  # noqa: S101
        held = pointer.read(self.store, self.run.dataset)
        snapshot = int(self._records[history.SNAPSHOT].info["snapshot"])
        verdict = judge(self.run.run, candidate, decision, held.pointer, snapshot)
        if verdict.promote:
            moved = Pointer(
                dataset=self.run.dataset,
                sequence=held.sequence + 1,
                run=self.run.run,
                snapshot=snapshot,
                version=pointer.publish(self.store, self.run.dataset, candidate),
                model=candidate,
                gate=gate,
                previous=held.version,
                writer=self._token,
            )
            if not pointer.move(self.store, held, moved):
                return  # the next turn sees the new pointer and asks the gate again
        if verdict.ask_again:
            self._take_back(history.GATE, decision.ref)
            return
        self._finish(runs.DONE, verdict.reason, promoted=verdict.serves)

    def _end(self, word: str, reason: str, failed: StepState | None) -> None:
        if failed is not None:
            self._write_record(failed, runs.FAILED, reason=reason)
        self._finish(word, reason)

    def _finish(self, word: str, reason: str, *, promoted: bool | None = None) -> None:
        self._stop_jobs(job.name for job in self.launcher.observe(self.run.run))
        runs.forget_the_moment(self.store, self.run.run)
        state = msgspec.structs.replace(self._state, state=word, reason=reason, finished=runs.now_text(), promoted=promoted)
        self._state = self._write_state(state, self._etag)

    def _stop_jobs(self, names: Iterable[str]) -> None:
        for name in names:
            self.launcher.delete(name)
