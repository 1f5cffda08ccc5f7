"""The work of featurize: decode, preprocess and run the backbone over one shard."""

from __future__ import annotations

from collections.abc import Mapping

from common import inference
from common.features import IDS, VECTORS
from common.model import FEATURES
from common.records import canonical
from common.stage import StepFunction, Work
from common.tables import write_matrix


def featurize(work: Work) -> None:
    """Write one vector for each picture; content: float32 (n, d) and the ids in the same order."""
    backbone = inference.read(work.inputs["backbone"])
    size = work.parameters.integer("featurize.batch")
    ids, vectors = inference.run_shard(backbone, FEATURES, work.the_unit(), size, work.threads, work.progress)
    work.out.write(VECTORS, write_matrix(vectors))
    work.out.write(IDS, canonical(ids))
    work.out.info |= {"items": len(ids)}


STEPS: Mapping[str, StepFunction] = {"featurize": featurize}
