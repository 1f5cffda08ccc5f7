"""The child that reads foreign networks: what it brings, and what becomes of it when a file is bad for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from common import model
from common.errors import BadInput
from jobs.backbones import reading
from jobs.backbones.wishes import Wish
from tests.support import foreign

WISH = Wish(name="theirs", kind="ONNX file", source="theirs.onnx")


def test_a_file_becomes_a_network_and_its_card(tmp_path: Path) -> None:
    file = tmp_path / "theirs.onnx"
    file.write_bytes(foreign.file())
    made = reading.read(file, WISH)
    assert model.load(made.network, made.card)
    assert (made.card.name, made.card.source, made.card.dimension) == ("theirs", "theirs.onnx", foreign.MAPS)
    assert made.notes


def test_a_refusal_names_the_file_and_the_reason(tmp_path: Path) -> None:
    file = tmp_path / "theirs.onnx"
    file.write_bytes(b"nothing")
    with pytest.raises(BadInput, match=r"theirs\.onnx cannot be used\. It is no ONNX file"):
        reading.read(file, WISH)


def test_one_that_takes_too_long_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "theirs.onnx"
    file.write_bytes(foreign.file())
    with pytest.raises(BadInput, match=r"takes longer than 0\.01 s"):
        reading.read(file, WISH, seconds=0.01)


def test_one_that_takes_too_much_memory_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "theirs.onnx"
    file.write_bytes(foreign.file(shape=("n", 3, "h", "w")))
    wish = Wish(name="theirs", kind="ONNX file", resolution=2048)
    with pytest.raises(BadInput, match=r"theirs\.onnx cannot be used\. "):
        reading.read(file, wish, memory_bytes=80 << 20)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("none.onnx", "There is no file"),
        ("old.model", "a network of CNTK"),
        ("folder", "is no file"),
        ("net.h5", "ends in .h5"),
        ("net", "ends in nothing"),
    ],
)
def test_what_is_no_file_of_a_known_kind_is_refused_before_it_is_read(name: str, words: str, tmp_path: Path) -> None:
    if name == "folder":
        (tmp_path / name).mkdir()
    elif not name.startswith("none"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(BadInput, match=words):
        reading.read(tmp_path / name, WISH)


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "huge.onnx"
    with file.open("wb") as sparse:
        sparse.truncate(2 << 30)
    with pytest.raises(BadInput, match=r"has 2,048 MiB; at most 768 are read"):
        reading.read(file, WISH)
