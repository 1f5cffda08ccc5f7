"""The stage: its rows, its reasons, and a person's word."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import pytest

from common import records
from common.artifact import Artifact
from common.dataset import LEAVE_ONE_GROUP_OUT, TEST, TEST_SIDE, TRAIN, Entry
from common.records import Edit
from common.store.memory import MemoryStore
from common.suspects import Suspect, copies_of, left_out_of, suspects_of, suspicious_of
from tests.support import networks, trained
from tests.support.rooms import commit, defaults, run_step

SWAPPED = ("bars-000", "rows-003", "spots-005")


def rows(swapped: Sequence[str] = SWAPPED) -> list[Entry]:
    """Return 120 pictures of 60 groups; the swapped ones are under the next label, though they look like their source's."""
    entries = trained.entries(per_class=40)
    following = dict(zip(trained.CLASSES, trained.CLASSES[1:] + trained.CLASSES[:1], strict=True))
    return [msgspec.structs.replace(row, label=following[row.label]) if row.id in swapped else row for row in entries]


def curated(store: MemoryStore, entries: list[Entry], words: Sequence[Edit] = (), scoring: str = TEST_SIDE, **changed: object) -> Artifact:
    given = {
        "features": trained.features(store, entries, spread=0.5),
        "looks": trained.looks(store, entries),
        "dataset": trained.version(store, entries, scoring),
        "backbone": trained.backbone(store),
    }
    if words:
        given["edits"] = commit(store, "edits", {"edits.json": records.canonical(list(words))})
    return run_step(store, "curate", given, defaults(**changed))


def test_copies_across_the_split_are_a_warning(memory: MemoryStore) -> None:
    entries = rows()
    train = next(row for row in entries if row.side == TRAIN)
    test = next(row for row in entries if row.side == TEST and row.label == train.label)
    version = trained.version(memory, entries)
    features, looks = (
        np.random.default_rng(1).normal(0, 1, (len(entries), networks.DIMENSION)),
        np.random.default_rng(2).normal(0, 1, (len(entries), 9)),
    )
    one, other = entries.index(train), entries.index(test)
    cells = trained.thumbnails(len(entries))
    features[other], looks[other], cells[other] = features[one] + 0.01, looks[one] + 0.01, cells[one]
    given = {
        "features": trained.sharded(memory, "featurize", entries, features),
        "looks": trained.hashed(memory, entries, looks, cells),
        "dataset": version,
        "backbone": trained.backbone(memory),
    }
    made = run_step(memory, "curate", given, defaults())
    (found,) = copies_of(made)
    assert {found.one, found.other} == {train.id, test.id}
    (warning,) = made.info["warnings"]
    assert warning.startswith("1 test picture(s) may be copies of training pictures")
    assert train.name in warning
    assert test.name in warning


def said(made: Artifact) -> dict[str, Suspect]:
    return {row.id: row for row in suspects_of(made)}


def word(image: str, action: str, label: str = "") -> Edit:
    return Edit(dataset="mine", image=image, action=action, label=label, by="ann", at="2026-11-28T00:00:00Z", parent="")


def test_swapped_pictures_come_first_with_a_reason_and_a_suggestion(memory: MemoryStore) -> None:
    made = curated(memory, rows())
    worst = suspects_of(made)
    assert {row.id for row in worst[:3]} == set(SWAPPED)
    for row in worst[:3]:
        assert row.suggested == row.name.partition("/")[0]
        assert row.reason in (f"its neighbours are {row.suggested}", f"it looks like {row.suggested}")
    assert [row.score for row in worst] == sorted((row.score for row in worst), reverse=True)
    assert made.info["items"] == 120
    assert made.info["suspicious"] == sum(row.suspicious for row in worst)


def test_they_are_left_out_of_training_if_they_are_on_that_side(memory: MemoryStore) -> None:
    entries = rows()
    made = curated(memory, entries)
    sides = {row.id: row.side for row in entries}
    assert {image for image, _ in left_out_of(made)} >= {image for image in SWAPPED if sides[image] == TRAIN}
    assert not [image for image, _ in left_out_of(made) if sides[image] == TEST]


def test_the_report_policy_leaves_nothing_out_and_says_the_same(memory: MemoryStore) -> None:
    made = curated(memory, rows(), curate="report")
    assert not left_out_of(made)
    assert suspicious_of(suspects_of(made)) == suspicious_of(suspects_of(curated(memory, rows())))


@pytest.mark.parametrize(("action", "label"), [("keep", ""), ("label", "rows")])
def test_a_person_s_word_wins(action: str, label: str, memory: MemoryStore) -> None:
    made = curated(memory, rows(), [word("bars-000", action, label)])
    row = said(made)["bars-000"]
    assert (row.decided, row.suspicious, row.left_out) == (True, False, False)
    assert said(curated(memory, rows()))["bars-000"].left_out


def test_a_word_taken_back_is_none(memory: MemoryStore) -> None:
    made = curated(memory, rows(), [word("bars-000", "keep"), word("bars-000", "clear")])
    assert said(made)["bars-000"].left_out


def test_the_same_picture_under_several_labels_is_most_suspicious(memory: MemoryStore) -> None:
    reason = "label conflict: the same picture is under bars and rows"
    twice = msgspec.structs.replace(trained.entry("c", "bars/c.png", "bars", "g", ""), kept=False, reason=reason)
    first = suspects_of(curated(memory, [*rows(), twice]))[0]
    assert (first.id, first.score, first.reason) == ("c", 1.0, "the same picture is under bars and rows")
    assert not first.left_out


def test_labels_of_the_test_side_do_not_decide_what_training_sees(memory: MemoryStore) -> None:
    entries = rows()
    harmed = [msgspec.structs.replace(row, label="bars") if row.side == TEST else row for row in entries]
    first, second = (said(curated(memory, one)) for one in (entries, harmed))
    for row in entries:
        if row.side == TRAIN:
            assert first[row.id].score == pytest.approx(second[row.id].score, abs=1e-3)


def test_few_groups_are_reported_and_stay(memory: MemoryStore) -> None:
    entries = [msgspec.structs.replace(row, group=f"{row.label}-{at % 3}") for at, row in enumerate(rows())]
    made = curated(memory, entries, scoring=LEAVE_ONE_GROUP_OUT)
    assert not left_out_of(made)


def test_again_gives_the_same_bytes_whatever_the_threads() -> None:
    digests = {curated(store, rows()).manifest.digest for store in (MemoryStore(), MemoryStore())}
    assert len(digests) == 1


def test_suspects_that_look_alike_share_a_name(memory: MemoryStore) -> None:
    made = [row for row in suspects_of(curated(memory, rows())) if row.suspicious]
    assert all(row.alike for row in made)
    assert np.all([row.alike == "" for row in suspects_of(curated(memory, rows())) if not row.suspicious])
