"""What curate says against pictures: how much, why, and which of them look the same."""

from __future__ import annotations

from typing import Any

from common import artifact
from common.store import Store
from common.suspects import suspects_of
from jobs.lighttable import sheet


def newest(store: Store, dataset: str) -> dict[str, Any]:
    """Return the pictures of the newest curated run by column, each once, worst first; none where no run has come so far."""
    found = sheet.newest(store, dataset, (sheet.CURATE,))
    if found is None:
        return {"run": "", "ids": []}
    run, steps = found
    curation = artifact.read_ref(store, sheet.ref_of(steps, sheet.CURATE))
    rows = list({row.id: row for row in reversed(suspects_of(curation))}.values())[::-1]  # under several labels: the worst
    return {
        "run": run,
        "ids": [row.id for row in rows],
        "score": [round(row.score, 3) for row in rows],
        "suspicious": [int(row.suspicious) for row in rows],
        "left_out": [int(row.left_out) for row in rows],
        "reason": sheet.numbered(row.reason for row in rows),
        "suggested": sheet.numbered(row.suggested for row in rows),
        "seen_as": sheet.numbered(row.seen_as for row in rows),
        "alike": sheet.numbered(row.alike for row in rows),
    }
