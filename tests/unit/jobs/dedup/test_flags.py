"""What is amiss with pictures, from their measures."""

from __future__ import annotations

import msgspec
import pytest

from jobs.dedup.flags import KINDS, QUANTILES, SETTINGS, distribution, flags_of
from jobs.dedup.quality import Measure
from tests.support.rooms import defaults

GOOD = Measure(id="good", width=640, height=480, brightest=0.9, darkest=0.1, information=7, sharpness=0.6, colour=90, drawn=0.1)
BAD: dict[str, dict[str, float]] = {
    "dark": {"brightest": 0.31},
    "light": {"darkest": 0.96},
    "blurry": {"sharpness": 0.28},
    "low-information": {"information": 2.9},
    "odd-aspect": {"width": 820, "height": 280},
    "greyscale": {"colour": 2},
    "drawn": {"drawn": 0.9},
    "odd-size": {"width": 6400, "height": 4800},
}
OTHERS = [msgspec.structs.replace(GOOD, id=f"other-{number}", width=640 + number) for number in range(20)]


@pytest.mark.parametrize("kind", BAD)
def test_each_kind_is_flagged_by_its_own_figure(kind: str) -> None:
    bad = msgspec.structs.replace(GOOD, id="bad", **BAD[kind])
    found = flags_of([*OTHERS, bad], defaults(quality_size=30.0))
    assert found.pop("bad") == (kind,)
    assert set(found.values()) == {()}


def test_every_kind_is_shown_with_its_threshold_and_its_spread() -> None:
    measures = [*OTHERS, msgspec.structs.replace(GOOD, id="bad", brightest=0.1)]
    settings = defaults(quality_size=30.0)
    shown = distribution(measures, flags_of(measures, settings), settings)
    assert tuple(shown) == KINDS == tuple(BAD)
    assert {kind: one["flagged"] for kind, one in shown.items()} == {kind: int(kind == "dark") for kind in KINDS}
    assert shown["dark"]["threshold"] == 0.32
    assert len(shown["dark"]["quantiles"]) == len(QUANTILES)
    assert (shown["dark"]["quantiles"][0], shown["dark"]["quantiles"][3]) == (0.1, 0.9)


@pytest.mark.parametrize("setting", SETTINGS)
def test_each_threshold_can_be_moved(setting: str) -> None:
    bad = [msgspec.structs.replace(GOOD, id=kind, **changes) for kind, changes in BAD.items()]
    name, highest = setting.replace(".", "_"), {"quality.size": 0}.get(setting, 1000)
    found = flags_of([*OTHERS, *bad], defaults(**{name: highest}))
    assert sum(map(bool, found.values())) > len(bad)


def test_sizes_all_alike_make_any_other_odd() -> None:
    alike = [msgspec.structs.replace(GOOD, id=str(number)) for number in range(8)]
    other = msgspec.structs.replace(GOOD, id="other", width=639)
    assert flags_of([*alike, other], defaults())["other"] == ("odd-size",)


def test_no_pictures_have_no_flags() -> None:
    assert flags_of([], defaults()) == {}
    assert distribution([], {}, defaults())["dark"] == {"flagged": 0, "threshold": 0.32, "quantiles": []}
