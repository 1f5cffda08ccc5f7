"""Fetches URLs in a process of its own, and tells how long each took and how much memory it all did.

`python -m tests.support.fetching` reads {"urls", "ports", "limits"} (JSON) from its input and prints one document.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from typing import Any

from jobs.scrape.web import Fetcher, FetchLimits, Permits, Request
from tests.support.websites import LOOPBACK


def fetch_elsewhere(urls: list[str], ports: list[int], limits: dict[str, Any], timeout_s: float = 120) -> dict[str, Any]:
    """Fetch the first URL, then all others at once in a child; returns their outcomes and the growth of its memory (bytes) meanwhile."""
    asked = json.dumps({"urls": urls, "ports": ports, "limits": limits})
    child = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.support.fetching"],
        input=asked,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert (child.returncode, child.stderr) == (0, ""), child.stderr
    told: dict[str, Any] = json.loads(child.stdout)
    return told


def _main() -> None:
    asked = json.load(sys.stdin)
    permits = Permits(ports=frozenset(asked["ports"]), networks=(LOOPBACK,))
    first, *others = [Request(token=url, url=url) for url in asked["urls"]]
    with Fetcher(permits, FetchLimits(**asked["limits"])) as fetcher:
        assert next(iter(fetcher.fetch([first]))).data
        before, started, outcomes = _peak(), time.monotonic(), {}
        for reply in fetcher.fetch(others):
            outcomes[reply.token] = {"reason": reply.reason, "bytes": len(reply.data), "seconds": time.monotonic() - started}
        json.dump({"outcomes": outcomes, "grown": _peak() - before}, sys.stdout)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    _main()
