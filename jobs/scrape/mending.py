"""Makes a fetched range whole again, to the same bytes.

A disk may flip a bit of what came from the web, and by then the web may show something else. So what
stands is taken over as it is; an index is made again from its tar, a tar from the pictures that its
index names, of which the first bytes' sha256 is known; what servers said is there twice.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import PurePosixPath

import msgspec

from common import shards
from common.artifact import Artifact, Draft
from common.errors import BadInput, Damaged
from common.records import read_json
from common.sandbox import Verdict
from common.shards import Picture
from jobs.scrape.fetching import COPY, OUTCOMES, check_all, picture_of, shard_part
from jobs.scrape.rows import Fetched
from jobs.scrape.sources import Item, Source

Check = Callable[[bytes], Verdict]


class Mender:
    """Mends one range. `before` is what was committed, `items` what it was fetched for."""

    def __init__(self, before: Artifact, items: list[Item], source: Source, check: Check, threads: int) -> None:
        self._before, self._source, self._check, self._threads = before, source, check, threads
        self._items = {item.token: item for item in items}

    def __call__(self, out: Draft) -> None:
        """Write all parts again. Raises BadInput where one cannot be made as it was."""
        for part in self._before.manifest.content:
            try:
                self._before.read(part.name)
            except Damaged:
                data = self._make(part.name)
                if sha256(data).hexdigest() != part.sha256:
                    raise BadInput(f"{part.name} of what was fetched is damaged and came out different. {WHAT_TO_DO}") from None
                out.restore(part, data)
            else:
                out.take(part.name, part)
        out.info |= self._before.info

    def _make(self, name: str) -> bytes:
        if name in (OUTCOMES, COPY):
            return self._read(COPY if name == OUTCOMES else OUTCOMES, name)
        number, _, kind = name.partition(".")
        if kind == shards.INDEX:
            return shards.pack(self._unpack(self._read(shard_part(int(number), shards.TAR), name)))[shards.INDEX]
        entries = shards.read_entries(self._read(shard_part(int(number), shards.INDEX), name))
        return shards.pack(self._fetch([entry.id for entry in entries]))[shards.TAR]

    def _read(self, name: str, instead_of: str) -> bytes:
        try:
            return self._before.read(name)
        except (Damaged, BadInput):
            raise BadInput(f"{instead_of} of what was fetched is damaged, and so is {name}. {WHAT_TO_DO}") from None

    def _unpack(self, tar: bytes) -> list[Picture]:
        found = []
        with tarfile.open(fileobj=io.BytesIO(tar)) as members:
            for member in members:
                file = members.extractfile(member)
                data = file.read() if file else b""
                seen = self._check(data)
                name = PurePosixPath(member.name)
                found.append(Picture(name.stem, name.suffix.lstrip("."), data, seen.width, seen.height))
        return found

    def _fetch(self, ids: list[str]) -> list[Picture]:
        """Fetch pictures again, in order, each with the sum that its bytes had."""
        outcomes = read_json(self._read(OUTCOMES, OUTCOMES), list[Fetched], OUTCOMES)
        known: Mapping[str, Fetched] = {one.id: one for one in outcomes if one.id}
        wanted = [_with_sum(self._items[known[image].token], known[image].sha256) for image in ids]
        found = {}
        for one in check_all(self._source.fetch_all(wanted), self._check, self._threads):
            if one.verdict is None:
                raise BadInput(f"{one.got.item.name} is to be fetched again, for the store has lost it: {one.reason}. {WHAT_TO_DO}")
            picture = picture_of(one.got.data, sha256(one.got.data).hexdigest(), one.verdict)
            found[picture.id] = picture
        lost = [image for image in ids if image not in found]
        if lost:
            raise BadInput(f"Picture {lost[0][:12]} is no longer what it was, and the store has lost it. {WHAT_TO_DO}")
        return [found[image] for image in ids]


WHAT_TO_DO = "Put the object back from a copy of the store, or begin anew under another dataset's name."


def _with_sum(item: Item, digest: str) -> Item:
    return msgspec.structs.replace(item, recipe={**item.recipe, "sha256": digest})
