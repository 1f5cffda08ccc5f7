"""bench-report: all of the evaluate stage for 10,000 predictions in 20 classes, against budgets of time and size.

The stage runs as in a Job: it reads vectors, scores, resamples, picks pictures, reads real JPEGs out of the
snapshot's shards by range, makes thumbnails and renders the page. Only its inputs are made up.
"""

from __future__ import annotations

import tempfile
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper

from common import model, records, shards
from common.artifact import Artifact, seal
from common.dataset import TEST, TEST_SIDE, TRAIN, VERSION, Entry, entries_of
from common.features import IDS, VECTORS
from common.images import Preprocessing
from common.model import CARD_FILE, FEATURES, IMAGE, MODEL_FILE, OPSET, Card, Head
from common.records import Recipe, canonical
from common.store import Store
from common.store.local import LocalStore
from common.tables import write_matrix, write_table
from tests.bench.photographs import photograph
from tests.bench.rounds import alternate, best, seconds
from tests.bench.rows import Bench, below, emit, machine, say
from tests.support import trained
from tests.support.rooms import commit, run_step

CLASSES, TESTS, TRAINED, REPEATED, DIMENSION = 20, 10_000, 4_000, 100, 256
PER_GROUP, PER_SHARD, ROUNDS = 4, 128, 3
MOST_S, MOST_MB = 5.0, 3.0

LIMITS = (
    "Most of the time goes into resampling the areas under curves (common/metrics/ranking.py) and reading Parquet; most of the "
    "page's size is thumbnails."
)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = LocalStore(Path(folder))
        say(f"report: writing {TESTS + TRAINED:,} pictures and their vectors")
        inputs = make_inputs(store)
        made: list[Artifact] = []

        def evaluate() -> None:
            made.append(run_step(store, "evaluate", inputs))

        times = best(alternate({"evaluate": partial(seconds, evaluate)}, ROUNDS))
        (page,) = made[-1].manifest.evidence
    what = f"report on {TESTS:,} predictions, {CLASSES} classes"
    emit(
        Bench(
            "report",
            machine(),
            (
                below(f"{what}: time of the whole evaluate stage", times["evaluate"], MOST_S, "budget", "s"),
                below(f"{what}: size of report.html", page.size / 1e6, MOST_MB, "budget", "MB"),
            ),
        )
    )


def make_inputs(store: Store) -> dict[str, Artifact]:
    """Return the stage's inputs: every kept picture is in the snapshot and has a vector."""
    random = np.random.default_rng(0)
    count = TESTS + TRAINED
    classes = random.integers(0, CLASSES, count // PER_GROUP)[np.arange(count) // PER_GROUP]
    centres = random.normal(0, 0.2, (CLASSES, DIMENSION))  # one in five goes wrong, so the page is full
    vectors = (centres[classes] + random.normal(0, 1, (count, DIMENSION))).astype(np.float32)
    names = tuple(f"class {index:02d}" for index in range(CLASSES))
    pieces = [range(start, min(start + PER_SHARD, count)) for start in range(0, count, PER_SHARD)]
    ids: list[str] = []
    packed = []
    for piece in pieces:
        pictures = [photograph(number) for number in piece]
        ids += [picture.id for picture in pictures]
        packed.append(commit(store, "scrape/fetch", shards.pack(pictures)).manifest)
    computed = [
        commit(
            store,
            "featurize/shard",
            {VECTORS: write_matrix(vectors[piece.start : piece.stop]), IDS: canonical(ids[piece.start : piece.stop])},
        )
        for piece in pieces
    ]
    snapshot = seal(store, _recipe("scrape/snapshot"), [(f"shard-{at}", one) for at, one in enumerate(packed)], "bench")
    snapshot.info["source"] = "made up"
    version = _version(store, ids, classes, names)
    features = seal(store, _recipe("featurize"), [(f"shard-{at}", one.manifest) for at, one in enumerate(computed)], "bench")
    return {
        "snapshot": Artifact(store, snapshot),
        "features": Artifact(store, features),
        "dataset": version,
        "model": _model(store, centres.astype(np.float32), names),
        "curation": trained.curation(store, entries_of(version)),
    }


def _recipe(step: str) -> Recipe:
    return Recipe(step=step, parameters={}, inputs={}, code="")


def _version(store: Store, ids: list[str], classes: NDArray[np.int64], names: tuple[str, ...]) -> Artifact:
    rows = [_entry(ids[at], at, names[classes[at]], TRAIN if at < TRAINED else TEST) for at in range(len(ids))]
    again = [_entry(ids[at], at, names[classes[at]], "", reason=f"duplicate of {rows[at].name}") for at in range(REPEATED)]
    info = {
        "classes": names,
        "scoring": TEST_SIDE,
        "warnings": [],
        "groups": {name: len({row.group for row in rows if row.label == name}) for name in names},
        "sides": {name: {side: sum((row.label, row.side) == (name, side) for row in rows) for side in (TRAIN, TEST)} for name in names},
    }
    return commit(store, "dedup/dataset", {VERSION: write_table([*rows, *again], Entry)}, info)


def _entry(image: str, number: int, label: str, side: str, reason: str = "") -> Entry:
    return Entry(
        id=image,
        name=f"{label}/{number:05d}{'-again' if reason else ''}.jpg",
        label=label,
        source_label=label,
        group=f"g{number // PER_GROUP}",
        side=side,
        kept=not reason,
        reason=reason,
        first=1,
        licence="",
    )


def _model(store: Store, centres: NDArray[np.float32], names: tuple[str, ...]) -> Artifact:
    """Return a classifier that takes the nearest centre, on a backbone that hands its input on."""
    graph = helper.make_graph(
        [helper.make_node("Identity", [IMAGE], [FEATURES])],
        "identity",
        [helper.make_tensor_value_info(IMAGE, TensorProto.FLOAT, ["n", DIMENSION])],
        [helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, ["n", DIMENSION])],
    )
    plain = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    head = Head(
        mean=np.zeros(DIMENSION, np.float32),
        scale=np.ones(DIMENSION, np.float32),
        weights=centres,
        bias=-(centres**2).sum(axis=1) / 2,
        unit_length=False,
        temperature=1.0,
    )
    data = model.attach_head(plain.SerializeToString(deterministic=True), head)
    card = Card(
        name="nearest centre",
        kind="classifier",
        onnx_sha256=sha256(data).hexdigest(),
        preprocessing=Preprocessing(resolution=224),
        dimension=DIMENSION,
        classes=names,
        training={"c": 1.0},
    )
    trials = canonical([{"c": 1.0, "classAverageAccuracy": 0.9}])
    return commit(store, "train", {MODEL_FILE: data, CARD_FILE: records.encode(card), "trials.json": trials})


if __name__ == "__main__":
    main()
