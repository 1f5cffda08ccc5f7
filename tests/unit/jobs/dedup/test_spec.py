"""Settings of dedup that do not fit together."""

from __future__ import annotations

from jobs.dedup import flags, frequencies, hashes
from jobs.dedup.spec import STAGE
from tests.support.rooms import defaults


def test_a_split_by_pattern_needs_a_pattern() -> None:
    assert "needs a split.pattern" in STAGE.check(defaults(split_by="pattern"))[0]
    assert STAGE.check(defaults(split_by="pattern", split_pattern=r"^(g\d+)_")) == []


def test_a_pattern_must_be_a_regular_expression() -> None:
    assert "is not a regular expression" in STAGE.check(defaults(split_pattern="(["))[0]


def test_dhash_wants_a_distance_of_its_own_and_knows_no_turning() -> None:
    assert STAGE.check(defaults(dedup_hash="dhash", dedup_distance=12)) == []
    far, turned = STAGE.check(defaults(dedup_hash="dhash", dedup_orientations="all"))
    assert "such as dedup.distance=12" in far
    assert "needs dedup.hash=dct" in turned


def test_the_choices_are_those_that_the_work_knows() -> None:
    choices = {one.name: one.choices for one in STAGE.parameters}
    assert choices["dedup.hash"] == hashes.KINDS
    assert choices["dedup.orientations"] == tuple(frequencies.WAYS)


def test_thresholds_are_no_matter_of_the_shards() -> None:
    values = defaults()
    of_a_shard, of_all = (set(step.parameters(values)) for step in STAGE.steps)
    assert of_a_shard == {"dedup.hash"}
    assert of_all >= {*flags.SETTINGS, "dedup.distance", "dedup.orientations"}
    assert of_a_shard | of_all == {one.name for one in STAGE.parameters}
