"""The documents Darkroom stores, as types: what they say and how they become bytes.

Each carries `schema: name/N` (a newer N than this code knows is an error that says "upgrade",
never a guess) and ends with the sha256 of the rest, so that a flipped bit is found before the
document is believed.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any, TypeVar

import msgspec

from common.errors import BadInput, Damaged, NewerSchema

D = TypeVar("D", bound="Document")
T = TypeVar("T")

MAX_DOCUMENT_BYTES = 64 * 1024 * 1024
_SEAL = re.compile(rb',"sum":"([0-9a-f]{64})"}\n?\Z')
_SCHEMA = re.compile(rb'"schema":"([a-z-]+)/(\d+)"')


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a document."""


class Document(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema"):
    """A stored document; subclasses are tagged `name/N`."""


def canonical(value: Any) -> bytes:
    """Return the one JSON form of a value: keys sorted, no spaces."""
    return msgspec.json.encode(value, order="sorted")


def digest_of(value: Any) -> str:
    """Return the sha256 (hex) of a value's canonical JSON."""
    return sha256(canonical(value)).hexdigest()


def encode(document: Document) -> bytes:
    """Return the document's bytes: canonical JSON, sealed with its own sha256."""
    body = canonical(document)
    return body[:-1] + b',"sum":"' + sha256(body).hexdigest().encode() + b'"}\n'


def decode(data: bytes, kind: type[D], where: str) -> D:
    """Read a document of one kind; `where` names it in errors.

    Raises:
        NewerSchema: it was written by a newer Darkroom.
        BadInput: it is another kind of document, or not a document, or damaged.
    """
    if len(data) > MAX_DOCUMENT_BYTES:
        raise BadInput(f"{where} has {len(data)} bytes; a document has at most {MAX_DOCUMENT_BYTES}.")
    version = _version(data, kind, where)
    seal = _SEAL.search(data)
    body = data[: seal.start()] + b"}" if seal else b""
    if seal is None or sha256(body).hexdigest().encode() != seal[1]:
        raise BadInput(f"{where} is damaged: its bytes do not have the sum that it states.")
    if version > int(_tag(kind).partition("/")[2]):
        name = _tag(kind).partition("/")[0]
        raise NewerSchema(f"{where} has schema {name}/{version}; this Darkroom knows {_tag(kind)}. Upgrade it (or its images).")
    return read_json(body, kind, f"{where}, as a {_tag(kind)} document,")


def read_json(data: bytes, kind: type[T], where: str) -> T:
    """Read plain JSON as a type; `where` names it in errors.

    Raises:
        BadInput: it is not JSON, not of that type, or nested too deep.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise BadInput(f"{where} cannot be read: {error}.") from error


def _tag(kind: type[Document]) -> str:
    return str(kind.__struct_config__.tag)


def _version(data: bytes, kind: type[Document], where: str) -> int:
    name = _tag(kind).partition("/")[0]
    found = _SCHEMA.search(data)
    if found is None or found[1].decode() != name:
        raise BadInput(f"{where} is not a {name} document.")
    return int(found[2])


# --- artifacts -----------------------------------------------------------------------------


class Part(Value, frozen=True, kw_only=True):
    """One stored object of an artifact. `sha256` is of its bytes."""

    name: str
    key: str
    size: int
    sha256: str


class Unit(Value, frozen=True, kw_only=True):
    """A piece of an artifact that the next stage can work on alone. `digest` covers its content parts."""

    name: str
    digest: str
    content: tuple[Part, ...]


class Ref(Value, frozen=True, kw_only=True):
    """An artifact by address and content."""

    step: str
    key: str
    digest: str


class Recipe(Value, frozen=True, kw_only=True):
    """What an artifact is made of. Its digest is the artifact's key.

    `inputs` are content digests by input name; `code` is the code digest of the step's room.
    """

    step: str
    parameters: dict[str, Any]
    inputs: dict[str, str]
    code: str

    @property
    def key(self) -> str:
        return digest_of(self)


class Manifest(Document, frozen=True, kw_only=True, tag="manifest/1"):
    """The document that makes an artifact true. `info` holds small facts that belong to the content."""

    step: str
    key: str
    recipe: Recipe
    content: tuple[Part, ...]
    evidence: tuple[Part, ...] = ()
    units: tuple[Unit, ...] = ()
    info: dict[str, Any] = {}
    digest: str
    writer: str
    plan: str = ""
    provenance: dict[str, Any] = {}

    @property
    def ref(self) -> Ref:
        return Ref(step=self.step, key=self.key, digest=self.digest)


def content_digest(content: tuple[Part, ...], units: tuple[Unit, ...], info: dict[str, Any]) -> str:
    """Return the digest of what later stages see: names and sums of content, units in order, facts."""
    parts = [(part.name, part.sha256) for part in content]
    return digest_of({"content": parts, "units": [(unit.name, unit.digest) for unit in units], "info": info})


class Task(Value, frozen=True, kw_only=True):
    """One index of a step's Job: which unit of the input it works on, and the key of what it makes."""

    unit: str
    recipe: Recipe
    key: str


class Plan(Document, frozen=True, kw_only=True, tag="plan/1"):
    """What the pods of one attempt are to do. A step without units has one task with no unit name.

    `code` is what the pods' own code digest must be. `repair`: the artifact is there, and a part
    of it was found damaged.
    """

    run: str
    step: str
    attempt: int
    key: str
    inputs: dict[str, Ref]
    parameters: dict[str, Any]
    tasks: tuple[Task, ...]
    fan_out: str = ""
    locator: str = ""
    code: str
    repair: bool = False


class Failure(Document, frozen=True, kw_only=True, tag="failure/1"):
    """A process's last words, read by the controller."""

    error: str
    message: str
    exit_code: int
    damaged: tuple[str, str] | None = None


class Progress(Document, frozen=True, kw_only=True, tag="progress/1"):
    """How far a process is: `done` of `total` items (0: not known)."""

    done: int
    total: int
    note: str = ""
    elapsed_s: float = 0.0


# --- runs ----------------------------------------------------------------------------------


class Asked(Value, frozen=True, kw_only=True):
    """A person's or schedule's wish to ask servers again that Darkroom leaves in peace otherwise: when, and for what.

    `listing`: what there is now; `failed`: for pictures whose failure may have healed; `known`: for pictures that it has,
    to see whether they are still there and still the same.
    """

    time: str
    listing: bool = False
    failed: bool = False
    known: bool = False


class Run(Document, frozen=True, kw_only=True, tag="run/1"):
    """A run's request, written once.

    `origins` says where each setting came from, `locator` where the source's bytes lie; `namespace` is that of its driver's Job
    ("" where it runs on one machine), `trigger` says what made the run, `goal` is the stage that it ends with.
    """

    run: str
    dataset: str
    request: str
    created: str
    version: str
    settings: dict[str, Any]
    origins: dict[str, str]
    frozen: dict[str, Ref | None]
    observation: str
    asked: Asked | None = None
    locator: str = ""
    code: dict[str, str]
    nodes: int
    namespace: str = ""
    trigger: str = "submit"
    goal: str = "gate"


class Driver(Value, frozen=True, kw_only=True):
    """The process that drives a run or a collection. A pid counts only with its host and start time."""

    host: str
    pid: int
    started: str


class State(Document, frozen=True, kw_only=True, tag="state/1"):
    """Where a run is: running, done, failed or cancelled; `writer` fences the driver that wrote it.

    `promoted` tells whether this run's model serves now (None: it did not come so far).
    """

    state: str
    driver: Driver | None
    started: str
    finished: str = ""
    reason: str = ""
    promoted: bool | None = None
    writer: str


class Request(Document, frozen=True, kw_only=True, tag="request/1"):
    """Which run answers a request; a second submit of the same request attaches to it while it is alive."""

    run: str
    writer: str


class StageRecord(Document, frozen=True, kw_only=True, tag="stage/1"):
    """How one step of a run ended, and the recipe that `explain` compares.

    `items` are all that the artifact covers, `fresh` those that this run computed.
    """

    step: str
    state: str
    cached: bool
    ref: Ref | None
    recipe: Recipe | None
    seconds: float = 0.0
    items: int = 0
    fresh: int = 0
    retries: int = 0
    finished: str = ""
    reason: str = ""
    info: dict[str, Any] = {}


class Cancel(Document, frozen=True, kw_only=True, tag="cancel/1"):
    """A person's wish that a run ends."""

    asked: str
    by: str


class Scale(Document, frozen=True, kw_only=True, tag="scale/1"):
    """A person's wish that a run works with so many pods or processes at once."""

    nodes: int
    asked: str
    by: str


class Held(Value, frozen=True, kw_only=True):
    """What keeps a step from going on, and since when (ISO 8601, for people)."""

    cause: str
    text: str
    since: str


class Waiting(Document, frozen=True, kw_only=True, tag="waiting/1"):
    """What the steps of a run wait for at the moment, as its driver sees it."""

    steps: dict[str, Held]


class Collection(Document, frozen=True, kw_only=True, tag="collection/1"):
    """The mark of a collection that is removing parts just now."""

    by: Driver


# --- datasets and models -------------------------------------------------------------------


class Piece(Document, frozen=True, kw_only=True, tag="piece/1"):
    """What a process kept of an artifact before all of it was there."""

    unit: Unit


class Snapshot(Document, frozen=True, kw_only=True, tag="snapshot/1"):
    """Snapshot N of a dataset. `observation` digests what was asked of which source."""

    dataset: str
    number: int
    artifact: Ref
    observation: str
    previous: Ref | None
    run: str
    writer: str
    asked: Asked | None = None


class Schedule(Document, frozen=True, kw_only=True, tag="schedule/1"):
    """The settings of a dataset's scheduled runs, as they were when it was scheduled."""

    dataset: str
    settings: dict[str, Any]
    origins: dict[str, str]
    nodes: int
    asked: str
    writer: str


class Turn(Document, frozen=True, kw_only=True, tag="turn/1"):
    """Which firing of a dataset's schedule may make a run. It counts while its Job has not ended."""

    job: str
    writer: str


class Firing(Document, frozen=True, kw_only=True, tag="firing/1"):
    """What a firing of a schedule came to: a run, or none and why. `planned` is ISO 8601, UTC."""

    dataset: str
    planned: str
    job: str
    run: str = ""
    reason: str = ""


class Edit(Document, frozen=True, kw_only=True, tag="edit/1"):
    """A person's word on one picture: another label, or out. `parent` is the edit before it, `saw` how many edits its author had seen."""

    dataset: str
    image: str
    action: str
    label: str = ""
    parent: str = ""
    saw: int = 0
    by: str = ""
    at: str = ""


class Pointer(Document, frozen=True, kw_only=True, tag="pointer/1"):
    """models/DATASET/current.json: the model that serves."""

    dataset: str
    sequence: int
    run: str
    snapshot: int
    version: str
    model: Ref
    gate: Ref
    pinned: bool = False
    previous: str = ""
    writer: str


class Backbone(Document, frozen=True, kw_only=True, tag="backbone/1"):
    """backbones/NAME/backbone.json: the artifact that a name stands for.

    `source` says where its file came from, `sha256` is that file's.
    """

    name: str
    artifact: Ref
    source: str
    sha256: str
    added: str


class Pin(Document, frozen=True, kw_only=True, tag="pin/1"):
    """What a file of somebody else's was when it was fetched first: it must be that ever after."""

    file: str
    sha256: str
    size: int


def as_damage(error: BadInput, step: str, key: str) -> Damaged:
    """Turn "this document cannot be read" into "this artifact must be made again"."""
    return Damaged(str(error), step=step, key=key)
