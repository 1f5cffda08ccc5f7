"""The work of refine: take the named backbone, and train it on this dataset's pictures unless an SVM alone is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from importlib import resources

import msgspec
import numpy as np

from common import model, records
from common.artifact import Artifact
from common.errors import BadInput, did_you_mean
from common.model import CARD_FILE, FEATURES, MODEL_FILE, Card, Model
from common.stage import StepFunction, Work
from jobs.refine import spec


def refine(work: Work) -> None:
    """Write the backbone; content: model.onnx (image to features) and its card; of a trained one, what `refined` writes as well."""
    name = work.parameters.text("refine.backbone")
    data, card = named(work.inputs["backbone"]) if "backbone" in work.inputs else shipped(name)
    how = card.preprocessing.at(work.parameters.integer("refine.inputResolution"))
    check_resolution(model.load(data, card), card, how.resolution)
    card = msgspec.structs.replace(card, preprocessing=how)
    if spec.refines(work.parameters):
        from jobs.refine import refined

        data, card = refined.train(work, data, card)
    else:
        work.out.info |= {"items": 1}
    work.out.write(MODEL_FILE, data)
    work.out.write(CARD_FILE, records.encode(msgspec.structs.replace(card, onnx_sha256=sha256(data).hexdigest())))
    work.out.info |= {"backbone": card.name, "dimension": card.dimension, "resolution": how.resolution}


STEPS: Mapping[str, StepFunction] = {"refine": refine}


def named(backbone: Artifact) -> tuple[bytes, Card]:
    """Return a backbone that was added to the store."""
    return backbone.read(MODEL_FILE), records.decode(backbone.read(CARD_FILE), Card, "the backbone's card")


def check_resolution(network: Model, card: Card, resolution: int) -> None:
    """Let the network look at one blank picture. Raises BadInput where it cannot at this resolution."""
    try:
        seen = network.run(np.zeros((1, 3, resolution, resolution), np.float32), FEATURES)
    except Exception as error:  # onnxruntime's errors share no base class below Exception
        raise BadInput(
            f"The backbone {card.name!r} cannot look at pictures of {resolution} pixels; its own are {card.preprocessing.resolution}: "
            f"set refine.inputResolution=0. ({str(error)[:200]})"
        ) from error
    if seen.shape != (1, card.dimension):
        raise BadInput(
            f"The backbone {card.name!r} makes {seen.shape[1:]} of a picture of {resolution} pixels, its card says {card.dimension}: "
            "set refine.inputResolution=0."
        )


def shipped(name: str) -> tuple[bytes, Card]:
    """Return a backbone that comes with Darkroom. Raises BadInput for an unknown name."""
    folder = resources.files("jobs.refine") / "backbones"
    known = sorted(entry.name.removesuffix(".onnx") for entry in folder.iterdir() if entry.name.endswith(".onnx"))
    if name not in known:
        raise BadInput(f"There is no backbone {name!r}, only {', '.join(known)}.{did_you_mean(name, known)}")
    card = records.decode((folder / f"{name}.json").read_bytes(), Card, f"the card of {name}")
    return (folder / f"{name}.onnx").read_bytes(), card
