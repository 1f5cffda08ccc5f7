"""The work of predict: run the model over one shard; make one table of all pictures, refused ones among them."""

from __future__ import annotations

from collections.abc import Mapping

from common import inference, model, records
from common.dataset import rows_of
from common.features import vectors_of
from common.model import CARD_FILE, PROBABILITIES, Card
from common.stage import StepFunction, Work
from jobs.predict import table
from jobs.predict.table import CSV, PARQUET


def score(work: Work) -> None:
    """Write each picture's probabilities; content: float32 (n, k) in the order of the card's classes, and the ids in the same order."""
    inference.write_outputs(work, inference.read(work.inputs["model"]), PROBABILITIES, work.parameters.integer("predict.batch"))


def make_table(work: Work) -> None:
    """Write the table of all pictures; content: predictions.parquet, and the same as predictions.csv."""
    artifact = work.inputs["model"]
    classes = records.decode(artifact.read(CARD_FILE), Card, "the model's card").classes
    rows = [row for row in rows_of(work.inputs["snapshot"]) if not row.gone]
    version = model.version_of(artifact.manifest.ref)
    columns = table.columns(rows, vectors_of(work.inputs["scores"]), classes, work.parameters.number("predict.threshold"), version)
    work.out.write(PARQUET, table.as_parquet(columns))
    work.out.write(CSV, table.as_csv(columns))
    counted = table.counts(columns)
    reason = f"{counted['pictures']} pictures scored by model {version}, {counted['unknown']} unknown, {counted['refused']} refused"
    work.out.info |= {"items": len(rows), "version": version, "reason": reason, **counted}


STEPS: Mapping[str, StepFunction] = {"predict/score": score, "predict/table": make_table}
