"""Runs side by side: on the same test pictures, paired, and what changed between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import msgspec

from common import artifact, explain, metrics, pages
from common.dataset import Score, scores_of
from common.errors import Refused
from common.metrics import Comparison
from common.runs import Known
from common.store import Store
from common.thumbnails import Thumbnails

SNAPSHOT, EVALUATE = "scrape/snapshot", "evaluate"
RESAMPLES = 1000
MOST_SHOWN = 60


@dataclass(frozen=True)
class Changed:
    """A picture that one run has right and the other wrong."""

    id: str
    name: str
    label: str
    before: str
    after: str

    @property
    def mended(self) -> bool:
        return self.after == self.label


@dataclass(frozen=True)
class Pair:
    """The second run against the first. `settings` and `inputs` say what was different."""

    first: str
    second: str
    comparison: Comparison
    changed: list[Changed]
    settings: list[str]
    inputs: list[str]


def compare(store: Store, known: Sequence[Known]) -> list[Pair]:
    """Compare the first run with each of the others, on the pictures that all of them were tested on.

    Raises:
        Refused: a run was not evaluated, or they share no test pictures.
    """
    scores = [scores_by_id(store, one) for one in known]
    shared = _shared(scores)
    if not shared:
        raise Refused(f"The runs {', '.join(one.run.run for one in known)} have no test picture in common (with the same label).")
    return [_pair(known[0], other, scores[0], theirs, shared) for other, theirs in zip(known[1:], scores[1:], strict=True)]


def scores_by_id(store: Store, known: Known) -> dict[str, Score]:
    """Return a run's scored pictures by their ids. Raises Refused where it was not evaluated."""
    record = known.records.get(EVALUATE)
    if record is None or record.ref is None:
        raise Refused(f"Run {known.run.run} was not evaluated; there is nothing to compare.")
    return {score.id: score for score in scores_of(artifact.read_ref(store, record.ref))}


def _shared(scores: Sequence[Mapping[str, Score]]) -> list[str]:
    """Return the ids that every run has under the same label, in order of name."""
    first, rest = scores[0], scores[1:]
    same = [one for one, score in first.items() if all(one in other and other[one].label == score.label for other in rest)]
    return sorted(same, key=lambda one: (first[one].name, one))


def _pair(first: Known, second: Known, ours: Mapping[str, Score], theirs: Mapping[str, Score], shared: list[str]) -> Pair:
    import numpy as np

    names = sorted({name for one in shared for name in (ours[one].label, ours[one].predicted, theirs[one].predicted)})
    index = {name: number for number, name in enumerate(names)}

    def indices(found: list[str]) -> Any:
        return np.asarray([index[name] for name in found], dtype=np.int64)

    groups = np.unique([ours[one].group for one in shared], return_inverse=True)[1].astype(np.int64).reshape(-1)
    comparison = metrics.compare(
        indices([ours[one].label for one in shared]),
        indices([theirs[one].predicted for one in shared]),
        indices([ours[one].predicted for one in shared]),
        groups,
        RESAMPLES,
    )
    changed = [
        Changed(one, ours[one].name, ours[one].label, ours[one].predicted, theirs[one].predicted)
        for one in shared
        if ours[one].correct != theirs[one].correct
    ]
    return Pair(first.run.run, second.run.run, comparison, changed, _settings(first, second), _inputs(first, second))


def _settings(first: Known, second: Known) -> list[str]:
    before, after = first.run.settings, second.run.settings
    names = sorted({*before, *after})
    return [f"{name}: {before.get(name)} -> {after.get(name)}" for name in names if before.get(name) != after.get(name)]


def _inputs(first: Known, second: Known) -> list[str]:
    """Return which steps of the two had other inputs or code."""
    found = []
    for step, record in second.records.items():
        before = first.records.get(step)
        if record.recipe is not None and before is not None and before.recipe is not None:
            changes = [str(one) for one in explain.changes(before.recipe, record.recipe) if not one.component.startswith("parameter")]
            found += [f"{step}: {'; '.join(changes)}"] if changes else []
    return found


def document(pairs: Sequence[Pair]) -> dict[str, Any]:
    """Return the comparison as JSON."""
    return {
        "comparisons": [
            {
                "first": pair.first,
                "second": pair.second,
                **msgspec.to_builtins(pair.comparison),
                "settings": pair.settings,
                "inputs": pair.inputs,
                "changed": [{**vars(one), "mended": one.mended} for one in pair.changed],
            }
            for pair in pairs
        ]
    }


def sentence(pair: Pair) -> str:
    """Say what the comparison found."""
    found = pair.comparison
    verdict = "no difference that the pictures could show"
    if found.difference.low > 0:
        verdict = "better"
    elif found.difference.high < 0:
        verdict = "worse"
    span = f"{pages.points(found.difference.low)} to {pages.points(found.difference.high)}"
    return (
        f"{pair.second} against {pair.first}: {pages.points(found.difference.value)} points ({span}) "
        f"on {found.pictures} pictures: {verdict}; {found.gained} mended, {found.lost} broken, McNemar p = {found.mcnemar:.3g}"
    )


def page(store: Store, first: Known, pairs: Sequence[Pair]) -> bytes:
    """Return the pictures that changed, as one offline HTML file."""
    snapshot = first.records[SNAPSHOT].ref
    assert snapshot is not None  # noqa: S101 - an evaluated run has one
    thumbnail = Thumbnails(artifact.read_ref(store, snapshot))
    shown = [
        {
            "sentence": sentence(pair),
            "pair": pair,
            "kinds": [
                (words, [(one, thumbnail(one.id)) for one in pair.changed if one.mended == mended][:MOST_SHOWN])
                for words, mended in (("Broken", False), ("Mended", True))
            ],
        }
        for pair in pairs
    ]
    return pages.render(resources.files("common.pages") / "compare.html.j2", {"shown": shown, "first": first.run.run})
