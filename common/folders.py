"""A folder of class folders, as a person keeps it.

`CLASS/…/picture.jpg`: the first level names the class; deeper levels (one for each garment,
say) tell which pictures belong together. Hidden files and other formats are passed over and
counted. An optional `dedicatedTestImages.tsv` lists the pictures that are to be the test set.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from common.errors import BadInput
from common.images import SUFFIXES
from common.progress import Reporter, silent
from common.records import Value

DEDICATED = "dedicatedTestImages.tsv"


class Listed(Value, frozen=True, kw_only=True):
    """A file of the source. `name` is its path below the source, with slashes; `sha256` of its bytes."""

    label: str
    name: str
    sha256: str
    dedicated: bool = False


@dataclass(frozen=True)
class Listing:
    """What a folder holds now: files in order of name, classes (also empty ones), files passed over."""

    files: tuple[Listed, ...]
    classes: tuple[str, ...]
    passed_over: int


def list_folder(root: Path, progress: Reporter = silent) -> Listing:
    """List and hash the pictures below `root`.

    Raises:
        BadInput: it is absent, a file, unreadable, or its dedicated test list names what is not there.
    """
    _check_folder(root)
    classes = sorted(entry.name for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    paths = [path for name in classes for path in _walk(root / name)]
    pictures = [path for path in paths if path.suffix.lower() in SUFFIXES]
    sums = _hash_all(pictures, progress)
    names = [path.relative_to(root).as_posix() for path in pictures]
    dedicated = _dedicated(root, set(names))
    files = (
        Listed(label=name.partition("/")[0], name=name, sha256=digest, dedicated=name in dedicated)
        for name, digest in zip(names, sums, strict=True)
    )
    return Listing(tuple(files), tuple(classes), len(paths) - len(pictures))


def _check_folder(root: Path) -> None:
    if not root.exists():
        raise BadInput(f"The source {root} does not exist. Check the path.")
    if not root.is_dir():
        raise BadInput(f"The source {root} is a file; give the folder that holds one folder for each class.")
    try:
        next(root.iterdir(), None)
    except PermissionError as error:
        raise BadInput(f"The source {root} cannot be read ({error.strerror}). Check its permissions.") from error


def _walk(folder: Path) -> Iterator[Path]:
    def fail(error: OSError) -> None:
        raise BadInput(f"{error.filename} cannot be read ({error.strerror}). Check its permissions.") from error

    for parent, folders, files in os.walk(folder, onerror=fail, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(parent) / name for name in sorted(files) if not name.startswith("."))


def _hash_all(paths: list[Path], progress: Reporter) -> list[str]:
    sums = []
    with ThreadPoolExecutor(4) as pool:
        for digest in pool.map(_sum, paths):
            sums.append(digest)
            progress(len(sums), len(paths))
    return sums


def _sum(path: Path) -> str:
    try:
        with path.open("rb") as file:
            digest = sha256()
            while block := file.read(1 << 20):
                digest.update(block)
            return digest.hexdigest()
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}). Check its permissions, or remove it.") from error


def _dedicated(root: Path, known: set[str]) -> set[str]:
    path = root / DEDICATED
    if not path.is_file():
        return set()
    listed = set()
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        if not line.strip():
            continue
        name = "/".join(cell.strip() for cell in line.split("\t"))
        if name not in known:
            raise BadInput(f"{path}:{number}: {name!r} is not a picture of this source. Write: class, a tab, file name.")
        listed.add(name)
    return listed
