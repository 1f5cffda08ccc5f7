"""Old models of CNTK become backbones, or are refused with a reason, whatever is in the file."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from common import model
from common.cntk import interpreter
from common.errors import BadInput
from common.images import preprocess
from common.model import FEATURES, IMAGE, Model
from jobs.backbones import cntk_files, reading
from jobs.backbones.reading import Made
from jobs.backbones.wishes import Wish
from jobs.refine import network as networks
from tests.conftest import CNTK

SIDE = 64


def made(folder: Path, side: int, name: str) -> tuple[Path, Path]:
    """Train one, in CNTK's interpreter."""
    path, features = folder / "ResNet_8.model", folder / "features.npz"
    script = Path(__file__).parents[3] / "support" / "cntk_models.py"
    words = [str(CNTK / "bin" / "python3.6"), "-s", "-B", str(script), str(path), str(side), name, str(features)]
    subprocess.run(words, env=interpreter.environment(CNTK, 1), check=True, capture_output=True, timeout=300)
    return path, features


def read(path: Path, node: str = "", seconds: float = reading.SECONDS) -> Made:
    return reading.read(path, Wish(name="old", kind="CNTK", node=node), seconds)


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    if not (CNTK / "bin" / "python3.6").exists():
        pytest.skip("CNTK is not set up: make cntk")
    return made(tmp_path_factory.mktemp("old"), SIDE, "z.x.x.r")


@pytest.fixture(scope="module")
def converted(old: tuple[Path, Path]) -> Made:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(interpreter.HOME, str(CNTK))
        return read(old[0])


def test_features_are_those_that_cntk_computes(old: tuple[Path, Path], converted: Made) -> None:
    with np.load(old[1]) as known:
        found = model.load(converted.network, converted.card).run(known["shown"], FEATURES)
        np.testing.assert_allclose(found, known["features"], atol=1e-4)
    assert converted.card.dimension == found.shape[1] == 16
    assert converted.notes[0] == "cut at 'z.x.x.r'"


def test_the_card_says_how_it_saw_pictures(converted: Made) -> None:
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    picture[..., 0] = 200  # red
    seen = preprocess(picture, converted.card.preprocessing)
    assert [float(plane.mean()) for plane in seen] == [-114.0, -114.0, 86.0]


def test_the_graph_is_of_today(converted: Made) -> None:
    graph = onnx.load_from_string(converted.network)
    assert [value.name for value in graph.graph.input] == [IMAGE]
    assert graph.opset_import[0].version == model.OPSET
    onnx.checker.check_model(graph)


def test_it_takes_pictures_of_other_sizes_as_cntk_did(tmp_path: Path, converted: Made, cntk: None) -> None:
    data, other = converted.network, read(made(tmp_path, 75, "z.x.x.r")[0]).network
    _, weights = networks.read(other, IMAGE, FEATURES, 16)
    pads = [[list(one.ints) for one in node.attribute if one.name == "pads"] for node in onnx.load_from_string(other).graph.node]
    assert pads == [[list(one.ints) for one in node.attribute if one.name == "pads"] for node in onnx.load_from_string(data).graph.node]
    assert weights
    assert Model(data).run(np.zeros((1, 3, 75, 75), np.float32), FEATURES).shape == (1, 16)


def test_it_can_be_refined(converted: Made) -> None:
    network, weights = networks.read(converted.network, IMAGE, FEATURES, converted.card.dimension)
    assert len(networks.trainable(network, weights).statistics) == 18


def test_without_the_known_name_the_rectifier_before_the_last_pooling_is_taken(tmp_path: Path, cntk: None) -> None:
    assert read(made(tmp_path, SIDE, "another")[0]).notes[0] == "cut at 'another'"


def test_an_unknown_node_is_refused_with_those_that_there_are(old: tuple[Path, Path], cntk: None) -> None:
    with pytest.raises(BadInput, match=r"no node 'z\.y'.*z\.x\.x\.r.*--node"):
        read(old[0], "z.y")


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
        read(path)


def test_a_file_that_takes_for_ever_is_given_up(old: tuple[Path, Path], cntk: None) -> None:
    with pytest.raises(BadInput, match="in time"):
        cntk_files.read(old[0].read_bytes(), Wish(name="old", kind="CNTK"), seconds=0.0)


def test_without_cntk_the_file_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "old.model"
    path.write_bytes(b"anything")
    with pytest.raises(BadInput, match=r"old\.model .* `make cntk` does that; or export the network to ONNX"):
        read(path)
