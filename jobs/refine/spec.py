"""What refine is. With `classifier: svm` it prepares a fixed backbone (0 epochs, no GPU, seconds)."""

from common.parameters import Parameter, Values
from common.stage import Input, Resources, Stage, Step

SHIPPED = ("gabor-layout", "gabor-texture", "pattern-net")
"""Backbones that come with Darkroom; any other name is one that was added to the store."""

LEARNING_RATES = [0.01] * 20 + [0.001] * 20 + [0.0001]

PARAMETERS = (
    Parameter(
        "classifier",
        "choice",
        "svm",
        "`svm`: a linear SVM on the features of a fixed backbone. `dnn` and `svmDnnRefined` refine the network first; "
        "this version does not refine yet and refuses them.",
        choices=("svm", "dnn", "svmDnnRefined"),
    ),
    Parameter(
        "refine.backbone",
        "text",
        "gabor-texture",
        "The network whose features are used: `gabor-texture` (a bank of filters, blind to place and direction, for "
        "patterns), `pattern-net` (trained on rendered fabric patterns, for patterns at any distance and on clothes), "
        "`gabor-layout` (keeps where things are, for shapes), or one that `darkroom backbone add` put into the store.",
        aliases=("rf_pretrainedModelFilename",),
    ),
    Parameter(
        "refine.inputResolution",
        "integer",
        0,
        "Side of the square that the network sees; 0 is the backbone's own (the original: 224).",
        unit="pixels",
        aliases=("rf_inputResoluton", "rf_inputResolution"),
        low=0,
        high=1024,
    ),
    Parameter("refine.epochs", "integer", 45, "Passes over the training set; svm uses 0.", aliases=("rf_maxEpochs",), low=0, high=10_000),
    Parameter(
        "refine.mbSize",
        "integer",
        16,
        "Minibatch of refinement.",
        unit="pictures",
        aliases=("rf_mbSize", "cntk_mb_size"),
        low=1,
        high=4096,
    ),
    Parameter(
        "refine.maxTrainImages",
        "integer",
        0,
        "Pictures in an epoch, at most; 0 is all (the original's inf).",
        unit="pictures",
        aliases=("rf_maxTrainImages",),
        low=0,
    ),
    Parameter(
        "refine.lrPerMb",
        "numbers",
        LEARNING_RATES,
        "Learning rate of each epoch; the last one repeats.",
        aliases=("rf_lrPerMb",),
        low=0,
        high=10,
    ),
    Parameter("refine.momentumPerMb", "number", 0.9, "Momentum of each minibatch.", aliases=("rf_momentumPerMb",), low=0, high=1),
    Parameter("refine.l2RegWeight", "number", 0.0005, "Weight of the L2 penalty.", aliases=("rf_l2RegWeight",), low=0, high=1),
    Parameter("refine.dropoutRate", "number", 0.5, "Dropout before the last layer.", aliases=("rf_dropoutRate",), low=0, high=0.99),
    Parameter("refine.freezeWeights", "flag", False, "Train the last layer only.", aliases=("rf_boFreezeWeights",)),
    Parameter(
        "refine.balanceTrainingSet",
        "flag",
        False,
        "Repeat pictures so that classes are equally frequent.",
        aliases=("rf_boBalanceTrainingSet",),
    ),
)


def used(values: Values) -> tuple[str, ...]:
    """Name the settings that matter: under `svm` the recipe of refinement does not."""
    fixed = ("classifier", "refine.backbone", "refine.inputResolution")
    return fixed if values.text("classifier") == "svm" else tuple(parameter.name for parameter in PARAMETERS)


def is_named(values: Values) -> bool:
    """Is the backbone one that was added to the store?"""
    return values.text("refine.backbone") not in SHIPPED


def _check(values: Values) -> list[str]:
    if values.text("classifier") != "svm":
        return [f"classifier={values.text('classifier')} needs refinement, which this version does not have yet. Use classifier=svm."]
    return []


STAGE = Stage(
    name="refine",
    summary="prepare the backbone",
    steps=(Step("refine", "prepare the backbone", inputs=(Input("backbone", "run/backbone", when=is_named),), parameters=used),),
    parameters=PARAMETERS,
    values=("images", "model"),
    resources=Resources(cpu="1", memory="1Gi"),
    check=_check,
)
