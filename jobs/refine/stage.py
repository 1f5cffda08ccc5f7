"""The work of refine: take the named backbone, and train it on this dataset's pictures unless an SVM alone is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from importlib import resources

import msgspec

from common import model, records
from common.errors import BadInput, did_you_mean
from common.model import CARD_FILE, MODEL_FILE, Card
from common.stage import StepFunction, Work
from jobs.refine import spec


def refine(work: Work) -> None:
    """Write the backbone; content: model.onnx (image to features) and its card; of a trained one, what `refined` writes as well."""
    data, card = shipped(work.parameters.text("refine.backbone"))
    how = card.preprocessing.at(work.parameters.integer("refine.inputResolution"))
    if spec.refines(work.parameters):
        from jobs.refine import refined

        data, card = refined.train(work, data, msgspec.structs.replace(card, preprocessing=how))
    else:
        model.load(data, card)
        card = msgspec.structs.replace(card, preprocessing=how)
        work.out.info |= {"items": 1}
    work.out.write(MODEL_FILE, data)
    work.out.write(CARD_FILE, records.encode(msgspec.structs.replace(card, onnx_sha256=sha256(data).hexdigest())))
    work.out.info |= {"backbone": card.name, "dimension": card.dimension, "resolution": how.resolution}


STEPS: Mapping[str, StepFunction] = {"refine": refine}


def shipped(name: str) -> tuple[bytes, Card]:
    """Return a backbone that comes with Darkroom. Raises BadInput for an unknown name."""
    folder = resources.files("jobs.refine") / "backbones"
    known = sorted(entry.name.removesuffix(".onnx") for entry in folder.iterdir() if entry.name.endswith(".onnx"))
    if name not in known:
        raise BadInput(f"There is no backbone {name!r}, only {', '.join(known)}.{did_you_mean(name, known)}")
    card = records.decode((folder / f"{name}.json").read_bytes(), Card, f"the card of {name}")
    return (folder / f"{name}.onnx").read_bytes(), card
