"""How much memory a process and all that it started hold together (Linux): what several share counts once."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

EVERY_S = 0.1
_SHARE = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


class Footprint:
    """The most that was seen, in MiB."""

    def __init__(self) -> None:
        self.peak_mib = 0.0

    def look(self, roots: Iterable[int]) -> None:
        held = sum(_pss_kib(one) for root in roots for one in _family(root)) / 1024
        self.peak_mib = max(self.peak_mib, held)


@contextlib.contextmanager
def watched(footprint: Footprint, roots: Sequence[int]) -> Iterator[None]:
    """Look at processes and their descendants ten times a second."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(EVERY_S):
            footprint.look(roots)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _family(root: int) -> Iterator[int]:
    yield root
    for file in Path(f"/proc/{root}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in file.read_text().split():
                yield from _family(int(child))


def _pss_kib(process: int) -> int:
    """Return a process's proportional share of memory; nought where it has just ended."""
    try:
        found = _SHARE.search(Path(f"/proc/{process}/smaps_rollup").read_text())
    except OSError:
        return 0
    return int(found[1]) if found else 0
