"""What the controller alone reads of a run; the rest of a run's documents is `common.runs`, which its callers find here too."""

from __future__ import annotations

from common import artifact, records
from common.records import Run
from common.runs import (
    CANCELLED,
    DONE,
    DRIVER,
    FAILED,
    INTERRUPTED,
    RUNNING,
    SUBMIT,
    Known,
    before,
    cancel_key,
    edits_of,
    end,
    forget_the_moment,
    index_key,
    last_records,
    lives,
    me,
    names,
    now_text,
    orphan,
    read,
    read_scale,
    read_sound,
    read_state,
    record_key,
    run_key,
    scale_key,
    sound_records,
    state_key,
    waiting_key,
)
from common.store import Store
from jobs.scrape.sources import Offer

LISTING = "listing.json"  # the part of run/listing
__all__ = [
    "CANCELLED",
    "DONE",
    "DRIVER",
    "FAILED",
    "INTERRUPTED",
    "LISTING",
    "RUNNING",
    "SUBMIT",
    "Known",
    "before",
    "cancel_key",
    "edits_of",
    "end",
    "forget_the_moment",
    "index_key",
    "last_records",
    "listing",
    "lives",
    "me",
    "names",
    "now_text",
    "orphan",
    "read",
    "read_scale",
    "read_sound",
    "read_state",
    "record_key",
    "run_key",
    "scale_key",
    "sound_records",
    "state_key",
    "waiting_key",
]


def listing(store: Store, run: Run) -> Offer:
    """Return what the run's source offered when it was submitted; only where it was listed then. Raises Damaged."""
    ref = run.frozen["listing"]
    assert ref is not None  # noqa: S101 - see above
    return records.read_json(artifact.read_ref(store, ref).read(LISTING), Offer, LISTING)
