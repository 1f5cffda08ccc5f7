"""Weights in PyTorch's files, read without torch and without unpickling; what a hostile file may say comes to nothing."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.errors import BadInput
from jobs.backbones import torch_files
from tests.support.weights import archive, called, described, number, program, saved, tensor, text

HERE = Path(__file__).parent
SMALL = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array(7)}


@pytest.mark.parametrize("name", ["zip.pth", "row.pth"])
def test_a_file_that_torch_wrote_is_read(name: str) -> None:
    """Both were written by torch 2.15: `torch.save`, and the same in the form before 1.6."""
    found = torch_files.read((HERE / "torch" / name).read_bytes())
    plain = np.arange(6, dtype=np.float32).reshape(2, 3)
    expected: dict[str, np.ndarray[Any, Any]] = {
        "plain": plain,
        "turned": plain.T,
        "half": np.array([0.5, -2], np.float16),
        "count": np.array(7),
        "part": np.arange(4, 8, dtype=np.float32),
    }
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        np.testing.assert_array_equal(found[key], value)
        assert found[key].dtype == value.dtype


def test_a_checkpoint_of_several_gpus_is_unwrapped() -> None:
    inner = described({f"module.{name}": value for name, value in SMALL.items()})[2:-1]
    data = archive(
        program(b"}(" + text("epoch") + number(3) + text("state_dict") + inner + b"u"),
        {"0": SMALL["a"].tobytes(), "1": SMALL["b"].tobytes()},
    )
    assert torch_files.read(data).keys() == SMALL.keys()


class Payload:
    """Unpickled, it makes a folder."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, ("canary",)


def blocks() -> dict[str, bytes]:
    return {"0": SMALL["a"].tobytes(), "1": SMALL["b"].tobytes()}


def other_zip() -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as file:
        file.writestr("readme.txt", b"hello")
    return sink.getvalue()


def one(part: bytes) -> bytes:
    return archive(program(b"}" + text("a") + part + b"s"), blocks())


BAD: list[tuple[str, bytes, str]] = [
    ("empty", b"", "no file of PyTorch's"),
    ("text", b"weights, honestly", "no file of PyTorch's"),
    ("payload", pickle.dumps(Payload(), 2), "speaks of 'posix.mkdir'|no file of PyTorch's"),
    ("payload-zip", archive(pickle.dumps(Payload(), 2), {}), "which no weights need; nothing of it was run"),
    ("payload-new", archive(pickle.dumps(Payload(), 4), {}), "opcode|speaks of"),
    ("call", one(called("builtins", "eval", b"(" + text("1") + b"t")), "speaks of 'builtins.eval'"),
    ("whole-network", one(b"ctorchvision.models.resnet\nResNet\n)\x81"), "speaks of 'torchvision.models.resnet.ResNet'"),
    ("object", one(b"(" + text("x") + b"i__main__\nX\n"), "opcode INST"),
    ("call-a-text", one(text("x") + b")R"), "calls what is no name"),
    ("fill-a-number", archive(program(b"K\x01" + text("a") + b"K\x02s"), {}), "no dict"),
    ("stack", archive(b"\x80\x02u.", {}), "damaged"),
    ("memo", archive(b"\x80\x02h\x07.", {}), "damaged"),
    ("no-end", archive(b"\x80\x02}", {}), "damaged|no end"),
    ("list", archive(program(b"]"), {}), "no weights by name"),
    ("nothing", archive(program(b"}"), {}), "no weights by name"),
    ("beyond", one(tensor(SMALL["a"], "0", shape=(4, 4))), "reaches beyond|described wrongly"),
    ("offset", one(tensor(SMALL["a"], "0", offset=4)), "reaches beyond"),
    ("negative", one(tensor(SMALL["a"], "0", offset=-1)), "described wrongly"),
    ("missing", archive(described(SMALL), {"0": blocks()["0"]}), "data/1 is missing"),
    ("short", archive(described(SMALL), {"0": b"xx", "1": blocks()["1"]}), "cut short: 2 bytes of 'a', 24 belong there"),
    ("cut", saved(SMALL)[:-50], "damaged or cut short"),
    ("half", saved(SMALL)[:300], "damaged or cut short"),
    ("compressed", archive(described(SMALL), blocks(), zipfile.ZIP_DEFLATED), "compressed"),
    ("other-zip", other_zip(), "none of PyTorch's"),
    ("row-cut", (HERE / "torch" / "row.pth").read_bytes()[:-10], "cut short"),
    ("row-nothing", (HERE / "torch" / "row.pth").read_bytes()[:400], "damaged|no end"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "words"), [(data, words) for _, data, words in BAD], ids=[name for name, *_ in BAD])
def test_what_is_no_weights_is_refused_and_runs_nothing(data: bytes, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match=words) as caught:
        torch_files.read(data)
    assert len(str(caught.value)) < 400
    assert list(tmp_path.iterdir()) == []


def test_a_flipped_bit_anywhere_is_refused_or_reads_numbers() -> None:
    sound = saved(SMALL)
    for position in range(len(sound)):
        data = sound[:position] + bytes([sound[position] ^ 0x40]) + sound[position + 1 :]
        try:
            torch_files.read(data)
        except BadInput:
            continue


def test_a_tensor_that_repeats_one_number_over_and_over_is_refused() -> None:
    one_number = np.ones(1, np.float32)
    repeated = np.lib.stride_tricks.as_strided(one_number, (1 << 15, 1 << 15), (0, 0))
    part = tensor(repeated, "0", stored=1)
    with pytest.raises(BadInput, match="reaches beyond"):
        torch_files.read(archive(program(b"}" + text("a") + part + b"s"), {"0": one_number.tobytes()}))
