"""A graph is tried before it becomes a backbone: that it runs, gives a vector, and the same one whatever is beside it in a batch."""

from __future__ import annotations

from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from common.errors import BadInput
from common.model import FEATURES, Card, Model
from jobs.backbones import onnx_files
from jobs.backbones.wishes import Graph, Wish, preprocessing

MOST_FEATURES = 32_768
CLOSE = 1e-3
"""How far apart a vector alone and in a batch may be, relative to its longest side."""

Floats = NDArray[np.float32]


def backbone(found: Graph, wish: Wish) -> tuple[bytes, Card, tuple[str, ...]]:
    """Return the network with its features' shape, its card, and what a person should know.

    Raises:
        BadInput: it does not run, or what it gives is no vector of features.
    """
    how = found.preprocessing or preprocessing(wish, found.side)
    if wish.resolution and found.side and wish.resolution != found.side:
        raise BadInput(f"It takes pictures of {found.side} pixels only, not of {wish.resolution}. Leave --resolution out.")
    data, notes = found.data, list(found.notes)
    pair = np.random.default_rng(0).standard_normal((2, 3, how.resolution, how.resolution), np.float32)
    vectors = _run(data, pair)
    if vectors.ndim == 4:
        notes.append(f"its maps, {vectors.shape[1]} of {vectors.shape[2]} x {vectors.shape[3]}, are averaged")
        data = onnx_files.pooled(data)
        vectors = _run(data, pair)
    if vectors.ndim != 2 or len(vectors) != 2:
        raise BadInput(f"For two pictures it gives numbers of shape {vectors.shape}, no vector for each. Name another node with --node.")
    dimension = vectors.shape[1]
    if dimension > MOST_FEATURES:
        raise BadInput(f"It gives {dimension} features; at most {MOST_FEATURES} are useful. Name another node with --node.")
    if not np.isfinite(vectors).all():
        raise BadInput("It gives numbers that are not finite. Are its weights damaged?")
    alone = _run(data, pair[:1])
    if alone.shape != (1, dimension) or np.abs(alone - vectors[:1]).max() > CLOSE * max(1.0, float(np.abs(vectors).max())):
        raise BadInput(
            "It gives other features for a picture alone than beside another. Export it for inference (eval), with a free batch."
        )
    data = onnx_files.sized(data, dimension)
    card = Card(
        name=wish.name,
        kind="backbone",
        onnx_sha256=sha256(data).hexdigest(),
        preprocessing=how,
        dimension=dimension,
        training={"from": wish.kind, **({"node": wish.node} if wish.node else {})},
        source=wish.source,
        licence=wish.licence,
        trunks=found.trunks,
    )
    return data, card, tuple(notes)


def _run(data: bytes, pictures: Floats) -> Floats:
    try:
        return Model(data).run(pictures, FEATURES)
    except BadInput:
        raise
    except Exception as error:  # onnxruntime's errors share no base class below Exception
        side = pictures.shape[-1]
        raise BadInput(f"It cannot be run on {len(pictures)} pictures of {side} pixels: {str(error).splitlines()[0][:300]}") from error
