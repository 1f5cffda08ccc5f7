"""Checkpoints: where a refinement is, as pieces of its artifact, so that whoever comes next goes on from there.

A checkpoint is all that the rest follows from: a killed run has the curve that it would have had. The newest one is
kept; pieces go when the artifact is true.
"""

from __future__ import annotations

import msgspec
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from common.artifact import Draft, UnitReader
from common.errors import BadInput, Damaged
from common.records import canonical, read_json
from jobs.refine.backends.base import State
from jobs.refine.curve import Epoch

STATE, BEST, PROGRESS = "state.safetensors", "best.safetensors", "progress.json"


class Progress(msgspec.Struct, kw_only=True):
    """Where a refinement is: `epoch` epochs (from 0) and `step` steps of the next are done; sums are of that next one.

    `guesses` holds for each epoch the likeliest class of each test picture, which nobody looks at before the end. A minibatch is
    worked off in `parts`.
    """

    epoch: int = 0
    step: int = 0
    loss: float = 0.0
    errors: int = 0
    pictures: int = 0
    parts: int = 1
    curve: list[Epoch] = msgspec.field(default_factory=list)
    guesses: list[list[int]] = msgspec.field(default_factory=list)


class Checkpoint(msgspec.Struct):
    """A progress, the backend's state, and the weights of the best epoch so far (none before the first has ended)."""

    progress: Progress
    state: State
    best: State


class Checkpoints:
    """The checkpoints of one artifact."""

    def __init__(self, out: Draft) -> None:
        self._out = out
        self._newest: UnitReader | None = None

    def save(self, made: Checkpoint) -> None:
        """Keep a checkpoint; the one before it goes."""
        parts = {STATE: encoded(made.state), BEST: encoded(made.best), PROGRESS: canonical(made.progress)}
        before, self._newest = self._newest, self._out.keep(parts)
        if before is not None and before.name != self._newest.name:
            self._out.forget(before, self._newest)

    def load(self) -> Checkpoint | None:
        """Return the checkpoint that is furthest, of those that can be read; the others go."""
        found = sorted(((one, piece) for piece in self._out.kept() if (one := _read(piece))), key=lambda pair: _order(*pair))
        if not found:
            return None
        newest, self._newest = found[-1]
        for _, piece in found[:-1]:
            self._out.forget(piece, self._newest)
        return newest


def encoded(state: State) -> bytes:
    """Return arrays as safetensors."""
    return save({name: np.ascontiguousarray(value).reshape(value.shape) for name, value in sorted(state.items())})


def _order(one: Checkpoint, piece: UnitReader) -> tuple[int, int, str]:
    return one.progress.epoch, one.progress.step, piece.name


def _read(piece: UnitReader) -> Checkpoint | None:
    try:
        progress = read_json(piece.read(PROGRESS), Progress, PROGRESS)
        return Checkpoint(progress, load(piece.read(STATE)), load(piece.read(BEST)))
    except (BadInput, Damaged, SafetensorError):
        return None
