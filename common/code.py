"""The code digest: which code made an artifact.

It covers what defines a stage's values and nothing else: the room's own files (not its spec,
whose parameters and inputs are in the key by themselves), the value modules of `common` that
it declares, and the pinned versions of its extras. Base images and the controller may change
without invalidating anything.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from common.errors import BadInput
from common.stage import Stage

_COMMON = Path(__file__).resolve().parent
_JOBS = _COMMON.parent / "jobs"
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)


def code_digest(stage: Stage) -> str:
    """Return the digest (hex) of the code and libraries that define a stage's output."""
    digest = sha256()
    for name, data in _files(stage):
        digest.update(f"{name}\0{len(data)}\0".encode())
        digest.update(data)
    return digest.hexdigest()


def tree_digest(module: str) -> str:
    """Return the digest (hex) of one of `common`'s packages."""
    digest = sha256()
    for name, data in _tree(_COMMON / module):
        digest.update(f"{name}\0{len(data)}\0".encode())
        digest.update(data)
    return digest.hexdigest()


def pinned(extra: str) -> dict[str, str]:
    """Return name -> version(s) that the lock of an extra pins.

    Raises:
        BadInput: this installation has no such lock.
    """
    text = lock(extra).read_text(encoding="utf-8")
    versions: dict[str, str] = {}
    for name, version in _PINNED.findall(text):
        versions[name] = f"{versions[name]} {version}" if name in versions else version
    return versions


@functools.cache
def lock(extra: str) -> Path:
    """Return where a lock lies: beside the packages (a checkout) or inside `jobs` (a wheel). Raises BadInput."""
    for folder in (_COMMON.parent / "locks", _JOBS / "locks"):
        if (folder / f"{extra}.txt").is_file():
            return folder / f"{extra}.txt"
    raise BadInput(f"There is no lock for {extra!r} in this installation; install the wheel or work in a checkout.")


def _files(stage: Stage) -> Iterator[tuple[str, bytes]]:
    yield from _tree(_JOBS / stage.name, without="spec.py")
    for module in sorted(stage.values):
        yield from _tree(_COMMON / module) if (_COMMON / module).is_dir() else _tree(_COMMON / f"{module}.py")
    extras = {pair for extra in (stage.name, *stage.extras) for pair in pinned(extra).items()}
    own = extras - pinned("base").items()
    yield f"locks/{stage.name}", "\n".join(f"{name}=={version}" for name, version in sorted(own)).encode()


def _tree(path: Path, without: str = "") -> Iterator[tuple[str, bytes]]:
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    for file in files:
        if file.is_file() and "__pycache__" not in file.parts and file.name != without:
            yield file.relative_to(_COMMON.parent).as_posix(), file.read_bytes()
