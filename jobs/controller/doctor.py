"""`darkroom doctor`: is this installation what it should be, and can the store be trusted?"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from importlib import metadata
from typing import Any

from common import code
from common.errors import BadInput, DarkroomError
from common.store import Store
from common.store.probe import probe
from jobs.controller import settings
from jobs.controller.site import usable_cores


def diagnose(store: Store) -> list[dict[str, Any]]:
    """Return findings on this installation and the store: {check, ok, finding}."""
    return [
        _finding("python", lambda: f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
        _finding("cores", lambda: f"{usable_cores()} usable"),
        _finding("libraries", _check_libraries),
        _finding("store", lambda: _check_store(store)),
        _finding("datasets", lambda: ", ".join(settings.list_files()) or "none"),
    ]


def _finding(check: str, look: Callable[[], str]) -> dict[str, Any]:
    try:
        return {"check": check, "ok": True, "finding": look()}
    except DarkroomError as error:
        return {"check": check, "ok": False, "finding": str(error)}


def _check_store(store: Store) -> str:
    started = time.monotonic()
    probe(store)
    return f"{store.url} lets one writer win, as it must (probed in {time.monotonic() - started:.1f} s)"


def _check_libraries() -> str:
    """Compare what is installed with the lock: other versions may give other figures."""
    wrong = []
    for name, versions in code.pinned("laptop").items():
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        if installed not in versions.split():
            wrong.append(f"{name} {installed} (lock: {versions})")
    if wrong:
        raise BadInput(f"not what the lock says: {', '.join(wrong)}. Run `make setup`.")
    return "as the lock says"
