"""What a bench finds: rows of our figure beside a peer's, said as one line of JSON.

A ratio above 1 means that we are better. Whatever a person reads while a bench works goes to stderr.
"""

from __future__ import annotations

import json
import os
import platform
import re
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_WITHIN = re.compile(r"within ±(\d+\.?\d*)")
_BELOW = re.compile(r"at most (\d+\.?\d*) below")


@dataclass(frozen=True)
class Row:
    """One comparison.

    `goal` is the least ratio that will do, or words that begin with "within ±X" or "at most X below": how far apart the
    two figures, or ours below the peer's, may lie, in `unit`; or "not applicable: " and the reason, where all figures are None.
    Without a ratio there is nothing to reach.
    """

    what: str
    ours: float | None
    peer: float | None
    peer_name: str
    unit: str
    ratio: float | None
    goal: float | str

    @property
    def met(self) -> bool | None:
        """Return whether the goal is reached; None where it does not apply."""
        if self.ours is None or self.peer is None or self.ratio is None:
            return None
        if isinstance(self.goal, str):
            if below := _BELOW.match(self.goal):
                return self.ours >= self.peer - float(below[1])
            found = _WITHIN.match(self.goal)
            if found is None:
                raise ValueError(f"{self.what}: a goal in words begins with 'within ±X' or 'at most X below', not {self.goal!r}")
            return abs(self.ours - self.peer) <= float(found[1])
        return self.ratio >= self.goal


@dataclass(frozen=True)
class Bench:
    """What one bench found on one machine."""

    name: str
    machine: str
    rows: tuple[Row, ...]


def faster(what: str, ours_s: float, peer_s: float, peer_name: str, goal: float) -> Row:
    """Return the row of two times in seconds."""
    return Row(what, round(ours_s, 3), round(peer_s, 3), peer_name, "s", round(peer_s / ours_s, 2), goal)


def more(what: str, ours: float, peer: float, peer_name: str, unit: str, goal: float) -> Row:
    """Return the row of two rates, of which the higher is better."""
    return Row(what, round(ours, 1), round(peer, 1), peer_name, unit, round(ours / peer, 2), goal)


def below(what: str, ours: float, budget: float, budget_name: str, unit: str) -> Row:
    """Return the row of a figure that may not pass a budget."""
    return Row(what, round(ours, 2), round(budget, 2), budget_name, unit, round(budget / ours, 2), 1.0)


def no_worse(what: str, ours: float, peer: float, peer_name: str, unit: str, allowed: float) -> Row:
    """Return the row of two figures, of which the higher is better and ours may be a little lower."""
    ratio = round((ours + allowed) / (peer + allowed), 2)
    return Row(what, round(ours, 1), round(peer, 1), peer_name, unit, ratio, f"at most {allowed:g} below")


def emit(bench: Bench) -> None:
    """Print the one line that a bench ends with."""
    print(json.dumps({"bench": bench.name, "machine": bench.machine, "rows": [asdict(row) for row in bench.rows]}), flush=True)


def parse(line: str) -> Bench:
    """Read that line back."""
    found: dict[str, Any] = json.loads(line)
    return Bench(found["bench"], found["machine"], tuple(Row(**row) for row in found["rows"]))


def say(words: str) -> None:
    """Tell a person how far a bench is."""
    print(words, file=sys.stderr, flush=True)


def machine() -> str:
    """Return what this machine is in a few words: processor, cores, memory, system, Python."""
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{_processor()}, {cores()} cores, {memory_gib:.0f} GiB, {platform.system()}, Python {platform.python_version()}"


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor_has(flag: str) -> bool:
    """Say whether Linux lists the flag among the processor's."""
    return any(flag in line.split() for line in _cpuinfo() if line.startswith("flags"))


def _processor() -> str:
    named = [line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")]
    return named[0] if named else platform.machine()


def _cpuinfo() -> list[str]:
    file = Path("/proc/cpuinfo")
    return file.read_text().splitlines() if file.exists() else []
