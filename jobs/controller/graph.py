"""The graph of steps, derived from the rooms' specs, and the keys of what they make.

A run has a goal: the stage that it ends with. Its graph is that stage and all that it needs.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import jobs
from common.code import code_digest
from common.errors import UnknownName, did_you_mean
from common.parameters import Parameter, Values
from common.records import Recipe, Ref, Task, Unit
from common.stage import Stage, Step

FROZEN = "run/"
TRAINING, PREDICTION = "gate", "predict"  # goals


@dataclass(frozen=True)
class Graph:
    """Stages in an order in which each comes after those that it reads."""

    stages: tuple[Stage, ...]

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return tuple(parameter for stage in self.stages for parameter in stage.parameters)

    @property
    def steps(self) -> tuple[tuple[Stage, Step], ...]:
        return tuple((stage, step) for stage in self.stages for step in stage.steps)

    def under(self, values: Values) -> Graph:
        """Return the graph as it is with these settings: each step with the inputs that it reads then, and no others."""
        return Graph(tuple(replace(stage, steps=tuple(_under(step, values) for step in stage.steps)) for stage in self.stages))

    def stage(self, name: str) -> Stage:
        """Return a stage. Raises UnknownName."""
        for stage in self.stages:
            if stage.name == name:
                return stage
        names = [stage.name for stage in self.stages]
        raise UnknownName(f"There is no stage {name!r}, only {', '.join(names)}.{did_you_mean(name, names)}")

    def code(self) -> dict[str, str]:
        """Return the code digest of each stage."""
        return {stage.name: code_digest(stage) for stage in self.stages}


def _under(step: Step, values: Values) -> Step:
    return replace(step, inputs=tuple(one for one in step.inputs if one.when(values)))


@functools.cache
def load(goal: str = TRAINING) -> Graph:
    """Return the graph of runs that end with a stage. Raises UnknownName."""
    everything = rooms()
    needed = _needed(goal, everything)
    return Graph(tuple(stage for stage in everything.stages if stage.name in needed))


@functools.cache
def rooms() -> Graph:
    """Find the rooms under `jobs` that have a spec, whatever runs they belong to."""
    names = [module.name for module in pkgutil.iter_modules(jobs.__path__) if module.ispkg]
    found = [name for name in names if importlib.util.find_spec(f"jobs.{name}.spec")]
    return Graph(_ordered([importlib.import_module(f"jobs.{name}.spec").STAGE for name in found]))


def _ordered(stages: Sequence[Stage]) -> tuple[Stage, ...]:
    """Sort stages so that inputs come first, and each as late as those that read it allow."""
    rest = sorted(stages, key=lambda stage: stage.name)
    order: list[Stage] = []
    while rest:
        last = next((stage for stage in reversed(rest) if not any(stage.name in _needs(other) for other in rest)), None)
        if last is None:
            raise UnknownName(f"The stages {', '.join(stage.name for stage in rest)} wait for each other.")
        rest.remove(last)
        order.append(last)
    return tuple(reversed(order))


def _needed(goal: str, everything: Graph) -> set[str]:
    """Return the names of a stage and of all that it reads, directly or not."""
    found: set[str] = set()
    waiting = [goal]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _needs(everything.stage(name))
    return found


def _needs(stage: Stage) -> set[str]:
    sources = {one.source.partition("/")[0] for step in stage.steps for one in step.inputs}
    return sources - {stage.name, FROZEN.rstrip("/")}


def recipe(step: Step, values: Values, inputs: Mapping[str, Ref], code: str) -> Recipe:
    """Return what a step's artifact is made of."""
    return Recipe(
        step=step.name,
        parameters=values.only(step.parameters(values)),
        inputs={name: ref.digest for name, ref in sorted(inputs.items())},
        code=code,
    )


def tasks(step: Step, whole: Recipe, units: Sequence[Unit]) -> tuple[Task, ...]:
    """Return the tasks of a step: one for each unit, or one for the whole.

    A unit's key covers the unit and the other inputs, not the rest of the fan-out input: so
    what was computed for a shard is found again whatever else a later snapshot holds.
    """
    if not step.fan_out:
        return (Task(unit="", recipe=whole, key=whole.key),)
    others = {name: digest for name, digest in whole.inputs.items() if name != step.fan_out}
    return tuple(_unit_task(whole, others, unit) for unit in units)


def _unit_task(whole: Recipe, others: Mapping[str, str], unit: Unit) -> Task:
    made_of = Recipe(step=whole.step, parameters=whole.parameters, inputs={**others, "unit": unit.digest}, code=whole.code)
    return Task(unit=unit.name, recipe=made_of, key=made_of.key)
