"""Pages: how figures are written."""

from __future__ import annotations

import pytest

from common.metrics import Figure
from common.pages import interval, percent, points


@pytest.mark.parametrize(
    ("value", "text"), [(0.9142, "91 %"), (0.996, "99.6 %"), (1.0, "100 %"), (0.0, "0 %"), (0.004, "0.4 %"), (0.5, "50 %")]
)
def test_shares_are_written_with_a_decimal_only_where_it_matters(value: float, text: str) -> None:
    assert percent(value) == text
    assert interval(Figure(value=value, low=value, high=value)) == f"{text} to {text}"


def test_differences_carry_their_sign() -> None:
    assert [points(value) for value in (0.0123, -0.5, 0.0)] == ["+1.2", "-50.0", "+0.0"]
