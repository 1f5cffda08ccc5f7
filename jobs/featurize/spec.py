"""What featurize is. It reads shards and the backbone, never the dataset version, so no edit touches it."""

from common.parameters import Parameter
from common.stage import Input, Resources, Stage, Step

PARAMETERS = (
    Parameter(
        "featurize.batch",
        "integer",
        16,
        "Pictures that go through the network together (the original: 64).",
        unit="pictures",
        aliases=("run_mbSize",),
        low=1,
        high=1024,
    ),
)

STAGE = Stage(
    name="featurize",
    summary="compute one vector for each picture",
    steps=(
        Step(
            "featurize",
            "compute one vector for each picture",
            inputs=(Input("snapshot", "scrape/snapshot"), Input("backbone", "refine")),
            parameters=lambda _: ("featurize.batch",),
            fan_out="snapshot",
        ),
    ),
    parameters=PARAMETERS,
    values=("features", "images", "inference", "model", "shards", "tables"),
    resources=Resources(cpu="2", memory="2Gi", gpus=1),
)
