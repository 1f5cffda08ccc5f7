"""CNTK for the image of refine: the second interpreter and its libraries, copied from where tools/cntk set them up on this machine.

No file of it depends on the place, and all times are 0, as images have them: bytecode of Python 3.6 knows its source by the time.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MADE_OF = (ROOT / "locks" / "cntk.txt", ROOT / "tools" / "cntk", Path(__file__))
# Of Python's own library, what a program that talks through a pipe never imports.
_UNWANTED = (
    "test",
    "tests",
    "idlelib",
    "lib2to3",
    "tkinter",
    "turtledemo",
    "ensurepip",
    "site-packages",
    "config-*",
    "__pycache__",
    "*.pyc",
)


class Missing(Exception):
    """CNTK cannot be set up on this machine."""


def find() -> Path:
    """Return the folder of tools/cntk, set up now if it was not. Raises Missing with its words."""
    done = subprocess.run([ROOT / "tools" / "cntk", sys.executable], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Missing(done.stderr.strip())
    return Path(done.stdout.strip())


def lay_out(place: Path) -> None:
    """Write bin/python3.6, python, site and lib, ready for /opt/cntk. Raises Missing."""
    source = find()
    shutil.rmtree(place, ignore_errors=True)
    for part in ("site", "lib"):
        shutil.copytree(source / part, place / part, symlinks=True)
    _copy_interpreter(source / "bin" / "python3.6", place / "python")
    (place / "bin").mkdir()
    (place / "bin" / "python3.6").symlink_to("../python/bin/python3.6")
    for path in place.rglob("*"):
        os.utime(path, (0, 0), follow_symlinks=False)
    _run(place / "bin" / "python3.6", place, ["-m", "compileall", "-q", "-d", "/opt/cntk/python/lib", str(place / "python" / "lib")])


def _copy_interpreter(python: Path, place: Path) -> None:
    """Copy a Python and its standard library, without what only building needs."""
    prefix = Path(_run(python, None, ["-c", "import sys; print(sys.base_prefix)"]).strip())
    (place / "bin").mkdir(parents=True)
    shutil.copy2(prefix / "bin" / "python3.6", place / "bin" / "python3.6")
    shutil.copytree(prefix / "lib" / "python3.6", place / "lib" / "python3.6", ignore=shutil.ignore_patterns(*_UNWANTED))
    for library in (prefix / "lib").glob("libpython3.6m.so*"):
        shutil.copy2(library, place / "lib" / library.name)


def _run(python: Path, place: Path | None, words: Sequence[str]) -> str:
    environment = {"LD_LIBRARY_PATH": str(place / "python" / "lib")} if place else {}
    return subprocess.run([python, "-s", *words], env=environment, capture_output=True, text=True, check=True).stdout
