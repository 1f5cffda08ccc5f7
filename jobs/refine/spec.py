"""What refine is. With `classifier: svm` it prepares a fixed backbone (0 epochs, no GPU, seconds); else it trains the network first."""

from common.parameters import Parameter, Values
from common.stage import Input, Resources, Stage, Step

SHIPPED = ("gabor-layout", "gabor-texture", "pattern-net")
"""Backbones that come with Darkroom; any other name is one that was added to the store."""

LEARNING_RATES = [0.01] * 20 + [0.001] * 20 + [0.0001]
LEAST_SIDE = 32
"""Pixels; below, a network's maps vanish before its end."""

CLASSIFIER = (
    Parameter(
        "classifier",
        "choice",
        "svm",
        "`svm`: a linear SVM on the features of a fixed backbone. `dnn`: the network is refined and classifies itself. "
        "`svmDnnRefined`: a linear SVM on the features of the refined network. Refining needs `make torch` or `make cntk`.",
        choices=("svm", "dnn", "svmDnnRefined"),
    ),
)

NETWORK = (
    Parameter(
        "refine.backbone",
        "text",
        "pattern-net",
        "The network whose features are used: `pattern-net` (trained on rendered fabric patterns, at any distance and on clothes), "
        "`gabor-texture` (a bank of filters, blind to place and direction, for textures), `gabor-layout` (keeps where things are, "
        "for shapes), or one that `darkroom backbone add` put into the store. Banks of filters cannot be refined.",
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
)

REFINING = (
    Parameter(
        "refine.recipe",
        "choice",
        "original",
        "How the network is refined. `original`: as in 2017: rates by epoch, colours and crops jittered, training pictures letterboxed. "
        "`modern`: the head first, then all by one cycle of rates, deeper layers slower, smoothed labels, "
        "mixed pictures, averaged weights.",
        choices=("original", "modern"),
    ),
    Parameter(
        "refine.backend",
        "choice",
        "auto",
        "The library that trains: `torch` (`make torch`) or `cntk` (the original's, `make cntk`); `auto` is what is set up, torch first.",
        choices=("auto", "torch", "cntk"),
    ),
    Parameter("refine.seed", "integer", 0, "Draws the validation pictures, their order, crops and colours.", low=0, high=2**31 - 1),
    Parameter(
        "refine.validation",
        "number",
        0.2,
        "Share of the training side's groups of each class that choose the epoch and are not trained on.",
        unit="fraction",
        low=0.05,
        high=0.5,
    ),
    Parameter("refine.epochs", "integer", 45, "Passes over the training set; svm uses 0.", aliases=("rf_maxEpochs",), low=1, high=10_000),
    Parameter(
        "refine.mbSize",
        "integer",
        16,
        "Minibatch of refinement; `auto` is 16, worked off in as many parts as memory asks for.",
        unit="pictures",
        aliases=("rf_mbSize", "cntk_mb_size"),
        low=0,
        high=4096,
        words=(("auto", 0),),
    ),
    Parameter(
        "refine.maxTrainImages",
        "integer",
        0,
        "Pictures in an epoch, at most; 0 is all (the original's inf).",
        unit="pictures",
        aliases=("rf_maxTrainImages",),
        low=0,
        words=(("inf", 0),),
    ),
    Parameter("refine.momentumPerMb", "number", 0.9, "Momentum of each minibatch.", aliases=("rf_momentumPerMb",), low=0, high=1),
    Parameter("refine.l2RegWeight", "number", 0.0005, "Weight of the L2 penalty.", aliases=("rf_l2RegWeight",), low=0, high=1),
    Parameter("refine.dropoutRate", "number", 0.5, "Dropout before the last layer.", aliases=("rf_dropoutRate",), low=0, high=0.99),
    Parameter(
        "refine.trunkRate",
        "number",
        0.0,
        "Rate of the layers that the backbone brings, relative to the last layer's, which is new; `auto` is 1 where the network normalises "
        "batches (the original's ResNet) and a tenth where it does not (pattern-net).",
        low=0,
        high=1,
        words=(("auto", 0),),
    ),
    Parameter("refine.freezeWeights", "flag", False, "Train the last layer only.", aliases=("rf_boFreezeWeights",)),
    Parameter(
        "refine.balanceTrainingSet",
        "flag",
        False,
        "Repeat pictures so that classes are equally frequent.",
        aliases=("rf_boBalanceTrainingSet",),
    ),
    Parameter(
        "refine.gpu",
        "choice",
        "preferred",
        "`required`: without a GPU it ends at once. `preferred`: a GPU where there is one. `none`: processors, which "
        "repeat to the last bit.",
        choices=("required", "preferred", "none"),
    ),
    Parameter("refine.gpuCount", "integer", 1, "GPUs that one pod works with.", low=1, high=16),
    Parameter("refine.threads", "integer", 2, "Processors that compute; another number may change last digits.", low=1, high=64),
)

ORIGINAL = (
    Parameter(
        "refine.lrPerMb",
        "numbers",
        LEARNING_RATES,
        "Learning rate of each epoch of the original recipe; the last one repeats.",
        aliases=("rf_lrPerMb",),
        low=0,
        high=10,
    ),
)

MODERN = (
    Parameter("refine.peakRate", "number", 0.01, "Learning rate at the top of the modern recipe's cycle.", low=0, high=10),
    Parameter("refine.warmUpEpochs", "integer", 1, "First epochs in which the modern recipe trains the head alone.", low=0, high=100),
    Parameter("refine.depthFactor", "number", 0.95, "Rate of a layer, relative to that of the layer after it (modern).", low=0.01, high=1),
    Parameter("refine.labelSmoothing", "number", 0.1, "Share of a label that is spread over all classes (modern).", low=0, high=0.9),
    Parameter("refine.mixup", "number", 0.2, "Parameter of the Beta distribution by which pairs mix; 0: none (modern).", low=0, high=10),
    Parameter(
        "refine.flips",
        "choice",
        "horizontal",
        "Mirror images that are the same class: `none`, `horizontal`, `both` (modern).",
        choices=("none", "horizontal", "both"),
    ),
    Parameter("refine.rotation", "number", 10, "Turns by up to so many degrees leave the class the same (modern).", low=0, high=180),
    Parameter("refine.average", "number", 0.98, "Decay of the average over the steps' weights; 0: none (modern).", low=0, high=0.9999),
)

PARAMETERS = (*CLASSIFIER, *NETWORK, *REFINING, *ORIGINAL, *MODERN)


def refines(values: Values) -> bool:
    """Say whether the network is trained, by all settings or by those that `used` names."""
    return "refine.recipe" in values and values.get("classifier") != "svm"


def used(values: Values) -> tuple[str, ...]:
    """Name the settings that matter: under `svm` no recipe does, and of two recipes one. `dnn` and `svmDnnRefined` share a refinement."""
    of_recipe = (*REFINING, *(ORIGINAL if values.text("refine.recipe") == "original" else MODERN)) if refines(values) else ()
    return tuple(parameter.name for parameter in (*NETWORK, *of_recipe))


def is_named(values: Values) -> bool:
    """Is the backbone one that was added to the store?"""
    return values.text("refine.backbone") not in SHIPPED


def _check(values: Values) -> list[str]:
    side = values.integer("refine.inputResolution")
    if refines(values) and 0 < side < LEAST_SIDE:
        return [f"refine.inputResolution={side}: a network that is refined needs {LEAST_SIDE} pixels or more, or 0, its own."]
    return []


def _needs(values: Values) -> Resources:
    if not refines(values):
        return Resources(cpu="1", memory="1Gi")
    gpus = 0 if values.text("refine.gpu") == "none" else values.integer("refine.gpuCount")
    return Resources(cpu=str(values.integer("refine.threads")), memory="4Gi", scratch="16Gi", gpus=gpus)


STAGE = Stage(
    name="refine",
    summary="prepare the backbone",
    steps=(
        Step(
            "refine",
            "prepare the backbone",
            inputs=(
                Input("backbone", "run/backbone", when=is_named),
                Input("dataset", "dedup/dataset", when=refines),
                Input("snapshot", "scrape/snapshot", when=refines),
            ),
            parameters=used,
        ),
    ),
    parameters=PARAMETERS,
    values=("dataset", "images", "model", "refined", "shards", "tables"),
    extras=("refine-torch",),
    check=_check,
    deadline_s=24 * 3600,
    needs=_needs,
    lighter="Or let it need less: refine.mbSize=auto works a minibatch off in parts, and half a refine.inputResolution needs a quarter.",
)
