"""The few words of pickle that PyTorch writes weights with, read without unpickling.

A pickle is a program. This is no interpreter of it: nothing is imported or called. Of the opcodes (listed by the standard library's
`pickletools`, which only parses) it follows those that build dicts, lists, tuples, numbers and texts, and it knows by name the three
things that a file of weights calls; anything else ends the reading.
"""

from __future__ import annotations

import io
import pickletools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from common.errors import BadInput

MOST_BYTES = 32 * 1024 * 1024
DTYPES: Mapping[str, str] = {
    "FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2", "LongStorage": "<i8", "IntStorage": "<i4", "ShortStorage": "<i2",
    "CharStorage": "<i1", "ByteStorage": "<u1", "BoolStorage": "<u1",
}  # fmt: skip


@dataclass(frozen=True)
class Storage:
    """Numbers of a type that lie elsewhere in the file, under a key."""

    key: str
    dtype: np.dtype[Any]
    size: int


@dataclass(frozen=True)
class Tensor:
    """A view of a storage; offset and strides count numbers, not bytes."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True)
class _Called:
    """A name that a file calls or speaks of."""

    name: str


class _Mark:
    """Where the items of what is being built begin."""


def read(file: io.BytesIO) -> Any:
    """Read one pickle from where the file stands; dicts, lists, tuples, texts, numbers, Storage and Tensor come of it.

    Raises:
        BadInput: it is cut short, damaged, or says what no weights need to say.
    """
    machine = _Machine()
    try:
        for name, argument in _opcodes(file):
            if name == "STOP":
                return machine.pop()
            machine.do(name, argument)
    except BadInput:
        raise
    except (ValueError, TypeError, IndexError, KeyError, AttributeError, OverflowError, UnicodeDecodeError) as error:
        raise BadInput(f"What describes its weights is damaged ({str(error)[:100]}).") from error
    raise BadInput("What describes its weights has no end.")


def _opcodes(file: io.BytesIO) -> Iterator[tuple[str, Any]]:
    begin = file.tell()
    for opcode, argument, _ in pickletools.genops(file):
        if file.tell() - begin > MOST_BYTES:
            raise BadInput(f"What describes its weights has more than {MOST_BYTES >> 20} MiB.")
        yield opcode.name, argument


@dataclass
class _Machine:
    stack: list[Any] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)

    def pop(self) -> Any:
        return self.stack.pop()

    def do(self, name: str, argument: Any) -> None:
        """Follow one opcode. Raises BadInput for one that weights do not need."""
        if name in _PLAIN:
            self.stack.append(argument)
        elif name in _BUILDERS:
            _BUILDERS[name](self)
        elif name in ("BINPUT", "LONG_BINPUT"):
            self.memo[argument] = self.stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            self.stack.append(self.memo[argument])
        elif name == "GLOBAL":
            self.stack.append(_name(argument.replace(" ", ".")))
        elif name not in ("PROTO", "FRAME"):
            raise BadInput(f"Its pickle has the opcode {name}, which no weights need. Save a state_dict by torch.save.")

    def items(self) -> list[Any]:
        """Return what was put on the stack since the last mark."""
        at = max(place for place, one in enumerate(self.stack) if isinstance(one, _Mark))
        found = self.stack[at + 1 :]
        del self.stack[at:]
        return found

    def take(self, count: int) -> None:
        found = self.stack[-count:]
        del self.stack[-count:]
        self.stack.append(tuple(found))

    def set_items(self, pairs: list[Any]) -> None:
        held = _held(self.stack[-1], dict)
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            if not isinstance(key, str | int):
                raise BadInput("It has weights under names that are no texts.")
            held[key] = value

    def extend(self, values: list[Any]) -> None:
        _held(self.stack[-1], list).extend(values)

    def refer(self) -> None:
        """Take a storage by its address: ("storage", type, key, place, size)."""
        word, kind, key, _, size, *_ = self.pop()
        if word != "storage" or not isinstance(kind, _Called) or kind.name.rpartition(".")[2] not in DTYPES:
            raise BadInput("It refers to something that is no storage of numbers.")
        self.stack.append(Storage(str(key), np.dtype(DTYPES[kind.name.rpartition(".")[2]]), int(size)))

    def call(self) -> None:
        arguments, called = self.pop(), self.pop()
        if not isinstance(called, _Called) or called.name not in _CALLS:
            raise BadInput("It calls what is no name.")
        self.stack.append(_CALLS[called.name](*arguments))

    def attach(self) -> None:
        """Attributes of a dict (its `_metadata`) are passed over."""
        self.pop()
        _held(self.stack[-1], dict)


def _held(found: Any, kind: type[Any]) -> Any:
    if type(found) is not kind:
        raise BadInput(f"Its pickle fills something that is no {kind.__name__}.")
    return found


def _name(name: str) -> _Called:
    module, _, last = name.rpartition(".")
    if name in _CALLS or (module == "torch" and last in DTYPES):
        return _Called(name)
    raise BadInput(f"It speaks of {name[:100]!r}, which no weights need; nothing of it was run. Save a state_dict by torch.save.")


def _tensor(storage: Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any) -> Tensor:
    numbers = (offset, *shape, *strides)
    if not isinstance(storage, Storage) or len(shape) != len(strides) or not all(type(one) is int and one >= 0 for one in numbers):
        raise BadInput("One of its tensors is described wrongly.")
    return Tensor(storage, offset, shape, strides)


_CALLS: Mapping[str, Callable[..., Any]] = {
    "collections.OrderedDict": dict,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": lambda tensor, *_: tensor,
}
_PLAIN = frozenset({"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"})
_BUILDERS: Mapping[str, Callable[[_Machine], None]] = {
    "MARK": lambda machine: machine.stack.append(_Mark()),
    "NONE": lambda machine: machine.stack.append(None),
    "NEWTRUE": lambda machine: machine.stack.append(True),
    "NEWFALSE": lambda machine: machine.stack.append(False),
    "EMPTY_DICT": lambda machine: machine.stack.append({}),
    "EMPTY_LIST": lambda machine: machine.stack.append([]),
    "EMPTY_TUPLE": lambda machine: machine.stack.append(()),
    "TUPLE": lambda machine: machine.stack.append(tuple(machine.items())),
    "TUPLE1": lambda machine: machine.take(1),
    "TUPLE2": lambda machine: machine.take(2),
    "TUPLE3": lambda machine: machine.take(3),
    "APPEND": lambda machine: machine.extend([machine.pop()]),
    "APPENDS": lambda machine: machine.extend(machine.items()),
    "SETITEM": lambda machine: machine.set_items([machine.pop(), machine.pop()][::-1]),
    "SETITEMS": lambda machine: machine.set_items(machine.items()),
    "BINPERSID": lambda machine: machine.refer(),
    "REDUCE": lambda machine: machine.call(),
    "BUILD": lambda machine: machine.attach(),
}
