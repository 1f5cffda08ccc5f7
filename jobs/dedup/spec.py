"""What dedup is: hashes for each shard, then one small step that makes the dataset version."""

import re

from common.parameters import Parameter, Values
from common.stage import Input, Resources, Stage, Step

DHASH_MOST = 20

PARAMETERS = (
    Parameter(
        "dedup.hash",
        "choice",
        "dct",
        "What pictures are compared by: `dct` the signs of 256 low frequencies, `dhash` imagehash's dHash 16, bit for bit "
        "(slower, and it wants a dedup.distance of some 12).",
        choices=("dct", "dhash"),
    ),
    Parameter(
        "dedup.distance",
        "integer",
        100,
        "Pictures whose hashes differ in at most so many bits are the same picture, if light and colours are alike in every part, perhaps "
        "once one is cut or turned a little. Of more than 5,000 pictures, hashes at most 90 bits apart are looked at, and of more than a "
        "million 31.",
        unit="bits of 256",
        low=0,
        high=128,
    ),
    Parameter(
        "dedup.orientations",
        "choice",
        "upright",
        "Whether a picture `mirrored`, or `all` of mirrored and turned by quarters, is the same picture.",
        choices=("upright", "mirrored", "all"),
    ),
    Parameter("quality.dark", "number", 0.32, "A picture is dark whose brightest hundredth is under this.", unit="of 1", low=0, high=1),
    Parameter(
        "quality.light", "number", 0.05, "A picture is light whose darkest twentieth is this near to white.", unit="of 1", low=0, high=1
    ),
    Parameter("quality.blurry", "number", 0.29, "A picture is blurry whose edges are weaker than this.", unit="of 1", low=0, high=1),
    Parameter("quality.information", "number", 3.0, "A picture says little whose levels have less entropy.", unit="bits", low=0, high=10),
    Parameter("quality.aspect", "number", 0.35, "A picture's aspect is odd whose short side is less of its long side.", low=0, high=1),
    Parameter(
        "quality.colour",
        "number",
        3,
        "A picture is greyscale whose channels lie no further apart, in 99 of 100 pixels.",
        unit="levels of 256",
        low=0,
        high=256,
    ),
    Parameter(
        "quality.drawn",
        "number",
        0.25,
        "A picture is text or a drawing where all but this share of it is flat, and in four shades.",
        unit="of 1",
        low=0,
        high=1,
    ),
    Parameter(
        "quality.size",
        "number",
        3.0,
        "A picture's size is odd that lies so many interquartile ranges outside the middle half of all sizes.",
        low=0,
        high=100,
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
    return [*_check_hash(values), *_check_pattern(values)]


def _check_hash(values: Values) -> list[str]:
    if values.text("dedup.hash") != "dhash":
        return []
    errors = []
    if values.integer("dedup.distance") > DHASH_MOST:
        errors.append(
            f"dedup.distance = {values.integer('dedup.distance')} is too far for dedup.hash=dhash: other pictures lie as near. "
            f"Set at most {DHASH_MOST}, such as dedup.distance=12."
        )
    if values.text("dedup.orientations") != "upright":
        errors.append("dedup.orientations needs dedup.hash=dct: the hash of a picture turned cannot be told from its dHash.")
    return errors


def _check_pattern(values: Values) -> list[str]:
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
        Step(
            "dedup/hash",
            "hash and measure the pictures of each shard",
            inputs=(Input("snapshot", "scrape/snapshot"),),
            parameters=lambda _: ("dedup.hash",),
            fan_out="snapshot",
        ),
        Step(
            "dedup/dataset",
            "group, exclude, split",
            inputs=(
                Input("snapshot", "scrape/snapshot"),
                Input("hashes", "dedup/hash"),
                Input("edits", "run/edits", optional=True),
            ),
            parameters=lambda _: tuple(one.name for one in PARAMETERS if one.name != "dedup.hash"),
        ),
    ),
    parameters=PARAMETERS,
    values=("aligned", "cells", "dataset", "edits", "features", "images", "shards", "tables"),
    resources=Resources(cpu="1", memory="1Gi"),
    check=_check,
)
