"""The banks of filters: what they are blind to, what they see, and that the shipped files are theirs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from common import model, records
from common.images import Preprocessing, preprocess
from common.model import FEATURES, OPSET, Card, Model
from common.textures import render
from jobs.pretrain.filterbank import BACKBONES, FOLDER, card, write

if TYPE_CHECKING:
    Matrix = NDArray[np.float32]
    Pixels = NDArray[np.uint8]
    Features = Callable[[str, list[Pixels]], Matrix]

NAMES = sorted(BACKBONES)
TEXTURE, LAYOUT = "gabor-texture", "gabor-layout"
FAMILIES = ("striped", "checkered", "dotted", "zigzag", "floral", "plain")


@pytest.fixture(scope="module")
def features() -> Features:
    """Return features of pictures as the product computes them: (n, d)."""
    loaded = {name: Model(BACKBONES[name].build()) for name in NAMES}

    def compute(name: str, pictures: list[Pixels]) -> Matrix:
        how = BACKBONES[name].preprocessing
        return loaded[name].run(np.stack([preprocess(picture, how) for picture in pictures]), FEATURES)

    return compute


@pytest.fixture(scope="module")
def cloths() -> list[Pixels]:
    return [render(family, seed) for family in FAMILIES for seed in (1, 2)]


@pytest.fixture(scope="module")
def figures() -> list[Pixels]:
    """Return strokes on white, 32 x 32: upright, lying, diagonal, an angle."""
    pictures = [np.full((32, 32, 3), 255, np.uint8) for _ in range(4)]
    pictures[0][4:28, 14:18] = 0
    pictures[1][14:18, 4:28] = 0
    pictures[2][np.eye(32, dtype=bool) | np.eye(32, k=1, dtype=bool)] = 0
    pictures[3][4:28, 6:10] = 0
    pictures[3][24:28, 6:26] = 0
    return pictures


def change(before: Matrix, after: Matrix) -> float:
    """Return how far features moved, where 1 is how far they are from one picture to another."""
    spread = before.std(axis=0) + 1e-3
    others = np.abs(before - np.roll(before, 1, axis=0)) / spread
    return float((np.abs(after - before) / spread).mean() / others.mean())


def stripes(degrees: float, period: float = 40.0, side: int = 256) -> Pixels:
    y, x = np.mgrid[:side, :side].astype(np.float64)
    angle = np.deg2rad(degrees)
    wave = np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / period)
    # Soft edges, as a lens makes them: staircases would differ from angle to angle.
    grey = (130 + 40 * np.clip(4 * wave, -1, 1)).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def test_a_quarter_turn_hardly_changes_what_texture_sees(features: Features, cloths: list[Pixels]) -> None:
    turned = [np.rot90(picture) for picture in cloths]
    assert change(features(TEXTURE, cloths), features(TEXTURE, turned)) < 0.15


def test_a_quarter_turn_changes_what_layout_sees(features: Features, figures: list[Pixels]) -> None:
    turned = [np.rot90(picture) for picture in figures]
    assert change(features(LAYOUT, figures), features(LAYOUT, turned)) > 0.5


def test_any_turn_of_stripes_leaves_them_nearer_to_stripes_than_to_checks(features: Features) -> None:
    turned = features(TEXTURE, [stripes(angle) for angle in (0.0, 15.0, 30.0, 45.0, 70.0)])
    checks = features(TEXTURE, [np.minimum(stripes(0.0), stripes(90.0))])
    apart = np.linalg.norm(turned[:, None] - turned[None], axis=2).max()
    assert apart < np.linalg.norm(turned - checks, axis=1).min()


def test_texture_sees_two_directions_that_cross_askew_apart_from_ones_at_right_angles(features: Features) -> None:
    right, askew = [np.minimum(stripes(20.0), stripes(angle)) for angle in (110.0, 70.0)]
    both = features(TEXTURE, [right, askew])
    turned = features(TEXTURE, [np.rot90(right).copy(), np.rot90(askew).copy()])
    assert np.linalg.norm(both[0] - both[1]) > 3 * np.linalg.norm(both - turned, axis=1).max()


def test_texture_does_not_care_where_the_pattern_begins(features: Features, cloths: list[Pixels]) -> None:
    whole = [np.ascontiguousarray(picture[:256, :256]) for picture in cloths]
    moved = [np.ascontiguousarray(picture[19:275, 11:267]) for picture in cloths]
    assert change(features(TEXTURE, whole), features(TEXTURE, moved)) < 0.2


def test_layout_cares_where_the_figure_is(features: Features, figures: list[Pixels]) -> None:
    moved = [np.roll(picture, 8, axis=(0, 1)) for picture in figures]
    assert change(features(LAYOUT, figures), features(LAYOUT, moved)) > 0.5


@pytest.mark.parametrize(("gain", "offset"), [(0.7, 50), (0.7, 0), (0.5, 60)])
def test_brightness_and_contrast_hardly_count(
    features: Features, cloths: list[Pixels], figures: list[Pixels], gain: float, offset: int
) -> None:
    for name, pictures in ((TEXTURE, cloths), (LAYOUT, figures)):
        lit = [(picture * gain + offset).astype(np.uint8) for picture in pictures]
        assert change(features(name, pictures), features(name, lit)) < 0.1, name


def test_texture_sees_a_pattern_of_one_lightness(features: Features) -> None:
    pattern = stripes(30.0)[:, :, :1] > 128
    # Both have a luma of 90.
    red, blue_green = np.asarray([190, 50, 34], np.uint8), np.asarray([40, 106, 138], np.uint8)
    coloured = np.where(pattern, red, blue_green)
    plain = np.broadcast_to(red, coloured.shape).astype(np.uint8)
    seen = features(TEXTURE, [stripes(30.0), coloured, plain])
    assert np.linalg.norm(seen[1] - seen[0]) < 0.5 * np.linalg.norm(seen[1] - seen[2])


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_gives_the_same_rows_as_single_pictures(features: Features, cloths: list[Pixels], name: str) -> None:
    single = np.concatenate([features(name, [picture]) for picture in cloths])
    np.testing.assert_allclose(features(name, cloths), single, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_pictures_with_nothing_on_them_have_finite_features(features: Features, name: str) -> None:
    faint = np.full((64, 64, 3), 100, np.uint8)
    faint[::2] += 1
    dot = np.zeros((64, 64, 3), np.uint8)
    dot[32, 32] = 255
    flat = [np.full((64, 64, 3), level, np.uint8) for level in (0, 127, 255)]
    found = features(name, [*flat, faint, dot])
    assert np.isfinite(found).all()
    assert np.abs(found).max() < 10


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(8, 8), (64, 64), (50, 300), (1200, 900)])
def test_pictures_of_any_size_will_do(features: Features, name: str, shape: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert features(name, [picture]).shape == (1, BACKBONES[name].dimension)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("resolution", [8, 31, 96, 225])
def test_any_resolution_of_eight_or_more_will_do(name: str, resolution: int) -> None:
    loaded = Model(BACKBONES[name].build())
    batch = np.random.default_rng(0).random((2, 3, resolution, resolution), dtype=np.float32)
    found = loaded.run(batch, FEATURES)
    assert found.shape == (2, BACKBONES[name].dimension)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_graph_has_standard_operators_only_and_stays_small(name: str) -> None:
    data = BACKBONES[name].build()
    graph = onnx.load_from_string(data)
    assert [(opset.domain, opset.version) for opset in graph.opset_import] == [("", OPSET)]
    assert {node.domain for node in graph.graph.node} == {""}
    assert len(data) < 2_000_000


def test_building_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = write(tmp_path / "first"), write(tmp_path / "second")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


@pytest.mark.parametrize("name", NAMES)
def test_the_committed_bank_is_what_the_code_builds(name: str) -> None:
    committed, fresh = onnx.load(FOLDER / f"{name}.onnx"), onnx.load_from_string(BACKBONES[name].build())
    weights, expected = list(committed.graph.initializer), list(fresh.graph.initializer)
    assert [weight.name for weight in weights] == [weight.name for weight in expected]
    for one, other in zip(weights, expected, strict=True):
        # Another machine's cosine may differ in the last bit.
        np.testing.assert_allclose(numpy_helper.to_array(one), numpy_helper.to_array(other), rtol=1e-5, atol=1e-7)
    del committed.graph.initializer[:], fresh.graph.initializer[:]
    assert committed == fresh


@pytest.mark.parametrize("name", NAMES)
def test_the_committed_card_speaks_of_the_committed_bank(name: str) -> None:
    data = (FOLDER / f"{name}.onnx").read_bytes()
    committed = records.decode((FOLDER / f"{name}.json").read_bytes(), Card, name)
    assert committed == card(name, data)
    assert (committed.kind, committed.licence) == ("backbone", "Apache-2.0")
    assert isinstance(committed.preprocessing, Preprocessing)
    model.load(data, committed)
