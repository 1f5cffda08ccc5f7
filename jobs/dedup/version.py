"""The dataset version: for each row of the snapshot its label, group, side, and whether it is kept.

The order of the reasons is the order of the rules: refused pictures, a person's word, groups on
both sides, label conflicts, duplicates. Of duplicates stays the one that was there first, or else splits would move; of those
that came together the largest, then the least compressed. What is left out as a duplicate is the same as the
picture that stays, not as one between them: chains end at the first link.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from common.dataset import LABEL_CONFLICT, Entry, Row
from common.records import Edit
from jobs.dedup.hashes import Hash
from jobs.dedup.split import Member, Placed


def group_name(by: str, pattern: str) -> Callable[[Row], str]:
    """Return the rule that names a row's group from its file name ("" for none of its own)."""
    find = re.compile(pattern) if pattern and by in ("auto", "pattern") else None

    def name(row: Row) -> str:
        path = row.name.split("/")
        found = find.search(path[-1]) if find else None
        if found:
            return f"pattern:{row.label}:{found[1] if found.groups() else found[0]}"
        # A URL's folders say how a server is arranged, not which pictures belong together: only who asks for them has them.
        if len(path) > 2 and (by == "subdir" or (by == "auto" and path[0] == row.label)):
            return f"folder:{'/'.join(path[:-1])}"
        return ""

    return name


def members(rows: Iterable[Row], same: Iterable[tuple[str, str]], name: Callable[[Row], str]) -> list[Member]:
    """Return what the split replays: every picture any snapshot showed, with its ties."""
    near: dict[str, set[str]] = defaultdict(set)
    for one, other in same:
        tie = f"same:{min(one, other)}:{max(one, other)}"
        near[one].add(tie)
        near[other].add(tie)
    shown: dict[tuple[int, str], list[Row]] = defaultdict(list)
    for row in rows:
        if row.id:
            shown[row.first, row.id].append(row)
    return [
        Member(
            id=image,
            first=first,
            labels=tuple(sorted({row.label for row in together})),
            ties=frozenset(near[image] | {name(row) for row in together} - {""}),
            dedicated=any(row.dedicated for row in together),
        )
        for (first, image), together in sorted(shown.items(), key=lambda item: item[0])
    ]


def judge(
    rows: Iterable[Row],
    hashes: Mapping[str, Hash],
    same: Iterable[tuple[str, str]],
    placed: Mapping[str, Placed],
    words: Mapping[str, Edit],
    flags: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> list[Entry]:
    """Return one entry for each row that is still in the source, in order of name."""
    there = sorted((row for row in rows if not row.gone), key=lambda row: (row.label, row.name, row.id))
    labels = {row.id: words[row.id].label for row in there if row.id in words and words[row.id].action == "label"}
    reasons = _conflicts_and_duplicates(there, hashes, same, labels, words)
    entries = []
    for row in there:
        place = placed.get(row.id, Placed("", ""))
        reason = _first_reason(row, place, words) or reasons.get((row.label, row.name, row.id), "")
        entries.append(
            Entry(
                id=row.id,
                name=row.name,
                label=labels.get(row.id, row.label),
                source_label=row.label,
                group=place.group,
                side=place.side,
                kept=not reason,
                reason=reason,
                first=row.first,
                licence=row.licence,
                flags=" ".join(flags.get(row.id, ())),
            )
        )
    return entries


def _first_reason(row: Row, place: Placed, words: Mapping[str, Edit]) -> str:
    if not row.id:
        return f"refused: {row.reason}"
    if row.id in words and words[row.id].action == "exclude":
        return "left out by a person"
    return "" if place.side else "belongs to groups on both sides of the split"


def _conflicts_and_duplicates(
    there: list[Row],
    hashes: Mapping[str, Hash],
    same: Iterable[tuple[str, str]],
    labels: Mapping[str, str],
    words: Mapping[str, Edit],
) -> dict[tuple[str, str, str], str]:
    """Return the reason of each row that is in conflict with, or a duplicate of, another."""
    usable = [row for row in there if row.id and not (row.id in words and words[row.id].action == "exclude")]
    by_id: dict[str, list[Row]] = defaultdict(list)
    for row in usable:
        by_id[row.id].append(row)
    near = _neighbours(by_id, same)
    reasons: dict[tuple[str, str, str], str] = {}
    stands: dict[str, Row] = {}
    for row in sorted(usable, key=lambda row: _rank(row, hashes[row.id])):
        names = {labels.get(other.id, other.label) for one in near[row.id] for other in by_id[one]}
        wanted = row.id in words and words[row.id].action == "keep"
        originals = [stands[one] for one in near[row.id] if one in stands]
        if len(names) > 1 and not wanted:
            reasons[row.label, row.name, row.id] = f"{LABEL_CONFLICT}: the same picture is under {' and '.join(sorted(names))}"
        elif originals and not wanted:
            best = min(originals, key=lambda row: _rank(row, hashes[row.id]))
            reasons[row.label, row.name, row.id] = f"duplicate of {best.name}"
        else:
            stands.setdefault(row.id, row)
    return reasons


def _rank(row: Row, known: Hash) -> tuple[int, int, int, str, str]:
    return row.first, -known.width * known.height, -known.size, row.name, row.id


def _neighbours(ids: Iterable[str], same: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    """Return for each id those that it is the same as, itself among them."""
    near = {one: {one} for one in ids}
    for one, other in same:
        if one in near and other in near:
            near[one].add(other)
            near[other].add(one)
    return near


def groups_by_class(entries: Iterable[Entry]) -> dict[str, Counter[str]]:
    """Return how many kept pictures each group of each class has."""
    groups: dict[str, Counter[str]] = defaultdict(Counter)
    for entry in entries:
        if entry.kept:
            groups[entry.label][entry.group] += 1
    return {label: groups[label] for label in sorted(groups)}
