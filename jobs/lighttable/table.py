"""One dataset's table: what the pages ask for, read from the store when it is first wanted and again when a run has made it new."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from common import edits
from common.artifact import Artifact
from common.errors import BadInput, DarkroomError
from common.records import Value, canonical
from common.store import Store
from common.tables import read_table
from jobs.lighttable import opinions, results, sheet, suspicions
from jobs.lighttable.book import Book, Said, TakenBack
from jobs.lighttable.exchange import MOST_NAMED, Found, from_csv, from_label_studio, to_csv, to_label_studio
from jobs.lighttable.incoming import Incoming
from jobs.lighttable.pictures import LARGE, SMALL, Pictures
from jobs.lighttable.sheet import Sheet

LOOK_EVERY_S = 5.0
PROVENANCE = "provenance.parquet"


class Origin(Value, frozen=True, kw_only=True):
    """Where a picture of the web comes from: columns of scrape's provenance."""

    id: str
    label: str = ""
    url: str = ""
    landing: str = ""
    licence: str = ""
    licence_url: str = ""
    creator: str = ""
    title: str = ""
    fetched: str = ""


class Table:
    """Holds what is shown. Safe to use from several threads."""

    def __init__(self, store: Store, dataset: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.store = store
        self.dataset = dataset
        self.book = Book(store, dataset)
        self.incoming = Incoming(store, dataset)
        self._clock = clock
        self._looked = -LOOK_EVERY_S
        self._lock = threading.RLock()
        self._sheet: Sheet | None = None
        self._document = b""
        self._pictures: Pictures | None = None
        self._ids: frozenset[str] = frozenset()
        self._origins: dict[str, list[Origin]] | None = None
        self._made: dict[str, tuple[str, bytes]] = {}

    def sheet(self) -> Sheet | None:
        """Return the newest rows; None where no run has made a dataset version yet."""
        with self._lock:
            if self._clock() - self._looked >= LOOK_EVERY_S:
                self._look()
                self._looked = self._clock()
            return self._sheet

    def document(self) -> bytes:
        """Return the rows as JSON."""
        self.sheet()
        return self._document or canonical({"run": "", "ids": []})

    def warm(self) -> None:
        """Read what the first page asks for, so that it need not wait; what goes wrong is said to who asks."""
        with contextlib.suppress(DarkroomError):
            pictures = self.pictures()
            if pictures:
                pictures.small("")

    def knows(self, image: str) -> bool:
        """Is there such a picture?"""
        return image in self._ids or self.incoming.knows(image)

    def pictures(self) -> Pictures | None:
        """Return the snapshot's pictures."""
        self.sheet()
        return self._pictures

    def state(self, since: int) -> dict[str, Any]:
        """Return what may have changed while a page was open: edits since the `since`-th, the newest run, what the next run will use."""
        shown = self.sheet()
        return {**self.book.since(since), "run": shown.run if shown else "", "waiting": self._waiting()}

    def say(self, said: Said) -> dict[str, Any]:
        """Write a word down. Raises BadInput."""
        return {**self.book.say(said, self.knows), "waiting": self._waiting()}

    def take_back(self, wish: TakenBack) -> dict[str, Any]:
        """Undo edits. Raises BadInput."""
        return {**self.book.take_back(wish), "waiting": self._waiting()}

    def take_in(self, found: Found, by: str) -> dict[str, Any]:
        """Write down what a file says, as far as it says anything new; says how much that was."""
        words = edits.fold(self.book.chain.refresh())
        held = {image: (edit.action, edit.label) for image, edit in words.items()}
        written = 0
        for image, action, label in found.words:
            if held.get(image, (edits.CLEAR, "")) != (action, label):
                saw = len(self.book.chain.edits)
                self.book.say(Said(images=[image], action=action, label=label, by=by, saw=saw), self.knows)
                held[image] = (action, label)
                written += 1
        known = len(found.words) - written
        return {"written": written, "known": known, "refused": len(found.refused), "examples": found.refused[:MOST_NAMED]}

    def export(self, kind: str, prefix: str = "") -> bytes:
        """Return the table's edits for another tool: `csv` or `label-studio`."""
        shown = self.sheet()
        entries = shown.entries if shown else []
        chain = self.book.chain.refresh()
        return to_csv(chain, entries) if kind == "csv" else to_label_studio(edits.fold(chain), entries, prefix)

    def read(self, kind: str, data: bytes) -> Found:
        """Read another tool's file. Raises BadInput."""
        shown = self.sheet()
        return (from_csv if kind == "csv" else from_label_studio)(data, shown.entries if shown else [])

    def _waiting(self) -> str:
        """Say which edits the newest run has not used."""
        return edits.sentence(self.book.chain.edits[self._sheet.used if self._sheet else 0 :])

    def about(self, image: str) -> dict[str, Any]:
        """Return everything that is known of one picture."""
        shown = self.sheet()
        if not self.knows(image):
            raise BadInput(f"{image[:70]!r} is no picture of {self.dataset}.")
        chain = [one for one in self.book.since(0)["edits"] if one["image"] == image]
        rows = [entry for entry in shown.entries if entry.id == image] if shown else []
        origins = self._origins_of(shown.snapshot).get(image, []) if shown else []
        return {"image": image, "rows": rows, "origins": origins, "edits": chain}

    def small(self, image: str) -> bytes | None:
        """Return a picture for the contact sheet, of the dataset or of its inbox; None where it cannot be shown."""
        pictures = self.pictures() if image in self._ids else None
        return pictures.small(image) if pictures else self.incoming.jpeg(image, SMALL)

    def large(self, image: str) -> bytes | None:
        """Return a picture to look at; None where it cannot be shown."""
        pictures = self.pictures() if image in self._ids else None
        return pictures.large(image) if pictures else self.incoming.jpeg(image, LARGE)

    def opinions(self) -> bytes:
        """Return what the newest model thinks, as JSON; worked out once for each run."""
        return self._once("opinions", (sheet.TRAIN, sheet.FEATURES), opinions.ask)

    def results(self) -> bytes:
        """Return the scored pictures of the newest measured run, as JSON; read once for each run."""
        return self._once("results", (sheet.EVALUATE, sheet.TRAIN), results.newest)

    def suspects(self) -> bytes:
        """Return what the newest curated run says against pictures, as JSON; read once for each run."""
        return self._once("suspects", (sheet.CURATE,), suspicions.newest)

    def _once(self, name: str, steps: Sequence[str], make: Callable[[Store, str], dict[str, Any]]) -> bytes:
        with self._lock:
            found = sheet.newest(self.store, self.dataset, steps)
            run = found[0] if found else ""
            if self._made.get(name, ("", b""))[0] != run or name not in self._made:
                self._made[name] = (run, canonical(make(self.store, self.dataset)))
            return self._made[name][1]

    def _look(self) -> None:
        found = sheet.newest(self.store, self.dataset, (sheet.SNAPSHOT, sheet.VERSION))
        if found is None or (self._sheet and self._sheet.run == found[0]):
            return
        laid = sheet.lay_out(self.store, *found)
        if self._sheet is None or laid.snapshot.manifest.digest != self._sheet.snapshot.manifest.digest:
            self._pictures, self._origins = Pictures(laid.snapshot), None
        self._sheet, self._document = laid, canonical(laid.document())
        self._ids = frozenset(entry.id for entry in laid.entries if entry.id)

    def _origins_of(self, snapshot: Artifact) -> dict[str, list[Origin]]:
        with self._lock:
            if self._origins is None:
                self._origins = {}
                for one in _read_origins(snapshot):
                    self._origins.setdefault(one.id, []).append(one)
            return self._origins


def _read_origins(snapshot: Artifact) -> list[Origin]:
    """Return whom pictures are owed to; evidence, so the table does without where it is damaged."""
    if PROVENANCE not in snapshot.names():
        return []
    try:
        return [one for one in read_table(snapshot.read(PROVENANCE), Origin) if one.id]
    except DarkroomError:
        return []
