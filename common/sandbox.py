"""Pictures that are not ours are first decoded by a child process with limits.

A decoder is the largest piece of foreign code that meets foreign bytes. Whatever it does there,
take too long, take all memory, crash, it does to the child: the picture is refused with the
reason, the next one gets a new child, and the stage goes on.

Protocol: the parent writes an 8-byte length and the bytes, the child answers one line of JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import subprocess
import sys
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Any, Self

from common import images
from common.errors import BadInput

SECONDS, MEMORY_BYTES = 5.0, 400 * 1024 * 1024
_LENGTH = struct.Struct(">Q")


@dataclass(frozen=True)
class Verdict:
    """An accepted picture: upright size in pixels, and Pillow's name of its format."""

    width: int
    height: int
    format: str


def look(data: bytes) -> Verdict:
    """Decode a picture of our own, here. Raises BadInput with the reason in a few words."""
    image, kind = images.open_upright(data)
    return Verdict(image.width, image.height, kind)


class Sandbox:
    """Checks pictures one after the other in a child process; use as a context manager."""

    def __init__(self, seconds: float = SECONDS, memory_bytes: int = MEMORY_BYTES) -> None:
        self._seconds = seconds
        self._memory_bytes = memory_bytes
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end()

    def check(self, data: bytes) -> Verdict:
        """Decode a picture in the child. Raises BadInput with the reason in a few words."""
        child = self._child or self._start()
        late = threading.Event()

        def give_up() -> None:
            late.set()
            child.kill()

        watchdog = threading.Timer(self._seconds, give_up)
        watchdog.start()
        try:
            answer = _ask(child, data)
        finally:
            watchdog.cancel()
        if answer is None:
            code = self._end()
            raise BadInput(
                f"decoding took longer than {self._seconds:g} s" if late.is_set() else f"the decoder died of it (exit code {code})"
            )
        if "reason" in answer:
            raise BadInput(str(answer["reason"]))
        return Verdict(**answer)

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        self._child = subprocess.Popen(
            [sys.executable, "-m", "common.sandbox", str(self._memory_bytes)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        return self._child

    def _end(self) -> int | None:
        child, self._child = self._child, None
        if child is None:
            return None
        for pipe in (child.stdin, child.stdout):
            with contextlib.suppress(OSError):
                _opened(pipe).close()
        try:
            return child.wait(timeout=self._seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            return child.wait()


def _opened(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None  # noqa: S101 - the child is always started with pipes
    return pipe


def _ask(child: subprocess.Popen[bytes], data: bytes) -> dict[str, Any] | None:
    """Return the child's answer, or None if it died."""
    try:
        question = _opened(child.stdin)
        question.write(_LENGTH.pack(len(data)) + data)
        question.flush()
        line = _opened(child.stdout).readline()
    except OSError:
        return None
    return json.loads(line) if line.endswith(b"\n") else None


# --- the child ------------------------------------------------------------------------------


def _serve(questions: IO[bytes], answers: IO[bytes]) -> None:
    while len(head := questions.read(_LENGTH.size)) == _LENGTH.size:
        answer = _answer(questions.read(_LENGTH.unpack(head)[0]))
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


def _answer(data: bytes) -> dict[str, Any]:
    try:
        return vars(look(data))
    except BadInput as error:
        return {"reason": str(error)}


def _limit(memory_bytes: int) -> None:
    """Let this process grow by so much and no more, and write no files."""
    import resource
    from pathlib import Path

    _answer(b"")  # what decoding imports belongs to the start, not to the first picture
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else 0
    most = pages * resource.getpagesize() + memory_bytes
    for what, limit in ((resource.RLIMIT_AS, most), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(what, (limit, limit))


if __name__ == "__main__":
    _limit(int(sys.argv[1]))
    _serve(sys.stdin.buffer, sys.stdout.buffer)
