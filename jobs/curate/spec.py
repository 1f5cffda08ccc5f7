"""What curate is: one cheap step on vectors and the dataset version, so that an edit reruns seconds."""

from common.parameters import Parameter
from common.stage import Input, Resources, Stage, Step

PARAMETERS = (
    Parameter(
        "curate",
        "choice",
        "train",
        "What becomes of suspicious pictures: `report` shows them only, `train` keeps them from training (every figure is given for all "
        "test pictures first, then for the unsuspicious ones), `all` keeps them from the test, too.",
        choices=("report", "train", "all"),
    ),
    Parameter(
        "curate.beyond",
        "number",
        0.75,
        "A picture is suspicious if the probability that it does not belong to its class is at least this.",
        unit="fraction",
        low=0.05,
        high=1,
    ),
    Parameter(
        "curate.leastShare",
        "number",
        0.6,
        "At least so much of each class's training pictures stays, whatever is suspicious.",
        unit="fraction",
        low=0.1,
        high=1,
    ),
)

STAGE = Stage(
    name="curate",
    summary="find what does not belong to its class",
    steps=(
        Step(
            "curate",
            "find what does not belong to its class",
            inputs=(
                Input("features", "featurize"),
                Input("looks", "dedup/hash"),
                Input("dataset", "dedup/dataset"),
                Input("backbone", "refine"),
                Input("edits", "run/edits", optional=True),
            ),
            parameters=lambda _: ("curate", "curate.beyond", "curate.leastShare"),
        ),
    ),
    parameters=PARAMETERS,
    values=("aligned", "cells", "dataset", "edits", "features", "images", "model", "named", "suspects", "tables"),
    resources=Resources(cpu="1", memory="2Gi"),
)
