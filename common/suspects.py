"""What curate makes: for each picture how much speaks against it, why, and whether training leaves it out; and likely copies."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from common.records import Value
from common.tables import read_table

if TYPE_CHECKING:
    from common.artifact import Artifact
    from common.dataset import Entry

SUSPECTS = "suspects.parquet"
COPIES = "copies.parquet"
REPORT_ONLY, FROM_TRAINING, FROM_ALL = "report", "train", "all"


class Suspect(Value, frozen=True, kw_only=True):
    """What is said of a picture under a label.

    `score` is the probability, 0 to 1, that it does not belong to its class; `suspicious`: it is beyond the threshold, and nobody has
    decided otherwise. `reason` says why in words. `suggested` is the class that it looks like instead ("" where it is none), `seen_as`
    what the backbone would call it by itself ("" where it knows no words). Suspects with the same `alike` look the same: one word may do
    for all. `decided`: a person said what it is. `left_out`: training does not see it.
    """

    id: str
    name: str
    label: str
    group: str
    side: str
    score: float
    suspicious: bool
    reason: str
    suggested: str
    seen_as: str
    alike: str
    decided: bool
    left_out: bool


class Copies(Value, frozen=True, kw_only=True):
    """Two pictures, by id, that may be copies of each other, cut, turned or mirrored; `sure` is larger the likelier that is."""

    one: str
    other: str
    one_name: str
    other_name: str
    one_side: str
    other_side: str
    sure: float


def suspect(
    entry: Entry,
    *,
    score: float,
    suspicious: bool,
    reason: str,
    suggested: str = "",
    seen_as: str = "",
    alike: str = "",
    decided: bool = False,
    left_out: bool = False,
) -> Suspect:
    """Return what is said of the picture of a row."""
    return Suspect(
        id=entry.id,
        name=entry.name,
        label=entry.label,
        group=entry.group,
        side=entry.side,
        score=score,
        suspicious=suspicious,
        reason=reason,
        suggested=suggested,
        seen_as=seen_as,
        alike=alike,
        decided=decided,
        left_out=left_out,
    )


def suspects_of(curation: Artifact) -> list[Suspect]:
    """Return the rows of a curation, worst first."""
    return read_table(curation.read(SUSPECTS), Suspect)


def left_out_of(curation: Artifact) -> frozenset[tuple[str, str]]:
    """Return (id, label) of what training does not see."""
    return frozenset((row.id, row.label) for row in suspects_of(curation) if row.left_out)


def suspicious_of(rows: Iterable[Suspect]) -> frozenset[tuple[str, str]]:
    """Return (id, label) of what is suspicious, decided by nobody."""
    return frozenset((row.id, row.label) for row in rows if row.suspicious)


def copies_of(curation: Artifact) -> list[Copies]:
    """Return the likely copies, surest first."""
    return read_table(curation.read(COPIES), Copies)
