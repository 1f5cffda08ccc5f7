"""How a source of files is laid out, in a folder and in object storage alike.

`CLASS/…/picture.jpg`: the first level names the class; deeper levels (one for each garment, say)
tell which pictures belong together. Hidden files are passed over, and so are other formats, which
are counted. An optional `dedicatedTestImages.tsv` lists the pictures that are to be the test set.
Where no labels are wanted, pictures lie at any level, and none of this is looked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from common.errors import BadInput
from common.images import SUFFIXES

DEDICATED = "dedicatedTestImages.tsv"


@dataclass(frozen=True)
class Layout:
    """Names of pictures, in order; classes, also those without pictures; how many other files there are."""

    pictures: tuple[str, ...]
    classes: tuple[str, ...]
    passed_over: int


def lay_out(names: Iterable[str], *, labelled: bool = True) -> Layout:
    """Read names below the source's root, with slashes; one that ends in a slash is a folder, perhaps empty."""
    pictures, classes, passed_over = [], set(), 0
    for name in names:
        label, slash, rest = name.partition("/") if labelled else ("", "", name)
        if (labelled and not (label and slash)) or any(map(is_hidden, name.split("/"))):
            continue
        classes.update([label] if labelled else [])
        if PurePosixPath(name).suffix.lower() in SUFFIXES and not name.endswith("/"):
            pictures.append(name)
        elif rest and not name.endswith("/"):
            passed_over += 1
    return Layout(tuple(sorted(pictures)), tuple(sorted(classes)), passed_over)


def is_hidden(name: str) -> bool:
    """Is a file or folder of this name hidden?"""
    return name.startswith(".")


def label_of(name: str, *, labelled: bool = True) -> str:
    """Return the class of a picture, "" where none is wanted."""
    return name.partition("/")[0] if labelled else ""


def dedicated(data: bytes, where: str, pictures: Iterable[str]) -> set[str]:
    """Return the names of pictures that a dedicated test list has: lines of class, tab, file name.

    Raises:
        BadInput: it is no text, or names what is not there; with the line.
    """
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise BadInput(f"{where} is no text in UTF-8 ({error.reason}).") from error
    known, listed = set(pictures), set()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        name = "/".join(cell.strip() for cell in line.split("\t"))
        if name not in known:
            raise BadInput(f"{where}:{number}: {name!r} is not a picture of this source. Write: class, a tab, file name.")
        listed.add(name)
    return listed
