"""From a request to a run: look at the source, freeze what the run may see, write run.json.

Everything that can be refused is refused before the first write.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from common import artifact, edits, records
from common.artifact import Draft
from common.errors import AlreadyExists, BadInput, NotFound, PreconditionFailed, Refused, UnknownRun, Usage
from common.model import version_of
from common.parameters import Resolved
from common.progress import Reporter, silent
from common.records import Asked, Driver, Part, Recipe, Ref, Request, Run, State
from common.store import IfMatch, Store
from jobs import __version__
from jobs.controller import backbones, gc, graph, preflight, runs, snapshots
from jobs.controller.graph import Graph
from jobs.controller.render import driver_name
from jobs.scrape import sources
from jobs.scrape.sources import Offer, Reach

SLUG_LENGTH = 24
ASKED = "asked.json"


@dataclass(frozen=True)
class Frozen:
    """An input of the run as it was when it was asked for: bytes under a name, made an artifact when the run is."""

    step: str
    part: str
    data: bytes

    @property
    def recipe(self) -> Recipe:
        return Recipe(step=self.step, parameters={"sha256": sha256(self.data).hexdigest()}, inputs={}, code="")

    @property
    def ref(self) -> Ref:
        """Return how the artifact is or will be addressed."""
        part = Part(name=self.part, key="", size=len(self.data), sha256=sha256(self.data).hexdigest())
        return Ref(step=self.step, key=self.recipe.key, digest=records.content_digest((part,), (), {}))


@dataclass(frozen=True)
class Prepared:
    """A request that may start.

    `observation` digests what is asked of which source, by which code, and with which wish to ask it again; `locator` says where it lies.
    `goal` is the stage that the run ends with, `model` the one that a prediction is made with.
    """

    dataset: str
    resolved: Resolved
    code: dict[str, str]
    listing: Frozen | None
    edits: Frozen | None
    asked: Asked | None
    observation: str
    previous: Ref | None
    number: int
    locator: str
    backbone: Ref | None = None
    model: Ref | None = None
    goal: str = graph.TRAINING

    @property
    def frozen(self) -> dict[str, Frozen]:
        """Return what is to be made an artifact when the run is, by the name of the input."""
        asked = Frozen("run/asked", ASKED, records.canonical(self.asked)) if self.asked else None
        found = {"listing": self.listing, "edits": self.edits, "asked": asked}
        return {name: one for name, one in found.items() if one is not None}


def prepare(
    store: Store,
    steps: Graph,
    dataset: str,
    resolved: Resolved,
    progress: Reporter = silent,
    environment: Mapping[str, str] = os.environ,
    ask: Asked | None = None,
) -> Prepared:
    """Check the request and look at its source; writes nothing but the probe's verdict on the store.

    `environment` says how this machine reaches a source in object storage, `ask` what servers are to be asked again.

    Raises:
        Refused: there is a reason not to start.
    """
    source = resolved.values.text("source")
    kind, listing = sources.kind_of(source), None
    if kind.listed:
        found = preflight.look(kind, Reach(source, values=resolved.values, environment=environment), progress)
        listing = Frozen("run/listing", runs.LISTING, records.canonical(Offer(source=kind.name, items=found.items)))
    preflight.check_store(store)
    backbone = backbones.freeze(store, resolved.values)
    words = edits.read(store, dataset)
    code = steps.code()
    latest = snapshots.latest(store, dataset)
    # What was asked before in the same words stands on the same snapshot, so that it has the same keys.
    asked = ask or (latest.asked if latest else None)
    observation = _observation(steps, resolved, listing, code, asked)
    same = latest is not None and latest.observation == observation
    if not same and ask is None:
        asked, observation = None, _observation(steps, resolved, listing, code, None)
        same = latest is not None and latest.observation == observation
    previous = (latest.previous if same else latest.artifact) if latest else None
    return Prepared(
        dataset=dataset,
        resolved=resolved,
        code=code,
        listing=listing,
        edits=Frozen("run/edits", edits.FROZEN, records.canonical(words)) if words else None,
        asked=asked,
        observation=observation,
        previous=previous,
        number=latest.number if latest else 0,
        locator=source,
        backbone=backbone,
    )


def ask_again(source: str, *, listing: bool, failed: bool, known: bool) -> Asked | None:
    """Return a person's wish to ask a source's servers again, None where there is none. Raises Usage where there are no such servers."""
    if not (listing or failed or known):
        return None
    if not sources.kind_of(source).web:
        raise Usage(f"Every submit looks at {source} anew; only pictures from the web are left in peace until you ask for them again.")
    return Asked(time=datetime.now(UTC).isoformat(), listing=listing, failed=failed, known=known)


def frozen_refs(prepared: Prepared) -> dict[str, Ref | None]:
    """Return the run's frozen inputs by name, as they are or will be addressed."""
    frozen = {name: one.ref for name, one in prepared.frozen.items()}
    given = {"model": prepared.model} if prepared.model else {}
    return {"listing": None, "edits": None, **frozen, "previous": prepared.previous, "backbone": prepared.backbone, **given}


