"""POST /classify: a picture as it is, or several as a form."""

from __future__ import annotations

import re

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from common.errors import BadInput
from jobs.serve.answers import Answer
from jobs.serve.bodies import body_of, check_picture
from jobs.serve.forms import read_files
from jobs.serve.refusals import Refusal, said
from jobs.serve.service import Scored, Service

MOST_TOP = 1000
_TOP = re.compile(r"[1-9][0-9]{0,2}|1000")


class Named(msgspec.Struct, frozen=True, omit_defaults=True):
    """One picture of several: its file's name, and an answer or the reason why there is none."""

    name: str
    answer: Answer | None = None
    error: str = ""


class Answers(msgspec.Struct, frozen=True):
    """The pictures of a form, in its order."""

    model: str
    version: str
    pictures: tuple[Named, ...]


async def classify(request: Request, service: Service) -> Response:
    """Answer one picture with Answer, a form with Answers. Raises Refusal."""
    top = _top_of(request, service)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _several(request, service, top)
    if not kind.startswith("image/") and kind != "application/octet-stream":
        raise Refusal(415, f"Send a picture as Content-Type: image/…, or several as multipart/form-data, not {kind[:60] or 'nothing'!r}.")
    async with body_of(request, service, service.settings.picture_bytes) as data:
        (found,) = await service.score([data])
    if isinstance(found, BadInput):
        raise Refusal(422, f"The picture cannot be used: {found}.")
    return said(found.answer(top))


async def _several(request: Request, service: Service, top: int) -> Response:
    async with body_of(request, service, service.settings.body_bytes) as data:
        parts = read_files(request.headers["content-type"], data, service.settings.per_request)
        for _, one in parts:
            check_picture(one, service)
        found = await service.score([one for _, one in parts])
    named = [_named(name, one, top) for (name, _), one in zip(parts, found, strict=True)]
    good = [one for one in found if isinstance(one, Scored)]
    if not good:
        raise Refusal(422, "No picture can be used: " + "; ".join(f"{one.name[:80]!r}: {one.error}" for one in named) + ".")
    return said(Answers(good[0].model, good[0].version, tuple(named)))


def _named(name: str, found: Scored | BadInput, top: int) -> Named:
    return Named(name, error=str(found)) if isinstance(found, BadInput) else Named(name, found.answer(top))


def _top_of(request: Request, service: Service) -> int:
    text = request.query_params.get("top")
    if text is None:
        return service.settings.top
    if not _TOP.fullmatch(text):
        raise Refusal(422, f"top={text[:20]!r} is not a whole number from 1 to {MOST_TOP}.")
    return int(text)
