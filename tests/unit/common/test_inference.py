"""A network over a shard: the same outputs whatever the batches, in the shard's order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from common import inference, records, shards
from common.errors import BadInput
from common.model import CARD_FILE, FEATURES, MODEL_FILE, PROBABILITIES
from common.progress import silent
from common.store.memory import MemoryStore
from tests.support import served
from tests.support.rooms import commit
from tests.support.scraped import snapshot_of


def test_batches_change_no_output_beyond_rounding(memory: MemoryStore, folder: Path) -> None:
    shard = snapshot_of(memory, folder, shard_pictures=24).units[0]
    data, card = served.classifier(2)
    network = inference.read(commit(memory, "train", {MODEL_FILE: data, CARD_FILE: records.encode(card)}))
    ids, whole = inference.run_shard(network, PROBABILITIES, shard, 24, 1, silent)
    assert ids == [entry.id for entry in shards.read_index(shard)]
    assert whole.shape == (24, 3)
    for size in (1, 7):
        np.testing.assert_allclose(inference.run_shard(network, PROBABILITIES, shard, size, 2, silent)[1], whole, atol=1e-6)


@pytest.mark.parametrize(("output", "width"), [(FEATURES, None), (PROBABILITIES, 3)])
def test_an_empty_shard_gives_no_rows_of_the_right_width(memory: MemoryStore, output: str, width: int | None) -> None:
    data, card = served.classifier(2)
    network = inference.read(commit(memory, "train", {MODEL_FILE: data, CARD_FILE: records.encode(card)}))
    ids, none = inference.run_shard(network, output, commit(memory, "scrape/fetch", shards.pack([])), 4, 1, silent)
    assert (ids, none.shape, str(none.dtype)) == ([], (0, width or card.dimension), "float32")


def test_progress_comes_to_the_number_of_pictures(memory: MemoryStore, folder: Path) -> None:
    shard = snapshot_of(memory, folder, shard_pictures=24).units[0]
    data, card = served.classifier(2)
    network = inference.read(commit(memory, "train", {MODEL_FILE: data, CARD_FILE: records.encode(card)}))
    told: list[tuple[int, int]] = []
    inference.run_shard(network, FEATURES, shard, 10, 1, lambda done, total, note="": told.append((done, total)))
    assert told == [(10, 24), (20, 24), (24, 24)]


def test_another_file_than_the_card_s_is_refused(memory: MemoryStore) -> None:
    card = served.classifier(2)[1]
    with pytest.raises(BadInput, match="not the one that its card speaks of"):
        inference.read(commit(memory, "train", {MODEL_FILE: served.classifier(3)[0], CARD_FILE: records.encode(card)}))
