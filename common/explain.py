"""Why did a step run, or not? The components of its key, against the run before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from common.records import Recipe, StageRecord


@dataclass(frozen=True)
class Change:
    """A component of a key that differs: a parameter, an input's content, or the code."""

    component: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.component}: {self.before} -> {self.after}"


def changes(before: Recipe | None, after: Recipe) -> list[Change]:
    """Return which components of the key changed; none where the keys are equal."""
    if before is None:
        return [Change("run", "none", "first")]
    found = [
        Change(f"parameter {name}", _show(before.parameters.get(name)), _show(after.parameters.get(name)))
        for name in sorted({*before.parameters, *after.parameters})
        if before.parameters.get(name) != after.parameters.get(name)
    ]
    found += [
        Change(f"input {name}", _short(before.inputs.get(name)), _short(after.inputs.get(name)))
        for name in sorted({*before.inputs, *after.inputs})
        if before.inputs.get(name) != after.inputs.get(name)
    ]
    if before.code != after.code:
        found.append(Change("code", _short(before.code), _short(after.code)))
    return found


def sentence(record: StageRecord, before: StageRecord | None) -> str:
    """Say why a step of a finished run ran or was cached."""
    if record.recipe is None:
        return record.reason or "it did not come so far"
    changed = changes(before.recipe if before else None, record.recipe)
    if record.cached:
        return "cached: nothing in its key changed" if not changed else "cached: an earlier run made it with this key"
    if before is None:
        return "ran: there is no run before this one to compare with"
    if not changed:
        return "ran: its key is that of the run before, which had not made it (or it was damaged)"
    return "ran: " + "; ".join(str(change) for change in changed)


def lines(found: Mapping[str, StageRecord], before: Mapping[str, StageRecord]) -> dict[str, str]:
    """Return step -> sentence."""
    return {step: sentence(record, before.get(step)) for step, record in found.items()}


def _show(value: object) -> str:
    text = repr(value) if value is not None else "not set"
    return text if len(text) <= 60 else f"{text[:57]}..."


def _short(digest: str | None) -> str:
    return digest[:12] if digest else "none"
