"""A model that is ready to answer: checked, warm, with children that decode what it is to see."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Self

import cv2
import numpy as np

from common import images, model, records
from common.errors import BadInput
from common.model import CARD_FILE, MAX_MODEL_BYTES, MODEL_FILE, PROBABILITIES, Card, Model
from common.records import Pointer
from common.sandbox import Sandboxes, Verdict
from common.store.base import Store
from jobs.serve.settings import Settings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Matrix = NDArray[np.float32]

_MOST_CARD_BYTES = 1 << 20


class Loaded:
    """A version of a dataset's model. It ends when it is retired and whoever uses it is done.

    `expected`: pictures that are being decoded for it.
    """

    def __init__(self, pointer: Pointer, card: Card, network: Model, children: Sandboxes) -> None:
        self.pointer = pointer
        self.card = card
        self.expected = 0
        self._network = network
        self._children = children
        self._users = 0
        self._ended: Callable[[], object] | None = None

    @property
    def version(self) -> str:
        return self.pointer.version

    @property
    def classes(self) -> tuple[str, ...]:
        return self.card.classes

    def __enter__(self) -> Self:
        self._users += 1
        return self

    def __exit__(self, *_: object) -> None:
        self._users -= 1
        self._end_if_unused()

    def retire(self, ended: Callable[[], object]) -> None:
        """Call `ended` as soon as nobody uses this any more."""
        self._ended = ended
        self._end_if_unused()

    def prepare(self, data: bytes) -> tuple[Verdict, Matrix]:
        """Decode a picture in a child; return what it is and the network's input (3, side, side). Raises BadInput; blocks."""
        seen = self._children.check(data)
        how = self.card.preprocessing
        return seen, images.values(np.frombuffer(seen.data, np.uint8).reshape(how.resolution, how.resolution, 3), how)

    def run(self, tensors: list[Matrix]) -> Matrix:
        """Return the probabilities (n, k) of n inputs; blocks."""
        return self._network.run(np.stack(tensors), PROBABILITIES)

    def close(self) -> None:
        """End the children; blocks until they have ended."""
        self._children.__exit__(None, None, None)

    def _end_if_unused(self) -> None:
        if self._ended is not None and self._users == 0:
            ended, self._ended = self._ended, None
            ended()


def load(store: Store, pointer: Pointer, settings: Settings) -> Loaded:
    """Load the model that a pointer names and let it answer once.

    Raises:
        NotFound, BadInput: it is not there, or not what its card says.
        Retryable: the store or the machine cannot now.
    """
    place = f"models/{pointer.dataset}/{pointer.version}"
    card = records.decode(store.get(f"{place}/{CARD_FILE}", _MOST_CARD_BYTES).data, Card, f"{store.url}/{place}/{CARD_FILE}")
    if not card.classes:
        raise BadInput(f"{place} is a backbone: it knows no classes.")
    cv2.setNumThreads(1)  # threads enough ask at once
    network = model.load(store.get(f"{place}/{MODEL_FILE}", MAX_MODEL_BYTES).data, card)
    _try(network, card)
    children = Sandboxes(settings.workers, seconds=settings.decode_s, memory_bytes=settings.decode_bytes, how=card.preprocessing)
    children.start()
    return Loaded(pointer, card, network, children)


def _try(network: Model, card: Card) -> None:
    """Let a network answer once, so that the first picture meets a warm one. Raises BadInput."""
    side = card.preprocessing.resolution
    rows = network.run(np.zeros((1, 3, side, side), np.float32), PROBABILITIES)
    if rows.shape != (1, len(card.classes)):
        raise BadInput(f"The model of {card.name!r} answers {rows.shape}, its card speaks of {len(card.classes)} classes.")
