"""Runs a single step's function over a store, as the harness would."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from common.artifact import Artifact, Draft, UnitReader, find_sound
from common.parameters import Values
from common.progress import silent
from common.records import Recipe, digest_of
from common.stage import Step, Stopping, Work
from common.store import Store
from common.uploads import Uploads
from jobs.controller import graph


def defaults(**changed: Any) -> Values:
    """Return all settings at their defaults, with some changed (`split_ratio` for `split.ratio`). Another name is an error."""
    values = {parameter.name: parameter.default for parameter in graph.rooms().parameters}
    named = {name.replace("_", ".", 1): value for name, value in changed.items()}
    assert named.keys() <= values.keys(), f"no settings: {named.keys() - values.keys()}"
    return Values({**values, **named})


def run_step(
    store: Store,
    name: str,
    inputs: Mapping[str, Artifact] | None = None,
    values: Values | None = None,
    unit: UnitReader | None = None,
    locator: str = "",
    threads: int = 1,
    *,
    repair: bool = False,
    stopping: Stopping | None = None,
    said: list[str] | None = None,
) -> Artifact:
    """Run a step's function and commit what it wrote; returns the artifact. `repair` makes one whole that was committed."""
    given = dict(inputs or {})
    everything = values or defaults()
    settings = Values(everything.only(_step(name).parameters(everything)))
    recipe = Recipe(
        step=name,
        parameters=dict(settings),
        inputs={**{key: one.manifest.digest for key, one in given.items()}, "unit": unit.unit.digest if unit else ""},
        code="",
    )
    draft = Draft(store, recipe)
    broken = find_sound(store, name, recipe.key) if repair else None
    before = Artifact(store, broken) if broken else None
    work = Work(
        settings,
        given,
        draft,
        silent,
        threads,
        locator,
        Uploads(store),
        unit,
        ([] if said is None else said).append,
        before,
        stopping or Stopping(),
    )
    room = importlib.import_module(f"jobs.{name.partition('/')[0]}.stage")
    room.STEPS[name](work)
    return Artifact(store, draft.commit(repair=repair))


def _step(name: str) -> Step:
    return next(step for _, step in graph.rooms().steps if step.name == name)


def commit(store: Store, step: str, parts: Mapping[str, bytes], info: Mapping[str, Any] | None = None) -> Artifact:
    """Commit an artifact with given parts."""
    sums = {name: digest_of(data.hex()) for name, data in parts.items()}
    draft = Draft(store, Recipe(step=step, parameters={"parts": sums, "info": dict(info or {})}, inputs={}, code=""))
    for name, data in parts.items():
        draft.write(name, data)
    draft.info |= dict(info or {})
    return Artifact(store, draft.commit())
