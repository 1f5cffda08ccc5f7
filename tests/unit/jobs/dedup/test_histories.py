"""Whole histories of a source: pictures come, go, move and are relabelled, and no kept group changes sides."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from common.dataset import Entry, Row
from common.records import Edit
from jobs.dedup import proof, version
from jobs.dedup.hashes import Hash
from jobs.dedup.search import pairs
from jobs.dedup.split import replay
from jobs.scrape.rows import Fetched, advance
from jobs.scrape.sources import Item

DISTANCE = 12
LABELS = ("dotted", "striped")


@dataclass
class World:
    """A source as it is now, and what has been made of it so far. A picture is a motif and a variant of it."""

    files: dict[str, tuple[str, int, int]] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    edits: dict[str, Edit] = field(default_factory=dict)
    number: int = 0

    def look(self) -> None:
        """Make the next snapshot."""
        items = [Item(label=label, name=name, token=_id(motif, variant)) for name, (label, motif, variant) in self.files.items()]
        fetched = [Fetched(token=item.token, id=item.token, reason="") for item in items]
        self.number += 1
        self.rows = advance(self.rows, items, fetched, self.number)

    def version(self, *, backwards: bool = False) -> list[Entry]:
        rows = self.rows[::-1] if backwards else self.rows
        known = {row.id: _hash(row.id) for row in rows}
        order = sorted(known)
        same = [(order[i], order[j]) for i, j, _, _ in pairs([known[one] for one in order], DISTANCE)]
        placed = replay(version.members(rows, same, version.group_name("auto", "")), 0.75)
        entries = version.judge(rows, known, same, placed, self.edits)
        assert list(proof.crossings(entries, known, DISTANCE)) == []
        return entries


def _id(motif: int, variant: int) -> str:
    return f"{motif:04d}-{variant}"


def _hash(image: str) -> Hash:
    """Variants of a motif are a bit or two apart, motifs far."""
    motif, variant = (int(part) for part in image.split("-"))
    bits = bytearray(((motif * 2654435761 + 12345 * place) >> 7) % 256 for place in range(32))
    bits[0] ^= 1 << variant
    return Hash(id=image, pixels=image, bits=bytes(bits).hex(), content=256, width=10, height=10, size=10)


def sides(entries: list[Entry]) -> dict[str, tuple[str, str]]:
    return {entry.id: (entry.group, entry.side) for entry in entries if entry.kept}


pictures = st.tuples(st.sampled_from(LABELS), st.integers(0, 25), st.integers(0, 3))
folders = st.sampled_from(["", "", "", "garment-1/", "garment-2/"])
changes = st.lists(
    st.one_of(
        st.tuples(st.just("add"), pictures, folders),
        st.tuples(st.just("remove"), st.integers(0, 99), st.none()),
        st.tuples(st.just("move"), st.integers(0, 99), st.sampled_from(LABELS)),
        st.tuples(st.just("edit"), st.integers(0, 99), st.sampled_from([*LABELS, ""])),
    ),
    max_size=12,
)


def apply(world: World, what: str, which: object, more: object, count: int) -> None:
    names = sorted(world.files)
    if what == "add":
        added = cast("tuple[str, int, int]", which)
        world.files[f"{added[0]}/{more}{count:04d}.jpg"] = added
        return
    if not names:
        return
    assert isinstance(which, int)
    name = names[which % len(names)]
    _, motif, variant = world.files[name]
    if what == "remove":
        del world.files[name]
    elif what == "move":
        del world.files[name]
        world.files[f"{more}/moved-{count:04d}.jpg"] = (str(more), motif, variant)
    else:
        image = _id(motif, variant)
        action = "label" if more else "exclude"
        world.edits[image] = Edit(dataset="d", image=image, action=action, label=str(more or ""))


@given(st.lists(st.tuples(pictures, folders), min_size=4, max_size=30), st.lists(changes, min_size=1, max_size=4))
@settings(deadline=None, max_examples=150)
def test_no_kept_group_ever_changes_sides(
    start: list[tuple[tuple[str, int, int], str]], history: list[list[tuple[str, object, object]]]
) -> None:
    world, count = World(), 0
    for picture, folder in start:
        apply(world, "add", picture, folder, count)
        count += 1
    world.look()
    before = sides(world.version())
    for step in history:
        for what, which, more in step:
            apply(world, what, which, more, count)
            count += 1
        world.look()
        after = sides(world.version())
        assert {one: after[one][1] for one in before.keys() & after.keys()} == {one: before[one][1] for one in before.keys() & after.keys()}
        assert sides(world.version(backwards=True)) == after
        before = {**before, **after}


@given(st.lists(st.tuples(pictures, folders), min_size=4, max_size=30))
@settings(deadline=None, max_examples=60)
def test_looking_again_at_an_unchanged_source_changes_nothing(start: list[tuple[tuple[str, int, int], str]]) -> None:
    world = World()
    for count, (picture, folder) in enumerate(start):
        apply(world, "add", picture, folder, count)
    world.look()
    before, rows = world.version(), list(world.rows)
    world.look()
    assert world.rows == rows
    assert world.version() == before


def test_the_worlds_of_these_tests_have_what_they_are_about() -> None:
    world = World(files={"dotted/a.jpg": ("dotted", 1, 0), "dotted/b.jpg": ("dotted", 1, 2), "striped/c.jpg": ("striped", 2, 0)})
    world.look()
    entries = {entry.name: entry for entry in world.version()}
    assert entries["dotted/b.jpg"].reason == "duplicate of dotted/a.jpg"
    assert entries["dotted/a.jpg"].group == entries["dotted/b.jpg"].group != entries["striped/c.jpg"].group
    assert msgspec.structs.asdict(entries["striped/c.jpg"])["kept"]
