"""The request and the reply of the original of 2017, for clients that were written for it.

Request: `{"input_df": [{"image base64 string": "…"}]}`. Reply: a JSON string that holds JSON, whose
values are all strings. Unlike the original: scores are calibrated probabilities, errors have a
status, the time does not start again at one second, and the model's version is told.
"""

from __future__ import annotations

import time
from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from common.errors import BadInput
from jobs.serve.bodies import body_of, from_base64, read_json
from jobs.serve.refusals import Refusal, said
from jobs.serve.service import Scored, Service

BASE64 = {"contentEncoding": "base64", "format": "picture"}
Base64 = Annotated[str, msgspec.Meta(extra_json_schema=BASE64)]


class Row(msgspec.Struct, frozen=True):
    """The one row of the table that the original was sent."""

    picture: Base64 = msgspec.field(name="image base64 string")


class Request2017(msgspec.Struct, frozen=True):
    """What the original was asked."""

    input_df: Annotated[list[Row], msgspec.Meta(min_length=1, max_length=1)]


async def score(request: Request, service: Service) -> Response:
    """Answer as the original did. Raises Refusal."""
    began = time.perf_counter()
    async with body_of(request, service, service.settings.body_bytes) as data:
        asked = read_json(data, Request2017)
        (found,) = await service.score([from_base64(asked.input_df[0].picture, service)])
    if isinstance(found, BadInput):
        raise Refusal(422, f"The picture cannot be used: {found}.")
    return said(msgspec.json.encode(_reply(found, 1000 * (time.perf_counter() - began))).decode())


def _reply(found: Scored, milliseconds: float) -> dict[str, str]:
    return {
        "label": found.label,
        "score": repr(max(found.probabilities)),
        "allScores": "[" + " ".join(repr(value) for value in found.probabilities) + "]",
        "Id2Labels": repr(dict(enumerate(found.classes))),
        "executionTimeMs": repr(round(milliseconds, 3)),
        "modelVersion": found.version,
    }
