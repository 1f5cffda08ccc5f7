"""`submit --plan`: what is cached, what would run, why, and about how long. Writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from common import artifact, explain
from common.parameters import Values
from common.progress import duration
from common.records import Manifest, Recipe, Ref, StageRecord
from common.stage import Stage, Step
from common.store import Store
from jobs.controller import graph, pointer
from jobs.controller.graph import Graph
from jobs.controller.submission import Prepared, frozen_refs

CACHED, RUNS, DEPENDS = "cached", "runs", "depends"


@dataclass(frozen=True)
class Line:
    """What would become of a step. `seconds` is a guess from earlier runs, None where there is none."""

    stage: str
    step: str
    fate: str
    why: str
    missing: int = 0
    of: int = 0
    seconds: float | None = None

    def __str__(self) -> str:
        size = f" ({self.missing} of {self.of} shards)" if self.of else ""
        guess = f", about {duration(self.seconds)}" if self.seconds is not None else ""
        return f"{self.fate}{size}{guess}: {self.why}"


class Forecast:
    """Follows the graph as far as artifacts are known."""

    def __init__(
        self, store: Store, steps: Graph, prepared: Prepared, before: Mapping[str, StageRecord], pace: Mapping[str, float]
    ) -> None:
        self._store = store
        self._prepared = prepared
        self._values: Values = prepared.resolved.values
        self._graph = steps.under(self._values)
        self._before = before
        self._pace = pace
        self._refs: dict[str, Ref | None] = {f"{graph.FROZEN}{name}": ref for name, ref in frozen_refs(prepared).items()}
        self._changed: dict[str, str] = {}

    def __call__(self) -> list[Line]:
        return [self._line(stage, step) for stage, step in self._graph.steps]

    def _line(self, stage: Stage, step: Step) -> Line:
        waits_for = [one.source for one in step.inputs if one.source in self._changed]
        if waits_for:
            self._changed[step.name] = waits_for[0]
            return Line(
                stage.name, step.name, DEPENDS, f"its input {waits_for[0]} is made first; if that comes out as before, it is cached"
            )
        inputs = {one.name: ref for one in step.inputs if (ref := self._ref(one.source)) is not None}
        serving = self._gate_of_serving(inputs)
        whole = graph.recipe(step, self._values, inputs, self._prepared.code[stage.name])
        manifest = serving or self._find(step.name, whole.key)
        if manifest is not None:
            self._refs[step.name] = manifest.ref
            return Line(stage.name, step.name, CACHED, "nothing in its key changed" if not serving else "the model serves already")
        self._changed[step.name] = step.name
        before = self._before.get(step.name)
        why = "; ".join(str(change) for change in explain.changes(before.recipe if before else None, whole))
        missing, total = self._count(step, inputs, whole)
        return Line(stage.name, step.name, RUNS, why or "it was not finished", missing, total, self._guess(step, before, missing, total))

    def _ref(self, source: str) -> Ref | None:
        if source == "run/incumbent":
            held = pointer.read(self._store, self._prepared.dataset).pointer
            return held.model if held else None
        return self._refs.get(source)

    def _gate_of_serving(self, inputs: Mapping[str, Ref]) -> Manifest | None:
        held = pointer.read(self._store, self._prepared.dataset).pointer if "candidate" in inputs else None
        if held is None or held.model.digest != inputs["candidate"].digest:
            return None
        return self._find(held.gate.step, held.gate.key)

    def _find(self, step: str, key: str) -> Manifest | None:
        return artifact.find_sound(self._store, step, key)

    def _count(self, step: Step, inputs: Mapping[str, Ref], whole: Recipe) -> tuple[int, int]:
        if not step.fan_out:
            return 0, 0
        source = self._find(inputs[step.fan_out].step, inputs[step.fan_out].key)
        tasks = graph.tasks(step, whole, source.units if source else ())
        return sum(1 for task in tasks if self._find(step.name, task.key) is None), len(tasks)

    def _guess(self, step: Step, before: StageRecord | None, missing: int, total: int) -> float | None:
        if step.name not in self._pace or before is None:
            return None
        share = missing / total if total else 1.0
        return self._pace[step.name] * before.items * share
