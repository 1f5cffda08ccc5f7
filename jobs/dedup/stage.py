"""The work of dedup: hash the pictures of a shard; make the dataset version."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from common import edits, shards
from common.cells import THUMBNAILS
from common.dataset import LEAVE_ONE_GROUP_OUT, TEST, TEST_SIDE, TRAIN, VERSION, Entry, Row, rows_of
from common.errors import BadInput
from common.features import write_vectors
from common.parameters import Values
from common.progress import track
from common.records import Edit
from common.stage import StepFunction, Work
from common.tables import read_matrix, read_table, write_matrix, write_table
from jobs.dedup import flags, frequencies, hashes, looks, proof, quality, search, split, thumbnails, version

# A class with so few groups is scored by leaving out one group at a time.
FEW_GROUPS = 3


def hash_shard(work: Work) -> None:
    """Hash and measure every picture of a shard; content: two tables, its thumbnails and its looks, in the shard's order."""
    shard = work.the_unit()
    size = len(shards.read_index(shard))
    kind = work.parameters.text("dedup.hash")
    hashed, measured, looked, small = [], [], [], []
    for entry, data in track(shards.read_pictures(shard), work.progress, size, "pictures"):
        seen = hashes.look_at(data, kind)
        hashed.append(hashes.hash_picture(entry.id, data, seen, kind))
        measured.append(quality.measure(entry.id, seen))
        looked.append(looks.look(seen.image))
        small.append(thumbnails.thumbnail(seen.image))
    work.out.write(hashes.HASHES, write_table(hashed, hashes.Hash))
    work.out.write(quality.MEASURES, write_table(measured, quality.Measure))
    work.out.write(THUMBNAILS, write_matrix(thumbnails.matrix(small)))
    write_vectors(work.out, [one.id for one in hashed], looks.matrix(looked))
    work.out.info |= {"items": len(hashed)}


def make_version(work: Work) -> None:
    """Write the dataset version: groups, exclusions with reasons, the split; flags; and which pictures are the same."""
    rows = rows_of(work.inputs["snapshot"])
    known, small = _hashed(work)
    within = search.reach(len(known), work.parameters.integer("dedup.distance"))
    same = _same(known, within, _ways(work.parameters), small)
    tied = [(one.one, one.other) for one in same]
    there = {row.id for row in rows if not row.gone}
    measures = [one for one in _measured(work) if one.id in there]
    flagged = flags.flags_of(measures, work.parameters)
    entries = version.judge(rows, known, tied, _place(work, rows, tied), _words(work), flagged)
    _prove(proof.crossings(entries, known, within, _ways(work.parameters), small))
    work.out.write(VERSION, write_table(entries, Entry))
    work.out.write(search.SAME, write_table(same, search.Same))
    work.out.write(quality.MEASURES, write_table(measures, quality.Measure))
    work.out.info |= _facts(entries, dedicated=any(row.dedicated and not row.gone for row in rows))
    work.out.info |= {"same": _kinds_of(same, there), "quality": flags.distribution(measures, flagged, work.parameters)}


STEPS: Mapping[str, StepFunction] = {"dedup/hash": hash_shard, "dedup/dataset": make_version}


def _measured(work: Work) -> list[quality.Measure]:
    """Return the measures of all shards' pictures, in order of picture."""
    rows = (row for unit in work.inputs["hashes"].units for row in read_table(unit.read(quality.MEASURES), quality.Measure))
    return sorted({row.id: row for row in rows}.values(), key=lambda row: row.id)


def _hashed(work: Work) -> tuple[dict[str, hashes.Hash], thumbnails.Thumbnails]:
    """Return what tells the pictures of all shards from each other."""
    known: list[hashes.Hash] = []
    small = []
    for unit in work.inputs["hashes"].units:
        known += read_table(unit.read(hashes.HASHES), hashes.Hash)
        small.append(read_matrix(unit.read(THUMBNAILS)).astype("uint8"))
    return {one.id: one for one in known}, thumbnails.Thumbnails([one.id for one in known], thumbnails.joined(small))


