"""The work of refine with 0 epochs: take the named backbone, check it, set its resolution."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources

import msgspec

from common import model, records
from common.errors import BadInput, did_you_mean
from common.model import CARD_FILE, MODEL_FILE, Card
from common.stage import StepFunction, Work


def prepare(work: Work) -> None:
    """Write the backbone; content: model.onnx (image to features) and its card."""
    name = work.parameters.text("refine.backbone")
    data, card = shipped(name)
    at = card.preprocessing.at(work.parameters.integer("refine.inputResolution"))
    model.load(data, card)
    work.out.write(MODEL_FILE, data)
    work.out.write(CARD_FILE, records.encode(msgspec.structs.replace(card, preprocessing=at)))
    work.out.info |= {"items": 1, "backbone": name, "dimension": card.dimension, "resolution": at.resolution}


STEPS: Mapping[str, StepFunction] = {"refine": prepare}


def shipped(name: str) -> tuple[bytes, Card]:
    """Return a backbone that comes with Darkroom. Raises BadInput for an unknown name."""
    folder = resources.files("jobs.refine") / "backbones"
    known = sorted(entry.name.removesuffix(".onnx") for entry in folder.iterdir() if entry.name.endswith(".onnx"))
    if name not in known:
        raise BadInput(f"There is no backbone {name!r}, only {', '.join(known)}.{did_you_mean(name, known)}")
    card = records.decode((folder / f"{name}.json").read_bytes(), Card, f"the card of {name}")
    return (folder / f"{name}.onnx").read_bytes(), card
