"""Weights as torchvision names and PyTorch saves them, made without either; random and the same at every call."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

WIDTHS = (64, 128, 256, 512)
KINDS = {"<f4": "FloatStorage", "<i8": "LongStorage", "<f2": "HalfStorage"}

State = dict[str, NDArray[Any]]


def resnet(blocks: Sequence[int] = (2, 2, 2, 2), *, deep: bool = False, classes: int = 10, narrow: int = 1) -> State:
    """Return the state of a ResNet: BasicBlocks, or Bottlenecks where it is deep; `narrow` divides all widths."""
    state: State = {}
    random = np.random.default_rng(0)

    def convolution(name: str, outside: int, inside: int, side: int) -> None:
        spread = np.float32(np.sqrt(2 / (inside * side * side)))
        state[f"{name}.weight"] = random.standard_normal((outside, inside, side, side), np.float32) * spread

    def norm(name: str, width: int) -> None:
        state[f"{name}.weight"] = random.uniform(0.5, 1.5, width).astype(np.float32)
        state[f"{name}.bias"] = random.standard_normal(width, np.float32) * np.float32(0.1)
        state[f"{name}.running_mean"] = random.standard_normal(width, np.float32) * np.float32(0.1)
        state[f"{name}.running_var"] = random.uniform(0.5, 1.5, width).astype(np.float32)
        state[f"{name}.num_batches_tracked"] = np.array(7)

    convolution("conv1", 64 // narrow, 3, 7)
    norm("bn1", 64 // narrow)
    inside = 64 // narrow
    for layer, (count, width) in enumerate(zip(blocks, WIDTHS, strict=True), start=1):
        for block in range(count):
            name, inner = f"layer{layer}.{block}", width // narrow
            outside = inner * 4 if deep else inner
            sides = ((inner, inside, 1), (inner, inner, 3), (outside, inner, 1)) if deep else ((inner, inside, 3), (inner, inner, 3))
            for number, shape in enumerate(sides, start=1):
                convolution(f"{name}.conv{number}", *shape)
                norm(f"{name}.bn{number}", shape[0])
            if inside != outside or (layer > 1 and block == 0):
                convolution(f"{name}.downsample.0", outside, inside, 1)
                norm(f"{name}.downsample.1", outside)
            inside = outside
    state["fc.weight"] = random.standard_normal((classes, inside), np.float32)
    state["fc.bias"] = np.zeros(classes, np.float32)
    return state


def saved(state: Mapping[str, NDArray[Any]]) -> bytes:
    """Return a state as torch.save writes it."""
    return archive(described(state), {str(number): array.tobytes() for number, array in enumerate(state.values())})


def archive(pickle: bytes, blocks: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """Return the zip of PyTorch's files."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", compression) as file:
        file.writestr("archive/data.pkl", pickle)
        file.writestr("archive/byteorder", b"little")
        for key, block in blocks.items():
            file.writestr(f"archive/data/{key}", block)
        file.writestr("archive/version", b"3\n")
    return sink.getvalue()


def described(state: Mapping[str, NDArray[Any]]) -> bytes:
    """Return the pickle that describes a state: an OrderedDict of tensors by their storages."""
    tensors = (text(name) + tensor(array, str(number)) for number, (name, array) in enumerate(state.items()))
    return program(called("collections", "OrderedDict", b")") + b"(" + b"".join(tensors) + b"u")


def program(words: bytes) -> bytes:
    return b"\x80\x02" + words + b"."


def called(module: str, name: str, arguments: bytes) -> bytes:
    """Name something and call it with a tuple."""
    return f"c{module}\n{name}\n".encode() + arguments + b"R"


def tensor(array: NDArray[Any], key: str, *, shape: tuple[int, ...] | None = None, offset: int = 0, stored: int = -1) -> bytes:
    size = array.size if stored < 0 else stored
    storage = b"(" + text("storage") + f"ctorch\n{KINDS[array.dtype.str]}\n".encode() + text(key) + text("cpu") + number(size) + b"tQ"
    strides = tuple(stride // array.itemsize for stride in array.strides)
    parts = (
        storage + number(offset) + numbers(shape or array.shape) + numbers(strides) + b"\x89" + called("collections", "OrderedDict", b")")
    )
    return called("torch._utils", "_rebuild_tensor_v2", b"(" + parts + b"t")


def text(words: str) -> bytes:
    return b"X" + struct.pack("<I", len(words.encode())) + words.encode()


def number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def numbers(values: Sequence[int]) -> bytes:
    return b"(" + b"".join(map(number, values)) + b"t"
