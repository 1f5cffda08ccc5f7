"""The work of featurize: decode, preprocess and run the backbone over one shard."""

from __future__ import annotations

from collections.abc import Mapping

from common import inference
from common.model import FEATURES
from common.stage import StepFunction, Work


def featurize(work: Work) -> None:
    """Write one vector for each picture; content: float32 (n, d) and the ids in the same order."""
    inference.write_outputs(work, inference.read(work.inputs["backbone"]), FEATURES, work.parameters.integer("featurize.batch"))


STEPS: Mapping[str, StepFunction] = {"featurize": featurize}
