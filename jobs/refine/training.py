"""The loop of refinement: epochs of minibatches, each followed by a look at the validation pictures and by a checkpoint.

Everything that is drawn follows from (seed, epoch, step), so it does not matter how often the run was interrupted.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial

import msgspec
import numpy as np

from common import images
from common.errors import BadInput
from common.images import Preprocessing
from common.stage import Work
from jobs.refine import augment, curve
from jobs.refine.backends.base import Backend, Floats, OutOfMemory, State, Step
from jobs.refine.checkpoint import Checkpoint, Checkpoints, Progress
from jobs.refine.curve import Epoch
from jobs.refine.front import Front
from jobs.refine.pictures import Squares, batch, blocks
from jobs.refine.recipe import Recipe
from jobs.refine.samples import Indices, epoch_order, minibatches

AHEAD = 3
"""Minibatches that are made ready while a GPU trains on one. Where processors train, they have nothing to spare, and only wait for
each other."""
HOPELESS = 30.0
"""A loss so many times that of guessing will not come back."""

Opener = Callable[[bool], Backend]
"""Returns a backend that trains all, or (True) the head alone."""


class Diverged(BadInput):
    """The weights ran away."""


class TooLarge(BadInput):
    """A minibatch does not fit into memory."""


@dataclass(frozen=True)
class Known:
    """Squares and class indices of one side."""

    squares: Squares
    targets: Indices


@dataclass(frozen=True)
class Material:
    """The pictures of all sides, and how they become a network's input."""

    train: Known
    validation: Known
    test: Known
    classes: int
    how: Preprocessing
    front: Front


@dataclass(frozen=True)
class Outcome:
    """The curve, the weights of the chosen epoch, and the last state."""

    curve: list[Epoch]
    weights: State
    state: State
    parts: int


