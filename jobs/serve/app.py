"""The routes. Each hands over to the module that knows its protocol; all errors look the same, `{"error": "…"}`."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp

from jobs import __version__
from jobs.serve import classify as several
from jobs.serve import legacy, page, v2
from jobs.serve.answers import Answer
from jobs.serve.description import Description, describe, form, json_of, pictures
from jobs.serve.door import Door
from jobs.serve.refusals import Refusal, Told, said
from jobs.serve.service import Service

_MODEL, _VERSION = "/v2/models/{name}", "/v2/models/{name}/versions/{version}"


def make_app(service: Service) -> ASGIApp:
    """Return the app of a service: it starts with the server and ends with it."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await service.start()
        yield
        await service.stop()

    # The library's own pages of documentation come from elsewhere; ours does not.
    app = FastAPI(title="Darkroom", version=__version__, docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    description = Description(asks_key=bool(service.settings.keys))
    _add_errors(app)
    _add_answers(app, service)
    _add_protocol(app, service)
    _add_old_clients(app, service)
    _add_pages(app, service, lambda: description.of(app))
    return Door(app, service)


def _add_answers(app: FastAPI, service: Service) -> None:
    body = {"content": {**pictures(), **form(service.settings.per_request)}}
    top = {"name": "top", "in": "query", "required": False, "schema": {"type": "integer", "minimum": 1, "maximum": several.MOST_TOP}}

    @app.post("/classify", **describe("What is in a picture, or in several", (Answer, several.Answers), body, top))
    async def classify(request: Request) -> Response:
        return await several.classify(request, service)


def _add_protocol(app: FastAPI, service: Service) -> None:
    asked = json_of(v2.Inference)

    @app.get("/v2", **describe("Who answers", (v2.ServerMetadata,)))
    async def server() -> Response:
        return v2.server()

    @app.get("/v2/health/live", **describe("Is the process alive?", (v2.Live,)))
    async def live() -> Response:
        return v2.live()

    @app.get("/v2/health/ready", **describe("Are requests welcome?", (v2.Ready,)))
    async def ready() -> Response:
        return v2.ready(service)

    @app.get(_MODEL, **describe("The model, its inputs, outputs and classes", (v2.ModelMetadata,)))
    async def metadata(name: str) -> Response:
        return v2.metadata(service, name)

    @app.get(_VERSION, **describe("The same, of one version", (v2.ModelMetadata,)))
    async def metadata_of(name: str, version: str) -> Response:
        return v2.metadata(service, name, version)

    @app.get(f"{_MODEL}/ready", **describe("Does this model answer?", (v2.ModelReady,)))
    async def model_ready(name: str) -> Response:
        return v2.model_ready(service, name)

    @app.get(f"{_VERSION}/ready", **describe("Does this version answer?", (v2.ModelReady,)))
    async def model_ready_of(name: str, version: str) -> Response:
        return v2.model_ready(service, name, version)

    @app.post(f"{_MODEL}/infer", **describe("What is in pictures", (v2.Inferred,), asked))
    async def infer(request: Request, name: str) -> Response:
        return await v2.infer(request, service, name)

    @app.post(f"{_VERSION}/infer", **describe("The same, by one version only", (v2.Inferred,), asked))
    async def infer_of(request: Request, name: str, version: str) -> Response:
        return await v2.infer(request, service, name, version)


def _add_old_clients(app: FastAPI, service: Service) -> None:
    asked = json_of(legacy.Request2017)

    @app.post("/score", **describe("As the original of 2017 was asked on one machine", (str,), asked))
    async def score(request: Request) -> Response:
        return await legacy.score(request, service)

    @app.post("/api/v1/service/{name}/score", **describe("As the original of 2017 was asked on a cluster", (str,), asked))
    async def score_on_cluster(request: Request, name: str) -> Response:  # noqa: ARG001 - it was the service's, which may be any here
        return await legacy.score(request, service)


def _add_pages(app: FastAPI, service: Service, description: Any) -> None:
    @app.get("/", include_in_schema=False)
    async def index() -> Response:
        return Response(page.html(service.settings), media_type="text/html")

    @app.get("/page.js", include_in_schema=False)
    async def script() -> Response:
        return Response(page.script(), media_type="text/javascript")

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> Response:
        return said(description())

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(service.metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(Refusal)
    async def refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)  # noqa: S101 - what it is registered for
        return error.response()

    @app.exception_handler(HTTPException)
    async def unknown(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - as above
        return said(Told(str(error.detail)), error.status_code, dict(error.headers or {}))

    @app.exception_handler(ClientDisconnect)
    async def gone(_: Request, error: Exception) -> Response:  # noqa: ARG001 - nobody reads it
        return said(Told("The client went away."), 400)

    @app.exception_handler(Exception)
    async def failed(_: Request, error: Exception) -> Response:
        logging.getLogger("uvicorn.error").debug("a request failed", exc_info=error)
        return said(Told("The service failed; its log says why."), 500)
