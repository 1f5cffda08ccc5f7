"""The command `darkroom` as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MAIN = [sys.executable, "-c", "from jobs.controller.cli import main; main()"]


def environment(store: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "DARKROOM_STORE": store.as_uri(), **more}


def start(store: Path, *arguments: str, log: Path) -> subprocess.Popen[bytes]:
    """Start the command; its words go to a file."""
    with log.open("ab") as out:
        return subprocess.Popen([*MAIN, *arguments], env=environment(store), stdout=out, stderr=out)


def run(
    store: Path, *arguments: str, timeout_s: float = 120, cwd: Path | None = None, more: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [*MAIN, *arguments],
        env=environment(store, **(more or {})),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        cwd=cwd,
    )


def processes_of(store: Path) -> list[int]:
    """Return the pids of stage processes that work for a store (Linux)."""
    mark = f"DARKROOM_STORE={store.as_uri()}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words, environ = (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()
            except OSError:
                continue
            if b"\0jobs\0" in words and mark in environ:
                found.append(int(entry.name))
    return found


def workers_among(pids: Iterable[int]) -> list[int]:
    """Return which of a stage's processes are workers: those whose parent is one of them (Linux)."""
    known = set(pids)
    parents = {pid: int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) for pid in known}
    return [pid for pid, parent in parents.items() if parent in known]


def sets(pairs: Sequence[str]) -> list[str]:
    """Return `--set` options."""
    return [word for pair in pairs for word in ("--set", pair)]
