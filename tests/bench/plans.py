"""The plan of a fan-out step, as a driver would write it, for benches that start its processes themselves."""

from __future__ import annotations

from collections.abc import Mapping

from common.artifact import Artifact
from common.code import code_digest
from common.parameters import Values
from common.records import Plan
from jobs.controller import graph


def plan_of(run: str, name: str, inputs: Mapping[str, Artifact], values: Values) -> Plan:
    """Return the plan of making all tasks of a step from inputs that are there."""
    stage = graph.load().stage(name.partition("/")[0])
    step = next(one for one in stage.steps if one.name == name)
    refs = {one: made.manifest.ref for one, made in inputs.items()}
    whole = graph.recipe(step, values, refs, code_digest(stage))
    return Plan(
        run=run,
        step=step.name,
        attempt=1,
        key=whole.key,
        inputs=refs,
        parameters=whole.parameters,
        tasks=graph.tasks(step, whole, inputs[step.fan_out].manifest.units),
        fan_out=step.fan_out,
        code=whole.code,
    )
