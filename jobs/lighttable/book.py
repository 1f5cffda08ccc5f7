"""The book of edits: what a key press becomes before the next picture shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from common import edits
from common.errors import BadInput
from common.records import Edit, Value
from common.store import Store

MOST_IMAGES, MOST_NAME = 5000, 60


class Said(Value, frozen=True, kw_only=True):
    """One key press: a word on one or more pictures. `saw` is how many edits the page had when it was pressed."""

    images: list[str]
    action: str
    label: str = ""
    by: str = ""
    saw: int = 0


class Chosen(Value, frozen=True, kw_only=True):
    """Pictures that something is to be done with."""

    images: list[str]


class TakenBack(Value, frozen=True, kw_only=True):
    """A wish to undo edits, by their numbers (counted from 1)."""

    numbers: list[int]
    by: str = ""
    saw: int = 0


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


class Book:
    """A dataset's edits as a page asks for them and adds to them."""

    def __init__(self, store: Store, dataset: str, now: Callable[[], str] = _now) -> None:
        self.chain = edits.Chain(store, dataset)
        self._dataset = dataset
        self._now = now

    def since(self, number: int) -> dict[str, Any]:
        """Return all edits after the first `number`, and of those which passed another by."""
        return _document(self.chain.refresh(), number)

    def say(self, said: Said, known: Callable[[str], bool]) -> dict[str, Any]:
        """Write a word down, one edit a picture; they are in the store when this returns.

        Raises:
            BadInput: a picture that is not on the table, too many, or no word.
        """
        if not 0 < len(said.images) <= MOST_IMAGES:
            raise BadInput(f"A word is on 1 to {MOST_IMAGES} pictures, not on {len(said.images)}.")
        strange = [image for image in said.images if not known(image)]
        if strange:
            raise BadInput(f"{strange[0][:70]!r} is no picture of {self._dataset}. Load the page again.")
        words = [self._edit(image, said.action, said.label, said.by, said.saw) for image in said.images]
        edits.check(words[0])
        return self._append(words, said.saw)

    def take_back(self, wish: TakenBack) -> dict[str, Any]:
        """Let pictures be as they were before these edits; where somebody has spoken since, their word stays (`kept` counts those)."""
        chain = self.chain.refresh()
        last = {edit.image: number for number, edit in enumerate(chain, 1)}
        good = [number for number in wish.numbers if 0 < number <= len(chain)]
        undone = [number for number in good if last[chain[number - 1].image] == number]
        words = []
        for number in undone:
            image = chain[number - 1].image
            before = edits.fold(edit for edit in chain[: number - 1] if edit.image == image).get(image)
            words.append(self._edit(image, before.action if before else edits.CLEAR, before.label if before else "", wish.by, len(chain)))
        return {**self._append(words, wish.saw), "kept": len(wish.numbers) - len(undone)}

    def _edit(self, image: str, action: str, label: str, by: str, saw: int) -> Edit:
        name = "".join(letter for letter in by if letter.isprintable())[:MOST_NAME]
        return Edit(dataset=self._dataset, image=image, action=action, label=label, by=name, saw=max(0, saw), at=self._now())

    def _append(self, words: Sequence[Edit], saw: int) -> dict[str, Any]:
        ours = {id(self.chain.append(word)) for word in words}
        chain = self.chain.edits
        return {**_document(chain, saw), "written": [number for number, edit in enumerate(chain, 1) if id(edit) in ours]}


def _document(chain: Sequence[Edit], after: int) -> dict[str, Any]:
    first = max(0, min(after, len(chain)))
    passed = [one for one in edits.conflicts(chain) if one.number > first]
    return {
        "head": len(chain),
        "edits": [{"number": number, **_shown(edit)} for number, edit in enumerate(chain[first:], first + 1)],
        "conflicts": [{"number": one.number, "earlier": _shown(one.earlier), "later": _shown(one.later)} for one in passed],
    }


def _shown(edit: Edit) -> dict[str, Any]:
    return {name: value for name, value in msgspec.structs.asdict(edit).items() if name in ("image", "action", "label", "by", "at")}
