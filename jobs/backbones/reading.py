"""A foreign network is read by a child process with limits.

Parsers, converters and the runtime meet foreign bytes there. Whatever happens, too long, too much memory, a crash, happens to the
child, and the file is refused with the reason. The child gets a path and a wish, and leaves the network, its card and its words in a
folder; what it leaves is read again as anything foreign.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from common import records
from common.cntk import interpreter
from common.errors import BadInput
from common.model import CARD_FILE, MODEL_FILE, Card
from common.records import read_json
from jobs.backbones.wishes import MOST_BYTES, Graph, Wish

SECONDS = 300.0
MEMORY_BYTES = 1536 * 1024 * 1024
TIMES = 10
"""A child may take MEMORY_BYTES and this often the file's size, beside what it has when it begins."""
NOTES_FILE, REASON_FILE = "notes.json", "reason"
MOST_WORDS = 4096

_KNOWN = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "OPENBLAS_CORETYPE")  # of the environment: no key is within a parser's reach

READERS: Mapping[str, tuple[str, str]] = {
    ".onnx": ("onnx_files", "ONNX"),
    ".pth": ("resnet", "PyTorch"),
    ".pt": ("resnet", "PyTorch"),
    ".model": ("cntk_files", "CNTK"),
    ".dnn": ("cntk_files", "CNTK"),
}
"""The module that reads a kind of file, and what the kind is called."""
CNTK_MEMORY_BYTES = 4 << 30
"""CNTK's worker inherits the child's limit, and takes this much address space before it reads anything."""


@dataclass(frozen=True)
class Made:
    """A backbone: the network, its card, and what a person should know of it."""

    network: bytes
    card: Card
    notes: tuple[str, ...]


def read(path: Path, wish: Wish, seconds: float = SECONDS, memory_bytes: int = MEMORY_BYTES) -> Made:
    """Return the backbone that a file holds.

    Raises:
        BadInput: there is none that can be used, with the reason.
    """
    check(path)
    with tempfile.TemporaryDirectory(prefix="darkroom-backbone-") as folder:
        most = memory_bytes + TIMES * path.stat().st_size + (CNTK_MEMORY_BYTES if _is_of_cntk(path) else 0)
        _ask_child([str(path.resolve()), folder, str(most), records.canonical(wish).decode()], Path(folder), path.name, seconds)
        network, card, notes = (Path(folder, name).read_bytes() for name in (MODEL_FILE, CARD_FILE, NOTES_FILE))
        return Made(network, records.decode(card, Card, "the card"), tuple(read_json(notes, list[str], "the notes")))


def check(path: Path) -> None:
    """Refuse what is no file of a kind that is read. Raises BadInput."""
    kinds = ", ".join(READERS)
    if not path.exists():
        raise BadInput(f"There is no file {path}.")
    if not path.is_file():
        raise BadInput(f"{path} is no file; bring one that ends in {kinds}.")
    if path.suffix.lower() not in READERS:
        raise BadInput(f"{path.name} ends in {path.suffix or 'nothing'}; a backbone's file ends in {kinds}.")
    if path.stat().st_size > MOST_BYTES:
        raise BadInput(f"{path.name} has {path.stat().st_size / 2**20:,.0f} MiB; at most {MOST_BYTES >> 20} are read.")
    if _is_of_cntk(path) and not interpreter.is_there():
        raise BadInput(
            f"{path.name} is a network of CNTK's, which CNTK itself must read, and it is not set up here. `make cntk` does that; or export "
            "the network to ONNX where CNTK is, and add that file."
        )


def _is_of_cntk(path: Path) -> bool:
    return READERS[path.suffix.lower()][0] == "cntk_files"


def _ask_child(words: list[str], folder: Path, name: str, seconds: float) -> None:
    known = {one: os.environ[one] for one in _KNOWN if one in os.environ} | {interpreter.HOME: str(interpreter.place())}
    environment = {**known, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "TMPDIR": str(folder)}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "jobs.backbones.reading", *words],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BadInput(f"{name} cannot be used: reading and trying it takes longer than {seconds:g} s.") from error
    if done.returncode == 0:
        return
    reason = folder / REASON_FILE
    told = reason.read_text(encoding="utf-8", errors="replace")[:MOST_WORDS] if reason.is_file() else ""
    raise BadInput(f"{name} cannot be used. {told or f'What reads it died of it (exit code {done.returncode}).'}")


# --- the child ------------------------------------------------------------------------------


def _serve(path: Path, folder: Path, memory_bytes: int, wish: Wish) -> int:
    from jobs.backbones import probing

    reader: Callable[[bytes, Wish], Graph] = importlib.import_module(f"jobs.backbones.{READERS[path.suffix.lower()][0]}").read
    import onnxruntime  # noqa: F401 - what reading imports belongs to the start, not to the file

    _limit(memory_bytes)
    try:
        network, card, notes = probing.backbone(reader(path.read_bytes(), wish), wish)
    except BadInput as error:
        return _refuse(folder, str(error))
    except MemoryError:
        return _refuse(folder, f"It takes more than {memory_bytes >> 20} MiB.")
    except RecursionError:
        return _refuse(folder, "It is nested too deep.")
    (folder / MODEL_FILE).write_bytes(network)
    (folder / CARD_FILE).write_bytes(records.encode(card))
    (folder / NOTES_FILE).write_bytes(records.canonical(list(notes)))
    return 0


def _refuse(folder: Path, reason: str) -> int:
    (folder / REASON_FILE).write_text(reason, encoding="utf-8", errors="replace")
    return 1


def _limit(memory_bytes: int) -> None:
    """Let this process grow by so much and no more."""
    statm = Path("/proc/self/statm")
    pages = int(statm.read_text().split()[0]) if statm.exists() else 0
    most = pages * resource.getpagesize() + memory_bytes
    for what, limit in ((resource.RLIMIT_AS, most), (resource.RLIMIT_FSIZE, 2 * MOST_BYTES), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(what, (limit, limit))


if __name__ == "__main__":
    sys.exit(_serve(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), read_json(sys.argv[4].encode(), Wish, "the wish")))
