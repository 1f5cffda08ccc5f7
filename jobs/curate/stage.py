"""The work of curate: judge every kept picture, say why, and decide what training does not see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from common import dataset, edits, named, records
from common.cells import THUMBNAILS
from common.dataset import LABEL_CONFLICT, LEAVE_ONE_GROUP_OUT, TEST, TRAIN, Entry, entries_of
from common.features import matrix, vectors_of
from common.model import CARD_FILE, Card, Named
from common.records import digest_of
from common.stage import StepFunction, Work
from common.suspects import COPIES, REPORT_ONLY, SUSPECTS, Copies, Suspect, suspect
from common.tables import write_table
from jobs.curate import copies, crowds, policy, reasons, suspicion
from jobs.curate.signals import Flags, Floats, Pictures
from jobs.curate.suspicion import Judged

DECIDING = ("label", "keep")
"""With these words a person says that a picture is what it is under."""


def curate(work: Work) -> None:
    """Write what is suspicious, worst first, and what may be copies, surest first; content: suspects.parquet, copies.parquet."""
    version = work.inputs["dataset"]
    classes, everything = tuple(version.info["classes"]), entries_of(version)
    kept = [entry for entry in everything if entry.kept]
    card = records.decode(work.inputs["backbone"].read(CARD_FILE), Card, "the backbone's card")
    of = _pictures(work, kept, classes, card)
    thumbnails = matrix([entry.id for entry in kept], vectors_of(work.inputs["looks"], THUMBNAILS)).astype(np.uint8)
    with threadpool_limits(1):  # results may not depend on the number of cores
        judged = suspicion.judge(of)
        rows = _rows(work, _Case(kept, classes, of, judged, _decided(work)), card)
        pairs = [_copies(kept[one], kept[other], sure) for one, other, sure in copies.likely(of, thumbnails)]
    rows = sorted([*rows, *_conflicts(everything)], key=lambda row: (-row.score, row.label, row.name, row.id))
    work.out.write(SUSPECTS, write_table(rows, Suspect))
    work.out.write(COPIES, write_table(pairs, Copies))
    work.out.info |= _facts(rows, judged, classes) | {"copies": len(pairs), "warnings": _warnings(pairs)}
    work.log(f"{work.out.info['suspicious']} of {len(rows)} pictures are suspicious; training leaves out {work.out.info['left_out']}")


STEPS: Mapping[str, StepFunction] = {"curate": curate}


@dataclass(frozen=True)
class _Case:
    kept: Sequence[Entry]
    classes: tuple[str, ...]
    of: Pictures
    judged: Judged
    decided: frozenset[str]


def _pictures(work: Work, kept: Sequence[Entry], classes: tuple[str, ...], card: Card) -> Pictures:
    """Return what is judged. Those vouch that training may see: the test side must not decide what training leaves out."""
    ids = [entry.id for entry in kept]
    features = matrix(ids, vectors_of(work.inputs["features"])).astype(np.float64)
    everyone = work.inputs["dataset"].info["scoring"] == LEAVE_ONE_GROUP_OUT
    return Pictures(
        features=features,
        looks=matrix(ids, vectors_of(work.inputs["looks"])).astype(np.float64),
        targets=dataset.targets(kept, classes),
        groups=dataset.groups(kept),
        classes=len(classes),
        known=known_by_name(features, classes, card),
        reference=np.asarray([everyone or entry.side == TRAIN for entry in kept]),
    )


def known_by_name(features: Floats, classes: tuple[str, ...], card: Card) -> Floats:
    """Return the backbone's own log-probability of each class by its name, (n, k); NaN in columns of names it does not know."""
    places = [named.place(label, card.names) for label in classes]
    found = np.full((len(features), len(classes)), np.nan)
    for column, place in enumerate(places):
        if place is not None and places.count(place) == 1:
            found[:, column] = features @ named.rows([card.names[place]], card.dimension)[0]
    return found


