"""The demo's listing is prefix-stable and has the faults it says it has, in the shares it says."""

from __future__ import annotations

import io
import json
from collections import defaultdict
from dataclasses import asdict, replace
from itertools import combinations

import imagehash
import numpy as np
import pytest
from PIL import Image

from common.errors import BadParameters
from common.textures import FAMILIES
from jobs.scrape.sources.rendered import Rendering, listing, picture

DEMO_COUNTS = {"dotted": 125, "leopard": 112, "striped": 191}
MANY = {"dotted": 3000, "leopard": 3000, "striped": 3000}


def of_class(items: list[Rendering], label: str) -> list[Rendering]:
    return [item for item in items if item.label == label]


def open_picture(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def distance(one: bytes, other: bytes) -> int:
    """Count the bits by which two pictures' difference hashes (16 x 16) differ."""
    hashes = [imagehash.dhash(open_picture(data), hash_size=16) for data in (one, other)]
    return int(hashes[0] - hashes[1])


def original(item: Rendering) -> Rendering:
    return replace(item, copy_of="", copy_quality=0, copy_scale=1.0)


def in_two_classes(items: list[Rendering]) -> list[Rendering]:
    labels = defaultdict(set)
    for item in items:
        labels[item.family, item.seed].add(item.label)
    return [item for item in items if len(labels[item.family, item.seed]) > 1]


def test_the_demo_has_as_many_pictures_as_were_asked_for_with_padded_names() -> None:
    items = listing(DEMO_COUNTS, 0)
    for label, count in DEMO_COUNTS.items():
        names = [item.name for item in of_class(items, label)]
        assert names == [f"{label}/{index:05d}.jpg" for index in range(count)]
    assert [item.label for item in items] == sorted(item.label for item in items)


def test_a_listing_is_the_same_every_time_and_differs_by_seed() -> None:
    assert listing(DEMO_COUNTS, 0) == listing(dict(DEMO_COUNTS), 0)
    assert listing(DEMO_COUNTS, 0) != listing(DEMO_COUNTS, 1)


def test_a_larger_count_leaves_the_first_items_of_every_class_as_they_were() -> None:
    small = listing(DEMO_COUNTS, 0)
    for label, count in DEMO_COUNTS.items():
        grown = listing({**DEMO_COUNTS, label: count + 300}, 0)
        for one, before in DEMO_COUNTS.items():
            assert of_class(grown, one)[:before] == of_class(small, one)


@pytest.mark.parametrize("position", [0, 1, 3])
def test_one_more_class_leaves_all_items_as_they_were(position: int) -> None:
    counts = list(DEMO_COUNTS.items())
    counts.insert(position, ("checkered", 60))
    more = listing(dict(counts), 0)
    assert [item for item in more if item.label != "checkered"] == listing(DEMO_COUNTS, 0)


def test_about_four_percent_are_ambiguous() -> None:
    items = listing(MANY, 0)
    assert 0.03 < np.mean([item.ambiguous for item in items]) < 0.05
    assert 10 <= sum(item.ambiguous for item in listing(DEMO_COUNTS, 0)) <= 24


def test_about_five_percent_repeat_an_earlier_picture_of_their_class() -> None:
    items = listing(MANY, 0)
    share = np.mean([item.copy_of.startswith(item.label) for item in items])
    assert 0.04 < share < 0.06


def test_a_duplicate_names_an_earlier_picture_and_has_its_recipe() -> None:
    items = listing(MANY, 0)
    seen: dict[str, Rendering] = {}
    for item in items:
        if item.copy_of.startswith(item.label):
            first = seen[item.copy_of]
            assert first.copy_of == ""
            assert original(item) == replace(first, name=item.name)
        seen[item.name] = item


def test_duplicates_are_encoded_at_another_quality_and_most_are_resized() -> None:
    copies = [item for item in listing(MANY, 0) if item.copy_of]
    assert all(abs(item.copy_quality - item.quality) >= 5 for item in copies)
    assert all(40 <= item.copy_quality <= 95 for item in copies)
    assert all(0.8 <= item.copy_scale <= 1.25 for item in copies)
    assert 0.5 < np.mean([item.copy_scale != 1.0 for item in copies]) < 0.9


def test_about_seven_in_a_thousand_stand_under_two_labels() -> None:
    items = listing(MANY, 0)
    assert 0.004 < len(in_two_classes(items)) / len(items) < 0.012
    assert in_two_classes(listing(DEMO_COUNTS, 0))


def test_a_picture_under_two_labels_is_the_same_picture() -> None:
    groups = defaultdict(list)
    for item in in_two_classes(listing(DEMO_COUNTS, 0)):
        groups[item.family, item.seed].append(item)
    for group in groups.values():
        for one, other in combinations([picture(item) for item in group], 2):
            assert distance(one, other) <= 24
            assert group[0].ambiguous


def test_qualities_spread_from_40_to_95() -> None:
    qualities = [item.quality for item in listing(MANY, 0)]
    assert (min(qualities), max(qualities)) == (40, 95)


def test_a_picture_is_the_same_bytes_every_time() -> None:
    items = listing(DEMO_COUNTS, 0)
    chosen = [*items[:3], *[item for item in items if item.copy_of][:3]]
    assert [picture(item) for item in chosen] == [picture(item) for item in chosen]


def test_a_picture_is_a_jpeg_of_the_size_its_duplicate_is_scaled_by() -> None:
    resized = [item for item in listing(DEMO_COUNTS, 0) if item.copy_scale != 1.0]
    for item in resized[:4]:
        repeated, first = (open_picture(picture(one)) for one in (item, original(item)))
        assert repeated.format == "JPEG"
        assert repeated.mode == "RGB"
        for side, scaled in zip(first.size, repeated.size, strict=True):
            assert abs(scaled - side * item.copy_scale) <= 0.5


def test_duplicates_are_near_by_difference_hash_and_unrelated_pictures_are_far() -> None:
    items = listing(DEMO_COUNTS, 0)
    near = [distance(picture(item), picture(original(item))) for item in items if item.copy_of]
    assert max(near) <= 24
    assert np.median(near) <= 5
    others = [item for item in items if not item.copy_of and not item.ambiguous][::12]
    far = [distance(*pair) for pair in combinations(map(picture, others), 2)]
    assert np.percentile(far, 1) > 60
    assert min(far) > max(near)


def test_every_family_can_be_a_label() -> None:
    counts = dict.fromkeys(sorted(FAMILIES), 4)
    items = listing(counts, 3)
    assert len(items) == 4 * len(FAMILIES)
    assert all(picture(item)[:2] == b"\xff\xd8" for item in items[::4])


def test_a_label_that_is_no_family_is_refused_and_the_known_ones_are_named() -> None:
    with pytest.raises(BadParameters, match=r"'polka'.*Known families:.*dotted.*striped"):
        listing({"polka": 3}, 0)


def test_a_rendering_survives_json() -> None:
    for item in listing(DEMO_COUNTS, 0):
        assert Rendering(**json.loads(json.dumps(asdict(item)))) == item
