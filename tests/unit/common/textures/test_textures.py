"""The renderer keeps its promises: same bytes anywhere, streams apart, clear errors."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from common import textures
from common.errors import BadParameters
from common.textures import (
    DEMO,
    DEMO_COARSE,
    FAMILIES,
    Canvas,
    ClothSettings,
    LightSettings,
    PatternSettings,
    PoseSettings,
    SensorSettings,
    Settings,
    Span,
    Streams,
    encode_jpeg,
    render,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

SMALL = replace(DEMO, side_px=Span(96, 128))
NONE = Span(0.0, 0.0)
STILL = Settings(
    side_px=Span(160, 160),
    pattern=PatternSettings(motifs=Span(8, 8), irregularity=NONE, diagonal_chance=0.0),
    cloth=ClothSettings(
        relief=NONE,
        melange=NONE,
        wave_slope=NONE,
        folds=NONE,
        creases=NONE,
        seam_chance=0.0,
        edge_chance=0.0,
    ),
    pose=PoseSettings(tilt_deg=NONE, skew_deg=NONE, any_rotation_chance=0.0, quarter_turn_chance=0.0),
    light=LightSettings(falloff=NONE, shadow_chance=0.0, sheen_chance=0.0, vignette=NONE),
    sensor=SensorSettings(
        exposure_stops=NONE,
        white_balance=NONE,
        gamma=Span(1, 1),
        saturation=Span(1, 1),
        haze=NONE,
        defocus_px=NONE,
        motion_px=NONE,
        noise=NONE,
        sharpening=NONE,
    ),
)
"""Every span one number and every chance 0: a flat cloth, seen straight from above."""


def digest(family: str, seed: int, settings: Settings = SMALL) -> str:
    return hashlib.sha256(render(family, seed, settings).tobytes()).hexdigest()


def digests_with_opencv_threads(threads: int) -> list[str]:
    cv2.setNumThreads(threads)
    return [digest(family, 5, DEMO) for family in sorted(FAMILIES)]


IN_A_PROCESS = """
import hashlib, sys, cv2
from common.textures import FAMILIES, render
cv2.setNumThreads(int(sys.argv[1]))
for family in sorted(FAMILIES):
    print(hashlib.sha256(render(family, 5).tobytes()).hexdigest())
"""


@pytest.fixture
def opencv_threads() -> Iterator[None]:
    """Restore OpenCV's thread count, which is global."""
    before = cv2.getNumThreads()
    yield
    cv2.setNumThreads(before)


def test_exported_names_are_complete_and_sorted() -> None:
    assert sorted(textures.__all__) == sorted(set(textures.__all__))
    assert all(hasattr(textures, name) for name in textures.__all__)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_family_gives_an_rgb_picture_with_sides_in_range(family: str) -> None:
    for seed in range(6):
        image = render(family, seed, SMALL)
        assert image.dtype == np.uint8
        assert image.ndim == 3
        assert image.shape[2] == 3
        assert all(96 <= side <= 128 for side in image.shape[:2])
        assert image.flags.c_contiguous


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_family_draws_flat_cloth_of_finite_float32_in_range(family: str) -> None:
    canvas = Canvas((150, 150), 100)
    for seed in range(8):
        flat = FAMILIES[family](Streams(family, seed).named("pattern"), canvas, DEMO.pattern)
        for colours in [flat.face] if flat.weft is None else [flat.face, flat.weft]:
            assert colours.shape == (150, 150, 3)
            assert colours.dtype == np.float32
            assert np.isfinite(colours).all()
            assert colours.min() >= -1e-5
            assert colours.max() <= 1 + 1e-5
        assert flat.motif_px > 0


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_pictures_are_not_flat_and_not_all_black_or_white(family: str) -> None:
    means = [float(render(family, seed, SMALL).mean()) for seed in range(12)]
    assert all(8 < mean < 250 for mean in means)
    if family != "plain":
        assert np.median([render(family, seed, SMALL).std() for seed in range(12)]) > 15


def test_equal_arguments_give_equal_pixels_in_any_order_of_calls() -> None:
    wanted = [("dotted", 1), ("leopard", 2), ("striped", 3), ("checkered", 4)]
    there = [digest(*one) for one in wanted]
    back = [digest(*one) for one in reversed(wanted)]
    assert there == back[::-1]


