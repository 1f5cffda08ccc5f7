"""What evaluate is. It is pure: it knows no other model."""

from common.parameters import Parameter
from common.stage import Input, Resources, Stage, Step

PARAMETERS = (Parameter("evaluate.resamples", "integer", 200, "Resamples behind each interval.", low=50, high=100_000),)

STAGE = Stage(
    name="evaluate",
    summary="measure the classifier on the test side, write the report",
    steps=(
        Step(
            "evaluate",
            "measure the classifier on the test side, write the report",
            inputs=(
                Input("model", "train"),
                Input("features", "featurize"),
                Input("dataset", "dedup/dataset"),
                Input("snapshot", "scrape/snapshot"),
                Input("curation", "curate"),
            ),
            parameters=lambda _: ("curate", "evaluate.resamples"),
        ),
    ),
    parameters=PARAMETERS,
    values=("dataset", "features", "images", "metrics", "model", "shards", "suspects", "tables"),
    resources=Resources(cpu="1", memory="2Gi"),
)
