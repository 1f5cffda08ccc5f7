"""The work of predict: a shard's probabilities, then the table; what changes them and what does not."""

from __future__ import annotations

import io
from pathlib import Path

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest

from common import records
from common.artifact import Artifact, seal
from common.features import IDS, VECTORS
from common.images import decode, preprocess
from common.model import CARD_FILE, MODEL_FILE, PROBABILITIES, load, version_of
from common.records import Recipe
from common.shards import read_pictures
from common.store.memory import MemoryStore
from common.tables import read_matrix
from jobs.predict.table import PARQUET
from tests.support import served
from tests.support.rooms import commit, defaults, run_step
from tests.support.scraped import snapshot_of


@pytest.fixture
def inputs(memory: MemoryStore, folder: Path) -> dict[str, Artifact]:
    (folder / "bars" / "broken.jpg").write_bytes(b"no picture")
    data, card = served.classifier(1)
    trained = commit(memory, "train", {MODEL_FILE: data, CARD_FILE: records.encode(card)})
    return {"snapshot": snapshot_of(memory, folder, shard_pictures=13), "model": trained}


def scored(store: MemoryStore, inputs: dict[str, Artifact], number: int = 0, batch: int = 5, threads: int = 1) -> Artifact:
    return run_step(store, "predict/score", inputs, defaults(predict_batch=batch), inputs["snapshot"].units[number], threads=threads)


def test_scores_are_the_model_s_answers_to_the_pictures_of_the_shard(memory: MemoryStore, inputs: dict[str, Artifact]) -> None:
    made = scored(memory, inputs)
    network, card = load(*served.classifier(1)), served.classifier(1)[1]
    pictures = list(read_pictures(inputs["snapshot"].units[0]))
    expected = [network.run(preprocess(decode(data), card.preprocessing)[None], PROBABILITIES)[0] for _, data in pictures]
    np.testing.assert_allclose(read_matrix(made.read(VECTORS)), expected, atol=1e-6)
    assert msgspec.json.decode(made.read(IDS)) == [entry.id for entry, _ in pictures]
    assert made.info["items"] == len(pictures) > 0


def test_the_number_of_threads_changes_no_bit_of_the_scores(memory: MemoryStore, inputs: dict[str, Artifact]) -> None:
    one = scored(memory, inputs).read(VECTORS)
    assert scored(MemoryStore(memory.snapshot()), inputs, threads=4).read(VECTORS) == one


def test_the_table_has_every_row_of_the_snapshot_that_is_there(memory: MemoryStore, inputs: dict[str, Artifact]) -> None:
    units = [(unit.name, scored(memory, inputs, number).manifest) for number, unit in enumerate(inputs["snapshot"].units)]
    scores = Artifact(memory, seal(memory, Recipe(step="predict/score", parameters={}, inputs={}, code=""), units, "w"))
    made = run_step(memory, "predict/table", {**inputs, "scores": scores}, defaults(predict_threshold=0.0))
    rows = pq.read_table(io.BytesIO(made.read(PARQUET))).to_pylist()
    version = version_of(inputs["model"].manifest.ref)
    assert len(rows) == 25
    assert {row["version"] for row in rows} == {version}
    assert [row["source"] for row in rows if row["reason"]] == ["bars/broken.jpg"]
    assert all(abs(sum(row[f"p_{name}"] for name in served.CLASSES) - 1) < 1e-5 for row in rows if row["id"])
    assert made.info["reason"] == f"24 pictures scored by model {version}, 0 unknown, 1 refused"
