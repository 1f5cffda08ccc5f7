"""From probabilities to what a client is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec

from jobs.serve.settings import UNKNOWN

Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Guess(msgspec.Struct, frozen=True):
    """A class and its calibrated probability."""

    label: str
    probability: Probability


class Answer(msgspec.Struct, frozen=True):
    """What one picture is: `label` is "unknown" and `known` false where the best class is not probable enough.

    `top` are the most probable classes, best first, also then; `width` and `height` are the upright picture's pixels.
    """

    model: str
    version: str
    label: str
    known: bool
    top: tuple[Guess, ...]
    width: int
    height: int


def verdict(probabilities: Sequence[float], classes: Sequence[str], unknown_under: float) -> tuple[str, bool]:
    """Return the label of the most probable class (the first of equals) and True, or "unknown" and False."""
    best = max(range(len(classes)), key=lambda index: probabilities[index])
    if probabilities[best] < unknown_under:
        return UNKNOWN, False
    return classes[best], True


def best_of(probabilities: Sequence[float], classes: Sequence[str], top: int) -> tuple[Guess, ...]:
    """Return the `top` most probable classes, best first."""
    order = sorted(range(len(classes)), key=lambda index: -probabilities[index])
    return tuple(Guess(classes[index], min(1.0, probabilities[index])) for index in order[:top])