def _decided(work: Work) -> frozenset[str]:
    """Return the pictures of which a person said what they are."""
    said = edits.fold(edits.frozen_in(work.inputs["edits"])) if "edits" in work.inputs else {}
    return frozenset(image for image, edit in said.items() if edit.action in DECIDING)


def _rows(work: Work, case: _Case, card: Card) -> list[Suspect]:
    scores = case.judged.score
    decided = np.asarray([entry.id in case.decided for entry in case.kept])
    suspicious = (scores >= work.parameters.number("curate.beyond")) & ~decided
    seen_as = _seen_as(case.of.features, card.names, card.dimension)
    why = reasons.explain(case.of, case.judged, case.classes, seen_as)
    alike = _alike(case, suspicious)
    out: set[int] = set()
    if work.parameters.text("curate") != REPORT_ONLY:
        out = policy.leave_out(case.kept, scores.tolist(), suspicious.tolist(), work.parameters.number("curate.leastShare"))
    return [
        suspect(
            entry,
            score=round(float(scores[row]), 4),
            suspicious=bool(suspicious[row]),
            reason=why[row].reason,
            suggested=why[row].suggested,
            seen_as=seen_as[row],
            alike=alike.get(row, ""),
            decided=bool(decided[row]),
            left_out=row in out,
        )
        for row, entry in enumerate(case.kept)
    ]


def _seen_as(features: Floats, names: Sequence[Named], dimension: int) -> list[str]:
    """Return the backbone's own word for each picture: the first word of what it finds likeliest; "" where it knows none."""
    if not names:
        return [""] * len(features)
    likeliest = (features @ named.rows(names, dimension).T).argmax(axis=1)
    return [names[int(place)].words[0] for place in likeliest]


def _alike(case: _Case, suspicious: Flags) -> dict[int, str]:
    """Return for each suspect the name of its crowd, which is a function of who is in it."""
    places = np.flatnonzero(suspicious)
    if not len(places):
        return {}
    found = crowds.crowds(case.of.features[places], case.of.targets[places])
    members: dict[int, list[str]] = {}
    for place, crowd in zip(places, found, strict=True):
        members.setdefault(int(crowd), []).append(case.kept[int(place)].id)
    names = {crowd: digest_of(sorted(ids))[:12] for crowd, ids in members.items()}
    return {int(place): names[int(crowd)] for place, crowd in zip(places, found, strict=True)}


def _copies(one: Entry, other: Entry, sure: float) -> Copies:
    return Copies(
        one=one.id,
        other=other.id,
        one_name=one.name,
        other_name=other.name,
        one_side=one.side,
        other_side=other.side,
        sure=round(sure, 2),
    )


def _warnings(pairs: Sequence[Copies]) -> list[str]:
    """Say which pictures of the test may have been seen in training."""
    crossing = [pair for pair in pairs if {pair.one_side, pair.other_side} == {TRAIN, TEST}]
    if not crossing:
        return []
    first = crossing[0]
    words = (
        f"{len(crossing)} test picture(s) may be copies of training pictures, cut, turned or mirrored, such as {first.one_name} and "
        f"{first.other_name}: figures may flatter. The report shows them; exclude one of each in the light table."
    )
    return [words]


def _conflicts(entries: Sequence[Entry]) -> list[Suspect]:
    """Return what dedup excluded because the same picture is under several labels: nothing is more suspicious."""
    return [
        suspect(entry, score=1.0, suspicious=True, reason=entry.reason.partition(": ")[2], alike=entry.group)
        for entry in entries
        if entry.reason.startswith(LABEL_CONFLICT)
    ]


def _facts(rows: Sequence[Suspect], judged: Judged, classes: Sequence[str]) -> dict[str, Any]:
    return {
        "items": len(rows),
        "suspicious": sum(row.suspicious for row in rows),
        "left_out": sum(row.left_out for row in rows),
        "expected_share": round(judged.share, 4),
        "by_class": {label: sum(row.suspicious for row in rows if row.label == label) for label in classes},
    }
