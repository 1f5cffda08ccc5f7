"""A folder of class folders. What it holds was listed and hashed when the run was submitted."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from common.errors import BadInput
from common.folders import Listed
from jobs.scrape.sources import Item


def items(files: list[Listed]) -> list[Item]:
    """Return the items of a frozen listing; a token is the sha256 of the file's bytes."""
    return [Item(label=one.label, name=one.name, token=one.sha256, dedicated=one.dedicated) for one in files]


class FolderSource:
    """Reads files below `root`, and only such as are still what was listed."""

    def __init__(self, root: str) -> None:
        self._root = Path(root)

    def fetch(self, item: Item) -> bytes:
        try:
            data = (self._root / item.name).read_bytes()
        except OSError as error:
            raise BadInput(f"cannot be read ({error.strerror})") from error
        if sha256(data).hexdigest() != item.token:
            raise BadInput("changed while the run was looking; submit again")
        return data
