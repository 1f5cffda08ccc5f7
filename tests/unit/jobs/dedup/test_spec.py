"""Settings of dedup that do not fit together."""

from __future__ import annotations

from jobs.dedup.spec import STAGE
from tests.support.rooms import defaults


def test_a_split_by_pattern_needs_a_pattern() -> None:
    assert "needs a split.pattern" in STAGE.check(defaults(split_by="pattern"))[0]
    assert STAGE.check(defaults(split_by="pattern", split_pattern=r"^(g\d+)_")) == []


def test_a_pattern_must_be_a_regular_expression() -> None:
    assert "is not a regular expression" in STAGE.check(defaults(split_pattern="(["))[0]