def _same(known: Mapping[str, hashes.Hash], within: int, ways: tuple[str, ...], small: thumbnails.Thumbnails) -> list[search.Same]:
    order = sorted(known)
    found = search.pairs([known[one] for one in order], within, ways, small)
    return [search.Same(one=order[i], other=order[j], how=how, apart=apart) for i, j, how, apart in found]


def _kinds_of(same: list[search.Same], there: set[str]) -> dict[str, int]:
    """Return how many pairs of pictures that are there are the same, by what makes them so."""
    return dict(sorted(Counter(one.how for one in same if {one.one, one.other} <= there).items()))


def _ways(parameters: Values) -> tuple[str, ...]:
    return frequencies.WAYS[parameters.text("dedup.orientations")]


def _words(work: Work) -> dict[str, Edit]:
    return edits.fold(edits.frozen_in(work.inputs["edits"])) if "edits" in work.inputs else {}


def _place(work: Work, rows: list[Row], same: list[tuple[str, str]]) -> dict[str, split.Placed]:
    name = version.group_name(work.parameters.text("split.by"), work.parameters.text("split.pattern"))
    return split.replay(
        version.members(rows, same, name),
        work.parameters.number("split.ratio"),
        work.parameters.integer("split.seed"),
        dedicated=any(row.dedicated for row in rows),
    )


def _prove(crossings: Iterable[tuple[str, str, str]]) -> None:
    """Stop rather than hand on a split that leaks: every figure after it would lie."""
    leaks = list(crossings)
    if leaks:
        ours, theirs, why = leaks[0]
        raise BadInput(f"The split leaks in {len(leaks)} pairs, such as {ours} (train) and {theirs} (test): {why}. Please report this.")


def _facts(entries: list[Entry], *, dedicated: bool) -> dict[str, Any]:
    groups = version.groups_by_class(entries)
    _require_two_of_each(groups, {entry.label for entry in entries})
    few = [label for label, sizes in groups.items() if len(sizes) <= FEW_GROUPS]
    sides = {
        label: {side: sum(1 for one in entries if one.kept and (one.label, one.side) == (label, side)) for side in (TRAIN, TEST)}
        for label in groups
    }
    _require_both_sides(sides, leave_one_out=bool(few) and not dedicated)
    return {
        "items": len(entries),
        "kept": sum(1 for entry in entries if entry.kept),
        "classes": list(groups),
        "sides": sides,
        "groups": {label: len(sizes) for label, sizes in groups.items()},
        "excluded": dict(
            sorted(Counter(entry.reason.partition(":")[0].partition(" of ")[0] for entry in entries if not entry.kept).items())
        ),
        "scoring": LEAVE_ONE_GROUP_OUT if few and not dedicated else TEST_SIDE,
        "warnings": [_few(label, len(groups[label])) for label in few],
    }


def _few(label: str, count: int) -> str:
    return (
        f"Class {label!r} has only {count} groups of pictures, so its figures are uncertain whatever they say. "
        "Add pictures of other things of this class."
    )


def _require_two_of_each(groups: Mapping[str, Counter[str]], labels: set[str]) -> None:
    if len(labels) < 2:
        raise BadInput(f"There is one class only ({', '.join(sorted(labels)) or 'none'}); a classifier needs two or more.")
    for label in sorted(labels):
        count = len(groups.get(label, ()))
        if count < 2:
            raise BadInput(
                f"Class {label!r} has {count} group(s) of usable pictures; 2 is the least, one to learn from and one to test on. "
                "Pictures of one group (see split.by) and near-duplicates count as one. Add pictures, or remove the class."
            )


def _require_both_sides(sides: Mapping[str, Mapping[str, int]], *, leave_one_out: bool) -> None:
    needed = (TRAIN,) if leave_one_out else (TRAIN, TEST)
    for label, counts in sides.items():
        for side in needed:
            if not counts[side]:
                raise BadInput(f"Class {label!r} has no picture on the {side} side. Add pictures, or check the dedicated test list.")
