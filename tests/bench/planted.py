"""Sets of pictures with planted trouble: which pictures, under which labels, and what is wrong with each.

Cloth is rendered (the demo's families; scenes of clothes) beside photographs of garments where they are at hand; foreign pictures are
drawn (foreign.py) or are cloth of a family that no class is. What is varied with the seed: classes, kinds of foreign pictures, how they
spread over classes, and which labels are swapped. Vectors are the shipped backbone's, looks and thumbnails are dedup's; they are made
once for all seeds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from common import images, model, records
from common.cells import SIZE
from common.model import FEATURES, Card, Model
from common.textures import DEMO, FAMILIES, Span, Streams, photograph_of
from jobs.dedup import looks
from jobs.dedup.thumbnails import thumbnail
from jobs.pretrain.patterns import PATTERNS
from jobs.pretrain.scenes import show
from tests.bench import foreign
from tests.bench.rows import say

Pixels = NDArray[np.uint8]
Rows = TypeVar("Rows", NDArray[np.float32], Sequence[str])
SHIPPED = Path("jobs/refine/backbones/pattern-net")
CLASSES = ("checkered", "dotted", "floral", "leopard", "striped")
PHOTOGRAPHED = ("checkered", "dotted", "striped")
OTHER_CLOTH = ("plain", "zigzag")
FOREIGN_SHARE, SWAPPED_SHARE, TWICE_SHARE, BAD_SHARE, ACROSS_SHARE, TEST_SHARE = 0.20, 0.05, 0.10, 0.05, 0.03, 0.25
GOOD, FOREIGN, SWAPPED, ACROSS = "good", "foreign", "swapped", "across"
FIRST_FOREIGN = 10_000
"""Weights were fitted on lower numbers; the kinds are the same."""
_SMALL = replace(DEMO, side_px=Span(170, 230))
_SCENES = ("worn", "whole", "near")


@dataclass(frozen=True)
class Pool:
    """Vectors, looks and thumbnails of pictures side by side (n, d + m + SIZE), by where they are from; of photographs, their garments."""

    card: Card
    cloth: Mapping[str, NDArray[np.float32]]
    garments: Mapping[str, Sequence[str]]
    spoilt: Mapping[str, NDArray[np.float32]]
    foreign: Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Planted:
    """One set: vectors (n, d), looks (n, m), thumbnails (n, SIZE), labels, groups, what is wrong; and test pictures with nothing wrong."""

    classes: tuple[str, ...]
    vectors: NDArray[np.float32]
    looks: NDArray[np.float32]
    thumbnails: NDArray[np.uint8]
    labels: list[str]
    groups: list[str]
    wrong: list[str]
    truths: list[str]
    test_vectors: NDArray[np.float32]
    test_labels: list[str]


def make_pool(each: int, fabrics: Path) -> Pool:
    """Draw, photograph and look at all pictures once: *each* of every class and source, half as many of every foreign kind."""
    card, network = shipped()
    garments, cloth = {}, {}
    for label in PHOTOGRAPHED if fabrics.is_dir() else ():
        files = sorted((fabrics / label).glob("*.jpg"))
        garments[label] = [file.name.rpartition("_")[0] for file in files]
        cloth[f"photographs {label}"] = _see(network, card, (images.decode(file.read_bytes()) for file in files))
    spoilt = {}
    for label in CLASSES:
        say(f"curate: rendering {label}")
        made = [_cloth(label, number) for number in range(each)]
        cloth[label] = _see(network, card, iter(made))
        rng = np.random.default_rng(len(label))
        spoilt[label] = _see(network, card, (_spoil(rng, one) for one in made[: each // 4]))
    strange = {kind: _see(network, card, (foreign.draw(kind, FIRST_FOREIGN + at) for at in range(each // 2))) for kind in foreign.KINDS}
    strange |= {f"cloth: {kind}": _see(network, card, (_cloth(kind, at) for at in range(each // 2))) for kind in OTHER_CLOTH}
    return Pool(card, cloth, garments, spoilt, strange)


def thinned(pool: Pool, share: float) -> Pool:
    """Return a pool of some of the pictures."""
    step = round(1 / share)

    def some(of: Mapping[str, Rows]) -> dict[str, Rows]:
        return {kind: rows[::step] for kind, rows in of.items()}

    return Pool(pool.card, some(pool.cloth), some(pool.garments), some(pool.spoilt), some(pool.foreign))


def shipped() -> tuple[Card, Model]:
    """Return the shipped backbone."""
    card = records.decode(SHIPPED.with_suffix(".json").read_bytes(), Card, "card")
    return card, model.load(SHIPPED.with_suffix(".onnx").read_bytes(), card)


def _see(network: Model, card: Card, pictures: Iterator[Pixels]) -> NDArray[np.float32]:
    return np.stack([np.concatenate([vector_of(network, card, one), *_looks_of(Image.fromarray(one))]) for one in pictures])


def _looks_of(picture: Image.Image) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    return looks.look(picture), thumbnail(picture)


def vector_of(network: Model, card: Card, picture: Pixels) -> NDArray[np.float32]:
    """Return what the backbone makes of one picture, float32 (d,)."""
    vector: NDArray[np.float32] = network.run(images.preprocess(picture, card.preprocessing)[None], FEATURES)[0]
    return vector


def _cloth(family: str, number: int) -> Pixels:
    """Return cloth near (the demo's), or, every third time and where the backbone's own renderer draws it, a scene with it."""
    drawn = [name for name, pattern in PATTERNS.items() if pattern.kind == family]
    if drawn and number % 3 == 0:
        name = drawn[number // 3 % len(drawn)]
        return show(PATTERNS[name].draw, Streams(f"bench.curate.{name}", number), _SCENES[number // 3 % len(_SCENES)], 200)
    return photograph_of(FAMILIES[family], Streams(f"bench.curate.{family}", number), _SMALL)


def _spoil(rng: Generator, picture: Pixels) -> Pixels:
    """Return the picture too dark, too light, blurred or tiny."""
    how = int(rng.integers(4))
    if how < 2:
        return np.asarray(np.clip(picture * 0.18 if how else 200 + picture * 0.22, 0, 255), np.uint8)
    if how == 2:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), 5), np.uint8)
    return np.asarray(cv2.resize(cv2.resize(picture, (36, 36), interpolation=cv2.INTER_AREA), picture.shape[1::-1]), np.uint8)


def plant(pool: Pool, seed: int) -> Planted:
    """Return the set of a seed."""
    rng = np.random.default_rng([seed, 4711])
    classes = tuple(sorted(rng.permutation(CLASSES)[: int(rng.integers(4, 6))].tolist()))
    good = _good(pool, classes)
    names = rng.permutation(sorted({group for _, _, group in good})).tolist()
    tests = set(names[: int(TEST_SHARE * len(names))])
    inside = [one for one in good if one[2] not in tests]
    total = len(inside) / (1 - FOREIGN_SHARE)
    inside = [*_twice(rng, pool, inside, total), *_bad(rng, pool, classes, total, tests)]
    truths = [label for _, label, _ in inside]
    swapped = rng.random(len(inside)) < SWAPPED_SHARE * total / len(inside)
    labels = [_another(rng, classes, one) if swap else one for one, swap in zip(truths, swapped, strict=True)]
    strange = _strange(rng, pool, classes, round(FOREIGN_SHARE * total))
    across = [inside[at] for at in rng.permutation(len(inside))[: round(ACROSS_SHARE * total)]]
    seen = np.stack([one for one, _, _ in [*inside, *across]] + [one for one, _ in strange])
    return Planted(
        classes=classes,
        vectors=seen[:, : pool.card.dimension],
        looks=seen[:, pool.card.dimension : -SIZE],
        thumbnails=seen[:, -SIZE:].astype(np.uint8),
        labels=labels + [_another(rng, classes, label) for _, label, _ in across] + [label for _, label in strange],
        groups=[group for _, _, group in [*inside, *across]] + [f"foreign {at}" for at in range(len(strange))],
        wrong=[SWAPPED if swap else GOOD for swap in swapped] + [ACROSS] * len(across) + [FOREIGN] * len(strange),
        truths=truths + [label for _, label, _ in across] + [""] * len(strange),
        test_vectors=np.stack([one[: pool.card.dimension] for one, _, group in good if group in tests]),
        test_labels=[label for _, label, group in good if group in tests],
    )


Picture = tuple[NDArray[np.float32], str, str]


def _good(pool: Pool, classes: Sequence[str]) -> list[Picture]:
    found = [(vector, label, f"{label} {at}") for label in classes for at, vector in enumerate(pool.cloth[label])]
    for label in set(classes) & set(pool.garments):
        found += [
            (vector, label, garment) for vector, garment in zip(pool.cloth[f"photographs {label}"], pool.garments[label], strict=True)
        ]
    return sorted(found, key=lambda one: (one[1], one[2]))


def _twice(rng: Generator, pool: Pool, inside: list[Picture], total: float) -> list[Picture]:
    """Add near-duplicates that dedup did not see: nearly the same vector, in the same group."""
    again = rng.permutation(len(inside))[: round(TWICE_SHARE * total)]
    noise = rng.spawn(1)[0]  # of its own, so that the sets do not depend on how many features there are
    spread = np.concatenate(list(pool.cloth.values())).std(axis=0) * 0.03
    return inside + [
        (inside[at][0] + noise.normal(0, 1, len(spread)).astype(np.float32) * spread, inside[at][1], inside[at][2]) for at in again
    ]


def _bad(rng: Generator, pool: Pool, classes: Sequence[str], total: float, tests: set[str]) -> list[Picture]:
    """Add dark, light and blurred pictures of the right class."""
    wanted = round(BAD_SHARE * total)
    every = [
        (vector, label, f"{label} {at}")
        for label in classes
        for at, vector in enumerate(pool.spoilt[label])
        if f"{label} {at}" not in tests
    ]
    return [every[at] for at in rng.permutation(len(every))[:wanted]]


def _another(rng: Generator, classes: Sequence[str], label: str) -> str:
    return str(rng.choice([one for one in classes if one != label]))


def _strange(rng: Generator, pool: Pool, classes: Sequence[str], wanted: int) -> list[tuple[NDArray[np.float32], str]]:
    """Return foreign pictures of several kinds; each kind has classes that it is found under most."""
    kinds = rng.permutation(list(pool.foreign)).tolist()
    every: list[tuple[NDArray[np.float32], str]] = []
    for number, kind in enumerate(kinds):
        if number >= 4 and len(every) >= wanted:
            break
        homes = rng.dirichlet(np.full(len(classes), 0.7))
        every += [(vector, str(rng.choice(classes, p=homes))) for vector in pool.foreign[kind]]
    return [every[at] for at in rng.permutation(len(every))[:wanted]]
