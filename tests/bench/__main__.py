"""`make bench`: run all benches one after the other and write docs/benchmarks.md from what they print; with names, only their sections."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from tests.bench import page, rows
from tests.bench.page import Occasion, Words
from tests.bench.rows import Bench

HERE = ("train", "report", "featurize", "scrape", "backbone", "refine", "serve", "curate", "duplicates")
ON_A_CLUSTER = ("nodes", "controller")  # our own, which needs root
BENCHES = (*HERE, *ON_A_CLUSTER)
PAGE = Path("docs/benchmarks.md")
MOST_S = 3600


def main(names: list[str]) -> None:
    for name in names:
        now = occasion(f"make bench ONLY={name}")
        found = run(name)
        PAGE.write_text(page.put(PAGE.read_text(), found, words_of(name), BENCHES, now))
    if not names:
        write_all()
    rows.say(f"wrote {PAGE}")


def write_all() -> None:
    """Run all benches that this machine lets us, and write the page anew."""
    now = occasion("make bench")
    if os.geteuid() != 0:
        rows.say(f"without root there is no cluster here: {' and '.join(ON_A_CLUSTER)} are left out")
    found = [run(name) for name in (BENCHES if os.geteuid() == 0 else HERE)]
    PAGE.write_text(page.render(found, {bench.name: words_of(bench.name) for bench in found}, now))


def occasion(command: str) -> Occasion:
    """Say when and with what load *command* begins."""
    return Occasion(command, datetime.now(UTC).strftime("%Y-%m-%d"), os.getloadavg()[0])


def run(name: str) -> Bench:
    """Run one bench in a process of its own and pass its line on."""
    command = [sys.executable, "-m", f"tests.bench.{name}"]
    line = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=MOST_S).stdout.splitlines()[-1]
    print(line, flush=True)
    return rows.parse(line)


def words_of(name: str) -> Words:
    """Return what a bench's module says of itself."""
    module = importlib.import_module(f"tests.bench.{name}")
    return Words(str(module.__doc__), module.LIMITS)


if __name__ == "__main__":
    main(sys.argv[1:])
