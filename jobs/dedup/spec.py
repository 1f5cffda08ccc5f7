"""What dedup is: hashes for each shard, then one small step that makes the dataset version."""

import re

from common.parameters import Parameter, Values
from common.stage import Input, Resources, Stage, Step

PARAMETERS = (
    Parameter(
        "dedup.distance",
        "integer",
        12,
        "Pictures whose 256-bit difference hashes (dHash 16) differ in at most so many bits are the same picture.",
        unit="bits of 256",
        low=0,
        high=128,
    ),
    Parameter(
        "split.ratio",
        "number",
        0.75,
        "Share of each class that goes to training.",
        aliases=("ratioTrainTest",),
        low=0.05,
        high=0.95,
    ),
    Parameter(
        "split.by",
        "choice",
        "auto",
        "What keeps pictures on one side: `filename` each file alone, `subdir` the folder below the class, `pattern` what "
        "split.pattern finds in the name, `auto` the pattern if there is one, else the folder if there is one (URLs have none). "
        "Near-duplicates always stay together.",
        aliases=("imagesSplitBy",),
        choices=("auto", "filename", "subdir", "pattern"),
    ),
    Parameter(
        "split.pattern",
        "text",
        "",
        "Regular expression on the file name; what it matches (its first group, if it has one) names the group, such as "
        "`^(.+)_\\d+\\.jpg$` for garment_003.jpg.",
    ),
    Parameter("split.seed", "integer", 0, "Seed of the order in which groups are dealt to the sides.", low=0, high=2**32 - 1),
)


def _check(values: Values) -> list[str]:
    pattern = values.text("split.pattern")
    if values.text("split.by") == "pattern" and not pattern:
        return ["split.by=pattern needs a split.pattern, such as '^(.+)_\\d+\\.jpg$'."]
    try:
        re.compile(pattern)
    except re.error as error:
        return [f"split.pattern = {pattern!r} is not a regular expression: {error}."]
    return []


STAGE = Stage(
    name="dedup",
    summary="find pictures that are the same, make the dataset version and its split",
    steps=(
        Step("dedup/hash", "hash the pictures of each shard", inputs=(Input("snapshot", "scrape/snapshot"),), fan_out="snapshot"),
        Step(
            "dedup/dataset",
            "group, exclude, split",
            inputs=(
                Input("snapshot", "scrape/snapshot"),
                Input("hashes", "dedup/hash"),
                Input("edits", "run/edits", optional=True),
            ),
            parameters=lambda _: ("dedup.distance", "split.ratio", "split.by", "split.pattern", "split.seed"),
        ),
    ),
    parameters=PARAMETERS,
    values=("dataset", "edits", "images", "shards", "tables"),
    resources=Resources(cpu="1", memory="1Gi"),
    check=_check,
)
