"""What scrape is: an observation in three steps."""

from common.parameters import Parameter, Values
from common.stage import Input, Resources, Stage, Step
from jobs.scrape.providers.base import LICENCES
from jobs.scrape.sources import kind_of

PARAMETERS = (
    Parameter(
        "source",
        "text",
        "",
        "Where the pictures come from: a folder of class folders, the same in object storage (s3://bucket/prefix), a list of URLs "
        "(.tsv, .csv or .parquet), a search of the web (`openverse`, `wikimedia` or `brave`, by scrape.queries), `rendered` "
        "(fabric patterns drawn by Darkroom) or `digits` (scikit-learn's handwritten digits). SOURCE= and --source set it.",
    ),
    Parameter(
        "scrape.counts",
        "counts",
        {"dotted": 125, "leopard": 112, "striped": 191},
        "Pictures to render for each class; the default is what the original's list held.",
        unit="pictures",
        low=1,
        high=1_000_000,
    ),
    Parameter("scrape.seed", "integer", 0, "Seed of the renderer.", low=0, high=2**32 - 1),
    Parameter(
        "scrape.queries",
        "phrases",
        {},
        "What to search the web for: phrases for each class, such as {dotted: [dotted shirt, dotted blouse]}.",
    ),
    Parameter(
        "scrape.imagesPerPhrase",
        "integer",
        50,
        "Pictures that are taken for each phrase, at most.",
        unit="pictures",
        low=1,
        high=10_000,
    ),
    Parameter(
        "scrape.licences",
        "choice",
        "any",
        "Which licences a search may find: any, or only those that permit commercial use, or modification.",
        choices=LICENCES,
    ),
    Parameter(
        "scrape.shardPictures",
        "integer",
        128,
        "Pictures in a shard: the piece of work that is computed, kept and repeated as one.",
        unit="pictures",
        low=1,
        high=10_000,
    ),
    Parameter(
        "scrape.shortSide",
        "integer",
        0,
        "Shrink pictures whose short side is longer than this when they are fetched, as JPEG; 0 keeps their bytes. Of what a "
        "snapshot has already nothing changes.",
        unit="pixels",
        low=0,
        high=16_384,
    ),
    Parameter(
        "scrape.rangeUrls",
        "integer",
        2048,
        "URLs that one task fetches. All of one server are one task's, so a server with more makes a longer one.",
        unit="URLs",
        low=1,
        high=1_000_000,
    ),
)


def _listing(values: Values) -> tuple[str, ...]:
    kind = kind_of(values.text("source"))
    return ("scrape.rangeUrls" if kind.web else "scrape.shardPictures", *kind.settings)


def _check(values: Values) -> list[str]:
    source = values.text("source")
    if not source:
        return []
    kind = kind_of(source)
    return kind.wrong(source) or kind.lacking(values)


STAGE = Stage(
    name="scrape",
    summary="look at the source, fetch what is new, make a snapshot",
    steps=(
        Step(
            "scrape/list",
            "list the source and find what is new",
            inputs=(
                Input("listing", "run/listing", optional=True),
                Input("previous", "run/previous", optional=True),
                Input("asked", "run/asked", optional=True),
            ),
            parameters=_listing,
        ),
        Step(
            "scrape/fetch",
            "fetch and check pictures, pack them into shards",
            inputs=(Input("list", "scrape/list"),),
            parameters=lambda _: ("scrape.shardPictures", "scrape.shortSide"),
            fan_out="list",
        ),
        Step(
            "scrape/snapshot",
            "make the snapshot's table",
            inputs=(
                Input("list", "scrape/list"),
                Input("fetched", "scrape/fetch"),
                Input("previous", "run/previous", optional=True),
            ),
        ),
    ),
    parameters=PARAMETERS,
    values=("dataset", "images", "sandbox", "shards", "tables", "textures"),
    resources=Resources(cpu="1", memory="1Gi"),
    check=_check,
    internet=True,
)
