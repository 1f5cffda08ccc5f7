"""A small model that serves without a run that made it, and the table that a prediction left."""

from __future__ import annotations

import io
from typing import Any

import pyarrow.parquet as pq

from common import artifact, records
from common.model import CARD_FILE, MODEL_FILE, version_of
from common.records import Pointer, Ref
from common.store import Store
from jobs.controller import pointer, runs
from tests.support import served
from tests.support.rooms import commit


def model_of(store: Store, seed: int) -> Ref:
    """Make the artifact of a model of three classes whose weights are drawn from a seed."""
    data, card = served.classifier(seed)
    return commit(store, "train", {MODEL_FILE: data, CARD_FILE: records.encode(card)}).manifest.ref


def let_serve(store: Store, seed: int = 1, dataset: str = "mine") -> str:
    """Let such a model serve; returns its version."""
    ref = model_of(store, seed)
    version = version_of(ref)
    wanted = Pointer(dataset=dataset, sequence=0, run="gone", snapshot=1, version=version, model=ref, gate=ref, writer=f"test-{seed}")
    return pointer.promote(store, wanted, pin=False).version


def rows(store: Store, run: str) -> list[dict[str, Any]]:
    """Return the rows of a prediction's table."""
    ref = runs.read(store, run).records["predict/table"].ref
    assert ref is not None
    found: list[dict[str, Any]] = pq.read_table(io.BytesIO(artifact.read_ref(store, ref).read("predictions.parquet"))).to_pylist()
    return found
