"""What predict is: scores for each shard, then one table of all. `run/model` is the model that was chosen when the run was asked for."""

from common.parameters import Parameter, Values
from common.stage import Input, Resources, Stage, Step

PARAMETERS = (
    Parameter(
        "predict.threshold",
        "number",
        0.5,
        "A picture whose most probable class is less probable than this is `unknown`; 0: none is.",
        unit="fraction",
        low=0,
        high=1,
    ),
    Parameter(
        "predict.batch",
        "integer",
        16,
        "Pictures that go through the network together.",
        unit="pictures",
        low=1,
        high=1024,
    ),
)


def _needs(values: Values) -> Resources:
    return Resources(cpu="2", memory="2Gi", gpus=1) if "predict.batch" in values else Resources(cpu="1", memory="2Gi")


STAGE = Stage(
    name="predict",
    summary="score pictures with a model that is there",
    steps=(
        Step(
            "predict/score",
            "score the pictures of each shard",
            inputs=(Input("snapshot", "scrape/snapshot"), Input("model", "run/model")),
            parameters=lambda _: ("predict.batch",),
            fan_out="snapshot",
        ),
        Step(
            "predict/table",
            "write the table of all pictures",
            inputs=(Input("snapshot", "scrape/snapshot"), Input("scores", "predict/score"), Input("model", "run/model")),
            parameters=lambda _: ("predict.threshold",),
        ),
    ),
    parameters=PARAMETERS,
    values=("dataset", "features", "images", "inference", "model", "shards", "tables"),
    resources=Resources(cpu="2", memory="2Gi", gpus=1),
    needs=_needs,
)
