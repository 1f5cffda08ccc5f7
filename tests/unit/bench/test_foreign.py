"""Foreign pictures can be drawn, each number for itself."""

from __future__ import annotations

import numpy as np
import pytest

from tests.bench import foreign
from tests.bench.planted import FIRST_FOREIGN


@pytest.mark.parametrize("kind", foreign.KINDS)
def test_every_picture_that_the_bench_draws_can_be_drawn(kind: str) -> None:
    made = [foreign.draw(kind, FIRST_FOREIGN + at) for at in range(100)]
    assert {one.shape for one in made} == {(foreign.SIDE, foreign.SIDE, 3)}
    assert not np.array_equal(made[0], made[1])
    np.testing.assert_array_equal(foreign.draw(kind, FIRST_FOREIGN), made[0])
