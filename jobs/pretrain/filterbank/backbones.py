"""The banks as backbones: their files and cards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

from common import records
from common.images import Preprocessing
from common.model import Card
from jobs.pretrain.filterbank import layout, texture

FOLDER = Path(__file__).parents[2] / "refine" / "backbones"


@dataclass(frozen=True)
class Backbone:
    """How to build one bank, and what its card says."""

    build: Callable[[], bytes]
    preprocessing: Preprocessing
    dimension: int


BACKBONES: Mapping[str, Backbone] = MappingProxyType(
    {
        texture.NAME: Backbone(texture.build, Preprocessing(resolution=texture.RESOLUTION), texture.DIMENSION),
        # Stretched, because cutting loses part of a figure and padding adds edges to it.
        layout.NAME: Backbone(layout.build, Preprocessing(resolution=layout.RESOLUTION, fit="stretch"), layout.DIMENSION),
    }
)


def card(name: str, model: bytes) -> Card:
    """Return the card of a bank whose ONNX file is *model*."""
    backbone = BACKBONES[name]
    return Card(
        name=name,
        kind="backbone",
        onnx_sha256=sha256(model).hexdigest(),
        preprocessing=backbone.preprocessing,
        dimension=backbone.dimension,
        training={"method": "none: a bank of fixed filters"},
        source="Darkroom, jobs/pretrain/filterbank",
        licence="Apache-2.0",
    )


def write(folder: Path) -> list[Path]:
    """Write NAME.onnx and NAME.json of each bank and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, backbone in BACKBONES.items():
        model = backbone.build()
        for suffix, data in ((".onnx", model), (".json", records.encode(card(name, model)))):
            path = folder / f"{name}{suffix}"
            path.write_bytes(data)
            paths.append(path)
    return paths
