"""What train is. The head of a refined network that classifies itself is not fitted here, only calibrated."""

from common.parameters import Parameter, Values
from common.stage import Input, Resources, Stage, Step

PARAMETERS = (
    Parameter(
        "train.cValues",
        "numbers",
        [1e-4, 1e-3, 1e-2, 0.1, 1, 10, 100],
        "Values of C to try; grouped cross-validation on the training side chooses, or, for a refined network, the pictures "
        "that chose its epoch (the original chose on the test set).",
        aliases=("svm_CVals",),
        low=1e-9,
        high=1e9,
    ),
    Parameter(
        "train.l2Normalize",
        "flag",
        True,
        "Scale each picture's vector to length 1 before the SVM.",
        aliases=("svm_boL2Normalize",),
    ),
    Parameter("train.folds", "integer", 5, "Folds of the cross-validation, at most.", low=2, high=20),
)


def used(values: Values) -> tuple[str, ...]:
    """Name the settings that matter: of a network that classifies itself, none but that."""
    match values.text("classifier"):
        case "svm":
            return ("train.cValues", "train.folds", "train.l2Normalize")
        case "dnn":
            return ("classifier",)
        case _:
            return ("classifier", "train.cValues", "train.l2Normalize")


def _leaves_out(values: Values) -> bool:
    """Say whether curation changes what is fitted: a network that classifies itself saw its pictures before."""
    return values.get("curate") != "report" and values.get("classifier") != "dnn"


STAGE = Stage(
    name="train",
    summary="fit and calibrate the classifier",
    steps=(
        Step(
            "train",
            "fit and calibrate the classifier",
            inputs=(
                Input("features", "featurize"),
                Input("dataset", "dedup/dataset"),
                Input("backbone", "refine"),
                Input("curation", "curate", when=_leaves_out),
            ),
            parameters=used,
        ),
    ),
    parameters=PARAMETERS,
    values=("dataset", "features", "images", "model", "named", "refined", "suspects", "tables"),
    resources=Resources(cpu="2", memory="2Gi"),
)