class Training:
    """One refinement, from its last checkpoint to its end."""

    def __init__(self, work: Work, recipe: Recipe, material: Material, open_: Opener, ahead: int = 0) -> None:
        self._work, self._recipe, self._material, self._open, self._ahead = work, recipe, material, open_, ahead
        self._checkpoints = Checkpoints(work.out)
        self._began = time.monotonic()
        self._done = 0

    def run(self) -> Outcome:
        """Train all epochs that are left. Raises Diverged, TooLarge."""
        found = self._checkpoints.load()
        self._progress = found.progress if found else Progress()
        self._best: State = found.best if found else {}
        state = found.state if found else None
        if found:
            self._work.log(f"going on after epoch {self._progress.epoch}, step {self._progress.step}")
        frozen = self._recipe.is_frozen(self._progress.epoch)
        backend = self._open(frozen)
        if state is not None:
            backend.restore(state)
        with self._work.stopping.held():
            while self._progress.epoch < self._recipe.epochs and not self._work.stopping.asked:
                wanted = self._recipe.is_frozen(self._progress.epoch)
                if wanted != frozen:
                    backend, frozen = self._reopened(backend, wanted), wanted
                self._epoch(backend)
                self._checkpoints.save(Checkpoint(self._progress, backend.state(), self._best))
        with closing(backend):
            return Outcome(self._with_test_errors(), self._best, backend.state(), self._progress.parts)

    def _reopened(self, backend: Backend, frozen: bool) -> Backend:
        with closing(backend):
            state = backend.state()
        fresh = self._open(frozen)
        fresh.restore(state)
        return fresh

    def _epoch(self, backend: Backend) -> None:
        """Train one epoch, or what is left of it; leave early where the process is asked to end."""
        now, recipe = self._progress, self._recipe
        plan = minibatches(epoch_order(self._material.train.targets, recipe, now.epoch), recipe.size)
        with closing(self._ready(plan, now.epoch, now.step)) as ready:
            for pictures, targets in ready:
                step = self._step(backend, pictures, targets, recipe.rate(now.epoch, now.step, len(plan)))
                now.loss, now.errors, now.pictures = now.loss + step.loss, now.errors + step.errors, now.pictures + step.pictures
                now.step += 1
                self._report(plan)
                if self._work.stopping.asked and now.step < len(plan):
                    return
        self._close_epoch(backend, len(plan))

    def _step(self, backend: Backend, pictures: Floats, targets: Floats, rate: float) -> Step:
        now = self._progress
        while True:
            try:
                step = backend.step(pictures, targets, rate, now.parts)
            except OutOfMemory:
                if self._recipe.minibatch or now.parts >= len(pictures):
                    raise TooLarge(_too_large(backend, pictures, targets)) from None
                now.parts = min(2 * now.parts, len(pictures))
                self._work.log(f"a minibatch of {self._recipe.size} does not fit into memory; going on in {now.parts} parts")
            else:
                if not step.loss / step.pictures < HOPELESS * math.log(self._material.classes):
                    raise Diverged(_diverged(now.epoch, self._recipe))
                return step

    def _close_epoch(self, backend: Backend, steps: int) -> None:
        """Look at the other sides, note what the epoch came to, keep its weights if they are the best."""
        now, validation = self._progress, self._material.validation
        logits = self._logits(backend, validation.squares)
        if not np.isfinite(logits).all():
            raise Diverged(_diverged(now.epoch, self._recipe))
        now.curve.append(
            Epoch(
                epoch=now.epoch + 1,
                rate=self._recipe.rate(now.epoch, steps - 1, steps),
                train_loss=now.loss / now.pictures,
                train_error=now.errors / now.pictures,
                validation_loss=_loss(logits, validation.targets),
                validation_error=float((logits.argmax(axis=1) != validation.targets).mean()),
            )
        )
        now.guesses.append(self._logits(backend, self._material.test.squares).argmax(axis=1).tolist())
        if curve.best(now.curve).epoch == now.epoch + 1:
            self._best = backend.weights()
        self._say(now.curve[-1])
        now.epoch, now.step, now.loss, now.errors, now.pictures = now.epoch + 1, 0, 0.0, 0, 0

    def _logits(self, backend: Backend, squares: Squares) -> Floats:
        """Return what the network says, the mean over its views: which is what the mean of their features gives."""
        material, found = self._material, []
        with ThreadPoolExecutor(self._work.threads) as hands:
            for block in blocks(squares, self._recipe.size):
                pictures = batch(block, material.how)
                seen = hands.map(partial(material.front.see, pictures), range(len(material.front.trunks)))
                found.append(np.mean([backend.predict(one) for one in list(seen)], axis=0, dtype=np.float32))
        return np.concatenate(found)

    # --- what is made ready ---

    def _ready(self, plan: list[Indices], epoch: int, start: int) -> Generator[tuple[Floats, Floats]]:
        """Yield an epoch's minibatches from one on, a few of them made while the network trains."""
        with ThreadPoolExecutor(1) as foreman, ThreadPoolExecutor(self._work.threads) as hands:
            waiting: deque[Future[tuple[Floats, Floats]]] = deque()
            for number in range(start, len(plan)):
                waiting.append(foreman.submit(self._minibatch, hands, plan[number], epoch, number))
                if len(waiting) > self._ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _minibatch(self, hands: Executor, rows: Indices, epoch: int, number: int) -> tuple[Floats, Floats]:
        """Return what the network sees of varied pictures, through a view that is drawn, and their targets (n, classes)."""
        recipe, material, side = self._recipe, self._material, self._material.how.resolution
        pictures, rng = np.empty((len(rows), 3, side, side), np.float32), self._drawn(4, epoch, number)

        def vary(places: range) -> None:
            for place in places:
                draw = self._drawn(3, epoch, number, place)
                varied = augment.vary(material.train.squares[rows[place]], side, recipe.augmentation, draw)
                pictures[place] = images.values(np.ascontiguousarray(varied), material.how)

        share = -(-len(rows) // self._work.threads)
        shares = [range(at, min(at + share, len(rows))) for at in range(0, len(rows), share)]
        list(hands.map(vary, shares))
        targets = np.eye(material.classes, dtype=np.float32)[material.train.targets[rows]]
        targets = (1 - recipe.smoothing) * targets + np.float32(recipe.smoothing / material.classes)
        view = int(rng.integers(len(material.front.trunks)))
        if recipe.mixup:
            pictures, targets = augment.mixed(pictures, targets, recipe.mixup, rng)
        seen = hands.map(lambda places: material.front.see(pictures[places.start : places.stop], view), shares)
        return np.concatenate(list(seen)), targets.astype(np.float32)

    def _drawn(self, *place: int) -> np.random.Generator:
        return np.random.default_rng([self._recipe.seed, *place])

    # --- what is said ---

    def _report(self, plan: list[Indices]) -> None:
        """Tell how far this process is; the rate is that of its own pictures."""
        now = self._progress
        self._done += len(plan[now.step - 1])
        ahead = sum(map(len, plan[now.step :])) + (self._recipe.epochs - now.epoch - 1) * sum(map(len, plan))
        note = f"pictures, epoch {now.epoch + 1} of {self._recipe.epochs}, loss {now.loss / now.pictures:.3f}"
        errors = f", {100 * now.errors / now.pictures:.1f} % wrong"
        self._work.progress(self._done, self._done + ahead, note + errors)

    def _say(self, row: Epoch) -> None:
        rate = self._done / max(1e-9, time.monotonic() - self._began)
        self._work.log(
            f"epoch {row.epoch} of {self._recipe.epochs}: loss {row.train_loss:.3f}, {100 * row.train_error:.1f} % of training wrong, "
            f"{100 * row.validation_error:.1f} % of validation, {rate:.1f} pictures/s"
        )

    def _with_test_errors(self) -> list[Epoch]:
        """Fill in the test errors, now that the epoch is chosen."""
        truth = self._material.test.targets
        errors = [float((np.asarray(guesses) != truth).mean()) for guesses in self._progress.guesses]
        return [msgspec.structs.replace(row, test_error=error) for row, error in zip(self._progress.curve, errors, strict=True)]


def _loss(logits: Floats, targets: Indices) -> float:
    """Return the mean cross entropy in nats."""
    values = logits.astype(np.float64)
    values -= values.max(axis=1, keepdims=True)
    logs = values - np.log(np.exp(values).sum(axis=1, keepdims=True))
    return float(-logs[np.arange(len(targets)), targets].mean())


def _diverged(epoch: int, recipe: Recipe) -> str:
    if recipe.modern:
        return f"Refinement diverged at epoch {epoch + 1}: try a tenth of the rate, refine.peakRate={recipe.peak / 10:g}."
    tenth = ", ".join(f"{rate / 10:g}" for rate in dict.fromkeys(recipe.rates))
    return f"Refinement diverged at epoch {epoch + 1}: try a tenth of the rates in refine.lrPerMb, such as {tenth}."


def _too_large(backend: Backend, pictures: Floats, targets: Floats) -> str:
    """Find out how many pictures fit, now that the run ends anyway."""
    count = len(pictures) // 2
    while count:
        try:
            backend.step(pictures[:count], targets[:count], 0.0)
        except OutOfMemory:
            count //= 2
        else:
            return (
                f"A minibatch of {len(pictures)} pictures does not fit into memory; {count} fit. Use refine.mbSize={count}, "
                "refine.mbSize=auto, which works a minibatch off in parts, a smaller refine.inputResolution, or more memory."
            )
    return "Not even one picture fits into memory. Use a smaller refine.inputResolution, or more memory."
