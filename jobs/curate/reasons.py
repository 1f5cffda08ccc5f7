"""Why a picture is suspicious, in words, and what it looks like instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jobs.curate.signals import NAMES, Pictures
from jobs.curate.suspicion import Judged

MOSTLY, LIKELY = 0.6, 0.6
"""From which share of its neighbours, and from which probability, a picture is said to look like a class."""
FAR = 3.0
"""From how many spreads beyond the usual a picture is far from all others."""
EVERYTHING, NAME = NAMES.index("far from all"), NAMES.index("not by name")


@dataclass(frozen=True)
class Why:
    """The reason, and the class that a picture looks like instead ("" for none)."""

    reason: str
    suggested: str


def explain(of: Pictures, judged: Judged, classes: Sequence[str], seen_as: Sequence[str]) -> list[Why]:
    """Return why each picture is as suspicious as it is; *seen_as* is the backbone's own word for each ("" for none)."""
    return [_why(of, judged, classes, row, word) for row, word in enumerate(seen_as)]


def _why(of: Pictures, judged: Judged, classes: Sequence[str], row: int, seen_as: str) -> Why:
    own, parts = int(of.targets[row]), judged.parts[row]
    far_from_all = judged.measured.values[row, EVERYTHING] > FAR
    instead = _class_instead(judged, own, row)
    if instead is not None and not far_from_all:
        near = judged.measured.neighbours[row, instead] >= MOSTLY
        return Why(f"its neighbours are {classes[instead]}" if near else f"it looks like {classes[instead]}", classes[instead])
    strongest = int(np.argmax(parts))
    if strongest == NAME and seen_as and seen_as != classes[own]:
        return Why(f"it looks like {seen_as}", seen_as if seen_as in classes else "")
    if far_from_all:
        return Why("it looks like nothing else here", "")
    if strongest >= len(NAMES):
        return Why("it looks like others here that belong nowhere", "")
    return Why(f"it looks like no other {classes[own]}", "")


def _class_instead(judged: Judged, own: int, row: int) -> int | None:
    """Return the class that neighbours and probabilities agree on, where it is not the picture's own."""
    shares, probabilities = judged.measured.neighbours[row], judged.measured.probabilities[row]
    best = int(np.argmax(shares + probabilities))
    sure = shares[best] >= MOSTLY or probabilities[best] >= LIKELY
    return best if best != own and sure else None
