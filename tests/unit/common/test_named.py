"""What a backbone calls things: which of its names a class is."""

from __future__ import annotations

import numpy as np
import pytest

from common import named
from common.model import Named

NAMES = (Named(("striped", "stripes"), (0, 2)), Named(("dotted", "dots", "polka"), (1,)))


@pytest.mark.parametrize(("label", "place"), [("stripes", 0), ("polka dots", 1), ("red stripes", 0), ("argyle", None), ("", None)])
def test_a_class_is_found_by_the_words_in_its_name(label: str, place: int | None) -> None:
    assert named.place(label, NAMES) == place


def test_a_row_is_the_mean_of_its_features() -> None:
    np.testing.assert_array_equal(named.rows(NAMES, 3), [[0.5, 0, 0.5], [0, 1, 0]])