def create(
    store: Store,
    prepared: Prepared,
    nodes: int,
    namespace: str = "",
    name: str = "",
    driver: Driver | None = None,
    trigger: str = runs.SUBMIT,
) -> Run:
    """Write the frozen inputs, run.json, its driver, and the run's entry in its dataset's list.

    The driver is this process, or a Job in a namespace; which one follows from the run's name, if it is not given.

    Raises:
        AlreadyExists: there is a run of this name.
    """
    frozen = prepared.frozen.values()
    for one in frozen:
        _freeze(store, one)
    run = Run(
        run=name or name_at(prepared.dataset, datetime.now(UTC)),
        dataset=prepared.dataset,
        request=request_digest(prepared),
        created=runs.now_text(),
        version=__version__,
        settings=dict(prepared.resolved.values),
        origins=dict(prepared.resolved.origins),
        frozen=frozen_refs(prepared),
        observation=prepared.observation,
        asked=prepared.asked,
        locator=prepared.locator,
        code=prepared.code,
        nodes=nodes,
        namespace=namespace,
        trigger=trigger,
        goal=prepared.goal,
    )
    store.put(runs.run_key(run.run), records.encode(run), "create")
    enter(store, run, driver or (job_as_driver(driver_name(run.run)) if namespace else runs.me()))
    for one in frozen:
        _hold(store, one)
    _hold_given(store, run)
    return run


def enter(store: Store, run: Run, driver: Driver) -> None:
    """Write the run's first state and its entry in its dataset's list, as far as they are not there."""
    state = State(state=runs.RUNNING, driver=driver, started=run.created, writer=secrets.token_hex(8))
    with contextlib.suppress(AlreadyExists):
        store.put(runs.state_key(run.run), records.encode(state), "create")
    store.put(runs.index_key(run.dataset, run.run), run.created.encode())


def job_as_driver(job: str) -> Driver:
    """Return the driver of a run on a cluster: a Job, whichever pod works for it."""
    return Driver(host=job, pid=0, started="")


def request_digest(prepared: Prepared) -> str:
    """Return what makes two requests the same: dataset, settings, what is frozen, code."""
    return records.digest_of(
        {
            "dataset": prepared.dataset,
            "settings": dict(prepared.resolved.values),
            "frozen": frozen_refs(prepared),
            "code": prepared.code,
        }
    )


def attach_or_create(store: Store, prepared: Prepared, nodes: int, namespace: str = "") -> tuple[Run, bool]:
    """Return the live run that answers this request already, or a new one; True where it is new.

    The request's own document decides between two submits at once: one of them writes it.
    """
    place = f"requests/{request_digest(prepared)}.json"
    while True:
        etag = None
        with contextlib.suppress(NotFound, UnknownRun, BadInput):  # gone or damaged: it is answered anew
            held = store.get(place)
            etag = held.etag
            found = runs.read(store, records.decode(held.data, Request, f"{store.url}/{place}").run)
            if found.condition == runs.RUNNING:
                return found.run, False
        run = create(store, prepared, nodes, namespace, trigger=runs.SUBMIT if prepared.goal == graph.TRAINING else prepared.goal)
        answer = records.encode(Request(run=run.run, writer=secrets.token_hex(8)))
        try:
            store.put(place, answer, IfMatch(etag) if etag else "create")
        except (AlreadyExists, PreconditionFailed):
            _withdraw(store, run)
            continue
        return run, True


def _observation(steps: Graph, resolved: Resolved, listing: Frozen | None, code: dict[str, str], asked: Asked | None) -> str:
    look = steps.stage("scrape").steps[0]
    words: dict[str, Any] = resolved.values.only(look.parameters(resolved.values))
    known = {"asked": words, "listing": listing.recipe.key if listing else "", "code": code["scrape"]}
    return records.digest_of({**known, "again": asked} if asked else known)


def _freeze(store: Store, one: Frozen) -> None:
    draft = Draft(store, one.recipe)
    draft.write(one.part, one.data)
    draft.commit()


def _hold(store: Store, one: Frozen) -> None:
    """See that what was frozen is still there: a collection that looked before the run was in the list may take it."""
    while True:
        gc.wait_until_removed(store)
        found = artifact.find_sound(store, one.ref.step, one.ref.key)
        if found is not None and not artifact.missing(store, found):
            return
        _freeze(store, one)


def _hold_given(store: Store, run: Run) -> None:
    """See that backbone and model are still there: they may have been removed, and collected, before the run was in the list.

    Raises:
        Refused: one is not.
    """
    for name, cure in (("backbone", "Add it, then submit again."), ("model", "Choose another.")):
        ref = run.frozen.get(name)
        if ref is None:
            continue
        gc.wait_until_removed(store)
        if not backbones.stands(store, ref):
            _withdraw(store, run)
            raise Refused(f"The {name} {run.settings.get(f'refine.{name}', version_of(ref))!r} was removed meanwhile. {cure}")


def _withdraw(store: Store, run: Run) -> None:
    """Remove a run that never began, because another submit was first."""
    for key in (runs.index_key(run.dataset, run.run), runs.state_key(run.run), runs.run_key(run.run)):
        store.delete(key)


def name_at(dataset: str, time: datetime) -> str:
    """Return a run's name, which sorts by time (UTC), to the microsecond; the write of run.json notices a clash."""
    return f"{slug(dataset)[:SLUG_LENGTH].strip('-')}-{time.strftime('%Y%m%d-%H%M%S-%f')}"


def slug(dataset: str) -> str:
    """Return as much of a dataset's name as a DNS label may hold: different ones may become the same."""
    return re.sub(r"[^a-z0-9]+", "-", dataset.lower()).strip("-")
