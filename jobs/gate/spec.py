"""What the gate is. `run/incumbent` is the model that the pointer names at the moment of asking."""

from common.parameters import Parameter
from common.stage import Input, Resources, Stage, Step

PARAMETERS = (
    Parameter(
        "gate.minDifference",
        "number",
        -0.02,
        "The candidate passes if the lower bound of its accuracy minus the serving model's is at least this.",
        unit="fraction",
        low=-1,
        high=1,
    ),
    Parameter("gate.resamples", "integer", 200, "Resamples behind the interval of the difference.", low=50, high=100_000),
)

STAGE = Stage(
    name="gate",
    summary="compare with the model that serves, decide",
    steps=(
        Step(
            "gate",
            "compare with the model that serves, decide",
            inputs=(
                Input("candidate", "train"),
                Input("evaluation", "evaluate"),
                Input("incumbent", "run/incumbent", optional=True),
                Input("features", "featurize"),
                Input("dataset", "dedup/dataset"),
                Input("snapshot", "scrape/snapshot"),
            ),
            parameters=lambda _: ("gate.minDifference", "gate.resamples"),
        ),
    ),
    parameters=PARAMETERS,
    values=("dataset", "features", "images", "metrics", "model", "shards", "tables"),
    resources=Resources(cpu="1", memory="2Gi"),
)
