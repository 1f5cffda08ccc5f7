"""How many pictures share a call of the network: as many as make each of them cheaper."""

from __future__ import annotations

import pytest

from jobs.serve.loaded import worthwhile


@pytest.mark.parametrize(
    ("call_s", "picture_s", "most", "size"),
    [
        (0.0, 0.030, 8, 1),  # a processor with a large network: nothing is gained
        (0.010, 0.001, 8, 8),  # a call costs more than a picture
        (0.010, 0.001, 3, 2),
        (0.010, 0.010, 64, 16),  # to share a call among 32 instead of 16 gains 3 %
    ],
)
def test_calls_grow_for_as_long_as_that_pays(call_s: float, picture_s: float, most: int, size: int) -> None:
    assert worthwhile(lambda count: call_s + count * picture_s, most) == size
