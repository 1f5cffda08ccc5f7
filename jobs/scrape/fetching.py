"""From what a source yields to shards: each picture is checked, packed, and kept as soon as a shard is full.

What a process has kept is found by the one that comes after it, so a killed one costs no server
more than the pictures it was just about to pack.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import msgspec

from common import images, shards
from common.artifact import Draft, Parts, UnitReader
from common.errors import BadInput, Damaged, Retryable
from common.records import canonical, read_json
from common.sandbox import Verdict
from jobs.scrape.rows import Fetched
from jobs.scrape.sources import Got, Offer

OUTCOMES, COPY = "outcomes.json", "outcomes.copy.json"
MOST_BYTES = 64 * 1024 * 1024  # of pictures that wait for their shard to be full
AHEAD_BYTES = 8 * 1024 * 1024  # of pictures that wait to be checked: enough to go on with while a shard is written


class Chunk(Offer, frozen=True, kw_only=True):
    """A range of items to fetch. `held`: the picture that the snapshot has of a token already, "" where it has none."""

    held: dict[str, str] = msgspec.field(default_factory=dict)


@dataclass(frozen=True)
class Checked:
    """What a source yielded, with the verdict on its bytes, or the reason why they are refused."""

    got: Got
    verdict: Verdict | None
    reason: str


def check_all(found: Iterable[Got], check: Callable[[bytes], Verdict], threads: int) -> Iterator[Checked]:
    """Check pictures with so many threads, in the order in which they come; few wait in memory."""

    def one(got: Got) -> Checked:
        if got.reason:
            return Checked(got, None, got.reason)
        try:
            return Checked(got, check(got.data), "")
        except BadInput as error:
            return Checked(got, None, str(error))

    waiting: deque[tuple[int, Future[Checked]]] = deque()
    held = 0
    with ThreadPoolExecutor(threads) as pool:
        for got in found:
            held += len(got.data)
            waiting.append((len(got.data), pool.submit(one, got)))
            while waiting and (held > AHEAD_BYTES or waiting[0][1].done()):
                size, done = waiting.popleft()
                held -= size
                yield done.result()
        while waiting:
            yield waiting.popleft()[1].result()


class Basket:
    """What a task has fetched so far, in this process and in those before it."""

    def __init__(self, out: Draft, shard_pictures: int) -> None:
        self._out = out
        self._shard_pictures = shard_pictures
        self._pieces: list[UnitReader] = []
        self._pictures: dict[str, shards.Picture] = {}
        self._fresh: list[Fetched] = []
        self._size = 0
        self.outcomes: dict[str, Fetched] = {}
        for piece in out.kept():
            try:
                found = read_json(piece.read(OUTCOMES), list[Fetched], OUTCOMES)
            except Damaged:
                continue  # what it held is fetched again
            self._pieces.append(piece)
            for one in found:
                if one.token not in self.outcomes or one.id:  # of two attempts at once one may have failed
                    self.outcomes[one.token] = one
        self._packed = {one.id for one in self.outcomes.values()}

    def add(self, one: Checked, held: str) -> None:
        """Take what became of an item. A picture that the snapshot holds, or that is packed already, is not packed again."""
        got, picture = one.got, None
        fetched_id = images.image_id(got.data) if got.data else ""
        if one.verdict is not None:
            picture = picture_of(got.data, fetched_id, one.verdict)
            if not held and picture.id not in self._packed:
                self._packed.add(picture.id)
                self._pictures[picture.id] = picture
                self._size += len(picture.data)
        outcome = Fetched(
            token=got.item.token,
            id="" if picture is None else held or picture.id,
            reason=one.reason,
            heals=got.heals,
            sha256=fetched_id if got.fetched else "",
            url=got.url,
            status=got.status,
            time=got.fetched,
        )
        self.outcomes[outcome.token] = outcome
        self._fresh.append(outcome)
        if len(self._pictures) >= self._shard_pictures or self._size >= MOST_BYTES:
            self._keep()

    def write(self) -> int:
        """Write all that was fetched as content: shards, and an outcome for each token. Returns the number of pictures.

        Raises Retryable where a piece is gone meanwhile: an artifact of which parts lack could not be made again alike.
        """
        if not self._pieces:
            self._write_shard(0, shards.pack(self._pictures.values()))
        elif self._fresh:
            self._keep()
        if not all(piece.stands() for piece in self._pieces):
            raise Retryable("Pieces of what was fetched are gone from the store, perhaps by a collection. They are fetched again.")
        for number, piece in enumerate(sorted(self._pieces, key=lambda one: one.name)):
            for name in (shards.TAR, shards.INDEX):
                self._out.take(shard_part(number, name), piece.part(name))
        outcomes = canonical(list(self.outcomes.values()))
        self._out.write(OUTCOMES, outcomes)
        if any(one.time for one in self.outcomes.values()):
            self._out.write(COPY, outcomes)  # nobody could say again what a server said then
        return len(self._packed - {""})

    def _write_shard(self, number: int, parts: dict[str, bytes]) -> None:
        for name, data in parts.items():
            self._out.write(shard_part(number, name), data)

    def _keep(self) -> None:
        self._pieces.append(self._out.keep({**shards.pack(self._pictures.values()), OUTCOMES: canonical(self._fresh)}))
        self._pictures, self._fresh, self._size = {}, [], 0


def shard_part(number: int, name: str) -> str:
    """Return what a shard's part is called among those of a task."""
    return f"{number:05d}.{name}"


def shards_of(fetched: Parts) -> Iterator[dict[str, str]]:
    """Yield, for each shard of a task that holds a picture, where its parts are."""
    names = set(fetched.names())
    number = 0
    while shard_part(number, shards.TAR) in names:
        yield {name: shard_part(number, name) for name in (shards.TAR, shards.INDEX)}
        number += 1


def picture_of(data: bytes, fetched_id: str, seen: Verdict) -> shards.Picture:
    kept, identity = (seen.data, images.image_id(seen.data)) if seen.data else (data, fetched_id)
    return shards.Picture(identity, images.EXTENSIONS[seen.format], kept, seen.width, seen.height)
