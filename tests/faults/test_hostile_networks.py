"""Networks made to harm: each is refused soon and with a reason, by a child with little memory, and none makes code run."""

from __future__ import annotations

import pickle
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from common.errors import BadInput
from jobs.backbones import reading
from jobs.backbones.wishes import Wish
from tests.support import documents, foreign, weights
from tests.support.weights import archive, described, saved

SECONDS, MOST_SECONDS, MEMORY = 6.0, 30.0, 500 << 20


def networks() -> Iterator[tuple[str, bytes]]:
    """Yield (name, bytes) of files that must not become a backbone."""
    yield from ((name, data) for name, data in documents.hostile() if name.endswith(".onnx"))
    yield "memory.onnx", _after(helper.make_node("Expand", ["pooled", "shape"], ["y"]), shape=np.array([1 << 20, 1 << 10, 2, foreign.MAPS]))
    yield "lies.onnx", _after(helper.make_node("Reshape", ["pooled", "shape"], ["y"]), shape=np.array([-1, 1 << 40]))
    spin = [helper.make_node("MatMul", ["square" if step == 0 else f"s{step - 1}", "square"], [f"s{step}"]) for step in range(300)]
    yield (
        "time.onnx",
        foreign.file(
            [
                *foreign.body(),
                helper.make_node("ReduceMean", ["pooled"], ["mean"], axes=[1], keepdims=1),
                helper.make_node("Expand", ["mean", "side"], ["wide"]),
                helper.make_node("MatMul", ["column", "wide"], ["square"]),
                *spin,
                helper.make_node("ReduceMean", ["s299"], ["least"], axes=[1], keepdims=1),
                helper.make_node("Add", ["pooled", "least"], ["y"]),
            ],
            ["y"],
            more={"side": np.array([2, 3000]), "column": np.ones((3000, 2), np.float32)},
        ),
    )
    sound = saved(weights.resnet(narrow=16))
    yield "cut.pth", sound[: len(sound) // 2]
    yield "payload.pth", archive(pickle.dumps(documents.Payload(), 2), {})
    yield "bare.pth", pickle.dumps(documents.Payload(), 2)
    yield "deep.pth", archive(b"\x80\x02" + b"]" * 1_000_000 + b"a" * 999_999 + b".", {})
    yield "texts.pth", archive(b"\x80\x02" + b"X\x00\x00\x00\x02" + b"x" * (33 << 20) + b".", {})
    yield "many.pth", archive(b"\x80\x02]" + b"(" + b"K\x01" * 3_000_000 + b"e.", {})
    yield "infinite.pth", saved({name: np.full_like(one, np.inf) for name, one in weights.resnet(narrow=16).items() if one.ndim})
    yield "other.pth", archive(described({"encoder.weight": np.ones(3, np.float32)}), {"0": np.ones(3, np.float32).tobytes()})
    yield "old.model", b"B\x00C\x00N\x00"


def _after(node: object, **constants: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> bytes:
    return foreign.file([*foreign.body(), node], ["y"], more=constants)  # type: ignore[list-item]


NETWORKS = list(networks())


@pytest.mark.parametrize(("name", "data"), NETWORKS, ids=[name for name, _ in NETWORKS])
def test_it_is_refused_soon_with_a_short_reason(name: str, data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(data)
    begun = time.monotonic()
    with pytest.raises(BadInput, match=f"^{name} ") as caught:
        reading.read(tmp_path / name, Wish(name="theirs", kind="file"), seconds=SECONDS, memory_bytes=MEMORY)
    assert time.monotonic() - begun < MOST_SECONDS
    assert len(str(caught.value)) < 600
    assert "Traceback" not in str(caught.value)
    assert [one.name for one in tmp_path.iterdir()] == [name]
