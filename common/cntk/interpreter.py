"""CNTK's own interpreter, Python 3.6, and a worker process in it that answers questions.

`make cntk` sets up a folder: bin/python3.6, site (cntk and numpy) and lib (MPI under the names that CNTK
knows it by). The worker talks by lines of JSON, and by .npz files in a folder of its own; it may crash, hang or take
all memory, which here is an error that says so.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from common import code
from common.errors import BadInput, Retryable

HOME = "DARKROOM_CNTK"
START_S, ANSWER_S = 120.0, 1800.0
_TAIL_BYTES = 2000
_KNOWN = ("PATH", "LANG", "LC_ALL", "TMPDIR")


class Memory(Exception):
    """The worker has no memory for what it was asked."""


class Failed(Exception):
    """The worker answered, and says what is wrong with the question."""


def place() -> Path:
    """Return where `make cntk` puts CNTK, of the version that is locked."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    version = sha256(code.lock("cntk").read_bytes()).hexdigest()[:12]  # tools/cntk names it likewise
    return Path(os.environ.get(HOME) or cache / "darkroom" / f"cntk-{version}")


def find() -> Path:
    """Return the folder that `make cntk` set up. Raises BadInput with what to do if there is none."""
    folder = place()
    if not (folder / "bin" / "python3.6").exists():
        raise BadInput(
            f"CNTK is not set up here: `make cntk` does that (it needs a Python 3.6). It would lie in {folder}; {HOME} names another."
        )
    return folder


def is_there() -> bool:
    """Say whether CNTK can be used here."""
    with contextlib.suppress(BadInput):
        return bool(find())
    return False


class Worker:
    """A program in CNTK's interpreter; use as a context manager, from one thread that lives as long as it does."""

    def __init__(self, program: str, *, threads: int = 1, memory_bytes: int = 0, seconds: float = ANSWER_S) -> None:
        home = find()
        self._seconds = seconds
        self._folder = Path(tempfile.mkdtemp(prefix="darkroom-cntk-"))
        self._unread = b""
        self._errors = self._folder / "errors"
        python, place = str(home / "bin" / "python3.6"), str(Path(__file__).parent / "cntk36")
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [python, "-s", "-B", place, str(os.getpid()), program, str(memory_bytes)],
                env=environment(home, threads),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=self._folder,
            )
        self._answer("start", time.monotonic() + START_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, do: str, given: Mapping[str, NDArray[Any]] | None = None, **words: Any) -> Any:
        """Ask; *given* travels in a file.

        Raises:
            Failed: it cannot be done.
            Memory: it needs more memory than there is.
            Retryable: the worker died, or is late and was ended.
        """
        if given is not None:
            path = self._folder / "given.npz"
            np.savez(path, *given.values())
            words |= {"path": str(path), "names": list(given)}
        return self._exchange(do, words)

    def fetch(self, do: str, **words: Any) -> dict[str, NDArray[Any]]:
        """Ask for arrays by name. Raises as `ask`."""
        path = self._folder / "found.npz"
        names: Iterable[str] = self._exchange(do, words | {"out": str(path)})
        with np.load(path, allow_pickle=False) as found:
            arrays = {name: found[f"arr_{number}"] for number, name in enumerate(names)}
        path.unlink()
        return arrays

    def close(self) -> None:
        """End the worker and remove its files."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]
        shutil.rmtree(self._folder, ignore_errors=True)

    def _exchange(self, do: str, words: Mapping[str, Any]) -> Any:
        assert self._process.stdin is not None  # noqa: S101 - it was asked for as a pipe
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps({"do": do, "with": words}).encode() + b"\n")
            self._process.stdin.flush()
        return self._answer(do, time.monotonic() + self._seconds)

    def _answer(self, do: str, until: float) -> Any:
        answer = json.loads(self._line(do, until))
        if "memory" in answer:
            raise Memory(answer["memory"])
        if "error" in answer:
            raise Failed(answer["error"])
        return answer["answer"]

    def _line(self, do: str, until: float) -> bytes:
        assert self._process.stdout is not None  # noqa: S101 - it was asked for as a pipe
        pipe, poll = self._process.stdout.fileno(), select.poll()
        poll.register(pipe, select.POLLIN)
        while b"\n" not in self._unread:
            if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
                tail = self._end()
                raise Retryable(f"CNTK's worker did not answer {do!r} in time and was ended.{tail}")
            piece = os.read(pipe, 1 << 16)
            if not piece:
                raise Retryable(self._obituary(do))
            self._unread += piece
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def _obituary(self, do: str) -> str:
        code_ = self._process.wait()
        tail = self._end()
        if code_ == -signal.SIGKILL:
            return f"CNTK's worker was killed at {do!r}, as happens where memory is short: try half of refine.mbSize.{tail}"
        how = signal.Signals(-code_).name if code_ < 0 else f"exit code {code_}"
        return f"CNTK's worker died at {do!r} ({how}).{tail}"

    def _end(self) -> str:
        """End it and return the last that it said."""
        tail = self._errors.read_bytes()[-_TAIL_BYTES:].decode(errors="replace").strip()
        self.close()
        return f" It said last: {tail}" if tail else ""


def environment(home: Path, threads: int) -> dict[str, str]:
    """Return all that a process in CNTK's interpreter sees of the environment: no key is within reach of foreign code."""
    return {
        **{name: os.environ[name] for name in _KNOWN if name in os.environ},
        "HOME": "/nonexistent",
        "PYTHONPATH": str(home / "site"),
        "LD_LIBRARY_PATH": f"{home / 'lib'}:{home / 'python' / 'lib'}",
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
    }
