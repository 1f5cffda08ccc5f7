"""The service's description as OpenAPI, from the types that its routes read and write."""

from __future__ import annotations

import functools
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from common.images import FORMATS
from jobs.serve.refusals import Told

_TEMPLATE = "#/components/schemas/{name}"
_ERRORS = {
    400: "The body is not what it says it is",
    401: "A key is missing, or not one of the service's",
    404: "There is no such model or version",
    408: "The body took too long to arrive",
    413: "Too many bytes",
    415: "No picture, by its Content-Type",
    422: "The pictures or the request cannot be used; the reason is told",
    429: "There is no room just now; Retry-After says when to come again",
    503: "No model can answer yet, or the service is about to end",
}
_BINARY = {"type": "string", "format": "binary"}
_types: set[Any] = {Told}


def describe(summary: str, replies: tuple[Any, ...], body: dict[str, Any] | None = None, *parameters: dict[str, Any]) -> dict[str, Any]:
    """Return what FastAPI is to know of a route: the types of its reply, its body, its query."""
    _types.update(one for one in replies if one is not str)
    schemas = [_schema(one) for one in replies]
    answer = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
    errors = {status: {"description": text, **_json(_schema(Told))} for status, text in _ERRORS.items()}
    extra: dict[str, Any] = {"parameters": list(parameters)} if parameters else {}
    if body:
        extra["requestBody"] = {"required": True, **body}
    return {
        "summary": summary,
        "response_model": None,
        "responses": {200: {"description": "The answer", **_json(answer)}, **errors},
        "openapi_extra": extra,
    }


def json_of(kind: Any) -> dict[str, Any]:
    """Return a body of JSON."""
    _types.add(kind)
    return _json(_schema(kind))


def pictures() -> dict[str, Any]:
    """Return the content types of a body that is a picture."""
    return {f"image/{name.lower()}": {"schema": _BINARY} for name in FORMATS}


def form(most: int) -> dict[str, Any]:
    """Return the content type of a body of several pictures."""
    files = {"type": "array", "items": _BINARY, "minItems": 1, "maxItems": most}
    return {"multipart/form-data": {"schema": {"type": "object", "properties": {"pictures": files}, "required": ["pictures"]}}}


class Description:
    """The whole document, made once."""

    def __init__(self, *, asks_key: bool) -> None:
        self._asks_key = asks_key

    @functools.lru_cache(1)  # noqa: B019 - one for each service, which lives as long as the process
    def of(self, app: FastAPI) -> dict[str, Any]:
        document = get_openapi(title=app.title, version=app.version, routes=app.routes)
        _, schemas = msgspec.json.schema_components(sorted(_types, key=lambda kind: str(kind.__name__)), ref_template=_TEMPLATE)
        components: dict[str, Any] = {"schemas": schemas}
        if self._asks_key:
            components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
            document["security"] = [{"key": []}]
        for methods in document["paths"].values():
            for operation in methods.values():
                # The library adds its own form of refusal where a path has a parameter; ours is another.
                operation["responses"]["422"] = {"description": _ERRORS[422], **_json(_schema(Told))}
        return {**document, "components": components}


def _schema(kind: Any) -> dict[str, Any]:
    return {"type": "string"} if kind is str else {"$ref": _TEMPLATE.format(name=kind.__name__)}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}
