"""Is this very process still there? A pid alone may belong to another by now, so it counts only with its start."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from pathlib import Path


def process_start(pid: int) -> str:
    """Return when a process started (clock ticks since boot, as Linux tells; else ps's words), "" if it is not there."""
    with contextlib.suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    with contextlib.suppress(OSError):
        listed = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S607
        return re.sub("[^A-Za-z0-9]", "", listed.stdout)
    return ""


def alive(pid: int, started: str) -> bool:
    """Is this very process still there? A pid alone may belong to another by now."""
    with contextlib.suppress(ProcessLookupError):
        with contextlib.suppress(PermissionError):
            os.kill(pid, 0)
        return process_start(pid) == started != ""
    return False
