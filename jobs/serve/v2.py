"""The Open Inference Protocol, version 2: health, metadata and inference as JSON.

One input, `image`: pictures as files in base64 (BYTES, shape [n]). Outputs: `label`, `probability` of the
best class, and `probabilities` of all of them, in the order of the metadata's classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from common.errors import BadInput
from jobs import __version__
from jobs.serve.bodies import body_of, check_count, from_base64, read_json
from jobs.serve.legacy import Base64
from jobs.serve.loaded import Loaded
from jobs.serve.refusals import Refusal, said
from jobs.serve.service import Scored, Service
from jobs.serve.settings import PER_REQUEST

OUTPUTS = ("label", "probability", "probabilities")
# To JSON, 1 and 1.0 are the same whole number.
Count = Annotated[float, msgspec.Meta(ge=1, le=1000, multiple_of=1, extra_json_schema={"type": "integer"})]


class Input(msgspec.Struct, frozen=True):
    """So many pictures; `data` are files in base64."""

    name: Literal["image"]
    shape: Annotated[list[Count], msgspec.Meta(min_length=1, max_length=1)]
    datatype: Literal["BYTES"]
    data: Annotated[list[Base64], msgspec.Meta(min_length=1, max_length=PER_REQUEST)]
    parameters: dict[str, Any] = {}


class Wanted(msgspec.Struct, frozen=True):
    """An output that is asked for."""

    name: Literal["label", "probability", "probabilities"]
    parameters: dict[str, Any] = {}


class Inference(msgspec.Struct, frozen=True):
    """What is to be inferred; no outputs: all of them."""

    inputs: Annotated[list[Input], msgspec.Meta(min_length=1, max_length=1)]
    id: str = ""
    outputs: list[Wanted] = []
    parameters: dict[str, Any] = {}


class Tensor(msgspec.Struct, frozen=True):
    """An output: `data` are its values in the order of rows."""

    name: str
    datatype: str
    shape: list[int]
    data: list[str | float]


class Inferred(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was inferred, by which version of which model."""

    model_name: str
    model_version: str
    outputs: list[Tensor]
    id: str = ""


class Slot(msgspec.Struct, frozen=True):
    """An input or output of a model; -1 is any length."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(msgspec.Struct, frozen=True):
    """A model, its inputs and outputs; `classes` is in the order of `probabilities`."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[Slot]
    outputs: list[Slot]
    classes: list[str]
    unknown_under: float


class ServerMetadata(msgspec.Struct, frozen=True):
    """Who answers."""

    name: str
    version: str
    extensions: list[str]


class Live(msgspec.Struct, frozen=True):
    """The process answers."""

    live: bool = True


class Ready(msgspec.Struct, frozen=True):
    """Requests are welcome; where they are not, the status is 503."""

    ready: bool = True


class ModelReady(msgspec.Struct, frozen=True):
    """The model answers."""

    name: str
    ready: bool = True


def server() -> Response:
    return said(ServerMetadata("darkroom", __version__, []))


def live() -> Response:
    return said(Live())


def ready(service: Service) -> Response:
    """Say that requests are welcome. Raises Refusal."""
    _require(service, service.settings.dataset, "")
    if service.draining:
        raise Refusal(503, "This server is about to end.")
    return said(Ready())


def model_ready(service: Service, name: str, version: str = "") -> Response:
    """Say that a model answers. Raises Refusal."""
    _require(service, name, version)
    return said(ModelReady(name))


def metadata(service: Service, name: str, version: str = "") -> Response:
    """Describe the model. Raises Refusal."""
    loaded = _require(service, name, version)
    outputs = [Slot("label", "BYTES", [-1]), Slot("probability", "FP32", [-1]), Slot("probabilities", "FP32", [-1, len(loaded.classes)])]
    inputs = [Slot("image", "BYTES", [-1])]
    told = ModelMetadata(name, [loaded.version], "onnx", inputs, outputs, list(loaded.classes), service.settings.unknown_under)
    return said(told)


async def infer(request: Request, service: Service, name: str, version: str = "") -> Response:
    """Answer pictures in base64. Raises Refusal."""
    _require(service, name, version)
    async with body_of(request, service, service.settings.body_bytes) as data:
        asked = read_json(data, Inference)
        (given,) = asked.inputs
        if given.shape != [len(given.data)]:
            raise Refusal(422, f"The input's shape is {given.shape}, but it has {len(given.data)} pictures.")
        check_count(len(given.data), service)
        found = await service.score([from_base64(one, service) for one in given.data])
    scored = _all_good(found)
    if version and version != scored[0].version:  # another took its place meanwhile
        raise Refusal(404, f"Version {version[:80]!r} does not serve any more.")
    wanted = [one.name for one in asked.outputs] or OUTPUTS
    return said(Inferred(name, scored[0].version, [_output(one, scored) for one in wanted], asked.id))


def _all_good(found: Sequence[Scored | BadInput]) -> list[Scored]:
    for index, one in enumerate(found):
        if isinstance(one, BadInput):
            raise Refusal(422, f"Picture {index} cannot be used: {one}.")
    return [one for one in found if isinstance(one, Scored)]


def _output(name: str, scored: Sequence[Scored]) -> Tensor:
    count = len(scored)
    if name == "label":
        return Tensor(name, "BYTES", [count], [one.label for one in scored])
    if name == "probability":
        return Tensor(name, "FP32", [count], [max(one.probabilities) for one in scored])
    return Tensor(name, "FP32", [count, len(scored[0].classes)], [value for one in scored for value in one.probabilities])


def _require(service: Service, name: str, version: str) -> Loaded:
    """Return the model that was asked for. Raises Refusal: another one serves here (404), or none yet (503)."""
    if name != service.settings.dataset:
        raise Refusal(404, f"There is no model {name[:80]!r} here, only {service.settings.dataset!r}.")
    if service.loaded is None:
        raise Refusal(503, f"No model of {name} can answer yet.", 5)
    if version and version != service.loaded.version:
        raise Refusal(404, f"Version {version[:80]!r} does not serve here, but {service.loaded.version!r} does.")
    return service.loaded
