"""Old models of CNTK become backbones, or are refused with a reason, whatever is in the file."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from common import model
from common.errors import BadInput
from common.images import preprocess
from common.model import FEATURES, IMAGE, Card, Model
from jobs.refine import legacy
from jobs.refine import network as networks
from jobs.refine.backends import interpreter
from tests.conftest import CNTK

SIDE = 64


def made(folder: Path, side: int, name: str) -> tuple[Path, Path]:
    """Train one, in CNTK's interpreter."""
    path, features = folder / "ResNet_8.model", folder / "features.npz"
    script = Path(__file__).parents[3] / "support" / "cntk_models.py"
    words = [str(CNTK / "bin" / "python3.6"), "-s", "-B", str(script), str(path), str(side), name, str(features)]
    subprocess.run(words, env=interpreter.environment(CNTK, 1), check=True, capture_output=True, timeout=300)
    return path, features


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    if not (CNTK / "bin" / "python3.6").exists():
        pytest.skip("CNTK is not set up: make cntk")
    return made(tmp_path_factory.mktemp("old"), SIDE, "z.x.x.r")


@pytest.fixture(scope="module")
def converted(old: tuple[Path, Path]) -> tuple[bytes, Card]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(interpreter.HOME, str(CNTK))
        return legacy.from_cntk(old[0])


def test_features_are_those_that_cntk_computes(old: tuple[Path, Path], converted: tuple[bytes, Card]) -> None:
    data, card = converted
    with np.load(old[1]) as known:
        found = model.load(data, card).run(known["shown"], FEATURES)
        np.testing.assert_allclose(found, known["features"], atol=1e-4)
    assert card.dimension == found.shape[1] == 16
    assert card.training["cut"] == "z.x.x.r"


def test_the_card_says_how_it_saw_pictures(converted: tuple[bytes, Card]) -> None:
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    picture[..., 0] = 200  # red
    seen = preprocess(picture, converted[1].preprocessing)
    assert [float(plane.mean()) for plane in seen] == [-114.0, -114.0, 86.0]


def test_the_graph_is_of_today(converted: tuple[bytes, Card]) -> None:
    graph = onnx.load_from_string(converted[0])
    assert [value.name for value in graph.graph.input] == [IMAGE]
    assert graph.opset_import[0].version == model.OPSET
    onnx.checker.check_model(graph)


def test_it_takes_pictures_of_other_sizes_as_cntk_did(tmp_path: Path, converted: tuple[bytes, Card], cntk: None) -> None:
    data, _ = converted
    other, _ = legacy.from_cntk(made(tmp_path, 75, "z.x.x.r")[0])
    _, weights = networks.read(other, IMAGE, FEATURES, 16)
    pads = [[list(one.ints) for one in node.attribute if one.name == "pads"] for node in onnx.load_from_string(other).graph.node]
    assert pads == [[list(one.ints) for one in node.attribute if one.name == "pads"] for node in onnx.load_from_string(data).graph.node]
    assert weights
    assert Model(data).run(np.zeros((1, 3, 75, 75), np.float32), FEATURES).shape == (1, 16)


def test_it_can_be_refined(converted: tuple[bytes, Card]) -> None:
    data, card = converted
    network, weights = networks.read(data, IMAGE, FEATURES, card.dimension)
    assert len(networks.trainable(network, weights).statistics) == 18


def test_without_the_known_name_the_rectifier_before_the_last_pooling_is_taken(tmp_path: Path, cntk: None) -> None:
    _, card = legacy.from_cntk(made(tmp_path, SIDE, "another")[0])
    assert card.training["cut"] == "another"


def test_an_unknown_node_is_refused_with_those_that_there_are(old: tuple[Path, Path], cntk: None) -> None:
    with pytest.raises(BadInput, match=r"no node 'z\.y'.*z\.x\.x\.r.*--node"):
        legacy.from_cntk(old[0], "z.y")


HOSTILE: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda _: b"",
    "text": lambda _: b"not a model\n" * 100,
    "the beginning": lambda data: data[:100],
    "half": lambda data: data[: len(data) // 2],
    "all but the end": lambda data: data[:-1],
    "flipped": lambda data: bytes(byte ^ 0xFF for byte in data),
    "zeros": lambda data: bytes(len(data)),
    "shapes": lambda data: data.replace(b"shape", b"shapf"),
    "its own functions": lambda data: data.replace(b"PrimitiveFunction", b"UserDefinedFunction", 1),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_model_is_refused(tmp_path: Path, old: tuple[Path, Path], name: str, cntk: None) -> None:
    path = tmp_path / "hostile.model"
    path.write_bytes(HOSTILE[name](old[0].read_bytes()))
    with pytest.raises(BadInput, match=r"hostile\.model"):
        legacy.from_cntk(path)


def test_a_huge_file_is_not_even_read(tmp_path: Path) -> None:
    path = tmp_path / "hostile.model"
    with path.open("wb") as file:
        file.truncate(model.MAX_MODEL_BYTES + 1)
    with pytest.raises(BadInput, match="bytes, more than"):
        legacy.from_cntk(path)


def test_a_file_that_takes_for_ever_is_given_up(old: tuple[Path, Path], cntk: None) -> None:
    with pytest.raises(BadInput, match="in time"):
        legacy.from_cntk(old[0], seconds=0.0)
