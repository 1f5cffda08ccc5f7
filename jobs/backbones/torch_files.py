"""Weights in PyTorch's files (.pth): a zip with a pickle and the bytes of its tensors, or the older row of pickles, read without torch."""

from __future__ import annotations

import io
import itertools
import math
import zipfile
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from common.errors import BadInput
from jobs.backbones import pickles
from jobs.backbones.pickles import Storage, Tensor

Weights: TypeAlias = dict[str, NDArray[Any]]
Fetch: TypeAlias = Callable[[Storage], bytes]

MAGIC = 0x1950A86A20F9469CFC6C
WITHIN = ("state_dict", "model", "model_state_dict", "net")
"""Under which of these a checkpoint keeps the weights themselves."""
EVERYWHERE = "module."
"""What names begin with where the network was trained on several GPUs."""


def read(data: bytes) -> Weights:
    """Return the weights of a file by name.

    Raises:
        BadInput: it is no such file, is damaged, or holds other things than weights.
    """
    described, fetch = _from_zip(data) if data[:2] == b"PK" else _from_pickles(data)
    if not isinstance(described, dict):
        raise BadInput("It holds no weights by name. Save the network's state_dict(), not the network.")
    named = next((described[name] for name in WITHIN if isinstance(described.get(name), dict)), described)
    weights = {str(name): _array(str(name), one, fetch) for name, one in named.items() if isinstance(one, Tensor)}
    if not weights:
        raise BadInput("It holds no weights by name. Save the network's state_dict().")
    if all(name.startswith(EVERYWHERE) for name in weights):
        return {name.removeprefix(EVERYWHERE): one for name, one in weights.items()}
    return weights


def _from_zip(data: bytes) -> tuple[Any, Fetch]:
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise BadInput(f"Its zip is damaged or cut short ({error}).") from error
    entries = {one.filename: one for one in archive.infolist()}
    if any(one.compress_type != zipfile.ZIP_STORED for one in entries.values()):
        raise BadInput("Its zip is compressed, as PyTorch's are not.")
    if sum(one.file_size for one in archive.infolist()) > len(data):
        raise BadInput("Its zip claims to hold more than the file.")
    folders = [name.removesuffix("data.pkl") for name in entries if name.endswith("/data.pkl")]
    if len(folders) != 1:
        raise BadInput("Its zip is none of PyTorch's: there is no data.pkl in it.")

    def entry(name: str) -> bytes:
        try:
            return archive.read(entries[folders[0] + name])
        except (KeyError, zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError, OSError, EOFError) as error:
            raise BadInput(f"Its {name} is missing or damaged.") from error

    if folders[0] + "byteorder" in entries and entry("byteorder") != b"little":
        raise BadInput("It was saved on a machine of the other byte order.")
    return pickles.read(io.BytesIO(entry("data.pkl"))), lambda storage: entry(f"data/{storage.key}")


def _from_pickles(data: bytes) -> tuple[Any, Fetch]:
    file = io.BytesIO(data)
    try:
        magic = pickles.read(file)
    except BadInput as error:
        raise BadInput(f"It is no file of PyTorch's, or a very old one; save it anew by torch.save. ({error})") from error
    if magic != MAGIC:
        raise BadInput("It is no file of PyTorch's.")
    _, _, described, keys = (pickles.read(file) for _ in range(4))
    sizes = {one.storage.key: one.storage.dtype.itemsize for one in _tensors(described)}
    blocks: dict[str, bytes] = {}
    for key in keys if isinstance(keys, list) else []:
        count = int.from_bytes(file.read(8), "little")
        blocks[str(key)] = file.read(min(count * sizes.get(str(key), 0), len(data)))

    def fetch(storage: Storage) -> bytes:
        if storage.key not in blocks:
            raise BadInput("One of its tensors is missing.")
        return blocks[storage.key]

    return described, fetch


def _tensors(described: Any) -> list[Tensor]:
    """Return the tensors of a dict, and of the dicts in it."""
    inside = list(described.values()) if isinstance(described, dict) else []
    deeper = itertools.chain.from_iterable(one.values() for one in inside if isinstance(one, dict))
    return [one for one in [*inside, *deeper] if isinstance(one, Tensor)]


def _array(name: str, tensor: Tensor, fetch: Fetch) -> NDArray[Any]:
    """Return a tensor's numbers: a view of its storage where they lie in order. Raises BadInput."""
    numbers = np.frombuffer(_whole(name, tensor.storage, fetch), tensor.storage.dtype)
    count = math.prod(tensor.shape)
    if count == 0:
        return np.zeros(tensor.shape, tensor.storage.dtype)
    last = tensor.offset + sum((side - 1) * stride for side, stride in zip(tensor.shape, tensor.strides, strict=True))
    if last >= len(numbers) or count > len(numbers):
        raise BadInput(f"Its tensor {name!r} reaches beyond what is stored of it.")
    strides = tuple(stride * numbers.itemsize for stride in tensor.strides)
    return np.lib.stride_tricks.as_strided(numbers[tensor.offset :], tensor.shape, strides, writeable=False)


def _whole(name: str, storage: Storage, fetch: Fetch) -> bytes:
    data = fetch(storage)
    if len(data) != storage.size * storage.dtype.itemsize:
        raise BadInput(f"The file is cut short: {len(data)} bytes of {name!r}, {storage.size * storage.dtype.itemsize} belong there.")
    return data


def floats(values: NDArray[Any]) -> NDArray[np.float32]:
    """Return a tensor in float32, its numbers in order."""
    return np.ascontiguousarray(values, np.float32)
