"""The service: addresses and answers. What it reads and writes is the table's business, who may ask is the door's."""

from __future__ import annotations

import threading
from collections.abc import Callable
from importlib import resources
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from common import edits
from common.errors import BadInput, DarkroomError, Retryable
from common.records import canonical, read_json
from common.store import Store
from jobs.lighttable import history
from jobs.lighttable.book import Chosen, Said, TakenBack
from jobs.lighttable.door import Door
from jobs.lighttable.table import Table

PAGE = resources.files("jobs.lighttable") / "page"
KINDS = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
KEEP = {"cache-control": "private, max-age=31536000, immutable"}  # a picture's address is its content


def build(store: Store, dataset: str, token: str) -> Starlette:
    """Return the light table of a dataset; with an empty token, everybody may come in.

    What the first page asks for is read meanwhile, by the thread `state.warming`.
    """
    table = Table(store, dataset)
    warming = threading.Thread(target=table.warm, daemon=True)
    warming.start()
    app = Starlette(
        routes=[
            *(Route(address, _file(name)) for address, name in _files()),
            Route("/api/sheet", lambda _: _json(table.document())),
            Route("/api/state", lambda request: _json(canonical(table.state(_number(request, "since"))))),
            Route("/api/opinions", lambda _: _json(table.opinions())),
            Route("/api/pictures/{image}", lambda request: _json(canonical(table.about(request.path_params["image"])))),
            Route("/api/results", lambda _: _json(table.results())),
            Route("/api/suspects", lambda _: _json(table.suspects())),
            Route("/api/runs", lambda _: _json(canonical(history.table(store, dataset)))),
            Route("/api/runs/{run}", lambda request: _json(canonical(history.detail(store, dataset, request.path_params["run"])))),
            Route("/api/compare", lambda request: _json(canonical(history.side_by_side(store, dataset, _runs(request))))),
            Route("/reports/{run}", lambda request: _report(history.report(store, dataset, request.path_params["run"]))),
            Route("/small/{image}", lambda request: _picture(table.small(request.path_params["image"]))),
            Route("/large/{image}", lambda request: _picture(table.large(request.path_params["image"]))),
            Route("/api/inbox", lambda _: _json(canonical(table.incoming.document()))),
            Route("/api/inbox/aside", _posted(lambda data: _aside(table, data)), methods=["POST"]),
            Route("/export/inbox.zip", lambda _: _zip(table)),
            Route("/api/edits", _posted(lambda data: table.say(read_json(data, Said, "The edit"))), methods=["POST"]),
            Route("/export/edits.csv", lambda _: Response(table.export("csv"), media_type="text/csv", headers=_saved("edits.csv"))),
            Route("/export/label-studio.json", lambda request: _tasks(table, request)),
            *(Route(f"/api/import/{kind}", _posted(_importer(table, kind)), methods=["POST"]) for kind in ("csv", "label-studio")),
            Route("/api/undo", _posted(lambda data: table.take_back(read_json(data, TakenBack, "The wish"))), methods=["POST"]),
        ],
        middleware=[Middleware(Door, token=token)],
        exception_handlers={DarkroomError: _say_why},
    )
    app.state.warming = warming
    return app


def _files() -> list[tuple[str, str]]:
    """Return (address, name) of the page's files; nothing else can be asked for."""
    names = sorted(one.name for one in PAGE.iterdir() if one.name.rpartition(".")[2] in KINDS)
    return [("/" if name == "index.html" else f"/{name}", name) for name in names]


def _file(name: str) -> Callable[[Request], Response]:
    data, kind = (PAGE / name).read_bytes(), KINDS[name.rpartition(".")[2]]
    return lambda _: Response(data, media_type=kind)


def _json(data: bytes, status: int = 200) -> Response:
    return Response(data, status, media_type="application/json")


def _importer(table: Table, kind: str) -> Callable[[bytes], Any]:
    return lambda data: table.take_in(table.read(kind, data), "import")


def _tasks(table: Table, request: Request) -> Response:
    data = table.export("label-studio", request.query_params.get("prefix", ""))
    return Response(data, media_type="application/json", headers=_saved("label-studio.json"))


def _zip(table: Table) -> Response:
    data = table.incoming.labelled(edits.fold(table.book.chain.refresh()))
    return Response(data, media_type="application/zip", headers=_saved("inbox.zip"))


def _aside(table: Table, data: bytes) -> dict[str, Any]:
    table.incoming.put_aside(read_json(data, Chosen, "The wish").images)
    return {}


def _saved(name: str) -> dict[str, str]:
    return {"content-disposition": f'attachment; filename="{name}"'}


def _report(data: bytes) -> Response:
    """A report brings its own style in the page; it may nothing else."""
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox"
    return Response(data, media_type="text/html", headers={"content-security-policy": policy})


def _picture(data: bytes | None) -> Response:
    if data is None:
        return Response("There is no such picture, or it cannot be shown.\n", 404, media_type="text/plain")
    return Response(data, media_type="image/jpeg", headers=KEEP)


def _runs(request: Request) -> list[str]:
    return request.query_params.getlist("run")


def _number(request: Request, name: str) -> int:
    text = request.query_params.get(name, "0")
    if not text.isdecimal() or len(text) > 9:
        raise BadInput(f"{name} is a number, not {text[:20]!r}.")
    return int(text)


def _posted(work: Callable[[bytes], Any]) -> Callable[[Request], Any]:
    """Return an endpoint that answers a body with JSON, when the work is done."""

    async def answer(request: Request) -> Response:
        data = await request.body()
        return _json(canonical(await run_in_threadpool(work, data)))

    return answer


def _say_why(_: Request, error: Exception) -> Response:
    """Answer an error of ours in its own words; the page shows them."""
    return JSONResponse({"error": str(error)}, 503 if isinstance(error, Retryable) else 400)
