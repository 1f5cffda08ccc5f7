"""Hostile documents of every kind that Darkroom reads; the suffix says how each is read."""

from __future__ import annotations

import io
import os
import pickle
import tarfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
from onnx import TensorProto, helper, numpy_helper

from common import records, shards
from common.artifact import UnitReader
from common.records import Cancel, Manifest, Part, Recipe, Unit
from common.shards import INDEX, TAR, Picture
from common.store.memory import MemoryStore

MEBI = 1 << 20
CANARY = "canary"  # what smuggled code would leave in the working folder


INDEX_OF_ONE = shards.pack([Picture("0" * 64, "jpg", b"picture", 8, 8)])[INDEX]


class Payload:
    """Unpickled, it leaves the canary."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (CANARY,)


def sealed(body: bytes) -> bytes:
    """Give a JSON object the seal of a document."""
    return body[:-1] + b',"sum":"' + sha256(body).hexdigest().encode() + b'"}\n'


def manifest(**changed: Any) -> bytes:
    fields: dict[str, Any] = {
        "step": "s", "key": "k", "recipe": Recipe(step="s", parameters={}, inputs={}, code=""), "content": (), "digest": "d", "writer": "w"
    }  # fmt: skip
    return records.encode(Manifest(**{**fields, **changed}))


def shard_of(tar: bytes) -> UnitReader:
    """Return a shard with this tar and the index of another one, of one picture."""
    store = MemoryStore()
    parts = []
    for name, data in ((TAR, tar), (INDEX, INDEX_OF_ONE)):
        store.put(f"artifacts/s/k/parts/{name}", data)
        parts.append(Part(name=name, key=f"artifacts/s/k/parts/{name}", size=len(data), sha256=sha256(data).hexdigest()))
    return UnitReader(store, Unit(name="u", digest="d", content=tuple(parts)))


def good() -> dict[str, bytes]:
    """One sound document of each kind."""
    made = shards.pack([Picture("0" * 64, "jpg", b"picture", 8, 8)])
    return {
        "good.json": manifest(),
        "good.part": b'["a"]',
        "good.npy": npy(np.zeros((2, 3), np.float32)),
        "good.parquet": made[INDEX],
        "good.onnx": network(),
        "good.tar": made[TAR],
        "good.yaml": b"train:\n  folds: 3\n",
        "good.set": b"train.folds=3",
    }


def hostile() -> Iterator[tuple[str, bytes]]:
    """Yield (name, bytes) of all hostile documents."""
    yield from _json()
    yield from _yaml()
    yield from _npy()
    yield from _parquet()
    yield from _onnx()
    yield from _tar()


def _json() -> Iterator[tuple[str, bytes]]:
    for depth in (2_000, 1_000_000):
        deep = b'{"a":' * depth + b"1" + b"}" * depth
        yield f"deep-{depth}.part", deep
        yield f"deep-info-{depth}.json", sealed(manifest_body().replace(b'"info":{}', b'"info":' + deep))
        yield f"deep-list-{depth}.part", b"[" * depth
    yield "giant.json", sealed(manifest_body().replace(b'"info":{}', b'"info":{"a":"' + b"x" * (65 * MEBI) + b'"}'))
    yield "many.part", b"[" + b"1," * MEBI + b"1]"
    yield "number.part", b"[" + b"9" * 5_000_000 + b"]"
    yield "surrogate.part", b'["\\ud800"]'
    yield "bytes.part", b'["\xff\xfe"]'
    yield "nan.part", b"[NaN]"
    yield "other-kind.json", records.encode(Cancel(asked="", by=""))
    yield "unsealed.json", manifest_body()
    yield "type-confusion.json", sealed(manifest_body().replace(b'"content":[]', b'"content":{"__class__":"os.system"}'))


def manifest_body() -> bytes:
    """Return a manifest without its seal."""
    return manifest().rpartition(b',"sum"')[0] + b"}"


def _yaml() -> Iterator[tuple[str, bytes]]:
    laughs = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{b}: &{b} [*{a},*{a},*{a},*{a},*{a},*{a},*{a},*{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    inline = "&a [x,x,x,x,x,x,x,x]"
    for _ in range(8):
        inline = f"[{inline}, *a, *a, *a, *a, *a, *a, *a]"
    nested = (
        "[&a [x,x,x,x,x,x,x,x]"
        + "".join(f", &{b} [*{a},*{a},*{a},*{a},*{a},*{a},*{a},*{a},*{a}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
        + "]"
    )
    yield "laughs.yaml", laughs.encode()
    yield "laughs.set", f"train.cValues={nested}".encode()
    yield "laughs-inline.set", f"train.cValues={inline}".encode()
    yield "itself.yaml", b"a: &a [*a]\n"
    yield "itself.set", b"train.cValues=&a [*a]"
    yield "giant.yaml", b"a: " + b"x" * (20 * MEBI)
    for depth in (1_000, 100_000):
        yield f"deep-{depth}.yaml", b"a: " + b"[" * depth + b"]" * depth
        yield f"deep-{depth}.set", b"train.cValues=" + b"[" * depth + b"]" * depth
        yield f"braces-{depth}.yaml", b"a: " + b"{b: " * depth + b"1" + b"}" * depth
    for tag in ("python/object/apply:os.mkdir", "python/object/new:os.mkdir", "python/name:os.mkdir", "python/module:os"):
        yield f"{tag.replace('/', '-').replace(':', '-')}.yaml", f"source: !!{tag} [{CANARY}]\n".encode()
        yield f"{tag.replace('/', '-').replace(':', '-')}.set", f"source=!!{tag} [{CANARY}]".encode()
    yield "bytes.yaml", b"\xff\xfe\x00\x01\x02"
    yield "nul.yaml", b"source: a\x00b"
    yield "merge.yaml", b"a: &a {<<: *a}\n"


def npy(array: Any) -> bytes:
    sink = io.BytesIO()
    np.save(sink, array, allow_pickle=False)
    return sink.getvalue()


def with_header(header: str, body: bytes, version: bytes = b"\x01\x00") -> bytes:
    size = len(header).to_bytes(2 if version == b"\x01\x00" else 4, "little")
    return b"\x93NUMPY" + version + size + header.encode("latin-1") + body


def _npy() -> Iterator[tuple[str, bytes]]:
    objects = io.BytesIO()
    np.save(objects, np.array([Payload()], dtype=object), allow_pickle=True)
    yield "pickled.npy", objects.getvalue()
    yield "only-pickle.npy", pickle.dumps(Payload())
    archive = io.BytesIO()
    np.savez(archive, a=np.zeros(3))
    yield "archive.npy", archive.getvalue()
    for shape in ("(1099511627776,)", "(4294967296, 4294967296)", "(-1, 5)", "(2, True)", "(3,)"):
        yield (
            f"shape-{sha256(shape.encode()).hexdigest()[:6]}.npy",
            with_header(f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n", b"\0" * 16),
        )
    yield "long-header.npy", with_header("{" + " " * 60_000 + "}\n", b"")
    yield "giant-header.npy", with_header("{" + " " * (20 * MEBI) + "}\n", b"", b"\x02\x00")
    yield "lying-header.npy", b"\x93NUMPY\x02\x00\xff\xff\xff\xff{"
    yield "deep-header.npy", with_header("(" * 9_000 + "\n", b"")
    yield "call-header.npy", with_header(f"__import__('os').mkdir('{CANARY}')\n", b"")
    yield "structured.npy", with_header("{'descr': [('a', '<f4'), ('b', '|O')], 'fortran_order': False, 'shape': (1,), }\n", b"\0" * 12)
    yield "void.npy", with_header("{'descr': '|V1000000000', 'fortran_order': False, 'shape': (1,), }\n", b"\0" * 12)
    yield "text.npy", with_header("{'descr': '<U4', 'fortran_order': False, 'shape': (1,), }\n", b"\0" * 16)
    yield "empty.npy", b""
    yield "cut.npy", npy(np.zeros((4, 4), np.float32))[:-1]


def _parquet() -> Iterator[tuple[str, bytes]]:
    sound = good()["good.parquet"]
    # Arrow once unpickled the class of an extension type from the schema's metadata (CVE-2023-47248).
    extension = pa.schema(
        [
            pa.field(
                "id",
                pa.string(),
                metadata={"ARROW:extension:name": "arrow.py_extension_type", "ARROW:extension:metadata": pickle.dumps(Payload())},
            )
        ]
    )
    sink = io.BytesIO()
    pq.write_table(pa.table({"id": pa.array(["x"])}).cast(extension), sink, store_schema=True)
    yield "extension.parquet", sink.getvalue()
    bomb = io.BytesIO()
    pq.write_table(pa.table({name: pa.array(np.zeros(30_000_000, np.int8)) for name in ("offset",)}), bomb, compression="zstd")
    yield "rows.parquet", bomb.getvalue()
    wide = io.BytesIO()
    pq.write_table(pa.table({f"c{number}": pa.array([1]) for number in range(2_000)}), wide)
    yield "wide.parquet", wide.getvalue()
    yield "footer.parquet", sound[:-8] + b"\xff\xff\xff\x7fPAR1"
    yield "cut.parquet", sound[: len(sound) // 2]
    for position in range(4, len(sound), max(1, len(sound) // 60)):
        yield f"flipped-{position}.parquet", sound[:position] + bytes([sound[position] ^ 0xFF]) + sound[position + 1 :]


def network(nodes: Any = None, weights: Any = (), domains: Any = ()) -> bytes:
    graph = helper.make_graph(
        nodes or [helper.make_node("Relu", ["x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        list(weights),
    )
    opsets = [helper.make_opsetid("", 17), *(helper.make_opsetid(name, 1) for name in domains)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())


def _onnx() -> Iterator[tuple[str, bytes]]:
    add = [helper.make_node("Add", ["x", "w"], ["y"])]
    plain = numpy_helper.from_array(np.zeros((8,), np.float32), "w")
    for location in ("/etc/hostname", "../../../../etc/hostname", "weights.bin"):
        outside = onnx.TensorProto()
        outside.CopyFrom(plain)
        outside.ClearField("raw_data")
        outside.data_location = TensorProto.EXTERNAL
        for key, value in (("location", location), ("offset", "0"), ("length", "32")):
            entry = outside.external_data.add()
            entry.key, entry.value = key, value
        yield f"external-{sha256(location.encode()).hexdigest()[:6]}.onnx", network(add, [outside])
    for dims in ([1 << 40], [1 << 31, 1 << 31], [-5], [0, 1 << 62]):
        lying = onnx.TensorProto()
        lying.CopyFrom(plain)
        del lying.dims[:]
        lying.dims.extend(dims)
        yield f"dims-{sha256(repr(dims).encode()).hexdigest()[:6]}.onnx", network(add, [lying])
    yield "python.onnx", network([helper.make_node("PyOp", ["x"], ["y"], domain="ai.onnx.contrib")], domains=["ai.onnx.contrib"])
    yield "unknown.onnx", network([helper.make_node("Run", ["x"], ["y"], domain="evil")], domains=["evil"])
    yield "loop.onnx", network([helper.make_node("Relu", ["y"], ["y"])])
    yield "pickle.onnx", pickle.dumps(Payload())
    yield "length.onnx", b"\x3a\xff\xff\xff\xff\x0f" + b"\0" * 100
    yield "empty.onnx", b""
    deep = network()
    for _ in range(2_000):
        deep = b"\x3a" + _varint(len(deep)) + deep
    yield "deep.onnx", deep


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _tar() -> Iterator[tuple[str, bytes]]:
    for name in ("../../climbs.jpg", "/tmp/absolute.jpg", CANARY, "a/../../b"):
        yield f"name-{sha256(name.encode()).hexdigest()[:6]}.tar", _tar_of(tarfile.TarInfo(name), b"picture")
    link = tarfile.TarInfo("link.jpg")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    yield "link.tar", _tar_of(link, b"")
    device = tarfile.TarInfo("device.jpg")
    device.type, device.devmajor, device.devminor = tarfile.CHRTYPE, 1, 3
    yield "device.tar", _tar_of(device, b"")
    yield "empty.tar", b""


def _tar_of(head: tarfile.TarInfo, data: bytes) -> bytes:
    buffer = io.BytesIO()
    head.size = len(data)
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.addfile(head, io.BytesIO(data))
    return buffer.getvalue()


def write(folder: Path) -> None:
    """Write the sound documents to `good/` and the hostile ones to `hostile/` below a folder."""
    for kind, documents in (("good", good().items()), ("hostile", hostile())):
        (folder / kind).mkdir()
        for name, data in documents:
            (folder / kind / name).write_bytes(data)
