"""Where benches keep and find what takes long to make, outside the checkout."""

from __future__ import annotations

import os
from pathlib import Path


def place(name: str) -> Path:
    """Return the folder of that name in Darkroom's cache; it need not be there."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "darkroom" / name
