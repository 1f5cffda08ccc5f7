"""What curation found, for the report: the second figure, and suspects as contact sheets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.metrics import Figure, Summary
from common.suspects import FROM_ALL, REPORT_ONLY, Copies, Suspect
from jobs.evaluate.gallery import Gallery

MOST_OF_A_CLASS = 12
_WORDS = {"all": "All test pictures", "unsuspicious": "Without the suspicious ones"}


@dataclass(frozen=True)
class Curated:
    """`parts`: of each part of the test pictures how many there are, and its figures (None: a class is missing in it)."""

    policy: str
    suspects: Sequence[Suspect]
    copies: Sequence[Copies]
    warnings: Sequence[str]
    expected_share: float
    parts: Mapping[str, tuple[int, Summary | None]]

    @property
    def suspicious(self) -> list[Suspect]:
        return [one for one in self.suspects if one.suspicious]


def facts(curated: Curated, gallery: Gallery) -> dict[str, Any]:
    """Return what the report shows of it."""
    return {
        "figures": [(_WORDS[name], count, summary) for name, (count, summary) in curated.parts.items()],
        "headline": _WORDS["unsuspicious" if curated.policy == FROM_ALL else "all"],
        "count": len(curated.suspicious),
        "judged": len(curated.suspects),
        "share": Figure(value=curated.expected_share, low=curated.expected_share, high=curated.expected_share),
        "left_out": sum(one.left_out for one in curated.suspects),
        "only_reported": curated.policy == REPORT_ONLY,
        "sheets": _sheets(curated.suspicious, gallery),
    }


def _sheets(suspicious: Sequence[Suspect], gallery: Gallery) -> list[dict[str, Any]]:
    """Return each class's suspects, worst first; of those that look the same one."""
    sheets = []
    for label in sorted({one.label for one in suspicious}):
        ours = [one for one in suspicious if one.label == label]
        first = {one.alike: one for one in reversed(ours)}
        shown = [one for one in ours if first[one.alike] is one][:MOST_OF_A_CLASS]
        sheets.append(
            {
                "label": label,
                "count": len(ours),
                "images": [(one, sum(two.alike == one.alike for two in ours), gallery.thumbnail(one.id, small=True)) for one in shown],
            }
        )
    return sheets
