"""What train is."""

from common.parameters import Parameter
from common.stage import Input, Resources, Stage, Step

PARAMETERS = (
    Parameter(
        "train.cValues",
        "numbers",
        [1e-4, 1e-3, 1e-2, 0.1, 1, 10, 100],
        "Values of C to try; grouped cross-validation on the training side chooses (the original chose on the test set).",
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

STAGE = Stage(
    name="train",
    summary="fit and calibrate the classifier",
    steps=(
        Step(
            "train",
            "fit and calibrate the classifier",
            inputs=(Input("features", "featurize"), Input("dataset", "dedup/dataset"), Input("backbone", "refine")),
            parameters=lambda _: ("train.cValues", "train.folds", "train.l2Normalize"),
        ),
    ),
    parameters=PARAMETERS,
    values=("dataset", "features", "images", "model", "tables"),
    resources=Resources(cpu="2", memory="2Gi"),
)
