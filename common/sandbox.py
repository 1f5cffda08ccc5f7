"""Pictures that are not ours are first decoded by a child process with limits.

A decoder is the largest piece of foreign code that meets foreign bytes. Whatever it does there,
take too long, take all memory, crash, it does to the child: the picture is refused with the
reason, the next one gets a new child, and the stage goes on.

Protocol: the child says READY when it has started. The parent writes a header (length, side) and
the bytes; the child answers a header (length of the JSON, length of the bytes), the JSON, and the
bytes of what it made of the picture: a smaller one or, where it was started with a model's
preprocessing, its pixels at the network's size.
"""

from __future__ import annotations

import contextlib
import os
import queue
import select
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Self

import msgspec

from common import images
from common.errors import BadInput, Retryable
from common.images import Preprocessing

SECONDS, MEMORY_BYTES = 5.0, 400 * 1024 * 1024
START_S = 60.0  # a busy machine's start is no picture's fault
READY = b"!"
_KNOWN = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR")  # of the environment: no key is within a decoder's reach
_QUESTION, _ANSWER = struct.Struct(">QI"), struct.Struct(">IQ")
_MOST_WORDS, _MOST_BYTES = 64 * 1024, 3 * 4 * images.MAX_RESOLUTION**2
_PIPE_BYTES = 1024 * 1024  # a whole picture in one go: nobody need wake up for each 64 KiB of it
_ONLY_ACCEPT = 1


@dataclass(frozen=True)
class Verdict:
    """An accepted picture: upright size in pixels, and Pillow's name of its format.

    `data` is what it was made into, a JPEG of that size; empty where the picture stays as it came. From a sandbox with a
    preprocessing it is its pixels as `images.fit` gives them, RGB uint8 (resolution, resolution, 3).
    """

    width: int
    height: int
    format: str
    data: bytes = b""


def look(data: bytes, side: int = 0) -> Verdict:
    """Decode a picture of our own, here; shrink it to a short side of `side` pixels where it is larger (0: never).

    Raises BadInput with the reason in a few words.
    """
    reduced = images.open_reduced(data, side or _ONLY_ACCEPT)
    if not side or min(reduced.width, reduced.height) <= side:
        return Verdict(reduced.width, reduced.height, reduced.format)
    width, height, smaller = images.shrink(reduced, side)
    return Verdict(width, height, "JPEG", smaller)


def prepare(data: bytes, how: Preprocessing) -> Verdict:
    """Decode a picture of our own, here, and bring it to a network's size. Raises BadInput with the reason in a few words."""
    import numpy as np

    image, kind = images.open_upright(data)
    return Verdict(*image.size, kind, images.fit(np.asarray(image, np.uint8), how).tobytes())


class Sandbox:
    """Checks pictures one after the other in a child process, or prepares them for a network; use as a context manager."""

    def __init__(self, seconds: float = SECONDS, memory_bytes: int = MEMORY_BYTES, how: Preprocessing | None = None) -> None:
        self._seconds = seconds
        self._memory_bytes = memory_bytes
        self._how = how
        self._child: _Child | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end()

    def start(self) -> None:
        """Have a child ready, so that the first picture need not wait for it. Raises Retryable."""
        if self._child is None:
            self._child = _Child(self._memory_bytes, self._how)

    def check(self, data: bytes, side: int = 0) -> Verdict:
        """Do what `look` does in the child, or what `prepare` does. Raises BadInput with the reason in a few words."""
        self.start()
        assert self._child is not None  # noqa: S101 - just started
        try:
            answer, smaller = self._child.ask(data, side, self._seconds)
        except _Late as error:
            self._child.kill()
            self._end()
            raise BadInput(f"decoding took longer than {self._seconds:g} s") from error
        except (EOFError, OSError, msgspec.DecodeError) as error:
            raise BadInput(f"the decoder died of it (exit code {self._end()})") from error
        if answer.reason:
            raise BadInput(answer.reason)
        return Verdict(answer.width, answer.height, answer.format, smaller)

    def _end(self) -> int | None:
        child, self._child = self._child, None
        return child.end(self._seconds) if child else None


class Sandboxes:
    """So many sandboxes for as many threads; `check` is safe to call from any of them. Use as a context manager."""

    def __init__(
        self, number: int, *, seconds: float = SECONDS, memory_bytes: int = MEMORY_BYTES, how: Preprocessing | None = None
    ) -> None:
        self._all = [Sandbox(seconds, memory_bytes, how) for _ in range(number)]
        # The last one used is the first to be used again, so that no child is started before it is needed.
        self._idle: queue.LifoQueue[Sandbox] = queue.LifoQueue()
        for one in self._all:
            self._idle.put(one)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with contextlib.ExitStack() as stack:
            for one in self._all:
                stack.enter_context(one)

    def start(self) -> None:
        """Have all children ready before the first picture. Raises Retryable."""
        for one in self._all:
            one.start()

    def check(self, data: bytes, side: int = 0) -> Verdict:
        """Do what a sandbox does, as soon as one is idle. Raises BadInput with the reason in a few words."""
        sandbox = self._idle.get()
        try:
            return sandbox.check(data, side)
        finally:
            self._idle.put(sandbox)