def test_the_number_of_opencv_threads_does_not_show(opencv_threads: None) -> None:
    one, two = digests_with_opencv_threads(1), digests_with_opencv_threads(2)
    assert one == two
    assert len(set(one)) == len(FAMILIES)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_new_process_gives_the_same_pixels(threads: int) -> None:
    command = [sys.executable, "-c", IN_A_PROCESS, str(threads)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [digest(family, 5, DEMO) for family in sorted(FAMILIES)]


def test_rendering_from_many_threads_at_once_gives_the_same_pixels() -> None:
    alone = [digest("leopard", seed) for seed in range(8)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda seed: digest("leopard", seed), range(8))) == alone


def test_seeds_and_families_give_different_pictures() -> None:
    digests = {digest(family, seed) for family in ("dotted", "striped") for seed in range(20)}
    assert len(digests) == 40


def test_a_seed_may_be_negative_or_larger_than_a_machine_word() -> None:
    assert digest("dotted", -1) != digest("dotted", 2**70)


def test_global_random_state_is_neither_read_nor_moved() -> None:
    np.random.seed(0)  # noqa: NPY002 (the global state is what is tested)
    before = digest("floral", 0)
    drawn = np.random.random()  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    assert np.random.random() == drawn  # noqa: NPY002
    assert digest("floral", 0) == before


def test_a_change_of_the_camera_leaves_pattern_and_cloth_as_they_were() -> None:
    noisy = replace(STILL, sensor=replace(STILL.sensor, noise=Span(0.02, 0.02)))
    quiet, grainy = render("dotted", 3, STILL), render("dotted", 3, noisy)
    assert not np.array_equal(quiet, grainy)
    assert np.abs(quiet.astype(int) - grainy.astype(int)).mean() < 8


def test_streams_of_two_steps_do_not_depend_on_each_other() -> None:
    streams = Streams("dotted", 7)
    first = streams.named("cloth.yarns").random(4)
    streams.named("pattern").random(1000)
    assert np.array_equal(streams.named("cloth.yarns").random(4), first)
    assert not np.array_equal(streams.named("pattern").random(4), first)


def test_settings_that_switch_all_faults_off_leave_stripes_straight() -> None:
    def unevenness(seed: int) -> float:
        image = render("striped", seed, STILL).astype(float)
        return float(min(image.std(axis=0).max(), image.std(axis=1).max()))

    straight = [unevenness(seed) < 3 for seed in range(20)]
    assert sum(straight) >= 16  # the others are wavy by design


def test_fewer_motifs_make_larger_motifs() -> None:
    def detail(settings: Settings) -> float:
        pictures = [render("dotted", seed, settings).astype(float).mean(axis=2) for seed in range(8)]
        return float(np.mean([np.abs(np.diff(picture)).mean() for picture in pictures]))

    fine = replace(STILL, pattern=replace(STILL.pattern, motifs=Span(20, 20)))
    coarse = replace(STILL, pattern=DEMO_COARSE.pattern)
    assert detail(fine) > 2 * detail(coarse)


def test_an_unknown_family_is_refused_and_the_known_ones_are_named() -> None:
    with pytest.raises(BadParameters) as caught:
        render("doted", 0)
    message = str(caught.value)
    assert "'doted'" in message
    assert "Did you mean 'dotted'?" in message
    assert all(family in message for family in FAMILIES)


def test_an_empty_span_is_refused() -> None:
    with pytest.raises(ValueError, match="smaller number first"):
        Span(2, 1)


def test_jpeg_keeps_size_and_colours_and_lower_quality_is_smaller() -> None:
    image = render("leopard", 1, SMALL)
    fine, rough = encode_jpeg(image, 95), encode_jpeg(image, 40)
    assert fine[:2] == b"\xff\xd8"
    assert len(rough) < len(fine)
    decoded = decode(fine)
    assert decoded.shape == image.shape
    channels = (decoded.astype(float) - image.astype(float)).mean(axis=(0, 1))
    assert np.abs(channels).max() < 2


def decode(data: bytes) -> NDArray[np.uint8]:
    coded = np.frombuffer(data, dtype=np.uint8)
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR_RGB), dtype=np.uint8)
