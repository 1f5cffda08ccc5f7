"""Reads documents in a process that is watched: what a document may not bring about is an audit event.

`python -m tests.support.audited FOLDER` reads FOLDER/good/* first (so that imports are done),
then installs the hook, reads FOLDER/hostile/* and prints one line of JSON for each.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from common import model, records, shards
from common.errors import DarkroomError
from common.parameters import read_assignments, read_file, resolve
from common.records import Manifest
from common.shards import Entry
from common.tables import read_matrix, read_table
from jobs.controller import graph
from tests.support.documents import shard_of

# What code that a document smuggled in would have to do; opening files counts too. (NumPy compiles a header, and runs none.)
FORBIDDEN = ("exec", "import", "marshal.", "pickle.", "os.", "subprocess.", "socket.", "ctypes.", "shutil.", "webbrowser.", "open")
SETTINGS = graph.rooms().parameters
NAMES = [name for one in SETTINGS for name in (one.name, *one.aliases)]


def _run(data: bytes, _: Path) -> object:
    loaded = model.Model(data)
    return loaded.run(np.zeros((1, 3, 8, 8), np.float32), "y")


READERS: dict[str, Callable[[bytes, Path], object]] = {
    ".json": lambda data, _: records.decode(data, Manifest, "the document"),
    ".part": lambda data, _: records.read_json(data, list[str], "the part"),
    ".npy": lambda data, _: read_matrix(data),
    ".parquet": lambda data, _: read_table(data, Entry),
    ".onnx": _run,
    ".tar": lambda data, _: list(shards.read_pictures(shard_of(data))),
    ".yaml": lambda _, path: resolve(SETTINGS, read_file(path, NAMES)),
    ".set": lambda data, _: resolve(SETTINGS, read_assignments([data.decode()], "--set")),
}


class Watch:
    """Collects forbidden events while it is on. Hooks cannot be removed, so this wants a process of its own."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.may_open = ""
        self.on = False
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.on and event.startswith(FORBIDDEN) and not (event == "open" and str(arguments[0]) == self.may_open):
            self.events.append(f"{event} {arguments[:2]!r}"[:200])


def judge(path: Path, watch: Watch) -> dict[str, Any]:
    """Read one document and tell what came of it."""
    data = path.read_bytes()
    watch.events.clear()
    watch.may_open = str(path) if path.suffix == ".yaml" else ""
    begun = time.perf_counter()
    watch.on = True
    try:
        READERS[path.suffix](data, path)
        outcome = "read"
    except DarkroomError as error:
        outcome = f"{type(error).__name__}: {error}"
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is to be told
        outcome = f"ESCAPED {type(error).__name__}: {str(error)[:200]}"
    watch.on = False
    return {
        "name": path.name,
        "outcome": outcome[:1000],
        "length": len(outcome),
        "events": watch.events[:5],
        "seconds": round(time.perf_counter() - begun, 3),
        "peak_mib": _peak_mib(),
    }


def _peak_mib() -> int:
    """Return the most memory that this program has had. (Linux' ru_maxrss begins with what the process before exec had.)"""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main(folder: Path) -> None:
    watch = Watch()
    for kind in ("good", "good", "hostile"):
        for path in sorted((folder / kind).iterdir()):
            told = judge(path, watch)
            if kind == "hostile" or told["outcome"] != "read":
                print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