class _Answer(msgspec.Struct):
    """What the child says: a picture, or the reason why it is none."""

    width: int = 0
    height: int = 0
    format: str = ""
    reason: str = ""


class _Late(Exception):
    """The child did not answer in time."""


class _Child:
    """A process that decodes, and the two pipes to it, neither of which may block us for longer than a picture's time."""

    def __init__(self, memory_bytes: int, how: Preprocessing | None) -> None:
        known = {name: os.environ[name] for name in _KNOWN if name in os.environ}
        environment = {**known, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "common.sandbox", str(memory_bytes), *([msgspec.json.encode(how).decode()] if how else [])],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self.process.stdin is not None  # noqa: S101 - it was asked for as a pipe
        assert self.process.stdout is not None  # noqa: S101 - as above
        self._pipes: tuple[IO[bytes], IO[bytes]] = (self.process.stdin, self.process.stdout)
        self._questions, self._answers = (pipe.fileno() for pipe in self._pipes)
        self._writable, self._readable = select.poll(), select.poll()
        self._writable.register(self._questions, select.POLLOUT)
        self._readable.register(self._answers, select.POLLIN)
        for descriptor in (self._questions, self._answers):
            os.set_blocking(descriptor, False)
            _widen(descriptor)
        try:
            self._receive(len(READY), time.monotonic() + START_S)
        except (_Late, EOFError) as error:
            self.kill()
            raise Retryable(f"The child that decodes pictures did not start (exit code {self.end(START_S)}).") from error

    def ask(self, data: bytes, side: int, seconds: float) -> tuple[_Answer, bytes]:
        """Return the answer and the bytes with it. Raises _Late; EOFError, OSError or DecodeError if the child is not well."""
        until = time.monotonic() + seconds
        self._send(_QUESTION.pack(len(data), side) + data, until)
        words, smaller = _ANSWER.unpack(self._receive(_ANSWER.size, until))
        if words > _MOST_WORDS or smaller > _MOST_BYTES:
            raise EOFError
        answer = msgspec.json.decode(self._receive(words, until), type=_Answer)
        return answer, self._receive(smaller, until)

    def kill(self) -> None:
        self.process.kill()

    def end(self, seconds: float) -> int:
        """Let the child end by itself, or make it after so many seconds; returns its exit code."""
        for pipe in self._pipes:
            with contextlib.suppress(OSError):
                pipe.close()
        try:
            return self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def _send(self, data: bytes, until: float) -> None:
        rest = memoryview(data)
        while rest:
            _await(self._writable, until)
            rest = rest[os.write(self._questions, rest) :]

    def _receive(self, size: int, until: float) -> bytes:
        found = bytearray()
        while len(found) < size:
            _await(self._readable, until)
            piece = os.read(self._answers, size - len(found))
            if not piece:
                raise EOFError
            found += piece
        return bytes(found)


def _await(poll: select.poll, until: float) -> None:
    if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
        raise _Late


def _widen(pipe: int) -> None:
    """Let a pipe hold more, where the system can do that."""
    import fcntl

    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


# --- the child ------------------------------------------------------------------------------


_Work = Callable[[bytes, int], Verdict]


def _serve(questions: IO[bytes], answers: IO[bytes], work: _Work) -> None:
    answers.write(READY)
    answers.flush()
    while len(head := questions.read(_QUESTION.size)) == _QUESTION.size:
        length, side = _QUESTION.unpack(head)
        answer, made = _answer(questions.read(length), side, work)
        words = msgspec.json.encode(answer)
        answers.write(_ANSWER.pack(len(words), len(made)) + words + made)
        answers.flush()


def _answer(data: bytes, side: int, work: _Work) -> tuple[_Answer, bytes]:
    try:
        seen = work(data, side)
    except BadInput as error:
        return _Answer(reason=str(error)), b""
    return _Answer(seen.width, seen.height, seen.format), seen.data


def _preparing(how: Preprocessing) -> _Work:
    """Return the work of a child that prepares; its libraries are loaded by then, and each uses one core."""
    import cv2
    import numpy as np

    cv2.setNumThreads(1)
    images.fit(np.zeros((8, 8, 3), np.uint8), how)
    return lambda data, _: prepare(data, how)


def _limit(memory_bytes: int) -> None:
    """Let this process grow by so much and no more, and write no files."""
    import resource
    from pathlib import Path

    _answer(b"", 0, look)  # what decoding imports belongs to the start, not to the first picture
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else 0
    most = pages * resource.getpagesize() + memory_bytes
    for what, limit in ((resource.RLIMIT_AS, most), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(what, (limit, limit))


if __name__ == "__main__":
    _chosen = _preparing(msgspec.json.decode(sys.argv[2], type=Preprocessing)) if sys.argv[2:] else look
    _limit(int(sys.argv[1]))
    _serve(sys.stdin.buffer, sys.stdout.buffer, _chosen)
