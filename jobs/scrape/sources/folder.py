"""A folder of class folders on the machine of whoever submits, listed and hashed there.

A run fetches from that folder where it can, and what was sent of it to the store where it cannot.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote, urlsplit

from common.errors import BadInput
from common.progress import Reporter, silent
from common.uploads import LOCATOR, Uploads
from jobs.scrape.sources.kinds import CHANGED, Item, Kind, Listing, OneByOne, Reach
from jobs.scrape.sources.layout import DEDICATED, dedicated, is_hidden, label_of, lay_out


class FolderSource(OneByOne):
    """Files below `root`. A token is the sha256 of a file's bytes; only such are fetched as are still what was listed.

    What was `sent` is fetched from there, wherever the root is.
    """

    def __init__(self, root: Path, sent: Uploads | None = None, *, labelled: bool = True) -> None:
        self._root = root
        self._sent = sent
        self._labelled = labelled

    def look(self, progress: Reporter = silent) -> Listing:
        _check_folder(self._root, labelled=self._labelled)
        layout = lay_out(_names(self._root, labelled=self._labelled), labelled=self._labelled)
        sums = _hash_all([self._root / name for name in layout.pictures], progress)
        listed = self._dedicated(layout.pictures) if self._labelled else set()
        items = [
            Item(label=label_of(name, labelled=self._labelled), name=name, token=digest, size=size, dedicated=name in listed)
            for name, (digest, size) in zip(layout.pictures, sums, strict=True)
        ]
        return Listing(items, layout.classes, layout.passed_over)

    def fetch(self, item: Item) -> bytes:
        if self._sent is not None:
            return self._sent.read(item.token)
        try:
            data = (self._root / item.name).read_bytes()
        except OSError as error:
            raise BadInput(f"cannot be read ({error.strerror})") from error
        if sha256(data).hexdigest() != item.token:
            raise BadInput(CHANGED)
        return data

    def _dedicated(self, pictures: tuple[str, ...]) -> set[str]:
        path = self._root / DEDICATED
        return dedicated(path.read_bytes(), str(path), pictures) if path.is_file() else set()


def _open(reach: Reach) -> FolderSource:
    return FolderSource(Path(reach.locator), reach.uploads if reach.locator == LOCATOR else None, labelled=reach.labelled)


def _settle(source: str) -> str:
    """Return the absolute path, which keeps its meaning when a run is resumed from elsewhere."""
    path = unquote(urlsplit(source).path) if source.startswith("file://") else source
    return str(Path(path).expanduser().absolute())


def _wrong(source: str) -> list[str]:
    scheme, mark, _ = source.partition("://")
    if not mark or scheme == "file":
        return []
    known = "a folder, s3://bucket/prefix, a list of URLs, or one of `openverse`, `wikimedia`, `brave`, `rendered`, `digits`"
    return [f"source = {source!r}: there are no sources of that kind. Give {known}."]


KIND = Kind(
    name="folder",
    words="pictures from a folder",
    fits=bool,
    open=_open,
    wrong=_wrong,
    settle=_settle,
    listed=True,
    here=True,
)


def _check_folder(root: Path, *, labelled: bool) -> None:
    if not root.exists():
        raise BadInput(f"The source {root} does not exist. Check the path.")
    if not root.is_dir():
        wanted = "one folder for each class" if labelled else "the pictures"
        raise BadInput(f"The source {root} is a file; give the folder that holds {wanted}.")
    try:
        next(root.iterdir(), None)
    except PermissionError as error:
        raise BadInput(f"The source {root} cannot be read ({error.strerror}). Check its permissions.") from error


def _names(root: Path, *, labelled: bool) -> Iterator[str]:
    """Yield class folders and the files in them; a class may be a link, deeper links to folders are not followed.

    Without labels: all files, and no links to folders are followed.
    """

    def fail(error: OSError) -> None:
        raise BadInput(f"{error.filename} cannot be read ({error.strerror}). Check its permissions.") from error

    def below(top: Path) -> Iterator[str]:
        for parent, folders, files in os.walk(top, onerror=fail, followlinks=False):
            folders[:] = [name for name in folders if not is_hidden(name)]
            yield from ((Path(parent) / name).relative_to(root).as_posix() for name in files)

    if not labelled:
        yield from below(root)
        return
    for label in (entry for entry in root.iterdir() if entry.is_dir() and not is_hidden(entry.name)):
        yield f"{label.name}/"
        yield from below(label)


def _hash_all(paths: list[Path], progress: Reporter) -> list[tuple[str, int]]:
    """Return each file's sha256 and size."""
    sums = []
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(_sum, paths):
            sums.append(found)
            progress(len(sums), len(paths), "pictures listed")
    return sums


def _sum(path: Path) -> tuple[str, int]:
    try:
        with path.open("rb") as file:
            digest, size = sha256(), 0
            while block := file.read(1 << 20):
                digest.update(block)
                size += len(block)
            return digest.hexdigest(), size
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}). Check its permissions, or remove it.") from error
