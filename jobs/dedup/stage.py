"""The work of dedup: hash the pictures of a shard; make the dataset version."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from common import edits, images, shards
from common.dataset import LEAVE_ONE_GROUP_OUT, TEST, TEST_SIDE, TRAIN, VERSION, Entry, Row, rows_of
from common.errors import BadInput
from common.progress import track
from common.records import Edit, read_json
from common.stage import StepFunction, Work
from common.tables import read_table, write_table
from jobs.dedup import hashes, proof, split, version

# A class with so few groups is scored by leaving out one group at a time.
FEW_GROUPS = 3


def hash_shard(work: Work) -> None:
    """Hash every picture of a shard; content: a table in the shard's order."""
    shard = work.the_unit()
    size = len(shards.read_index(shard))
    rows = [
        hashes.hash_picture(entry.id, images.decode(data), entry.size)
        for entry, data in track(shards.read_pictures(shard), work.progress, size, "pictures")
    ]
    work.out.write(hashes.HASHES, write_table(rows, hashes.Hash))
    work.out.info |= {"items": len(rows)}


def make_version(work: Work) -> None:
    """Write the dataset version: groups, exclusions with reasons, the split."""
    rows = rows_of(work.inputs["snapshot"])
    known = _hashes(work)
    order = sorted(known)
    distance = work.parameters.integer("dedup.distance")
    same = [(order[i], order[j]) for i, j in hashes.pairs([known[one] for one in order], distance)]
    entries = version.judge(rows, known, same, _place(work, rows, same), _words(work))
    _prove(entries, known, distance)
    work.out.write(VERSION, write_table(entries, Entry))
    work.out.info |= _facts(entries, dedicated=any(row.dedicated and not row.gone for row in rows))


STEPS: Mapping[str, StepFunction] = {"dedup/hash": hash_shard, "dedup/dataset": make_version}


def _hashes(work: Work) -> dict[str, hashes.Hash]:
    tables = (read_table(unit.read(hashes.HASHES), hashes.Hash) for unit in work.inputs["hashes"].units)
    return {row.id: row for table in tables for row in table}


def _words(work: Work) -> dict[str, Edit]:
    if "edits" not in work.inputs:
        return {}
    return edits.fold(read_json(work.inputs["edits"].read("edits.json"), list[Edit], "edits.json"))


def _place(work: Work, rows: list[Row], same: list[tuple[str, str]]) -> dict[str, split.Placed]:
    name = version.group_name(work.parameters.text("split.by"), work.parameters.text("split.pattern"))
    return split.replay(
        version.members(rows, same, name),
        work.parameters.number("split.ratio"),
        work.parameters.integer("split.seed"),
        dedicated=any(row.dedicated for row in rows),
    )


def _prove(entries: list[Entry], known: Mapping[str, hashes.Hash], distance: int) -> None:
    """Stop rather than hand on a split that leaks: every figure after it would lie."""
    leaks = list(proof.crossings(entries, known, distance))
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
