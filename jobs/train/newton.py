"""A linear SVM with squared hinge loss, solved for all classes at once.

It minimises what LIBLINEAR does (Fan et al., 2008), w'w / 2 + sum of c max(0, 1 - y f)^2 with the
intercept as one more penalised weight, by the modified finite Newton method (Keerthi & DeCoste,
2005): the Hessian lives on the pictures inside the margin, and conjugate gradients solve for the
step. Every product serves all classes, so the work is in BLAS; a start near the answer (the
answer for a smaller c) makes a whole path of c cheap. A step need not be exact, so it is solved for
in float32, which halves what is read from memory; gradient and loss, which say when to stop, have the
precision of `inputs`. docs/decisions/0010 says why it is ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.floating]
Rows = tuple[Matrix, Matrix]
Each = Callable[[Callable[[Rows], Matrix], Iterable[Rows]], Iterable[Matrix]]

MOST_STEPS, MOST_INNER_STEPS, MOST_HALVINGS = 60, 80, 25


def solve(inputs: Matrix, signs: Matrix, penalties: Matrix, start: Matrix, tolerance: float, each: Each = map) -> Matrix:
    """Return weights (d, k) where each class's gradient is at most `tolerance` of that at nought.

    `inputs` (n, d) hold a column of ones for the intercept; `signs` (n, k) are +1 for the class
    and -1 for the rest; `penalties` (n, k) are c for each picture and class. float32 or float64
    throughout, as `inputs` are. `each` works on both halves of the pictures, one after the other
    as `map` does or side by side; the halves are the same, so the result is.
    """
    weights = start.copy()
    scale = _norms(inputs.T @ (2 * penalties * signs))
    margins = inputs @ weights
    light = inputs.astype(np.float32, copy=False)
    live = np.arange(signs.shape[1])
    for _ in range(MOST_STEPS):
        problem = _Problem(inputs, signs[:, live], penalties[:, live])
        gradient = problem.gradient(weights[:, live], margins[:, live])
        rough = _norms(gradient) > tolerance * scale[live]
        if not rough.any():
            break
        live, gradient = live[rough], gradient[:, rough]
        problem = _Problem(inputs, signs[:, live], penalties[:, live])
        size = _norms(gradient)
        # Roughly at first, better near the end, never further than the tolerance asks for.
        enough = np.minimum(0.25, np.maximum(np.sqrt(size / scale[live]), tolerance * scale[live] / (2 * size)))
        step = problem.newton_step(light, margins[:, live], gradient / size, enough, each) * size
        moved = inputs @ step
        length = problem.step_length(weights[:, live], margins[:, live], step, moved, gradient)
        weights[:, live] += length * step
        margins[:, live] += length * moved
    return weights


class _Problem:
    """The loss of some of the classes; `margins` (n, k) are always inputs @ weights."""

    def __init__(self, inputs: Matrix, signs: Matrix, penalties: Matrix) -> None:
        self._inputs = inputs
        self._signs = signs
        self._penalties = penalties

    def gradient(self, weights: Matrix, margins: Matrix) -> Matrix:
        return weights - self._inputs.T @ (2 * self._penalties * self._signs * self._short(margins))

    def newton_step(self, light: Matrix, margins: Matrix, gradient: Matrix, enough: Matrix, each: Each) -> Matrix:
        """Solve (I + X' D X) step = -gradient by conjugate gradients until less than `enough` (k,) of it is left.

        `light` is X in float32; the gradients have length one, so that nothing underflows.
        """
        curvature = (2 * self._penalties * (self._short(margins) > 0)).astype(np.float32)
        halves = list(zip(np.array_split(light, 2), np.array_split(curvature, 2), strict=True))
        rest: Matrix = (-gradient).astype(np.float32)
        step: Matrix = np.zeros_like(rest)
        direction, square = rest, _dots(rest, rest)
        active = np.ones(len(enough), dtype=bool)
        for _ in range(MOST_INNER_STEPS):
            one, other = each(partial(_curved, direction), halves)
            bent = direction + (one + other)
            along = np.where(active, square / np.maximum(_dots(direction, bent), np.finfo(step.dtype).tiny), 0)
            step = step + along * direction
            rest = rest - along * bent
            before, square = square, _dots(rest, rest)
            active &= np.sqrt(square) > enough
            if not active.any():
                break
            direction = rest + np.where(active, square / before, 0).astype(step.dtype) * direction
        return step.astype(gradient.dtype)

    def step_length(self, weights: Matrix, margins: Matrix, step: Matrix, moved: Matrix, gradient: Matrix) -> Matrix:
        """Halve each class's step until its loss falls as far as its slope promises (Armijo)."""
        loss, slope = self._loss(weights, margins), _dots(gradient, step)
        length = np.ones_like(slope)
        for _ in range(MOST_HALVINGS):
            reached = self._loss(weights + length * step, margins + length * moved)
            good = reached <= loss + 1e-4 * length * slope + np.finfo(step.dtype).eps * np.abs(loss)
            if good.all():
                break
            length = np.where(good, length, length / 2)
        return length.astype(step.dtype)

    def _loss(self, weights: Matrix, margins: Matrix) -> Matrix:
        short = self._short(margins)
        return _dots(weights, weights) / 2 + _dots(self._penalties * short, short)

    def _short(self, margins: Matrix) -> Matrix:
        """Return how far each picture is short of a margin of one."""
        return np.maximum(1 - self._signs * margins, 0)


def _curved(direction: Matrix, rows: Rows) -> Matrix:
    """Return X' D X direction for some rows of X and D."""
    inputs, curvature = rows
    product: Matrix = inputs.T @ (curvature * (inputs @ direction))
    return product


def _dots(one: Matrix, other: Matrix) -> Matrix:
    products: Matrix = np.einsum("ij,ij->j", one, other)
    return products


def _norms(matrix: Matrix) -> Matrix:
    return np.sqrt(_dots(matrix, matrix))
